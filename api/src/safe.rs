//! What a write waits for before it is answered: what CARRIER_ACK asks for; and what must not be taken back, for all that Redis can do.

use std::sync::Arc;

use poem::{Endpoint, IntoResponse, Request, Response, http::Method};

use crate::{State, problem::Problem};

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Must {
    /// What CARRIER_ACK asks for, or the request fails.
    BeAcknowledged,
    /// All that Redis can do, too: a deletion, a removal, a revocation, a block, a new password.
    Stay,
}

/// Answers once what was written is safe.
pub(crate) async fn wait<E: Endpoint>(endpoint: Arc<E>, request: Request) -> poem::Result<Response> {
    let state = request.data::<Arc<State>>().map(Arc::clone);
    let (Some(must), Some(state)) = (must(request.method(), request.uri().path()), state) else {
        return Ok(endpoint.call(request).await?.into_response());
    };
    let began = state.store.begin_write();
    let response = endpoint.call(request).await?.into_response();
    if !response.status().is_success() {
        return Ok(response);
    }
    if must == Must::Stay && !state.store.is_as_safe_as_can_be(began).await {
        tracing::warn!("what was taken away might come back: Redis did not make it durable in time");
    }
    if state.store.is_acknowledged(began).await { Ok(response) } else { Err(not_durable().into()) }
}

/// It was done, and may be lost.
pub(crate) fn not_durable() -> Problem {
    Problem::unavailable("not_durable", "It is done, but Redis could not make it as durable as it should be; do it again.", 2)
}

fn must(method: &Method, path: &str) -> Option<Must> {
    let what = path.rsplit('/').find(|part| part.parse::<uuid::Uuid>().is_err());
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => None,
        // The answer tells how durable it is.
        Method::POST if what == Some("messages") => None,
        Method::DELETE => Some(Must::Stay),
        _ if what.is_some_and(|what| ["logout", "password", "blocks", "erase"].contains(&what)) => Some(Must::Stay),
        _ => Some(Must::BeAcknowledged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_away_stays_away() {
        let user = uuid::Uuid::now_v7();
        assert!(must(&Method::POST, "/v1/auth/logout") == Some(Must::Stay));
        assert!(must(&Method::DELETE, "/v1/auth/sessions") == Some(Must::Stay));
        assert!(must(&Method::PUT, "/v1/users/me/password") == Some(Must::Stay));
        assert!(must(&Method::PUT, &format!("/v1/users/me/blocks/{user}")) == Some(Must::Stay));
        assert!(must(&Method::POST, &format!("/v1/chats/{user}/members")) == Some(Must::BeAcknowledged));
        assert!(must(&Method::POST, &format!("/v1/chats/{user}/messages")).is_none());
        assert!(must(&Method::GET, "/v1/chats").is_none());
    }
}
