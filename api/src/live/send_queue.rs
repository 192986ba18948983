//! The frames that wait to be written to one connection, within bounds. A client that reads too
//! slowly loses the connection, never single events.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use model::Tick;
use tokio::sync::Notify;

/// The most frames that may wait for one connection.
const MAX_FRAMES: usize = 4096;
/// The most bytes that may wait for one connection.
const MAX_BYTES: usize = 1 << 20;
/// A connection with no more bytes waiting than this is not cut off when too much waits for all
/// connections together.
const FAIR_SHARE: usize = 16 << 10;

/// The reason for the end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// The session has ended.
    Revoked,
    /// The client read too slowly.
    Slow,
    /// The user has too many connections.
    TooMany,
    /// The API restarts; the client should reconnect after so many milliseconds.
    Restart(u32),
}

/// The bytes that wait for all connections together, and the bound on them.
pub(crate) struct Budget {
    /// The bytes that wait now.
    waiting: AtomicUsize,
    most: usize,
}

impl Budget {
    /// Returns a budget of `most` bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            waiting: AtomicUsize::new(0),
            most,
        }
    }
}

/// The frames that wait for one connection.
pub(crate) struct SendQueue {
    /// The hash of the session that the connection belongs to.
    pub(crate) session: String,
    waiting: Mutex<Pending>,
    wake: Notify,
    budget: Arc<Budget>,
    /// The tick since which changes are missing because SQL did not answer; `LAST` when none are.
    missing_since: AtomicI64,
    /// True while the missing changes are being looked up.
    catching_up: AtomicBool,
}

#[derive(Default)]
struct Pending {
    frames: VecDeque<Bytes>,
    /// The length of all frames together.
    bytes: usize,
    /// The reason to end once the frames are written.
    end: Option<EndReason>,
}

impl SendQueue {
    /// Returns an empty queue for a connection of a session, given by its hash.
    pub(crate) fn new(session: String, budget: Arc<Budget>) -> Self {
        Self {
            session,
            waiting: Mutex::default(),
            wake: Notify::new(),
            budget,
            missing_since: AtomicI64::new(Tick::LAST.0),
            catching_up: AtomicBool::new(false),
        }
    }

    /// Takes note that changes since a tick may be missing until SQL answers.
    pub(crate) fn miss(&self, since: Tick) {
        self.missing_since.fetch_min(since.0, Ordering::Relaxed);
    }

    /// Returns the tick since which changes may be missing, if any are.
    pub(crate) fn missing_since(&self) -> Option<Tick> {
        let since = Tick(self.missing_since.load(Ordering::Relaxed));
        (since < Tick::LAST).then_some(since)
    }

    /// Begins to look up what is missing; `None` when nothing is, or it is being looked up.
    pub(crate) fn begin_to_catch_up(&self) -> Option<Tick> {
        let since = self.missing_since()?;
        (!self.catching_up.swap(true, Ordering::Relaxed)).then_some(since)
    }

