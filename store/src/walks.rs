//! Orders of chats that somebody goes through page by page: a page that continues takes the order
//! of the page before it, as long as that is known, and needs not ask for the newest activity of
//! all chats again. So a chat that gets a message meanwhile keeps its place in the walk, where an
//! order made anew would have it before a page that was read already.

use std::{
    collections::VecDeque,
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
    places: Arc<[ChatPlace]>,
}

/// The orders that are known, the oldest first. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Walks(Arc<Mutex<VecDeque<Walk>>>);

impl Walks {
    /// Returns the order that a user goes through, if it is known and has this place.
    pub(crate) fn find(
        &self,
        user: UserId,
        archived: Option<bool>,
        at: ChatPlace,
    ) -> Option<Arc<[ChatPlace]>> {
        let walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |walk: &&Walk| walk.user == user && walk.archived == archived;
        let walk = walks.iter().rfind(is_it)?;
        let has_place = || walk.places.binary_search_by(|place| at.cmp(place)).is_ok();
        (walk.began.elapsed() < LIFE && has_place()).then(|| walk.places.clone())
    }

    /// Keeps an order, in the place of the one that the user went through before.
    pub(crate) fn keep(&self, user: UserId, archived: Option<bool>, places: &Arc<[ChatPlace]>) {
        let mut walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        walks.retain(|walk| {
            (walk.user, walk.archived) != (user, archived) && walk.began.elapsed() < LIFE
        });
        walks.push_back(Walk {
            user,
            archived,
            began: Instant::now(),
            places: places.clone(),
        });
        let mut all: usize = walks.iter().map(|walk| walk.places.len()).sum();
        while walks.len() > WALKS || all > PLACES {
            all -= walks.pop_front().map_or(all, |walk| walk.places.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

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

    #[tokio::test(start_paused = true)]
    async fn an_order_is_known_for_a_minute_by_its_places() {
        let (walks, user, places) = (Walks::default(), UserId::new(), order(30));
        walks.keep(user, None, &places);
        for place in places.iter() {
            assert!(walks.find(user, None, *place).is_some());
        }
        assert!(walks.find(user, Some(true), places[3]).is_none());
        assert!(walks.find(UserId::new(), None, places[3]).is_none());
        assert!(walks.find(user, None, order(1)[0]).is_none()); // of another order
        walks.keep(user, None, &order(5));
        assert!(walks.find(user, None, places[3]).is_none());
        walks.keep(user, None, &places);
        tokio::time::advance(LIFE).await;
        assert!(walks.find(user, None, places[3]).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_orders_give_way() {
        let (walks, first) = (Walks::default(), UserId::new());
        let places = order(PLACES / 8);
        walks.keep(first, None, &places);
        for _ in 0..7 {
            walks.keep(UserId::new(), None, &places);
        }
        assert!(walks.find(first, None, places[0]).is_some());
        walks.keep(UserId::new(), None, &places);
        assert!(walks.find(first, None, places[0]).is_none());
        for _ in 0..2 * WALKS {
            walks.keep(UserId::new(), None, &order(1));
        }
        assert!(walks.0.lock().expect("no test panics").len() <= WALKS);
    }
}
