//! Every change reaches every member at once, and none is missed after any absence.
//!
//! A user whom this API serves has one [`inbox::Inbox`], which listens to their channel in Redis for all of their connections. What comes is handed to
//! the [`outbox::Outbox`] of each, as it is; [`chain`] notices what did not come, and [`heal`] looks it up. So a client need only take rows by their
//! `rev`, and remember the last cursor.

mod chain;
mod command;
mod connection;
mod heal;
mod inbox;
mod open;
mod outbox;
mod presence;
mod socket;
mod stream;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt;
use model::{Session, Tick, UserId};
use store::{Deliveries, Delivery, Envelope, Inboxes, Store};
use tokio::{sync::Semaphore, time::MissedTickBehavior};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use command::Frames;
use connection::Connection;
use inbox::Inbox;
use outbox::{Budget, End, Outbox};
use presence::Watch;

use crate::problem::Problem;

/// How often we look whether we are still told of everything, and how far everybody else is.
const LOOK: Duration = Duration::from_secs(5);
/// Redis has not told us anything for so long: it does not listen to us any more.
const DEAF: Duration = Duration::from_secs(20);
/// A change may be under way for so long; as the cursors of `sync` have it.
const MARGIN: Duration = Duration::from_secs(60);
/// What is due to be saved for longer than that is not being saved.
const BEHIND: Duration = Duration::from_secs(30);
/// How many connections a user may have to one API: more than anybody has devices and tabs.
const CONNECTIONS: usize = 64;
/// How many users are looked up for at once.
const HEALERS: usize = 32;
/// Over how many milliseconds those are spread who come back after a restart.
const SPREAD_MS: u32 = 5_000;

/// The operations.
pub(crate) type Apis = (stream::StreamApi, socket::SocketApi, open::TicketApi, presence::PresenceApi);
pub(crate) const APIS: Apis = (stream::StreamApi, socket::SocketApi, open::TicketApi, presence::PresenceApi);

/// All connections of this API. Clones share them.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    store: Store,
    inboxes: Inboxes,
    /// What we call ourselves, and a channel on which only we talk to ourselves.
    instance: UserId,
    users: Mutex<HashMap<UserId, Arc<Inbox>>>,
    watch: Watch,
    budget: Arc<Budget>,
    healers: Arc<Semaphore>,
    /// Up to here everything was told to all who are connected (µs).
    horizon: AtomicI64,
    /// When we said what we last heard of ourselves, by Redis' clock (µs).
    heard: AtomicI64,
    /// How often something was lost.
    losses: AtomicU64,
    /// The inboxes are being opened anew.
    recovering: AtomicBool,
    /// Nobody new is served.
    closing: CancellationToken,
    /// Nobody is.
    closed: CancellationToken,
    tasks: TaskTracker,
    heartbeat: Duration,
}

impl Live {
    /// Listens. `most_waiting`: how many bytes may wait for slow readers, in total.
    pub(crate) async fn start(store: Store, most_waiting: usize, heartbeat: Duration) -> store::Result<Self> {
        let (inboxes, deliveries) = Inboxes::connect(store.hot.options()).await?;
        let now = store.hot.now().await?;
        let instance = UserId::new();
        inboxes.open(instance).await?;
        let live = Self(Arc::new(Inner {
            store,
            inboxes,
            instance,
            users: Mutex::default(),
            watch: Watch::default(),
            budget: Arc::new(Budget::new(most_waiting)),
            healers: Arc::new(Semaphore::new(HEALERS)),
            horizon: AtomicI64::new(now.earlier(MARGIN).0),
            heard: AtomicI64::new(now.0),
            losses: AtomicU64::new(0),
            recovering: AtomicBool::new(false),
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
            tasks: TaskTracker::new(),
            heartbeat,
        }));
        tokio::spawn(live.clone().listen(deliveries));
        tokio::spawn(live.clone().look());
        Ok(live)
    }

    /// A new connection of a session. From now on everything is told to it.
    ///
    /// # Errors
    /// 429 when this user has too many.
    async fn connect(&self, session: &Session) -> Result<Connection, Problem> {
        let outbox = Arc::new(Outbox::new(session.hash.clone(), Arc::clone(&self.0.budget)));
        loop {
            let inbox = Arc::clone(self.users().entry(session.user).or_insert_with(|| Arc::new(Inbox::new(session.user))));
            let mut open = inbox.gate.lock().await;
            if !self.users().get(&session.user).is_some_and(|other| Arc::ptr_eq(other, &inbox)) {
                continue; // the last one left while we waited
            }
            if !*open {
                let opened = async {
                    self.0.inboxes.open(session.user).await?;
                    self.0.store.hot.now().await
                };
                match opened.await {
                    Ok(now) => inbox.opens(now),
                    Err(error) => {
                        self.users().remove(&session.user);
                        return Err(store::Error::from(error).into());
                    }
                }
                *open = true;
            }
            if !inbox.join(Arc::clone(&outbox), CONNECTIONS) {
                return Err(Problem::rate_limited(format!("An account has at most {CONNECTIONS} connections to an API."), 60));
            }
            drop(open);
            if self.0.closing.is_cancelled() {
                outbox.end(End::Restart(spread()));
            }
            self.pulse(session.user).await;
            return Ok(Connection::new(self.clone(), inbox, outbox));
        }
    }

    async fn disconnect(&self, inbox: Arc<Inbox>, outbox: Arc<Outbox>) {
        let mut open = inbox.gate.lock().await;
        self.0.watch.forget(&outbox);
        if !inbox.leave(&outbox) || !*open {
            return;
        }
        *open = false;
        self.users().remove(&inbox.user);
        let left = async {
            self.0.inboxes.close(inbox.user).await?;
            self.0.store.hot.leave(inbox.user, &self.0.instance.to_string()).await
        };
        if let Err(error) = left.await {
            tracing::debug!(%error, user.id = %inbox.user, "that they left was not written down; it is seen in a minute");
        }
    }

