//! Avatars: made when they are uploaded, in two sizes.

use std::{io, pin::pin};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt};

use crate::{Error, FileHash, Files, Object, Size, Space, picture, put::Content, sniff};

/// The largest file that an avatar is made of, in bytes.
pub const MAX_AVATAR: u64 = 5 << 20;

impl Files {
    /// Makes an avatar of an uploaded image: the square in its middle, turned as EXIF says, as WebP
    /// in both sizes, never enlarged. The upload itself is not kept. Returns the hash of the
    /// large one.
    ///
    /// # Errors
    /// [`Error::TooLarge`] as soon as more than [`MAX_AVATAR`] bytes came, [`Error::Empty`],
    /// [`Error::NotAnImage`], [`Error::TooManyPixels`]; [`Error::Upload`] when `body` fails; else
    /// an error of the disk or the store.
    pub async fn put_avatar(
        &self,
        body: impl Stream<Item = io::Result<Bytes>>,
    ) -> Result<FileHash, Error> {
        self.check_room().await?;
        let bytes = collect(body).await?;
        let format = picture::format(sniff::content_type(&bytes, bytes.len() as u64))
            .ok_or(Error::NotAnImage)?;
        let turn = self.picture_turn().await?;
        let avatar = turn.run(move || picture::avatar(&bytes, format)).await??;
        let hash = FileHash::of(&avatar.large);
        self.keep(
            Space::Avatars.smaller(&hash, Size::Small),
            Content::Bytes(avatar.small),
        )
        .await?;
        self.keep(Space::Avatars.original(&hash), Content::Bytes(avatar.large))
            .await?;
        Ok(hash)
    }

    /// Reads an avatar, which is always WebP; `None` when it is not there.
    ///
    /// # Errors
    /// An error of the store, which a retry may overcome.
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
    if all.is_empty() {
        Err(Error::Empty)
    } else {
        Ok(all.freeze())
    }
}
