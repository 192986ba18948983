//! A name, and two users who want it.
//!
//! A name belongs to the user whose newest row has it. To take a name, an API notes that the user
//! wants it, claims it, looks in SQL whether another user has it, and changes the row; the flush of
//! that row releases the claim. Claims are in slots of their own, so on a cluster each claim may go
//! back to its own last fsync.

use stateright::{Model, Property};

/// A rule that makes it right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guard {
    /// A claim in the way is respected.
    ClaimIsExclusive,
    /// SQL is asked, after claiming.
    SqlIsAsked,
    /// The row changes only while the name is wanted under the same nonce.
    RowNeedsWant,
    /// A claim is taken over only from a user who has abandoned it.
    OwnerIsAsked,
    /// An owner who is found to have abandoned a claim can no longer use it.
    AbandonmentTakesWant,
    /// A claim is released only by the nonce that was saved.
    ReleasedByOwnerOnly,
    /// A claim is released only after its owner's row is in SQL.
    CommitBeforeRelease,
    /// A claim is on disk before the row that relies on it changes.
    ClaimIsDurable,
}

/// The bounds of the model: how much of each thing happens.
#[derive(Clone, Debug)]
pub struct Names {
    /// The number of tries to take the name, in all.
    pub tries: u8,
    /// The number of times that the claim's node goes back to what was on its disk.
    pub power_cuts: u8,
    /// The guard that is left out.
    pub without: Option<Guard>,
}

const USERS: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Claim {
    owner: usize,
    nonce: u8,
    old: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Want {
    nonce: u8,
    old: bool,
}

/// A user's row in Redis, while the user is resident.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct HotUser {
    has: bool,
    rev: u8,
    dirty: bool,
    want: Option<Want>,
    /// Nonces used and not saved, oldest first.
    claims: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct SqlUser {
    has: bool,
    rev: u8,
}

/// An API that gets the name for one of the users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Taker {
    Idle,
    Wanted(u8),
    /// Another's old claim is in the way.
    InTheWay(u8, Claim),
    /// The claim in the way may be taken over.
    Free(u8, Claim),
    Claimed(u8),
    /// SQL says whether the other user has the name.
    Asked(u8, bool),
    Checked(u8),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Flusher {
    Idle,
    Snapshot(SqlUser, Vec<u8>),
    Committed(SqlUser, Vec<u8>),
    Released(SqlUser, Vec<u8>),
}

/// A state of the whole model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    claim: Option<Claim>,
    /// The content of the disk of the claim's node.
    disk: Option<Option<Claim>>,
    cuts: u8,
    users: [Option<HotUser>; USERS],
    sql: [SqlUser; USERS],
    takers: [Taker; USERS],
    flushers: [Flusher; USERS],
    tries: u8,
    had: [bool; USERS],
}

/// A step; the number is the user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "their names are what they are")]
pub enum Step {
    Wants(usize),
    Claims(usize),
    AsksOwner(usize),
    TakesOver(usize),
    AsksSql(usize),
    AsksOther(usize),
    ChangesRow(usize),
    TakerCrashes(usize),
    GivesUp(usize),
    Snapshots(usize),
    Commits(usize),
    Releases(usize),
    Settles(usize),
    FlusherCrashes(usize),
    Evicted(usize),
    Loaded(usize),
    ClaimGetsOld,
    WantGetsOld(usize),
    Fsync,
    PowerCut,
}

impl Names {
    fn lacks(&self, guard: Guard) -> bool {
        self.without == Some(guard)
    }
}

impl State {
    fn has(&self, user: usize) -> bool {
        self.users[user]
            .as_ref()
            .map_or(self.sql[user].has, |row| row.has)
    }

    fn release(&mut self, owner: usize, nonce: u8) {
        if self
            .claim
            .is_some_and(|claim| claim.owner == owner && claim.nonce == nonce)
        {
            self.claim = None;
        }
    }
}

