//! The early expiry of a chat that nobody needs any more.

use model::ChatId;

use crate::wire::{Hot, Result, verbs};

impl Hot {
    /// Lets the token of a chat expire before its time, since nobody who would read the chat is
    /// here.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn expire_early(&self, chat: ChatId) -> Result<()> {
        self.run(verbs::ExpireEarly { chat }).await.map(drop)
    }
}
