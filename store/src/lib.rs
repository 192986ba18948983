//! Hot and cold as one: "hot, then SQL, the higher rev wins"; hydration; unique names. What both daemons share.

mod ack;
mod again;
mod attachment;
mod audit;
mod boxes;
mod chat;
mod config;
mod directory;
mod edit;
mod envelope;
mod erase;
mod error;
mod health;
mod hydrate;
mod limit;
mod list;
mod member;
mod message;
mod mine;
mod name;
mod password;
mod presence;
mod pressure;
mod search;
mod session;
mod sync;
mod tell;
mod user;

use std::sync::Arc;

pub use ack::{Ack, Began};
pub use audit::{Auditor, Findings};
pub use boxes::{BoxPlace, MessageBox};
use cold::Cold;
pub use config::Config;
pub use directory::DirectoryPlace;
pub use edit::Edit;
pub use envelope::Envelope;
pub use error::Error;
use hot::Hot;
pub use hot::{Deliveries, Delivery, Error as HotError, Inboxes, Own, Rate, TICKET_LIFE, UserChange, Verdict};
pub use list::{Filter, Place};
pub use message::{MessagePage, Sent};
pub use mine::PreferenceChange;
pub use search::{Hit, Search};
pub use session::Entered;
pub use sync::{Changes, Cursor, Within};

/// What every call here returns.
pub type Result<T> = std::result::Result<T, Error>;

/// The largest group.
pub const MAX_MEMBERS: usize = 1000;

/// Both stores. Clones share their connections.
#[derive(Clone)]
pub struct Store {
    /// Redis.
    pub hot: Hot,
    /// SQL, to read from.
    pub cold: Cold,
    safety: ack::Safety,
    passwords: Arc<password::Passwords>,
    teller: tell::Teller,
    pressure: pressure::Pressure,
}

impl Store {
    /// Both stores as one, if they belong together.
    ///
    /// # Errors
    /// [`Error::Unmigrated`] before the first migration; [`Error::Strangers`] when Redis belongs to another database; [`Error::CannotAck`] when this
    /// Redis cannot do what `ack` asks for.
    pub async fn open(hot: Hot, cold: Cold, ack: Ack) -> Result<Self> {
        let incarnation = cold.incarnation().await.map_err(|error| Error::Unmigrated(error.to_string()))?;
        let incarnation = incarnation.ok_or_else(|| Error::Unmigrated("no incarnation".into()))?;
        let mut belongs = hot.belongs(&incarnation).await?;
        if belongs == hot::Belongs::ToNobody {
            belongs = hot.adopt(&incarnation).await?;
        }
        match belongs {
            hot::Belongs::Yes | hot::Belongs::ToNobody => {}
            hot::Belongs::ToAnother(redis) => return Err(Error::Strangers { redis, sql: incarnation }),
            hot::Belongs::Format(found) => return Err(Error::Format(found)),
        }
        let safety = ack::Safety::open(&hot, ack).await?;
        let teller = tell::Teller::start(&hot, &cold);
        Ok(Self { hot, cold, safety, passwords: Arc::default(), teller, pressure: Default::default() })
    }
}
