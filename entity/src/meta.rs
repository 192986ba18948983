//! Table `meta`.
#![allow(missing_docs)] // sea-orm derives public items without docs

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

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

/// The name of the fact that the index of search is being made anew; its value is a [`Reindex`].
pub const REINDEX: &str = "reindex";

/// The name of the fact that spans are made of blocks that were there before them; its value is the
/// id of the last chat that was looked at.
pub const SPANS: &str = "spans";

/// The place up to which the index of search was made anew: users first, then messages, both in
/// the order of their primary keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reindex {
    /// The last user that was looked at.
    pub user: Uuid,
    /// True when all users were looked at.
    pub users_done: bool,
    /// The chat of the last message that was looked at.
    pub chat: Uuid,
    /// The last message that was looked at.
    pub message: i64,
    /// The number of rows that were looked at.
    pub rows: u64,
}

impl Reindex {
    /// Reads the value of the fact; anything else than a place is the beginning.
    pub fn read(value: &str) -> Self {
        serde_json::from_str(value).unwrap_or_default()
    }

    /// Returns the value of the fact: fewer than 255 characters.
    ///
    /// # Errors
    /// Never in practice: ids and numbers can be written as JSON.
    pub fn write(&self) -> Result<String, DbErr> {
        serde_json::to_string(self).map_err(|error| DbErr::Type(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_as_it_was_written_and_fits() {
        let place = Reindex {
            user: Uuid::max(),
            users_done: true,
            chat: Uuid::max(),
            message: i64::MAX,
            rows: u64::MAX,
        };
        let value = place.write().expect("numbers");
        assert!(value.len() < 255, "{value}");
        assert_eq!(Reindex::read(&value), place);
        assert_eq!(Reindex::read(""), Reindex::default());
    }
}
