//! Keyspace expiry events: a hint that something may be due, and never more than that.

use fred::{
    clients::Client,
    interfaces::{ClientLike, ClusterInterface, EventInterface, PubsubInterface},
};
use futures_util::future::try_join_all;
use tokio::sync::{broadcast::error::RecvError, mpsc};
use tokio_util::task::AbortOnDropHandle;

use crate::{Error, Options, Result, client::builder, keys};

/// Keyspace events of expiries, of any database.
const EXPIRED: &str = "__keyevent@*__:expired";

/// What a flusher may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// This key has expired.
    Expired(keys::Expired),
    /// Events were lost (a reconnect, or a reader too slow): look at everything.
    Everything,
}

/// A subscription to expiry events. Dropping it ends it.
pub struct Expiries {
    hints: mpsc::Receiver<Hint>,
    client: Client,
    _relay: AbortOnDropHandle<()>,
}

impl Expiries {
    /// How many hints may wait. More, and they are dropped for one [`Hint::Everything`]: the due set knows them all.
    const WAITING: usize = 4096;

    /// Subscribes on connections of its own: to every primary of a cluster, since each tells only of its own keys.
    pub async fn subscribe(options: &Options) -> Result<Self> {
        let mut builder = builder(options)?;
        // fred preallocates these slots, so only this client has many; they are emptied at once into our own queue.
        builder.with_performance_config(|performance| performance.broadcast_channel_capacity = 4096);
        let client = builder.build().map_err(|error| Error::of("subscribe", error))?;
        client.init().await.map_err(|error| Error::of("subscribe", error))?;
        let (mut events, mut reconnects, mut changes) = (client.keyspace_event_rx(), client.reconnect_rx(), client.cluster_change_rx());
        listen(&client).await?;

        let (sender, hints) = mpsc::channel(Self::WAITING);
        let listener = client.clone();
        let relay = tokio::spawn(async move {
            let mut lost = false;
            loop {
                let hint = tokio::select! {
                    event = events.recv() => match event {
                        Ok(event) => event.key.as_str().and_then(keys::expired).map(Hint::Expired),
                        Err(RecvError::Lagged(_)) => Some(Hint::Everything),
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
                    hint = Hint::Everything;
                }
                match sender.try_send(hint) {
                    Ok(()) => lost = false,
                    Err(mpsc::error::TrySendError::Full(_)) => lost = true,
                    Err(mpsc::error::TrySendError::Closed(_)) => return,
                }
            }
        });
        Ok(Self { hints, client, _relay: AbortOnDropHandle::new(relay) })
    }

    /// The next hint; `None` when the subscription has ended for good.
    pub async fn next(&mut self) -> Option<Hint> {
        self.hints.recv().await
    }
}

impl Drop for Expiries {
    fn drop(&mut self) {
        let client = self.client.clone();
        tokio::spawn(async move { client.quit().await });
    }
}

/// Subscribes on every node. Again is no error.
async fn listen(client: &Client) -> Result<()> {
    let refused = |error| Error::of("PSUBSCRIBE", error);
    match client.is_clustered().then(|| client.cached_cluster_state()).flatten() {
        None => client.psubscribe(EXPIRED).await.map_err(refused),
        Some(routing) => {
            let nodes = routing.unique_primary_nodes().into_iter();
            try_join_all(nodes.map(|node| async move { client.with_cluster_node(node).psubscribe::<&str>(EXPIRED).await }))
                .await
                .map(drop)
                .map_err(refused)
        }
    }
}

/// The same after a connection was lost, or a node of a cluster is another: whatever was missed, the due sets know.
async fn listen_again(client: &Client) -> Hint {
    if let Err(error) = listen(client).await {
        tracing::debug!(%error, "expiries are not told now; the sweep finds what is due");
    }
    Hint::Everything
}
