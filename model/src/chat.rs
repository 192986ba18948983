//! A chat: the row that is stored, and the view that one member has of it.

use serde::{Deserialize, Serialize};

use crate::{
    Blocks, ChatId, Invites, MemberView, MentionsOfAll, Message, Pins, Preferences, Profile, Role,
    Tick, UserId, user::avatar_url,
};

/// The kind of a chat: two people, or a named group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    /// Exactly two people, for ever.
    Direct,
    /// A named group of 1 to 1000 members, who come and go.
    Group,
}

impl ChatKind {
    /// Returns the kind's name on the wire, in Redis and in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
        }
    }

    /// Returns the kind of that name, or `None` when there is no such kind.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Direct, Self::Group]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// A chat's row, as Redis and SQL hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    /// The chat's id.
    pub id: ChatId,
    /// The kind: direct or group.
    pub kind: ChatKind,
    /// The name of a group; empty for a direct chat.
    pub name: String,
    /// The description of a group; empty when none was given.
    pub description: String,
    /// The name of a group's picture: a SHA-256 in hex; empty when it has none.
    pub avatar: String,
    /// The user who created it.
    pub creator: UserId,
    /// The tick of its creation.
    pub created: Tick,
    /// The id of its newest message, or `created` when it has none; lists of chats are ordered
    /// by it.
    pub last: Tick,
    /// The number of messages it has had, which is the `seq` of the newest.
    pub seq: i64,
    /// The number of texts among its messages; system messages never count as unread.
    pub texts: i64,
    /// The blocks between the two people of a direct chat.
    pub blocks: Blocks,
    /// The tick of its deletion, or `NEVER`; only this row is left of a deleted chat.
    pub deleted: Tick,
    /// The texts that mention all members.
    pub mentions_all: MentionsOfAll,
    /// The messages that are pinned.
    pub pins: Pins,
    /// The invitations to a group; none in a row that was read for a view.
    pub invites: Invites,
    /// The tick of the last change of this row.
    pub rev: Tick,
}

impl Chat {
    /// Returns the path of the chat's picture, or `None` when it has none.
    pub fn avatar_url(&self) -> Option<String> {
        avatar_url(&format!("/v1/chats/{}", self.id), &self.avatar)
    }
}

/// A chat, as one of its members sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct ChatView {
    /// The chat's id.
    pub id: ChatId,
    /// The kind: direct or group.
    pub kind: ChatKind,
    /// The name of a group; absent for a direct chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The description of a group; absent when none was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The path of a group's picture; it changes with the picture, so that the answer may be cached
    /// for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// The tick of the chat's last change.
    pub clock: Tick,
    /// The tick up to which all changes of the chat are in SQL, too; the event `chat.saved`
    /// raises it.
    pub saved: Tick,
    /// The newest message that the caller may see; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_message: Option<Message>,
    /// The ids of the pinned messages that the caller may see, the newest pin first.
    #[serde(default)]
    pub pinned_ids: Vec<Tick>,
    /// The number of texts of others that the caller has not read.
    pub unread_count: i64,
    /// The number of unread texts that mention the caller, by name or with all others; 50 stands
    /// for 50 or more.
    pub unread_mentions: i64,
    /// The other person of a direct chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<Profile>,
    /// The first five members, by the time they joined.
    pub members: Vec<MemberView>,
    /// The number of members.
    pub member_count: i64,
    /// The caller's own role and marks.
    pub my: MyMarks,
    /// The marks that all other members have reached.
    pub others: OtherMarks,
    /// The caller's own settings of the chat.
    pub preferences: Preferences,
    /// The time of its creation: RFC 3339 in UTC.
    pub created_at: String,
}

/// The caller's own role and marks in a chat.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object), oai(rename = "Own"))]
pub struct MyMarks {
    /// The caller's role, which says what they may do.
    pub role: Role,
    /// The id of the newest message that the caller has read.
    pub read: Tick,
    /// The id of the newest message that reached one of the caller's devices.
    pub delivered: Tick,
}

/// The marks that every other member has reached; zero in a chat without other members.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct OtherMarks {
    /// The id of the newest message that all others have read.
    pub read_min: Tick,
    /// The id of the newest message that reached a device of each of the others.
    pub delivered_min: Tick,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_name() {
        for kind in [ChatKind::Direct, ChatKind::Group] {
            assert_eq!(ChatKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(ChatKind::parse(""), None);
    }
}
