//! Inboxes: the changes in a user's chats are published to the user, on a channel of the user's
//! own, and every API that serves the user listens to it.
//!
//! Sharded pub/sub is fire and forget. So a notification names the one before it, and a lost one is
//! found missing (see `store`).
//!
//! Scripts publish to all APIs that sessions ended, and that an API begins to serve a user. Who
//! goes by that must know that it still hears: a connection whose packets are dropped is silent,
//! and looks as if nothing had happened. So it is asked, some times a second, and its answer comes
//! behind what was published before.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use fred::{
    clients::Client,
    interfaces::{ClientLike, EventInterface, FredResult, PubsubInterface},
    types::{Message, Value, config::Server},
};
use futures_util::future::try_join_all;
use model::{Partition, UserId};
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        mpsc,
    },
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use crate::wire::{
    Error, Hot, Options, Result, all_nodes_answer, keys, listener, stay_with_primary,
};

/// The number of users who are published to in one pipeline.
const PUBLISHED_AT_ONCE: usize = 256;

/// The time between two questions whether the connection still hears.
const PROOF: Duration = Duration::from_millis(400);

/// A delivery from the inboxes that are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// A notification to this user.
    Inbox(UserId, Bytes),
    /// A sign that this user came online or went offline.
    Presence(UserId),
    /// These sessions have ended.
    Ended(EndedSessions),
    /// A sign that an API, the second, begins to serve a user.
    Served(UserId, UserId),
    /// A proof that all is delivered that was published before this moment.
    Proof(Instant),
    /// A loss: of the connection, once when it breaks and once when it is back, or of deliveries
    /// that came too fast. Open all inboxes again, and look at everything.
    Lost,
}

/// Sessions that have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndedSessions {
    /// The one whose token has this hash.
    Of(String),
    /// All that a user had.
    OfUser(UserId),
}

/// A subscription to the inboxes of some users. Dropping it ends it.
#[derive(Clone)]
pub struct Inboxes(Arc<Subscriber>);

struct Subscriber {
    client: Client,
    _tasks: [AbortOnDropHandle<()>; 2],
}

/// The deliveries of a subscription.
pub struct Deliveries {
    messages: Receiver<Message>,
    breaks: Receiver<(fred::error::Error, Option<Server>)>,
    reconnects: Receiver<Server>,
    proofs: mpsc::Receiver<Instant>,
}

impl Inboxes {
    /// The number of deliveries that may wait. Beyond it the oldest are dropped for one
    /// [`Delivery::Lost`].
    const WAITING: usize = 8192;

    /// Subscribes on a connection of its own; to nothing yet.
    ///
    /// # Errors
    /// Fails when the URL is wrong or Redis cannot be reached now.
    pub async fn connect(options: &Options) -> Result<(Self, Deliveries)> {
        let mut builder = listener(options)?;
        // fred preallocates these slots.
        builder.with_performance_config(|performance| {
            performance.broadcast_channel_capacity = Self::WAITING
        });
        let client = builder
            .build()
            .map_err(|error| Error::of("subscribe", error))?;
        client
            .init()
            .await
            .map_err(|error| Error::of("subscribe", error))?;
        let (proves, proofs) = mpsc::channel(1);
        let deliveries = Deliveries {
            messages: client.message_rx(),
            breaks: client.error_rx(),
            reconnects: client.reconnect_rx(),
            proofs,
        };
        let proving = tokio::spawn(prove(client.clone(), proves));
        let subscriber = Subscriber {
            _tasks: [stay_with_primary(&client), AbortOnDropHandle::new(proving)],
            client,
        };
        Ok((Self(Arc::new(subscriber)), deliveries))
    }

    /// Listens to a user's inbox: all that is published once this has returned is delivered. A
    /// second time is no error.
    ///
    /// # Errors
    /// Fails when Redis does not answer.
    pub async fn open(&self, user: UserId) -> Result<()> {
        self.0
            .client
            .ssubscribe(keys::inbox(user))
            .await
            .map_err(|error| Error::of("SSUBSCRIBE", error))
    }

    /// Stops listening to a user's inbox.
    ///
    /// # Errors
    /// Fails when Redis does not answer.
    pub async fn close(&self, user: UserId) -> Result<()> {
        self.0
            .client
            .sunsubscribe(keys::inbox(user))
            .await
            .map_err(|error| Error::of("SUNSUBSCRIBE", error))
    }

    /// Listens for what concerns every API: the ends of all sessions, and all users whom one begins
    /// to serve.
    ///
    /// # Errors
    /// Fails when Redis does not answer.
    pub async fn open_all(&self) -> Result<()> {
        let channels = Partition::all().flat_map(|one| [keys::ended(one), keys::served(one)]);
        let open = channels.map(|channel| self.0.client.ssubscribe(channel));
        let opened: FredResult<Vec<()>> = try_join_all(open).await;
        opened
            .map(drop)
            .map_err(|error| Error::of("SSUBSCRIBE", error))
    }

