//! A membership over two slots: the chat's slot knows that the user is a member, the user's
//! slot knows that the chat is in their list. No script touches both.
//!
//! An API changes the member's row and then updates the list; a flusher propagates what an API left
//! undone, after the row is in SQL. On a cluster the two slots may be on two nodes, and each may go
//! back to its own last fsync.

use stateright::{Model, Property};

/// A rule that makes it right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guard {
    /// A flusher updates the list before it calls the membership clean.
    PropagateBeforeSettle,
    /// A list that is being hydrated is read anew when its chats change.
    EnlistEndsHydration,
    /// A list takes the later of two changes.
    EnlistTakesTheLater,
    /// A list gets only what SQL has, or it could be hydrated without it: commit, then propagate.
    CommitBeforePropagate,
    /// A loaded list is under its own nonce.
    LoadNeedsNonce,
    /// A list's update is durable before the membership is called clean.
    PropagationIsDurable,
}

/// The bounds of the model: how much of each thing happens.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The number of times that the user is added or removed.
    pub changes: u8,
    /// The number of APIs that do so.
    pub apis: usize,
    /// The number of flushers of the chat.
    pub flushers: usize,
    /// The number of APIs or flushers that hydrate the user.
    pub hydrators: usize,
    /// The number of times that the user's node goes back to what was on its disk.
    pub power_cuts: u8,
    /// The guard that is left out.
    pub without: Option<Guard>,
}

/// The membership of the user at a tick; odd changes add them, even ones remove them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Member {
    rev: u8,
    is_in: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct HotChat {
    member: Member,
    /// `member:UID` and `list:UID` in `dirty`.
    dirty: u8,
    unlisted: u8,
}

