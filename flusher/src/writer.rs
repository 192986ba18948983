//! The name under which a flusher writes to SQL, and the count of its commits.
//!
//! Each transaction counts itself in the writer's row of `commits`. Redis is told of a commit
//! before it (`began`, with the snapshot) and after it (`settled`). So an SQL that went back has
//! too low a number, and a Redis that went back has not heard of a commit that SQL has.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use entity::commit;
use hot::{CommitMark, Kind, partition_index};
use model::{Partition, Tick};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use crate::sql::Sql;

/// The number of partitions: 256 of chats and 256 of users.
const PARTITIONS: usize = 512;
/// The time after which a writer that was not used has no owner any more.
const ABANDONED: Duration = Duration::from_secs(60);
/// The number of commits that a flusher begins beyond those that SQL has: less than by what the
/// number rises when another takes the writer over. So no number is used twice.
const AHEAD: i64 = 1000;
const TAKE_OVER: i64 = 1024;
/// The number of passes whose marks may wait to be durable.
const WAITING: usize = 1024;

/// A writer of SQL. A flusher takes one over whose owner is gone, so their number is that of the
/// flushers.
pub(crate) struct Writer(Mutex<Progress>);

struct Progress {
    writer: String,
    owner: String,
    /// The newest commit that was begun.
    begun: i64,
    /// The newest commit that SQL has for sure.
    saved: i64,
    /// The newest commit with rows of each partition that SQL knows of.
    marks: Vec<u32>,
    /// The same of those that SQL may know of: Redis cannot forget that they were begun.
    durable: Vec<u32>,
    /// The Redis that was told of the commits that wait.
    redis: String,
    /// Commits whose marks Redis may still forget, with the tick by which they were written.
    waiting: VecDeque<(Tick, i64, Vec<usize>)>,
}

/// The changes that a transaction makes to the writer's row.
pub(crate) struct Stamp {
    writer: String,
    owner: String,
    number: i64,
    /// The lowest number that SQL may have before it.
    saved: i64,
    marks: Vec<u32>,
}

impl Writer {
    /// Takes over a writer that is not used any more, or makes a new one.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses.
    pub(crate) async fn take(sql: &Sql) -> Result<Self, DbErr> {
        Ok(Self(Mutex::new(Progress::take(sql).await?)))
    }

    /// Becomes another writer, since this one is another's by now, or SQL knows it no longer.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses.
    pub(crate) async fn renew(&self, sql: &Sql) -> Result<(), DbErr> {
        let progress = Progress::take(sql).await?;
        *self.progress() = progress;
        Ok(())
    }

    /// Lets another flusher take this writer over at once.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses; then it is taken over later.
    pub(crate) async fn give_up(&self, sql: &Sql) -> Result<(), DbErr> {
        let (writer, owner) = {
            let progress = self.progress();
            (progress.writer.clone(), progress.owner.clone())
        };
        commit::Entity::update_many()
            .col_expr(commit::Column::Used, Expr::value(0))
            .filter(commit::Column::Writer.eq(writer))
            .filter(commit::Column::Owner.eq(owner))
            .exec(&sql.pool().await?)
            .await
            .map(drop)
    }

    /// True when so many commits were begun and not made that another name is needed.
    pub(crate) fn is_exhausted(&self) -> bool {
        let progress = self.progress();
        progress.begun >= progress.saved + AHEAD
    }

    /// Begins a commit. Returns the writer's name and the number of the commit.
    pub(crate) fn begin(&self) -> (String, i64) {
        let mut progress = self.progress();
        progress.begun += 1;
        (progress.writer.clone(), progress.begun)
    }

    /// Returns the newest commit with rows of a partition that SQL knows of.
    pub(crate) fn known(&self, partition: (Kind, Partition)) -> i64 {
        self.progress().marks[partition_index(partition)].into()
    }

    /// Notes that Redis was told of a commit, in these partitions, by this tick.
    pub(crate) fn told(
        &self,
        by: Tick,
        commit: i64,
        partitions: impl Iterator<Item = (Kind, Partition)>,
    ) {
        let mut progress = self.progress();
        let partitions = partitions.map(partition_index).collect();
        progress.waiting.push_back((by, commit, partitions));
        if progress.waiting.len() > WAITING {
            progress.waiting.pop_front();
        }
    }

    /// Notes which Redis there is: what another was told it may have forgotten.
    pub(crate) fn meet(&self, redis: String) {
        let mut progress = self.progress();
        if progress.redis != redis {
            progress.waiting.clear();
            progress.redis = redis;
        }
    }

