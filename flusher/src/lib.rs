//! The daemon that moves what is in Redis to SQL: wake, lease, snapshot, wait for durability,
//! commit, propagate, settle; and back to Redis on login.
//!
//! The due sets in Redis are the truth about what must be done; expiry events only make it prompt.
//! Any number of flushers share the work, and one that stops at any step has done no harm: its
//! lease ends by itself, and rows that it committed are committed again without effect.
#![recursion_limit = "256"] // the types of nested futures

// Every SQL write: transactions, halving, monotone upserts.
mod commit;
// The settings of the flusher alone.
mod config;
// The wait until Redis cannot forget a snapshot.
mod durable;
// A pass over what is due.
mod flush;
// Hydration of users who log in.
mod login;
// The sign of life.
mod pulse;
// The index of search, made anew beside all else.
mod reindex;
// A row on its way from Redis to SQL.
mod row;
// The spans of the index of search, made of what was there before them.
mod seal;
// The connections for writes.
mod sql;
// Events and the timer that start a pass.
mod wake;
// What is saved is told to the receivers of webhooks.
mod webhooks;
// The name under which a flusher writes, and the count of its commits.
mod writer;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use hot::Hot;
use store::Store;
use tokio_util::sync::CancellationToken;

pub use commit::check_rights;
pub use config::Config;
use durable::Durable;
use flush::Flusher;
pub use pulse::Pulse;
pub use reindex::begin_reindex;
use reindex::reindex_piece;
pub use seal::begin_spans;
use seal::spans_piece;
pub use sql::Sql;
use wake::Wake;
use writer::Writer;
pub use writer::accept_settled;

/// The time between two checks of the room in Redis.
const MEMORY_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The time between two looks whether the index of search is to be made anew.
const REINDEX_CHECK_INTERVAL: Duration = Duration::from_secs(60);

/// The connections to SQL over which cursors of webhooks are read and written.
const WEBHOOK_CONNECTIONS: u32 = 4;

/// The time that a pass under way has to finish at shutdown: less than what a container is given.
const FINISH: Duration = Duration::from_secs(8);
/// The time to give back, at the end, what is still leased.
const GIVE_BACK: Duration = Duration::from_secs(1);

/// The reason why a pass ended early. Nothing is lost by it: everything stays in Redis.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Redis or SQL failed, through the store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// SQL failed.
    #[error("SQL: {0}")]
    Sql(#[from] sea_orm::DbErr),
    /// SQL has not done a transaction in its time.
    #[error("SQL has not done a transaction within {0:?}")]
    SqlTooSlow(Duration),
    /// A pass took so long that all its leases have ended.
    #[error("a pass took longer than {0:?}")]
    PassTooSlow(Duration),
    /// Redis did not confirm in time that a snapshot is on disk, or on a replica.
    #[error("Redis did not confirm in time that a snapshot is durable")]
    NotDurable,
}

