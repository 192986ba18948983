//! Uploads: bounds, names, and what is left of those that stop.

use std::{
    io,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use files::{Error, FileHash, RENEWED, Space};
use futures_util::{StreamExt, future, stream};
use model::ChatId;
use tokio::sync::mpsc;

use crate::{ENOUGH, Store, body, bytes, noise};

#[tokio::test]
async fn what_was_put_is_got() {
    let store = Store::new();
    // The sizes take a byte, a read, several reads, a part, several parts.
    for count in [1, 60_000, 300_000, 5 << 20, (12 << 20) + 1] {
        let sent = noise(count as u64, count);
        let stored = store.put(&sent).await.expect("stored");
        assert_eq!(
            (stored.hash, stored.size),
            (FileHash::of(&sent), count as u64)
        );
        assert_eq!(
            (stored.content_type, stored.dimensions),
            ("application/octet-stream", None)
        );
        assert_eq!(
            store
                .files
                .find(store.space, &stored.hash)
                .await
                .expect("the store"),
            Some(stored.clone())
        );
        let object = store
            .files
            .get(store.space, &stored.hash, None)
            .await
            .expect("the store")
            .expect("there");
        assert_eq!(
            (object.size, object.content_type, object.range.clone()),
            (count as u64, stored.content_type, 0..count as u64)
        );
        assert!(bytes(object).await == sent, "{count} bytes");
    }
}

#[tokio::test]
async fn exactly_the_limit_is_taken_and_not_a_byte_more() {
    let store = Store::new();
    let sent = noise(1, 100_000);
    let refused = store.files.put(store.space, body(&sent), 99_999).await;
    assert!(
        matches!(refused, Err(Error::TooLarge { limit: 99_999 })),
        "{refused:?}"
    );
    assert_eq!(
        refused.expect_err("refused").to_string(),
        "larger than 99999 bytes"
    );
    assert_eq!(store.objects(), [""; 0]);
    store
        .files
        .put(store.space, body(&sent), 100_000)
        .await
        .expect("stored");
}

#[tokio::test]
async fn an_upload_without_an_end_is_refused_at_its_limit() {
    let store = Store::new();
    let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[7; 1000])));
    let refused = store.files.put(store.space, endless, 1 << 20).await;
    assert!(
        matches!(refused, Err(Error::TooLarge { limit: 0x10_0000 })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn nothing_is_no_file() {
    let store = Store::new();
    assert!(matches!(store.put("").await, Err(Error::Empty)));
    let pieces = [Ok(Bytes::new()), Ok(Bytes::new())];
    assert!(matches!(
        store
            .files
            .put(store.space, stream::iter(pieces), ENOUGH)
            .await,
        Err(Error::Empty)
    ));
    assert_eq!(store.objects(), [""; 0]);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let store = Store::new();
    let broken = body(noise(1, 7 << 20)).chain(stream::once(future::ready(Err(io::Error::from(
        io::ErrorKind::ConnectionReset,
    )))));
    let failed = store.files.put(store.space, broken, ENOUGH).await;
    assert!(
        matches!(&failed, Err(Error::Upload(cause))
            if cause.kind() == io::ErrorKind::ConnectionReset),
        "{failed:?}"
    );
    assert_eq!(store.objects(), [""; 0]);
}

#[tokio::test]
async fn an_upload_that_nobody_waits_for_leaves_nothing() {
    let store = Store::new();
    let (sender, mut receiver) = mpsc::channel(1);
    let sent = stream::poll_fn(move |context| receiver.poll_recv(context));
    let (files, space) = (store.files.clone(), store.space);
    let upload = tokio::spawn(async move { files.put(space, sent, ENOUGH).await });
    for piece in 0..10 {
        sender
            .send(Ok(Bytes::from(noise(piece, 100_000))))
            .await
            .expect("it is taken");
    }
    upload.abort();
    assert!(upload.await.expect_err("stopped").is_cancelled());
    assert!(sender.is_closed());
    assert_eq!(store.objects(), [""; 0]);
}

#[tokio::test]
async fn the_same_bytes_are_one_object() {
    let store = Store::new();
    let sent = noise(1, 100_000);
    let stored = store.put(&sent).await.expect("stored");
    assert_eq!(
        store.objects(),
        [format!("{}/{}", store.space, stored.hash)]
    );
    let path = store.objects().remove(0);
    let noted = SystemTime::now() - RENEWED / 2;
    store.file(&path).set_modified(noted).expect("a time");
    assert_eq!(store.put(&sent).await.expect("stored"), stored);
    assert_eq!(store.objects(), [path.as_str()]);
    assert_eq!(
        store
            .file(&path)
            .metadata()
            .expect("metadata")
            .modified()
            .expect("a time"),
        noted,
        "it was written again"
    );
}

#[tokio::test]
async fn an_old_object_becomes_young_when_it_is_stored_again() {
    let store = Store::new();
    let stored = store.put("long ago").await.expect("stored");
    let path = store.objects().remove(0);
    let long_ago = SystemTime::now() - RENEWED * 2;
    store.file(&path).set_modified(long_ago).expect("a time");
    store.put("long ago").await.expect("stored");
    assert!(
        !store
            .files
            .delete_older(store.space, &stored.hash, long_ago + Duration::from_secs(1))
            .await
            .expect("the store")
    );
    assert_eq!(store.objects(), [path]);
}

#[tokio::test]
async fn half_an_object_is_made_whole() {
    let store = Store::new();
    let stored = store.put("all of it").await.expect("stored");
    store
        .file(store.objects().remove(0))
        .set_len(3)
        .expect("shorter");
    store.put("all of it").await.expect("stored");
    let object = store
        .files
        .get(store.space, &stored.hash, None)
        .await
        .expect("the store")
        .expect("there");
    assert_eq!(bytes(object).await, b"all of it");
}

#[tokio::test]
async fn the_same_bytes_at_once_do_each_other_no_harm() {
    let store = Store::new();
    let sent = noise(1, 6 << 20); // in parts
    let stored = future::try_join_all((0..8).map(|_| store.put(&sent)))
        .await
        .expect("stored");
    assert!(stored.iter().all(|one| *one == stored[0]));
    assert_eq!(store.objects().len(), 1);
    let object = store
        .files
        .get(store.space, &stored[0].hash, None)
        .await
        .expect("the store")
        .expect("there");
    assert!(bytes(object).await == sent);
}

#[tokio::test]
async fn a_chat_has_nothing_of_another() {
    let store = Store::new();
    let stored = store.put("a secret").await.expect("stored");
    for other in [Space::Attachments(ChatId::new()), Space::Avatars] {
        assert!(
            store
                .files
                .get(other, &stored.hash, None)
                .await
                .expect("the store")
                .is_none()
        );
        assert_eq!(
            store
                .files
                .find(other, &stored.hash)
                .await
                .expect("the store"),
            None
        );
    }
}

#[tokio::test]
async fn a_type_is_the_same_when_it_is_stored_and_when_it_is_read() {
    let store = Store::new();
    let long_text = "Größe ".repeat(20_000);
    let table: [(&[u8], _); 6] = [
        (
            b"<!DOCTYPE html><script>alert(1)</script>",
            "text/plain; charset=utf-8",
        ),
        (
            b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
            "text/plain; charset=utf-8",
        ),
        (long_text.as_bytes(), "text/plain; charset=utf-8"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video/mp4"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
        (b"PK\x03\x04\x14\0\0\0\x08\0", "application/zip"),
    ];
    for (sent, kind) in table {
        let stored = store.put(sent).await.expect("stored");
        assert_eq!((stored.content_type, stored.dimensions), (kind, None));
        let object = store
            .files
            .get(store.space, &stored.hash, None)
            .await
            .expect("the store")
            .expect("there");
        assert_eq!(object.content_type, kind);
    }
}
