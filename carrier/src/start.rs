//! What every role does before it serves: connect, check what it depends on, and say in one line what is wrong and what to do.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use cold::Cold;
use files::Files;
use hot::Hot;
use migration::{Migrator, MigratorTrait};
use sea_orm::DatabaseConnection;
use store::{Config, Store};

/// How many connections a flusher writes over; one transaction is under way at a time.
const WRITERS: u32 = 4;
/// Connections to SQL of an API; it reads only, and seldom.
const READERS: u32 = 16;

/// Where `carrier` alone keeps its Redis and its SQLite.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Data {
    /// Where the embedded Redis and SQLite keep their files
    #[arg(long, env = "CARRIER_DATA_DIR", default_value = "data")]
    pub(crate) data_dir: PathBuf,
}

impl Data {
    pub(crate) fn sqlite_url(&self) -> String {
        format!("sqlite://{}", self.data_dir.join("carrier.db").display())
    }

    pub(crate) fn files(&self) -> String {
        self.data_dir.join("files").display().to_string()
    }
}

/// The URLs of both stores; a role of its own needs to be told.
pub(crate) fn urls(config: &Config) -> Result<(String, String)> {
    Ok((
        redis_url(config)?.context("CARRIER_REDIS_URL is not set; set it to the URL of a Redis, as in redis://127.0.0.1:6379")?,
        database_url(config)?
            .context("CARRIER_DATABASE_URL is not set; set it as in mysql://user:password@127.0.0.1/carrier or sqlite://carrier.db")?,
    ))
}

pub(crate) fn redis_url(config: &Config) -> Result<Option<String>> {
    config.redis_url().context("the file of CARRIER_REDIS_URL_FILE cannot be read")
}

pub(crate) fn database_url(config: &Config) -> Result<Option<String>> {
    config.database_url().context("the file of CARRIER_DATABASE_URL_FILE cannot be read")
}

pub(crate) async fn connect_hot(config: &Config, url: &str) -> Result<Hot> {
    Hot::connect(config.hot_options(url)).await.with_context(|| format!("cannot reach Redis at {}", redacted(url)))
}

/// A pool of so many connections to SQL.
pub(crate) async fn connect_sql(url: &str, connections: u32) -> Result<DatabaseConnection> {
    check_scheme(url)?;
    cold::connect(url, connections).await.with_context(|| format!("cannot reach SQL at {}", redacted(url)))
}

/// What a flusher writes over.
pub(crate) async fn connect_writers(url: &str) -> Result<flusher::Sql> {
    check_scheme(url)?;
    flusher::Sql::connect(url, WRITERS).await.with_context(|| format!("cannot reach SQL at {}", redacted(url)))
}

pub(crate) async fn connect_cold(url: &str) -> Result<Cold> {
    connect_sql(url, READERS).await.map(Cold::new)
}

/// Connects to both and checks that they will do.
pub(crate) async fn open(config: &Config, redis: &str, sql: &str) -> Result<Store> {
    let hot = connect_hot(config, redis).await?;
    check_redis(&hot).await?;
    let cold = connect_cold(sql).await?;
    let pending = pending_migrations(sql).await?;
    ensure!(pending == 0, "the schema is {pending} migrations behind; run `carrier migrate up`");
    Ok(Store::open(hot, cold, config.ack).await?)
}

/// Opens the files, and checks that all who use this Redis share them.
pub(crate) async fn open_files(location: &str, hot: &Hot) -> Result<Files> {
    let (files, id) = look_at_files(location, hot).await?;
    hot.adopt_files(&id).await?;
    look_at_files(location, hot).await?; // another may have been quicker
    Ok(files)
}

/// The files and their id, if they can be written and belong with this Redis.
pub(crate) async fn look_at_files(location: &str, hot: &Hot) -> Result<(Files, String)> {
    let files = Files::open(location)?;
    let cannot = || format!("files cannot be stored in {location}; correct CARRIER_FILES");
    files.check().await.with_context(cannot)?;
    let id = files.identity().await.with_context(cannot)?;
    if let Some(theirs) = hot.files().await?.filter(|theirs| *theirs != id) {
        bail!(
            "the files in {location} are not those that belong with this Redis ({id}, not {theirs}): let CARRIER_FILES of all APIs be one shared folder or \
             bucket; if the files were moved or given up on purpose, run `redis-cli HDEL carrier files`"
        );
    }
    Ok((files, id))
}

/// How many migrations have not run.
pub(crate) async fn pending_migrations(sql: &str) -> Result<usize> {
    let connection = connect_sql(sql, 1).await?;
    let names = Migrator::get_pending_migrations_read_only(&connection).await;
    connection.close().await?;
    Ok(names?.len())
}

/// What must not be otherwise, since data would be lost; and what should not.
async fn check_redis(hot: &Hot) -> Result<()> {
    let facts = hot.facts().await.context("Redis does not tell what it is")?;
    ensure!(facts.release() >= (7, 0), "Redis is {}, Carrier needs 7.0 or newer (or Valkey)", facts.version);
    if let Some(policy) = facts.eviction.as_deref().filter(|policy| *policy != "noeviction") {
        bail!("Redis would evict unsaved messages: run `redis-cli CONFIG SET maxmemory-policy noeviction` (it is {policy})");
    }
    if let Some(events) = facts.events.as_deref().filter(|events| !sends_expiries(events)) {
        tracing::warn!(
            "notify-keyspace-events is {events:?}: only the sweep finds what expired; run `redis-cli CONFIG SET notify-keyspace-events Ex`"
        );
    }
    if facts.aof == Some(true) && facts.fsync.as_deref() == Some("no") {
        bail!(
            "Redis never tells its disk to write (appendfsync no), so SQL could have what Redis forgets: run `redis-cli CONFIG SET appendfsync everysec`"
        );
    }
    if facts.aof == Some(false) {
        tracing::warn!("appendonly is off: a restart of Redis loses what is not saved yet; run `redis-cli CONFIG SET appendonly yes`");
    }
    Ok(())
}

/// `Ex`: events by keyevent, of expiries; `A` stands for all kinds.
pub(crate) fn sends_expiries(events: &str) -> bool {
    events.contains('E') && (events.contains('x') || events.contains('A'))
}

fn check_scheme(url: &str) -> Result<()> {
    let known = ["mysql://", "mariadb://", "sqlite:"].iter().any(|scheme| url.starts_with(scheme));
    ensure!(known, "CARRIER_DATABASE_URL must begin with mysql:// or sqlite://, not {:?}", url.split(':').next().unwrap_or_default());
    Ok(())
}

/// A URL without its password, to be printed.
pub(crate) fn redacted(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            // A URL that has a password can have another.
            parsed.set_password(Some("***")).map_or_else(|()| "(a URL)".to_owned(), |()| parsed.to_string())
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        assert_eq!(redacted("mysql://ann:secret@db/carrier"), "mysql://ann:***@db/carrier");
        assert_eq!(redacted("redis://127.0.0.1:6379"), "redis://127.0.0.1:6379");
    }

    #[test]
    fn expiries_are_among_the_events() {
        assert!(sends_expiries("Ex") && sends_expiries("xE") && sends_expiries("AKE"));
        assert!(!sends_expiries("") && !sends_expiries("Kx") && !sends_expiries("E"));
    }
}
