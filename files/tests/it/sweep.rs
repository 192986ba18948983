//! Listing and deleting.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use files::{FileHash, Listed, Size, Space};
use futures_util::TryStreamExt;
use image::ImageFormat;
use model::ChatId;

use crate::{
    Store, body,
    pictures::{encode, halves},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Store {
    async fn list(&self, space: Option<Space>) -> Vec<(Space, FileHash)> {
        let listed = space.map_or_else(|| self.files.list_all(), |space| self.files.list(space));
        let listed: Vec<Listed> = listed.try_collect().await.expect("a list");
        let mut owners: Vec<_> = listed
            .into_iter()
            .map(|listed| (listed.space, listed.hash))
            .collect();
        owners.sort_by_key(|(space, hash)| (space.to_string(), *hash));
        owners
    }
}

#[tokio::test]
async fn every_object_is_listed_with_its_age_and_size() {
    let store = Store::new();
    let hash = store.put("some text").await.expect("stored").hash;
    let long_ago = SystemTime::now() - DAY;
    store
        .file(store.objects().remove(0))
        .set_modified(long_ago)
        .expect("a time");
    let listed: Vec<_> = store
        .files
        .list(store.space)
        .try_collect()
        .await
        .expect("a list");
    assert_eq!(
        listed,
        [Listed {
            space: store.space,
            hash,
            modified: long_ago,
            size: 9
        }]
    );
}

#[tokio::test]
async fn a_space_lists_its_own_and_all_list_everything() {
    let store = Store::new();
    assert_eq!(store.list(None).await, []);
    assert_eq!(store.list(Some(store.space)).await, []);
    let mine = store.put("mine").await.expect("stored").hash;
    let other = Space::Attachments(ChatId::new());
    let theirs = store
        .files
        .put(other, body("theirs"), 100)
        .await
        .expect("stored")
        .hash;
    let avatar = store
        .files
        .put_avatar(body(encode(halves(9, 9), ImageFormat::Png)))
        .await
        .expect("an avatar");
    // Files that are not objects of ours are never deleted.
    fs::write(store.folder.path().join("avatars/README"), "hands off").expect("a file");
    fs::write(
        store.folder.path().join(format!("avatars/{avatar}.png")),
        "hands off",
    )
    .expect("a file");
    assert_eq!(store.list(Some(store.space)).await, [(store.space, mine)]);
    assert_eq!(store.list(Some(other)).await, [(other, theirs)]);
    let avatars = [(Space::Avatars, avatar); 2]; // both sizes
    assert_eq!(store.list(Some(Space::Avatars)).await, avatars);
    let all = store.list(None).await;
    assert_eq!(all.len(), 4);
    assert!(
        [(store.space, mine), (other, theirs), avatars[0]]
            .iter()
            .all(|one| all.contains(one)),
        "{all:?}"
    );
}

#[tokio::test]
async fn what_is_deleted_goes_with_all_that_was_made_of_it() {
    let store = Store::new();
    let hash = store
        .put(encode(halves(600, 300), ImageFormat::Png))
        .await
        .expect("stored")
        .hash;
    for size in [Size::Small, Size::Large] {
        store
            .files
            .thumbnail(store.space, &hash, size)
            .await
            .expect("the store")
            .expect("there");
    }
    let kept = store.put("kept").await.expect("stored").hash;
    assert_eq!(store.objects().len(), 4);
    store
        .files
        .delete(store.space, &hash)
        .await
        .expect("the store");
    assert_eq!(store.list(None).await, [(store.space, kept)]);
    assert!(
        store
            .files
            .get(store.space, &hash, None)
            .await
            .expect("the store")
            .is_none()
    );
    store
        .files
        .delete(store.space, &hash)
        .await
        .expect("it is no error that it is gone");
    store
        .files
        .delete(store.space, &kept)
        .await
        .expect("the store");
    assert_eq!(
        fs::read_dir(store.folder.path()).expect("a folder").count(),
        0,
        "empty folders are left"
    );
}

#[tokio::test]
async fn only_what_is_old_is_swept() {
    let store = Store::new();
    let hash = store.put("some text").await.expect("stored").hash;
    assert!(
        !store
            .files
            .delete_older(store.space, &hash, SystemTime::now() - DAY)
            .await
            .expect("the store")
    );
    assert_eq!(store.list(None).await, [(store.space, hash)]);
    store
        .file(store.objects().remove(0))
        .set_modified(SystemTime::now() - DAY * 2)
        .expect("a time");
    assert!(
        store
            .files
            .delete_older(store.space, &hash, SystemTime::now() - DAY)
            .await
            .expect("the store")
    );
    assert_eq!(store.list(None).await, []);
}

#[tokio::test]
async fn a_thumbnail_that_outlived_its_original_is_swept() {
    let store = Store::new();
    let hash = store
        .put(encode(halves(600, 300), ImageFormat::Png))
        .await
        .expect("stored")
        .hash;
    store
        .files
        .thumbnail(store.space, &hash, Size::Large)
        .await
        .expect("the store")
        .expect("there");
    fs::remove_file(store.folder.path().join(format!("{}/{hash}", store.space)))
        .expect("it was there");
    assert_eq!(store.list(None).await, [(store.space, hash)]);
    assert!(
        store
            .files
            .delete_older(store.space, &hash, SystemTime::now() - DAY)
            .await
            .expect("the store")
    );
    assert_eq!(store.objects(), [""; 0]);
}
