//! Chats and what is in them. May use every wing below: `people`, `residency`, `notify`, `safety`.

/// Files that are attached to messages, and whether any row still refers to one.
mod attachment;
/// Creates, shows, changes and deletes chats.
mod chat;
/// Edits, deletions and reactions of one message.
mod edit;
/// News to members that are never stored: typing, and events of a product's own.
mod ephemeral;
/// Invitations to a group by a link.
mod invite;
/// The list of a user's chats, page by page.
mod list;
/// The messages of all of a user's chats, received or sent.
mod mailbox;
/// Members who join, leave and change roles.
mod member;
/// Sends, pages and marks as read.
mod message;
/// The chats that may have changed, and the newest, by their order.
mod order;
/// Pins: which messages are pinned, and the page of them.
mod pin;
/// The previews of messages that others answer.
mod quote;
/// Search over the whole history of a user's chats.
mod search;
/// Settings of one member for a chat: archived, pinned, muted, hidden messages.
mod settings;
/// The changes since a cursor.
mod sync;

pub use edit::MessageEdit;
pub use list::ChatFilter;
pub use mailbox::{Mailbox, MailboxPlace};
pub use member::MAX_MEMBERS;
use message::read_record;
pub use message::{MessagePage, SendOutcome};
pub use search::{SearchHit, SearchPage, SearchQuery};
pub use settings::PreferenceChange;
pub use sync::{CHANGE_MARGIN, ResumePoint, SyncCursor, SyncPage};
