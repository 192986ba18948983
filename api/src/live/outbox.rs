//! What waits to be written to one connection, within bounds. Who reads too slowly loses the connection, never single events.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use tokio::sync::Notify;

/// How much may wait for one connection.
const FRAMES: usize = 4096;
const BYTES: usize = 1 << 20;
/// A connection for which no more than this waits is not to blame when all together have too much.
const BLAMELESS: usize = 16 << 10;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The session has ended.
    Revoked,
    /// It was read too slowly.
    Slow,
    /// Its user has too many.
    TooMany,
    /// We restart; come back after so many milliseconds.
    Restart(u32),
}

/// How many bytes wait for all connections, and how many may.
pub(crate) struct Budget {
    waiting: AtomicUsize,
    most: usize,
}

impl Budget {
    pub(crate) fn new(most: usize) -> Self {
        Self { waiting: AtomicUsize::new(0), most }
    }
}

pub(crate) struct Outbox {
    /// The hash of the session that it belongs to.
    pub(crate) session: String,
    waiting: Mutex<Waiting>,
    wake: Notify,
    budget: Arc<Budget>,
}

#[derive(Default)]
struct Waiting {
    frames: VecDeque<Bytes>,
    bytes: usize,
    end: Option<End>,
}

impl Outbox {
    pub(crate) fn new(session: String, budget: Arc<Budget>) -> Self {
        Self { session, waiting: Mutex::default(), wake: Notify::new(), budget }
    }

