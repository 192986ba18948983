//! The sessions that this process knows to be good, so that a request need not ask Redis for its
//! own.
//!
//! A session is known from the moment on at which Redis showed it, until its use is to be noted
//! again, and only while this process would hear of its end ([`Hearing`]), which scripts publish in
//! the step that brings it. So a session that ends
//! is refused at once where it was ended, within milliseconds elsewhere, and after two seconds
//! where packets are dropped.
//!
//! What a limit allows is taken from Redis in portions, of which an account has one for each limit,
//! a twentieth of the limit at the most: by so much, for each API, more may come at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hot::{EndedSessions, Rate, RateVerdict, SessionState};
use model::{Session, Tick, UserId};
use tokio::time::Instant;

use crate::hearing::Hearing;

/// The sessions that are known at the most.
const MOST: usize = 20_000;
/// The first portion of a limit, and the part of the limit that one is at the most.
const PORTION: u32 = 4;
const PART: u32 = 20;
/// The time within which a portion is used up that was too small.
const SOON: Duration = Duration::from_secs(10);

/// The sessions that this process knows to be good. Clones share them.
#[derive(Clone)]
pub(crate) struct KnownSessions {
    /// The time after which the use of a session is to be noted again.
    seen_every: Duration,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    /// True while the ends of all sessions are heard.
    hearing: Hearing,
    /// The number of times that something ended, or may have.
    ends: u64,
    sessions: HashMap<String, Arc<Session>>,
    users: HashMap<UserId, KnownUser>,
}

/// What is known of a user with sessions that are known.
#[derive(Default)]
struct KnownUser {
    sessions: Vec<String>,
    portions: Vec<Portion>,
}

/// What was taken of a limit.
struct Portion {
    limit: &'static str,
    since: Instant,
    taken: u32,
    left: u32,
    /// What the limit leaves besides, and the seconds until it leaves more.
    besides: u32,
    seconds: u32,
}

