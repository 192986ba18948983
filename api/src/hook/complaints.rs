//! Lines in the log about a hook that does not answer as it should: now and then, not of each text.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::Failure;
use crate::config::HookFails;

/// The time between two lines.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// The texts that got no verdict and of which the log has not told yet.
#[derive(Default)]
pub(super) struct Complaints {
    count: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl Complaints {
    /// Counts one more, and tells of all so far if nothing was told for a while.
    pub(super) fn tell(&self, failure: &Failure, fails: HookFails) {
        self.count.fetch_add(1, Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|told| told.elapsed() < TOLD_EVERY) {
            return;
        }
        *told = Some(Instant::now());
        let texts = self.count.swap(0, Relaxed);
        match fails {
            HookFails::Open => tracing::warn!(
                texts,
                reason = %failure,
                "the hook does not answer as it should; texts are stored without its verdict"
            ),
            HookFails::Closed => tracing::warn!(
                texts,
                reason = %failure,
                "the hook does not answer as it should; texts are refused"
            ),
        }
    }
}
