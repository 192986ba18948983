//! Answers, and problems. May use `state`; nothing of `request` or above.

/// The cookie that holds the session of our own page.
pub(crate) mod cookie;
/// Files on their way out, whole or in part.
pub(crate) mod download;
/// Marks on the answers of writes, which say how durable the write must be.
pub(crate) mod durable;
/// Compression of texts.
pub(crate) mod gzip;
/// The empty answer.
pub(crate) mod no_content;
/// Every error, as RFC 9457 `application/problem+json`.
pub(crate) mod problem;
/// JSON that is text already, documented as the type it is of.
pub(crate) mod raw_json;
/// Pages that stay the same while the process runs.
pub(crate) mod static_page;
