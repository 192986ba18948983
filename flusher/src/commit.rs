//! Every SQL write there is: monotone upserts, many rows and many chats in one transaction, the search for a row that SQL refuses, and the sweep of what
//! was deleted.

use std::collections::{BTreeSet, HashSet};

use entity::{attachment, chat, member, message, mine, user};
use hot::Row;
use model::{About, Chat, ChatId, Extras, Member, Mine, Stored, User, UserId, fold, indexed};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait, IsolationLevel, Iterable,
    QueryFilter, QueryOrder, QuerySelect, RuntimeErr, TransactionTrait,
    sea_query::{Expr, Iden, OnConflict},
    sqlx,
};

use crate::sql::Sql;

/// How many rows go into one statement. The widest table has 13 columns, SQLite takes 32,766 placeholders and MySQL 65,535.
const STATEMENT_ROWS: usize = 1000;
/// About how many bytes: well under the 16 MiB of MariaDB's default `max_allowed_packet`.
const STATEMENT_BYTES: usize = 4 * 1024 * 1024;

/// A row on its way to SQL.
#[derive(Clone, Debug)]
pub(crate) enum SqlRow {
    /// Of `users`.
    User(Box<User>),
    /// Of `chats`.
    Chat(Chat),
    /// Of `members`.
    Member(ChatId, UserId, Member),
    /// Of `messages`.
    Message(Box<Stored>),
    /// Of `mine`.
    Mine(UserId, Mine),
}

impl SqlRow {
    /// The row of a dirty entry, if it has one.
    pub(crate) fn of(chat: ChatId, row: &Row) -> Option<Self> {
        Some(match row {
            Row::Chat(row) => Self::Chat(row.clone()),
            // A member's list learns of the chat only with the membership in SQL, so both entries bring the row.
            Row::Member(row) | Row::Listed(row) => Self::Member(chat, row.user, row.member.clone()),
            Row::Message(row) => Self::Message(row.clone()),
            Row::Ghost | Row::Unreadable(_) => return None,
        })
    }

    /// Its table and primary key: the order in which rows are written, so that two flushers never lock each other's.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::User(row) => format!("1 {}", row.id),
            Self::Chat(row) => format!("2 {}", row.id),
            Self::Member(chat, user, _) => format!("3 {chat} {user}"),
            Self::Message(row) => format!("4 {} {:020}", row.message.chat_id, row.message.id.0),
            Self::Mine(user, row) => format!("5 {user} {}", row.about),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Message(row) => {
                let reactors = row.reactors.iter().map(|one| 50 + one.users.len() * 40).sum::<usize>();
                3 * row.message.body.len() + row.message.subject.as_ref().map_or(0, String::len) + reactors + 100
            }
            Self::Mine(_, row) => row.value.len() + 100,
            _ => 500,
        }
    }
}

/// A row that SQL refuses whatever it is written with.
#[derive(Clone, Debug)]
pub(crate) struct Rejected {
    /// The row.
    pub(crate) row: SqlRow,
    /// What SQL said.
    pub(crate) error: String,
}

/// Writes rows in one transaction, none to a lower rev than it has. When SQL refuses one for what it is (not for an outage), halves are tried
/// until it is found; the rest is written. The refused rows are returned.
///
/// # Errors
/// An outage, or an outcome that is not known: some or all may be written or not. To write them again does no harm.
pub(crate) async fn commit(sql: &Sql, mut rows: Vec<SqlRow>) -> Result<Vec<Rejected>, DbErr> {
    rows.sort_by_cached_key(SqlRow::key);
    rows.dedup_by_key(|row| row.key());
    let mut rejected = Vec::new();
    let mut parts = vec![rows];
    while let Some(mut rows) = parts.pop() {
        if rows.is_empty() {
            continue;
        }
        match write(sql, &rows).await {
            Ok(()) => {}
            Err(error) if !is_about_a_row(&error) => return Err(error),
            Err(error) if rows.len() == 1 => rejected.push(Rejected { row: rows.remove(0), error: error.to_string() }),
            Err(_) => {
                let half = rows.split_off(rows.len() / 2);
                parts.extend([half, rows]);
            }
        }
    }
    Ok(rejected)
}

