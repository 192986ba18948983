//! Search, by the blocks of postings that each chat has.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    sync::Arc,
};

use entity::{
    message,
    meta::{self, REINDEX, Reindex},
    postings, span, span_part,
};
use model::{ChatId, StoredMessage, Terms, Tick, UserId};
use sea_orm::{ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{Cold, Result};

/// The bytes of blocks after which a search ends early: those of some 80,000 messages of a hundred
/// characters, which take about 20 ms.
const MAX_BYTES: usize = 4 << 20;
/// The number of messages that are looked at after which a search ends early.
const MAX_LOOKS: usize = 1000;
/// The most chats that are asked for at once, and the most blocks of one of them. Both begin low,
/// since a common word is soon found. (A statement for more chats takes longer for each.)
const MAX_CHATS: usize = 32;
const MAX_BLOCKS: u64 = 64;
const FIRST_CHATS: usize = 4;
/// The number of the next blocks of a chat from which on spans are looked at: what was read by then
/// did not fill the page.
const RARE: u64 = 8;
/// The most spans of a chat that are looked at once: those of some 800,000 messages.
const MAX_SPANS: u64 = 64;
/// The bytes from which on blocks are looked through off the async threads.
const LONG: usize = 32 << 10;
/// The number of messages of a chat without an index that are walked through at once, and the
/// bytes that one of them counts for.
const WALK: u64 = 200;
const WALKED_BYTES: usize = 400;

/// A restriction of a search to a sender and a time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SearchFilter {
    /// The sender; `None` for messages of all senders.
    pub from: Option<UserId>,
    /// The tick that hits are later than; `NEVER` for no bound.
    pub after: Tick,
    /// The tick that hits are earlier than; `NEVER` for no bound.
    pub before: Tick,
}

/// The place of a message in the order of a search, which is newest first.
type Place = (Tick, ChatId);

/// The hits of a search in SQL.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Messages that may have all the terms, newest first.
    pub messages: Vec<StoredMessage>,
    /// The place up to which all were found; `None` when these are all.
    pub end: Option<(Tick, ChatId)>,
}

impl Cold {
    /// Returns how far the index has been made anew; `None` when it is complete. What a search
    /// finds is complete if the index was so before.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn reindex(&self) -> Result<Option<Reindex>> {
        let fact = meta::Entity::find_by_id(REINDEX).one(&self.db).await?;
        Ok(fact.map(|fact| Reindex::read(&fact.value)))
    }

    /// Loads the newest messages, `limit` at the most, of these chats that may have all the terms,
    /// by id and then chat, before the place `last`. Each chat comes with the id of its newest
    /// message, so that those of long ago are asked last. What the index does not have yet, being
    /// made anew as far as `reindex` says, is walked through.
    ///
    /// The search ends early when much is read, but not before it came some way.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query, or holds a row that cannot be read.
    pub async fn search(
        &self,
        terms: &Terms,
        chats: &[(Tick, ChatId)],
        filter: SearchFilter,
        last: Option<(Tick, ChatId)>,
        limit: usize,
        reindex: Option<&Reindex>,
    ) -> Result<Found> {
        if chats.is_empty() {
            return Ok(Found::default());
        }
        let mut search = Search {
            // What is not in the blocks of one node may be in the messages of another.
            cold: self.together().await?,
            is_snapshot: false,
            terms: Arc::new(terms.clone()),
            filter,
            last,
            reindex,
            unread: BinaryHeap::new(),
            candidates: BinaryHeap::new(),
            ready: VecDeque::new(),
            width: FIRST_CHATS,
            bytes: 0,
        };
        for (newest, chat) in chats {
            let below = search.below(*newest, *chat);
            search.leave_unread(below, *chat, 1);
        }
        search.run(limit).await
    }
}

