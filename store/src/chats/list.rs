//! The list of a user's chats, page by page.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use futures_util::{
    future::try_join,
    stream::{self, StreamExt, TryStreamExt},
};
use hot::{Membership, OrderReading};
use model::{ChatId, ChatSettings, ChatView, Tick, UserId};

use crate::{
    ChatPlace, Error, Result, Store,
    chats::{order::Look, settings::settings_of},
    walks::{WalkPart, continued},
};

/// The number of chats that one request with a filter looks at.
const LOOKED_AT: usize = 500;
/// The number of times that more of an order is read for a first page.
const STEPS: usize = 3;
/// The number of chats of an order, besides those that are marked, that are read at the most.
const FURTHER: usize = 150;
/// The number of chats that are read at once: each comes with all its members.
const AT_ONCE: usize = 16;

/// The chats that a list is asked for; `None` asks for both kinds.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChatFilter {
    /// True for archived chats, false for the others.
    pub archived: Option<bool>,
    /// True for chats with something unread, false for the others.
    pub unread: Option<bool>,
}

/// The order of a user's chats.
struct Order {
    /// The places, highest first.
    places: Arc<[ChatPlace]>,
    /// The settings of those that have any.
    settings: HashMap<ChatId, ChatSettings>,
    /// True when it is the order that the user goes through already.
    is_known: bool,
    /// True when there are, or may be, others after these.
    has_others: bool,
}

impl Store {
    /// Returns up to `limit` of a user's chats, pinned ones first, then by their newest activity,
    /// after the place where the previous page ended; and the place where this page ends. A short
    /// page is not the end: an absent place is.
    ///
    /// # Errors
    /// [`Error::NoUser`] when the user does not exist.
    pub async fn list(
        &self,
        user: UserId,
        filter: ChatFilter,
        after: Option<ChatPlace>,
        limit: usize,
    ) -> Result<(Vec<ChatView>, Option<ChatPlace>)> {
        let order = self.order_of(user, filter, after, limit).await?;
        let (places, none) = (&order.places, ChatSettings::default());
        let start = after.map_or(0, |after| places.partition_point(|place| *place >= after));
        let (mut views, mut at) = (Vec::new(), start);
        while views.len() < limit && at < places.len() && at - start < LOOKED_AT {
            let some = &places[at..places.len().min(at + limit - views.len())];
            at += some.len();
            // The order may be older than what was archived or hidden.
            let views_of = some.iter().filter_map(|ChatPlace { last, chat, .. }| {
                let kept = order.settings.get(chat).unwrap_or(&none);
                is_asked(kept, filter.archived, *last)
                    .then(|| self.view_if_in(Membership { chat: *chat, user }, kept.clone()))
            });
            let found: Vec<_> = stream::iter(views_of.collect::<Vec<_>>())
                .buffered(AT_ONCE)
                .try_collect()
                .await?;
            views.extend(
                found
                    .into_iter()
                    .flatten()
                    .filter(|view| filter.unread.is_none_or(|unread| unread == is_unread(view))),
            );
        }
        let has_more = at < places.len() || order.has_others;
        let next = (at > start && has_more).then(|| places[at - 1]);
        if !order.is_known && next.is_some() {
            let part = match order.has_others {
                true => WalkPart::First(places[..at].into()),
                false => WalkPart::Whole(places.clone()),
            };
            self.walks.keep(user, filter.archived, part);
        }
        Ok((views, next))
    }

    /// Returns the order of the chats that are asked for, or its beginning where that is enough.
    async fn order_of(
        &self,
        user: UserId,
        filter: ChatFilter,
        after: Option<ChatPlace>,
        limit: usize,
    ) -> Result<Order> {
        let known = after.and_then(|at| self.walks.find(user, filter.archived, at));
        if let Some(WalkPart::Whole(places)) = known {
            return Ok(Order {
                places,
                settings: self.all_chat_settings(user).await?,
                is_known: true,
                has_others: false,
            });
        }
        // Few chats are archived, or have something unread: they may be anywhere.
        let mut reading = None;
        if after.is_none() && filter.archived != Some(true) && filter.unread.is_none() {
            match self.first_places(user, filter.archived, limit).await? {
                Ok(first) => return Ok(first),
                Err(of_all) => reading = of_all,
            }
        }
        let newest = self.newest_chats(user, reading);
        let (newest, settings) = try_join(newest, self.all_chat_settings(user)).await?;
        let mut places = places(&newest, &settings, filter.archived);
        places.sort_unstable_by_key(|place| Reverse(*place));
        if let Some(WalkPart::First(first)) = known {
            places = continued(&first, places);
        }
        Ok(Order {
            places: places.into(),
            settings,
            is_known: false,
            has_others: false,
        })
    }

