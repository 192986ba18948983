//! Notifies users of what happens in their chats.
//!
//! A change is acknowledged before members are notified of it, and a notification may be lost: only
//! the delay until people see the change depends on it. Each notification names the change
//! before it, and the flusher notifies again of what it saves, so that a process that serves a user
//! finds out what it has missed.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use cold::Cold;
use futures_util::future::join_all;
use hot::{ChangeNotice, Hot, Meter};
use model::{ChatId, ServerEvent, Tick, User, UserId, UserUpdated};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    Notification,
    served::{Moment, Served, ServedMembers},
};
use crate::Result;

/// The number of publishing tasks; the notifications of one chat keep their order.
const PUBLISHERS: usize = 16;
/// The number of notifications that may wait for each task. Further ones are dropped, and the
/// flusher makes up for them.
const WAITING: usize = 4096;
/// The number of tasks whose notifications are published together, and of notifications, about.
const TOGETHER: usize = 64;
const PUBLISHED_AT_ONCE: usize = 1024;
/// The time between two lines about notifications that are dropped.
const TOLD_EVERY: Duration = Duration::from_secs(1);
/// The number of members' ids, about, that are remembered for each task.
const REMEMBERED: usize = 100_000;
/// The most members whom Redis notifies itself: of more than some, it would be held up. More are
/// notified by the APIs that serve them.
const FEW: usize = 16;
/// The number of notifications of a chat from which on it is worth knowing which APIs serve the
/// members: that costs what some notifications to each member do.
const WORTH_KNOWING: u32 = 4;
/// The time after which that is read again, to leave out the APIs that serve none any more.
const READ_EVERY: Duration = Duration::from_secs(600);

/// A task for the publishers.
pub(crate) enum Job {
    /// A notification to the members of a chat as of this version of the roster.
    Members {
        chat: ChatId,
        roster: Tick,
        notification: Notification,
        /// A member with a notification of their own.
        but: Option<(UserId, Notification)>,
    },
    /// A notification to these users.
    Users(Vec<UserId>, Notification),
    /// A signal that all earlier notifications are published.
    Barrier(oneshot::Sender<()>),
}

/// A task, and the meter of the request that it is a part of.
type MeteredJob = (Option<Meter>, Job);

/// The queues of the publishing tasks. Clones share them.
#[derive(Clone)]
pub(crate) struct Notifier {
    hot: Hot,
    cold: Cold,
    queues: Arc<[Queue]>,
    dropped: Arc<Dropped>,
    /// The users whom APIs begin to serve.
    pub(crate) served: Served,
}

/// The queue of a publishing task.
struct Queue {
    jobs: mpsc::Sender<MeteredJob>,
    state: Arc<Mutex<QueueState>>,
}

/// What a publishing task and those who give it work know.
#[derive(Default)]
struct QueueState {
    /// The number of tasks that wait, or are being published.
    pending: usize,
    /// The chats that it lately published to.
    known: HashMap<ChatId, KnownChat>,
    remembered: usize,
}

/// What is known of a chat that was published to.
struct KnownChat {
    roster: Tick,
    /// The members as of this version of the roster, in order.
    members: Arc<[UserId]>,
    /// The number of notifications to each of them.
    notified: u32,
    /// The APIs that serve them, if that is known.
    served: Option<ServedMembers>,
    /// True while that is being read.
    is_reading: bool,
}

/// The notifications that were dropped, of which the log tells now and then.
#[derive(Default)]
struct Dropped {
    count: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl Dropped {
    fn tell(&self) {
        self.count.fetch_add(1, Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
            *told = Some(Instant::now());
            tracing::warn!(
                dropped = self.count.swap(0, Relaxed),
                "too many notifications wait; members are notified when the change is saved"
            );
        }
    }
}

impl Notifier {
    /// Starts the publishing tasks.
    pub(crate) fn start(hot: &Hot, cold: &Cold) -> Self {
        let served = Served::default();
        let start = |_| {
            let (jobs, waiting) = mpsc::channel(WAITING);
            let state = Arc::default();
            let publisher = Publisher {
                hot: hot.clone(),
                cold: cold.clone(),
                state: Arc::clone(&state),
                served: served.clone(),
            };
            hot::spawn_critical("a publisher of events", publisher.publish_all(waiting));
            Queue { jobs, state }
        };
        Self {
            hot: hot.clone(),
            cold: cold.clone(),
            queues: (0..PUBLISHERS).map(start).collect(),
            dropped: Arc::default(),
            served,
        }
    }

