//! Files that nobody refers to any more are collected.

use std::time::{Duration, SystemTime};

use files::{Files, Space};
use futures_util::TryStreamExt;
use model::Tick;
use store::Store;
use tokio_util::sync::CancellationToken;

/// A file that is younger may be in a message that is being written.
const AGE: Duration = Duration::from_secs(24 * 3600);

/// Sweeps now and then, until `shutdown`. Any number of APIs may: what one has deleted, another does not find.
pub(crate) async fn run(files: Files, store: Store, every: Duration, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = shutdown.cancelled() => return,
        }
        match sweep(&files, &store, AGE).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "files that nobody refers to were deleted"),
            Err(error) => tracing::warn!(%error, "files were not swept; tried again later"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Files(#[from] files::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Deletes what is older than `age` and referred to by nothing that is saved, if everything that old is saved; how many files.
///
/// # Errors
/// When a store does not answer; the rest is left for the next time.
pub(crate) async fn sweep(files: &Files, store: &Store, age: Duration) -> Result<usize, Error> {
    let (moment, mut deleted) = (SystemTime::now() - age, 0);
    // A picture is stored anew whenever it is set, so what refers to an old one was written as long ago, and must be in SQL by now.
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
