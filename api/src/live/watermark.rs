//! The watermark: the tick up to which everything was sent to all who are connected.

use std::{sync::atomic::Ordering, time::Duration};

use model::Tick;
use store::CHANGE_MARGIN;
use tokio::time::MissedTickBehavior;

use super::Hub;

/// The time between two looks at the watermark, and at who is online.
const INTERVAL: Duration = Duration::from_secs(5);
/// The silence on our own channel after which Redis is taken not to deliver to us any more.
const SILENCE: Duration = Duration::from_secs(20);
/// The age of a chat or user that is due to be saved from which saving counts as stuck.
const STUCK: Duration = Duration::from_secs(30);

impl Hub {
    /// Returns the tick up to which everything was sent to all who are connected.
    pub(super) fn watermark(&self) -> Tick {
        Tick(self.0.watermark.load(Ordering::Relaxed))
    }

    /// Advances the watermark, and looks who is online, until the API closes.
    pub(super) async fn keep_watermark(self) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.0.closing.cancelled() => return,
            }
            match self.next_watermark().await {
                Ok(Some(watermark)) => {
                    self.0.watermark.fetch_max(watermark.0, Ordering::Relaxed);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(%error, "could not advance the watermark; cursors stand still");
                }
            }
            self.check_presences().await;
        }
    }

    /// Returns the tick up to which everything was sent by now, or `None` while that is not known.
    ///
    /// A change whose API died before it notified the members is sent when the change is saved; so
    /// while nothing is saved, the watermark stands still.
    async fn next_watermark(&self) -> store::Result<Option<Tick>> {
        let store = &self.0.store;
        let now = store.now().await?;
        store
            .publish(self.0.instance, now.to_string().into())
            .await?;
        let heard = Tick(self.0.heard.load(Ordering::Relaxed));
        if heard < now.earlier(SILENCE) {
            self.listen_elsewhere().await;
        }
        if self.0.recovering.load(Ordering::Relaxed) {
            return Ok(None);
        }
        Ok(store
            .is_saving(now, STUCK)
            .await?
            .then(|| now.min(heard).earlier(CHANGE_MARGIN)))
    }

    /// Leaves a Redis that does not deliver what is published, and looks up what was missed: it may
    /// be a primary that another has replaced without its knowledge.
    async fn listen_elsewhere(&self) {
        tracing::warn!("Redis delivers no notification any more; connecting to it again");
        match tokio::time::timeout(INTERVAL, self.0.inboxes.reconnect()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "could not connect again; retrying"),
            Err(_) => tracing::debug!("still connecting again"),
        }
        self.recover();
    }
}
