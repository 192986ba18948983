//! The sweeper of files that nothing refers to any more.

use std::time::{Duration, SystemTime};

use files::{Files, Space};
use futures_util::TryStreamExt;
use model::Tick;
use store::Store;
use tokio_util::sync::CancellationToken;

/// The age from which a file is swept: a younger one may be in a message that is being written.
const AGE: Duration = Duration::from_secs(24 * 3600);

/// Sweeps at intervals until `shutdown`. Any number of API servers may: a file that one has deleted
/// is not found by another.
pub(crate) async fn run(files: Files, store: Store, every: Duration, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = shutdown.cancelled() => return,
        }
        match sweep(&files, &store, AGE).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "deleted files that nothing refers to"),
            Err(error) => tracing::warn!(%error, "could not sweep files; retrying later"),
        }
    }
}

/// The failure of a store during a sweep.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Files(#[from] files::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Deletes files that are older than `age` and that nothing in SQL refers to, provided that all
/// rows of that age are in SQL. Returns the number of deleted files.
///
/// # Errors
/// An error when a store does not answer; the other files are left for the next sweep.
pub(crate) async fn sweep(files: &Files, store: &Store, age: Duration) -> Result<usize, Error> {
    let (moment, mut deleted) = (SystemTime::now() - age, 0);
    // A picture is stored anew whenever it is set, so a row that refers to an old one is as old,
    // and must be in SQL by now.
    if !store.is_all_saved(Tick::now().earlier(age / 2)).await? {
        return Ok(0);
    }
    let mut all = files.list_all();
    while let Some(file) = all.try_next().await? {
        if file.modified > moment {
            continue;
        }
        let hash = file.hash.to_string();
        let is_used = match file.space {
            Space::Attachments(chat) => store.is_attached(chat, &hash).await?,
            Space::Avatars => store.is_avatar_saved(&hash).await?,
        };
        if !is_used && files.delete_older(file.space, &file.hash, moment).await? {
            deleted += 1;
        }
    }
    Ok(deleted)
}
