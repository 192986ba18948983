//! Table `meta`.
#![allow(missing_docs)] // sea-orm derives public items without docs

use sea_orm::entity::prelude::*;

/// A fact about the whole database; `incarnation` is a UUID that Redis mirrors.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "meta")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub value: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
