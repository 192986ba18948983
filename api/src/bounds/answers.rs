//! The requests that an account has under way, and the bytes of the answers that are made for it
//! and not yet sent. What is streamed is not here: it is made as the client takes it.

use std::sync::Arc;

use fair::{Holding, Holdings, Share, Shares};

/// The most requests of an account that are under way, from its session's check to the last byte
/// of the answer.
const REQUESTS: usize = 256;
/// The most bytes of the answers of one account, or of one address without one.
const BYTES: usize = 8 << 20;
/// The most bytes of all answers.
const ALL: usize = 256 << 20;

/// The answers that are under way.
pub(crate) struct Answers {
    requests: Arc<Shares>,
    bytes: Arc<Holdings>,
}

/// The refusal of a request: too many are under way, or their answers are not read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooManyAnswers;

impl Default for Answers {
    fn default() -> Self {
        Self {
            requests: Shares::new(REQUESTS, usize::MAX),
            bytes: Holdings::new(BYTES, ALL),
        }
    }
}

impl Answers {
    /// Takes a place for a request of an account.
    ///
    /// # Errors
    /// [`TooManyAnswers`] when it has as many as it may, or as many bytes.
    pub(crate) fn admit(&self, account: &str) -> Result<Share, TooManyAnswers> {
        self.check(account)?;
        self.requests.take(account, 1).ok_or(TooManyAnswers)
    }

    /// Checks that an account or address may have more bytes.
    ///
    /// # Errors
    /// [`TooManyAnswers`] when it may not.
    pub(crate) fn check(&self, who: &str) -> Result<(), TooManyAnswers> {
        match self.bytes.is_full(who) {
            true => Err(TooManyAnswers),
            false => Ok(()),
        }
    }

    /// Holds the bytes of an answer. One that is larger than all that is allowed counts as that.
    ///
    /// # Errors
    /// [`TooManyAnswers`] when it would be too much.
    pub(crate) fn hold(&self, who: &str, bytes: usize) -> Result<Holding, TooManyAnswers> {
        let holding = self.bytes.begin(who);
        match holding.grow(bytes.min(BYTES)) {
            true => Ok(holding),
            false => Err(TooManyAnswers),
        }
    }

    /// Holds the bytes of the answer to a write: it is done, and that must be told.
    pub(crate) fn hold_anyway(&self, who: &str, bytes: usize) -> Holding {
        let holding = self.bytes.begin(who);
        if !holding.grow(bytes) {
            holding.charge(bytes);
        }
        holding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_so_many_requests_and_bytes_and_others_have_their_own() {
        let answers = Answers::default();
        let places: Vec<_> = (0..REQUESTS).map(|_| answers.admit("ann")).collect();
        assert!(places.iter().all(Result::is_ok));
        assert!(answers.admit("ann").is_err() && answers.admit("bob").is_ok());
        drop(places);
        assert!(answers.admit("ann").is_ok());

        let large = answers.hold("ann", 2 * BYTES).expect("the only one");
        assert!(answers.hold("ann", 1).is_err() && answers.admit("ann").is_err());
        assert!(answers.hold("bob", 1).is_ok() && answers.admit("bob").is_ok());
        drop(large);
        let told = answers.hold_anyway("ann", BYTES + 1);
        assert!(answers.check("ann").is_err(), "what is told counts too");
        drop(told);
        assert!(answers.admit("ann").is_ok());
    }
}
