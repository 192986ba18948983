//! Bounds on the body of every request, in bytes and in time: an operation that takes an
//! [`Upload`] counts the bytes of its file itself, every other body is here before its operation
//! begins.

use std::{io, pin::pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use fair::{Holding, Holdings};
use futures_util::{Stream, StreamExt, TryStreamExt, stream::try_unfold};
use ipnet::IpNet;
use model::ProblemCode;
use poem::{
    Body, Request,
    http::{Method, header},
};
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    request::{client_address, upload::Upload},
    response::problem::Problem,
    server::Progress,
};

/// The most bytes of a body: 10,000 characters of up to 12 bytes each as JSON escapes them, with
/// room for the rest.
const MAX_BODY: usize = 256 * 1024;
/// The most bytes of the bodies of one address that are here at once.
const OF_ADDRESS: usize = 64 * MAX_BODY;
/// The most bytes of all bodies that are here at once.
const OF_ALL: usize = 512 * MAX_BODY;
/// The longest time of a body, and of a pause in an upload.
const PATIENCE: Duration = Duration::from_secs(30);
/// The fewest bytes of an upload in a second, over the whole of it, beyond [`PATIENCE`].
const SLOWEST: u64 = 4096;

/// The bounds on the bodies of requests.
pub(crate) struct Bodies {
    uploads: Uploads,
    trusted_proxies: Vec<IpNet>,
    here: Arc<Holdings>,
}

impl Bodies {
    /// Returns the bounds for the operations of an OpenAPI document.
    pub(crate) fn new(document: &str, trusted_proxies: Vec<IpNet>) -> Self {
        Self {
            uploads: Uploads::of(document),
            trusted_proxies,
            here: Holdings::new(OF_ADDRESS, OF_ALL),
        }
    }

    /// Bounds the body of a request, and waits for it unless it is an upload. What is held is the
    /// room of the body, until the request is done.
    ///
    /// # Errors
    /// 413 when the body is larger than [`MAX_BODY`]; 400 when it breaks off or takes too long; 503
    /// when too many bodies are here at once, and no address has more of them.
    pub(crate) async fn bound(&self, request: &mut Request) -> poem::Result<Option<Holding>> {
        if self
            .uploads
            .contains(request.method(), request.uri().path())
        {
            let progress = request.data::<Progress>().cloned();
            let paced = paced(request.take_body(), progress);
            request.set_body(paced);
            return Ok(None);
        }
        let is_good = |size: &str| size.parse().is_ok_and(|size: usize| size <= MAX_BODY);
        if !request.header(header::CONTENT_LENGTH).is_none_or(is_good) {
            return Err(too_large().into());
        }
        let body = request.take_body();
        if body.is_empty() {
            return Ok(None);
        }
        let client = client_address::of(request, &self.trusted_proxies);
        let room = self.here.begin(&client);
        let displaced = room.notice();
        let whole = tokio::select! {
            whole = timeout(PATIENCE, collect(body, &room)) => whole.map_err(|_| broke_off())??,
            () = displaced.notified() => return Err(too_many().into()),
        };
        // The request is done now, so nothing is gained by refusing it for another.
        room.keep();
        request.set_body(whole);
        Ok(Some(room))
    }
}

/// Reads a body up to the bound. Only what has come takes room: a client may say any size.
async fn collect(body: Body, room: &Holding) -> Result<Bytes, Problem> {
    let mut parts = pin!(body.into_bytes_stream());
    let mut whole = BytesMut::new();
    while let Some(part) = parts.try_next().await.map_err(|_| broke_off())? {
        if whole.len() + part.len() > MAX_BODY {
            return Err(too_large());
        }
        if !room.grow(part.len()) {
            return Err(too_many());
        }
        whole.extend_from_slice(&part);
    }
    Ok(whole.freeze())
}

/// Returns a body that fails when it comes too slowly.
fn paced(body: Body, progress: Option<Progress>) -> Body {
    let parts = body.into_bytes_stream().inspect(move |_| {
        if let Some(progress) = &progress {
            progress.note();
        }
    });
    Body::from_bytes_stream(paced_parts(parts))
}

fn paced_parts(
    parts: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (began, parts) = (Instant::now(), Box::pin(parts));
    try_unfold((parts, 0), move |(mut parts, size)| async move {
        let end = began + PATIENCE + Duration::from_secs(size / SLOWEST);
        let next = timeout_at(end.min(Instant::now() + PATIENCE), parts.try_next()).await;
        let slow = |_| io::Error::new(io::ErrorKind::TimedOut, "it came too slowly");
        let part = next.map_err(slow)??;
        Ok(part.map(|part| {
            let size = size + part.len() as u64;
            (part, (parts, size))
        }))
    })
}

