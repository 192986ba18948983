//! Table `postings`: the index of search, clustered by `(chat_id, first_id)`.
//!
//! A block has the messages from its first id up to the block that follows it in its chat; the
//! oldest begins at 0. So each message has its place in one block, whenever it is saved.
#![allow(missing_docs)] // sea-orm derives public items without docs

use model::{ChatId, Postings, Terms, Tick, UnreadablePostings};
use sea_orm::{ActiveValue::Set, DbBackend, FromQueryResult, Statement, Value, entity::prelude::*};

/// A block's row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "postings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub chat_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub first_id: i64,
    /// The postings: see `model::Postings`.
    pub block: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Makes the row of a block.
pub fn to_row(chat: ChatId, first: Tick, block: Vec<u8>) -> ActiveModel {
    ActiveModel {
        chat_id: Set(chat.0),
        first_id: Set(first.0),
        block: Set(block),
    }
}

/// Reads a block.
///
/// # Errors
/// `DbErr::Type` when a later version of Carrier wrote what this one does not know.
pub fn from_row(row: &Model) -> Result<Postings, DbErr> {
    Postings::read(&row.block).map_err(unreadable)
}

/// Returns the messages of a block that may have all the terms, oldest first.
///
/// # Errors
/// `DbErr::Type` when a later version of Carrier wrote what this one does not know.
pub fn find(terms: &Terms, row: &Model) -> Result<Vec<Tick>, DbErr> {
    terms.find_in(&row.block).map_err(unreadable)
}

fn unreadable(error: UnreadablePostings) -> DbErr {
    DbErr::Type(error.to_string())
}

/// Returns the newest blocks of each of some chats that begin below a tick, so many of each at the
/// most, newest first: one look in the tree for each chat.
///
/// # Errors
/// Fails when SQL cannot be reached or refuses the query.
pub async fn newest_below(
    sql: &impl ConnectionTrait,
    chats: &[(ChatId, Tick, u64)],
) -> Result<Vec<Model>, DbErr> {
    if chats.is_empty() {
        return Ok(Vec::new());
    }
    let statement = newest_below_statement(sql.get_database_backend(), chats);
    let rows = sql.query_all_raw(statement).await?;
    rows.iter()
        .map(|row| Model::from_query_result(row, ""))
        .collect()
}

fn newest_below_statement(backend: DbBackend, chats: &[(ChatId, Tick, u64)]) -> Statement {
    const OF_ONE: &str = "SELECT chat_id, first_id, block FROM (SELECT chat_id, first_id, block \
                          FROM postings WHERE chat_id = ? AND first_id < ? \
                          ORDER BY first_id DESC LIMIT ?) AS newest";
    let sql = vec![OF_ONE; chats.len()].join(" UNION ALL ");
    let values = chats.iter().flat_map(|(chat, below, count)| {
        [
            Value::from(chat.0),
            Value::from(below.0),
            Value::from(*count),
        ]
    });
    Statement::from_sql_and_values(backend, sql, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chat_is_looked_for_by_its_key() {
        let of = |chat| (chat, Tick(9), 2);
        let chats = [of(ChatId::new()), of(ChatId::new())];
        let statement = newest_below_statement(DbBackend::Sqlite, &chats);
        assert_eq!(statement.sql.matches("chat_id = ?").count(), 2);
        assert_eq!(statement.sql.matches(" UNION ALL ").count(), 1);
        assert_eq!(statement.values.expect("six").0.len(), 6);
    }

    #[test]
    fn a_block_that_cannot_be_read_is_an_error_that_says_so() {
        let row = Model {
            chat_id: Uuid::nil(),
            first_id: 0,
            block: vec![255],
        };
        let terms = Terms::of("boat").expect("a word");
        let errors = [
            from_row(&row).map(drop).expect_err("unreadable"),
            find(&terms, &row).map(drop).expect_err("unreadable"),
        ];
        for error in errors {
            assert!(error.to_string().contains("postings"), "{error}");
        }
    }
}
