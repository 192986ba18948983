//! A message, and its JSON: the same bytes in Redis, in an answer and rebuilt from SQL.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{ChatId, Metadata, Reaction, Tick, UserId, letters::whole, metadata::hidden_json};

/// The most characters that a body may have.
pub const MAX_BODY: usize = 10_000;
/// The most characters that a subject may have.
pub const MAX_SUBJECT: usize = 200;
/// The most files that may be attached to one message.
pub const MAX_ATTACHMENTS: usize = 10;

/// The kind of a message: written by a person, or by Carrier itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// A message that its sender wrote.
    Text,
    /// A notice of a change of the chat; never counts as unread.
    System,
}

impl MessageKind {
    /// Returns the kind's name on the wire, in Redis and in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::System => "system",
        }
    }
}

/// The change that a system message reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "snake_case")
)]
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
    /// `actor_id` pinned the message `message_id`.
    MessagePinned,
}

/// The content of a system message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct System {
    /// The change.
    pub event: SystemEvent,
    /// The user who made the change.
    pub actor_id: UserId,
    /// The user whom the change is about, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The message that the change is about, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Tick>,
    /// The old value, when a value changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// The new value, when a value changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

impl System {
    /// Makes the content of a change that `actor_id` made, with no other field.
    pub fn new(event: SystemEvent, actor_id: UserId) -> Self {
        Self {
            event,
            actor_id,
            user_id: None,
            message_id: None,
            old: None,
            new: None,
        }
    }
}

/// The fields that few messages have; they share one column of SQL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Extras {
    /// The content of a system message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<System>,
    /// The message that is replied to.
    #[serde(skip_serializing_if = "Option::is_none", with = "stored")]
    pub reply_to: Option<Reply>,
    /// The members who are mentioned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Vec<UserId>>,
    /// True for a text that mentions all members; else absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mentions_all: Option<bool>,
    /// The attached files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<Attachment>>,
    /// The type of a product's own.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub custom_type: Option<String>,
    /// The metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// The time of the last edit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<String>,
}

/// A file that is attached to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct Attachment {
    /// The SHA-256 of its bytes, in hex, by which it is fetched.
    pub hash: String,
    /// The file name that its sender gave.
    pub name: String,
    /// The size in bytes.
    pub size: i64,
    /// The MIME type, found from its first bytes.
    pub content_type: String,
    /// The width of an image, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<i64>,
    /// The height of an image, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
}

/// The message that another replies to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Reply {
    /// The id of the message that is replied to.
    pub id: Tick,
    /// The user who wrote it.
    pub sender_id: UserId,
    /// The ordinal of that message, by which the scripts find it; 0 when it is not known.
    #[serde(default, skip_serializing)]
    #[cfg_attr(feature = "openapi", oai(skip))]
    pub seq: i64,
    /// The first 100 characters that it has now, or the name of its first file; empty when it was
    /// deleted. It is never stored, but made by each read.
    #[serde(default)]
    pub preview: String,
}

/// A reply as it is stored, in both stores: a text is nowhere but in its own message.
#[derive(Serialize, Deserialize)]
struct StoredReply {
    id: Tick,
    sender_id: UserId,
    #[serde(default, skip_serializing_if = "is_unknown")]
    seq: i64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_unknown(seq: &i64) -> bool {
    *seq == 0
}

/// Writes replies without their previews, and reads them so: older records have one.
mod stored {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Reply, StoredReply};

