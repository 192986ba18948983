//! Table `members`.
#![allow(missing_docs)] // sea-orm derives public items without docs

use model::{ChatId, Member, Role, Tick, UserId};
use sea_orm::{ActiveValue::Set, entity::prelude::*};

use crate::unknown;

/// A member's row; a past member keeps it, with `left_at`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "members")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub chat_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// `owner`, `admin` or `member`.
    pub role: String,
    pub joined: i64,
    pub left_at: i64,
    pub read_id: i64,
    pub counted: i64,
    pub delivered: i64,
    /// Ids of unread messages that name the member, with commas.
    pub mentions: String,
    pub rev: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Makes the row of a member.
pub fn to_row(chat: ChatId, user: UserId, member: &Member) -> ActiveModel {
    let mentions: Vec<_> = member.mentions.iter().map(ToString::to_string).collect();
    ActiveModel {
        chat_id: Set(chat.0),
        user_id: Set(user.0),
        role: Set(member.role.as_str().to_owned()),
        joined: Set(member.joined.0),
        left_at: Set(member.left.0),
        read_id: Set(member.read.0),
        counted: Set(member.counted),
        delivered: Set(member.delivered.0),
        mentions: Set(mentions.join(",")),
        rev: Set(member.rev.0),
    }
}

/// Makes a member of their row.
///
/// # Errors
/// `DbErr::Type` when a later version of Carrier wrote a role that this one does not know.
pub fn from_row(row: Model) -> Result<(UserId, Member), DbErr> {
    let member = Member {
        role: Role::parse(&row.role).ok_or_else(|| unknown("role", &row.role))?,
        joined: Tick(row.joined),
        left: Tick(row.left_at),
        read: Tick(row.read_id),
        counted: row.counted,
        delivered: Tick(row.delivered),
        mentions: row
            .mentions
            .split(',')
            .filter_map(|id| id.parse().ok().map(Tick))
            .collect(),
        rev: Tick(row.rev),
    };
    Ok((UserId(row.user_id), member))
}

#[cfg(test)]
mod tests {
    use sea_orm::TryIntoModel;

    use super::*;

    #[test]
    fn a_member_comes_back_as_they_were_written() {
        let (chat, user) = (ChatId::new(), UserId::new());
        let mut member = Member {
            role: Role::Admin,
            joined: Tick(1),
            left: Tick(2),
            read: Tick(3),
            counted: 4,
            delivered: Tick(5),
            mentions: vec![Tick(6), Tick(7)],
            rev: Tick(8),
        };
        let row = to_row(chat, user, &member);
        let row = row.try_into_model().expect("every column is set");
        assert_eq!((row.chat_id, row.mentions.as_str()), (chat.0, "6,7"));
        let read_back = from_row(row.clone()).expect("a known role");
        assert_eq!(read_back, (user, member.clone()));

        member.mentions.clear();
        let unmentioned = to_row(chat, user, &member);
        let unmentioned = unmentioned.try_into_model().expect("every column is set");
        let read_back = from_row(unmentioned).expect("a known role");
        assert_eq!(read_back, (user, member));

        let strange = Model {
            role: "king".into(),
            ..row
        };
        let error = from_row(strange).expect_err("an unknown role");
        assert!(error.to_string().contains(r#"the role "king""#));
    }
}
