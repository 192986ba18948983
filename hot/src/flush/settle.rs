//! The settling of rows that SQL has: they are clean, and may leave Redis.

use std::time::Duration;

use fred::types::Value;
use model::{ChatId, Tick, UserId};
use uuid::Uuid;

use super::marks::check_forgotten;
use crate::chats::{RECENT_AGE, SENT_AGE};
use crate::wire::{CommitMark, Hot, Micros, Millis, Reply, Result, arg, keys, verbs};

/// The state of a chat or a user after a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettleOutcome {
    /// Evicted before.
    Gone,
    /// More is to be saved.
    Dirty,
    /// Saved, and in use.
    Warm,
    /// Some rows cannot be saved, so it stays.
    Parked,
    /// A user without a session, who may leave.
    Idle,
    /// A user with a session that was not used for long, who may leave.
    Away,
    /// Saved, and gone from Redis.
    Evicted,
}

/// The rows of a chat that a commit has saved.
#[derive(Clone, Debug)]
pub struct CommittedChat {
    /// The chat.
    pub chat: ChatId,
    /// The rows' dirty entries, each with the rev that was saved, in the order of the snapshot.
    pub rows: Vec<(String, Tick)>,
    /// The time until a flusher comes back if the chat is still dirty.
    pub soon: Duration,
}

/// Whether a clean user leaves Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserExit {
    /// The user stays, and the outcome tells that they may leave.
    None,
    /// A user without a session is evicted.
    Evict,
    /// All sessions of the user end, and the user is evicted.
    WithSessions,
}

impl Hot {
    /// Marks these rows of a chat as saved by a commit; what is clean leaves Redis.
    ///
    /// # Errors
    /// As [`settle_chats`](Self::settle_chats) says.
    pub async fn settle_chat(
        &self,
        chat: ChatId,
        rows: &[(String, Tick)],
        soon: Duration,
        mark: CommitMark<'_>,
        leaves: bool,
    ) -> Result<SettleOutcome> {
        let rows = rows.to_vec();
        let committed = CommittedChat { chat, rows, soon };
        let mut settled = self.settle_chats(vec![committed], mark, leaves).await;
        let (_, outcome) = settled.pop().expect("it was asked for");
        outcome
    }

    /// Marks rows of these chats, which one script may have as keys, as saved by a commit; what is
    /// clean leaves Redis. `leaves`: a clean chat is evicted although it is warm.
    ///
    /// # Errors
    /// Of each chat: `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Forgot` when it went back: nothing was done.
    pub async fn settle_chats(
        &self,
        chats: Vec<CommittedChat>,
        mark: CommitMark<'_>,
        leaves: bool,
    ) -> Vec<(ChatId, Result<SettleOutcome>)> {
        let ids: Vec<ChatId> = chats.iter().map(|committed| committed.chat).collect();
        let call = |committed: CommittedChat| verbs::SettleChat {
            chat: committed.chat,
            keep: self.options.hot_messages,
            soon: Millis(committed.soon),
            idle: Millis(self.options.chat_ttl),
            sent_age: Micros(SENT_AGE),
            recent_age: Micros(RECENT_AGE),
            nonce: arg(Uuid::now_v7()),
            writer: arg(mark.writer),
            commit: mark.commit,
            saved: mark.saved,
            leaves,
            committed: committed_list(&committed.rows),
        };
        let replies = self.run_as_one(chats.into_iter().map(call).collect()).await;
        let outcomes = replies.into_iter().map(|reply| settled(reply?));
        ids.into_iter().zip(outcomes).collect()
    }

    /// Marks these rows of a user as saved by a commit, and with them the names of `claims`. A user
    /// who is clean and not at work may leave, as `exit` says; sessions go on without their user.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Forgot` when it went back: nothing was done.
    pub async fn settle_user(
        &self,
        user: UserId,
        committed: &[(String, Tick)],
        claims: &str,
        soon: Duration,
        exit: UserExit,
        mark: CommitMark<'_>,
    ) -> Result<SettleOutcome> {
        settled(
            self.run(verbs::SettleUser {
                user,
                soon: Millis(soon),
                idle: Millis(self.options.user_ttl()),
                noted: Millis(self.options.seen_every() * 2),
                saved_claims: arg(claims),
                session_ttl: Millis(self.options.session_ttl),
                evict: exit != UserExit::None,
                writer: arg(mark.writer),
                commit: mark.commit,
                saved: mark.saved,
                logs_out: exit == UserExit::WithSessions,
                session_prefix: arg(keys::session(user.partition(), "")),
                ended_channel: arg(keys::ended(user.partition())),
                committed: committed_list(committed),
            })
            .await?,
        )
    }
}

fn settled(reply: Reply) -> Result<SettleOutcome> {
    check_forgotten(&reply)?;
    Ok(match reply.word() {
        "GONE" => SettleOutcome::Gone,
        "DIRTY" => SettleOutcome::Dirty,
        "WARM" => SettleOutcome::Warm,
        "PARKED" => SettleOutcome::Parked,
        "IDLE" => SettleOutcome::Idle,
        "AWAY" => SettleOutcome::Away,
        "EVICTED" => SettleOutcome::Evicted,
        _ => return Err(reply.unexpected()),
    })
}

fn committed_list(committed: &[(String, Tick)]) -> Vec<Value> {
    committed
        .iter()
        .flat_map(|(entry, rev)| [arg(entry), arg(rev)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_settling_is_an_outcome_and_no_other_is() {
        let read = |word: &str| settled(Reply::new("settle_chat", Value::Array(vec![word.into()])));
        for (word, outcome) in [
            ("GONE", SettleOutcome::Gone),
            ("DIRTY", SettleOutcome::Dirty),
            ("WARM", SettleOutcome::Warm),
            ("PARKED", SettleOutcome::Parked),
            ("IDLE", SettleOutcome::Idle),
            ("AWAY", SettleOutcome::Away),
            ("EVICTED", SettleOutcome::Evicted),
        ] {
            assert_eq!(read(word).expect("a known word"), outcome);
        }
        assert!(read("OK").is_err());
    }
}
