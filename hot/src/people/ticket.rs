//! Tickets: a browser shows one, once, to open a stream of events where it cannot send a header.

use std::time::Duration;

use model::{Partition, Token, UserId};

use crate::wire::{Hot, Result, arg, keys, ms, text};

/// The time within which a ticket may be used.
pub const TICKET_LIFE: Duration = Duration::from_secs(30);

impl Hot {
    /// Issues a ticket that stands for the session with this hash, once.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn issue_ticket(&self, user: UserId, ticket: &Token, session: &str) -> Result<()> {
        let key = keys::ticket(user.partition(), &ticket.hash());
        self.command(
            "SET",
            vec![arg(key), arg(session), arg("PX"), ms(TICKET_LIFE)],
        )
        .await
        .map(drop)
    }

    /// Uses a ticket up, and returns the hash of the session that it stood for.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn use_ticket(&self, partition: Partition, hash: &str) -> Result<Option<String>> {
        let session = text(
            self.command("GETDEL", vec![arg(keys::ticket(partition, hash))])
                .await?,
        );
        Ok((!session.is_empty()).then_some(session))
    }
}
