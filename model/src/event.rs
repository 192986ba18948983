//! The events of the live connection and of sync: changes, as they are sent to clients.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Account, ChatId, ChatView, MemberView, Message, Problem, Profile, SentMessage, Tick, UserId,
};

/// A new message.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct MessageCreated {
    /// The chat's id.
    pub chat_id: ChatId,
    /// The tick of the change.
    pub clock: Tick,
    /// On a live connection, the tick of the chat's previous change that the caller was notified
    /// of. A client whose own clock of the chat is lower has missed changes; they are on their way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev: Option<Tick>,
    /// The message.
    pub message: Message,
}

/// A message that was edited, deleted for everyone, or reacted to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct MessageUpdated {
    /// The chat's id.
    pub chat_id: ChatId,
    /// The tick of the change.
    pub clock: Tick,
    /// On a live connection, the tick of the chat's previous change that the caller was notified
    /// of. A client whose own clock of the chat is lower has missed changes; they are on their way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev: Option<Tick>,
    /// The message as it is now; it replaces a copy whose `rev` is lower.
    pub message: Message,
}

/// The messages that the caller deleted for themselves in a chat, all of them so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct MessageRemoved {
    /// The chat's id.
    pub chat_id: ChatId,
    /// The ids of the messages that were deleted one by one.
    pub message_ids: Vec<Tick>,
    /// The id up to which all messages are deleted, when the caller cleared the chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Tick>,
}

/// A chat that the caller has become a member of.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct ChatCreated {
    /// The chat's id.
    pub chat_id: ChatId,
    /// The chat's clock.
    pub clock: Tick,
    /// The chat, as the caller sees it.
    pub chat: ChatView,
}

/// A change of one of the caller's chats: of its row, its newest message, the caller's counts or
/// settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct ChatUpdated {
    /// The chat's id.
    pub chat_id: ChatId,
    /// The chat's clock.
    pub clock: Tick,
    /// The chat, as the caller sees it.
    pub chat: ChatView,
}

/// The end of a chat for the caller: they are no longer a member, it was deleted, or they hid it.
/// The next message in a hidden chat comes without a `chat.created`: look the chat up then.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct ChatRemoved {
    /// The chat's id.
    pub chat_id: ChatId,
}

/// A member who joined or left, got another role, or read on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct MemberUpdated {
    /// The chat's id.
    pub chat_id: ChatId,
    /// The tick of the change.
    pub clock: Tick,
    /// On a live connection, the tick of the chat's previous change that the caller was notified
    /// of. A client whose own clock of the chat is lower has missed changes; they are on their way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev: Option<Tick>,
    /// The user's id.
    pub user_id: UserId,
    /// The member as they are now; absent when they are no longer in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberView>,
}

/// A change of the caller's own account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct MeUpdated {
    /// The account as it is now.
    pub account: Account,
}

/// A change of a user with whom the caller shares a chat.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct UserUpdated {
    /// The user as they are now.
    pub user: Profile,
}

/// A reaction that was added to a message, or taken back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct ReactionChanged {
    /// The chat's id.
    pub chat_id: ChatId,
    /// The tick of the change.
    pub clock: Tick,
    /// The tick of the chat's previous change that the caller was notified of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev: Option<Tick>,
    /// The user's id.
    pub user_id: UserId,
    /// The emoji of the reaction.
    pub emoji: String,
    /// True when the reaction was added, false when it was taken back.
    pub added: bool,
    /// The message as it is now; it replaces a copy whose `rev` is lower.
    pub message: Message,
}

/// A member who has read on, or received more. In chats of more than 64 members only the caller's
/// own marks are sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct ReceiptUpdated {
    /// The chat's id.
    pub chat_id: ChatId,
    /// The tick of the change.
    pub clock: Tick,
    /// The tick of the chat's previous change that the caller was notified of; absent in larger
    /// chats, where only the caller's own marks are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev: Option<Tick>,
    /// The user's id.
    pub user_id: UserId,
    /// The id of the newest message that the user has read.
    pub read: Tick,
    /// The id of the newest message that reached one of the user's devices.
    pub delivered: Tick,
    /// The number of texts of others that the caller has not read now; absent unless the marks are
    /// the caller's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread_count: Option<i64>,
}

