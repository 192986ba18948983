//! A chat: its messages in Redis and in SQL, and everything that may happen to them.
//!
//! Each script is one step, and so is each statement of SQL; between any two steps of one actor all
//! others may take theirs, so a pause of any length is in it. Time only appears as ticks: a tick
//! is one more than the chat's clock, as when Redis' own clock is behind, the worst case. A power
//! cut takes Redis back to a prefix of its past (its last fsync), or to a replica that has a
//! prefix; the clock goes back with it.

use stateright::{Model, Property};

// What each step does.
mod effects;
// The invariants.
mod properties;
// The state.
mod state;
// The steps, and which may be taken.
mod steps;

pub use state::{Hot, Redis, Row, Sql, State};
pub use steps::{Part, Step};

/// A rule that makes the protocol right. A model without one must find a counterexample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guard {
    /// SQL takes no row at a lower rev.
    MonotoneUpsert,
    /// `settle` cleans only what still has the committed rev.
    SettleComparesRevs,
    /// A chat with unsaved rows is not evicted.
    EvictOnlyClean,
    /// Unsaved messages are not trimmed.
    TrimOnlyClean,
    /// `load` writes only under its own nonce.
    LoadNeedsNonce,
    /// Readers ask Redis first, then SQL.
    HotFirst,
    /// An edit of a message that was only in SQL is refused once anything has left Redis.
    DroppedChecked,
    /// A nonce says whether anything has left Redis: ticks may repeat after a power cut.
    DroppedByNonce,
    /// An edit of a hot message compares the content that was read, not its rev alone: revs may
    /// repeat after a power cut.
    ReplaceComparesContent,
    /// SQL gets only rows that Redis cannot forget.
    DurableFirst,
    /// A chat is created by `load`, after SQL was asked.
    CreationByLoad,
    /// A lease leaves the chat among those that are due.
    LeaseKeepsDue,
    /// A chat is due from the moment that it is resident.
    LoadIsDue,
    /// The chat's row is saved with every change, so that its clock does not go back when the chat
    /// is loaded once more.
    ClockIsSaved,
    /// A commit leaves out deleted chats.
    CommitSparesDeleted,
    /// The messages of a deleted chat are swept before the deletion is clean.
    SweepBeforeSettle,
    /// A commit locks the chat's row in SQL although there is none yet.
    LockWithoutRow,
    /// The key of an unsaved message is not forgotten for its age.
    UnsavedKeysStay,
    /// A sender who has asked SQL for a key asks again if any has been forgotten meanwhile.
    LookupNeedsNonce,
    /// A key that is forgotten is a row that leaves.
    ForgettingIsLeaving,
    /// Redis knows the commit that SQL had before rows leave because of it.
    SettleTellsCommit,
    /// SQL is read from a node that has what had left Redis when Redis was read.
    NodeIsNotBelow,
}

/// The bounds of the model: how much of each thing happens.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The number of messages that are sent.
    pub messages: u8,
    /// The number of edits of messages, and deletions for everyone.
    pub edits: u8,
    /// The number of flushers.
    pub flushers: usize,
    /// The number of APIs or flushers that hydrate the chat, or create it.
    pub hydrators: usize,
    /// The number of APIs that edit a message.
    pub editors: usize,
    /// True when a reader reads the whole history.
    pub reader: bool,
    /// The number of times that Redis goes back to what was on its disk.
    pub power_cuts: u8,
    /// True when the chat does not exist at first.
    pub created: bool,
    /// True when there is a message of long ago, which only SQL has.
    pub old: bool,
    /// True when the chat may be deleted.
    pub deletes_chat: bool,
    /// True when a message is sent again under its key, which may be an old one by then.
    pub resends: bool,
    /// True when SQL is read from a node that lags behind the one that is written.
    pub lags: bool,
    /// The guard that is left out.
    pub without: Option<Guard>,
}

impl History {
    fn lacks(&self, guard: Guard) -> bool {
        self.without == Some(guard)
    }

    fn all_changes(&self) -> u8 {
        self.messages + self.edits + u8::from(self.old)
    }

    /// True when the node that is read has what had left Redis at a commit.
    fn may_read(&self, state: &State, floor: u8) -> bool {
        !self.lags || state.node.commits >= floor || self.lacks(Guard::NodeIsNotBelow)
    }

    /// Returns the node of SQL that is read.
    fn node<'a>(&self, state: &'a State) -> &'a Sql {
        match self.lags {
            true => &state.node,
            false => &state.sql,
        }
    }
}

impl Model for History {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![self.first()]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.offer(state, steps);
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        self.take(before, step)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        self.all_properties()
    }
}
