//! Every write of SQL: many rows and many chats in one transaction.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Instant,
};

use entity::chat;
use model::{Blocks, Chat, ChatId, Invites, MentionsOfAll, Pins, Tick, User, UserId, WebhookId};
use sea_orm::{
    ColumnTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    IsolationLevel, QueryFilter, QuerySelect, TransactionTrait,
    prelude::Uuid,
    sea_query::{LockBehavior, LockType},
};
use tokio::time::timeout;

use self::{search::Search, upsert::upsert_all};
use crate::{
    Error,
    row::{Owner, SqlRow},
    sql::Sql,
    webhooks::Webhooks,
    writer::{Stamp, Writer},
};

// Cursors of webhooks.
mod due;
// The index of search.
mod index;
// What an error of SQL is about.
mod refusal;
// The search for rows that are not written.
mod search;
// The index of search, of long parts of large chats.
mod span;
// The sweep of deleted chats.
mod sweep;
// Monotone upserts.
mod upsert;

pub(crate) use refusal::is_about_a_lock;
pub(crate) use search::{Outcome, Rejected};
pub(crate) use sweep::sweep_piece;
pub(crate) use upsert::{index_anew, seal_chat};

/// The row of each chat for as long as SQL has none: what a commit of its messages locks.
pub(crate) type Places = HashMap<ChatId, Chat>;

/// Returns the place of a chat: its row without anything that may change, at the lowest rev. So SQL
/// learns nothing that Redis could forget, has no content to refuse, and takes every later row.
pub(crate) fn place(chat: &Chat) -> Chat {
    Chat {
        name: String::new(),
        description: String::new(),
        avatar: String::new(),
        blocks: Blocks::default(),
        deleted: Tick::NEVER,
        mentions_all: MentionsOfAll::default(),
        pins: Pins::default(),
        invites: Invites::default(),
        rev: Tick::NEVER,
        ..chat.clone()
    }
}

/// Writes rows in one transaction, none to a lower rev than SQL has. When SQL refuses a row for its
/// content (not for an outage), halves are tried until that row is found, and the rest is written.
/// When rows are locked, SQL is asked whose they are, and the others are written; where it cannot
/// tell, halves are tried as well. Each transaction is stamped, and without rows there is one too:
/// what is clean leaves Redis only while SQL has all that it had. Cursors of `webhooks` are due in
/// the same transaction as what they are told of.
///
/// # Errors
/// An outage, or an unknown outcome: some rows may be written, or all, or none. A retry does no
/// harm. [`DbErr::RecordNotUpdated`] as [`Stamp::write`] says.
pub(crate) async fn commit(
    sql: &Sql,
    writer: &Writer,
    stamp: &Stamp,
    mut rows: Vec<SqlRow>,
    places: &Places,
    webhooks: &Webhooks,
) -> Result<Outcome, Error> {
    if rows.is_empty() {
        let (number, _) = write(sql, stamp, &[], places, webhooks).await?;
        writer.committed(stamp, number);
        return Ok(Outcome::default());
    }
    rows.sort_by_cached_key(SqlRow::key);
    rows.dedup_by_key(|row| row.key());
    let (mut search, end) = (Search::of(rows), Instant::now() + 2 * sql.limit());
    while let Some(rows) = search.next() {
        if Instant::now() > end {
            search.outcome.late.extend(rows.iter().map(SqlRow::owner));
            continue;
        }
        match write(sql, stamp, &rows, places, webhooks).await {
            Ok((number, given)) => {
                writer.committed(stamp, number);
                search.outcome.given.extend(given);
            }
            Err(error) => {
                let locked = match &error {
                    Error::Sql(error) if is_about_a_lock(error) => locked_chats(sql, &rows).await?,
                    _ => HashSet::new(),
                };
                let rows = search.leave_out(rows, &locked);
                search.refused(rows, error, !locked.is_empty())?;
            }
        }
    }
    Ok(search.outcome)
}

/// Checks that Carrier may insert and update: a row is written and taken back.
///
/// # Errors
/// Fails when rights are missing or SQL cannot be reached.
pub async fn check_rights(sql: &DatabaseConnection) -> Result<(), DbErr> {
    let row = User {
        id: UserId(Uuid::nil()),
        username: String::new(),
        email: String::new(),
        external_id: String::new(),
        display_name: String::new(),
        bio: String::new(),
        avatar: String::new(),
        password: String::new(),
        password_rev: Tick::NEVER,
        created: Tick::NEVER,
        erased: Tick::NEVER,
        disabled: Tick::NEVER,
        found_by_email: false,
        metadata: None,
        rev: Tick::NEVER,
    };
    let transaction = sql.begin().await?;
    let rows = [SqlRow::User(Box::new(row))];
    let outcome = upsert_all(&transaction, &rows, &Places::new(), &Webhooks::default()).await;
    transaction.rollback().await?;
    outcome.map(drop)
}

