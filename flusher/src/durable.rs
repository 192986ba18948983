//! Durable first: SQL must never learn what Redis could still forget.

use std::time::Duration;

use hot::{Fence, Guarantee, Hot, Mark};

use crate::Error;

/// `everysec` is late by two seconds at the most.
const EVERYSEC: Duration = Duration::from_secs(2);

/// How it is made sure that what a snapshot shows is safe.
#[derive(Clone)]
pub(crate) struct Durable {
    /// Rows younger than this are left for later, where Redis cannot tell what is on disk.
    pub(crate) age: Duration,
    fence: Fence,
}

impl Durable {
    pub(crate) async fn detect(hot: &Hot) -> Result<Self, Error> {
        let facts = hot.facts().await?;
        // Without an AOF nothing ever is on disk, and there is nothing to wait for.
        let already = facts.fsyncs_always() || facts.aof == Some(false);
        let guarantee = Guarantee { disk: !already && facts.wait_aof, replica: facts.replicas > 0 };
        let age = if already || guarantee.disk { Duration::ZERO } else { EVERYSEC };
        tracing::info!(
            waits_for_disk = guarantee.disk,
            waits_for_replica = guarantee.replica,
            age_ms = age.as_millis() as u64,
            "durable first"
        );
        Ok(Self { age, fence: Fence::start(hot, guarantee).await? })
    }

    /// To be made before snapshots.
    pub(crate) fn mark(&self) -> Mark {
        self.fence.mark()
    }

    /// Waits until all that snapshots have shown since the mark is safe, on the Redis that showed it.
    pub(crate) async fn wait(&self, since: Mark) -> Result<(), Error> {
        if self.fence.all(since).await { Ok(()) } else { Err(Error::NotDurable) }
    }
}
