//! The memory that SQL did not answer a moment ago, so that not each of many callers waits for it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
};

use cold::DbErr;
use model::Tick;

use crate::{Error, Result};

/// The time after a failure for which SQL is not asked, in microseconds; then one caller asks.
const REST: i64 = 2_000_000;

/// The last failure of SQL, and who finds out whether it is over. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct SqlOutage(Arc<AtomicI64>);

impl SqlOutage {
    /// Returns true for a caller who had better not ask SQL now.
    pub(crate) fn is_on(&self) -> bool {
        let (failed, now) = (self.0.load(SeqCst), Tick::now().0);
        failed != 0
            && (now < failed + REST
                || self
                    .0
                    .compare_exchange(failed, now, SeqCst, SeqCst)
                    .is_err())
    }

    /// Takes note of whether SQL answered.
    pub(crate) fn note(&self, answered: bool) {
        self.0
            .store(if answered { 0 } else { Tick::now().0 }, SeqCst);
    }
}

/// The reads of one call that goes on without SQL: after the first failure, SQL is asked no more.
pub(crate) struct SqlReads<'a> {
    outage: &'a SqlOutage,
    away: AtomicBool,
}

impl<'a> SqlReads<'a> {
    /// Begins a call.
    pub(crate) fn begin(outage: &'a SqlOutage) -> Self {
        Self {
            away: AtomicBool::new(outage.is_on()),
            outage,
        }
    }

    /// Returns true when something could not be read from SQL.
    pub(crate) fn is_away(&self) -> bool {
        self.away.load(SeqCst)
    }

    /// Reads from SQL; `None` when it does not answer.
    pub(crate) async fn read<T>(
        &self,
        read: impl Future<Output = cold::Result<T>>,
    ) -> Result<Option<T>> {
        if self.is_away() {
            return Ok(None);
        }
        let found = self.attempt(async { Ok(read.await?) }).await?;
        if found.is_some() {
            self.outage.note(true);
        }
        Ok(found)
    }

    /// Reads what may need SQL; `None` when it does, and SQL does not answer.
    pub(crate) async fn attempt<T>(
        &self,
        read: impl Future<Output = Result<T>>,
    ) -> Result<Option<T>> {
        match read.await {
            Err(Error::Cold(error)) => {
                tracing::debug!(%error, "SQL does not answer; going on without it");
                self.away.store(true, SeqCst);
                if is_about_all(&error) {
                    self.outage.note(false);
                }
                Ok(None)
            }
            found => found.map(Some),
        }
    }
}

/// True for a failure that other callers would meet too; a row that cannot be read is met by those
/// alone who read it.
fn is_about_all(error: &DbErr) -> bool {
    matches!(
        error,
        DbErr::Conn(_) | DbErr::ConnectionAcquire(_) | DbErr::Exec(_) | DbErr::Query(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> DbErr {
        DbErr::ConnectionAcquire(cold::ConnAcquireErr::Timeout)
    }

    #[test]
    fn after_a_rest_one_of_many_asks_again() {
        let outage = SqlOutage::default();
        assert!(!outage.is_on() && !outage.is_on(), "it never failed");
        outage.note(false);
        assert!(outage.is_on());
        outage.0.store(Tick::now().0 - REST, SeqCst);
        assert!(!outage.is_on(), "this one asks");
        assert!(outage.is_on(), "the others wait for what it learns");
        outage.note(true);
        assert!(!outage.is_on());
    }

    #[tokio::test]
    async fn sql_that_does_not_answer_is_asked_once_in_a_call() {
        let outage = SqlOutage::default();
        let sql = SqlReads::begin(&outage);
        assert_eq!(sql.read(async { Ok(1) }).await.expect("an answer"), Some(1));
        let failed = sql.read(async { Err::<i32, _>(failure()) }).await;
        assert_eq!(failed.expect("no error"), None);
        let unasked = sql.read(async { panic!("it is asked again") }).await;
        assert_eq!(unasked.expect("no error"), None::<i32>);
        // What Redis has is read all the same.
        let hot = sql.attempt(async { Ok(2) }).await;
        assert_eq!(hot.expect("an answer"), Some(2));
        assert!(sql.is_away() && SqlReads::begin(&outage).is_away());
        let unreadable = SqlOutage::default();
        let sql = SqlReads::begin(&unreadable);
        let row = sql.read(async { Err::<i32, _>(DbErr::Type("no text".into())) });
        assert_eq!(row.await.expect("no error"), None);
        assert!(sql.is_away() && !unreadable.is_on(), "it is about one row");
        let other = sql.attempt(async { Err::<i32, _>(Error::NoChat) }).await;
        assert!(matches!(other, Err(Error::NoChat)));
    }
}
