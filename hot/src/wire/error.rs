//! The one error of the crate.

use model::{ChatId, Tick};

/// A failed call. The refusals of a script that a caller acts on are not here but in the verb's own
/// result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Redis did not answer. Whether the command ran is unknown: a caller that repeats it must
    /// bring the same idempotency key.
    #[error("Redis did not answer: {0}")]
    Unavailable(fred::error::Error),
    /// Redis has reached `maxmemory`; nothing was written.
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
        /// The answer of Redis.
        error: fred::error::Error,
    },
    /// Redis holds something that Carrier did not write.
    #[error("Redis holds {what} that cannot be read: {detail}")]
    Corrupt {
        /// The record.
        what: &'static str,
        /// The defect.
        detail: String,
    },
    /// Redis has forgotten a commit that SQL has: it went back in time.
    #[error("Redis went back in time: it has forgotten what is saved in SQL")]
    Forgot,
    /// Redis was started again, or went back, and has not been compared with SQL yet; nothing was
    /// done.
    #[error("Redis was started again and is being compared with SQL")]
    Unproven,
    /// A chat or a user that is being loaded by another did not become resident in time.
    #[error("waited in vain for another hydration since {0}")]
    Hydrating(Tick),
}

impl Error {
    pub(crate) fn of(verb: &'static str, error: fred::error::Error) -> Self {
        use fred::error::ErrorKind::*;
        // What Redis answers begins with a code in capitals; fred's own words ("Failed to route
        // command.") do not.
        let code = error.details().split(' ').next().unwrap_or_default();
        match (error.kind(), code) {
            (_, "OOM") => Self::Full,
            (IO | Timeout | Canceled | Routing | Cluster | Backpressure, _) => {
                Self::Unavailable(error)
            }
            (
                _,
                "LOADING" | "BUSY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "READONLY"
                | "MISCONF" | "NOREPLICAS",
            ) => Self::Unavailable(error),
            (Unknown, word) if !word.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                Self::Unavailable(error)
            }
            _ => Self::Refused { verb, error },
        }
    }

    /// Returns the chat whose members are to be marked before it changes, and the time by its
    /// clock, if that is why a script did nothing.
    pub(super) fn unmarked(&self) -> Option<(ChatId, Tick)> {
        let Self::Refused { error, .. } = self else {
            return None;
        };
        let mut words = error.details().strip_prefix("MARK ")?.split(' ');
        let (_, chat) = words.next()?.rsplit_once(':')?;
        Some((chat.parse().ok()?, Tick(words.next()?.parse().ok()?)))
    }

    pub(crate) fn corrupt(what: &'static str, detail: impl ToString) -> Self {
        Self::Corrupt {
            what,
            detail: detail.to_string(),
        }
    }

    /// True when Redis answers, and can be read, but takes no writes now.
    pub fn refuses_writes(&self) -> bool {
        match self {
            Self::Full => true,
            Self::Unavailable(error) => ["MISCONF", "NOREPLICAS", "READONLY"]
                .contains(&error.details().split(' ').next().unwrap_or_default()),
            _ => false,
        }
    }

    /// True when the same call may succeed later.
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_)
                | Self::Full
                | Self::Skewed
                | Self::Forgot
                | Self::Unproven
                | Self::Hydrating(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use fred::error::{Error as FredError, ErrorKind};

    use super::*;

    fn of(kind: ErrorKind, details: &str) -> Error {
        Error::of("append", FredError::new(kind, details.to_owned()))
    }

    #[test]
    fn an_outage_may_pass_and_a_refusal_does_not() {
        assert!(matches!(
            of(ErrorKind::Unknown, "OOM command not allowed"),
            Error::Full
        ));
        for (kind, details) in [
            (ErrorKind::IO, "connection reset"),
            (ErrorKind::Timeout, "timed out"),
            (
                ErrorKind::Unknown,
                "LOADING Redis is loading the dataset in memory",
            ),
            (
                ErrorKind::Unknown,
                "MISCONF Redis is configured to save RDB snapshots",
            ),
            (ErrorKind::Unknown, "Failed to route command."),
        ] {
            assert!(of(kind, details).is_outage(), "{details}");
        }
        assert!(!of(ErrorKind::Unknown, "WRONGTYPE Operation against a key").is_outage());
        assert!(!Error::corrupt("a member", "no JSON").is_outage());
    }

    #[test]
    fn an_unmarked_chat_is_named_with_the_time() {
        let chat = ChatId::new();
        let key = format!("MARK chat:{{c7}}:{chat} 1790000000000001");
        let expected = Some((chat, Tick(1_790_000_000_000_001)));
        for end in ["", " script: 0a1b, on @user_script:7."] {
            assert_eq!(
                of(ErrorKind::Unknown, &format!("{key}{end}")).unmarked(),
                expected
            );
        }
        assert_eq!(of(ErrorKind::Unknown, "WRONGTYPE it is").unmarked(), None);
        assert_eq!(Error::Full.unmarked(), None);
    }

    #[test]
    fn a_redis_that_takes_no_writes_still_answers() {
        assert!(Error::Full.refuses_writes());
        assert!(of(ErrorKind::Unknown, "READONLY You can't write").refuses_writes());
        assert!(!of(ErrorKind::IO, "connection reset").refuses_writes());
    }
}
