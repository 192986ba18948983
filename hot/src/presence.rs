//! Who is online: each API that serves somebody says so again and again, and what it said ends by itself.

use std::time::Duration;

use model::{Tick, UserId};

use crate::{
    Hot, Result, Verb,
    client::{arg, ms},
    keys,
};

/// Whether somebody is online.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// They are served by an API now.
    pub online: bool,
    /// When they last were; `NEVER` when that is not known any more.
    pub last_seen: Tick,
}

impl Hot {
    /// This API serves somebody, for so long unless it says so again.
    pub async fn pulse(&self, user: UserId, instance: &str, life: Duration) -> Result<()> {
        let args = vec![arg(instance), ms(life), arg(keys::watched(user))];
        self.run(Verb::Pulse, vec![keys::presence(user)], args).await.map(drop)
    }

    /// This API serves them no more.
    pub async fn leave(&self, user: UserId, instance: &str) -> Result<()> {
        self.run(Verb::Leave, vec![keys::presence(user)], vec![arg(instance), arg(keys::watched(user))]).await.map(drop)
    }

    /// Who of these is online.
    pub async fn presences(&self, users: &[UserId]) -> Result<Vec<Presence>> {
        let ask = users.iter().map(|user| self.command("ZRANGE", vec![arg(keys::presence(*user)), arg(-1), arg(-1), arg("WITHSCORES")]));
        let now = Tick::now().0 / 1000;
        let answers = futures_util::future::try_join_all(ask).await?;
        let presence = |answer: fred::types::Value| {
            let until = answer.into_array().get(1).and_then(fred::types::Value::as_f64).unwrap_or_default() as i64;
            Presence { online: until > now, last_seen: Tick(until.min(now) * 1000) }
        };
        Ok(answers.into_iter().map(presence).collect())
    }
}
