//! Users of another product: its backend makes, changes, disables and erases them, by the ids that
//! they have there, and opens sessions for them.

use std::time::Duration;

use hot::UserChange;
use model::{Metadata, Name, NameKind, User, UserId, merge_metadata};
use tokio::time::sleep;

use crate::{Error, Result, Store, notify::Notification, people::IssuedToken};

/// The time between two looks at whether another call has made the user whom this one was to make.
const STEP: Duration = Duration::from_millis(25);
/// The looks until it is given up.
const LOOKS: u32 = 80;

/// The profile of a user as their product has it; `None` keeps a field.
#[derive(Clone, Debug, Default)]
pub struct ExternalProfile {
    /// The username; a new user without one gets one that nobody else has.
    pub username: Option<String>,
    /// The e-mail address; empty when there is none.
    pub email: Option<String>,
    /// The name that others see; that of a new user is the external id when there is none.
    pub display_name: Option<String>,
    /// A few words about the user.
    pub bio: Option<String>,
    /// A merge patch of the metadata; `Some(None)` takes all of it.
    pub metadata: Option<Option<Metadata>>,
}

impl Store {
    /// Finds a user by the id that they have in another product.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn find_external(&self, id: &str) -> Result<Option<User>> {
        self.find(&Name::new(NameKind::External, id)).await
    }

    /// Makes the user with this external id, or changes them to what the profile says; and tells
    /// whether they were made. A repetition changes nothing.
    ///
    /// # Errors
    /// [`Error::Taken`] when a username or an address belongs to another user; [`Error::NoRoom`];
    /// [`Error::Metadata`] when the metadata would break a rule; [`Error::Busy`] when another call
    /// for the same id does not come to an end.
    pub async fn put_external(&self, id: &str, profile: &ExternalProfile) -> Result<(User, bool)> {
        for _ in 0..LOOKS {
            if let Some(user) = self.find_external(id).await? {
                let change = change_of(&user, profile);
                return match change {
                    Some(change) => Ok((self.change_user(user.id, change).await?, false)),
                    None => Ok((user, false)),
                };
            }
            match self.make_external(id, profile).await {
                // Another call for the same id was quicker, and may not be done.
                Err(Error::Taken(NameKind::External)) => sleep(STEP).await,
                made => return Ok((made?, true)),
            }
        }
        Err(Error::Busy)
    }

    async fn make_external(&self, external_id: &str, profile: &ExternalProfile) -> Result<User> {
        self.back_pressure.check_room()?;
        let id = UserId::of_external(external_id);
        self.begin_account(id).await?;
        let username = profile.username.clone();
        let username = username.unwrap_or_else(|| id.0.simple().to_string());
        let email = profile.email.clone().unwrap_or_default();
        let mut names = vec![
            Name::new(NameKind::External, external_id),
            Name::new(NameKind::Username, &username),
        ];
        if !email.is_empty() {
            names.push(Name::new(NameKind::Email, &email));
        }
        let shown = profile.display_name.clone();
        let change = UserChange {
            username: Some(username),
            email: Some(email),
            external_id: Some(external_id.to_owned()),
            display_name: Some(shown.unwrap_or_else(|| shown_id(external_id))),
            bio: Some(profile.bio.clone().unwrap_or_default()),
            avatar: Some(String::new()),
            // No password has an empty hash.
            password: Some(String::new()),
            found_by_email: Some(false),
            disabled: Some(false),
            metadata: profile.metadata.clone(),
            ends_sessions: true,
            created: true,
            claims: Vec::new(),
        };
        self.claim_and_apply(id, &names, &change).await?;
        self.user(id).await?.ok_or(Error::NoUser)
    }

    /// Opens a session for a user, which ends after `life` however it is used.
    ///
    /// # Errors
    /// [`Error::Disabled`]; [`Error::NoUser`] when the user is gone, or is being changed.
    pub async fn open_session_for(
        &self,
        user: User,
        device: &str,
        life: Duration,
    ) -> Result<IssuedToken> {
        if user.disabled.happened() {
            return Err(Error::Disabled);
        }
        let opened = self.open_session(user, device, Some(life)).await?;
        opened.ok_or(Error::NoUser)
    }

    /// Disables an account, which ends its sessions at once, or enables it again. A repetition is
    /// no error.
    ///
    /// # Errors
    /// [`Error::NoUser`]; [`Error::Hot`] or [`Error::Cold`] when a store does not answer.
    pub async fn set_disabled(&self, user: &User, disabled: bool) -> Result<User> {
        if user.disabled.happened() == disabled {
            return Ok(user.clone());
        }
        let change = UserChange {
            disabled: Some(disabled),
            ends_sessions: disabled,
            ..UserChange::default()
        };
        let changed = self.change_user(user.id, change).await?;
        if disabled {
            let session = String::new(); // all of them
            self.notifier
                .user(user.id, Notification::SessionEnded { session });
            // They are void already; this frees what they take.
            self.drop_void_sessions(user.id).await?;
        }
        Ok(changed)
    }
}

/// Returns the beginning of an external id that fits into a display name.
fn shown_id(id: &str) -> String {
    id.chars().take(64).collect()
}

/// Returns what a profile changes of a user, if it changes anything.
fn change_of(user: &User, profile: &ExternalProfile) -> Option<UserChange> {
    let new = |wanted: &Option<String>, is: &String| wanted.clone().filter(|wanted| wanted != is);
    let change = UserChange {
        username: new(&profile.username, &user.username),
        email: new(&profile.email, &user.email),
        display_name: new(&profile.display_name, &user.display_name),
        bio: new(&profile.bio, &user.bio),
        metadata: profile.metadata.clone().filter(|patch| {
            let is = user.metadata.as_ref();
            merge_metadata(is, patch.as_ref()).ok().as_ref() != Some(&user.metadata)
        }),
        ..UserChange::default()
    };
    let fields = [
        &change.username,
        &change.email,
        &change.display_name,
        &change.bio,
    ];
    let changes = change.metadata.is_some() || fields.iter().any(|field| field.is_some());
    changes.then_some(change)
}

#[cfg(test)]
mod tests {
    use model::Tick;

    use super::*;

    #[test]
    fn a_profile_changes_what_it_says_anew_and_nothing_else() {
        let user = User {
            id: UserId::new(),
            username: "ann".into(),
            email: String::new(),
            external_id: "42".into(),
            display_name: "Ann".into(),
            bio: String::new(),
            avatar: String::new(),
            password: String::new(),
            password_rev: Tick(1),
            created: Tick(1),
            erased: Tick::NEVER,
            disabled: Tick::NEVER,
            found_by_email: false,
            metadata: None,
            rev: Tick(1),
        };
        let same = ExternalProfile {
            username: Some("ann".into()),
            ..ExternalProfile::default()
        };
        assert!(change_of(&user, &ExternalProfile::default()).is_none());
        assert!(change_of(&user, &same).is_none());
        let other = ExternalProfile {
            display_name: Some("Anna".into()),
            ..same
        };
        let change = change_of(&user, &other).expect("a new name");
        assert_eq!(change.display_name.as_deref(), Some("Anna"));
        assert!(change.username.is_none() && change.bio.is_none() && !change.ends_sessions);
    }
}
