//! Search over the whole history of one's chats, what is not saved yet included.

use std::collections::HashMap;

use cold::Where;
use futures_util::future::{try_join, try_join_all};
use hot::{Own, Refusal};
use model::{ChatId, Message, OwnChat, Segment, Stored, Terms, Tick, UserId, reactions_of};

use crate::{BoxPlace, Result, Store, again::again, message::read_record};

/// How many of a chat's unsaved messages are looked at; there are more only while SQL is down.
const UNSAVED: usize = 2000;
/// How many chats are asked for theirs at once.
const AT_ONCE: usize = 64;

/// What to look for, and where.
#[derive(Clone, Debug)]
pub struct Search {
    /// All of these.
    pub terms: Terms,
    /// Only in this chat.
    pub chat: Option<ChatId>,
    /// Only what this user wrote.
    pub from: Option<UserId>,
    /// Only what is later; `NEVER`: all.
    pub after: Tick,
    /// Only what is earlier; `NEVER`: all.
    pub before: Tick,
}

/// A message that was found.
#[derive(Clone, Debug)]
pub struct Hit {
    /// As it is now.
    pub message: Message,
    /// Its body around the first place where it was found.
    pub segments: Vec<Segment>,
    /// With what the searcher reacted to it.
    pub my_reactions: Vec<String>,
}

impl Store {
    /// Up to `limit` messages that have all the terms, newest first, before the place where the last page ended; and where this one does. A short page is
    /// not the end: an absent place is.
    ///
    /// # Errors
    /// [`crate::Error::NoChat`] for a chat that is not the searcher's.
    pub async fn search(
        &self,
        user: UserId,
        search: &Search,
        last: Option<BoxPlace>,
        limit: usize,
    ) -> Result<(Vec<Hit>, Option<BoxPlace>)> {
        let chats = async {
            match search.chat {
                Some(chat) => self.view_row(Own { chat, user }).await.map(|_| vec![chat]),
                None => Ok(self.newest_chats(user).await?.into_iter().map(|(_, chat)| chat).collect()),
            }
        };
        let (chats, kept) = try_join(chats, self.own_chats(user)).await?;
        // Hot first: what is saved between the two reads is in one of them.
        let unsaved = self.unsaved(user, &chats).await?;
        let place = Where { from: search.from, after: search.after, before: search.before };
        let cold = self.cold.search(&search.terms, &chats, place, last, limit as u64).await?;

        // When SQL has more, whatever is older than its last is for the next page.
        let end = cold.last().filter(|_| cold.len() == limit).map(place_of);
        let in_range = |stored: &Stored| {
            let (id, place) = (stored.message.id, place_of(stored));
            (!search.after.happened() || id > search.after)
                && (!search.before.happened() || id < search.before)
                && search.from.is_none_or(|from| from == stored.message.sender_id)
                && last.is_none_or(|last| place < last)
                && end.is_none_or(|end| place >= end)
        };
        let mut found: Vec<Stored> = cold.into_iter().filter(|stored| !unsaved.contains_key(&place_of(stored))).collect();
        found.extend(unsaved.into_values().filter(in_range));
        found.sort_by_key(|stored| std::cmp::Reverse(place_of(stored)));
        let none = OwnChat::default();
        let hits = found.into_iter().filter(|stored| kept.get(&stored.message.chat_id).unwrap_or(&none).shows(stored.message.id));
        let mut hits: Vec<Hit> = hits.filter_map(|stored| hit(&search.terms, user, stored)).take(limit + 1).collect();
        if hits.len() > limit {
            hits.truncate(limit);
            let next = hits.last().map(|hit| (hit.message.id, hit.message.chat_id));
            return Ok((hits, next));
        }
        Ok((hits, end))
    }

    /// What SQL does not have as it is, of those of these chats that are resident and the user's.
    async fn unsaved(&self, user: UserId, chats: &[ChatId]) -> Result<HashMap<BoxPlace, Stored>> {
        let mut found = HashMap::new();
        for some in chats.chunks(AT_ONCE) {
            let ask = some.iter().map(|chat| again(|| self.hot.unsaved(Own { chat: *chat, user }, UNSAVED)));
            for records in try_join_all(ask).await? {
                let records = match records {
                    Ok(records) => records,
                    Err(Refusal::Cold | Refusal::Forbidden | Refusal::Blocked) => continue, // SQL has all of it; or they left meanwhile
                };
                for record in records {
                    let stored = read_record(&record)?;
                    found.insert(place_of(&stored), stored);
                }
            }
        }
        Ok(found)
    }
}

fn place_of(stored: &Stored) -> BoxPlace {
    (stored.message.id, stored.message.chat_id)
}

/// The index may know a message by words that it had before, or by the code of another word: what it says now counts.
fn hit(terms: &Terms, user: UserId, stored: Stored) -> Option<Hit> {
    let segments = terms.find(&stored.message)?;
    let my_reactions = reactions_of(user, stored.beside().trim_start());
    Some(Hit { message: stored.message, segments, my_reactions })
}
