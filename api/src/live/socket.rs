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
use store::{Meter, SyncCursor};
use tokio::{
    io::AsyncReadExt,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    Hub,
    commands::{Answer, Commands},
    connection::{Connection, Greeting, Outgoing},
    handshake::Handshake,
    hub::spread,
    pace::Pace,
    send_queue::EndReason,
};
use crate::{
    operations::sync,
    request::{budget, client_address, cursor, refusals},
    response::problem::Problem,
    server::Place,
    state::State,
};

// Our close codes; those from 4000 on are free for applications (RFC 6455, section 7.4.2).
const LOG_IN_AGAIN: u16 = 4401;
const TOO_SLOW: u16 = 4408;
const TOO_MANY: u16 = 4429;
const RESTARTING: u16 = 4503;
/// The bytes of the read buffer: commands are short, so thousands of idle connections need little
/// memory. A longer command is read in pieces.
const READ_BUFFER: usize = 1024;
/// The bytes of the write buffer.
const WRITE_BUFFER: usize = 4096;
/// The most bytes that it grows to: more than any frame has.
const MAX_WRITE_BUFFER: usize = 4 << 20;
/// The most bytes of a command; the bound of a request's body is the same.
const MAX_COMMAND: usize = 256 * 1024;
/// The most bytes that are read of a client whose frames were refused.
const MAX_REST: u64 = 4 << 20;
/// The longest time that a closing handshake may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// The same for a client that reads slowly: the bytes that the kernel holds are read first.
const SLOW_CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
/// The subprotocol, for clients that must name one.
const PROTOCOL: &str = "carrier";

/// The operation that opens a WebSocket.
pub(crate) struct SocketApi;

type Socket = WebSocketStream<poem::Upgraded>;

#[OpenApi(tag = "crate::operations::Tags::Live")]
impl SocketApi {
    /// Receive events and send commands over a WebSocket
    ///
    /// Text frames, one JSON object each: a `ServerEvent` from us, a `ClientCommand` from you. A
    /// problem with the session is reported after the upgrade, by a close code: 4401 log in again;
    /// 4408 you read too slowly, resume; 4429 you have too many connections; 4503 we restart,
    /// reconnect after `after_ms` of `reconnect`.
    #[oai(path = "/socket", method = "get", operation_id = "openSocket")]
    async fn socket(
        &self,
        request: &Request,
        handshake: Handshake,
        /// The cursor to resume from, of `/v1/sync` or of an earlier connection.
        since: Query<Option<String>>,
        /// A ticket of `POST /v1/events/tickets`, instead of a token. It may also come as a
        /// subprotocol, `ticket.` followed by the ticket, beside `carrier`.
        ticket: Query<Option<String>>,
    ) -> Result<Upgrade, Problem> {
        let since = since
            .0
            .map(|since| cursor::read(&since, sync::read))
            .transpose()?;
        let upgrade = Upgrade::of(request)?;
        let on_upgrade = request.take_upgrade().map_err(|_| not_an_upgrade())?;
        let hub = handshake.hub.clone();
        let (tasks, place) = (hub.0.tasks.clone(), request.data::<Place>().cloned());
        let address = client_address::of(request, &handshake.state.config.trusted_proxies);
        tasks.spawn(async move {
            let _place = place;
            let Some(mut socket) = accept(on_upgrade).await else {
                return;
            };
            let session = Meter::default().measure(handshake.session(ticket.0.as_deref()));
            let end = match Box::pin(session).await {
                Ok(session) => {
                    let who = Client { session, address };
                    serve(&mut socket, &hub, &handshake.state, &who, since).await
                }
                Err(problem) if problem.is_unauthorized() => Some(EndReason::Revoked),
                Err(problem) if problem.is_too_often() => {
                    refusals::report(&problem, None::<&str>, &address);
                    Some(EndReason::TooMany)
                }
                Err(problem) => {
                    refusals::report(&problem, None::<&str>, &address);
                    Some(EndReason::Restart(spread()))
                }
            };
            if let Some(reason) = end {
                tracing::debug!(?reason, "a socket ended");
                let patience = if reason == EndReason::Slow {
                    SLOW_CLOSE_TIMEOUT
                } else {
                    CLOSE_TIMEOUT
                };
                timeout(patience, close(&mut socket, reason)).await.ok();
            }
        });
        Ok(upgrade)
    }
}

