//! What this API knows of one user whom it serves, over all their connections.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use model::{ChatId, Tick, UserId};
use store::Envelope;
use tokio::time::Instant;

use super::{
    chain::Chain,
    outbox::{End, Outbox},
};

/// What is under way may take as long until it counts as lost.
const PATIENCE: Duration = Duration::from_secs(1);
/// What was saved so much later than it happened may have happened to somebody who was told nothing, and has gone on since.
const LATE: Duration = Duration::from_secs(50);

pub(crate) struct Inbox {
    pub(crate) user: UserId,
    /// Held by whoever opens or closes it; whether it is open.
    pub(crate) gate: tokio::sync::Mutex<bool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connections: Vec<Arc<Outbox>>,
    /// When it was opened: whatever happens later is told here.
    opened: Tick,
    /// What was told of each chat since.
    chains: HashMap<ChatId, Chain>,
    /// What is theirs alone is known up to here.
    own: Tick,
    missing: Missing,
}

/// What has to be looked up.
#[derive(Default)]
struct Missing {
    /// Of these chats.
    chats: HashMap<ChatId, Look>,
    /// What is theirs alone, of this rev or an earlier one.
    own: Option<Tick>,
    /// Everything, since then.
    all: Option<Tick>,
    /// Somebody is at it.
    sought: bool,
    /// How far everything had been told when the first of it was found missing.
    held: Option<Tick>,
}

/// What to look up of a chat.
#[derive(Clone, Copy)]
struct Look {
    /// Since when.
    since: Tick,
    /// When to look: what is missing may be on its way.
    at: Instant,
    /// Although nothing is missing: there is nothing that could come.
    anyhow: bool,
}

/// What to look up next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seek {
    All(Tick),
    /// Since when, and up to what it is known then.
    Own(Tick, Tick),
    Chat(ChatId, Tick),
}

impl Inbox {
    pub(crate) fn new(user: UserId) -> Self {
        Self { user, gate: tokio::sync::Mutex::new(false), state: Mutex::default() }
    }

    /// It listens, since `now`.
    pub(crate) fn opens(&self, now: Tick) {
        let mut state = self.lock();
        *state = State { opened: now, own: now, connections: std::mem::take(&mut state.connections), ..State::default() };
    }

    /// False: they have that many already.
    pub(crate) fn join(&self, outbox: Arc<Outbox>, most: usize) -> bool {
        let mut state = self.lock();
        let room = state.connections.len() < most;
        if room {
            state.connections.push(outbox);
        }
        room
    }

    /// Nobody is left.
    pub(crate) fn leave(&self, outbox: &Arc<Outbox>) -> bool {
        let mut state = self.lock();
        state.connections.retain(|other| !Arc::ptr_eq(other, outbox));
        state.connections.is_empty()
    }

    pub(crate) fn end(&self, end: impl Fn(&Outbox) -> Option<End>) {
        for outbox in &self.lock().connections {
            if let Some(end) = end(outbox) {
                outbox.end(end);
            }
        }
    }

    pub(crate) fn push(&self, frame: &Bytes) {
        self.lock().push(frame);
    }

    /// How far everything was told to this user, if everything was told to everybody up to `horizon`.
    pub(crate) fn cursor(&self, horizon: Tick) -> Tick {
        self.lock().missing.held.map_or(horizon, |held| held.min(horizon))
    }

