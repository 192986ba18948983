//! Reading objects.

use std::{fmt, io, ops::Range, time::SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future::ready, stream, stream::BoxStream};
use object_store::{
    Error as StoreError, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, path::Path,
};

use crate::{
    Error, FileHash, Files, Space, Span, StoredFile, picture,
    put::{measurable, measure},
    sniff,
};

/// The number of bytes that are read first, to find the type and the dimensions: enough for the
/// headers of most images, and for all of an avatar.
pub(crate) const HEAD: usize = 64 << 10;

/// An object, or a part of it, on its way out.
pub struct Object {
    /// The size of the whole object, in bytes.
    pub size: u64,
    /// The MIME type, found from its first bytes; never one that a browser would run.
    pub content_type: &'static str,
    /// The time at which it was written last; its content has never been another.
    pub modified: SystemTime,
    /// The range of the object's bytes that this is.
    pub range: Range<u64>,
    /// The bytes, read from the store as they are consumed.
    pub bytes: BoxStream<'static, io::Result<Bytes>>,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("size", &self.size)
            .field("content_type", &self.content_type)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

/// The beginning of an object.
pub(crate) struct Head {
    pub(crate) meta: ObjectMeta,
    /// The first [`HEAD`] bytes, or all.
    pub(crate) bytes: Bytes,
}

impl Head {
    pub(crate) fn content_type(&self) -> &'static str {
        sniff::content_type(&self.bytes, self.meta.size)
    }
}

impl Files {
    /// Reads an object, or the part of it in `span`; `None` when it is not there.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when `span` has none of its bytes; else an error of the store. The
    /// stream of bytes fails if the store does later.
    pub async fn get(
        &self,
        space: Space,
        hash: &FileHash,
        span: Option<Span>,
    ) -> Result<Option<Object>, Error> {
        self.read(space.original(hash), span).await
    }

    /// Returns what [`Self::put`] returned of an object; `None` when it is not there. So a client's
    /// word on an attachment need not be believed.
    ///
    /// # Errors
    /// An error of the store, which a retry may overcome.
    pub async fn find(&self, space: Space, hash: &FileHash) -> Result<Option<StoredFile>, Error> {
        let path = space.original(hash);
        let Some(head) = self.head(&path).await? else {
            return Ok(None);
        };
        let (size, content_type) = (head.meta.size, head.content_type());
        let mut dimensions = None;
        if let Some(format) = picture::format(content_type) {
            dimensions = measure(self.picture_turn().await?, format, head.bytes.clone()).await?;
            if dimensions.is_none() && measurable(size, &head.bytes) {
                // The turn comes before the bytes, of which there may be many.
                let turn = self.picture_turn().await?;
                dimensions =
                    measure(turn, format, self.store.get(&path).await?.bytes().await?).await?;
            }
        }
        Ok(Some(StoredFile {
            hash: *hash,
            size,
            content_type,
            dimensions,
            metadata_removed: false,
        }))
    }

    pub(crate) async fn head(&self, path: &Path) -> Result<Option<Head>, Error> {
        match self.store.get_opts(path, part(0..HEAD as u64)).await {
            Ok(found) => Ok(Some(Head {
                meta: found.meta.clone(),
                bytes: found.bytes().await?,
            })),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn read(
        &self,
        path: Path,
        span: Option<Span>,
    ) -> Result<Option<Object>, Error> {
        let Some(head) = self.head(&path).await? else {
            return Ok(None);
        };
        let (size, content_type) = (head.meta.size, head.content_type());
        let range = span
            .unwrap_or(Span::From(0))
            .of(size)
            .ok_or(Error::OutOfRange { size })?;
        // The beginning is here already; the rest is requested once it is consumed.
        let here = head.bytes.len() as u64;
        let first = head
            .bytes
            .slice(range.start.min(here) as usize..range.end.min(here) as usize);
        let rest = range.start.max(here)..range.end.max(here);
        let store = self.store.clone();
        let more = stream::once(async move {
            let found = if rest.is_empty() {
                None
            } else {
                Some(store.get_opts(&path, part(rest)).await?)
            };
            Ok::<_, StoreError>(
                found.map_or_else(|| stream::empty().boxed(), |found| found.into_stream()),
            )
        });
        let bytes = stream::once(ready(Ok(first)))
            .chain(more.try_flatten().map_err(io::Error::from))
            .boxed();
        Ok(Some(Object {
            size,
            content_type,
            modified: head.meta.last_modified.into(),
            range,
            bytes,
        }))
    }
}

fn part(range: Range<u64>) -> GetOptions {
    GetOptions {
        range: Some(GetRange::Bounded(range)),
        ..GetOptions::default()
    }
}
