//! What each step does.

use super::{
    Guard, History,
    state::{
        Batch, Editor, Flusher, Hot, Hydrator, Observed, Reader, Row, Sender, Sql, State, mark, put,
    },
    steps::{Part, Step},
};

/// The number of saved messages that stay in Redis.
const KEEP: usize = 1;

impl History {
    /// Returns the state after a step; `None` where it does nothing.
    pub(super) fn take(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        match step {
            Step::Append => {
                let hot = state.redis.hot.as_mut()?;
                let tick = hot.clock + 1;
                state.changes += 1;
                state.sent += 1;
                let row = Row {
                    id: tick,
                    rev: tick,
                    change: state.changes,
                    deleted: false,
                };
                hot.clock = tick;
                hot.list.push(tick);
                if self.resends {
                    hot.sent.push(tick);
                }
                if let Sender::Asked(key, ..) | Sender::Missed(key, _) = &mut state.sender {
                    key.get_or_insert(tick);
                }
                put(&mut hot.rows, row);
                mark(&mut hot.dirty, tick, tick);
                hot.row_dirty = tick;
                hot.warm = true;
                state.acknowledge(row);
            }
            Step::DeleteChat => {
                let hot = state.redis.hot.as_mut()?;
                hot.clock += 1;
                hot.row_dirty = hot.clock;
                hot.deleted = true;
                hot.warm = false;
                (hot.list, hot.rows, hot.dirty) = Default::default();
                state.acked.clear();
                state.reader = Reader::Idle;
            }
            Step::TokenExpires => state.redis.hot.as_mut()?.warm = false,
            Step::LeaseEnds => state.redis.hydrating = 0,
            Step::Fsync => state.disk = Some((state.redis.clone(), state.acked.clone())),
            Step::PowerCut => {
                if state.cuts == 0 {
                    return None;
                }
                let (redis, acked) = state.disk.clone()?;
                state.cuts -= 1;
                (state.redis, state.acked) = (redis, acked);
                // WAITAOF waits on a connection, which is gone.
                for flusher in state
                    .flushers
                    .iter_mut()
                    .filter(|flusher| matches!(flusher, Flusher::Snapshot(_)))
                {
                    *flusher = Flusher::Idle;
                }
                if state.cuts == 0 {
                    state.disk = None;
                }
            }
            Step::EditorReads(at, id) => {
                let hot = state.redis.hot.as_ref()?;
                let found = hot.rows.iter().find(|row| row.id == id);
                state.editors[at] = match found {
                    Some(row) if row.deleted => Editor::Idle,
                    Some(row) => Editor::Has(*row, Observed::Hot(*row)),
                    None => {
                        let seen = Observed::Cold(hot.dropped, hot.clock);
                        Editor::Asked(id, seen, state.redis.settled)
                    }
                };
            }
            Step::EditorReadsSql(at) => {
                let Editor::Asked(id, seen, _) = state.editors[at] else {
                    return None;
                };
                let found = self
                    .node(&state)
                    .rows
                    .iter()
                    .find(|row| row.id == id && !row.deleted);
                state.editors[at] = found.map_or(Editor::Idle, |row| Editor::Has(*row, seen));
            }
            Step::EditorReplaces(at, deletes) => {
                let Editor::Has(base, seen) = state.editors[at] else {
                    return None;
                };
                state.editors[at] = Editor::Idle;
                let (changes, deleted) = (
                    state.changes,
                    state.redis.hot.as_ref().is_none_or(|hot| hot.deleted),
                );
                if !deleted && changes < self.all_changes() {
                    let hot = state.redis.hot.as_mut()?;
                    let held = hot.rows.iter().find(|row| row.id == base.id);
                    let good = match (held, seen) {
                        (Some(held), _) if self.lacks(Guard::ReplaceComparesContent) => {
                            held.rev == base.rev
                        }
                        (Some(held), Observed::Hot(row)) => *held == row,
                        (Some(_), Observed::Cold(..)) => false,
                        (None, Observed::Hot(_)) => false,
                        (None, Observed::Cold(..)) if self.lacks(Guard::DroppedChecked) => true,
                        // The first design compared the clock at which a row last left, which is
                        // not below a tick of `dropped`.
                        (None, Observed::Cold(_, noted)) if self.lacks(Guard::DroppedByNonce) => {
                            hot.dropped <= noted
                        }
                        (None, Observed::Cold(nonce, _)) => hot.dropped == nonce,
                    };
                    if good {
                        let tick = hot.clock + 1;
                        state.changes += 1;
                        let row = Row {
                            id: base.id,
                            rev: tick,
                            change: state.changes,
                            deleted: deletes,
                        };
                        hot.clock = tick;
                        put(&mut hot.rows, row);
                        mark(&mut hot.dirty, row.id, tick);
                        if !self.lacks(Guard::ClockIsSaved) {
                            hot.row_dirty = tick;
                        }
                        hot.warm = true;
                        state.lost_update |= !state
                            .acked
                            .iter()
                            .any(|acked| acked.id == base.id && acked.change == base.change);
                        state.acknowledge(row);
                    }
                }
            }
            Step::FlusherSnapshots(at) => {
                let hot = state.redis.hot.as_mut()?;
                let rows = hot
                    .rows
                    .iter()
                    .filter(|row| hot.dirty.iter().any(|(id, _)| *id == row.id))
                    .copied()
                    .collect();
                let batch = Batch {
                    rows,
                    clock: hot.row_dirty,
                    deletes: hot.deleted && hot.row_dirty != 0,
                    swept: false,
                    commit: 0,
                };
                if self.lacks(Guard::LeaseKeepsDue) {
                    hot.due = false;
                }
                let nothing = batch.rows.is_empty() && batch.clock == 0;
                state.flushers[at] = if nothing {
                    Flusher::Committed(batch)
                } else {
                    Flusher::Snapshot(batch)
                };
                if nothing || state.disk.is_none() || self.lacks(Guard::DurableFirst) {
                    // There is nothing to wait for.
                    if let Flusher::Snapshot(batch) = state.flushers[at].clone() {
                        state.flushers[at] = Flusher::Durable(batch);
                    }
                }
            }
            Step::FlusherWaits(at) => {
                let Flusher::Snapshot(batch) = before.flushers[at].clone() else {
                    return None;
                };
                if state
                    .disk
                    .as_ref()
                    .is_some_and(|(disk, _)| *disk != state.redis)
                {
                    // The wait ends with this fsync.
                    state.disk = Some((state.redis.clone(), state.acked.clone()));
                }
                state.flushers[at] = Flusher::Durable(batch);
            }
            Step::FlusherLocks(at) => {
                let Flusher::Durable(batch) = before.flushers[at].clone() else {
                    return None;
                };
                let there = state.sql.clock != 0 || !self.lacks(Guard::LockWithoutRow);
                state.sql.locked = there.then_some(at);
                state.flushers[at] = Flusher::Locked(batch, state.sql.deleted);
            }
            Step::FlusherCommits(at, part) => {
                let (mut batch, deleted) = match before.flushers[at].clone() {
                    Flusher::Durable(batch) => (batch, state.sql.deleted),
                    Flusher::Locked(batch, deleted) => (batch, deleted),
                    _ => return None,
                };
                match part {
                    Part::All => {}
                    Part::Messages => (batch.clock, batch.deletes) = (0, false),
                    Part::Without(id) => batch.rows.retain(|row| row.id != id),
                }
                self.commit(&mut state.sql, &batch, deleted);
                state.sql.locked = None;
                batch.commit = state.sql.commits;
                state.flushers[at] = Flusher::Committed(batch);
            }
            Step::FlusherSweeps(at) => {
                let Flusher::Committed(batch) = &mut state.flushers[at] else {
                    return None;
                };
                batch.swept = true;
                state.sql.rows.clear();
            }
            Step::FlusherSettles(at) => {
                let Flusher::Committed(batch) = before.flushers[at].clone() else {
                    return None;
                };
                state.flushers[at] = Flusher::Idle;
                let mut nonce = state.fresh_nonce();
                if !self.lacks(Guard::SettleTellsCommit) {
                    state.redis.settled = state.redis.settled.max(batch.commit);
                }
                if let Some(hot) = state.redis.hot.as_mut() {
                    if self.lacks(Guard::DroppedByNonce) {
                        nonce = hot.clock;
                    }
                    if self.settle(hot, &batch, nonce, state.old_keys) {
                        state.redis.hot = None;
                        state.redis.hydrating = 0;
                    }
                }
            }
            Step::FlusherCrashes(at) => {
                // The server rolls back, and releases its lock.
                state.sql.locked = state.sql.locked.filter(|by| *by != at);
                state.flushers[at] = Flusher::Idle;
            }
            Step::HydratorBegins(at) => {
                let nonce = state.fresh_nonce();
                state.redis.hydrating = nonce;
                state.hydrators[at] = Hydrator::Begun(nonce, state.redis.settled);
                if self.lacks(Guard::CreationByLoad) && self.created {
                    state.hydrators[at] = Hydrator::Read(nonce, Sql::default());
                }
            }
            Step::HydratorReads(at) => {
                let Hydrator::Begun(nonce, _) = state.hydrators[at] else {
                    return None;
                };
                state.hydrators[at] = Hydrator::Read(nonce, self.node(&state).clone());
            }
            Step::HydratorLoads(at) => {
                let Hydrator::Read(nonce, rows) = before.hydrators[at].clone() else {
                    return None;
                };
                state.hydrators[at] = Hydrator::Idle;
                let outdated = state.redis.hydrating != nonce && !self.lacks(Guard::LoadNeedsNonce);
                if state.redis.hot.is_some() || outdated || rows.deleted {
                    return Some(state);
                }
                let creates = rows.clock == 0;
                if creates && !self.created {
                    return Some(state);
                }
                let tail = rows.rows[rows.rows.len().saturating_sub(KEEP)..].to_vec();
                state.redis.hydrating = 0;
                let clock = rows.clock.max(1);
                state.redis.hot = Some(Hot {
                    clock,
                    dropped: if self.lacks(Guard::DroppedByNonce) {
                        clock
                    } else {
                        nonce
                    },
                    list: tail.iter().map(|row| row.id).collect(),
                    rows: tail,
                    dirty: Vec::new(),
                    // Keys of an hour ago are not read again.
                    sent: rows
                        .rows
                        .iter()
                        .map(|row| row.id)
                        .filter(|_| self.resends && !state.old_keys)
                        .collect(),
                    row_dirty: u8::from(creates),
                    deleted: false,
                    warm: true,
                    due: !self.lacks(Guard::LoadIsDue),
                });
            }
            Step::HydratorCrashes(at) => state.hydrators[at] = Hydrator::Idle,
            Step::NodeCatchesUp => {
                state.node = Sql {
                    locked: None,
                    ..state.sql.clone()
                };
            }
            Step::KeysAge => state.old_keys = true,
            Step::SenderRepeats(key) => {
                let hot = state.redis.hot.as_ref()?;
                let is_known = key.is_some_and(|key| hot.sent.contains(&key));
                if !is_known && state.old_keys {
                    state.sender = Sender::Asked(key, hot.dropped, state.redis.settled);
                }
                state.doubled |= !is_known && !state.old_keys;
            }
            Step::SenderAsksSql => {
                let Sender::Asked(key, dropped, _) = state.sender else {
                    return None;
                };
                let is_saved = self.node(&state).rows.iter().any(|row| Some(row.id) == key);
                state.sender = match is_saved {
                    true => Sender::Idle,
                    false => Sender::Missed(key, dropped),
                };
            }
            Step::SenderAppends => {
                let Sender::Missed(key, dropped) = state.sender else {
                    return None;
                };
                state.sender = Sender::Idle;
                let hot = state.redis.hot.as_ref()?;
                let appends = hot.dropped == dropped || self.lacks(Guard::LookupNeedsNonce);
                let is_another = key.is_some_and(|key| !hot.sent.contains(&key));
                state.doubled |= appends && is_another;
            }
            Step::ReaderBegins => {
                let hot = || {
                    state
                        .redis
                        .hot
                        .iter()
                        .flat_map(|hot| hot.rows.clone())
                        .collect()
                };
                let first = if self.lacks(Guard::HotFirst) {
                    self.node(&state).rows.clone()
                } else {
                    hot()
                };
                state.reader = Reader::Half(state.acked.clone(), first, state.redis.settled);
            }
            Step::ReaderEnds => {
                let Reader::Half(expected, mut shown, _) = before.reader.clone() else {
                    return None;
                };
                let hot = || {
                    state
                        .redis
                        .hot
                        .iter()
                        .flat_map(|hot| hot.rows.clone())
                        .collect()
                };
                let second = if self.lacks(Guard::HotFirst) {
                    hot()
                } else {
                    self.node(&state).rows.clone()
                };
                for row in second {
                    if shown
                        .iter()
                        .all(|other| other.id != row.id || other.rev < row.rev)
                    {
                        put(&mut shown, row);
                    }
                }
                // A reader may no longer see what a power cut took.
                let still = |row: &&Row| {
                    state
                        .acked
                        .iter()
                        .any(|acked| acked.id == row.id && acked.rev >= row.rev)
                };
                let sees = |row: &Row| {
                    shown
                        .iter()
                        .any(|other| other.id == row.id && other.rev >= row.rev)
                };
                state.reader = if expected.iter().filter(still).all(sees) {
                    Reader::Idle
                } else {
                    Reader::Misled
                };
            }
        }
        Some(state)
    }

