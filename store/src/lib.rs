//! Hot and cold as one: "hot, then SQL, the higher rev wins"; hydration; unique names.
//!
//! Both daemons share this crate. Its wings may use each other in one direction only:
//! `error`, `config`, `flights`, `hearing`, `password` < `notify`, `safety` < `store` <
//! `residency` < `people` < `chats` < `erase`, `audit`.

/// The reasons for which a request is refused; used by all.
mod error;

/// The settings that all roles share; uses `safety` for the value of one of them.
mod config;

/// What many ask for at once is done once; uses `error` alone.
mod flights;

/// Whether what is published to all APIs is heard; uses nothing else.
mod hearing;

/// The sessions that this process knows to be good; uses `hearing` alone.
mod known_sessions;

/// Orders of chats that somebody goes through page by page; uses nothing else.
mod walks;

/// Hashes and checks passwords off the async threads; uses `error` alone.
mod password;

/// Notifications, and the tasks that publish them; reads both stores, writes neither.
mod notify;

/// Guards what is written: durability, room in Redis, progress of saving, stores in step.
mod safety;

/// [`Store`] itself: both stores, and the tasks and queues beside them.
mod store;

/// Residency in Redis: loads, early expiry, retries, and private rows wherever they are.
mod residency;

/// Accounts, names, sessions, blocks, presence; may use `residency`, `notify` and `safety`.
mod people;

/// Chats and what is in them; may use every wing above.
mod chats;

/// Erases an account out of all chats; may use every wing.
mod erase;

/// Compares both stores from outside; only reads, and uses no [`Store`].
mod audit;

pub use audit::{Auditor, Findings};
pub use chats::{
    CHANGE_MARGIN, ChatFilter, MAX_MEMBERS, Mailbox, MailboxPlace, MessageEdit, MessagePage,
    PreferenceChange, ResumePoint, SearchHit, SearchPage, SearchQuery, SendOutcome, SyncCursor,
    SyncPage,
};
pub use cold::ParkedChat;
pub use config::{Accept, Config};
pub use error::Error;
pub use hot::{
    Deliveries, Delivery, EndedSessions, Error as HotError, Inboxes, Membership, Meter,
    NOTIFY_UP_TO, Progress, Rate, RateVerdict, SessionState, TICKET_LIFE, UserChange, charge,
    critical_task_ended, spawn_critical,
};
pub use notify::{Notification, SharedNotification};
pub use people::{
    DirectoryPlace, ExternalProfile, IssuedToken, MAX_LEEWAY, NewWebhook, ProviderToken,
    TOKEN_LIFE, WEBHOOKS_KNOWN_FOR,
};
pub use safety::{AckLevel, Health, MAX_LAG, Standing, WriteToken, standing};
pub use store::Store;
pub use walks::ChatPlace;

/// The result of every call to this crate.
pub type Result<T> = std::result::Result<T, Error>;