/// The content of the user's slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct HotUser {
    /// The list's entry of the chat, while the user is resident.
    list: Option<Member>,
    hydrating: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Flusher {
    Idle,
    Snapshot(Member, bool),
    Committed(Member, bool),
    Propagated(Member, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Hydrator {
    Idle,
    Begun(u8),
    Read(u8, Member),
}

/// A state of the whole model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    chat: Option<HotChat>,
    user: HotUser,
    /// The content of the disk of the user's node.
    disk: Option<HotUser>,
    sql: Member,
    changes: u8,
    /// The change with which each API has yet to update the list.
    apis: Vec<Option<Member>>,
    flushers: Vec<Flusher>,
    hydrators: Vec<Hydrator>,
    cuts: u8,
}

/// A step of one actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "their names are what they are")]
pub enum Step {
    Changes(usize),
    Enlists(usize),
    ApiCrashes(usize),
    ChatIsEvicted,
    ChatIsLoaded,
    UserIsEvicted,
    LeaseEnds,
    Fsync,
    PowerCut,
    Snapshots(usize),
    Commits(usize),
    Propagates(usize),
    Settles(usize),
    FlusherCrashes(usize),
    Begins(usize),
    Reads(usize),
    Loads(usize),
    HydratorCrashes(usize),
}

impl Membership {
    fn lacks(&self, guard: Guard) -> bool {
        self.without == Some(guard)
    }

    fn enlist(&self, user: &mut HotUser, member: Member) {
        match &mut user.list {
            Some(known) if known.rev < member.rev || self.lacks(Guard::EnlistTakesTheLater) => {
                *known = member
            }
            Some(_) => {}
            None if self.lacks(Guard::EnlistEndsHydration) => {}
            None => user.hydrating = 0,
        }
    }

    fn fresh_nonce(state: &State) -> u8 {
        let hydrators = state.hydrators.iter().map(|hydrator| match hydrator {
            Hydrator::Begun(nonce) | Hydrator::Read(nonce, _) => *nonce,
            Hydrator::Idle => 0,
        });
        let used: Vec<u8> = hydrators
            .chain([state.user.hydrating])
            .chain(state.disk.iter().map(|disk| disk.hydrating))
            .collect();
        (1..)
            .find(|nonce| !used.contains(nonce))
            .expect("there is always another number")
    }
}

impl Model for Membership {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let user = HotUser {
            list: Some(Member::default()),
            hydrating: 0,
        };
        vec![State {
            chat: Some(HotChat::default()),
            disk: (self.power_cuts > 0).then(|| user.clone()),
            user,
            sql: Member::default(),
            changes: 0,
            apis: vec![None; self.apis],
            flushers: vec![Flusher::Idle; self.flushers],
            hydrators: vec![Hydrator::Idle; self.hydrators],
            cuts: self.power_cuts,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for (at, api) in state.apis.iter().enumerate() {
            match api {
                None if state.chat.is_some() && state.changes < self.changes => {
                    steps.push(Step::Changes(at))
                }
                None => {}
                Some(_) => steps.extend([Step::Enlists(at), Step::ApiCrashes(at)]),
            }
        }
        match &state.chat {
            Some(chat) if chat.dirty == 0 && chat.unlisted == 0 => steps.push(Step::ChatIsEvicted),
            Some(_) => {}
            None => steps.push(Step::ChatIsLoaded),
        }
        if state.user.list.is_some() {
            steps.push(Step::UserIsEvicted);
        }
        if state.user.hydrating != 0 {
            steps.push(Step::LeaseEnds);
        }
        if state.disk.as_ref().is_some_and(|disk| *disk != state.user) {
            steps.extend([Step::Fsync, Step::PowerCut]);
        }
        for (at, flusher) in state.flushers.iter().enumerate() {
            match flusher {
                Flusher::Idle
                    if state
                        .chat
                        .as_ref()
                        .is_some_and(|chat| chat.dirty != 0 || chat.unlisted != 0) =>
                {
                    steps.push(Step::Snapshots(at));
                }
                Flusher::Idle => continue,
                Flusher::Snapshot(..) if self.lacks(Guard::CommitBeforePropagate) => {
                    steps.push(Step::Propagates(at))
                }
                Flusher::Snapshot(..) => steps.push(Step::Commits(at)),
                Flusher::Committed(..) if self.lacks(Guard::CommitBeforePropagate) => {
                    steps.push(Step::Settles(at))
                }
                Flusher::Committed(..) => {
                    steps.push(Step::Propagates(at));
                    if self.lacks(Guard::PropagateBeforeSettle) {
                        steps.push(Step::Settles(at));
                    }
                }
                Flusher::Propagated(..) if self.lacks(Guard::CommitBeforePropagate) => {
                    steps.push(Step::Commits(at))
                }
                Flusher::Propagated(..) => steps.push(Step::Settles(at)),
            }
            if *flusher != Flusher::Idle {
                steps.push(Step::FlusherCrashes(at));
            }
        }
        for (at, hydrator) in state.hydrators.iter().enumerate() {
            match hydrator {
                Hydrator::Idle if state.user.list.is_none() && state.user.hydrating == 0 => {
                    steps.push(Step::Begins(at))
                }
                Hydrator::Idle => {}
                Hydrator::Begun(_) => steps.extend([Step::Reads(at), Step::HydratorCrashes(at)]),
                Hydrator::Read(..) => steps.extend([Step::Loads(at), Step::HydratorCrashes(at)]),
            }
        }
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        match step {
            Step::Changes(at) => {
                let chat = state.chat.as_mut()?;
                state.changes += 1;
                chat.member = Member {
                    rev: chat.member.rev + 1,
                    is_in: !chat.member.is_in,
                };
                (chat.dirty, chat.unlisted) = (chat.member.rev, chat.member.rev);
                state.apis[at] = Some(chat.member);
            }
            Step::Enlists(at) => {
                let member = state.apis[at].take()?;
                self.enlist(&mut state.user, member);
            }
            Step::ApiCrashes(at) => state.apis[at] = None,
            Step::ChatIsEvicted => state.chat = None,
            Step::ChatIsLoaded => {
                state.chat = Some(HotChat {
                    member: state.sql,
                    dirty: 0,
                    unlisted: 0,
                })
            }
            Step::UserIsEvicted => state.user = HotUser::default(),
            Step::LeaseEnds => state.user.hydrating = 0,
            Step::Fsync => state.disk = Some(state.user.clone()),
            Step::PowerCut => {
                if state.cuts == 0 {
                    return None;
                }
                state.cuts -= 1;
                state.user = state.disk.clone()?;
                if state.cuts == 0 {
                    state.disk = None;
                }
                // A flusher that waits for that node's disk waits in vain, and begins anew.
                for flusher in state
                    .flushers
                    .iter_mut()
                    .filter(|flusher| matches!(flusher, Flusher::Propagated(..)))
                {
                    if !self.lacks(Guard::PropagationIsDurable) {
                        *flusher = Flusher::Idle;
                    }
                }
            }
            Step::Snapshots(at) => {
                let chat = state.chat.as_ref()?;
                state.flushers[at] = Flusher::Snapshot(chat.member, chat.unlisted != 0);
            }
            Step::Commits(at) => {
                let (Flusher::Snapshot(member, unlisted) | Flusher::Propagated(member, unlisted)) =
                    before.flushers[at]
                else {
                    return None;
                };
                if state.sql.rev < member.rev {
                    state.sql = member;
                }
                state.flushers[at] = Flusher::Committed(member, unlisted);
            }
            Step::Propagates(at) => {
                let (Flusher::Snapshot(member, unlisted) | Flusher::Committed(member, unlisted)) =
                    before.flushers[at]
                else {
                    return None;
                };
                if unlisted {
                    self.enlist(&mut state.user, member);
                }
                state.flushers[at] = Flusher::Propagated(member, unlisted);
            }
            Step::Settles(at) => {
                let (Flusher::Propagated(member, unlisted) | Flusher::Committed(member, unlisted)) =
                    before.flushers[at]
                else {
                    return None;
                };
                if state.disk.is_some() && !self.lacks(Guard::PropagationIsDurable) {
                    state.disk = Some(state.user.clone()); // the wait ended with this fsync
                }
                if let Some(chat) = state.chat.as_mut() {
                    if chat.dirty == member.rev {
                        chat.dirty = 0;
                    }
                    if unlisted && chat.unlisted == member.rev {
                        chat.unlisted = 0;
                    }
                }
                state.flushers[at] = Flusher::Idle;
            }
            Step::FlusherCrashes(at) => state.flushers[at] = Flusher::Idle,
            Step::Begins(at) => {
                let nonce = Self::fresh_nonce(&state);
                state.user.hydrating = nonce;
                state.hydrators[at] = Hydrator::Begun(nonce);
            }
            Step::Reads(at) => {
                let Hydrator::Begun(nonce) = state.hydrators[at] else {
                    return None;
                };
                state.hydrators[at] = Hydrator::Read(nonce, state.sql);
            }
            Step::Loads(at) => {
                let Hydrator::Read(nonce, member) = state.hydrators[at] else {
                    return None;
                };
                state.hydrators[at] = Hydrator::Idle;
                if state.user.list.is_none()
                    && (state.user.hydrating == nonce || self.lacks(Guard::LoadNeedsNonce))
                {
                    state.user = HotUser {
                        list: Some(member),
                        hydrating: 0,
                    };
                }
            }
            Step::HydratorCrashes(at) => state.hydrators[at] = Hydrator::Idle,
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "a list agrees with every membership that is clean",
                |_: &Self, state: &State| {
                    let (newest, unlisted) = state
                        .chat
                        .as_ref()
                        .map_or((state.sql, 0), |chat| (chat.member, chat.unlisted));
                    unlisted != 0 || state.user.list.is_none_or(|listed| listed == newest)
                },
            ),
            Property::always(
                "SQL has every membership that is clean",
                |_, state: &State| {
                    state
                        .chat
                        .as_ref()
                        .is_none_or(|chat| chat.dirty != 0 || chat.member == state.sql)
                },
            ),
            Property::sometimes(
                "a list is hydrated with a change that no API or flusher brought to it",
                |model: &Self, state: &State| {
                    state.changes == model.changes
                        && state
                            .user
                            .list
                            .is_some_and(|listed| listed.rev == model.changes)
                        && state.chat.is_none()
                },
            ),
        ]
    }
}
