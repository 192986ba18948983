//! Extractors and parsers of requests. May use `response` (for problems), `state`, `config`,
//! `identity` and `rate_limit`; nothing above them.

/// Keys of the API: a product's backend, for itself or in the name of a user.
pub(crate) mod api_key;
/// The account that a request turned out to be of.
pub(crate) mod asker;
/// The session of a request: a bearer token, or the cookie of our own page.
pub(crate) mod auth;
/// The budget of cost of each account.
pub(crate) mod budget;
/// The characters of texts: the form in which names are kept, and what shows something.
pub(crate) mod characters;
/// The address of the client, past the proxies that are trusted.
pub(crate) mod client_address;
/// The token of a request, of a session or of the identity provider.
pub(crate) mod credential;
/// Opaque cursors of pages, and the length of a page.
pub(crate) mod cursor;
/// The browser that somebody has logged in with before.
pub(crate) mod device;
/// Ids in paths and queries.
pub(crate) mod ids;
/// Metadata that a client gives.
pub(crate) mod metadata;
/// Fields of a merge patch.
pub(crate) mod patch;
/// Counters of limited actions, and the headers that say how much is left.
pub(crate) mod rate_limits;
/// The log of what was refused.
pub(crate) mod refusals;
/// Usernames that pretend to be of those who run the server.
pub(crate) mod reserved;
/// A file as the body of a request, the only body without a bound.
pub(crate) mod upload;
/// The rules for the texts that people write.
pub(crate) mod validate;
