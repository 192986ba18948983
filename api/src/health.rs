//! Probes: whether this process lives, and whether it should be sent requests.

use std::sync::Arc;

use poem::{
    IntoResponse, Response, handler,
    http::StatusCode,
    web::{Data, Json},
};
use store::Standing;

use crate::state::State;

/// Answers `ok` while the process lives.
#[handler]
pub(crate) fn healthz() -> &'static str {
    "ok"
}

/// Answers 200 with `ok`, or with `degraded` when SQL is down or saving is behind: messages can
/// still be sent, so the API must stay in rotation. Answers 503 when Redis is gone, when a store
/// went back in time, or when the process is stopping.
#[handler]
pub(crate) async fn readyz(state: Data<&Arc<State>>) -> Response {
    let health = state.store.health().await;
    let stopping = state.shutdown.is_cancelled();
    let in_step = state.store.standing() == Standing::InStep;
    let status = match (
        health.redis && in_step && !stopping,
        health.sql && !health.is_behind(),
    ) {
        (false, _) => "unavailable",
        (true, false) => "degraded",
        (true, true) => "ok",
    };
    let code = if status == "unavailable" {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    let mut body = health.to_json();
    body["status"] = status.into();
    body["in_step"] = in_step.into();
    body["stopping"] = stopping.into();
    body["full"] = state.store.is_full().into();
    body["durability"] = state.store.durability().as_str().into();
    Json(body).with_status(code).into_response()
}
