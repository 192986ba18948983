//! The plain records of Carrier: ids, the clock, users, sessions, chats, members and messages,
//! with their JSON and, behind the feature `openapi`, their OpenAPI schemas.
//!
//! No module here does I/O. Every other crate speaks in these types.

mod api_key;
mod block;
mod chat;
mod clock;
mod ended;
mod error;
mod event;
mod id;
mod invite;
mod letters;
mod member;
mod mention;
mod message;
mod metadata;
mod name;
mod password;
mod pin;
mod postings;
mod private;
mod problem;
mod problem_code;
mod quote;
mod reaction;
mod search;
mod session;
mod span;
mod user;
mod webhook;

pub use api_key::{ApiKey, KeyRecord, Scope};
pub use block::Blocks;
pub use chat::{Chat, ChatKind, ChatView, MyMarks, OtherMarks};
pub use clock::Tick;
pub use ended::EndedTokens;
pub use error::ParseError;
pub use event::{
    Ack, ChatCreated, ChatRemoved, ChatSaved, ChatUpdated, CustomEvent, Heartbeat, Hello,
    MeUpdated, MemberUpdated, MessageCreated, MessageRemoved, MessageUpdated, PresenceUpdated,
    ReactionChanged, ReceiptUpdated, Reconnect, Refused, ServerEvent, SessionRevoked, Typing,
    UserUpdated,
};
pub use id::{ChatId, KeyId, Partition, SessionId, UserId, WebhookId};
pub use invite::{
    Invite, InvitePreview, InviteToken, InviteView, Invites, MAX_INVITE_USES, MAX_INVITES,
};
pub use member::{Member, MemberView, Role};
pub use mention::{COUNTED_MENTIONS, MENTION_ALL_UP_TO, MentionsOfAll, names_all, names_in};
pub use message::{
    Attachment, Draft, Durability, Extras, MAX_ATTACHMENTS, MAX_BODY, MAX_SUBJECT, Message,
    MessageKind, Page, Reply, SentMessage, System, SystemEvent,
};
pub use metadata::{
    MAX_OBJECT, MAX_OBJECT_DEPTH, Metadata, ObjectError, check_object, is_hidden_in_metadata,
    merge_metadata, metadata_json,
};
pub use name::{Name, NameKind, fold, fold_shown, is_external_id};
pub use password::prepare_password;
pub use pin::{MAX_PINS, PinnedMessages, Pins};
pub use postings::{Postings, UnreadablePostings};
pub use private::{
    ChatSettings, ERASED_ROWS, MAX_BLOCKS, MAX_HIDDEN, MAX_KEYS, Preferences, PrivateKey,
    PrivateRow,
};
pub use problem::{FieldError, Problem};
pub use problem_code::{FieldErrorCode, ProblemCode};
pub use quote::{answered, preview_of, quote};
pub use reaction::{
    MAX_REACTIONS, OtherReactor, Reaction, Reactors, StoredMessage, reactions_of, split_record,
};
pub use search::{Segment, Terms};
pub use session::{Session, SessionView, Token};
pub use span::{Span, SpanPart};
pub use user::{Account, Profile, User, avatar_url};
pub use webhook::{
    MAX_WEBHOOK_CHATS, MAX_WEBHOOKS, MAX_WEBHOOKS_OF_CHAT, OldSecret, WebhookEvent, WebhookRecord,
};
