//! The list of a user's chats, page by page.

use std::{cmp::Reverse, collections::HashMap};

use futures_util::{
    future::try_join,
    stream::{self, StreamExt, TryStreamExt},
};
use hot::Membership;
use model::{ChatId, ChatSettings, ChatView, Tick, UserId};

use crate::{ChatPlace, Error, Result, Store};

/// The number of chats that one request with a filter looks at.
const LOOKED_AT: usize = 500;
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
        let known = after.and_then(|at| self.walks.find(user, filter.archived, at));
        let newest = async {
            match known {
                Some(_) => Ok(Vec::new()),
                None => self.newest_chats(user).await,
            }
        };
        let (newest, settings) = try_join(newest, self.all_chat_settings(user)).await?;
        let none = ChatSettings::default();
        let is_known = known.is_some();
        let places = known.unwrap_or_else(|| {
            let mut places = places(&newest, &settings, filter.archived);
            places.sort_unstable_by_key(|place| Reverse(*place));
            places.into()
        });
        let start = after.map_or(0, |after| places.partition_point(|place| *place >= after));
        let (mut views, mut at) = (Vec::new(), start);
        while views.len() < limit && at < places.len() && at - start < LOOKED_AT {
            let some = &places[at..places.len().min(at + limit - views.len())];
            at += some.len();
            // The order may be older than what was archived or hidden.
            let views_of = some.iter().filter_map(|ChatPlace { last, chat, .. }| {
                let kept = settings.get(chat).unwrap_or(&none);
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
        let next = (at > start && at < places.len()).then(|| places[at - 1]);
        if !is_known && next.is_some() {
            self.walks.keep(user, filter.archived, &places);
        }
        Ok((views, next))
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
