//! Who changed what the directory finds them by, and is not saved yet.

use model::{Tick, UserId};

use crate::{
    Hot, Result, UserRecord, Verb,
    client::arg,
    keys::FRESH,
    reply::{parse, text},
};

/// How many are remembered; more register or rename themselves within the time of a flush only while SQL is down.
const KEEP: usize = 10_000;

impl Hot {
    /// Somebody is about to change their names.
    pub async fn announce(&self, user: UserId) -> Result<()> {
        self.run(Verb::Announce, vec![FRESH.into()], vec![arg(user), arg(KEEP)]).await.map(drop)
    }

    /// SQL has their row of this rev.
    pub async fn forget(&self, user: UserId, rev: Tick) -> Result<()> {
        self.run(Verb::Forget, vec![FRESH.into()], vec![arg(user), arg(rev)]).await.map(drop)
    }

    /// Who changed their names and is not saved yet: the newest `limit`.
    pub async fn fresh(&self, limit: usize) -> Result<Vec<UserId>> {
        let found = self.command("ZRANGE", vec![arg(FRESH), arg(0), arg(limit - 1), arg("REV")]).await?.into_array();
        found.into_iter().map(|user| parse("who was announced", &text(user))).collect()
    }

    /// The rows of many users, as far as they are resident.
    pub async fn users(&self, ids: &[UserId]) -> Result<Vec<UserRecord>> {
        futures_util::future::try_join_all(ids.iter().map(|id| self.user(*id))).await
    }
}
