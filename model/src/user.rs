//! A user: the row that is stored, and what is shown of it.

use serde::{Deserialize, Serialize};

use crate::{Metadata, Tick, UserId, metadata_json};

/// A user's row, as Redis and SQL hold it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user's id, which never changes.
    pub id: UserId,
    /// The username, as the user writes it; unique when folded.
    pub username: String,
    /// The e-mail address, as the user writes it; unique when folded. Empty when there is none.
    pub email: String,
    /// The id of the user in the product that Carrier is a part of; unique. Empty when there is
    /// none.
    pub external_id: String,
    /// The name that others see: 1 to 64 characters.
    pub display_name: String,
    /// A few words about the user; empty when there are none.
    pub bio: String,
    /// The name of their picture: a SHA-256 in hex; empty when they have none.
    pub avatar: String,
    /// The hash of the password: argon2id in PHC form, or the original Carrier's unsalted SHA-256
    /// in hex.
    pub password: String,
    /// The tick at which the password was last set; a session that was opened with an older one is
    /// void.
    pub password_rev: Tick,
    /// The tick at which the account was made.
    pub created: Tick,
    /// The tick at which the account was erased, or `NEVER`; no more than this is left of an
    /// erased one.
    pub erased: Tick,
    /// The tick at which the account was disabled, or `NEVER`: a disabled one opens no session.
    pub disabled: Tick,
    /// True when other users may find this one by the e-mail address.
    pub found_by_email: bool,
    /// The metadata; `None` when there is none, and never empty.
    pub metadata: Option<Metadata>,
    /// The tick of the last change of this row.
    pub rev: Tick,
}

impl User {
    /// Returns the metadata as both stores hold it: JSON, or `None` when there is none.
    pub fn metadata_json(&self) -> Option<String> {
        self.metadata.as_ref().map(metadata_json)
    }

    /// Reads what [`User::metadata_json`] returned; an empty text is none.
    ///
    /// # Errors
    /// An error of JSON when the text is no object.
    pub fn read_metadata(json: &str) -> serde_json::Result<Option<Metadata>> {
        (!json.is_empty())
            .then(|| serde_json::from_str(json))
            .transpose()
    }
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("username", &self.username)
            .field("rev", &self.rev)
            .finish_non_exhaustive()
    }
}

/// The caller's own account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct Account {
    /// The user's id, which never changes.
    pub id: UserId,
    /// The username, unique whatever its case.
    pub username: String,
    /// The e-mail address, unique whatever its case; no other user sees it. Absent when there is
    /// none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The id of the user in the product that the server is a part of; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The name that others see.
    pub display_name: String,
    /// A few words about the caller; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
    /// The path of the picture; it changes with the picture. Absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// True when other users may find this one by the e-mail address.
    pub found_by_email: bool,
    /// A JSON object that the caller or their product put on the account, and that others see;
    /// absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// The time at which the account was made: RFC 3339 in UTC.
    pub created_at: String,
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            email: some(user.email),
            external_id: some(user.external_id),
            display_name: user.display_name,
            avatar_url: avatar_url(&format!("/v1/users/{}", user.id), &user.avatar),
            bio: some(user.bio),
            found_by_email: user.found_by_email,
            metadata: user.metadata,
            created_at: user.created.rfc3339(),
        }
    }
}

/// A user, as any logged-in user may see them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct Profile {
    /// The user's id, which never changes.
    pub id: UserId,
    /// The username, unique whatever its case.
    pub username: String,
    /// The id of the user in the product that the server is a part of; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The name to show.
    pub display_name: String,
    /// A few words about the user; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
    /// The path of the picture; it changes with the picture. Absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// A JSON object that the user or their product put on the account; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// The time at which the account was made: RFC 3339 in UTC.
    pub created_at: String,
}

impl From<User> for Profile {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            external_id: some(user.external_id),
            display_name: user.display_name,
            avatar_url: avatar_url(&format!("/v1/users/{}", user.id), &user.avatar),
            bio: some(user.bio),
            metadata: user.metadata,
            created_at: user.created.rfc3339(),
        }
    }
}

/// Returns the path of the picture of what is at `path`, with the beginning of its hash, so that it
/// may be cached for ever; `None` when there is no picture.
pub fn avatar_url(path: &str, hash: &str) -> Option<String> {
    Some(format!("{path}/avatar?v={}", hash.get(..12)?))
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_picture_changes_with_the_picture() {
        assert_eq!(avatar_url("/v1/users/u", ""), None);
        assert_eq!(
            avatar_url("/v1/users/u", &"0123456789abcdef".repeat(4)).as_deref(),
            Some("/v1/users/u/avatar?v=0123456789ab")
        );
    }

    #[test]
    fn debug_output_has_no_secret() {
        let user = User {
            id: UserId::new(),
            username: "ann".into(),
            email: "ann@example.org".into(),
            external_id: String::new(),
            display_name: "Ann".into(),
            bio: String::new(),
            avatar: String::new(),
            password: "$argon2id$".into(),
            password_rev: Tick(1),
            created: Tick(1),
            erased: Tick::NEVER,
            disabled: Tick::NEVER,
            found_by_email: false,
            metadata: None,
            rev: Tick(1),
        };
        let shown = format!("{user:?}");
        assert!(
            !shown.contains("argon2id") && !shown.contains("example.org"),
            "{shown}"
        );
        assert_eq!(Profile::from(user).bio, None);
    }
}
