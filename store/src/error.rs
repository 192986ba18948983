//! The reasons for which a request is refused, for now or for good.

use model::{ChatKind, NameKind, UserId};

/// A refusal or a failure; the API turns each into a problem.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Redis failed; [`hot::Error`] tells whether to retry.
    #[error(transparent)]
    Hot(#[from] hot::Error),
    /// SQL failed. Retry later.
    #[error("SQL: {0}")]
    Cold(#[from] cold::DbErr),
    /// SQL has no schema yet.
    #[error("the database has no schema yet ({0}); run `carrier migrate up`")]
    Unmigrated(String),
    /// Redis and SQL are of two systems, or one of them was restored from a backup.
    #[error(
        "Redis belongs to the database with incarnation {redis}, this one has {sql}: does \
         CARRIER_REDIS_URL or CARRIER_DATABASE_URL point to another system? After SQL was restored \
         from a backup: stop all roles, and either restore the database that Redis belongs to, or \
         give up what is only in Redis (FLUSHDB) and start again"
    )]
    Mismatched {
        /// The incarnation of the database that Redis belongs to.
        redis: String,
        /// The incarnation of this database.
        sql: String,
    },
    /// Redis was written by another version.
    #[error(
        "the keys in Redis have format {0:?}, this version knows {expected:?}; run the version \
         that wrote them until it is drained",
        expected = hot::FORMAT
    )]
    Format(String),
    /// SQL went back in time: it lacks a commit that Redis relies on.
    #[error(
        "SQL is older than Redis: Redis relies on commit {settled} of writer {writer}, and SQL has \
         {saved}; if SQL was restored from a backup, stop all roles and run \
         `carrier doctor --sql-was-restored`, which saves all that Redis has again"
    )]
    SqlWentBack {
        /// A writer of whom it is known.
        writer: String,
        /// The number of the newest commit of the writer that SQL has.
        saved: i64,
        /// The number of one that SQL had before.
        settled: i64,
    },
    /// Redis cannot make writes as durable as CARRIER_ACK asks for.
    #[error("CARRIER_ACK asks for more than this Redis can do; it needs {0}")]
    CannotAck(&'static str),
    /// Redis could not make a row durable in time that the rest relies on; nothing was done.
    #[error("Redis could not make it durable in time")]
    NotDurable,
    /// Redis is nearly full, or too much is not in SQL yet. Retry later.
    #[error("there is no room now")]
    NoRoom,
    /// The chat does not exist, or the user is not a member.
    #[error("no such chat")]
    NoChat,
    /// The user does not exist.
    #[error("no such user")]
    NoUser,
    /// The message does not exist in this chat, or was deleted.
    #[error("no such message")]
    NoMessage,
    /// The user is not a member of this chat.
    #[error("no such member")]
    NoMember,
    /// The name belongs to another user.
    #[error("the {0} is taken")]
    Taken(NameKind),
    /// Some of the people in the request are not known: each with the index and the text of its
    /// entry.
    #[error("unknown members")]
    UnknownMembers(Vec<(usize, String)>),
    /// The login does not exist, or the password is wrong.
    #[error("wrong login or password")]
    WrongLogin {
        /// The account of the login, if there is one: for the log alone.
        account: Option<UserId>,
    },
    /// The password is not the present one of the account.
    #[error("wrong password")]
    WrongPassword,
    /// The account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// The session does not exist, or has ended.
    #[error("no such session")]
    NoSession,
    /// The session of this token of a provider has ended, or its user was disabled or erased since
    /// it was issued.
    #[error("the session of this token has ended")]
    TokenEnded,
    /// The user's role does not allow the change.
    #[error("the role is too low")]
    RoleTooLow,
    /// The owner cannot leave while other members are in the group.
    #[error("the owner cannot leave the others")]
    LastOwner,
    /// The group has as many members as it may.
    #[error("the group is full")]
    GroupFull,
    /// The chat is a direct chat, and the change is for groups only.
    #[error("a direct chat's members are fixed")]
    DirectChat,
    /// The other member of the direct chat, or one who is to be put into a chat, blocks the user.
    #[error("they do not accept it")]
    NotAccepted,
    /// The user may not mention all of such a chat.
    #[error("they may not mention all")]
    MentionsAll(ChatKind),
    /// The message has as many kinds of reaction as it may.
    #[error("too many kinds of reaction")]
    TooManyReactions,
    /// The user has deleted as many single messages of the chat for themselves as they may.
    #[error("too many messages are deleted one by one")]
    TooManyHidden,
    /// The invitation does not exist, has ended, or has let in as many as it may.
    #[error("no such invitation")]
    InviteEnded,
    /// The group has as many invitations as it may.
    #[error("too many invitations")]
    TooManyInvites,
    /// The chat has as many pinned messages as it may.
    #[error("too many pins")]
    TooManyPins,
    /// The user blocks as many others as they may.
    #[error("too many blocks")]
    TooManyBlocks,
    /// The server has as many keys as it may.
    #[error("too many keys")]
    TooManyKeys,
    /// The address of a webhook cannot be used.
    #[error("the URL {0}")]
    WebhookAddress(webhook::BadTarget),
    /// The server, or a chat, has as many webhooks as it may.
    #[error("too many webhooks")]
    TooManyWebhooks,
    /// The metadata breaks a rule, as a merge patch has made it.
    #[error("the metadata {0}")]
    Metadata(model::ObjectError),
    /// The idempotency key was used for another message.
    #[error("the client_id was used for another message")]
    KeyReused,
    /// As much as may already waits to be computed, for this account or address, or for all. Retry
    /// later.
    #[error("too much at once")]
    Busy,
    /// What was to be computed failed: the process ends, or has a defect.
    #[error("a computation failed")]
    Failed,
}
