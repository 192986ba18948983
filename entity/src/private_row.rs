//! Table `mine`: rows that belong to one user alone.
#![allow(missing_docs)] // sea-orm derives public items without docs

use model::{ChatId, KeyId, Partition, PrivateKey, PrivateRow, Tick, UserId, WebhookId};
use sea_orm::{ActiveValue::Set, entity::prelude::*};

use crate::unknown;

/// A user's private row; an emptied one keeps its rev.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mine")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// `chat`, `block`, `key`, `ended` or `webhook`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    /// The id of the chat, of the blocked user, of the key or the webhook; or a number.
    #[sea_orm(primary_key, auto_increment = false)]
    pub target: Uuid,
    pub value: String,
    pub rev: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Returns the kind and the target of a private row.
pub fn place(key: PrivateKey) -> (&'static str, Uuid) {
    match key {
        PrivateKey::Chat(chat) => ("chat", chat.0),
        PrivateKey::Block(user) => ("block", user.0),
        PrivateKey::Key(key) => ("key", key.0),
        PrivateKey::Ended(partition) => ("ended", Uuid::from_u128(partition.0.into())),
        PrivateKey::Webhook(webhook) => ("webhook", webhook.0),
    }
}

/// Makes the SQL row of a user's private row.
pub fn to_row(user: UserId, row: &PrivateRow) -> ActiveModel {
    let (kind, target) = place(row.key);
    ActiveModel {
        user_id: Set(user.0),
        kind: Set(kind.to_owned()),
        target: Set(target),
        value: Set(row.value.clone()),
        rev: Set(row.rev.0),
    }
}

/// Makes a user's private row of its SQL row.
///
/// # Errors
/// `DbErr::Type` when a later version of Carrier wrote a kind that this one does not know.
pub fn from_row(row: Model) -> Result<PrivateRow, DbErr> {
    let key = match row.kind.as_str() {
        "chat" => PrivateKey::Chat(ChatId(row.target)),
        "block" => PrivateKey::Block(UserId(row.target)),
        "key" => PrivateKey::Key(KeyId(row.target)),
        "webhook" => PrivateKey::Webhook(WebhookId(row.target)),
        "ended" => PrivateKey::Ended(Partition(row.target.as_bytes()[15])),
        other => return Err(unknown("kind of private row", other)),
    };
    Ok(PrivateRow {
        key,
        value: row.value,
        rev: Tick(row.rev),
    })
}

#[cfg(test)]
mod tests {
    use sea_orm::TryIntoModel;

    use super::*;

    #[test]
    fn private_rows_come_back_as_they_were_written() {
        let user = UserId::new();
        let rows = [
            (PrivateKey::Chat(ChatId::new()), r#"{"pinned":true}"#),
            (PrivateKey::Block(UserId::new()), "1"),
            (PrivateKey::Key(KeyId::new()), r#"{"name":"backend"}"#),
            (PrivateKey::Ended(Partition(203)), r#"{"ended":[]}"#),
            (PrivateKey::Webhook(WebhookId::new()), r#"{"url":""}"#),
        ];
        for (key, value) in rows {
            let private = PrivateRow {
                key,
                value: value.into(),
                rev: Tick(7),
            };
            let row = to_row(user, &private);
            let row = row.try_into_model().expect("every column is set");
            assert_eq!(row.user_id, user.0);
            assert_eq!(from_row(row).expect("a known kind"), private);
        }
    }

    #[test]
    fn an_unknown_kind_is_an_error_that_says_so() {
        let row = Model {
            user_id: UserId::new().0,
            kind: "note".into(),
            target: UserId::new().0,
            value: String::new(),
            rev: 1,
        };
        let error = from_row(row).expect_err("an unknown kind");
        assert!(
            error
                .to_string()
                .contains(r#"the kind of private row "note""#)
        );
    }
}
