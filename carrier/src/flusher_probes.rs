//! The probes of `carrier flusher`: whether its loop goes on, and whether saving does.

use std::time::Duration;

use anyhow::Result;
use flusher::Pulse;
use poem::{
    EndpointExt, IntoResponse, Response, Route, Server, get, handler,
    http::StatusCode,
    listener::TcpAcceptor,
    web::{Data, Json},
};
use serde_json::{Value, json};
use store::{Health, Store};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::output::say;

/// The time without a turn after which a flusher hangs.
#[derive(Clone, Copy)]
struct Stuck(Duration);

/// Answers probes until it is dropped. A flusher hangs after `stuck` without a turn.
pub(crate) fn serve(
    listener: TcpListener,
    store: Store,
    pulse: Pulse,
    stuck: Duration,
) -> Result<AbortOnDropHandle<std::io::Result<()>>> {
    say(format_args!("probes on http://{}", listener.local_addr()?));
    let probes = Route::new()
        .at("/healthz", get(healthz))
        .at("/readyz", get(readyz))
        .data(store)
        .data(pulse)
        .data(Stuck(stuck));
    let server = Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?);
    Ok(AbortOnDropHandle::new(tokio::spawn(server.run(probes))))
}

/// Answers 200 while the loop goes on, whether it can save or not: only a flusher that hangs is
/// helped by a restart.
#[handler]
fn healthz(pulse: Data<&Pulse>, Data(Stuck(stuck)): Data<&Stuck>) -> Response {
    match pulse.age() <= *stuck {
        true => "ok".into_response(),
        false => "stuck"
            .with_status(StatusCode::SERVICE_UNAVAILABLE)
            .into_response(),
    }
}

/// Answers 200 with `ok` while saving goes on, and 503 with the reason when it does not. Parked
/// rows are told, and are no such reason: all others are saved.
#[handler]
async fn readyz(store: Data<&Store>, pulse: Data<&Pulse>, Data(stuck): Data<&Stuck>) -> Response {
    let (code, body) = report(&store.health().await, pulse.age(), *stuck);
    Json(body).with_status(code).into_response()
}

fn report(health: &Health, turn: Duration, Stuck(stuck): Stuck) -> (StatusCode, Value) {
    let status = match () {
        () if turn > stuck => "stuck",
        () if !health.redis || !health.sql => "unavailable",
        () if health.is_behind() => "behind",
        () => "ok",
    };
    let code = match status {
        "ok" => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut body = health.to_json();
    body["status"] = json!(status);
    body["last_turn_seconds"] = json!(turn.as_secs());
    (code, body)
}

#[cfg(test)]
mod tests {
    use store::{MAX_LAG, Progress};

    use super::*;

    fn health(lag: Duration, parked_rows: u64) -> Health {
        let saving = Some(Progress {
            lag,
            unsaved_rows: 1,
            parked_rows,
        });
        Health {
            redis: true,
            sql: true,
            saving,
            problems: Vec::new(),
        }
    }

    #[test]
    fn a_flusher_is_ready_while_saving_goes_on() {
        let (second, stuck) = (Duration::from_secs(1), Duration::from_secs(500));
        let of = |health: Health, turn| {
            let (code, body) = report(&health, turn, Stuck(stuck));
            (code.as_u16(), body["status"].as_str().map(str::to_owned))
        };
        let is = |code, status: &str| (code, Some(status.to_owned()));
        assert_eq!(of(health(MAX_LAG, 0), second), is(200, "ok"));
        assert_eq!(of(health(MAX_LAG, 9), second), is(200, "ok"), "parked");
        let late = health(MAX_LAG + second, 0);
        assert_eq!(of(late, second), is(503, "behind"));
        assert_eq!(of(health(second, 0), stuck), is(200, "ok"));
        assert_eq!(of(health(second, 0), stuck + second), is(503, "stuck"));
        let alone = Health {
            sql: false,
            ..health(second, 0)
        };
        assert_eq!(of(alone, second), is(503, "unavailable"));
    }
}
