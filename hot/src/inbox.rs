//! Inboxes: what happens to a user's chats is published to the user, on a channel of theirs, and every API that serves them listens to it.
//!
//! Sharded pub/sub is fire and forget. So what is published says what was published before it, and what is lost is found missing (see `store`).

use std::sync::Arc;

use bytes::Bytes;
use fred::{
    clients::SubscriberClient,
    interfaces::{ClientLike, EventInterface, FredResult, PubsubInterface},
    types::{Message, Value, config::Server},
};
use futures_util::future::try_join_all;
use model::UserId;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{Error, Hot, Options, Result, client::builder, keys};

/// How many are published to in one go.
const PUBLISHED_AT_ONCE: usize = 256;

/// What arrives from the inboxes that are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Something for this user.
    Inbox(UserId, Bytes),
    /// This user came online or went offline.
    Presence(UserId),
    /// Something was lost: the connection, or our breath. Open all of them again, and look at everything.
    Lost,
}

/// A subscription to the inboxes of some users. Dropping it ends it.
#[derive(Clone)]
pub struct Inboxes(Arc<Subscriber>);

struct Subscriber(SubscriberClient);

/// What arrives from them.
pub struct Deliveries {
    messages: Receiver<Message>,
    reconnects: Receiver<Server>,
}

impl Inboxes {
    /// How many deliveries may wait. More, and the oldest are dropped for one [`Delivery::Lost`].
    const WAITING: usize = 8192;

    /// Subscribes on a connection of its own; to nothing yet.
    pub async fn connect(options: &Options) -> Result<(Self, Deliveries)> {
        let mut builder = builder(options)?;
        // fred preallocates these slots.
        builder.with_performance_config(|performance| performance.broadcast_channel_capacity = Self::WAITING);
        let client = builder.build_subscriber_client().map_err(|error| Error::of("subscribe", error))?;
        client.init().await.map_err(|error| Error::of("subscribe", error))?;
        let deliveries = Deliveries { messages: client.message_rx(), reconnects: client.reconnect_rx() };
        Ok((Self(Arc::new(Subscriber(client))), deliveries))
    }

    /// Listens to a user's inbox. Whatever is published once this has returned is delivered. Again is no error.
    pub async fn open(&self, user: UserId) -> Result<()> {
        self.0.0.ssubscribe(keys::inbox(user)).await.map_err(|error| Error::of("SSUBSCRIBE", error))
    }

    /// Listens no more.
    pub async fn close(&self, user: UserId) -> Result<()> {
        self.0.0.sunsubscribe(keys::inbox(user)).await.map_err(|error| Error::of("SUNSUBSCRIBE", error))
    }

    /// Listens for a user's coming and going.
    pub async fn watch(&self, user: UserId) -> Result<()> {
        self.0.0.ssubscribe(keys::watched(user)).await.map_err(|error| Error::of("SSUBSCRIBE", error))
    }

    /// Listens for it no more.
    pub async fn unwatch(&self, user: UserId) -> Result<()> {
        self.0.0.sunsubscribe(keys::watched(user)).await.map_err(|error| Error::of("SUNSUBSCRIBE", error))
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let client = self.0.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { client.quit().await });
        }
    }
}

impl Deliveries {
    /// The next one; `None` when the subscription has ended for good.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            let delivery = tokio::select! {
                message = self.messages.recv() => match message {
                    Ok(message) => delivery(message),
                    Err(RecvError::Lagged(_)) => Some(Delivery::Lost),
                    Err(RecvError::Closed) => return None,
                },
                reconnected = self.reconnects.recv() => match reconnected {
                    Ok(_) | Err(RecvError::Lagged(_)) => Some(Delivery::Lost),
                    Err(RecvError::Closed) => return None,
                },
            };
            if delivery.is_some() {
                return delivery;
            }
        }
    }
}

fn delivery(message: Message) -> Option<Delivery> {
    if let Some(user) = keys::inbox_of(&message.channel) {
        let bytes = match message.value {
            Value::Bytes(bytes) => bytes,
            Value::String(text) => text.into_inner(),
            _ => return None,
        };
        // A copy of its own: what waits must not keep the whole buffer that Redis' answers were read into.
        return Some(Delivery::Inbox(user, Bytes::copy_from_slice(&bytes)));
    }
    keys::watched_of(&message.channel).map(Delivery::Presence)
}

impl Hot {
    /// Publishes to these users' inboxes, in as few packets as they fit into. Nobody may be listening.
    pub async fn publish(&self, told: &[(UserId, Bytes)]) -> Result<()> {
        for some in told.chunks(PUBLISHED_AT_ONCE) {
            if self.client.is_clustered() {
                // Each goes to the node that has its slot.
                try_join_all(some.iter().map(|(user, payload)| self.client.spublish::<(), _, _>(keys::inbox(*user), payload.clone())))
                    .await
                    .map_err(|error| Error::of("SPUBLISH", error))?;
                continue;
            }
            let pipeline = self.client.pipeline();
            for (user, payload) in some {
                let queued: FredResult<()> = pipeline.spublish(keys::inbox(*user), payload.clone()).await;
                queued.map_err(|error| Error::of("SPUBLISH", error))?;
            }
            pipeline.all::<Value>().await.map_err(|error| Error::of("SPUBLISH", error))?;
        }
        Ok(())
    }
}
