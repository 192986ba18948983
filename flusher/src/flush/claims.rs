//! The chats and users that a flusher holds by lease.
//!
//! A pass that fails gives them back. When it cannot, since Redis is away or fails over, they are
//! given back as soon as Redis answers, rather than when their leases end.

use std::{
    collections::BTreeSet,
    fmt::Display,
    str::FromStr,
    sync::{Mutex, PoisonError},
};

use hot::Kind;
use model::{ChatId, UserId};

use super::{Flusher, RETRY_AFTER};
use crate::Error;

/// The ids of what is leased and not flushed yet.
#[derive(Default)]
pub(crate) struct Claims {
    chats: Mutex<BTreeSet<String>>,
    users: Mutex<BTreeSet<String>>,
}

impl Claims {
    /// Adds what was leased.
    pub(super) fn hold(&self, kind: Kind, ids: &[String]) {
        self.with(kind, |held| held.extend(ids.iter().cloned()));
    }

    /// Forgets what was flushed or given back.
    pub(super) fn release(&self, kind: Kind, ids: &[impl Display]) {
        self.with(kind, |held| {
            for id in ids {
                held.remove(&id.to_string());
            }
        });
    }

    fn of<T: FromStr>(&self, kind: Kind) -> Vec<T> {
        self.with(kind, |held| {
            held.iter().filter_map(|id| id.parse().ok()).collect()
        })
    }

    fn with<T>(&self, kind: Kind, work: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
        let held = match kind {
            Kind::Chat => &self.chats,
            Kind::User => &self.users,
        };
        work(&mut held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Flusher {
    /// Makes all that is still held due again soon, without waiting for the leases to end.
    pub(crate) async fn give_back(&self) -> Result<(), Error> {
        let users: Vec<UserId> = self.claims.of(Kind::User);
        self.give_back_users(&users, RETRY_AFTER).await?;
        self.claims.release(Kind::User, &users);
        let chats: Vec<ChatId> = self.claims.of(Kind::Chat);
        self.give_back_chats(&chats, RETRY_AFTER).await?;
        self.claims.release(Kind::Chat, &chats);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_held_until_it_is_released() {
        let (claims, ids) = (Claims::default(), |ids: &[&str]| {
            ids.iter().map(ToString::to_string).collect::<Vec<_>>()
        });
        claims.hold(Kind::Chat, &ids(&["1", "2"]));
        claims.hold(Kind::User, &ids(&["3"]));
        claims.hold(Kind::Chat, &ids(&["4"]));
        assert_eq!(claims.of::<u32>(Kind::Chat), [1, 2, 4]);
        claims.release(Kind::Chat, &[1, 4, 5]);
        assert_eq!(claims.of::<u32>(Kind::Chat), [2]);
        assert_eq!(claims.of::<u32>(Kind::User), [3]);
    }
}
