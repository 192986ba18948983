//! Ids as newtypes, and the partition that each falls into.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A number from 0 to 255: the Redis Cluster hash tag of all keys that belong to a chat, a user or
/// a name.
///
/// The partition of an id is its last byte, which is random in a UUIDv7 and in a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition(pub u8);

impl Partition {
    /// Returns all 256 partitions, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }

    /// Returns the partition of a text that has no id, such as a name: the first byte of its
    /// SHA-256.
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
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(poem_openapi::NewType), oai(example = false))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Makes a new id; ids are in order of time (UUIDv7).
            #[allow(clippy::new_without_default)] // an id is made, never defaulted
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// An id before all others.
            pub const LOWEST: Self = Self(Uuid::nil());

            /// Returns the partition in which the keys of the id live.
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
    /// A session; the first 16 bytes of its token's SHA-256, so that nothing but the token's hash
    /// need be kept.
    SessionId
}

id! {
    /// A key of the server's API.
    KeyId
}
id! {
    /// A webhook.
    WebhookId
}

impl UserId {
    /// The account of the server itself, which has no name and no session: its private rows are the
    /// keys of the API. (A UUIDv8, which no user is given.)
    pub const SERVER: Self = Self(Uuid::from_u128(0xca44_1e40_0000_8000_8000_0000_0000_0001));

    /// Makes a new id for the user with this id in another product. Its partition is that of the
    /// other id, so that a token which names that tells where its session is.
    pub fn of_external(external_id: &str) -> Self {
        let mut bytes = Uuid::now_v7().into_bytes();
        bytes[15] = Partition::of_text(external_id).0;
        Self(Uuid::from_bytes(bytes))
    }
}

impl ChatId {
    /// Returns the id of the direct chat of two people, in either order: a hash of both ids
    /// (UUIDv8), so there is only one such chat, and either of them may open it.
    pub fn direct(a: UserId, b: UserId) -> Self {
        let mut hash = Sha256::new_with_prefix("carrier direct chat");
        hash.update(a.min(b).0);
        hash.update(a.max(b).0);
        Self(uuid_of_hash(&hash.finalize().into()))
    }
}

/// Returns the first 16 bytes of a hash as a UUIDv8 (RFC 9562, section 5.8).
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

    #[test]
    fn the_id_of_a_user_of_another_product_has_the_partition_of_the_one_there() {
        let (one, other) = (UserId::of_external("42"), UserId::of_external("42"));
        assert_ne!(one, other);
        assert_eq!(one.partition(), Partition::of_text("42"));
        assert_eq!(one.0.get_version_num(), 7);
    }

    #[test]
    fn the_partition_of_an_id_is_its_last_byte_and_that_of_a_text_the_first_of_its_hash() {
        let id: UserId = "0190a0b0-0000-7000-8000-0000000000a5"
            .parse()
            .expect("an id");
        assert_eq!(id.partition(), Partition(0xa5));
        // FIPS 180-2, appendix B.1.
        assert_eq!(Partition::of_text("abc"), Partition(0xba));
        assert_eq!(Partition::all().count(), 256);
    }
}
