//! The costly work that an account has done at the same time: so much, and the rest waits for its
//! turn. Each server bounds what it does itself.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use model::UserId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The accounts that are remembered although nothing of theirs runs.
const REMEMBERED: usize = 1000;

/// A kind of costly work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Work {
    /// An export of an account or a chat.
    Export,
    /// A page of messages or of chats.
    Page,
    /// A search for messages.
    Search,
    /// A look at what has changed.
    Sync,
    /// An upload.
    Upload,
}

impl Work {
    /// Returns how much of it an account has done at the same time.
    const fn at_once(self) -> usize {
        match self {
            Self::Export => 1,
            Self::Search | Self::Sync => 2,
            Self::Upload => 4,
            Self::Page => 8,
        }
    }

    /// Returns how much of it may wait.
    const fn may_wait(self) -> usize {
        match self {
            Self::Export => 0, // It may take hours.
            Self::Search | Self::Sync | Self::Upload => 32,
            Self::Page => 248, // All requests that an account may have.
        }
    }
}

/// The work that runs and that waits, by account.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<(UserId, Work), Queue>>);

#[derive(Clone)]
struct Queue {
    running: Arc<Semaphore>,
    /// The work that runs or waits.
    present: Arc<Semaphore>,
}

/// The refusal of work, of which too much waits already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooMuch(pub(crate) Work);

/// A turn, which ends when it is dropped.
pub(crate) struct Turn {
    _running: OwnedSemaphorePermit,
    _present: OwnedSemaphorePermit,
}

impl Turns {
    /// Waits until an account may have some work done.
    ///
    /// # Errors
    /// [`TooMuch`] when too much of it waits already.
    pub(crate) async fn wait(&self, user: UserId, work: Work) -> Result<Turn, TooMuch> {
        let queue = self.queue(user, work);
        let present = queue.present.try_acquire_owned();
        let present = present.map_err(|_| TooMuch(work))?;
        let running = queue.running.acquire_owned().await;
        Ok(Turn {
            _running: running.expect("the semaphore is never closed"),
            _present: present,
        })
    }

    fn queue(&self, user: UserId, work: Work) -> Queue {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if queues.len() > REMEMBERED {
            queues.retain(|_, queue| Arc::strong_count(&queue.present) > 1);
        }
        let queue = queues.entry((user, work)).or_insert_with(|| Queue {
            running: Arc::new(Semaphore::new(work.at_once())),
            present: Arc::new(Semaphore::new(work.at_once() + work.may_wait())),
        });
        queue.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_account_has_so_much_done_at_once_and_others_do_not_wait_for_it() {
        let (turns, ann, bob) = (Turns::default(), UserId::new(), UserId::new());
        let waits = async |user, work| {
            let turn = timeout(Duration::from_millis(1), turns.wait(user, work)).await;
            turn.map(|turn| turn.map(drop).is_ok())
        };
        let export = turns.wait(ann, Work::Export).await.expect("the first");
        assert_eq!(waits(ann, Work::Export).await, Ok(false), "refused at once");
        assert_eq!(waits(bob, Work::Export).await, Ok(true));
        drop(export);
        assert_eq!(waits(ann, Work::Export).await, Ok(true));

        let both = [
            turns.wait(ann, Work::Search).await.expect("the first"),
            turns.wait(ann, Work::Search).await.expect("the second"),
        ];
        assert!(waits(ann, Work::Search).await.is_err(), "the third waits");
        assert_eq!(waits(ann, Work::Sync).await, Ok(true));
        drop(both);
        assert_eq!(waits(ann, Work::Search).await, Ok(true));
        let pages: Vec<_> = (0..8).map(|_| turns.wait(ann, Work::Page)).collect();
        let pages = join_all(pages).await;
        assert!(pages.iter().all(Result::is_ok));
        assert!(waits(ann, Work::Page).await.is_err(), "the ninth waits");
    }
}
