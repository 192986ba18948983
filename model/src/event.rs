//! What changed, as a client is told.

use poem_openapi::{
    Object, Union,
    types::{ParseFromJSON, ToJSON},
};

use crate::{Account, ChatId, ChatView, MemberView, Message, Problem, Profile, SentMessage, Tick, UserId};

/// A message is new.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct MessageCreated {
    /// In which chat.
    pub chat_id: ChatId,
    /// The tick of the change.
    pub clock: Tick,
    /// Live: the tick of the change before it that I was told of. If yours is lower, what comes between is on its way.
    pub prev: Option<Tick>,
    /// The message.
    pub message: Message,
}

/// A message was edited, deleted for everyone, or reacted to.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct MessageUpdated {
    /// In which chat.
    pub chat_id: ChatId,
    /// The tick of the change.
    pub clock: Tick,
    /// Live: the tick of the change before it that I was told of. If yours is lower, what comes between is on its way.
    pub prev: Option<Tick>,
    /// As it is now; take it if its `rev` is higher than what you have.
    pub message: Message,
}

/// What I deleted for myself in a chat, all of it so far.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct MessageRemoved {
    /// In which chat.
    pub chat_id: ChatId,
    /// These messages.
    pub message_ids: Vec<Tick>,
    /// And all up to this one.
    pub up_to: Option<Tick>,
}

/// I am in a chat that I was not in.
#[derive(Clone, Debug, Object)]
pub struct ChatCreated {
    /// Which chat.
    pub chat_id: ChatId,
    /// The chat's clock.
    pub clock: Tick,
    /// As I see it.
    pub chat: ChatView,
}

/// A chat that I am in is not as it was: its row, its newest message, my counts or how I keep it.
#[derive(Clone, Debug, Object)]
pub struct ChatUpdated {
    /// Which chat.
    pub chat_id: ChatId,
    /// The chat's clock.
    pub clock: Tick,
    /// As I see it.
    pub chat: ChatView,
}

/// I am no longer in a chat, it is gone, or I hid it: then its next message is told without it, and it is to be looked up.
#[derive(Clone, Debug, Object)]
pub struct ChatRemoved {
    /// Which chat.
    pub chat_id: ChatId,
}

/// Somebody came or went, got another role, or read on.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct MemberUpdated {
    /// In which chat.
    pub chat_id: ChatId,
    /// The tick of the change.
    pub clock: Tick,
    /// Live: the tick of the change before it that I was told of. If yours is lower, what comes between is on its way.
    pub prev: Option<Tick>,
    /// Who.
    pub user_id: UserId,
    /// As they are now; absent when they are no longer in.
    pub member: Option<MemberView>,
}

/// My account is not as it was.
#[derive(Clone, Debug, Object)]
pub struct MeUpdated {
    /// As it is now.
    pub account: Account,
}

/// Somebody with whom I share a chat is not as they were.
#[derive(Clone, Debug, Object)]
pub struct UserUpdated {
    /// As they are now.
    pub user: Profile,
}

/// Somebody reacted to a message, or took it back.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ReactionChanged {
    /// In which chat.
    pub chat_id: ChatId,
    /// The tick of the change.
    pub clock: Tick,
    /// The tick of the change before it that I was told of.
    pub prev: Option<Tick>,
    /// Who.
    pub user_id: UserId,
    /// With what.
    pub emoji: String,
    /// False: they took it back.
    pub added: bool,
    /// The message as it is now; take it if its `rev` is higher than what you have.
    pub message: Message,
}

/// Somebody has read on, or received more. Nobody is told in chats of more than 64.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ReceiptUpdated {
    /// In which chat.
    pub chat_id: ChatId,
    /// The tick of the change.
    pub clock: Tick,
    /// The tick of the change before it that I was told of; absent in larger chats, where only I am told of mine.
    pub prev: Option<Tick>,
    /// Who.
    pub user_id: UserId,
    /// The id of the newest message they have read.
    pub read: Tick,
    /// The id of the newest message that reached one of their devices.
    pub delivered: Tick,
    /// It is mine: how many texts of others I have not read now.
    pub unread_count: Option<i64>,
}

/// All changes of a chat up to here are stored for ever.
#[derive(Clone, Debug, Object)]
pub struct ChatSaved {
    /// Which chat.
    pub chat_id: ChatId,
    /// A message is stored if its `rev` is not higher.
    pub clock: Tick,
}

