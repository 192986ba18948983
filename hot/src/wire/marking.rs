//! Marks a chat in the orders of its members before it changes: who reads an order asks the chats
//! that are marked, and relies on what it says of all others.
//!
//! A script that is about to change a chat fails with `MARK` unless the members were marked of
//! late, and has changed nothing then. So each call goes through here: it marks the members, has
//! the chat note that, and calls again. Once for a quarter of an hour; all other calls are made
//! once. No mark need be durable: an order is relied upon only in the process of Redis that has
//! made it, which has forgotten none.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use futures_util::FutureExt;
use model::{ChatId, Tick, UserId};
use tokio::sync::Mutex as Turn;

use super::{Error, Hot, Result, parse, text, verbs};

/// The number of times that members are marked for one call, where others are the members by then
/// or a node took too long.
const TRIES: usize = 8;

/// The chats whose members are being marked, each with the turns of those who want it done, and
/// when it was done last. Clones of a connection share them.
#[derive(Default)]
pub(super) struct Markings(Mutex<HashMap<ChatId, Arc<Turn<Option<Instant>>>>>);

impl Markings {
    fn turn_of(&self, chat: ChatId) -> Arc<Turn<Option<Instant>>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(chat).or_default())
    }
}

impl Hot {
    /// Takes the result of a call. If the call wants the members of its chat to be marked, marks
    /// them and makes it again. Of calls that want the same at once, one marks.
    pub(super) async fn with_marks<T, F>(
        &self,
        result: Result<T>,
        call: impl Fn() -> F + Send + Sync,
    ) -> Result<T>
    where
        T: Send,
        F: Future<Output = Result<T>> + Send,
    {
        match result {
            // The future of what is seldom done is no part of that of each call.
            Err(error) if error.unmarked().is_some() => {
                self.mark_and_repeat(error, call).boxed().await
            }
            result => result,
        }
    }

    async fn mark_and_repeat<T, F>(&self, error: Error, call: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let (mut result, mut began) = (Err(error), None);
        for _ in 0..TRIES {
            let Some((chat, now)) = Self::unmarked(&result) else {
                return result;
            };
            let turn = self.markings.turn_of(chat);
            let mut marked = turn.lock().await;
            // Whoever was first has marked since the call began, perhaps.
            if marked.is_none_or(|at| began.is_some_and(|began| began > at)) {
                self.mark_members(chat, now).await?;
                *marked = Some(Instant::now());
            }
            drop(marked);
            began = Some(Instant::now());
            result = call().await;
        }
        match Self::unmarked(&result) {
            Some(_) => Err(Error::Unavailable(fred::error::Error::new(
                fred::error::ErrorKind::Timeout,
                "the members of a chat could not be marked in time",
            ))),
            None => result,
        }
    }

    fn unmarked<T>(result: &Result<T>) -> Option<(ChatId, Tick)> {
        result.as_ref().err().and_then(Error::unmarked)
    }

    /// Marks a chat in the order of each member, and has the chat note it. `now` is a time of the
    /// chat's node that is past already.
    async fn mark_members(&self, chat: ChatId, now: Tick) -> Result<()> {
        let mut reply = self.run_once(verbs::Roster { chat }).await?;
        if reply.word() != "OK" {
            return Ok(()); // it has left Redis: the call says so
        }
        let roster = reply.tick(1)?;
        let users = reply.rest(2);
        let users = users.map(|user| parse("a member's id", &text(user)));
        let mark = |user: UserId| verbs::MarkInOrder {
            user,
            chat_id: chat,
            since: now,
        };
        let users: Vec<UserId> = users.collect::<Result<_>>()?;
        self.run_each(users.into_iter().map(mark).collect()).await?;
        let since = now;
        let noted = verbs::NoteMarked {
            chat,
            roster,
            since,
        };
        self.run_once(noted).await.map(drop)
    }
}
