//! What the sessions that a server serves owe to the budgets of their accounts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use store::Meter;
use tokio::time::Instant;

/// The units that are worth a write to Redis: until then a session owes them.
pub(crate) const WORTH: u32 = 64;
/// The sessions that are remembered: beyond, those that owe little are forgotten.
const MOST: usize = 20_000;

/// The debts of the sessions that this server has served of late, by the hash of the token.
#[derive(Default)]
pub(crate) struct Debts(Mutex<HashMap<String, Debt>>);

/// The debt of a session.
#[derive(Clone, Default)]
pub(crate) struct Debt {
    pub(crate) meter: Meter,
    /// The time until which nothing is left of the account's budget.
    refused_until: Arc<Mutex<Option<Instant>>>,
}

impl Debt {
    /// Refuses the session for a while.
    pub(crate) fn refuse(&self, wait: Duration) {
        *self.until() = Some(Instant::now() + wait);
    }

    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.refused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the seconds for which the session is refused.
    pub(crate) fn seconds(&self) -> Option<u32> {
        let mut until = self.until();
        let left = until.as_ref()?.saturating_duration_since(Instant::now());
        if left.is_zero() {
            *until = None;
            return None;
        }
        u32::try_from(left.as_secs() + 1).ok()
    }

    fn is_small(&self) -> bool {
        self.meter.units() < WORTH && self.until().is_none()
    }
}

impl Debts {
    /// Returns the debt of a session, if it has run up one.
    pub(crate) fn find(&self, hash: &str) -> Option<Debt> {
        self.lock().get(hash).cloned()
    }

    /// Returns the debt of a session that is good.
    pub(crate) fn enter(&self, hash: &str) -> Debt {
        let mut debts = self.lock();
        if let Some(debt) = debts.get(hash) {
            return debt.clone();
        }
        if debts.len() >= MOST {
            debts.retain(|_, debt| !debt.is_small());
        }
        if debts.len() >= MOST {
            debts.clear(); // Those who go on asking run up new ones.
        }
        debts.entry(hash.to_owned()).or_default().clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Debt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_session_that_is_refused_waits_and_is_let_in_again() {
        let debts = Debts::default();
        let debt = debts.enter("a");
        assert_eq!(debt.seconds(), None);
        debt.refuse(Duration::from_millis(1500));
        assert_eq!(debts.find("a").and_then(|debt| debt.seconds()), Some(2));
        assert!(debts.find("b").is_none(), "others do not wait");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(debt.seconds(), None);
    }

    #[test]
    fn sessions_that_owe_little_are_forgotten() {
        let debts = Debts::default();
        debts.enter("debtor").meter.add(WORTH);
        for at in 0..MOST + 10 {
            debts.enter(&at.to_string()).meter.add(1);
        }
        assert!(debts.lock().len() <= MOST);
        assert_eq!(debts.enter("debtor").meter.units(), WORTH);
    }
}
