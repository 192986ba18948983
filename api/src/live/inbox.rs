//! The inbox of a user whom this API serves, for all their connections.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use model::{ChatId, Tick, UserId};
use store::Notification;
use tokio::time::Instant;

use super::{
    gap_detector::GapDetector,
    send_queue::{EndReason, SendQueue},
};

/// The time that a change which has not arrived may still be under way, before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(1);
/// A change that was saved so much later than it happened may belong to a member who was not
/// notified of it, and whose cursor has passed it since.
const LATE: Duration = Duration::from_secs(50);

/// A user whom this API serves: their connections, and which changes are missing.
pub(crate) struct Inbox {
    pub(crate) user: UserId,
    /// True when the user's channel in Redis is subscribed to. Locked while that changes.
    pub(crate) gate: tokio::sync::Mutex<bool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connections: Vec<Arc<SendQueue>>,
    /// The time at which the inbox was opened; every later notification arrives here.
    opened_at: Tick,
    /// The notified changes of each chat that arrived since.
    chats: HashMap<ChatId, GapDetector>,
    /// The tick up to which the user's private rows were sent.
    private_to: Tick,
    missing: Missing,
}

/// The changes that have to be looked up.
#[derive(Default)]
struct Missing {
    /// Changes of these chats.
    chats: HashMap<ChatId, ChatLookup>,
    /// Private rows up to this revision.
    private_rows: Option<Tick>,
    /// Changes of any kind since this tick.
    all: Option<Tick>,
    /// True while a backfill runs.
    running: bool,
    /// The watermark at the time when the first of these was found missing; the user's cursors
    /// stay there until nothing is missing.
    held_at: Option<Tick>,
}

/// A look-up of a chat that is due.
#[derive(Clone, Copy)]
struct ChatLookup {
    /// Changes after this tick are looked up.
    since: Tick,
    /// The time to do it; until then the missing change may still arrive.
    at: Instant,
    /// True when it is to be done even without a gap, because no frame would come to close one.
    unconditional: bool,
}

/// The changes to look up next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Every change since a tick.
    All(Tick),
    /// The user's private rows since a tick; they are known up to `up_to` then.
    PrivateRows { since: Tick, up_to: Tick },
    /// The changes of a chat since a tick.
    Chat(ChatId, Tick),
}

/// The next step of a backfill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A look-up to do now.
    LookUp(Lookup),
    /// A wait until the next look-up is due.
    WaitUntil(Instant),
}

impl Inbox {
    /// Returns an inbox that is not open yet and has no connections.
    pub(crate) fn new(user: UserId) -> Self {
        Self {
            user,
            gate: tokio::sync::Mutex::new(false),
            state: Mutex::default(),
        }
    }

    /// Forgets what arrived before the channel was subscribed to, at `now`.
    pub(crate) fn reset(&self, now: Tick) {
        let mut state = self.lock();
        *state = State {
            opened_at: now,
            private_to: now,
            connections: std::mem::take(&mut state.connections),
            ..State::default()
        };
    }

    /// Adds a connection, and returns true; false when the user has `most` already.
    pub(crate) fn join(&self, queue: Arc<SendQueue>, most: usize) -> bool {
        let mut state = self.lock();
        let has_room = state.connections.len() < most;
        if has_room {
            state.connections.push(queue);
        }
        has_room
    }

    /// Removes a connection, and returns true when it was the last.
    pub(crate) fn leave(&self, queue: &Arc<SendQueue>) -> bool {
        let mut state = self.lock();
        state.connections.retain(|other| !Arc::ptr_eq(other, queue));
        state.connections.is_empty()
    }

    /// Ends all connections, each with a reason of its own.
    pub(crate) fn end_all(&self, reason: impl Fn() -> EndReason) {
        for queue in &self.lock().connections {
            queue.end(reason());
        }
    }

    /// Sends a frame to all connections.
    pub(crate) fn push(&self, frame: &Bytes) {
        self.lock().push(frame);
    }

