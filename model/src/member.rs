//! A member of a chat: their role, their marks, and when they joined and left.

use serde::{Deserialize, Serialize};

use crate::{Tick, UserId};

/// The role of a member, which says what they may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "snake_case")
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May do all that an admin may, and hand over or delete the group. A group has exactly one;
    /// both people of a direct chat are `member`.
    Owner,
    /// May add and remove members.
    Admin,
    /// May read and write.
    Member,
}

impl Role {
    /// Returns the role's name on the wire, in Redis and in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }

    /// Returns the role of that name, or `None` when there is no such role.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Owner, Self::Admin, Self::Member]
            .into_iter()
            .find(|role| role.as_str() == name)
    }

    /// True when the role may add and remove members.
    pub fn manages(self) -> bool {
        self != Self::Member
    }
}

/// A member's row. Redis holds its JSON, with the fields in this order: scripts replace the numbers
/// in it by pattern and never decode it, since Lua's encoder would print ticks with 14 digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The member's role.
    pub role: Role,
    /// The tick at which they last joined.
    pub joined: Tick,
    /// The tick at which they left, or `NEVER` while they are in.
    pub left: Tick,
    /// The id of the newest message that they have read.
    pub read: Tick,
    /// The number of the chat's texts up to and with `read`, so that unread is one subtraction.
    pub counted: i64,
    /// The id of the newest message that reached one of their devices.
    pub delivered: Tick,
    /// The ids of the unread messages that mention them by name; the newest 50.
    pub mentions: Vec<Tick>,
    /// The tick of the last change of this row.
    pub rev: Tick,
}

impl Member {
    /// Makes the row of a user who joins at `tick`, when the chat has `texts` texts: nothing that
    /// came before is unread.
    pub fn joining(role: Role, tick: Tick, texts: i64) -> Self {
        Self {
            role,
            joined: tick,
            left: Tick::NEVER,
            read: tick,
            counted: texts,
            delivered: tick,
            mentions: Vec::new(),
            rev: tick,
        }
    }

    /// True while the member is in the chat; the row of one who left is kept.
    pub fn is_in(&self) -> bool {
        !self.left.happened()
    }

    /// Returns the record that Redis holds.
    pub fn record(&self) -> String {
        serde_json::to_string(self).expect("a member has only numbers and a word")
    }
}

/// A member, as the other members see them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct MemberView {
    /// The member's user id.
    pub user_id: UserId,
    /// The member's role.
    pub role: Role,
    /// The time when they last joined: RFC 3339 in UTC.
    pub joined_at: String,
    /// The id of the newest message that they have read.
    pub read: Tick,
    /// The id of the newest message that reached one of their devices.
    pub delivered: Tick,
}

impl MemberView {
    /// Makes the view of a member's row.
    pub fn new(user_id: UserId, member: &Member) -> Self {
        Self {
            user_id,
            role: member.role,
            joined_at: member.joined.rfc3339(),
            read: member.read,
            delivered: member.delivered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_its_fields_in_the_order_that_the_scripts_expect() {
        let mut member = Member::joining(Role::Admin, Tick(7), 3);
        member.mentions = vec![Tick(8), Tick(9)];
        assert_eq!(
            member.record(),
            concat!(
                r#"{"role":"admin","joined":7,"left":0,"read":7,"counted":3,"delivered":7,"#,
                r#""mentions":[8,9],"rev":7}"#,
            )
        );
        let read: Member = serde_json::from_str(&member.record()).expect("our own");
        assert_eq!(read, member);
    }

    #[test]
    fn a_member_who_left_is_not_in() {
        let mut member = Member::joining(Role::Member, Tick(7), 3);
        assert!(member.is_in());
        member.left = Tick(8);
        assert!(!member.is_in());
    }

    #[test]
    fn a_role_is_found_by_its_name_and_only_members_do_not_manage() {
        for role in [Role::Owner, Role::Admin, Role::Member] {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert_eq!(role.manages(), role != Role::Member);
        }
        assert_eq!(Role::parse("Owner"), None);
    }
}
