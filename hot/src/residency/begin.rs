//! The begin of a hydration, or of a creation, of a chat or a user.

use model::{ChatId, Tick, UserId};

use crate::wire::{ChatKeys, Hot, Millis, Result, UserKeys, arg, verbs};

/// The answer to a caller who would hydrate, or create, a chat or a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HydrationStart {
    /// The chat or user is resident already.
    Resident,
    /// Another hydration is under way.
    Taken,
    /// The hydration may go on; this is the time of Redis.
    Started(Tick),
}

impl Hot {
    /// Begins to hydrate, or to create, a user.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn begin_user(&self, user: UserId, nonce: &str) -> Result<HydrationStart> {
        let keys = UserKeys::new(user);
        self.begin(keys.user(), keys.hydrating(), keys.commits(), nonce)
            .await
    }

    /// Begins to hydrate, or to create, a chat.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn begin_chat(&self, chat: ChatId, nonce: &str) -> Result<HydrationStart> {
        let keys = ChatKeys::new(chat);
        self.begin(keys.chat(), keys.hydrating(), keys.commits(), nonce)
            .await
    }

    async fn begin(
        &self,
        record: String,
        hydrating: String,
        commits: String,
        nonce: &str,
    ) -> Result<HydrationStart> {
        let mut reply = self
            .run(verbs::Begin {
                record,
                hydrating,
                commits,
                nonce: arg(nonce),
                lease: Millis(self.options.hydrate_lease),
            })
            .await?;
        Ok(match reply.word() {
            "RESIDENT" => HydrationStart::Resident,
            "TAKEN" => HydrationStart::Taken,
            "BEGUN" => HydrationStart::Started(reply.tick(1)?),
            _ => return Err(reply.unexpected()),
        })
    }

    /// Gives up the hydration of a user, so that others need not wait for the lease to end.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn abandon_user(&self, user: UserId, nonce: &str) -> Result<()> {
        self.run(verbs::Swap {
            stored: UserKeys::new(user).hydrating(),
            expected: arg(nonce),
            value: arg(""),
        })
        .await
        .map(drop)
    }

    /// Gives up the hydration of a chat, so that others need not wait for the lease to end.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn abandon_chat(&self, chat: ChatId, nonce: &str) -> Result<()> {
        self.run(verbs::Swap {
            stored: ChatKeys::new(chat).hydrating(),
            expected: arg(nonce),
            value: arg(""),
        })
        .await
        .map(drop)
    }
}
