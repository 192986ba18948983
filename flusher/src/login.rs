//! Hydration on login: a user's chats are loaded before the user asks for them.

use std::time::Duration;

use hot::Hot;
use store::Store;
use tokio_util::sync::CancellationToken;

/// Takes logins off the list and hydrates `chats` chats of each user, until `shutdown`. `hot` is a
/// connection that may block.
pub(crate) async fn warm_logins(store: Store, hot: Hot, chats: usize, shutdown: CancellationToken) {
    // A login that is lost at the stop is loaded when it is asked for.
    while let Some(outcome) = shutdown
        .run_until_cancelled(warm_next(&store, &hot, chats))
        .await
    {
        if let Err(error) = outcome {
            tracing::debug!(
                %error,
                "could not warm up a user who logged in; the chats are loaded on demand"
            );
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }
    hot.close().await;
}

/// Hydrates the next user on the list, if one comes soon.
async fn warm_next(store: &Store, hot: &Hot, chats: usize) -> store::Result<()> {
    if let Some(user) = hot.pop_login(Duration::from_secs(1)).await? {
        let chats = store.warm_up(user, chats).await?;
        tracing::debug!(user.id = %user, chats, "warmed up a user who logged in");
    }
    Ok(())
}
