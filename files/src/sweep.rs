//! Finding and deleting unreferenced objects.

use std::time::SystemTime;

use futures_util::{StreamExt, TryStreamExt, future::ready, stream::BoxStream};
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, path::Path};

use crate::{Error, FileHash, Files, Size, Space};

/// An object in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The space that it is in.
    pub space: Space,
    /// The hash; that of the original, if this is a smaller copy.
    pub hash: FileHash,
    /// The time at which it was written last.
    pub modified: SystemTime,
    /// The size in bytes.
    pub size: u64,
}

impl Files {
    /// Lists all objects of a space, in no order. A hash comes once for itself and once for each
    /// smaller copy, even if nothing else is left of it.
    pub fn list(&self, space: Space) -> BoxStream<'static, Result<Listed, Error>> {
        self.list_in(Some(&space.folder()))
    }

    /// Lists all objects of all spaces, in no order, as [`Self::list`] does.
    pub fn list_all(&self) -> BoxStream<'static, Result<Listed, Error>> {
        self.list_in(None)
    }

    fn list_in(&self, folder: Option<&Path>) -> BoxStream<'static, Result<Listed, Error>> {
        let listed = self.store.list(folder).try_filter_map(|found| {
            let owner = Space::owner(&found.location);
            ready(Ok(owner.map(|(space, hash)| Listed {
                space,
                hash,
                modified: found.last_modified.into(),
                size: found.size,
            })))
        });
        listed.map_err(Error::from).boxed()
    }

    /// Deletes an object with its smaller copies. It is no error if it is not there.
    ///
    /// # Errors
    /// An error of the store, which a retry may overcome: the deletion may have been done in part.
    pub async fn delete(&self, space: Space, hash: &FileHash) -> Result<(), Error> {
        let smaller = Size::ALL.map(|size| space.smaller(hash, size));
        let paths = [space.original(hash)].into_iter().chain(smaller);
        for path in paths {
            match self.store.delete(&path).await {
                Ok(()) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Deletes an object as [`Self::delete`] does, unless it was stored, or stored again, since
    /// `moment`; returns true when it was deleted. A sweeper lists an object, asks much
    /// later whether a message or a user refers to it, and then calls this: `moment` must be
    /// further back than [`RENEWED`](crate::RENEWED) by far.
    ///
    /// # Errors
    /// An error of the store, which a retry may overcome: the deletion may have been done in part.
    pub async fn delete_older(
        &self,
        space: Space,
        hash: &FileHash,
        moment: SystemTime,
    ) -> Result<bool, Error> {
        match self.store.head(&space.original(hash)).await {
            Ok(there) if SystemTime::from(there.last_modified) >= moment => return Ok(false),
            Ok(_) | Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.delete(space, hash).await?;
        Ok(true)
    }
}
