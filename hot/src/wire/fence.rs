//! The fence before a Redis that may have gone back in time.
//!
//! A Redis that was started again, or promoted, knows no script. While the fence is up, no script
//! is sent to it but by its SHA-1: so nothing is done there before somebody has compared it with
//! SQL and has loaded the scripts. Whoever meets a Redis without them asks for that, and waits.
//!
//! The answer names the Redis that was compared. If its scripts were flushed again meanwhile, a
//! script is sent whole, and runs only if the Redis that it has reached is the one of the answer.
//!
//! A primary that was demoted and promoted again may have kept the scripts, without the data that
//! it had with them. Only a new connection can lead to it, or one that was refused as by a replica:
//! either is a *doubt*, and until the next comparison no script is sent at all.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use fred::{clients::Client, interfaces::EventInterface};
use tokio::{
    sync::{Notify, broadcast::error::RecvError, watch},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

#[derive(Debug, Default)]
pub(crate) struct Fence {
    up: AtomicBool,
    questions: Notify,
    /// The number of questions so far.
    asked: AtomicU64,
    /// The number of the last question that nothing may run before.
    doubted: AtomicU64,
    /// The number of questions that were asked before Redis was last proven.
    proven: AtomicU64,
    answer: watch::Sender<Answer>,
}

/// The outcome of a comparison of Redis with SQL.
#[derive(Clone, Debug, Default)]
struct Answer {
    /// The number of questions that were asked before the comparison began.
    asked: u64,
    /// The identity of the Redis that is as new as SQL; `None` when it is not, or not known to be.
    proven: Option<Arc<str>>,
}

impl Fence {
    /// Puts the fence up: from now on somebody answers questions.
    pub(crate) fn put_up(&self) {
        self.up.store(true, SeqCst);
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.load(SeqCst)
    }

    /// Lets no script be sent before Redis is compared anew.
    pub(crate) fn doubt(&self) {
        let question = self.asked.fetch_add(1, SeqCst) + 1;
        self.doubted.fetch_max(question, SeqCst);
        self.questions.notify_one();
    }

    /// True while no script may be sent before somebody has [asked](Self::ask).
    pub(crate) fn is_doubted(&self) -> bool {
        self.is_up() && self.proven.load(SeqCst) < self.doubted.load(SeqCst)
    }

    /// True when no question is open: the last comparison proved Redis, and nothing gave reason to
    /// doubt it since.
    pub(crate) fn is_certain(&self) -> bool {
        !self.is_up() || self.proven.load(SeqCst) >= self.asked.load(SeqCst)
    }

    /// Asks whether Redis is as new as SQL, and returns which Redis was, by a comparison that began
    /// after the question: one under way may have missed why the scripts are gone.
    pub(crate) async fn ask(&self, patience: Duration) -> Option<Arc<str>> {
        let mut answers = self.answer.subscribe();
        let question = self.asked.fetch_add(1, SeqCst) + 1;
        self.questions.notify_one();
        let answered = answers.wait_for(|answer| answer.asked >= question);
        let answer = timeout(patience, answered).await.ok()?.ok()?;
        answer.proven.clone()
    }

    /// Waits for a question.
    pub(crate) async fn question(&self) {
        self.questions.notified().await;
    }

    /// Returns the number of questions so far, to be answered by a comparison that begins now.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(SeqCst)
    }

    /// Answers the first `asked` questions.
    pub(crate) fn answer(&self, asked: u64, proven: Option<String>) {
        if proven.is_some() {
            self.proven.fetch_max(asked, SeqCst);
        }
        let proven = proven.map(Arc::from);
        self.answer.send_replace(Answer { asked, proven });
    }
}

/// Doubts Redis after each connection that a client lost or made anew, until the handle is dropped.
pub(crate) fn doubt_new_connections(client: &Client, fence: &Arc<Fence>) -> AbortOnDropHandle<()> {
    let (mut lost, mut made) = (client.error_rx(), client.reconnect_rx());
    let fence = Arc::clone(fence);
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            let ended = tokio::select! {
                event = lost.recv() => matches!(event, Err(RecvError::Closed)),
                event = made.recv() => matches!(event, Err(RecvError::Closed)),
            };
            if ended {
                return;
            }
            fence.doubt();
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_ends_with_a_comparison_that_began_later_and_proved_redis() {
        let fence = Fence::default();
        fence.put_up();
        assert!(!fence.is_doubted());
        let before = fence.asked();
        assert!(fence.is_certain());
        fence.doubt();
        fence.answer(before, Some("too early".into()));
        assert!(fence.is_doubted() && !fence.is_certain());
        fence.answer(fence.asked(), None);
        assert!(fence.is_doubted() && !fence.is_certain());
        fence.answer(fence.asked(), Some("in time".into()));
        assert!(!fence.is_doubted() && fence.is_certain());
    }

    #[tokio::test]
    async fn a_comparison_under_way_is_no_answer_to_a_question() {
        let fence = Fence::default();
        let before = fence.asked();
        let ask = fence.ask(Duration::from_secs(60));
        let answer = async {
            fence.question().await;
            fence.answer(before, Some("too early".into()));
            tokio::task::yield_now().await;
            fence.answer(fence.asked(), Some("in time".into()));
        };
        let (proven, ()) = tokio::join!(ask, answer);
        assert_eq!(proven.as_deref(), Some("in time"));
    }

    #[tokio::test]
    async fn a_question_that_nobody_answers_proves_nothing() {
        assert_eq!(Fence::default().ask(Duration::ZERO).await, None);
    }
}
