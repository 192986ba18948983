//! Thumbnails: made when they are first asked for. So is the word that there can be none: a broken
//! picture is decoded once.

use bytes::Bytes;
use object_store::ObjectStoreExt;

use crate::{
    Error, FileHash, Files, MAX_PICTURE, Object, Size, Space,
    picture::{self, MAX_EDGE},
};

/// The content of an object that stands for a thumbnail that cannot be made: no image.
const NOT_AN_IMAGE: &[u8] = b"not an image";
/// The same: too many pixels.
const TOO_MANY_PIXELS: &[u8] = b"too many pixels";

impl Files {
    /// Reads an image shrunk to `size`, as WebP; made now if this is the first request for it, and
    /// kept beside the original. `None` when the original is not there.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] when it is none, or a broken one; [`Error::TooLarge`] and
    /// [`Error::TooManyPixels`] when it is not worth its decoding; else an error of the store.
    pub async fn thumbnail(
        &self,
        space: Space,
        hash: &FileHash,
        size: Size,
    ) -> Result<Option<Object>, Error> {
        let small = space.smaller(hash, size);
        if let Some(made) = self.read(small.clone(), None).await? {
            return made_before(made).map(Some);
        }
        let original = space.original(hash);
        let Some(head) = self.head(&original).await? else {
            return Ok(None);
        };
        let format = picture::format(head.content_type()).ok_or(Error::NotAnImage)?;
        if head.meta.size > MAX_PICTURE {
            return Err(Error::TooLarge { limit: MAX_PICTURE });
        }
        let turn = self.picture_turn().await?;
        // A picture that was just sent is requested by all readers at the same time: the first has
        // made it while the others waited.
        if let Some(made) = self.read(small.clone(), None).await? {
            return made_before(made).map(Some);
        }
        let bytes = self.store.get(&original).await?.bytes().await?;
        let made = turn
            .run(move || picture::thumbnail(&bytes, format, size))
            .await;
        let made = made.map_err(Error::from).flatten();
        let kept = match &made {
            Ok(made) => made.clone(),
            Err(Error::NotAnImage) => Bytes::from_static(NOT_AN_IMAGE),
            Err(Error::TooManyPixels { .. }) => Bytes::from_static(TOO_MANY_PIXELS),
            Err(_) => Bytes::new(), // It may succeed another time.
        };
        if !kept.is_empty() {
            self.store.put(&small, kept.into()).await?;
        }
        made?;
        self.read(small, None).await
    }
}

/// Returns a thumbnail that was made before, or the error with which that failed.
fn made_before(made: Object) -> Result<Object, Error> {
    match made.size as usize {
        _ if made.content_type == "image/webp" => Ok(made),
        size if size == TOO_MANY_PIXELS.len() => Err(Error::TooManyPixels { edge: MAX_EDGE }),
        _ => Err(Error::NotAnImage),
    }
}
