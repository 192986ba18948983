//! Bounds on the turns of receivers: so many at once, of one receiver and of all. One that is
//! slow or away is told of one chat at a time, and does not hold up the others.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use model::WebhookId;

use super::turn::Manner;

/// The most turns at once.
const AT_ONCE: usize = 64;
/// The most turns of one webhook at once.
const OF_ONE: usize = 8;
/// The longest pause after failures in a row, of different chats.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The turns under way.
#[derive(Default)]
pub(super) struct Room {
    taken: usize,
    webhooks: HashMap<WebhookId, OfWebhook>,
}

#[derive(Default)]
struct OfWebhook {
    taken: usize,
    is_slow: bool,
    failures: u32,
    paused_until: Option<Instant>,
}

impl Room {
    /// Returns how many more turns a webhook may have now.
    pub(super) fn of(&self, id: WebhookId) -> usize {
        let all = AT_ONCE - self.taken;
        let Some(one) = self.webhooks.get(&id) else {
            return all.min(OF_ONE);
        };
        if one.paused_until.is_some_and(|until| Instant::now() < until) {
            return 0;
        }
        let most = match one.is_slow || one.failures > 0 {
            true => 1,
            false => OF_ONE,
        };
        all.min(most.saturating_sub(one.taken))
    }

    /// Notes that a turn begins.
    pub(super) fn take(&mut self, id: WebhookId) {
        self.taken += 1;
        self.webhooks.entry(id).or_default().taken += 1;
    }

    /// Notes that a turn is over, and how the receiver did.
    pub(super) fn give_back(&mut self, id: WebhookId, manner: Manner) {
        self.taken = self.taken.saturating_sub(1);
        let one = self.webhooks.entry(id).or_default();
        one.taken = one.taken.saturating_sub(1);
        match manner {
            Manner::Unknown => {}
            Manner::Well | Manner::Slow => {
                one.is_slow = manner == Manner::Slow;
                one.failures = 0;
                one.paused_until = None;
            }
            Manner::Failed => {
                let pause = Duration::from_secs(1 << one.failures.min(6)).min(LONGEST_PAUSE);
                one.failures = one.failures.saturating_add(1);
                one.paused_until = Some(Instant::now() + pause);
            }
        }
    }

    /// Forgets how a receiver did, since an operator has it tried again.
    pub(super) fn forget(&mut self, id: WebhookId) {
        if let Some(one) = self.webhooks.get_mut(&id) {
            one.failures = 0;
            one.paused_until = None;
        }
    }

    /// Keeps what is known of these webhooks, and of those whose turns are under way.
    pub(super) fn retain(&mut self, is_kept: impl Fn(WebhookId) -> bool) {
        self.webhooks
            .retain(|id, one| one.taken > 0 || is_kept(*id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_receiver_has_some_turns_and_all_have_so_many() {
        let (mut room, one) = (Room::default(), WebhookId::new());
        for _ in 0..OF_ONE {
            assert!(room.of(one) > 0);
            room.take(one);
        }
        assert_eq!(room.of(one), 0);
        for _ in OF_ONE..AT_ONCE {
            let other = WebhookId::new();
            assert!(room.of(other) > 0);
            room.take(other);
        }
        assert_eq!(room.of(WebhookId::new()), 0);
        room.give_back(one, Manner::Well);
        assert_eq!((room.of(one), room.of(WebhookId::new())), (1, 1));
    }

    #[test]
    fn a_receiver_that_is_slow_or_away_is_told_of_one_chat_at_a_time() {
        let (mut room, one) = (Room::default(), WebhookId::new());
        let turn = |room: &mut Room, manner| {
            room.take(one);
            room.give_back(one, manner);
            room.of(one)
        };
        assert_eq!(turn(&mut room, Manner::Well), OF_ONE);
        assert_eq!(turn(&mut room, Manner::Slow), 1);
        assert_eq!(turn(&mut room, Manner::Failed), 0, "it pauses");
        room.forget(one);
        assert_eq!(turn(&mut room, Manner::Slow), 1);
        assert_eq!(turn(&mut room, Manner::Well), OF_ONE);
        room.retain(|_| false);
        assert!(room.webhooks.is_empty());
    }
}
