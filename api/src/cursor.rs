//! Opaque cursors: where the next page begins.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::problem::Problem;

pub(crate) fn write(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(place)
}

/// The place of a cursor, read by `read`.
pub(crate) fn read<T>(cursor: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Problem> {
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| read(&text)).ok_or_else(|| Problem::malformed("cursor must be `next` of the page before"))
}

/// How long a page of a list is.
pub(crate) fn limit(given: Option<usize>) -> Result<usize, Problem> {
    match given.unwrap_or(50) {
        limit @ 1..=100 => Ok(limit),
        _ => Err(Problem::malformed("limit must be 1 to 100")),
    }
}
