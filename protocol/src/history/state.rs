//! The state of the model: both stores, and how far each actor is.

use super::History;

/// A version of a message in some store, with the tick and the number of its last change. Changes
/// are numbered, since a tick may repeat after a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    pub(super) id: u8,
    pub(super) rev: u8,
    pub(super) change: u8,
    pub(super) deleted: bool,
}

/// The keys of the chat while it is resident.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hot {
    pub(super) clock: u8,
    /// The nonce of the last step that made a row leave.
    pub(super) dropped: u8,
    /// The ids in the list, oldest first.
    pub(super) list: Vec<u8>,
    /// The messages of the list and of `changed`, by id.
    pub(super) rows: Vec<Row>,
    /// The message and the rev it is dirty with.
    pub(super) dirty: Vec<(u8, u8)>,
    /// The messages whose keys are known; kept when messages are sent again.
    pub(super) sent: Vec<u8>,
    /// The rev with which the chat's own row is dirty; zero when it is clean.
    pub(super) row_dirty: u8,
    pub(super) deleted: bool,
    pub(super) warm: bool,
    pub(super) due: bool,
}

/// The content of Redis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Redis {
    pub(super) hot: Option<Hot>,
    /// The nonce of the hydration under way; zero when there is none.
    pub(super) hydrating: u8,
    /// The newest commit that SQL had when rows left; counted only where a node may lag.
    pub(super) settled: u8,
}

/// The content of SQL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sql {
    /// The rev of the chat's row; zero when there is none.
    pub(super) clock: u8,
    pub(super) deleted: bool,
    pub(super) rows: Vec<Row>,
    /// The flusher whose transaction has locked the chat's row.
    pub(super) locked: Option<usize>,
    /// The number of commits; counted only where a node may lag.
    pub(super) commits: u8,
}

/// The progress of a flusher.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Flusher {
    Idle,
    Snapshot(Batch),
    Durable(Batch),
    /// The transaction has begun; it has seen whether the chat is deleted.
    Locked(Batch, bool),
    Committed(Batch),
}

/// Rows on their way from Redis to SQL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Batch {
    pub(super) rows: Vec<Row>,
    /// The rev of the chat's row, or zero when it is not among them.
    pub(super) clock: u8,
    pub(super) deletes: bool,
    pub(super) swept: bool,
    /// The number of the commit; zero before it, and where no node may lag.
    pub(super) commit: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Hydrator {
    Idle,
    /// With the nonce, and the floor: the commit that SQL must have to be read.
    Begun(u8, u8),
    Read(u8, Sql),
}

/// An editor's view of the message that it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Observed {
    Hot(Row),
    /// Only SQL had the message; the nonce of what had left Redis then, and the clock.
    Cold(u8, u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Editor {
    Idle,
    /// With the floor.
    Asked(u8, Observed, u8),
    Has(Row, Observed),
}

/// A sender whose key is too old for Redis to know it: with the message that another try of the
/// same key has made, if any, and the nonce of what had left Redis before SQL was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sender {
    Idle,
    /// With the floor.
    Asked(Option<u8>, u8, u8),
    /// SQL did not have the message.
    Missed(Option<u8>, u8),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reader {
    Idle,
    /// The changes acknowledged before the read, the content of the first store, and the floor.
    Half(Vec<Row>, Vec<Row>, u8),
    /// The reader was shown something older, or nothing.
    Misled,
}

/// A state of the whole model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub(super) redis: Redis,
    /// The content of Redis after a power cut, with what was acknowledged then; `None` when no more
    /// cuts come.
    pub(super) disk: Option<(Redis, Vec<Row>)>,
    pub(super) cuts: u8,
    pub(super) sql: Sql,
    /// The node of SQL that is read, if one lags.
    pub(super) node: Sql,
    /// The newest acknowledged change of each message.
    pub(super) acked: Vec<Row>,
    pub(super) sent: u8,
    pub(super) changes: u8,
    pub(super) flushers: Vec<Flusher>,
    pub(super) hydrators: Vec<Hydrator>,
    pub(super) editors: Vec<Editor>,
    pub(super) reader: Reader,
    pub(super) sender: Sender,
    /// True once all keys are old: Redis may forget them, and a sender asks SQL.
    pub(super) old_keys: bool,
    /// True once a message that was sent again became another.
    pub(super) doubled: bool,
    /// True once an edit was made of an older version than the one it replaced.
    pub(super) lost_update: bool,
}

