//! Telling users what happens in their chats, as it happens.
//!
//! A change is acknowledged before anybody is told of it, and telling may fail: nothing depends on it but how soon people know. Each told change names the
//! one before it, and the flusher tells again what it saves, so whoever serves a user finds out what they were not told.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use cold::Cold;
use futures_util::future::join_all;
use hot::{Hot, Telling};
use model::{ChatId, ServerEvent, Tick, User, UserId, UserUpdated};
use tokio::sync::{mpsc, oneshot};

use crate::{Envelope, Result, Store};

/// How many tell at once; what is told of one chat keeps its order.
const TELLERS: usize = 16;
/// How much may wait for each of them. More is not told, until the flusher does.
const WAITING: usize = 4096;
/// About how many members' ids each remembers.
const REMEMBERED: usize = 100_000;

/// What is to be told.
pub(crate) enum Job {
    /// The members of a chat, those of this roster.
    Members {
        chat: ChatId,
        roster: Tick,
        envelope: Envelope,
        /// One of them is told something else.
        but: Option<(UserId, Envelope)>,
    },
    /// These.
    Users(Vec<UserId>, Envelope),
    /// Nobody: all that came before is told.
    Barrier(oneshot::Sender<()>),
}

/// Tells, behind the back of whoever made the change.
#[derive(Clone)]
pub(crate) struct Teller(Arc<[mpsc::Sender<Job>]>);

impl Teller {
    pub(crate) fn start(hot: &Hot, cold: &Cold) -> Self {
        let start = |_| {
            let (sender, jobs) = mpsc::channel(WAITING);
            tokio::spawn(Rosters { hot: hot.clone(), cold: cold.clone(), known: HashMap::new(), remembered: 0 }.tell_all(jobs));
            sender
        };
        Self((0..TELLERS).map(start).collect())
    }

    pub(crate) fn members(&self, chat: ChatId, telling: Telling, clock: Tick, event: impl Into<Bytes>) {
        let envelope = Envelope::Changed { chat, prev: telling.prev, clock, event: event.into() };
        self.give(chat.partition().0, Job::Members { chat, roster: telling.roster, envelope, but: None });
    }

    pub(crate) fn job(&self, chat: ChatId, job: Job) {
        self.give(chat.partition().0, job);
    }

    pub(crate) fn user(&self, user: UserId, envelope: Envelope) {
        self.give(user.partition().0, Job::Users(vec![user], envelope));
    }

    fn give(&self, number: u8, job: Job) {
        if self.0[number as usize % TELLERS].try_send(job).is_err() {
            tracing::warn!("too much is to be told at once; members are told when it is saved");
        }
    }

    /// All that was given so far is told.
    pub(crate) async fn finish(&self) {
        let barriers = self.0.iter().map(|teller| async {
            let (done, told) = oneshot::channel();
            if teller.send(Job::Barrier(done)).await.is_ok() {
                told.await.ok();
            }
        });
        join_all(barriers).await;
    }
}

/// One that tells, and who is in the chats of which it told lately.
struct Rosters {
    hot: Hot,
    cold: Cold,
    known: HashMap<ChatId, (Tick, Vec<UserId>)>,
    remembered: usize,
}

impl Rosters {
    async fn tell_all(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.recv().await {
            if let Err(error) = self.tell(job).await {
                tracing::debug!(%error, "not told; members are told when it is saved");
            }
        }
    }

    async fn tell(&mut self, job: Job) -> Result<()> {
        match job {
            Job::Members { chat, roster, envelope, but } => {
                let payload = envelope.write();
                let other = but.map(|(user, envelope)| (user, envelope.write()));
                let payload_of = |user: &UserId| match &other {
                    Some((other, own)) if other == user => own.clone(),
                    _ => payload.clone(),
                };
                let told: Vec<_> = self.members(chat, roster).await?.iter().map(|user| (*user, payload_of(user))).collect();
                self.hot.publish(&told).await?;
            }
            Job::Users(users, envelope) => {
                let payload = envelope.write();
                let told: Vec<_> = users.into_iter().map(|user| (user, payload.clone())).collect();
                self.hot.publish(&told).await?;
            }
            Job::Barrier(done) => drop(done.send(())),
        }
        Ok(())
    }

    /// Who is in a chat, as of this roster or later.
    async fn members(&mut self, chat: ChatId, roster: Tick) -> Result<&[UserId]> {
        if self.known.get(&chat).is_none_or(|(known, _)| *known != roster) {
            let found = match self.hot.roster(chat).await? {
                Some(found) => found,
                // It has left meanwhile, so SQL has it. No roster has this number, so it is not believed again.
                None => (Tick::NEVER, members_of(&self.cold, chat).await?),
            };
            if self.remembered > REMEMBERED {
                self.known.clear();
                self.remembered = 0;
            }
            self.remembered += found.1.len();
            self.known.insert(chat, found);
        }
        Ok(self.known.get(&chat).map_or(&[], |(_, users)| users))
    }
}

impl Store {
    /// All that was told so far has been published.
    pub async fn told(&self) {
        self.teller.finish().await;
    }

    /// What is a user's alone changed.
    pub fn tell_own(&self, user: UserId, rev: Tick, from: Tick) {
        self.teller.user(user, Envelope::Own { rev, from });
    }

    /// These are no longer in a chat.
    pub fn tell_removed(&self, chat: ChatId, users: Vec<UserId>) {
        let event = format!(r#"{{"type":"chat.removed","chat_id":"{chat}"}}"#);
        self.teller.job(chat, Job::Users(users, Envelope::Event(event.into())));
    }

    /// All changes of a chat up to `saved` are in SQL, the oldest of those just now of `from`.
    pub fn tell_saved(&self, chat: ChatId, telling: Telling, saved: Tick, from: Tick) {
        let envelope = Envelope::Saved { chat, saved, told: telling.prev, from };
        self.teller.job(chat, Job::Members { chat, roster: telling.roster, envelope, but: None });
    }

    /// A user's public profile changed: all with whom they share a chat are told, one chat after the other.
    pub fn tell_companions(&self, user: User) {
        let store = self.clone();
        tokio::spawn(async move {
            let tell = async || -> Result<()> {
                let id = user.id;
                let event: Bytes = ServerEvent::UserUpdated(UserUpdated { user: user.into() }).to_string().into();
                let mut told = HashSet::from([id]);
                for listed in store.hot.chats_of(id).await?.iter().filter(|listed| !listed.left.happened()) {
                    let members = match store.hot.roster(listed.chat).await? {
                        Some((_, users)) => users,
                        None => members_of(&store.cold, listed.chat).await?,
                    };
                    let users: Vec<UserId> = members.into_iter().filter(|user| told.insert(*user)).collect();
                    store.teller.job(listed.chat, Job::Users(users, Envelope::Event(event.clone())));
                }
                Ok(())
            };
            if let Err(error) = tell().await {
                tracing::debug!(%error, "not told of a profile; those who share a chat are told when it is saved");
            }
        });
    }
}

/// Who is in a chat, as SQL has it.
async fn members_of(cold: &Cold, chat: ChatId) -> Result<Vec<UserId>> {
    let members = cold.chat(chat).await?.map(|chat| chat.members).unwrap_or_default();
    Ok(members.into_iter().filter(|(_, member)| member.is_in()).map(|(user, _)| user).collect())
}
