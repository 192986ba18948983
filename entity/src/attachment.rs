//! Table `attachments`: an index from files to the messages that have them. A message's own row
//! has its files too, with their names and sizes; no model is made from this table.
#![allow(missing_docs)] // sea-orm derives public items without docs

use model::StoredMessage;
use sea_orm::{ActiveValue::Set, entity::prelude::*};

/// A file of a message.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "attachments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub chat_id: Uuid,
    /// SHA-256 in hex.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Makes the rows of a message's files.
pub fn to_rows(stored: &StoredMessage) -> impl Iterator<Item = ActiveModel> {
    let message = &stored.message;
    message
        .attachments
        .iter()
        .flatten()
        .map(|attachment| ActiveModel {
            chat_id: Set(message.chat_id.0),
            hash: Set(attachment.hash.clone()),
            message_id: Set(message.id.0),
        })
}
