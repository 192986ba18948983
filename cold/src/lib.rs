//! Reads from SQL. This crate cannot write, and knows no Redis.

// Chats, users and messages in pages, for `carrier verify`.
mod audit;
// Chats, members and messages.
mod chats;
// The commits of each writer.
mod commits;
// The pool of connections.
mod connect;
// The commits that SQL must have to be read from.
mod floor;
// Search, by the blocks of postings.
mod search;
// Settings of the SQL server, for `carrier doctor`.
mod server;
// Users, their memberships and private rows.
mod users;
// Webhooks, and how far they have been told.
mod webhooks;

pub use audit::Head;
pub use chats::{ChatTicks, ColdChat};
pub use commits::WriterCommits;
pub use connect::{Cold, SessionLimits, connect, connect_limited, no_answer, options, within};
pub use entity::{meta::Reindex, webhook_cursor};
pub use floor::Floor;
pub use sea_orm::{ConnAcquireErr, DatabaseConnection, DbErr};
pub use search::{Found, SearchFilter};
pub use server::{Fact, engine};
pub use webhooks::ParkedChat;

/// The result of every read.
pub type Result<T> = std::result::Result<T, DbErr>;
