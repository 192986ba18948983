//! Loads chats and users from SQL into Redis: begin, read, load.

use std::time::Duration;

use hot::{ChatRows, HydrationStart, ListedChat, LoadOutcome, SENT_AGE};
use model::{ChatId, Tick, UserId};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{Result, Store, residency::retry};

/// The number of idempotency keys of the last hour that a chat brings along.
const MAX_SENT: u64 = 50_000;

impl Store {
    /// Makes a chat resident; false when there is no such chat.
    ///
    /// # Errors
    /// [`crate::Error::Hot`] or [`crate::Error::Cold`] when a store does not answer; retry later.
    pub async fn hydrate_chat(&self, id: ChatId) -> Result<bool> {
        self.chat_flights
            .join(id, || {
                let store = self.clone();
                async move {
                    let outcome = store.load_chat(id, |_| None).await?;
                    Ok(outcome != HydrationOutcome::Absent)
                }
            })
            .await
    }

    /// Makes a chat resident as SQL has it, or else as `new` makes it at a tick of Redis' clock.
    pub(crate) async fn load_chat(
        &self,
        id: ChatId,
        new: impl Fn(Tick) -> Option<ChatRows>,
    ) -> Result<HydrationOutcome> {
        let mut wait = Wait::new(&self.hot);
        loop {
            let nonce = Uuid::now_v7().to_string();
            let now = match retry(|| self.hot.begin_chat(id, &nonce)).await? {
                HydrationStart::Resident => return Ok(HydrationOutcome::Found),
                HydrationStart::Taken => {
                    wait.a_little().await?;
                    continue;
                }
                HydrationStart::Started(now) => now,
            };
            let (rows, outcome) = match self.read_chat(id, now).await {
                Ok(Some(rows)) => (Some(rows), HydrationOutcome::Found),
                Ok(None) => (new(now), HydrationOutcome::Created),
                Err(error) => {
                    self.hot.abandon_chat(id, &nonce).await?;
                    return Err(error);
                }
            };
            let Some(rows) = rows else {
                self.hot.abandon_chat(id, &nonce).await?;
                return Ok(HydrationOutcome::Absent);
            };
            match retry(|| self.hot.load_chat(&nonce, &rows)).await? {
                LoadOutcome::Done => return Ok(outcome),
                // Another process may have been first; the next begin says so.
                LoadOutcome::Resident | LoadOutcome::Fenced => {}
            }
        }
    }

    async fn read_chat(&self, id: ChatId, now: Tick) -> Result<Option<ChatRows>> {
        let cold = self.cold.on_one_node().await?;
        let Some(found) = cold
            .present_chat(id)
            .await?
            .filter(|found| !found.chat.deleted.happened())
        else {
            return Ok(None);
        };
        let messages = cold
            .messages_before(
                id,
                Tick(i64::MAX),
                self.hot.options().hot_messages.max(1) as u64,
            )
            .await?;
        let sent = cold.sent_since(id, now.earlier(SENT_AGE), MAX_SENT).await?;
        Ok(Some(ChatRows {
            chat: found.chat,
            members: found.members,
            gone: found.gone,
            messages,
            sent,
            new: false,
        }))
    }

    /// Makes a user resident; false when there is no such user.
    ///
    /// # Errors
    /// [`crate::Error::Hot`] or [`crate::Error::Cold`] when a store does not answer; retry later.
    pub async fn hydrate_user(&self, id: UserId) -> Result<bool> {
        self.user_flights
            .join(id, || {
                let store = self.clone();
                async move { store.load_user(id, false).await }
            })
            .await
    }

    /// Makes a user resident, as SQL has them or else without a name.
    pub(crate) async fn load_or_begin_account(&self, id: UserId) -> Result<()> {
        self.load_user(id, true).await.map(drop)
    }