    /// Takes what came. True: something must be looked up, and nobody is at it yet.
    pub(crate) fn take(&self, envelope: Envelope, horizon: Tick) -> bool {
        let mut state = self.lock();
        let State { opened, own, .. } = *state;
        match envelope {
            Envelope::Changed { chat, prev, clock, event } => {
                let chain = state.chains.entry(chat).or_insert_with(|| Chain::new(opened));
                // Who came just now need not have been told what was told before.
                let before = chain.known();
                chain.link(prev, clock);
                let hole = chain.has_hole();
                if event.is_empty() {
                    state.miss(chat, Look { since: before.min(prev), at: Instant::now(), anyhow: true }, horizon);
                } else {
                    state.push(&event);
                    if hole {
                        state.miss(chat, Look { since: before, at: Instant::now() + PATIENCE, anyhow: false }, horizon);
                    }
                }
            }
            Envelope::Saved { chat, saved, told, from } => {
                // Written by hand: of these there are many, and they come together.
                state.push(&format!(r#"{{"type":"chat.saved","chat_id":"{chat}","clock":{saved}}}"#).into());
                let chain = state.chains.entry(chat).or_insert_with(|| Chain::new(opened));
                let before = chain.known();
                chain.link(told, told);
                let hole = chain.has_hole();
                if from < opened.earlier(LATE) {
                    state.miss(chat, Look { since: Tick(from.0 - 1), at: Instant::now(), anyhow: true }, horizon);
                } else if hole {
                    state.miss(chat, Look { since: before, at: Instant::now() + PATIENCE, anyhow: false }, horizon);
                }
            }
            Envelope::Own { rev, from } => {
                if from < opened.earlier(LATE) {
                    state.own = own.min(Tick(from.0 - 1));
                }
                if rev > state.own {
                    state.missing.own = state.missing.own.max(Some(rev));
                    state.missing.held.get_or_insert(horizon);
                }
            }
            Envelope::Ended { session } => {
                let ended = state.connections.iter().filter(|outbox| session.is_empty() || outbox.session == session);
                ended.for_each(|outbox| outbox.end(End::Revoked));
            }
            Envelope::Event(event) => state.push(&event),
        }
        state.must_be_sought()
    }

    /// All since then may have been missed.
    pub(crate) fn lost(&self, since: Tick, horizon: Tick) -> bool {
        let mut state = self.lock();
        state.missing.all = Some(state.missing.all.map_or(since, |other| other.min(since)));
        state.missing.held.get_or_insert(horizon.min(since));
        state.must_be_sought()
    }

    /// What to look up, or until when to wait; `None`: nothing is missing any more, and nobody is at it.
    pub(crate) fn seek(&self) -> Option<Result<Seek, Instant>> {
        let mut state = self.lock();
        if let Some(since) = state.missing.all.take() {
            return Some(Ok(Seek::All(since)));
        }
        if let Some(rev) = state.missing.own.take() {
            return Some(Ok(Seek::Own(state.own, rev)));
        }
        let State { missing, chains, .. } = &mut *state;
        missing.chats.retain(|chat, look| {
            let Some(chain) = chains.get(chat).filter(|chain| chain.has_hole()) else { return look.anyhow };
            if !look.anyhow && chain.known() > look.since {
                // That hole is closed; this is another, for which the same patience is due.
                *look = Look { since: chain.known(), at: Instant::now() + PATIENCE, anyhow: false };
            }
            true
        });
        let Some((chat, look)) = missing.chats.iter().min_by_key(|(_, look)| look.at).map(|(chat, look)| (*chat, *look)) else {
            missing.sought = false;
            missing.held = None;
            return None;
        };
        if look.at > Instant::now() {
            return Some(Err(look.at));
        }
        missing.chats.remove(&chat);
        Some(Ok(Seek::Chat(chat, look.since)))
    }

    /// Much waits already to be read.
    pub(crate) fn is_pressed(&self) -> bool {
        self.lock().connections.iter().any(|outbox| outbox.is_pressed())
    }

    /// Nobody is here any more, so nothing need be looked up.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().connections.is_empty()
    }

    /// It was looked up: these are the clocks of the chats that were read to their end.
    pub(crate) fn found(&self, clocks: &HashMap<ChatId, Tick>) {
        let mut state = self.lock();
        for (chat, clock) in clocks {
            if let Some(chain) = state.chains.get_mut(chat) {
                chain.catch_up(*clock);
            }
        }
    }

    pub(crate) fn found_own(&self, up_to: Tick) {
        let mut state = self.lock();
        state.own = state.own.max(up_to);
    }

    /// It could not be looked up.
    pub(crate) fn again(&self, seek: Seek, at: Instant) {
        let mut state = self.lock();
        match seek {
            Seek::All(since) => state.missing.all = Some(state.missing.all.map_or(since, |other| other.min(since))),
            Seek::Own(_, rev) => state.missing.own = state.missing.own.max(Some(rev)),
            Seek::Chat(chat, since) => state.missing.look(chat, Look { since, at, anyhow: true }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&self, frame: &Bytes) {
        self.connections.iter().for_each(|outbox| outbox.push(frame.clone()));
    }

    fn miss(&mut self, chat: ChatId, look: Look, horizon: Tick) {
        self.missing.look(chat, look);
        self.missing.held.get_or_insert(horizon);
    }

    fn must_be_sought(&mut self) -> bool {
        let any = self.missing.all.is_some() || self.missing.own.is_some() || !self.missing.chats.is_empty();
        any && !std::mem::replace(&mut self.missing.sought, true)
    }
}

impl Missing {
    fn look(&mut self, chat: ChatId, look: Look) {
        let entry = self.chats.entry(chat).or_insert(look);
        *entry = Look { since: entry.since.min(look.since), at: entry.at.min(look.at), anyhow: entry.anyhow || look.anyhow };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::outbox::Budget;

    const HORIZON: Tick = Tick(1);

    fn inbox() -> (Inbox, Arc<Outbox>) {
        let (inbox, outbox) = (Inbox::new(UserId::new()), Arc::new(Outbox::new("s".into(), Arc::new(Budget::new(1 << 30)))));
        inbox.opens(Tick(100_000_000_000));
        assert!(inbox.join(Arc::clone(&outbox), 1));
        (inbox, outbox)
    }

    fn changed(chat: ChatId, prev: i64, clock: i64) -> Envelope {
        Envelope::Changed { chat, prev: Tick(prev), clock: Tick(clock), event: "{}".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_missing_is_looked_up_when_it_did_not_come_in_time() {
        let (inbox, chat) = (inbox().0, ChatId::new());
        let at = 100_000_000_000;
        assert!(!inbox.take(changed(chat, at - 5, at + 1), HORIZON), "what was told before we listened is not missing");
        assert!(inbox.take(changed(chat, at + 2, at + 3), HORIZON));
        assert_eq!(inbox.cursor(Tick(9)), HORIZON, "the cursor waits");
        let Some(Err(until)) = inbox.seek() else { panic!("it may be on its way") };
        tokio::time::sleep_until(until).await;
        assert_eq!(inbox.seek(), Some(Ok(Seek::Chat(chat, Tick(at + 1)))));
        inbox.found(&HashMap::from([(chat, Tick(at + 3))]));
        assert_eq!(inbox.seek(), None);
        assert_eq!(inbox.cursor(Tick(9)), Tick(9));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_late_is_not_looked_up_and_another_hole_has_a_patience_of_its_own() {
        let (inbox, chat) = (inbox().0, ChatId::new());
        let at = 100_000_000_000;
        inbox.take(changed(chat, at + 1, at + 2), HORIZON);
        let Some(Err(until)) = inbox.seek() else { panic!("it may be on its way") };
        inbox.take(changed(chat, at, at + 1), HORIZON);
        inbox.take(changed(chat, at + 3, at + 4), HORIZON);
        tokio::time::sleep_until(until).await;
        let Some(Err(later)) = inbox.seek() else { panic!("the second may be on its way too") };
        assert!(later > until);
        inbox.take(changed(chat, at + 2, at + 3), HORIZON);
        assert_eq!(inbox.seek(), None, "all of it came");
    }

    #[tokio::test]
    async fn what_is_saved_and_was_not_told_is_looked_up() {
        let (inbox, chat) = (inbox().0, ChatId::new());
        let at = 100_000_000_000;
        let saved = |told, from| Envelope::Saved { chat, saved: Tick(told), told: Tick(told), from: Tick(from) };
        assert!(!inbox.take(saved(at - 1, at - 3), HORIZON), "that was told before we listened");
        assert!(inbox.take(saved(at + 5, at + 5), HORIZON));
        // What was saved so late may have been told to nobody, and those who came since have gone on from later.
        let late = at - 60_000_000;
        inbox.take(saved(at - 1, late), HORIZON);
        assert_eq!(inbox.seek(), Some(Ok(Seek::Chat(chat, Tick(late - 1)))));
    }
}
