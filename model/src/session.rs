//! Sessions and their tokens.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{ParseError, Partition, SessionId, Tick, UserId, id::uuid_of_hash};

/// A session token: two hex digits of its user's partition, then 256 random bits in hex.
///
/// Only its SHA-256 is ever stored, and `Debug` never prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Makes a token of these random bits for a user.
    pub fn new(user: UserId, random: [u8; 32]) -> Self {
        use fmt::Write;
        let mut text = format!("{:02x}", user.partition().0);
        for byte in random {
            write!(text, "{byte:02x}").expect("a string takes all that is written to it");
        }
        Self(text)
    }

    /// Returns the partition of the user whose session this is.
    pub fn partition(&self) -> Partition {
        Partition(u8::from_str_radix(&self.0[..2], 16).expect("a token is hex digits"))
    }

    /// Returns what is stored of the token: its SHA-256, in hex.
    pub fn hash(&self) -> String {
        Sha256::digest(&self.0)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Returns the text that the client holds.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl FromStr for Token {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 66 && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError("66 hex digits in lower case"))
        }
    }
}

/// A session, as Redis holds it.
#[derive(Clone, Debug)]
pub struct Session {
    /// The SHA-256 of the token, in hex, which is part of the name of its key.
    pub hash: String,
    /// The user who logged in.
    pub user: UserId,
    /// The name that the client gave itself; empty when it gave none.
    pub device: String,
    /// The tick at which it was opened.
    pub created: Tick,
    /// The tick at which it was last used, to within a minute.
    pub seen: Tick,
    /// The user's `password_rev` when it was opened.
    pub password_rev: Tick,
    /// The tick at which it ends: for good, or unless it is used.
    pub expires: Tick,
    /// The tick at which the token of an identity provider that opened it was issued, at the
    /// earliest; `NEVER` for a session with a token of our own.
    pub issued: Tick,
}

impl Session {
    /// Returns the session's id, which tells nothing about the token.
    pub fn id(&self) -> SessionId {
        session_id(&self.hash)
    }
}

fn session_id(hash: &str) -> SessionId {
    SessionId(uuid_of_hash(&Sha256::digest(hash).into()))
}

/// A session, as its owner sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct SessionView {
    /// The id, for `DELETE /v1/auth/sessions/{id}`.
    pub id: SessionId,
    /// The name that the client gave itself at login, or the host of the identity provider whose
    /// token opened it; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// True for the session of the request.
    pub current: bool,
    /// The time of the login: RFC 3339 in UTC.
    pub created_at: String,
    /// The time of its last use, to within a minute: RFC 3339 in UTC.
    pub last_seen_at: String,
    /// The time at which it ends unless it is used before, or for good if it was opened for a time:
    /// RFC 3339 in UTC.
    pub expires_at: String,
}

impl SessionView {
    /// Makes the view of a session; `current` is the hash of the token of the request.
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
        for wrong in [
            "",
            "zz",
            &"0".repeat(65),
            &"0".repeat(67),
            &"G".repeat(66),
            &"A".repeat(66),
        ] {
            assert!(wrong.parse::<Token>().is_err(), "{wrong}");
        }
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
