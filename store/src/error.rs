//! Why a request cannot be granted, or not now.

use model::NameKind;

/// What the API turns into a problem.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Redis.
    #[error(transparent)]
    Hot(#[from] hot::Error),
    /// SQL.
    #[error("SQL: {0}")]
    Cold(#[from] cold::DbErr),
    /// The schema is not there.
    #[error("the database has no schema yet ({0}); run `carrier migrate up`")]
    Unmigrated(String),
    /// Redis and SQL are of two systems, or one of them was restored from a backup.
    #[error(
        "Redis belongs to the database with incarnation {redis}, this one has {sql}: is CARRIER_REDIS_URL or CARRIER_DATABASE_URL another's? \
         After SQL was restored from a backup: stop all roles, and either restore it to what Redis belongs to, or give up what is only in Redis \
         (FLUSHDB) and start again"
    )]
    Strangers {
        /// What Redis mirrors.
        redis: String,
        /// What SQL has.
        sql: String,
    },
    /// Redis was written by another version.
    #[error("the keys in Redis have format {0:?}, this version knows {expected:?}; run the version that wrote them until it is drained", expected = hot::FORMAT)]
    Format(String),
    /// Redis cannot make writes as safe as they shall be.
    #[error("CARRIER_ACK asks for more than this Redis can do; it needs {0}")]
    CannotAck(&'static str),
    /// Redis could not make safe in time what the rest relies on; nothing was done.
    #[error("Redis could not make it durable in time")]
    NotSafe,
    /// Redis is nearly full, or too much is not in SQL yet.
    #[error("there is no room now")]
    NoRoom,
    /// No such chat, or not this user's.
    #[error("no such chat")]
    NoChat,
    /// No such user.
    #[error("no such user")]
    NoUser,
    /// No such message in this chat, or no longer.
    #[error("no such message")]
    NoMessage,
    /// No such member of this chat.
    #[error("no such member")]
    NoMember,
    /// The name is another's.
    #[error("the {0} is taken")]
    Taken(NameKind),
    /// These people are not known: their place in the request, and what it said.
    #[error("unknown members")]
    UnknownMembers(Vec<(usize, String)>),
    /// No such login, or not its password.
    #[error("wrong login or password")]
    WrongPassword,
    /// No such session, or no longer.
    #[error("no such session")]
    NoSession,
    /// The role does not allow it.
    #[error("the role is too low")]
    RoleTooLow,
    /// The owner cannot leave while others are in.
    #[error("the owner cannot leave the others")]
    LastOwner,
    /// The group has as many members as it may.
    #[error("the group is full")]
    GroupFull,
    /// Not a group.
    #[error("a direct chat's members are fixed")]
    DirectChat,
    /// The other of a direct chat blocks them.
    #[error("they do not accept it")]
    NotAccepted,
    /// The message has as many kinds of reaction as it may.
    #[error("too many kinds of reaction")]
    TooManyReactions,
    /// A user has deleted as many messages of a chat for themselves as they may.
    #[error("too many messages are deleted one by one")]
    TooManyHidden,
    /// The key was used for another message.
    #[error("the client_id was used for another message")]
    KeyReused,
    /// More passwords wait to be checked than may.
    #[error("too many logins at once")]
    Busy,
}