    /// Returns what the transactions of a commit write of it, when Redis cannot forget what it was
    /// told up to `durable`.
    pub(crate) fn stamp(&self, commit: i64, durable: Tick) -> Stamp {
        let mut progress = self.progress();
        while let Some((_, number, partitions)) =
            progress.waiting.pop_front_if(|(by, ..)| *by <= durable)
        {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            for at in partitions {
                progress.durable[at] = Ord::max(progress.durable[at], number);
            }
        }
        Stamp {
            writer: progress.writer.clone(),
            owner: progress.owner.clone(),
            number: commit,
            saved: progress.saved,
            marks: progress.durable.clone(),
        }
    }

    /// Notes that SQL has a transaction with this stamp, under this number.
    pub(crate) fn committed(&self, stamp: &Stamp, number: i64) {
        let mut progress = self.progress();
        if progress.owner != stamp.owner {
            return;
        }
        progress.saved = Ord::max(progress.saved, number);
        for (mark, saved) in progress.marks.iter_mut().zip(&stamp.marks) {
            *mark = Ord::max(*mark, *saved);
        }
    }

    /// True when marks of an earlier commit became durable after it, and SQL does not know yet.
    pub(crate) fn is_behind(&self, durable: Tick) -> bool {
        let progress = self.progress();
        progress
            .waiting
            .front()
            .is_some_and(|(by, ..)| *by <= durable)
    }

    /// Returns the newest commit that SQL has for sure.
    pub(crate) fn saved(&self) -> i64 {
        self.progress().saved
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    async fn take(sql: &Sql) -> Result<Self, DbErr> {
        let (sql, owner) = (&sql.pool().await?, uuid::Uuid::now_v7().to_string());
        let abandoned = commit::Entity::find()
            .filter(commit::Column::Used.lt(Tick::now().earlier(ABANDONED).0))
            .order_by_asc(commit::Column::Used)
            .one(sql)
            .await?;
        if let Some(row) = abandoned
            && let Some(row) = take_over(sql, row, &owner).await?
        {
            return Ok(Self::of(row));
        }
        let row = commit::Model {
            writer: owner.clone(),
            owner,
            number: 0,
            marks: Vec::new(),
            used: Tick::now().0,
        };
        let new: commit::ActiveModel = row.clone().into();
        commit::Entity::insert(new.reset_all())
            .exec_without_returning(sql)
            .await?;
        Ok(Self::of(row))
    }

    fn of(row: commit::Model) -> Self {
        let mut marks = commit::read_marks(&row.marks);
        marks.resize(PARTITIONS, 0);
        Self {
            writer: row.writer,
            owner: row.owner,
            begun: row.number,
            saved: row.number,
            durable: marks.clone(),
            marks,
            redis: String::new(),
            waiting: VecDeque::new(),
        }
    }
}

/// Makes `owner` the owner of a writer, unless another was quicker, and returns its row as it is
/// then: the former owner commits nothing more under its name, and has begun no later commit.
async fn take_over(
    sql: &impl ConnectionTrait,
    row: commit::Model,
    owner: &str,
) -> Result<Option<commit::Model>, DbErr> {
    let taken = commit::Entity::update_many()
        .col_expr(commit::Column::Owner, Expr::value(owner))
        .col_expr(commit::Column::Used, Expr::value(Tick::now().0))
        .col_expr(
            commit::Column::Number,
            ExprTrait::add(Expr::col(commit::Column::Number), TAKE_OVER),
        )
        .filter(commit::Column::Writer.eq(&row.writer))
        .filter(commit::Column::Owner.eq(&row.owner))
        .exec(sql)
        .await?;
    match taken.rows_affected {
        0 => Ok(None),
        _ => commit::Entity::find_by_id(row.writer).one(sql).await,
    }
}

impl Stamp {
    /// Counts the transaction, as a part of it, and returns its number: higher than that of each
    /// which the writer has committed before, so a reader of SQL that finds it finds all of them.
    ///
    /// # Errors
    /// [`DbErr::RecordNotUpdated`] when SQL lacks a commit of this writer, or the writer has
    /// another owner; an outage.
    pub(crate) async fn write(&self, transaction: &impl ConnectionTrait) -> Result<i64, DbErr> {
        use commit::Column::{Marks, Number, Owner, Used, Writer};
        let older = Number.lt(self.number);
        let next = ExprTrait::add(Expr::col(Number), 1);
        let number = Expr::case(older, self.number).finally(next);
        let counted = commit::Entity::update_many()
            .col_expr(Number, number.into())
            .col_expr(Marks, Expr::value(commit::write_marks(&self.marks)))
            .col_expr(Used, Expr::value(Tick::now().0))
            .filter(Writer.eq(&self.writer))
            .filter(Owner.eq(&self.owner))
            .filter(Number.gte(self.saved))
            .exec(transaction)
            .await?;
        if counted.rows_affected == 0 {
            return Err(DbErr::RecordNotUpdated);
        }
        commit::Entity::find_by_id(self.writer.clone())
            .select_only()
            .column(Number)
            .into_tuple()
            .one(transaction)
            .await?
            .ok_or(DbErr::RecordNotUpdated)
    }
}

/// Takes SQL for having these commits of writers, which it had before it was restored from a
/// backup.
///
/// # Errors
/// Fails when SQL cannot be reached or refuses; some may be taken for there.
pub async fn accept_settled(
    sql: &DatabaseConnection,
    settled: impl IntoIterator<Item = (String, i64)>,
) -> Result<(), DbErr> {
    let mut newest = BTreeMap::<String, i64>::new();
    for (writer, number) in settled {
        let known = newest.entry(writer).or_default();
        *known = Ord::max(number, *known);
    }
    for (writer, number) in newest {
        let row = commit::Model {
            owner: writer.clone(),
            writer,
            number,
            marks: Vec::new(),
            used: 0,
        };
        raise(sql, row).await?;
    }
    Ok(())
}

/// Raises the number of a writer's commits; makes the writer's row, if there is none.
async fn raise(sql: &DatabaseConnection, row: commit::Model) -> Result<(), DbErr> {
    let known = commit::Entity::find_by_id(row.writer.clone())
        .one(sql)
        .await?;
    if known.is_none() {
        let new: commit::ActiveModel = row.into();
        return commit::Entity::insert(new.reset_all())
            .exec_without_returning(sql)
            .await
            .map(drop);
    }
    commit::Entity::update_many()
        .col_expr(commit::Column::Number, Expr::value(row.number))
        .filter(commit::Column::Writer.eq(row.writer))
        .filter(commit::Column::Number.lt(row.number))
        .exec(sql)
        .await
        .map(drop)
}

/// A commit that is begun.
pub(crate) struct Commit {
    writer: String,
    number: i64,
    /// True when Redis is told of it.
    told: bool,
}

impl Commit {
    /// Begins a commit, of which Redis is told or not.
    pub(crate) fn begin(writer: &Writer, told: bool) -> Self {
        let (writer, number) = writer.begin();
        Self {
            writer,
            number,
            told,
        }
    }

