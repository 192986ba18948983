//! The pool of connections, and the time limits of everything that is done over it.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, EntityTrait, ExecResult, QueryResult, RuntimeErr, Statement,
    sqlx::{self, Connection, Executor, MySqlConnection},
};
use tokio::time::timeout;

use crate::{
    Result,
    floor::{Floor, FloorNow, LagWait, begin_above},
};

/// The longest time that a read takes: no request waits longer for SQL.
const READ_LIMIT: Duration = Duration::from_secs(10);
/// The pages of SQLite that a connection for reads keeps, in KiB. A pool has a cache for each of
/// its connections, and what is not in one the system still has in memory.
const READ_CACHE: u32 = 2048;
/// The longest time that a connection has to show that it is alive.
const PING_LIMIT: Duration = Duration::from_secs(1);

/// The limits that a MySQL keeps for the connections of a pool, so that nothing of a client that
/// is gone stays behind.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// The longest time that a statement takes.
    pub statement: Duration,
    /// The longest time that a statement waits for a lock; whole seconds.
    pub lock_wait: Duration,
    /// The time after which an idle connection is ended, with its transaction and all locks; whole
    /// seconds.
    pub idle: Duration,
    /// The pages of SQLite that each connection keeps in memory, in KiB.
    pub cache: u32,
}

/// A reader of SQL. Clones share one pool.
#[derive(Clone)]
pub struct Cold {
    pub(crate) db: Bounded,
}

/// A function that is told of each statement, and how long it took.
type Observer = Arc<dyn Fn(&Statement, Duration) + Send + Sync>;

/// A pool over which every statement has an end. One that has taken too long is given up, and its
/// connection is closed unless it turns out to be alive.
#[derive(Clone)]
pub(crate) struct Bounded {
    pub(crate) pool: DatabaseConnection,
    observers: Vec<Observer>,
    limit: Duration,
    /// What SQL must have to be believed; `None` to believe it as it is.
    pub(crate) floor: Option<FloorNow>,
    pub(crate) lag: Arc<LagWait>,
    /// The transaction in which all statements are.
    transaction: Option<Arc<DatabaseTransaction>>,
}

impl Bounded {
    pub(crate) async fn ping(&self) -> Result<()> {
        self.within(self.pool.ping()).await
    }

    /// Returns the commits that SQL must have now. A file of SQLite is one node: it never lags.
    pub(crate) fn floor(&self) -> Floor {
        match &self.floor {
            Some(floor) if self.get_database_backend() != DbBackend::Sqlite => floor(),
            _ => Floor::default(),
        }
    }

    /// Returns the same without a floor.
    pub(crate) fn without_floor(&self) -> Self {
        Self {
            floor: None,
            ..self.clone()
        }
    }

    /// Returns the same with all its statements in a transaction that is above the floor.
    pub(crate) fn inside(&self, transaction: DatabaseTransaction) -> Self {
        Self {
            transaction: Some(Arc::new(transaction)),
            ..self.without_floor()
        }
    }