    /// A frame is to be sent; the bytes are shared with all who get it.
    pub(crate) fn push(&self, frame: Bytes) {
        let mut waiting = self.lock();
        if waiting.end.is_some() {
            return;
        }
        // Of marks that nobody has read yet, only the last counts.
        if let Some(whose) = receipt(&frame)
            && let Some(at) = waiting.frames.iter().rposition(|other| receipt(other) == Some(whose))
        {
            let old = std::mem::replace(&mut waiting.frames[at], frame.clone());
            waiting.bytes = waiting.bytes + frame.len() - old.len();
            self.budget.waiting.fetch_add(frame.len(), Ordering::Relaxed);
            self.budget.waiting.fetch_sub(old.len(), Ordering::Relaxed);
            return;
        }
        let total = self.budget.waiting.fetch_add(frame.len(), Ordering::Relaxed) + frame.len();
        waiting.bytes += frame.len();
        waiting.frames.push_back(frame);
        let too_much = waiting.bytes > BYTES || waiting.frames.len() > FRAMES || total > self.budget.most && waiting.bytes > BLAMELESS;
        if too_much {
            self.clear(&mut waiting);
            waiting.end = Some(End::Slow);
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// What waits could be more than is read soon.
    pub(crate) fn is_pressed(&self) -> bool {
        self.lock().bytes > BYTES / 4
    }

    /// The connection is to end, once what waits is written.
    pub(crate) fn end(&self, end: End) {
        self.lock().end.get_or_insert(end);
        self.wake.notify_one();
    }

    /// What waits, up to so many frames, or why it ends. Waits until there is either.
    pub(crate) async fn next(&self, most: usize) -> Result<Vec<Bytes>, End> {
        loop {
            let notified = self.wake.notified();
            if let Some(next) = self.take(most) {
                return next;
            }
            notified.await;
        }
    }

    fn take(&self, most: usize) -> Option<Result<Vec<Bytes>, End>> {
        let mut waiting = self.lock();
        if waiting.frames.is_empty() {
            return waiting.end.map(Err);
        }
        let count = waiting.frames.len().min(most);
        let frames: Vec<Bytes> = waiting.frames.drain(..count).collect();
        let bytes: usize = frames.iter().map(Bytes::len).sum();
        waiting.bytes -= bytes;
        self.budget.waiting.fetch_sub(bytes, Ordering::Relaxed);
        if waiting.frames.is_empty() {
            waiting.frames = VecDeque::new(); // thousands of them are idle
        }
        Some(Ok(frames))
    }

    /// Waits until it was read too slowly: then nobody need wait for what is being written.
    pub(crate) async fn is_slow(&self) {
        loop {
            let notified = self.wake.notified();
            if self.lock().end == Some(End::Slow) {
                return;
            }
            notified.await;
        }
    }

    fn clear(&self, waiting: &mut Waiting) {
        self.budget.waiting.fetch_sub(waiting.bytes, Ordering::Relaxed);
        waiting.bytes = 0;
        waiting.frames = VecDeque::new();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.budget.waiting.fetch_sub(self.lock().bytes, Ordering::Relaxed);
    }
}

/// Of which chat and member a frame tells how far they are.
fn receipt(frame: &[u8]) -> Option<(&[u8], &[u8])> {
    const HEAD: &[u8] = br#"{"type":"receipt.updated","chat_id":""#;
    const WHO: &[u8] = br#""user_id":""#;
    const ID: usize = 36;
    let rest = frame.strip_prefix(HEAD)?;
    let at = rest.windows(WHO.len()).position(|window| window == WHO)? + WHO.len();
    Some((rest.get(..ID)?, rest.get(at..at + ID)?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{ChatId, ServerEvent, Tick, UserId};

    use super::*;

    fn outbox(most: usize) -> (Outbox, Arc<Budget>) {
        let budget = Arc::new(Budget::new(most));
        (Outbox::new("s".into(), Arc::clone(&budget)), budget)
    }

    fn waiting(budget: &Budget) -> usize {
        budget.waiting.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn frames_come_in_order_and_then_the_end() {
        let (outbox, budget) = outbox(1 << 30);
        for frame in ["a", "b", "c"] {
            outbox.push(frame.into());
        }
        outbox.end(End::Revoked);
        outbox.push("too late".into());
        assert_eq!(outbox.next(2).await, Ok(vec!["a".into(), "b".into()]));
        assert_eq!(outbox.next(2).await, Ok(vec!["c".into()]));
        assert_eq!(outbox.next(2).await, Err(End::Revoked));
        assert_eq!(waiting(&budget), 0);
    }

    #[tokio::test]
    async fn who_reads_too_slowly_is_cut_off_and_frees_what_waited() {
        let (outbox, budget) = outbox(1 << 30);
        for _ in 0..=BYTES / 1000 {
            outbox.push(Bytes::from(vec![b'x'; 1000]));
        }
        assert_eq!(outbox.next(1).await, Err(End::Slow));
        tokio::time::timeout(Duration::from_secs(5), outbox.is_slow()).await.expect("it is told");
        assert_eq!(waiting(&budget), 0);
    }

    #[tokio::test]
    async fn when_all_have_too_much_only_those_are_cut_off_for_whom_much_waits() {
        let (slow, budget) = outbox(100_000);
        let quick = Outbox::new("q".into(), Arc::clone(&budget));
        for _ in 0..100 {
            slow.push(Bytes::from(vec![b'x'; 1000]));
        }
        quick.push(Bytes::from(vec![b'y'; 1000]));
        assert_eq!(quick.next(9).await.map(|frames| frames.len()), Ok(1), "it is not to blame");
        slow.push(Bytes::from(vec![b'x'; 1000]));
        assert_eq!(slow.next(1).await, Err(End::Slow));
        assert_eq!(waiting(&budget), 0);
    }

    #[tokio::test]
    async fn only_the_last_of_somebodys_marks_waits() {
        let (outbox, budget) = outbox(1 << 30);
        let (chat, ann, bob) = (ChatId::new(), UserId::new(), UserId::new());
        let mark = |who: UserId, read: i64| {
            let rest = format!(r#""user_id":"{who}","read":{read},"delivered":{read}"#);
            Bytes::from(ServerEvent::json("receipt.updated", chat, Tick(read), Tick(1), &rest))
        };
        for (who, read) in [(ann, 5), (bob, 6), (ann, 700), (ann, 8)] {
            outbox.push(mark(who, read));
        }
        let frames = outbox.next(9).await.expect("frames");
        assert_eq!(frames, [mark(ann, 8), mark(bob, 6)]);
        assert_eq!(waiting(&budget), 0);
    }
}
