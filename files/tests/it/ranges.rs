//! Parts of objects.

use files::{Error, FileHash, Span};

use crate::{Store, bytes, noise};

/// Within what is read first, and past it.
const SIZES: [usize; 2] = [1000, 500_000];

#[tokio::test]
async fn a_range_is_those_bytes_and_no_others() {
    let store = Store::new();
    for size in SIZES {
        let sent = noise(1, size);
        let hash = store.put(&sent).await.expect("stored").hash;
        let end = size as u64;
        for (span, range) in [
            (Span::Within(0..1), 0..1),
            (Span::Within(0..100), 0..100),
            (Span::Within(end / 2..end / 2 + 100), end / 2..end / 2 + 100),
            (Span::Within(end / 10..end - 1), end / 10..end - 1),
            (Span::Within(end - 1..end * 2), end - 1..end),
            (Span::From(0), 0..end),
            (Span::From(end - 10), end - 10..end),
            (Span::Last(10), end - 10..end),
            (Span::Last(end + 10), 0..end),
        ] {
            let object = store
                .files
                .get(store.space, &hash, Some(span.clone()))
                .await
                .expect("the store")
                .expect("there");
            assert_eq!(
                (object.range.clone(), object.size),
                (range.clone(), end),
                "{span:?}"
            );
            assert!(
                bytes(object).await == sent[range.start as usize..range.end as usize],
                "{span:?} of {size}"
            );
        }
    }
}

#[tokio::test]
async fn a_range_beyond_the_end_is_refused_with_the_size() {
    let store = Store::new();
    for size in SIZES {
        let hash = store.put(noise(1, size)).await.expect("stored").hash;
        let end = size as u64;
        for span in [Span::From(end), Span::Within(end..end + 1), Span::Last(0)] {
            let refused = store.files.get(store.space, &hash, Some(span)).await;
            assert!(
                matches!(refused, Err(Error::OutOfRange { size }) if size == end),
                "{refused:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_part_has_the_type_of_the_whole() {
    let store = Store::new();
    let mut sent = noise(1, 500_000);
    sent[..9].copy_from_slice(b"%PDF-1.7\n");
    let hash = store.put(&sent).await.expect("stored").hash;
    let object = store
        .files
        .get(store.space, &hash, Some(Span::Last(5)))
        .await
        .expect("the store")
        .expect("there");
    assert_eq!(object.content_type, "application/pdf");
}

#[tokio::test]
async fn nothing_has_no_range() {
    let store = Store::new();
    let absent = store
        .files
        .get(
            store.space,
            &FileHash::of(b"never sent"),
            Some(Span::From(1 << 40)),
        )
        .await;
    assert!(absent.expect("the store").is_none());
}
