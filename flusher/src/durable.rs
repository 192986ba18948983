//! Durable first: SQL must never learn what Redis could still forget.

use hot::{Everysec, Fence, Guarantee, Hot, Mark};
use model::Tick;

use crate::Error;

/// How it is made sure that what a snapshot shows is safe.
#[derive(Clone)]
pub(crate) struct Durable {
    /// Where Redis cannot wait until all is on disk.
    everysec: Option<Everysec>,
    fence: Fence,
}

impl Durable {
    pub(crate) async fn detect(hot: &Hot) -> Result<Self, Error> {
        let facts = hot.facts().await?;
        // Without an AOF nothing ever is on disk, and there is nothing to wait for.
        let already = facts.fsyncs_always() || facts.aof == Some(false);
        let guarantee = Guarantee { disk: !already && facts.wait_aof, replica: facts.replicas > 0 };
        let watches = !already && !guarantee.disk;
        let everysec = if watches { Some(Everysec::watch(hot.another().await?)) } else { None };
        tracing::info!(waits_for_disk = guarantee.disk, watches_disk = watches, waits_for_replica = guarantee.replica, "durable first");
        Ok(Self { everysec, fence: Fence::start(hot, guarantee).await? })
    }

    /// The last tick that snapshots may show.
    pub(crate) fn newest(&self) -> Tick {
        self.everysec.as_ref().map_or(Tick::LAST, Everysec::until)
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
