//! Does saving go on?

use std::time::Duration;

use hot::Kind;
use model::Tick;

use crate::{Result, Store};

impl Store {
    /// SQL answers, and nothing has been due to be saved for longer than `behind`, as of `now` by Redis' clock.
    pub async fn is_saving(&self, now: Tick, behind: Duration) -> Result<bool> {
        self.cold.ping().await?;
        let limit = now.earlier(behind).0 / 1000;
        for kind in [Kind::Chat, Kind::User] {
            if self.hot.first_due(kind).await?.iter().any(|(_, due)| *due < limit) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
