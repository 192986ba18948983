//! Opaque cursors, which say where the next page begins, and the length of a page.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::response::problem::Problem;

/// Returns the cursor of a place.
pub(crate) fn write(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(place)
}

/// Returns the place of a cursor, parsed by `read`.
///
/// # Errors
/// 400 when the text is not a cursor of ours.
pub(crate) fn read<T>(cursor: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Problem> {
    let text = URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| read(&text))
        .ok_or_else(|| Problem::malformed("cursor must be the `next` of the previous page"))
}

/// Returns the length of a page: 50 unless it is given.
///
/// # Errors
/// 400 unless it is 1 to 100.
pub(crate) fn limit(given: Option<usize>) -> Result<usize, Problem> {
    match given.unwrap_or(50) {
        limit @ 1..=100 => Ok(limit),
        _ => Err(Problem::malformed("limit must be 1 to 100")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_opaque_and_comes_back() {
        let cursor = write("7 of 9");
        assert!(!cursor.contains(' '), "{cursor} can stand in a query");
        let place = read(&cursor, |text| Some(text.to_owned())).expect("a cursor");
        assert_eq!(place, "7 of 9");
    }

    #[test]
    fn a_text_that_is_no_cursor_is_malformed() {
        read("%%", |_| Some(())).expect_err("no base64");
        read(&URL_SAFE_NO_PAD.encode([0xff]), |_| Some(())).expect_err("no UTF-8");
        read(&write("7"), |_| None::<()>).expect_err("no place");
    }

    #[test]
    fn a_page_has_1_to_100_rows_and_50_by_itself() {
        assert_eq!(limit(None).expect("the default"), 50);
        for good in [1, 100] {
            assert_eq!(limit(Some(good)).expect("in bounds"), good);
        }
        for bad in [0, 101] {
            limit(Some(bad)).expect_err("out of bounds");
        }
    }
}
