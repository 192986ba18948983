//! Waiting for a condition instead of for a time.

use std::time::{Duration, Instant};

/// What a condition may answer: `bool`, or `Option` with what was waited for.
pub trait Settles {
    /// What there is when it holds.
    type Value;
    /// `None`: not yet.
    fn settled(self) -> Option<Self::Value>;
}

impl Settles for bool {
    type Value = ();
    fn settled(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Settles for Option<T> {
    type Value = T;
    fn settled(self) -> Self {
        self
    }
}

/// Asks until the answer is `true` or `Some`; panics with `what` after `deadline`.
pub async fn eventually<S: Settles>(deadline: Duration, what: &str, mut check: impl AsyncFnMut() -> S) -> S::Value {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = check().await.settled() {
            return value;
        }
        assert!(Instant::now() < end, "waited {deadline:?} in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
