//! One chat: its messages in Redis and in SQL, and everything that may happen to them.
//!
//! Each script is one step, and so is each statement of SQL; between any two steps of one actor all others may take theirs, so a pause of any length
//! is in it. Time only appears as ticks: a tick is the one after the chat's clock, as it is where Redis' own clock is behind, the worst case.
//! A power cut takes Redis back to a prefix of what it did (its last fsync), or to a replica that has a prefix; the clock goes back with it.

use stateright::{Model, Property};

/// What makes the protocol right. A model without one of them must find a counterexample.
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
    HydrationFence,
    /// Readers ask Redis first, then SQL.
    HotFirst,
    /// An edit of what was only in SQL is refused once anything has left Redis.
    DroppedChecked,
    /// What has left is told by a nonce: ticks may come again after a power cut.
    DroppedByNonce,
    /// An edit of what was hot compares what was read, not its rev alone: revs may come again after a power cut.
    ReplaceComparesContent,
    /// SQL is told only what Redis cannot forget.
    DurableFirst,
    /// A chat is created by `load`, after SQL was asked.
    CreationByLoad,
    /// A claim leaves the chat among those that are due.
    ClaimKeepsDue,
    /// A chat is due from the moment that it is resident.
    LoadIsDue,
    /// The chat's row is saved with every change, so that its clock does not go back when it is loaded again.
    ClockIsSaved,
    /// A commit leaves out deleted chats.
    CommitSparesDeleted,
    /// What was written in a deleted chat is swept before the deletion is clean.
    SweepBeforeSettle,
}

/// How much of what happens.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Messages that are sent.
    pub messages: u8,
    /// Edits of them, and deletions for everyone.
    pub edits: u8,
    /// Flushers at work.
    pub flushers: usize,
    /// APIs or flushers that hydrate the chat, or create it.
    pub hydrators: usize,
    /// APIs that edit a message.
    pub editors: usize,
    /// Whether somebody reads the whole history.
    pub reader: bool,
    /// How often Redis goes back to what was on its disk.
    pub power_cuts: u8,
    /// The chat is not there at first.
    pub created: bool,
    /// There is a message of long ago, which only SQL has.
    pub old: bool,
    /// The chat may be deleted.
    pub deletes_chat: bool,
    /// What is left out.
    pub without: Option<Guard>,
}

/// How many saved messages stay in Redis.
const KEEP: usize = 1;

/// A message as it is somewhere: when it was changed, and by which change. Changes are numbered, a tick may come again after a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    id: u8,
    rev: u8,
    change: u8,
    deleted: bool,
}

/// The keys of the chat while it is resident.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hot {
    clock: u8,
    /// The nonce of whoever let a row leave last.
    dropped: u8,
    /// Ids in the list, oldest first.
    list: Vec<u8>,
    /// The messages of the list and of `changed`, by id.
    rows: Vec<Row>,
    /// Message and rev.
    dirty: Vec<(u8, u8)>,
    /// The rev with which the chat's own row is dirty; zero: it is clean.
    row_dirty: u8,
    deleted: bool,
    warm: bool,
    due: bool,
}

/// All of Redis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Redis {
    hot: Option<Hot>,
    /// The nonce of the hydration under way; zero: there is none.
    hydrating: u8,
}

/// All of SQL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sql {
    /// The rev of the chat's row; zero: there is none.
    clock: u8,
    deleted: bool,
    rows: Vec<Row>,
}

/// What a flusher has in hand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Flusher {
    Idle,
    Snapshot(Batch),
    Durable(Batch),
    Committed(Batch),
}

/// Rows on their way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Batch {
    rows: Vec<Row>,
    /// The rev of the chat's row, if it is among them.
    clock: u8,
    deletes: bool,
    swept: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Hydrator {
    Idle,
    Begun(u8),
    Read(u8, Sql),
}

/// What an editor saw of the message that it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Seen {
    Hot(Row),
    /// Only SQL had it, when Redis said this of what had left: a nonce, and the clock.
    Cold(u8, u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Editor {
    Idle,
    Asked(u8, Seen),
    Has(Row, Seen),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Reader {
    Idle,
    /// What was acknowledged when they began, and what the first store said.
    Half(Vec<Row>, Vec<Row>),
    /// They were shown something older, or not at all.
    Misled,
}

/// One moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    redis: Redis,
    /// What a power cut leaves, with what was acknowledged then. It is what Redis has, while no more cuts come.
    disk: Option<(Redis, Vec<Row>)>,
    cuts: u8,
    sql: Sql,
    /// The newest acknowledged change of each message.
    acked: Vec<Row>,
    sent: u8,
    changes: u8,
    flushers: Vec<Flusher>,
    hydrators: Vec<Hydrator>,
    editors: Vec<Editor>,
    reader: Reader,
    /// An edit was made of an older version than the one it replaced.
    lost_update: bool,
}

/// One step.
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
    /// All; all but the chat's row; all but this message.
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
}

