//! Load: a closed loop, in which each connection asks again as soon as it is answered, and an open
//! loop, in which requests come at a fixed rate, however long the answers take.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use serde_json::Value;
use tokio::{sync::Semaphore, task::JoinHandle, time::timeout};

use crate::http::{Connection, Request};

/// The time for which the answers that are under way at the end of a loop may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// The longest latency that is told from longer ones, in microseconds.
const LONGEST: u64 = 600_000_000;
/// The shortest sleep of the clock of an open loop: a kernel hardly sleeps less.
const SHORTEST_SLEEP: Duration = Duration::from_micros(50);

/// The operations of a row.
pub(crate) enum Work {
    /// Requests, each of which is an operation.
    Each(Vec<Request>),
    /// A list that is read page by page, to its end: that is one operation.
    Walk {
        /// The path of the first page, with a query.
        path: String,
        /// The token of the reader.
        token: String,
    },
}

/// Connections that are open and have each been answered once, so that nothing is measured that
/// only the first request costs.
pub(crate) struct Clients(Vec<Client>);

struct Client {
    connection: Connection,
    work: Arc<Work>,
    at: usize,
}

/// The times of operations in microseconds, and their number.
pub(crate) type Latencies = Histogram<u64>;

impl Clients {
    /// Opens connections. The first answer of each must have so many items, where that is told.
    pub(crate) async fn connect(
        address: &str,
        connections: usize,
        work: Work,
        items: Option<usize>,
    ) -> Result<Self> {
        let work = Arc::new(work);
        let open = async |number: usize| {
            let mut client = Client {
                connection: Connection::open(address).await?,
                at: work.place(number, connections),
                work: Arc::clone(&work),
            };
            let body = client.operate().await?;
            if let Some(expected) = items {
                let found = items_of(&body);
                ensure!(
                    found == Some(expected),
                    "an answer has {found:?} items instead of {expected}: {}",
                    String::from_utf8_lossy(&body[..body.len().min(500)])
                );
            }
            Ok::<_, anyhow::Error>(client)
        };
        let all = try_join_all((0..connections).map(open));
        let all = timeout(PATIENCE, all).await;
        Ok(Self(all.context(
            "the first answers took longer than two minutes",
        )??))
    }

    /// Has each connection ask again as soon as it is answered, and returns the number of
    /// operations and how many there were in a second.
    pub(crate) async fn closed(&mut self, time: Duration) -> Result<(u64, f64)> {
        let start = Instant::now();
        let tasks = self.0.drain(..).map(|mut client| {
            tokio::spawn(async move {
                let mut operations = 0;
                while start.elapsed() < time {
                    client.operate().await?;
                    operations += 1;
                }
                Ok::<_, anyhow::Error>((client, operations))
            })
        });
        let done = join(tasks.collect(), time).await?;
        let seconds = start.elapsed().as_secs_f64();
        let mut operations = 0;
        for (client, its) in done {
            self.0.push(client);
            operations += its;
        }
        Ok((operations, operations as f64 / seconds))
    }

    /// Has so many operations a second begin, at least one in all, and returns the time that each
    /// took since it was *scheduled*: one that waits for a free connection, since the server is
    /// slow, counts as slow itself (the answer to what Gil Tene calls coordinated omission).
    pub(crate) async fn open(self, per_second: f64, time: Duration) -> Result<Latencies> {
        let total = ((per_second * time.as_secs_f64()) as usize).max(1);
        let schedule = Arc::new(Schedule {
            start: Instant::now(),
            per_second,
            total,
            next: AtomicUsize::new(0),
            due: Semaphore::new(0),
        });
        let workers = self.0.len();
        let clock = thread::spawn({
            let schedule = Arc::clone(&schedule);
            move || schedule.run(workers)
        });
        let tasks = self.0.into_iter().map(|mut client| {
            let schedule = Arc::clone(&schedule);
            tokio::spawn(async move {
                let mut latencies = histogram();
                while let Some(scheduled) = schedule.next().await {
                    client.operate().await?;
                    latencies.saturating_record(scheduled.elapsed().as_micros() as u64);
                }
                Ok::<_, anyhow::Error>(latencies)
            })
        });
        let done = join(tasks.collect(), time).await?;
        clock.join().expect("the clock only sleeps and counts");
        let mut latencies = histogram();
        for its in done {
            latencies.add(its).expect("all have the same bounds");
        }
        Ok(latencies)
    }
}

/// The times at which operations begin. (Timers of the runtime fire at whole milliseconds, which
/// is longer than most operations take, so a thread of its own keeps the time.)
struct Schedule {
    start: Instant,
    per_second: f64,
    total: usize,
    next: AtomicUsize,
    /// The operations that are due and not begun.
    due: Semaphore,
}

