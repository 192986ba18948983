//! Pins: the messages that are pinned in a chat.

use model::{Draft, MAX_PINS, Tick};

use super::{
    ChangeNotice, Membership, change_notice,
    message::{RecordVersion, read_reactions},
};
use crate::wire::{Hot, Millis, Refusal, Result, arg, number, refusal, text, verbs};

/// The outcome of a pin, or of taking one away.
#[derive(Clone, Debug)]
pub enum PinOutcome {
    /// The pins were changed at this tick.
    Done(Tick, ChangeNotice),
    /// The message is pinned already, or is not.
    Same,
    /// Redis does not have the message: retry with this version if SQL has it as a text.
    Saved(RecordVersion),
    /// The message was deleted.
    Deleted,
    /// The message is a system message.
    System,
    /// The chat has as many pins as it may.
    Many,
    /// The actor's role is too low.
    Role,
}

/// The hot part of a page of pinned messages.
#[derive(Clone, Debug)]
pub struct PinnedPage {
    /// Ids and records, the newest pin first; `None` for a message that only SQL has.
    pub messages: Vec<(Tick, Option<String>)>,
    /// True when no pinned message comes after these.
    pub complete: bool,
    /// Records, cut, of other hot messages that these answer.
    pub answered: Vec<String>,
    /// The reader's own reactions, by message, of those that do not name the reader for them.
    pub my_others: Vec<(Tick, Vec<String>)>,
}

impl Hot {
    /// Lets a member pin a message, or take its pin away. `system_message` tells of a pin. `saved`:
    /// the version from before SQL was read, where Redis does not have the message.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Skewed` when clocks disagree: nothing was
    /// done.
    pub async fn pin_message(
        &self,
        own: Membership,
        id: Tick,
        on: bool,
        system_message: &Draft<'_>,
        saved: Option<&RecordVersion>,
    ) -> Result<std::result::Result<PinOutcome, Refusal>> {
        let mut reply = self
            .run(verbs::PinMessage {
                chat: own.chat,
                caller_clock: Tick::now(),
                actor: own.user,
                id,
                on,
                seen: arg(saved.map_or("", RecordVersion::as_str)),
                max_pins: MAX_PINS,
                tail: arg(system_message.tail()),
                ttl: Millis(self.options.chat_ttl),
                flush_after: Millis(self.options.flush_after),
            })
            .await?;
        Ok(Ok(match reply.word() {
            "OK" => PinOutcome::Done(reply.tick(1)?, change_notice(&mut reply, 2)?),
            "SAME" => PinOutcome::Same,
            "SAVED" => PinOutcome::Saved(RecordVersion::new(reply.text(1)?)),
            "DELETED" => PinOutcome::Deleted,
            "SYSTEM" => PinOutcome::System,
            "MANY" => PinOutcome::Many,
            "ROLE" => PinOutcome::Role,
            _ => return refusal(&reply),
        }))
    }

    /// Reads the pinned messages of a chat behind the pin of `after`, or all when it is `NEVER` or
    /// pinned no more, until they have so many bytes: at least one.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn pins(
        &self,
        own: Membership,
        after: Tick,
        bytes: usize,
    ) -> Result<std::result::Result<PinnedPage, Refusal>> {
        let mut reply = self
            .run(verbs::Pins {
                chat: own.chat,
                reader: own.user,
                after,
                bytes,
            })
            .await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        let complete = reply.number(1)? == 1;
        let answered = reply.list(2).into_iter().map(text).collect();
        let my_others = read_reactions(reply.list(3))?;
        let ids = reply.list(4).into_iter();
        let ids: Vec<_> = ids
            .map(|id| number("the id of a pinned message", &id).map(Tick))
            .collect::<Result<_>>()?;
        let records = reply.rest(5).map(text);
        let records = records.map(|record| (!record.is_empty()).then_some(record));
        Ok(Ok(PinnedPage {
            messages: ids.into_iter().zip(records).collect(),
            complete,
            answered,
            my_others,
        }))
    }
}
