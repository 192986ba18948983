//! Bounds on the answers that are under way, in bytes, for each account and for each address
//! without one: a client that does not read its answers is given no more of them.

use std::sync::Arc;

use poem::{Endpoint, IntoResponse, Request, Response, http::header};

use crate::{
    request::{asker::Asker, client_address},
    response::problem::Problem,
    server::Unsent,
    state::State,
};

/// Counts the answer until its last byte is sent. A stream counts as nothing: it is made as the
/// client takes it.
pub(crate) async fn count<E: Endpoint>(
    endpoint: Arc<E>,
    request: Request,
) -> poem::Result<Response> {
    let state = State::of(&request);
    let answers = &state.answers;
    let asker = request.data::<Asker>().cloned().unwrap_or_default();
    let address = client_address::of(&request, &state.config.trusted_proxies);
    // A request that shows a session is asked for its account's room, once that is known.
    let shows_session = [header::AUTHORIZATION, header::COOKIE]
        .iter()
        .any(|name| request.headers().contains_key(name));
    if !shows_session {
        answers.check(&address).map_err(Problem::from)?;
    }
    let reads = request.method().is_safe();
    let mut response = endpoint.call(request).await?.into_response();
    let (account, place) = asker.leave();
    let who = account.unwrap_or(address);
    let size = size(&mut response).await?;
    let holding = match reads {
        true => answers.hold(&who, size).map_err(Problem::from)?,
        false => answers.hold_anyway(&who, size),
    };
    asker.end_turns(); // Until here, the answer was bounded by the turns at making it.
    response.set_data(Unsent::new(holding, place));
    Ok(response)
}

/// Returns the bytes of an answer in JSON, which is here as a whole.
async fn size(response: &mut Response) -> poem::Result<usize> {
    let is_json = |kind: &str| kind.starts_with("application/json");
    if !response.content_type().is_some_and(is_json) {
        return Ok(0);
    }
    let text = response.take_body().into_bytes().await?;
    let size = text.len();
    response.set_body(text);
    Ok(size)
}