/// Takes over the connection once the HTTP response is written.
async fn accept(on_upgrade: OnUpgrade) -> Option<Socket> {
    let upgraded = on_upgrade.await.ok()?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(MAX_WRITE_BUFFER)
        .max_message_size(Some(MAX_COMMAND))
        .max_frame_size(Some(MAX_COMMAND));
    Some(WebSocketStream::from_raw_socket(upgraded, Role::Server, Some(config)).await)
}

/// The client of a connection.
struct Client {
    session: Arc<model::Session>,
    address: String,
}

/// Serves a connection to its end, and returns our reason for it; `None` when the client ended it.
async fn serve(
    socket: &mut Socket,
    hub: &Hub,
    state: &Arc<State>,
    client: &Client,
    since: Option<SyncCursor>,
) -> Option<EndReason> {
    let opened = hub.open(state, &client.session, since);
    let opened = budget::at_cost_of(state, &client.session.hash, opened);
    // Boxed, as everything that is done seldom: the future that waits in thousands of connections
    // should be small.
    let (mut connection, greeting) = match Box::pin(opened).await {
        Ok(opened) => opened,
        Err(problem) if problem.is_too_often() => {
            refusals::report(&problem, Some(client.session.user), &client.address);
            return Some(EndReason::TooMany);
        }
        Err(problem) => {
            tracing::debug!(
                ?problem,
                "could not serve a connection; the client should reconnect"
            );
            return Some(EndReason::Restart(spread()));
        }
    };
    let Greeting {
        hello,
        changes,
        heartbeat,
    } = greeting;
    let first = std::iter::once(hello.frame)
        .chain(changes)
        .chain(heartbeat.map(|heartbeat| heartbeat.frame))
        .collect();
    if let Err(reason) = write(socket, &connection, first).await {
        return reason;
    }
    converse(socket, &mut connection, state, &client.address)
        .await
        .err()
        .flatten()
}

/// Sends events and runs commands until the connection ends.
async fn converse(
    socket: &mut Socket,
    connection: &mut Connection,
    state: &Arc<State>,
    address: &str,
) -> Result<(), Option<EndReason>> {
    let mut heard = Instant::now();
    let mut pace = Pace::new();
    let mut commands = Commands::new(Arc::clone(state), connection, address.into());
    // One command at a time: the next waits in the socket.
    let mut answering: Option<BoxFuture<'static, Answer>> = None;
    loop {
        tokio::select! {
            next = connection.next() => match next.map_err(Some)? {
                Outgoing::Frames(frames) => write(socket, connection, frames).await?,
                Outgoing::Heartbeat(heartbeat) => {
                    if heard.elapsed() > connection.heartbeat_every() * 5 / 2 {
                        return Err(None);
                    }
                    write(socket, connection, vec![heartbeat.frame]).await?;
                    socket.send(Message::Ping(Bytes::new())).await.map_err(|_| None)?;
                }
            },
            message = socket.next(), if answering.is_none() => {
                heard = Instant::now();
                match message {
                    Some(Ok(Message::Text(text))) => {
                        answering = Some(commands.answer(text.as_str()));
                    }
                    // The next is not read before the client has taken the answer to this one.
                    Some(Ok(Message::Ping(_))) => {
                        write(socket, connection, Vec::new()).await?;
                        pace.keep(0).await;
                    }
                    Some(Ok(Message::Pong(_))) => pace.keep(0).await,
                    Some(Ok(Message::Binary(_) | Message::Frame(_))) => {
                        let frame = CloseFrame {
                            code: CloseCode::Unsupported,
                            reason: Utf8Bytes::from_static("commands are text frames"),
                        };
                        timeout(CLOSE_TIMEOUT, socket.close(Some(frame))).await.ok();
                        return Err(None);
                    }
                    Some(Ok(Message::Close(_))) => {
                        // The answer to it waits there to be written.
                        timeout(CLOSE_TIMEOUT, socket.flush()).await.ok();
                        return Err(None);
                    }
                    Some(Err(error)) => {
                        Box::pin(refuse(socket, &error)).await;
                        return Err(None);
                    }
                    None => return Err(None),
                }
            }
            answer = async { answering.as_mut().expect("a command runs").await },
                if answering.is_some() =>
            {
                answering = None;
                write(socket, connection, vec![answer.frame]).await?;
                if let Some(bytes) = answer.unpaid {
                    pace.keep(bytes).await;
                }
            }
            () = commands.typing_ends() => commands.stop_typing(),
        }
    }
}

