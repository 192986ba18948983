//! Table `users`.
#![allow(missing_docs)] // sea-orm derives public items without docs

use sea_orm::entity::prelude::*;

/// A user's row. `username_folded` and `email_folded` are indexed and not unique: an upsert into a table with a second unique key may hit
/// the wrong row. That names are unique is the business of the claims in Redis.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub username: String,
    pub username_folded: String,
    pub email: String,
    pub email_folded: String,
    pub display_name: String,
    pub display_folded: String,
    pub bio: String,
    /// SHA-256 of their picture in hex.
    pub avatar: String,
    pub password: String,
    pub password_rev: i64,
    pub created: i64,
    /// When they were erased, or 0.
    pub erased: i64,
    pub rev: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
