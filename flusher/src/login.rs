//! Hydrate on login: what somebody who just logged in will ask for is loaded before they do.

use std::time::Duration;

use hot::Hot;
use store::Store;
use tokio_util::sync::CancellationToken;

/// Takes logins off the list until `shutdown`. `hot` is a connection that may block.
pub(crate) async fn warm_logins(store: Store, hot: Hot, chats: usize, shutdown: CancellationToken) {
    // A login that is lost at the stop is loaded when it is asked for.
    while let Some(popped) = shutdown.run_until_cancelled(hot.pop_login(Duration::from_secs(1))).await {
        let outcome = match popped {
            Ok(Some(user)) => store.warm(user, chats).await.map(|chats| tracing::debug!(user.id = %user, chats, "warmed up")),
            Ok(None) => Ok(()),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "a login was not warmed up; what it needs is loaded when it is asked for");
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }
    hot.close().await;
}
