//! The queue of users who just logged in, whose chats are to be resident when they ask for them.

use model::UserId;

use crate::wire::{HYDRATE, Hot, Result, arg, parse, text};

impl Hot {
    /// Tells the flushers that a user logged in, so that the user's chats are warm when they are
    /// asked for.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn push_login(&self, user: UserId) -> Result<()> {
        self.command("LPUSH", vec![arg(HYDRATE), arg(user)]).await?;
        self.command("LTRIM", vec![arg(HYDRATE), arg(0), arg(9_999)])
            .await
            .map(drop)
    }

    /// Takes the next user who logged in; waits up to `wait` for one. It blocks its connection.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn pop_login(&self, wait: std::time::Duration) -> Result<Option<UserId>> {
        let found = self
            .command("BRPOP", vec![arg(HYDRATE), arg(wait.as_secs_f64())])
            .await?
            .into_array();
        found
            .into_iter()
            .nth(1)
            .map(|user| parse("a login", &text(user)))
            .transpose()
    }
}
