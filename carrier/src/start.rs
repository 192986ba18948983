//! Connects a role to its stores and checks them before it serves. An error says in one line what
//! is wrong and how to fix it.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use cold::Cold;
use files::Files;
use hot::{Check, Hot, Severity};
use migration::{Migrator, MigratorTrait};
use sea_orm::DatabaseConnection;
use store::{Accept, Config, Store};
use tokio_util::sync::CancellationToken;

/// The connections to SQL of a flusher, which has one transaction under way at a time.
const WRITERS: u32 = 4;
/// The connections to SQL of an API, which only reads, and seldom.
const READERS: u32 = 16;
/// The longest time to wait for an answer of SQL at the start.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The data folder of `carrier` without a role.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Data {
    /// Folder of the embedded Redis and SQLite
    #[arg(long, env = "CARRIER_DATA_DIR", default_value = "data")]
    pub(crate) data_dir: PathBuf,
}

impl Data {
    /// Returns the URL of the embedded SQLite.
    pub(crate) fn sqlite_url(&self) -> String {
        format!("sqlite://{}", self.data_dir.join("carrier.db").display())
    }

    /// Returns the folder of attachments and avatars.
    pub(crate) fn files(&self) -> String {
        self.data_dir.join("files").display().to_string()
    }
}

/// Returns the URLs of Redis and SQL, which a role of its own must be given.
pub(crate) fn urls(config: &Config) -> Result<(String, String)> {
    Ok((
        redis_url(config)?.context(
            "CARRIER_REDIS_URL is not set; set it to the URL of a Redis, as in \
             redis://127.0.0.1:6379",
        )?,
        database_url(config)?.context(
            "CARRIER_DATABASE_URL is not set; set it as in \
             mysql://user:password@127.0.0.1/carrier or sqlite://carrier.db",
        )?,
    ))
}

/// Returns the URL of Redis, if it is set.
pub(crate) fn redis_url(config: &Config) -> Result<Option<String>> {
    config
        .redis_url()
        .context("could not read the file of CARRIER_REDIS_URL_FILE")
}

/// Returns the URL of SQL, if it is set.
pub(crate) fn database_url(config: &Config) -> Result<Option<String>> {
    config
        .database_url()
        .context("could not read the file of CARRIER_DATABASE_URL_FILE")
}

/// Connects to Redis.
pub(crate) async fn connect_hot(config: &Config, url: &str) -> Result<Hot> {
    Hot::connect(config.hot_options(url))
        .await
        .with_context(|| format!("could not reach Redis at {}", redacted(url)))
}

/// Opens a pool of connections to SQL.
pub(crate) async fn connect_sql(url: &str, connections: u32) -> Result<DatabaseConnection> {
    check_scheme(url)?;
    cold::connect(url, connections)
        .await
        .with_context(|| format!("could not reach SQL at {}", redacted(url)))
}

/// Opens the connections that a flusher writes over.
pub(crate) async fn connect_writers(url: &str, lease: Duration) -> Result<flusher::Sql> {
    check_scheme(url)?;
    flusher::Sql::connect(url, WRITERS, lease)
        .await
        .with_context(|| format!("could not reach SQL at {}", redacted(url)))
}

/// Opens the connections that an API reads over.
pub(crate) async fn connect_cold(url: &str) -> Result<Cold> {
    check_scheme(url)?;
    Cold::connect(url, READERS)
        .await
        .with_context(|| format!("could not reach SQL at {}", redacted(url)))
}

/// Starts something, which may wait long for a store; `None` when the process is asked to stop
/// before that is done. Nothing was promised to anybody yet, so it is given up at once.
pub(crate) async fn unless_stopped<T>(
    shutdown: &CancellationToken,
    starting: impl Future<Output = Result<T>>,
) -> Result<Option<T>> {
    let started = shutdown.run_until_cancelled(Box::pin(starting)).await;
    if started.is_none() {
        tracing::info!("stopped before it was ready");
    }
    started.transpose()
}

/// Connects to Redis and SQL, and checks their settings and the schema. Returns Redis, and the
/// store over both.
pub(crate) async fn open(config: &Config, redis: &str, sql: &str) -> Result<(Hot, Store)> {
    let hot = connect_hot(config, redis).await?;
    check_redis(&hot, config).await?;
    let cold = connect_cold(sql).await?;
    let pending = pending_migrations(sql).await?;
    ensure!(
        pending == 0,
        "the schema is {pending} migrations behind; run `carrier migrate up`"
    );
    let store = Store::open(hot.clone(), cold, config.ack).await?;
    Ok((hot, store))
}

