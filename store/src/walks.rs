//! Orders of chats that somebody goes through page by page: a page that continues takes the order
//! of the page before it, as long as that is known, and needs not ask for the newest activity of
//! all chats again. So a chat that gets a message meanwhile keeps its place in the walk, where an
//! order made anew would have it before a page that was read already. Of the first page only the
//! places on it may be known: then all others follow, in their order of a later moment.

use std::{
    cmp::Reverse,
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::{ChatId, Tick, UserId};
use tokio::time::Instant;

/// The time after which an order is made anew.
const LIFE: Duration = Duration::from_secs(60);
/// The orders that are kept at the most, and the places in all of them.
const WALKS: usize = 64;
const PLACES: usize = 200_000;

/// The place of a chat in a list; the highest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChatPlace {
    /// True when the chat is pinned: such chats come before the others.
    pub pinned: bool,
    /// The id of its newest message.
    pub last: Tick,
    /// The chat.
    pub chat: ChatId,
}

/// The order of the chats, archived ones or others or both, that a user goes through.
struct Walk {
    user: UserId,
    archived: Option<bool>,
    began: Instant,
    part: WalkPart,
}

/// What is known of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WalkPart {
    /// The places on the first page.
    First(Arc<[ChatPlace]>),
    /// All places.
    Whole(Arc<[ChatPlace]>),
}

impl WalkPart {
    fn places(&self) -> &Arc<[ChatPlace]> {
        let (Self::First(places) | Self::Whole(places)) = self;
        places
    }
}

/// The orders that are known, the oldest first. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Walks(Arc<Mutex<VecDeque<Walk>>>);

impl Walks {
    /// Returns the order that a user goes through, as far as it is known, if it has this place.
    pub(crate) fn find(
        &self,
        user: UserId,
        archived: Option<bool>,
        at: ChatPlace,
    ) -> Option<WalkPart> {
        let walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |walk: &&Walk| walk.user == user && walk.archived == archived;
        let walk = walks.iter().rfind(is_it)?;
        let places = walk.part.places();
        let has_place = || places.binary_search_by(|place| at.cmp(place)).is_ok();
        (walk.began.elapsed() < LIFE && has_place()).then(|| walk.part.clone())
    }

    /// Keeps an order, in the place of the one that the user went through before.
    pub(crate) fn keep(&self, user: UserId, archived: Option<bool>, part: WalkPart) {
        let mut walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        walks.retain(|walk| {
            (walk.user, walk.archived) != (user, archived) && walk.began.elapsed() < LIFE
        });
        walks.push_back(Walk {
            user,
            archived,
            began: Instant::now(),
            part,
        });
        let mut all: usize = walks.iter().map(|walk| walk.part.places().len()).sum();
        while walks.len() > WALKS || all > PLACES {
            all -= walks
                .pop_front()
                .map_or(all, |walk| walk.part.places().len());
        }
    }
}

/// Puts all others after the places of the first page, given all chats as they are later, highest
/// place first. A chat that would be on that page by now, and was not, comes next.
pub(crate) fn continued(first: &[ChatPlace], later: Vec<ChatPlace>) -> Vec<ChatPlace> {
    let Some(end) = first.last() else {
        return later;
    };
    let shown: HashSet<ChatId> = first.iter().map(|place| place.chat).collect();
    let next = |place: ChatPlace| match place > *end {
        true => ChatPlace {
            pinned: end.pinned,
            last: Tick(end.last.0 - 1),
            ..place
        },
        false => place,
    };
    let others = later.into_iter().filter(|one| !shown.contains(&one.chat));
    let mut others: Vec<_> = others.map(next).collect();
    others.sort_unstable_by_key(|place| Reverse(*place));
    first.iter().copied().chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(chats: usize) -> Arc<[ChatPlace]> {
        let mut places: Vec<_> = (0..chats)
            .map(|at| ChatPlace {
                pinned: at % 7 == 0,
                last: Tick(at as i64),
                chat: ChatId::new(),
            })
            .collect();
        places.sort_unstable_by_key(|place| Reverse(*place));
        places.into()
    }

    fn whole(places: &Arc<[ChatPlace]>) -> WalkPart {
        WalkPart::Whole(Arc::clone(places))
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_is_known_for_a_minute_by_its_places() {
        let (walks, user, places) = (Walks::default(), UserId::new(), order(30));
        walks.keep(user, None, whole(&places));
        for place in places.iter() {
            assert!(walks.find(user, None, *place).is_some());
        }
        assert!(walks.find(user, Some(true), places[3]).is_none());
        assert!(walks.find(UserId::new(), None, places[3]).is_none());
        assert!(walks.find(user, None, order(1)[0]).is_none()); // of another order
        walks.keep(user, None, whole(&order(5)));
        assert!(walks.find(user, None, places[3]).is_none());
        walks.keep(user, None, whole(&places));
        tokio::time::advance(LIFE).await;
        assert!(walks.find(user, None, places[3]).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_orders_give_way() {
        let (walks, first) = (Walks::default(), UserId::new());
        let places = order(PLACES / 8);
        walks.keep(first, None, whole(&places));
        for _ in 0..7 {
            walks.keep(UserId::new(), None, whole(&places));
        }
        assert!(walks.find(first, None, places[0]).is_some());
        walks.keep(UserId::new(), None, whole(&places));
        assert!(walks.find(first, None, places[0]).is_none());
        for _ in 0..2 * WALKS {
            walks.keep(UserId::new(), None, whole(&order(1)));
        }
        assert!(walks.0.lock().expect("no test panics").len() <= WALKS);
    }

    #[test]
    fn what_was_not_on_the_first_page_comes_once_after_it() {
        let all = order(30);
        let first = &all[..4];
        assert_eq!(continued(first, all.to_vec()), all.to_vec());
        // One of the others moves up, and one of the page moves down.
        let mut later = all.to_vec();
        later[20].last = Tick(1000);
        later[20].pinned = true;
        later[2].pinned = false;
        later[2].last = Tick(0);
        later.sort_unstable_by_key(|place| Reverse(*place));
        let places = continued(first, later);
        assert_eq!(places[..4], *first);
        assert_eq!(places[4].chat, all[20].chat);
        assert!(places.is_sorted_by(|one, next| one > next), "{places:?}");
        let chats = |places: &[ChatPlace]| -> HashSet<ChatId> {
            places.iter().map(|place| place.chat).collect()
        };
        assert_eq!(places.len(), all.len());
        assert_eq!(chats(&places), chats(&all));
    }
}
