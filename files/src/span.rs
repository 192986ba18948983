//! The range of a file's bytes that a request asks for.

use std::{ops::Range, str::FromStr};

/// A part of a file, as in the header `Range` (RFC 9110, section 14.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// The bytes of a range, or those of them that the file has.
    Within(Range<u64>),
    /// The bytes from this one to the end.
    From(u64),
    /// The last so many bytes, or all if there are fewer.
    Last(u64),
}

/// An error of reading a text that is not one range of bytes. A server then ignores the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one range of bytes")]
pub struct NotASpan;

impl Span {
    /// Returns the range of these bytes in a file of `size` bytes; `None` when it has none of them.
    pub(crate) fn of(&self, size: u64) -> Option<Range<u64>> {
        let range = match *self {
            Self::Within(Range { start, end }) => start..end.min(size),
            Self::From(start) => start..size,
            Self::Last(count) => size.saturating_sub(count)..size,
        };
        (!range.is_empty()).then_some(range)
    }
}

impl FromStr for Span {
    type Err = NotASpan;

    /// Reads the value of the header: `bytes=0-99`, `bytes=100-`, `bytes=-100`. Several ranges
    /// in one header are not understood, which the RFC allows.
    fn from_str(header: &str) -> Result<Self, NotASpan> {
        let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse::<u64>().map_err(|_| NotASpan),
            false => Err(NotASpan),
        };
        let (first, last) = header
            .strip_prefix("bytes=")
            .and_then(|range| range.trim().split_once('-'))
            .ok_or(NotASpan)?;
        match (first, last) {
            ("", count) => number(count).map(Self::Last),
            (first, "") => number(first).map(Self::From),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                if first <= last {
                    Ok(Self::Within(first..last.saturating_add(1)))
                } else {
                    Err(NotASpan)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_keeps_to_the_bytes_that_there_are() {
        let of_ten = |span: Span| span.of(10);
        assert_eq!(of_ten(Span::Within(0..1)), Some(0..1));
        assert_eq!(of_ten(Span::Within(3..100)), Some(3..10));
        assert_eq!(of_ten(Span::Within(10..11)), None);
        assert_eq!(of_ten(Span::Within(3..3)), None);
        assert_eq!(of_ten(Span::From(9)), Some(9..10));
        assert_eq!(of_ten(Span::From(10)), None);
        assert_eq!(of_ten(Span::Last(3)), Some(7..10));
        assert_eq!(of_ten(Span::Last(11)), Some(0..10));
        assert_eq!(of_ten(Span::Last(0)), None);
    }

    #[test]
    fn the_header_is_read_as_the_rfc_says() {
        assert_eq!("bytes=0-0".parse(), Ok(Span::Within(0..1)));
        assert_eq!("bytes=5-9".parse(), Ok(Span::Within(5..10)));
        assert_eq!("bytes=5-".parse(), Ok(Span::From(5)));
        assert_eq!("bytes=-5".parse(), Ok(Span::Last(5)));
        for wrong in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=9-5",
            "bytes=1-2,4-5",
            "bytes=+1-2",
            "bytes=a-b",
            "items=0-1",
            "bytes=0-99999999999999999999",
        ] {
            assert_eq!(wrong.parse::<Span>(), Err(NotASpan), "{wrong:?}");
        }
    }
}
