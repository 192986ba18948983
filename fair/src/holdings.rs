//! Amounts that grow while they are held, and that whoever holds most gives up when all is taken.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// Amounts that are held now, bounded for each who holds something and for all together.
pub struct Holdings {
    each: usize,
    all: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    of: HashMap<String, Holder>,
    sum: usize,
    /// The number of the next holding.
    next: u64,
}

/// The holdings of one account or address.
#[derive(Default)]
struct Holder {
    sum: usize,
    /// The part of the sum that may be taken away.
    loose: usize,
    items: HashMap<u64, Item>,
}

struct Item {
    amount: usize,
    /// Notified when the holding is taken away; `None` when it no longer may be.
    notice: Option<Arc<Notify>>,
}

impl Holdings {
    /// Returns holdings of at most `each` for one, and of at most `all` together.
    pub fn new(each: usize, all: usize) -> Arc<Self> {
        Arc::new(Self {
            each,
            all,
            held: Mutex::default(),
        })
    }

    /// Begins a holding, of nothing yet.
    pub fn begin(self: &Arc<Self>, who: &str) -> Holding {
        let notice = Arc::new(Notify::new());
        let mut held = self.lock();
        let id = held.next;
        held.next += 1;
        let item = Item {
            amount: 0,
            notice: Some(Arc::clone(&notice)),
        };
        let holder = held.of.entry(who.to_owned()).or_default();
        holder.items.insert(id, item);
        Holding {
            holdings: Arc::clone(self),
            who: who.to_owned(),
            id,
            notice,
        }
    }

    /// Returns true when `who` holds as much as one may.
    pub fn is_full(&self, who: &str) -> bool {
        let held = self.lock();
        held.of
            .get(who)
            .is_some_and(|holder| holder.sum >= self.each)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Takes the largest holding away from whoever holds most, if that is more than `than`.
    fn displace(&mut self, than: usize) -> bool {
        let holders = self.of.values_mut();
        let most = holders
            .filter(|holder| holder.loose > 0 && holder.sum > than)
            .max_by_key(|holder| holder.sum);
        let Some(most) = most else {
            return false;
        };
        let loose = most.items.iter().filter(|(_, item)| item.notice.is_some());
        let Some(id) = loose.max_by_key(|(_, item)| item.amount).map(|(id, _)| *id) else {
            return false;
        };
        let Some(item) = most.remove(id) else {
            return false;
        };
        self.sum -= item.amount;
        if let Some(notice) = item.notice {
            notice.notify_one();
        }
        true
    }
}

impl Holder {
    fn remove(&mut self, id: u64) -> Option<Item> {
        let item = self.items.remove(&id)?;
        self.sum -= item.amount;
        if item.notice.is_some() {
            self.loose -= item.amount;
        }
        Some(item)
    }

    /// Adds to a holding; false when it was taken away.
    fn add(&mut self, id: u64, amount: usize) -> bool {
        let Some(item) = self.items.get_mut(&id) else {
            return false;
        };
        item.amount += amount;
        self.sum += amount;
        if item.notice.is_some() {
            self.loose += amount;
        }
        true
    }
}

/// An amount that is held until this is dropped, or until it is taken away.
pub struct Holding {
    holdings: Arc<Holdings>,
    who: String,
    id: u64,
    notice: Arc<Notify>,
}

impl Holding {
    /// Adds to the amount, and returns true. When all is taken, others who hold more give up some
    /// of it. Returns false, and adds nothing, when it would still be too much, or when this was
    /// taken away.
    #[must_use]
    pub fn grow(&self, amount: usize) -> bool {
        let mut held = self.holdings.lock();
        let has = held.of.get(&self.who).map_or(0, |holder| holder.sum);
        let wants = has.saturating_add(amount);
        if wants > self.holdings.each {
            return false;
        }
        while held.sum.saturating_add(amount) > self.holdings.all {
            if !held.displace(wants) {
                return false;
            }
        }
        self.add(&mut held, amount)
    }

    /// Adds to the amount, whatever the bounds are.
    pub fn charge(&self, amount: usize) {
        self.add(&mut self.holdings.lock(), amount);
    }

    /// Keeps the amount from being taken away.
    pub fn keep(&self) {
        let mut held = self.holdings.lock();
        let Some(holder) = held.of.get_mut(&self.who) else {
            return;
        };
        if let Some(item) = holder.items.get_mut(&self.id)
            && item.notice.take().is_some()
        {
            holder.loose -= item.amount;
        }
    }

    /// Returns the notice of the amount being taken away: it comes once, and whoever waits for it
    /// gives up the thing that was counted.
    pub fn notice(&self) -> Arc<Notify> {
        Arc::clone(&self.notice)
    }

    fn add(&self, held: &mut Held, amount: usize) -> bool {
        let holder = held.of.get_mut(&self.who);
        let added = holder.is_some_and(|holder| holder.add(self.id, amount));
        if added {
            held.sum += amount;
        }
        added
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut held = self.holdings.lock();
        let Some(holder) = held.of.get_mut(&self.who) else {
            return;
        };
        let item = holder.remove(self.id);
        let is_last = holder.items.is_empty();
        held.sum -= item.map_or(0, |item| item.amount);
        // Who holds nothing takes no memory.
        if is_last {
            held.of.remove(&self.who);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn is_gone(holding: &Holding) -> bool {
        holding.notice.notified().now_or_never().is_some()
    }

    #[test]
    fn each_has_a_bound_and_what_is_dropped_is_free() {
        let holdings = Holdings::new(4, 9);
        let (first, second) = (holdings.begin("ann"), holdings.begin("ann"));
        assert!(first.grow(1) && second.grow(2) && !first.grow(2), "4 of 4");
        assert!(first.grow(1) && holdings.is_full("ann"));
        assert!(!holdings.is_full("bob"));
        second.charge(7);
        assert!(!second.grow(0), "more than one may have");
        drop(second);
        assert!(first.grow(2), "the others are free");
        drop(first);
        let held = holdings.lock();
        assert_eq!((held.sum, held.of.len()), (0, 0), "nothing is left behind");
    }

    #[test]
    fn when_all_is_taken_whoever_holds_most_gives_up_the_largest() {
        let holdings = Holdings::new(9, 10);
        let hold = |who, amount| {
            let holding = holdings.begin(who);
            assert!(holding.grow(amount), "{who} {amount}");
            holding
        };
        let (small, large) = (hold("ann", 2), hold("ann", 4));
        let other = hold("bob", 4);
        let carl = hold("carl", 3);
        assert!(is_gone(&large) && !is_gone(&small) && !is_gone(&other));
        assert!(!large.grow(0), "what was taken away does not grow");
        assert!(!carl.grow(2), "nobody has more than the 5 he would have");
        assert!(carl.grow(1), "there was room");
        drop((small, large, other, carl));
        let held = holdings.lock();
        assert_eq!((held.sum, held.of.len()), (0, 0), "nothing is left behind");
    }

    #[test]
    fn what_is_kept_is_not_taken_away() {
        let holdings = Holdings::new(9, 9);
        let (kept, loose) = (holdings.begin("ann"), holdings.begin("ann"));
        assert!(kept.grow(7) && loose.grow(1));
        kept.keep();
        let bob = holdings.begin("bob");
        assert!(bob.grow(2) && is_gone(&loose) && !is_gone(&kept));
        assert!(!bob.grow(1), "there is nothing more to take");
    }
}
