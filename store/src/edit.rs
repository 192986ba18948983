//! Messages that were sent: one of them, edited, deleted for everyone, reacted to.

use futures_util::future::try_join;
use hot::{MessageAct, Replaced, Replacement, Seen};
use model::{MAX_REACTIONS, Message, MessageKind, Reactors, ServerEvent, Stored, Tick, split};

use crate::{Error, Own, Result, Store, again::again, message::read_record};

/// What to change of a text; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// Its body.
    pub body: Option<String>,
    /// Its subject; `Some(None)` takes it away.
    pub subject: Option<Option<String>>,
}

impl Store {
    /// One message, as it is now.
    ///
    /// # Errors
    /// [`Error::NoMessage`]
    pub async fn message(&self, own: Own, id: Tick) -> Result<Message> {
        let ((stored, _), kept) = try_join(self.read_message(own, id), self.own_chat(own)).await?;
        if kept.shows(id) { Ok(stored.message) } else { Err(Error::NoMessage) }
    }

    /// Changes a text of one's own; its JSON as it is then.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`] when it is another's, [`Error::NoMessage`] when it was deleted.
    pub async fn edit(&self, own: Own, id: Tick, edit: &Edit) -> Result<String> {
        loop {
            let (mut stored, seen) = self.read_message(own, id).await?;
            let message = &mut stored.message;
            if message.deleted == Some(true) {
                return Err(Error::NoMessage);
            }
            if message.sender_id != own.user || message.kind == MessageKind::System {
                return Err(Error::RoleTooLow);
            }
            if let Some(body) = &edit.body {
                message.body.clone_from(body);
            }
            if let Some(subject) = &edit.subject {
                message.subject.clone_from(subject);
            }
            message.edited_at = None; // the script writes the new one
            if let Some(record) = self.replace(own, &stored, MessageAct::Edit, &seen, None).await? {
                return Ok(split(&record).0.to_owned());
            }
        }
    }

    /// Deletes a text for everyone: its sender may, and who may remove members. Again is no error.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`]
    pub async fn delete_for_everyone(&self, own: Own, id: Tick) -> Result<()> {
        loop {
            let (Stored { message, .. }, seen) = self.read_message(own, id).await?;
            if message.deleted == Some(true) {
                return Ok(());
            }
            if message.kind == MessageKind::System {
                return Err(Error::RoleTooLow);
            }
            let tombstone = Stored { message: message.tombstone(), reactors: Vec::new() };
            if self.replace(own, &tombstone, MessageAct::Delete, &seen, None).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// Reacts to a message with an emoji in its canonical form, or takes it back. Again is no error.
    ///
    /// # Errors
    /// [`Error::NoMessage`] when it was deleted, [`Error::TooManyReactions`] when it would be one kind too many.
    pub async fn react(&self, own: Own, id: Tick, emoji: &str, on: bool) -> Result<()> {
        loop {
            let ((mut stored, seen), kept) = try_join(self.read_message(own, id), self.own_chat(own)).await?;
            if stored.message.deleted == Some(true) || !kept.shows(id) {
                return Err(Error::NoMessage);
            }
            if !stored.react(own.user, emoji, on) {
                return Ok(());
            }
            if stored.reactors.len() > MAX_REACTIONS {
                return Err(Error::TooManyReactions);
            }
            if self.replace(own, &stored, MessageAct::React, &seen, Some((emoji, on))).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// All who reacted to a message, by kind.
    ///
    /// # Errors
    /// [`Error::NoMessage`]
    pub async fn reactors(&self, own: Own, id: Tick) -> Result<Vec<Reactors>> {
        let ((stored, _), kept) = try_join(self.read_message(own, id), self.own_chat(own)).await?;
        if kept.shows(id) { Ok(stored.reactors) } else { Err(Error::NoMessage) }
    }

    /// The record as it is then. `None`: it has changed since it was read. `reaction`: with what, and whether it is new.
    async fn replace(
        &self,
        own: Own,
        stored: &Stored,
        act: MessageAct,
        seen: &Seen,
        reaction: Option<(&str, bool)>,
    ) -> Result<Option<String>> {
        let new = Replacement { stored, act, actor: own.user, seen };
        match again(|| self.hot.replace(&new)).await? {
            Ok(Replaced::Done(record, telling)) => {
                let (json, clock) = (split(&record).0, rev_of(&record));
                let told = |kind, rest: &str| ServerEvent::json(kind, own.chat, clock, telling.prev, &format!(r#"{rest}"message":{json}"#));
                let event = match reaction {
                    Some((emoji, added)) => told("reaction", &format!(r#""user_id":"{}","emoji":"{emoji}","added":{added},"#, own.user)),
                    None => told("message.updated", ""),
                };
                self.teller.members(own.chat, telling, clock, event);
                Ok(Some(record))
            }
            Ok(Replaced::Stale) => Ok(None),
            Ok(Replaced::Role) => Err(Error::RoleTooLow),
            Err(refusal) => self.resolve(own.chat, refusal).await.map(|()| None),
        }
    }

    /// A message, and what to compare when it is replaced.
    pub(crate) async fn read_message(&self, own: Own, id: Tick) -> Result<(Stored, Seen)> {
        let (seen, hot) = loop {
            match again(|| self.hot.message(own, id)).await? {
                Ok(found) => break found,
                Err(refusal) => self.resolve(own.chat, refusal).await?,
            }
        };
        let stored = match hot {
            Some(record) => read_record(&record)?,
            None => self.cold.message(own.chat, id).await?.ok_or(Error::NoMessage)?,
        };
        Ok((stored, seen))
    }
}

/// The rev in a message's JSON, which comes after its id and seq.
fn rev_of(json: &str) -> Tick {
    let rest = json.split_once(r#""rev":"#).map_or("", |(_, rest)| rest);
    Tick(rest.split(',').next().and_then(|number| number.parse().ok()).unwrap_or_default())
}