/// How much of a batch SQL takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// All of it.
    All,
    /// All but the chat's row.
    Messages,
    /// All but one message.
    Without(u8),
}

impl History {
    fn lacks(&self, guard: Guard) -> bool {
        self.without == Some(guard)
    }

    fn all_changes(&self) -> u8 {
        self.messages + self.edits + u8::from(self.old)
    }

    fn settle(&self, hot: &mut Hot, batch: &Batch, nonce: u8) -> bool {
        hot.dirty
            .retain(|(id, rev)| !batch.rows.iter().any(|row| row.id == *id && (row.rev == *rev || self.lacks(Guard::SettleComparesRevs))));
        if batch.clock != 0 && (hot.row_dirty == batch.clock || self.lacks(Guard::SettleComparesRevs)) {
            hot.row_dirty = 0;
        }
        let before = hot.rows.len();
        let unsaved: Vec<u8> = hot.dirty.iter().map(|(id, _)| *id).collect();
        let stays = |id: u8| unsaved.contains(&id) && !self.lacks(Guard::TrimOnlyClean);
        while hot.list.len() > KEEP && !stays(hot.list[0]) {
            hot.list.remove(0);
        }
        let list = hot.list.clone();
        hot.rows.retain(|row| list.contains(&row.id) || stays(row.id));
        if hot.rows.len() < before {
            hot.dropped = nonce;
        }
        let known: Vec<u8> = hot.rows.iter().map(|row| row.id).collect();
        hot.dirty.retain(|(id, _)| known.contains(id));
        let clean = hot.dirty.is_empty() && hot.row_dirty == 0;
        hot.due = true;
        !hot.warm && (clean || self.lacks(Guard::EvictOnlyClean))
    }

    fn commit(&self, sql: &mut Sql, batch: &Batch) {
        let blind = self.lacks(Guard::MonotoneUpsert);
        if sql.deleted && !self.lacks(Guard::CommitSparesDeleted) {
            return;
        }
        for row in &batch.rows {
            match sql.rows.iter_mut().find(|saved| saved.id == row.id) {
                Some(saved) if blind || saved.rev < row.rev => *saved = *row,
                Some(_) => {}
                None => sql.rows.push(*row),
            }
        }
        sql.rows.sort_by_key(|row| row.id);
        if batch.clock > sql.clock || blind && batch.clock != 0 {
            sql.clock = batch.clock;
            sql.deleted = batch.deletes;
        }
    }
}

impl State {
    /// The smallest nonce that nobody remembers: nonces are only ever compared with each other.
    fn fresh_nonce(&self) -> u8 {
        let mut used = vec![self.redis.hydrating];
        used.extend(self.redis.hot.as_ref().map(|hot| hot.dropped));
        if let Some((redis, _)) = &self.disk {
            used.push(redis.hydrating);
            used.extend(redis.hot.as_ref().map(|hot| hot.dropped));
        }
        for editor in &self.editors {
            if let Editor::Asked(_, Seen::Cold(nonce, _)) | Editor::Has(_, Seen::Cold(nonce, _)) = editor {
                used.push(*nonce);
            }
        }
        for hydrator in &self.hydrators {
            if let Hydrator::Begun(nonce) | Hydrator::Read(nonce, _) = hydrator {
                used.push(*nonce);
            }
        }
        (1..).find(|nonce| !used.contains(nonce)).expect("there is always another number")
    }

    fn acknowledge(&mut self, row: Row) {
        self.acked.retain(|acked| acked.id != row.id);
        self.acked.push(row);
        self.acked.sort_by_key(|acked| acked.id);
    }

    /// The newest that either store has of a message.
    fn newest(&self, id: u8) -> Option<Row> {
        let hot = self.redis.hot.iter().flat_map(|hot| &hot.rows).find(|row| row.id == id);
        let cold = self.sql.rows.iter().find(|row| row.id == id);
        hot.into_iter().chain(cold).max_by_key(|row| row.rev).copied()
    }
}

fn put(rows: &mut Vec<Row>, row: Row) {
    rows.retain(|other| other.id != row.id);
    rows.push(row);
    rows.sort_by_key(|row| row.id);
}

fn mark(dirty: &mut Vec<(u8, u8)>, id: u8, rev: u8) {
    dirty.retain(|(other, _)| *other != id);
    dirty.push((id, rev));
    dirty.sort_unstable();
}

