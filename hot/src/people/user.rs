//! The user's own row: read it, change it, erase it.

use std::collections::BTreeSet;

use fred::types::Value;
use model::{Metadata, Name, Tick, User, UserId};

use crate::wire::{Error, Hot, Millis, Refusal, Result, UserKeys, arg, keys, number, text, verbs};

/// A user's row as it is in Redis.
#[derive(Clone, Debug)]
pub enum UserRecord {
    /// The user is not resident.
    Cold,
    /// The user is registering and has no name yet.
    Nameless,
    /// The user's row.
    Named(Box<User>),
}

/// A change of a user's row; `None` keeps a field.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// The new username, which needs a claim.
    pub username: Option<String>,
    /// The new address, which needs a claim.
    pub email: Option<String>,
    /// The new external id, which needs a claim.
    pub external_id: Option<String>,
    /// True to disable the account, false to enable it again.
    pub disabled: Option<bool>,
    /// The new display name, 1..=64 characters.
    pub display_name: Option<String>,
    /// The new text about the user; empty clears it.
    pub bio: Option<String>,
    /// The hash of the new picture; empty clears it.
    pub avatar: Option<String>,
    /// True when other users may find this one by the e-mail address.
    pub found_by_email: Option<bool>,
    /// A merge patch of the metadata; `Some(None)` takes all of it. The caller makes the new
    /// metadata of it.
    pub metadata: Option<Option<Metadata>>,
    /// The hash of the password, of the same or of another one.
    pub password: Option<String>,
    /// True when the change ends every session that was opened before.
    pub ends_sessions: bool,
    /// True when the account is made with this change.
    pub created: bool,
    /// The names that are claimed for the change, each with the nonce of its claim.
    pub claims: Vec<(Name, String)>,
}

/// What a merge patch makes of a user's metadata, each as JSON; empty when there is none.
#[derive(Clone, Debug, Default)]
pub struct NewMetadata {
    /// The metadata that the new one was made of.
    pub before: String,
    /// The new metadata.
    pub after: String,
}

/// The outcome of a change of a user's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserChanged {
    /// The change is made, at this tick.
    Done(Tick),
    /// A name in it is no longer wanted under its nonce.
    Stale,
    /// The metadata is another by now: make the change anew.
    Moved,
}

/// The fields of a user's row, in the order in which they are read.
pub(crate) const FIELDS: [&str; 14] = [
    "username",
    "email",
    "display_name",
    "bio",
    "avatar",
    "password",
    "password_rev",
    "created",
    "erased",
    "found_by_email",
    "external_id",
    "disabled",
    "metadata",
    "rev",
];

/// The number of private rows, and of sessions, that one call takes away.
const ERASED_AT_ONCE: usize = 200;

