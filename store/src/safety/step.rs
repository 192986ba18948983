//! Watches whether Redis and SQL are in step, or one of them went back in time: to a snapshot, a
//! backup, or a replica that lagged.
//!
//! Each commit is marked in both: `settled <= what SQL has <= began`. While they are not in step,
//! and after each start of a Redis until they are known to be, Redis knows no script, so nobody
//! reads or writes there.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use cold::{Cold, WriterCommits};
use futures_util::future::try_join_all;
use hot::{Hot, Kind, PartitionMarks};
use model::Partition;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::{Error, Result};

/// The time between two looks whether Redis was started again.
const EVERY: Duration = Duration::from_secs(1);
/// The time between two comparisons without a reason.
const UNASKED: Duration = Duration::from_secs(10);
/// The time between two looks while the stores are not in step.
const SOON: Duration = Duration::from_millis(200);
/// The time by which a node of SQL that is read from may lag behind the one that is written to.
const LAG: Duration = Duration::from_secs(5);

/// The relation of the two stores in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Each has all that the other relies on.
    InStep,
    /// Redis is older than SQL, at least in these partitions.
    RedisWentBack(Vec<(Kind, Partition)>),
    /// SQL is older than Redis.
    SqlWentBack {
        /// A writer of whom it is known.
        writer: String,
        /// The number of the newest commit of the writer that SQL has.
        saved: i64,
        /// The number of one that SQL had before.
        settled: i64,
    },
}

/// Compares the marks of Redis with the commits of SQL: `settled` was read before them, `began`
/// after.
fn compare(
    settled: &[PartitionMarks],
    rows: &[WriterCommits],
    began: &[PartitionMarks],
) -> Standing {
    for (writer, settled) in settled.iter().flat_map(|marks| &marks.settled) {
        let row = rows.iter().find(|row| row.writer == *writer);
        let saved = row.map_or(0, |row| row.number);
        if saved < *settled {
            return Standing::SqlWentBack {
                writer: writer.clone(),
                saved,
                settled: *settled,
            };
        }
    }
    let forgot = |at: usize, marks: &PartitionMarks| {
        rows.iter().any(|row| {
            let began = marks.began.get(&row.writer).copied().unwrap_or(0);
            began < row.mark(at)
        })
    };
    let behind: Vec<_> = began
        .iter()
        .enumerate()
        .filter(|(at, marks)| forgot(*at, marks))
        .map(|(_, marks)| (marks.kind, marks.partition))
        .collect();
    match behind.is_empty() {
        true => Standing::InStep,
        false => Standing::RedisWentBack(behind),
    }
}

/// Looks whether the stores are in step.
///
/// # Errors
/// [`Error::Hot`] or [`Error::Cold`] when a store does not answer.
pub async fn standing(hot: &Hot, cold: &Cold) -> Result<Standing> {
    let settled = hot.commit_marks().await?;
    let rows = cold.commits().await?;
    Ok(compare(&settled, &rows, &hot.commit_marks().await?))
}

/// A watch over both stores. Clones share it; it ends with the last of them.
#[derive(Clone)]
pub(crate) struct StepWatch {
    judge: Arc<Judge>,
    _task: Arc<Task>,
}

struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Judge {
    hot: Hot,
    cold: Cold,
    /// The commits that SQL had at the last look.
    known: Mutex<Option<Vec<WriterCommits>>>,
    standing: watch::Sender<Standing>,
}

impl StepWatch {
    /// Compares the stores, and goes on watching them.
    ///
    /// # Errors
    /// [`Error::SqlWentBack`]; [`Error::Hot`] or [`Error::Cold`] when a store does not answer.
    pub(crate) async fn start(hot: &Hot, cold: &Cold) -> Result<Self> {
        hot.put_up_fence();
        let judge = Arc::new(Judge {
            hot: hot.clone(),
            cold: cold.clone(),
            known: Mutex::default(),
            standing: watch::Sender::new(Standing::InStep),
        });
        let proven = judge.judge().await?;
        let standing = judge.standing.borrow().clone();
        if let Standing::SqlWentBack {
            writer,
            saved,
            settled,
        } = standing
        {
            return Err(Error::SqlWentBack {
                writer,
                saved,
                settled,
            });
        }
        let task = tokio::spawn(Arc::clone(&judge).watch(proven));
        Ok(Self {
            judge,
            _task: Arc::new(Task(task)),
        })
    }

