//! Layers that every request passes on its way to its handler and back. May use `request`,
//! `response` and `state`; handlers know nothing of them.

/// Bounds on the answers that are under way.
pub(crate) mod answers;
/// A bound on the body of every request that is not an upload.
pub(crate) mod body_limit;
/// Compression of answers in JSON.
pub(crate) mod compression;
/// The wait of a write for its durability.
pub(crate) mod durability;
/// The log of what was refused.
pub(crate) mod refusals;
/// An id, a bound on the body, a problem for every error, and the headers of the answer.
pub(crate) mod request;
