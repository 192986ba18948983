//! The APIs that serve members of a chat: one notification for each, with its members, takes the
//! place of one for each member.
//!
//! Redis knows the APIs that serve a user, and a script publishes to all APIs that one begins to.
//! So they are read once for a chat, and known from then on while this process hears that
//! ([`Hearing`]); after some minutes they are read again, to leave out APIs without members. A
//! member who is missed all the same (the beginning was on its way, or Redis did not take the
//! heartbeat) finds out by the next notification of the chat, or when it is saved.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use model::UserId;
use tokio::time::Instant;

use super::SharedNotification;
use crate::hearing::Hearing;

/// The newest beginnings that are remembered; a chat that has not seen older ones is read again.
const REMEMBERED: usize = 8192;

/// The users whom APIs lately began to serve. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Served(Arc<Mutex<Begun>>);

#[derive(Default)]
struct Begun {
    hearing: Hearing,
    /// The number of times that some may have been lost.
    losses: u64,
    /// The number of beginnings that were heard.
    count: u64,
    /// The newest of them: users, and the API of each.
    newest: VecDeque<(UserId, UserId)>,
}

/// A moment from which on all beginnings are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    losses: u64,
    count: u64,
}

/// The members of a chat whom APIs serve.
#[derive(Debug)]
pub(crate) struct ServedMembers {
    as_of: Moment,
    /// The time at which Redis was read.
    pub(super) read: Instant,
    /// The APIs, and the members whom each serves.
    apis: HashMap<UserId, Vec<UserId>>,
}

impl Served {
    /// Notes that an API begins to serve a user.
    pub(crate) fn note(&self, user: UserId, api: UserId) {
        let mut begun = self.lock();
        begun.count += 1;
        begun.newest.push_back((user, api));
        if begun.newest.len() > REMEMBERED {
            begun.newest.pop_front();
        }
    }

    /// Notes that beginnings may be lost.
    pub(crate) fn lose(&self) {
        let mut begun = self.lock();
        begun.losses += 1;
        begun.hearing.listen(false);
    }

    /// Notes that all beginnings are listened to.
    pub(crate) fn listen(&self) {
        self.lock().hearing.listen(true);
    }

    /// Notes that all beginnings from before a moment were heard.
    pub(crate) fn prove(&self, asked: Instant) {
        self.lock().hearing.prove(asked);
    }

    /// Returns the moment before Redis is read; `None` while beginnings are not heard.
    pub(crate) fn moment(&self) -> Option<Moment> {
        let begun = self.lock();
        begun.hearing.holds().then_some(Moment {
            losses: begun.losses,
            count: begun.count,
        })
    }

    /// Adds those of these members, who are in order, whom APIs have begun to serve since, and
    /// returns true; false when that is not known.
    pub(super) fn bring_up_to_date(&self, served: &mut ServedMembers, members: &[UserId]) -> bool {
        let begun = self.lock();
        let missed = begun.count - served.as_of.count;
        if !begun.hearing.holds()
            || begun.losses != served.as_of.losses
            || missed > begun.newest.len() as u64
        {
            return false;
        }
        for (user, api) in begun.newest.iter().rev().take(missed as usize) {
            if members.binary_search(user).is_ok() {
                served.add(*user, *api);
            }
        }
        served.as_of.count = begun.count;
        true
    }

    fn lock(&self) -> MutexGuard<'_, Begun> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServedMembers {
    /// Returns the members, each with an API, that Redis has shown since a moment.
    pub(super) fn new(as_of: Moment, found: Vec<(UserId, UserId)>) -> Self {
        let mut served = Self {
            as_of,
            read: Instant::now(),
            apis: HashMap::new(),
        };
        for (user, api) in found {
            served.apis.entry(api).or_default().push(user);
        }
        served
    }

