//! Files in S3: the same rules, on a real server of it.

use std::{fs, io, time::SystemTime};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use image::{DynamicImage, ImageFormat};
use model::ChatId;
use object_store::{aws::AmazonS3Builder, path::Path};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::{Error, Files, Size, Space, Span, put::Content};

/// A server with one bucket, whose objects are in a folder.
struct Server {
    folder: TempDir,
    /// As `http://127.0.0.1:9000`.
    endpoint: String,
}

impl Server {
    async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        fs::create_dir(folder.path().join("bucket")).expect("a bucket");
        let mut service =
            S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).expect("a server"));
        service.set_auth(SimpleAuth::from_single("key", "secret"));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    // A connection may end however it likes.
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
        Self { folder, endpoint }
    }

    fn files(&self, secret: &str) -> Files {
        let credentials = AmazonS3Builder::new()
            .with_access_key_id("key")
            .with_secret_access_key(secret);
        Files::s3(
            &format!(
                "s3://bucket/a/prefix?endpoint={}&region=here",
                self.endpoint
            ),
            credentials,
        )
        .expect("files")
    }
}

fn body(bytes: &[u8]) -> impl Stream<Item = io::Result<Bytes>> {
    stream::iter(
        bytes
            .chunks(100_000)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect::<Vec<_>>(),
    )
}

async fn get(files: &Files, space: Space, hash: &crate::FileHash, span: Option<Span>) -> Vec<u8> {
    let object = files
        .get(space, hash, span)
        .await
        .expect("the store")
        .expect("there");
    object
        .bytes
        .try_collect::<Vec<_>>()
        .await
        .expect("bytes")
        .concat()
}

#[tokio::test]
async fn attachments_live_in_s3() {
    let server = Server::start().await;
    let files = server.files("secret");
    files.check().await.expect("it can be used");
    let space = Space::Attachments(ChatId::new());
    // In one piece, and in parts.
    for count in [100_000, 11 << 20] {
        let sent: Vec<_> = (0..count as u32 / 4).flat_map(u32::to_le_bytes).collect();
        let stored = files
            .put(space, body(&sent), 1 << 30)
            .await
            .expect("stored");
        assert_eq!(
            files
                .put(space, body(&sent), 1 << 30)
                .await
                .expect("stored"),
            stored
        );
        assert!(
            server
                .folder
                .path()
                .join(format!("bucket/a/prefix/{space}/{}", stored.hash))
                .is_file()
        );
        assert!(get(&files, space, &stored.hash, None).await == sent);
        assert!(
            get(
                &files,
                space,
                &stored.hash,
                Some(Span::Within(70_000..90_000))
            )
            .await
                == sent[70_000..90_000]
        );
        assert!(get(&files, space, &stored.hash, Some(Span::Last(7))).await == sent[count - 7..]);
        let refused = files
            .get(space, &stored.hash, Some(Span::From(count as u64)))
            .await;
        assert!(
            matches!(refused, Err(Error::OutOfRange { size }) if size == count as u64),
            "{refused:?}"
        );
        let listed: Vec<_> = files.list(space).try_collect().await.expect("a list");
        assert_eq!(
            listed
                .iter()
                .map(|one| (one.space, one.hash, one.size))
                .collect::<Vec<_>>(),
            [(space, stored.hash, count as u64)]
        );
        assert!(
            !files
                .delete_older(space, &stored.hash, SystemTime::UNIX_EPOCH)
                .await
                .expect("the store")
        );
        files.delete(space, &stored.hash).await.expect("the store");
        files
            .delete(space, &stored.hash)
            .await
            .expect("it is no error that it is gone");
        assert!(
            files
                .get(space, &stored.hash, None)
                .await
                .expect("the store")
                .is_none()
        );
    }
    assert_eq!(
        files
            .list_all()
            .try_collect::<Vec<_>>()
            .await
            .expect("a list"),
        []
    );
}

#[tokio::test]
async fn an_upload_that_fails_between_its_parts_leaves_none_of_them() {
    let server = Server::start().await;
    let files = server.files("secret");
    let short = tempfile::tempfile().expect("a file");
    short.set_len(6 << 20).expect("longer than a part");
    let failed = files
        .keep(Path::from("avatars/short"), Content::File(short, 12 << 20))
        .await;
    assert!(matches!(failed, Err(Error::Spool { .. })), "{failed:?}");
    let parts = |folder: &str| {
        fs::read_dir(server.folder.path().join(folder))
            .expect("a folder")
            .filter(|entry| {
                let entry = entry.as_ref().expect("an entry");
                entry.file_type().expect("a type").is_file()
            })
            .count()
    };
    assert_eq!((parts("."), parts("bucket")), (0, 0));
}

#[tokio::test]
async fn pictures_live_in_s3() {
    let server = Server::start().await;
    let files = server.files("secret");
    let mut png = io::Cursor::new(Vec::new());
    DynamicImage::new_rgb8(800, 400)
        .write_to(&mut png, ImageFormat::Png)
        .expect("a picture");
    let space = Space::Attachments(ChatId::new());
    let stored = files
        .put(space, body(png.get_ref()), 1 << 30)
        .await
        .expect("stored");
    assert_eq!(stored.dimensions, Some((800, 400)));
    assert_eq!(
        files.find(space, &stored.hash).await.expect("the store"),
        Some(stored.clone())
    );
    for _ in 0..2 {
        let made = files
            .thumbnail(space, &stored.hash, Size::Large)
            .await
            .expect("a thumbnail")
            .expect("there");
        assert_eq!(made.content_type, "image/webp");
    }
    let hash = files
        .put_avatar(body(png.get_ref()))
        .await
        .expect("an avatar");
    assert!(
        files
            .avatar(&hash, Size::Small)
            .await
            .expect("the store")
            .is_some()
    );
    assert_eq!(
        files
            .list_all()
            .try_collect::<Vec<_>>()
            .await
            .expect("a list")
            .len(),
        4
    );
}

#[tokio::test]
async fn a_store_that_cannot_be_used_is_told_in_one_line() {
    let mut server = Server::start().await;
    let refused = server.files("wrong");
    server.endpoint = "http://127.0.0.1:1".to_owned(); // where nobody listens
    for (files, reason) in [
        (refused, "SignatureDoesNotMatch"),
        (server.files("secret"), "http://127.0.0.1:1/"),
    ] {
        let told = files
            .check()
            .await
            .expect_err("it cannot be used")
            .to_string();
        assert!(
            told.starts_with("the object store: ") && told.contains(reason) && !told.contains('\n'),
            "{told}"
        );
    }
}