impl Model for History {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let old = Row { id: 1, rev: 1, change: 1, deleted: false };
        let old = if self.old { vec![old] } else { Vec::new() };
        let there = Hot { clock: 1, row_dirty: 0, warm: true, due: true, dropped: 1, ..Hot::default() };
        let redis = if self.created { Redis::default() } else { Redis { hot: Some(there), hydrating: 0 } };
        vec![State {
            disk: (self.power_cuts > 0).then(|| (redis.clone(), old.clone())),
            redis,
            cuts: self.power_cuts,
            sql: if self.created { Sql::default() } else { Sql { clock: 1, rows: old.clone(), deleted: false } },
            sent: 0,
            changes: old.len() as u8,
            acked: old,
            flushers: vec![Flusher::Idle; self.flushers],
            hydrators: vec![Hydrator::Idle; self.hydrators],
            editors: vec![Editor::Idle; self.editors],
            reader: Reader::Idle,
            lost_update: false,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
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
        if state.disk.as_ref().is_some_and(|(disk, _)| *disk != state.redis) {
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
                Editor::Asked(..) => steps.push(Step::EditorReadsSql(at)),
                Editor::Has(..) => steps.extend([Step::EditorReplaces(at, false), Step::EditorReplaces(at, true)]),
            }
        }
        for (at, flusher) in state.flushers.iter().enumerate() {
            match flusher {
                Flusher::Idle if hot.is_some_and(|hot| !hot.dirty.is_empty() || hot.row_dirty != 0 || !hot.warm) => {
                    steps.push(Step::FlusherSnapshots(at));
                }
                Flusher::Idle => {}
                Flusher::Snapshot(_) => steps.extend([Step::FlusherWaits(at), Step::FlusherCrashes(at)]),
                Flusher::Durable(batch) => {
                    steps.extend([Step::FlusherCommits(at, Part::All), Step::FlusherCrashes(at)]);
                    if batch.clock != 0 && !batch.rows.is_empty() {
                        steps.push(Step::FlusherCommits(at, Part::Messages));
                    }
                    steps.extend(batch.rows.iter().map(|row| Step::FlusherCommits(at, Part::Without(row.id))));
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
                Hydrator::Idle if hot.is_none() && state.redis.hydrating == 0 => steps.push(Step::HydratorBegins(at)),
                Hydrator::Idle => {}
                Hydrator::Begun(_) => steps.extend([Step::HydratorReads(at), Step::HydratorCrashes(at)]),
                Hydrator::Read(..) => steps.extend([Step::HydratorLoads(at), Step::HydratorCrashes(at)]),
            }
        }
        if self.reader {
            match state.reader {
                Reader::Idle if !state.acked.is_empty() && hot.is_some() => steps.push(Step::ReaderBegins),
                Reader::Half(..) => steps.push(Step::ReaderEnds),
                _ => {}
            }
        }
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        match step {
            Step::Append => {
                let hot = state.redis.hot.as_mut()?;
                let tick = hot.clock + 1;
                state.changes += 1;
                state.sent += 1;
                let row = Row { id: tick, rev: tick, change: state.changes, deleted: false };
                hot.clock = tick;
                hot.list.push(tick);
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
                for flusher in state.flushers.iter_mut().filter(|flusher| matches!(flusher, Flusher::Snapshot(_))) {
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
                    Some(row) => Editor::Has(*row, Seen::Hot(*row)),
                    None => Editor::Asked(id, Seen::Cold(hot.dropped, hot.clock)),
                };
            }
            Step::EditorReadsSql(at) => {
                let Editor::Asked(id, seen) = state.editors[at] else { return None };
                let found = state.sql.rows.iter().find(|row| row.id == id && !row.deleted);
                state.editors[at] = found.map_or(Editor::Idle, |row| Editor::Has(*row, seen));
            }
            Step::EditorReplaces(at, deletes) => {
                let Editor::Has(base, seen) = state.editors[at] else { return None };
                state.editors[at] = Editor::Idle;
                let (changes, deleted) = (state.changes, state.redis.hot.as_ref().is_none_or(|hot| hot.deleted));
                if !deleted && changes < self.all_changes() {
                    let hot = state.redis.hot.as_mut()?;
                    let held = hot.rows.iter().find(|row| row.id == base.id);
                    let good = match (held, seen) {
                        (Some(held), _) if self.lacks(Guard::ReplaceComparesContent) => held.rev == base.rev,
                        (Some(held), Seen::Hot(row)) => *held == row,
                        (Some(_), Seen::Cold(..)) => false,
                        (None, Seen::Hot(_)) => false,
                        (None, Seen::Cold(..)) if self.lacks(Guard::DroppedChecked) => true,
                        // As it was first built: by the clock when a row last left, which is not below a tick of `dropped`.
                        (None, Seen::Cold(_, noted)) if self.lacks(Guard::DroppedByNonce) => hot.dropped <= noted,
                        (None, Seen::Cold(nonce, _)) => hot.dropped == nonce,
                    };
                    if good {
                        let tick = hot.clock + 1;
                        state.changes += 1;
                        let row = Row { id: base.id, rev: tick, change: state.changes, deleted: deletes };
                        hot.clock = tick;
                        put(&mut hot.rows, row);
                        mark(&mut hot.dirty, row.id, tick);
                        if !self.lacks(Guard::ClockIsSaved) {
                            hot.row_dirty = tick;
                        }
                        hot.warm = true;
                        state.lost_update |= !state.acked.iter().any(|acked| acked.id == base.id && acked.change == base.change);
                        state.acknowledge(row);
                    }
                }
            }
            Step::FlusherSnapshots(at) => {
                let hot = state.redis.hot.as_mut()?;
                let rows = hot.rows.iter().filter(|row| hot.dirty.iter().any(|(id, _)| *id == row.id)).copied().collect();
                let batch = Batch { rows, clock: hot.row_dirty, deletes: hot.deleted && hot.row_dirty != 0, swept: false };
                if self.lacks(Guard::ClaimKeepsDue) {
                    hot.due = false;
                }
                let nothing = batch.rows.is_empty() && batch.clock == 0;
                state.flushers[at] = if nothing { Flusher::Committed(batch) } else { Flusher::Snapshot(batch) };
                if nothing || state.disk.is_none() || self.lacks(Guard::DurableFirst) {
                    // There is nothing to wait for.
                    if let Flusher::Snapshot(batch) = state.flushers[at].clone() {
                        state.flushers[at] = Flusher::Durable(batch);
                    }
                }
            }
            Step::FlusherWaits(at) => {
                let Flusher::Snapshot(batch) = before.flushers[at].clone() else { return None };
                if state.disk.as_ref().is_some_and(|(disk, _)| *disk != state.redis) {
                    state.disk = Some((state.redis.clone(), state.acked.clone())); // it waits for this fsync
                }
                state.flushers[at] = Flusher::Durable(batch);
            }
            Step::FlusherCommits(at, part) => {
                let Flusher::Durable(mut batch) = before.flushers[at].clone() else { return None };
                match part {
                    Part::All => {}
                    Part::Messages => (batch.clock, batch.deletes) = (0, false),
                    Part::Without(id) => batch.rows.retain(|row| row.id != id),
                }
                self.commit(&mut state.sql, &batch);
                state.flushers[at] = Flusher::Committed(batch);
            }
            Step::FlusherSweeps(at) => {
                let Flusher::Committed(batch) = &mut state.flushers[at] else { return None };
                batch.swept = true;
                state.sql.rows.clear();
            }
            Step::FlusherSettles(at) => {
                let Flusher::Committed(batch) = before.flushers[at].clone() else { return None };
                state.flushers[at] = Flusher::Idle;
                let mut nonce = state.fresh_nonce();
                if let Some(hot) = state.redis.hot.as_mut() {
                    if self.lacks(Guard::DroppedByNonce) {
                        nonce = hot.clock;
                    }
                    if self.settle(hot, &batch, nonce) {
                        state.redis.hot = None;
                        state.redis.hydrating = 0;
                    }
                }
            }
            Step::FlusherCrashes(at) => state.flushers[at] = Flusher::Idle,
            Step::HydratorBegins(at) => {
                let nonce = state.fresh_nonce();
                state.redis.hydrating = nonce;
                state.hydrators[at] = Hydrator::Begun(nonce);
                if self.lacks(Guard::CreationByLoad) && self.created {
                    state.hydrators[at] = Hydrator::Read(nonce, Sql::default());
                }
            }
            Step::HydratorReads(at) => {
                let Hydrator::Begun(nonce) = state.hydrators[at] else { return None };
                state.hydrators[at] = Hydrator::Read(nonce, state.sql.clone());
            }
            Step::HydratorLoads(at) => {
                let Hydrator::Read(nonce, rows) = before.hydrators[at].clone() else { return None };
                state.hydrators[at] = Hydrator::Idle;
                let fenced = state.redis.hydrating != nonce && !self.lacks(Guard::HydrationFence);
                if state.redis.hot.is_some() || fenced || rows.deleted {
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
                    dropped: if self.lacks(Guard::DroppedByNonce) { clock } else { nonce },
                    list: tail.iter().map(|row| row.id).collect(),
                    rows: tail,
                    dirty: Vec::new(),
                    row_dirty: u8::from(creates),
                    deleted: false,
                    warm: true,
                    due: !self.lacks(Guard::LoadIsDue),
                });
            }
            Step::HydratorCrashes(at) => state.hydrators[at] = Hydrator::Idle,
            Step::ReaderBegins => {
                let hot = || state.redis.hot.iter().flat_map(|hot| hot.rows.clone()).collect();
                let first = if self.lacks(Guard::HotFirst) { state.sql.rows.clone() } else { hot() };
                state.reader = Reader::Half(state.acked.clone(), first);
            }
            Step::ReaderEnds => {
                let Reader::Half(expected, mut shown) = before.reader.clone() else { return None };
                let hot = || state.redis.hot.iter().flat_map(|hot| hot.rows.clone()).collect();
                let second = if self.lacks(Guard::HotFirst) { hot() } else { state.sql.rows.clone() };
                for row in second {
                    if shown.iter().all(|other| other.id != row.id || other.rev < row.rev) {
                        put(&mut shown, row);
                    }
                }
                // What a power cut took is nobody's to see any more.
                let still = |row: &&Row| state.acked.iter().any(|acked| acked.id == row.id && acked.rev >= row.rev);
                let sees = |row: &Row| shown.iter().any(|other| other.id == row.id && other.rev >= row.rev);
                state.reader = if expected.iter().filter(still).all(sees) { Reader::Idle } else { Reader::Misled };
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = vec![
            Property::always("every acknowledged change is in Redis or in SQL, and is the newest there", |_: &Self, state: &State| {
                state.acked.iter().all(|row| state.newest(row.id) == Some(*row))
            }),
            Property::always("SQL has nothing that Redis could still forget", |_, state: &State| {
                let Some((_, acked)) = &state.disk else { return true };
                state.sql.rows.iter().all(|row| state.sql.deleted || acked.iter().any(|known| known.id == row.id && known.rev >= row.rev))
            }),
            Property::always("what Redis has and does not call dirty is in SQL", |_, state: &State| {
                let Some(hot) = &state.redis.hot else { return true };
                let saved = |row: &Row| state.sql.rows.iter().any(|saved| saved.id == row.id && saved.rev >= row.rev);
                hot.rows.iter().all(|row| hot.dirty.iter().any(|(id, _)| *id == row.id) || saved(row))
            }),
            Property::always("no edit is made of what was not the newest", |_, state: &State| !state.lost_update),
            Property::always("the list is in order and has no hole", |_, state: &State| {
                let Some(hot) = &state.redis.hot else { return true };
                let oldest = hot.list.first().copied().unwrap_or(u8::MAX);
                hot.list.is_sorted() && state.acked.iter().all(|row| row.id < oldest || hot.list.contains(&row.id))
            }),
            Property::always("a resident chat is due", |_, state: &State| state.redis.hot.as_ref().is_none_or(|hot| hot.due)),
            Property::always("a reader sees what was acknowledged before", |_, state: &State| state.reader != Reader::Misled),
            Property::always("nothing is left of a deleted chat", |_, state: &State| {
                let clean = state.redis.hot.as_ref().is_none_or(|hot| hot.row_dirty == 0);
                !(state.sql.deleted && clean) || state.sql.rows.is_empty()
            }),
            Property::sometimes("a chat is evicted with all it has", |model: &Self, state: &State| {
                state.redis.hot.is_none() && state.sent == model.messages
            }),
        ];
        if self.hydrators > 0 {
            all.push(Property::sometimes("a chat comes back and is written in again", |_, state: &State| {
                state.redis.hot.as_ref().is_some_and(|hot| hot.rows.len() < state.acked.len() && !hot.dirty.is_empty())
            }));
        }
        if self.editors > 0 && self.edits > 0 {
            all.push(Property::sometimes("what was only in SQL is edited", |_, state: &State| {
                state.redis.hot.as_ref().is_some_and(|hot| hot.rows.iter().any(|row| row.id < hot.list.first().copied().unwrap_or(0)))
            }));
        }
        if self.power_cuts > 0 {
            all.push(Property::sometimes("a power cut takes something", |_, state: &State| {
                state.cuts == 0 && state.acked.len() < usize::from(state.changes)
            }));
        }
        if self.deletes_chat {
            all.push(Property::sometimes("a chat is deleted", |_, state: &State| state.sql.deleted && state.redis.hot.is_none()));
        }
        all
    }
}
