//! Sessions and their tokens.

use std::{fmt, str::FromStr};

use poem_openapi::Object;
use sha2::{Digest, Sha256};

use crate::{Partition, SessionId, Tick, UserId, id::uuid_of_hash};

/// A session token: two hex digits of its user's partition, then 256 random bits in hex.
///
/// Only its SHA-256 is ever stored, and it is never printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token of these random bits for a user.
    pub fn new(user: UserId, random: [u8; 32]) -> Self {
        use fmt::Write;
        let mut text = format!("{:02x}", user.partition().0);
        for byte in random {
            write!(text, "{byte:02x}").expect("a string takes all that is written to it");
        }
        Self(text)
    }

    /// The partition of the user whose session this is.
    pub fn partition(&self) -> Partition {
        Partition(u8::from_str_radix(&self.0[..2], 16).expect("a token is hex digits"))
    }

    /// What is stored of it: SHA-256, in hex.
    pub fn hash(&self) -> String {
        Sha256::digest(&self.0).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The text that the client holds.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The text is not a token of ours.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAToken;

impl FromStr for Token {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 66 && text.bytes().all(hex) { Ok(Self(text.to_owned())) } else { Err(NotAToken) }
    }
}

/// A session, as Redis holds it.
#[derive(Clone, Debug)]
pub struct Session {
    /// SHA-256 of the token, in hex: the name of its key.
    pub hash: String,
    /// Whose it is.
    pub user: UserId,
    /// What the client called itself; empty when it did not.
    pub device: String,
    /// When it was opened.
    pub created: Tick,
    /// When it was last used, to within a minute.
    pub seen: Tick,
    /// The `password_rev` it was opened with.
    pub password_rev: Tick,
    /// When it ends unless it is used.
    pub expires: Tick,
}

impl Session {
    /// Its id, which tells nothing about the token.
    pub fn id(&self) -> SessionId {
        session_id(&self.hash)
    }
}

fn session_id(hash: &str) -> SessionId {
    SessionId(uuid_of_hash(&Sha256::digest(hash).into()))
}

/// A session, as its owner sees it.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SessionView {
    /// For `DELETE /v1/auth/sessions/{id}`.
    pub id: SessionId,
    /// What the client called itself at login.
    pub device: Option<String>,
    /// True for the session that asks.
    pub current: bool,
    /// RFC 3339 in UTC.
    pub created_at: String,
    /// RFC 3339 in UTC, to within a minute.
    pub last_seen_at: String,
    /// RFC 3339 in UTC; slides with use.
    pub expires_at: String,
}

impl SessionView {
    /// `current` is the hash of the token that asks.
    pub fn new(session: Session, current: &str) -> Self {
        Self {
            id: session.id(),
            current: session.hash == current,
            device: (!session.device.is_empty()).then_some(session.device),
            created_at: session.created.rfc3339(),
            last_seen_at: session.seen.rfc3339(),
            expires_at: session.expires.rfc3339(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_the_wire_and_nothing_else_passes_for_one() {
        let user = UserId::new();
        let token = Token::new(user, [7; 32]);
        assert_eq!(token.reveal().parse(), Ok(token.clone()));
        assert_eq!(token.partition(), user.partition());
        assert_eq!(token.hash().len(), 64);
        for wrong in ["", "zz", &"0".repeat(65), &"0".repeat(67), &"G".repeat(66), &"A".repeat(66)] {
            assert_eq!(wrong.parse::<Token>(), Err(NotAToken), "{wrong}");
        }
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
