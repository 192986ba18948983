//! What the work for one request or account costs Redis and SQL, in units: a script or a command is
//! one, and so are 4 KiB that go to Redis or come back, ten members who are notified, and ten small
//! reads that share a script. A unit is about 10 to 20 microseconds of Redis.
//!
//! The meter goes along with the task that does the work, so nothing on the way need know of it.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, Ordering},
};

use fred::types::Value;

/// The bytes of a unit.
const BYTES: usize = 4096;
/// The published notifications of a unit.
const NOTIFICATIONS: usize = 10;
/// The small reads of a unit, where one script does many.
const READS: usize = 10;

tokio::task_local! {
    static METER: Meter;
}

/// A meter. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    units: AtomicU32,
    /// The meter of the account, from the moment on at which it is known whose the work is.
    account: OnceLock<Meter>,
}

impl Meter {
    /// Measures some work, and what it hands on.
    pub async fn measure<F: Future>(self, work: F) -> F::Output {
        METER.scope(self, work).await
    }

    /// Returns the same work, measured by the present task's meter wherever it is done.
    pub fn carry<F: Future>(work: F) -> impl Future<Output = F::Output> {
        let meter = Self::current();
        async move {
            match meter {
                Some(meter) => meter.measure(work).await,
                None => work.await,
            }
        }
    }

    /// Returns the meter of the present task; `None` when its work is not measured.
    pub fn current() -> Option<Self> {
        METER.try_with(Self::clone).ok()
    }

    /// Lets the present task's meter count for an account, with what it has counted so far.
    pub fn bind_current(account: &Self) {
        if let Some(meter) = Self::current()
            && !Arc::ptr_eq(&meter.0, &account.0)
            && meter.0.account.set(account.clone()).is_ok()
        {
            account.add(meter.0.units.swap(0, Ordering::Relaxed));
        }
    }

    /// Adds units.
    pub fn add(&self, units: u32) {
        match self.0.account.get() {
            Some(account) => account.add(units),
            None => drop(self.0.units.fetch_add(units, Ordering::Relaxed)),
        }
    }

    /// Returns the units that were counted.
    pub fn units(&self) -> u32 {
        self.0.units.load(Ordering::Relaxed)
    }

    /// Takes the units away that were counted, and returns them.
    pub fn take(&self) -> u32 {
        self.0.units.swap(0, Ordering::Relaxed)
    }
}

/// Counts units for the present task.
pub fn charge(units: u32) {
    METER.try_with(|meter| meter.add(units)).ok();
}

/// Counts a script or a command with so many bytes of arguments and answer.
pub(crate) fn charge_call(bytes: usize) {
    charge(1 + in_units(bytes, BYTES));
}

/// Counts notifications.
pub fn charge_notifications(count: usize) {
    charge(in_units(count, NOTIFICATIONS).max(1));
}

/// Counts small reads that were done in one script.
pub(crate) fn charge_reads(count: usize) {
    charge(in_units(count, READS).max(1));
}

fn in_units(count: usize, unit: usize) -> u32 {
    u32::try_from(count / unit).unwrap_or(u32::MAX)
}

/// Returns about the number of bytes of a value.
pub(crate) fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(values) => values.iter().map(size).sum(),
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_counts_for_its_account_as_soon_as_that_is_known() {
        let (request, account) = (Meter::default(), Meter::default());
        let work = async {
            charge_call(3 * BYTES);
            assert_eq!((request.units(), account.units()), (4, 0));
            Meter::bind_current(&account);
            charge_notifications(1000);
            let elsewhere = tokio::spawn(Meter::carry(async { charge(7) }));
            elsewhere.await.expect("no panic");
        };
        request.clone().measure(work).await;
        assert_eq!(request.units(), 0);
        assert_eq!(account.take(), 111, "what was handed on counts too");
        assert_eq!(account.units(), 0);
        charge(1); // counts for nobody
    }

    #[test]
    fn a_value_is_as_large_as_what_is_in_it() {
        let value = Value::Array(vec![
            "abc".into(),
            Value::Array(vec!["de".into()]),
            7.into(),
        ]);
        assert_eq!(size(&value), 3 + 2 + 8);
    }
}
