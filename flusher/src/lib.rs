//! The daemon that moves what is in Redis to SQL: wake, claim, snapshot, wait until it is durable, commit, heal, settle; and back on login.
//!
//! The due sets in Redis are the truth about what must be done; expiry events only make it prompt. Any number of flushers share the work, and one
//! that stops at any step has done no harm: its claim ends by itself, and what it committed is committed again without effect.

mod commit;
mod config;
mod durable;
mod flush;
mod login;
mod sql;
mod wake;

use std::time::{Duration, Instant};

use store::Store;
use tokio_util::sync::CancellationToken;

pub use commit::check_rights;
pub use config::Config;
use durable::Durable;
use flush::Flusher;
pub use sql::Sql;
use wake::Wake;

/// How often it is seen to that there is room in Redis.
const LOOK_FOR_ROOM: Duration = Duration::from_secs(1);

/// Why a pass ended early. Nothing is lost by it: everything stays in Redis.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Redis or SQL, through the store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// SQL.
    #[error("SQL: {0}")]
    Sql(#[from] sea_orm::DbErr),
    /// Redis did not say in time that what it showed us is on disk, or on a replica.
    #[error("Redis could not make it durable in time")]
    NotDurable,
}

impl From<hot::Error> for Error {
    fn from(error: hot::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Runs until `shutdown`, then finishes what it has claimed. `sql` is what is written over; `ready` is called when events reach us.
///
/// # Errors
/// Only at start: when it cannot subscribe, or open the connections of its own. Later it backs off and goes on.
pub async fn run(config: Config, store: Store, sql: Sql, shutdown: CancellationToken, ready: impl FnOnce()) -> Result<(), Error> {
    // Snapshots and the waiting for their durability go over a connection that nobody else writes on.
    let hot = store.hot.another().await?;
    let durable = Durable::detect(&hot).await?;
    let mut wake = Wake::subscribe(&hot, config.sweep).await?;
    let logins = tokio::spawn(login::warm_logins(store.clone(), hot.another().await?, config.warm_chats, shutdown.clone()));
    let flusher = Flusher { hot: hot.clone(), store, sql, config, durable };
    tracing::info!("flusher is ready");
    ready();

    let (mut failures, mut looked) = (0, Instant::now());
    while wake.next(&shutdown).await {
        let pass = async {
            if looked.elapsed() > LOOK_FOR_ROOM {
                looked = Instant::now();
                flusher.make_room().await?;
            }
            flusher.pass().await
        };
        match pass.await {
            Ok(more) => {
                failures = 0;
                if more {
                    wake.again();
                }
            }
            Err(error) => {
                failures += 1;
                let wait = backoff(failures);
                tracing::warn!(%error, wait_ms = wait.as_millis() as u64, "nothing is lost: it stays in Redis until it can be saved");
                tokio::select! {
                    () = tokio::time::sleep(wait) => wake.again(),
                    () = shutdown.cancelled() => {}
                }
            }
        }
    }
    if let Err(error) = logins.await {
        tracing::warn!(%error, "warming up after logins ended badly");
    }
    hot.close().await;
    Ok(())
}

/// 0.1 s, doubled with each failure up to about 6 s, and up to half as much again so that many flushers do not return at once.
fn backoff(failures: u32) -> Duration {
    let base = 100 * (1 << failures.min(6));
    let jitter = u64::from(uuid::Uuid::now_v7().as_bytes()[15]) * base / 512;
    Duration::from_millis(base + jitter)
}