/// Writes rows in a transaction; returns its number, and the webhooks that are to be told of them.
async fn write(
    sql: &Sql,
    stamp: &Stamp,
    rows: &[SqlRow],
    places: &Places,
    webhooks: &Webhooks,
) -> Result<(i64, HashSet<WebhookId>), Error> {
    in_transaction(sql, async |transaction| {
        let given = upsert_all(transaction, rows, places, webhooks).await?;
        Ok((stamp.write(transaction).await?, given))
    })
    .await
}

/// Does all of `work` or none of it, in the time that a transaction has.
///
/// # Errors
/// As [`commit`]: an error may also mean that all was done.
pub(crate) async fn in_transaction<T>(
    sql: &Sql,
    work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<T, DbErr>,
) -> Result<T, Error> {
    let transaction = async { Ok(transact(&sql.pool().await?, work).await) };
    let end = within(sql, transaction).await;
    match end? {
        TransactionEnd::Committed(result) => Ok(result),
        TransactionEnd::RolledBack(error) => Err(error.into()),
        TransactionEnd::Unknown(error) => {
            sql.discard().await;
            Err(error.into())
        }
    }
}

/// Waits for SQL for as long as a transaction may take. After that nobody knows what the connection
/// is in the middle of, so it is thrown away.
pub(crate) async fn within<T>(
    sql: &Sql,
    answer: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, Error> {
    match timeout(sql.limit(), answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => {
            sql.discard().await;
            Err(Error::SqlTooSlow(sql.limit()))
        }
    }
}

/// The end of a transaction.
enum TransactionEnd<T> {
    /// With the result of what was done.
    Committed(T),
    RolledBack(DbErr),
    /// The rows may be written, or not, or the connection may still be in the middle of them.
    Unknown(DbErr),
}

async fn transact<T>(
    sql: &DatabaseConnection,
    work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<T, DbErr>,
) -> TransactionEnd<T> {
    // READ COMMITTED: upserts of two flushers into neighbouring places do not lock the gaps
    // between.
    let isolation =
        (sql.get_database_backend() == DbBackend::MySql).then_some(IsolationLevel::ReadCommitted);
    let transaction = match sql.begin_with_config(isolation, None).await {
        Ok(transaction) => transaction,
        Err(error) => return TransactionEnd::Unknown(error),
    };
    match work(&transaction).await {
        Ok(result) => transaction
            .commit()
            .await
            .map_or_else(TransactionEnd::Unknown, |()| {
                TransactionEnd::Committed(result)
            }),
        // The rollback is explicit. SQLite may have rolled back by itself (a full disk); then this
        // is an error, and sqlx no longer knows in how many transactions it is.
        Err(error) => match transaction.rollback().await {
            Ok(()) => TransactionEnd::RolledBack(error),
            Err(_) => TransactionEnd::Unknown(error),
        },
    }
}

/// Returns the chats of these rows that another transaction has locked, as far as the server can
/// tell: MySQL from 8.0 on, MariaDB from 10.6 on. (Nobody sees a row that is not committed yet.)
async fn locked_chats(sql: &Sql, rows: &[SqlRow]) -> Result<HashSet<Owner>, Error> {
    let chats: BTreeSet<ChatId> = rows.iter().filter_map(|row| row.owner().chat()).collect();
    let among = || {
        chat::Entity::find()
            .select_only()
            .column(chat::Column::Id)
            .filter(chat::Column::Id.is_in(chats.iter().map(|chat| chat.0)))
    };
    let asked = async {
        let sql = sql.pool().await?;
        let all: Vec<Uuid> = among().into_tuple().all(&sql).await?;
        let free = among().lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        let free: Vec<Uuid> = free.into_tuple().all(&sql).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "SQL cannot tell which rows are locked");
            all.clone()
        });
        let is_locked = |chat: &Uuid| !free.contains(chat);
        let locked = all.into_iter().filter(is_locked);
        Ok(locked.map(|chat| Owner::Chat(ChatId(chat))).collect())
    };
    within(sql, asked).await
}