    /// Notifies the members of a chat of a change.
    pub(crate) fn members(
        &self,
        chat: ChatId,
        change: ChangeNotice,
        clock: Tick,
        event: impl Into<Bytes>,
    ) {
        let notification = Notification::Changed {
            chat,
            prev: change.prev,
            clock,
            event: event.into(),
        };
        self.enqueue(
            chat.partition().0,
            Job::Members {
                chat,
                roster: change.roster_version,
                notification,
                but: None,
            },
        );
    }

    /// Returns the members of a chat, and the version of its roster, if they are known and few, and
    /// may be notified past the queue.
    pub(crate) fn readers(&self, chat: ChatId) -> Option<(Tick, Vec<UserId>)> {
        lock(&self.queue(chat.partition().0).state).readers(chat)
    }

    /// Queues a task in the order of its chat.
    pub(crate) fn job(&self, chat: ChatId, job: Job) {
        self.enqueue(chat.partition().0, job);
    }

    /// Notifies one user.
    pub(crate) fn user(&self, user: UserId, notification: Notification) {
        self.enqueue(user.partition().0, Job::Users(vec![user], notification));
    }

    /// Notifies a user that private rows of theirs changed.
    pub(crate) fn private_changed(&self, user: UserId, rev: Tick, from: Tick) {
        self.user(user, Notification::PrivateChanged { rev, from });
    }

    /// Notifies users that they are no longer in a chat.
    pub(crate) fn removed(&self, chat: ChatId, users: Vec<UserId>) {
        let event = format!(r#"{{"type":"chat.removed","chat_id":"{chat}"}}"#);
        self.job(chat, Job::Users(users, Notification::Event(event.into())));
    }

    /// Notifies the members of a chat that all changes up to `saved` are in SQL.
    pub(crate) fn saved(&self, chat: ChatId, change: ChangeNotice, saved: Tick, from: Tick) {
        let notification = Notification::Saved {
            chat,
            saved,
            notified: change.prev,
            from,
        };
        self.job(
            chat,
            Job::Members {
                chat,
                roster: change.roster_version,
                notification,
                but: None,
            },
        );
    }

    /// Notifies each user who shares a chat with this one that the public profile changed, one chat
    /// after the other.
    pub(crate) fn companions(&self, user: User) {
        let notifier = self.clone();
        tokio::spawn(Meter::carry(async move {
            let notify = async || -> Result<()> {
                let id = user.id;
                let event: Bytes = ServerEvent::UserUpdated(UserUpdated { user: user.into() })
                    .to_string()
                    .into();
                let mut notified = HashSet::from([id]);
                for listed in notifier
                    .hot
                    .chats_of(id)
                    .await?
                    .unwrap_or_default()
                    .iter()
                    .filter(|listed| !listed.left.happened())
                {
                    let members = match notifier.hot.roster(listed.chat).await? {
                        Some((_, users)) => users,
                        None => members_of(&notifier.cold, listed.chat).await?,
                    };
                    let users: Vec<UserId> = members
                        .into_iter()
                        .filter(|user| notified.insert(*user))
                        .collect();
                    notifier.job(
                        listed.chat,
                        Job::Users(users, Notification::Event(event.clone())),
                    );
                }
                Ok(())
            };
            if let Err(error) = notify().await {
                tracing::debug!(
                    %error,
                    "could not notify of a profile; members are notified when it is saved"
                );
            }
        }));
    }

    fn queue(&self, number: u8) -> &Queue {
        &self.queues[number as usize % PUBLISHERS]
    }

    fn enqueue(&self, number: u8, job: Job) {
        let queue = self.queue(number);
        lock(&queue.state).pending += 1;
        if queue.jobs.try_send((Meter::current(), job)).is_err() {
            lock(&queue.state).pending -= 1;
            self.dropped.tell();
        }
    }

    /// Waits until all notifications so far are published.
    pub(crate) async fn finish(&self) {
        let barriers = self.queues.iter().map(|queue| async {
            let (done, is_done) = oneshot::channel();
            lock(&queue.state).pending += 1;
            if queue.jobs.send((None, Job::Barrier(done))).await.is_ok() {
                is_done.await.ok();
            }
        });
        join_all(barriers).await;
    }
}

impl QueueState {
    /// Returns the members of a chat as of a version of the roster. A change of the chat that waits
    /// here is published before a later one: it would look lost.
    fn readers(&self, chat: ChatId) -> Option<(Tick, Vec<UserId>)> {
        let KnownChat {
            roster, members, ..
        } = self.known.get(&chat)?;
        let is_idle = self.pending == 0 && roster.happened() && members.len() <= FEW;
        is_idle.then(|| (*roster, members.to_vec()))
    }

