//! Is this process alive, and should it be sent requests?

use std::{sync::Arc, time::Duration};

use poem::{
    IntoResponse, Response, handler,
    http::StatusCode,
    web::{Data, Json},
};

use crate::State;

/// How long a store may take to answer a probe.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process lives.
#[handler]
pub(crate) fn healthz() -> &'static str {
    "ok"
}

/// 200 `ok`, or `degraded` when SQL is down: sends go on, so the API must stay in rotation. 503 when Redis is gone or we are stopping.
#[handler]
pub(crate) async fn readyz(state: Data<&Arc<State>>) -> Response {
    let (hot, cold) =
        tokio::join!(tokio::time::timeout(PATIENCE, state.store.hot.ping()), tokio::time::timeout(PATIENCE, state.store.cold.ping()),);
    let (hot, cold) = (matches!(hot, Ok(Ok(()))), matches!(cold, Ok(Ok(()))));
    let stopping = state.shutdown.is_cancelled();
    let status = match (hot && !stopping, cold) {
        (false, _) => "unavailable",
        (true, false) => "degraded",
        (true, true) => "ok",
    };
    let code = if status == "unavailable" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let body = serde_json::json!({
        "status": status, "redis": hot, "sql": cold, "stopping": stopping, "full": state.store.is_full(), "durability": state.store.durability().as_str(),
    });
    Json(body).with_status(code).into_response()
}
