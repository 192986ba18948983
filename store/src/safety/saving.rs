//! Progress of saving to SQL.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cold::Cold;
use hot::{Hot, Kind, Progress};
use model::Tick;

use tokio::sync::Mutex;

use crate::Result;

/// The lag beyond which saving counts as stopped.
pub const MAX_LAG: Duration = Duration::from_secs(60);
/// The time for which an answer is good: however many ask, Redis is asked no more often.
const FRESH: Duration = Duration::from_secs(2);

/// The progress of saving, read when somebody asks. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct SavingWatch(Arc<Mutex<Option<(Instant, Progress)>>>);

impl SavingWatch {
    /// Returns the progress, not older than two seconds.
    pub(crate) async fn progress(&self, hot: &Hot) -> Result<Progress> {
        let mut last = self.0.lock().await;
        if let Some((_, progress)) = last.filter(|(at, _)| at.elapsed() < FRESH) {
            return Ok(progress);
        }
        let progress = hot.progress().await?;
        *last = Some((Instant::now(), progress));
        Ok(progress)
    }
}

/// Returns true when SQL answers, and no row has been due to be saved for longer than `behind`, as
/// of `now` by Redis' clock.
pub(crate) async fn is_saving(hot: &Hot, cold: &Cold, now: Tick, behind: Duration) -> Result<bool> {
    cold.ping().await?;
    let limit = now.earlier(behind).0 / 1000;
    for kind in [Kind::Chat, Kind::User] {
        if hot
            .first_due(kind)
            .await?
            .iter()
            .any(|(_, due)| *due < limit)
        {
            return Ok(false);
        }
    }
    Ok(true)
}
