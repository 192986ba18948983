//! What changed, as a client is told.

use poem_openapi::{Object, Union};

use crate::{Account, ChatId, ChatView, MemberView, Message, Profile, Tick, UserId};

/// A message is new.
#[derive(Clone, Debug, Object)]
pub struct MessageCreated {
    /// In which chat.
    pub chat_id: ChatId,
    /// The tick of the change.
    pub clock: Tick,
    /// The message.
    pub message: Message,
}

/// A message was edited, deleted for everyone, or reacted to.
#[derive(Clone, Debug, Object)]
pub struct MessageUpdated {
    /// In which chat.
    pub chat_id: ChatId,
    /// The tick of the change.
    pub clock: Tick,
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

/// I am no longer in a chat, or it is gone.
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

/// Something changed.
#[derive(Clone, Debug, Union)]
#[oai(discriminator_name = "type")]
#[allow(missing_docs, clippy::large_enum_variant)] // each variant's record tells what it is; they are few at a time
pub enum ServerEvent {
    #[oai(mapping = "message.created")]
    MessageCreated(MessageCreated),
    #[oai(mapping = "message.updated")]
    MessageUpdated(MessageUpdated),
    #[oai(mapping = "message.removed")]
    MessageRemoved(MessageRemoved),
    #[oai(mapping = "chat.created")]
    ChatCreated(ChatCreated),
    #[oai(mapping = "chat.updated")]
    ChatUpdated(ChatUpdated),
    #[oai(mapping = "chat.removed")]
    ChatRemoved(ChatRemoved),
    #[oai(mapping = "member.updated")]
    MemberUpdated(MemberUpdated),
    #[oai(mapping = "me.updated")]
    MeUpdated(MeUpdated),
    #[oai(mapping = "user.updated")]
    UserUpdated(UserUpdated),
}
