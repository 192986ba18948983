//! The steps, and which of them may be taken.

use super::{
    Guard, History,
    state::{Editor, Flusher, Hydrator, Reader, Sender, State},
};

/// A step of one actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "their names are what they are")]
pub enum Step {
    Append,
    DeleteChat,
    TokenExpires,
    Fsync,
    PowerCut,
    LeaseEnds,
    EditorReads(usize, u8),
    EditorReadsSql(usize),
    EditorReplaces(usize, bool),
    FlusherSnapshots(usize),
    FlusherWaits(usize),
    FlusherLocks(usize),
    /// The flusher commits its batch, or a part of it.
    FlusherCommits(usize, Part),
    FlusherSweeps(usize),
    FlusherSettles(usize),
    FlusherCrashes(usize),
    HydratorBegins(usize),
    HydratorReads(usize),
    HydratorLoads(usize),
    HydratorCrashes(usize),
    ReaderBegins,
    ReaderEnds,
    NodeCatchesUp,
    KeysAge,
    /// A message is sent again; or, with an old key, for the first time, as it is by another try.
    SenderRepeats(Option<u8>),
    SenderAsksSql,
    SenderAppends,
}

/// The part of a batch that SQL takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The whole batch.
    All,
    /// The messages, without the chat's row.
    Messages,
    /// The batch without one message.
    Without(u8),
}

impl History {
    /// Adds the steps that may be taken in a state.
    pub(super) fn offer(&self, state: &State, steps: &mut Vec<Step>) {
        let hot = state.redis.hot.as_ref();
        if let Some(hot) = hot.filter(|hot| !hot.deleted) {
            if state.sent < self.messages {
                steps.push(Step::Append);
            }
            if self.deletes_chat {
                steps.push(Step::DeleteChat);
            }
            if hot.warm {
                steps.push(Step::TokenExpires);
            }
        }
        if state
            .disk
            .as_ref()
            .is_some_and(|(disk, _)| *disk != state.redis)
        {
            steps.extend([Step::Fsync, Step::PowerCut]);
        }
        if state.redis.hydrating != 0 {
            steps.push(Step::LeaseEnds);
        }
        for (at, editor) in state.editors.iter().enumerate() {
            match editor {
                Editor::Idle if state.changes < self.all_changes() && hot.is_some() => {
                    steps.extend(state.acked.iter().map(|row| Step::EditorReads(at, row.id)));
                }
                Editor::Idle => {}
                Editor::Asked(_, _, floor) if self.may_read(state, *floor) => {
                    steps.push(Step::EditorReadsSql(at))
                }
                Editor::Asked(..) => {}
                Editor::Has(..) => steps.extend([
                    Step::EditorReplaces(at, false),
                    Step::EditorReplaces(at, true),
                ]),
            }
        }
        for (at, flusher) in state.flushers.iter().enumerate() {
            match flusher {
                Flusher::Idle
                    if hot.is_some_and(|hot| {
                        !hot.dirty.is_empty() || hot.row_dirty != 0 || !hot.warm
                    }) =>
                {
                    steps.push(Step::FlusherSnapshots(at));
                }
                Flusher::Idle => {}
                Flusher::Snapshot(_) => {
                    steps.extend([Step::FlusherWaits(at), Step::FlusherCrashes(at)])
                }
                // Only what may be deleted between its lock and its commit needs two steps.
                Flusher::Durable(_) if self.deletes_chat => {
                    if state.sql.locked.is_none() {
                        steps.push(Step::FlusherLocks(at));
                    }
                    steps.push(Step::FlusherCrashes(at));
                }
                // The upsert of the chat's row waits for another's lock.
                Flusher::Locked(..) if state.sql.locked.is_some_and(|by| by != at) => {
                    steps.push(Step::FlusherCrashes(at));
                }
                Flusher::Durable(batch) | Flusher::Locked(batch, _) => {
                    steps.extend([
                        Step::FlusherCommits(at, Part::All),
                        Step::FlusherCrashes(at),
                    ]);
                    if batch.clock != 0 && !batch.rows.is_empty() {
                        steps.push(Step::FlusherCommits(at, Part::Messages));
                    }
                    steps.extend(
                        batch
                            .rows
                            .iter()
                            .map(|row| Step::FlusherCommits(at, Part::Without(row.id))),
                    );
                }
                Flusher::Committed(batch) => {
                    let sweeps = batch.deletes && !batch.swept;
                    if sweeps {
                        steps.push(Step::FlusherSweeps(at));
                    }
                    if !sweeps || self.lacks(Guard::SweepBeforeSettle) {
                        steps.push(Step::FlusherSettles(at));
                    }
                    steps.push(Step::FlusherCrashes(at));
                }
            }
        }
        for (at, hydrator) in state.hydrators.iter().enumerate() {
            match hydrator {
                Hydrator::Idle if hot.is_none() && state.redis.hydrating == 0 => {
                    steps.push(Step::HydratorBegins(at))
                }
                Hydrator::Idle => {}
                Hydrator::Begun(_, floor) => {
                    if self.may_read(state, *floor) {
                        steps.push(Step::HydratorReads(at));
                    }
                    steps.push(Step::HydratorCrashes(at));
                }
                Hydrator::Read(..) => {
                    steps.extend([Step::HydratorLoads(at), Step::HydratorCrashes(at)])
                }
            }
        }
        if self.resends && state.sender == Sender::Idle && !state.acked.is_empty() && hot.is_some()
        {
            let again = state.acked.iter().map(|row| Some(row.id));
            steps.extend(again.map(Step::SenderRepeats));
            if !state.old_keys {
                steps.push(Step::KeysAge);
            }
        }
        match state.sender {
            Sender::Idle if state.old_keys && hot.is_some() => {
                steps.push(Step::SenderRepeats(None))
            }
            Sender::Asked(.., floor) if self.may_read(state, floor) => {
                steps.push(Step::SenderAsksSql)
            }
            Sender::Missed(..) if hot.is_some() => steps.push(Step::SenderAppends),
            _ => {}
        }
        if self.lags && state.node.commits < state.sql.commits {
            steps.push(Step::NodeCatchesUp);
        }
        if self.reader {
            match state.reader {
                Reader::Idle if !state.acked.is_empty() && hot.is_some() => {
                    steps.push(Step::ReaderBegins)
                }
                Reader::Half(.., floor) if self.may_read(state, floor) => {
                    steps.push(Step::ReaderEnds)
                }
                _ => {}
            }
        }
    }
}