    async fn load_user(&self, id: UserId, begins: bool) -> Result<bool> {
        let mut wait = Wait::new(&self.hot);
        loop {
            let nonce = Uuid::now_v7().to_string();
            match retry(|| self.hot.begin_user(id, &nonce)).await? {
                HydrationStart::Resident => return Ok(true),
                HydrationStart::Taken => {
                    wait.a_little().await?;
                    continue;
                }
                HydrationStart::Started(_) => {}
            }
            let read = async {
                let cold = self.cold.on_one_node().await?;
                Ok::<_, cold::DbErr>((
                    cold.user(id).await?,
                    cold.chats_of(id).await?,
                    cold.private_rows(id).await?,
                ))
            };
            let (user, chats, mine) = match read.await {
                Ok((Some(user), chats, mine)) => (Some(user), chats, mine),
                Ok((None, ..)) if begins => (None, Vec::new(), Vec::new()),
                Ok((None, ..)) => {
                    self.hot.abandon_user(id, &nonce).await?;
                    return Ok(false);
                }
                Err(error) => {
                    self.hot.abandon_user(id, &nonce).await?;
                    return Err(error.into());
                }
            };
            let chats: Vec<_> = chats
                .into_iter()
                .map(|(chat, rev, left)| ListedChat { chat, rev, left })
                .collect();
            match retry(|| self.hot.load_user(id, &nonce, user.as_ref(), &chats, &mine)).await? {
                LoadOutcome::Done => return Ok(true),
                LoadOutcome::Resident | LoadOutcome::Fenced => {}
            }
        }
    }

    /// Makes a new user without a name resident. A process that sleeps for longer than the lease
    /// begins again.
    pub(crate) async fn begin_account(&self, id: UserId) -> Result<()> {
        loop {
            let nonce = Uuid::now_v7().to_string();
            retry(|| self.hot.begin_user(id, &nonce)).await?;
            match retry(|| self.hot.load_user(id, &nonce, None, &[], &[])).await? {
                LoadOutcome::Done | LoadOutcome::Resident => return Ok(()),
                LoadOutcome::Fenced => {}
            }
        }
    }

    /// Loads a user who just logged in, and their `chats` newest chats, so that their next requests
    /// find them in Redis. Returns the number of chats.
    ///
    /// # Errors
    /// [`crate::Error::Hot`] or [`crate::Error::Cold`] when a store does not answer; retry later.
    pub async fn warm_up(&self, id: UserId, chats: usize) -> Result<usize> {
        // A login of long ago is no reason to load a user without a session.
        if self.hot.session_counts(&[id]).await? == [0] || !self.hydrate_user(id).await? {
            return Ok(0);
        }
        let newest = self.newest_chats(id, None).await?;
        let mut warmed = 0;
        for (_, chat) in newest.into_iter().take(chats) {
            warmed += usize::from(self.hydrate_chat(chat).await?);
        }
        Ok(warmed)
    }
}

/// The result of `load_chat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HydrationOutcome {
    /// The chat was in Redis or in SQL.
    Found,
    /// The chat is new.
    Created,
    /// The chat does not exist.
    Absent,
}

/// The first and the longest pause between two looks whether another process has hydrated.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));

/// A wait for the hydration by another process, for at most two of its leases and a second.
struct Wait {
    since: Tick,
    deadline: Instant,
    pause: Duration,
}

impl Wait {
    fn new(hot: &hot::Hot) -> Self {
        Self {
            since: Tick::now(),
            deadline: Instant::now() + hot.options().hydrate_lease * 2 + Duration::from_secs(1),
            pause: PAUSES.0,
        }
    }

    /// Waits a little longer each time, and never as long as all the others.
    async fn a_little(&mut self) -> Result<()> {
        if Instant::now() > self.deadline {
            return Err(hot::Error::Hydrating(self.since).into());
        }
        tokio::time::sleep(self.pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        self.pause = (self.pause * 2).min(PAUSES.1);
        Ok(())
    }
}
