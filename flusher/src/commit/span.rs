//! The spans of the index of search (see `model::Span`), which have the terms of many blocks of a
//! large chat together. Whoever changes a block of a span changes the span in the same transaction;
//! the chat is locked.

use std::{collections::BTreeSet, iter};

use entity::{postings, span, span_part};
use model::{ChatId, Postings, Span, Tick};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};

use super::upsert::sizes;

/// The blocks of a span, and the bytes after which it has fewer.
const BLOCKS: usize = 128;
const BYTES: i64 = 1 << 20;
/// The newest blocks of a chat, which are in no span: they change most.
const KEPT: usize = 16;
/// The most blocks of one statement: they have some 5 kB each.
const STATEMENT_BLOCKS: usize = 128;

/// The terms that a block has got and lost, as a span has them.
pub(super) struct Change {
    got: BTreeSet<String>,
    lost: BTreeSet<String>,
}

impl Change {
    /// Compares a block's terms before and after.
    pub(super) fn of(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Self {
        Self {
            got: after.difference(before).cloned().collect(),
            lost: before.difference(after).cloned().collect(),
        }
    }
}

/// Writes blocks.
pub(super) async fn insert_blocks(
    transaction: &DatabaseTransaction,
    rows: Vec<postings::ActiveModel>,
) -> Result<(), DbErr> {
    use postings::Column::{Block, ChatId, FirstId};
    let mut rows = rows.into_iter();
    let (full, rest) = (rows.len() / STATEMENT_BLOCKS, rows.len() % STATEMENT_BLOCKS);
    for count in iter::repeat_n(STATEMENT_BLOCKS, full).chain(sizes(rest)) {
        let replaced = OnConflict::columns([ChatId, FirstId])
            .update_column(Block)
            .to_owned();
        postings::Entity::insert_many(rows.by_ref().take(count))
            .on_conflict(replaced)
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

/// Makes the next span of a chat, unless too few blocks are in none. Returns true when it made one.
pub(super) async fn seal(transaction: &DatabaseTransaction, chat: ChatId) -> Result<bool, DbErr> {
    let newest: Option<i64> = span::Entity::find()
        .select_only()
        .column(span::Column::EndId)
        .filter(span::Column::ChatId.eq(chat.0))
        .order_by_desc(span::Column::FirstId)
        .limit(1)
        .into_tuple()
        .one(transaction)
        .await?;
    let begin = Tick(newest.unwrap_or_default());
    let blocks = sizes_of(transaction, chat, begin, Tick(i64::MAX), BLOCKS + KEPT).await?;
    if blocks.len() < BLOCKS + KEPT {
        return Ok(false);
    }
    let count = fitting(&blocks[..BLOCKS]);
    let end = Tick(blocks[count].0);
    make(transaction, chat, begin, end).await?;
    Ok(true)
}

/// Returns the number of blocks that a span begins with, of these with their bytes.
fn fitting(blocks: &[(i64, i64)]) -> usize {
    let mut bytes = 0;
    let fitting = blocks.iter().take_while(|(_, size)| {
        bytes += size;
        bytes <= BYTES
    });
    fitting.count().max(1)
}

/// Returns the first ids and the bytes of the oldest blocks of a part of a chat.
async fn sizes_of(
    transaction: &DatabaseTransaction,
    chat: ChatId,
    begin: Tick,
    end: Tick,
    limit: usize,
) -> Result<Vec<(i64, i64)>, DbErr> {
    use postings::Column::{ChatId as Chat, FirstId};
    postings::Entity::find()
        .select_only()
        .column(FirstId)
        .expr(Expr::cust("LENGTH(block)"))
        .filter(Chat.eq(chat.0))
        .filter(FirstId.gte(begin.0))
        .filter(FirstId.lt(end.0))
        .order_by_asc(FirstId)
        .limit(limit as u64)
        .into_tuple()
        .all(transaction)
        .await
}

/// Makes a span of all blocks from one up to another.
async fn make(
    transaction: &DatabaseTransaction,
    chat: ChatId,
    begin: Tick,
    end: Tick,
) -> Result<(), DbErr> {
    use postings::Column::{ChatId as Chat, FirstId};
    let rows = postings::Entity::find()
        .filter(Chat.eq(chat.0))
        .filter(FirstId.gte(begin.0))
        .filter(FirstId.lt(end.0))
        .order_by_asc(FirstId)
        .all(transaction)
        .await?;
    let (mut blocks, mut sealed) = (Vec::new(), Vec::new());
    for row in rows {
        let mut block = postings::from_row(&row)?;
        let first = Tick(row.first_id);
        if !block.is_sealed() {
            block.seal();
            sealed.push(postings::to_row(chat, first, block.write()));
        }
        blocks.push((first, block));
    }
    let (span, parts) = of(blocks).await?;
    insert_blocks(transaction, sealed).await?;
    let mut parts = parts.into_iter().enumerate();
    let rows = parts
        .by_ref()
        .map(|(at, part)| span_part::to_row(chat, begin, at, &part));
    write_parts(transaction, rows.collect()).await?;
    span::Entity::insert(span::to_row(chat, begin, end, &span))
        .exec_without_returning(transaction)
        .await
        .map(drop)
}

/// Puts the terms of blocks together, off the async threads.
async fn of(blocks: Vec<(Tick, Postings)>) -> Result<(Span, Vec<model::SpanPart>), DbErr> {
    let made = tokio::task::spawn_blocking(move || Span::of(&blocks)).await;
    made.map_err(|error| DbErr::Custom(error.to_string()))
}

async fn write_parts(
    transaction: &DatabaseTransaction,
    rows: Vec<span_part::ActiveModel>,
) -> Result<(), DbErr> {
    use span_part::Column::{ChatId, FirstId, Part, Terms};
    let mut rows = rows.into_iter();
    for count in sizes(rows.len()) {
        let replaced = OnConflict::columns([ChatId, FirstId, Part])
            .update_column(Terms)
            .to_owned();
        span_part::Entity::insert_many(rows.by_ref().take(count))
            .on_conflict(replaced)
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

/// Returns the row of the span that has a block.
async fn with_block(
    transaction: &DatabaseTransaction,
    chat: ChatId,
    block: Tick,
) -> Result<Option<span::Model>, DbErr> {
    let rows = span::below(transaction, chat, Tick(block.0 + 1), 1).await?;
    Ok(rows.into_iter().find(|span| span.end_id > block.0))
}

/// Notes in its span what a block has got and lost.
pub(super) async fn note(
    transaction: &DatabaseTransaction,
    chat: ChatId,
    block: Tick,
    change: &Change,
) -> Result<(), DbErr> {
    let terms = || {
        let got = change.got.iter().map(|term| (term, true));
        got.chain(change.lost.iter().map(|term| (term, false)))
    };
    if terms().next().is_none() {
        return Ok(());
    }
    let Some(row) = with_block(transaction, chat, block).await? else {
        return Ok(());
    };
    let span = span::from_row(&row)?;
    let Some(number) = span.number_of(block) else {
        return Ok(());
    };
    let parts: BTreeSet<_> = terms().map(|(term, _)| span.part_of(term)).collect();
    let rows = span_part::some_of(transaction, chat, [(row.first_id, parts)]).await?;
    let mut changed = Vec::new();
    for part in rows {
        let at = usize::try_from(part.part).unwrap_or_default();
        let mut terms_of_part = span_part::from_row(&part, span.len())?;
        for (term, has) in terms().filter(|(term, _)| span.part_of(term) == at) {
            terms_of_part.put(term, number, has);
        }
        changed.push(span_part::to_row(
            chat,
            Tick(row.first_id),
            at,
            &terms_of_part,
        ));
    }
    write_parts(transaction, changed).await
}

/// Makes the span of a block anew, after the block was cut: as one span, or as several.
pub(super) async fn remake(
    transaction: &DatabaseTransaction,
    chat: ChatId,
    block: Tick,
) -> Result<(), DbErr> {
    let Some(row) = with_block(transaction, chat, block).await? else {
        return Ok(());
    };
    span_part::Entity::delete_many()
        .filter(span_part::Column::ChatId.eq(chat.0))
        .filter(span_part::Column::FirstId.eq(row.first_id))
        .exec(transaction)
        .await?;
    span::Entity::delete_many()
        .filter(span::Column::ChatId.eq(chat.0))
        .filter(span::Column::FirstId.eq(row.first_id))
        .exec(transaction)
        .await?;
    let (mut begin, end) = (Tick(row.first_id), Tick(row.end_id));
    while begin < end {
        let blocks = sizes_of(transaction, chat, begin, end, 2 * BLOCKS).await?;
        let next = blocks.get(fitting(&blocks));
        let next = next.map_or(end, |(first, _)| Tick(*first));
        make(transaction, chat, begin, next).await?;
        begin = next;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_so_many_blocks_and_so_many_bytes_and_one_block_at_least() {
        assert_eq!(fitting(&[(0, 4_900); BLOCKS]), BLOCKS);
        assert_eq!(fitting(&[(0, BYTES / 4); 9]), 4);
        assert_eq!(fitting(&[(0, BYTES + 1), (1, 1)]), 1);
    }

    #[test]
    fn a_change_is_what_was_got_and_lost() {
        let set = |terms: &[&str]| terms.iter().map(|term| (*term).to_owned()).collect();
        let change = Change::of(&set(&["a", "b"]), &set(&["b", "c"]));
        assert_eq!((change.got, change.lost), (set(&["c"]), set(&["a"])));
    }
}
