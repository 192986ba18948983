//! Keys of the server's API, which the backend of another product holds.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{KeyId, ParseError, Tick};

/// The beginning of every key, by which a scanner of secrets knows one.
const PREFIX: &str = "ck_";

/// A key of the API: `ck_`, its id as 32 hex digits, then 256 random bits in hex.
///
/// Only its SHA-256 is ever stored, and `Debug` never prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The id of the key, which is no secret.
    pub id: KeyId,
    text: String,
}

impl ApiKey {
    /// Makes a new key of these random bits.
    pub fn new(random: [u8; 32]) -> Self {
        let id = KeyId::new();
        let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("{PREFIX}{}{secret}", id.0.simple());
        Self { id, text }
    }

    /// Returns what is stored of the key: its SHA-256, in hex.
    pub fn hash(&self) -> String {
        Sha256::digest(&self.text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Returns the text that the product's backend holds.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// True for a text that wants to be a key, and not the token of a session.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({})", self.id)
    }
}

impl FromStr for ApiKey {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let parsed = text
            .strip_prefix(PREFIX)
            .filter(|rest| rest.len() == 96 && rest.bytes().all(hex))
            .and_then(|rest| Uuid::try_parse(&rest[..32]).ok());
        let id = parsed.ok_or(ParseError("`ck_` and 96 hex digits in lower case"))?;
        Ok(Self {
            id: KeyId(id),
            text: text.to_owned(),
        })
    }
}

/// A part of the API that a key may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Enum))]
#[cfg_attr(feature = "openapi", oai(rename_all = "lowercase"))]
pub enum Scope {
    /// Accounts: to make, change, disable and erase them, and to open sessions for them.
    Users,
    /// Chats and their members, in the name of a user.
    Chats,
    /// Messages, receipts, reactions and files, in the name of a user.
    Messages,
    /// Webhooks: to make, show and delete them.
    Webhooks,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::Users, Self::Chats, Self::Messages, Self::Webhooks];
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Users => "users",
            Self::Chats => "chats",
            Self::Messages => "messages",
            Self::Webhooks => "webhooks",
        })
    }
}

impl FromStr for Scope {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let is_it = |scope: &Self| scope.to_string() == text;
        let found = Self::ALL.into_iter().find(is_it);
        found.ok_or(ParseError("`users`, `chats`, `messages` or `webhooks`"))
    }
}

/// A key, as both stores hold it: the value of a private row of [`crate::UserId::SERVER`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The name by which an operator knows the key.
    pub name: String,
    /// The parts of the API that it may use, in order.
    pub scopes: Vec<Scope>,
    /// The SHA-256 of the key, in hex.
    pub hash: String,
    /// The tick at which it was made.
    pub created: Tick,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_the_wire_and_nothing_else_passes_for_one() {
        let key = ApiKey::new([7; 32]);
        assert_eq!(key.reveal().parse(), Ok(key.clone()));
        assert!(ApiKey::is_meant(key.reveal()));
        assert_eq!(key.hash().len(), 64);
        let rest = &key.reveal()[3..];
        for wrong in [
            "",
            "ck_",
            rest,
            &format!("ck_{rest}0"),
            &format!("ck_{}", &rest[1..]),
            &format!("ck_{}", rest.to_uppercase()),
        ] {
            assert!(wrong.parse::<ApiKey>().is_err(), "{wrong}");
        }
        let shown = format!("{key:?}");
        assert!(!shown.contains(&rest[32..]), "{shown}");
    }

    #[test]
    fn a_scope_is_read_as_it_is_written() {
        for scope in Scope::ALL {
            assert_eq!(scope.to_string().parse(), Ok(scope));
            let json = serde_json::to_string(&scope).expect("a word");
            assert_eq!(json, format!("\"{scope}\""));
        }
        assert!("all".parse::<Scope>().is_err());
    }
}
