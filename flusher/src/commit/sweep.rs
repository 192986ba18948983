//! The sweep of deleted chats, piece by piece.

use entity::{attachment, message, postings, span, span_part, webhook_cursor};
use model::ChatId;
use sea_orm::{
    ColumnTrait, Condition, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::within;
use crate::{Error, sql::Sql};

/// The most rows that are deleted at once.
const PIECE_ROWS: usize = 1000;
/// The most spans that are deleted at once: each has some two hundred parts.
const PIECE_SPANS: u64 = 8;

/// Deletes a piece of what was written in a chat whose deletion is saved. Returns true when nothing
/// is left.
///
/// # Errors
/// An outage. A retry does no harm.
pub(crate) async fn sweep_piece(sql: &Sql, chat: ChatId) -> Result<bool, Error> {
    let swept = async {
        let sql = sql.pool().await?;
        Ok(sweep_spans(&sql, chat).await?
            && sweep_postings(&sql, chat).await?
            && sweep_messages(&sql, chat).await?
            && sweep_attachments(&sql, chat).await?
            && sweep_cursors(&sql, chat).await?)
    };
    within(sql, swept).await
}

/// Deletes the oldest spans of the index with their parts; returns true when none is left.
async fn sweep_spans(sql: &DatabaseConnection, chat: ChatId) -> Result<bool, DbErr> {
    use span::Column;
    let oldest: Vec<i64> = span::Entity::find()
        .select_only()
        .column(Column::FirstId)
        .filter(Column::ChatId.eq(chat.0))
        .order_by_asc(Column::FirstId)
        .limit(PIECE_SPANS)
        .into_tuple()
        .all(sql)
        .await?;
    let Some(last) = oldest.last() else {
        return Ok(true);
    };
    span_part::Entity::delete_many()
        .filter(span_part::Column::ChatId.eq(chat.0))
        .filter(span_part::Column::FirstId.lte(*last))
        .exec(sql)
        .await?;
    span::Entity::delete_many()
        .filter(Column::ChatId.eq(chat.0))
        .filter(Column::FirstId.lte(*last))
        .exec(sql)
        .await?;
    Ok(false)
}

/// Deletes the cursors of webhooks, of which a chat has a few; returns true.
async fn sweep_cursors(sql: &DatabaseConnection, chat: ChatId) -> Result<bool, DbErr> {
    webhook_cursor::Entity::delete_many()
        .filter(webhook_cursor::Column::ChatId.eq(chat.0))
        .exec(sql)
        .await?;
    Ok(true)
}

/// Deletes the oldest blocks of the index; returns true when none is left.
async fn sweep_postings(sql: &DatabaseConnection, chat: ChatId) -> Result<bool, DbErr> {
    use postings::Column;
    let oldest: Vec<i64> = postings::Entity::find()
        .select_only()
        .column(Column::FirstId)
        .filter(Column::ChatId.eq(chat.0))
        .order_by_asc(Column::FirstId)
        .limit(PIECE_ROWS as u64)
        .into_tuple()
        .all(sql)
        .await?;
    if let Some(last) = oldest.last() {
        postings::Entity::delete_many()
            .filter(Column::ChatId.eq(chat.0))
            .filter(Column::FirstId.lte(*last))
            .exec(sql)
            .await?;
    }
    Ok(oldest.len() < PIECE_ROWS)
}

/// Deletes the oldest messages; returns true when none is left.
async fn sweep_messages(sql: &DatabaseConnection, chat: ChatId) -> Result<bool, DbErr> {
    use message::Column;
    let oldest: Vec<i64> = message::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::ChatId.eq(chat.0))
        .order_by_asc(Column::Id)
        .limit(PIECE_ROWS as u64)
        .into_tuple()
        .all(sql)
        .await?;
    if let Some(last) = oldest.last() {
        message::Entity::delete_many()
            .filter(Column::ChatId.eq(chat.0))
            .filter(Column::Id.lte(*last))
            .exec(sql)
            .await?;
    }
    Ok(oldest.len() < PIECE_ROWS)
}

/// Deletes the first rows of files, by primary key; returns true when none is left.
async fn sweep_attachments(sql: &DatabaseConnection, chat: ChatId) -> Result<bool, DbErr> {
    use attachment::Column;
    let first: Vec<(String, i64)> = attachment::Entity::find()
        .select_only()
        .columns([Column::Hash, Column::MessageId])
        .filter(Column::ChatId.eq(chat.0))
        .order_by_asc(Column::Hash)
        .order_by_asc(Column::MessageId)
        .limit(PIECE_ROWS as u64)
        .into_tuple()
        .all(sql)
        .await?;
    if let Some((hash, message)) = first.last() {
        let up_to_it = Condition::any().add(Column::Hash.lt(hash)).add(
            Condition::all()
                .add(Column::Hash.eq(hash))
                .add(Column::MessageId.lte(*message)),
        );
        attachment::Entity::delete_many()
            .filter(Column::ChatId.eq(chat.0))
            .filter(up_to_it)
            .exec(sql)
            .await?;
    }
    Ok(first.len() < PIECE_ROWS)
}
