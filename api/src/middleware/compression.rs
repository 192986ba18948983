//! Compression of the answers in JSON, where the client takes it.

use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{HeaderValue, header},
};

use crate::{request::asker::Asker, response::gzip, state::State};

/// The size of an answer from which it is compressed: of a smaller one, little would be saved.
const LEAST: usize = 1 << 10;
/// The size up to which an answer is compressed where it is made; a larger one is compressed off
/// the async threads, in turns.
const SMALL: usize = 16 << 10;
/// The bytes whose compression costs a unit of the budget: 10 to 20 microseconds.
const BYTES: usize = 2 << 10;

/// Compresses the answer in JSON to a client that takes it. All else, streams and files among it,
/// passes as it is.
pub(crate) async fn compress<E: Endpoint>(
    endpoint: Arc<E>,
    request: Request,
) -> poem::Result<Response> {
    let is_taken = gzip::is_taken(&request);
    let state = State::of(&request);
    let asker = request.data::<Asker>().cloned().unwrap_or_default();
    let mut response = endpoint.call(request).await?.into_response();
    let is_json = |kind: &str| kind.starts_with("application/json");
    if !response.content_type().is_some_and(is_json) {
        return Ok(response);
    }
    let varies = HeaderValue::from_static("accept-encoding");
    response.headers_mut().append(header::VARY, varies);
    if !is_taken {
        return Ok(response);
    }
    let text: Bytes = response.take_body().into_bytes().await?;
    let short = match text.len() {
        ..LEAST => None,
        LEAST..=SMALL => Some(gzip::gzip(&text, Compression::fast())),
        _ => compress_in_turn(&state, &asker, text.clone()).await,
    };
    let Some(short) = short else {
        response.set_body(text);
        return Ok(response);
    };
    let gzip = HeaderValue::from_static("gzip");
    response
        .headers_mut()
        .insert(header::CONTENT_ENCODING, gzip);
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.set_body(short);
    Ok(response)
}

/// Compresses a large text off the async threads, at the cost of the account that asked for it;
/// `None` when too many wait for that: then the text goes as it is.
async fn compress_in_turn(state: &State, asker: &Asker, text: Bytes) -> Option<Bytes> {
    store::charge(u32::try_from(text.len() / BYTES).unwrap_or(u32::MAX));
    let who = asker.account().unwrap_or_default();
    let work = move || gzip::gzip(&text, Compression::fast());
    state.compression.run(&who, work).await.ok()
}
