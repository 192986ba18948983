//! The place where an upload waits until it is whole.

use std::{fs::File, io, pin::pin, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt};
use rustix::fs::statvfs;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use crate::{Error, FileHash, Files, get::HEAD};

/// A whole upload, in a file that has no name: it is gone when it is closed, by whatever end of the
/// process.
pub(crate) struct Spooled {
    pub(crate) file: File,
    pub(crate) hash: FileHash,
    pub(crate) size: u64,
    /// The first [`HEAD`] bytes, or all.
    pub(crate) head: Bytes,
}

impl Files {
    /// Makes a file without a name in the folder where uploads wait.
    pub(crate) async fn spool_file(&self) -> Result<File, Error> {
        let folder = Arc::clone(&self.spool);
        let made = tokio::task::spawn_blocking(move || tempfile::tempfile_in(folder))
            .await
            .map_err(|_| Error::Stopped)?;
        made.map_err(|cause| self.cannot_spool(cause))
    }

    /// Checks that the disk has room for uploads.
    pub(crate) async fn check_room(&self) -> Result<(), Error> {
        if self.min_free == 0 {
            return Ok(());
        }
        let folder = Arc::clone(&self.spool);
        let asked = tokio::task::spawn_blocking(move || statvfs(&*folder)).await;
        let disk = asked.map_err(|_| Error::Stopped)?;
        let disk = disk.map_err(|cause| self.cannot_spool(cause.into()))?;
        let (free, least) = (disk.f_bavail.saturating_mul(disk.f_frsize), self.min_free);
        if free >= least {
            return Ok(());
        }
        Err(Error::DiskFull {
            folder: self.spool.to_path_buf(),
            free,
            least,
        })
    }

    /// Takes all of `body`, unless it has more than `limit` bytes.
    pub(crate) async fn spool(
        &self,
        body: impl Stream<Item = io::Result<Bytes>>,
        limit: u64,
    ) -> Result<Spooled, Error> {
        self.check_room().await?;
        let mut file = tokio::fs::File::from_std(self.spool_file().await?);
        let (mut hasher, mut size, mut head) = (Sha256::new(), 0, BytesMut::new());
        let mut body = pin!(body);
        while let Some(bytes) = body.try_next().await.map_err(Error::Upload)? {
            size += bytes.len() as u64;
            if size > limit {
                return Err(Error::TooLarge { limit });
            }
            hasher.update(&bytes);
            head.extend_from_slice(&bytes[..bytes.len().min(HEAD - head.len())]);
            file.write_all(&bytes)
                .await
                .map_err(|cause| self.cannot_spool(cause))?;
        }
        if size == 0 {
            return Err(Error::Empty);
        }
        file.flush()
            .await
            .map_err(|cause| self.cannot_spool(cause))?;
        Ok(Spooled {
            file: file.into_std().await,
            hash: FileHash::finish(hasher),
            size,
            head: head.freeze(),
        })
    }

    pub(crate) fn cannot_spool(&self, cause: io::Error) -> Error {
        Error::Spool {
            folder: self.spool.to_path_buf(),
            cause,
        }
    }
}
