//! A chat: the row that is stored, and what one member sees of it.

use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

use crate::{ChatId, MemberView, Message, Preferences, Profile, Role, Tick, UserId, user::avatar_url};

/// Two people, or a named group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Enum)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    /// Exactly two people, for ever.
    Direct,
    /// 1..=1000 members who come and go.
    Group,
}

impl ChatKind {
    /// Its name on the wire and in both stores.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Direct, Self::Group].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A chat's row, as Redis and SQL hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    /// Which chat.
    pub id: ChatId,
    /// Direct or group.
    pub kind: ChatKind,
    /// A group's name; empty for a direct chat.
    pub name: String,
    /// What a group is about; empty when nobody said.
    pub description: String,
    /// The name of a group's picture: a SHA-256 in hex; empty when it has none.
    pub avatar: String,
    /// Who made it.
    pub creator: UserId,
    /// When it was made.
    pub created: Tick,
    /// The id of its newest message, or `created`: what a list of chats is ordered by.
    pub last: Tick,
    /// How many messages it has had.
    pub seq: i64,
    /// How many of them were texts: system messages never count as unread.
    pub texts: i64,
    /// Who of a direct chat's two blocks the other: `who:since:1`, or `:0` when no longer, with the rev of their own row; else empty.
    pub blocks: String,
    /// When it was deleted, or `NEVER`: only this row is left of it then.
    pub deleted: Tick,
    /// The tick of the last change of this row.
    pub rev: Tick,
}

impl Chat {
    /// Where its picture is.
    pub fn avatar_url(&self) -> Option<String> {
        avatar_url(&format!("/v1/chats/{}", self.id), &self.avatar)
    }

    /// Has it been told what this user's own row of the rev `since`, or a later one, says about blocking the other?
    pub fn knows_block(&self, user: UserId, since: Tick) -> bool {
        let of = |one: &str| {
            let (who, rest) = one.split_once(':')?;
            let (when, _) = rest.split_once(':')?;
            Some(who == user.to_string() && when.parse().is_ok_and(|when| Tick(when) >= since))
        };
        self.blocks.split(' ').any(|one| of(one) == Some(true))
    }
}

/// A chat, as one of its members sees it.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ChatView {
    /// Which chat.
    pub id: ChatId,
    /// Direct or group.
    pub kind: ChatKind,
    /// A group's name.
    pub name: Option<String>,
    /// What a group is about.
    pub description: Option<String>,
    /// Where a group's picture is; it changes with the picture.
    pub avatar_url: Option<String>,
    /// The tick of the chat's last change.
    pub clock: Tick,
    /// All changes up to here are in SQL, too; `chat.saved` tells when it is further.
    pub saved: Tick,
    /// The newest message.
    pub last_message: Option<Message>,
    /// Texts of others that I have not read.
    pub unread_count: i64,
    /// How many of them name me; 50 stands for 50 or more.
    pub unread_mentions: i64,
    /// The other person of a direct chat.
    pub peer: Option<Profile>,
    /// The first five by the time they joined.
    pub members: Vec<MemberView>,
    /// How many are in.
    pub member_count: i64,
    /// What is mine in it.
    pub my: Own,
    /// How far all the others are.
    pub others: OtherMarks,
    /// How I keep it.
    pub preferences: Preferences,
    /// RFC 3339 in UTC.
    pub created_at: String,
}

/// My role and marks in a chat.
#[derive(Clone, Debug, Object)]
pub struct Own {
    /// What I may do.
    pub role: Role,
    /// The id of the newest message I have read.
    pub read: Tick,
    /// The id of the newest message that reached one of my devices.
    pub delivered: Tick,
}

/// Up to which message everybody else has come; zero in a chat with nobody else.
#[derive(Clone, Debug, Object)]
pub struct OtherMarks {
    /// All others have read up to here.
    pub read_min: Tick,
    /// Up to here it reached a device of each.
    pub delivered_min: Tick,
}
