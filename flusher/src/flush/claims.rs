//! The chats and users that a flusher holds by lease.
//!
//! A pass that fails gives them back. When it cannot, since Redis is away or fails over, they are
//! given back as soon as Redis answers, rather than when their leases end.

use std::sync::{Mutex, PoisonError};

use hot::Kind;

use super::{Flusher, RETRY_AFTER};
use crate::Error;

/// The ids of what is leased and not flushed yet.
#[derive(Default)]
pub(crate) struct Claims(Mutex<Vec<(Kind, String)>>);

impl Claims {
    /// Adds what was leased.
    pub(super) fn hold(&self, kind: Kind, ids: &[String]) {
        let claims = ids.iter().map(|id| (kind, id.clone()));
        self.with(|held| held.extend(claims));
    }

    /// Forgets all of a kind, which was flushed or given back.
    pub(super) fn release(&self, kind: Kind) {
        self.with(|held| held.retain(|(other, _)| *other != kind));
    }

    fn of<T: std::str::FromStr>(&self, kind: Kind) -> Vec<T> {
        self.with(|held| {
            let of_kind = held.iter().filter(|(other, _)| *other == kind);
            of_kind.filter_map(|(_, id)| id.parse().ok()).collect()
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<(Kind, String)>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Flusher {
    /// Makes all that is still held due again soon, without waiting for the leases to end.
    pub(crate) async fn give_back(&self) -> Result<(), Error> {
        self.give_back_users(&self.claims.of(Kind::User), RETRY_AFTER)
            .await?;
        self.claims.release(Kind::User);
        self.give_back_chats(&self.claims.of(Kind::Chat), RETRY_AFTER)
            .await?;
        self.claims.release(Kind::Chat);
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
        claims.release(Kind::Chat);
        assert!(claims.of::<u32>(Kind::Chat).is_empty());
        assert_eq!(claims.of::<u32>(Kind::User), [3]);
    }
}
