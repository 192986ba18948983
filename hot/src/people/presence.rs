//! Presence: each API that serves a user sends heartbeats, and a heartbeat ends by itself.

use std::time::Duration;

use model::{Tick, UserId};

use crate::wire::{Hot, Millis, Result, arg, keys, verbs};

/// The number of users who are asked for in one pipeline.
const ASKED_AT_ONCE: usize = 256;

/// The time for which an API still counts as serving a user: clocks differ, and one that does so no
/// more takes no notice.
const MARGIN: Duration = Duration::from_secs(3600);

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
    pub async fn heartbeat(&self, user: UserId, instance: UserId, life: Duration) -> Result<()> {
        self.run(verbs::Heartbeat {
            presence: keys::presence(user),
            instance: arg(instance.to_string()),
            life: Millis(life),
            channel: arg(keys::watched(user)),
            served: arg(keys::served(user.partition())),
            user_and_instance: arg(format!("{user} {instance}")),
        })
        .await
        .map(drop)
    }

    /// Records that this API no longer serves a user.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn leave(&self, user: UserId, instance: UserId) -> Result<()> {
        self.run(verbs::Leave {
            presence: keys::presence(user),
            instance: arg(instance.to_string()),
            channel: arg(keys::watched(user)),
        })
        .await
        .map(drop)
    }

    /// Returns each of these users whom APIs serve, or lately did, with every one that does.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn served(&self, users: &[UserId]) -> Result<Vec<(UserId, UserId)>> {
        let lately = Tick::now().earlier(MARGIN).0 / 1000;
        let mut served = Vec::new();
        for some in users.chunks(ASKED_AT_ONCE) {
            let ask = some.iter().map(|user| {
                let of_late = vec![arg(keys::presence(*user)), arg(lately), arg("+inf")];
                self.command("ZRANGEBYSCORE", of_late)
            });
            let answers = futures_util::future::try_join_all(ask).await?;
            for (user, answer) in some.iter().zip(answers) {
                let apis = answer.into_array().into_iter();
                let apis = apis.filter_map(|api| api.as_str()?.parse().ok());
                served.extend(apis.map(|api| (*user, api)));
            }
        }
        Ok(served)
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
