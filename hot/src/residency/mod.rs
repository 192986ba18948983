//! The ways of a chat or a user into Redis, and out of it before its time. It uses `wire` and
//! `people`.

/// Begins a hydration or a creation, or gives it up.
mod begin;
/// Lets the token of a chat expire before its time.
mod expire_early;
/// Writes all rows of a chat or a user at once.
mod load;
/// The queue of users who just logged in.
mod logins;

pub use begin::HydrationStart;
pub use load::{ChatRows, LoadOutcome};
