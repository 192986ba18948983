//! Messages that were sent: one of them, edited, deleted for everyone.

use futures_util::future::try_join;
use hot::{Replaced, Replacement};
use model::{Message, MessageKind, Tick};

use crate::{Error, Own, Result, Store, again::again, message::message_of};

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
        let ((message, _), kept) = try_join(self.read_message(own, id), self.own_chat(own)).await?;
        if kept.shows(id) { Ok(message) } else { Err(Error::NoMessage) }
    }

    /// Changes a text of one's own.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`] when it is another's, [`Error::NoMessage`] when it was deleted.
    pub async fn edit(&self, own: Own, id: Tick, edit: &Edit) -> Result<String> {
        loop {
            let (mut message, noted) = self.read_message(own, id).await?;
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
            if let Some(json) = self.replace(own, &message, noted).await? {
                return Ok(json);
            }
        }
    }

    /// Deletes a text for everyone: its sender may, and who may remove members. Again is no error.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`]
    pub async fn delete_for_everyone(&self, own: Own, id: Tick) -> Result<()> {
        loop {
            let (message, noted) = self.read_message(own, id).await?;
            if message.deleted == Some(true) {
                return Ok(());
            }
            if message.kind == MessageKind::System {
                return Err(Error::RoleTooLow);
            }
            if self.replace(own, &message.tombstone(), noted).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// `None`: it has changed since it was read.
    async fn replace(&self, own: Own, message: &Message, noted: Tick) -> Result<Option<String>> {
        let new = Replacement { message, actor: own.user, noted };
        match again(|| self.hot.replace(&new)).await? {
            Ok(Replaced::Done(json)) => Ok(Some(json)),
            Ok(Replaced::Stale) => Ok(None),
            Ok(Replaced::Role) => Err(Error::RoleTooLow),
            Err(refusal) => self.resolve(own.chat, refusal).await.map(|()| None),
        }
    }

    /// A message, and the chat's clock before SQL was asked for it.
    pub(crate) async fn read_message(&self, own: Own, id: Tick) -> Result<(Message, Tick)> {
        let (noted, hot) = loop {
            match again(|| self.hot.message(own, id)).await? {
                Ok(found) => break found,
                Err(refusal) => self.resolve(own.chat, refusal).await?,
            }
        };
        let message = match hot {
            Some(json) => message_of(&json)?,
            None => self.cold.message(own.chat, id).await?.ok_or(Error::NoMessage)?,
        };
        Ok((message, noted))
    }
}