    /// Returns the tick up to which everything was sent to this user, given that everything was
    /// sent to all users up to `watermark`.
    pub(crate) fn cursor(&self, watermark: Tick) -> Tick {
        self.lock()
            .missing
            .held_at
            .map_or(watermark, |held| held.min(watermark))
    }

    /// Takes a notification that arrived. Returns true when changes must be looked up and no
    /// backfill runs yet.
    pub(crate) fn receive(&self, notification: Notification, watermark: Tick) -> bool {
        let mut state = self.lock();
        let State {
            opened_at,
            private_to,
            ..
        } = *state;
        match notification {
            Notification::Changed {
                chat,
                prev,
                clock,
                event,
            } => {
                let detector = state.detector(chat);
                // A member who joined just now need not have been notified of what was before.
                let before = detector.complete_to();
                detector.observe(prev, clock);
                let gap = detector.has_gap();
                if event.is_empty() {
                    state.look_up(chat, ChatLookup::at_once(before.min(prev)), watermark);
                } else {
                    state.push(&event);
                    if gap {
                        state.look_up(chat, ChatLookup::of_gap(before), watermark);
                    }
                }
            }
            Notification::Saved {
                chat,
                saved,
                notified,
                from,
            } => {
                // Formatted by hand: these frames are many, and come together.
                state.push(
                    &format!(r#"{{"type":"chat.saved","chat_id":"{chat}","clock":{saved}}}"#)
                        .into(),
                );
                let detector = state.detector(chat);
                let before = detector.complete_to();
                detector.observe(notified, notified);
                let gap = detector.has_gap();
                if from < opened_at.earlier(LATE) {
                    state.look_up(chat, ChatLookup::at_once(Tick(from.0 - 1)), watermark);
                } else if gap {
                    state.look_up(chat, ChatLookup::of_gap(before), watermark);
                }
            }
            Notification::PrivateChanged { rev, from } => {
                if from < opened_at.earlier(LATE) {
                    state.private_to = private_to.min(Tick(from.0 - 1));
                }
                if rev > state.private_to {
                    state.missing.private_rows = state.missing.private_rows.max(Some(rev));
                    state.missing.held_at.get_or_insert(watermark);
                }
            }
            Notification::SessionEnded { session } => {
                let ended = state
                    .connections
                    .iter()
                    .filter(|queue| session.is_empty() || queue.session == session);
                ended.for_each(|queue| queue.end(EndReason::Revoked));
            }
            Notification::Event(event) => state.push(&event),
        }
        state.must_start_backfill()
    }

    /// Takes note that any change since a tick may have been missed. Returns true when no backfill
    /// runs yet.
    pub(crate) fn mark_lost(&self, since: Tick, watermark: Tick) -> bool {
        let mut state = self.lock();
        state.missing.add_all(since);
        state.missing.held_at.get_or_insert(watermark.min(since));
        state.must_start_backfill()
    }

    /// Returns what a backfill does next. `None`: nothing is missing any more, and the backfill
    /// counts as ended.
    pub(crate) fn next_step(&self) -> Option<Step> {
        let mut state = self.lock();
        if let Some(since) = state.missing.all.take() {
            return Some(Step::LookUp(Lookup::All(since)));
        }
        if let Some(up_to) = state.missing.private_rows.take() {
            let since = state.private_to;
            return Some(Step::LookUp(Lookup::PrivateRows { since, up_to }));
        }
        let State { missing, chats, .. } = &mut *state;
        missing.chats.retain(|chat, lookup| {
            let Some(detector) = chats.get(chat).filter(|detector| detector.has_gap()) else {
                return lookup.unconditional;
            };
            if !lookup.unconditional && detector.complete_to() > lookup.since {
                // That gap is closed; the present one is another, and has a patience of its own.
                *lookup = ChatLookup::of_gap(detector.complete_to());
            }
            true
        });
        let Some((chat, lookup)) = missing
            .chats
            .iter()
            .min_by_key(|(_, lookup)| lookup.at)
            .map(|(chat, lookup)| (*chat, *lookup))
        else {
            missing.running = false;
            missing.held_at = None;
            return None;
        };
        if lookup.at > Instant::now() {
            return Some(Step::WaitUntil(lookup.at));
        }
        missing.chats.remove(&chat);
        Some(Step::LookUp(Lookup::Chat(chat, lookup.since)))
    }

    /// Gives up a look-up that SQL does not answer: each connection catches up once it does.
    pub(crate) fn give_up(&self, lookup: Lookup) {
        let mut state = self.lock();
        let since = match lookup {
            Lookup::All(since) => since,
            Lookup::PrivateRows { since, up_to } => {
                state.private_to = state.private_to.max(up_to);
                since
            }
            Lookup::Chat(chat, since) => {
                state.chats.entry(chat).and_modify(GapDetector::give_up);
                since
            }
        };
        state.connections.iter().for_each(|queue| queue.miss(since));
    }

    /// Returns true when much waits to be read on any of the connections.
    pub(crate) fn is_backed_up(&self) -> bool {
        self.lock()
            .connections
            .iter()
            .any(|queue| queue.is_backed_up())
    }

    /// Returns true when no connection is left, so that nothing need be looked up.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().connections.is_empty()
    }

