//! The outer layer of every request: an id, a bound on the body, a problem for every error, and the
//! headers of its rate limits.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use model::ProblemCode;
use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{HeaderName, HeaderValue, header},
};
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    middleware::body_limit::Bodies,
    request::{auth, rate_limits::CountedLimits},
    response::problem::{INTERNAL, Problem},
};

/// The headers that every answer has unless its handler chose others. The answers of the API are no
/// documents: nothing in them is run, shown in a frame, or kept by a browser or a proxy.
const HARDENING: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Returns what the log has of a path: the token of an invitation is none of its business.
fn shown(path: &str) -> &str {
    let begins = |start: &&str| path.starts_with(start);
    let secret = ["/v1/invites/", "/join/"].into_iter().find(begins);
    secret.map_or(path, |start| &path[..start.len()])
}

/// Runs a request inside this layer.
pub(crate) async fn guard<E: Endpoint>(
    endpoint: Arc<E>,
    mut request: Request,
    bodies: Arc<Bodies>,
) -> poem::Result<Response> {
    let id = request_id(&request);
    let span = tracing::info_span!(
        "request",
        id = %id,
        method = %request.method(),
        path = shown(request.uri().path()),
    );
    let limits = CountedLimits::default();
    request.set_data(limits.clone());
    let work = async {
        let _room = bodies.bound(&mut request).await?;
        Ok::<_, poem::Error>(endpoint.call(request).await?.into_response())
    };
    let outcome = AssertUnwindSafe(work)
        .catch_unwind()
        .instrument(span.clone())
        .await;
    let mut response = match outcome {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => span.in_scope(|| Problem::of(&error)).response(&id),
        Err(_) => {
            span.in_scope(|| tracing::error!("a handler panicked"));
            Problem::new(ProblemCode::Internal, INTERNAL).response(&id)
        }
    };
    let headers = response.headers_mut();
    headers.insert(
        "x-request-id",
        HeaderValue::from_str(&id).expect("a request id is visible ASCII"),
    );
    limits.write(headers);
    for (name, value) in HARDENING {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    Ok(response)
}

/// Two ways into the API: pages of its own origin need no permission, those of other origins do.
pub(crate) struct ByOrigin<O, T> {
    /// Serves pages of the own origin.
    pub(crate) own: O,
    /// Serves all others, with CORS.
    pub(crate) others: T,
}

impl<O: Endpoint<Output = Response>, T: Endpoint<Output = Response>> Endpoint for ByOrigin<O, T> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if auth::is_our_own_page(&request) {
            self.own.call(request).await
        } else {
            self.others.call(request).await
        }
    }
}

/// Turns a refusal from outside of [`guard`] into a problem.
pub(crate) async fn refuse(error: poem::Error) -> Response {
    Problem::of(&error).response(&Uuid::now_v7().to_string())
}

/// Returns the id that the client gave to the request if it is a good one, or else a new one.
fn request_id(request: &Request) -> String {
    let is_good = |id: &&str| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    request
        .header("x-request-id")
        .filter(is_good)
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_no_token_of_an_invitation() {
        for (path, expected) in [
            ("/v1/chats/1/invites/2", "/v1/chats/1/invites/2"),
            ("/v1/invites/secret/join", "/v1/invites/"),
            ("/join/secret", "/join/"),
        ] {
            assert_eq!(shown(path), expected);
        }
    }

    #[test]
    fn the_id_of_a_request_is_that_of_the_client_if_it_is_a_good_one() {
        let id = |given: &str| {
            let request = Request::builder().header("x-request-id", given).finish();
            request_id(&request)
        };
        for good in ["a", "A-b_c.9", &"n".repeat(64)] {
            assert_eq!(id(good), good);
        }
        for bad in ["", "a b", "a/b", "a\"b", &"n".repeat(65)] {
            let id = id(bad);
            assert!(id != bad && id.parse::<Uuid>().is_ok(), "{bad} became {id}");
        }
        assert!(request_id(&Request::default()).parse::<Uuid>().is_ok());
    }
}
