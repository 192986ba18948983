//! Table `spans`: long parts of large chats, each with its blocks of postings, clustered by
//! `(chat_id, first_id)`.
//!
//! The spans of a chat follow each other from 0 on, without a gap; after the last one come the
//! blocks that are in none. So whoever looks for a word reads few blocks of what is in spans.
#![allow(missing_docs)] // sea-orm derives public items without docs

use model::{ChatId, Span, Tick};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*};

use crate::postings::unreadable;

/// A span's row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "spans")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub chat_id: Uuid,
    /// The first id of its first block.
    #[sea_orm(primary_key, auto_increment = false)]
    pub first_id: i64,
    /// The first id of the block after it.
    pub end_id: i64,
    /// The blocks, and where its parts begin: see `model::Span`.
    pub blocks: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Makes the row of a span.
pub fn to_row(chat: ChatId, first: Tick, end: Tick, span: &Span) -> ActiveModel {
    ActiveModel {
        chat_id: Set(chat.0),
        first_id: Set(first.0),
        end_id: Set(end.0),
        blocks: Set(span.write()),
    }
}

/// Reads a span.
///
/// # Errors
/// `DbErr::Type` when a later version of Carrier wrote what this one does not know.
pub fn from_row(row: &Model) -> Result<Span, DbErr> {
    Span::read(&row.blocks).map_err(unreadable)
}

/// Returns the newest spans of a chat that begin below a tick, newest first.
///
/// # Errors
/// Fails when SQL cannot be reached or refuses the query.
pub async fn below(
    sql: &impl ConnectionTrait,
    chat: ChatId,
    below: Tick,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::ChatId.eq(chat.0))
        .filter(Column::FirstId.lt(below.0))
        .order_by_desc(Column::FirstId)
        .limit(limit)
        .all(sql)
        .await
}