impl From<hot::Error> for Error {
    fn from(error: hot::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Runs until `shutdown`, then finishes what is leased. Writes go over `sql`; `pulse` beats at each
/// turn; `ready` is called once events arrive.
///
/// # Errors
/// Fails when the flusher cannot subscribe to events, or open connections of its own, at the start.
/// Later it backs off and goes on.
pub async fn run(
    config: Config,
    hot: Hot,
    store: Store,
    sql: Sql,
    shutdown: CancellationToken,
    pulse: Pulse,
    ready: impl FnOnce(),
) -> Result<(), Error> {
    // Snapshots and the waiting for their durability go over a connection that nobody else writes
    // on.
    let hot = hot.new_connection().await?;
    let durable = Durable::start(&hot, store.server()).await?;
    let writer = Writer::take(&sql).await?;
    let mut wake = Wake::subscribe(&hot, config.sweep).await?;
    let warm = login::warm_logins(
        store.clone(),
        hot.new_connection().await?,
        config.warm_chats,
        shutdown.clone(),
    );
    let logins = hot::spawn_critical("the hydration of users who log in", warm);
    let pass_limit = config.pass_limit();
    // Receivers that are many or slow must not take the connections of what is saved.
    let webhook_sql = Arc::new(sql.others(WEBHOOK_CONNECTIONS));
    let flusher = Flusher::new(
        hot.clone(),
        store.clone(),
        sql,
        config.clone(),
        durable,
        writer,
    );
    let known = flusher.webhooks.clone();
    let stop_telling = shutdown.child_token();
    let _stop_telling = stop_telling.clone().drop_guard();
    let telling = webhooks::tell(known, store, webhook_sql, config, stop_telling);
    let telling = hot::spawn_critical("the telling of webhooks", telling);
    tracing::info!("flusher is ready");
    ready();

    let (mut failures, mut memory_checked) = (0, Instant::now());
    let mut reindex_at = Instant::now();
    while wake.next(&shutdown).await {
        pulse.beat();
        let pass = async {
            flusher.keep_in_step().await?;
            if memory_checked.elapsed() > MEMORY_CHECK_INTERVAL {
                memory_checked = Instant::now();
                flusher.make_room().await?;
            }
            let more = flusher.pass().await?;
            if Instant::now() < reindex_at {
                return Ok(more);
            }
            // No rows wait for it: what fails here is tried once more after the next pass.
            let indexed = async {
                Ok(reindex_piece(&flusher.sql).await? || spans_piece(&flusher.sql).await?)
            };
            let indexed: Result<bool, Error> = indexed.boxed().await;
            match &indexed {
                Ok(true) => {}
                Ok(false) => reindex_at = Instant::now() + REINDEX_CHECK_INTERVAL,
                Err(error) => tracing::debug!(%error, "the index of search is not made anew now"),
            }
            Ok(more || indexed.unwrap_or(false))
        };
        let Some(done) = finished(pass, pass_limit, &shutdown).await else {
            tracing::warn!("stopped in the middle of a pass; what it has not saved stays in Redis");
            break;
        };
        match done {
            Ok(more) => {
                failures = 0;
                if more {
                    wake.at_once();
                }
            }
            Err(error) => {
                let look = shutdown.run_until_cancelled(flusher.look_into(&error));
                if let Some(Err(error)) = look.await {
                    tracing::debug!(%error, "could not compare Redis with SQL; retrying");
                }
                failures += 1;
                let wait = backoff(failures);
                tracing::warn!(
                    %error, retry_ms = wait.as_millis() as u64,
                    "could not save to SQL; nothing is lost, it stays in Redis; retrying"
                );
                tokio::select! {
                    () = tokio::time::sleep(wait) => wake.at_once(),
                    () = shutdown.cancelled() => {}
                }
            }
        }
    }
    // What was cut off is another's at once, if Redis answers.
    let given_back = tokio::time::timeout(GIVE_BACK, flusher.give_back()).await;
    if !matches!(given_back, Ok(Ok(()))) {
        tracing::debug!("could not give leases back; they end by themselves");
    }
    let given_up = tokio::time::timeout(GIVE_BACK, flusher.give_up()).await;
    if !matches!(given_up, Ok(Ok(()))) {
        tracing::debug!("could not give up the writer of SQL; it is taken over later");
    }
    if let Err(error) = telling.await {
        tracing::warn!(%error, "the task that tells webhooks ended with an error");
    }
    if let Err(error) = logins.await {
        tracing::warn!(%error, "the task that warms up logins ended with an error");
    }
    hot.close().await;
    Ok(())
}

/// Runs a pass for as long as `limit`, and for a short time only once `shutdown` has come: then
/// `None` if it has not finished. Nothing is lost by a pass that is cut off.
async fn finished<T>(
    pass: impl Future<Output = Result<T, Error>>,
    limit: Duration,
    shutdown: &CancellationToken,
) -> Option<Result<T, Error>> {
    let stopped = async {
        shutdown.cancelled().await;
        tokio::time::sleep(FINISH).await;
    };
    tokio::select! {
        biased;
        done = tokio::time::timeout(limit, pass) => {
            Some(done.unwrap_or(Err(Error::PassTooSlow(limit))))
        }
        () = stopped => None,
    }
}

/// Returns 0.1 s, doubled with each failure up to about 6 s, and up to half as much again so that
/// many flushers do not return at once.
fn backoff(failures: u32) -> Duration {
    let base = 100 * (1 << failures.min(6));
    Duration::from_millis(base + fastrand::u64(..=base / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pass_that_does_not_end_is_cut_off_after_its_time_and_soon_at_a_shutdown() {
        let (limit, shutdown) = (Duration::from_secs(60), CancellationToken::new());
        let never = std::future::pending::<Result<bool, Error>>;
        let done = finished(never(), limit, &shutdown).await;
        assert!(matches!(done, Some(Err(Error::PassTooSlow(_)))));
        shutdown.cancel();
        assert!(finished(never(), limit, &shutdown).await.is_none());
        let short = async {
            tokio::time::sleep(FINISH / 2).await;
            Ok(true)
        };
        assert!(matches!(
            finished(short, limit, &shutdown).await,
            Some(Ok(true))
        ));
    }

    #[test]
    fn backoff_doubles_up_to_six_seconds_and_half_as_much_again() {
        for (failures, base) in [(1, 200), (2, 400), (5, 3200), (6, 6400), (u32::MAX, 6400)] {
            for _ in 0..100 {
                let wait = backoff(failures).as_millis();
                assert!(
                    (base..=base * 3 / 2).contains(&wait),
                    "{wait} after {failures}"
                );
            }
        }
    }
}