impl Hot {
    /// Reads a user's row.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn user(&self, user: UserId) -> Result<UserRecord> {
        record_of(user, self.command("HMGET", user_fields(user)).await?)
    }

    /// Notes what SQL had when these users, who are not resident, left: they are looked up there
    /// next.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer.
    pub async fn note_settled(&self, users: &[UserId]) -> Result<()> {
        let marks: BTreeSet<_> = users
            .iter()
            .map(|user| UserKeys::new(*user).commits())
            .collect();
        let ask = marks.into_iter().map(|marks| vec![arg(marks)]).collect();
        for marks in self.commands("HGETALL", ask).await? {
            self.settled.note(&marks.into_array());
        }
        Ok(())
    }

    /// Changes a user's row. `metadata`: what is made of the metadata, if the change has a patch.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Skewed` when clocks disagree: nothing was
    /// done.
    pub async fn change_user(
        &self,
        user: UserId,
        change: &UserChange,
        metadata: Option<&NewMetadata>,
    ) -> Result<std::result::Result<UserChanged, Refusal>> {
        let found = change
            .found_by_email
            .map(|found| u8::from(found).to_string());
        let enabled = (change.disabled == Some(false)).then(|| Tick::NEVER.to_string());
        let fields = [
            ("username", &change.username),
            ("email", &change.email),
            ("external_id", &change.external_id),
            ("display_name", &change.display_name),
            ("bio", &change.bio),
            ("avatar", &change.avatar),
            ("password", &change.password),
            ("found_by_email", &found),
            ("disabled", &enabled),
            ("metadata", &metadata.map(|metadata| metadata.after.clone())),
        ];
        let fields = fields
            .into_iter()
            .filter_map(|(field, value)| Some([arg(field), arg(value.as_ref()?)]))
            .flatten()
            .collect();
        let stamps = [
            ("password_rev", change.ends_sessions),
            ("created", change.created),
            ("disabled", change.disabled == Some(true)),
        ];
        let stamps = stamps
            .into_iter()
            .filter(|(_, set)| *set)
            .map(|(field, _)| arg(field))
            .collect();
        let names = change
            .claims
            .iter()
            .flat_map(|(name, nonce)| [arg(name.kind), arg(&name.folded), arg(nonce)])
            .collect();
        let mut reply = self
            .run(verbs::ChangeUser {
                user,
                caller_clock: Tick::now(),
                flush_after: Millis(self.options.flush_after),
                ended_channel: arg(keys::ended(user.partition())),
                fields,
                stamps,
                names,
                changes_metadata: metadata.is_some(),
                metadata_before: arg(metadata.map_or("", |metadata| &metadata.before)),
            })
            .await?;
        match reply.word() {
            "OK" => Ok(Ok(UserChanged::Done(reply.tick(1)?))),
            "STALE" => Ok(Ok(UserChanged::Stale)),
            "MOVED" => Ok(Ok(UserChanged::Moved)),
            "COLD" => Ok(Err(Refusal::Cold)),
            "SKEW" => Err(Error::Skewed),
            _ => Err(reply.unexpected()),
        }
    }

    /// Erases a user, and returns the tick of it.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done, or a part of
    /// it. `Error::Full` when Redis has no room, `Error::Skewed` when clocks disagree: no more was
    /// done.
    pub async fn erase_user(&self, user: UserId) -> Result<std::result::Result<Tick, Refusal>> {
        let (mut place, mut found_any) = ("0".to_owned(), false);
        loop {
            let mut reply = self
                .run(verbs::EraseUser {
                    user,
                    caller_clock: Tick::now(),
                    flush_after: Millis(self.options.flush_after),
                    session_prefix: arg(keys::session(user.partition(), "")),
                    ended_channel: arg(keys::ended(user.partition())),
                    place: arg(&place),
                    most: ERASED_AT_ONCE,
                })
                .await?;
            match reply.word() {
                "OK" => {}
                "COLD" => return Ok(Err(Refusal::Cold)),
                "SKEW" => return Err(Error::Skewed),
                _ => return Err(reply.unexpected()),
            }
            let erased = reply.tick(1)?;
            place = reply.text(2)?;
            found_any |= reply.number(3)? > 0;
            if place.is_empty() {
                // Only a pass that finds nothing shows that nothing is left.
                if !found_any {
                    return Ok(Ok(erased));
                }
                (place, found_any) = ("0".to_owned(), false);
            }
        }
    }
}

/// Reads a user's row of its fields.
pub(crate) fn read_user(id: UserId, row: Vec<Value>) -> Result<User> {
    let mut row = row.into_iter();
    let mut next = || row.next().unwrap_or(Value::Null);
    let tick = |what, value: Value| number(what, &value).map(Tick);
    Ok(User {
        id,
        username: text(next()),
        email: text(next()),
        display_name: text(next()),
        bio: text(next()),
        avatar: text(next()),
        password: text(next()),
        password_rev: tick("when a password was set", next())?,
        created: tick("when a user was made", next())?,
        erased: Tick(next().as_i64().unwrap_or_default()),
        found_by_email: next().as_i64() == Some(1),
        external_id: text(next()),
        disabled: Tick(next().as_i64().unwrap_or_default()),
        metadata: {
            let json = text(next());
            User::read_metadata(&json).map_err(|_| Error::corrupt("a user's metadata", &json))?
        },
        rev: tick("a user's rev", next())?,
    })
}

/// Returns the arguments of the HMGET that reads a user's row.
pub(super) fn user_fields(user: UserId) -> Vec<Value> {
    [arg(UserKeys::new(user).user()), arg("id")]
        .into_iter()
        .chain(FIELDS.map(arg))
        .collect()
}

/// Reads the answer.
pub(super) fn record_of(user: UserId, row: Value) -> Result<UserRecord> {
    let mut row = row.into_array();
    match (row.first(), row.get(1)) {
        (None | Some(Value::Null), _) => Ok(UserRecord::Cold),
        (_, None | Some(Value::Null)) => Ok(UserRecord::Nameless),
        _ => read_user(user, row.split_off(1)).map(|user| UserRecord::Named(Box::new(user))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_of_the_fields_in_order() {
        let id = UserId::new();
        let row = FIELDS.map(|field| match field {
            "password_rev" => "3".into(),
            "created" => "1".into(),
            "erased" => Value::Null,
            "disabled" => "5".into(),
            "found_by_email" => "1".into(),
            "rev" => "4".into(),
            "metadata" => r#"{"a":1}"#.into(),
            text => text.into(),
        });
        let user = read_user(id, row.to_vec()).expect("a row");
        assert_eq!(user.username, "username");
        assert_eq!(user.avatar, "avatar");
        assert_eq!(user.external_id, "external_id");
        assert_eq!(user.disabled, Tick(5));
        assert_eq!(user.metadata_json().as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(
            (user.password_rev, user.created, user.rev),
            (Tick(3), Tick(1), Tick(4))
        );
        assert!(!user.erased.happened() && user.found_by_email);
        assert!(read_user(id, vec!["username".into()]).is_err());
    }
}
