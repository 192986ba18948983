//! The only crate that speaks Redis.
//!
//! # What is in Redis
//!
//! Chats, users, names and limits are spread over 256 partitions each; the partition is the hash
//! tag of the key (`{c17}`, `{u203}`, `{n5}`, `{l9}`), so all that one script touches is in one
//! slot and the same code runs on one Redis or on a cluster.
//!
//! Keys of a chat:
//! - `chat:{c17}:ID`, hash: the chat's row. The chat is *resident* while this key exists. Besides
//!   the columns it has
//!   - `clock`, the tick of the last change, and `seq`, the newest sequence number,
//!   - `dropped`, the nonce with which a row, or a key of `…:sent` or `…:recent`,
//!     last left,
//!   - `told`, the tick of the last change that the members were notified of,
//!   - `roster`, the version of the set of members: another number whenever a member comes or goes,
//!   - `mentions_all`, the ids of the newest 50 texts that mention all, which is a column too: no
//!     member's record has them,
//!   - `pins`, the ids of the pinned messages, the newest pin first: a column, too,
//!   - `invites`, the invitations to a group, with the hashes of their tokens: a column, too,
//!   - `deleting`, a deletion of a message that is under way, `uncounting`, how far its members are
//!     gone through, `reacting`, a reaction, and `naming`, an edit that names others,
//!   - `gone`, the highest rev of a member who has left it and Redis,
//!   - `marked`, a tick: all members have a mark of it in their `…:order`, or a later one. It may
//!     change for a quarter of an hour from then on,
//!   - `indexed`, there when `…:silent` and `…:files` are whole: not in chats that the first
//!     release loaded.
//! - `…:token`, string with a TTL: the chat's warmth, and nothing else. Its expiry takes no data
//!   with it.
//! - `…:messages`, list: records of messages (JSON; after a line break, who reacted, or `+`: see
//!   `…:reactors:ID`), oldest first: every unsaved one and at least the newest 50.
//! - `…:changed`, hash, id -> record: messages older than the list that were changed and are not
//!   saved yet.
//! - `…:reactors:ID`, hash, user id -> emojis: who reacted to a message here beyond those whom its
//!   record names; `…:reacted`, set: the ids of the messages that have one.
//! - `…:silent`, sorted set by themselves: ids of the list's messages that are no texts, or are
//!   deleted.
//! - `…:files`, sorted set by name: `HASH:ID`, the files of the list's messages.
//! - `…:members`, hash, user id -> record (JSON): members, and those who left until that is saved.
//! - `…:dirty`, sorted set by rev: what SQL does not have yet (`chat`, `member:UID`, `message:ID`),
//!   and `list:UID`, what another slot does not have.
//! - `…:parked`, sorted set: dirty rows that SQL refuses.
//! - `…:sent`, sorted set: `sender:client_id` by the id of the message it made, of the last hour,
//!   where the client's id does not tell when it was made; `…:recent`: the others of the last
//!   twelve minutes, as 16 bytes of a digest.
//! - `…:hydrating`, string, 10 s: the nonce of the hydration under way.
//! - `due:{c17}`, sorted set: chat ids by the time (ms) at which a flusher must look at them; every
//!   resident chat is in it.
//! - `dead:{c17}`, hash, `chat/entry` -> how often SQL refused it, its rev, the error.
//! - `commits:{c17}`, hash: `began:WRITER`, the newest commit of a writer of SQL that was begun
//!   with rows of the partition, and `settled:WRITER`, one that SQL had before rows left.
//!   `commits:{n5}` has those after which claims of names were released.
//! - `fence:{c17}`, string: empty. It is written to wait until it, with every earlier write, is on
//!   disk or on a replica.
//!
//! Keys of a user:
//! - `user:{u203}:ID`, hash: the user's row, `clock`, `claims` (names used and not saved),
//!   `want_username`, `want_email`,
//!   `want_external`. The user is resident while this key exists.
//! - `…:chats`, hash, chat id -> rev of the membership, and when it ended (0: it has not).
//! - `…:order`, sorted set: the chats of `…:chats`, each by a score that is not below any change
//!   of it which matters to the user, or by a mark, 4 * 10^15 and a tick: from that tick on it may
//!   have changed at any time. `ordered` in the user's row is the process of Redis that made it
//!   (with its history), and when: another one cannot rely on it.
//! - `…:pinned`, set: the chats that the user has pinned, and perhaps some that were pinned.
//! - `…:mine`, hash: the private rows, `chat:ID` (preferences, messages deleted for the user
//!   alone), `block:UID` and `ended:0` (tokens of a provider that open no session again) -> `rev
//!   value`.
//! - `…:sessions`, sorted set: hashes of session tokens by expiry (ms). It outlives a user who is
//!   evicted, and has a TTL from then on: that of the last session.
//! - `…:dirty`, `…:parked`, `…:hydrating`, `due:{u203}`, `dead:{u203}`, `commits:{u203}`: as for
//!   chats.
//! - `session:{u203}:SHA256`, hash with a TTL: user, device, created, seen, `password_rev`; `ends`
//!   of one with a fixed end, and `issued` of one that the token of a provider has opened.
//! - `ticket:{u203}:SHA256`, string, 30 s: the hash of the session that it stands for, once.
//! - `presence:{u203}:ID`, sorted set with a TTL: the APIs that serve the user, by the time (ms)
//!   until which they do; the last one tells when the user was last seen.
//! - `limit:{u203}:WHAT:ID`, string with a TTL: when the account's next WHAT is due at an even pace
//!   (µs). It is not in the AOF: losing it harms nobody.
//! - `inbox:{u203}:ID` and `watch:{u203}:ID`, channels: notifications to a user, and the user's
//!   coming and going.
//!
//! Other keys:
//! - `claim:{n5}:username:NAME`, string: `owner nonce time_ms`, while the row that uses the name is
//!   unsaved.
//! - `login:{n5}:username:NAME`, string with the TTL of a session: the user who has the name, to be
//!   asked while SQL does not answer. It is believed only if the user's resident row has the name.
//! - `limit:{l9}:WHAT:WHO`, string with a TTL: as `limit` of an account, of an address or a login
//!   name.
//! - `origins:{l9}:NAME`, sorted set with a TTL: hashes of the addresses and devices from which
//!   somebody has logged in with the name, by the time (ms); of the newest 32.
//! - `fresh`, sorted set, capped: users who changed their names and are not saved yet, by the time
//!   of the change.
//! - `hydrate`, list, capped: users who just logged in.
//! - `carrier`, hash: the format of all keys, the incarnation of SQL that they belong to, and
//!   `ordered_from`, the time from which on orders of chats can be relied upon.
//!
//! # How it is changed
//!
//! Only by the scripts in `lua/`, one for each atomic verb. Each checks and decodes all it needs
//! before its first write, and writes `due`, then `dirty`, then the data: Redis does not roll back,
//! and in this order a script that is stopped leaves at most a mark too many. A command is sent
//! once: when a connection dies in flight it is unknown whether it ran, so a caller that repeats it
//! brings the same idempotency key.
//!
//! # Which wing may use which
//!
//! `wire` uses no other. `chats`, `people` and `server` use `wire`; `residency`, `flush` and
//! `audit` use `wire`, `chats` and `people`. No arrow runs the other way. The
//! folders of `lua/` are the same wings, and `lua/lib/` is what several scripts share.

