//! Table `mine`.
#![allow(missing_docs)] // sea-orm derives public items without docs

use sea_orm::entity::prelude::*;

/// A row that is a user's alone; one that says nothing any more keeps its rev.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mine")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// `chat` or `block`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    /// Which chat, or whom.
    #[sea_orm(primary_key, auto_increment = false)]
    pub target: Uuid,
    pub value: String,
    pub rev: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
