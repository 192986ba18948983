//! The ear of this process for all that scripts publish to every API.

use std::time::Duration;

use tokio::time::Instant;

/// The age of the newest proof from which nothing counts as heard.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);

/// The ear of this process for all that scripts publish to every API: it hears nothing before it
/// listens, nor once some may have been lost, nor when the connection has not proved for
/// [`SILENCE`] that it still hears.
#[derive(Default)]
pub(crate) struct Hearing {
    listens: bool,
    proof: Option<Instant>,
}

impl Hearing {
    /// Returns true while it listens; whether it hears is proved later.
    pub(crate) fn listens(&self) -> bool {
        self.listens
    }

    /// Returns true while all is heard that is more than [`SILENCE`] ago.
    pub(crate) fn holds(&self) -> bool {
        self.listens && self.proof.is_some_and(|proof| proof.elapsed() < SILENCE)
    }

    /// Notes that it listens, or that some may be lost.
    pub(crate) fn listen(&mut self, listens: bool) {
        self.listens = listens;
    }

    /// Notes that all from before a moment was heard.
    pub(crate) fn prove(&mut self, asked: Instant) {
        self.proof = self.proof.max(Some(asked));
    }
}
