//! From SQL to Redis: begin, read, load.

use std::time::Duration;

use hot::{Begun, ChatRows, Listed, Loaded};
use model::{ChatId, Tick, UserId};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{Result, Store, again::again};

/// How many idempotency keys of the last hour a chat brings along.
const MAX_SENT: u64 = 50_000;

/// How long a message's key protects from appending it again, if it is no UUIDv7.
pub(crate) const SENT_AGE: Duration = Duration::from_secs(3600);

impl Store {
    /// Makes a chat resident; false when there is no such chat.
    pub async fn hydrate_chat(&self, id: ChatId) -> Result<bool> {
        self.load_chat(id, |_| None).await.map(|outcome| outcome != Outcome::Absent)
    }

    /// Makes a chat resident as SQL has it; if SQL does not, as `new` makes it at a tick of Redis' clock.
    pub(crate) async fn load_chat(&self, id: ChatId, new: impl Fn(Tick) -> Option<ChatRows>) -> Result<Outcome> {
        let wait = Wait::new(&self.hot);
        loop {
            let nonce = Uuid::now_v7().to_string();
            let now = match again(|| self.hot.begin_chat(id, &nonce)).await? {
                Begun::Resident => return Ok(Outcome::Found),
                Begun::Taken => {
                    wait.a_little().await?;
                    continue;
                }
                Begun::Begun(now) => now,
            };
            let (rows, outcome) = match self.read_chat(id, now).await {
                Ok(Some(rows)) => (Some(rows), Outcome::Found),
                Ok(None) => (new(now), Outcome::Created),
                Err(error) => {
                    self.hot.abandon_chat(id, &nonce).await?;
                    return Err(error);
                }
            };
            let Some(rows) = rows else {
                self.hot.abandon_chat(id, &nonce).await?;
                return Ok(Outcome::Absent);
            };
            match again(|| self.hot.load_chat(&nonce, &rows)).await? {
                Loaded::Done => return Ok(outcome),
                Loaded::Resident | Loaded::Fenced => {} // another may have been first: begin tells
            }
        }
    }

    async fn read_chat(&self, id: ChatId, now: Tick) -> Result<Option<ChatRows>> {
        let Some(found) = self.cold.chat(id).await?.filter(|found| !found.chat.deleted.happened()) else { return Ok(None) };
        let messages = self.cold.messages_before(id, Tick(i64::MAX), self.hot.options().hot_messages.max(1) as u64).await?;
        let sent = self.cold.sent_since(id, now.earlier(SENT_AGE), MAX_SENT).await?;
        Ok(Some(ChatRows {
            chat: found.chat,
            members: found.members,
            messages: messages.iter().map(model::Stored::record).collect(),
            sent,
            new: false,
        }))
    }

    /// Makes a user resident; false when there is no such user.
    pub async fn hydrate_user(&self, id: UserId) -> Result<bool> {
        let wait = Wait::new(&self.hot);
        loop {
            let nonce = Uuid::now_v7().to_string();
            match again(|| self.hot.begin_user(id, &nonce)).await? {
                Begun::Resident => return Ok(true),
                Begun::Taken => {
                    wait.a_little().await?;
                    continue;
                }
                Begun::Begun(_) => {}
            }
            let read =
                async { Ok::<_, cold::DbErr>((self.cold.user(id).await?, self.cold.chats_of(id).await?, self.cold.mine(id).await?)) };
            let (user, chats, mine) = match read.await {
                Ok((Some(user), chats, mine)) => (user, chats, mine),
                Ok((None, ..)) => {
                    self.hot.abandon_user(id, &nonce).await?;
                    return Ok(false);
                }
                Err(error) => {
                    self.hot.abandon_user(id, &nonce).await?;
                    return Err(error.into());
                }
            };
            let chats: Vec<_> = chats.into_iter().map(|(chat, rev, left)| Listed { chat, rev, left }).collect();
            match again(|| self.hot.load_user(id, &nonce, Some(&user), &chats, &mine)).await? {
                Loaded::Done => return Ok(true),
                Loaded::Resident | Loaded::Fenced => {}
            }
        }
    }

    /// Makes somebody resident who is new, and has no name yet. Whoever sleeps for longer than the lease begins again.
    pub(crate) async fn begin_account(&self, id: UserId) -> Result<()> {
        loop {
            let nonce = Uuid::now_v7().to_string();
            again(|| self.hot.begin_user(id, &nonce)).await?;
            match again(|| self.hot.load_user(id, &nonce, None, &[], &[])).await? {
                Loaded::Done | Loaded::Resident => return Ok(()),
                Loaded::Fenced => {}
            }
        }
    }

    /// Loads a user who just logged in, and their `chats` newest chats, so that what they ask for next is hot.
    pub async fn warm(&self, id: UserId, chats: usize) -> Result<usize> {
        // A login of long ago is no reason, if they are gone again.
        if self.hot.session_counts(&[id]).await? == [0] || !self.hydrate_user(id).await? {
            return Ok(0);
        }
        let newest = self.newest_chats(id).await?;
        let mut warmed = 0;
        for (_, chat) in newest.into_iter().take(chats) {
            warmed += usize::from(self.hydrate_chat(chat).await?);
        }
        Ok(warmed)
    }
}

/// What `load_chat` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was there, in Redis or in SQL.
    Found,
    /// It is new.
    Created,
    /// There is none.
    Absent,
}

/// Waits for another's hydration, no longer than two of its leases.
struct Wait {
    since: Tick,
    deadline: Instant,
}

impl Wait {
    fn new(hot: &hot::Hot) -> Self {
        Self { since: Tick::now(), deadline: Instant::now() + hot.options().hydrate_lease * 2 + Duration::from_secs(1) }
    }

    async fn a_little(&self) -> Result<()> {
        if Instant::now() > self.deadline {
            return Err(hot::Error::Hydrating(self.since).into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(())
    }
}