    pub(super) fn serialize<S: Serializer>(
        reply: &Option<impl std::borrow::Borrow<Reply>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let stored = reply.as_ref().map(|reply| {
            let Reply {
                id, sender_id, seq, ..
            } = *reply.borrow();
            StoredReply { id, sender_id, seq }
        });
        stored.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Reply>, D::Error> {
        let stored = Option::<StoredReply>::deserialize(deserializer)?;
        Ok(stored.map(|StoredReply { id, sender_id, seq }| Reply {
            id,
            sender_id,
            seq,
            preview: String::new(),
        }))
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct Message {
    /// The tick that made it, in microseconds since 1970: order, paging cursor and identity in its
    /// chat.
    pub id: Tick,
    /// The ordinal in its chat: 1, 2, 3 ...
    pub seq: i64,
    /// The tick of its last change.
    pub rev: Tick,
    /// The time of its creation, which is its id: RFC 3339 in UTC.
    pub created_at: String,
    /// The chat that it is in.
    pub chat_id: ChatId,
    /// The user who wrote it.
    pub sender_id: UserId,
    /// The kind: text or system.
    pub kind: MessageKind,
    /// A line above the body; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The body, in plain text; empty in a system message and in a deleted one.
    pub body: String,
    /// The idempotency key that it was sent with; Carrier makes one when the client gave none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The content of a system message; absent in a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<System>,
    /// The message that it replies to; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Reply>,
    /// The members who are mentioned; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Vec<UserId>>,
    /// True when it mentions all members but its sender; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mentions_all: Option<bool>,
    /// The attached files; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<Attachment>>,
    /// The type that its sender gave it, as in `myapp.card`; absent when there is none.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(rename = "type"))]
    pub custom_type: Option<String>,
    /// A JSON object that its sender put on it; absent when there is none. Only its sender changes
    /// it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// The reactions, in the order in which each kind came up; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reactions: Option<Vec<Reaction>>,
    /// The time of its sender's last edit: RFC 3339 in UTC; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<String>,
    /// True when it was deleted for everyone, and only its place is left; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<bool>,
}

impl Message {
    /// Returns the message's JSON: byte for byte what the scripts wrote to Redis.
    pub fn json(&self) -> String {
        let (head, tail) = self.split_at_rev();
        format!("{head}{}{tail}}}", self.rev)
    }

    /// Returns the JSON before the `rev`, and after it up to the closing brace: a script that
    /// changes the message writes the tick between the two, and the end.
    pub fn split_at_rev(&self) -> (String, String) {
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
            mentions_all: self.mentions_all == Some(true),
            attachments: self.attachments.as_deref().unwrap_or_default(),
            custom_type: self.custom_type.as_deref(),
            metadata: self.metadata.as_ref(),
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
        (
            format!(r#"{{"id":{id},"seq":{seq},"rev":"#),
            format!(r#","created_at":"{at}",{tail}"#),
        )
    }

    /// Returns the message as it is once it was deleted for everyone: with its place, its sender
    /// and its idempotency key, and without its content.
    pub fn tombstone(&self) -> Self {
        Self {
            subject: None,
            body: String::new(),
            reply_to: None,
            mentions: None,
            mentions_all: None,
            attachments: None,
            custom_type: None,
            metadata: None,
            reactions: None,
            edited_at: None,
            deleted: Some(true),
            ..self.clone()
        }
    }

    /// True for a text that counts: not a system message, and not deleted.
    pub fn counts(&self) -> bool {
        self.kind == MessageKind::Text && self.deleted.is_none()
    }

    /// Returns the first 100 characters of the body, or of the first attachment's name, for
    /// replies.
    pub fn preview(&self) -> String {
        let name = self
            .attachments
            .iter()
            .flatten()
            .map(|attachment| attachment.name.as_str())
            .next();
        let shown = if self.body.is_empty() {
            name.unwrap_or_default()
        } else {
            &self.body
        };
        first_of(shown).to_owned()
    }
}

/// Characters of a preview, at most.
const PREVIEW: usize = 100;

/// Returns the beginning of a text that is shown of a message which others answer.
pub(crate) fn first_of(text: &str) -> &str {
    let end = text.char_indices().nth(PREVIEW);
    &text[..end.map_or(text.len(), |(at, _)| whole(text, at))]
}

/// The text before the metadata in the JSON of a message. No text can contain it, nor can anything
/// before the metadata.
pub(crate) const BEFORE_METADATA: &str = r#","metadata":"#;

/// A message before it has a tick. The API hands it to `append`, which puts the ticks before it.
#[derive(Clone, Debug, Serialize)]
pub struct Draft<'a> {
    /// The chat that it goes to.
    pub chat_id: ChatId,
    /// The user who writes it.
    pub sender_id: UserId,
    /// The kind: text or system.
    pub kind: MessageKind,
    /// A line above the body; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    /// The body, in plain text.
    pub body: &'a str,
    /// The idempotency key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<&'a str>,
    /// The content of a system message; absent in a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<&'a System>,
    /// The message that it replies to; absent when there is none.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "stored::serialize"
    )]
    pub reply_to: Option<&'a Reply>,
    /// The members who are mentioned.
    #[serde(skip_serializing_if = "<[UserId]>::is_empty")]
    pub mentions: &'a [UserId],
    /// True when all members are mentioned.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mentions_all: bool,
    /// The attached files.
    #[serde(skip_serializing_if = "<[Attachment]>::is_empty")]
    pub attachments: &'a [Attachment],
    /// The type of a product's own.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub custom_type: Option<&'a str>,
    /// The metadata; none is empty.
    #[serde(skip)] // `tail` writes it
    pub metadata: Option<&'a Metadata>,
}

impl<'a> Draft<'a> {
    /// Makes a draft with a body and nothing else.
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
            mentions_all: false,
            attachments: &[],
            custom_type: None,
            metadata: None,
        }
    }

