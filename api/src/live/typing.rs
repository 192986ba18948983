//! The chat in which a user is typing, on one connection or over REST.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::{ChatId, UserId};
use tokio::time::Instant;

/// The time for which a user counts as typing without repeating it.
const TYPING: Duration = Duration::from_secs(6);
/// The shortest time between two notifications that the user goes on typing.
const REPEAT: Duration = Duration::from_secs(2);
/// The notifications that may follow each other at once, as when a user changes between chats.
const BURST: u32 = 6;
/// The time after which one more notification may follow.
const INTERVAL: Duration = Duration::from_secs(1);

/// Returns what members are told of how long a typing holds, in milliseconds.
pub(super) fn expires_ms(on: bool) -> u32 {
    if on { TYPING.as_millis() as u32 } else { 0 }
}

/// The typing of a user, on one connection or over REST. Clones share it.
#[derive(Clone, Default)]
pub(super) struct TypingState(Arc<Mutex<Typing>>);

#[derive(Default)]
struct Typing {
    /// The chat in which the user types, and until when unless they repeat it.
    now: Option<(ChatId, Instant)>,
    /// The time at which the members of that chat were last notified; `None` when they were not.
    notified: Option<Instant>,
    /// The time from which [`BURST`] notifications may follow each other again.
    paid: Option<Instant>,
}

impl Typing {
    /// Counts one more notification; false when there were too many lately (GCRA).
    fn pay(&mut self, now: Instant) -> bool {
        let paid = self.paid.map_or(now, |paid| paid.max(now));
        let may = paid < now + INTERVAL * BURST;
        self.paid = Some(if may { paid + INTERVAL } else { paid });
        may
    }
}

impl TypingState {
    /// Takes note that the user types in a chat. Returns true when its members are to be notified:
    /// not when they were a moment ago, nor when there were too many notifications lately, whatever
    /// the chats.
    pub(super) fn start(&self, chat: ChatId, now: Instant) -> bool {
        let mut typing = self.lock();
        if typing.now.is_none_or(|(before, _)| before != chat) {
            typing.notified = None;
        }
        typing.now = Some((chat, now + TYPING));
        let notify = typing.notified.is_none_or(|at| at + REPEAT <= now) && typing.pay(now);
        if notify {
            typing.notified = Some(now);
        }
        notify
    }

    /// Takes note that the user has stopped in a chat, or in any. Returns the chat if its members
    /// are to be notified: only when they were of the typing. It ends by itself too.
    pub(super) fn stop(&self, chat: Option<ChatId>, now: Instant) -> Option<ChatId> {
        let mut typing = self.lock();
        let (here, _) = typing
            .now
            .take_if(|(here, _)| chat.is_none_or(|chat| chat == *here))?;
        let was_notified = typing.notified.take().is_some();
        (was_notified && typing.pay(now)).then_some(here)
    }

    /// Forgets the present typing, of which nobody could be notified.
    pub(super) fn forget(&self) {
        self.lock().now = None;
    }

    /// Takes note that the user types in a chat, or has stopped there. Returns true when the others
    /// are to be notified.
    pub(super) fn change(&self, chat: ChatId, on: bool, now: Instant) -> bool {
        match on {
            true => self.start(chat, now),
            false => self.stop(Some(chat), now).is_some(),
        }
    }

    /// Returns true when the members of a chat know that the user is typing there.
    pub(super) fn is_told_in(&self, chat: ChatId) -> bool {
        let typing = self.lock();
        typing.now.is_some_and(|(now, _)| now == chat) && typing.notified.is_some()
    }

    /// Returns the time from which on nothing of the state counts any more; `None` when that is
    /// over.
    pub(super) fn busy_until(&self, now: Instant) -> Option<Instant> {
        let typing = self.lock();
        let typed = typing.now.map(|(_, until)| until);
        typed.max(typing.paid).filter(|until| *until > now)
    }

    /// Takes note that the user has stopped if they have not repeated it for too long. Returns the
    /// chat if its members are to be notified.
    pub(super) fn stop_if_over(&self, now: Instant) -> Option<ChatId> {
        let is_over = self.lock().now.is_some_and(|(_, until)| until <= now);
        is_over.then(|| self.stop(None, now)).flatten()
    }