/// May we insert and update? A row is written and taken back.
///
/// # Errors
/// What SQL said.
pub async fn check_rights(sql: &DatabaseConnection) -> Result<(), DbErr> {
    let nobody = UserId(uuid::Uuid::nil());
    let row = User {
        id: nobody,
        username: String::new(),
        email: String::new(),
        display_name: String::new(),
        bio: String::new(),
        avatar: String::new(),
        password: String::new(),
        password_rev: model::Tick::NEVER,
        created: model::Tick::NEVER,
        erased: model::Tick::NEVER,
        rev: model::Tick::NEVER,
    };
    let transaction = sql.begin().await?;
    let outcome = upsert_all(&transaction, &[SqlRow::User(Box::new(row))]).await;
    transaction.rollback().await?;
    outcome
}

async fn write(sql: &Sql, rows: &[SqlRow]) -> Result<(), DbErr> {
    let outcome = write_over(&sql.pool().await?, rows).await;
    match outcome {
        Outcome::Committed => Ok(()),
        Outcome::RolledBack(error) => Err(error),
        Outcome::Unknown(error) => {
            sql.discard().await;
            Err(error)
        }
    }
}

/// How a transaction ended.
enum Outcome {
    Committed,
    RolledBack(DbErr),
    /// It may be written, or not, or its connection may still be in the middle of it.
    Unknown(DbErr),
}

async fn write_over(sql: &DatabaseConnection, rows: &[SqlRow]) -> Outcome {
    // READ COMMITTED: upserts of two flushers into neighbouring places do not lock the gaps between.
    let isolation = (sql.get_database_backend() == DbBackend::MySql).then_some(IsolationLevel::ReadCommitted);
    let transaction = match sql.begin_with_config(isolation, None).await {
        Ok(transaction) => transaction,
        Err(error) => return Outcome::Unknown(error),
    };
    match upsert_all(&transaction, rows).await {
        Ok(()) => transaction.commit().await.map_or_else(Outcome::Unknown, |()| Outcome::Committed),
        // Explicitly. SQLite may have rolled back by itself (a full disk); then this is an error, and sqlx no longer knows in how many transactions it is.
        Err(error) => match transaction.rollback().await {
            Ok(()) => Outcome::RolledBack(error),
            Err(_) => Outcome::Unknown(error),
        },
    }
}

async fn upsert_all(transaction: &DatabaseTransaction, rows: &[SqlRow]) -> Result<(), DbErr> {
    let (mut users, mut chats, mut members, mut messages, mut mine) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut attachments = Vec::new();
    let deleted = lock_and_see_deleted(transaction, rows).await?;
    let mut bytes = 0;
    for row in rows {
        bytes += row.bytes();
        match row {
            SqlRow::User(row) => users.push(user_row(row)),
            SqlRow::Chat(row) => chats.push(chat_row(row)),
            SqlRow::Member(chat, user, row) => members.push(member_row(*chat, *user, row)),
            SqlRow::Message(row) if deleted.contains(&row.message.chat_id) => {}
            SqlRow::Message(row) => {
                messages.push(message_row(row)?);
                attachments.extend(attachment_rows(row));
            }
            SqlRow::Mine(user, row) => mine.push(mine_row(*user, row)),
        }
        if bytes > STATEMENT_BYTES {
            bytes = 0;
            upsert::<message::Entity, _>(transaction, std::mem::take(&mut messages)).await?;
            upsert::<mine::Entity, _>(transaction, std::mem::take(&mut mine)).await?;
        }
    }
    upsert::<user::Entity, _>(transaction, users).await?;
    upsert::<chat::Entity, _>(transaction, chats).await?;
    upsert::<member::Entity, _>(transaction, members).await?;
    upsert::<message::Entity, _>(transaction, messages).await?;
    insert_attachments(transaction, attachments).await?;
    upsert::<mine::Entity, _>(transaction, mine).await
}

