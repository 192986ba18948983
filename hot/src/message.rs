//! Messages: append, page, one of them, write anew, what is unsaved.

use fred::util::sha1_hash;
use model::{ChatId, Draft, Stored, Tick, UserId};

use crate::{
    Hot, Own, Refusal, Result, Telling, Verb,
    chat::refusal,
    client::{arg, ms},
    keys::ChatKeys,
    reply::text,
};

/// What an append made of a message; the JSON is what everybody will read.
#[derive(Clone, Debug)]
pub enum Appended {
    /// It is in the chat.
    New(String, Telling),
    /// Its key was used before: this is the first message, still hot.
    Again(String),
    /// Its key was used before: the message of that id, which only SQL has by now.
    Saved(Tick),
}

/// A message to append. Whatever is sent again with the same `key` is not appended again.
#[derive(Clone, Debug)]
pub struct NewMessage<'a> {
    /// Chat, sender and content.
    pub draft: Draft<'a>,
    /// The idempotency key: the client's own id, or one that was made for it.
    pub key: &'a str,
}

/// What is done to a message that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageAct {
    /// Its text changes.
    Edit,
    /// Only its place is left.
    Delete,
    /// Somebody reacts, or no longer does.
    React,
}

/// A message as it shall be.
#[derive(Clone, Debug)]
pub struct Replacement<'a> {
    /// Its rev and the time of its edit are made by the script.
    pub stored: &'a Stored,
    /// What is done to it.
    pub act: MessageAct,
    /// Who changes it.
    pub actor: UserId,
    /// What it was made from.
    pub seen: &'a Seen,
}

/// What a message is compared with when it is written anew: the SHA-1 of the record that was read; or, when only SQL had it, the nonce with which a row
/// had last left Redis before SQL was asked.
#[derive(Clone, Debug)]
pub struct Seen(String);

/// How a replacement went.
#[derive(Clone, Debug)]
pub enum Replaced {
    /// Its record now.
    Done(String, Telling),
    /// It has changed since it was read: read it again.
    Stale,
    /// The actor may not.
    Role,
}

/// The hot part of a page of messages.
#[derive(Clone, Debug)]
pub struct HotPage {
    /// Records, oldest first.
    pub messages: Vec<String>,
    /// Records of older messages that SQL does not have as they are.
    pub changed: Vec<String>,
    /// The chat's newest seq.
    pub seq: i64,
    /// The id of the oldest message that is hot; `NEVER` when there is none.
    pub oldest: Tick,
    /// The oldest hot message is the chat's first, or there is none at all: SQL has nothing to add.
    pub complete: bool,
}

impl Hot {
    /// A message to a chat. `forget`: SQL does not have what the chat remembers under this key.
    pub async fn append(&self, message: &NewMessage<'_>, forget: bool) -> Result<std::result::Result<Appended, Refusal>> {
        let keys = ChatKeys::new(message.draft.chat_id);
        let mut reply = self
            .run(
                Verb::Append,
                vec![keys.row(), keys.token(), keys.messages(), keys.members(), keys.dirty(), keys.sent(), keys.due(), keys.changed()],
                vec![
                    arg(Tick::now()),
                    arg(message.draft.chat_id),
                    arg(message.draft.sender_id),
                    arg(message.key),
                    arg(message.draft.tail()),
                    ms(self.options.chat_ttl),
                    ms(self.options.flush_after),
                    arg(u8::from(forget)),
                ],
            )
            .await?;
        Ok(Ok(match reply.word() {
            "OK" => Appended::New(reply.text(1)?, reply.telling(2)?),
            "AGAIN" => Appended::Again(reply.text(1)?),
            "SAVED" => Appended::Saved(reply.tick(1)?),
            _ => return refusal(&reply),
        }))
    }

