//! Storing objects.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
    ops::Range,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use fair::Turn;
use futures_util::{Stream, stream};
use image::ImageFormat;
use object_store::{Error as StoreError, MultipartUpload, ObjectStoreExt, path::Path};
use tokio::io::AsyncReadExt;

use crate::{Error, FileHash, Files, MAX_PICTURE, Space, picture, sniff};

/// The number of bytes of an upload that are held in memory on its way into the store: S3 takes no
/// smaller part of a larger file.
pub(crate) const PART: u64 = 5 << 20;

/// The age from which an object is written again when its bytes are stored again. Otherwise a
/// sweeper, which had found it old and unreferenced, could delete it while the message that now
/// refers to it is being written. So a sweeper must spare objects until they are much older
/// than this: a day is good.
pub const RENEWED: Duration = Duration::from_secs(60 * 60);

/// A file that is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// The name.
    pub hash: FileHash,
    /// The size in bytes.
    pub size: u64,
    /// The MIME type, found from its first bytes; never one that a browser would run.
    pub content_type: &'static str,
    /// The width and height in pixels, as an image is to be shown: its orientation in EXIF is
    /// heeded. `None` when it is no image, or one with more than 16,384 pixels on an edge.
    pub dimensions: Option<(u32, u32)>,
    /// True when it was stored now, without the metadata with which it came.
    pub metadata_removed: bool,
}

/// The bytes that go into the store.
pub(crate) enum Content {
    Bytes(Bytes),
    /// A spooled file, with its size.
    File(File, u64),
}

impl Content {
    fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(_, size) => *size,
        }
    }
}

impl Files {
    /// Stores an upload, a photo without its metadata, unless its bytes are there already. Until
    /// its last byte is here, and if it is given up before, the store has nothing of it.
    ///
    /// # Errors
    /// [`Error::TooLarge`] as soon as more than `limit` bytes came, [`Error::Empty`] when none
    /// came, [`Error::Upload`] when `body` fails; else an error of the disk or the store.
    pub async fn put(
        &self,
        space: Space,
        body: impl Stream<Item = io::Result<Bytes>>,
        limit: u64,
    ) -> Result<StoredFile, Error> {
        let mut spooled = self.spool(body, limit).await?;
        let content_type = sniff::content_type(&spooled.head, spooled.size);
        let (mut dimensions, mut metadata_removed) = (None, false);
        if !self.keeps_metadata
            && let Some(bare) = self.without_metadata(&spooled, content_type).await?
        {
            spooled = self.spool(stream::iter([Ok(bare)]), u64::MAX).await?;
            metadata_removed = true;
        }
        if let Some(format) = picture::format(content_type) {
            dimensions = measure(self.picture_turn().await?, format, spooled.head.clone()).await?;
            if dimensions.is_none() && measurable(spooled.size, &spooled.head) {
                // The turn comes before the bytes, of which there may be many.
                let turn = self.picture_turn().await?;
                let file = spooled
                    .file
                    .try_clone()
                    .map_err(|cause| self.cannot_spool(cause))?;
                let whole = read(file, 0..spooled.size)
                    .await
                    .map_err(|cause| self.cannot_spool(cause))?;
                dimensions = measure(turn, format, whole).await?;
            }
        }
        self.keep(
            space.original(&spooled.hash),
            Content::File(spooled.file, spooled.size),
        )
        .await?;
        Ok(StoredFile {
            hash: spooled.hash,
            size: spooled.size,
            content_type,
            dimensions,
            metadata_removed,
        })
    }

    /// Writes an object whose path depends on its content, unless it is there, whole and not old.
    pub(crate) async fn keep(&self, path: Path, content: Content) -> Result<(), Error> {
        let old = |modified: SystemTime| modified.elapsed().is_ok_and(|age| age > RENEWED);
        match self.store.head(&path).await {
            Ok(there) if there.size == content.size() && !old(there.last_modified.into()) => {
                return Ok(());
            }
            Ok(_) | Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let files = self.clone();
        // A task of its own writes: the caller may go away, and an upload in parts must then still
        // be completed, or given up properly.
        tokio::spawn(async move { files.write(&path, content).await })
            .await
            .unwrap_or(Err(Error::Stopped))
    }

    async fn write(&self, path: &Path, content: Content) -> Result<(), Error> {
        let _permit = self
            .uploads
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let (file, size) = match content {
            Content::Bytes(bytes) => {
                return Ok(self.store.put(path, bytes.into()).await.map(drop)?);
            }
            Content::File(file, size) => (file, size),
        };
        if size <= PART {
            let bytes = read(file, 0..size)
                .await
                .map_err(|cause| self.cannot_spool(cause))?;
            return Ok(self.store.put(path, bytes.into()).await.map(drop)?);
        }
        let mut upload = self.store.put_multipart(path).await?;
        let written = self.write_parts(&mut *upload, file, size).await;
        if written.is_err() {
            // The first failure is returned, not that giving up failed too.
            let _ = upload.abort().await;
        }
        written
    }

    async fn write_parts(
        &self,
        upload: &mut dyn MultipartUpload,
        file: File,
        size: u64,
    ) -> Result<(), Error> {
        for start in (0..size).step_by(PART as usize) {
            let file = file.try_clone().map_err(|cause| self.cannot_spool(cause))?;
            let part = read(file, start..size.min(start + PART))
                .await
                .map_err(|cause| self.cannot_spool(cause))?;
            upload.put_part(part.into()).await?;
        }
        upload.complete().await?;
        Ok(())
    }
}

/// Reads width and height of the image that begins with `bytes`; `None` if its header is not
/// understood, perhaps because it goes on.
pub(crate) async fn measure(
    turn: Turn,
    format: ImageFormat,
    bytes: Bytes,
) -> Result<Option<(u32, u32)>, Error> {
    let measured = turn.run(move || picture::dimensions(&bytes, format));
    measured.await.map_err(Error::from)
}

/// True when an image may be read as a whole for its dimensions, which its `head` did not have.
pub(crate) fn measurable(size: u64, head: &[u8]) -> bool {
    (head.len() as u64) < size && size <= MAX_PICTURE
}

/// Reads a range of `file`, which must have it.
pub(crate) async fn read(mut file: File, range: Range<u64>) -> io::Result<Bytes> {
    file.seek(SeekFrom::Start(range.start))?; // moves a number, does not wait for the disk
    let mut bytes = vec![0; (range.end - range.start) as usize];
    tokio::fs::File::from_std(file)
        .read_exact(&mut bytes)
        .await?;
    Ok(bytes.into())
}
