//! sea-orm entities, one file per table, without logic.
//!
//! All times are ticks: microseconds since 1970 as BIGINT, 0 for never. All ids of users and chats are BINARY(16).

pub mod attachment;
pub mod chat;
pub mod member;
pub mod message;
pub mod meta;
pub mod mine;
pub mod user;
