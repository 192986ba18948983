//! Table `messages`, clustered by `(chat_id, id)`.
#![allow(missing_docs)] // sea-orm derives public items without docs

use sea_orm::entity::prelude::*;

/// A message's row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "messages")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub chat_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub seq: i64,
    pub rev: i64,
    pub sender_id: Uuid,
    /// `text` or `system`.
    pub kind: String,
    pub subject: Option<String>,
    pub body: String,
    /// Bytes, since no collation may take two keys for one.
    pub client_id: Option<Vec<u8>>,
    /// Only its place is left.
    pub deleted: bool,
    /// JSON of what few messages have.
    pub extras: Option<String>,
    /// What it is searched by: see `model::indexed`.
    pub terms: String,
    /// JSON of all who reacted.
    pub reactors: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
