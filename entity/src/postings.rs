//! Table `postings`: the index of search, clustered by `(chat_id, first_id)`.
//!
//! A block has the messages from its first id up to the block that follows it in its chat; the
//! oldest begins at 0. So each message has its place in one block, whenever it is saved.
#![allow(missing_docs)] // sea-orm derives public items without docs

use model::{ChatId, Postings, Terms, Tick, UnreadablePostings};
use sea_orm::{
    ActiveValue::Set, Condition, DbBackend, ExprTrait, QueryOrder, QuerySelect, Statement, Value,
    entity::prelude::*,
};

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

pub(crate) fn unreadable(error: UnreadablePostings) -> DbErr {
    DbErr::Type(error.to_string())
}

/// Returns the newest blocks of a chat that begin below a tick, newest first.
///
/// # Errors
/// Fails when SQL cannot be reached or refuses the query.
pub async fn below(
    sql: &impl ConnectionTrait,
    chat: ChatId,
    below: Tick,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    between(sql, chat, Tick::NEVER, below, limit).await
}

/// Returns the newest blocks of a chat that begin below a tick and not before another, newest
/// first.
///
/// # Errors
/// Fails when SQL cannot be reached or refuses the query.
pub async fn between(
    sql: &impl ConnectionTrait,
    chat: ChatId,
    begin: Tick,
    below: Tick,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::ChatId.eq(chat.0))
        .filter(Column::FirstId.gte(begin.0))
        .filter(Column::FirstId.lt(below.0))
        .order_by_desc(Column::FirstId)
        .limit(limit)
        .all(sql)
        .await
}

/// Returns the blocks of a chat that begin at these ticks, in any order.
///
/// # Errors
/// Fails when SQL cannot be reached or refuses the query.
pub async fn at(
    sql: &impl ConnectionTrait,
    chat: ChatId,
    firsts: &[Tick],
) -> Result<Vec<Model>, DbErr> {
    if firsts.is_empty() {
        return Ok(Vec::new());
    }
    Entity::find()
        .filter(Column::ChatId.eq(chat.0))
        .filter(Column::FirstId.is_in(firsts.iter().map(|first| first.0)))
        .all(sql)
        .await
}

/// Returns of each of some chats the newest block that begins below a tick, in any order.
///
/// # Errors
/// Fails when SQL cannot be reached or refuses the query.
pub async fn newest_below(
    sql: &impl ConnectionTrait,
    chats: &[(ChatId, Tick)],
) -> Result<Vec<Model>, DbErr> {
    if let [(chat, tick)] = chats {
        return below(sql, *chat, *tick, 1).await;
    }
    if chats.is_empty() {
        return Ok(Vec::new());
    }
    // First their keys, by a look in the tree for each: what has bytes of any length in it is
    // written to a disk by MariaDB where such queries are put together.
    let keys = sql.query_all_raw(newest_keys(sql.get_database_backend(), chats));
    let mut newest = Condition::any();
    let mut is_any = false;
    for row in keys.await? {
        let (at, first): (i64, Option<i64>) = (row.try_get("", "at")?, row.try_get("", "newest")?);
        let chat = usize::try_from(at).ok().and_then(|at| chats.get(at));
        if let (Some((chat, _)), Some(first)) = (chat, first) {
            let of_chat = Column::ChatId.eq(chat.0).and(Column::FirstId.eq(first));
            newest = newest.add(of_chat);
            is_any = true;
        }
    }
    match is_any {
        true => Entity::find().filter(newest).all(sql).await,
        false => Ok(Vec::new()),
    }
}

fn newest_keys(backend: DbBackend, chats: &[(ChatId, Tick)]) -> Statement {
    let of_one = |at: usize| {
        format!(
            "SELECT {at} AS at, MAX(first_id) AS newest FROM postings \
             WHERE chat_id = ? AND first_id < ?"
        )
    };
    let all: Vec<_> = (0..chats.len()).map(of_one).collect();
    let values = chats
        .iter()
        .flat_map(|(chat, below)| [Value::from(chat.0), Value::from(below.0)]);
    Statement::from_sql_and_values(backend, all.join(" UNION ALL "), values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chat_is_looked_for_by_its_key() {
        let of = |chat| (chat, Tick(9));
        let chats = [of(ChatId::new()), of(ChatId::new())];
        let statement = newest_keys(DbBackend::Sqlite, &chats);
        assert_eq!(statement.sql.matches("chat_id = ?").count(), 2);
        assert_eq!(statement.sql.matches(" UNION ALL ").count(), 1);
        assert_eq!(statement.values.expect("two of each").0.len(), 4);
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
