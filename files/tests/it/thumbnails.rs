//! Thumbnails: made once, and only of pictures.

use files::{Error, FileHash, MAX_PICTURE, Size};
use futures_util::future;
use image::{
    DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, Rgb, RgbImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};
use moxcms::ColorProfile;

use crate::{
    Store, bytes,
    pictures::{
        ANIMATED_PNG, ANIMATED_WEBP, BLUE, CMYK, FORMATS, RED, assert_webp, bomb, encode, halves,
        turned,
    },
};

impl Store {
    async fn thumbnail(&self, hash: &FileHash, size: Size) -> Result<Vec<u8>, Error> {
        let object = self
            .files
            .thumbnail(self.space, hash, size)
            .await?
            .expect("there");
        assert_eq!(object.content_type, "image/webp");
        Ok(bytes(object).await)
    }
}

#[tokio::test]
async fn a_thumbnail_shows_all_of_a_picture() {
    let store = Store::new();
    for (format, kind) in FORMATS {
        let hash = store
            .put(encode(halves(1600, 800), format))
            .await
            .expect(kind)
            .hash;
        let colours = [
            ((0.05, 0.5), RED),
            ((0.45, 0.5), RED),
            ((0.55, 0.5), BLUE),
            ((0.95, 0.5), BLUE),
        ];
        assert_webp(
            &store.thumbnail(&hash, Size::Large).await.expect(kind),
            (512, 256),
            &colours,
        );
        assert_webp(
            &store.thumbnail(&hash, Size::Small).await.expect(kind),
            (128, 64),
            &colours,
        );
    }
}

#[tokio::test]
async fn a_thumbnail_is_turned_as_the_picture_was_taken() {
    let store = Store::new();
    let stored = store
        .put(turned(&halves(1000, 500), 6))
        .await
        .expect("stored");
    assert_eq!(stored.dimensions, Some((500, 1000)));
    assert_webp(
        &store
            .thumbnail(&stored.hash, Size::Large)
            .await
            .expect("a thumbnail"),
        (256, 512),
        &[((0.5, 0.2), RED), ((0.5, 0.8), BLUE)],
    );
}

#[tokio::test]
async fn a_thumbnail_is_turned_in_all_eight_ways() {
    let store = Store::new();
    // The place that is red, from the left and from the top, and whether the sides are changed.
    for (orientation, (x, y), is_turned) in [
        (1, (0.2, 0.5), false),
        (2, (0.8, 0.5), false),
        (3, (0.8, 0.5), false),
        (4, (0.2, 0.5), false),
        (5, (0.5, 0.2), true),
        (6, (0.5, 0.2), true),
        (7, (0.5, 0.8), true),
        (8, (0.5, 0.8), true),
    ] {
        let stored = store.put(turned(&halves(400, 200), orientation)).await;
        let stored = stored.expect("stored");
        let (wide, high) = if is_turned { (200, 400) } else { (400, 200) };
        assert_eq!(stored.dimensions, Some((wide, high)), "{orientation}");
        let small = store.thumbnail(&stored.hash, Size::Large).await;
        let colours = [((x, y), RED), ((1.0 - x, 1.0 - y), BLUE)];
        assert_webp(&small.expect("a thumbnail"), (wide, high), &colours);
    }
}

#[tokio::test]
async fn a_thumbnail_has_the_colours_of_its_picture_however_they_are_written() {
    let store = Store::new();
    let deep = DynamicImage::from(halves(32, 16)).to_rgb16();
    let alpha = DynamicImage::from(halves(32, 16)).to_rgba16();
    let grey = DynamicImage::from(halves(32, 16)).to_luma16();
    let colours = [((0.2, 0.5), RED), ((0.8, 0.5), BLUE)];
    for (name, picture, size) in [
        ("CMYK", CMYK.to_vec(), (32, 16)),
        ("16 bits", encode(deep, ImageFormat::Png), (32, 16)),
        (
            "16 bits with alpha",
            encode(alpha, ImageFormat::Png),
            (32, 16),
        ),
        ("an animated WebP", ANIMATED_WEBP.to_vec(), (16, 8)),
        ("an animated PNG", ANIMATED_PNG.to_vec(), (16, 8)),
    ] {
        let stored = store.put(picture).await.expect(name);
        assert_eq!(stored.dimensions, Some(size), "{name}");
        let small = store.thumbnail(&stored.hash, Size::Large).await;
        assert_webp(&small.expect(name), size, &colours);
    }
    let stored = store.put(encode(grey, ImageFormat::Png)).await;
    let stored = stored.expect("stored");
    let small = store.thumbnail(&stored.hash, Size::Large);
    let (dark, darker) = (Rgb([64; 3]), Rgb([36; 3]));
    let colours = [((0.2, 0.5), dark), ((0.8, 0.5), darker)];
    assert_webp(&small.await.expect("a thumbnail"), (32, 16), &colours);
}

#[tokio::test]
async fn a_thumbnail_of_a_wide_gamut_is_as_vivid_as_its_picture() {
    let store = Store::new();
    let profile = ColorProfile::new_display_p3().encode().expect("a profile");
    // The red and the blue of sRGB, in the colours of Display P3.
    let (red, blue) = (Rgb([234, 51, 35]), Rgb([0, 0, 245]));
    let picture = RgbImage::from_fn(32, 16, |x, _| if x < 16 { red } else { blue });
    let (mut png, mut jpeg, mut webp) = (Vec::new(), Vec::new(), Vec::new());
    write(PngEncoder::new(&mut png), &profile, &picture);
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, 95);
    write(encoder, &profile, &picture);
    write(WebPEncoder::new_lossless(&mut webp), &profile, &picture);
    for (name, bytes) in [("PNG", png), ("JPEG", jpeg), ("WebP", webp)] {
        let stored = store.put(bytes).await.expect(name);
        let small = store.thumbnail(&stored.hash, Size::Large).await;
        let colours = [
            ((0.2, 0.5), Rgb([255, 0, 0])),
            ((0.8, 0.5), Rgb([0, 0, 255])),
        ];
        assert_webp(&small.expect(name), (32, 16), &colours);
    }
}

