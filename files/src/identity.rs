//! The identity of a store, by which two APIs can tell whether they share one.

use object_store::{Error as StoreError, ObjectStoreExt, PutMode, path::Path};
use uuid::Uuid;

use crate::{Error, Files};

impl Files {
    /// Returns the id of this store, and makes one when it has none.
    ///
    /// # Errors
    /// An error of the store, which a retry may overcome.
    pub async fn identity(&self) -> Result<String, Error> {
        let path = Path::from("identity");
        let new = Uuid::now_v7().to_string();
        match self
            .store
            .put_opts(&path, new.clone().into(), PutMode::Create.into())
            .await
        {
            Ok(_) => Ok(new),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(
                String::from_utf8_lossy(&self.store.get(&path).await?.bytes().await?).into_owned(),
            ),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Files;

    #[tokio::test]
    async fn a_store_stays_the_same_whoever_opens_it() {
        let (one, other) = (
            tempfile::tempdir().expect("a folder"),
            tempfile::tempdir().expect("a folder"),
        );
        let open = |folder: &tempfile::TempDir| Files::folder(folder.path()).expect("opened");
        let id = open(&one).identity().await.expect("an id");
        assert_eq!(open(&one).identity().await.expect("an id"), id);
        assert_ne!(open(&other).identity().await.expect("an id"), id);
    }
}
