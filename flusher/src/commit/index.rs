//! The index of search, written with the messages that it has.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use entity::{message, postings};
use futures_util::FutureExt;
use model::{ChatId, Postings, StoredMessage, Tick};
use sea_orm::{ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, QueryFilter};

use super::span::{Change, insert_blocks, note, remake, seal};

/// The most chats whose blocks are read at once.
const CHATS: usize = 32;
/// The bytes of the messages of a chat that are indexed at once.
const TEXT: usize = 64 << 10;
/// The number of new blocks of a chat among which one, by its id, has spans made: a look takes as
/// long as the index of some messages.
const SEALS_EVERY: i64 = 16;
/// The most spans that a commit makes: each takes some 30 ms.
const MAX_SEALS: usize = 4;

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
    let mut grown = BTreeSet::new();
    while !todo.is_empty() {
        let mut some: BTreeMap<_, _> = todo
            .iter_mut()
            .map(|(chat, messages)| (*chat, take_oldest(messages)))
            .collect();
        todo.retain(|_, messages| !messages.is_empty());
        // Of each chat the newest block first, which has all of them but for those saved late.
        while !some.is_empty() {
            let blocks = take_blocks(transaction, &mut some).await?;
            grown.extend(write(transaction, blocks).boxed().await?);
            some.retain(|_, messages| !messages.is_empty());
        }
    }
    // What is not made now is made when the chat has grown again.
    for chat in grown.into_iter().take(MAX_SEALS) {
        seal(transaction, chat).boxed().await?;
    }
    Ok(())
}

/// Takes the oldest messages, up to [`TEXT`] bytes: a block that is filled at once and then cut
/// costs more for each of them the longer it is.
fn take_oldest<'a>(messages: &mut Vec<&'a StoredMessage>) -> Vec<&'a StoredMessage> {
    let mut bytes = 0;
    let fitting = messages.iter().take_while(|stored| {
        let fits = bytes < TEXT;
        bytes += stored.message.body.len();
        fits
    });
    let others = messages.split_off(fitting.count());
    std::mem::replace(messages, others)
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

/// Writes blocks with their messages. Returns the chats that have so many new blocks that spans may
/// be made of the old ones.
async fn write(
    transaction: &DatabaseTransaction,
    blocks: Vec<Block<'_>>,
) -> Result<Vec<ChatId>, DbErr> {
    let current = current(transaction, &blocks).await?;
    let (mut rows, mut grown) = (Vec::new(), Vec::new());
    let (mut changes, mut torn) = (Vec::new(), Vec::new());
    for mut block in blocks {
        let (chat, begin) = (block.chat, block.first);
        let is_sealed = block.postings.is_sealed();
        let before = is_sealed.then(|| block.postings.span_terms());
        for stored in &block.messages {
            let message = &stored.message;
            let current = current.get(&(chat, message.id));
            block
                .postings
                .put(current.map_or(message, |stored| &stored.message));
        }
        let change = before.map(|before| Change::of(&before, &block.postings.span_terms()));
        // A block of a span has room for changes: to cut it makes the span anew.
        let max = Postings::MAX_BYTES << u32::from(is_sealed);
        let pieces = block.postings.pieces(max);
        match (change, pieces.len()) {
            (Some(change), 1) => changes.push((chat, begin, change)),
            (Some(_), _) => torn.push((chat, begin)),
            (None, _) => {
                let mut new = pieces[1..].iter();
                if new.any(|(first, _)| first.0 % SEALS_EVERY == 0) {
                    grown.push(chat);
                }
            }
        }
        for (at, (first, bytes)) in pieces.into_iter().enumerate() {
            let first = if at == 0 { begin } else { first };
            if bytes != block.before {
                rows.push(postings::to_row(chat, first, bytes));
            }
        }
    }
    insert_blocks(transaction, rows).await?;
    for (chat, first, change) in changes {
        note(transaction, chat, first, &change).boxed().await?;
    }
    for (chat, first) in torn {
        remake(transaction, chat, first).boxed().await?;
    }
    Ok(grown)
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
