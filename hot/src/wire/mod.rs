//! The way to Redis: the connection, the verbs and their scripts, the names of keys, and the
//! reading of replies. It knows no verb's meaning.

/// The connection, the options, and how a script or a command is run. Only `server` may look
/// beneath it, at the client and the nodes of a cluster.
mod connection;
/// What a contract of a verb is, and what is made of it.
mod contract;
/// Tasks whose end is that of the process.
mod critical;
/// The one error of the crate.
mod error;
/// The fence before a Redis that may have gone back in time.
mod fence;
/// Calls of one verb that go to Redis together.
mod flight;
/// The process of Redis, and what it went on from.
mod history;
/// The names of all keys and channels; no other file writes one.
pub(crate) mod keys;
/// What a script gets of the Lua that scripts share.
mod library;
/// Marks the members of a chat that is about to change.
mod marking;
/// What work costs, in units.
mod meter;
/// The search for the primary anew, by a connection whose node is one no longer.
mod primary;
/// The reasons for which a script does nothing.
mod refusal;
/// The reply of a script, and the reading of its values.
mod reply;
/// The source of every verb, as Redis gets it.
mod scripts;
/// The commits that SQL had when rows left Redis.
mod settled;
/// The contract of every verb: its keys and arguments by name.
pub(crate) mod verbs;

pub use connection::{Hot, Options, Patience};
pub(crate) use connection::{arg, listener, ms, us};
pub(crate) use contract::{Call, Micros, Millis};
pub use critical::{critical_task_ended, on_critical_end, spawn_critical};
pub use error::Error;
pub(crate) use keys::{ChatKeys, FRESH, HYDRATE, META, UserKeys, dead, due};
pub use keys::{ExpiredKey, Kind};

pub use meter::{Meter, charge, charge_notifications};
pub(crate) use primary::{all_nodes_answer, stay_with_primary};
pub use refusal::Refusal;
pub(crate) use refusal::refusal;
pub(crate) use reply::{Reply, number, parse, text};
pub use scripts::Scripts;
pub use settled::CommitMark;
pub(crate) use settled::pairs;
pub use verbs::Verb;

/// The result of every call of this crate.
pub type Result<T> = std::result::Result<T, Error>;
