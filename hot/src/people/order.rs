//! The order of a user's chats: which of them may have changed since a tick, and which are the
//! newest, without a look at the others.

use fred::types::Value;
use model::{ChatId, PrivateKey, PrivateRow, Tick, UserId};

use super::{ListedChat, read_listed, read_private_row};
use crate::wire::{Hot, Refusal, Reply, Result, arg, parse, refusal, text, verbs};

/// The score above which there are only marks: no tick is so high.
const MARKS: Tick = Tick(4_000_000_000_000_000);
/// The number of chats that one call reads at the most, but for the further ones.
const AT_ONCE: usize = 250;
/// The number of chats that one call puts into an order, about.
const MADE_AT_ONCE: usize = 500;
/// The number of marks that one call takes away.
const UNMARKED_AT_ONCE: usize = 200;

/// A chat in the order of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderedChat {
    /// The chat as the user's list has it.
    pub listed: ListedChat,
    /// The user's settings for it; without a value and with a rev of `NEVER` when there are none.
    pub settings: PrivateRow,
    /// True when the chat may have changed at any time.
    pub is_marked: bool,
}

/// The moment at which an order was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderReading {
    /// The time by the clock of the user's node.
    pub at: Tick,
    /// True when there are marks that are old enough to be taken away.
    pub can_unmark: bool,
}

/// The chats that an order has at its top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderedChats {
    /// The moment at which they were read.
    pub reading: OrderReading,
    /// The highest score of the others, which none of their ticks is above; `None` when there are
    /// no others.
    pub rest: Option<Tick>,
    /// The chats.
    pub chats: Vec<OrderedChat>,
}

/// The outcome of a look at an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderLook {
    /// The chats that were asked for.
    Top(OrderedChats),
    /// There are too many to be read at once.
    Many(OrderReading),
}

impl Hot {
    /// Reads the chats of a user that may have changed after `since`.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn chats_since(
        &self,
        user: UserId,
        since: Tick,
        from: Tick,
    ) -> Result<std::result::Result<OrderLook, Refusal>> {
        self.look(user, from, |known| verbs::OrderedChats {
            user,
            since,
            more: 0,
            most: AT_ONCE,
            with_pinned: false,
            from,
            known,
            about: vec![],
        })
        .await
    }

    /// Reads the chats of a user that are marked or pinned, and the first `more` of the others.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn top_chats(
        &self,
        user: UserId,
        more: usize,
        from: Tick,
    ) -> Result<std::result::Result<OrderLook, Refusal>> {
        self.look(user, from, |known| verbs::OrderedChats {
            user,
            since: MARKS,
            more,
            most: AT_ONCE,
            with_pinned: true,
            from,
            known,
            about: vec![],
        })
        .await
    }

    /// Reads one chat of a user's list; `None` when it is not there.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn own_chat(
        &self,
        user: UserId,
        chat: ChatId,
    ) -> Result<std::result::Result<Option<OrderedChat>, Refusal>> {
        let reply = self
            .run(verbs::OrderedChats {
                user,
                since: Tick::NEVER,
                more: 0,
                most: 0,
                with_pinned: false,
                from: Tick::NEVER,
                known: arg(""),
                about: vec![arg(chat)],
            })
            .await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        Ok(Ok(read_chats(reply)?.pop()))
    }

    /// Looks at an order, which is made before if there is none that was made since `from` and can
    /// be relied upon.
    async fn look(
        &self,
        user: UserId,
        from: Tick,
        call: impl Fn(Value) -> verbs::OrderedChats,
    ) -> Result<std::result::Result<OrderLook, Refusal>> {
        loop {
            let asked = self.history.ask(self);
            let known = self.history.known(asked).unwrap_or_default();
            let mut reply = self.run(call(arg(known))).await?;
            let reading = |reply: &mut Reply| {
                self.history.learn(asked, reply.text(3)?);
                Ok(OrderReading {
                    at: reply.tick(1)?,
                    can_unmark: reply.number(2)? == 1,
                })
            };
            match reply.word() {
                "OK" => {
                    let (reading, rest) = (reading(&mut reply)?, reply.text(4)?);
                    return Ok(Ok(OrderLook::Top(OrderedChats {
                        reading,
                        rest: rest.parse().ok().map(Tick),
                        chats: read_chats(reply)?,
                    })));
                }
                "MANY" => return Ok(Ok(OrderLook::Many(reading(&mut reply)?))),
                "UNMADE" => {
                    if let Err(refusal) = self.make_order(user, from).await? {
                        return Ok(Err(refusal));
                    }
                }
                _ => return refusal(&reply),
            }
        }
    }

    /// Makes the order of a user's chats, all of them marked.
    async fn make_order(
        &self,
        user: UserId,
        from: Tick,
    ) -> Result<std::result::Result<(), Refusal>> {
        tracing::debug!(user.id = %user, %from, "making the order of the chats");
        let mut place = "chats 0".to_owned();
        while !place.is_empty() {
            let mut reply = self
                .run(verbs::MakeOrder {
                    user,
                    place: arg(&place),
                    most: MADE_AT_ONCE,
                })
                .await?;
            if reply.word() != "OK" {
                return refusal(&reply);
            }
            place = reply.text(1)?;
        }
        Ok(Ok(()))
    }

    /// Takes the marks of these chats away, which were at rest when they were asked after this
    /// reading: each has the tick of its last change.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn unmark(
        &self,
        user: UserId,
        reading: OrderReading,
        chats: &[(ChatId, Tick)],
    ) -> Result<()> {
        for some in chats.chunks(UNMARKED_AT_ONCE) {
            let ticks = some.iter().flat_map(|(chat, tick)| [arg(chat), arg(tick)]);
            self.run(verbs::Unmark {
                user,
                before: reading.at,
                ticks: ticks.collect(),
            })
            .await?;
        }
        Ok(())
    }
}

/// Reads the chats of a reply, without those that are not in the list.
fn read_chats(reply: Reply) -> Result<Vec<OrderedChat>> {
    let mut values = reply.rest(5).map(text);
    let mut chats = Vec::new();
    while let (Some(chat), Some(score), Some(entry), Some(row)) =
        (values.next(), values.next(), values.next(), values.next())
    {
        if entry.is_empty() {
            continue;
        }
        let chat = parse("an ordered chat", &chat)?;
        chats.push(OrderedChat {
            listed: read_listed(chat, &entry)?,
            settings: read_private_row(PrivateKey::Chat(chat), &row)?,
            is_marked: score.parse().is_ok_and(|score| Tick(score) >= MARKS),
        });
    }
    Ok(chats)
}
