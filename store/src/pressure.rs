//! Back-pressure: what only makes Redis fuller is refused before Redis itself refuses everything, and before too much is not in SQL.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};

use crate::{Error, Result, Store};

/// How often Redis is asked.
const EVERY: Duration = Duration::from_secs(1);
/// From which part of `maxmemory` on Redis counts as full. The rest is for those who log in, read and go.
const FULL: f64 = 0.90;
/// Below which part it does no longer.
const ROOMY: f64 = 0.87;

/// Whether there is room, as it was last seen. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Pressure(Arc<AtomicBool>);

impl Store {
    /// Is there room for more messages, chats and people?
    ///
    /// # Errors
    /// [`Error::NoRoom`]
    pub(crate) fn check_room(&self) -> Result<()> {
        if self.is_full() { Err(Error::NoRoom) } else { Ok(()) }
    }

    /// Is Redis nearly full, or too much unsaved?
    pub fn is_full(&self) -> bool {
        self.pressure.0.load(Relaxed)
    }

    /// Watches how full Redis is, and that at most about `max_unsaved` rows (zero: any number) are only there. It never ends.
    pub async fn watch_room(self, max_unsaved: u64) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (was_full, now) = (self.is_full(), self.room(max_unsaved).await);
            let full = match now {
                Ok(full) => full,
                Err(error) => {
                    tracing::debug!(%error, "how full Redis is, it does not tell");
                    continue;
                }
            };
            if full != was_full {
                self.pressure.0.store(full, Relaxed);
                match full {
                    true => tracing::warn!("Redis is nearly full, or too much is not in SQL yet: sends are refused until there is room"),
                    false => tracing::info!("there is room again"),
                }
            }
        }
    }

    async fn room(&self, max_unsaved: u64) -> Result<bool> {
        let limit = if self.is_full() { ROOMY } else { FULL };
        if self.hot.memory().await?.share() > limit {
            return Ok(true);
        }
        Ok(max_unsaved > 0 && self.hot.unsaved_rows().await? as f64 > max_unsaved as f64 * limit / FULL)
    }
}