    /// Waits until the user has not repeated it for too long; for ever when they are not typing.
    pub(super) async fn ends(&self) {
        let typing = self.lock().now;
        match typing {
            Some((_, until)) => tokio::time::sleep_until(until).await,
            None => std::future::pending().await,
        }
    }

    /// Returns true when no other clone is left.
    pub(super) fn is_last(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    fn lock(&self) -> MutexGuard<'_, Typing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The users who type over REST, while their typing or their limit counts: a minute's worth of them
/// at the most, since a state is forgotten when it is over.
#[derive(Default)]
pub(super) struct Typists(Mutex<HashMap<UserId, TypingState>>);

impl Typists {
    /// Returns the typing of a user, and true when it is new: then somebody has to see to its end.
    pub(super) fn enter(&self, user: UserId) -> (TypingState, bool) {
        let mut typists = self.lock();
        let is_new = !typists.contains_key(&user);
        (typists.entry(user).or_default().clone(), is_new)
    }

    /// Forgets the typing of a user, if nothing of it counts and nobody else is about to change it;
    /// returns true when it is forgotten.
    pub(super) fn leave(&self, user: UserId, typing: &TypingState, now: Instant) -> bool {
        let mut typists = self.lock();
        // One is in the map, and one is the caller's.
        let is_over = typing.busy_until(now).is_none() && Arc::strong_count(&typing.0) == 2;
        if is_over {
            typists.remove(&user);
        }
        is_over
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, TypingState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn members_are_notified_again_only_after_a_while() {
        let (typing, chat, start) = (TypingState::default(), ChatId::new(), Instant::now());
        assert!(typing.start(chat, start), "nobody was notified yet");
        assert!(!typing.start(chat, start + REPEAT / 2));
        typing.ends().await;
        assert_eq!(Instant::now(), start + REPEAT / 2 + TYPING);
        assert_eq!(typing.stop(None, Instant::now()), Some(chat));
        assert_eq!(typing.stop(None, Instant::now()), None);
        assert!(typing.start(chat, Instant::now()), "it begins anew");
    }

    #[test]
    fn the_typing_of_a_user_over_rest_is_forgotten_when_nothing_of_it_counts() {
        let (typists, user, chat) = (Typists::default(), UserId::new(), ChatId::new());
        let start = Instant::now();
        let (typing, is_new) = typists.enter(user);
        assert!(is_new && typing.change(chat, true, start));
        assert!(typing.is_told_in(chat) && !typing.is_told_in(ChatId::new()));
        assert!(!typists.leave(user, &typing, start), "it is typed");
        assert_eq!(typing.stop_if_over(start), None);
        let over = start + TYPING;
        assert_eq!(typing.stop_if_over(over), Some(chat));
        assert!(!typing.is_told_in(chat), "they were told of its end");
        assert!(!typists.leave(user, &typing, over), "the stop counts");
        let (other, is_new) = typists.enter(user);
        let rest = over + INTERVAL * BURST;
        assert!(!is_new && !typists.leave(user, &typing, rest), "in use");
        drop(other);
        assert!(typists.leave(user, &typing, rest));
        assert!(typists.enter(user).1, "it begins anew");
    }

    #[test]
    fn neither_turns_nor_stops_get_around_the_limit() {
        let start = Instant::now();
        let [one, other] = [ChatId::new(), ChatId::new()];
        let most = BURST as usize;

        let typing = TypingState::default();
        let notified = (0..50).filter(|at| typing.start([one, other][at % 2], start));
        assert_eq!(notified.count(), most, "in turns");
        let notified = (0..50).filter(|at| typing.start([one, other][at % 2], start + INTERVAL));
        assert_eq!(notified.count(), 1, "one more each second");

        let (typing, mut notified) = (TypingState::default(), 0);
        for _ in 0..50 {
            notified += usize::from(typing.start(one, start));
            assert_eq!(typing.stop(Some(other), start), None, "not typed in");
            notified += usize::from(typing.stop(Some(one), start).is_some());
        }
        assert_eq!(notified, most, "starts and stops");
        assert!(typing.start(one, start + INTERVAL * BURST), "after a rest");
    }
}