    /// The hot messages before an id, after one, or (both `NEVER`) the newest; at most `limit`.
    pub async fn page(&self, own: Own, before: Tick, after: Tick, limit: usize) -> Result<std::result::Result<HotPage, Refusal>> {
        let keys = ChatKeys::new(own.chat);
        let mut reply = self
            .run(
                Verb::Page,
                vec![keys.row(), keys.token(), keys.messages(), keys.members(), keys.changed()],
                vec![arg(own.user), arg(before), arg(after), arg(limit)],
            )
            .await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        self.stay_warm(own.chat, reply.number(1)?);
        let (seq, oldest, complete) = (reply.number(2)?, reply.tick(3)?, reply.number(4)? == 1);
        let changed = reply.number(5)? as usize;
        let mut rest = reply.rest(6).map(text);
        let changed = rest.by_ref().take(changed).collect();
        Ok(Ok(HotPage { seq, oldest, complete, changed, messages: rest.collect() }))
    }

    /// One message, if it is hot; and what to compare when it is replaced.
    pub async fn message(&self, own: Own, id: Tick) -> Result<std::result::Result<(Seen, Option<String>), Refusal>> {
        let keys = ChatKeys::new(own.chat);
        let args = vec![arg(own.user), arg(id)];
        let mut reply = self.run(Verb::Message, vec![keys.row(), keys.messages(), keys.members(), keys.changed()], args).await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        let (dropped, message) = (reply.text(1)?, reply.text(2)?);
        Ok(Ok(if message.is_empty() { (Seen(dropped), None) } else { (Seen(sha1_hash(&message)), Some(message)) }))
    }

    /// Records of the messages that SQL does not have as they are: all from the oldest such on, at most the newest `limit`, and older ones that changed.
    pub async fn unsaved(&self, own: Own, limit: usize) -> Result<std::result::Result<Vec<String>, Refusal>> {
        let keys = ChatKeys::new(own.chat);
        let keys = vec![keys.row(), keys.messages(), keys.members(), keys.dirty(), keys.changed(), keys.parked()];
        let reply = self.run(Verb::Unsaved, keys, vec![arg(own.user), arg(limit)]).await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        Ok(Ok(reply.rest(1).map(text).collect()))
    }

    /// The record of a hot message to which a file is attached. `user`: who asks; nobody in particular is refused nothing.
    pub async fn attached(&self, chat: ChatId, user: Option<UserId>, hash: &str) -> Result<std::result::Result<Option<String>, Refusal>> {
        let keys = ChatKeys::new(chat);
        let keys = vec![keys.row(), keys.messages(), keys.members(), keys.changed()];
        let mut reply = self.run(Verb::Attached, keys, vec![user.map_or_else(|| arg(""), arg), arg(hash)]).await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        let record = reply.text(1)?;
        Ok(Ok((!record.is_empty()).then_some(record)))
    }

    /// Writes a message anew, if it is still as it was seen.
    pub async fn replace(&self, new: &Replacement<'_>) -> Result<std::result::Result<Replaced, Refusal>> {
        let message = &new.stored.message;
        let keys = ChatKeys::new(message.chat_id);
        let (head, tail) = message.around_rev();
        let mut reply = self
            .run(
                Verb::Replace,
                keys.to_change(),
                vec![
                    arg(Tick::now()),
                    arg(message.chat_id),
                    arg(new.actor),
                    arg(message.sender_id),
                    arg(message.id),
                    arg(&new.seen.0),
                    arg(head),
                    arg(tail),
                    arg(match new.act {
                        MessageAct::Edit => "edit",
                        MessageAct::Delete => "delete",
                        MessageAct::React => "react",
                    }),
                    arg(new.stored.beside()),
                    ms(self.options.chat_ttl),
                    ms(self.options.flush_after),
                ],
            )
            .await?;
        Ok(Ok(match reply.word() {
            "OK" => Replaced::Done(reply.text(1)?, reply.telling(2)?),
            "STALE" => Replaced::Stale,
            "ROLE" => Replaced::Role,
            _ => return refusal(&reply),
        }))
    }
}
