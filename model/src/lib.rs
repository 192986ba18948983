//! The plain records of Carrier: ids, the clock, users, sessions, chats, members and messages, with their JSON and their OpenAPI schema.
//!
//! Nothing here does I/O. Every other crate speaks in these types.

mod chat;
mod clock;
mod event;
mod id;
mod member;
mod message;
mod mine;
mod name;
mod problem;
mod reaction;
mod search;
mod session;
mod user;

pub use chat::{Chat, ChatKind, ChatView, OtherMarks, Own};
pub use clock::Tick;
pub use event::{
    Ack, ChatCreated, ChatRemoved, ChatSaved, ChatUpdated, Heartbeat, Hello, MeUpdated, MemberUpdated, MessageCreated, MessageRemoved,
    MessageUpdated, PresenceUpdated, ReactionChanged, ReceiptUpdated, Reconnect, Refused, ServerEvent, SessionRevoked, Typing, UserUpdated,
};
pub use id::{ChatId, Partition, SessionId, UserId};
pub use member::{Member, MemberView, Role};
pub use message::{
    Attachment, Draft, Durability, Extras, MAX_ATTACHMENTS, MAX_BODY, MAX_SUBJECT, Message, MessageKind, Page, Reply, SentMessage, System,
    SystemEvent,
};
pub use mine::{About, MAX_HIDDEN, Mine, OwnChat, Preferences};
pub use name::{Name, NameKind, fold};
pub use problem::{FieldError, Problem};
pub use reaction::{MAX_REACTIONS, Reaction, Reactors, Stored, reactions_of, split};
pub use search::{Segment, Terms, indexed};
pub use session::{Session, SessionView, Token};
pub use user::{Account, Profile, User};