impl State {
    /// Returns the smallest nonce that nobody remembers: nonces are only compared with each other.
    pub(super) fn fresh_nonce(&self) -> u8 {
        let mut used = vec![self.redis.hydrating];
        used.extend(self.redis.hot.as_ref().map(|hot| hot.dropped));
        if let Some((redis, _)) = &self.disk {
            used.push(redis.hydrating);
            used.extend(redis.hot.as_ref().map(|hot| hot.dropped));
        }
        for editor in &self.editors {
            if let Editor::Asked(_, Observed::Cold(nonce, _), _)
            | Editor::Has(_, Observed::Cold(nonce, _)) = editor
            {
                used.push(*nonce);
            }
        }
        if let Sender::Asked(_, nonce, _) | Sender::Missed(_, nonce) = self.sender {
            used.push(nonce);
        }
        for hydrator in &self.hydrators {
            if let Hydrator::Begun(nonce, _) | Hydrator::Read(nonce, _) = hydrator {
                used.push(*nonce);
            }
        }
        (1..)
            .find(|nonce| !used.contains(nonce))
            .expect("there is always another number")
    }

    pub(super) fn acknowledge(&mut self, row: Row) {
        self.acked.retain(|acked| acked.id != row.id);
        self.acked.push(row);
        self.acked.sort_by_key(|acked| acked.id);
    }

    /// Returns the newest version of a message in either store.
    pub(super) fn newest(&self, id: u8) -> Option<Row> {
        let hot = self
            .redis
            .hot
            .iter()
            .flat_map(|hot| &hot.rows)
            .find(|row| row.id == id);
        let cold = self.sql.rows.iter().find(|row| row.id == id);
        hot.into_iter()
            .chain(cold)
            .max_by_key(|row| row.rev)
            .copied()
    }
}

pub(super) fn put(rows: &mut Vec<Row>, row: Row) {
    rows.retain(|other| other.id != row.id);
    rows.push(row);
    rows.sort_by_key(|row| row.id);
}

pub(super) fn mark(dirty: &mut Vec<(u8, u8)>, id: u8, rev: u8) {
    dirty.retain(|(other, _)| *other != id);
    dirty.push((id, rev));
    dirty.sort_unstable();
}

impl History {
    /// Returns the state at the beginning.
    pub(super) fn first(&self) -> State {
        let old = Row {
            id: 1,
            rev: 1,
            change: 1,
            deleted: false,
        };
        let old = if self.old { vec![old] } else { Vec::new() };
        let there = Hot {
            clock: 1,
            row_dirty: 0,
            warm: true,
            due: true,
            dropped: 1,
            ..Hot::default()
        };
        let redis = if self.created {
            Redis::default()
        } else {
            Redis {
                hot: Some(there),
                ..Redis::default()
            }
        };
        let sql = if self.created {
            Sql::default()
        } else {
            Sql {
                clock: 1,
                rows: old.clone(),
                ..Sql::default()
            }
        };
        State {
            disk: (self.power_cuts > 0).then(|| (redis.clone(), old.clone())),
            redis,
            cuts: self.power_cuts,
            node: if self.lags {
                sql.clone()
            } else {
                Sql::default()
            },
            sql,
            sent: 0,
            changes: old.len() as u8,
            acked: old,
            flushers: vec![Flusher::Idle; self.flushers],
            hydrators: vec![Hydrator::Idle; self.hydrators],
            editors: vec![Editor::Idle; self.editors],
            reader: Reader::Idle,
            sender: Sender::Idle,
            old_keys: false,
            doubled: false,
            lost_update: false,
        }
    }
}