impl Schedule {
    fn time(&self, at: usize) -> Instant {
        self.start + Duration::from_secs_f64(at as f64 / self.per_second)
    }

    /// Tells of each operation when it is due, and then as many workers that there is no other.
    fn run(&self, workers: usize) {
        let mut told = 0;
        while told < self.total {
            let by_now = (self.start.elapsed().as_secs_f64() * self.per_second) as usize + 1;
            let due = by_now.min(self.total) - told;
            self.due.add_permits(due);
            told += due;
            let wait = self.time(told).saturating_duration_since(Instant::now());
            if told < self.total {
                thread::sleep(wait.max(SHORTEST_SLEEP));
            }
        }
        self.due.add_permits(workers);
    }

    /// Waits until an operation is due, and returns the time at which it was; `None` at the end.
    async fn next(&self) -> Option<Instant> {
        let permit = self.due.acquire().await;
        permit.expect("nothing closes it").forget();
        let at = self.next.fetch_add(1, Relaxed);
        (at < self.total).then(|| self.time(at))
    }
}

impl Work {
    /// Returns the place at which one of the connections begins: all begin far from each other.
    fn place(&self, connection: usize, connections: usize) -> usize {
        match self {
            Self::Each(requests) => connection * requests.len() / connections,
            Self::Walk { .. } => 0,
        }
    }
}

impl Client {
    /// Does the next operation, and returns the body of its last answer.
    async fn operate(&mut self) -> Result<Vec<u8>> {
        match &*self.work {
            Work::Each(requests) => {
                let request = &requests[self.at % requests.len()];
                self.at += 1;
                self.connection.succeed(request).await
            }
            Work::Walk { path, token } => {
                let mut request = Request::get(path, token);
                loop {
                    let body = self.connection.succeed(&request).await?;
                    let Some(next) = next_of(&body) else {
                        return Ok(body);
                    };
                    request = Request::get(&format!("{path}&cursor={next}"), token);
                }
            }
        }
    }
}

/// Waits for the tasks of a loop of this time, and returns what they do.
async fn join<T>(tasks: Vec<JoinHandle<Result<T>>>, time: Duration) -> Result<Vec<T>> {
    let all = timeout(time + PATIENCE, try_join_all(tasks)).await;
    let all = all.context("some answers took longer than two minutes")??;
    all.into_iter().collect()
}

fn histogram() -> Latencies {
    Histogram::new_with_max(LONGEST, 3).expect("the bounds are right")
}

/// Returns the cursor of the next page, which stands at the end of a page.
fn next_of(body: &[u8]) -> Option<&str> {
    const NAME: &[u8] = br#""next":""#;
    let at = body.windows(NAME.len()).rposition(|part| part == NAME)?;
    let rest = std::str::from_utf8(&body[at + NAME.len()..]).ok()?;
    rest.split('"').next()
}

/// Returns the number of rows in an answer that has some.
fn items_of(body: &[u8]) -> Option<usize> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let rows = ["items", "changes"]
        .iter()
        .find_map(|name| answer.get(name)?.as_array());
    rows.map(Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_of_the_next_page_is_read_and_the_last_page_has_none() {
        assert_eq!(
            next_of(br#"{"items":[{"body":"x"}],"next":"MC4x"}"#),
            Some("MC4x")
        );
        assert_eq!(next_of(br#"{"items":[]}"#), None);
        assert_eq!(next_of(b""), None);
    }

    #[test]
    fn rows_are_counted_whatever_they_are_called() {
        assert_eq!(items_of(br#"{"items":[1,2]}"#), Some(2));
        assert_eq!(items_of(br#"{"cursor":"x","changes":[]}"#), Some(0));
        assert_eq!(items_of(br#"{"id":"x"}"#), None);
        assert_eq!(items_of(b"none"), None);
    }

    #[test]
    fn connections_begin_far_from_each_other() {
        let work = Work::Each(vec![Request::get("/", ""); 10]);
        let places: Vec<_> = (0..4).map(|number| work.place(number, 4)).collect();
        assert_eq!(places, [0, 2, 5, 7]);
    }

    #[tokio::test]
    async fn what_is_scheduled_begins_once_and_not_before_its_time() {
        let schedule = Schedule {
            start: Instant::now(),
            per_second: 10_000.0,
            total: 100,
            next: AtomicUsize::new(0),
            due: Semaphore::new(0),
        };
        thread::scope(|scope| scope.spawn(|| schedule.run(2)).join()).expect("it ends");
        let mut times = Vec::new();
        while let Some(time) = schedule.next().await {
            assert!(time <= Instant::now());
            times.push(time);
        }
        assert_eq!(times.len(), 100);
        assert_eq!(times[99] - times[0], Duration::from_micros(9_900));
        assert!(schedule.next().await.is_none(), "for the second worker");
    }
}