/// A limit that an action counts against: its name and its rate.
pub(crate) type Limit = (&'static str, Rate);

/// The moment at which Redis is asked for a session: its answer is remembered only if nothing has
/// ended since.
#[derive(Clone, Copy)]
pub(crate) struct Asked(u64);

impl KnownSessions {
    /// Returns sessions of which the use is noted so often; none is known yet.
    pub(crate) fn new(seen_every: Duration) -> Self {
        Self {
            seen_every,
            inner: Arc::default(),
        }
    }

    /// Returns a session that is known to be good, with a verdict of the limit if there is one.
    /// `None`: Redis must be asked.
    pub(crate) fn find(&self, hash: &str, limit: Option<Limit>) -> Option<SessionState> {
        let mut inner = self.lock();
        if !inner.hearing.holds() {
            return None;
        }
        let session = Arc::clone(inner.sessions.get(hash)?);
        let now = Tick::now();
        if session.seen < now.earlier(self.seen_every) || session.expires <= now {
            return None;
        }
        let verdict = match limit {
            Some((name, _)) => Some(inner.portion(session.user, name)?.take_one()?),
            None => None,
        };
        Some(SessionState {
            password_rev: Some(session.password_rev),
            session,
            verdict,
            budget: None,
        })
    }

    /// Takes one of what is left of a limit while Redis is asked for the session alone.
    pub(crate) fn take_one(&self, hash: &str, (name, _): Limit) -> Option<RateVerdict> {
        let mut inner = self.lock();
        let user = inner.sessions.get(hash)?.user;
        inner.portion(user, name)?.take_one()
    }

    /// Returns how many of a limit are asked for at once: twice as many as last time when those
    /// were soon used up.
    pub(crate) fn wanted(&self, hash: &str, (name, rate): Limit) -> u32 {
        let mut inner = self.lock();
        if !inner.hearing.listens() {
            return 1; // Nothing is remembered.
        }
        let user = inner.sessions.get(hash).map(|session| session.user);
        let last = match user {
            Some(user) => inner.portion(user, name),
            None => None,
        };
        let was_small = last.filter(|last| last.left == 0 && last.since.elapsed() < SOON);
        let wanted = was_small.map_or(PORTION, |last| last.taken.saturating_mul(2).max(PORTION));
        wanted.min(rate.most / PART).max(1)
    }

    /// Returns the moment before Redis is asked for a session.
    pub(crate) fn ask(&self) -> Asked {
        Asked(self.lock().ends)
    }

    /// Remembers a session that Redis has shown to be good, and what of a limit it has granted, of
    /// which one is used.
    pub(crate) fn remember(&self, asked: Asked, state: &SessionState, limit: Option<Limit>) {
        let mut inner = self.lock();
        if !inner.hearing.listens() || inner.ends != asked.0 {
            return;
        }
        let session = &state.session;
        match inner.sessions.get_mut(&session.hash) {
            Some(known) => *known = Arc::clone(session),
            None => inner.add(session),
        }
        if let (Some((name, rate)), Some(verdict)) = (limit, state.verdict) {
            let user = inner.users.entry(session.user).or_default();
            let old = user.portions.iter().position(|one| one.limit == name);
            let unused = old.map_or(0, |at| user.portions.swap_remove(at).left);
            // Another session of the user may have left some.
            let left = verdict.granted.saturating_sub(1) + unused;
            let left = left.min(rate.most / PART);
            user.portions.push(Portion {
                limit: name,
                since: Instant::now(),
                taken: verdict.granted,
                left,
                besides: verdict.left,
                seconds: verdict.seconds,
            });
        }
    }

    /// Forgets sessions that have ended.
    pub(crate) fn end(&self, ended: &EndedSessions) {
        let mut inner = self.lock();
        inner.ends += 1;
        match ended {
            EndedSessions::Of(hash) => inner.forget(hash),
            EndedSessions::OfUser(user) => {
                let known = inner.users.remove(user).unwrap_or_default();
                for hash in known.sessions {
                    inner.sessions.remove(&hash);
                }
            }
        }
    }

    /// Forgets all, and remembers nothing until [`Self::listen`]: ends may be lost.
    pub(crate) fn lose(&self) {
        let mut inner = self.lock();
        inner.hearing.listen(false);
        inner.forget_all();
    }

    /// Begins to remember sessions: from now on their ends are heard.
    pub(crate) fn listen(&self) {
        let mut inner = self.lock();
        inner.forget_all();
        inner.hearing.listen(true);
    }

    /// Notes that all ends from before a moment were heard.
    pub(crate) fn prove(&self, asked: Instant) {
        self.lock().hearing.prove(asked);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn portion(&mut self, user: UserId, limit: &str) -> Option<&mut Portion> {
        let user = self.users.get_mut(&user)?;
        user.portions.iter_mut().find(|one| one.limit == limit)
    }

    fn add(&mut self, session: &Arc<Session>) {
        if self.sessions.len() >= MOST {
            self.sessions.clear(); // Those that go on being used are asked for again.
            self.users.clear();
        }
        let user = self.users.entry(session.user).or_default();
        user.sessions.push(session.hash.clone());
        let hash = session.hash.clone();
        self.sessions.insert(hash, Arc::clone(session));
    }

    fn forget_all(&mut self) {
        self.ends += 1;
        self.sessions.clear();
        self.users.clear();
    }

    fn forget(&mut self, hash: &str) {
        let Some(session) = self.sessions.remove(hash) else {
            return;
        };
        if let Some(user) = self.users.get_mut(&session.user) {
            user.sessions.retain(|other| other != hash);
            if user.sessions.is_empty() {
                self.users.remove(&session.user);
            }
        }
    }
}

impl Portion {
    fn take_one(&mut self) -> Option<RateVerdict> {
        self.left = self.left.checked_sub(1)?;
        Some(RateVerdict {
            granted: 1,
            left: self.left + self.besides,
            seconds: self.seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hearing::SILENCE;

    const MINUTE: Duration = Duration::from_secs(60);
    const SENDS: Limit = (
        "send",
        Rate {
            most: 600,
            period: MINUTE,
        },
    );

    fn state(hash: &str, user: UserId, granted: Option<u32>) -> SessionState {
        let now = Tick::now();
        let session = Session {
            hash: hash.into(),
            user,
            device: String::new(),
            created: now,
            seen: now,
            password_rev: Tick(1),
            expires: Tick(now.0 + 1_000_000_000),
            issued: Tick::NEVER,
        };
        SessionState {
            session: Arc::new(session),
            password_rev: Some(Tick(1)),
            verdict: granted.map(|granted| RateVerdict {
                granted,
                left: 100,
                seconds: 1,
            }),
            budget: None,
        }
    }

    fn listening() -> KnownSessions {
        let known = KnownSessions::new(MINUTE);
        known.listen();
        known.prove(Instant::now());
        known
    }

    fn remember(known: &KnownSessions, hash: &str, user: UserId) {
        known.remember(known.ask(), &state(hash, user, None), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_is_known_only_while_its_end_would_be_heard() {
        let (known, user) = (KnownSessions::new(MINUTE), UserId::new());
        let is_known = || known.find("a", None).is_some();
        remember(&known, "a", user);
        assert!(!is_known(), "nobody listens");
        known.listen();
        remember(&known, "a", user);
        assert!(!is_known(), "nothing proves that ends are heard");
        known.prove(Instant::now());
        assert!(is_known());
        tokio::time::advance(SILENCE).await;
        assert!(!is_known(), "the connection is silent");
        known.prove(Instant::now());
        assert!(is_known());
        known.lose();
        remember(&known, "a", user);
        assert!(!is_known(), "ends may be lost");
        known.listen();
        assert!(!is_known(), "and may have been");
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_ends_is_forgotten_and_so_is_one_that_was_asked_for_meanwhile() {
        let (known, ann, bob) = (listening(), UserId::new(), UserId::new());
        for (hash, user) in [("a", ann), ("b", ann), ("c", bob), ("d", bob)] {
            remember(&known, hash, user);
        }
        let all = || ["a", "b", "c", "d"].map(|hash| known.find(hash, None).is_some());
        known.end(&EndedSessions::Of("a".into()));
        assert_eq!(all(), [false, true, true, true]);
        known.end(&EndedSessions::OfUser(bob));
        assert_eq!(all(), [false, true, false, false]);
        let asked = known.ask();
        known.end(&EndedSessions::Of("b".into()));
        known.remember(asked, &state("b", ann, None), None);
        assert_eq!(all(), [false; 4], "it may have been read before it ended");
        assert!(known.lock().users.is_empty(), "nothing stays of them");
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_whose_use_is_to_be_noted_is_asked_for() {
        let (known, user) = (listening(), UserId::new());
        let mut old = state("a", user, None);
        let seen = Tick::now().earlier(MINUTE).earlier(MINUTE);
        Arc::make_mut(&mut old.session).seen = seen;
        known.remember(known.ask(), &old, None);
        assert!(known.find("a", None).is_none());
        let mut over = state("b", user, None);
        Arc::make_mut(&mut over.session).expires = Tick::now();
        known.remember(known.ask(), &over, None);
        assert!(known.find("b", None).is_none(), "its time is up");
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_is_taken_in_portions_that_grow_with_their_use() {
        let (known, user) = (listening(), UserId::new());
        assert_eq!(known.wanted("a", SENDS), PORTION);
        let mut sizes = Vec::new();
        for _ in 0..5 {
            let wanted = known.wanted("a", SENDS);
            sizes.push(wanted);
            let granted = state("a", user, Some(wanted));
            known.remember(known.ask(), &granted, Some(SENDS));
            let mut lefts = Vec::new();
            while let Some(state) = known.find("a", Some(SENDS)) {
                lefts.push(state.verdict.expect("a verdict").left);
            }
            let expected: Vec<u32> = (100..100 + wanted - 1).rev().collect();
            assert_eq!(lefts, expected);
        }
        assert_eq!(sizes, [4, 8, 16, 30, 30]);
        assert!(
            known.find("a", None).is_some(),
            "the session itself is known"
        );
        tokio::time::advance(SOON).await;
        assert_eq!(known.wanted("a", SENDS), PORTION);
        known.lose();
        assert_eq!(known.wanted("a", SENDS), 1, "what is left would be lost");
        known.listen();
        let few = (
            "login",
            Rate {
                most: 10,
                period: MINUTE,
            },
        );
        assert_eq!(known.wanted("a", few), 1, "few are counted one by one");
    }

    #[tokio::test(start_paused = true)]
    async fn two_sessions_of_a_user_share_a_portion() {
        let (known, user) = (listening(), UserId::new());
        known.remember(known.ask(), &state("a", user, Some(2)), Some(SENDS));
        remember(&known, "b", user);
        assert!(known.find("b", Some(SENDS)).is_some());
        assert!(known.find("a", Some(SENDS)).is_none());
        for _ in 0..40 {
            known.remember(known.ask(), &state("b", user, Some(4)), Some(SENDS));
        }
        let left = std::iter::from_fn(|| known.take_one("a", SENDS)).count();
        assert_eq!(left, 30, "a twentieth at the most");
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_sessions_that_are_known_has_a_bound() {
        let known = listening();
        for at in 0..=MOST {
            remember(&known, &at.to_string(), UserId::new());
        }
        let inner = known.lock();
        assert!((1..=MOST).contains(&inner.sessions.len()));
        assert_eq!(inner.users.len(), inner.sessions.len());
    }
}
