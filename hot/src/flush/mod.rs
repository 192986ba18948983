//! The flusher's side: it leases what is due, takes a snapshot, settles the rows that SQL has, and
//! parks those that SQL refuses. It uses `wire`, `chats` and `people`.

/// The chats that one script may have.
mod groups;
/// The due sets, and the lease on what is due.
mod lease;
/// The marks of commits, by which it shows that a store went back.
mod marks;
/// Rows that SQL refuses.
mod parked;
/// Marks what SQL has as clean, and evicts.
mod settle;
/// The rows that SQL does not have.
mod snapshot;
/// Rows that SQL has no longer, since it was restored from a backup.
mod unsaved;

pub use marks::{PartitionMarks, partition_index, partitions};
pub use parked::DeadLetter;
pub use settle::{CommittedChat, SettleOutcome, UserExit};
pub use snapshot::{ChatSnapshot, DirtyEntry, DirtyRow, MemberRow, SnapshotBounds, UserSnapshot};
