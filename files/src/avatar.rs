//! Avatars.

use std::{io, pin::pin};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt};

use crate::{Error, FileHash, Files, Object, Size, Space, picture, put::Content, sniff};

/// The largest file that an avatar is made of, in bytes.
pub const MAX_AVATAR: u64 = 5 << 20;

impl Files {
    /// Makes an avatar of what comes: the square in its middle, turned as EXIF says, as WebP in both sizes, or less if it was smaller. What came is not kept. The hash
    /// is of the large one.
    ///
    /// # Errors
    /// [`Error::TooLarge`] as soon as more than [`MAX_AVATAR`] came, [`Error::Empty`], [`Error::NotAnImage`], [`Error::TooManyPixels`];
    /// [`Error::Upload`] when `body` fails; else the store.
    pub async fn put_avatar(&self, body: impl Stream<Item = io::Result<Bytes>>) -> Result<FileHash, Error> {
        let bytes = collect(body).await?;
        let format = picture::format(sniff::content_type(&bytes, bytes.len() as u64)).ok_or(Error::NotAnImage)?;
        let permit = self.picture_permit().await;
        let avatar = picture::on_thread(permit, move || picture::avatar(&bytes, format)).await?;
        let hash = FileHash::of(&avatar.large);
        self.keep(Space::Avatars.smaller(&hash, Size::Small), Content::Bytes(avatar.small)).await?;
        self.keep(Space::Avatars.original(&hash), Content::Bytes(avatar.large)).await?;
        Ok(hash)
    }

    /// An avatar, always WebP; `None` when it is not there.
    ///
    /// # Errors
    /// The store.
    pub async fn avatar(&self, hash: &FileHash, size: Size) -> Result<Option<Object>, Error> {
        match size {
            Size::Large => self.get(Space::Avatars, hash, None).await,
            Size::Small => self.thumbnail(Space::Avatars, hash, size).await,
        }
    }
}

async fn collect(body: impl Stream<Item = io::Result<Bytes>>) -> Result<Bytes, Error> {
    let mut all = BytesMut::new();
    let mut body = pin!(body);
    while let Some(bytes) = body.try_next().await.map_err(Error::Upload)? {
        if (all.len() + bytes.len()) as u64 > MAX_AVATAR {
            return Err(Error::TooLarge { limit: MAX_AVATAR });
        }
        all.extend_from_slice(&bytes);
    }
    if all.is_empty() { Err(Error::Empty) } else { Ok(all.freeze()) }
}