/// Which chats of these messages were deleted meanwhile: a flush that slept must not bring back what was swept. Their rows are locked until the end of
/// the transaction, so that whoever saves a deletion waits for us, and sweeps after us. (An update, since SQLite knows no other lock.)
async fn lock_and_see_deleted(transaction: &DatabaseTransaction, rows: &[SqlRow]) -> Result<HashSet<ChatId>, DbErr> {
    let chats: BTreeSet<ChatId> =
        rows.iter().filter_map(|row| if let SqlRow::Message(row) = row { Some(row.message.chat_id) } else { None }).collect();
    if chats.is_empty() {
        return Ok(HashSet::new());
    }
    let among = || chat::Column::Id.is_in(chats.iter().map(|chat| chat.0));
    chat::Entity::update_many().col_expr(chat::Column::Rev, Expr::col(chat::Column::Rev)).filter(among()).exec(transaction).await?;
    let deleted = chat::Entity::find().select_only().column(chat::Column::Id).filter(among()).filter(chat::Column::Deleted.gt(0));
    let deleted: Vec<sea_orm::prelude::Uuid> = deleted.into_tuple().all(transaction).await?;
    Ok(deleted.into_iter().map(ChatId).collect())
}

/// Takes away the messages of a chat whose deletion is saved; again does no harm.
///
/// # Errors
/// An outage; some may be left.
pub(crate) async fn sweep_messages(sql: &DatabaseConnection, chat: ChatId) -> Result<(), DbErr> {
    loop {
        let of_chat = || message::Entity::find().select_only().column(message::Column::Id).filter(message::Column::ChatId.eq(chat.0));
        let oldest: Vec<i64> = of_chat().order_by_asc(message::Column::Id).limit(STATEMENT_ROWS as u64).into_tuple().all(sql).await?;
        let Some(last) = oldest.last() else {
            return attachment::Entity::delete_many().filter(attachment::Column::ChatId.eq(chat.0)).exec(sql).await.map(drop);
        };
        message::Entity::delete_many().filter(message::Column::ChatId.eq(chat.0)).filter(message::Column::Id.lte(*last)).exec(sql).await?;
    }
}

async fn upsert<E, A>(transaction: &DatabaseTransaction, rows: Vec<A>) -> Result<(), DbErr>
where
    E: EntityTrait,
    A: sea_orm::ActiveModelTrait<Entity = E> + Clone,
{
    for some in rows.chunks(STATEMENT_ROWS) {
        let statement = E::insert_many(some.iter().cloned()).on_conflict(monotone::<E>(transaction.get_database_backend()));
        statement.exec_without_returning(transaction).await?;
    }
    Ok(())
}

/// Rows that never change; the message's own row tells whether it is there still.
async fn insert_attachments(transaction: &DatabaseTransaction, rows: Vec<attachment::ActiveModel>) -> Result<(), DbErr> {
    use attachment::Column::{ChatId, Hash, MessageId};
    for some in rows.chunks(STATEMENT_ROWS) {
        let there_already = OnConflict::columns([ChatId, Hash, MessageId]).do_nothing_on([ChatId, Hash, MessageId]).to_owned();
        attachment::Entity::insert_many(some.iter().cloned()).on_conflict(there_already).exec_without_returning(transaction).await?;
    }
    Ok(())
}

/// What happens when the row is there: it is replaced by one with a higher rev, and by no other.
fn monotone<E: EntityTrait>(backend: DbBackend) -> OnConflict {
    let key: Vec<String> = E::PrimaryKey::iter().map(|key| key.to_string()).collect();
    // `rev` last: MySQL assigns from left to right, and each assignment compares with the old one.
    let columns = E::Column::iter().filter(|column| !key.contains(&column.to_string()));
    let (revs, others): (Vec<_>, Vec<_>) = columns.partition(|column| column.to_string() == "rev");
    let rev = revs.first().expect("every table that is written has a rev").as_column_ref();
    let mut on_conflict = OnConflict::columns(E::PrimaryKey::iter());
    if backend == DbBackend::MySql {
        let newer = |column: &E::Column| {
            let name = column.to_string();
            (*column, Expr::cust(format!("IF(VALUES(`rev`) > `rev`, VALUES(`{name}`), `{name}`)")))
        };
        on_conflict.values(others.iter().chain(&revs).map(newer));
    } else {
        on_conflict.update_columns(others.into_iter().chain(revs));
        on_conflict.action_and_where(Expr::cust(format!("excluded.rev > {}.rev", rev.0)));
    }
    on_conflict
}

/// True for an error that is about a row's content, and would be the same tomorrow.
fn is_about_a_row(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error else {
        return matches!(error, DbErr::Type(_) | DbErr::Json(_));
    };
    let sqlx::Error::Database(error) = &**error else { return false };
    let code = error.code().unwrap_or_default();
    if let Some(mysql) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        // Classes of SQLSTATE: data exception, integrity constraint, what a trigger signals. 1366: incorrect string value; 1153: larger than a packet.
        return code.starts_with("22") || code.starts_with("23") || code.starts_with("45") || matches!(mysql.number(), 1366 | 1153);
    }
    // SQLite's primary codes: TOOBIG, CONSTRAINT, MISMATCH.
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 18..=20))
}