    /// Takes note of the clocks of the chats that were looked up to their end.
    pub(crate) fn chats_found(&self, clocks: &HashMap<ChatId, Tick>) {
        let mut state = self.lock();
        for (chat, clock) in clocks {
            if let Some(detector) = state.chats.get_mut(chat) {
                detector.catch_up(*clock);
            }
        }
    }

    /// Takes note that private rows were looked up to a tick.
    pub(crate) fn private_rows_found(&self, up_to: Tick) {
        let mut state = self.lock();
        state.private_to = state.private_to.max(up_to);
    }

    /// Puts a look-up that failed back, to be done at a time.
    pub(crate) fn retry(&self, lookup: Lookup, at: Instant) {
        let mut state = self.lock();
        match lookup {
            Lookup::All(since) => state.missing.add_all(since),
            Lookup::PrivateRows { up_to, .. } => {
                state.missing.private_rows = state.missing.private_rows.max(Some(up_to));
            }
            Lookup::Chat(chat, since) => state.missing.add_chat(
                chat,
                ChatLookup {
                    since,
                    at,
                    unconditional: true,
                },
            ),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&self, frame: &Bytes) {
        self.connections
            .iter()
            .for_each(|queue| queue.push(frame.clone()));
    }

    fn detector(&mut self, chat: ChatId) -> &mut GapDetector {
        let opened_at = self.opened_at;
        self.chats
            .entry(chat)
            .or_insert_with(|| GapDetector::new(opened_at))
    }

    fn look_up(&mut self, chat: ChatId, lookup: ChatLookup, watermark: Tick) {
        self.missing.add_chat(chat, lookup);
        self.missing.held_at.get_or_insert(watermark);
    }

    /// Returns true, once, when changes are missing; the caller starts a backfill then.
    fn must_start_backfill(&mut self) -> bool {
        let any = self.missing.all.is_some()
            || self.missing.private_rows.is_some()
            || !self.missing.chats.is_empty();
        any && !std::mem::replace(&mut self.missing.running, true)
    }
}

impl ChatLookup {
    /// A look-up of changes that will not arrive by themselves.
    fn at_once(since: Tick) -> Self {
        Self {
            since,
            at: Instant::now(),
            unconditional: true,
        }
    }

    /// A look-up of changes that may still arrive by themselves.
    fn of_gap(since: Tick) -> Self {
        Self {
            since,
            at: Instant::now() + PATIENCE,
            unconditional: false,
        }
    }
}

impl Missing {
    fn add_all(&mut self, since: Tick) {
        self.all = Some(self.all.map_or(since, |other| other.min(since)));
    }

