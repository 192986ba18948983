//! The pace at which frames are read from a WebSocket that no account pays for: control frames, and
//! text frames that are no command or need no session. A flood of them costs whoever sends it more
//! than it costs the server.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The time that a short frame is worth, and so many bytes of a longer one.
const EACH: Duration = Duration::from_millis(50);
const BYTES: usize = 4096;
/// The most that may come at once: a client that was asleep answers all our pings together.
const AT_ONCE: u32 = 100;

/// A pace, by the generic cell rate algorithm (ITU-T I.371).
pub(super) struct Pace {
    /// The time at which a frame is due, if they come evenly.
    due: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            due: Instant::now(),
        }
    }

    /// Counts a frame of so many bytes, and waits until the next may be read.
    pub(super) async fn keep(&mut self, bytes: usize) {
        let worth = 1 + u32::try_from(bytes / BYTES).unwrap_or(u32::MAX);
        self.due = self.due.max(Instant::now()) + EACH * worth;
        sleep_until(self.due - EACH * AT_ONCE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_slowed_and_an_ordinary_client_is_not() {
        let mut pace = Pace::new();
        let began = Instant::now();
        for _ in 0..AT_ONCE {
            pace.keep(2).await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        for _ in 0..1000 {
            pace.keep(2).await;
        }
        let flood = began.elapsed();
        assert!(flood >= EACH * 1000, "{flood:?}");
        tokio::time::advance(EACH * AT_ONCE).await;
        let began = Instant::now();
        for _ in 0..AT_ONCE {
            pace.keep(2).await;
        }
        assert!(
            began.elapsed() <= EACH,
            "rest brings back what may come at once"
        );
        let began = Instant::now();
        for _ in 0..10 {
            pace.keep(256 * 1024).await;
        }
        assert!(began.elapsed() >= EACH * 640, "bytes count");
    }
}