    fn settle(&self, hot: &mut Hot, batch: &Batch, nonce: u8, old_keys: bool) -> bool {
        if old_keys && self.forget_keys(hot) && !self.lacks(Guard::ForgettingIsLeaving) {
            hot.dropped = nonce;
        }
        hot.dirty.retain(|(id, rev)| {
            !batch.rows.iter().any(|row| {
                row.id == *id && (row.rev == *rev || self.lacks(Guard::SettleComparesRevs))
            })
        });
        if batch.clock != 0
            && (hot.row_dirty == batch.clock || self.lacks(Guard::SettleComparesRevs))
        {
            hot.row_dirty = 0;
        }
        let before = hot.rows.len();
        let unsaved: Vec<u8> = hot.dirty.iter().map(|(id, _)| *id).collect();
        let stays = |id: u8| unsaved.contains(&id) && !self.lacks(Guard::TrimOnlyClean);
        while hot.list.len() > KEEP && !stays(hot.list[0]) {
            hot.list.remove(0);
        }
        let list = hot.list.clone();
        hot.rows
            .retain(|row| list.contains(&row.id) || stays(row.id));
        if hot.rows.len() < before {
            hot.dropped = nonce;
        }
        let known: Vec<u8> = hot.rows.iter().map(|row| row.id).collect();
        hot.dirty.retain(|(id, _)| known.contains(id));
        let clean = hot.dirty.is_empty() && hot.row_dirty == 0;
        hot.due = true;
        !hot.warm && (clean || self.lacks(Guard::EvictOnlyClean))
    }