    fn add_chat(&mut self, chat: ChatId, lookup: ChatLookup) {
        let entry = self.chats.entry(chat).or_insert(lookup);
        *entry = ChatLookup {
            since: entry.since.min(lookup.since),
            at: entry.at.min(lookup.at),
            unconditional: entry.unconditional || lookup.unconditional,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::send_queue::Budget;

    const WATERMARK: Tick = Tick(1);
    const OPENED_AT: i64 = 100_000_000_000;

    fn inbox() -> (Inbox, Arc<SendQueue>) {
        let (inbox, queue) = (
            Inbox::new(UserId::new()),
            Arc::new(SendQueue::new("s".into(), Arc::new(Budget::new(1 << 30)))),
        );
        inbox.reset(Tick(OPENED_AT));
        assert!(inbox.join(Arc::clone(&queue), 1));
        (inbox, queue)
    }

    fn changed(chat: ChatId, prev: i64, clock: i64) -> Notification {
        Notification::Changed {
            chat,
            prev: Tick(prev),
            clock: Tick(clock),
            event: "{}".into(),
        }
    }

    fn chat_lookup(chat: ChatId, since: i64) -> Option<Step> {
        Some(Step::LookUp(Lookup::Chat(chat, Tick(since))))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_missing_is_looked_up_when_it_did_not_come_in_time() {
        let (inbox, chat) = (inbox().0, ChatId::new());
        let at = OPENED_AT;
        assert!(
            !inbox.receive(changed(chat, at - 5, at + 1), WATERMARK),
            "what was notified before we listened is not missing"
        );
        assert!(inbox.receive(changed(chat, at + 2, at + 3), WATERMARK));
        assert_eq!(inbox.cursor(Tick(9)), WATERMARK, "the cursor waits");
        let Some(Step::WaitUntil(until)) = inbox.next_step() else {
            panic!("it may be on its way")
        };
        tokio::time::sleep_until(until).await;
        assert_eq!(inbox.next_step(), chat_lookup(chat, at + 1));
        inbox.chats_found(&HashMap::from([(chat, Tick(at + 3))]));
        assert_eq!(inbox.next_step(), None);
        assert_eq!(inbox.cursor(Tick(9)), Tick(9));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_late_is_not_looked_up_and_another_gap_has_a_patience_of_its_own() {
        let (inbox, chat) = (inbox().0, ChatId::new());
        let at = OPENED_AT;
        inbox.receive(changed(chat, at + 1, at + 2), WATERMARK);
        let Some(Step::WaitUntil(until)) = inbox.next_step() else {
            panic!("it may be on its way")
        };
        inbox.receive(changed(chat, at, at + 1), WATERMARK);
        inbox.receive(changed(chat, at + 3, at + 4), WATERMARK);
        tokio::time::sleep_until(until).await;
        let Some(Step::WaitUntil(later)) = inbox.next_step() else {
            panic!("the second may be on its way too")
        };
        assert!(later > until);
        inbox.receive(changed(chat, at + 2, at + 3), WATERMARK);
        assert_eq!(inbox.next_step(), None, "all of it came");
    }

    #[tokio::test]
    async fn what_is_saved_and_was_not_notified_is_looked_up() {
        let (inbox, chat) = (inbox().0, ChatId::new());
        let at = OPENED_AT;
        let saved = |notified, from| Notification::Saved {
            chat,
            saved: Tick(notified),
            notified: Tick(notified),
            from: Tick(from),
        };
        assert!(
            !inbox.receive(saved(at - 1, at - 3), WATERMARK),
            "that was notified before we listened"
        );
        assert!(inbox.receive(saved(at + 5, at + 5), WATERMARK));
        // A change that was saved so late may have been notified to no member, and those who came
        // since have gone on from later.
        let late = at - 60_000_000;
        inbox.receive(saved(at - 1, late), WATERMARK);
        assert_eq!(inbox.next_step(), chat_lookup(chat, late - 1));
    }

    #[tokio::test]
    async fn a_change_without_an_event_is_looked_up_at_once_and_again_when_that_failed() {
        let (inbox, chat) = (inbox().0, ChatId::new());
        let at = OPENED_AT;
        let without_event = Notification::Changed {
            chat,
            prev: Tick(at),
            clock: Tick(at + 1),
            event: Bytes::new(),
        };
        assert!(inbox.receive(without_event, WATERMARK));
        let lookup = chat_lookup(chat, at);
        assert_eq!(inbox.next_step(), lookup);
        inbox.retry(Lookup::Chat(chat, Tick(at)), Instant::now());
        assert_eq!(inbox.next_step(), lookup);
        assert_eq!(inbox.cursor(Tick(9)), WATERMARK, "the cursor waits");
        assert_eq!(inbox.next_step(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_sql_does_not_answer_is_missing_on_each_connection_and_asked_no_more() {
        let ((inbox, queue), chat, at) = (inbox(), ChatId::new(), OPENED_AT);
        assert!(inbox.receive(changed(chat, at + 2, at + 3), WATERMARK));
        let Some(Step::WaitUntil(until)) = inbox.next_step() else {
            panic!("it may be on its way")
        };
        tokio::time::sleep_until(until).await;
        let Some(Step::LookUp(lookup)) = inbox.next_step() else {
            panic!("it did not come")
        };
        inbox.give_up(lookup);
        assert_eq!(inbox.next_step(), None);
        assert_eq!(queue.missing_since(), Some(Tick(at)));
        assert!(!inbox.receive(changed(chat, at + 3, at + 4), WATERMARK));

        assert_eq!(queue.begin_to_catch_up(), Some(Tick(at)));
        assert_eq!(queue.begin_to_catch_up(), None, "it is being looked up");
        queue.end_catching_up(Tick(at), false);
        assert_eq!(queue.begin_to_catch_up(), Some(Tick(at)));
        inbox.give_up(Lookup::All(Tick(at - 1)));
        queue.end_catching_up(Tick(at), true);
        assert_eq!(
            queue.begin_to_catch_up(),
            Some(Tick(at - 1)),
            "more is missing by now"
        );
        queue.end_catching_up(Tick(at - 1), true);
        assert_eq!(queue.missing_since(), None);
    }

    #[tokio::test]
    async fn private_rows_are_looked_up_once_and_only_what_is_newer() {
        let (inbox, at) = (inbox().0, OPENED_AT);
        let private = |rev: i64, from: i64| Notification::PrivateChanged {
            rev: Tick(rev),
            from: Tick(from),
        };
        assert!(inbox.receive(private(at + 2, at + 2), WATERMARK));
        assert!(
            !inbox.receive(private(at + 5, at + 5), WATERMARK),
            "a backfill runs already"
        );
        let (since, up_to) = (Tick(at), Tick(at + 5));
        assert_eq!(
            inbox.next_step(),
            Some(Step::LookUp(Lookup::PrivateRows { since, up_to }))
        );
        inbox.private_rows_found(up_to);
        assert_eq!(inbox.next_step(), None);
        assert!(!inbox.receive(private(at + 4, at + 4), WATERMARK), "known");
    }

    #[tokio::test]
    async fn after_a_loss_the_cursor_waits_at_the_earliest_tick_that_may_be_missing() {
        let inbox = inbox().0;
        assert!(inbox.mark_lost(Tick(7), Tick(9)));
        assert!(
            !inbox.mark_lost(Tick(5), Tick(9)),
            "a backfill runs already"
        );
        assert_eq!(inbox.cursor(Tick(20)), Tick(7));
        let everything = Some(Step::LookUp(Lookup::All(Tick(5))));
        assert_eq!(inbox.next_step(), everything);
        assert_eq!(inbox.cursor(Tick(20)), Tick(7));
        assert_eq!(inbox.next_step(), None);
        assert_eq!(inbox.cursor(Tick(20)), Tick(20));
    }
}
