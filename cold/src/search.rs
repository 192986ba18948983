//! Search, by the blocks of postings that each chat has.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
};

use entity::{
    message,
    meta::{self, REINDEX, Reindex},
    postings,
};
use model::{ChatId, StoredMessage, Terms, Tick, UserId};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

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
            terms,
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
    terms: &'a Terms,
    filter: SearchFilter,
    last: Option<Place>,
    reindex: Option<&'a Reindex>,
    /// The chats of which there is more, each with the tick below which it is unread and the
    /// number of blocks to read next.
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
            self.unread.push((below, chat, blocks.min(MAX_BLOCKS)));
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

    /// Reads the chats that have the newest of what is unread.
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
            } else {
                let rows = postings::below(&self.cold.db, chat, below, blocks).await?;
                let more = rows.last().filter(|_| rows.len() as u64 == blocks);
                if let Some(oldest) = more {
                    self.leave_unread(Tick(oldest.first_id), chat, 2 * blocks);
                }
                self.find(below, &rows)?;
            }
        }
        self.width = (2 * self.width).min(MAX_CHATS);
        for row in postings::newest_below(&self.cold.db, &begun).await? {
            let is_its = |(chat, _): &&(ChatId, Tick)| chat.0 == row.chat_id;
            if let Some((chat, below)) = begun.iter().find(is_its) {
                self.leave_unread(Tick(row.first_id), *chat, 2);
                self.find(*below, &[row])?;
            }
        }
        Ok(())
    }

    /// Looks for the terms in blocks of a chat, of messages below a tick.
    fn find(&mut self, below: Tick, rows: &[postings::Model]) -> Result<()> {
        for row in rows {
            self.bytes += row.block.len();
            let found = postings::find(self.terms, row)?;
            self.add(ChatId(row.chat_id), below, found);
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
        // What cannot be read is not in the index either.
        let messages = rows
            .into_iter()
            .filter_map(|row| message::from_row(row).ok());
        let hits = messages.filter(|stored| self.terms.find(&stored.message).is_some());
        let hits: Vec<_> = hits.map(|stored| stored.message.id).collect();
        self.add(chat, below, hits);
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

fn place_of(stored: &StoredMessage) -> Place {
    (stored.message.id, stored.message.chat_id)
}
