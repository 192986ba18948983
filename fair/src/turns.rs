//! Turns at computing, off the async threads: some at once, and who waits is served in rotation.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    thread::available_parallelism,
};

use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
};

/// The most turns at once by [`Turns::default`], however many cores there are: a password takes
/// 19 MiB of memory, which is kept.
const AT_ONCE: usize = 3;
/// The most that one may wait for: a class of pupils behind one address.
const EACH: usize = 128;
/// The most that all may wait for.
const ALL: usize = 1024;
/// The nice value of the threads that compute: a tenth of a processor, while one that serves
/// requests wants it too (the table `sched_prio_to_weight` of Linux, 1024 to 110).
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// The threads that compute. They are none of those that serve requests, whose runtime has its own,
/// and they give way to these: a password that is hashed delays no message.
static THREADS: LazyLock<Runtime> = LazyLock::new(|| {
    let threads = Builder::new_current_thread()
        .thread_name("computing")
        .on_thread_start(give_way)
        .build();
    threads.expect("a runtime without I/O and timers asks the system for nothing")
});

/// Lowers the priority of the present thread. Where that is not the thread's own, or refused, it
/// stays as it is.
fn give_way() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, NICE);
}

/// Turns at computing. A clone gives out the same turns.
#[derive(Clone, Debug)]
pub struct Turns(Arc<Mutex<Queue>>);

/// The reason why there was no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Too much waits already for the same account or address, or for all. Retry later.
    Busy,
    /// The work panicked.
    Panicked,
    /// The process is ending.
    Stopped,
}

#[derive(Debug)]
struct Queue {
    free: usize,
    each: usize,
    all: usize,
    /// The number of those who wait.
    count: usize,
    waiting: HashMap<String, VecDeque<oneshot::Sender<Turn>>>,
    /// Each who waits for a turn, in the order in which they get their next one.
    rotation: VecDeque<String>,
}

impl Default for Turns {
    /// Returns as many turns at once as there are cores, from two to [`AT_ONCE`].
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, |cores| cores.get());
        Self::new(cores.clamp(2, AT_ONCE), EACH, ALL)
    }
}

impl Turns {
    /// Returns `at_once` turns, with bounds on what may wait: of `each`, and of `all`.
    pub fn new(at_once: usize, each: usize, all: usize) -> Self {
        Self(Arc::new(Mutex::new(Queue {
            free: at_once,
            each,
            all,
            count: 0,
            waiting: HashMap::new(),
            rotation: VecDeque::new(),
        })))
    }

    /// Computes on a thread that may be kept busy, when it is the turn of `who`.
    ///
    /// # Errors
    /// [`Refused`] when it was not computed.
    pub async fn run<T: Send + 'static>(
        &self,
        who: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        self.turn(who).await?.run(work).await
    }

    /// Waits for the turn of `who`. The one whose last turn is longest ago is next.
    ///
    /// # Errors
    /// [`Refused::Busy`] when too much waits already. If that is too much of all, the one who waits
    /// for most gives up the last of it instead.
    pub async fn turn(&self, who: &str) -> Result<Turn, Refused> {
        let coming = {
            let mut queue = self.lock();
            if queue.free > 0 {
                queue.free -= 1;
                return Ok(Turn(Some(self.clone())));
            }
            queue.wait(who)?
        };
        coming.await.map_err(|_| Refused::Busy)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Adds one who waits.
    fn wait(&mut self, who: &str) -> Result<oneshot::Receiver<Turn>, Refused> {
        self.forget_those_who_left(who);
        let waits = self.waiting.get(who).map_or(0, VecDeque::len);
        if waits >= self.each || self.count >= self.all && !self.displace(waits) {
            return Err(Refused::Busy);
        }
        let (sender, receiver) = oneshot::channel();
        if waits == 0 {
            self.rotation.push_back(who.to_owned());
        }
        self.waiting
            .entry(who.to_owned())
            .or_default()
            .push_back(sender);
        self.count += 1;
        Ok(receiver)
    }

    /// Removes what nobody waits for any more, of one who has as much as they may, or else of all
    /// when that is as much as may be.
    fn forget_those_who_left(&mut self, who: &str) {
        let is_full = |waiting: &VecDeque<_>| waiting.len() >= self.each;
        if self.count < self.all && !self.waiting.get(who).is_some_and(is_full) {
            return;
        }
        for waiting in self.waiting.values_mut() {
            waiting.retain(|sender| !sender.is_closed());
        }
        self.waiting.retain(|_, waiting| !waiting.is_empty());
        self.rotation.retain(|who| self.waiting.contains_key(who));
        self.count = self.waiting.values().map(VecDeque::len).sum();
    }

    /// Refuses the newest of whoever waits for most, if that is more than one who has `waits` would
    /// then have.
    fn displace(&mut self, waits: usize) -> bool {
        let Some((_, most)) = self
            .waiting
            .iter_mut()
            .max_by_key(|(_, waiting)| waiting.len())
        else {
            return false;
        };
        if most.len() <= waits + 1 {
            return false;
        }
        most.pop_back();
        self.count -= 1;
        true
    }

    /// Returns whoever is next.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let who = self.rotation.pop_front()?;
        let waiting = self.waiting.get_mut(&who)?;
        let next = waiting.pop_front();
        self.count -= 1;
        if waiting.is_empty() {
            self.waiting.remove(&who);
        } else {
            self.rotation.push_back(who);
        }
        next
    }
}

