//! Two stores, each of which may go back to its past: a row in both, a session in Redis, and the
//! marks by which it shows.
//!
//! A Redis that goes back is another process, which knows no script. An SQL that goes back is seen
//! at the next commit. The past is any state that the store was in.

use stateright::{Model, Property};

/// A rule that makes the protocol right. A model without one must find a counterexample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guard {
    /// No script is sent to a Redis that does not know it, before it was compared.
    FenceIsUp,
    /// No number of a commit is used for two snapshots.
    NumbersAreNew,
    /// A commit counts itself in its own transaction.
    CommitCounts,
    /// A commit is refused by an SQL that lacks an earlier one.
    CommitComparesNumbers,
    /// A settle marks the commit that SQL has.
    SettleMarks,
    /// What is unsaved in a Redis of the past is saved before it leaves.
    RefreshSaves,
    /// Sessions of the past end.
    RefreshEndsSessions,
    /// A Redis of the past is told of the commits of SQL only when nothing old is left.
    AcceptLast,
    /// All that Redis has is marked as unsaved before a restored SQL is accepted.
    SaveAgain,
}

/// The bounds of the model: how much of each thing happens.
#[derive(Clone, Debug, Default)]
pub struct Restore {
    /// The number of changes of the row.
    pub changes: u8,
    /// The number of commits that are begun.
    pub commits: u8,
    /// The number of times that Redis goes back.
    pub redis_goes_back: u8,
    /// The number of times that SQL goes back.
    pub sql_goes_back: u8,
    /// The guard that is left out.
    pub without: Option<Guard>,
}

/// The content of Redis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Redis {
    /// The version of the row; zero when it is not resident.
    version: u8,
    dirty: bool,
    /// True while the session is open.
    session: bool,
    began: u8,
    settled: u8,
}

/// The content of SQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sql {
    version: u8,
    /// The number of the newest commit.
    number: u8,
}

/// The progress of the flusher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Flusher {
    Idle,
    /// The version, if it was dirty, and the number of the commit.
    Snapshot(u8, u8),
    Committed(u8, u8),
}

/// A state of the whole model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    redis: Redis,
    /// True when Redis knows the scripts.
    open: bool,
    /// True when all that is old has left a Redis of the past.
    cleared: bool,
    sql: Sql,
    /// The pasts that may come back.
    redis_past: Option<Redis>,
    sql_past: Option<Sql>,
    redis_goes_back: u8,
    sql_goes_back: u8,
    flusher: Flusher,
    /// The newest commit that the flusher knows SQL to have.
    saved: u8,
    /// The newest commit that any flusher has begun.
    begun: u8,
    /// The newest version that was acknowledged, and not lost with a store.
    acked: u8,
    changes: u8,
    logged_out: bool,
    /// True once a version left Redis that SQL did not have.
    lost: bool,
}

/// A step of one actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "their names are what they are")]
pub enum Step {
    Change,
    LogOut,
    Hydrate,
    SaveRedisPast,
    SaveSqlPast,
    RedisGoesBack,
    SqlGoesBack,
    /// The flusher takes a snapshot: with the row, or of others only.
    Snapshot(bool),
    Commit,
    Settle,
    FlusherCrashes,
    /// Another flusher begins, with what SQL has, and compares the stores first.
    FlusherStarts,
    /// The stores are compared: the fence opens, or closes.
    Compare,
    /// The row of a Redis of the past is saved, and leaves.
    Clear,
    Accept,
    /// The operator says that SQL was restored.
    SaveAgain,
}

impl Restore {
    fn lacks(&self, guard: Guard) -> bool {
        self.without == Some(guard)
    }
}

impl State {
    fn redis_went_back(&self) -> bool {
        self.redis.began < self.sql.number
    }

    fn sql_went_back(&self) -> bool {
        self.sql.number < self.redis.settled
    }

    /// Lets the row leave Redis.
    fn evict(&mut self) {
        self.lost |= self.sql.version < self.redis.version;
        self.redis.version = 0;
        self.redis.dirty = false;
    }
}

