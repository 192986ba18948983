//! The chats: their rows, members and messages. It uses `wire` only.

/// Blocks between the two of a direct chat.
mod block;
/// The chat's own row: view, change, delete, and what of a chat has changed.
mod chat;
/// Invitations: which hold, and what they show of a group.
mod invite;
/// Members: how far they have read, and who comes and goes.
mod member;
/// The member who asks, and the values that go with a notification.
mod membership;
/// Messages: append, page, replace, and what is not saved yet.
mod message;
/// Pins: which messages are pinned, and by whom one may be.
mod pin;
/// Idempotency keys: for how long, and as what, Redis remembers them.
mod sent_key;

pub(crate) use chat::read_chat;
pub use chat::{ANSWER_BYTES, ChatChange, ChatDeletion, HotChanges, HotView, RowTicks};
pub use invite::{InviteChange, InvitedChat};
pub use member::{MarkOutcome, MemberAction, MemberChange, MovedMark, NOTIFY_UP_TO, SavedTexts};
pub(crate) use member::{read_member, read_members};
pub(crate) use membership::change_notice;
pub use membership::{ChangeNotice, Membership};
pub use message::{
    AppendOutcome, HotMessage, HotPage, MemberReaction, MessageAction, MissedKey, NewMessage,
    ReactOutcome, RecordVersion, ReplaceOutcome, Replacement, SentBefore,
};
pub(crate) use message::{other_list, read_others};
pub use pin::{PinOutcome, PinnedPage};
pub(crate) use sent_key::RECENT_AGE;
pub(crate) use sent_key::remembered;
pub use sent_key::{SENT_AGE, may_be_forgotten};
