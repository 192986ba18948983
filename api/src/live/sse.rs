//! `GET /v1/events`: the events of the WebSocket over SSE (WHATWG HTML, section 9.2).

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
    connection::{Connection, CursorFrame, Greeting, Outgoing},
    handshake::Handshake,
    socket::final_event,
};
use crate::{operations::sync, request::cursor, response::problem::Problem};

/// The operation that streams events over SSE.
pub(crate) struct SseApi;

/// The silence after which a comment is written. Only a write shows that the reader has gone: poem
/// goes on with a connection after hyper has found its end.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

#[OpenApi(tag = "crate::operations::Tags::Live")]
impl SseApi {
    /// Receive events over SSE
    ///
    /// An endless stream of events, one JSON object each. The id of an event, where it has one, is
    /// a cursor: an `EventSource` that reconnects resumes from it by itself.
    #[oai(path = "/events", method = "get", operation_id = "streamEvents")]
    async fn events(
        &self,
        handshake: Handshake,
        /// The cursor to resume from, of `/v1/sync` or of an earlier connection.
        since: Query<Option<String>>,
        /// The cursor to resume from, as an `EventSource` sends it when it reconnects.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
        /// A ticket of `POST /v1/events/tickets`, instead of a token.
        ticket: Query<Option<String>>,
    ) -> Result<EventStream, Problem> {
        let session = handshake.session(ticket.0.as_deref()).await?;
        let since = last_event_id
            .0
            .or(since.0)
            .map(|since| cursor::read(&since, sync::read))
            .transpose()?;
        let opened = handshake.hub.open(&handshake.state, &session, since);
        let (connection, greeting) = opened.await?;
        Ok(EventStream(connection, greeting))
    }
}

/// An endless response of `ServerEvent`s.
pub(crate) struct EventStream(Connection, Greeting);

impl IntoResponse for EventStream {
    fn into_response(self) -> Response {
        let Self(mut connection, greeting) = self;
        // The tracker makes a restart wait until the final event is written.
        let tracker = connection.hub().0.tasks.token();
        let body = stream! {
            let _tracker = tracker;
            yield with_id(&greeting.hello);
            for change in greeting.changes {
                yield data(&[&change]);
            }
            if let Some(heartbeat) = greeting.heartbeat {
                yield with_id(&heartbeat);
            }
            loop {
                let next = tokio::select! {
                    next = connection.next() => next,
                    () = tokio::time::sleep(KEEP_ALIVE) => {
                        yield Bytes::from_static(b":\n\n");
                        continue;
                    }
                };
                match next {
                    Ok(Outgoing::Frames(frames)) => yield data(&frames.iter().collect::<Vec<_>>()),
                    Ok(Outgoing::Heartbeat(frame)) => yield with_id(&frame),
                    Err(reason) => {
                        if let Some(event) = final_event(reason) {
                            yield data(&[&event]);
                        }
                        tracing::debug!(?reason, "an event stream ended");
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

/// Formats an event with the cursor as its id.
fn with_id(CursorFrame { cursor, frame }: &CursorFrame) -> Bytes {
    let mut text = format!("id: {cursor}\n").into_bytes();
    text.extend_from_slice(&data(&[frame]));
    text.into()
}

/// Formats frames as events. A frame has no line breaks, since JSON escapes them.
fn data(frames: &[&Bytes]) -> Bytes {
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
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            items: Some(Box::new(ServerEvent::schema_ref())),
            ..MetaSchema::new("array")
        }))
    }

    fn register(registry: &mut Registry) {
        ServerEvent::register(registry);
    }
}

impl ApiResponse for EventStream {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType {
            content_type: Self::CONTENT_TYPE,
            schema: Self::schema_ref(),
        }];
        let ok = MetaResponse {
            description: "Events, until either side ends the stream.",
            status: Some(200),
            status_range: None,
            content,
            headers: vec![],
        };
        MetaResponses {
            responses: vec![ok],
        }
    }

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }
}
