//! Repeats calls that may or may not have run, and steps that Redis may have forgotten.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use hot::Error;

use crate::Store;

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

/// The number of times that something of several steps is done, while Redis comes and goes.
const LIVES: usize = 5;

impl Store {
    /// Does something that takes several steps, and does it again if Redis may have gone back
    /// between them: it may have the last step then, and not the first. (Under `everysec` a power
    /// cut takes a second; what is acknowledged after it must be there.) Each time `work` is given
    /// the result of the time before.
    ///
    /// # Errors
    /// [`crate::Error::NotDurable`] when Redis does not stay for long enough; and those of `work`.
    pub(crate) async fn in_one_life<T, F>(&self, work: impl Fn(Option<T>) -> F) -> crate::Result<T>
    where
        F: Future<Output = crate::Result<T>>,
    {
        let mut before = None;
        for _ in 0..LIVES {
            let life = self.hot.questions();
            let done = work(before.take()).await;
            let is_outage = matches!(done, Err(crate::Error::Hot(_) | crate::Error::Cold(_)));
            if self.hot.questions() == life || is_outage {
                return done;
            }
            tracing::debug!("Redis may have gone back between two steps; doing them again");
            before = done.ok();
        }
        Err(crate::Error::NotDurable)
    }
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
