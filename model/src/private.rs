//! The private rows of a user: their settings of chats, whom they block, and which tokens of an
//! identity provider are over; and those of the server's own account, which are its keys, its
//! webhooks, and whom it has erased.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{ChatId, KeyId, ParseError, Partition, Tick, UserId, WebhookId};

/// The most messages of one chat that a user may delete for themselves one by one; to clear a chat
/// takes no room.
pub const MAX_HIDDEN: usize = 2000;
/// The number of a user's private rows, blocks and settings of chats, with which no further block
/// begins.
pub const MAX_BLOCKS: usize = 10_000;

/// The most keys that a server has.
pub const MAX_KEYS: usize = 1000;
/// The rows in which a server remembers whom it has erased.
pub const ERASED_ROWS: u8 = 16;

/// The key of a private row. Its text, as `chat:ID` or `block:ID`, is its name in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PrivateKey {
    /// The user's settings of a chat; the value is a [`ChatSettings`].
    Chat(ChatId),
    /// A block of another user; the value is `1`, or empty once the block has ended.
    Block(UserId),
    /// A key of the server's API, of [`UserId::SERVER`]; the value is a [`crate::KeyRecord`], or
    /// empty once the key is revoked.
    Key(KeyId),
    /// Tokens that open no session any more; the value is a [`crate::EndedTokens`]. A user has one,
    /// of partition 0; [`UserId::SERVER`] has some, of users who were erased.
    Ended(Partition),
    /// A webhook, of [`UserId::SERVER`]; the value is a [`crate::WebhookRecord`], or empty once it
    /// is deleted. That of [`WebhookId::LOWEST`] is another text after each change of a webhook.
    Webhook(WebhookId),
}

impl fmt::Display for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chat(chat) => write!(f, "chat:{chat}"),
            Self::Block(user) => write!(f, "block:{user}"),
            Self::Key(key) => write!(f, "key:{key}"),
            Self::Ended(partition) => write!(f, "ended:{partition}"),
            Self::Webhook(webhook) => write!(f, "webhook:{webhook}"),
        }
    }
}

impl FromStr for PrivateKey {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let known = match text.split_once(':') {
            Some(("chat", id)) => id.parse().ok().map(Self::Chat),
            Some(("block", id)) => id.parse().ok().map(Self::Block),
            Some(("key", id)) => id.parse().ok().map(Self::Key),
            Some(("ended", number)) => number.parse().ok().map(Partition).map(Self::Ended),
            Some(("webhook", id)) => id.parse().ok().map(Self::Webhook),
            _ => None,
        };
        known.ok_or(ParseError(
            "`chat:ID`, `block:ID`, `key:ID`, `ended:N` or `webhook:ID`",
        ))
    }
}

/// A row that only its user may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateRow {
    /// The key of the row.
    pub key: PrivateKey,
    /// The value; empty when the row says nothing any more.
    pub value: String,
    /// The tick of the user's clock at the row's last change.
    pub rev: Tick,
}

/// A user's own settings of a chat, and the messages that they deleted for themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatSettings {
    /// True when the chat is archived.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
    /// True when the chat is shown before the others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// The tick until which the user wants no notifications, or `NEVER`.
    #[serde(skip_serializing_if = "never")]
    pub muted_until: Tick,
    /// The message up to which the user had read when they marked the chat as unread; the mark
    /// holds until they read on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marked_unread: Option<Tick>,
    /// The message up to which the chat is hidden: it is not listed until it has a newer one.
    #[serde(skip_serializing_if = "never")]
    pub hidden_until: Tick,
    /// The message up to which all are deleted for the user.
    #[serde(skip_serializing_if = "never")]
    pub cleared: Tick,
    /// The messages after `cleared` that are deleted for the user one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<Tick>,
}

fn never(tick: &Tick) -> bool {
    !tick.happened()
}

impl ChatSettings {
    /// Reads the value of a row.
    ///
    /// # Errors
    /// An error of JSON when the value is not one that [`Self::value`] writes.
    pub fn parse(value: &str) -> serde_json::Result<Self> {
        if value.is_empty() {
            Ok(Self::default())
        } else {
            serde_json::from_str(value)
        }
    }

    /// Returns the value of the row: empty for the default settings.
    pub fn value(&self) -> String {
        if *self == Self::default() {
            String::new()
        } else {
            serde_json::to_string(self).expect("words and numbers")
        }
    }

    /// True when the chat is in its owner's list, given its newest message.
    pub fn is_listed(&self, last: Tick) -> bool {
        last > self.hidden_until
    }

    /// True when the owner has not deleted this message for themselves.
    pub fn shows(&self, message: Tick) -> bool {
        message > self.cleared && !self.hidden.contains(&message)
    }

    /// Returns the messages after `read` that their owner deleted for themselves one by one, oldest
    /// first: they are not unread.
    pub fn unread_hidden(&self, read: Tick) -> &[Tick] {
        &self.hidden[self.hidden.partition_point(|id| *id <= read)..]
    }

    /// Returns the settings as they are shown to their owner, who has read up to `read`.
    pub fn preferences(&self, read: Tick) -> Preferences {
        Preferences {
            archived: self.archived,
            pinned: self.pinned,
            muted_until: self
                .muted_until
                .happened()
                .then(|| self.muted_until.rfc3339()),
            marked_unread: self.marked_unread == Some(read),
        }
    }
}

/// The caller's own settings of a chat; no other member sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct Preferences {
    /// True when the chat is archived.
    pub archived: bool,
    /// True when the chat is shown before the others.
    pub pinned: bool,
    /// The time until which the caller wants no notifications: RFC 3339 in UTC; absent when they
    /// want them now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<String>,
    /// True when the caller marked the chat as unread, and has not read on since.
    pub marked_unread: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written() {
        for key in [
            PrivateKey::Chat(ChatId::new()),
            PrivateKey::Block(UserId::new()),
            PrivateKey::Key(KeyId::new()),
            PrivateKey::Ended(Partition(203)),
            PrivateKey::Webhook(WebhookId::new()),
        ] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for wrong in [
            "",
            "chat",
            "chat:",
            "chat:x",
            &format!("Chat:{}", ChatId::new()),
        ] {
            assert!(wrong.parse::<PrivateKey>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_hidden_chat_is_listed_again_with_a_newer_message() {
        let settings = ChatSettings {
            hidden_until: Tick(5),
            hidden: vec![Tick(3), Tick(7)],
            ..ChatSettings::default()
        };
        assert_eq!(
            [4, 5, 6].map(|last| settings.is_listed(Tick(last))),
            [false, false, true]
        );
        assert_eq!(
            [2, 3, 7].map(|read| settings.unread_hidden(Tick(read)).len()),
            [2, 1, 0]
        );
    }

    #[test]
    fn nothing_kept_is_an_empty_row_and_all_of_it_is_read_back() {
        assert_eq!(ChatSettings::default().value(), "");
        assert_eq!(
            ChatSettings::parse("").expect("empty"),
            ChatSettings::default()
        );
        let kept = ChatSettings {
            pinned: true,
            marked_unread: Some(Tick::NEVER),
            cleared: Tick(5),
            hidden: vec![Tick(9)],
            ..ChatSettings::default()
        };
        assert_eq!(ChatSettings::parse(&kept.value()).expect("our own"), kept);
        assert!(
            kept.preferences(Tick::NEVER).marked_unread && !kept.preferences(Tick(6)).marked_unread
        );
        assert_eq!(
            [4, 5, 6, 9].map(|id| kept.shows(Tick(id))),
            [false, false, true, false]
        );
    }
}
