//! Compression of texts, for clients that take it.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use poem::{Request, http::header};

/// Returns true for a client that takes gzip.
pub(crate) fn is_taken(request: &Request) -> bool {
    request
        .headers()
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|all| all.split(','))
        .any(names_gzip)
}

/// Returns true for an entry of `Accept-Encoding` that is gzip, unless its weight is zero.
fn names_gzip(entry: &str) -> bool {
    let (name, weight) = entry.split_once(';').unwrap_or((entry, "q=1"));
    let weight = weight.trim().trim_start_matches(['q', 'Q']);
    let weight = weight.trim_start_matches('=').parse::<f32>();
    name.trim().eq_ignore_ascii_case("gzip") && weight.is_ok_and(|weight| weight > 0.0)
}

/// Compresses a text, as well as `level` tries.
pub(crate) fn gzip(text: &[u8], level: Compression) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), level);
    encoder
        .write_all(text)
        .and_then(|()| encoder.finish())
        .expect("a Vec takes everything")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_by_who_names_it_with_a_weight() {
        let takes = |value: &str| {
            let request = Request::builder().header(header::ACCEPT_ENCODING, value);
            is_taken(&request.finish())
        };
        for value in [
            "gzip",
            "br, GZIP",
            "deflate;q=0.5, gzip;q=0.1",
            "gzip ; q=1.0",
        ] {
            assert!(takes(value), "{value}");
        }
        for value in [
            "",
            "br",
            "gzip;q=0",
            "gzip; q=0.000",
            "x-gzip-like",
            "identity, *;q=0",
        ] {
            assert!(!takes(value), "{value}");
        }
        assert!(!is_taken(&Request::builder().finish()));
    }
}
