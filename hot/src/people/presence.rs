//! Presence: each API that serves a user sends heartbeats, and a heartbeat ends by itself.

use std::time::Duration;

use model::{Tick, UserId};

use crate::wire::{Hot, Millis, Result, arg, keys, verbs};

/// The presence of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// True while an API serves the user.
    pub online: bool,
    /// The tick until which an API serves the user at least, or did serve them.
    pub until: Tick,
    /// The tick at which the user was last online; `NEVER` when that is not known any more.
    pub last_seen: Tick,
}

impl Hot {
    /// Records that this API serves a user for the time `life`, unless it sends the next heartbeat
    /// before.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn heartbeat(&self, user: UserId, instance: &str, life: Duration) -> Result<()> {
        self.run(verbs::Heartbeat {
            presence: keys::presence(user),
            instance: arg(instance),
            life: Millis(life),
            channel: arg(keys::watched(user)),
        })
        .await
        .map(drop)
    }

    /// Records that this API no longer serves a user.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn leave(&self, user: UserId, instance: &str) -> Result<()> {
        self.run(verbs::Leave {
            presence: keys::presence(user),
            instance: arg(instance),
            channel: arg(keys::watched(user)),
        })
        .await
        .map(drop)
    }

    /// Reads the presence of each of these users.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn presences(&self, users: &[UserId]) -> Result<Vec<Presence>> {
        let ask = users.iter().map(|user| {
            self.command(
                "ZRANGE",
                vec![
                    arg(keys::presence(*user)),
                    arg(-1),
                    arg(-1),
                    arg("WITHSCORES"),
                ],
            )
        });
        let now = Tick::now().0 / 1000;
        let answers = futures_util::future::try_join_all(ask).await?;
        let presence = |answer: fred::types::Value| {
            let until = answer
                .into_array()
                .get(1)
                .and_then(fred::types::Value::as_f64)
                .unwrap_or_default() as i64;
            Presence {
                online: until > now,
                until: Tick(until * 1000),
                last_seen: Tick(until.min(now) * 1000),
            }
        };
        Ok(answers.into_iter().map(presence).collect())
    }
}
