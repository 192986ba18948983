//! Monotone upserts: many rows in few statements, none to a lower rev than SQL has.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    iter,
    sync::{Arc, Mutex, PoisonError},
};

use entity::{attachment, chat, member, message, private_row, user};
use futures_util::{FutureExt, future::join};
use model::{Chat, ChatId, StoredMessage, WebhookId};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend,
    DbErr, EntityTrait, Iterable, QueryFilter, QuerySelect, Statement,
    prelude::Uuid,
    sea_query::{Expr, Iden, OnConflict, Query},
};

use super::{Places, due::Due, index::index, span::seal};
use crate::{row::SqlRow, webhooks::Webhooks};

/// The most bytes in one statement, about: well under the 16 MiB of MariaDB's default
/// `max_allowed_packet`.
const STATEMENT_BYTES: usize = 4 * 1024 * 1024;

/// The most rows in one statement, a power of two. The widest table has 15 columns, SQLite takes
/// 32,766 placeholders and MySQL 65,535. SQLite ends a segment of its full-text index with each
/// statement, so the fewer the better.
const STATEMENT_ROWS: usize = 2048;

/// Upserts rows in a transaction; messages of deleted chats are left out. Returns the webhooks that
/// are to be told of them.
pub(super) async fn upsert_all(
    transaction: &DatabaseTransaction,
    rows: &[SqlRow],
    places: &Places,
    webhooks: &Webhooks,
) -> Result<HashSet<WebhookId>, DbErr> {
    let chats = rows.iter().filter_map(|row| match row {
        SqlRow::Message(row) => Some(row.message.chat_id),
        _ => None,
    });
    let deleted = lock_and_find_deleted(transaction, chats.collect(), places).await?;
    let due = Due::find(transaction, rows, &deleted, webhooks).await?;
    for batch in batches(rows) {
        upsert_batch(transaction, batch, &deleted).await?;
    }
    due.write(transaction, webhooks).await
}

/// Makes the index of these messages anew, in a transaction; those of deleted chats are left out.
pub(crate) async fn index_anew(
    transaction: &DatabaseTransaction,
    messages: &[StoredMessage],
) -> Result<(), DbErr> {
    let chats = messages.iter().map(|stored| stored.message.chat_id);
    let deleted = lock_and_find_deleted(transaction, chats.collect(), &Places::new()).await?;
    let there = |stored: &&StoredMessage| !deleted.contains(&stored.message.chat_id);
    index(transaction, messages.iter().filter(there)).await
}

/// Makes the next span of a chat, in a transaction, unless the chat is deleted or has too few
/// blocks that are in none. Returns true when it made one.
pub(crate) async fn seal_chat(
    transaction: &DatabaseTransaction,
    chat: ChatId,
) -> Result<bool, DbErr> {
    let deleted = lock_and_find_deleted(transaction, [chat].into(), &Places::new()).await?;
    Ok(deleted.is_empty() && seal(transaction, chat).await?)
}

/// Splits rows where they exceed [`STATEMENT_BYTES`]: each batch is at most one row larger.
fn batches(mut rows: &[SqlRow]) -> Vec<&[SqlRow]> {
    let mut batches = Vec::new();
    while !rows.is_empty() {
        let mut bytes = 0;
        let full = rows.iter().position(|row| {
            bytes += row.bytes();
            bytes > STATEMENT_BYTES
        });
        let (batch, rest) = rows.split_at(full.map_or(rows.len(), |last| last + 1));
        batches.push(batch);
        rows = rest;
    }
    batches
}

/// Splits rows of a table into those of each statement, of which there are powers of two: so each
/// table has twelve statements, which a connection keeps prepared, and not one for each number.
pub(super) fn sizes(mut rows: usize) -> impl Iterator<Item = usize> {
    iter::from_fn(move || {
        let size = 1 << rows.min(STATEMENT_ROWS).checked_ilog2()?;
        rows -= size;
        Some(size)
    })
}

