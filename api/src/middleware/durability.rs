//! The wait of a write for its durability, as the mark on its answer asks for.

use std::sync::Arc;

use poem::{Endpoint, IntoResponse, Request, Response};

use crate::{
    response::{durable::WaitFor, problem::Problem},
    state::State,
};

/// Sends the answer of a write once the write is as durable as the mark on the answer asks for.
pub(crate) async fn wait<E: Endpoint>(
    endpoint: Arc<E>,
    request: Request,
) -> poem::Result<Response> {
    if request.method().is_safe() {
        return Ok(endpoint.call(request).await?.into_response());
    }
    let state = State::of(&request);
    let began = state.store.begin_write();
    let response = endpoint.call(request).await?.into_response();
    let Some(wait) = response.data::<WaitFor>().copied() else {
        return Ok(response);
    };
    if wait == WaitFor::Permanence && !state.store.is_as_durable_as_possible(began).await {
        tracing::warn!(
            "Redis did not make a deletion durable in time; a crash of Redis could undo it"
        );
    }
    if state.store.is_acknowledged(began).await {
        Ok(response)
    } else {
        Err(Problem::not_durable().into())
    }
}
