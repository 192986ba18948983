//! Thumbnails: made once, and only of pictures.

use files::{Error, FileHash, MAX_PICTURE, Size};
use futures_util::future;
use image::ImageFormat;

use crate::{
    Store, bytes,
    pictures::{BLUE, FORMATS, RED, assert_webp, bomb, encode, halves, turned},
};

impl Store {
    async fn thumbnail(&self, hash: &FileHash, size: Size) -> Result<Vec<u8>, Error> {
        let object = self.files.thumbnail(self.space, hash, size).await?.expect("there");
        assert_eq!(object.content_type, "image/webp");
        Ok(bytes(object).await)
    }
}

#[tokio::test]
async fn a_thumbnail_shows_all_of_a_picture() {
    let store = Store::new();
    for (format, kind) in FORMATS {
        let hash = store.put(encode(halves(1600, 800), format)).await.expect(kind).hash;
        let colours = [((0.05, 0.5), RED), ((0.45, 0.5), RED), ((0.55, 0.5), BLUE), ((0.95, 0.5), BLUE)];
        assert_webp(&store.thumbnail(&hash, Size::Large).await.expect(kind), (512, 256), &colours);
        assert_webp(&store.thumbnail(&hash, Size::Small).await.expect(kind), (128, 64), &colours);
    }
}

#[tokio::test]
async fn a_thumbnail_is_turned_as_the_picture_was_taken() {
    let store = Store::new();
    let stored = store.put(turned(&halves(1000, 500), 6)).await.expect("stored");
    assert_eq!(stored.dimensions, Some((500, 1000)));
    assert_webp(
        &store.thumbnail(&stored.hash, Size::Large).await.expect("a thumbnail"),
        (256, 512),
        &[((0.5, 0.2), RED), ((0.5, 0.8), BLUE)],
    );
}

#[tokio::test]
async fn a_thumbnail_is_never_larger_and_never_nothing() {
    let store = Store::new();
    for (dimensions, thumbnail) in [((100, 50), (100, 50)), ((512, 512), (512, 512)), ((5000, 1), (512, 1)), ((1, 5000), (1, 512))] {
        let hash = store.put(encode(halves(dimensions.0, dimensions.1), ImageFormat::Png)).await.expect("stored").hash;
        assert_webp(&store.thumbnail(&hash, Size::Large).await.expect("a thumbnail"), thumbnail, &[]);
    }
}

#[tokio::test]
async fn a_thumbnail_is_made_when_it_is_first_asked_for_and_kept() {
    let store = Store::new();
    let hash = store.put(encode(halves(1600, 800), ImageFormat::Png)).await.expect("stored").hash;
    let original = format!("{}/{hash}", store.space);
    assert_eq!(store.objects(), [original.as_str()]);
    let made = store.thumbnail(&hash, Size::Large).await.expect("a thumbnail");
    assert_eq!(store.objects(), [original.clone(), format!("{original}.512.webp")]);
    // Without the original it cannot be made again.
    std::fs::remove_file(store.folder.path().join(&original)).expect("it was there");
    assert_eq!(store.thumbnail(&hash, Size::Large).await.expect("a thumbnail"), made);
    assert!(store.files.thumbnail(store.space, &hash, Size::Small).await.expect("the store").is_none());
}

#[tokio::test]
async fn everybody_may_ask_at_once() {
    let store = Store::new();
    let hash = store.put(encode(halves(1600, 800), ImageFormat::Png)).await.expect("stored").hash;
    let made = future::try_join_all((0..16).map(|_| store.thumbnail(&hash, Size::Large))).await.expect("thumbnails");
    made.iter().for_each(|one| assert_webp(one, (512, 256), &[]));
}

#[tokio::test]
async fn what_is_no_picture_has_no_thumbnail() {
    let store = Store::new();
    for sent in ["<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "text", "%PDF-1.7", "GIF89a"] {
        let hash = store.put(sent).await.expect("stored").hash;
        let refused = store.thumbnail(&hash, Size::Large).await;
        assert!(matches!(refused, Err(Error::NotAnImage)), "{sent}: {refused:?}");
        assert_eq!(store.files.find(store.space, &hash).await.expect("the store").expect("there").dimensions, None);
    }
}

#[tokio::test]
async fn too_large_a_picture_has_no_thumbnail() {
    let store = Store::new();
    for sent in [bomb(60_000, 60_000, 8, 2), bomb(16_384, 16_384, 8, 2)] {
        let hash = store.put(sent).await.expect("stored").hash;
        let refused = store.thumbnail(&hash, Size::Large).await;
        assert!(matches!(refused, Err(Error::TooManyPixels { edge: 16_384 })), "{refused:?}");
    }
    let mut sent = encode(halves(600, 600), ImageFormat::Png);
    sent.resize(MAX_PICTURE as usize + 1, 0);
    let hash = store.put(sent).await.expect("stored").hash;
    assert!(matches!(store.thumbnail(&hash, Size::Large).await, Err(Error::TooLarge { limit: MAX_PICTURE })));
}
