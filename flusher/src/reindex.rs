//! The index of search made anew, after the rule has changed by which letters are folded: piece by
//! piece, between two passes, so that nothing waits for all of it.
//!
//! A row is written only at the rev that it was read at; one that changed meanwhile was indexed by
//! whoever changed it. So a piece that is repeated, or made by two flushers, does no harm.

use entity::{
    message,
    meta::{self, REINDEX, Reindex},
    user,
};
use model::{fold_shown, indexed};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};

use crate::{
    Error,
    commit::{in_transaction, within},
    sql::Sql,
};

/// The most rows of a piece: a transaction of a few milliseconds, or of 20 MB if each message is as
/// long as can be.
const ROWS: u64 = 200;
/// The number of rows after which the log tells how far it is.
const PROGRESS: u64 = 100_000;

/// The rows of a piece whose terms are of the rule of before, with what they should have.
enum Stale {
    Users(Vec<(user::Model, String)>),
    Messages(Vec<(message::Model, String)>),
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
        let (stale, next) = match place.users_done {
            false => users(&pool, place).await?,
            true => messages(&pool, place).await?,
        };
        Ok(Some((fact.value, stale, next)))
    };
    let Some((value, stale, next)) = within(sql, read).await? else {
        return Ok(false);
    };
    in_transaction(sql, async |transaction| {
        stale.write(transaction).await?;
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
) -> Result<(Stale, Option<Reindex>), DbErr> {
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
    Ok((Stale::Users(stale.collect()), Some(next)))
}

/// Returns the stale ones of the next messages, and the place after them; `None` at the end.
async fn messages(
    sql: &DatabaseConnection,
    place: Reindex,
) -> Result<(Stale, Option<Reindex>), DbErr> {
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
    let mut stale = Vec::new();
    for row in rows {
        match message::from_row(row.clone()) {
            Ok(stored) => {
                let terms = indexed(&stored.message);
                stale.extend((terms != row.terms).then_some((row, terms)));
            }
            // It cannot be shown either, so nobody needs to find it.
            Err(error) => tracing::debug!(%error, "a message cannot be read"),
        }
    }
    Ok((Stale::Messages(stale), next))
}

impl Stale {
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
            Self::Messages(rows) => {
                use message::Column::{ChatId, Id, Rev, Terms};
                for (row, terms) in rows {
                    message::Entity::update_many()
                        .col_expr(Terms, Expr::value(terms))
                        .filter(ChatId.eq(row.chat_id))
                        .filter(Id.eq(row.id))
                        .filter(Rev.eq(row.rev))
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