    /// Returns the relation of the stores as of the last look.
    pub(crate) fn standing(&self) -> Standing {
        self.judge.standing.borrow().clone()
    }

    /// Compares the stores now.
    pub(crate) async fn judge(&self) -> Result<Standing> {
        self.judge.judge().await?;
        Ok(self.standing())
    }

    /// Takes what SQL has for known to these partitions of the Redis with this identity, in which
    /// nothing older is left.
    pub(crate) async fn accept(&self, redis: &str, of: &[(Kind, Partition)]) -> Result<()> {
        self.judge.accept(redis, of).await
    }
}

impl Judge {
    async fn watch(self: Arc<Self>, mut proven: Option<String>) {
        let mut judged = Instant::now();
        loop {
            let asked = timeout(EVERY, self.hot.question()).await.is_ok();
            if *self.standing.borrow() != Standing::InStep {
                sleep(SOON).await;
            } else if !asked
                && judged.elapsed() < UNASKED
                && self.is_still(&proven).await.unwrap_or(true)
            {
                continue;
            }
            judged = Instant::now();
            let asked = self.hot.questions();
            proven = self.judge().await.unwrap_or_else(|error| {
                tracing::debug!(%error, "could not compare Redis with SQL; retrying");
                None
            });
            self.hot.answer(asked, proven.clone());
        }
    }

    /// True while Redis is the one that was compared, and knows the scripts.
    async fn is_still(&self, proven: &Option<String>) -> Result<bool> {
        let identity = self.hot.identity().await?;
        Ok(proven.as_ref() == Some(&identity) && self.hot.knows_scripts().await?)
    }

    /// Compares the stores; opens the fence when they are in step, and closes it when not. Returns
    /// the identity of the Redis that is in step.
    async fn judge(&self) -> Result<Option<String>> {
        let redis = self.hot.identity().await?;
        let mut standing = self.look_patiently().await?;
        if let Standing::RedisWentBack(behind) = &standing {
            let behind = self.hot.neighbours(behind);
            if self.hot.is_empty(&behind).await? {
                self.hot.end_past(&behind).await?;
                self.accept(&redis, &behind).await?;
                standing = self.look_patiently().await?;
            }
        }
        let knows_scripts = self.hot.knows_scripts().await?;
        if standing == Standing::InStep {
            if !knows_scripts {
                self.hot.load_scripts().await?;
            }
            self.check_same(&redis).await?;
        } else if knows_scripts {
            self.hot.forget_scripts().await?;
        }
        self.publish(&standing);
        Ok((standing == Standing::InStep).then_some(redis))
    }

    /// Fails when Redis is not the one any more that was compared: its scripts are taken out again.
    async fn check_same(&self, redis: &str) -> Result<()> {
        let now = self.hot.identity().await;
        if now.is_ok_and(|now| now == redis) {
            return Ok(());
        }
        self.hot.forget_scripts().await?;
        Err(hot::Error::Unproven.into())
    }

    /// Looks; and for some time again while SQL seems to have gone back, since the node that
    /// answers may only lag.
    async fn look_patiently(&self) -> Result<Standing> {
        let deadline = Instant::now() + LAG;
        loop {
            let standing = self.look().await?;
            if !matches!(standing, Standing::SqlWentBack { .. }) || Instant::now() > deadline {
                return Ok(standing);
            }
            if *self.standing.borrow() == standing {
                return Ok(standing);
            }
            sleep(SOON).await;
        }
    }

