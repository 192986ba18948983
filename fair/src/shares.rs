//! Shares of what is counted: connections, bytes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The amounts that are held now, bounded for each who holds some and for all together.
pub struct Shares {
    each: usize,
    all: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    of: HashMap<String, usize>,
    sum: usize,
}

impl Shares {
    /// Returns shares of at most `each` for one, and of at most `all` together.
    pub fn new(each: usize, all: usize) -> Arc<Self> {
        Arc::new(Self {
            each,
            all,
            held: Mutex::default(),
        })
    }

    /// Takes an amount until the [`Share`] is dropped; `None` when it would be too much.
    pub fn take(self: &Arc<Self>, who: &str, amount: usize) -> Option<Share> {
        let mut held = self.lock();
        let has = held.of.get(who).copied().unwrap_or_default();
        if has.saturating_add(amount) > self.each || held.sum.saturating_add(amount) > self.all {
            return None;
        }
        held.of.insert(who.to_owned(), has + amount);
        held.sum += amount;
        Some(Share {
            shares: Arc::clone(self),
            who: who.to_owned(),
            amount,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An amount that is held until this is dropped.
pub struct Share {
    shares: Arc<Shares>,
    who: String,
    amount: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.lock();
        held.sum -= self.amount;
        let left = held.of.get_mut(&self.who).map(|has| {
            *has -= self.amount;
            *has
        });
        // What is held by nobody takes no memory.
        if left == Some(0) {
            held.of.remove(&self.who);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_bound_and_so_have_all() {
        let shares = Shares::new(2, 3);
        let first = shares.take("ann", 1).expect("her first");
        let second = shares.take("ann", 1).expect("her second");
        assert!(shares.take("ann", 1).is_none(), "no third for one");
        let other = shares.take("bob", 1).expect("he has none yet");
        assert!(shares.take("bob", 1).is_none(), "no fourth for all");
        drop(first);
        assert!(shares.take("bob", 2).is_none(), "two are one too many");
        let again = shares.take("bob", 1).expect("one is free");
        drop((second, other, again));
        let held = shares.lock();
        assert_eq!((held.sum, held.of.len()), (0, 0), "nothing is left behind");
    }
}
