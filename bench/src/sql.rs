//! The databases that are measured: their size, and the process that has them.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rig::MariaDb;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database as Connect, DbBackend, Statement, TryGetable,
};
use tokio::process::Command;

/// The bytes of a SQLite, those in its log too.
const SQLITE_BYTES: &str =
    "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
/// The bytes of the files of a MariaDB's database, those of its full-text indexes too.
const MARIADB_BYTES: &str = "SELECT CAST(SUM(file_size) AS SIGNED) \
     FROM information_schema.innodb_sys_tablespaces WHERE name LIKE CONCAT(DATABASE(), '/%')";

/// The kinds of SQL that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Engine {
    /// A file
    Sqlite,
    /// A MariaDB of its own on a free port
    Mariadb,
}

/// A database.
pub(crate) struct Database {
    pub(crate) url: String,
    /// The process of its server; `None` for SQLite, which has none.
    pub(crate) pid: Option<u32>,
}

impl Database {
    /// Returns the SQLite in a folder.
    pub(crate) fn sqlite(folder: &Path) -> Self {
        Self {
            url: format!("sqlite://{}", folder.join("carrier.db").display()),
            pid: None,
        }
    }

    /// Makes an empty database in a MariaDB.
    pub(crate) async fn fresh(server: &MariaDb) -> Result<Self> {
        let mut database = Self {
            url: server.fresh_database().await,
            pid: None,
        };
        let file: String = database
            .ask("SELECT CONVERT(@@pid_file USING utf8mb4)")
            .await?;
        let pid = tokio::fs::read_to_string(&file)
            .await
            .with_context(|| format!("MariaDB's {file} cannot be read"))?;
        let pid = pid.trim().parse();
        database.pid = Some(pid.context("MariaDB's file for its process id has no number")?);
        Ok(database)
    }

    /// Returns the number of bytes of all its rows and indexes.
    pub(crate) async fn bytes(&self) -> Result<f64> {
        let bytes: i64 = self
            .ask(match self.pid {
                None => SQLITE_BYTES,
                Some(_) => MARIADB_BYTES,
            })
            .await?;
        Ok(bytes as f64)
    }

    /// Returns the only value of a query's answer.
    async fn ask<T: TryGetable>(&self, query: &str) -> Result<T> {
        let mut options = ConnectOptions::new(&self.url);
        options.max_connections(1).sqlx_logging(false);
        let connection = Connect::connect(options)
            .await
            .context("the database cannot be reached")?;
        let backend: DbBackend = connection.get_database_backend();
        let row = connection
            .query_one_raw(Statement::from_string(backend, query))
            .await
            .with_context(|| format!("the database refuses {query}"))?;
        let value = row.context("an answer of the database has no row")?;
        let value = value.try_get_by_index(0)?;
        connection.close().await?;
        Ok(value)
    }
}

/// Starts a MariaDB.
pub(crate) async fn start_mariadb() -> Result<MariaDb> {
    for program in ["mariadbd", "mariadb-install-db"] {
        let found = Command::new(program).arg("--help").output().await;
        ensure!(
            found.is_ok(),
            "{program} is not on the PATH; install MariaDB (scripts/setup --tests), and look in \
             /usr/sbin"
        );
    }
    Ok(MariaDb::start().await)
}
