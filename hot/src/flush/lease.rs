//! The due sets, and the lease on what is due.

use std::time::Duration;

use fred::types::Value;
use model::{ChatId, Partition, Tick, UserId};

use crate::wire::{ChatKeys, Error, Hot, Kind, Millis, Result, UserKeys, arg, due, text, verbs};

impl Hot {
    /// Reads the score of the first entry in each partition's due set, in ms.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn first_due(&self, kind: Kind) -> Result<Vec<(Partition, i64)>> {
        let ask = Partition::all().map(|partition| async move {
            let args = vec![arg(due(kind, partition)), arg(0), arg(0), arg("WITHSCORES")];
            let found = self.command("ZRANGE", args).await?.into_array();
            Ok::<_, Error>(
                found
                    .get(1)
                    .and_then(Value::as_f64)
                    .map(|score| (partition, score as i64)),
            )
        });
        Ok(futures_util::future::try_join_all(ask)
            .await?
            .into_iter()
            .flatten()
            .collect())
    }

    /// Leases up to `count` of what is due in a partition.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn lease_due(
        &self,
        kind: Kind,
        partition: Partition,
        count: usize,
        lease: Duration,
    ) -> Result<Vec<String>> {
        let reply = self
            .run(verbs::LeaseDue {
                due: due(kind, partition),
                most: count,
                lease: Millis(lease),
            })
            .await?;
        Ok(reply.rest(0).map(text).collect())
    }

    /// Makes a leased chat due in `soon`, and does nothing else: its pass has failed.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn give_back_chat(&self, chat: ChatId, soon: Duration) -> Result<()> {
        self.due_by(ChatKeys::new(chat).due(), arg(chat), soon)
            .await
    }

    /// Makes a leased user due in `soon`, and does nothing else: their pass has failed.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn give_back_user(&self, user: UserId, soon: Duration) -> Result<()> {
        self.due_by(UserKeys::new(user).due(), arg(user), soon)
            .await
    }

    /// Makes one that is due later due in `soon`.
    async fn due_by(&self, due: String, id: Value, soon: Duration) -> Result<()> {
        let at = Tick::now().0 / 1000 + soon.as_millis() as i64;
        let args = vec![arg(due), arg("XX"), arg("LT"), arg(at), id];
        self.command("ZADD", args).await.map(drop)
    }

    /// Makes a chat due now, since its token has expired.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn flush_soon(&self, chat: ChatId) -> Result<()> {
        self.give_back_chat(chat, Duration::ZERO).await
    }
}
