//! Keyspace expiry events: a hint that something may be due, and never more than that.

use fred::{
    clients::Client,
    interfaces::{ClientLike, ClusterInterface, EventInterface, PubsubInterface},
};
use futures_util::future::try_join_all;
use tokio::sync::{broadcast::error::RecvError, mpsc};
use tokio_util::task::AbortOnDropHandle;

use crate::wire::{
    Error, ExpiredKey, Options, Result, keys, listener, spawn_critical, stay_with_primary,
};

/// The pattern of keyspace events of expiries, of any database.
const EXPIRED: &str = "__keyevent@*__:expired";

/// A hint for a flusher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryHint {
    /// The token of a chat, or a session, has expired.
    Key(ExpiredKey),
    /// Events were lost (a reconnect, or a reader too slow): look at everything.
    Everything,
}

/// A subscription to expiry events. Dropping it ends it.
pub struct ExpiryEvents {
    hints: mpsc::Receiver<ExpiryHint>,
    client: Client,
    _relay: AbortOnDropHandle<()>,
    _stays: AbortOnDropHandle<()>,
}

impl ExpiryEvents {
    /// The number of hints that may wait. Beyond it they are dropped for one
    /// [`ExpiryHint::Everything`]: the due set knows them all.
    const WAITING: usize = 4096;

    /// Subscribes on connections of its own: to every primary of a cluster, since each tells only
    /// of its own keys.
    ///
    /// # Errors
    /// Fails when the URL is wrong or Redis cannot be reached now.
    pub async fn subscribe(options: &Options) -> Result<Self> {
        let mut builder = listener(options)?;
        // fred preallocates these slots, so only this client has many; they are emptied at once
        // into our own queue.
        builder
            .with_performance_config(|performance| performance.broadcast_channel_capacity = 4096);
        let client = builder
            .build()
            .map_err(|error| Error::of("subscribe", error))?;
        client
            .init()
            .await
            .map_err(|error| Error::of("subscribe", error))?;
        let (mut events, mut reconnects, mut changes) = (
            client.keyspace_event_rx(),
            client.reconnect_rx(),
            client.cluster_change_rx(),
        );
        listen(&client).await?;

        let (sender, hints) = mpsc::channel(Self::WAITING);
        let listener = client.clone();
        let relay = spawn_critical("the relay of expiry events", async move {
            let mut lost = false;
            loop {
                let hint = tokio::select! {
                    event = events.recv() => match event {
                        Ok(event) => {
                            event.key.as_str().and_then(keys::expired).map(ExpiryHint::Key)
                        }
                        Err(RecvError::Lagged(_)) => Some(ExpiryHint::Everything),
                        Err(RecvError::Closed) => return,
                    },
                    reconnected = reconnects.recv() => match reconnected {
                        Ok(_) | Err(RecvError::Lagged(_)) => Some(listen_again(&listener).await),
                        Err(RecvError::Closed) => return,
                    },
                    changed = changes.recv() => match changed {
                        Ok(_) | Err(RecvError::Lagged(_)) => Some(listen_again(&listener).await),
                        Err(RecvError::Closed) => return,
                    },
                };
                let Some(mut hint) = hint else { continue };
                if lost {
                    hint = ExpiryHint::Everything;
                }
                match sender.try_send(hint) {
                    Ok(()) => lost = false,
                    Err(mpsc::error::TrySendError::Full(_)) => lost = true,
                    Err(mpsc::error::TrySendError::Closed(_)) => return,
                }
            }
        });
        Ok(Self {
            hints,
            _stays: stay_with_primary(&client),
            client,
            _relay: AbortOnDropHandle::new(relay),
        })
    }

    /// Returns the next hint; `None` when the subscription has ended for good.
    pub async fn next(&mut self) -> Option<ExpiryHint> {
        self.hints.recv().await
    }
}

impl Drop for ExpiryEvents {
    fn drop(&mut self) {
        let client = self.client.clone();
        tokio::spawn(async move { client.quit().await });
    }
}

/// Subscribes on every node. A second time is no error.
async fn listen(client: &Client) -> Result<()> {
    let refused = |error| Error::of("PSUBSCRIBE", error);
    match client
        .is_clustered()
        .then(|| client.cached_cluster_state())
        .flatten()
    {
        None => client.psubscribe(EXPIRED).await.map_err(refused),
        Some(routing) => {
            let nodes = routing.unique_primary_nodes().into_iter();
            try_join_all(nodes.map(|node| async move {
                client
                    .with_cluster_node(node)
                    .psubscribe::<&str>(EXPIRED)
                    .await
            }))
            .await
            .map(drop)
            .map_err(refused)
        }
    }
}

/// Subscribes again after a connection was lost, or a node of a cluster was replaced: the due sets
/// know what was missed.
async fn listen_again(client: &Client) -> ExpiryHint {
    if let Err(error) = listen(client).await {
        tracing::debug!(%error, "could not subscribe to expiries; the sweep finds what is due");
    }
    ExpiryHint::Everything
}