/// A turn, until this is dropped.
#[derive(Debug)]
pub struct Turn(Option<Turns>);

impl Turn {
    /// Computes on a thread that may be kept busy. The turn goes with it: the work cannot be
    /// stopped, even if its caller no longer waits for it.
    ///
    /// # Errors
    /// [`Refused`] when it was not computed.
    pub async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let run = THREADS.spawn_blocking(move || {
            let _turn = self;
            work()
        });
        run.await.map_err(|error| {
            if error.is_panic() {
                Refused::Panicked
            } else {
                Refused::Stopped
            }
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        while let Some(turns) = self.0.take() {
            let mut queue = turns.lock();
            let Some(next) = queue.next() else {
                queue.free += 1;
                return;
            };
            drop(queue);
            if let Err(mut unwanted) = next.send(Turn(Some(turns))) {
                self.0 = unwanted.0.take(); // nobody waits for it any more
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::Pin, sync::mpsc, task::Poll};

    use super::*;

    /// A wait for a turn.
    type Waiting = Pin<Box<dyn Future<Output = Result<Turn, Refused>> + Send>>;

    /// Begins to wait for a turn that nobody has free.
    async fn waits(turns: &Turns, who: &'static str) -> Result<Waiting, Refused> {
        let turns = turns.clone();
        let mut turn: Waiting = Box::pin(async move { turns.turn(who).await });
        match std::future::poll_fn(|context| Poll::Ready(turn.as_mut().poll(context))).await {
            Poll::Ready(Err(refused)) => Err(refused),
            Poll::Ready(Ok(_)) => panic!("no turn was free"),
            Poll::Pending => Ok(turn),
        }
    }

    /// Returns the order in which all who wait get their turns.
    async fn order(first: Turn, all: Vec<(&'static str, Waiting)>) -> Vec<&'static str> {
        let (sender, receiver) = mpsc::channel();
        let tasks = all.into_iter().map(|(name, waiting)| {
            let sender = sender.clone();
            tokio::spawn(async move {
                if let Ok(turn) = waiting.await {
                    sender.send(name).expect("it is listened to");
                    drop(turn);
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        drop((first, sender));
        for task in tasks {
            task.await.expect("no panic");
        }
        receiver.iter().collect()
    }

    #[tokio::test]
    async fn who_waits_for_much_lets_others_go_between() {
        let turns = Turns::new(1, 9, 99);
        let first = turns.turn("ann").await.expect("it is free");
        let mut all = Vec::new();
        for (name, who) in [("a1", "ann"), ("a2", "ann"), ("a3", "ann"), ("b1", "bob")] {
            all.push((name, waits(&turns, who).await.expect("she may wait")));
        }
        assert_eq!(order(first, all).await, ["a1", "b1", "a2", "a3"]);
    }

    #[tokio::test]
    async fn a_full_queue_of_one_keeps_nobody_else_out() {
        let turns = Turns::new(1, 2, 99);
        let _first = turns.turn("ann").await.expect("it is free");
        let _two = [waits(&turns, "ann").await, waits(&turns, "ann").await];
        assert_eq!(waits(&turns, "ann").await.err(), Some(Refused::Busy));
        assert!(waits(&turns, "bob").await.is_ok());
    }

    #[tokio::test]
    async fn when_all_is_full_whoever_waits_for_most_gives_up_the_last() {
        let turns = Turns::new(1, 9, 3);
        let first = turns.turn("ann").await.expect("it is free");
        let mut all = Vec::new();
        for (name, who) in [("a1", "ann"), ("a2", "ann"), ("a3", "ann"), ("b1", "bob")] {
            all.push((name, waits(&turns, who).await.expect("there is a place")));
        }
        assert_eq!(waits(&turns, "bob").await.err(), Some(Refused::Busy));
        assert_eq!(order(first, all).await, ["a1", "b1", "a2"]);
        assert_eq!(turns.lock().count, 0);
    }

    #[tokio::test]
    async fn whoever_waits_no_longer_takes_no_place_and_no_turn() {
        let turns = Turns::new(1, 1, 9);
        let first = turns.turn("ann").await.expect("it is free");
        drop(waits(&turns, "ann").await.expect("she may wait"));
        let second = waits(&turns, "ann").await.expect("the place is free again");
        drop(waits(&turns, "bob").await.expect("he may wait"));
        assert_eq!(order(first, vec![("a2", second)]).await, ["a2"]);
        assert_eq!(turns.lock().free, 1);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn computing_gives_way_to_requests() {
        let nice = || rustix::process::getpriority_process(None).expect("a nice value");
        let (turns, asks) = (Turns::new(1, 1, 9), nice());
        assert_eq!(turns.run("ann", nice).await, Ok(NICE.max(asks)));
        assert_eq!(nice(), asks, "the thread that asks");
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_turn_back() {
        let turns = Turns::new(1, 1, 9);
        let failed = turns.run("ann", || panic!("on purpose")).await;
        assert_eq!(failed, Err::<(), _>(Refused::Panicked));
        assert_eq!(turns.run("ann", || 7).await, Ok(7));
    }
}
