//! Reading.

use std::{fmt, io, ops::Range, time::SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future::ready, stream, stream::BoxStream};
use object_store::{Error as StoreError, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, path::Path};

use crate::{
    Error, FileHash, Files, Space, Span, Stored, picture,
    put::{measurable, measure},
    sniff,
};

/// How many bytes are read first, to see what they are and how large: enough for the headers of most images, and for all of an avatar.
pub(crate) const HEAD: usize = 64 << 10;

/// An object, or a part of it, on its way out.
pub struct Object {
    /// Of the whole object, in bytes.
    pub size: u64,
    /// From its first bytes; nothing that a browser would run.
    pub content_type: &'static str,
    /// When it was written last; its content has never been another.
    pub modified: SystemTime,
    /// Which of its bytes these are.
    pub range: Range<u64>,
    /// The bytes, read as they are taken.
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
    /// [`HEAD`] bytes, or all.
    pub(crate) bytes: Bytes,
}

impl Head {
    pub(crate) fn content_type(&self) -> &'static str {
        sniff::content_type(&self.bytes, self.meta.size)
    }
}

impl Files {
    /// An object, or the part of it in `span`; `None` when it is not there.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when `span` has none of its bytes; else the store. The stream fails if the store does later.
    pub async fn get(&self, space: Space, hash: &FileHash, span: Option<Span>) -> Result<Option<Object>, Error> {
        self.read(space.original(hash), span).await
    }

    /// What [`Self::put`] told of an object; `None` when it is not there. So what a client tells of an attachment need not be believed.
    ///
    /// # Errors
    /// The store.
    pub async fn find(&self, space: Space, hash: &FileHash) -> Result<Option<Stored>, Error> {
        let path = space.original(hash);
        let Some(head) = self.head(&path).await? else { return Ok(None) };
        let (size, content_type) = (head.meta.size, head.content_type());
        let mut dimensions = None;
        if let Some(format) = picture::format(content_type) {
            dimensions = measure(self.picture_permit().await, format, head.bytes.clone()).await?;
            if dimensions.is_none() && measurable(size, &head.bytes) {
                let permit = self.picture_permit().await; // before the bytes, of which there may be many
                dimensions = measure(permit, format, self.store.get(&path).await?.bytes().await?).await?;
            }
        }
        Ok(Some(Stored { hash: *hash, size, content_type, dimensions }))
    }

    pub(crate) async fn head(&self, path: &Path) -> Result<Option<Head>, Error> {
        match self.store.get_opts(path, part(0..HEAD as u64)).await {
            Ok(found) => Ok(Some(Head { meta: found.meta.clone(), bytes: found.bytes().await? })),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn read(&self, path: Path, span: Option<Span>) -> Result<Option<Object>, Error> {
        let Some(head) = self.head(&path).await? else { return Ok(None) };
        let (size, content_type) = (head.meta.size, head.content_type());
        let range = span.unwrap_or(Span::From(0)).of(size).ok_or(Error::OutOfRange { size })?;
        // The beginning is here already; the rest is asked for when that is gone.
        let here = head.bytes.len() as u64;
        let first = head.bytes.slice(range.start.min(here) as usize..range.end.min(here) as usize);
        let rest = range.start.max(here)..range.end.max(here);
        let store = self.store.clone();
        let more = stream::once(async move {
            let found = if rest.is_empty() { None } else { Some(store.get_opts(&path, part(rest)).await?) };
            Ok::<_, StoreError>(found.map_or_else(|| stream::empty().boxed(), |found| found.into_stream()))
        });
        let bytes = stream::once(ready(Ok(first))).chain(more.try_flatten().map_err(io::Error::from)).boxed();
        Ok(Some(Object { size, content_type, modified: head.meta.last_modified.into(), range, bytes }))
    }
}

fn part(range: Range<u64>) -> GetOptions {
    GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() }
}