/// Upserts one batch, table by table. Messages of `deleted` chats are left out.
async fn upsert_batch(
    transaction: &DatabaseTransaction,
    rows: &[SqlRow],
    deleted: &HashSet<ChatId>,
) -> Result<(), DbErr> {
    let (mut users, mut chats, mut members) = (Vec::new(), Vec::new(), Vec::new());
    let (mut messages, mut attachments, mut private) = (Vec::new(), Vec::new(), Vec::new());
    let mut indexed = Vec::new();
    for row in rows {
        match row {
            SqlRow::User(row) => users.push(Ok(user::to_row(row))),
            SqlRow::Chat(row) => chats.push(Ok(chat::to_row(row))),
            SqlRow::Member(chat, user, row) => members.push(Ok(member::to_row(*chat, *user, row))),
            SqlRow::Message(row) if deleted.contains(&row.message.chat_id) => {}
            SqlRow::Message(row) => {
                messages.push(row);
                indexed.push(row.as_ref());
                attachments.extend(attachment::to_rows(row).map(Ok));
            }
            SqlRow::Private(user, row) => private.push(Ok(private_row::to_row(*user, row))),
        }
    }
    upsert::<user::Entity, _>(transaction, users).await?;
    upsert::<chat::Entity, _>(transaction, chats).await?;
    upsert::<member::Entity, _>(transaction, members).await?;
    let to_row: fn(&Arc<StoredMessage>) -> Result<message::ActiveModel, DbErr> =
        |row| message::to_row(row);
    let messages = messages.into_iter().map(to_row);
    upsert::<message::Entity, _>(transaction, messages)
        .boxed()
        .await?;
    index(transaction, indexed.into_iter()).await?;
    insert_attachments(transaction, attachments).await?;
    upsert::<private_row::Entity, _>(transaction, private).await
}

/// Returns which of these chats were deleted meanwhile: a flush that slept must not
/// bring back what was swept. The chats' rows are locked until the end of the transaction, so that
/// a flusher that saves a deletion waits for this one, and sweeps after it.
async fn lock_and_find_deleted(
    transaction: &DatabaseTransaction,
    chats: BTreeSet<ChatId>,
    places: &Places,
) -> Result<HashSet<ChatId>, DbErr> {
    if chats.is_empty() {
        return Ok(HashSet::new());
    }
    let (placed, others): (Vec<&ChatId>, Vec<&ChatId>) =
        chats.iter().partition(|chat| places.contains_key(chat));
    lock_places(transaction, placed.iter().map(|chat| &places[chat])).await?;
    if !others.is_empty() {
        lock_rows(transaction, &others).await?;
    }
    let deleted = chat::Entity::find()
        .select_only()
        .column(chat::Column::Id)
        .filter(chat::Column::Id.is_in(chats.iter().map(|chat| chat.0)))
        .filter(chat::Column::Deleted.gt(0));
    let deleted: Vec<Uuid> = deleted.into_tuple().all(transaction).await?;
    Ok(deleted.into_iter().map(ChatId).collect())
}

