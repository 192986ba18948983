//! Table `chats`.
#![allow(missing_docs)] // sea-orm derives public items without docs

use model::{Chat, ChatId, ChatKind, Tick, UserId};
use sea_orm::{ActiveValue::Set, entity::prelude::*};

use crate::unknown;

/// A chat's row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chats")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `direct` or `group`.
    pub kind: String,
    pub name: String,
    pub description: String,
    /// SHA-256 of a group's picture in hex.
    pub avatar: String,
    /// Blocks between the two people of a direct chat.
    pub blocks: String,
    /// The tick of its deletion, or 0.
    pub deleted: i64,
    /// Ids of the newest texts that mention all members, with commas.
    pub mentions_all: String,
    /// Ids of the pinned messages, the newest pin first, with commas.
    pub pins: String,
    /// The invitations to a group, with the hashes of their tokens.
    pub invites: String,
    pub creator: Uuid,
    pub created: i64,
    /// The id of the newest message, or `created`.
    pub last: i64,
    pub seq: i64,
    pub texts: i64,
    pub rev: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Makes the row of a chat.
pub fn to_row(chat: &Chat) -> ActiveModel {
    ActiveModel {
        id: Set(chat.id.0),
        kind: Set(chat.kind.as_str().to_owned()),
        name: Set(chat.name.clone()),
        description: Set(chat.description.clone()),
        avatar: Set(chat.avatar.clone()),
        blocks: Set(chat.blocks.to_string()),
        deleted: Set(chat.deleted.0),
        mentions_all: Set(chat.mentions_all.to_string()),
        pins: Set(chat.pins.to_string()),
        invites: Set(chat.invites.to_string()),
        creator: Set(chat.creator.0),
        created: Set(chat.created.0),
        last: Set(chat.last.0),
        seq: Set(chat.seq),
        texts: Set(chat.texts),
        rev: Set(chat.rev.0),
    }
}

/// Makes a chat of its row.
///
/// # Errors
/// `DbErr::Type` when a later version of Carrier wrote a kind, blocks, mentions, pins or
/// invitations that this one does not know.
pub fn from_row(row: Model) -> Result<Chat, DbErr> {
    Ok(Chat {
        id: ChatId(row.id),
        kind: ChatKind::parse(&row.kind).ok_or_else(|| unknown("kind of chat", &row.kind))?,
        name: row.name,
        description: row.description,
        avatar: row.avatar,
        blocks: row
            .blocks
            .parse()
            .map_err(|_| unknown("blocks of a chat", &row.blocks))?,
        deleted: Tick(row.deleted),
        mentions_all: row
            .mentions_all
            .parse()
            .map_err(|_| unknown("mentions in a chat", &row.mentions_all))?,
        pins: row
            .pins
            .parse()
            .map_err(|_| unknown("pins of a chat", &row.pins))?,
        invites: row
            .invites
            .parse()
            .map_err(|_| unknown("invitations to a chat", &row.invites))?,
        creator: UserId(row.creator),
        created: Tick(row.created),
        last: Tick(row.last),
        seq: row.seq,
        texts: row.texts,
        rev: Tick(row.rev),
    })
}

#[cfg(test)]
mod tests {
    use sea_orm::TryIntoModel;

    use super::*;

    #[test]
    fn a_chat_comes_back_as_it_was_written() {
        let chat = Chat {
            id: ChatId::new(),
            kind: ChatKind::Group,
            name: "Rowing \u{1F6A3}".into(),
            description: "Thursdays".into(),
            avatar: "ab".repeat(32),
            creator: UserId::new(),
            created: Tick(1),
            last: Tick(2),
            seq: 3,
            texts: 4,
            blocks: format!("{}:5:1", UserId::new()).parse().expect("blocks"),
            deleted: Tick(6),
            mentions_all: "1,2".parse().expect("ids"),
            pins: "9,8".parse().expect("ids"),
            invites: format!("5:ab:{}:0:3:1:", UserId::new())
                .parse()
                .expect("one"),
            rev: Tick(7),
        };
        let row = to_row(&chat).try_into_model().expect("every column is set");
        assert_eq!(from_row(row.clone()).expect("a known kind"), chat);
        let strange = Model {
            kind: "crowd".into(),
            ..row
        };
        let error = from_row(strange).expect_err("an unknown kind");
        assert!(error.to_string().contains(r#"the kind of chat "crowd""#));
    }
}
