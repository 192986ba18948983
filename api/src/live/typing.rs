//! The chat in which the user of a connection is typing.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::ChatId;
use tokio::time::Instant;

/// The time for which a user counts as typing without repeating it.
pub(super) const TYPING: Duration = Duration::from_secs(6);
/// The shortest time between two notifications that the user goes on typing.
const REPEAT: Duration = Duration::from_secs(2);
/// The notifications that may follow each other at once, as when a user changes between chats.
const BURST: u32 = 6;
/// The time after which one more notification may follow.
const INTERVAL: Duration = Duration::from_secs(1);

/// The typing of one connection's user. Clones share it.
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
