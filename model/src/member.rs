//! A member of a chat: role, marks, and when they came and went.

use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

use crate::{Tick, UserId};

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Enum)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// All that an admin may, and hand over or delete the group. A group has one; both people of a direct chat are `member`.
    Owner,
    /// May add and remove members.
    Admin,
    /// May read and write.
    Member,
}

impl Role {
    /// Its name on the wire and in both stores.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Owner, Self::Admin, Self::Member].into_iter().find(|role| role.as_str() == name)
    }

    /// May add and remove others.
    pub fn manages(self) -> bool {
        self != Self::Member
    }
}

/// A member's row. Its JSON, with the fields in this order, is what Redis holds: scripts replace the numbers in it by pattern and never
/// decode it, since Lua's encoder would print ticks with 14 digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// What they may do.
    pub role: Role,
    /// When they (last) joined.
    pub joined: Tick,
    /// When they left, or zero: they are in.
    pub left: Tick,
    /// The id of the newest message they have read.
    pub read: Tick,
    /// How many of the chat's texts came up to and with `read`, so that unread is one subtraction.
    pub counted: i64,
    /// The id of the newest message that reached one of their devices.
    pub delivered: Tick,
    /// The unread messages that name them; the newest 50.
    pub mentions: Vec<Tick>,
    /// The tick of the last change of this row.
    pub rev: Tick,
}

impl Member {
    /// Somebody who joins at `tick`, when the chat has `texts` texts: nothing that came before is unread.
    pub fn joining(role: Role, tick: Tick, texts: i64) -> Self {
        Self { role, joined: tick, left: Tick::NEVER, read: tick, counted: texts, delivered: tick, mentions: Vec::new(), rev: tick }
    }

    /// In the chat, not one who left.
    pub fn is_in(&self) -> bool {
        !self.left.happened()
    }

    /// What Redis holds.
    pub fn record(&self) -> String {
        serde_json::to_string(self).expect("a member has only numbers and a word")
    }
}

/// A member, as the others see them.
#[derive(Clone, Debug, Object)]
pub struct MemberView {
    /// Who.
    pub user_id: UserId,
    /// What they may do.
    pub role: Role,
    /// RFC 3339 in UTC.
    pub joined_at: String,
    /// The id of the newest message they have read.
    pub read: Tick,
    /// The id of the newest message that reached one of their devices.
    pub delivered: Tick,
}

impl MemberView {
    /// How `member` is shown.
    pub fn new(user_id: UserId, member: &Member) -> Self {
        Self { user_id, role: member.role, joined_at: member.joined.rfc3339(), read: member.read, delivered: member.delivered }
    }
}
