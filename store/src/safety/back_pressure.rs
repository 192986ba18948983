//! Back-pressure: writes that only make Redis fuller are refused before Redis itself
//! refuses everything or evicts, and before too many rows are not in SQL.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use hot::{Hot, ServerWatch};
use tokio::time::{MissedTickBehavior, interval};

use crate::{Error, Result};

/// The time between two looks at Redis.
const EVERY: Duration = Duration::from_secs(1);
/// The part of `maxmemory` from which on Redis counts as full. The rest is for logins and reads.
const FULL: f64 = 0.90;
/// The part of `maxmemory` below which a full Redis no longer counts as full.
const ROOMY: f64 = 0.87;

/// True while there is no room, as of the last look. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct BackPressure(Arc<AtomicBool>);

impl BackPressure {
    /// Fails with [`Error::NoRoom`] when there is no room for more messages, chats and people.
    pub(crate) fn check_room(&self) -> Result<()> {
        if self.is_full() {
            Err(Error::NoRoom)
        } else {
            Ok(())
        }
    }

    /// True when Redis is nearly full, or too much is unsaved.
    pub(crate) fn is_full(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// Watches how full Redis is. Never returns.
    pub(crate) async fn watch(&self, hot: &Hot, server: &ServerWatch, max_unsaved: u64) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let was_full = self.is_full();
            let now = self.lacks_room(hot, server, max_unsaved).await;
            let full = match now {
                Ok(full) => full,
                Err(error) => {
                    tracing::debug!(%error, "could not ask Redis how full it is; retrying");
                    continue;
                }
            };
            if full != was_full {
                self.0.store(full, Relaxed);
                match full {
                    true => tracing::warn!(
                        "Redis is nearly full or evicts, or too much is not in SQL yet: \
                         sends are refused until there is room"
                    ),
                    false => tracing::info!("there is room again"),
                }
            }
        }
    }

    /// Returns true when Redis is full, or would evict rows once it is, or too many rows are
    /// unsaved.
    async fn lacks_room(&self, hot: &Hot, server: &ServerWatch, max_unsaved: u64) -> Result<bool> {
        let limit = if self.is_full() { ROOMY } else { FULL };
        let facts = server.facts();
        if facts.evicts() || facts.memory.share() > limit {
            return Ok(true);
        }
        Ok(max_unsaved > 0 && hot.unsaved_rows().await? as f64 > max_unsaved as f64 * limit / FULL)
    }
}
