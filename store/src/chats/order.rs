//! The chats of a user by their order: those that may have changed since a tick, and the newest,
//! without a look at the others. Whoever reads an order repairs it: chats that were asked and are
//! at rest are marked no longer.

use std::{cmp::Reverse, collections::HashMap};

use hot::{ListedChat, OrderLook, OrderReading, OrderedChat, OrderedChats, Refusal};
use model::{ChatId, PrivateKey, PrivateRow, Tick, UserId};

use futures_util::future::try_join;

use crate::{Error, Result, Store, residency::retry};

/// The ticks of a chat, wherever it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct AskedTicks {
    /// The tick of the last change.
    pub(super) changed: Tick,
    /// The id of the newest message.
    pub(super) last: Tick,
    /// True when the chat changes no more before its members are marked anew.
    pub(super) is_at_rest: bool,
}

/// The outcome of a look at an order.
pub(super) enum Look {
    /// The chats at its top.
    Top(OrderedChats),
    /// All chats have to be asked; with the moment at which the order told that they are too many.
    All(Option<OrderReading>),
}

/// Chats of a user's list.
pub(super) struct OwnChats {
    /// The chats, with the settings for them.
    pub(super) chats: Vec<OrderedChat>,
    /// The moment at which the order told them; `None` when it did not.
    pub(super) reading: Option<OrderReading>,
}

impl Store {
    /// Returns the chats of a user that may have changed after `since`, perhaps with others; or
    /// just `only` this one, if it is in the list.
    pub(super) async fn chats_since(
        &self,
        user: UserId,
        since: Tick,
        only: Option<ChatId>,
    ) -> Result<OwnChats> {
        if let Some(chat) = only {
            loop {
                match retry(|| self.hot.own_chat(user, chat)).await? {
                    Ok(found) => {
                        return Ok(OwnChats {
                            chats: found.into_iter().collect(),
                            reading: None,
                        });
                    }
                    Err(_) if self.hydrate_user(user).await? => {}
                    Err(_) => return Err(Error::NoUser),
                }
            }
        }
        let from = self.ordered_from;
        let look = || self.hot.chats_since(user, since, from);
        Ok(match self.look(user, look).await? {
            Look::Top(top) => OwnChats {
                chats: top.chats,
                reading: Some(top.reading),
            },
            Look::All(reading) => OwnChats {
                chats: self.all_chats(user).await?,
                reading,
            },
        })
    }

    /// Returns the chats of a user that are marked or pinned, and the first `more` of the others.
    pub(super) async fn top_chats(&self, user: UserId, more: usize) -> Result<Look> {
        let from = self.ordered_from;
        self.look(user, || self.hot.top_chats(user, more, from))
            .await
    }

    /// Looks at the order of a user's chats.
    async fn look<F>(&self, user: UserId, look: impl Fn() -> F) -> Result<Look>
    where
        F: Future<Output = hot::Result<std::result::Result<OrderLook, Refusal>>>,
    {
        if Tick::now() < self.ordered_from {
            return Ok(Look::All(None));
        }
        loop {
            match retry(&look).await? {
                Ok(OrderLook::Top(top)) => return Ok(Look::Top(top)),
                Ok(OrderLook::Many(reading)) => return Ok(Look::All(Some(reading))),
                Err(_) if self.hydrate_user(user).await? => {}
                Err(_) => return Err(Error::NoUser),
            }
        }
    }

