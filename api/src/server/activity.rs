//! How long a connection has had nothing to do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// The longest time until the head of a connection's first request is here.
const FIRST: Duration = Duration::from_secs(30);
/// The longest time from the end of a request until the head of the next is here: proxies keep
/// idle connections for 60 s, and must not find one closed.
const NEXT: Duration = Duration::from_secs(90);

/// The requests of a connection, and when anything last happened to one.
pub(super) struct Activity {
    opened: Instant,
    /// The longest time in which no part of any response is taken by the client.
    patience: Duration,
    requests: AtomicUsize,
    in_flight: AtomicUsize,
    /// Milliseconds since the connection was opened.
    last: AtomicU64,
}

impl Activity {
    /// Returns that of a connection that was opened now.
    pub(super) fn new(patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            patience,
            requests: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            last: AtomicU64::new(0),
        })
    }

    /// Notes the beginning of a request, which ends when the value is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.requests.fetch_add(1, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
        self.touch();
        InFlight(Arc::clone(self))
    }

    /// Waits until nothing has happened for too long: no request came, or no response was taken.
    pub(super) async fn until_silent(&self) {
        loop {
            let last = self.opened + Duration::from_millis(self.last.load(Relaxed));
            let end = last + self.allowance();
            if Instant::now() >= end {
                return;
            }
            sleep_until(end).await;
        }
    }

    fn allowance(&self) -> Duration {
        if self.in_flight.load(Relaxed) > 0 {
            self.patience
        } else if self.requests.load(Relaxed) > 0 {
            NEXT
        } else {
            FIRST
        }
    }

    fn touch(&self) {
        let now = self.opened.elapsed().as_millis();
        self.last
            .store(u64::try_from(now).unwrap_or(u64::MAX), Relaxed);
    }
}

/// The progress of a request whose body takes long to come: each part of it counts.
#[derive(Clone)]
pub(crate) struct Progress(Arc<Activity>);

impl Progress {
    /// Notes that a part of the body came.
    pub(crate) fn note(&self) {
        self.0.touch();
    }
}

/// A request, from its head to the last byte of its response.
pub(super) struct InFlight(Arc<Activity>);

impl InFlight {
    /// Returns the handle by which the progress of its body is noted.
    pub(super) fn progress(&self) -> Progress {
        Progress(Arc::clone(&self.0))
    }

    /// Notes that a part of the response was sent.
    pub(super) fn touch(&self) {
        self.0.touch();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.touch();
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(300);

    /// Returns after how long a connection is silent.
    async fn silent_after(activity: &Activity) -> Duration {
        let begun = Instant::now();
        activity.until_silent().await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_waits_for_its_first_request_for_its_next_and_for_the_reader() {
        let activity = Activity::new(PATIENCE);
        assert_eq!(silent_after(&activity).await, FIRST);
        let request = activity.begin();
        assert_eq!(silent_after(&activity).await, PATIENCE);
        drop(request);
        assert_eq!(silent_after(&activity).await, NEXT);
    }

    #[tokio::test(start_paused = true)]
    async fn what_happens_meanwhile_counts() {
        let activity = Activity::new(PATIENCE);
        let waiting = tokio::spawn({
            let activity = Arc::clone(&activity);
            async move { silent_after(&activity).await }
        });
        tokio::time::sleep(FIRST / 2).await;
        drop(activity.begin());
        assert_eq!(waiting.await.expect("no panic"), FIRST / 2 + NEXT);
    }
}
