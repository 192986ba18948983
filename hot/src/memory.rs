//! How full Redis is, and what of it only waits to be saved.

use std::time::Duration;

use fred::types::Value;
use futures_util::future::try_join_all;
use model::{ChatId, Partition, Tick};

use crate::{
    Hot, Result,
    client::arg,
    keys::{ChatKeys, Kind, due},
    reply::text,
};

/// How many chats of a partition are looked at to know how much is unsaved.
const SAMPLE: usize = 4;
/// A chat that must be looked at within this time is unsaved, or about to leave; all others are clean.
const SOON: Duration = Duration::from_secs(60);

/// The memory of a Redis; of a cluster, of its fullest node. In bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// What counts towards the limit.
    pub used: u64,
    /// `maxmemory`; zero: there is none.
    pub limit: u64,
}

impl Memory {
    /// Which part of the limit is used; zero without one.
    pub fn share(self) -> f64 {
        if self.limit == 0 { 0.0 } else { self.used as f64 / self.limit as f64 }
    }
}

impl Hot {
    /// How full the fullest node is.
    pub async fn memory(&self) -> Result<Memory> {
        let nodes = self.everywhere("INFO", vec![arg("memory")]).await?.into_iter().map(|info| {
            let info = text(info);
            let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok());
            let count = |name: &str| field(name).unwrap_or(0u64);
            Memory { used: count("used_memory").saturating_sub(count("mem_not_counted_for_evict")), limit: count("maxmemory") }
        });
        Ok(nodes.max_by(|one, other| one.share().total_cmp(&other.share()).then(one.used.cmp(&other.used))).unwrap_or_default())
    }

    /// About how many rows of chats SQL does not have. Exact where a partition has few such chats; else as a sample of them tells.
    pub async fn unsaved_rows(&self) -> Result<u64> {
        let soon = (Tick::now().0 / 1000) + SOON.as_millis() as i64;
        let partitions = Partition::all().map(|partition| async move {
            let key = due(Kind::Chat, partition);
            let chats = self.command("ZCOUNT", vec![arg(&key), arg("-inf"), arg(soon)]).await?.as_u64().unwrap_or(0);
            if chats == 0 {
                return Ok::<_, crate::Error>(0);
            }
            let some = vec![arg(&key), arg("-inf"), arg(soon), arg("LIMIT"), arg(0), arg(SAMPLE)];
            let some: Vec<ChatId> =
                self.command("ZRANGEBYSCORE", some).await?.into_array().into_iter().filter_map(|id| text(id).parse().ok()).collect();
            let dirty = some.iter().map(|chat| self.command("ZCARD", vec![arg(ChatKeys::new(*chat).dirty())]));
            let rows: u64 = try_join_all(dirty).await?.iter().filter_map(Value::as_u64).sum();
            Ok(rows * chats / some.len().max(1) as u64)
        });
        Ok(try_join_all(partitions).await?.into_iter().sum())
    }

    /// When the oldest change was made that SQL does not have; `None`: it has all. Where a partition has many such chats, of those that are looked at first.
    pub async fn oldest_unsaved(&self) -> Result<Option<Tick>> {
        let partitions = Partition::all().map(|partition| async move {
            let some = self.command("ZRANGE", vec![arg(due(Kind::Chat, partition)), arg(0), arg(SAMPLE - 1)]).await?.into_array();
            let some = some.into_iter().filter_map(|id| text(id).parse::<ChatId>().ok());
            let oldest = some.map(|chat| self.command("ZRANGE", vec![arg(ChatKeys::new(chat).dirty()), arg(0), arg(0), arg("WITHSCORES")]));
            let oldest = try_join_all(oldest).await?.into_iter().filter_map(|entry| entry.into_array().get(1).and_then(Value::as_i64));
            Ok::<_, crate::Error>(oldest.min().map(Tick))
        });
        Ok(try_join_all(partitions).await?.into_iter().flatten().min())
    }

    /// Of each partition, up to `count` chats that are clean, those first that would leave first.
    pub async fn idle_chats(&self, count: usize, lease: Duration) -> Result<Vec<ChatId>> {
        // Whatever a flusher holds is due at the end of its lease.
        let later = (Tick::now().0 / 1000) + lease.as_millis() as i64 + 1000;
        let partitions = Partition::all().map(|partition| {
            let args = [arg(due(Kind::Chat, partition)), arg(later), arg("+inf"), arg("LIMIT"), arg(0), arg(count)];
            self.command("ZRANGEBYSCORE", args.to_vec())
        });
        let found = try_join_all(partitions).await?;
        Ok(found.into_iter().flat_map(Value::into_array).filter_map(|id| text(id).parse().ok()).collect())
    }
}
