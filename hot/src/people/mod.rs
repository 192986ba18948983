//! The users: rows, sessions and tickets, names, lists of chats, private rows, presence, limits. It
//! uses `wire` only.

/// Users who changed what the directory finds them by.
mod directory;
/// Limits on how often something may be done.
mod limit;
/// The list of chats that a user has.
mod listed;
/// Claims of unique names.
mod name;
/// The order of a user's chats.
mod order;
/// The places from which a name was logged in with.
mod origin;
/// The presence of users.
mod presence;
/// Rows that are private to a user.
mod private;
/// Sessions.
mod session;
/// Tickets that open a stream of events once.
mod ticket;
/// The user's own row.
mod user;

pub use limit::{Rate, RateVerdict};
pub use listed::ListedChat;
pub(crate) use listed::read_listed;
pub use name::NameClaim;
pub(crate) use name::{NAMELESS_LIFE, read_claims};
pub use order::{OrderLook, OrderReading, OrderedChat, OrderedChats};
pub use presence::Presence;
pub use private::PrivateChange;
pub(crate) use private::read_private_row;
pub use session::{Admission, MAX_SESSIONS, OpenedSession, SessionState, TokenSession};
pub use ticket::TICKET_LIFE;
pub(crate) use user::{FIELDS, read_user};
pub use user::{NewMetadata, UserChange, UserChanged, UserRecord};