/// Locks the rows of chats, and inserts those that are missing: a row that is not there yet cannot
/// be locked, and its chat could be deleted between the lock and the first message.
async fn lock_places(
    transaction: &DatabaseTransaction,
    places: impl Iterator<Item = &Chat>,
) -> Result<(), DbErr> {
    let rows: Vec<_> = places.map(chat::to_row).collect();
    let mut rows = rows.into_iter();
    for size in sizes(rows.len()) {
        let only_lock = OnConflict::column(chat::Column::Id)
            .value(
                chat::Column::Rev,
                Expr::col(chat::Column::Rev.as_column_ref()),
            )
            .to_owned();
        chat::Entity::insert_many(rows.by_ref().take(size))
            .on_conflict(only_lock)
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

/// Locks the rows of chats that could not be read in Redis, as far as SQL has them. (An update,
/// since SQLite knows no other lock.)
async fn lock_rows(transaction: &DatabaseTransaction, chats: &[&ChatId]) -> Result<(), DbErr> {
    chat::Entity::update_many()
        .col_expr(chat::Column::Rev, Expr::col(chat::Column::Rev))
        .filter(chat::Column::Id.is_in(chats.iter().map(|chat| chat.0)))
        .exec(transaction)
        .await
        .map(drop)
}

async fn upsert<E, A>(
    transaction: &DatabaseTransaction,
    rows: impl IntoIterator<Item = Result<A, DbErr>, IntoIter: ExactSizeIterator>,
) -> Result<(), DbErr>
where
    E: EntityTrait,
    A: ActiveModelTrait<Entity = E>,
{
    insert(transaction, rows, monotone::<E>).await
}

/// Inserts rows of files, which never change. A message's own row says whether it still has them.
async fn insert_attachments(
    transaction: &DatabaseTransaction,
    rows: Vec<Result<attachment::ActiveModel, DbErr>>,
) -> Result<(), DbErr> {
    use attachment::Column::{ChatId, Hash, MessageId};
    let there_already = |_| {
        OnConflict::columns([ChatId, Hash, MessageId])
            .do_nothing_on([ChatId, Hash, MessageId])
            .to_owned()
    };
    insert(transaction, rows, there_already).await
}

/// Inserts rows that have all of their columns; while SQL takes those of one statement, those of
/// the next are made. `on_conflict` makes the clause for a row that SQL has already.
pub(super) async fn insert<E, A>(
    transaction: &DatabaseTransaction,
    rows: impl IntoIterator<Item = Result<A, DbErr>, IntoIter: ExactSizeIterator>,
    on_conflict: impl Fn(DbBackend) -> OnConflict,
) -> Result<(), DbErr>
where
    E: EntityTrait,
    A: ActiveModelTrait<Entity = E>,
{
    let backend = transaction.get_database_backend();
    let mut rows = rows.into_iter();
    let mut sizes = sizes(rows.len());
    let mut make_next = || -> Result<Option<Statement>, DbErr> {
        let Some(size) = sizes.next() else {
            return Ok(None);
        };
        let mut values = Vec::with_capacity(size * E::Column::iter().count());
        for row in rows.by_ref().take(size) {
            let mut row = row?;
            values.extend(E::Column::iter().map(|column| match row.take(column) {
                ActiveValue::Set(value) | ActiveValue::Unchanged(value) => value,
                ActiveValue::NotSet => unreachable!("a row has all of its columns"),
            }));
        }
        let text = text_of::<E>(backend, size, &on_conflict);
        let statement = Statement::from_sql_and_values(backend, &*text, values);
        Ok(Some(statement))
    };
    let mut next = make_next()?;
    while let Some(statement) = next {
        let (done, made) = join(transaction.execute_raw(statement), async { make_next() }).await;
        done?;
        next = made?;
    }
    Ok(())
}

/// The texts of statements, by table and number of rows: a new text costs more than the rows do.
type Texts = BTreeMap<(&'static str, usize), Arc<str>>;

/// Returns the text of a statement that inserts so many rows.
fn text_of<E: EntityTrait>(
    backend: DbBackend,
    rows: usize,
    on_conflict: impl Fn(DbBackend) -> OnConflict,
) -> Arc<str> {
    static TEXTS: Mutex<[Texts; 2]> = Mutex::new([Texts::new(), Texts::new()]);
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    let of_backend = &mut texts[usize::from(backend == DbBackend::MySql)];
    let table = E::default().table_name();
    let text = of_backend.entry((table, rows)).or_insert_with(|| {
        let columns: Vec<E::Column> = E::Column::iter().collect();
        let null = || columns.iter().map(|_| Expr::value(None::<i64>));
        let mut insert = Query::insert();
        insert
            .into_table(E::default().table_ref())
            .columns(columns.iter().copied())
            .on_conflict(on_conflict(backend));
        for _ in 0..rows {
            insert.values_panic(null());
        }
        backend.build(&insert).sql.into()
    });
    Arc::clone(text)
}

/// Returns the clause for a row that SQL has already: only one with a higher rev replaces it.
fn monotone<E: EntityTrait>(backend: DbBackend) -> OnConflict {
    let key: Vec<String> = E::PrimaryKey::iter().map(|key| key.to_string()).collect();
    // `rev` last: MySQL assigns from left to right, and each assignment compares with the old one.
    let columns = E::Column::iter().filter(|column| !key.contains(&column.to_string()));
    let (revs, others): (Vec<_>, Vec<_>) = columns.partition(|column| column.to_string() == "rev");
    let rev = revs
        .first()
        .expect("every table that is written has a rev")
        .as_column_ref();
    let mut on_conflict = OnConflict::columns(E::PrimaryKey::iter());
    if backend == DbBackend::MySql {
        let newer = |column: &E::Column| {
            let name = column.to_string();
            (
                *column,
                Expr::cust(format!(
                    "IF(VALUES(`rev`) > `rev`, VALUES(`{name}`), `{name}`)"
                )),
            )
        };
        on_conflict.values(others.iter().chain(&revs).map(newer));
    } else {
        on_conflict.update_columns(others.into_iter().chain(revs));
        on_conflict.action_and_where(Expr::cust(format!("excluded.rev > {}.rev", rev.0)));
    }
    on_conflict
}

#[cfg(test)]
mod tests {
    use sea_orm::QueryTrait;

    use super::*;
    use crate::{
        commit::search::tests::{id, messages},
        row::tests::message,
    };

    #[test]
    fn a_batch_is_at_most_one_row_larger_than_a_statement() {
        assert!(batches(&[]).is_empty());
        let small = messages(0..10);
        assert_eq!(batches(&small).len(), 1);
        let (chat, body) = (ChatId::new(), "a".repeat(10_000));
        let large: Vec<_> = (0..500).map(|id| message(chat, id, &body)).collect();
        let parts = batches(&large);
        let bytes = |rows: &[SqlRow]| rows.iter().map(SqlRow::bytes).sum::<usize>();
        assert_eq!(parts.len(), bytes(&large).div_ceil(STATEMENT_BYTES));
        for batch in &parts {
            assert!(bytes(batch) <= STATEMENT_BYTES + large[0].bytes());
        }
        let joined: Vec<_> = parts.concat().iter().map(id).collect();
        assert_eq!(joined, (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn the_statements_of_a_table_have_twelve_sizes_at_the_most() {
        let mut all = BTreeSet::new();
        for count in 0..5000 {
            assert_eq!(sizes(count).sum::<usize>(), count);
            all.extend(sizes(count));
        }
        assert_eq!(
            all.into_iter().collect::<Vec<_>>(),
            (0..12).map(|power| 1 << power).collect::<Vec<_>>()
        );
    }

    #[test]
    fn an_upsert_compares_revs_and_assigns_rev_last() {
        let SqlRow::Message(row) = message(ChatId::new(), 1, "a") else {
            panic!("a message");
        };
        let statement = |backend| {
            message::Entity::insert(message::to_row(&row).expect("words"))
                .on_conflict(monotone::<message::Entity>(backend))
                .build(backend)
                .to_string()
        };
        let sqlite = statement(DbBackend::Sqlite);
        let (_, update) = sqlite.split_once("DO UPDATE SET ").expect("an upsert");
        assert!(
            update.starts_with(r#""seq" = "excluded"."seq""#),
            "{update}"
        );
        let last = r#""rev" = "excluded"."rev" WHERE excluded.rev > messages.rev"#;
        assert!(update.ends_with(last), "{update}");
        let mysql = statement(DbBackend::MySql);
        let (_, update) = mysql
            .split_once("ON DUPLICATE KEY UPDATE ")
            .expect("an upsert");
        assert!(update.starts_with("`seq` = IF(VALUES(`rev`) > `rev`, VALUES(`seq`), `seq`)"));
        let last = "`rev` = IF(VALUES(`rev`) > `rev`, VALUES(`rev`), `rev`)";
        assert!(update.ends_with(last), "{update}");
    }
}
