//! Avatars: square, small, and nothing of what they were made of.

use std::time::{Duration, Instant};

use files::{Error, FileHash, MAX_AVATAR, Size, Space};
use image::{ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use crate::{
    Store, body, bytes, noise,
    pictures::{BLUE, FORMATS, RED, assert_webp, bomb, encode, halves, plain, turned},
};

impl Store {
    async fn put_avatar(&self, sent: impl AsRef<[u8]>) -> Result<FileHash, Error> {
        self.files.put_avatar(body(sent)).await
    }

    async fn avatar(&self, hash: &FileHash, size: Size) -> Vec<u8> {
        let object = self
            .files
            .avatar(hash, size)
            .await
            .expect("the store")
            .expect("there");
        assert_eq!(object.content_type, "image/webp");
        bytes(object).await
    }
}

#[tokio::test]
async fn an_avatar_is_the_middle_of_a_picture_in_two_sizes() {
    let store = Store::new();
    // Between margins that are cut off.
    let margins = |mut picture: RgbImage| {
        picture
            .enumerate_pixels_mut()
            .filter(|(x, ..)| !(300..900).contains(x))
            .for_each(|(.., pixel)| *pixel = Rgb([20, 220, 20]));
        picture
    };
    for (format, kind) in FORMATS {
        let hash = store
            .put_avatar(encode(margins(halves(1200, 600)), format))
            .await
            .expect(kind);
        let large = store.avatar(&hash, Size::Large).await;
        assert_eq!(FileHash::of(&large), hash);
        let colours = [
            ((0.1, 0.5), RED),
            ((0.4, 0.5), RED),
            ((0.6, 0.5), BLUE),
            ((0.9, 0.5), BLUE),
        ];
        assert_webp(&large, (512, 512), &colours);
        assert_webp(
            &store.avatar(&hash, Size::Small).await,
            (128, 128),
            &colours,
        );
    }
}

#[tokio::test]
async fn both_sizes_are_there_before_anybody_asks() {
    let store = Store::new();
    let hash = store
        .put_avatar(encode(halves(600, 600), ImageFormat::Png))
        .await
        .expect("an avatar");
    assert_eq!(
        store.objects(),
        [
            format!("avatars/{hash}"),
            format!("avatars/{hash}.128.webp")
        ]
    );
}

#[tokio::test]
async fn an_avatar_is_turned_as_it_was_taken() {
    let store = Store::new();
    let (top, bottom, left, right) = ((0.5, 0.2), (0.5, 0.8), (0.2, 0.5), (0.8, 0.5));
    // EXIF 2.3, 4.6.4: where the left of the file, which is red, is shown.
    for (orientation, red, blue) in [
        (1, left, right),
        (2, right, left),
        (3, right, left),
        (6, top, bottom),
        (8, bottom, top),
    ] {
        let hash = store
            .put_avatar(turned(&halves(800, 600), orientation))
            .await
            .expect("an avatar");
        let large = store.avatar(&hash, Size::Large).await;
        assert_webp(&large, (512, 512), &[(red, RED), (blue, BLUE)]);
        assert!(
            !large.windows(4).any(|tag| tag == b"EXIF"),
            "orientation {orientation} was kept"
        );
    }
}

#[tokio::test]
async fn a_small_picture_is_not_made_larger() {
    let store = Store::new();
    let hash = store
        .put_avatar(encode(halves(300, 200), ImageFormat::Png))
        .await
        .expect("an avatar");
    assert_webp(&store.avatar(&hash, Size::Large).await, (200, 200), &[]);
    assert_webp(&store.avatar(&hash, Size::Small).await, (128, 128), &[]);
    let hash = store
        .put_avatar(encode(halves(2, 1), ImageFormat::Png))
        .await
        .expect("an avatar");
    assert_webp(&store.avatar(&hash, Size::Large).await, (1, 1), &[]);
}

#[tokio::test]
async fn an_avatar_keeps_its_transparency() {
    let store = Store::new();
    let picture = RgbaImage::from_fn(600, 600, |x, _| {
        if x < 300 {
            Rgba([0, 0, 0, 0])
        } else {
            Rgba([20, 20, 220, 255])
        }
    });
    let hash = store
        .put_avatar(encode(picture, ImageFormat::Png))
        .await
        .expect("an avatar");
    let shown = image::load_from_memory(&store.avatar(&hash, Size::Large).await)
        .expect("a picture")
        .to_rgba8();
    assert_eq!((shown[(100, 256)].0[3], shown[(400, 256)].0[3]), (0, 255));
}

#[tokio::test]
async fn the_same_picture_is_the_same_avatar() {
    let store = Store::new();
    let sent = encode(halves(600, 600), ImageFormat::Png);
    let hash = store.put_avatar(&sent).await.expect("an avatar");
    assert_eq!(store.put_avatar(&sent).await.expect("an avatar"), hash);
    assert_eq!(store.objects().len(), 2);
}

#[tokio::test]
async fn a_file_of_five_mebibytes_is_taken_and_not_a_byte_more() {
    let store = Store::new();
    let mut sent = encode(halves(600, 600), ImageFormat::Png);
    sent.resize(MAX_AVATAR as usize, 0); // what follows the end of a PNG is not looked at
    store.put_avatar(&sent).await.expect("an avatar");
    sent.push(0);
    let refused = store.put_avatar(&sent).await.expect_err("refused");
    assert!(
        matches!(refused, Error::TooLarge { limit: MAX_AVATAR }),
        "{refused:?}"
    );
    assert_eq!(refused.to_string(), "larger than 5242880 bytes");
}

#[tokio::test]
async fn what_is_no_picture_is_refused() {
    let store = Store::new();
    assert!(matches!(store.put_avatar("").await, Err(Error::Empty)));
    let jpeg = encode(halves(600, 600), ImageFormat::Jpeg);
    let png = encode(halves(600, 600), ImageFormat::Png);
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec();
    for sent in [
        svg,
        noise(1, 5000),
        b"\x89PNG\r\n\x1a\n".to_vec(),
        b"GIF89a".to_vec(),
        png[..png.len() / 2].to_vec(),
        jpeg[..100].to_vec(),
    ] {
        let refused = store.put_avatar(&sent).await;
        assert!(matches!(refused, Err(Error::NotAnImage)), "{refused:?}");
    }
    assert_eq!(store.objects(), [""; 0]);
}

#[tokio::test]
async fn a_decompression_bomb_does_not_go_off() {
    let store = Store::new();
    let began = Instant::now();
    // 10 GiB; and within 8,192 pixels, but with 64 bits each.
    for sent in [
        bomb(60_000, 60_000, 8, 2),
        bomb(8192, 8192, 16, 6),
        bomb(8193, 1, 8, 2),
        bomb(1, 8193, 8, 2),
    ] {
        let refused = store.put_avatar(&sent).await.expect_err("refused");
        assert!(
            matches!(refused, Error::TooManyPixels { edge: 8192 }),
            "{refused:?}"
        );
        assert_eq!(
            refused.to_string(),
            "more than 8192 pixels wide or high, or 256 MiB when decoded"
        );
    }
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "it took {:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_picture_of_exactly_the_most_pixels_is_taken() {
    let store = Store::new();
    let hash = store.put_avatar(plain(8192, 600)).await.expect("an avatar");
    assert_webp(&store.avatar(&hash, Size::Large).await, (512, 512), &[]);
}

#[tokio::test]
async fn a_small_avatar_that_was_lost_is_made_again() {
    let store = Store::new();
    let hash = store
        .put_avatar(encode(halves(600, 600), ImageFormat::Png))
        .await
        .expect("an avatar");
    std::fs::remove_file(store.folder.path().join(format!("avatars/{hash}.128.webp")))
        .expect("it was there");
    assert_webp(
        &store.avatar(&hash, Size::Small).await,
        (128, 128),
        &[((0.2, 0.5), RED), ((0.8, 0.5), BLUE)],
    );
    let nobody = FileHash::of(b"nobody");
    for size in [Size::Small, Size::Large] {
        assert!(
            store
                .files
                .avatar(&nobody, size)
                .await
                .expect("the store")
                .is_none()
        );
    }
    store
        .files
        .delete(Space::Avatars, &hash)
        .await
        .expect("the store");
    assert_eq!(store.objects(), [""; 0]);
}
