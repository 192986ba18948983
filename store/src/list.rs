//! The list of a user's chats.

use std::{cmp::Reverse, collections::HashMap};

use futures_util::future::{try_join, try_join_all};
use hot::Own;
use model::{ChatId, ChatView, OwnChat, Tick, UserId};

use crate::{Error, Result, Store};

/// How many chats one request looks at, when it is picky.
const LOOKED_AT: usize = 500;

/// Which chats are asked for; `None`: both kinds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Put away, or not.
    pub archived: Option<bool>,
    /// With something unread, or without.
    pub unread: Option<bool>,
}

/// Where a chat stands in a list: the highest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Before all that are not.
    pub pinned: bool,
    /// The id of its newest message.
    pub last: Tick,
    /// Which chat.
    pub chat: ChatId,
}

impl Store {
    /// Up to `limit` of a user's chats, pinned ones first, then by their newest activity, after the place where the last page ended; and where this
    /// one does. A short page is not the end: an absent place is.
    pub async fn list(&self, user: UserId, filter: Filter, after: Option<Place>, limit: usize) -> Result<(Vec<ChatView>, Option<Place>)> {
        let (newest, kept) = try_join(self.newest_chats(user), self.own_chats(user)).await?;
        let kept_of = |chat| kept.get(&chat).cloned().unwrap_or_default();
        let mut places = places(&newest, &kept, filter.archived);
        places.sort_unstable_by_key(|place| Reverse(*place));
        let start = after.map_or(0, |after| places.partition_point(|place| *place >= after));
        let (mut views, mut at) = (Vec::new(), start);
        while views.len() < limit && at < places.len() && at - start < LOOKED_AT {
            let some = &places[at..places.len().min(at + limit - views.len())];
            at += some.len();
            let found = try_join_all(some.iter().map(|place| self.view_if_in(Own { chat: place.chat, user }, kept_of(place.chat)))).await?;
            views.extend(found.into_iter().flatten().filter(|view| filter.unread.is_none_or(|unread| unread == is_unread(view))));
        }
        let next = (at > start && at < places.len()).then(|| places[at - 1]);
        Ok((views, next))
    }

    /// `None`: they left while we looked.
    async fn view_if_in(&self, own: Own, kept: OwnChat) -> Result<Option<ChatView>> {
        match self.view_as(own, &kept).await {
            Ok(view) => Ok(Some(view)),
            Err(Error::NoChat) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn places(newest: &[(Tick, ChatId)], kept: &HashMap<ChatId, OwnChat>, archived: Option<bool>) -> Vec<Place> {
    let none = OwnChat::default();
    let place = |(last, chat): &(Tick, ChatId)| {
        let kept = kept.get(chat).unwrap_or(&none);
        let asked = archived.is_none_or(|archived| archived == kept.archived) && kept.is_listed(*last);
        asked.then_some(Place { pinned: kept.pinned, last: *last, chat: *chat })
    };
    newest.iter().filter_map(place).collect()
}

fn is_unread(view: &ChatView) -> bool {
    view.unread_count > 0 || view.preferences.marked_unread
}
