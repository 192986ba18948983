//! Thumbnails.

use object_store::ObjectStoreExt;

use crate::{Error, FileHash, Files, MAX_PICTURE, Object, Size, Space, picture};

impl Files {
    /// All of an image within `size`, as WebP; made now if nobody asked before, and kept beside the original. `None` when the original is not there.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] when it is none, or a broken one; [`Error::TooLarge`] and [`Error::TooManyPixels`] when it is not worth its decoding; else the store.
    pub async fn thumbnail(&self, space: Space, hash: &FileHash, size: Size) -> Result<Option<Object>, Error> {
        let small = space.smaller(hash, size);
        if let Some(made) = self.read(small.clone(), None).await? {
            return Ok(Some(made));
        }
        let original = space.original(hash);
        let Some(head) = self.head(&original).await? else { return Ok(None) };
        let format = picture::format(head.content_type()).ok_or(Error::NotAnImage)?;
        if head.meta.size > MAX_PICTURE {
            return Err(Error::TooLarge { limit: MAX_PICTURE });
        }
        let permit = self.picture_permit().await;
        // A picture that was just sent is asked for by everybody at once: the first has made it while the others waited.
        if let Some(made) = self.read(small.clone(), None).await? {
            return Ok(Some(made));
        }
        let bytes = self.store.get(&original).await?.bytes().await?;
        let made = picture::on_thread(permit, move || picture::thumbnail(&bytes, format, size)).await?;
        self.store.put(&small, made.into()).await?;
        self.read(small, None).await
    }
}