impl Model for Restore {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let redis = Redis {
            version: 1,
            session: true,
            ..Redis::default()
        };
        vec![State {
            redis,
            open: true,
            cleared: false,
            sql: Sql {
                version: 1,
                number: 0,
            },
            redis_past: None,
            sql_past: None,
            redis_goes_back: self.redis_goes_back,
            sql_goes_back: self.sql_goes_back,
            flusher: Flusher::Idle,
            saved: 0,
            begun: 0,
            acked: 1,
            changes: 0,
            logged_out: false,
            lost: false,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        let resident = state.redis.version > 0;
        if state.open {
            if resident && state.changes < self.changes {
                steps.push(Step::Change);
            }
            if !resident {
                steps.push(Step::Hydrate);
            }
            if state.redis.session && !state.logged_out {
                steps.push(Step::LogOut);
            }
        }
        if state.redis_goes_back > 0 {
            match state.redis_past {
                None => steps.push(Step::SaveRedisPast),
                Some(_) => steps.push(Step::RedisGoesBack),
            }
        }
        if state.sql_goes_back > 0 {
            match state.sql_past {
                None => steps.push(Step::SaveSqlPast),
                Some(_) => steps.push(Step::SqlGoesBack),
            }
        }
        match state.flusher {
            Flusher::Idle if state.open && resident && state.begun < self.commits => {
                steps.extend([Step::Snapshot(true), Step::Snapshot(false)])
            }
            Flusher::Idle => {}
            Flusher::Snapshot(..) => steps.extend([Step::Commit, Step::FlusherCrashes]),
            Flusher::Committed(..) if state.open => {
                steps.extend([Step::Settle, Step::FlusherCrashes])
            }
            Flusher::Committed(..) => steps.push(Step::FlusherCrashes),
        }
        if state.flusher == Flusher::Idle && state.saved != state.sql.number {
            steps.push(Step::FlusherStarts);
        }
        let closes = state.redis_went_back() || state.sql_went_back();
        if state.open == closes {
            steps.push(Step::Compare);
        }
        if !state.open && state.sql_went_back() {
            steps.push(Step::SaveAgain);
        } else if !state.open && state.redis_went_back() {
            if !state.cleared {
                steps.push(Step::Clear);
            }
            if state.cleared || self.lacks(Guard::AcceptLast) {
                steps.push(Step::Accept);
            }
        }
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        match step {
            Step::Change => {
                state.redis.version += 1;
                state.redis.dirty = true;
                state.changes += 1;
                state.acked = state.redis.version;
            }
            Step::LogOut => {
                state.redis.session = false;
                state.logged_out = true;
            }
            Step::Hydrate => state.redis.version = state.sql.version,
            Step::SaveRedisPast => state.redis_past = Some(state.redis),
            Step::SaveSqlPast => state.sql_past = Some(state.sql),
            Step::RedisGoesBack => {
                state.redis = state.redis_past?;
                state.redis_goes_back -= 1;
                state.open = self.lacks(Guard::FenceIsUp);
                state.cleared = false;
                // What only Redis had is lost, whatever the protocol.
                state.acked = state.sql.version.max(state.redis.version);
                // Of a logout that came after the last commit nobody can know.
                state.logged_out &= !state.redis.session || state.redis_went_back();
            }
            Step::SqlGoesBack => {
                state.sql = state.sql_past?;
                state.sql_goes_back -= 1;
                state.acked = state.sql.version.max(state.redis.version);
                // What leaves by a commit of before leaves as if it had left before: a backup does
                // not have it, whatever the protocol.
                if matches!(state.flusher, Flusher::Committed(..)) {
                    state.flusher = Flusher::Idle;
                }
            }
            Step::Snapshot(with_row) => {
                let number = match self.lacks(Guard::NumbersAreNew) {
                    true => state.saved + 1,
                    false => state.begun + 1,
                };
                state.begun = state.begun.max(number);
                if state.redis.began < state.saved {
                    return None;
                }
                state.redis.began = state.redis.began.max(number);
                let version = if state.redis.dirty && with_row {
                    state.redis.version
                } else {
                    0
                };
                state.flusher = Flusher::Snapshot(version, number);
            }
            Step::Commit => {
                let Flusher::Snapshot(version, number) = state.flusher else {
                    return None;
                };
                if state.sql.number < state.saved && !self.lacks(Guard::CommitComparesNumbers) {
                    state.flusher = Flusher::Idle;
                    return Some(state);
                }
                state.sql.version = state.sql.version.max(version);
                if !self.lacks(Guard::CommitCounts) {
                    state.sql.number = state.sql.number.max(number);
                }
                state.saved = number;
                state.flusher = Flusher::Committed(version, number);
            }
            Step::Settle => {
                let Flusher::Committed(version, number) = state.flusher else {
                    return None;
                };
                state.flusher = Flusher::Idle;
                if state.redis.began < number {
                    return Some(state);
                }
                if !self.lacks(Guard::SettleMarks) {
                    state.redis.settled = state.redis.settled.max(number);
                }
                if state.redis.version == version {
                    state.redis.dirty = false;
                }
                if state.redis.version > 0 && !state.redis.dirty {
                    state.evict();
                }
            }
            Step::FlusherStarts => {
                state.saved = state.sql.number;
                state.open &= !(state.redis_went_back() || state.sql_went_back());
            }
            Step::FlusherCrashes => state.flusher = Flusher::Idle,
            Step::Compare => {
                state.open = !(state.redis_went_back() || state.sql_went_back());
                // The flusher of another process begins with what SQL has.
                state.saved = state.sql.number;
                state.flusher = Flusher::Idle;
            }
            Step::Clear => {
                state.cleared = true;
                if state.redis.dirty && !self.lacks(Guard::RefreshSaves) {
                    state.sql.version = state.sql.version.max(state.redis.version);
                }
                state.evict();
                state.redis.session &= self.lacks(Guard::RefreshEndsSessions);
            }
            Step::Accept => state.redis.began = state.redis.began.max(state.sql.number),
            Step::SaveAgain => {
                state.redis.dirty |= state.redis.version > 0 && !self.lacks(Guard::SaveAgain);
                state.sql.number = state.redis.settled;
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "nobody is shown what is older than SQL",
                |_, state: &State| {
                    !state.open
                        || state.redis.version == 0
                        || state.redis.version >= state.sql.version
                },
            ),
            Property::always("what leaves Redis is in SQL", |_, state: &State| {
                !state.lost
            }),
            Property::always(
                "every acknowledged change is in Redis or in SQL",
                |_, state: &State| state.redis.version.max(state.sql.version) >= state.acked,
            ),
            Property::always("a closed session does not come back", |_, state: &State| {
                !(state.open && state.logged_out && state.redis.session)
            }),
            Property::sometimes(
                "the stores are in step again",
                |model: &Self, state: &State| {
                    let back = state.redis_goes_back < model.redis_goes_back
                        || state.sql_goes_back < model.sql_goes_back;
                    back && state.open && state.changes == model.changes
                },
            ),
            Property::sometimes("a store is seen to have gone back", |_, state: &State| {
                !state.open && (state.redis_went_back() || state.sql_went_back())
            }),
        ]
    }
}
