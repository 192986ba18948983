//! Rows that SQL refuses.

use model::{ChatId, Partition, Tick, UserId};

use crate::wire::{ChatKeys, Hot, Kind, Result, UserKeys, arg, dead, parse, text, verbs};

/// A row that SQL refused.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The kind of its owner.
    pub kind: Kind,
    /// The id of its owner.
    pub id: String,
    /// The dirty entry.
    pub entry: String,
    /// The number of times it was refused.
    pub tries: u32,
    /// The error of SQL.
    pub error: String,
}

impl Hot {
    /// Counts that SQL refused a row of a chat, and after `max` times parks it. Returns how many
    /// times it was refused.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn park_chat_row(
        &self,
        chat: ChatId,
        entry: &str,
        rev: Tick,
        max: u32,
        error: &str,
    ) -> Result<i64> {
        let keys = ChatKeys::new(chat);
        self.run(verbs::Park {
            dirty: keys.dirty(),
            parked: keys.parked(),
            dead: keys.dead(),
            id: arg(chat),
            entry: arg(entry),
            rev,
            max_tries: max,
            message: arg(error),
        })
        .await?
        .number(0)
    }

    /// Counts that SQL refused a row of a user, and after `max` times parks it. Returns how many
    /// times it was refused.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn park_user_row(
        &self,
        user: UserId,
        entry: &str,
        rev: Tick,
        max: u32,
        error: &str,
    ) -> Result<i64> {
        let keys = UserKeys::new(user);
        self.run(verbs::Park {
            dirty: keys.dirty(),
            parked: keys.parked(),
            dead: keys.dead(),
            id: arg(user),
            entry: arg(entry),
            rev,
            max_tries: max,
            message: arg(error),
        })
        .await?
        .number(0)
    }

    /// Reads every row that SQL refused.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>> {
        let mut found = Vec::new();
        for kind in [Kind::Chat, Kind::User] {
            let ask = Partition::all()
                .map(|partition| self.command("HGETALL", vec![arg(dead(kind, partition))]));
            for flat in futures_util::future::try_join_all(ask).await? {
                let mut values = flat.into_array().into_iter().map(text);
                while let (Some(field), Some(value)) = (values.next(), values.next()) {
                    let (id, entry) = field.split_once('/').unwrap_or((&field, ""));
                    let mut words = value.splitn(3, ' ');
                    let tries = words
                        .next()
                        .and_then(|tries| tries.parse().ok())
                        .unwrap_or_default();
                    let error = words.nth(1).unwrap_or_default().to_owned();
                    found.push(DeadLetter {
                        kind,
                        id: id.to_owned(),
                        entry: entry.to_owned(),
                        tries,
                        error,
                    });
                }
            }
        }
        Ok(found)
    }

    /// Makes the parked rows of this chat or user dirty again, and returns how many.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn unpark(&self, kind: Kind, id: &str) -> Result<i64> {
        let call = match kind {
            Kind::Chat => {
                let keys = ChatKeys::new(parse("a parked chat", id)?);
                verbs::Unpark {
                    record: keys.chat(),
                    dirty: keys.dirty(),
                    parked: keys.parked(),
                    dead: keys.dead(),
                    due: keys.due(),
                    id: arg(id),
                }
            }
            Kind::User => {
                let keys = UserKeys::new(parse("a parked user", id)?);
                verbs::Unpark {
                    record: keys.user(),
                    dirty: keys.dirty(),
                    parked: keys.parked(),
                    dead: keys.dead(),
                    due: keys.due(),
                    id: arg(id),
                }
            }
        };
        self.run(call).await?.number(0)
    }
}