    /// Returns the draft's JSON without the opening brace:
    /// `{"id":…,"seq":…,"rev":…,"created_at":"…",` goes before it.
    pub fn tail(&self) -> String {
        let mut json = serde_json::to_string(self).expect("a draft is words and ids");
        json.remove(0);
        if let Some(metadata) = self.metadata {
            json.pop();
            json.push_str(BEFORE_METADATA);
            json.push_str(&hidden_json(metadata));
            json.push('}');
        }
        json
    }
}

/// The failures that an acknowledged message outlives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// The message outlives any process; the last second may be lost with the machine.
    Memory,
    /// The message was on disk before it was acknowledged.
    Fsync,
    /// A replica of Redis had the message before it was acknowledged.
    Replica,
}

impl Durability {
    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Fsync => "fsync",
            Self::Replica => "replica",
        }
    }
}

/// The answer to a send: the message, and how durable it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct SentMessage {
    /// The message, as every member sees it.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", oai(flatten))]
    pub message: Message,
    /// The durability of the message now. `replica`: a replica of Redis has it; `fsync`: it is on
    /// disk; `memory`: it outlives any process, but the last second may be lost with the machine.
    pub durability: Durability,
}

/// A page of messages, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct Page {
    /// The messages, oldest first. A short page is not the end; an absent `prev` or `next` is.
    pub items: Vec<Message>,
    /// The value of `after` for the next newer page; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Tick>,
    /// The value of `before` for the next older page; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev: Option<Tick>,
    /// The caller's own reactions to these messages: emojis by the id of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub my_reactions: Option<HashMap<String, Vec<String>>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::is_hidden_in_metadata;

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
            reply_to: Some(Reply {
                id: Tick(1_763_668_800_123_400),
                sender_id: UserId::new(),
                seq: 2,
                preview: String::new(),
            }),
            mentions: Some(vec![UserId::new()]),
            mentions_all: Some(true),
            attachments: Some(vec![Attachment {
                hash: "ab".into(),
                name: "a \"b\"".into(),
                size: 5,
                content_type: "image/png".into(),
                width: Some(2),
                height: None,
            }]),
            custom_type: Some("myapp.card".into()),
            metadata: Some(
                serde_json::from_str(
                    r#"{"a":[1.5,null,"\""],"deleted":true,"b":{"reply_to":{"id":1}}}"#,
                )
                .expect("JSON"),
            ),
            reactions: Some(vec![Reaction {
                emoji: "👍".into(),
                count: 1,
                user_ids: vec![UserId::new()],
            }]),
            edited_at: Some(Tick(1_763_668_800_123_458).rfc3339()),
            deleted: None,
        };
        let head = concat!(
            r#"{"id":1763668800123457,"seq":3,"rev":1763668800123458,"#,
            r#""created_at":"2025-11-20T20:00:00.123Z","#,
        );
        assert!(message.json().starts_with(head));
        let fields = serde_json::to_value(&message).expect("words and numbers");
        for name in fields.as_object().expect("an object").keys() {
            // An `id` is looked for at the start alone, and nobody looks for a `type`.
            let is_found_elsewhere = ["id", "type"].contains(&name.as_str());
            assert!(is_found_elsewhere || is_hidden_in_metadata(name), "{name}");
        }
        let mut quoting = message.json();
        crate::quote(&mut quoting, |_| String::new());
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&quoting).expect("our own JSON"),
            serde_json::to_value(&message).expect("words and numbers"),
            "a message within an event is what it is alone"
        );
        assert_eq!(
            serde_json::from_str::<Message>(&message.json()).expect("our own JSON"),
            message
        );
        message.kind = MessageKind::System;
        message.system = Some(System {
            new: Some("x".into()),
            ..System::new(SystemEvent::ChatRenamed, message.sender_id)
        });
        (message.subject, message.client_id) = (None, None);
        assert_eq!(
            serde_json::from_str::<Message>(&message.json()).expect("our own JSON"),
            message
        );
        message.body = String::new();
        assert_eq!(message.preview(), "a \"b\"", "the name of its first file");
        message.body = "é".repeat(101);
        assert_eq!(message.preview(), "é".repeat(100));
        let tombstone = message.tombstone();
        assert_eq!(
            (tombstone.body.as_str(), tombstone.deleted, tombstone.seq),
            ("", Some(true), 3)
        );
        assert_eq!(
            serde_json::from_str::<Message>(&tombstone.json()).expect("our own JSON"),
            tombstone
        );
    }
}