/// A chat or a user with everything that belongs to it, for `carrier verify`. It reads and never
/// writes; it may use `wire`, `chats` and `people`.
mod audit;
/// The chats: rows, members, messages. It may use `wire`.
mod chats;
/// The flusher's side: lease, snapshot, settle, park. It may use `wire`, `chats` and `people`.
mod flush;
/// The users: rows, sessions, names, lists of chats, private rows, presence, limits. It may use
/// `wire`.
mod people;
/// The ways of a chat or a user into Redis, and early out of it. It may use `wire`, `chats` and
/// `people`.
mod residency;
/// Redis itself: settings, memory, durability, events, publish and subscribe. It may use `wire`.
mod server;
/// The connection, the verbs and their scripts, the names of keys, and the reading of replies. It
/// uses no other wing.
mod wire;

pub use audit::{ChatAudit, UserAudit};
pub use chats::{
    ANSWER_BYTES, AppendOutcome, ChangeNotice, ChatChange, ChatDeletion, HotChanges, HotMessage,
    HotPage, HotView, InviteChange, InvitedChat, MarkOutcome, MemberAction, MemberChange,
    MemberReaction, Membership, MessageAction, MissedKey, MovedMark, NOTIFY_UP_TO, NewMessage,
    PinOutcome, PinnedPage, ReactOutcome, RecordVersion, ReplaceOutcome, Replacement, RowTicks,
    SENT_AGE, SavedTexts, SentBefore, may_be_forgotten,
};
pub use flush::{
    ChatSnapshot, CommittedChat, DeadLetter, DirtyEntry, DirtyRow, MemberRow, PartitionMarks,
    SettleOutcome, SnapshotBounds, UserExit, UserSnapshot, partition_index, partitions,
};
pub use people::{
    Admission, ListedChat, MAX_SESSIONS, NameClaim, NewMetadata, OpenedSession, OrderLook,
    OrderReading, OrderedChat, OrderedChats, Presence, PrivateChange, Rate, RateVerdict,
    SessionState, TICKET_LIFE, TokenSession, UserChange, UserChanged, UserRecord,
};
pub use residency::{ChatRows, HydrationStart, LoadOutcome};
pub use server::{
    Check, Deliveries, Delivery, DurabilityBarrier, EndedSessions, ExpiryEvents, ExpiryHint,
    FORMAT, FsyncWatch, Guarantee, Inboxes, Memory, Pairing, Progress, RedisEpoch, ServerFacts,
    ServerWatch, Severity, share_of,
};
pub use wire::{
    CommitMark, Error, ExpiredKey, Hot, Kind, Meter, Options, Patience, Refusal, Result, Scripts,
    Verb, charge, charge_notifications, critical_task_ended, on_critical_end, spawn_critical,
};