    /// Returns a payload for the members but for one, encoded for each API, with their number.
    pub(super) fn payloads(
        &self,
        payload: &[u8],
        but: Option<UserId>,
    ) -> Vec<(UserId, usize, Bytes)> {
        let of_api = |(api, users): (&UserId, &Vec<UserId>)| {
            let others: Vec<UserId>;
            let users = match but {
                Some(but) if users.contains(&but) => {
                    others = users.iter().copied().filter(|user| *user != but).collect();
                    &others
                }
                _ => users,
            };
            let is_any = !users.is_empty();
            let encode = || SharedNotification::encode(users, payload);
            is_any.then(|| (*api, users.len(), encode()))
        };
        self.apis.iter().filter_map(of_api).collect()
    }

    fn add(&mut self, user: UserId, api: UserId) {
        let users = self.apis.entry(api).or_default();
        if !users.contains(&user) {
            users.push(user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hearing::SILENCE;

    fn hearing() -> Served {
        let served = Served::default();
        served.listen();
        served.prove(Instant::now());
        served
    }

    /// Members in order, and an API.
    fn some() -> (Vec<UserId>, UserId) {
        let mut members: Vec<_> = (0..3).map(|_| UserId::new()).collect();
        members.sort_unstable();
        (members, UserId::new())
    }

    #[tokio::test(start_paused = true)]
    async fn a_member_whom_an_api_begins_to_serve_is_added() {
        let (served, (members, api)) = (hearing(), some());
        let before = served.moment().expect("it hears");
        served.note(members[1], api); // while Redis is read
        let mut known = ServedMembers::new(before, vec![(members[0], api)]);
        served.note(members[0], api);
        served.note(UserId::new(), api);
        let other = UserId::new();
        served.note(members[2], other);
        assert!(served.bring_up_to_date(&mut known, &members));
        let mut of_api = known.apis[&api].clone();
        of_api.sort_unstable();
        assert_eq!(of_api, members[..2], "each once, and no stranger");
        assert_eq!(known.apis[&other], [members[2]]);
        assert!(served.bring_up_to_date(&mut known, &members));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_known_while_a_beginning_may_be_missed() {
        let (served, (members, api)) = (hearing(), some());
        assert_eq!(Served::default().moment(), None, "nobody listens");
        let read = || ServedMembers::new(served.moment().expect("it hears"), Vec::new());
        let mut known = read();
        tokio::time::advance(SILENCE).await;
        assert!(!served.bring_up_to_date(&mut known, &members), "silent");
        served.prove(Instant::now());
        assert!(served.bring_up_to_date(&mut known, &members));
        served.lose();
        assert!(!served.bring_up_to_date(&mut known, &members), "lost");
        served.listen();
        assert!(!served.bring_up_to_date(&mut known, &members), "some were");
        let mut known = read();
        for _ in 0..REMEMBERED {
            served.note(members[0], api);
        }
        assert!(served.bring_up_to_date(&mut known, &members));
        let mut known = read();
        for _ in 0..=REMEMBERED {
            served.note(members[0], api);
        }
        assert!(
            !served.bring_up_to_date(&mut known, &members),
            "the oldest is forgotten"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_member_with_a_notification_of_their_own_is_left_out() {
        let (served, (members, api)) = (hearing(), some());
        let moment = served.moment().expect("it hears");
        let found = members.iter().map(|user| (*user, api)).collect();
        let known = ServedMembers::new(moment, found);
        let users = |but| {
            let payloads = known.payloads(b"e\n{}", but);
            let of = payloads.into_iter().map(|(to, count, bytes)| {
                let users = SharedNotification::decode(&bytes).expect("one").users;
                assert_eq!((to, count), (api, users.len()));
                users
            });
            of.collect::<Vec<_>>()
        };
        let all = std::slice::from_ref(&members);
        assert_eq!(users(None), all);
        assert_eq!(users(Some(UserId::new())), all);
        assert_eq!(users(Some(members[1])), [[members[0], members[2]]]);
        let alone = ServedMembers::new(moment, vec![(members[0], api)]);
        assert!(alone.payloads(b"", Some(members[0])).is_empty());
    }
}
