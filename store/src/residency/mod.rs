//! Residency in Redis, and calls that survive its absence. Uses no other wing.

/// Chats that may leave Redis before their time is up.
mod early_expiry;
/// Loads chats and users from SQL into Redis.
mod hydrate;
/// Rows that belong to one user alone, wherever they are.
mod private_rows;
/// Answers a refusal of Redis: hydrates, or turns it into an error.
mod resolve;
/// Repeats idempotent calls while Redis does not answer.
mod retry;

pub(crate) use hydrate::HydrationOutcome;
pub(crate) use retry::retry;