/// A search under way.
struct Search<'a> {
    cold: Cold,
    /// True when all that is read is of one moment.
    is_snapshot: bool,
    terms: Arc<Terms>,
    filter: SearchFilter,
    last: Option<Place>,
    reindex: Option<&'a Reindex>,
    /// The chats of which there is more, each with the tick below which it is unread and the
    /// number of blocks to read next: see [`Self::read`].
    unread: BinaryHeap<(Tick, ChatId, u64)>,
    /// The messages of blocks that were read.
    candidates: BinaryHeap<Place>,
    /// The messages of them that are later than all that is unread, newest first.
    ready: VecDeque<Place>,
    /// The number of chats to read next.
    width: usize,
    /// The bytes that were read.
    bytes: usize,
}

impl Search<'_> {
    async fn run(mut self, limit: usize) -> Result<Found> {
        let (mut found, mut looks) = (Found::default(), 0);
        loop {
            let unread = self.settle();
            let need = limit - found.messages.len();
            let is_tired = self.bytes >= MAX_BYTES || looks >= MAX_LOOKS;
            if self.ready.len() < need && unread.is_some() && !is_tired {
                self.read().await?;
                continue;
            }
            // What a filter leaves out asks for more of them.
            let count = if looks == 0 {
                need
            } else {
                need.max(WALK as usize)
            };
            let places: Vec<_> = self.ready.drain(..count.min(self.ready.len())).collect();
            looks += places.len();
            let messages = self.messages(&places).await?;
            let is_all = self.ready.is_empty() && unread.is_none();
            if messages.len() > need || messages.len() == need && !is_all {
                found.messages.extend(messages.into_iter().take(need));
                found.end = found.messages.last().map(place_of);
                return Ok(found);
            }
            found.messages.extend(messages);
            if is_all {
                return Ok(found);
            }
            let end = match (self.ready.is_empty(), unread) {
                (true, Some(below)) => Some((below, ChatId::LOWEST)),
                _ => places.last().copied(),
            };
            let is_further = end.is_some() && self.last.is_none_or(|last| end < Some(last));
            if is_tired && is_further {
                found.end = end;
                return Ok(found);
            }
            if self.ready.is_empty() {
                self.read().await?;
            }
        }
    }

    /// Returns the tick below which messages of a chat may be found.
    fn below(&self, newest: Tick, chat: ChatId) -> Tick {
        let after_newest = Tick(newest.0.saturating_add(1));
        let before = self.filter.before;
        let before = if before.happened() {
            before
        } else {
            after_newest
        };
        let last = match self.last {
            None => after_newest,
            Some((id, at)) if chat < at => Tick(id.0 + 1),
            Some((id, _)) => id,
        };
        after_newest.min(before).min(last)
    }

    /// Notes that a chat is unread below a tick, unless nothing is looked for there.
    fn leave_unread(&mut self, below: Tick, chat: ChatId, blocks: u64) {
        if below.0 > self.filter.after.0 + 1 {
            let blocks = blocks.min(RARE * MAX_SPANS);
            self.unread.push((below, chat, blocks));
        }
    }

    /// Finds the candidates that are ready. Returns the tick below which all chats are unread.
    fn settle(&mut self) -> Option<Tick> {
        let unread = self.unread.peek().map(|(below, ..)| *below);
        while let Some(place) = self.candidates.peek().copied()
            && unread.is_none_or(|below| place.0 >= below)
        {
            self.candidates.pop();
            self.ready.push_back(place);
        }
        unread
    }

    /// Reads the chats that have the newest of what is unread: of each its newest block, then the
    /// older ones, twice as many each time. From [`RARE`] on, the spans of a chat are looked at, an
    /// eighth of the number of blocks, and only those of their blocks are read that may have hits.
    async fn read(&mut self) -> Result<()> {
        let mut begun = Vec::new();
        for _ in 0..self.width {
            let Some((below, chat, blocks)) = self.unread.pop() else {
                break;
            };
            if self.reindex.is_some_and(|reindex| chat.0 >= reindex.chat) {
                self.walk(chat, below).await?;
            } else if blocks == 1 {
                begun.push((chat, below));
            } else if blocks < RARE {
                self.read_blocks(chat, below, blocks, Tick::NEVER).await?;
            } else {
                self.read_spans(chat, below, blocks).await?;
            }
        }
        self.width = (2 * self.width).min(MAX_CHATS);
        let mut newest = Vec::new();
        for row in postings::newest_below(&self.cold.db, &begun).await? {
            let is_its = |(chat, _): &&(ChatId, Tick)| chat.0 == row.chat_id;
            if let Some((chat, below)) = begun.iter().find(is_its) {
                self.leave_unread(Tick(row.first_id), *chat, 2);
                newest.push((*below, row));
            }
        }
        self.find(newest).await
    }

    /// Reads the newest blocks of a chat that begin below a tick, and from `begin` on.
    async fn read_blocks(
        &mut self,
        chat: ChatId,
        below: Tick,
        blocks: u64,
        begin: Tick,
    ) -> Result<()> {
        let limit = blocks.min(MAX_BLOCKS);
        let rows = postings::between(&self.cold.db, chat, begin, below, limit).await?;
        let oldest = rows.last().filter(|_| rows.len() as u64 == limit);
        let rest = oldest.map_or(begin, |row| Tick(row.first_id));
        self.leave_unread(rest, chat, 2 * blocks);
        self.find(rows.into_iter().map(|row| (below, row)).collect())
            .await
    }

    /// Looks at the newest spans of a chat that begin below a tick, and reads the newest blocks of
    /// them that may have hits; or the blocks that are in no span yet.
    async fn read_spans(&mut self, chat: ChatId, below: Tick, blocks: u64) -> Result<()> {
        if !self.is_snapshot {
            // A commit may cut a block of a span between two reads.
            self.cold = self.cold.on_one_node().await?;
            self.is_snapshot = true;
        }
        let count = (blocks / RARE).min(MAX_SPANS);
        let mut spans = span::below(&self.cold.db, chat, below, count).await?;
        let Some(newest) = spans.first() else {
            return self.read_blocks(chat, below, blocks, Tick::NEVER).await;
        };
        let end = Tick(newest.end_id);
        if end < below {
            return self.read_blocks(chat, below, blocks, end).await;
        }
        let oldest = Tick(spans.last().map_or(0, |span| span.first_id));
        spans.reverse();
        let mut firsts = self.blocks_of(chat, spans).await?;
        firsts.retain(|first| *first < below);
        let limit = blocks.min(MAX_BLOCKS);
        let older = firsts.len().saturating_sub(limit as usize);
        let firsts = firsts.split_off(older);
        match firsts.first() {
            // The same spans once more.
            Some(first) if older > 0 => {
                let more = (2 * blocks).min(MAX_BLOCKS).max(blocks);
                self.leave_unread(*first, chat, more);
            }
            _ => self.leave_unread(oldest, chat, 2 * blocks),
        }
        let rows = postings::at(&self.cold.db, chat, &firsts).await?;
        self.find(rows.into_iter().map(|row| (below, row)).collect())
            .await
    }

    /// Returns the first ids of the blocks of spans that may have hits, in order.
    async fn blocks_of(&mut self, chat: ChatId, rows: Vec<span::Model>) -> Result<Vec<Tick>> {
        let bytes = rows.iter().map(|row| row.blocks.len()).sum::<usize>();
        self.bytes += bytes;
        let terms = Arc::clone(&self.terms);
        let spans = compute(bytes, move || {
            let read = rows.into_iter().map(|row| {
                let span = span::from_row(&row)?;
                let parts = span.parts_with(&terms);
                Ok((row.first_id, span, parts))
            });
            read.collect::<Result<Vec<_>>>()
        })
        .await?;
        let wanted = spans
            .iter()
            .map(|(first, _, parts)| (*first, parts.iter().copied()));
        let mut parts = span_part::some_of(&self.cold.db, chat, wanted).await?;
        let bytes = parts.iter().map(|part| part.terms.len()).sum::<usize>();
        self.bytes += bytes;
        let terms = Arc::clone(&self.terms);
        compute(bytes, move || {
            parts.sort_by_key(|part| part.first_id);
            let mut firsts = Vec::new();
            for (first, span, _) in &spans {
                let begin = parts.partition_point(|part| part.first_id < *first);
                let end = parts.partition_point(|part| part.first_id <= *first);
                firsts.extend(span_part::find(&terms, span, &parts[begin..end])?);
            }
            Ok(firsts)
        })
        .await
    }

    /// Looks for the terms in blocks, each with the tick below which its messages are of interest.
    async fn find(&mut self, rows: Vec<(Tick, postings::Model)>) -> Result<()> {
        let bytes = rows.iter().map(|(_, row)| row.block.len()).sum::<usize>();
        self.bytes += bytes;
        let terms = Arc::clone(&self.terms);
        let found = compute(bytes, move || {
            let find = |(below, row): &(Tick, postings::Model)| {
                let found = postings::find(&terms, row)?;
                Ok((ChatId(row.chat_id), *below, found))
            };
            rows.iter().map(find).collect::<Result<Vec<_>>>()
        });
        for (chat, below, found) in found.await? {
            self.add(chat, below, found);
        }
        Ok(())
    }

    /// Matches the newest messages of a chat, each by itself.
    async fn walk(&mut self, chat: ChatId, below: Tick) -> Result<()> {
        use message::Column::{ChatId as Chat, Id};
        let newest = message::Entity::find()
            .filter(Chat.eq(chat.0))
            .filter(Id.lt(below.0))
            .order_by_desc(Id)
            .limit(WALK);
        let rows = newest.all(&self.cold.db).await?;
        self.bytes += rows.len() * WALKED_BYTES;
        let lowest = rows.last().map(|row| Tick(row.id));
        if let Some(lowest) = lowest.filter(|_| rows.len() as u64 == WALK) {
            self.leave_unread(lowest, chat, 1);
        }
        let terms = Arc::clone(&self.terms);
        let hits = compute(rows.len() * WALKED_BYTES, move || {
            // What cannot be read is not in the index either.
            let messages = rows
                .into_iter()
                .filter_map(|row| message::from_row(row).ok());
            let hits = messages.filter(|stored| terms.find(&stored.message).is_some());
            Ok(hits.map(|stored| stored.message.id).collect::<Vec<_>>())
        });
        self.add(chat, below, hits.await?);
        Ok(())
    }

    fn add(&mut self, chat: ChatId, below: Tick, ids: Vec<Tick>) {
        let after = self.filter.after;
        let found = ids.into_iter().filter(|id| *id < below && *id > after);
        self.candidates.extend(found.map(|id| (id, chat)));
    }

    /// Loads the messages at these places, newest first.
    async fn messages(&self, places: &[Place]) -> Result<Vec<StoredMessage>> {
        use message::Column::{ChatId as Chat, Deleted, Id, SenderId};
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let mut by_chat = BTreeMap::<ChatId, Vec<i64>>::new();
        for (id, chat) in places {
            by_chat.entry(*chat).or_default().push(id.0);
        }
        let of_chats = by_chat
            .into_iter()
            .map(|(chat, ids)| Condition::all().add(Chat.eq(chat.0)).add(Id.is_in(ids)));
        let mut query = message::Entity::find()
            .filter(of_chats.fold(Condition::any(), Condition::add))
            .filter(Deleted.eq(false));
        if let Some(from) = self.filter.from {
            query = query.filter(SenderId.eq(from.0));
        }
        let rows = query.all(&self.cold.db).await?;
        let messages = rows.into_iter().map(message::from_row);
        let mut messages = messages.collect::<Result<Vec<_>>>()?;
        messages.sort_by_key(|stored| Reverse(place_of(stored)));
        Ok(messages)
    }
}

/// Computes with so many bytes, off the async threads if they are many.
async fn compute<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    if bytes < LONG {
        return work();
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(DbErr::Custom(error.to_string())))
}

fn place_of(stored: &StoredMessage) -> Place {
    (stored.message.id, stored.message.chat_id)
}
