//! Accounts and what belongs to a person. May use `residency`, `notify` and `safety`; no chats.

/// An account: registration, its row, its password.
mod account;
/// Keys of the API, which belong to the server itself.
mod api_key;
/// Blocks between two users.
mod block;
/// Pages of people by the beginning of a name, or by their ids.
mod directory;
/// Users of another product, by the ids that they have there.
mod external;
/// Limits for requests without a session.
mod limit;
/// Unique names: who has one, and claims.
mod name;
/// The places from which somebody has logged in with a name.
mod origin;
/// Presence: users who are online, shown to those who may know.
mod presence;
/// Logs in, authenticates by a token, logs out.
mod session;
/// Sessions by the token of an identity provider.
mod token;
/// Webhooks, which belong to the server itself.
mod webhook;

pub(crate) use crate::password::random;
pub use directory::DirectoryPlace;
pub(crate) use directory::FRESH;
pub use external::ExternalProfile;
pub(crate) use name::has_name;
pub use session::IssuedToken;
pub use token::{MAX_LEEWAY, ProviderToken, TOKEN_LIFE};
pub(crate) use webhook::read_webhook;
pub use webhook::{NewWebhook, WEBHOOKS_KNOWN_FOR};
