//! Answers a refusal of Redis.

use hot::Refusal;
use model::{ChatId, ChatKind};

use crate::{Error, Result, Store};

impl Store {
    /// Hydrates a chat that is only in SQL, so that the caller retries; fails for a chat that does
    /// not exist, or of which the user is not a member, and for what they may not do there.
    pub(crate) async fn resolve(&self, chat: ChatId, refusal: Refusal) -> Result<()> {
        match refusal {
            Refusal::Cold if self.hydrate_chat(chat).await? => Ok(()),
            Refusal::Cold | Refusal::Forbidden => Err(Error::NoChat),
            Refusal::Blocked => Err(Error::NotAccepted),
            Refusal::NoGroup => Err(Error::MentionsAll(ChatKind::Direct)),
            Refusal::Crowd => Err(Error::MentionsAll(ChatKind::Group)),
        }
    }
}