    /// Returns the first places of a user's chats, at least `limit` unless that are all, without a
    /// look at most of the others: in the order of Redis, none has a newer message than its score
    /// says. When too many chats would have to be asked, the moment at which the order told so.
    ///
    /// The method is the threshold algorithm (Fagin, Lotem, Naor: Optimal aggregation algorithms
    /// for middleware, 2001), with one list.
    async fn first_places(
        &self,
        user: UserId,
        archived: Option<bool>,
        limit: usize,
    ) -> Result<std::result::Result<Order, Option<OrderReading>>> {
        let (mut asked, mut more) = (HashMap::new(), 2 * limit + 8);
        for _ in 0..STEPS {
            let top = match self.top_chats(user, more.min(FURTHER)).await? {
                Look::Top(top) => top,
                Look::All(reading) => return Ok(Err(reading)),
            };
            let present = || {
                let chats = top.chats.iter().map(|chat| chat.listed);
                chats.filter(|listed| !listed.left.happened())
            };
            let new: Vec<ChatId> = present()
                .map(|listed| listed.chat)
                .filter(|chat| !asked.contains_key(chat))
                .collect();
            asked.extend(self.ask_any(&new, Some(top.reading)).await?);
            self.repair(user, top.reading, &top.chats, &asked).await;
            let settings = settings_of(&top.chats)?;
            let last = |chat: ChatId| asked.get(&chat).map_or(Tick::NEVER, |ticks| ticks.last);
            let newest: Vec<_> = present()
                .map(|listed| (last(listed.chat), listed.chat))
                .collect();
            let mut places = places(&newest, &settings, archived);
            places.sort_unstable_by_key(|place| Reverse(*place));
            let is_before_others =
                |place: &ChatPlace| place.pinned || top.rest.is_none_or(|rest| place.last > rest);
            let sure = places.partition_point(is_before_others);
            if sure >= limit || top.rest.is_none() {
                let has_others = top.rest.is_some() || sure < places.len();
                places.truncate(sure);
                return Ok(Ok(Order {
                    places: places.into(),
                    settings,
                    is_known: false,
                    has_others,
                }));
            }
            more *= 4;
        }
        Ok(Err(None))
    }

    /// Returns the chat, or `None` when the user left it meanwhile.
    async fn view_if_in(
        &self,
        membership: Membership,
        settings: ChatSettings,
    ) -> Result<Option<ChatView>> {
        match self.view_as(membership, &settings).await {
            Ok(view) => Ok(Some(view)),
            Err(Error::NoChat) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Returns the places of the chats that are asked for and not hidden, in the order of `newest`.
fn places(
    newest: &[(Tick, ChatId)],
    settings: &HashMap<ChatId, ChatSettings>,
    archived: Option<bool>,
) -> Vec<ChatPlace> {
    let none = ChatSettings::default();
    let place = |(last, chat): &(Tick, ChatId)| {
        let settings = settings.get(chat).unwrap_or(&none);
        is_asked(settings, archived, *last).then_some(ChatPlace {
            pinned: settings.pinned,
            last: *last,
            chat: *chat,
        })
    };
    newest.iter().filter_map(place).collect()
}

/// True for a chat with these settings and this newest message that is asked for and not hidden.
fn is_asked(settings: &ChatSettings, archived: Option<bool>, last: Tick) -> bool {
    archived.is_none_or(|archived| archived == settings.archived) && settings.is_listed(last)
}

fn is_unread(view: &ChatView) -> bool {
    view.unread_count > 0 || view.preferences.marked_unread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_chats_come_first_then_the_newest() {
        let chats: Vec<ChatId> = (0..4).map(|_| ChatId::new()).collect();
        let newest: Vec<_> = chats
            .iter()
            .enumerate()
            .map(|(at, chat)| (Tick(10 - at as i64), *chat))
            .collect();
        let settings = HashMap::from([
            (
                chats[2],
                ChatSettings {
                    pinned: true,
                    ..ChatSettings::default()
                },
            ),
            (
                chats[1],
                ChatSettings {
                    archived: true,
                    ..ChatSettings::default()
                },
            ),
            (
                chats[3],
                ChatSettings {
                    hidden_until: Tick(7),
                    ..ChatSettings::default()
                },
            ),
        ]);
        let listed = |archived| {
            let mut places = places(&newest, &settings, archived);
            places.sort_unstable_by_key(|place| Reverse(*place));
            places.iter().map(|place| place.chat).collect::<Vec<_>>()
        };
        assert_eq!(listed(None), [chats[2], chats[0], chats[1]]);
        assert_eq!(listed(Some(true)), [chats[1]]);
        assert_eq!(listed(Some(false)), [chats[2], chats[0]]);
    }

    #[test]
    fn chats_of_one_tick_have_an_order() {
        let (low, high) = (ChatId::LOWEST, ChatId::new());
        let place = |pinned, last, chat| ChatPlace {
            pinned,
            last: Tick(last),
            chat,
        };
        assert!(place(false, 5, high) > place(false, 5, low));
        assert!(place(false, 6, low) > place(false, 5, high));
        assert!(place(true, 1, low) > place(false, 9, high));
    }
}
