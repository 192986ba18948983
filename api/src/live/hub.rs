//! The hub: all connections of this API, by user.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64},
    },
    time::Duration,
};

use model::{Session, UserId};
use poem::Request;
use store::{CHANGE_MARGIN, Inboxes, Store};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    connection::Connection,
    inbox::Inbox,
    presence::WatchList,
    send_queue::{Budget, EndReason, SendQueue},
    typing::Typists,
};
use crate::response::problem::Problem;

/// The most connections that a user may have to one API: more than anybody has devices and tabs.
const MAX_CONNECTIONS: usize = 64;
/// The most users whose missing changes are looked up at the same time.
const MAX_BACKFILLS: usize = 32;
/// The time over which the clients of a restarting API are spread when they reconnect, in
/// milliseconds.
const SPREAD_MS: u32 = 5_000;

/// The connections of this API. Clones share them.
#[derive(Clone)]
pub(crate) struct Hub(pub(super) Arc<Shared>);

/// The state that all clones of a [`Hub`] share.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) inboxes: Inboxes,
    /// The id of this API, and of a channel in Redis on which it hears only itself.
    pub(super) instance: UserId,
    users: Mutex<HashMap<UserId, Arc<Inbox>>>,
    pub(super) watch_list: WatchList,
    pub(super) typists: Typists,
    budget: Arc<Budget>,
    pub(super) backfills: Arc<Semaphore>,
    /// The tick up to which all who are connected were notified of everything (µs).
    pub(super) watermark: AtomicI64,
    /// The newest tick that this API published to itself and heard (µs by Redis' clock).
    pub(super) heard: AtomicI64,
    /// The number of times that notifications were lost.
    pub(super) losses: AtomicU64,
    /// True while the inboxes are being reopened after a loss.
    pub(super) recovering: AtomicBool,
    /// Cancelled when no new connection is served any more.
    pub(super) closing: CancellationToken,
    /// Cancelled when the last connection has ended.
    pub(super) closed: CancellationToken,
    /// The tasks of all connections, which `close` waits for.
    pub(super) tasks: TaskTracker,
    /// The time between two heartbeats of a connection.
    pub(super) heartbeat: Duration,
}

impl Hub {
    /// Returns the connections that `lib.rs` puts into every request.
    pub(super) fn of(request: &Request) -> Self {
        request
            .data::<Self>()
            .expect("the endpoint carries its connections")
            .clone()
    }

    /// Connects to Redis and starts to listen. At most `max_waiting` bytes wait for slow readers,
    /// in total.
    pub(crate) async fn start(
        store: Store,
        max_waiting: usize,
        heartbeat: Duration,
    ) -> store::Result<Self> {
        let (inboxes, deliveries) = store.connect_inboxes().await?;
        let now = store.now().await?;
        let instance = UserId::new();
        inboxes.open(instance).await?;
        inboxes.open_all().await?;
        store.hear_all();
        let hub = Self(Arc::new(Shared {
            store,
            inboxes,
            instance,
            users: Mutex::default(),
            watch_list: WatchList::default(),
            typists: Typists::default(),
            budget: Arc::new(Budget::new(max_waiting)),
            backfills: Arc::new(Semaphore::new(MAX_BACKFILLS)),
            watermark: AtomicI64::new(now.earlier(CHANGE_MARGIN).0),
            heard: AtomicI64::new(now.0),
            losses: AtomicU64::new(0),
            recovering: AtomicBool::new(false),
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
            tasks: TaskTracker::new(),
            heartbeat,
        }));
        store::spawn_critical(
            "the listener to live events",
            hub.clone().listen(deliveries),
        );
        store::spawn_critical("the watermark of live events", hub.clone().keep_watermark());
        Ok(hub)
    }

    /// Registers a new connection of a session. From now on it is sent everything.
    ///
    /// # Errors
    /// 429 when the user has too many connections.
    pub(super) async fn connect(&self, session: &Session) -> Result<Connection, Problem> {
        let queue = Arc::new(SendQueue::new(
            session.hash.clone(),
            Arc::clone(&self.0.budget),
        ));
        loop {
            let inbox = Arc::clone(
                self.users()
                    .entry(session.user)
                    .or_insert_with(|| Arc::new(Inbox::new(session.user))),
            );
            let mut open = inbox.gate.lock().await;
            if !self
                .users()
                .get(&session.user)
                .is_some_and(|other| Arc::ptr_eq(other, &inbox))
            {
                continue; // The last connection left, and took the inbox with it, while we waited.
            }
            if !*open {
                let opened = async {
                    self.0.inboxes.open(session.user).await?;
                    self.0.store.now().await
                };
                match opened.await {
                    Ok(now) => inbox.reset(now),
                    Err(error) => {
                        self.users().remove(&session.user);
                        return Err(error.into());
                    }
                }
                *open = true;
            }
            if !inbox.join(Arc::clone(&queue), MAX_CONNECTIONS) {
                return Err(Problem::rate_limited(
                    format!("An account has at most {MAX_CONNECTIONS} connections to an API."),
                    60,
                ));
            }
            drop(open);
            if self.0.closing.is_cancelled() {
                queue.end(EndReason::Restart(spread()));
            }
            self.pulse(session.user).await;
            return Ok(Connection::new(self.clone(), inbox, queue, session.expires));
        }
    }

    /// Takes a connection out of the lists, and closes the inbox with the last one of its user.
    pub(super) async fn disconnect(&self, inbox: Arc<Inbox>, queue: Arc<SendQueue>) {
        let mut open = inbox.gate.lock().await;
        let unwatched = self.0.watch_list.forget(&queue);
        if let Err(error) = self.unwatch(unwatched).await {
            tracing::debug!(%error, "could not stop listening for people whom nobody watches");
        }
        if !inbox.leave(&queue) || !*open {
            return;
        }
        *open = false;
        let left = async {
            self.0.inboxes.close(inbox.user).await?;
            self.0.store.mark_offline(inbox.user, self.0.instance).await
        };
        if let Err(error) = left.await {
            tracing::debug!(
                %error,
                user.id = %inbox.user,
                "could not record that a user went offline; it expires within a minute"
            );
        }
        // Whoever connects meanwhile waits at the gate: a channel that is subscribed to before we
        // have unsubscribed would be silent, and the user look offline.
        self.users().remove(&inbox.user);
    }

    /// Records that this API serves a user now.
    pub(super) async fn pulse(&self, user: UserId) {
        if let Err(error) = self.mark_online(user).await {
            tracing::debug!(%error, user.id = %user, "could not record that a user is online");
        }
    }

    pub(super) async fn mark_online(&self, user: UserId) -> store::Result<()> {
        // Two heartbeats may be lost before the record expires.
        let life = self.0.heartbeat * 5 / 2;
        self.0.store.mark_online(user, self.0.instance, life).await
    }

    /// Tells all connections that this API restarts, and waits until they are closed.
    pub(crate) async fn close(&self) {
        self.0.closing.cancel();
        for inbox in self.all_inboxes() {
            inbox.end_all(|| EndReason::Restart(spread()));
        }
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.closed.cancel();
    }

    /// Returns the inbox of each user who is connected.
    pub(super) fn all_inboxes(&self) -> Vec<Arc<Inbox>> {
        self.users().values().cloned().collect()
    }

    /// Locks the inboxes of the users who are connected.
    pub(super) fn users(&self) -> MutexGuard<'_, HashMap<UserId, Arc<Inbox>>> {
        self.0.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a random point, in milliseconds, in the time over which reconnecting clients are spread.
pub(super) fn spread() -> u32 {
    fastrand::u32(..SPREAD_MS)
}