    /// We serve this user.
    async fn pulse(&self, user: UserId) {
        // Two beats may be lost; then nobody believes it any more.
        let life = self.0.heartbeat * 5 / 2;
        if let Err(error) = self.0.store.hot.pulse(user, &self.0.instance.to_string(), life).await {
            tracing::debug!(%error, user.id = %user, "that they are here was not written down");
        }
    }

    async fn listen(self, mut deliveries: Deliveries) {
        while let Some(Some(delivery)) = self.0.closed.run_until_cancelled(deliveries.next()).await {
            match delivery {
                Delivery::Inbox(user, said) if user == self.0.instance => {
                    let said = std::str::from_utf8(&said).ok().and_then(|text| text.parse().ok());
                    self.0.heard.fetch_max(said.unwrap_or_default(), Ordering::Relaxed);
                }
                Delivery::Inbox(user, payload) => self.deliver(user, &payload),
                Delivery::Presence(user) => self.came_or_went(user),
                Delivery::Lost => self.recover(),
            }
        }
    }

    fn deliver(&self, user: UserId, payload: &Bytes) {
        let Some(inbox) = self.users().get(&user).cloned() else { return };
        match Envelope::read(payload) {
            Some(envelope) => {
                if inbox.take(envelope, self.horizon()) {
                    self.heal(inbox);
                }
            }
            None => tracing::warn!(user.id = %user, "another version of Carrier publishes what this one cannot read"),
        }
    }

    fn heal(&self, inbox: Arc<Inbox>) {
        tokio::spawn(heal::heal(self.0.store.clone(), inbox, Arc::clone(&self.0.healers)));
    }

    /// Something was lost: all inboxes are opened again, and everybody is told what they may have missed.
    fn recover(&self) {
        self.0.losses.fetch_add(1, Ordering::SeqCst);
        if self.0.recovering.swap(true, Ordering::SeqCst) {
            return;
        }
        let live = self.clone();
        tokio::spawn(async move {
            let since = Tick(live.0.heard.load(Ordering::Relaxed)).earlier(MARGIN);
            loop {
                let losses = live.0.losses.load(Ordering::SeqCst);
                match live.reopen().await {
                    Ok(now) if live.0.losses.load(Ordering::SeqCst) == losses => {
                        live.0.heard.fetch_max(now.0, Ordering::Relaxed);
                        break;
                    }
                    Ok(_) => {} // and again meanwhile
                    Err(error) => {
                        tracing::debug!(%error, "inboxes are opened again soon");
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                }
            }
            live.0.recovering.store(false, Ordering::SeqCst);
            let all: Vec<_> = live.users().values().cloned().collect();
            tracing::info!(users = all.len(), "events were lost; all who are connected are told what they may have missed");
            for inbox in all {
                if inbox.lost(since, live.horizon()) {
                    live.heal(inbox);
                }
            }
        });
    }

    /// When all of them were open again.
    async fn reopen(&self) -> store::Result<Tick> {
        self.0.inboxes.open(self.0.instance).await?;
        let users: Vec<UserId> = self.users().keys().copied().collect();
        let watched = self.0.watch.users();
        let open = users.into_iter().map(|user| (user, false)).chain(watched.into_iter().map(|user| (user, true)));
        let opened = futures_util::stream::iter(open).map(async |(user, watched)| match watched {
            false => self.0.inboxes.open(user).await,
            true => self.0.inboxes.watch(user).await,
        });
        let opened: Vec<_> = opened.buffer_unordered(64).collect().await;
        opened.into_iter().collect::<Result<Vec<()>, _>>()?;
        Ok(self.0.store.hot.now().await?)
    }

    /// Up to where everything was told to all who are connected.
    fn horizon(&self) -> Tick {
        Tick(self.0.horizon.load(Ordering::Relaxed))
    }

    /// Again and again: do we still hear, is everything being saved, and who is online?
    async fn look(self) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.0.closing.cancelled() => return,
            }
            match self.advance().await {
                Ok(Some(horizon)) => {
                    self.0.horizon.fetch_max(horizon.0, Ordering::Relaxed);
                }
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "cursors stand still"),
            }
            self.look_who_is_online().await;
        }
    }

    /// How far everything was told. A change of which nobody was told, since the API died that made it, is told when it is saved; so while nothing is saved,
    /// cursors stand still.
    async fn advance(&self) -> store::Result<Option<Tick>> {
        let store = &self.0.store;
        let now = store.hot.now().await?;
        store.hot.publish(&[(self.0.instance, now.to_string().into())]).await?;
        let heard = Tick(self.0.heard.load(Ordering::Relaxed));
        if heard < now.earlier(DEAF) {
            self.recover();
        }
        if self.0.recovering.load(Ordering::Relaxed) {
            return Ok(None);
        }
        Ok(store.is_saving(now, BEHIND).await?.then(|| now.min(heard).earlier(MARGIN)))
    }

    /// Tells all connections that this API restarts, and waits until they are closed.
    pub(crate) async fn close(&self) {
        self.0.closing.cancel();
        let inboxes: Vec<_> = self.users().values().cloned().collect();
        for inbox in inboxes {
            inbox.end(|_| Some(End::Restart(spread())));
        }
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.closed.cancel();
    }

    fn users(&self) -> MutexGuard<'_, HashMap<UserId, Arc<Inbox>>> {
        self.0.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somewhere in the time over which all who must come back are spread.
fn spread() -> u32 {
    (uuid::Uuid::now_v7().as_u128() % u128::from(SPREAD_MS)) as u32
}
