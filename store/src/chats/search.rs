//! Search over the whole history of a user's chats, including what is not saved yet.

use std::collections::HashMap;

use cold::SearchFilter;
use futures_util::future::{try_join_all, try_join3};
use hot::{ANSWER_BYTES, Membership};
use model::{ChatId, ChatSettings, Message, Segment, StoredMessage, Terms, Tick, UserId};

use crate::{
    Result, Store,
    chats::{MailboxPlace, quote::Previews, read_record, sync::size_of},
    residency::retry,
};

/// The number of a chat's unsaved messages that are read at once, and the size that they may have
/// in any case, however many the chats are.
const UNSAVED: usize = 400;
const SHARE: usize = ANSWER_BYTES / 64;
/// The number of chats that are asked at once for their unsaved messages.
const AT_ONCE: usize = 64;

/// A search: its words and its bounds.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    /// The terms, all of which must be in the message.
    pub terms: Terms,
    /// The only chat to search in.
    pub chat: Option<ChatId>,
    /// The only sender to search for.
    pub from: Option<UserId>,
    /// The tick after which messages are found; `NEVER` for no bound.
    pub after: Tick,
    /// The tick before which messages are found; `NEVER` for no bound.
    pub before: Tick,
}

/// A message that was found.
#[derive(Clone, Debug)]
pub struct SearchHit {
    /// The message as it is now.
    pub message: Message,
    /// The message's body around the first match.
    pub segments: Vec<Segment>,
    /// The searcher's own reactions.
    pub my_reactions: Vec<String>,
}

/// A page of what a search found.
#[derive(Clone, Debug, Default)]
pub struct SearchPage {
    /// Messages, newest first.
    pub hits: Vec<SearchHit>,
    /// The place where the page ends; `None` on the last one. A short page is not the last one.
    pub next: Option<MailboxPlace>,
    /// True when older messages may be missing, since the index is being made anew.
    pub partial: bool,
}

impl Store {
    /// Returns a page of up to `limit` messages that have all the terms, before the place where the
    /// previous page ended; it ends early when they have [`ANSWER_BYTES`].
    ///
    /// # Errors
    /// [`crate::Error::NoChat`] for a chat of which the searcher is not a member.
    pub async fn search(
        &self,
        user: UserId,
        search: &SearchQuery,
        last: Option<MailboxPlace>,
        limit: usize,
    ) -> Result<SearchPage> {
        let newest = match search.chat {
            Some(chat) => {
                self.view_row(Membership { chat, user }).await?;
                vec![(Tick::LAST, chat)]
            }
            None => self.newest_chats(user, None).await?,
        };
        // Whoever has no chat asks SQL nothing.
        if newest.is_empty() {
            return Ok(SearchPage::default());
        }
        let chats: Vec<_> = newest.iter().map(|(_, chat)| *chat).collect();
        // The index is looked at before it is used: it may be complete only after a search.
        let reindex = async { Ok(self.cold.reindex().await?) };
        // Redis is read first: a message that is saved between the two reads is in one of them.
        let unsaved = self.unsaved(user, &chats, last);
        let (settings, reindex, unsaved) =
            try_join3(self.all_chat_settings(user), reindex, unsaved).await?;
        let place = SearchFilter {
            from: search.from,
            after: search.after,
            before: search.before,
        };
        let cold = self
            .cold
            .search(&search.terms, &newest, place, last, limit, reindex.as_ref())
            .await?;

        let matching = Matching {
            user,
            search: search.clone(),
            settings,
            last,
            limit,
        };
        let matched = move || matching.page(&unsaved, cold);
        let Found {
            mut hits,
            next,
            quotes,
            unnamed,
        } = self.compute(&user.to_string(), matched).await??;
        let mine = retry(|| self.hot.other_reactions_of(user, &unnamed)).await?;
        for (place, mine) in unnamed.iter().zip(mine) {
            let is_it = |hit: &&mut SearchHit| (hit.message.id, hit.message.chat_id) == *place;
            if let Some(hit) = hits.iter_mut().find(is_it) {
                hit.my_reactions.extend(mine);
            }
        }
        self.quote_all(hits.iter_mut().map(|hit| &mut hit.message), |_| quotes)
            .await;
        Ok(SearchPage {
            hits,
            next,
            partial: reindex.is_some(),
        })
    }

    /// Returns the records of messages that SQL does not have as they are, of those of these chats
    /// that are resident and have the user as a member, before a place. It ends when they have
    /// [`ANSWER_BYTES`], and then tells where.
    async fn unsaved(
        &self,
        user: UserId,
        chats: &[ChatId],
        last: Option<MailboxPlace>,
    ) -> Result<Unsaved> {
        // Each begins strictly below that place: a look may end with its first message.
        let begin = |chat: ChatId| match last {
            None => Tick::NEVER,
            Some((id, at)) if chat < at => Tick(id.0 + 1),
            Some((id, _)) => id,
        };
        let share = (ANSWER_BYTES / chats.len().max(1)).max(SHARE);
        let mut todo: Vec<_> = chats.iter().map(|chat| (*chat, begin(*chat))).collect();
        let (mut records, mut bytes) = (Vec::new(), 0);
        // Each chat is looked at, then those that have more, so the page comes some way at least.
        loop {
            let mut unfinished = Vec::new();
            for some in todo.chunks(AT_ONCE) {
                let ask = some.iter().map(|(chat, before)| {
                    let own = Membership { chat: *chat, user };
                    let ask = move || self.hot.unsaved(own, *before, UNSAVED, share);
                    async move { retry(ask).await }
                });
                for ((chat, _), found) in some.iter().zip(try_join_all(ask).await?) {
                    // Of a chat that is not resident SQL has all; or the user left it meanwhile.
                    let Ok((found, more)) = found else { continue };
                    bytes += found.iter().map(String::len).sum::<usize>();
                    records.extend(found);
                    if more.happened() {
                        unfinished.push((*chat, more));
                    }
                }
            }
            if unfinished.is_empty() || bytes >= ANSWER_BYTES {
                let ends = unfinished.into_iter().map(|(chat, more)| (more, chat));
                return Ok(Unsaved {
                    records,
                    end: ends.max(),
                });
            }
            // Those that are saved between two reads are in SQL, which is asked later.
            todo = unfinished;
        }
    }
}

