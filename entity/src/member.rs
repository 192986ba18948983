//! Table `members`.
#![allow(missing_docs)] // sea-orm derives public items without docs

use sea_orm::entity::prelude::*;

/// A member's row; who left keeps it, with `left_at`.
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
    /// Ids of unread messages that name them, with commas.
    pub mentions: String,
    pub rev: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