fn user_row(row: &User) -> user::ActiveModel {
    user::ActiveModel {
        id: Set(row.id.0),
        username: Set(row.username.clone()),
        username_folded: Set(fold(&row.username)),
        email: Set(row.email.clone()),
        email_folded: Set(fold(&row.email)),
        display_name: Set(row.display_name.clone()),
        display_folded: Set(fold(&row.display_name)),
        bio: Set(row.bio.clone()),
        avatar: Set(row.avatar.clone()),
        password: Set(row.password.clone()),
        password_rev: Set(row.password_rev.0),
        created: Set(row.created.0),
        erased: Set(row.erased.0),
        rev: Set(row.rev.0),
    }
}

fn chat_row(row: &Chat) -> chat::ActiveModel {
    chat::ActiveModel {
        id: Set(row.id.0),
        kind: Set(row.kind.as_str().to_owned()),
        name: Set(row.name.clone()),
        description: Set(row.description.clone()),
        avatar: Set(row.avatar.clone()),
        blocks: Set(row.blocks.clone()),
        deleted: Set(row.deleted.0),
        creator: Set(row.creator.0),
        created: Set(row.created.0),
        last: Set(row.last.0),
        seq: Set(row.seq),
        texts: Set(row.texts),
        rev: Set(row.rev.0),
    }
}

fn member_row(chat: ChatId, user: UserId, row: &Member) -> member::ActiveModel {
    member::ActiveModel {
        chat_id: Set(chat.0),
        user_id: Set(user.0),
        role: Set(row.role.as_str().to_owned()),
        joined: Set(row.joined.0),
        left_at: Set(row.left.0),
        read_id: Set(row.read.0),
        counted: Set(row.counted),
        delivered: Set(row.delivered.0),
        mentions: Set(row.mentions.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
        rev: Set(row.rev.0),
    }
}

fn message_row(stored: &Stored) -> Result<message::ActiveModel, DbErr> {
    let json = |outcome: serde_json::Result<String>| outcome.map_err(|error| DbErr::Type(error.to_string()));
    let row = &stored.message;
    let extras = Extras {
        system: row.system.clone(),
        reply_to: row.reply_to.clone(),
        mentions: row.mentions.clone(),
        attachments: row.attachments.clone(),
        edited_at: row.edited_at.clone(),
    };
    let extras = (extras != Extras::default()).then(|| json(serde_json::to_string(&extras))).transpose()?;
    let reactors = (!stored.reactors.is_empty()).then(|| json(serde_json::to_string(&stored.reactors))).transpose()?;
    Ok(message::ActiveModel {
        chat_id: Set(row.chat_id.0),
        id: Set(row.id.0),
        seq: Set(row.seq),
        rev: Set(row.rev.0),
        sender_id: Set(row.sender_id.0),
        kind: Set(row.kind.as_str().to_owned()),
        subject: Set(row.subject.clone()),
        body: Set(row.body.clone()),
        client_id: Set(row.client_id.as_ref().map(|key| key.as_bytes().to_vec())),
        deleted: Set(row.deleted == Some(true)),
        extras: Set(extras),
        terms: Set(indexed(row)),
        reactors: Set(reactors),
    })
}

fn attachment_rows(stored: &Stored) -> impl Iterator<Item = attachment::ActiveModel> {
    let message = &stored.message;
    message.attachments.iter().flatten().map(|attachment| attachment::ActiveModel {
        chat_id: Set(message.chat_id.0),
        hash: Set(attachment.hash.clone()),
        message_id: Set(message.id.0),
    })
}

fn mine_row(user: UserId, row: &Mine) -> mine::ActiveModel {
    let (kind, target) = match row.about {
        About::Chat(chat) => ("chat", chat.0),
        About::Block(user) => ("block", user.0),
    };
    mine::ActiveModel {
        user_id: Set(user.0),
        kind: Set(kind.to_owned()),
        target: Set(target),
        value: Set(row.value.clone()),
        rev: Set(row.rev.0),
    }
}
