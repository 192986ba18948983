//! Keyspace expiry events: a hint that something may be due, and never more than that.

use fred::{
    clients::SubscriberClient,
    interfaces::{ClientLike, EventInterface, PubsubInterface},
};
use tokio::sync::{broadcast::error::RecvError, mpsc};

use crate::{Error, Options, Result, client::builder, keys};

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
    client: SubscriberClient,
}

impl Expiries {
    /// How many hints may wait. More, and they are dropped for one [`Hint::Everything`]: the due set knows them all.
    const WAITING: usize = 4096;

    /// Subscribes on a connection of its own.
    pub async fn subscribe(options: &Options) -> Result<Self> {
        let mut builder = builder(options)?;
        // fred preallocates these slots, so only this client has many; they are emptied at once into our own queue.
        builder.with_performance_config(|performance| performance.broadcast_channel_capacity = 4096);
        let client = builder.build_subscriber_client().map_err(|error| Error::of("subscribe", error))?;
        client.init().await.map_err(|error| Error::of("subscribe", error))?;
        let mut events = client.keyspace_event_rx();
        let mut reconnects = client.reconnect_rx();
        client.manage_subscriptions();
        client.psubscribe("__keyevent@*__:expired").await.map_err(|error| Error::of("PSUBSCRIBE", error))?;

        let (sender, hints) = mpsc::channel(Self::WAITING);
        tokio::spawn(async move {
            let mut lost = false;
            loop {
                let hint = tokio::select! {
                    event = events.recv() => match event {
                        Ok(event) => event.key.as_str().and_then(keys::expired).map(Hint::Expired),
                        Err(RecvError::Lagged(_)) => Some(Hint::Everything),
                        Err(RecvError::Closed) => return,
                    },
                    reconnected = reconnects.recv() => match reconnected {
                        Ok(_) | Err(RecvError::Lagged(_)) => Some(Hint::Everything),
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
        Ok(Self { hints, client })
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