    /// Returns all chats of a user's list.
    async fn all_chats(&self, user: UserId) -> Result<Vec<OrderedChat>> {
        let (listed, rows) = try_join(self.listed(user), self.settings_of_chats(user)).await?;
        let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.key, row)).collect();
        let with_settings = |listed: ListedChat| {
            let key = PrivateKey::Chat(listed.chat);
            let none = || PrivateRow {
                key,
                rev: Tick::NEVER,
                value: String::new(),
            };
            OrderedChat {
                listed,
                settings: rows.remove(&key).unwrap_or_else(none),
                is_marked: true,
            }
        };
        Ok(listed.into_iter().map(with_settings).collect())
    }

    /// Returns a user's chats with the tick of their newest activity, newest first: all are asked.
    /// `reading`: that of the order which told that they are too many.
    pub(crate) async fn newest_chats(
        &self,
        user: UserId,
        reading: Option<OrderReading>,
    ) -> Result<Vec<(Tick, ChatId)>> {
        let listed = self.listed(user).await?;
        let (left, present): (Vec<&ListedChat>, Vec<&ListedChat>) =
            listed.iter().partition(|listed| listed.left.happened());
        let present: Vec<ChatId> = present.into_iter().map(|listed| listed.chat).collect();
        let asked = self.ask_any(&present, reading).await?;
        if let Some(reading) = reading.filter(|reading| reading.can_unmark) {
            let at_rest = asked.iter().filter(|(_, ticks)| ticks.is_at_rest);
            let at_rest = at_rest.map(|(chat, ticks)| (*chat, ticks.changed));
            let left = left.into_iter().map(|listed| (listed.chat, listed.rev));
            self.unmark(user, reading, &left.chain(at_rest).collect::<Vec<_>>())
                .await;
        }
        let last = |chat: ChatId| asked.get(&chat).map_or(Tick::NEVER, |ticks| ticks.last);
        let mut newest: Vec<_> = present.iter().map(|chat| (last(*chat), *chat)).collect();
        newest.sort_unstable_by_key(|newest| Reverse(*newest));
        Ok(newest)
    }

    /// Asks chats for their ticks.
    pub(super) async fn ask_any(
        &self,
        chats: &[ChatId],
        reading: Option<OrderReading>,
    ) -> Result<HashMap<ChatId, AskedTicks>> {
        let (mut asked, elsewhere) = self.ask_resident(chats, reading).await?;
        if !elsewhere.is_empty() {
            let saved = self.cold.chat_ticks(&elsewhere).await?;
            asked.extend(saved.into_iter().map(of_saved));
        }
        Ok(asked)
    }

    /// Asks the chats that are resident for their ticks, and returns those that are not, too. If
    /// marks can be taken away, chats that are quiet come to rest.
    pub(super) async fn ask_resident(
        &self,
        chats: &[ChatId],
        reading: Option<OrderReading>,
    ) -> Result<(HashMap<ChatId, AskedTicks>, Vec<ChatId>)> {
        let puts_at_rest = reading.is_some_and(|reading| reading.can_unmark);
        let ticks = retry(|| self.hot.row_ticks(chats, puts_at_rest)).await?;
        let (mut asked, mut elsewhere) = (HashMap::new(), Vec::new());
        for (chat, ticks) in chats.iter().zip(ticks) {
            match ticks {
                None => elsewhere.push(*chat),
                Some(ticks) => drop(asked.insert(
                    *chat,
                    AskedTicks {
                        changed: ticks.clock,
                        last: ticks.last,
                        is_at_rest: ticks.is_at_rest,
                    },
                )),
            }
        }
        Ok((asked, elsewhere))
    }

    /// Takes the marks of chats away that have been asked, as far as they are at rest and the marks
    /// are old enough.
    pub(super) async fn repair(
        &self,
        user: UserId,
        reading: OrderReading,
        chats: &[OrderedChat],
        asked: &HashMap<ChatId, AskedTicks>,
    ) {
        if !reading.can_unmark {
            return;
        }
        let marked = chats.iter().filter(|chat| chat.is_marked);
        let at_rest = marked.filter_map(|OrderedChat { listed, .. }| {
            let tick = match listed.left.happened() {
                true => listed.rev,
                false => {
                    asked
                        .get(&listed.chat)
                        .filter(|ticks| ticks.is_at_rest)?
                        .changed
                }
            };
            Some((listed.chat, tick))
        });
        self.unmark(user, reading, &at_rest.collect::<Vec<_>>())
            .await;
    }

    /// Takes marks away. If that fails they stay, and the chats are asked again.
    async fn unmark(&self, user: UserId, reading: OrderReading, chats: &[(ChatId, Tick)]) {
        if let Err(error) = self.hot.unmark(user, reading, chats).await {
            tracing::debug!(%error, user.id = %user, "could not take marks away");
        }
    }
}

/// Returns the ticks of a chat that is in SQL alone, and so at rest: before a change it is
/// hydrated, and its members are marked.
pub(super) fn of_saved((chat, ticks): (ChatId, cold::ChatTicks)) -> (ChatId, AskedTicks) {
    let cold::ChatTicks { changed, last } = ticks;
    let is_at_rest = true;
    let asked = AskedTicks {
        changed,
        last,
        is_at_rest,
    };
    (chat, asked)
}
