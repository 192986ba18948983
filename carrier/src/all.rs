//! Everything on one machine: Redis, SQL, migrations, API and flusher.

use anyhow::{Context, Result};
use migration::{Migrator, MigratorTrait};
use store::Config;
use tokio_util::sync::CancellationToken;

use crate::{own_redis::OwnRedis, roles, start};

/// Settings of `carrier` alone.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Settings {
    #[command(flatten)]
    stores: Config,
    #[command(flatten)]
    api: api::Config,
    #[command(flatten)]
    flusher: flusher::Config,
    #[command(flatten)]
    data: start::Data,
}

pub(crate) async fn run(settings: Settings, shutdown: CancellationToken) -> Result<()> {
    // Before anything is started: an address that is taken is the commonest mistake.
    let listener = roles::listen(&settings.api).await?;
    std::fs::create_dir_all(&settings.data.data_dir)
        .with_context(|| format!("cannot make the folder {}", settings.data.data_dir.display()))?;
    let (own, redis) = match start::redis_url(&settings.stores)? {
        Some(url) => (None, url),
        None => {
            let own = OwnRedis::start(&settings.data.data_dir).await?;
            let url = own.url();
            (Some(own), url)
        }
    };
    let served = serve(&settings, &redis, listener, shutdown).await;
    if let Some(own) = own {
        own.stop().await?;
    }
    served
}

async fn serve(settings: &Settings, redis: &str, listener: tokio::net::TcpListener, shutdown: CancellationToken) -> Result<()> {
    let sql = match start::database_url(&settings.stores)? {
        Some(url) => url,
        None => settings.data.sqlite_url(),
    };
    let migrator = start::connect_sql(&sql, 1).await?;
    Migrator::up(&migrator, None).await.context("a migration failed")?;
    migrator.close().await?;
    let writers = start::connect_writers(&sql).await?;
    let store = start::open(&settings.stores, redis, &sql).await?;

    let location = settings.api.files.clone().unwrap_or_else(|| settings.data.files());
    let files = start::open_files(&location, &store.hot).await?;
    let at = listener.local_addr()?;
    println!("Carrier is ready. Ctrl-C stops it; what it holds is in {} and {}.\n", start::redacted(redis), start::redacted(&sql));
    println!("  page  http://{at}/\n  API   http://{at}/v1\n  docs  http://{at}/docs\n");

    // The flusher stops last, so that what the last requests wrote may still be saved; what is not is in Redis' file.
    let stop_flusher = CancellationToken::new();
    let flusher = flusher::run(settings.flusher.clone(), store.clone(), writers, stop_flusher.clone(), || ());
    let stop_all = shutdown.clone();
    let flusher = tokio::spawn(async move {
        let flushed = flusher.await;
        stop_all.cancel(); // an API without a flusher would fill Redis
        flushed
    });
    let served = api::run(settings.api.clone(), store.clone(), files, listener, shutdown).await;
    stop_flusher.cancel();
    let flushed = flusher.await.context("the flusher")?;
    store.hot.close().await;
    served?;
    Ok(flushed?)
}
