//! Files that are attached to messages, and the pictures of people and groups.

use hot::Own;
use model::{Attachment, ChatId, Tick};

use crate::{Error, Result, Store, again::again, message::read_record};

/// How many messages with the same file are looked at for one that is there still.
const LOOKED_AT: u64 = 50;

impl Store {
    /// A file as a message that its reader sees has it attached; `None` when there is no such message.
    pub async fn attachment(&self, own: Own, hash: &str) -> Result<Option<Attachment>> {
        let record = loop {
            match again(|| self.hot.attached(own.chat, Some(own.user), hash)).await? {
                Ok(record) => break record,
                Err(refusal) => self.resolve(own.chat, refusal).await?,
            }
        };
        let of = |message: model::Message| message.attachments.into_iter().flatten().find(|attachment| attachment.hash == hash);
        if let Some(record) = record {
            let message = read_record(&record)?.message;
            if self.own_chat(own).await?.shows(message.id) {
                return Ok(of(message));
            }
        }
        for id in self.cold.attached(own.chat, hash, LOOKED_AT).await? {
            // As it is now: its deletion may not be saved yet.
            match self.message(own, id).await {
                Ok(message) if message.deleted.is_none() => return Ok(of(message)),
                Ok(_) | Err(Error::NoMessage) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Whether any message of a chat has a file.
    pub async fn is_attached(&self, chat: ChatId, hash: &str) -> Result<bool> {
        // Hot first: what is saved between the two reads is in one of them.
        let hot = again(|| self.hot.attached(chat, None, hash)).await?;
        Ok(matches!(hot, Ok(Some(_))) || !self.cold.attached(chat, hash, 1).await?.is_empty())
    }

    /// Whether what is saved refers to a picture of a person or a group.
    pub async fn is_avatar_saved(&self, hash: &str) -> Result<bool> {
        Ok(self.cold.has_avatar(hash).await?)
    }

    /// Whether everything that was written before this moment is saved.
    pub async fn is_all_saved(&self, before: Tick) -> Result<bool> {
        if !self.hot.dead().await?.is_empty() {
            return Ok(false);
        }
        for kind in [hot::Kind::Chat, hot::Kind::User] {
            // What is dirty is due within moments; a flusher that is alive leaves nothing overdue.
            if self.hot.first_due(kind).await?.iter().any(|(_, due_ms)| due_ms * 1000 < before.0) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
