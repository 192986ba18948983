//! Table `chats`.
#![allow(missing_docs)] // sea-orm derives public items without docs

use sea_orm::entity::prelude::*;

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
    /// Of a direct chat: who blocks the other.
    pub blocks: String,
    /// When it was deleted, or 0.
    pub deleted: i64,
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