    /// Forgets the old keys of messages that are saved; returns whether there were any.
    fn forget_keys(&self, hot: &mut Hot) -> bool {
        let Hot { sent, dirty, .. } = hot;
        let is_unsaved = |key: &u8| dirty.iter().any(|(id, _)| id == key);
        let before = sent.len();
        sent.retain(|key| is_unsaved(key) && !self.lacks(Guard::UnsavedKeysStay));
        sent.len() < before
    }

    /// Writes a batch in a transaction that has seen whether the chat is deleted.
    fn commit(&self, sql: &mut Sql, batch: &Batch, deleted: bool) {
        let (before, blind) = (sql.clone(), self.lacks(Guard::MonotoneUpsert));
        let spared = deleted && !self.lacks(Guard::CommitSparesDeleted);
        for row in batch.rows.iter().filter(|_| !spared) {
            match sql.rows.iter_mut().find(|saved| saved.id == row.id) {
                Some(saved) if blind || saved.rev < row.rev => *saved = *row,
                Some(_) => {}
                None => sql.rows.push(*row),
            }
        }
        sql.rows.sort_by_key(|row| row.id);
        if !spared && (batch.clock > sql.clock || blind && batch.clock != 0) {
            sql.clock = batch.clock;
            sql.deleted = batch.deletes;
        }
        // One that changes nothing is as good as the one before.
        sql.commits += u8::from(self.lags && *sql != before);
    }
}