fn too_large() -> Problem {
    Problem::new(
        ProblemCode::TooLarge,
        format!("The body is too large: it may have at most {MAX_BODY} bytes."),
    )
}

fn too_many() -> Problem {
    Problem::unavailable(
        ProblemCode::Busy,
        "Too many requests with large bodies are under way. Try again in a moment.",
        1,
    )
}

fn broke_off() -> Problem {
    Problem::malformed(format!(
        "The body did not come whole within {} s.",
        PATIENCE.as_secs()
    ))
}

/// The methods and path templates of the operations whose body is a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Uploads(Vec<(Method, String)>);

impl Uploads {
    /// Reads the operations from the OpenAPI document, where [`Upload`] has a content type of its
    /// own.
    pub(crate) fn of(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).expect("the document is JSON");
        let prefix = document["servers"][0]["url"].as_str().unwrap_or_default();
        let mut uploads = Vec::new();
        for (path, operations) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in operations.as_object().into_iter().flatten() {
                if !operation["requestBody"]["content"][Upload::CONTENT_TYPE].is_null() {
                    let method = method.to_uppercase().parse().expect("a method");
                    uploads.push((method, format!("{prefix}{path}")));
                }
            }
        }
        Self(uploads)
    }

    fn contains(&self, method: &Method, path: &str) -> bool {
        self.0
            .iter()
            .any(|(upload, template)| upload == method && fits(template, path))
    }
}