    /// Returns the mark of the commit for a snapshot in a partition, or for a settle: `saved` says
    /// what SQL has.
    pub(crate) fn mark(&self, saved: i64) -> CommitMark<'_> {
        match self.told {
            true => CommitMark {
                writer: &self.writer,
                commit: self.number,
                saved,
            },
            false => CommitMark::default(),
        }
    }

    pub(crate) fn number(&self) -> i64 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: (Kind, Partition) = (Kind::User, Partition(1));
    const THERE: (Kind, Partition) = (Kind::Chat, Partition(2));

    fn writer() -> Writer {
        Writer(Mutex::new(Progress::of(commit::Model {
            writer: "w".into(),
            owner: "o".into(),
            number: 4,
            marks: commit::write_marks(&[3]),
            used: 0,
        })))
    }

    #[test]
    fn a_commit_has_the_number_after_the_last_and_marks_its_partitions() {
        let writer = writer();
        assert_eq!(writer.known((Kind::Chat, Partition(0))), 3);
        let (_, number) = writer.begin();
        writer.told(Tick::NEVER, number, [HERE].into_iter());
        let stamp = writer.stamp(number, Tick::LAST);
        assert_eq!((number, stamp.saved, writer.known(HERE)), (5, 4, 0));
        writer.committed(&stamp, stamp.number);
        assert_eq!((writer.saved(), writer.known(HERE)), (5, 5));
        assert_eq!(writer.known(THERE), 0);
    }

    #[test]
    fn a_mark_that_redis_may_forget_waits_for_a_later_commit() {
        let writer = writer();
        writer.told(Tick(10), writer.begin().1, [HERE].into_iter());
        writer.committed(&writer.stamp(5, Tick(9)), 5);
        assert_eq!((writer.saved(), writer.known(HERE)), (5, 0));
        assert!(!writer.is_behind(Tick(9)) && writer.is_behind(Tick(10)));
        writer.committed(&writer.stamp(writer.begin().1, Tick(10)), 6);
        assert_eq!((writer.saved(), writer.known(HERE)), (6, 5));
        assert!(!writer.is_behind(Tick::LAST));
    }

    #[test]
    fn what_another_redis_was_told_counts_for_nothing() {
        let writer = writer();
        writer.meet("one".into());
        for (redis, expected) in [("one", 5), ("two", 5)] {
            let (_, number) = writer.begin();
            writer.told(Tick(10), number, [HERE].into_iter());
            writer.meet(redis.into());
            writer.committed(&writer.stamp(number, Tick(10)), number);
            assert_eq!(writer.known(HERE), expected, "{redis}");
        }
    }
}
