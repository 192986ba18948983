//! What many ask for at once is done once.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Meter, Result};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};

/// A flight, and the result that all who are on it get.
type Flight = Shared<BoxFuture<'static, Result<bool>>>;

/// The flights that are under way, one for each key.
pub(crate) struct Flights<K>(Arc<Mutex<HashMap<K, Flight>>>);

impl<K> Default for Flights<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K> Clone for Flights<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Copy + Eq + Hash + Send + 'static> Flights<K> {
    /// Does the work, or waits for the result of those who do it already. A result of theirs that
    /// is false may be older than this call, so it is asked for again.
    pub(crate) async fn join<F: Future<Output = Result<bool>> + Send + 'static>(
        &self,
        key: K,
        work: impl Fn() -> F,
    ) -> Result<bool> {
        let (flight, is_own) = self.board(key, &work);
        let found = flight.await?;
        if found || is_own {
            return Ok(found);
        }
        // That flight has landed, so this one began after the call.
        self.board(key, work).0.await
    }

    /// Returns the flight that is under way, or else a new one and true.
    fn board<F: Future<Output = Result<bool>> + Send + 'static>(
        &self,
        key: K,
        work: impl Fn() -> F,
    ) -> (Flight, bool) {
        let mut flights = self.lock();
        if let Some(flight) = flights.get(&key) {
            return (flight.clone(), false);
        }
        let (landing, work) = (Landing(self.clone(), key), work());
        // A task of its own: whoever asked first may go away, and pays for it.
        let task = tokio::spawn(Meter::carry(async move {
            let _landing = landing;
            work.await
        }));
        let flight = task.map(|result| result.unwrap_or(Err(crate::Error::Failed)));
        let flight = flight.boxed().shared();
        flights.insert(key, flight.clone());
        (flight, true)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a flight, however it ends.
struct Landing<K: Copy + Eq + Hash + Send + 'static>(Flights<K>, K);

impl<K: Copy + Eq + Hash + Send + 'static> Drop for Landing<K> {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    /// Work that counts, and waits until it may end.
    struct Work {
        begun: AtomicUsize,
        gate: Semaphore,
        found: bool,
    }

    impl Work {
        fn new(found: bool) -> Arc<Self> {
            Arc::new(Self {
                begun: AtomicUsize::new(0),
                gate: Semaphore::new(0),
                found,
            })
        }

        async fn run(self: Arc<Self>) -> Result<bool> {
            self.begun.fetch_add(1, SeqCst);
            let _permit = self.gate.acquire().await.expect("it is open");
            Ok(self.found)
        }
    }

    /// Has ten ask at once, of whom the first goes away; returns how often it was done.
    async fn ten(found: bool) -> usize {
        let (flights, work) = (Flights::default(), Work::new(found));
        let ask = || {
            let (flights, work) = (flights.clone(), Arc::clone(&work));
            async move { flights.join(7, || Arc::clone(&work).run()).await }
        };
        let first = tokio::spawn(ask());
        while work.begun.load(SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        first.abort();
        let asked: Vec<_> = (0..9).map(|_| tokio::spawn(ask())).collect();
        tokio::task::yield_now().await;
        work.gate.add_permits(1);
        for asked in join_all(asked).await {
            assert!(matches!(asked, Ok(Ok(answer)) if answer == found));
        }
        assert!(flights.lock().is_empty(), "all have landed");
        work.begun.load(SeqCst)
    }

    #[tokio::test]
    async fn what_many_ask_for_is_done_once_even_if_the_first_goes_away() {
        assert_eq!(ten(true).await, 1);
    }

    #[tokio::test]
    async fn what_was_not_found_is_looked_for_once_more() {
        assert_eq!(ten(false).await, 2);
    }

    #[tokio::test]
    async fn work_that_panics_fails_for_all_and_is_over() {
        let flights = Flights::default();
        let failed = flights.join(7, || async { panic!("on purpose") }).await;
        assert!(matches!(failed, Err(crate::Error::Failed)));
        assert!(flights.lock().is_empty());
    }
}
