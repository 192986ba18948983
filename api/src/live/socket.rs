//! `GET /v1/socket`: events and commands over a WebSocket (RFC 6455).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, future::BoxFuture};
use model::{Reconnect, ServerEvent, SessionRevoked};
use poem::{
    IntoResponse, OnUpgrade, Request, Response,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::Query,
    registry::{MetaResponse, MetaResponses, Registry},
};
use store::Cursor;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    Live,
    command::Commands,
    connection::{Connection, Next},
    open::Opener,
    outbox::End,
};
use crate::{State, cursor, problem::Problem, sync};

/// What we say with our close codes; those from 4000 on are an application's own.
const LOG_IN_AGAIN: u16 = 4401;
const TOO_SLOW: u16 = 4408;
const TOO_MANY: u16 = 4429;
const RESTARTING: u16 = 4503;
/// What a client says is short, so thousands of idle connections need little; what is longer is read in pieces.
const READ_BUFFER: usize = 1024;
const WRITE_BUFFER: usize = 4096;
/// As that of a request's body.
const MAX_COMMAND: usize = 256 * 1024;
/// How long our last words may take.
const FAREWELL: Duration = Duration::from_secs(5);
/// And to one who reads slowly: what the kernel holds comes before them.
const SLOW_FAREWELL: Duration = Duration::from_secs(30);
/// The subprotocol that we speak, for those who must name one.
const PROTOCOL: &str = "carrier";

pub(crate) struct SocketApi;

type Socket = WebSocketStream<poem::Upgraded>;

#[OpenApi(tag = "crate::problem::Tags::Live")]
impl SocketApi {
    /// Be told what happens, and say something, over a WebSocket
    ///
    /// Text frames, one JSON object each: a `ServerEvent` from us, a `ClientCommand` from you. What is wrong with the session is told after the upgrade, by a close
    /// code: 4401 log in again; 4408 you read too slowly, resume; 4429 you have too many connections; 4503 we restart, come back after `after_ms` of `reconnect`.
    #[oai(path = "/socket", method = "get", operation_id = "openSocket")]
    async fn socket(
        &self,
        request: &Request,
        opener: Opener,
        /// Where to go on: a cursor of `/v1/sync` or of an earlier connection.
        since: Query<Option<String>>,
        /// Of `POST /v1/events/tickets`, instead of a token; it may also come as the subprotocol `ticket.` and it, beside `carrier`.
        ticket: Query<Option<String>>,
    ) -> Result<Upgrade, Problem> {
        let since = since.0.map(|since| cursor::read(&since, sync::read)).transpose()?;
        let upgrade = Upgrade::of(request)?;
        let on_upgrade = request.take_upgrade().map_err(|_| not_an_upgrade())?;
        let live = opener.state.live.clone();
        let tasks = live.0.tasks.clone();
        tasks.spawn(async move {
            let Some(mut socket) = accept(on_upgrade).await else { return };
            let end = match Box::pin(opener.session(ticket.0.as_deref())).await {
                Ok(session) => serve(&mut socket, &live, &opener.state, &session, since).await,
                Err(problem) if problem.is_unauthorized() => Some(End::Revoked),
                Err(_) => Some(End::Restart(super::spread())),
            };
            if let Some(end) = end {
                tracing::debug!(?end, "a socket ends");
                let patience = if end == End::Slow { SLOW_FAREWELL } else { FAREWELL };
                timeout(patience, farewell(&mut socket, end)).await.ok();
            }
        });
        Ok(upgrade)
    }
}

async fn accept(on_upgrade: OnUpgrade) -> Option<Socket> {
    let upgraded = on_upgrade.await.ok()?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(MAX_COMMAND))
        .max_frame_size(Some(MAX_COMMAND));
    Some(WebSocketStream::from_raw_socket(upgraded, Role::Server, Some(config)).await)
}

/// Why we end it; `None`: they have.
async fn serve(socket: &mut Socket, live: &Live, state: &Arc<State>, session: &model::Session, since: Option<Cursor>) -> Option<End> {
    let opened = async {
        let connection = live.connect(session).await?;
        let hello = connection.hello(since).await.map_err(Problem::from)?;
        Ok::<_, Problem>((connection, hello))
    };
    // Boxed, as all that is done seldom: what waits for thousands should be small.
    let (mut connection, (hello, changes, told)) = match Box::pin(opened).await {
        Ok(opened) => opened,
        Err(problem) if problem.is_too_often() => return Some(End::TooMany),
        Err(problem) => {
            tracing::debug!(?problem, "a connection cannot be served now");
            return Some(End::Restart(super::spread()));
        }
    };
    let first = std::iter::once(hello.frame).chain(changes).chain(told.map(|told| told.frame)).collect();
    if let Err(end) = write(socket, &connection, first).await {
        return end;
    }
    converse(socket, &mut connection, state).await.err().flatten()
}

