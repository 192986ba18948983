//! The API and the flusher, each as a process of its own.

use anyhow::{Context, Result};
use store::Config;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::start;

/// Settings of `carrier api`.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Api {
    #[command(flatten)]
    stores: Config,
    #[command(flatten)]
    api: api::Config,
}

/// Settings of `carrier flusher`.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Flusher {
    #[command(flatten)]
    stores: Config,
    #[command(flatten)]
    flusher: flusher::Config,
}

pub(crate) async fn api(settings: Api, shutdown: CancellationToken) -> Result<()> {
    let (redis, sql) = start::urls(&settings.stores)?;
    let store = start::open(&settings.stores, &redis, &sql).await?;
    let files = start::open_files(settings.api.files.as_deref().unwrap_or("data/files"), &store.hot).await?;
    let listener = listen(&settings.api).await?;
    println!("listening on http://{}", listener.local_addr()?);
    api::run(settings.api, store.clone(), files, listener, shutdown).await?;
    store.hot.close().await;
    Ok(())
}

pub(crate) async fn flusher(settings: Flusher, shutdown: CancellationToken) -> Result<()> {
    let (redis, sql) = start::urls(&settings.stores)?;
    let store = start::open(&settings.stores, &redis, &sql).await?;
    let writers = start::connect_writers(&sql).await?;
    flusher::run(settings.flusher, store.clone(), writers, shutdown, || println!("flusher is ready")).await?;
    store.hot.close().await;
    Ok(())
}

pub(crate) async fn listen(config: &api::Config) -> Result<TcpListener> {
    let at = config.listen;
    TcpListener::bind(at).await.with_context(|| format!("cannot listen on {at}; free it, or set CARRIER_LISTEN to another address"))
}
