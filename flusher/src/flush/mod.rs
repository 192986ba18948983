//! A pass over what is due: lease, snapshot, wait for durability, commit, propagate, settle.

// Chats, with their members and messages.
mod chats;
// What is held by lease.
mod claims;
// Redis after it went back in time.
mod refresh;
// Users, with their private rows.
mod users;

use std::{
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use claims::Claims;
use futures_util::future::join_all;
use hot::{Hot, Kind};
use model::{ChatId, Partition, Tick, UserId};
use store::{HotError, Store};
use tokio::sync::Semaphore;

use crate::{
    Config, Error,
    commit::{Places, commit},
    durable::Durable,
    sql::Sql,
    webhooks::{Known, Webhooks},
    writer::{Commit, Writer},
};

/// The number of users that share one transaction: fewer where SQL is slow.
const USERS: usize = 128;
/// The number of chats that share one transaction, unless they have many rows.
const CHATS: usize = 512;
/// The number by which a group grows again after each that was saved in time.
const GROUP_GROWTH: usize = 8;
/// The number of scripts that Redis is given at once.
const MAX_CONCURRENT_SCRIPTS: usize = 2;
/// The most rows of one chat or user in one snapshot.
const MAX_ROWS: usize = 512;
/// The most bytes of messages, about, of one chat in one snapshot.
const MAX_BYTES: usize = 256 * 1024;

/// The share of `maxmemory` from which on chats leave before their time: before Redis refuses
/// anything.
const CROWDED_SHARE: f64 = 0.85;
/// The number of idle chats that leave each partition at once.
const IDLE_PER_PARTITION: usize = 2;

/// The time until chats and users are due again that a failed pass gives back.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A worker that saves what is due.
pub(crate) struct Flusher {
    /// The connection on which snapshots are made and waited for.
    pub(crate) hot: Hot,
    /// Both stores, for what members and users are notified of.
    pub(crate) store: Store,
    /// The connections for writes.
    pub(crate) sql: Arc<Sql>,
    /// The settings.
    pub(crate) config: Config,
    /// The wait until Redis cannot forget a snapshot.
    pub(crate) durable: Durable,
    /// The chats and users that are leased.
    claims: Claims,
    /// The name under which it writes to SQL, and the count of its commits.
    pub(crate) writer: Arc<Writer>,
    /// The webhooks as they are known.
    pub(crate) webhooks: Known,
    /// True when all that is saved leaves Redis, and sessions end, since it is of the past.
    refreshes: bool,
    user_group: GroupSize,
    chat_group: GroupSize,
}

impl Flusher {
    pub(crate) fn new(
        hot: Hot,
        store: Store,
        sql: Sql,
        config: Config,
        durable: Durable,
        writer: Writer,
    ) -> Self {
        Self {
            hot,
            store,
            sql: Arc::new(sql),
            config,
            durable,
            claims: Claims::default(),
            writer: Arc::new(writer),
            webhooks: Known::default(),
            refreshes: false,
            user_group: GroupSize::new(USERS),
            chat_group: GroupSize::new(CHATS),
        }
    }

    /// Saves what is due: a group of users, and of chats as many as time allows. False when nothing
    /// was due.
    pub(crate) async fn pass(&self) -> Result<bool, Error> {
        self.give_back().await?; // what an earlier pass could not
        let users: Vec<UserId> = self.lease(Kind::User, &self.user_group).await?;
        let chats: Vec<ChatId> = self.lease(Kind::Chat, &self.chat_group).await?;
        // Neither waits for what holds up the other.
        let flushed_users = if users.is_empty() {
            Ok(())
        } else {
            self.flush_users(&users).await.map(drop)
        };
        self.user_group.learn(users.len(), &flushed_users);
        if flushed_users.is_ok() {
            self.claims.release(Kind::User, &users);
        }
        let flushed_chats = if chats.is_empty() {
            self.catch_up().await
        } else {
            self.flush_due_chats(&chats).await
        };
        if let Err(error) = self.give_back().await {
            tracing::debug!(%error, "could not give leases back; the next pass will");
        }
        flushed_users.and(flushed_chats)?;
        Ok(!users.is_empty() || !chats.is_empty())
    }

    /// Compares the stores after an error that shows that one of them may have gone back in time.
    pub(crate) async fn look_into(&self, error: &Error) -> Result<(), Error> {
        match error {
            Error::Sql(sea_orm::DbErr::RecordNotUpdated) => {
                self.store.compare().await?;
                self.writer.renew(&self.sql).await?;
            }
            Error::Store(store::Error::Hot(HotError::Forgot)) => {
                self.store.compare().await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Lets another flusher take over the writer of SQL.
    pub(crate) async fn give_up(&self) -> Result<(), Error> {
        Ok(self.writer.give_up(&self.sql).await?)
    }

    /// Returns the last tick that snapshots may show.
    async fn newest(&self) -> Result<Tick, Error> {
        let newest = self.durable.newest().await?;
        if self.durable.watches() {
            self.writer.meet(self.hot.identity().await?);
        }
        Ok(newest)
    }

    /// Begins a commit. A Redis that went back is not told of it: until it is up to date, its marks
    /// must show that it went back.
    async fn begin(&self) -> Result<Commit, Error> {
        if self.writer.is_exhausted() {
            self.writer.renew(&self.sql).await?;
        }
        Ok(Commit::begin(&self.writer, !self.refreshes))
    }

    /// Notes that Redis was told of a commit with rows of these partitions.
    async fn note_told(
        &self,
        commit: &Commit,
        partitions: impl Iterator<Item = (Kind, Partition)>,
    ) -> Result<(), Error> {
        if self.refreshes {
            return Ok(());
        }
        // It is durable by now, but where the disk is only watched.
        let by = match self.durable.watches() {
            true => self.hot.now().await?,
            false => Tick::NEVER,
        };
        self.writer.told(by, commit.number(), partitions);
        Ok(())
    }

    /// Tells SQL of commits whose marks have become durable in Redis after them.
    async fn catch_up(&self) -> Result<(), Error> {
        if self.durable.watches() {
            let newest = self.newest().await?;
            if self.writer.is_behind(newest) {
                let number = self.begin().await?.number();
                let stamp = self.writer.stamp(number, newest);
                let (places, webhooks) = (Places::new(), Webhooks::default());
                commit(&self.sql, &self.writer, &stamp, vec![], &places, &webhooks).await?;
            }
        }
        Ok(())
    }

    /// Evicts warm, clean chats before their time when Redis nears its limit; first those that
    /// would leave first.
    pub(crate) async fn make_room(&self) -> Result<(), Error> {
        if self.hot.memory().await?.share() < CROWDED_SHARE {
            return Ok(());
        }
        let idle = self
            .hot
            .idle_chats(IDLE_PER_PARTITION, self.config.lease)
            .await?;
        tracing::warn!(
            chats = idle.len(),
            "Redis is nearly full; chats leave before their time"
        );
        let expire = idle.iter().map(|chat| self.hot.expire_early(*chat));
        each(&idle, expire).await.map(drop)
    }

    /// Leases up to a group of what is due.
    async fn lease<T: std::str::FromStr>(
        &self,
        kind: Kind,
        group: &GroupSize,
    ) -> Result<Vec<T>, Error> {
        // The scores are of Redis' clock; a second more asks for a partition too many, and
        // leases nothing there.
        let soon = Tick::now().0 / 1000 + 1000;
        let mut due = self.hot.first_due(kind).await?;
        due.retain(|(_, score)| *score <= soon);
        let (partitions, each) = share(due, group.get());
        let leases = partitions
            .into_iter()
            .map(|partition| self.hot.lease_due(kind, partition, each, self.config.lease));
        let leased = join_all(leases).await;
        let ids = leased.iter().flatten();
        ids.for_each(|ids| self.claims.hold(kind, ids));
        let leased = leased.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(leased
            .iter()
            .flatten()
            .filter_map(|id| id.parse().ok())
            .collect())
    }

    /// Returns the time until a chat or user is due again after a snapshot of `rows` rows: none if
    /// the snapshot was full, since more may wait behind it.
    fn next_flush_in(&self, rows: usize) -> Duration {
        if rows >= MAX_ROWS {
            Duration::ZERO
        } else {
            self.hot.options().flush_after
        }
    }
}

/// The number of chats, or users, that share one transaction: as many as SQL saves in time.
struct GroupSize {
    size: AtomicUsize,
    most: usize,
}

impl GroupSize {
    fn new(most: usize) -> Self {
        Self {
            size: AtomicUsize::new(most),
            most,
        }
    }

    fn get(&self) -> usize {
        self.size.load(Relaxed)
    }

    /// Halves the group when SQL was too slow for `count` of them, so that some are saved rather
    /// than none; lets it grow again with each full one that was saved.
    fn learn<T>(&self, count: usize, flushed: &Result<T, Error>) {
        let size = self.get();
        let next = match flushed {
            Err(Error::SqlTooSlow(_)) => (count / 2).max(1),
            Ok(_) if count >= size => (size + GROUP_GROWTH).min(self.most),
            _ => size,
        };
        self.size.store(next, Relaxed);
    }

    /// Notes that no more than `count` of them had room in a transaction.
    fn shrink(&self, count: usize) {
        self.size.store(count.clamp(1, self.most), Relaxed);
    }
}

/// Returns the partitions to lease from, and how many from each: equal parts of a group. If there
/// are too many, those come first whose first entry is due for the longest time, so that none ever
/// waits behind the others for good.
fn share(mut due: Vec<(Partition, i64)>, group: usize) -> (Vec<Partition>, usize) {
    due.sort_by_key(|(_, score)| *score);
    due.truncate(group);
    let each = (group / due.len().max(1)).max(1);
    (
        due.into_iter().map(|(partition, _)| partition).collect(),
        each,
    )
}

/// Runs all of `work`, a few at a time, and returns the outputs in order. Redis runs the commands
/// waiting on one connection before it looks at the next connection, so many scripts at once would
/// hold up all other clients.
fn few_at_once<F: Future>(
    work: impl Iterator<Item = F>,
    few: usize,
) -> impl Future<Output = Vec<F::Output>> {
    let room = Arc::new(Semaphore::new(few));
    join_all(work.map(|one| {
        let room = Arc::clone(&room);
        async move {
            let _room = room.acquire_owned().await.expect("it is never closed");
            one.await
        }
    }))
}

/// Runs the work on each of `ids`, a few at a time, as [`each_of_groups`] does.
async fn each<I: Display, T, E: Into<Error>>(
    ids: &[I],
    work: impl Iterator<Item = impl Future<Output = Result<T, E>>>,
) -> Result<Vec<T>, Error> {
    let alone = ids.iter().zip(work);
    let alone = alone.map(|(id, one)| async move { vec![(id, one.await)] });
    each_of_groups(alone, MAX_CONCURRENT_SCRIPTS).await
}

/// Runs the work on groups of records, a few at a time, and returns the successes in order. The
/// first outage ends it: each script that waits for a Redis which stands still takes seconds. A
/// record that Redis refuses, or that cannot be read, holds up no other: it is due again when its
/// lease ends.
async fn each_of_groups<I: Display, T, E: Into<Error>>(
    work: impl Iterator<Item = impl Future<Output = Vec<(I, Result<T, E>)>>>,
    few: usize,
) -> Result<Vec<T>, Error> {
    let over = AtomicBool::new(false);
    let work = work.map(|group| async {
        if over.load(Relaxed) {
            return Vec::new();
        }
        let of_group = group.await.into_iter();
        let of_group: Vec<(I, Result<T, Error>)> = of_group
            .map(|(id, outcome)| (id, outcome.map_err(Into::into)))
            .collect();
        let is_over = |(_, outcome): &(I, Result<T, Error>)| outcome.as_ref().is_err_and(is_outage);
        over.fetch_or(of_group.iter().any(is_over), Relaxed);
        of_group
    });
    let mut good = Vec::new();
    for (id, outcome) in few_at_once(work, few).await.into_iter().flatten() {
        match outcome {
            Ok(value) => good.push(value),
            Err(error) if is_outage(&error) => return Err(error),
            Err(error) => tracing::error!(
                %id, %error,
                "could not flush a record; it stays in Redis and is retried when its lease ends"
            ),
        }
    }
    Ok(good)
}

/// True unless the error is about one record.
fn is_outage(error: &Error) -> bool {
    !matches!(error, Error::Store(store::Error::Hot(error)) if !error.is_outage())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[tokio::test]
    async fn work_is_done_a_few_at_a_time_and_answered_in_its_order() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = (0..20).map(|number| {
            let (running, most) = (&running, &most);
            async move {
                most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                for _ in 0..(20 - number) {
                    tokio::task::yield_now().await;
                }
                running.fetch_sub(1, SeqCst);
                number
            }
        });
        assert_eq!(
            few_at_once(work, MAX_CONCURRENT_SCRIPTS).await,
            (0..20).collect::<Vec<_>>()
        );
        assert_eq!(most.into_inner(), MAX_CONCURRENT_SCRIPTS);
    }

    #[tokio::test]
    async fn an_outage_ends_the_pass_and_one_bad_record_does_not() {
        let unreadable = || hot::Error::Corrupt {
            what: "a member",
            detail: "no role".into(),
        };
        let work = [Ok("a"), Err(unreadable()), Ok("c")].map(|outcome| async { outcome });
        let good = each(&[1, 2, 3], work.into_iter()).await;
        assert_eq!(good.expect("no outage"), ["a", "c"]);
        let tried = AtomicUsize::new(0);
        let work = (0..100).map(|at| {
            tried.fetch_add(1, SeqCst);
            let tried = &tried;
            async move {
                tried.fetch_add(1000, SeqCst);
                if at < 3 {
                    Ok(at)
                } else {
                    Err(Error::NotDurable)
                }
            }
        });
        let error = each(&[0; 100], work).await.expect_err("an outage");
        assert!(matches!(error, Error::NotDurable));
        let tried = tried.into_inner() / 1000;
        assert!(tried < 3 + 2 * MAX_CONCURRENT_SCRIPTS, "{tried} were tried");
    }

    #[test]
    fn a_group_that_is_too_large_for_a_slow_sql_gets_smaller_and_grows_again() {
        let group = GroupSize::new(USERS);
        let slow = || Err(Error::SqlTooSlow(Duration::from_secs(10)));
        let after = |count, flushed: Result<(), Error>| {
            group.learn(count, &flushed);
            group.get()
        };
        let (first, second) = (after(128, slow()), after(64, slow()));
        assert_eq!(
            [first, second, after(32, Err(Error::NotDurable))],
            [64, 32, 32]
        );
        assert_eq!(
            after(31, Ok(())),
            32,
            "a small group tells nothing of a large one"
        );
        assert_eq!(after(32, Ok(())), 40);
        assert_eq!([after(1, slow()), after(1, slow())], [1, 1]);
        assert_eq!((0..20).fold(1, |size, _| after(size, Ok(()))), USERS);
        let fits = [0, 40, 1000].map(|count| {
            group.shrink(count);
            group.get()
        });
        assert_eq!(fits, [1, 40, USERS]);
    }

    #[test]
    fn of_too_many_partitions_those_that_wait_longest_come_first() {
        let all: Vec<_> = Partition::all().collect();
        let due = |score: fn(usize) -> i64| {
            all.iter()
                .enumerate()
                .map(move |(at, partition)| (*partition, score(at)))
        };
        let (partitions, each) = share(due(|at| 1000 - at as i64).collect(), USERS);
        assert_eq!((partitions.len(), each), (USERS, 1));
        assert!(partitions.iter().eq(all.iter().rev().take(USERS)));
        let (partitions, each) = share(due(|at| at as i64).take(3).collect(), USERS);
        assert_eq!((partitions, each), (all[..3].to_vec(), USERS / 3));
        assert_eq!(share(Vec::new(), USERS).0, []);
    }
}
