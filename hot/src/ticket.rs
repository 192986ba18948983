//! Tickets: what a browser shows once to open a stream of events, where it cannot send a header.

use std::time::Duration;

use model::{Partition, Token, UserId};

use crate::{
    Hot, Result,
    client::{arg, ms},
    keys,
    reply::text,
};

/// How long a ticket may be used.
pub const TICKET_LIFE: Duration = Duration::from_secs(30);

impl Hot {
    /// A ticket stands for the session with this hash, once.
    pub async fn issue_ticket(&self, user: UserId, ticket: &Token, session: &str) -> Result<()> {
        let key = keys::ticket(user.partition(), &ticket.hash());
        self.command("SET", vec![arg(key), arg(session), arg("PX"), ms(TICKET_LIFE)]).await.map(drop)
    }

    /// The hash of the session that a ticket stands for; it is used up.
    pub async fn use_ticket(&self, partition: Partition, hash: &str) -> Result<Option<String>> {
        let session = text(self.command("GETDEL", vec![arg(keys::ticket(partition, hash))]).await?);
        Ok((!session.is_empty()).then_some(session))
    }
}