/// The tick up to which all changes of a chat are in SQL, and so stored for ever.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct ChatSaved {
    /// The chat's id.
    pub chat_id: ChatId,
    /// The tick; a message is in SQL when its `rev` is not higher.
    pub clock: Tick,
}

/// A member who is typing in a chat, or has stopped.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Typing {
    /// The chat's id.
    pub chat_id: ChatId,
    /// The user's id.
    pub user_id: UserId,
    /// The time for which it holds, in milliseconds; 0 when they stopped.
    pub expires_ms: u32,
}

/// An event of a kind of its own that a member sent to the others. It is stored nowhere: whoever is
/// not connected misses it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct CustomEvent {
    /// The chat's id.
    pub chat_id: ChatId,
    /// The id of the member who sent it.
    pub sender_id: UserId,
    /// The kind of the event, as its sender named it.
    pub event_type: String,
    /// The content of the event.
    pub data: BTreeMap<String, Value>,
    /// The time at which it was sent: RFC 3339 in UTC.
    pub at: String,
}

/// A user whom the caller watches, and who came online or went offline.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct PresenceUpdated {
    /// The user's id.
    pub user_id: UserId,
    /// True when they are connected.
    pub online: bool,
    /// The time when they were last connected: RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<String>,
}

/// The first frame of a connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Hello {
    /// The cursor to resume from if the connection ends before the first heartbeat.
    pub cursor: String,
    /// True when all changes since the client's cursor come next on this connection. Otherwise more
    /// than 1,000 wait: page through `/v1/sync` from that cursor, then take the cursors of
    /// heartbeats.
    pub resumed: bool,
    /// True when the database does not answer, so that changes since the client's cursor are
    /// missing. Once it answers they come, or another `hello` that is not `resumed`; until then
    /// cursors stand still.
    #[serde(default)]
    pub partial: bool,
    /// The time between two heartbeats, in milliseconds; after twice that without any frame the
    /// connection is dead.
    pub heartbeat_ms: u32,
}

/// A sign that the connection is alive.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Heartbeat {
    /// The cursor to resume from: all changes up to it were sent.
    pub cursor: String,
    /// True while changes after the cursor are missing, since the database does not answer.
    #[serde(default)]
    pub partial: bool,
}

/// The end of the caller's session; log in again. The connection closes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct SessionRevoked {
    /// A sentence that says what to do.
    pub detail: String,
}

/// A notice that this server is restarting; the connection closes. Reconnect, to any server, after
/// the time given.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Reconnect {
    /// The time to wait, in milliseconds; clients get different times, so that they do not return
    /// at once.
    pub after_ms: u32,
}

/// The answer to a command that was carried out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct Ack {
    /// The `ref` of the command.
    #[serde(rename = "ref")]
    #[cfg_attr(feature = "openapi", oai(rename = "ref"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The message, when the command sent one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<SentMessage>,
}

/// The answer to a command that was refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct Refused {
    /// The `ref` of the command.
    #[serde(rename = "ref")]
    #[cfg_attr(feature = "openapi", oai(rename = "ref"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The problem, as the REST call of the same name would answer.
    pub problem: Problem,
}

