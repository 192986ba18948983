//! Durability first: SQL must never learn what Redis could still forget.

use hot::{DurabilityBarrier, FsyncWatch, Guarantee, Hot, RedisEpoch, ServerWatch};
use model::Tick;
use tokio::sync::OnceCell;

use crate::Error;

/// The way to make sure that Redis cannot forget what a snapshot shows, under the settings that it
/// has at the time.
#[derive(Clone)]
pub(crate) struct Durable {
    hot: Hot,
    server: ServerWatch,
    /// The watch over fsyncs, from the first time that Redis cannot be made to wait for one.
    fsync_watch: OnceCell<FsyncWatch>,
    barrier: DurabilityBarrier,
}

impl Durable {
    /// Starts the strongest wait that Redis offers.
    pub(crate) async fn start(hot: &Hot, server: &ServerWatch) -> Result<Self, Error> {
        let durable = Self {
            hot: hot.clone(),
            server: server.clone(),
            fsync_watch: OnceCell::new(),
            barrier: DurabilityBarrier::start(hot, server, Guarantee::Best).await?,
        };
        let facts = server.facts();
        tracing::info!(
            fsyncs_always = facts.fsyncs_always(),
            waits_for_disk = facts.wait_aof,
            watches_disk = durable.watches(),
            waits_for_replica = server.awaits_replica(),
            "rows are saved to SQL once they are durable in Redis"
        );
        Ok(durable)
    }

    /// True when Redis is late with the disk and cannot be made to wait for it. (Without an AOF
    /// nothing ever is on disk, and there is nothing to wait for.) Then what is written now may be
    /// forgotten although all that snapshots show is durable.
    pub(crate) fn watches(&self) -> bool {
        let facts = self.server.facts();
        !facts.fsyncs_always() && !facts.wait_aof && facts.aof != Some(false)
    }

    /// Returns the last tick that snapshots may show.
    pub(crate) async fn newest(&self) -> Result<Tick, Error> {
        if !self.watches() {
            return Ok(Tick::LAST);
        }
        let start = async || Ok::<_, Error>(FsyncWatch::start(self.hot.new_connection().await?));
        let fsync_watch = self.fsync_watch.get_or_try_init(start).await?;
        Ok(fsync_watch.until())
    }

    /// Returns the epoch of Redis, to be taken before snapshots.
    pub(crate) fn epoch(&self) -> RedisEpoch {
        self.barrier.epoch()
    }

    /// Waits until all that snapshots have shown since that epoch is durable, on the Redis that
    /// showed it.
    pub(crate) async fn wait(&self, since: RedisEpoch) -> Result<(), Error> {
        if self.barrier.wait_all(since).await {
            Ok(())
        } else {
            Err(Error::NotDurable)
        }
    }
}
