//! The progress of saving: how much only waits to be saved, since when, and what SQL refuses.

use std::time::Duration;

use fred::types::Value;
use futures_util::future::{try_join_all, try_join4};
use model::{Partition, Tick};

use crate::wire::{ChatKeys, Error, Hot, Kind, Result, UserKeys, arg, dead, due, text};

/// The number of chats, or users, of a partition that are looked at.
const SAMPLE: usize = 4;
/// The time within which a chat that is unsaved, or about to leave, is due; all others are clean.
const SOON: Duration = Duration::from_secs(60);

/// The progress of saving to SQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The time for which the oldest change that SQL does not have has waited.
    pub lag: Duration,
    /// About how many rows SQL does not have.
    pub unsaved_rows: u64,
    /// The number of rows that SQL has refused.
    pub parked_rows: u64,
}

impl Hot {
    /// Reads how far saving is behind. Its cost does not grow with the backlog.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn progress(&self) -> Result<Progress> {
        let (now, oldest, rows, parked_rows) = try_join4(
            self.now(),
            self.oldest_unsaved(),
            self.both_kinds(|kind| self.unsaved_rows_of(kind)),
            self.both_kinds(|kind| self.parked_rows_of(kind)),
        )
        .await?;
        let waits = oldest.map_or(0, |oldest| now.0 - oldest.0);
        Ok(Progress {
            lag: Duration::from_micros(u64::try_from(waits).unwrap_or(0)),
            unsaved_rows: rows,
            parked_rows,
        })
    }

    /// Estimates how many rows of chats SQL does not have: exactly where a partition has few such
    /// chats; else from a sample of them.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn unsaved_rows(&self) -> Result<u64> {
        self.unsaved_rows_of(Kind::Chat).await
    }

    /// Returns the tick of the oldest change that SQL does not have; `None` when it has all. Where
    /// a partition has many such chats or users, only those that are due first are looked at.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn oldest_unsaved(&self) -> Result<Option<Tick>> {
        let kinds = [Kind::Chat, Kind::User].map(|kind| self.oldest_unsaved_of(kind));
        Ok(try_join_all(kinds).await?.into_iter().flatten().min())
    }

    async fn both_kinds<F>(&self, count: impl Fn(Kind) -> F) -> Result<u64>
    where
        F: Future<Output = Result<u64>>,
    {
        let counts = try_join_all([Kind::Chat, Kind::User].map(count)).await?;
        Ok(counts.into_iter().sum())
    }

    async fn unsaved_rows_of(&self, kind: Kind) -> Result<u64> {
        let soon = (Tick::now().0 / 1000) + SOON.as_millis() as i64;
        let partitions = Partition::all().map(|partition| async move {
            let key = due(kind, partition);
            let records = self
                .command("ZCOUNT", vec![arg(&key), arg("-inf"), arg(soon)])
                .await?
                .as_u64()
                .unwrap_or(0);
            if records == 0 {
                return Ok::<_, Error>(0);
            }
            let some = vec![
                arg(&key),
                arg("-inf"),
                arg(soon),
                arg("LIMIT"),
                arg(0),
                arg(SAMPLE),
            ];
            let some = dirty_keys(kind, self.command("ZRANGEBYSCORE", some).await?);
            let dirty = some.iter().map(|key| self.command("ZCARD", vec![arg(key)]));
            let rows: u64 = try_join_all(dirty)
                .await?
                .iter()
                .filter_map(Value::as_u64)
                .sum();
            Ok(rows * records / some.len().max(1) as u64)
        });
        Ok(try_join_all(partitions).await?.into_iter().sum())
    }

    async fn oldest_unsaved_of(&self, kind: Kind) -> Result<Option<Tick>> {
        let partitions = Partition::all().map(|partition| async move {
            let first = vec![arg(due(kind, partition)), arg(0), arg(SAMPLE - 1)];
            let some = dirty_keys(kind, self.command("ZRANGE", first).await?);
            let oldest = some.into_iter().map(|key| {
                let first = vec![arg(key), arg(0), arg(0), arg("WITHSCORES")];
                self.command("ZRANGE", first)
            });
            let oldest = try_join_all(oldest)
                .await?
                .into_iter()
                .filter_map(|entry| entry.into_array().get(1).and_then(Value::as_i64));
            Ok::<_, Error>(oldest.min().map(Tick))
        });
        Ok(try_join_all(partitions).await?.into_iter().flatten().min())
    }

    async fn parked_rows_of(&self, kind: Kind) -> Result<u64> {
        let count = |partition| self.command("HLEN", vec![arg(dead(kind, partition))]);
        let counts = try_join_all(Partition::all().map(count)).await?;
        Ok(counts.iter().filter_map(Value::as_u64).sum())
    }
}

/// Returns the keys of the dirty rows of these chats or users.
fn dirty_keys(kind: Kind, ids: Value) -> Vec<String> {
    let ids = ids.into_array().into_iter().map(text);
    ids.filter_map(|id| {
        Some(match kind {
            Kind::Chat => ChatKeys::new(id.parse().ok()?).dirty(),
            Kind::User => UserKeys::new(id.parse().ok()?).dirty(),
        })
    })
    .collect()
}