impl Model for Names {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let nameless = || Some(HotUser::default());
        vec![State {
            claim: None,
            disk: (self.power_cuts > 0).then_some(None),
            cuts: self.power_cuts,
            users: [nameless(), nameless()],
            sql: Default::default(),
            takers: [Taker::Idle; USERS],
            flushers: [Flusher::Idle, Flusher::Idle],
            tries: 0,
            had: [false; USERS],
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for user in 0..USERS {
            let hot = state.users[user].as_ref();
            match state.takers[user] {
                Taker::Idle if hot.is_some_and(|row| !row.has) && state.tries < self.tries => {
                    steps.push(Step::Wants(user))
                }
                Taker::Idle => {}
                Taker::Wanted(_) => steps.push(Step::Claims(user)),
                Taker::InTheWay(..) => steps.push(Step::AsksOwner(user)),
                Taker::Free(..) => steps.push(Step::TakesOver(user)),
                Taker::Claimed(_) => steps.push(Step::AsksSql(user)),
                Taker::Asked(..) => steps.push(Step::AsksOther(user)),
                Taker::Checked(_) => steps.push(Step::ChangesRow(user)),
            }
            if state.takers[user] != Taker::Idle {
                steps.push(Step::TakerCrashes(user));
            }
            if hot.is_some_and(|row| row.has) {
                steps.push(Step::GivesUp(user));
            }
            match &state.flushers[user] {
                Flusher::Idle if hot.is_some_and(|row| row.dirty) => {
                    steps.push(Step::Snapshots(user))
                }
                Flusher::Idle => {}
                Flusher::Snapshot(..) if self.lacks(Guard::CommitBeforeRelease) => {
                    steps.push(Step::Releases(user))
                }
                Flusher::Snapshot(..) => steps.push(Step::Commits(user)),
                Flusher::Committed(..) if self.lacks(Guard::CommitBeforeRelease) => {
                    steps.push(Step::Settles(user))
                }
                Flusher::Committed(..) => steps.push(Step::Releases(user)),
                Flusher::Released(..) if self.lacks(Guard::CommitBeforeRelease) => {
                    steps.push(Step::Commits(user))
                }
                Flusher::Released(..) => steps.push(Step::Settles(user)),
            }
            if state.flushers[user] != Flusher::Idle {
                steps.push(Step::FlusherCrashes(user));
            }
            match hot {
                Some(row) if !row.dirty => steps.push(Step::Evicted(user)),
                Some(_) => {}
                None => steps.push(Step::Loaded(user)),
            }
            if hot.and_then(|row| row.want).is_some_and(|want| !want.old) {
                steps.push(Step::WantGetsOld(user));
            }
        }
        if state.claim.is_some_and(|claim| !claim.old) {
            steps.push(Step::ClaimGetsOld);
        }
        if state.disk.is_some_and(|disk| disk != state.claim) {
            steps.extend([Step::Fsync, Step::PowerCut]);
        }
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        match step {
            Step::Wants(user) => {
                state.tries += 1;
                let nonce = state.tries;
                state.users[user].as_mut()?.want = Some(Want { nonce, old: false });
                state.takers[user] = Taker::Wanted(nonce);
            }
            Step::Claims(user) => {
                let Taker::Wanted(nonce) = state.takers[user] else {
                    return None;
                };
                let mine = Claim {
                    owner: user,
                    nonce,
                    old: false,
                };
                state.takers[user] = match state.claim {
                    Some(found) if found.owner != user && !self.lacks(Guard::ClaimIsExclusive) => {
                        if found.old {
                            Taker::InTheWay(nonce, found)
                        } else {
                            Taker::Idle
                        }
                    }
                    Some(found) if found.owner == user => Taker::Free(nonce, found),
                    _ => {
                        state.claim = Some(mine);
                        Taker::Claimed(nonce)
                    }
                };
            }
            Step::AsksOwner(user) => {
                let Taker::InTheWay(nonce, found) = state.takers[user] else {
                    return None;
                };
                let stands = match state.users[found.owner].as_mut() {
                    _ if self.lacks(Guard::OwnerIsAsked) => false,
                    None => false,
                    Some(row) if row.claims.contains(&found.nonce) => true,
                    Some(row) => match row.want {
                        Some(want) if want.nonce == found.nonce && !want.old => true,
                        Some(want) if want.nonce == found.nonce => {
                            if !self.lacks(Guard::AbandonmentTakesWant) {
                                row.want = None;
                            }
                            false
                        }
                        _ => false,
                    },
                };
                state.takers[user] = if stands {
                    Taker::Idle
                } else {
                    Taker::Free(nonce, found)
                };
            }
            Step::TakesOver(user) => {
                let Taker::Free(nonce, found) = state.takers[user] else {
                    return None;
                };
                // Compare and set. A claim's age is not a part of it, but an observation.
                let same = state
                    .claim
                    .is_some_and(|claim| claim.owner == found.owner && claim.nonce == found.nonce);
                state.takers[user] = if same {
                    state.claim = Some(Claim {
                        owner: user,
                        nonce,
                        old: false,
                    });
                    Taker::Claimed(nonce)
                } else {
                    Taker::Wanted(nonce)
                };
            }
            Step::AsksSql(user) => {
                let Taker::Claimed(nonce) = state.takers[user] else {
                    return None;
                };
                if state.disk.is_some() && !self.lacks(Guard::ClaimIsDurable) {
                    state.disk = Some(state.claim); // the wait ends with this fsync
                }
                let asked = Taker::Asked(nonce, state.sql[1 - user].has);
                state.takers[user] = if self.lacks(Guard::SqlIsAsked) {
                    Taker::Checked(nonce)
                } else {
                    asked
                };
            }
            Step::AsksOther(user) => {
                let Taker::Asked(nonce, listed) = state.takers[user] else {
                    return None;
                };
                state.takers[user] = if listed && state.has(1 - user) {
                    state.release(user, nonce);
                    Taker::Idle
                } else {
                    Taker::Checked(nonce)
                };
            }
            Step::ChangesRow(user) => {
                let Taker::Checked(nonce) = state.takers[user] else {
                    return None;
                };
                state.takers[user] = Taker::Idle;
                let Some(row) = state.users[user].as_mut() else {
                    return Some(state);
                };
                if row.want.is_none_or(|want| want.nonce != nonce)
                    && !self.lacks(Guard::RowNeedsWant)
                {
                    return Some(state);
                }
                (row.has, row.rev, row.dirty, row.want) = (true, row.rev + 1, true, None);
                row.claims.push(nonce);
                state.had[user] = true;
            }
            Step::TakerCrashes(user) => state.takers[user] = Taker::Idle,
            Step::GivesUp(user) => {
                let row = state.users[user].as_mut()?;
                (row.has, row.rev, row.dirty) = (false, row.rev + 1, true);
            }
            Step::Snapshots(user) => {
                let row = state.users[user].as_ref()?;
                state.flushers[user] = Flusher::Snapshot(
                    SqlUser {
                        has: row.has,
                        rev: row.rev,
                    },
                    row.claims.clone(),
                );
            }
            Step::Commits(user) => {
                let (Flusher::Snapshot(row, claims) | Flusher::Released(row, claims)) =
                    before.flushers[user].clone()
                else {
                    return None;
                };
                if state.sql[user].rev < row.rev {
                    state.sql[user] = row;
                }
                state.flushers[user] = Flusher::Committed(row, claims);
            }
            Step::Releases(user) => {
                let (Flusher::Committed(row, claims) | Flusher::Snapshot(row, claims)) =
                    before.flushers[user].clone()
                else {
                    return None;
                };
                for nonce in &claims {
                    if self.lacks(Guard::ReleasedByOwnerOnly) {
                        state.claim = None;
                    }
                    state.release(user, *nonce);
                }
                state.flushers[user] = Flusher::Released(row, claims);
            }
            Step::Settles(user) => {
                let (Flusher::Released(row, claims) | Flusher::Committed(row, claims)) =
                    before.flushers[user].clone()
                else {
                    return None;
                };
                state.flushers[user] = Flusher::Idle;
                if let Some(hot) = state.users[user].as_mut() {
                    if hot.claims.starts_with(&claims) {
                        hot.claims.drain(..claims.len());
                    }
                    if hot.rev == row.rev {
                        hot.dirty = false;
                    }
                }
            }
            Step::FlusherCrashes(user) => state.flushers[user] = Flusher::Idle,
            Step::Evicted(user) => state.users[user] = None,
            Step::Loaded(user) => {
                let SqlUser { has, rev } = state.sql[user];
                state.users[user] = Some(HotUser {
                    has,
                    rev,
                    ..HotUser::default()
                });
            }
            Step::ClaimGetsOld => state.claim.as_mut()?.old = true,
            Step::WantGetsOld(user) => state.users[user].as_mut()?.want.as_mut()?.old = true,
            Step::Fsync => state.disk = Some(state.claim),
            Step::PowerCut => {
                if state.cuts == 0 {
                    return None;
                }
                state.cuts -= 1;
                state.claim = state.disk?;
                // An API that waited for the claim to be durable waited in vain.
                for taker in state
                    .takers
                    .iter_mut()
                    .filter(|taker| matches!(taker, Taker::Claimed(_)))
                {
                    if !self.lacks(Guard::ClaimIsDurable) {
                        *taker = Taker::Idle;
                    }
                }
                if state.cuts == 0 {
                    state.disk = None;
                }
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "a name is one user's at the most",
                |_: &Self, state: &State| !(state.has(0) && state.has(1)),
            ),
            Property::sometimes("both have had it", |_, state: &State| {
                state.had == [true; USERS]
            }),
            Property::sometimes("an abandoned claim is taken over", |_, state: &State| {
                state.had[1]
                    && !state.had[0]
                    && state.tries > 1
                    && state.claim.is_some_and(|claim| claim.owner == 1)
            }),
        ]
    }
}