/// Writes a picture with a profile before its pixels.
fn write(mut encoder: impl ImageEncoder, profile: &[u8], picture: &RgbImage) {
    encoder
        .set_icc_profile(profile.to_vec())
        .expect("room for it");
    let (width, height) = picture.dimensions();
    encoder
        .write_image(picture, width, height, ExtendedColorType::Rgb8)
        .expect("a picture");
}

#[tokio::test]
async fn a_thumbnail_is_never_larger_and_never_nothing() {
    let store = Store::new();
    for (dimensions, thumbnail) in [
        ((100, 50), (100, 50)),
        ((512, 512), (512, 512)),
        ((5000, 1), (512, 1)),
        ((1, 5000), (1, 512)),
    ] {
        let hash = store
            .put(encode(halves(dimensions.0, dimensions.1), ImageFormat::Png))
            .await
            .expect("stored")
            .hash;
        assert_webp(
            &store
                .thumbnail(&hash, Size::Large)
                .await
                .expect("a thumbnail"),
            thumbnail,
            &[],
        );
    }
}

#[tokio::test]
async fn a_thumbnail_is_made_when_it_is_first_asked_for_and_kept() {
    let store = Store::new();
    let hash = store
        .put(encode(halves(1600, 800), ImageFormat::Png))
        .await
        .expect("stored")
        .hash;
    let original = format!("{}/{hash}", store.space);
    assert_eq!(store.objects(), [original.as_str()]);
    let made = store
        .thumbnail(&hash, Size::Large)
        .await
        .expect("a thumbnail");
    assert_eq!(
        store.objects(),
        [original.clone(), format!("{original}.512.webp")]
    );
    // Without the original it cannot be made again.
    std::fs::remove_file(store.folder.path().join(&original)).expect("it was there");
    assert_eq!(
        store
            .thumbnail(&hash, Size::Large)
            .await
            .expect("a thumbnail"),
        made
    );
    assert!(
        store
            .files
            .thumbnail(store.space, &hash, Size::Small)
            .await
            .expect("the store")
            .is_none()
    );
}

#[tokio::test]
async fn everybody_may_ask_at_once() {
    let store = Store::new();
    let hash = store
        .put(encode(halves(1600, 800), ImageFormat::Png))
        .await
        .expect("stored")
        .hash;
    let made = future::try_join_all((0..16).map(|_| store.thumbnail(&hash, Size::Large)))
        .await
        .expect("thumbnails");
    made.iter()
        .for_each(|one| assert_webp(one, (512, 256), &[]));
}

#[tokio::test]
async fn what_is_no_picture_has_no_thumbnail() {
    let store = Store::new();
    for sent in [
        "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        "text",
        "%PDF-1.7",
        "GIF89a",
    ] {
        let hash = store.put(sent).await.expect("stored").hash;
        let refused = store.thumbnail(&hash, Size::Large).await;
        assert!(
            matches!(refused, Err(Error::NotAnImage)),
            "{sent}: {refused:?}"
        );
        assert_eq!(
            store
                .files
                .find(store.space, &hash)
                .await
                .expect("the store")
                .expect("there")
                .dimensions,
            None
        );
    }
}

#[tokio::test]
async fn too_large_a_picture_has_no_thumbnail() {
    let store = Store::new();
    for sent in [bomb(60_000, 60_000, 8, 2), bomb(16_384, 16_384, 8, 2)] {
        let hash = store.put(sent).await.expect("stored").hash;
        let refused = store.thumbnail(&hash, Size::Large).await;
        assert!(
            matches!(refused, Err(Error::TooManyPixels { edge: 16_384 })),
            "{refused:?}"
        );
    }
    // What follows a picture is metadata.
    let store = Store {
        files: store.files.clone().keeping_metadata(true),
        ..store
    };
    let mut sent = encode(halves(600, 600), ImageFormat::Png);
    sent.resize(MAX_PICTURE as usize + 1, 0);
    let hash = store.put(sent).await.expect("stored").hash;
    assert!(matches!(
        store.thumbnail(&hash, Size::Large).await,
        Err(Error::TooLarge { limit: MAX_PICTURE })
    ));
}

#[tokio::test]
async fn a_picture_that_cannot_be_decoded_is_decoded_once() {
    let store = Store::new();
    let mut broken = encode(halves(600, 600), ImageFormat::Png);
    let middle = broken.len() / 2;
    broken[middle..].fill(7);
    for (sent, is_right) in [
        (
            broken,
            (|error| matches!(error, Error::NotAnImage)) as fn(&Error) -> bool,
        ),
        (bomb(16_384, 16_384, 8, 2), |error| {
            matches!(error, Error::TooManyPixels { edge: 16_384 })
        }),
    ] {
        let hash = store.put(sent).await.expect("stored").hash;
        let refused = store.thumbnail(&hash, Size::Large).await;
        assert!(refused.as_ref().is_err_and(is_right), "{refused:?}");
        // Without the original it cannot be decoded again.
        let original = store.folder.path().join(format!("{}/{hash}", store.space));
        std::fs::remove_file(original).expect("it was there");
        let again = store.thumbnail(&hash, Size::Large).await;
        assert!(again.as_ref().is_err_and(is_right), "{again:?}");
    }
}
