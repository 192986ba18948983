//! Repeating what may or may not have run.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use hot::Error;

/// Waits between tries: about as long as Redis needs to come back on a restart, and less than a client's patience.
const WAITS_MS: [u64; 6] = [20, 50, 100, 250, 500, 1000];

/// No try begins later than this after the first: a Redis that hangs costs a command's timeout at each.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tries a call that brings its own idempotency, while nobody answers.
pub(crate) async fn again<T, F: Future<Output = hot::Result<T>>>(call: impl Fn() -> F) -> hot::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    for wait in WAITS_MS {
        match call().await {
            Err(Error::Unavailable(error)) if Instant::now() < deadline => {
                tracing::debug!(%error, wait_ms = wait, "Redis did not answer; trying again")
            }
            other => return other,
        }
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    call().await
}
