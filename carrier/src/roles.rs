//! `carrier api` and `carrier flusher`: each as a process of its own.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use store::Config;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{flusher_probes, output::say, start};

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
    /// Address of the flusher's own probes, /healthz and /readyz; unset: none
    #[arg(long, env = "CARRIER_FLUSHER_LISTEN")]
    flusher_listen: Option<SocketAddr>,
}

/// Serves the API until `shutdown` is cancelled.
pub(crate) async fn api(settings: Api, shutdown: CancellationToken) -> Result<()> {
    api::check(&settings.api)?;
    let (redis, sql) = start::urls(&settings.stores)?;
    let mut config = settings.api.clone();
    config.webhook_private = settings.stores.webhook_private;
    let location = settings.api.files.as_deref().unwrap_or("data/files");
    let starting = async {
        let (hot, store) = start::open(&settings.stores, &redis, &sql).await?;
        let files = start::open_files(location, &hot).await?;
        Ok((hot, store, files))
    };
    let Some((hot, store, files)) = start::unless_stopped(&shutdown, starting).await? else {
        return Ok(());
    };
    let listener = listen(&settings.api).await?;
    say(format_args!(
        "listening on http://{}",
        listener.local_addr()?
    ));
    api::run(config, store.clone(), files, listener, shutdown).await?;
    hot.close().await;
    Ok(())
}

/// Saves to SQL until `shutdown` is cancelled.
pub(crate) async fn flusher(settings: Flusher, shutdown: CancellationToken) -> Result<()> {
    let (redis, sql) = start::urls(&settings.stores)?;
    let starting = async {
        let (hot, store) = start::open(&settings.stores, &redis, &sql).await?;
        let writers = start::connect_writers(&sql, settings.flusher.lease).await?;
        Ok((hot, store, writers))
    };
    let Some((hot, store, writers)) = start::unless_stopped(&shutdown, starting).await? else {
        return Ok(());
    };
    let mut config = settings.flusher.clone();
    config.webhook_private = settings.stores.webhook_private;
    let pulse = flusher::Pulse::default();
    let _probes = match settings.flusher_listen {
        Some(at) => Some(flusher_probes::serve(
            bind(at).await?,
            store.clone(),
            pulse.clone(),
            settings.flusher.longest_turn(),
        )?),
        None => None,
    };
    flusher::run(
        config,
        hot.clone(),
        store.clone(),
        writers,
        shutdown,
        pulse,
        || say("flusher is ready"),
    )
    .await?;
    hot.close().await;
    Ok(())
}

/// Binds the address of the API.
pub(crate) async fn listen(config: &api::Config) -> Result<TcpListener> {
    let at = config.listen;
    TcpListener::bind(at).await.with_context(|| {
        format!("could not listen on {at}; free it, or set CARRIER_LISTEN to another address")
    })
}

/// Binds the address of the flusher's probes.
async fn bind(at: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(at).await.with_context(|| {
        format!(
            "could not listen on {at}; free it, or set CARRIER_FLUSHER_LISTEN to another address"
        )
    })
}
