//! The connection.

use std::time::Duration;

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbBackend, EntityTrait};

use crate::Result;

/// SQL, to read from. Clones share one pool.
#[derive(Clone)]
pub struct Cold {
    pub(crate) db: DatabaseConnection,
}

/// How every part of Carrier connects to `url` (`mysql://` or `sqlite://`).
pub fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .connect_timeout(Duration::from_secs(5))
        .acquire_timeout(Duration::from_secs(5))
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
            // FULL: a commit is on disk when it returns, also in WAL mode.
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(10))
        });
    options
}

/// Opens a pool of connections.
///
/// # Errors
/// When the URL is wrong or the server cannot be reached within five seconds.
pub async fn connect(url: &str, connections: u32) -> Result<DatabaseConnection> {
    Database::connect(options(url, connections)).await
}

impl Cold {
    /// Connects.
    ///
    /// # Errors
    /// As [`connect`].
    pub async fn connect(url: &str, connections: u32) -> Result<Self> {
        connect(url, connections).await.map(Self::new)
    }

    /// Reads over this pool.
    pub fn new(db: DatabaseConnection) -> Self {
        Self { db }
    }

    /// Does SQL answer?
    pub async fn ping(&self) -> Result<()> {
        self.db.ping().await
    }

    /// The id of this database, which the Redis it belongs to mirrors. `None`: no migration has run.
    pub async fn incarnation(&self) -> Result<Option<String>> {
        Ok(entity::meta::Entity::find_by_id("incarnation").one(&self.db).await?.map(|meta| meta.value))
    }

    /// Which of the three.
    pub fn backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }
}
