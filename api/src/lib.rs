//! The HTTP API over the store: REST, its OpenAPI document and Swagger UI.

mod address;
mod asyncapi;
mod attachment;
mod auth;
mod avatar;
mod block;
mod boxes;
#[cfg(test)]
mod breaking;
mod chat;
mod config;
mod cursor;
mod directory;
mod document;
mod download;
mod edge;
mod export;
mod health;
mod limit;
mod live;
mod member;
mod message;
mod page;
mod problem;
mod quota;
mod raw;
mod reaction;
mod receipt;
mod safe;
mod search;
mod session;
mod sweep;
mod sync;
mod user;
mod validate;
mod web;

use std::{
    io,
    sync::{Arc, LazyLock},
    time::Duration,
};

use files::Files;
use live::Live;
use poem::{Endpoint, EndpointExt, Route, Server, get, listener::TcpAcceptor, middleware::Cors};
use store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use config::{Config, Registration};
pub use document::openapi;
pub use limit::{Limit, NotALimit};

/// How long requests under way may take to finish at shutdown.
const DRAIN: Duration = Duration::from_secs(10);

/// What handlers share.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) files: Files,
    pub(crate) config: Config,
    pub(crate) live: Live,
    pub(crate) shutdown: CancellationToken,
}

/// Serves until `shutdown`; then takes no new connection, finishes what is under way, and returns.
///
/// # Errors
/// When the listener fails.
pub async fn run(config: Config, store: Store, files: Files, listener: TcpListener, shutdown: CancellationToken) -> io::Result<()> {
    LazyLock::force(&validate::WARM);
    let acceptor = TcpAcceptor::from_tokio(listener)?;
    let sweep = tokio::spawn(sweep::run(files.clone(), store.clone(), config.files_sweep, shutdown.clone()));
    let room = tokio::spawn(store.clone().watch_room(config.max_unsaved));
    let live = Live::start(store.clone(), config.max_waiting, config.heartbeat).await.map_err(io::Error::other)?;
    let state = Arc::new(State { store: store.clone(), files, config, live: live.clone(), shutdown: shutdown.clone() });
    // While the last requests are answered, those who listen are sent elsewhere.
    let close = tokio::spawn({
        let shutdown = shutdown.clone();
        async move {
            shutdown.cancelled().await;
            live.close().await;
        }
    });
    Server::new_with_acceptor(acceptor)
        .name("carrier")
        .idle_timeout(Duration::from_secs(90))
        .run_with_graceful_shutdown(endpoint(state), shutdown.cancelled_owned(), Some(DRAIN))
        .await?;
    tokio::time::timeout(DRAIN, close).await.ok();
    tokio::time::timeout(DRAIN, store.told()).await.ok();
    room.abort();
    sweep.abort(); // whatever it has deleted, nobody referred to
    Ok(())
}

fn endpoint(state: Arc<State>) -> impl Endpoint {
    let service = document::service();
    let routes = Route::new()
        .at("/", get(web::page))
        .at("/login", get(web::page))
        .at("/signup", get(web::page))
        .at("/c", get(web::page))
        .at("/c/:chat", get(web::page))
        .at("/assets/:name", get(web::asset))
        .at("/favicon.svg", get(web::icon))
        .at("/healthz", get(health::healthz))
        .at("/readyz", get(health::readyz))
        .at("/openapi.json", get(page::Fixed::json(openapi())))
        .at("/asyncapi.json", get(page::Fixed::json(asyncapi::asyncapi())))
        .at("/docs", get(page::Fixed::html(document::docs())))
        .nest("/v1", service);
    let origins = state.config.allowed_origins.clone();
    let routes = routes.around(safe::wait).data(state).around(edge::guard);
    match origins.is_empty() {
        true => routes.boxed(),
        // Outside, so that problems carry its headers too; what it refuses itself is made a problem outside of it.
        false => {
            let own = Arc::new(routes.map_to_response());
            let others = Arc::clone(&own).with(cors(&origins)).catch_all_error(edge::refuse);
            edge::ByOrigin { own, others }.boxed()
        }
    }
}

fn cors(origins: &[String]) -> Cors {
    let exposed = ["x-request-id", "ratelimit", "ratelimit-policy", "retry-after", "idempotency-replayed", "location"];
    let cors = Cors::new().allow_credentials(false).expose_headers(exposed);
    cors.allow_origins(origins.iter().map(String::as_str))
}
