//! When to look: on an expiry event, on a timer, at the start, after a reconnect and when events were lost.

use std::time::Duration;

use futures_util::{FutureExt, future::join_all};
use hot::{Expired, Expiries, Hint, Hot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::Error;

pub(crate) struct Wake {
    hot: Hot,
    events: Expiries,
    sweep: Duration,
    next_sweep: Instant,
}

impl Wake {
    pub(crate) async fn subscribe(hot: &Hot, sweep: Duration) -> Result<Self, Error> {
        let events = Expiries::subscribe(hot.options()).await?;
        Ok(Self { hot: hot.clone(), events, sweep, next_sweep: Instant::now() })
    }

    /// Waits until there may be something to do; false when it is time to stop.
    pub(crate) async fn next(&mut self, shutdown: &CancellationToken) -> bool {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return false,
            // Before the timer: when passes take longer than the time between two sweeps, it is always up.
            Some(hint) = self.events.next() => self.take_all(hint).await,
            () = sleep_until(self.next_sweep) => {}
        }
        self.next_sweep = Instant::now() + self.sweep;
        true
    }

    /// Looks again at once.
    pub(crate) fn again(&mut self) {
        self.next_sweep = Instant::now();
    }

    /// This hint and all that wait behind it: one look serves them all.
    async fn take_all(&mut self, first: Hint) {
        let mut hints = vec![first];
        while let Some(Some(hint)) = self.events.next().now_or_never() {
            hints.push(hint);
        }
        join_all(hints.into_iter().map(|hint| self.take(hint))).await;
    }

    /// A chat whose token has expired is due now, whatever its score says.
    async fn take(&self, hint: Hint) {
        if let Hint::Expired(Expired::Chat(chat)) = hint
            && let Err(error) = self.hot.hasten(chat).await
        {
            tracing::debug!(%error, chat.id = %chat, "an expiry was not noted; the sweep will find it");
        }
    }
}
