//! Pins messages of a chat, takes their pins away, and reads the pinned ones.

use std::collections::HashMap;

use futures_util::future::try_join;
use hot::{ANSWER_BYTES, Membership, PinOutcome, PinnedPage};
use model::{Draft, MessageKind, System, SystemEvent, Tick};

use super::{
    message::{MessagePage, take_reactions},
    read_record,
};
use crate::{Error, Result, Store, residency::retry};

/// The number of pinned messages that SQL is asked for at once.
const STEP: usize = 10;

impl Store {
    /// Pins a text of a chat for all of its members, or takes its pin away. A repetition is no
    /// error.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`] for members who do not manage the group, and for a system message;
    /// [`Error::NoMessage`] when it was deleted, or the user does not see it;
    /// [`Error::TooManyPins`]; [`Error::NotAccepted`] when the peer blocks the user;
    /// [`Error::NoChat`].
    pub async fn pin(&self, membership: Membership, id: Tick, on: bool) -> Result<()> {
        if on {
            self.back_pressure.check_room()?;
            if !self.chat_settings(membership).await?.shows(id) {
                return Err(Error::NoMessage);
            }
        }
        let event = System {
            message_id: Some(id),
            ..System::new(SystemEvent::MessagePinned, membership.user)
        };
        let notice = Draft {
            system: Some(&event),
            ..Draft::new(membership.chat, membership.user, MessageKind::System, "")
        };
        let mut saved = None;
        loop {
            let pin = || {
                self.hot
                    .pin_message(membership, id, on, &notice, saved.as_ref())
            };
            match retry(pin).await? {
                Ok(PinOutcome::Done(clock, change)) => {
                    self.notifier.members(membership.chat, change, clock, "");
                    return Ok(());
                }
                Ok(PinOutcome::Same) => return Ok(()),
                Ok(PinOutcome::Saved(version)) => {
                    let stored = self.cold.message(membership.chat, id).await?;
                    let message = stored.ok_or(Error::NoMessage)?.message;
                    if message.deleted == Some(true) {
                        return Err(Error::NoMessage);
                    }
                    if message.kind == MessageKind::System {
                        return Err(Error::RoleTooLow);
                    }
                    saved = Some(version);
                }
                Ok(PinOutcome::Deleted) => return Err(Error::NoMessage),
                Ok(PinOutcome::System | PinOutcome::Role) => return Err(Error::RoleTooLow),
                Ok(PinOutcome::Many) => return Err(Error::TooManyPins),
                Err(refusal) => self.resolve(membership.chat, refusal).await?,
            }
        }
    }

    /// Reads the pinned messages of a chat that the user sees, the newest pin first, across Redis
    /// and SQL: those behind the pin of `after`, or all when it is `NEVER` or pinned no more. The
    /// page ends when its messages have [`ANSWER_BYTES`]; `next` is the `after` of the next one.
    ///
    /// # Errors
    /// [`Error::NoChat`] when the user is not a member.
    pub async fn pins(&self, membership: Membership, after: Tick) -> Result<MessagePage> {
        let (hot, settings) = try_join(
            self.hot_pins(membership, after),
            self.chat_settings(membership),
        )
        .await?;
        let mut my_others: HashMap<Tick, Vec<String>> = hot.my_others.into_iter().collect();
        let (mut items, mut room) = (Vec::new(), ANSWER_BYTES);
        let (mut last, mut is_all) = (None, hot.complete);
        'pages: for some in hot.messages.chunks(STEP) {
            let mut cold = HashMap::new();
            let elsewhere = some
                .iter()
                .filter(|(id, record)| record.is_none() && settings.shows(*id));
            let elsewhere: Vec<Tick> = elsewhere.map(|(id, _)| *id).collect();
            if !elsewhere.is_empty() {
                let found = self
                    .cold
                    .messages_among(membership.chat, &elsewhere)
                    .await?;
                cold.extend(found.into_iter().map(|stored| (stored.message.id, stored)));
            }
            for (id, record) in some {
                if room == 0 {
                    is_all = false;
                    break 'pages;
                }
                last = Some(*id);
                let record = match (record, cold.remove(id)) {
                    (Some(record), _) => record.clone(),
                    (None, Some(stored)) => {
                        let others = stored.others().into_iter();
                        let mine = others.filter(|(user, _)| *user == membership.user);
                        my_others.extend(mine.map(|(_, emojis)| (*id, emojis)));
                        stored.record()
                    }
                    (None, None) => continue,
                };
                // What was deleted since the pins were read is no longer pinned.
                if settings.shows(*id) && read_record(&record)?.message.counts() {
                    room = room.saturating_sub(record.len());
                    items.push(record);
                }
            }
        }
        let my_reactions = items
            .iter_mut()
            .filter_map(|record| take_reactions(membership.user, record, &mut my_others))
            .collect();
        self.quote(membership.chat, &mut items, &hot.answered).await;
        Ok(MessagePage {
            items,
            prev: None,
            next: last.filter(|_| !is_all),
            my_reactions,
        })
    }

    /// Returns Redis' part of the pinned messages; hydrates the chat first where that is needed.
    async fn hot_pins(&self, membership: Membership, after: Tick) -> Result<PinnedPage> {
        loop {
            match retry(|| self.hot.pins(membership, after, ANSWER_BYTES)).await? {
                Ok(page) => return Ok(page),
                Err(refusal) => self.resolve(membership.chat, refusal).await?,
            }
        }
    }
}