    pub(crate) async fn within<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        within(self.limit, answer).await
    }

    async fn query_one(&self, statement: Statement) -> Result<Option<QueryResult>> {
        if let Some(transaction) = &self.transaction {
            return transaction.query_one_raw(statement).await;
        }
        let floor = self.floor();
        match floor.is_empty() {
            true => self.pool.query_one_raw(statement).await,
            false => {
                let transaction = begin_above(self, &floor).await?;
                transaction.query_one_raw(statement).await
            }
        }
    }

    async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>> {
        if let Some(transaction) = &self.transaction {
            return transaction.query_all_raw(statement).await;
        }
        let floor = self.floor();
        match floor.is_empty() {
            true => self.pool.query_all_raw(statement).await,
            false => {
                let transaction = begin_above(self, &floor).await?;
                transaction.query_all_raw(statement).await
            }
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Bounded {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult> {
        within(self.limit, self.pool.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult> {
        within(self.limit, self.pool.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>> {
        self.within(self.query_one(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>> {
        self.within(self.query_all(statement)).await
    }
}

/// Waits for an answer of SQL, for as long as `limit`.
///
/// # Errors
/// The error of SQL, or one that says that there was no answer in time.
pub async fn within<T>(limit: Duration, answer: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, answer)
        .await
        .unwrap_or_else(|_| Err(no_answer(limit)))
}

/// Returns the error of a SQL that has not answered in time.
pub fn no_answer(limit: impl fmt::Debug) -> DbErr {
    DbErr::Conn(RuntimeErr::Internal(format!("no answer within {limit:?}")))
}

/// Returns the options with which every part of Carrier connects to `url` (`mysql://` or
/// `sqlite://`).
///
/// A connection is asked whether it is alive before it is used, and before it is put back: one
/// whose statement was given up may be in the middle of it, or its packets may be dropped. It is
/// closed if it does not answer soon, so it keeps no place in the pool.
pub fn options(url: &str, connections: u32, limits: Option<SessionLimits>) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .connect_timeout(Duration::from_secs(5))
        .acquire_timeout(Duration::from_secs(5))
        .sqlx_logging(false)
        .map_sqlx_mysql_pool_opts(move |pool| {
            pool.test_before_acquire(false)
                .before_acquire(|connection, _| Box::pin(is_alive(connection)))
                .after_release(|connection, _| Box::pin(is_alive(connection)))
                .after_connect(move |connection, _| Box::pin(set_limits(connection, limits)))
        })
        .map_sqlx_sqlite_opts(move |sqlite| {
            use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
            let busy = limits.map_or(Duration::from_secs(10), |limits| limits.statement / 2);
            let sqlite = match limits {
                Some(limits) => sqlite.pragma("cache_size", format!("-{}", limits.cache)),
                None => sqlite,
            };
            // FULL: a commit is on disk when it returns, also in WAL mode.
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                // What is deleted is overwritten, and not only forgotten.
                .pragma("secure_delete", "ON")
                .busy_timeout(busy)
        });
    if let Some(limits) = limits {
        options.idle_timeout(limits.idle / 3);
    }
    options
}

async fn is_alive(connection: &mut MySqlConnection) -> sqlx::Result<bool> {
    match timeout(PING_LIMIT, connection.ping()).await {
        Ok(alive) => alive.map(|()| true),
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

/// Has the server keep the limits, too.
async fn set_limits(
    connection: &mut MySqlConnection,
    limits: Option<SessionLimits>,
) -> sqlx::Result<()> {
    if let Some(limits) = limits {
        connection
            .execute(sqlx::AssertSqlSafe(session(limits)))
            .await?;
    }
    Ok(())
}

/// Returns the statement that sets the limits. MySQL (from 5.7.8 on) and MariaDB each read what is
/// in their own comment: MySQL bounds reads alone, in milliseconds, MariaDB every statement.
fn session(limits: SessionLimits) -> String {
    let whole = |time: Duration| time.as_secs().max(1);
    format!(
        "SET SESSION innodb_lock_wait_timeout={}, wait_timeout={} \
         /*!50708 , max_execution_time={} */ /*M!100101 , max_statement_time={} */",
        whole(limits.lock_wait),
        whole(limits.idle),
        limits.statement.as_millis(),
        limits.statement.as_secs_f64(),
    )
}

/// Opens a pool of connections whose statements may take any time.
///
/// # Errors
/// Fails when the URL is wrong or the server cannot be reached within five seconds.
pub async fn connect(url: &str, connections: u32) -> Result<DatabaseConnection> {
    Database::connect(options(url, connections, None)).await
}

/// Opens a pool of connections with limits, which the server keeps.
///
/// # Errors
/// Fails when the URL is wrong or the server cannot be reached within five seconds.
pub async fn connect_limited(
    url: &str,
    connections: u32,
    limits: SessionLimits,
) -> Result<DatabaseConnection> {
    Database::connect(options(url, connections, Some(limits))).await
}

impl Cold {
    /// Opens a pool of connections to read from. A read that takes longer than ten seconds fails.
    ///
    /// # Errors
    /// Fails when the URL is wrong or the server cannot be reached within five seconds.
    pub async fn connect(url: &str, connections: u32) -> Result<Self> {
        Self::connect_within(url, connections, READ_LIMIT).await
    }

    /// Opens a pool of connections to read from. A read that takes longer than `limit` fails.
    ///
    /// # Errors
    /// Fails when the URL is wrong or the server cannot be reached within five seconds.
    pub async fn connect_within(url: &str, connections: u32, limit: Duration) -> Result<Self> {
        let limits = SessionLimits {
            statement: limit,
            lock_wait: limit,
            idle: Duration::from_secs(8 * 3600), // the default of MySQL
            cache: READ_CACHE,
        };
        let pool = connect_limited(url, connections, limits).await?;
        Ok(Self {
            db: Bounded {
                lag: Arc::new(LagWait::new(&pool)),
                pool,
                observers: Vec::new(),
                limit,
                floor: None,
                transaction: None,
            },
        })
    }

    /// Returns the same reader, which tells `observer`, as all earlier ones, of each statement and
    /// how long it took, in the task that waited for it.
    pub fn observed(
        mut self,
        observer: impl Fn(&Statement, Duration) + Send + Sync + 'static,
    ) -> Self {
        self.db.observers.push(Arc::new(observer));
        let observers = self.db.observers.clone();
        self.db.pool.set_metric_callback(move |made| {
            for observer in &observers {
                observer(made.statement, made.elapsed);
            }
        });
        self
    }

    /// Checks that SQL answers.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached.
    pub async fn ping(&self) -> Result<()> {
        self.db.ping().await
    }

    /// Returns the id of this database, which its Redis mirrors; `None` if no migration has run.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached, or has no table `meta` yet.
    pub async fn incarnation(&self) -> Result<Option<String>> {
        Ok(entity::meta::Entity::find_by_id("incarnation")
            .one(&self.db)
            .await?
            .map(|meta| meta.value))
    }

    /// Returns the kind of SQL: MySQL (MariaDB too) or SQLite.
    pub fn backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Statement};

    use super::*;

    #[test]
    fn every_pool_gives_up_after_five_seconds_and_logs_no_statement() {
        for url in [
            "mysql://carrier@localhost/carrier",
            "sqlite:///tmp/carrier.db",
        ] {
            let options = options(url, 7, None);
            assert_eq!(options.get_url(), url);
            assert_eq!(options.get_max_connections(), Some(7));
            let five = Some(Duration::from_secs(5));
            assert_eq!(options.get_connect_timeout(), five);
            assert_eq!(options.get_acquire_timeout(), five);
            assert!(!options.get_sqlx_logging());
        }
    }

    #[test]
    fn a_server_is_told_the_limits_in_whole_seconds_of_at_least_one() {
        let second = Duration::from_secs(1);
        let limits = SessionLimits {
            statement: second * 5 / 2,
            lock_wait: second / 2,
            idle: second * 30,
            cache: 2048,
        };
        let set = session(limits);
        for part in [
            "innodb_lock_wait_timeout=1,",
            "wait_timeout=30 ",
            "max_execution_time=2500 ",
            "max_statement_time=2.5 ",
        ] {
            assert!(set.contains(part), "{set}");
        }
    }

    #[tokio::test]
    async fn what_takes_longer_than_its_limit_fails_and_says_so() {
        let never = std::future::pending::<Result<()>>();
        let error = within(Duration::from_millis(10), never).await;
        let error = error.expect_err("it has no end").to_string();
        assert!(error.contains("no answer within 10ms"), "{error}");
    }

    #[tokio::test]
    async fn a_url_of_no_known_database_is_refused() {
        let error = connect("postgres://localhost/carrier", 1).await;
        assert!(
            error
                .expect_err("an unknown database")
                .to_string()
                .contains("postgres")
        );
    }

    #[tokio::test]
    async fn sqlite_is_made_where_it_is_missing_and_syncs_every_commit() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("new.db");
        let url = format!("sqlite://{}", file.display());
        let cold = Cold::connect(&url, 1).await.expect("a new database");
        cold.ping().await.expect("it answers");
        assert!(file.exists());
        assert_eq!(cold.backend(), DbBackend::Sqlite);
        let facts = cold.facts().await.expect("it answers");
        assert!(facts.iter().all(|fact| fact.good), "{facts:?}");
        let ask = Statement::from_string(DbBackend::Sqlite, "PRAGMA secure_delete");
        let row = cold.db.query_one_raw(ask).await.expect("it answers");
        let on: i32 = row.expect("a row").try_get_by_index(0).expect("a number");
        assert_eq!(on, 1, "what is deleted is overwritten");
    }
}
