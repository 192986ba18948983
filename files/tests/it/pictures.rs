//! Pictures to test with, and their dimensions.

use std::io::Cursor;

use files::Error;
use image::{
    DynamicImage, ExtendedColorType, GenericImageView, ImageEncoder, ImageFormat, ImageReader, Rgb,
    RgbImage,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
    },
};

use crate::{Store, noise};

pub(crate) const FORMATS: [(ImageFormat, &str); 4] = [
    (ImageFormat::Png, "image/png"),
    (ImageFormat::Jpeg, "image/jpeg"),
    (ImageFormat::WebP, "image/webp"),
    (ImageFormat::Gif, "image/gif"),
];

pub(crate) const RED: Rgb<u8> = Rgb([220, 20, 20]);
pub(crate) const BLUE: Rgb<u8> = Rgb([20, 20, 220]);

/// A JPEG for a printer: four inks, inverted, as Adobe writes them. [`halves`] of 32 by 16 pixels.
pub(crate) const CMYK: &[u8] = b"\
    \xff\xd8\xff\xee\x00\x0eAdobe\x00d\x00\x00\x00\x00\x00\xff\xdb\x00C\x00\x0d\x09\x0a\x0b\
    \x0a\x08\x0d\x0b\x0a\x0b\x0e\x0e\x0d\x0f\x13 \x15\x13\x12\x12\x13'\x1c\x1e\x17 .)10.)-,3:J\
    >36F7,-@WAFLNRSR2>ZaZP`JQRO\xff\xc0\x00\x14\x08\x00\x10\x00 \x04C\x11\x00M\x11\x00Y\x11\
    \x00K\x11\x00\xff\xc4\x00\x17\x00\x01\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x08\x06\x07\xff\xc4\x00\x14\x10\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\xff\xda\x00\x0e\x04C\x00M\x00Y\x00K\x00\x00?\x00\xe9\xcc\x03\x00\
    \xe8@\x09\xc8Q\xa0\x02\x8d\x13\x90\x00\x9c\x85\x1a\x00?\xff\xd9";

/// An animation of two pictures, of which [`halves`] are the first: 16 by 8 pixels.
pub(crate) const ANIMATED_WEBP: &[u8] = b"\
    RIFF\x9c\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x0f\x00\x00\x07\x00\x00ANIM\
    \x06\x00\x00\x00\x00\x00\x00\x00\x00\x00ANMF4\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0f\x00\
    \x00\x07\x00\x00d\x00\x00\x02VP8L\x1c\x00\x00\x00/\x0f\xc0\x01\x00\x0f0\x14\xa7@>\x0e\xf7\
    \xfcG\x0b\xc4\x82\xc9\xfc\xa5;S\x88\xe8\x7fd\x00ANMF4\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x0f\x00\x00\x07\x00\x00d\x00\x00\x00VP8L\x1c\x00\x00\x00/\x0f\xc0\x01\x00\x0f0\x14\xa7@>\
    \x0e\xf7\xfcG\x0b\xc4\x82I\xfe\xd2;S\x88\xe8\x7fd\x00";

/// The same as a PNG.
pub(crate) const ANIMATED_PNG: &[u8] = b"\
    \x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x10\x00\x00\x00\x08\x08\x02\x00\
    \x00\x00\x7f\x14\xe8\xc0\x00\x00\x00\x08acTL\x00\x00\x00\x02\x00\x00\x00\x00\xf3\x8d\x93p\
    \x00\x00\x00\x1afcTL\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x08\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x01\x00\x0a\x00\x00\xe8\xad\x9c\xed\x00\x00\x00\x1cIDATx\xdac\xbc#\x22\
    \xc2\x80\x0dX0\x9c\xc0*\xce\xc4@\x22\x18\xd5@\x0c\x00\x00\x08E\x02\x14\x10O\x0c\x10\x00\
    \x00\x00\x1afcTL\x00\x00\x00\x01\x00\x00\x00\x10\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x01\x00\x0a\x00\x00s\xdev9\x00\x00\x00 fdAT\x00\x00\x00\x02x\xdac\x14\x11\xb9\
    \xc3\x80\x0d\x9c`\xb0\xc0*\xce\xc4@\x22\x18\xd5@\x0c\x00\x00\x07\xd5\x02\x14\xb2^i\x16\x00\
    \x00\x00\x00IEND\xaeB`\x82";

/// Red on the left half, blue on the right.
pub(crate) fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { RED } else { BLUE })
}

pub(crate) fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image
        .into()
        .write_to(&mut bytes, format)
        .expect("a picture");
    bytes.into_inner()
}

/// A JPEG that EXIF tells to be shown otherwise than it lies.
pub(crate) fn turned(image: &RgbImage, orientation: u8) -> Vec<u8> {
    // TIFF 6.0, little-endian: one entry, the tag 0x0112, a short.
    let exif = [
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(),
        &[orientation, 0, 0, 0],
        &[0; 4],
    ]
    .concat();
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.set_exif_metadata(exif).expect("EXIF");
    encoder
        .write_image(
            image,
            image.width(),
            image.height(),
            ExtendedColorType::Rgb8,
        )
        .expect("a picture");
    bytes
}

