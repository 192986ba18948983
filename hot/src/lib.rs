//! The only crate that speaks Redis.
//!
//! # What is in Redis
//!
//! Chats, users, names and limits are spread over 256 partitions each; the partition is the hash tag of the key (`{c17}`, `{u203}`, `{n5}`, `{l9}`), so all that one
//! script touches is in one slot and the same code runs on one Redis or on a cluster.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `chat:{c17}:ID` | hash | the chat's row, `clock`, `seq`, `dropped` (the nonce with which a row last left), `told` (the last change its members were told of), `roster` (another number whenever somebody comes or goes), `deleting` (a deletion under way); the chat is *resident* while this key exists |
//! | `…:token` | string with a TTL | the chat's warmth, and nothing else: its expiry takes no data with it |
//! | `…:messages` | list | records of messages (JSON; after a line break, all who reacted), oldest first: every unsaved one and at least the newest 50 |
//! | `…:changed` | hash | id -> record of a message older than the list that was changed and is not saved yet |
//! | `…:members` | hash | user id -> member JSON |
//! | `…:dirty` | sorted set | what SQL does not have yet (`chat`, `member:UID`, `message:ID`), and `list:UID`, what another slot does not; by rev |
//! | `…:parked` | sorted set | dirty rows that SQL refuses |
//! | `…:sent` | sorted set | sender:client_id by the id of the message it made, of the last hour |
//! | `…:hydrating` | string, 10 s | nonce of the hydration under way |
//! | `due:{c17}` | sorted set | chat ids by when (ms) a flusher must look at them; every resident chat is in it |
//! | `dead:{c17}` | hash | chat/entry -> how often SQL refused it, its rev, the error |
//! | `user:{u203}:ID` | hash | the user's row, `clock`, `claims` (names used and not saved), `want_username`, `want_email` |
//! | `…:chats` | hash | chat id -> rev of the membership, and when it ended (0: it has not) |
//! | `…:mine` | hash | what is the user's alone: `chat:ID` (preferences, messages deleted for them), `block:UID` -> `rev value` |
//! | `…:sessions` | sorted set | hashes of session tokens by expiry (ms) |
//! | `…:dirty`, `…:parked`, `…:hydrating`, `due:{u203}`, `dead:{u203}` | | as for chats |
//! | `session:{u203}:SHA256` | hash with a TTL | user, device, created, seen, password_rev |
//! | `claim:{n5}:username:NAME` | string | `owner nonce time_ms`, while the row that uses the name is unsaved |
//! | `fresh` | sorted set, capped | users who changed their names and are not saved yet, by when |
//! | `limit:{u203}:WHAT:ID` | string with a TTL | when the account's next WHAT is due at an even pace (µs); not in the AOF: losing it harms nobody |
//! | `limit:{l9}:WHAT:WHO` | string with a TTL | the same of an address or a login name |
//! | `presence:{u203}:ID` | sorted set with a TTL | which API serves the user, until when (ms); the last one tells when they were last seen |
//! | `ticket:{u203}:SHA256` | string, 30 s | hash of the session that it stands for, once |
//! | `inbox:{u203}:ID`, `watch:{u203}:ID` | channels | what a user is told; that they come or go |
//! | `fence:{c17}` | string | nothing: it is written to wait until it is on disk or on a replica, with all that was before it |
//! | `hydrate` | list, capped | users who just logged in |
//! | `carrier` | hash | the format of all this, and the incarnation of SQL it belongs to |
//!
//! # How it is changed
//!
//! Only by the scripts in `lua/`, one for each atomic verb. Each checks and decodes all it needs before its first write, and writes `due`, then
//! `dirty`, then the data: Redis does not roll back, and in this order a script that is stopped leaves at most a mark too many.
//! A command is sent once: when a connection dies in flight nobody knows whether it ran, so whoever repeats it brings the same idempotency key.

mod audit;
mod chat;
mod client;
mod directory;
mod error;
mod events;
mod everysec;
mod fence;
mod flush;
mod inbox;
mod keys;
mod limit;
mod member;
mod memory;
mod message;
mod mine;
mod name;
mod presence;
mod reply;
mod scripts;
mod server;
mod session;
mod ticket;
mod user;

pub use audit::{ChatAudit, UserAudit};
pub use chat::{ChatChange, ChatDeletion, ChatRows, HotChanges, HotView, Own, Refusal, Telling};
pub use client::{Hot, Options};
pub use error::Error;
pub use events::{Expiries, Hint};
pub use everysec::Everysec;
pub use fence::{Fence, Guarantee, Mark};
pub use flush::{ChatRow, ChatSnapshot, Dead, MemberRow, Row, Settled, UserSnapshot};
pub use inbox::{Deliveries, Delivery, Inboxes};
pub use keys::{Expired, Kind};
pub use limit::{Rate, Verdict};
pub use member::{Counted, Marked, MemberAct, MemberChange};
pub use memory::Memory;
pub use message::{Appended, HotPage, MessageAct, NewMessage, Replaced, Replacement, Seen};
pub use name::ClaimValue;
pub use presence::Presence;
pub use scripts::{Scripts, Verb};
pub use server::{Belongs, FORMAT, Facts};
pub use session::{Known, Opened};
pub use ticket::TICKET_LIFE;
pub use user::{Begun, Listed, Loaded, UserChange, UserRecord};

/// What every call here returns.
pub type Result<T> = std::result::Result<T, Error>;