    /// Remembers the members of a chat, who are in order.
    fn remember(&mut self, chat: ChatId, roster: Tick, members: Arc<[UserId]>) {
        if self.remembered > REMEMBERED {
            self.known.clear();
            self.remembered = 0;
        }
        self.remembered += members.len();
        let known = KnownChat {
            roster,
            members,
            notified: 0,
            served: None,
            is_reading: false,
        };
        self.known.insert(chat, known);
    }
}

impl KnownChat {
    /// Returns true, until that is done, when it is to be read which APIs serve the members.
    fn must_read(&mut self) -> bool {
        let is_old = match &self.served {
            Some(served) => served.read.elapsed() >= READ_EVERY,
            None => self.notified >= WORTH_KNOWING,
        };
        is_old && self.roster.happened() && !std::mem::replace(&mut self.is_reading, true)
    }
}

fn lock(state: &Mutex<QueueState>) -> MutexGuard<'_, QueueState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A publishing task.
struct Publisher {
    hot: Hot,
    cold: Cold,
    state: Arc<Mutex<QueueState>>,
    served: Served,
}

impl Publisher {
    /// Publishes what waits together, in few packets: a change of one chat does not wait for the
    /// answers to those before it.
    async fn publish_all(self, mut waiting: mpsc::Receiver<MeteredJob>) {
        let mut some = Vec::new();
        while waiting.recv_many(&mut some, TOGETHER).await > 0 {
            let (mut payloads, mut barriers, jobs) = (Vec::new(), Vec::new(), some.len());
            for (meter, job) in some.drain(..) {
                let addressed = self.address(job, &mut payloads, &mut barriers);
                let addressed = match meter {
                    Some(meter) => meter.measure(addressed).await,
                    None => addressed.await,
                };
                self.complain(addressed);
                if payloads.len() > PUBLISHED_AT_ONCE {
                    self.complain(self.hot.publish(&payloads).await.map_err(Into::into));
                    payloads.clear();
                }
            }
            self.complain(self.hot.publish(&payloads).await.map_err(Into::into));
            lock(&self.state).pending -= jobs;
            for done in barriers {
                done.send(()).ok();
            }
        }
    }

    fn complain(&self, outcome: Result<()>) {
        if let Err(error) = outcome {
            tracing::debug!(
                %error,
                "could not notify; members are notified when the change is saved"
            );
        }
    }

    /// Adds the notifications of a task to those that are published next.
    async fn address(
        &self,
        job: Job,
        payloads: &mut Vec<(UserId, Bytes)>,
        barriers: &mut Vec<oneshot::Sender<()>>,
    ) -> Result<()> {
        let before = payloads.len();
        let mut shared_by = 0;
        match job {
            Job::Members {
                chat,
                roster,
                notification,
                but,
            } => {
                let payload = notification.encode();
                let other = but.map(|(user, notification)| (user, notification.encode()));
                let members = self.members(chat, roster).await?;
                let but = other.as_ref().map(|(user, _)| *user);
                match self.shared(chat, &payload, but) {
                    Some(shared) => {
                        shared_by = shared.iter().map(|(_, users, _)| users - 1).sum();
                        payloads.extend(shared.into_iter().map(|(api, _, all)| (api, all)));
                    }
                    None => {
                        let same = members.iter().filter(|user| Some(**user) != but);
                        payloads.extend(same.map(|user| (*user, payload.clone())));
                    }
                }
                payloads.extend(other.filter(|(user, _)| members.binary_search(user).is_ok()));
            }
            Job::Users(users, notification) => {
                let payload = notification.encode();
                payloads.extend(users.into_iter().map(|user| (user, payload.clone())));
            }
            Job::Barrier(done) => barriers.push(done),
        }
        // Whoever is there is notified by the API that serves them, which is work as well.
        hot::charge_notifications(payloads.len() - before + shared_by);
        Ok(())
    }