/// An event. The field `type` says which.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Union),
    oai(discriminator_name = "type")
)]
#[serde(tag = "type")]
// The record of each variant says what it is, and few of them are in memory at a time.
#[allow(missing_docs, clippy::large_enum_variant)]
pub enum ServerEvent {
    #[serde(rename = "hello")]
    #[cfg_attr(feature = "openapi", oai(mapping = "hello"))]
    Hello(Hello),
    #[serde(rename = "heartbeat")]
    #[cfg_attr(feature = "openapi", oai(mapping = "heartbeat"))]
    Heartbeat(Heartbeat),
    #[serde(rename = "message.created")]
    #[cfg_attr(feature = "openapi", oai(mapping = "message.created"))]
    MessageCreated(MessageCreated),
    #[serde(rename = "message.updated")]
    #[cfg_attr(feature = "openapi", oai(mapping = "message.updated"))]
    MessageUpdated(MessageUpdated),
    #[serde(rename = "message.removed")]
    #[cfg_attr(feature = "openapi", oai(mapping = "message.removed"))]
    MessageRemoved(MessageRemoved),
    #[serde(rename = "reaction")]
    #[cfg_attr(feature = "openapi", oai(mapping = "reaction"))]
    Reaction(ReactionChanged),
    #[serde(rename = "chat.created")]
    #[cfg_attr(feature = "openapi", oai(mapping = "chat.created"))]
    ChatCreated(ChatCreated),
    #[serde(rename = "chat.updated")]
    #[cfg_attr(feature = "openapi", oai(mapping = "chat.updated"))]
    ChatUpdated(ChatUpdated),
    #[serde(rename = "chat.removed")]
    #[cfg_attr(feature = "openapi", oai(mapping = "chat.removed"))]
    ChatRemoved(ChatRemoved),
    #[serde(rename = "chat.saved")]
    #[cfg_attr(feature = "openapi", oai(mapping = "chat.saved"))]
    ChatSaved(ChatSaved),
    #[serde(rename = "member.updated")]
    #[cfg_attr(feature = "openapi", oai(mapping = "member.updated"))]
    MemberUpdated(MemberUpdated),
    #[serde(rename = "receipt.updated")]
    #[cfg_attr(feature = "openapi", oai(mapping = "receipt.updated"))]
    ReceiptUpdated(ReceiptUpdated),
    #[serde(rename = "me.updated")]
    #[cfg_attr(feature = "openapi", oai(mapping = "me.updated"))]
    MeUpdated(MeUpdated),
    #[serde(rename = "user.updated")]
    #[cfg_attr(feature = "openapi", oai(mapping = "user.updated"))]
    UserUpdated(UserUpdated),
    #[serde(rename = "typing")]
    #[cfg_attr(feature = "openapi", oai(mapping = "typing"))]
    Typing(Typing),
    #[serde(rename = "presence")]
    #[cfg_attr(feature = "openapi", oai(mapping = "presence"))]
    Presence(PresenceUpdated),
    #[serde(rename = "session.revoked")]
    #[cfg_attr(feature = "openapi", oai(mapping = "session.revoked"))]
    SessionRevoked(SessionRevoked),
    #[serde(rename = "reconnect")]
    #[cfg_attr(feature = "openapi", oai(mapping = "reconnect"))]
    Reconnect(Reconnect),
    #[serde(rename = "ack")]
    #[cfg_attr(feature = "openapi", oai(mapping = "ack"))]
    Ack(Ack),
    #[serde(rename = "error")]
    #[cfg_attr(feature = "openapi", oai(mapping = "error"))]
    Error(Refused),
    #[serde(rename = "chat.event")]
    #[cfg_attr(feature = "openapi", oai(mapping = "chat.event"))]
    Custom(CustomEvent),
}

impl std::fmt::Display for ServerEvent {
    /// Writes the event's JSON.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self).expect("words, numbers and ids"))
    }
}

impl ServerEvent {
    /// Returns the JSON of an event of a chat whose last fields, `rest`, are JSON already: a
    /// message is sent with the bytes that are stored.
    pub fn json(kind: &str, chat: ChatId, clock: Tick, prev: Tick, rest: &str) -> String {
        format!(r#"{{"type":"{kind}","chat_id":"{chat}","clock":{clock},"prev":{prev},{rest}}}"#)
    }
}

impl std::str::FromStr for ServerEvent {
    type Err = serde_json::Error;

    /// Reads an event's JSON.
    fn from_str(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}
