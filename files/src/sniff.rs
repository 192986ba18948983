//! The type of a file, found from its first bytes.

use infer::MatcherType;

/// The number of bytes that are looked at; a file's type depends on nothing else, or it would
/// change between being stored and being read.
pub(crate) const SNIFFED: usize = 8 << 10;

const TEXT: &str = "text/plain; charset=utf-8";
const UNKNOWN: &str = "application/octet-stream";
/// The images that have no place for metadata, or from which it can be removed. Any other, as a
/// TIFF or the raw file of a camera, is shown to nobody as a picture: it is a file, and has what it
/// had.
const IMAGES: [&str; 9] = [
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "image/heif",
    "image/heic",
    "image/avif",
    "image/bmp",
    "image/vnd.microsoft.icon",
];

/// Returns the MIME type of a file of `size` bytes that begins with `head`, which must have
/// [`SNIFFED`] bytes, or all. The type is never one that a browser would run: markup and scripts
/// are plain text, programs are unknown.
pub(crate) fn content_type(head: &[u8], size: u64) -> &'static str {
    let head = &head[..head.len().min(SNIFFED)];
    let known = infer::get(head);
    if is_text(head, size > head.len() as u64) {
        // The magic numbers of some binary formats are two letters, as is the beginning of many a
        // text.
        return known
            .map(|kind| kind.mime_type())
            .filter(|kind| ["application/pdf", "application/rtf"].contains(kind))
            .unwrap_or(TEXT);
    }
    match known {
        Some(kind) if kind.mime_type() == "application/x-shockwave-flash" => UNKNOWN,
        Some(kind)
            if kind.matcher_type() == MatcherType::Image && !IMAGES.contains(&kind.mime_type()) =>
        {
            UNKNOWN
        }
        Some(kind)
            if !matches!(
                kind.matcher_type(),
                MatcherType::App | MatcherType::Text | MatcherType::Custom
            ) =>
        {
            kind.mime_type()
        }
        _ => UNKNOWN,
    }
}

/// True for UTF-8 without the bytes that the MIME Sniffing Standard calls binary; a character may
/// be `cut` at the end.
fn is_text(head: &[u8], cut: bool) -> bool {
    let binary = |byte: &u8| matches!(byte, 0x00..=0x08 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F);
    let utf8 =
        str::from_utf8(head).map_or_else(|error| cut && error.error_len().is_none(), |_| true);
    utf8 && !head.iter().any(binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniff(bytes: &[u8]) -> &'static str {
        content_type(bytes, bytes.len() as u64)
    }

    #[test]
    fn what_a_browser_would_run_is_plain_text() {
        for text in [
            "<!DOCTYPE html><script>alert(1)</script>",
            "  <HTML><body onload=alert(1)>",
            r#"<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>"#,
            "<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>",
            "\u{feff}<html>",
            "alert(document.cookie)",
            "#!/bin/sh\nrm -rf /",
            "body { background: url(javascript:alert(1)) }",
        ] {
            assert_eq!(sniff(text.as_bytes()), TEXT, "{text}");
        }
        assert_eq!(sniff(b"<html>\0<script>alert(1)</script>"), UNKNOWN);
        assert_eq!(
            sniff(b"<?xml version=\"1.0\" encoding=\"latin-1\"?><svg>\xe9</svg>"),
            UNKNOWN
        );
        assert_eq!(sniff(b"<html>caf\xe9</html>"), UNKNOWN);
    }

    #[test]
    fn text_is_text_in_every_language_and_whatever_it_begins_with() {
        for text in [
            "Hello, world\r\n",
            "Grüße aus Köln",
            "日本語のテキスト",
            "Привет",
            "שלום",
            "🙂",
            "a\tb\x0c\x1b[0m",
            "BMW",
            "MZ",
            "II*",
            "PK",
            "ID3",
            "FWS",
        ] {
            assert_eq!(sniff(text.as_bytes()), TEXT, "{text}");
        }
    }

    #[test]
    fn a_character_may_be_cut_only_where_more_follows() {
        let long = "é".repeat(SNIFFED);
        let odd = format!("a{long}");
        assert_eq!(
            [sniff(long.as_bytes()), sniff(odd.as_bytes())],
            [TEXT, TEXT]
        );
        assert_eq!(sniff(&"é".as_bytes()[..1]), UNKNOWN);
    }

    #[test]
    fn known_formats_have_their_type() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let mut elf = vec![0; 64]; // the length of its header
        elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        let table: [(&[u8], _); 18] = [
            (b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg"),
            (b"GIF89a\x01\0\x01\0\0\0\0", "image/gif"),
            (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
            (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video/mp4"),
            (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
            (b"%PDF-1.4\n1 0 obj\n", "application/pdf"),
            (b"{\\rtf1\\ansi Hello}", "application/rtf"),
            (b"PK\x03\x04\x14\0\0\0\x08\0", "application/zip"),
            (b"\x1f\x8b\x08\0\0\0\0\0", "application/gzip"),
            (b"ID3\x03\0\0\0\0\0\0\xff\xfb", "audio/mpeg"),
            (b"OggS\0\x02\0\0\0\0\0\0\0\0", "audio/ogg"),
            (b"RIFF\x24\0\0\0WAVEfmt ", "audio/x-wav"),
            (&tar, "application/x-tar"),
            (&elf, UNKNOWN),
            (b"\0asm\x01\0\0\0", UNKNOWN),
            (b"FWS\x09\0\0\0\0", UNKNOWN),
            (b"\x01\x02\x03 whatever", UNKNOWN),
        ];
        for (bytes, kind) in table {
            assert_eq!(sniff(bytes), kind, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn an_image_that_keeps_its_metadata_is_of_no_type_that_is_shown() {
        let bmp = [&b"BM\x46\0\0\0\0\0\0\0"[..], &[0; 60]].concat();
        assert_eq!(sniff(&bmp), "image/bmp");
        assert_eq!(sniff(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), "image/heif");
        assert_eq!(sniff(b"\0\0\0\x18ftypavif\0\0\0\0avifmif1"), "image/avif");
        for photo in [
            &b"II*\0\x08\0\0\0\0\0\0\0"[..],
            b"MM\0*\0\0\0\x08\0\0\0\0",
            b"II*\0\x10\0\0\0CR\x02\0",
            b"8BPS\0\x01\0\0\0\0\0\0",
            b"II\xbc\x01\x20\0\0\0",
            b"\0\0\0\x0cJXL \x0d\x0a\x87\x0a",
            b"\0\0\0\x0cjP  \x0d\x0a\x87\x0a\0",
        ] {
            assert_eq!(sniff(photo), UNKNOWN, "{}", photo.escape_ascii());
        }
    }

    #[test]
    fn the_type_depends_on_nothing_after_the_head() {
        let mut bytes = vec![b'a'; SNIFFED + 1];
        bytes[SNIFFED] = 0;
        assert_eq!(sniff(&bytes), TEXT);
        assert_eq!(content_type(&bytes[..SNIFFED], bytes.len() as u64), TEXT);
    }
}
