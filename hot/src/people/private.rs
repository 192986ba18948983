//! Rows that are private to a user.

use std::collections::HashMap;

use fred::util::sha1_hash;
use model::{ChatId, KeyId, PrivateKey, PrivateRow, Tick, UserId, WebhookId};

use crate::wire::{Hot, Millis, Refusal, Result, arg, parse, refusal, text, verbs};

/// The number of private rows that one call looks at, about.
const AT_ONCE: usize = 500;

/// The outcome of a change of a private row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateChange {
    /// The row has its new value, and this rev.
    Done(Tick),
    /// The row has changed since it was read.
    Stale,
    /// The user has as many rows as they may.
    Many,
}

impl Hot {
    /// Reads one private row; without a value and with a rev of `NEVER` when there is none.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn private_row(
        &self,
        user: UserId,
        about: PrivateKey,
    ) -> Result<std::result::Result<PrivateRow, Refusal>> {
        let mut reply = self
            .run(verbs::PrivateRows {
                user,
                kind: arg(""),
                place: arg("0"),
                most: 0,
                about: vec![arg(about)],
            })
            .await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        read_private_row(about, &reply.text(1)?).map(Ok)
    }

    /// Reads the settings of a user for chats.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn settings_of_chats(
        &self,
        user: UserId,
    ) -> Result<std::result::Result<Vec<PrivateRow>, Refusal>> {
        self.rows_of_kind(user, PrivateKey::Chat(ChatId::LOWEST))
            .await
    }

    /// Reads the rows of a user by which others are blocked, or were.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn blocks(
        &self,
        user: UserId,
    ) -> Result<std::result::Result<Vec<PrivateRow>, Refusal>> {
        self.rows_of_kind(user, PrivateKey::Block(user)).await
    }

    /// Reads the keys of the server, also those that were revoked.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn api_keys(
        &self,
        server: UserId,
    ) -> Result<std::result::Result<Vec<PrivateRow>, Refusal>> {
        self.rows_of_kind(server, PrivateKey::Key(KeyId::LOWEST))
            .await
    }

    /// Reads the webhooks of the server, also those that were deleted.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn webhooks(
        &self,
        server: UserId,
    ) -> Result<std::result::Result<Vec<PrivateRow>, Refusal>> {
        self.rows_of_kind(server, PrivateKey::Webhook(WebhookId::LOWEST))
            .await
    }

    /// Reads all private rows of a user that are of the kind of this one, some at a time.
    async fn rows_of_kind(
        &self,
        user: UserId,
        like: PrivateKey,
    ) -> Result<std::result::Result<Vec<PrivateRow>, Refusal>> {
        let kind = match like {
            PrivateKey::Chat(_) => "chat",
            PrivateKey::Block(_) => "block",
            PrivateKey::Key(_) => "key",
            PrivateKey::Ended(_) => "ended",
            PrivateKey::Webhook(_) => "webhook",
        };
        let (mut rows, mut place) = (HashMap::new(), "0".to_owned());
        while !place.is_empty() {
            let mut reply = self
                .run(verbs::PrivateRows {
                    user,
                    kind: arg(kind),
                    place: arg(&place),
                    most: AT_ONCE,
                    about: vec![],
                })
                .await?;
            if reply.word() != "OK" {
                return refusal(&reply);
            }
            place = reply.text(1)?;
            let mut values = reply.rest(2).map(text);
            // A row may come twice.
            while let (Some(about), Some(row)) = (values.next(), values.next()) {
                let about = parse("what a row is about", &about)?;
                rows.insert(about, read_private_row(about, &row)?);
            }
        }
        Ok(Ok(rows.into_values().collect()))
    }

    /// Changes a private row whose value is `seen`. A user who has `max_rows` gets no further one.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Skewed` when clocks disagree: nothing was
    /// done.
    pub async fn change_private_row(
        &self,
        user: UserId,
        about: PrivateKey,
        seen: &str,
        value: &str,
        max_rows: usize,
    ) -> Result<std::result::Result<PrivateChange, Refusal>> {
        let mut reply = self
            .run(verbs::ChangePrivateRow {
                user,
                caller_clock: Tick::now(),
                about: arg(about),
                seen: arg(sha1_hash(seen)),
                value: arg(value),
                max_rows,
                flush_after: Millis(self.options.flush_after),
            })
            .await?;
        match reply.word() {
            "OK" => Ok(Ok(PrivateChange::Done(reply.tick(1)?))),
            "STALE" => Ok(Ok(PrivateChange::Stale)),
            "MANY" => Ok(Ok(PrivateChange::Many)),
            _ => refusal(&reply),
        }
    }
}

/// Reads `rev value`; an empty record is a row without a value.
pub(crate) fn read_private_row(about: PrivateKey, row: &str) -> Result<PrivateRow> {
    let (rev, value) = row.split_once(' ').unwrap_or(("0", ""));
    Ok(PrivateRow {
        key: about,
        rev: Tick(parse("the rev of a row of one's own", rev)?),
        value: value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_row_is_a_rev_and_a_value_that_may_have_spaces() {
        let key = PrivateKey::Block(UserId::new());
        let read = |row| read_private_row(key, row).expect("a row");
        assert_eq!(
            (read("7 a b").rev, read("7 a b").value),
            (Tick(7), "a b".to_owned())
        );
        assert_eq!((read("7 ").rev, read("7 ").value), (Tick(7), String::new()));
        assert_eq!((read("").rev, read("").value), (Tick::NEVER, String::new()));
        assert!(read_private_row(key, "seven a").is_err());
    }
}
