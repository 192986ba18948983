//! Repeating what may or may not have run.

use std::{future::Future, time::Duration};

use hot::Error;

/// Waits between tries: about as long as Redis needs to come back on a restart, and less than a client's patience.
const WAITS_MS: [u64; 6] = [20, 50, 100, 250, 500, 1000];

/// Tries a call that brings its own idempotency, while nobody answers.
pub(crate) async fn again<T, F: Future<Output = hot::Result<T>>>(call: impl Fn() -> F) -> hot::Result<T> {
    for wait in WAITS_MS {
        match call().await {
            Err(Error::Unavailable(error)) => tracing::debug!(%error, wait_ms = wait, "Redis did not answer; trying again"),
            other => return other,
        }
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    call().await
}
