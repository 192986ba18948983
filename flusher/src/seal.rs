//! The spans of what was in SQL before there were spans, made chat by chat between two passes. (Of
//! a chat that grows a commit makes them.)

use entity::{
    chat,
    meta::{self, SPANS},
    postings,
};
use model::ChatId;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait, ExprTrait,
    QueryFilter, QueryOrder, QuerySelect,
    prelude::Uuid,
    sea_query::{Expr, OnConflict},
};

use crate::{
    Error,
    commit::{in_transaction, seal_chat, within},
    sql::Sql,
};

/// The chats that are looked at in a piece.
const CHATS: u64 = 200;
/// The most spans that a piece makes: each takes some 30 ms.
const MAX_SPANS: usize = 4;
/// The least blocks of a chat that has a span.
const BLOCKS: i64 = 100;

/// Has the spans made of what is there.
///
/// # Errors
/// Fails when SQL cannot be reached or refuses.
pub async fn begin_spans(sql: &DatabaseConnection) -> Result<(), DbErr> {
    let row = meta::ActiveModel {
        name: Set(SPANS.to_owned()),
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

/// The chats of a piece.
struct Piece {
    /// The first large one of them.
    large: Option<Uuid>,
    /// The last one of them up to which no other is large; `None` when they are all.
    last: Option<Uuid>,
}

/// Makes spans of the next large chat, if they are being made. Returns true when there is more.
///
/// # Errors
/// An outage, or a lock. A retry does no harm.
pub(crate) async fn spans_piece(sql: &Sql) -> Result<bool, Error> {
    let read = async {
        let pool = sql.pool().await?;
        let Some(fact) = meta::Entity::find_by_id(SPANS).one(&pool).await? else {
            return Ok(None);
        };
        let after = Uuid::parse_str(&fact.value).unwrap_or_default();
        Ok(Some((fact.value, next_chats(&pool, after).await?)))
    };
    let Some((value, piece)) = within(sql, read).await? else {
        return Ok(false);
    };
    in_transaction(sql, async |transaction| {
        let mut is_done = piece.large.is_none();
        if let Some(large) = piece.large {
            for _ in 0..MAX_SPANS {
                is_done = !seal_chat(transaction, ChatId(large)).await?;
                if is_done {
                    break;
                }
            }
        }
        match (is_done, piece.last) {
            (false, _) => Ok(()),
            (true, last) => step(transaction, &value, last).await,
        }
    })
    .await?;
    let more = piece.large.is_some() || piece.last.is_some();
    if !more {
        tracing::info!("the spans of the index of search are made");
    }
    Ok(more)
}

/// Returns the next chats after one, up to the first large one.
async fn next_chats(sql: &DatabaseConnection, after: Uuid) -> Result<Piece, DbErr> {
    let ids: Vec<Uuid> = chat::Entity::find()
        .select_only()
        .column(chat::Column::Id)
        .filter(chat::Column::Id.gt(after))
        .order_by_asc(chat::Column::Id)
        .limit(CHATS)
        .into_tuple()
        .all(sql)
        .await?;
    if ids.is_empty() {
        return Ok(Piece {
            large: None,
            last: None,
        });
    }
    use postings::Column::{ChatId as Chat, FirstId};
    let large: Vec<Uuid> = postings::Entity::find()
        .select_only()
        .column(Chat)
        .filter(Chat.is_in(ids.iter().copied()))
        .group_by(Chat)
        .having(FirstId.count().gte(BLOCKS))
        .into_tuple()
        .all(sql)
        .await?;
    let large = ids.iter().find(|id| large.contains(id)).copied();
    Ok(Piece {
        large,
        last: large.or(ids.last().copied()),
    })
}

/// Notes the last chat of a piece, or the end, unless another flusher was there first.
async fn step(sql: &DatabaseTransaction, value: &str, last: Option<Uuid>) -> Result<(), DbErr> {
    use meta::Column::{Name, Value};
    let Some(last) = last else {
        let ended = meta::Entity::delete_many()
            .filter(Name.eq(SPANS))
            .filter(Value.eq(value));
        return ended.exec(sql).await.map(drop);
    };
    meta::Entity::update_many()
        .col_expr(Value, Expr::value(last.to_string()))
        .filter(Name.eq(SPANS))
        .filter(Value.eq(value))
        .exec(sql)
        .await
        .map(drop)
}
