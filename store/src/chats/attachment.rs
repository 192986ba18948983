//! Files that are attached to messages, and the pictures of people and groups.

use hot::Membership;
use model::{Attachment, ChatId, Tick};

use crate::{Error, Result, Store, chats::read_record, residency::retry};

/// The number of messages with the same file that are looked at to find one that still exists.
const LOOKED_AT: u64 = 50;

impl Store {
    /// Returns a file as a message that the reader sees has it attached; `None` when there is no
    /// such message.
    ///
    /// # Errors
    /// [`Error::NoChat`] when the reader is not a member.
    pub async fn attachment(
        &self,
        membership: Membership,
        hash: &str,
    ) -> Result<Option<Attachment>> {
        let record = loop {
            match retry(|| {
                self.hot
                    .attached(membership.chat, Some(membership.user), hash)
            })
            .await?
            {
                Ok(record) => break record,
                Err(refusal) => self.resolve(membership.chat, refusal).await?,
            }
        };
        let of = |message: model::Message| {
            message
                .attachments
                .into_iter()
                .flatten()
                .find(|attachment| attachment.hash == hash)
        };
        if let Some(record) = record {
            let message = read_record(&record)?.message;
            if self.chat_settings(membership).await?.shows(message.id) {
                return Ok(of(message));
            }
        }
        for id in self.cold.attached(membership.chat, hash, LOOKED_AT).await? {
            // The message is read as it is now, since its deletion may not be saved yet.
            match self.message(membership, id).await {
                Ok(message) if message.deleted.is_none() => return Ok(of(message)),
                Ok(_) | Err(Error::NoMessage) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Returns true when any message of a chat has the file.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn is_attached(&self, chat: ChatId, hash: &str) -> Result<bool> {
        // Redis is read first: a message that is saved between the two reads is in one of them.
        let hot = retry(|| self.hot.attached(chat, None, hash)).await?;
        Ok(matches!(hot, Ok(Some(_))) || !self.cold.attached(chat, hash, 1).await?.is_empty())
    }

    /// Returns true when a saved row refers to the file as the picture of a person or a group.
    ///
    /// # Errors
    /// [`Error::Cold`] when SQL does not answer.
    pub async fn is_avatar_saved(&self, hash: &str) -> Result<bool> {
        Ok(self.cold.has_avatar(hash).await?)
    }

    /// Returns true when every write before this moment is saved.
    ///
    /// # Errors
    /// [`Error::Hot`] when Redis does not answer; retry later.
    pub async fn is_all_saved(&self, before: Tick) -> Result<bool> {
        if !self.hot.dead_letters().await?.is_empty() {
            return Ok(false);
        }
        for kind in [hot::Kind::Chat, hot::Kind::User] {
            // A dirty row is due within moments, and a flusher that is alive leaves nothing
            // overdue.
            if self
                .hot
                .first_due(kind)
                .await?
                .iter()
                .any(|(_, due_ms)| due_ms * 1000 < before.0)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
