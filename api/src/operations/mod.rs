//! The operations of the API, one file for each noun. A handler reads as the story of one request
//! and does three things: parse, ask the store, answer.
//!
//! May use `request`, `response`, `state`, `hook`, `config` and each other; nothing of `live`,
//! `middleware` or `document`.

/// Users of a product's own, whom its backend makes and changes.
pub(crate) mod admin_users;
/// Webhooks, by which a product's backend is told of what happens.
pub(crate) mod admin_webhooks;
/// Files that are attached to messages: upload and download.
pub(crate) mod attachments;
/// Pictures of people and groups.
pub(crate) mod avatars;
/// Blocking people, and the list of the blocked.
pub(crate) mod blocks;
/// Chats: opening, listing, changing and deleting them, and how a member keeps one.
pub(crate) mod chats;
/// The search for people by name or by id.
pub(crate) mod directory;
/// The export of an account as lines of JSON.
pub(crate) mod export;
/// Invitations to a group by a link.
pub(crate) mod invites;
/// The verdicts of the operator's hook on texts that are sent or edited.
mod judging;
/// The messages of one user over all of their chats.
pub(crate) mod mailboxes;
/// Members of a chat and their roles.
pub(crate) mod members;
/// Messages of a chat: sending, reading, changing and deleting them.
pub(crate) mod messages;
/// Messages of a chat that are pinned.
pub(crate) mod pins;
/// Reactions to messages.
pub(crate) mod reactions;
/// Receipts: how far members have read, and how far messages have reached them.
pub(crate) mod receipts;
/// Full-text search over the messages of one user.
pub(crate) mod search;
/// The settings of the server that a client needs before it logs in.
pub(crate) mod server_info;
/// Registration, login, logout and the list of sessions.
pub(crate) mod sessions;
/// The changes since a cursor.
pub(crate) mod sync;
/// The caller's own account, and profiles of others.
pub(crate) mod users;

/// The operations, without those of the live connections.
pub(crate) type Apis = (
    sessions::SessionApi,
    server_info::ServerInfoApi,
    users::UserApi,
    directory::DirectoryApi,
    blocks::BlockApi,
    export::ExportApi,
    chats::ChatApi,
    (members::MemberApi, invites::InviteApi),
    (messages::MessageApi, pins::PinApi),
    receipts::ReceiptApi,
    mailboxes::MailboxApi,
    reactions::ReactionApi,
    search::SearchApi,
    attachments::AttachmentApi,
    avatars::AvatarApi,
    sync::SyncApi,
);
pub(crate) const APIS: Apis = (
    sessions::SessionApi,
    server_info::ServerInfoApi,
    users::UserApi,
    directory::DirectoryApi,
    blocks::BlockApi,
    export::ExportApi,
    chats::ChatApi,
    (members::MemberApi, invites::InviteApi),
    (messages::MessageApi, pins::PinApi),
    receipts::ReceiptApi,
    mailboxes::MailboxApi,
    reactions::ReactionApi,
    search::SearchApi,
    attachments::AttachmentApi,
    avatars::AvatarApi,
    sync::SyncApi,
);

/// The operations of a product's own backend.
pub(crate) const ADMIN: AdminApi = (admin_users::AdminUserApi, admin_webhooks::AdminWebhookApi);
pub(crate) type AdminApi = (admin_users::AdminUserApi, admin_webhooks::AdminWebhookApi);

/// The groups of operations in the document.
#[derive(poem_openapi::Tags)]
pub(crate) enum Tags {
    /// Accounts and sessions.
    Sessions,
    /// People.
    Users,
    /// Chats and who is in them.
    Chats,
    /// Messages, and how far they have been read.
    Messages,
    /// Attachments and pictures.
    Files,
    /// Changes since a cursor.
    Sync,
    /// Changes at the moment they happen.
    Live,
    /// What a product's own backend does, with a key.
    Admin,
}
