//! A Redis that went back in time: what is unsaved there is saved, where SQL has nothing newer, and
//! then all of it leaves, so that it is loaded anew from SQL. Sessions end, since one that was
//! closed may be back.
//!
//! Meanwhile the fence keeps everybody else out. A flusher that stops in the middle has done no
//! harm: what it has brought out is gone, and the next one begins with what is left. Nor have two
//! at once. Only the end of it makes Redis know the commits that it had forgotten.

use std::{fmt::Display, str::FromStr, sync::Arc, time::Duration};

use hot::{Kind, SettleOutcome};
use model::Partition;
use store::Standing;
use tokio::time::sleep;

use super::{Claims, Flusher, GroupSize};
use crate::Error;

/// The wait for rows that an fsync may not have covered yet.
const WAIT: Duration = Duration::from_millis(100);
/// The number of rounds after which what is still unsaved is left to the next call.
const ROUNDS: usize = 1000;
/// The number of chats, or users, that are saved together.
const TOGETHER: usize = 128;
/// The number of partitions after which the progress is logged.
const PROGRESS: usize = 64;

impl Flusher {
    /// Brings a Redis up to date that went back in time.
    ///
    /// # Errors
    /// [`store::Error::SqlWentBack`] when SQL did; else an outage: the next call goes on.
    pub(crate) async fn keep_in_step(&self) -> Result<(), Error> {
        match self.store.standing() {
            Standing::InStep => Ok(()),
            Standing::RedisWentBack(behind) => Box::pin(self.refresh(&behind)).await,
            Standing::SqlWentBack {
                writer,
                saved,
                settled,
            } => Err(Error::Store(store::Error::SqlWentBack {
                writer,
                saved,
                settled,
            })),
        }
    }

    /// Brings the nodes of these partitions up to date.
    async fn refresh(&self, behind: &[(Kind, Partition)]) -> Result<(), Error> {
        let redis = self.hot.identity().await?;
        let inside = Self {
            hot: self.hot.beyond_fence(&redis),
            store: self.store.beyond_fence(&redis),
            sql: Arc::clone(&self.sql),
            config: self.config.clone(),
            durable: self.durable.clone(),
            writer: Arc::clone(&self.writer),
            claims: Claims::default(),
            webhooks: self.webhooks.clone(),
            refreshes: true,
            user_group: GroupSize::new(TOGETHER),
            chat_group: GroupSize::new(TOGETHER),
        };
        let partitions = self.hot.neighbours(behind);
        for (at, partition) in partitions.iter().enumerate() {
            if at % PROGRESS == 0 {
                tracing::warn!(
                    done = at,
                    of = partitions.len(),
                    "bringing a Redis up to date that went back in time"
                );
            }
            inside.clear(*partition).await?;
        }
        self.hot.end_past(&partitions).await?;
        self.store.accept_commits(&redis, &partitions).await?;
        self.store.compare().await?;
        tracing::warn!("Redis is up to date; everybody has to log in again");
        Ok(())
    }

    /// Saves what is in a partition, and lets it leave.
    async fn clear(&self, partition: (Kind, Partition)) -> Result<(), Error> {
        let residents = self.hot.residents(partition).await?;
        for some in residents.chunks(TOGETHER) {
            match partition.0 {
                Kind::Chat => self.clear_some(some, Self::flush_chats).await?,
                Kind::User => self.clear_some(some, Self::flush_users).await?,
            }
        }
        Ok(())
    }

    async fn clear_some<T: Copy + PartialEq + Display + FromStr>(
        &self,
        ids: &[String],
        flush: impl AsyncFn(&Self, &[T]) -> Result<Vec<(T, SettleOutcome)>, Error>,
    ) -> Result<(), Error> {
        let mut left: Vec<T> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        for _ in 0..ROUNDS {
            left = Box::pin(flush(self, &left))
                .await?
                .into_iter()
                .filter(|(id, outcome)| self.is_left(id, *outcome))
                .map(|(id, _)| id)
                .collect();
            if left.is_empty() {
                return Ok(());
            }
            sleep(WAIT).await;
        }
        Err(Error::NotDurable)
    }

    /// True when more of a chat or user is to be saved.
    fn is_left(&self, id: &impl Display, outcome: SettleOutcome) -> bool {
        if outcome == SettleOutcome::Parked {
            tracing::error!(
                %id,
                "a record stays in Redis as it was in the past, since SQL refuses rows of it; see \
                 `carrier doctor`"
            );
        }
        outcome == SettleOutcome::Dirty
    }
}
