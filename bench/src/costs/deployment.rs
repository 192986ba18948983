//! Carrier with a view into its Redis: how much is unsaved, and how much memory is used.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hot::Hot;
use tokio::time::sleep;

use crate::{server::Server, sql::Database};

/// The time in which at least some rows must be saved.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time between two looks at what is unsaved.
const LOOK: Duration = Duration::from_millis(250);

/// The part of a processor that servers without anything to do may take.
const QUIET: f64 = 0.2;

/// Carrier, and a connection to its Redis. (`GET /readyz` tells the same, two seconds late.)
pub(crate) struct Deployment {
    pub(crate) server: Server,
    pub(crate) hot: Hot,
}

impl Deployment {
    /// Starts Carrier with a Redis that calls fsync this often.
    pub(crate) async fn start(fsync: &str, database: Option<Database>) -> Result<Self> {
        let server = Server::carrier(fsync, database).await?;
        let hot = Hot::connect(hot::Options::new(&server.redis_url)).await;
        Ok(Self {
            server,
            hot: hot.context("Redis does not let the bench in")?,
        })
    }

    /// Waits until all rows are saved, those of users too.
    pub(crate) async fn until_all_saved(&self) -> Result<()> {
        until_none(async || Ok(self.hot.progress().await?.unsaved_rows), LOOK).await
    }

    /// Waits until all rows of chats are saved, and no process is at work any more: the API may
    /// still tell the members of a group of what was sent.
    pub(crate) async fn until_quiet(&self) -> Result<()> {
        self.until_chats_saved(LOOK).await?;
        let end = Instant::now() + PATIENCE;
        loop {
            let before = self.server.cpu().total();
            sleep(LOOK).await;
            let busy = (self.server.cpu().total() - before) / LOOK.as_micros() as f64;
            if busy <= QUIET {
                return Ok(());
            }
            ensure!(
                Instant::now() < end,
                "a minute after the last answer the servers still take {:.0} % of a processor",
                busy * 100.0
            );
        }
    }

    /// Waits until all rows of chats are saved, with a time between two looks.
    pub(crate) async fn until_chats_saved(&self, look: Duration) -> Result<()> {
        until_none(async || self.unsaved_rows().await, look).await
    }

    /// Returns about how many rows of chats are unsaved.
    pub(crate) async fn unsaved_rows(&self) -> Result<u64> {
        Ok(self.hot.unsaved_rows().await?)
    }

    /// Returns the bytes of Redis' memory in use.
    pub(crate) async fn redis_bytes(&self) -> Result<f64> {
        Ok(self.hot.memory().await?.used as f64)
    }
}

/// Waits until there are no unsaved rows.
async fn until_none(unsaved: impl AsyncFn() -> Result<u64>, look: Duration) -> Result<()> {
    let (mut fewest, mut since) = (u64::MAX, Instant::now());
    loop {
        let unsaved = unsaved().await?;
        if unsaved == 0 {
            return Ok(());
        }
        if unsaved < fewest {
            (fewest, since) = (unsaved, Instant::now());
        }
        ensure!(
            since.elapsed() < PATIENCE,
            "{unsaved} rows are not saved, and within a minute there were no fewer: does the \
             flusher run?"
        );
        sleep(look).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;

    #[tokio::test]
    async fn rows_are_waited_for_until_none_is_unsaved() {
        let left = AtomicU64::new(3);
        let waited = until_none(async || Ok(left.fetch_sub(1, Relaxed)), Duration::ZERO);
        waited.await.expect("they are saved in the end");
        let gone = until_none(async || anyhow::bail!("Redis is gone"), Duration::ZERO);
        gone.await.expect_err("nobody knows");
    }
}
