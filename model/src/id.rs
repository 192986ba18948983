//! Ids as newtypes, and the partition that each falls into.

use std::{fmt, str::FromStr};

use poem_openapi::NewType;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// One of 256 partitions, the Redis Cluster hash tag of everything that belongs to a chat, a user or a name.
///
/// It is the last byte of the id, which is random in a UUIDv7 and in a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition(pub u8);

impl Partition {
    /// All 256 partitions.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }

    /// The partition of a name, which has no id: the first byte of its SHA-256.
    pub fn of_text(text: &str) -> Self {
        Self(Sha256::digest(text)[0])
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, NewType)]
        #[oai(example = false)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, in order of time (UUIDv7).
            #[allow(clippy::new_without_default)] // an id is made, never defaulted
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// Before all others.
            pub const LOWEST: Self = Self(Uuid::nil());

            /// Where its keys live.
            pub fn partition(self) -> Partition {
                Partition(self.0.as_bytes()[15])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id! {
    /// A user; the id never changes, whatever the name becomes.
    UserId
}
id! {
    /// A chat.
    ChatId
}
id! {
    /// A session; the first 16 bytes of its token's SHA-256, so that nothing but the token's hash need be kept.
    SessionId
}

impl ChatId {
    /// The one direct chat of two people: a hash of both ids (UUIDv8), so it is unique by construction and either of them may open it.
    pub fn direct(a: UserId, b: UserId) -> Self {
        let mut hash = Sha256::new_with_prefix("carrier direct chat");
        hash.update(a.min(b).0);
        hash.update(a.max(b).0);
        Self(uuid_of_hash(&hash.finalize().into()))
    }
}

/// The first 16 bytes of a hash as a UUIDv8 (RFC 9562, section 5.8).
pub(crate) fn uuid_of_hash(hash: &[u8; 32]) -> Uuid {
    let head = hash.first_chunk().expect("a hash of 32 bytes has 16");
    uuid::Builder::from_custom_bytes(*head).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direct_chat_is_the_same_for_both_and_no_other_pair() {
        let (a, b, c) = (UserId::new(), UserId::new(), UserId::new());
        assert_eq!(ChatId::direct(a, b), ChatId::direct(b, a));
        assert_ne!(ChatId::direct(a, b), ChatId::direct(a, c));
        assert_eq!(ChatId::direct(a, b).0.get_version_num(), 8);
    }
}
