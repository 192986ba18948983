//! Table `span_parts`: the terms of spans, in parts, clustered by `(chat_id, first_id, part)`.
#![allow(missing_docs)] // sea-orm derives public items without docs

use model::{ChatId, Span, SpanPart, Terms, Tick};
use sea_orm::{ActiveValue::Set, Condition, entity::prelude::*};

use crate::postings::unreadable;

/// A part's row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "span_parts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub chat_id: Uuid,
    /// The first id of the span.
    #[sea_orm(primary_key, auto_increment = false)]
    pub first_id: i64,
    /// The number of the part in its span.
    #[sea_orm(primary_key, auto_increment = false)]
    pub part: i64,
    /// The terms, each with its blocks: see `model::SpanPart`.
    pub terms: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Makes the row of a part.
pub fn to_row(chat: ChatId, span: Tick, number: usize, part: &SpanPart) -> ActiveModel {
    ActiveModel {
        chat_id: Set(chat.0),
        first_id: Set(span.0),
        part: Set(number as i64),
        terms: Set(part.write()),
    }
}

/// Reads a part of a span that has so many blocks.
///
/// # Errors
/// `DbErr::Type` when a later version of Carrier wrote what this one does not know.
pub fn from_row(row: &Model, blocks: usize) -> Result<SpanPart, DbErr> {
    SpanPart::read(&row.terms, blocks).map_err(unreadable)
}

/// Returns the first ids of the blocks of a span that may have all the terms, by those of its parts
/// that may have them.
///
/// # Errors
/// `DbErr::Type` when a later version of Carrier wrote what this one does not know.
pub fn find(terms: &Terms, span: &Span, parts: &[Model]) -> Result<Vec<Tick>, DbErr> {
    let parts = parts.iter().map(|part| part.terms.as_slice());
    span.blocks_with(terms, parts).map_err(unreadable)
}

/// Returns some parts of some spans of a chat, in any order.
///
/// # Errors
/// Fails when SQL cannot be reached or refuses the query.
pub async fn some_of(
    sql: &impl ConnectionTrait,
    chat: ChatId,
    parts: impl IntoIterator<Item = (i64, impl IntoIterator<Item = usize>)>,
) -> Result<Vec<Model>, DbErr> {
    let mut any = Condition::any();
    for (span, parts) in parts {
        let parts = parts.into_iter().map(|part| part as i64);
        let of_span = Condition::all()
            .add(Column::ChatId.eq(chat.0))
            .add(Column::FirstId.eq(span))
            .add(Column::Part.is_in(parts));
        any = any.add(of_span);
    }
    match any.is_empty() {
        true => Ok(Vec::new()),
        false => Entity::find().filter(any).all(sql).await,
    }
}
