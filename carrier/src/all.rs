//! `carrier` without a role: Redis, SQL, migrations, API and flusher on one machine.

use anyhow::{Context, Result};
use files::Files;
use hot::Hot;
use migration::{Migrator, MigratorTrait};
use store::{Config, Store};
use tokio_util::sync::CancellationToken;

use crate::{data_folder, output::say, own_redis::OwnRedis, roles, start};

/// Settings of `carrier` without a role.
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

/// Runs everything until `shutdown` is cancelled.
pub(crate) async fn run(settings: Settings, shutdown: CancellationToken) -> Result<()> {
    // This comes first, because an address in use is the most common mistake.
    api::check(&settings.api)?;
    let listener = roles::listen(&settings.api).await?;
    data_folder::make_private(&settings.data.data_dir)?;
    if let Some(url) = start::redis_url(&settings.stores)? {
        return serve(&settings, &url, listener, shutdown).await;
    }
    let starting = async {
        let own = OwnRedis::start(&settings.data.data_dir).await?;
        own.limit_memory(&settings.stores).await?;
        anyhow::Ok(own)
    };
    let Some(mut own) = start::unless_stopped(&shutdown, starting).await? else {
        return Ok(());
    };
    let url = own.url();
    let served = tokio::select! {
        served = serve(&settings, &url, listener, shutdown) => served,
        ended = own.ended() => return Err(ended),
    };
    own.stop().await?;
    served
}

/// What the API and the flusher are given.
struct Opened {
    /// The URL of SQL.
    sql: String,
    writers: flusher::Sql,
    hot: Hot,
    store: Store,
    files: Files,
}

/// Brings the schema up to date, and connects to all stores.
async fn open(settings: &Settings, redis: &str) -> Result<Opened> {
    let sql = match start::database_url(&settings.stores)? {
        Some(url) => url,
        None => settings.data.sqlite_url(),
    };
    let migrator = start::connect_sql(&sql, 1).await?;
    Migrator::up(&migrator, None)
        .await
        .context("a migration failed")?;
    migrator.close().await?;
    let writers = start::connect_writers(&sql, settings.flusher.lease).await?;
    let (hot, store) = start::open(&settings.stores, redis, &sql).await?;
    let own = || settings.data.files();
    let location = settings.api.files.clone().unwrap_or_else(own);
    let files = start::open_files(&location, &hot).await?;
    Ok(Opened {
        sql,
        writers,
        hot,
        store,
        files,
    })
}

async fn serve(
    settings: &Settings,
    redis: &str,
    listener: tokio::net::TcpListener,
    shutdown: CancellationToken,
) -> Result<()> {
    let Some(opened) = start::unless_stopped(&shutdown, open(settings, redis)).await? else {
        return Ok(());
    };
    let Opened {
        sql,
        writers,
        hot,
        store,
        files,
    } = opened;
    let at = listener.local_addr()?;
    say(format_args!(
        "Carrier is ready. Ctrl-C stops it; its data is in {} and {}.\n\n  \
         page  http://{at}/\n  API   http://{at}/v1\n  docs  http://{at}/docs\n",
        start::redacted(redis),
        start::redacted(&sql)
    ));

    // The flusher stops last, to save what the last requests wrote. Changes that it does not save
    // any more stay in Redis' file.
    let stop_flusher = CancellationToken::new();
    let (mut api, mut flusher) = (settings.api.clone(), settings.flusher.clone());
    api.webhook_private = settings.stores.webhook_private;
    flusher.webhook_private = settings.stores.webhook_private;
    let flusher = flusher::run(
        flusher,
        hot.clone(),
        store.clone(),
        writers,
        stop_flusher.clone(),
        flusher::Pulse::default(),
        || (),
    );
    let stop_all = shutdown.clone().drop_guard();
    let flusher = hot::spawn_critical("the flusher", async move {
        let _stop_all = stop_all; // An API without a flusher would fill Redis.
        flusher.await
    });
    let served = api::run(api, store.clone(), files, listener, shutdown).await;
    stop_flusher.cancel();
    let flushed = flusher.await.context("the flusher failed")?;
    hot.close().await;
    served?;
    Ok(flushed?)
}
