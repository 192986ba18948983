//! The index of search made anew, after it or the rule has changed by which letters are folded:
//! piece by piece, between two passes, so that nothing waits for all of it.
//!
//! A user's row is written only at the rev that it was read at; one that changed meanwhile was
//! folded by whoever changed it. A message that the index knows is indexed as SQL has it. So a
//! piece that is repeated, or made by two flushers, does no harm.

use entity::{
    message,
    meta::{self, REINDEX, Reindex},
    user,
};
use model::{StoredMessage, fold_shown};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
    prelude::Uuid,
    sea_query::{Expr, OnConflict},
};

use crate::{
    Error,
    commit::{in_transaction, index_anew, within},
    sql::Sql,
};

/// The most rows of a piece: a transaction of a few milliseconds, or of 20 MB if each message is as
/// long as can be.
const ROWS: u64 = 200;
/// The number of rows after which the log tells how far it is.
const PROGRESS: u64 = 100_000;

/// The rows of a piece.
enum Piece {
    /// The messages that are folded by the rule of before, with how they should be.
    Users(Vec<(user::Model, String)>),
    Messages {
        all: Vec<StoredMessage>,
        /// The messages that have the terms of an earlier release.
        with_terms: Vec<(Uuid, i64)>,
    },
}

/// Makes the index anew from its beginning. (A flusher of an earlier release that was at work
/// meanwhile wrote rows by the rule of before.)
///
/// # Errors
/// Fails when SQL cannot be reached or refuses.
pub async fn begin_reindex(sql: &DatabaseConnection) -> Result<(), DbErr> {
    let row = meta::ActiveModel {
        name: Set(REINDEX.to_owned()),
        value: Set(String::new()),
    };
    let from_the_beginning = OnConflict::column(meta::Column::Name)
        .update_column(meta::Column::Value)
        .to_owned();
    meta::Entity::insert(row)
        .on_conflict(from_the_beginning)
        .exec_without_returning(sql)
        .await
        .map(drop)
}

/// Makes a piece of the index anew, if it is being made anew. Returns true when there is more.
///
/// # Errors
/// An outage, or a lock. A retry does no harm.
pub(crate) async fn reindex_piece(sql: &Sql) -> Result<bool, Error> {
    let read = async {
        let pool = sql.pool().await?;
        let Some(fact) = meta::Entity::find_by_id(REINDEX).one(&pool).await? else {
            return Ok(None);
        };
        let place = Reindex::read(&fact.value);
        let (piece, next) = match place.users_done {
            false => users(&pool, place).await?,
            true => messages(&pool, place).await?,
        };
        Ok(Some((fact.value, piece, next)))
    };
    let Some((value, piece, next)) = within(sql, read).await? else {
        return Ok(false);
    };
    in_transaction(sql, async |transaction| {
        piece.write(transaction).await?;
        step(transaction, &value, next.as_ref()).await
    })
    .await?;
    match &next {
        None => tracing::info!("the index of search is made anew"),
        Some(next) if next.rows % PROGRESS < ROWS => {
            tracing::info!(rows = next.rows, "the index of search is being made anew");
        }
        Some(_) => {}
    }
    Ok(next.is_some())
}

/// Returns the stale ones of the next users, and the place after them.
async fn users(
    sql: &DatabaseConnection,
    place: Reindex,
) -> Result<(Piece, Option<Reindex>), DbErr> {
    let rows = user::Entity::find()
        .filter(user::Column::Id.gt(place.user))
        .order_by_asc(user::Column::Id)
        .limit(ROWS)
        .all(sql)
        .await?;
    let next = Reindex {
        user: rows.last().map_or(place.user, |last| last.id),
        users_done: (rows.len() as u64) < ROWS,
        rows: place.rows + rows.len() as u64,
        ..place
    };
    let folded = rows.into_iter().map(|row| {
        let folded = fold_shown(&row.display_name);
        (row, folded)
    });
    let stale = folded.filter(|(row, folded)| row.display_folded != *folded);
    Ok((Piece::Users(stale.collect()), Some(next)))
}

/// Returns the next messages, and the place after them; `None` at the end.
async fn messages(
    sql: &DatabaseConnection,
    place: Reindex,
) -> Result<(Piece, Option<Reindex>), DbErr> {
    use message::Column::{ChatId, Id};
    // Two ranges of the primary key: not every SQL makes them of a comparison of pairs.
    let of_this_chat = message::Entity::find()
        .filter(ChatId.eq(place.chat))
        .filter(Id.gt(place.message));
    let mut rows = of_this_chat.order_by_asc(Id).limit(ROWS).all(sql).await?;
    if (rows.len() as u64) < ROWS {
        let of_others = message::Entity::find()
            .filter(ChatId.gt(place.chat))
            .order_by_asc(ChatId)
            .order_by_asc(Id)
            .limit(ROWS - rows.len() as u64);
        rows.extend(of_others.all(sql).await?);
    }
    let next = rows.last().map(|last| Reindex {
        chat: last.chat_id,
        message: last.id,
        rows: place.rows + rows.len() as u64,
        ..place
    });
    let (mut all, mut with_terms) = (Vec::new(), Vec::new());
    for row in rows {
        if !row.terms.is_empty() {
            with_terms.push((row.chat_id, row.id));
        }
        match message::from_row(row) {
            Ok(stored) => all.push(stored),
            // It cannot be shown either, so nobody needs to find it.
            Err(error) => tracing::debug!(%error, "a message cannot be read"),
        }
    }
    Ok((Piece::Messages { all, with_terms }, next))
}

impl Piece {
    async fn write(self, sql: &DatabaseTransaction) -> Result<(), DbErr> {
        match self {
            Self::Users(rows) => {
                use user::Column::{DisplayFolded, Id, Rev};
                for (row, folded) in rows {
                    user::Entity::update_many()
                        .col_expr(DisplayFolded, Expr::value(folded))
                        .filter(Id.eq(row.id))
                        .filter(Rev.eq(row.rev))
                        .exec(sql)
                        .await?;
                }
            }
            Self::Messages { all, with_terms } => {
                use message::Column::{ChatId, Id, Terms};
                index_anew(sql, &all).await?;
                for (chat, id) in with_terms {
                    message::Entity::update_many()
                        .col_expr(Terms, Expr::value(""))
                        .filter(ChatId.eq(chat))
                        .filter(Id.eq(id))
                        .exec(sql)
                        .await?;
                }
            }
        }
        Ok(())
    }
}

/// Notes the place after a piece, or the end, unless another flusher was there first.
async fn step(sql: &DatabaseTransaction, value: &str, next: Option<&Reindex>) -> Result<(), DbErr> {
    use meta::Column::{Name, Value};
    let Some(next) = next else {
        let ended = meta::Entity::delete_many()
            .filter(Name.eq(REINDEX))
            .filter(Value.eq(value));
        return ended.exec(sql).await.map(drop);
    };
    meta::Entity::update_many()
        .col_expr(Value, Expr::value(next.write()?))
        .filter(Name.eq(REINDEX))
        .filter(Value.eq(value))
        .exec(sql)
        .await
        .map(drop)
}