    /// Ends a look-up since a tick: `found` when all changes were found. More may be missing by
    /// now.
    pub(crate) fn end_catching_up(&self, since: Tick, found: bool) {
        if found {
            let (since, none) = (since.0, Tick::LAST.0);
            // It fails when more is missing meanwhile.
            let _ = self.missing_since.compare_exchange(
                since,
                none,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
        self.catching_up.store(false, Ordering::Relaxed);
    }

    /// Queues a frame, whose bytes all connections that get it share. A queue that grows too long
    /// is emptied and ended.
    pub(crate) fn push(&self, frame: Bytes) {
        let mut waiting = self.lock();
        if waiting.end.is_some() {
            return;
        }
        // Of the receipts of one member that still wait, only the last counts.
        if let Some(member) = receipt_of(&frame)
            && let Some(at) = waiting
                .frames
                .iter()
                .rposition(|other| receipt_of(other) == Some(member))
        {
            let old = std::mem::replace(&mut waiting.frames[at], frame.clone());
            waiting.bytes = waiting.bytes + frame.len() - old.len();
            self.budget
                .waiting
                .fetch_add(frame.len(), Ordering::Relaxed);
            self.budget.waiting.fetch_sub(old.len(), Ordering::Relaxed);
            return;
        }
        let total = self
            .budget
            .waiting
            .fetch_add(frame.len(), Ordering::Relaxed)
            + frame.len();
        waiting.bytes += frame.len();
        waiting.frames.push_back(frame);
        let too_much = waiting.bytes > MAX_BYTES
            || waiting.frames.len() > MAX_FRAMES
            || total > self.budget.most && waiting.bytes > FAIR_SHARE;
        if too_much {
            self.clear(&mut waiting);
            waiting.end = Some(EndReason::Slow);
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// Returns true when more waits than may be read soon.
    pub(crate) fn is_backed_up(&self) -> bool {
        self.lock().bytes > MAX_BYTES / 4
    }

    /// Ends the connection once the waiting frames are written. The first reason stays.
    pub(crate) fn end(&self, end: EndReason) {
        self.lock().end.get_or_insert(end);
        self.wake.notify_one();
    }

    /// Waits for frames, and returns up to `most` of them; or the reason for the end, when none are
    /// left.
    pub(crate) async fn next(&self, most: usize) -> Result<Vec<Bytes>, EndReason> {
        loop {
            let notified = self.wake.notified();
            if let Some(next) = self.pop(most) {
                return next;
            }
            notified.await;
        }
    }

    fn pop(&self, most: usize) -> Option<Result<Vec<Bytes>, EndReason>> {
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
            waiting.frames = VecDeque::new(); // Frees the memory: thousands of queues are idle.
        }
        Some(Ok(frames))
    }

    /// Waits until the client was found to read too slowly; what is being written can be given up
    /// then.
    pub(crate) async fn until_too_slow(&self) {
        loop {
            let notified = self.wake.notified();
            if self.lock().end == Some(EndReason::Slow) {
                return;
            }
            notified.await;
        }
    }

    fn clear(&self, waiting: &mut Pending) {
        self.budget
            .waiting
            .fetch_sub(waiting.bytes, Ordering::Relaxed);
        waiting.bytes = 0;
        waiting.frames = VecDeque::new();
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SendQueue {
    fn drop(&mut self) {
        self.budget
            .waiting
            .fetch_sub(self.lock().bytes, Ordering::Relaxed);
    }
}

/// Returns the ids of the chat and the member when a frame is a receipt.
fn receipt_of(frame: &[u8]) -> Option<(&[u8], &[u8])> {
    const HEAD: &[u8] = br#"{"type":"receipt.updated","chat_id":""#;
    const USER: &[u8] = br#""user_id":""#;
    const ID: usize = 36;
    let rest = frame.strip_prefix(HEAD)?;
    let at = rest.windows(USER.len()).position(|window| window == USER)? + USER.len();
    Some((rest.get(..ID)?, rest.get(at..at + ID)?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{ChatId, ServerEvent, Tick, UserId};

    use super::*;

    fn queue(most: usize) -> (SendQueue, Arc<Budget>) {
        let budget = Arc::new(Budget::new(most));
        (SendQueue::new("s".into(), Arc::clone(&budget)), budget)
    }

    fn waiting(budget: &Budget) -> usize {
        budget.waiting.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn frames_come_in_order_and_then_the_end() {
        let (queue, budget) = queue(1 << 30);
        for frame in ["a", "b", "c"] {
            queue.push(frame.into());
        }
        queue.end(EndReason::Revoked);
        queue.push("too late".into());
        assert_eq!(queue.next(2).await, Ok(vec!["a".into(), "b".into()]));
        assert_eq!(queue.next(2).await, Ok(vec!["c".into()]));
        assert_eq!(queue.next(2).await, Err(EndReason::Revoked));
        assert_eq!(waiting(&budget), 0);
    }

    #[tokio::test]
    async fn who_reads_too_slowly_is_cut_off_and_frees_what_waited() {
        let (queue, budget) = queue(1 << 30);
        for _ in 0..=MAX_BYTES / 1000 {
            queue.push(Bytes::from(vec![b'x'; 1000]));
        }
        assert_eq!(queue.next(1).await, Err(EndReason::Slow));
        tokio::time::timeout(Duration::from_secs(5), queue.until_too_slow())
            .await
            .expect("it is notified");
        assert_eq!(waiting(&budget), 0);
    }

    #[tokio::test]
    async fn when_all_have_too_much_only_those_are_cut_off_for_whom_much_waits() {
        let (slow, budget) = queue(100_000);
        let quick = SendQueue::new("q".into(), Arc::clone(&budget));
        for _ in 0..100 {
            slow.push(Bytes::from(vec![b'x'; 1000]));
        }
        quick.push(Bytes::from(vec![b'y'; 1000]));
        assert_eq!(
            quick.next(9).await.map(|frames| frames.len()),
            Ok(1),
            "it is not to blame"
        );
        slow.push(Bytes::from(vec![b'x'; 1000]));
        assert_eq!(slow.next(1).await, Err(EndReason::Slow));
        assert_eq!(waiting(&budget), 0);
    }

    #[tokio::test]
    async fn only_the_last_of_somebodys_marks_waits() {
        let (queue, budget) = queue(1 << 30);
        let (chat, ann, bob) = (ChatId::new(), UserId::new(), UserId::new());
        let mark = |who: UserId, read: i64| {
            let rest = format!(r#""user_id":"{who}","read":{read},"delivered":{read}"#);
            Bytes::from(ServerEvent::json(
                "receipt.updated",
                chat,
                Tick(read),
                Tick(1),
                &rest,
            ))
        };
        for (who, read) in [(ann, 5), (bob, 6), (ann, 700), (ann, 8)] {
            queue.push(mark(who, read));
        }
        let frames = queue.next(9).await.expect("frames");
        assert_eq!(frames, [mark(ann, 8), mark(bob, 6)]);
        assert_eq!(waiting(&budget), 0);
    }

    #[test]
    fn a_receipt_is_known_by_its_chat_and_member_and_nothing_else_is_one() {
        let (chat, ann) = (ChatId::new(), UserId::new());
        let rest = format!(r#""user_id":"{ann}","read":1,"delivered":1"#);
        let frame = |kind| ServerEvent::json(kind, chat, Tick(1), Tick(1), &rest);
        let (chat_id, user_id) = (chat.to_string(), ann.to_string());
        assert_eq!(
            receipt_of(frame("receipt.updated").as_bytes()),
            Some((chat_id.as_bytes(), user_id.as_bytes()))
        );
        assert_eq!(receipt_of(frame("member.updated").as_bytes()), None);
        assert_eq!(
            receipt_of(br#"{"type":"receipt.updated","chat_id":""#),
            None
        );
    }
}
