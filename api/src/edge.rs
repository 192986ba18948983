//! What every request passes: an id, a bound on its body, a problem for whatever goes wrong, and what is left of its limits.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use poem::{
    Body, Endpoint, IntoResponse, Request, Response,
    http::{HeaderValue, Method, StatusCode, header},
};
use tracing::Instrument;
use uuid::Uuid;

use crate::{auth, problem::Problem, quota::Told};

/// 10,000 characters of up to 12 bytes each as JSON escapes them, with room for the rest.
const MAX_BODY: usize = 256 * 1024;

/// Runs a request between its edges.
pub(crate) async fn guard<E: Endpoint>(endpoint: Arc<E>, mut request: Request) -> poem::Result<Response> {
    let id = request_id(&request);
    let span = tracing::info_span!("request", id = %id, method = %request.method(), path = request.uri().path());
    let told = Told::default();
    request.set_data(told.clone());
    let work = async {
        bound_body(&mut request).await?;
        Ok::<_, poem::Error>(endpoint.call(request).await?.into_response())
    };
    let outcome = AssertUnwindSafe(work).catch_unwind().instrument(span.clone()).await;
    let mut response = match outcome {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => span.in_scope(|| Problem::of(&error)).response(&id),
        Err(_) => {
            span.in_scope(|| tracing::error!("a handler panicked"));
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "This is our fault; the request's id finds it in the log.")
                .response(&id)
        }
    };
    let headers = response.headers_mut();
    headers.insert("x-request-id", HeaderValue::from_str(&id).expect("a request id is visible ASCII"));
    told.write(headers);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// Pages of our own need no permission; those of other origins do.
pub(crate) struct ByOrigin<O, T> {
    pub(crate) own: O,
    pub(crate) others: T,
}

impl<O: Endpoint<Output = Response>, T: Endpoint<Output = Response>> Endpoint for ByOrigin<O, T> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if auth::is_our_own_page(&request) { self.own.call(request).await } else { self.others.call(request).await }
    }
}

/// What is refused before it gets to [`guard`].
pub(crate) async fn refuse(error: poem::Error) -> Response {
    Problem::of(&error).response(&Uuid::now_v7().to_string())
}

/// The client's own id if it is a sane one.
fn request_id(request: &Request) -> String {
    let sane = |id: &&str| (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    request.header("x-request-id").filter(sane).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// A file is read as it comes, and counted by whoever stores it.
fn is_upload(request: &Request) -> bool {
    let path = request.uri().path();
    match *request.method() {
        Method::POST => path.ends_with("/attachments"),
        Method::PUT => path.ends_with("/avatar"),
        _ => false,
    }
}

async fn bound_body(request: &mut Request) -> poem::Result<()> {
    if is_upload(request) {
        return Ok(());
    }
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("A body has at most {MAX_BODY} bytes."));
    match request.header(header::CONTENT_LENGTH).map(str::parse::<usize>) {
        Some(Ok(length)) if length <= MAX_BODY => {}
        Some(_) => return Err(too_large().into()),
        None if request.header(header::TRANSFER_ENCODING).is_some() => {
            let bytes = request.take_body().into_bytes_limit(MAX_BODY).await.map_err(|_| too_large())?;
            request.set_body(Body::from(bytes));
        }
        None => {}
    }
    Ok(())
}
