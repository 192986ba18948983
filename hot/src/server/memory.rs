//! The memory of Redis: how full it is, and what may leave it.

use std::time::Duration;

use fred::types::Value;
use futures_util::future::try_join_all;
use model::{ChatId, Partition, Tick};

use super::facts::number;
use crate::wire::{Hot, Kind, Result, arg, due, text};

/// The part of a machine's memory that a Redis may fill. A rewrite of its append only file takes a
/// copy of all that changes meanwhile, and others live there too.
const SHARE_OF_MACHINE: f64 = 0.6;

/// The memory of a Redis; of a cluster, of its fullest node. In bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The memory that counts towards the limit.
    pub used: u64,
    /// `maxmemory`; without one, the [share](share_of) of the machine; zero when neither is known.
    pub limit: u64,
    /// True when `maxmemory` is set.
    pub bounded: bool,
    /// The memory of the machine; zero when it is not known.
    pub machine: u64,
}

impl Memory {
    /// Returns the used part of the limit; zero without one.
    pub fn share(self) -> f64 {
        if self.limit == 0 {
            0.0
        } else {
            self.used as f64 / self.limit as f64
        }
    }

    /// Reads the answer of INFO.
    pub(crate) fn read(info: &str) -> Self {
        let count = |name| number(info, name).unwrap_or(0u64);
        let (maxmemory, machine) = (count("maxmemory"), count("total_system_memory"));
        Self {
            used: count("used_memory").saturating_sub(count("mem_not_counted_for_evict")),
            limit: match maxmemory {
                0 => share_of(machine),
                maxmemory => maxmemory,
            },
            bounded: maxmemory > 0,
            machine,
        }
    }

    /// Returns the fuller of two nodes; unbounded if one of them is.
    pub(crate) fn fuller(self, other: Self) -> Self {
        let order = (self.share())
            .total_cmp(&other.share())
            .then(self.used.cmp(&other.used));
        Self {
            bounded: self.bounded && other.bounded,
            ..if order.is_lt() { other } else { self }
        }
    }
}

/// Returns the part of a machine's memory that a Redis may fill.
pub fn share_of(machine: u64) -> u64 {
    (machine as f64 * SHARE_OF_MACHINE) as u64
}

impl Hot {
    /// Reads how full the fullest node is.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn memory(&self) -> Result<Memory> {
        let nodes = self.everywhere("INFO", vec![arg("memory")]).await?;
        Ok(nodes
            .into_iter()
            .map(|info| Memory::read(&text(info)))
            .reduce(Memory::fuller)
            .unwrap_or_default())
    }

    /// Sets `maxmemory` of a Redis that is Carrier's own.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Refused` when it is not ours to
    /// set.
    pub async fn limit_memory(&self, bytes: u64) -> Result<()> {
        let args = [arg("SET"), arg("maxmemory"), arg(bytes)];
        self.everywhere("CONFIG", args.to_vec()).await.map(drop)
    }

    /// Lists, of each partition, up to `count` clean chats, those first that would leave first.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn idle_chats(&self, count: usize, lease: Duration) -> Result<Vec<ChatId>> {
        // Whatever a flusher holds is due at the end of its lease.
        let later = (Tick::now().0 / 1000) + lease.as_millis() as i64 + 1000;
        let partitions = Partition::all().map(|partition| {
            let args = [
                arg(due(Kind::Chat, partition)),
                arg(later),
                arg("+inf"),
                arg("LIMIT"),
                arg(0),
                arg(count),
            ];
            self.command("ZRANGEBYSCORE", args.to_vec())
        });
        let found = try_join_all(partitions).await?;
        Ok(found
            .into_iter()
            .flat_map(Value::into_array)
            .filter_map(|id| text(id).parse().ok())
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(used: u64, maxmemory: u64, machine: u64) -> Memory {
        Memory::read(&format!(
            "used_memory:{used}\r\nmem_not_counted_for_evict:10\r\nmaxmemory:{maxmemory}\r\n\
             total_system_memory:{machine}\r\n"
        ))
    }

    #[test]
    fn a_memory_is_full_by_its_limit() {
        let memory = memory(110, 400, 1000);
        assert!((memory.share() - 0.25).abs() < f64::EPSILON);
        assert!(memory.bounded);
    }

    #[test]
    fn without_a_limit_the_machine_counts() {
        let unbounded = memory(310, 0, 1000);
        assert_eq!((unbounded.limit, unbounded.bounded), (600, false));
        assert!((unbounded.share() - 0.5).abs() < f64::EPSILON);
        assert!(memory(310, 0, 0).share().abs() < f64::EPSILON);
    }

    #[test]
    fn of_two_nodes_the_fuller_counts_and_both_must_be_bounded() {
        let (full, empty) = (memory(310, 400, 1000), memory(20, 0, 1000));
        for both in [full.fuller(empty), empty.fuller(full)] {
            assert_eq!((both.used, both.limit, both.bounded), (300, 400, false));
        }
    }
}
