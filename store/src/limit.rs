//! How often somebody without a session may do something.

use hot::{Rate, Verdict};

use crate::{Result, Store, again::again};

impl Store {
    /// `who`, an address or a name, does `what` once more. `None`: it was not counted.
    ///
    /// # Errors
    /// When Redis is away or takes no writes: nobody can register or log in then, and a guess must not be free meanwhile.
    pub async fn limit(&self, what: &str, who: &str, rate: Rate) -> Result<Option<Verdict>> {
        match again(|| self.hot.limit(what, who, rate)).await {
            Err(error) if !error.is_outage() => {
                // Only the limiter is broken. That must not keep everybody out.
                tracing::error!(%error, limit = what, "not limited");
                Ok(None)
            }
            counted => Ok(Some(counted?)),
        }
    }
}
