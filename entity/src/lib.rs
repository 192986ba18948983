//! sea-orm entities, one file per table, each with both directions of its rows: from the model to
//! SQL (`to_row`) and from SQL to the model (`from_row`).
//!
//! The crate writes nothing. All times are ticks: microseconds since 1970 as BIGINT, 0 for
//! never. All ids of users and chats are BINARY(16).

// Files of messages: an index, written only.
pub mod attachment;
// Chats, direct and group.
pub mod chat;
// Commits of each writer, which show that a store went back.
pub mod commit;
// Members of chats, past ones too.
pub mod member;
// Messages, with their reactions.
pub mod message;
// Facts about the whole database.
pub mod meta;
// The index of search, in blocks of postings.
pub mod postings;
// Rows that belong to one user alone: settings of chats, and blocks.
pub mod private_row;
// Long parts of large chats, by their blocks of postings.
pub mod span;
// The terms of these parts.
pub mod span_part;
// Users, with their folded names.
pub mod user;
// How far webhooks have been told of chats.
pub mod webhook_cursor;

use sea_orm::DbErr;

/// The error for a word in a column that this version of Carrier does not know.
fn unknown(what: &str, value: &str) -> DbErr {
    DbErr::Type(format!(
        "SQL holds the {what} {value:?}, which this version of Carrier does not know"
    ))
}