/// Opens the files, and checks that all APIs on this Redis share them.
pub(crate) async fn open_files(location: &str, hot: &Hot) -> Result<Files> {
    let (files, id) = check_files(location, hot).await?;
    hot.adopt_files(&id).await?;
    check_files(location, hot).await?; // Another API may have been quicker.
    Ok(files)
}

/// Returns the files and their id, when they can be written and belong to this Redis.
pub(crate) async fn check_files(location: &str, hot: &Hot) -> Result<(Files, String)> {
    let files = Files::open(location)?;
    let failed = || format!("could not store files in {location}; correct CARRIER_FILES");
    files.check().await.with_context(failed)?;
    let id = files.identity().await.with_context(failed)?;
    if let Some(known) = hot.files().await?.filter(|known| *known != id) {
        bail!(
            "the files in {location} are not those of this Redis ({id}, not {known}): set \
             CARRIER_FILES of all APIs to the same shared folder or bucket; if the files were \
             moved or deleted on purpose, run `redis-cli HDEL carrier files`"
        );
    }
    Ok((files, id))
}

/// Returns the number of migrations that have not run.
pub(crate) async fn pending_migrations(sql: &str) -> Result<usize> {
    let connection = connect_sql(sql, 1).await?;
    let names = Migrator::get_pending_migrations_read_only(&connection);
    let names = cold::within(PATIENCE, names)
        .await
        .context("SQL did not tell which migrations have run")?;
    cold::within(PATIENCE, connection.close()).await?;
    Ok(names.len())
}

/// Refuses the settings of Redis that lose data, and warns of those that may.
async fn check_redis(hot: &Hot, config: &Config) -> Result<()> {
    let facts = hot
        .facts()
        .await
        .context("could not read the settings of Redis by INFO, which Carrier needs")?;
    for check in facts.checks().iter().filter(|check| !check.good) {
        let Check {
            name,
            found,
            harm,
            fix,
            ..
        } = check;
        match check.severity {
            Severity::Unwise => tracing::warn!("{name} of Redis is {found}: {harm}; {fix}"),
            Severity::Fatal if *name == "appendonly" && config.accept.contains(&Accept::Loss) => {
                tracing::warn!(
                    "{name} of Redis is {found}: {harm}, as CARRIER_ACCEPT=loss accepts"
                );
            }
            Severity::Fatal if check.known => bail!("{name} of Redis is {found}: {harm}; {fix}"),
            Severity::Fatal if accepts_unknown(config) => {
                tracing::warn!("{name} of Redis is {found}, as CARRIER_ACCEPT=unknown accepts");
            }
            Severity::Fatal => bail!(
                "{name} of Redis is {found}, and if it is wrong {harm}; let the user of \
                 CARRIER_REDIS_URL run INFO and CONFIG GET, or see to it elsewhere and set \
                 CARRIER_ACCEPT=unknown"
            ),
        }
    }
    Ok(())
}

/// True when settings that Redis does not tell are accepted.
pub(crate) fn accepts_unknown(config: &Config) -> bool {
    config.accept.contains(&Accept::Unknown)
}

/// Refuses a URL of a database that is not supported.
fn check_scheme(url: &str) -> Result<()> {
    let known = ["mysql://", "mariadb://", "sqlite:"]
        .iter()
        .any(|scheme| url.starts_with(scheme));
    ensure!(
        known,
        "CARRIER_DATABASE_URL must begin with mysql:// or sqlite://, not {:?}",
        url.split(':').next().unwrap_or_default()
    );
    Ok(())
}

/// Returns a URL with its password masked, for printing.
pub(crate) fn redacted(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            // It cannot fail: a URL that has a password can have another.
            parsed
                .set_password(Some("***"))
                .map_or_else(|()| "(a URL)".to_owned(), |()| parsed.to_string())
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        assert_eq!(
            redacted("mysql://ann:secret@db/carrier"),
            "mysql://ann:***@db/carrier"
        );
        assert_eq!(
            redacted("redis://:secret@127.0.0.1:6379/0"),
            "redis://:***@127.0.0.1:6379/0"
        );
        assert_eq!(redacted("redis://127.0.0.1:6379"), "redis://127.0.0.1:6379");
        assert_eq!(redacted("sqlite://carrier.db"), "sqlite://carrier.db");
    }

    #[test]
    fn a_database_is_known_by_its_scheme() {
        for url in [
            "mysql://db/c",
            "mariadb://db/c",
            "sqlite://c.db",
            "sqlite::memory:",
        ] {
            assert!(check_scheme(url).is_ok(), "{url}");
        }
        for url in ["postgres://db/c", "carrier.db", ""] {
            assert!(check_scheme(url).is_err(), "{url}");
        }
    }
}