/// A PNG of a few bytes that says it is far larger, and of this type of pixel.
pub(crate) fn bomb(width: u32, height: u32, depth: u8, color: u8) -> Vec<u8> {
    let mut png = encode(halves(2, 2), ImageFormat::Png);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    png[24..26].copy_from_slice(&[depth, color]);
    let mut crc = !0_u32; // PNG, annex D
    for byte in &png[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                0xEDB8_8320 ^ crc >> 1
            } else {
                crc >> 1
            };
        }
    }
    png[29..33].copy_from_slice(&(!crc).to_be_bytes());
    png
}

/// Asserts the dimensions of a picture, and that it is nearly of these colours at these places,
/// given in parts of its edges.
pub(crate) fn assert_webp(bytes: &[u8], dimensions: (u32, u32), colours: &[((f32, f32), Rgb<u8>)]) {
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .expect("bytes");
    assert_eq!(reader.format(), Some(ImageFormat::WebP));
    let image = reader.decode().expect("a picture");
    assert_eq!(image.dimensions(), dimensions);
    for ((x, y), wanted) in colours {
        let is = image.to_rgb8()[(
            (image.width() as f32 * x) as u32,
            (image.height() as f32 * y) as u32,
        )];
        let off =
            is.0.iter()
                .zip(wanted.0)
                .map(|(is, wanted)| is.abs_diff(wanted))
                .max()
                .expect("three");
        assert!(off < 30, "{is:?} at {x}, {y} instead of {wanted:?}");
    }
}

#[tokio::test]
async fn a_picture_is_stored_with_its_dimensions() {
    let store = Store::new();
    for (format, kind) in FORMATS {
        let stored = store
            .put(encode(halves(300, 200), format))
            .await
            .expect("stored");
        assert_eq!(
            (stored.content_type, stored.dimensions),
            (kind, Some((300, 200)))
        );
        assert_eq!(
            store
                .files
                .find(store.space, &stored.hash)
                .await
                .expect("the store"),
            Some(stored)
        );
    }
}

#[tokio::test]
async fn dimensions_are_those_that_are_shown() {
    let store = Store::new();
    for (orientation, dimensions) in [
        (1, (300, 200)),
        (3, (300, 200)),
        (6, (200, 300)),
        (8, (200, 300)),
    ] {
        let stored = store
            .put(turned(&halves(300, 200), orientation))
            .await
            .expect("stored");
        assert_eq!(
            stored.dimensions,
            Some(dimensions),
            "orientation {orientation}"
        );
    }
}

#[tokio::test]
async fn dimensions_are_found_behind_a_long_header() {
    let store = Store::new();
    let store = Store {
        files: store.files.clone().keeping_metadata(true),
        ..store
    };
    // Comments of JPEG, each as long as can be.
    let comment = [b"\xff\xfe\xff\xff".as_slice(), &[b' '; 65_533]].concat();
    let jpeg = encode(halves(300, 200), ImageFormat::Jpeg);
    let long = [&jpeg[..2], &comment.repeat(5), &jpeg[2..]].concat();
    let stored = store.put(&long).await.expect("stored");
    assert_eq!(stored.dimensions, Some((300, 200)));
    assert_eq!(
        store
            .files
            .find(store.space, &stored.hash)
            .await
            .expect("the store"),
        Some(stored)
    );
}

#[tokio::test]
async fn a_large_photograph_is_measured_by_its_beginning() {
    let store = Store::new();
    let pixels = RgbImage::from_raw(600, 400, noise(1, 600 * 400 * 3)).expect("so many bytes");
    for (format, kind) in FORMATS {
        let sent = encode(pixels.clone(), format);
        assert!(sent.len() > 64 << 10, "{kind} has {} bytes", sent.len());
        let stored = store.put(sent).await.expect("stored");
        assert_eq!(
            (stored.content_type, stored.dimensions),
            (kind, Some((600, 400)))
        );
    }
}

#[tokio::test]
async fn an_image_that_claims_too_much_is_a_file_like_any_other() {
    let store = Store::new();
    for (edge, dimensions) in [(16_384, Some((16_384, 1))), (16_385, None), (60_000, None)] {
        let stored = store.put(bomb(edge, 1, 8, 2)).await.expect("stored");
        assert_eq!(
            (stored.content_type, stored.dimensions),
            ("image/png", dimensions),
            "{edge}"
        );
    }
}

#[tokio::test]
async fn what_only_begins_as_an_image_is_a_file_like_any_other() {
    let store = Store::new();
    let stored = store
        .put(b"\x89PNG\r\n\x1a\n<script>alert(1)</script>")
        .await
        .expect("stored");
    assert_eq!(
        (stored.content_type, stored.dimensions),
        ("image/png", None)
    );
    let refused = store
        .files
        .thumbnail(store.space, &stored.hash, files::Size::Large)
        .await;
    assert!(matches!(refused, Err(Error::NotAnImage)), "{refused:?}");
}

/// A PNG of one colour, as small as it can be.
pub(crate) fn plain(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::NoFilter);
    encoder
        .write_image(
            &vec![0; (width * height) as usize],
            width,
            height,
            ExtendedColorType::L8,
        )
        .expect("a picture");
    bytes
}
