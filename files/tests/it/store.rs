//! Opening a store, and looking whether it can be used.

use std::fs;

use files::{Error, Files};
use tempfile::TempDir;

use crate::Store;

#[tokio::test]
async fn a_folder_is_made_and_can_be_used() {
    let parent = TempDir::new().expect("a folder");
    let folder = parent.path().join("data/files");
    let files = Files::open(folder.to_str().expect("UTF-8")).expect("files");
    files.check().await.expect("it can be used");
    assert_eq!(
        fs::read_dir(&folder).expect("it was made").count(),
        0,
        "the probe is left"
    );
}

#[tokio::test]
async fn a_folder_that_is_gone_cannot_be_used() {
    let store = Store::new();
    fs::remove_dir(store.folder.path()).expect("it was there");
    fs::write(store.folder.path(), "a file now").expect("a file");
    let failed = store.files.check().await.expect_err("it cannot be used");
    assert!(matches!(failed, Error::Spool { .. }), "{failed:?}");
    assert!(
        failed.to_string().starts_with("cannot spool in /"),
        "{failed}"
    );
    fs::remove_file(store.folder.path()).expect("the file");
}

#[test]
fn what_cannot_be_opened_is_told_in_one_line() {
    let parent = TempDir::new().expect("a folder");
    let file = parent.path().join("file");
    fs::write(&file, "").expect("a file");
    for (location, reason) in [
        (file.to_str().expect("UTF-8"), "cannot make the folder"),
        ("ftp://files", "only s3:// is understood"),
        ("s3://", "the bucket is missing"),
        ("s3:///prefix", "the bucket is missing"),
        (
            "s3://bucket?endpont=http://localhost",
            "\"endpont\" is not understood",
        ),
        (
            "s3://key:secret@bucket",
            "credentials belong in AWS_ACCESS_KEY_ID",
        ),
    ] {
        let told = Files::open(location).expect_err(location).to_string();
        assert!(
            told.contains(reason) && !told.contains('\n') && !told.contains("key:secret"),
            "{told}"
        );
    }
}
