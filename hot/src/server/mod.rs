//! Redis itself: settings, memory, durability, publish and subscribe. It uses `wire` only.

/// The checks of what Carrier depends on in a Redis.
mod checks;
/// Waits until a write is on disk or on a replica.
mod durability_barrier;
/// Subscription to the expiry of keys.
mod expiry_events;
/// The settings and the state of a Redis, and the SQL database that it belongs to.
mod facts;
/// Loads the scripts into a Redis that is proven, and takes them out of one that is not.
mod fence;
/// Watches what is on disk, where WAITAOF cannot be believed.
mod fsync_watch;
/// The memory of Redis, and what may leave it.
mod memory;
/// The progress of saving to SQL.
mod progress;
/// Inboxes of users: publish and subscribe.
mod pubsub;
/// Watches the settings and the state of a Redis.
mod server_watch;

pub use checks::{Check, Severity};
pub use durability_barrier::{DurabilityBarrier, Guarantee, RedisEpoch};
pub use expiry_events::{ExpiryEvents, ExpiryHint};
pub(crate) use facts::tick_of;
pub use facts::{FORMAT, Pairing, ServerFacts};
pub use fsync_watch::FsyncWatch;
pub use memory::{Memory, share_of};
pub use progress::Progress;
pub use pubsub::{Deliveries, Delivery, EndedSessions, Inboxes};
pub use server_watch::ServerWatch;
