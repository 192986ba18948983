//! The reasons for which a script does nothing, where its caller can act on them.

use super::{Error, Reply, Result};

/// A reason for which a script did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The chat or user is not resident: hydrate it and retry.
    Cold,
    /// The user is not a member.
    Forbidden,
    /// The other of a direct chat blocks the user.
    Blocked,
    /// The user may not mention all: the chat has no others.
    NoGroup,
    /// The user may not mention all: the group is too large for a mere member.
    Crowd,
}

/// Reads the refusal of a reply.
pub(crate) fn refusal<T>(reply: &Reply) -> Result<std::result::Result<T, Refusal>> {
    match reply.word() {
        "COLD" => Ok(Err(Refusal::Cold)),
        "FORBIDDEN" => Ok(Err(Refusal::Forbidden)),
        "BLOCKED" => Ok(Err(Refusal::Blocked)),
        "NO_GROUP" => Ok(Err(Refusal::NoGroup)),
        "CROWD" => Ok(Err(Refusal::Crowd)),
        "SKEW" => Err(Error::Skewed),
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use fred::types::Value;

    use super::*;

    fn read(word: &str) -> Result<std::result::Result<(), Refusal>> {
        refusal(&Reply::new("view", Value::Array(vec![word.into()])))
    }

    #[test]
    fn a_word_is_a_refusal_or_an_error() {
        for (word, expected) in [
            ("COLD", Refusal::Cold),
            ("FORBIDDEN", Refusal::Forbidden),
            ("BLOCKED", Refusal::Blocked),
            ("NO_GROUP", Refusal::NoGroup),
            ("CROWD", Refusal::Crowd),
        ] {
            assert_eq!(read(word).expect("a refusal"), Err(expected));
        }
        assert!(matches!(read("SKEW"), Err(Error::Skewed)));
        assert!(matches!(read("PERHAPS"), Err(Error::Corrupt { .. })));
    }
}
