//! Users who changed what the directory finds them by, and are not saved yet.

use model::{Tick, UserId};

use super::{
    UserRecord,
    user::{record_of, user_fields},
};
use crate::wire::{FRESH, Hot, Result, arg, parse, text, verbs};

/// The number of users to remember; more register or rename themselves within the time of a flush
/// only while SQL is down.
const KEEP: usize = 10_000;

impl Hot {
    /// Announces that a user is about to change their names, so that the directory looks here until
    /// SQL has them.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn announce_rename(&self, user: UserId) -> Result<()> {
        self.run(verbs::AnnounceRename {
            fresh: FRESH.into(),
            user_id: user,
            keep: KEEP,
        })
        .await
        .map(drop)
    }

    /// Forgets the announcement, since SQL has the user's row of this rev; unless another was
    /// announced since.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn forget_rename(&self, user: UserId, rev: Tick) -> Result<()> {
        self.run(verbs::ForgetRename {
            fresh: FRESH.into(),
            user_id: user,
            rev,
        })
        .await
        .map(drop)
    }

    /// Reads the newest `limit` users who changed their names and are not saved yet.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn recent_renames(&self, limit: usize) -> Result<Vec<UserId>> {
        let found = self
            .command(
                "ZRANGE",
                vec![arg(FRESH), arg(0), arg(limit - 1), arg("REV")],
            )
            .await?
            .into_array();
        found
            .into_iter()
            .map(|user| parse("who was announced", &text(user)))
            .collect()
    }

    /// Reads the rows of many users, as far as they are resident.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn users(&self, ids: &[UserId]) -> Result<Vec<UserRecord>> {
        let rows = ids.iter().map(|id| user_fields(*id)).collect();
        let rows = self.commands("HMGET", rows).await?.into_iter();
        ids.iter()
            .zip(rows)
            .map(|(id, row)| record_of(*id, row))
            .collect()
    }
}
