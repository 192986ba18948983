//! Limits for requests without a session.

use hot::{Rate, RateVerdict};

use crate::{Result, Store, residency::retry};

impl Store {
    /// Counts one more use of `what` by `who`, an address or a name. Returns `None` when it was not
    /// counted.
    ///
    /// # Errors
    /// [`crate::Error::Hot`] when Redis is away or takes no writes: no user can register or log in
    /// then, and a guess of a password must not be free meanwhile.
    pub async fn limit(&self, what: &str, who: &str, rate: Rate) -> Result<Option<RateVerdict>> {
        match retry(|| self.hot.limit(what, who, rate)).await {
            Err(error) if !error.is_outage() => {
                // Only the limiter is broken, which must not keep users out.
                tracing::error!(%error, limit = what, "not limited");
                Ok(None)
            }
            counted => Ok(Some(counted?)),
        }
    }
}
