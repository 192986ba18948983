//! A user: the row that is stored, and what is shown of it.

use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use crate::{Tick, UserId};

/// A user's row, as Redis and SQL hold it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Never changes.
    pub id: UserId,
    /// As the user writes it; unique when folded.
    pub username: String,
    /// As the user writes it; unique when folded.
    pub email: String,
    /// 1..=64 characters.
    pub display_name: String,
    /// Empty when there is none.
    pub bio: String,
    /// The name of their picture: a SHA-256 in hex; empty when they have none.
    pub avatar: String,
    /// argon2id in PHC form, or the original Carrier's unsalted SHA-256 in hex.
    pub password: String,
    /// When the password was last set; a session made with an older one is void.
    pub password_rev: Tick,
    /// When the account was made.
    pub created: Tick,
    /// When it was erased, or `NEVER`: then nothing else is left of it.
    pub erased: Tick,
    /// The tick of the last change of this row.
    pub rev: Tick,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("username", &self.username).field("rev", &self.rev).finish_non_exhaustive()
    }
}

/// My own account.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Account {
    /// Never changes.
    pub id: UserId,
    /// Unique whatever its case.
    pub username: String,
    /// Unique whatever its case; shown to nobody else.
    pub email: String,
    /// What others see.
    pub display_name: String,
    /// A few words about me.
    pub bio: Option<String>,
    /// Where my picture is; it changes with the picture.
    pub avatar_url: Option<String>,
    /// RFC 3339 in UTC.
    pub created_at: String,
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            email: user.email,
            display_name: user.display_name,
            avatar_url: avatar_url(&format!("/v1/users/{}", user.id), &user.avatar),
            bio: some(user.bio),
            created_at: user.created.rfc3339(),
        }
    }
}

/// What anybody who is logged in may see of a user.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Profile {
    /// Never changes.
    pub id: UserId,
    /// Unique whatever its case.
    pub username: String,
    /// What to call them.
    pub display_name: String,
    /// A few words about them.
    pub bio: Option<String>,
    /// Where their picture is; it changes with the picture.
    pub avatar_url: Option<String>,
    /// RFC 3339 in UTC.
    pub created_at: String,
}

impl From<User> for Profile {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            display_name: user.display_name,
            avatar_url: avatar_url(&format!("/v1/users/{}", user.id), &user.avatar),
            bio: some(user.bio),
            created_at: user.created.rfc3339(),
        }
    }
}

/// Where the picture of what is at `path` is: with the beginning of its hash, so that it may be kept for ever.
pub(crate) fn avatar_url(path: &str, hash: &str) -> Option<String> {
    Some(format!("{path}/avatar?v={}", hash.get(..12)?))
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