/// Tells a client what was wrong with its frames.
async fn refuse(socket: &mut Socket, error: &Error) {
    let (code, reason) = match error {
        Error::Utf8(_) => (CloseCode::Invalid, "text is UTF-8"),
        Error::Capacity(_) => (CloseCode::Size, "a command has at most 256 KiB"),
        Error::Protocol(_) => (CloseCode::Protocol, "not a frame of RFC 6455"),
        _ => return, // the connection is gone
    };
    let frame = CloseFrame {
        code,
        reason: Utf8Bytes::from_static(reason),
    };
    let farewell = async {
        socket.close(Some(frame)).await.ok();
        // What is not read resets the connection, and the frame would be lost.
        let mut rest = socket.get_mut().take(MAX_REST);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    timeout(CLOSE_TIMEOUT, farewell).await.ok();
}

/// Writes frames, unless the client reads too slowly.
async fn write(
    socket: &mut Socket,
    connection: &Connection,
    frames: Vec<Bytes>,
) -> Result<(), Option<EndReason>> {
    let writing = async {
        for frame in frames {
            socket
                .feed(Message::Text(
                    Utf8Bytes::try_from(frame).expect("JSON is UTF-8"),
                ))
                .await?;
        }
        socket.flush().await
    };
    tokio::select! {
        biased;
        written = writing => written.map_err(|_: Error| None),
        () = connection.queue.until_too_slow() => Err(Some(EndReason::Slow)),
        // With nothing more to send the queue does not fill, however long this takes.
        () = sleep(connection.heartbeat_every() * 5 / 2) => Err(Some(EndReason::Slow)),
    }
}

/// Returns the event that reports why a connection ends, for the reasons that have one.
pub(crate) fn final_event(reason: EndReason) -> Option<Bytes> {
    let event = match reason {
        EndReason::Revoked => ServerEvent::SessionRevoked(SessionRevoked {
            detail: "This session has ended. Log in again.".into(),
        }),
        EndReason::Restart(after_ms) => ServerEvent::Reconnect(Reconnect { after_ms }),
        EndReason::Slow | EndReason::TooMany => return None,
    };
    Some(event.to_string().into())
}

/// Sends the final event and the close code.
async fn close(socket: &mut Socket, reason: EndReason) -> Result<(), Error> {
    if let Some(event) = final_event(reason) {
        socket
            .send(Message::Text(
                Utf8Bytes::try_from(event).expect("JSON is UTF-8"),
            ))
            .await?;
    }
    let (code, text) = match reason {
        EndReason::Revoked => (LOG_IN_AGAIN, "log in again"),
        EndReason::Slow => (TOO_SLOW, "too slow; resume"),
        EndReason::TooMany => (TOO_MANY, "too many connections"),
        EndReason::Restart(_) => (RESTARTING, "restarting; resume"),
    };
    socket
        .close(Some(CloseFrame {
            code: code.into(),
            reason: Utf8Bytes::from_static(text),
        }))
        .await?;
    // The side that closes first waits for the other, or the frames written last may be lost.
    while socket.next().await.is_some_and(|message| message.is_ok()) {}
    Ok(())
}

/// The response to a valid handshake.
pub(crate) struct Upgrade {
    /// The value of `Sec-WebSocket-Accept`.
    accept: String,
    /// True when the client offered our subprotocol.
    protocol: bool,
}

impl Upgrade {
    /// Checks the handshake of a request.
    fn of(request: &Request) -> Result<Self, Problem> {
        let has = |name: header::HeaderName, word: &str| {
            request
                .header(name)
                .unwrap_or_default()
                .split(',')
                .any(|part| part.trim().eq_ignore_ascii_case(word))
        };
        let key = request.header(header::SEC_WEBSOCKET_KEY);
        match key {
            Some(key)
                if has(header::CONNECTION, "upgrade")
                    && has(header::UPGRADE, "websocket")
                    && request.header(header::SEC_WEBSOCKET_VERSION) == Some("13") =>
            {
                Ok(Self {
                    accept: derive_accept_key(key.as_bytes()),
                    protocol: has(header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL),
                })
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
            response.headers_mut().insert(
                header::SEC_WEBSOCKET_PROTOCOL,
                HeaderValue::from_static(PROTOCOL),
            );
        }
        response
    }
}

impl ApiResponse for Upgrade {
    fn meta() -> MetaResponses {
        let switched = MetaResponse {
            description: "The connection is a WebSocket from here on: `ServerEvent`s from us, \
                          `ClientCommand`s from you.",
            status: Some(101),
            status_range: None,
            content: vec![],
            headers: vec![],
        };
        MetaResponses {
            responses: vec![switched],
        }
    }

    fn register(_: &mut Registry) {}
}