async fn converse(socket: &mut Socket, connection: &mut Connection, state: &Arc<State>) -> Result<(), Option<End>> {
    let mut heard = Instant::now();
    let mut commands = Commands::new(Arc::clone(state), connection);
    // One at a time: what is said next waits in the socket.
    let mut answering: Option<BoxFuture<'static, Bytes>> = None;
    loop {
        tokio::select! {
            next = connection.next() => match next.map_err(Some)? {
                Next::Frames(frames) => write(socket, connection, frames).await?,
                Next::Heartbeat(told) => {
                    if heard.elapsed() > connection.heartbeat_every() * 5 / 2 {
                        return Err(None);
                    }
                    write(socket, connection, vec![told.frame]).await?;
                    socket.send(Message::Ping(Bytes::new())).await.map_err(|_| None)?;
                }
            },
            said = socket.next(), if answering.is_none() => {
                heard = Instant::now();
                match said {
                    Some(Ok(Message::Text(text))) => answering = Some(commands.answer(text.as_str())),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Binary(_) | Message::Frame(_))) => {
                        let close = CloseFrame { code: CloseCode::Unsupported, reason: Utf8Bytes::from_static("commands are text frames") };
                        timeout(FAREWELL, socket.close(Some(close))).await.ok();
                        return Err(None);
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(None),
                }
            }
            answer = async { answering.as_mut().expect("it is there").await }, if answering.is_some() => {
                answering = None;
                write(socket, connection, vec![answer]).await?;
            }
            () = commands.typing_ends() => commands.stop_typing(),
        }
    }
}

/// Writes frames, unless the other side reads too slowly.
async fn write(socket: &mut Socket, connection: &Connection, frames: Vec<Bytes>) -> Result<(), Option<End>> {
    let writing = async {
        for frame in frames {
            socket.feed(Message::Text(Utf8Bytes::try_from(frame).expect("JSON is UTF-8"))).await?;
        }
        socket.flush().await
    };
    tokio::select! {
        written = writing => written.map_err(|_: Error| None),
        () = connection.outbox.is_slow() => Err(Some(End::Slow)),
    }
}

/// The event that tells why a connection ends.
pub(crate) fn last_words(end: End) -> Option<Bytes> {
    let event = match end {
        End::Revoked => ServerEvent::SessionRevoked(SessionRevoked { detail: "This session has ended. Log in again.".into() }),
        End::Restart(after_ms) => ServerEvent::Reconnect(Reconnect { after_ms }),
        End::Slow | End::TooMany => return None,
    };
    Some(event.to_string().into())
}

async fn farewell(socket: &mut Socket, end: End) -> Result<(), Error> {
    if let Some(words) = last_words(end) {
        socket.send(Message::Text(Utf8Bytes::try_from(words).expect("JSON is UTF-8"))).await?;
    }
    let (code, reason) = match end {
        End::Revoked => (LOG_IN_AGAIN, "log in again"),
        End::Slow => (TOO_SLOW, "too slow; resume"),
        End::TooMany => (TOO_MANY, "too many connections"),
        End::Restart(_) => (RESTARTING, "restarting; resume"),
    };
    socket.close(Some(CloseFrame { code: code.into(), reason: Utf8Bytes::from_static(reason) })).await?;
    // Whoever closes first waits, or what was written last may never arrive.
    while socket.next().await.is_some_and(|said| said.is_ok()) {}
    Ok(())
}

/// The answer to a good handshake.
pub(crate) struct Upgrade {
    accept: String,
    protocol: bool,
}

impl Upgrade {
    fn of(request: &Request) -> Result<Self, Problem> {
        let has = |name: header::HeaderName, word: &str| {
            request.header(name).unwrap_or_default().split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
        };
        let key = request.header(header::SEC_WEBSOCKET_KEY);
        match key {
            Some(key)
                if has(header::CONNECTION, "upgrade")
                    && has(header::UPGRADE, "websocket")
                    && request.header(header::SEC_WEBSOCKET_VERSION) == Some("13") =>
            {
                Ok(Self { accept: derive_accept_key(key.as_bytes()), protocol: has(header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL) })
            }
            _ => Err(not_an_upgrade()),
        }
    }
}

fn not_an_upgrade() -> Problem {
    Problem::malformed("this is for WebSockets: send the handshake of RFC 6455, version 13")
}

impl IntoResponse for Upgrade {
    fn into_response(self) -> Response {
        let mut response = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_ACCEPT, self.accept)
            .finish();
        if self.protocol {
            response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
        }
        response
    }
}

impl ApiResponse for Upgrade {
    fn meta() -> MetaResponses {
        let switched = MetaResponse {
            description: "It is a WebSocket from here on: `ServerEvent`s from us, `ClientCommand`s from you.",
            status: Some(101),
            status_range: None,
            content: vec![],
            headers: vec![],
        };
        MetaResponses { responses: vec![switched] }
    }

    fn register(_: &mut Registry) {}
}