/// True when each segment of the path is that of the template, or stands for a parameter of it.
fn fits(template: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    template.split('/').all(|part| {
        segments
            .next()
            .is_some_and(|segment| part.starts_with('{') || part == segment)
    }) && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use futures_util::{future::join_all, stream};
    use poem::{
        RequestParts,
        http::{StatusCode, uri::Scheme},
        web::{LocalAddr, RemoteAddr},
    };

    use super::*;

    #[test]
    fn uploads_are_read_from_the_document() {
        let document = serde_json::json!({
            "servers": [{ "url": "/v1" }],
            "paths": {
                "/chats/{chat_id}/avatar": {
                    "put": { "requestBody": { "content": { "application/octet-stream": {} } } },
                    "get": {},
                },
                "/chats": { "post": { "requestBody": { "content": { "application/json": {} } } } },
            },
        });
        let uploads = Uploads::of(&document.to_string());
        assert_eq!(
            uploads,
            Uploads(vec![(Method::PUT, "/v1/chats/{chat_id}/avatar".into())])
        );
        assert!(uploads.contains(&Method::PUT, "/v1/chats/7/avatar"));
        for (method, path) in [
            (Method::POST, "/v1/chats/7/avatar"),
            (Method::PUT, "/v1/chats/7/avatar/"),
            (Method::PUT, "/v1/chats/7/8/avatar"),
            (Method::PUT, "/v1/chats/avatar"),
            (Method::PUT, "/chats/7/avatar"),
            (Method::POST, "/v1/chats"),
        ] {
            assert!(!uploads.contains(&method, path), "{method} {path}");
        }
    }

    fn bodies() -> Bodies {
        Bodies {
            uploads: Uploads(vec![(Method::PUT, "/file".into())]),
            trusted_proxies: Vec::new(),
            here: Holdings::new(OF_ADDRESS, OF_ALL),
        }
    }

    fn put(path: &str, body: Body) -> Request {
        Request::builder()
            .method(Method::PUT)
            .uri(path.parse().expect("a path"))
            .body(body)
    }

    /// Returns a body whose size nobody says, as over HTTP/2.
    fn streamed(size: usize) -> Body {
        let whole = Bytes::from(vec![b'x'; size]);
        let parts: Vec<_> = whole.chunks(100_000).map(Bytes::copy_from_slice).collect();
        let parts = parts.into_iter().map(Ok::<_, io::Error>);
        Body::from_bytes_stream(stream::iter(parts))
    }

    /// Returns a body that begins and does not go on.
    fn half() -> Body {
        let begun = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"x"))]);
        Body::from_bytes_stream(begun.chain(stream::pending()))
    }

    #[tokio::test]
    async fn a_body_of_any_form_is_bounded_unless_it_is_an_upload() {
        let bodies = bodies();
        let bound = async |mut request: Request| {
            let bounded = bodies.bound(&mut request).await;
            bounded.map(drop).map_err(|error| error.status())
        };
        let too_large = Err(StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(bound(put("/json", streamed(MAX_BODY))).await, Ok(()));
        assert_eq!(bound(put("/json", streamed(MAX_BODY + 1))).await, too_large);
        assert_eq!(bound(put("/file", streamed(MAX_BODY + 1))).await, Ok(()));
        for wrong in [&*(MAX_BODY + 1).to_string(), "x"] {
            let mut said = put("/json", streamed(1));
            let value = wrong.parse().expect("a value");
            said.headers_mut().insert(header::CONTENT_LENGTH, value);
            assert_eq!(bound(said).await, too_large, "{wrong}");
        }
        let free = bodies.here.begin("local").grow(OF_ADDRESS);
        assert!(free, "nothing of it is here any more");
    }

    /// Returns a request that comes from an address.
    fn from(address: &str, body: Body) -> Request {
        let head = poem::http::Request::put("/json").header(header::CONTENT_LENGTH, MAX_BODY);
        let (head, ()) = head.body(()).expect("a request").into_parts();
        let peer = SocketAddr::new(address.parse().expect("an address"), 4711);
        let peer = RemoteAddr(peer.into());
        let parts = RequestParts::from((head, LocalAddr::default(), peer, Scheme::HTTP));
        Request::from_parts(parts, body)
    }

    /// Returns a request of which so many bytes of the body come, and no more.
    fn half_from(address: &str, comes: usize) -> Request {
        static BODY: [u8; MAX_BODY] = [b'x'; MAX_BODY];
        let begun = stream::iter([Ok::<_, io::Error>(Bytes::from_static(&BODY[..comes]))]);
        let body = Body::from_bytes_stream(begun.chain(stream::pending()));
        from(address, body)
    }

    fn status_of<T>(bounded: poem::Result<T>) -> Option<StatusCode> {
        bounded.err().map(|error| error.status())
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_body_is_waited_for_only_so_long() {
        let mut request = put("/json", half());
        let refused = bodies().bound(&mut request).await;
        assert_eq!(status_of(refused), Some(StatusCode::BAD_REQUEST));
    }

    #[tokio::test(start_paused = true)]
    async fn of_one_address_so_many_bytes_are_here_and_others_have_their_own() {
        let bodies = bodies();
        let mut halves: Vec<_> = (0..64).map(|_| half_from("192.0.2.1", MAX_BODY)).collect();
        let mut more = from("192.0.2.1", streamed(1000));
        let mut other = from("192.0.2.2", streamed(1000));
        let outcome = tokio::select! {
            biased;
            _ = join_all(halves.iter_mut().map(|half| bodies.bound(half))) => None,
            both = async { (bodies.bound(&mut more).await, bodies.bound(&mut other).await) } => {
                Some(both)
            }
        };
        let (more, other) = outcome.expect("the halves wait");
        assert_eq!(status_of(more), Some(StatusCode::SERVICE_UNAVAILABLE));
        assert_eq!(status_of(other), None);
    }

    #[tokio::test(start_paused = true)]
    async fn half_bodies_of_some_addresses_keep_no_other_from_sending_one() {
        let bodies = bodies();
        // Of each a byte comes; then of each all, but not the end.
        for (comes, displaced) in [(1, 0), (MAX_BODY, 1)] {
            let address = |at: usize| format!("192.0.2.{}", at % 8);
            let halves = (0..512).map(|at| half_from(&address(at), comes));
            let mut halves: Vec<_> = halves.collect();
            let halves = join_all(halves.iter_mut().map(|half| bodies.bound(half)));
            let mut whole = from("192.0.2.8", streamed(1000));
            let whole = async {
                let are_here = || (0..8).all(|at| bodies.here.is_full(&address(at)));
                while comes == MAX_BODY && !are_here() {
                    tokio::task::yield_now().await;
                }
                bodies.bound(&mut whole).await
            };
            let (halves, whole) = tokio::join!(halves, whole);
            assert_eq!(status_of(whole), None, "{comes}");
            let busy = Some(StatusCode::SERVICE_UNAVAILABLE);
            let refused = halves.into_iter().filter_map(|half| half.err());
            let refused = refused.filter(|error| Some(error.status()) == busy).count();
            assert_eq!(refused, displaced, "{comes}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_may_be_slow_but_not_for_ever() {
        let began = Instant::now();
        let mut file = put("/file", half());
        bodies().bound(&mut file).await.map(drop).expect("bounded");
        let read = file.take_body().into_bytes().await;
        assert!(read.is_err() && began.elapsed() == PATIENCE);
    }
}