    /// Listens for a user's coming and going.
    ///
    /// # Errors
    /// Fails when Redis does not answer.
    pub async fn watch(&self, user: UserId) -> Result<()> {
        self.0
            .client
            .ssubscribe(keys::watched(user))
            .await
            .map_err(|error| Error::of("SSUBSCRIBE", error))
    }

    /// Stops listening for a user's coming and going.
    ///
    /// # Errors
    /// Fails when Redis does not answer.
    pub async fn unwatch(&self, user: UserId) -> Result<()> {
        self.0
            .client
            .sunsubscribe(keys::watched(user))
            .await
            .map_err(|error| Error::of("SUNSUBSCRIBE", error))
    }

    /// Leaves the node that it listens to, and looks for the primary again: a [`Delivery::Lost`]
    /// tells when it has.
    ///
    /// # Errors
    /// Fails when Redis does not answer; it goes on trying.
    pub async fn reconnect(&self) -> Result<()> {
        self.0
            .client
            .force_reconnection()
            .await
            .map_err(|error| Error::of("reconnect", error))
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let client = self.client.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { client.quit().await });
        }
    }
}

impl Deliveries {
    /// Returns the next delivery; `None` when the subscription has ended for good.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            let delivery = tokio::select! {
                // A proof holds when nothing waits that came before it.
                biased;
                broken = self.breaks.recv() => match broken {
                    Ok(_) | Err(RecvError::Lagged(_)) => Some(Delivery::Lost),
                    Err(RecvError::Closed) => return None,
                },
                reconnected = self.reconnects.recv() => match reconnected {
                    Ok(_) | Err(RecvError::Lagged(_)) => Some(Delivery::Lost),
                    Err(RecvError::Closed) => return None,
                },
                message = self.messages.recv() => match message {
                    Ok(message) => delivery(message),
                    Err(RecvError::Lagged(_)) => Some(Delivery::Lost),
                    Err(RecvError::Closed) => return None,
                },
                Some(asked) = self.proofs.recv() => Some(Delivery::Proof(asked)),
            };
            if delivery.is_some() {
                return delivery;
            }
        }
    }
}

/// Asks, again and again, whether the connection still hears.
async fn prove(client: Client, proofs: mpsc::Sender<Instant>) {
    let mut ticks = interval(PROOF);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let asked = Instant::now();
        if timeout(PROOF, all_nodes_answer(&client)).await == Ok(true)
            && proofs.send(asked).await.is_err()
        {
            return;
        }
    }
}

fn delivery(message: Message) -> Option<Delivery> {
    if keys::is_ended(&message.channel) {
        let text = message.value.into_string()?;
        return Some(Delivery::Ended(match text.parse() {
            Ok(user) => EndedSessions::OfUser(user),
            Err(_) => EndedSessions::Of(text),
        }));
    }
    if keys::is_served(&message.channel) {
        let text = message.value.into_string()?;
        let (user, api) = text.split_once(' ')?;
        return Some(Delivery::Served(user.parse().ok()?, api.parse().ok()?));
    }
    if let Some(user) = keys::inbox_of(&message.channel) {
        let bytes = match message.value {
            Value::Bytes(bytes) => bytes,
            Value::String(text) => text.into_inner(),
            _ => return None,
        };
        // A copy of its own: what waits must not keep the whole buffer that Redis' answers were
        // read into.
        return Some(Delivery::Inbox(user, Bytes::copy_from_slice(&bytes)));
    }
    keys::watched_of(&message.channel).map(Delivery::Presence)
}

impl Hot {
    /// Publishes to these users' inboxes, in as few packets as they fit into, whether an API
    /// listens or not.
    ///
    /// # Errors
    /// Fails when Redis does not answer; some may have been published then.
    pub async fn publish(&self, notifications: &[(UserId, Bytes)]) -> Result<()> {
        for some in notifications.chunks(PUBLISHED_AT_ONCE) {
            if self.client.is_clustered() {
                // Each goes to the node that has its slot.
                try_join_all(some.iter().map(|(user, payload)| {
                    self.client
                        .spublish::<(), _, _>(keys::inbox(*user), payload.clone())
                }))
                .await
                .map_err(|error| Error::of("SPUBLISH", error))?;
                continue;
            }
            let pipeline = self.client.pipeline();
            for (user, payload) in some {
                let queued: FredResult<()> =
                    pipeline.spublish(keys::inbox(*user), payload.clone()).await;
                queued.map_err(|error| Error::of("SPUBLISH", error))?;
            }
            pipeline
                .all::<Value>()
                .await
                .map_err(|error| Error::of("SPUBLISH", error))?;
        }
        Ok(())
    }
}
