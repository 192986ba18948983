//! Waiting for a condition instead of for a time.

use std::time::{Duration, Instant};

/// The answer of a condition: `bool`, `Option` with a value that was waited for, or `Result`, which
/// also says why there is none.
pub trait Settles {
    /// The value that there is once the condition holds.
    type Value;
    /// Returns the value, or why the condition does not hold yet, where that is known.
    fn settled(self) -> Result<Self::Value, Option<String>>;
}

impl Settles for bool {
    type Value = ();
    fn settled(self) -> Result<(), Option<String>> {
        self.then_some(()).ok_or(None)
    }
}

impl<T> Settles for Option<T> {
    type Value = T;
    fn settled(self) -> Result<T, Option<String>> {
        self.ok_or(None)
    }
}

impl<T> Settles for Result<T, String> {
    type Value = T;
    fn settled(self) -> Result<T, Option<String>> {
        self.map_err(Some)
    }
}

/// The least time between two checks of a condition.
const PAUSE: Duration = Duration::from_millis(10);
/// The most time between two checks of a condition.
const MAX_PAUSE: Duration = Duration::from_millis(250);
/// The time between two checks, in times of what the last one took: a check that is costly, as one
/// of thousands of keys, must not keep the processors from what it waits for.
const PAUSE_PER_CHECK: u32 = 4;

/// Checks the condition until its answer is `true`, `Some` or `Ok`; panics with `what`, and the
/// last reason, after `deadline`.
pub async fn eventually<S: Settles>(
    deadline: Duration,
    what: &str,
    mut check: impl AsyncFnMut() -> S,
) -> S::Value {
    let end = Instant::now() + deadline;
    loop {
        let began = Instant::now();
        let reason = match check().await.settled() {
            Ok(value) => return value,
            Err(reason) => reason.map_or_else(String::new, |reason| format!(": {reason}")),
        };
        let pause = (began.elapsed() * PAUSE_PER_CHECK).clamp(PAUSE, MAX_PAUSE);
        assert!(
            Instant::now() < end,
            "waited {deadline:?} in vain until {what}{reason}"
        );
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_is_checked_until_it_holds_and_its_value_is_returned() {
        let mut left = 3;
        let value = eventually(Duration::from_secs(10), "three checks", async || {
            left -= 1;
            (left == 0).then_some("here")
        });
        assert_eq!(value.await, "here");
    }

    #[tokio::test]
    #[should_panic(expected = "in vain until it holds")]
    async fn a_condition_that_never_holds_panics_after_the_deadline() {
        eventually(Duration::ZERO, "it holds", async || false).await;
    }

    #[tokio::test]
    #[should_panic(expected = "in vain until it holds: two are missing")]
    async fn a_condition_that_never_holds_says_why() {
        let check = async || Err::<(), _>("two are missing".to_owned());
        eventually(Duration::ZERO, "it holds", check).await;
    }
}
