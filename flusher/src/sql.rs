//! The connections for writes, and the time limits of what is done over them.

use std::time::Duration;

use cold::SessionLimits;
use sea_orm::{DatabaseConnection, DbErr};
use tokio::{sync::Mutex, task::JoinHandle};

/// The least time that a transaction has, however short a lease is.
const LEAST: Duration = Duration::from_secs(3);
/// The longest wait for a lock. One chat that is locked must not use up the time of the others.
const LOCK_WAIT: Duration = Duration::from_secs(1);
/// The time in which connections that are thrown away are closed in an orderly way.
const CLOSE: Duration = Duration::from_secs(5);

/// Connections to SQL that are thrown away as soon as one of them may be in the middle of a
/// transaction: the next transaction would become a part of that one, its commit would report
/// success, and all of it would go with the end of the connection.
pub struct Sql {
    url: String,
    connections: u32,
    lease: Duration,
    pool: Mutex<Pool>,
}

enum Pool {
    Open(DatabaseConnection),
    /// The connections that were thrown away, until they are closed.
    Closing(JoinHandle<()>),
    Closed,
}

impl Sql {
    /// Opens up to `connections` connections to the database at `url`. A transaction is given up
    /// after a third of `lease`, but not before three seconds.
    ///
    /// # Errors
    /// Fails when the URL is wrong or the server cannot be reached within five seconds.
    pub async fn connect(url: &str, connections: u32, lease: Duration) -> Result<Self, DbErr> {
        let pool = open(url, connections, lease).await?;
        Ok(Self {
            url: url.to_owned(),
            connections,
            lease,
            pool: Mutex::new(Pool::Open(pool)),
        })
    }

    /// Returns the longest time that a transaction may take.
    pub(crate) fn limit(&self) -> Duration {
        limit(self.lease)
    }

    /// Returns the connections; new ones if the old ones were thrown away, once those are closed: a
    /// disk or a server that stands still must not be given ever more of them.
    pub(crate) async fn pool(&self) -> Result<DatabaseConnection, DbErr> {
        let mut pool = self.pool.lock().await;
        if let Pool::Closing(closing) = &mut *pool {
            closing.await.ok();
            *pool = Pool::Closed;
        }
        if let Pool::Open(pool) = &*pool {
            return Ok(pool.clone());
        }
        let new = open(&self.url, self.connections, self.lease).await?;
        *pool = Pool::Open(new.clone());
        Ok(new)
    }

    /// Throws all connections away. Transactions under way are rolled back; nobody waits for that,
    /// since a server that is silent may never answer.
    pub(crate) async fn discard(&self) {
        let mut pool = self.pool.lock().await;
        if let Pool::Open(old) = &*pool {
            *pool = Pool::Closing(tokio::spawn(close(old.clone())));
        }
    }
}

/// Closes connections: those to a file when its threads are free, those to a server soon.
async fn close(old: DatabaseConnection) {
    let is_file = old.get_database_backend() == sea_orm::DbBackend::Sqlite;
    let closed = old.close();
    let closed = if is_file {
        closed.await
    } else {
        cold::within(CLOSE, closed).await
    };
    if let Err(error) = closed {
        tracing::debug!(%error, "could not close connections to SQL");
    }
}

async fn open(url: &str, connections: u32, lease: Duration) -> Result<DatabaseConnection, DbErr> {
    let limits = SessionLimits {
        statement: limit(lease),
        lock_wait: LOCK_WAIT,
        // The locks of a flusher that is gone must not outlive its lease by much.
        idle: lease.max(LEAST),
    };
    cold::connect_limited(url, connections, limits).await
}

fn limit(lease: Duration) -> Duration {
    (lease / 3).max(LEAST)
}