/// What SQL does not have as it is.
struct Unsaved {
    /// Records of messages.
    records: Vec<String>,
    /// The place after which there may be more; `None` when these are all.
    end: Option<MailboxPlace>,
}

/// A page of a search.
struct Found {
    hits: Vec<SearchHit>,
    /// The place where the page ends, if there may be more.
    next: Option<MailboxPlace>,
    /// The previews of unsaved messages that hits answer.
    quotes: Previews,
    /// The hits of Redis to which others reacted than they name.
    unnamed: Vec<MailboxPlace>,
}

/// A search whose messages were read: what is left takes no store, and long.
struct Matching {
    user: UserId,
    search: SearchQuery,
    settings: HashMap<ChatId, ChatSettings>,
    last: Option<MailboxPlace>,
    limit: usize,
}

impl Matching {
    /// Returns the page of these unsaved messages and of those that SQL found.
    fn page(&self, looked_at: &Unsaved, cold: cold::Found) -> Result<Found> {
        let mut unsaved = HashMap::new();
        for record in &looked_at.records {
            let stored = read_record(record)?;
            unsaved.insert(place_of(&stored), stored);
        }
        // Where SQL has more, or Redis, older messages belong to the next page.
        let end = cold.end.max(looked_at.end);
        let is_in = |place| end.is_none_or(|end| place >= end) && !unsaved.contains_key(&place);
        let mut found: Vec<StoredMessage> = cold
            .messages
            .into_iter()
            .filter(|stored| is_in(place_of(stored)))
            .collect();
        let fresh = unsaved.values();
        let fresh = fresh.filter(|stored| self.is_in_range(stored, end));
        found.extend(fresh.cloned());
        found.sort_by_key(|stored| std::cmp::Reverse(place_of(stored)));
        let mut hits = self.hits(found);
        let mut next = end;
        let mut bytes = 0;
        let fitting = hits.iter().take(self.limit).take_while(|hit| {
            let fits = bytes < ANSWER_BYTES;
            bytes += size_of(&hit.message);
            fits
        });
        let fitting = fitting.count();
        if hits.len() > fitting {
            hits.truncate(fitting);
            next = hits.last().map(|hit| (hit.message.id, hit.message.chat_id));
        }
        let quote = |hit: &SearchHit| {
            let place = (hit.message.reply_to.as_ref()?.id, hit.message.chat_id);
            Some((place, unsaved.get(&place)?.message.preview()))
        };
        let place = |hit: &SearchHit| (hit.message.id, hit.message.chat_id);
        let has_others = |place: &MailboxPlace| {
            let hot = unsaved.get(place);
            hot.is_some_and(StoredMessage::has_others)
        };
        Ok(Found {
            quotes: hits.iter().filter_map(quote).collect(),
            unnamed: hits.iter().map(place).filter(has_others).collect(),
            hits,
            next,
        })
    }

    /// True for an unsaved message that belongs to the page which ends there.
    fn is_in_range(&self, stored: &StoredMessage, end: Option<MailboxPlace>) -> bool {
        let search = &self.search;
        let (id, place) = (stored.message.id, place_of(stored));
        let sender = stored.message.sender_id;
        (!search.after.happened() || id > search.after)
            && (!search.before.happened() || id < search.before)
            && search.from.is_none_or(|from| from == sender)
            && self.last.is_none_or(|last| place < last)
            && end.is_none_or(|end| place >= end)
    }

    /// Matches messages until there are more than the page has.
    fn hits(&self, found: Vec<StoredMessage>) -> Vec<SearchHit> {
        let none = ChatSettings::default();
        let shown = found.into_iter().filter(|stored| {
            let settings = self.settings.get(&stored.message.chat_id);
            settings.unwrap_or(&none).shows(stored.message.id)
        });
        let hits = shown.filter_map(|stored| hit(&self.search.terms, self.user, stored));
        hits.take(self.limit + 1).collect()
    }
}

fn place_of(stored: &StoredMessage) -> MailboxPlace {
    (stored.message.id, stored.message.chat_id)
}

/// Matches a message as it is now: the index may know it by earlier words, or by the code of
/// another word.
fn hit(terms: &Terms, user: UserId, stored: StoredMessage) -> Option<SearchHit> {
    let segments = terms.find(&stored.message)?;
    let my_reactions = stored.reactions_of(user);
    Some(SearchHit {
        message: stored.message,
        segments,
        my_reactions,
    })
}
