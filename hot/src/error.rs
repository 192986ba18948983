//! What can go wrong between us and Redis.

use model::Tick;

/// Why a call failed. The refusals of a script that a caller acts on are not here but in the verb's own result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer. Whether the command ran is unknown: whoever repeats it must bring the same idempotency key.
    #[error("Redis did not answer: {0}")]
    Unavailable(fred::error::Error),
    /// `maxmemory` is reached; nothing was written.
    #[error("Redis is out of memory")]
    Full,
    /// Redis and this machine disagree about the time by more than a minute; nothing was written.
    #[error("the clocks of Redis and of this machine differ by more than a minute")]
    Skewed,
    /// Redis refused the command.
    #[error("Redis refused {verb}: {error}")]
    Refused {
        /// The verb or command.
        verb: &'static str,
        /// What it said.
        error: fred::error::Error,
    },
    /// Redis holds something that Carrier did not write.
    #[error("Redis holds {what} that cannot be read: {detail}")]
    Corrupt {
        /// Which record.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// A chat or a user that is being loaded by another did not become resident in time.
    #[error("waited in vain for another hydration since {0}")]
    Hydrating(Tick),
}

impl Error {
    pub(crate) fn of(verb: &'static str, error: fred::error::Error) -> Self {
        use fred::error::ErrorKind::*;
        // What Redis answers begins with a code in capitals; fred's own words ("Failed to route command.") do not.
        let code = error.details().split(' ').next().unwrap_or_default();
        match (error.kind(), code) {
            (_, "OOM") => Self::Full,
            (IO | Timeout | Canceled | Routing | Cluster | Backpressure, _) => Self::Unavailable(error),
            (_, "LOADING" | "BUSY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "READONLY" | "MISCONF" | "NOREPLICAS") => {
                Self::Unavailable(error)
            }
            (Unknown, word) if !word.bytes().all(|byte| byte.is_ascii_uppercase()) => Self::Unavailable(error),
            _ => Self::Refused { verb, error },
        }
    }

    pub(crate) fn corrupt(what: &'static str, detail: impl ToString) -> Self {
        Self::Corrupt { what, detail: detail.to_string() }
    }

    /// True when Redis answers, and can be read, but takes no writes now.
    pub fn refuses_writes(&self) -> bool {
        match self {
            Self::Full => true,
            Self::Unavailable(error) => {
                ["MISCONF", "NOREPLICAS", "READONLY"].contains(&error.details().split(' ').next().unwrap_or_default())
            }
            _ => false,
        }
    }

    /// True when the same call may succeed later.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full | Self::Skewed | Self::Hydrating(_))
    }
}
