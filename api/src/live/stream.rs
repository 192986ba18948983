//! `GET /v1/events`: the same events over SSE (WHATWG HTML, section 9.2).

use std::time::Duration;

use async_stream::stream;
use bytes::Bytes;
use model::ServerEvent;
use poem::{Body, IntoResponse, Response, http::header};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Query},
    payload::Payload,
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};

use super::{
    connection::{Connection, Next, Told},
    open::Opener,
    socket::last_words,
};
use crate::{cursor, problem::Problem, sync};

pub(crate) struct StreamApi;

/// How often a silent stream is written to. That its reader has gone is not seen before: poem goes on with a connection after hyper has found its end.
const BREATH: Duration = Duration::from_secs(5);

#[OpenApi(tag = "crate::problem::Tags::Live")]
impl StreamApi {
    /// Be told what happens, over SSE
    ///
    /// An endless stream of events, one JSON object each. The id of an event, where it has one, is a cursor: an `EventSource` that reconnects goes on from it by
    /// itself.
    #[oai(path = "/events", method = "get", operation_id = "streamEvents")]
    async fn events(
        &self,
        opener: Opener,
        /// Where to go on: a cursor of `/v1/sync` or of an earlier connection.
        since: Query<Option<String>>,
        /// The same, as an `EventSource` sends it when it reconnects.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
        /// Of `POST /v1/events/tickets`, instead of a token.
        ticket: Query<Option<String>>,
    ) -> Result<EventStream, Problem> {
        let session = opener.session(ticket.0.as_deref()).await?;
        let since = last_event_id.0.or(since.0).map(|since| cursor::read(&since, sync::read)).transpose()?;
        let connection = opener.state.live.connect(&session).await?;
        let first = connection.hello(since).await?;
        Ok(EventStream(connection, first))
    }
}

/// Of `ServerEvent`s.
pub(crate) struct EventStream(Connection, (Told, Vec<Bytes>, Option<Told>));

impl IntoResponse for EventStream {
    fn into_response(self) -> Response {
        let Self(mut connection, (hello, changes, told)) = self;
        // What is said last is said even if nobody asks for it any more.
        let tracker = connection.live().0.tasks.token();
        let body = stream! {
            let _tracker = tracker;
            yield with_id(&hello);
            for change in changes {
                yield line(&[&change]);
            }
            if let Some(told) = told {
                yield with_id(&told);
            }
            loop {
                let next = tokio::select! {
                    next = connection.next() => next,
                    () = tokio::time::sleep(BREATH) => {
                        yield Bytes::from_static(b":\n\n");
                        continue;
                    }
                };
                match next {
                    Ok(Next::Frames(frames)) => yield line(&frames.iter().collect::<Vec<_>>()),
                    Ok(Next::Heartbeat(told)) => yield with_id(&told),
                    Err(end) => {
                        if let Some(words) = last_words(end) {
                            yield line(&[&words]);
                        }
                        tracing::debug!(?end, "a stream of events ends");
                        return;
                    }
                }
            }
        };
        let body = futures_util::StreamExt::map(body, Ok::<_, std::io::Error>);
        Response::builder()
            .content_type("text/event-stream")
            .header(header::CACHE_CONTROL, "no-store")
            .header("x-accel-buffering", "no")
            .body(Body::from_bytes_stream(body))
    }
}

fn with_id(Told { cursor, frame }: &Told) -> Bytes {
    let mut text = format!("id: {cursor}\n").into_bytes();
    text.extend_from_slice(&line(&[frame]));
    text.into()
}

/// Events have no line breaks: JSON escapes them.
fn line(frames: &[&Bytes]) -> Bytes {
    let mut text = Vec::with_capacity(frames.iter().map(|frame| frame.len() + 8).sum());
    for frame in frames {
        text.extend_from_slice(b"data: ");
        text.extend_from_slice(frame);
        text.extend_from_slice(b"\n\n");
    }
    text.into()
}

impl Payload for EventStream {
    const CONTENT_TYPE: &'static str = "text/event-stream";

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema { items: Some(Box::new(ServerEvent::schema_ref())), ..MetaSchema::new("array") }))
    }

    fn register(registry: &mut Registry) {
        ServerEvent::register(registry);
    }
}

impl ApiResponse for EventStream {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: Self::CONTENT_TYPE, schema: Self::schema_ref() }];
        let ok = MetaResponse {
            description: "Events, until either side ends it.",
            status: Some(200),
            status_range: None,
            content,
            headers: vec![],
        };
        MetaResponses { responses: vec![ok] }
    }

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }
}