    async fn look(&self) -> Result<Standing> {
        let settled = self.hot.commit_marks().await?;
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (settled, rows) = match self.cold.commits().await {
            Ok(rows) => {
                *known() = Some(rows.clone());
                (settled, rows)
            }
            // What SQL had at the last look it still has, and Redis must know it.
            Err(error) => match known().clone() {
                Some(rows) => (Vec::new(), rows),
                None => return Err(error.into()),
            },
        };
        Ok(compare(&settled, &rows, &self.hot.commit_marks().await?))
    }

    async fn accept(&self, redis: &str, partitions: &[(Kind, Partition)]) -> Result<()> {
        let (rows, hot) = (self.cold.commits().await?, self.hot.beyond_fence(redis));
        let accept = partitions.iter().map(async |partition| {
            let saved: Vec<_> = rows
                .iter()
                .map(|row| {
                    (
                        row.writer.clone(),
                        row.mark(hot::partition_index(*partition)),
                    )
                })
                .collect();
            hot.accept_commits(*partition, &saved).await
        });
        Ok(try_join_all(accept).await.map(drop)?)
    }

    fn publish(&self, standing: &Standing) {
        let changed = self.standing.send_replace(standing.clone()) != *standing;
        match standing {
            _ if !changed => {}
            Standing::InStep => tracing::info!("Redis and SQL are in step again"),
            Standing::RedisWentBack(behind) => tracing::error!(
                partitions = behind.len(),
                "Redis went back in time: it is older than SQL; requests are refused until a \
                 flusher has brought it up to date"
            ),
            Standing::SqlWentBack {
                writer,
                saved,
                settled,
            } => tracing::error!(
                "{}; requests are refused until then",
                Error::SqlWentBack {
                    writer: writer.clone(),
                    saved: *saved,
                    settled: *settled,
                }
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn marks(partition: u8, began: i64, settled: i64) -> PartitionMarks {
        let of = |number| HashMap::from([("w".to_owned(), number)]);
        PartitionMarks {
            kind: Kind::Chat,
            partition: Partition(partition),
            began: of(began),
            settled: of(settled),
        }
    }

    fn row(number: i64, marks: &[u32]) -> WriterCommits {
        WriterCommits {
            writer: "w".into(),
            number,
            marks: marks.to_vec(),
        }
    }

    #[test]
    fn stores_are_in_step_while_sql_is_between_what_was_settled_and_what_was_begun() {
        for (began, number, settled) in [(0, 0, 0), (7, 7, 7), (8, 7, 6), (9, 7, 0)] {
            let redis = [marks(0, began, settled), marks(1, 0, 0)];
            let sql = [row(number, &[number as u32, 0])];
            assert_eq!(compare(&redis, &sql, &redis), Standing::InStep);
        }
    }

    #[test]
    fn a_partition_that_has_forgotten_a_commit_went_back() {
        let redis = [marks(0, 7, 7), marks(1, 5, 5)];
        let standing = compare(&redis, &[row(7, &[7, 6])], &redis);
        let behind = vec![(Kind::Chat, Partition(1))];
        assert_eq!(standing, Standing::RedisWentBack(behind));
        // Another writer's marks, or none at all, stand for nothing.
        let other = WriterCommits {
            writer: "v".into(),
            ..row(1, &[1, 0])
        };
        let standing = compare(&redis, &[row(7, &[7, 5]), other], &redis);
        let behind = vec![(Kind::Chat, Partition(0))];
        assert_eq!(standing, Standing::RedisWentBack(behind));
    }

    #[test]
    fn an_sql_that_lacks_what_was_settled_went_back() {
        let redis = [marks(0, 7, 7)];
        for (rows, saved) in [(vec![row(6, &[6])], 6), (vec![], 0)] {
            let expected = Standing::SqlWentBack {
                writer: "w".into(),
                saved,
                settled: 7,
            };
            assert_eq!(compare(&redis, &rows, &redis), expected);
        }
    }
}