    /// Returns the members of a chat as of this version of the roster, or of a later one, in order.
    async fn members(&self, chat: ChatId, roster: Tick) -> Result<Arc<[UserId]>> {
        if let Some(known) = lock(&self.state).known.get(&chat)
            && known.roster == roster
        {
            return Ok(Arc::clone(&known.members));
        }
        let (version, mut members) = match self.hot.roster(chat).await? {
            Some(found) => found,
            // The chat was evicted meanwhile, so SQL has the roster. No roster has this
            // version, so that the next notification reads it again.
            None => (Tick::NEVER, members_of(&self.cold, chat).await?),
        };
        members.sort_unstable();
        let members: Arc<[UserId]> = members.into();
        lock(&self.state).remember(chat, version, Arc::clone(&members));
        Ok(members)
    }

    /// Returns a payload for the members of a chat, but for one, once for each API that serves
    /// some, with their number; `None` while these are not known, or the members are few.
    fn shared(
        &self,
        chat: ChatId,
        payload: &Bytes,
        but: Option<UserId>,
    ) -> Option<Vec<(UserId, usize, Bytes)>> {
        let mut state = lock(&self.state);
        let known = state.known.get_mut(&chat)?;
        if known.members.len() <= FEW {
            return None;
        }
        known.notified = known.notified.saturating_add(1);
        if known.must_read() {
            match self.served.moment() {
                Some(moment) => self.read(chat, known, moment),
                None => known.is_reading = false,
            }
        }
        let served = known.served.as_mut()?;
        if !self.served.bring_up_to_date(served, &known.members) {
            known.served = None;
            return None;
        }
        Some(served.payloads(payload, but))
    }

    /// Reads which APIs serve the members of a chat, beside what is published.
    fn read(&self, chat: ChatId, known: &KnownChat, moment: Moment) {
        let (hot, state) = (self.hot.clone(), Arc::clone(&self.state));
        let (members, roster) = (Arc::clone(&known.members), known.roster);
        tokio::spawn(async move {
            let found = hot.served(&members).await;
            let mut state = lock(&state);
            let known = state.known.get_mut(&chat);
            let Some(known) = known.filter(|known| known.roster == roster) else {
                return; // There are others by now.
            };
            known.is_reading = false;
            match found {
                Ok(found) => known.served = Some(ServedMembers::new(moment, found)),
                Err(error) => tracing::debug!(
                    %error,
                    "could not read which APIs serve the members of a chat; each is notified"
                ),
            }
        });
    }
}

/// Returns the members of a chat as SQL has them.
async fn members_of(cold: &Cold, chat: ChatId) -> Result<Vec<UserId>> {
    let members = cold
        .present_chat(chat)
        .await?
        .map(|chat| chat.members)
        .unwrap_or_default();
    Ok(members.into_iter().map(|(user, _)| user).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_notifies_a_few_known_members_when_nothing_waits() {
        let chat = ChatId::new();
        let members: Arc<[UserId]> = (0..FEW).map(|_| UserId::new()).collect();
        let mut state = QueueState::default();
        assert_eq!(state.readers(chat), None);
        state.remember(chat, Tick(7), Arc::clone(&members));
        assert_eq!(state.readers(chat), Some((Tick(7), members.to_vec())));
        state.pending = 1;
        assert_eq!(state.readers(chat), None, "a change of the chat may wait");
        state.pending = 0;
        state.remember(chat, Tick::NEVER, members);
        assert_eq!(state.readers(chat), None, "that is no version of Redis");
        let many = (0..=FEW).map(|_| UserId::new()).collect();
        state.remember(chat, Tick(7), many);
        assert_eq!(state.readers(chat), None);
    }
}
