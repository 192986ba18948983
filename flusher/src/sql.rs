//! The connections for writes, and the time limits of what is done over them.

use std::{sync::Arc, time::Duration};

use cold::SessionLimits;
use sea_orm::{DatabaseConnection, DbErr, Statement};
use tokio::{sync::Mutex, task::JoinHandle};

/// The least time that a transaction has, however short a lease is.
const LEAST: Duration = Duration::from_secs(3);
/// The longest wait for a lock. One chat that is locked must not use up the time of the others.
const LOCK_WAIT: Duration = Duration::from_secs(1);
/// The pages of SQLite that a connection keeps, in KiB: a transaction changes more of them than it
/// keeps by itself, and those without room would be written more than once.
const WRITE_CACHE: u32 = 32 * 1024;
/// The time in which connections that are thrown away are closed in an orderly way.
const CLOSE: Duration = Duration::from_secs(5);

/// Connections to SQL that are thrown away as soon as one of them may be in the middle of a
/// transaction: the next transaction would become a part of that one, its commit would report
/// success, and all of it would go with the end of the connection.
pub struct Sql {
    url: String,
    connections: u32,
    lease: Duration,
    observer: Option<Observer>,
    pool: Mutex<Pool>,
}

/// A function that is told of each statement.
type Observer = Arc<dyn Fn(&Statement) + Send + Sync>;

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
            observer: None,
            pool: Mutex::new(Pool::Open(pool)),
        })
    }

    /// Returns other connections to the same database, which are opened when they are needed.
    pub(crate) fn others(&self, connections: u32) -> Self {
        Self {
            url: self.url.clone(),
            connections,
            lease: self.lease,
            observer: self.observer.clone(),
            pool: Mutex::new(Pool::Closed),
        }
    }

    /// Returns the same connections, which tell `observer` of each statement.
    pub fn observed(mut self, observer: impl Fn(&Statement) + Send + Sync + 'static) -> Self {
        let observer: Observer = Arc::new(observer);
        if let Pool::Open(pool) = self.pool.get_mut() {
            observe(pool, &observer);
        }
        self.observer = Some(observer);
        self
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
        let mut new = open(&self.url, self.connections, self.lease).await?;
        if let Some(observer) = &self.observer {
            observe(&mut new, observer);
        }
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

fn observe(pool: &mut DatabaseConnection, observer: &Observer) {
    let observer = Arc::clone(observer);
    pool.set_metric_callback(move |made| observer(made.statement));
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
        cache: WRITE_CACHE,
    };
    cold::connect_limited(url, connections, limits).await
}

fn limit(lease: Duration) -> Duration {
    (lease / 3).max(LEAST)
}
