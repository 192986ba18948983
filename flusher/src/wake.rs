//! The wake-ups of a flusher: on an expiry event, on a timer, at the start, after a reconnect,
//! and when events were lost.

use std::time::Duration;

use futures_util::{FutureExt, future::join_all};
use hot::{ExpiredKey, ExpiryEvents, ExpiryHint, Hot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::Error;

/// Expiry events and a timer, for one flusher.
pub(crate) struct Wake {
    hot: Hot,
    events: ExpiryEvents,
    sweep: Duration,
    next_sweep: Instant,
}

impl Wake {
    /// Subscribes to expiry events. The first wake-up is at once.
    pub(crate) async fn subscribe(hot: &Hot, sweep: Duration) -> Result<Self, Error> {
        let events = ExpiryEvents::subscribe(hot.options()).await?;
        Ok(Self {
            hot: hot.clone(),
            events,
            sweep,
            next_sweep: Instant::now(),
        })
    }

    /// Waits until there may be something to do; false when it is time to stop.
    pub(crate) async fn next(&mut self, shutdown: &CancellationToken) -> bool {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return false,
            // Events come before the timer: when passes take longer than the time between two
            // sweeps, the timer is always up.
            Some(hint) = self.events.next() => self.take_all(hint).await,
            () = sleep_until(self.next_sweep) => {}
        }
        self.next_sweep = Instant::now() + self.sweep;
        true
    }

    /// Makes the next wake-up come at once.
    pub(crate) fn at_once(&mut self) {
        self.next_sweep = Instant::now();
    }

    /// Takes this hint and all that wait behind it: one pass serves them all.
    async fn take_all(&mut self, first: ExpiryHint) {
        let mut hints = vec![first];
        while let Some(Some(hint)) = self.events.next().now_or_never() {
            hints.push(hint);
        }
        join_all(hints.into_iter().map(|hint| self.take(hint))).await;
    }

    /// Makes a chat whose token has expired due now, whatever its score says.
    async fn take(&self, hint: ExpiryHint) {
        if let ExpiryHint::Key(ExpiredKey::Chat(chat)) = hint
            && let Err(error) = self.hot.flush_soon(chat).await
        {
            tracing::debug!(
                %error, chat.id = %chat,
                "could not note an expiry; the next sweep finds the chat"
            );
        }
    }
}
