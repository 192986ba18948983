//! The HTTP API over the store: REST, its OpenAPI document and Swagger UI.

/// Bounds on what one account may have done. Uses no other module.
mod bounds;
/// The settings of the API. Uses `rate_limit` alone.
mod config;
/// The OpenAPI and AsyncAPI documents. Uses `operations` and `live`; only this file uses it.
mod document;
/// The sweeper of files that nothing refers to any more. Uses the stores alone.
mod file_sweep;
/// The probes: whether this process lives, and whether it should be sent requests. Uses `state`.
mod health;
/// The operator's hook, which judges each text before it is stored. Uses `config`.
mod hook;
/// The identity provider of a product. Uses `config` alone.
mod identity;
/// The live connections: WebSocket, SSE, and who is online. Uses `operations` (a command runs the
/// code of the operation of its name), `request`, `response` and `state`.
mod live;
/// Layers around every handler. Uses `request`, `response`, `server`, `state`.
mod middleware;
/// The operations, one file for each noun. Uses `request`, `response`, `state`, `config`.
mod operations;
/// The web page that people chat on. Uses `response`.
mod page;
/// A rate limit as it is set: `600/1m`, or `off`. Uses no other module.
mod rate_limit;
/// Extractors and parsers of requests. Uses `response`, `state`, `config`, `rate_limit`.
mod request;
/// Answers, and problems. Uses `state`.
mod response;
/// The HTTP server, with its bounds. Uses `request`.
mod server;
/// The stores and the settings that all handlers share. Uses `config`, `hook` and `identity`.
mod state;

use std::{
    io,
    sync::{Arc, LazyLock},
    time::Duration,
};

use files::Files;
use live::Hub;
use poem::{Endpoint, EndpointExt, Response, Route, get, middleware::Cors};
use store::{Meter, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use config::{Config, Directory, HookFails, Registration, Secret};
pub use document::openapi::openapi;
pub use identity::BadProvider;
pub use rate_limit::{Limit, NotALimit};

use crate::{
    bounds::{answers::Answers, debts::Debts, turns::Turns},
    document::{asyncapi::asyncapi, openapi},
    hook::Hook,
    identity::Provider,
    middleware::{
        answers, body_limit::Bodies, compression, durability, refusals,
        request as request_middleware,
    },
    request::validate,
    response::static_page::StaticPage,
    state::State,
};

/// The least time that a client may take for the next frame of a response: much longer than any
/// heartbeat, which every live connection takes.
const PATIENCE: Duration = Duration::from_secs(300);

/// Checks the settings that need no store, which [`run`] does too: before there is anything else to
/// do.
///
/// # Errors
/// A line that says which setting is wrong.
pub fn check(config: &Config) -> io::Result<()> {
    Provider::new(config).map_err(io::Error::other)?;
    Hook::open(config).map(drop)
}

/// Serves until `shutdown`; then takes no new connection, finishes the requests under way, and
/// returns.
///
/// # Errors
/// An error when the listener fails, when Redis does not answer at the start, and for settings that
/// [`check`] refuses.
pub async fn run(
    config: Config,
    store: Store,
    files: Files,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let hook = Hook::open(&config)?;
    LazyLock::force(&validate::WARM);
    let provider = Provider::new(&config).map_err(io::Error::other)?;
    let fresh_keys = provider.as_ref().and_then(Provider::start);
    let sweep = tokio::spawn(file_sweep::run(
        files.clone(),
        store.clone(),
        config.files_sweep,
        shutdown.clone(),
    ));
    let room = store::spawn_critical(
        "the watch on the room in Redis",
        store.clone().watch_room(config.max_unsaved),
    );
    let live = Hub::start(store.clone(), config.max_waiting, config.heartbeat)
        .await
        .map_err(io::Error::other)?;
    let bounds = server::Bounds {
        connections: config.max_connections,
        trusted_proxies: config.trusted_proxies.clone(),
        patience: PATIENCE.max(config.heartbeat * 3),
    };
    let state = Arc::new(State {
        store: store.clone(),
        files: files
            .with_min_free(config.min_free_disk)
            .keeping_metadata(config.keep_photo_metadata),
        hook,
        config,
        provider,
        debts: Debts::default(),
        turns: Turns::default(),
        answers: Answers::default(),
        compression: fair::Turns::default(),
        shutdown: shutdown.clone(),
    });
    // While the last requests are answered, live connections are sent to another server.
    let close = tokio::spawn({
        let (live, shutdown) = (live.clone(), shutdown.clone());
        async move {
            shutdown.cancelled().await;
            live.close().await;
        }
    });
    server::run(listener, endpoint(state, live), bounds, shutdown).await?;
    tokio::time::timeout(server::DRAIN, close).await.ok();
    tokio::time::timeout(server::DRAIN, store.flush_notifications())
        .await
        .ok();
    room.abort();
    if let Some(fresh_keys) = fresh_keys {
        fresh_keys.abort();
    }
    sweep.abort(); // a half-done sweep has deleted nothing that is referred to
    Ok(())
}

/// Builds all routes with the layers around them.
fn endpoint(state: Arc<State>, live: Hub) -> impl Endpoint<Output = Response> {
    let (service, document) = (openapi::service(), openapi());
    let bodies = Bodies::new(&document, state.config.trusted_proxies.clone());
    let bodies = Arc::new(bodies);
    let routes = Route::new()
        .at("/", get(page::page))
        .at("/login", get(page::page))
        .at("/signup", get(page::page))
        .at("/c", get(page::page))
        .at("/c/:chat", get(page::page))
        .at("/join/:token", get(page::page))
        .at("/assets/:name", get(page::asset))
        .at("/favicon.svg", get(page::icon))
        .at("/healthz", get(health::healthz))
        .at("/readyz", get(health::readyz))
        .at("/openapi.json", get(StaticPage::json(document)))
        .at("/asyncapi.json", get(StaticPage::json(asyncapi())))
        .at("/docs", get(StaticPage::html(openapi::docs())))
        .nest(
            "/v1",
            service.around(compression::compress).around(answers::count),
        )
        .at("/:name", page::unknown)
        .at("/:name/*path", page::unknown);
    let origins = state.config.allowed_origins.clone();
    let routes = routes
        .around(durability::wait)
        .around(refusals::log)
        .around(async |endpoint, request| Meter::default().measure(endpoint.call(request)).await)
        .data(state)
        .data(live)
        .around(move |endpoint, request| {
            request_middleware::guard(endpoint, request, Arc::clone(&bodies))
        });
    match origins.is_empty() {
        true => routes.boxed(),
        // CORS is the outer layer, so that problems carry its headers too; its own refusals are
        // made problems outside of it.
        false => {
            let own = Arc::new(routes.map_to_response());
            let others = Arc::clone(&own)
                .with(cors(&origins))
                .catch_all_error(request_middleware::refuse);
            request_middleware::ByOrigin { own, others }.boxed()
        }
    }
}

/// Returns the CORS layer for the pages of other sites.
fn cors(origins: &[String]) -> Cors {
    let exposed = [
        "x-request-id",
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
        "idempotency-replayed",
        "location",
        "date",
    ];
    let cors = Cors::new().allow_credentials(false).expose_headers(exposed);
    cors.allow_origins(origins.iter().map(String::as_str))
}
