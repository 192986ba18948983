//! A message, and its JSON: the same bytes in Redis, in an answer and rebuilt from SQL.

use std::collections::HashMap;

use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

use crate::{ChatId, Reaction, Tick, UserId};

/// The most characters a body has.
pub const MAX_BODY: usize = 10_000;
/// The most characters a subject has.
pub const MAX_SUBJECT: usize = 200;
/// The most files that are attached to one message.
pub const MAX_ATTACHMENTS: usize = 10;

/// Written by a person, or by Carrier itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Enum)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Written by its sender.
    Text,
    /// Tells that something happened to the chat; never counts as unread.
    System,
}

impl MessageKind {
    /// Its name on the wire and in both stores.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::System => "system",
        }
    }
}

/// What a system message tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Enum)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum SystemEvent {
    /// `actor_id` added `user_id`.
    MemberAdded,
    /// `actor_id` removed `user_id`.
    MemberRemoved,
    /// `actor_id` left.
    MemberLeft,
    /// `actor_id` gave `user_id` the role `new`; it was `old`.
    RoleChanged,
    /// `actor_id` named the group `new`; it was `old`.
    ChatRenamed,
}

/// The content of a system message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct System {
    /// What happened.
    pub event: SystemEvent,
    /// Who did it.
    pub actor_id: UserId,
    /// To whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// What it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

impl System {
    /// Somebody did something.
    pub fn new(event: SystemEvent, actor_id: UserId) -> Self {
        Self { event, actor_id, user_id: None, old: None, new: None }
    }
}

/// What few messages have, in one column of SQL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Extras {
    /// Of a system message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<System>,
    /// Of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Reply>,
    /// Of one that names members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Vec<UserId>>,
    /// Of one with files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<Attachment>>,
    /// Of one that was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<String>,
}

/// A file that is attached to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Attachment {
    /// SHA-256 of its bytes, in hex: its name.
    pub hash: String,
    /// What its sender calls it.
    pub name: String,
    /// In bytes.
    pub size: i64,
    /// From its first bytes.
    pub content_type: String,
    /// Of an image, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<i64>,
    /// Of an image, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
}

/// What a message answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Object)]
pub struct Reply {
    /// The message that is answered.
    pub id: Tick,
    /// Who wrote it.
    pub sender_id: UserId,
    /// How it began, when it was answered: at most 100 characters.
    pub preview: String,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Message {
    /// The tick that made it: order, paging cursor and identity in its chat, in microseconds.
    pub id: Tick,
    /// Its ordinal in the chat: 1, 2, 3 ...
    pub seq: i64,
    /// The tick of its last change.
    pub rev: Tick,
    /// RFC 3339 in UTC: its id as a time.
    pub created_at: String,
    /// Where it is.
    pub chat_id: ChatId,
    /// Who wrote it.
    pub sender_id: UserId,
    /// Text or system.
    pub kind: MessageKind,
    /// A line above the body.
    pub subject: Option<String>,
    /// Plain text; empty in a system message and in one that was deleted.
    pub body: String,
    /// The idempotency key it was sent with; Carrier makes one when the client gave none.
    pub client_id: Option<String>,
    /// What a system message tells.
    pub system: Option<System>,
    /// What it answers.
    pub reply_to: Option<Reply>,
    /// Members whom it names; absent when there are none.
    pub mentions: Option<Vec<UserId>>,
    /// Files; absent when there are none.
    pub attachments: Option<Vec<Attachment>>,
    /// Reactions, in the order in which each kind came up; absent when there are none.
    pub reactions: Option<Vec<Reaction>>,
    /// When its sender changed it last.
    pub edited_at: Option<String>,
    /// True: it was deleted for everyone, and only its place is left.
    pub deleted: Option<bool>,
}

impl Message {
    /// Its JSON: byte for byte what the scripts wrote to Redis.
    pub fn json(&self) -> String {
        let (head, tail) = self.around_rev();
        format!("{head}{}{tail}}}", self.rev)
    }

