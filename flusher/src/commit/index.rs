//! The index of search, written with the messages that it has.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    iter,
};

use entity::{message, postings};
use model::{ChatId, Postings, StoredMessage, Tick};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, QueryFilter,
    sea_query::OnConflict,
};

use super::upsert::sizes;

/// The most chats whose blocks are read at once.
const CHATS: usize = 32;
/// The most blocks of one statement: they have some 5 kB each.
const BLOCKS: usize = 128;

/// A block and the messages that belong to it.
struct Block<'a> {
    chat: ChatId,
    first: Tick,
    /// The block's bytes, as SQL has them.
    before: Vec<u8>,
    postings: Postings,
    messages: Vec<&'a StoredMessage>,
}

/// Brings the blocks of these messages up to what SQL has of them. Their chats are locked.
pub(super) async fn index(
    transaction: &DatabaseTransaction,
    messages: impl Iterator<Item = &StoredMessage>,
) -> Result<(), DbErr> {
    let mut todo = BTreeMap::<ChatId, Vec<&StoredMessage>>::new();
    for stored in messages {
        todo.entry(stored.message.chat_id).or_default().push(stored);
    }
    for messages in todo.values_mut() {
        messages.sort_by_key(|stored| stored.message.id);
    }
    // Of each chat the newest block first, which has all of them but for those saved late.
    while !todo.is_empty() {
        let blocks = take_blocks(transaction, &mut todo).await?;
        write(transaction, blocks).await?;
        todo.retain(|_, messages| !messages.is_empty());
    }
    Ok(())
}

/// Takes from each chat the messages of the newest block that any of them belongs to.
async fn take_blocks<'a>(
    transaction: &DatabaseTransaction,
    todo: &mut BTreeMap<ChatId, Vec<&'a StoredMessage>>,
) -> Result<Vec<Block<'a>>, DbErr> {
    let newest = todo.iter().filter_map(|(chat, messages)| {
        let newest = messages.last()?.message.id;
        Some((*chat, Tick(newest.0 + 1)))
    });
    let newest: Vec<_> = newest.collect();
    let mut rows = HashMap::new();
    for some in newest.chunks(CHATS) {
        let found = postings::newest_below(transaction, some).await?;
        rows.extend(found.into_iter().map(|row| (ChatId(row.chat_id), row)));
    }
    let mut blocks = Vec::new();
    for (chat, messages) in todo {
        let row = rows.remove(chat);
        let postings = row.as_ref().map(postings::from_row).transpose()?;
        let (first, before) = row.map_or((Tick::NEVER, Vec::new()), |row| {
            (Tick(row.first_id), row.block)
        });
        let older = messages.partition_point(|stored| stored.message.id < first);
        blocks.push(Block {
            chat: *chat,
            first,
            before,
            postings: postings.unwrap_or_default(),
            messages: messages.split_off(older),
        });
    }
    Ok(blocks)
}

async fn write(transaction: &DatabaseTransaction, blocks: Vec<Block<'_>>) -> Result<(), DbErr> {
    let current = current(transaction, &blocks).await?;
    let mut rows = Vec::new();
    for mut block in blocks {
        for stored in &block.messages {
            let message = &stored.message;
            let current = current.get(&(block.chat, message.id));
            block
                .postings
                .put(current.map_or(message, |stored| &stored.message));
        }
        let pieces = block.postings.pieces(Postings::MAX_BYTES);
        for (at, (first, bytes)) in pieces.into_iter().enumerate() {
            let first = if at == 0 { block.first } else { first };
            if bytes != block.before {
                rows.push(postings::to_row(block.chat, first, bytes));
            }
        }
    }
    use postings::Column::{Block as Bytes, ChatId, FirstId};
    let mut rows = rows.into_iter();
    let counts = iter::repeat_n(BLOCKS, rows.len() / BLOCKS).chain(sizes(rows.len() % BLOCKS));
    for count in counts {
        let replaced = OnConflict::columns([ChatId, FirstId])
            .update_column(Bytes)
            .to_owned();
        postings::Entity::insert_many(rows.by_ref().take(count))
            .on_conflict(replaced)
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

/// Reads what SQL has of the messages that the index has already: it may be newer than what was
/// just refused for that, and the index is of what is there.
async fn current(
    transaction: &DatabaseTransaction,
    blocks: &[Block<'_>],
) -> Result<HashMap<(ChatId, Tick), StoredMessage>, DbErr> {
    use message::Column::{ChatId as Chat, Id};
    let mut known = BTreeMap::<ChatId, BTreeSet<i64>>::new();
    for block in blocks {
        let ids = block.messages.iter().map(|stored| stored.message.id);
        let ids: BTreeSet<_> = ids
            .filter(|id| block.postings.has(*id))
            .map(|id| id.0)
            .collect();
        if !ids.is_empty() {
            known.insert(block.chat, ids);
        }
    }
    if known.is_empty() {
        return Ok(HashMap::new());
    }
    let of_chats = known
        .into_iter()
        .map(|(chat, ids)| Condition::all().add(Chat.eq(chat.0)).add(Id.is_in(ids)));
    let rows = message::Entity::find()
        .filter(of_chats.fold(Condition::any(), Condition::add))
        .all(transaction)
        .await?;
    let messages = rows.into_iter().map(|row| {
        let stored = message::from_row(row)?;
        Ok(((stored.message.chat_id, stored.message.id), stored))
    });
    messages.collect()
}
