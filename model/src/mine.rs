//! What is a user's alone: what they keep of a chat, and whom they block.

use std::{fmt, str::FromStr};

use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use crate::{ChatId, Tick, UserId};

/// The most messages of one chat that a user deletes for themselves one by one; to clear a chat takes no room.
pub const MAX_HIDDEN: usize = 2000;

/// What a row of a user's own is about. Its text, `chat:ID` or `block:ID`, is its name in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum About {
    /// What they keep of a chat: an [`OwnChat`].
    Chat(ChatId),
    /// Somebody whom they block; the value is `1`.
    Block(UserId),
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chat(chat) => write!(f, "chat:{chat}"),
            Self::Block(user) => write!(f, "block:{user}"),
        }
    }
}

impl FromStr for About {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = match text.split_once(':') {
            Some(("chat", id)) => id.parse().ok().map(Self::Chat),
            Some(("block", id)) => id.parse().ok().map(Self::Block),
            _ => None,
        };
        known.ok_or_else(|| "neither chat:ID nor block:ID".into())
    }
}

/// A row that is a user's alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mine {
    /// What it is about.
    pub about: About,
    /// What it says; empty when there is nothing any more.
    pub value: String,
    /// The tick of the user's clock at its last change.
    pub rev: Tick,
}

/// What a user keeps of a chat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OwnChat {
    /// Put away.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
    /// Shown before the others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// No notifications until then.
    #[serde(skip_serializing_if = "never")]
    pub muted_until: Tick,
    /// How far they had read when they marked it as unread: it is until they read on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marked_unread: Option<Tick>,
    /// Not listed until it has a message that is newer.
    #[serde(skip_serializing_if = "never")]
    pub hidden_until: Tick,
    /// Messages up to here are deleted for them.
    #[serde(skip_serializing_if = "never")]
    pub cleared: Tick,
    /// And these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<Tick>,
}

fn never(tick: &Tick) -> bool {
    !tick.happened()
}

impl OwnChat {
    /// What a row says.
    ///
    /// # Errors
    /// When it says nothing that we know.
    pub fn read(value: &str) -> serde_json::Result<Self> {
        if value.is_empty() { Ok(Self::default()) } else { serde_json::from_str(value) }
    }

    /// What a row says of it.
    pub fn value(&self) -> String {
        if *self == Self::default() { String::new() } else { serde_json::to_string(self).expect("words and numbers") }
    }

    /// Is a chat in its owner's list, when this is its newest message?
    pub fn is_listed(&self, last: Tick) -> bool {
        last > self.hidden_until
    }

    /// Is this message there for its owner?
    pub fn shows(&self, message: Tick) -> bool {
        message > self.cleared && !self.hidden.contains(&message)
    }

    /// How many messages after `read` were deleted for their owner alone: they are not unread.
    pub fn unread_hidden(&self, read: Tick) -> i64 {
        self.hidden.iter().filter(|id| **id > read).count() as i64
    }

    /// As it is shown to somebody who has read up to `read`.
    pub fn preferences(&self, read: Tick) -> Preferences {
        Preferences {
            archived: self.archived,
            pinned: self.pinned,
            muted_until: self.muted_until.happened().then(|| self.muted_until.rfc3339()),
            marked_unread: self.marked_unread == Some(read),
        }
    }
}

/// How I want a chat to be shown; nobody else sees it.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Preferences {
    /// Put away.
    pub archived: bool,
    /// Shown before the others.
    pub pinned: bool,
    /// RFC 3339 in UTC: no notifications until then.
    pub muted_until: Option<String>,
    /// I marked it as unread, and have not read on since.
    pub marked_unread: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_kept_is_an_empty_row_and_all_of_it_is_read_back() {
        assert_eq!(OwnChat::default().value(), "");
        assert_eq!(OwnChat::read("").expect("empty"), OwnChat::default());
        let kept =
            OwnChat { pinned: true, marked_unread: Some(Tick::NEVER), cleared: Tick(5), hidden: vec![Tick(9)], ..OwnChat::default() };
        assert_eq!(OwnChat::read(&kept.value()).expect("our own"), kept);
        assert!(kept.preferences(Tick::NEVER).marked_unread && !kept.preferences(Tick(6)).marked_unread);
        assert_eq!([4, 5, 6, 9].map(|id| kept.shows(Tick(id))), [false, false, true, false]);
    }
}