    /// What stands before its rev, and after it up to the closing brace: a script that changes it writes the tick between, and the end.
    pub fn around_rev(&self) -> (String, String) {
        let draft = Draft {
            chat_id: self.chat_id,
            sender_id: self.sender_id,
            kind: self.kind,
            subject: self.subject.as_deref(),
            body: &self.body,
            client_id: self.client_id.as_deref(),
            system: self.system.as_ref(),
            reply_to: self.reply_to.as_ref(),
            mentions: self.mentions.as_deref().unwrap_or_default(),
            attachments: self.attachments.as_deref().unwrap_or_default(),
        };
        let (id, seq, at, mut tail) = (self.id, self.seq, &self.created_at, draft.tail());
        tail.pop();
        if self.deleted == Some(true) {
            tail.push_str(r#","deleted":true"#);
        }
        if let Some(reactions) = &self.reactions {
            tail.push_str(r#","reactions":"#);
            tail.push_str(&serde_json::to_string(reactions).expect("words and ids"));
        }
        if let Some(at) = &self.edited_at {
            tail.push_str(&format!(r#","edited_at":"{at}""#));
        }
        (format!(r#"{{"id":{id},"seq":{seq},"rev":"#), format!(r#","created_at":"{at}",{tail}"#))
    }

    /// What is left of it when it is deleted for everyone: its place, its sender and its key.
    pub fn tombstone(&self) -> Self {
        Self {
            subject: None,
            body: String::new(),
            reply_to: None,
            mentions: None,
            attachments: None,
            reactions: None,
            edited_at: None,
            deleted: Some(true),
            ..self.clone()
        }
    }

    /// How it begins, for whoever answers it.
    pub fn preview(&self) -> String {
        let name = self.attachments.iter().flatten().map(|attachment| attachment.name.as_str()).next();
        let shown = if self.body.is_empty() { name.unwrap_or_default() } else { &self.body };
        shown.chars().take(100).collect()
    }
}

/// A message before it has a tick: what the API hands to `append`, which puts the ticks before it.
#[derive(Clone, Debug, Serialize)]
pub struct Draft<'a> {
    /// Where it goes.
    pub chat_id: ChatId,
    /// Who writes it.
    pub sender_id: UserId,
    /// Text or system.
    pub kind: MessageKind,
    /// A line above the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    /// Plain text.
    pub body: &'a str,
    /// The idempotency key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<&'a str>,
    /// What a system message tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<&'a System>,
    /// What it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<&'a Reply>,
    /// Members whom it names.
    #[serde(skip_serializing_if = "<[UserId]>::is_empty")]
    pub mentions: &'a [UserId],
    /// Files.
    #[serde(skip_serializing_if = "<[Attachment]>::is_empty")]
    pub attachments: &'a [Attachment],
}

impl<'a> Draft<'a> {
    /// With nothing but a body.
    pub fn new(chat_id: ChatId, sender_id: UserId, kind: MessageKind, body: &'a str) -> Self {
        Self {
            chat_id,
            sender_id,
            kind,
            subject: None,
            body,
            client_id: None,
            system: None,
            reply_to: None,
            mentions: &[],
            attachments: &[],
        }
    }

    /// Its JSON without the opening brace: `{"id":…,"seq":…,"rev":…,"created_at":"…",` goes before it.
    pub fn tail(&self) -> String {
        let mut json = serde_json::to_string(self).expect("a draft is words and ids");
        json.remove(0);
        json
    }
}

/// How sure it is that an acknowledged message outlives a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Durability {
    /// It outlives any process; the last second may go with the machine.
    Memory,
    /// It was on disk before it was acknowledged.
    Fsync,
    /// A replica had it before it was acknowledged.
    Replica,
}

impl Durability {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Fsync => "fsync",
            Self::Replica => "replica",
        }
    }
}

/// The answer to a send: the message, and how durable it is.
#[derive(Clone, Debug, Object)]
pub struct SentMessage {
    /// The message as everybody sees it.
    #[oai(flatten)]
    pub message: Message,
    /// `replica`: a replica of Redis has it; `fsync`: it is on disk; `memory`: outlives any process, but the last second may go with the machine.
    pub durability: Durability,
}

/// A page of messages, oldest first.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Page {
    /// Oldest first. A short page is not the end; an absent `prev` or `next` is.
    pub items: Vec<Message>,
    /// For `after`: newer messages follow.
    pub next: Option<Tick>,
    /// For `before`: older messages come before.
    pub prev: Option<Tick>,
    /// By the id of a message: with what I reacted to it.
    pub my_reactions: Option<HashMap<String, Vec<String>>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_what_it_is_read_from() {
        let mut message = Message {
            id: Tick(1_763_668_800_123_457),
            seq: 3,
            rev: Tick(1_763_668_800_123_458),
            created_at: Tick(1_763_668_800_123_457).rfc3339(),
            chat_id: ChatId::new(),
            sender_id: UserId::new(),
            kind: MessageKind::Text,
            subject: Some("a \"quoted\" \u{1F600} line".into()),
            body: "one\ntwo\\ \u{0} three".into(),
            client_id: Some("k".into()),
            system: None,
            reply_to: Some(Reply { id: Tick(1_763_668_800_123_400), sender_id: UserId::new(), preview: "\"so\"".into() }),
            mentions: Some(vec![UserId::new()]),
            attachments: Some(vec![Attachment {
                hash: "ab".into(),
                name: "a \"b\"".into(),
                size: 5,
                content_type: "image/png".into(),
                width: Some(2),
                height: None,
            }]),
            reactions: Some(vec![Reaction { emoji: "👍".into(), count: 1, user_ids: vec![UserId::new()] }]),
            edited_at: Some(Tick(1_763_668_800_123_458).rfc3339()),
            deleted: None,
        };
        assert!(
            message.json().starts_with(r#"{"id":1763668800123457,"seq":3,"rev":1763668800123458,"created_at":"2025-11-20T20:00:00.123Z","#)
        );
        assert_eq!(serde_json::from_str::<Message>(&message.json()).expect("our own JSON"), message);
        message.kind = MessageKind::System;
        message.system = Some(System { new: Some("x".into()), ..System::new(SystemEvent::ChatRenamed, message.sender_id) });
        (message.subject, message.client_id) = (None, None);
        assert_eq!(serde_json::from_str::<Message>(&message.json()).expect("our own JSON"), message);
        let tombstone = message.tombstone();
        assert_eq!((tombstone.body.as_str(), tombstone.deleted, tombstone.seq), ("", Some(true), 3));
        assert_eq!(serde_json::from_str::<Message>(&tombstone.json()).expect("our own JSON"), tombstone);
    }
}