/// Somebody is writing in a chat.
#[derive(Clone, Debug, Object)]
pub struct Typing {
    /// In which chat.
    pub chat_id: ChatId,
    /// Who.
    pub user_id: UserId,
    /// For how long that holds; 0: they stopped.
    pub expires_ms: u32,
}

/// Whether somebody whom I watch is online.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PresenceUpdated {
    /// Who.
    pub user_id: UserId,
    /// They are connected.
    pub online: bool,
    /// When they last were, RFC 3339 in UTC.
    pub last_seen_at: Option<String>,
}

/// The first frame of a connection.
#[derive(Clone, Debug, Object)]
pub struct Hello {
    /// Where to go on from if the connection ends before the first heartbeat.
    pub cursor: String,
    /// All that changed since yours comes next on this connection. If not, more than 1,000 changes wait: page `/v1/sync` from your cursor, then take those of
    /// heartbeats.
    pub resumed: bool,
    /// A heartbeat comes about as often; after twice that without any frame the connection is dead.
    pub heartbeat_ms: u32,
}

/// The connection lives.
#[derive(Clone, Debug, Object)]
pub struct Heartbeat {
    /// All that changed up to here was sent: go on from it.
    pub cursor: String,
}

/// My session has ended; log in again. The connection closes.
#[derive(Clone, Debug, Object)]
pub struct SessionRevoked {
    /// What to do, in a sentence.
    pub detail: String,
}

/// This server restarts; the connection closes. Come back after a while, to any other.
#[derive(Clone, Debug, Object)]
pub struct Reconnect {
    /// When; it is spread over all who are told.
    pub after_ms: u32,
}

/// A command was carried out.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Ack {
    /// That of the command.
    #[oai(rename = "ref")]
    pub reference: Option<String>,
    /// What was sent.
    pub message: Option<SentMessage>,
}

/// A command was refused.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Refused {
    /// That of the command.
    #[oai(rename = "ref")]
    pub reference: Option<String>,
    /// Why, as the REST call of the same name would answer.
    pub problem: Problem,
}

/// Something changed.
#[derive(Clone, Debug, Union)]
#[oai(discriminator_name = "type")]
#[allow(missing_docs, clippy::large_enum_variant)] // each variant's record tells what it is; they are few at a time
pub enum ServerEvent {
    #[oai(mapping = "hello")]
    Hello(Hello),
    #[oai(mapping = "heartbeat")]
    Heartbeat(Heartbeat),
    #[oai(mapping = "message.created")]
    MessageCreated(MessageCreated),
    #[oai(mapping = "message.updated")]
    MessageUpdated(MessageUpdated),
    #[oai(mapping = "message.removed")]
    MessageRemoved(MessageRemoved),
    #[oai(mapping = "reaction")]
    Reaction(ReactionChanged),
    #[oai(mapping = "chat.created")]
    ChatCreated(ChatCreated),
    #[oai(mapping = "chat.updated")]
    ChatUpdated(ChatUpdated),
    #[oai(mapping = "chat.removed")]
    ChatRemoved(ChatRemoved),
    #[oai(mapping = "chat.saved")]
    ChatSaved(ChatSaved),
    #[oai(mapping = "member.updated")]
    MemberUpdated(MemberUpdated),
    #[oai(mapping = "receipt.updated")]
    ReceiptUpdated(ReceiptUpdated),
    #[oai(mapping = "me.updated")]
    MeUpdated(MeUpdated),
    #[oai(mapping = "user.updated")]
    UserUpdated(UserUpdated),
    #[oai(mapping = "typing")]
    Typing(Typing),
    #[oai(mapping = "presence")]
    Presence(PresenceUpdated),
    #[oai(mapping = "session.revoked")]
    SessionRevoked(SessionRevoked),
    #[oai(mapping = "reconnect")]
    Reconnect(Reconnect),
    #[oai(mapping = "ack")]
    Ack(Ack),
    #[oai(mapping = "error")]
    Error(Refused),
}

impl std::fmt::Display for ServerEvent {
    /// Its JSON.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_json_string())
    }
}

impl ServerEvent {
    /// The JSON of an event of a chat whose last fields are written already: a message is told as it is stored.
    pub fn json(kind: &str, chat: ChatId, clock: Tick, prev: Tick, rest: &str) -> String {
        format!(r#"{{"type":"{kind}","chat_id":"{chat}","clock":{clock},"prev":{prev},{rest}}}"#)
    }
}

impl std::str::FromStr for ServerEvent {
    type Err = String;

    /// Reads its JSON.
    fn from_str(text: &str) -> Result<Self, String> {
        let value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Self::parse_from_json(Some(value)).map_err(|error| error.into_message())
    }
}
