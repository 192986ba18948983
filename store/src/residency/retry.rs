//! Repeats calls that may or may not have run.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use hot::Error;

/// The waits between tries: about as long as Redis needs to come back on a restart, and less than a
/// client's patience.
const WAITS_MS: [u64; 6] = [20, 50, 100, 250, 500, 1000];

/// The time after the first try from which no other begins: a Redis that hangs costs a command's
/// timeout at each.
const PATIENCE: Duration = Duration::from_secs(5);

/// Repeats an idempotent call while Redis does not answer.
pub(crate) async fn retry<T, F: Future<Output = hot::Result<T>>>(
    call: impl Fn() -> F,
) -> hot::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    for wait in WAITS_MS {
        match call().await {
            Err(Error::Unavailable(error)) if Instant::now() < deadline => {
                tracing::debug!(%error, wait_ms = wait, "Redis did not answer; retrying")
            }
            other => return other,
        }
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    call().await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn only_a_call_without_an_answer_is_repeated() {
        let tries = Cell::new(0);
        let answered = retry(|| {
            tries.set(tries.get() + 1);
            let tried = tries.get();
            async move {
                match tried {
                    3 => Ok(tried),
                    _ => Err(Error::Unavailable(().into())),
                }
            }
        });
        assert_eq!(answered.await.ok(), Some(3));
        let tries = Cell::new(0);
        let refused = retry(|| {
            tries.set(tries.get() + 1);
            async { Err::<(), _>(Error::Hydrating(model::Tick(1))) }
        });
        assert!(refused.await.is_err());
        assert_eq!(tries.get(), 1);
    }
}
