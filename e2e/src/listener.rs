//! A client that hears of events, over a WebSocket or SSE.

use std::time::Duration;

use futures_util::{SinkExt, Stream, StreamExt, stream::BoxStream};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::Client;

/// The longest wait for an event; none is as late.
const PATIENCE: Duration = Duration::from_secs(60);

/// The protocol that a client listens by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// `GET /v1/socket`
    Socket,
    /// `GET /v1/events`
    Sse,
}

/// A connection on which events come.
pub struct Listener {
    inner: Inner,
    /// The close code, once the connection has ended.
    pub closed: Option<u16>,
}

enum Inner {
    Socket(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
    Sse(BoxStream<'static, Value>),
}

impl Listener {
    /// Connects. `query` as `since=abc`, or empty.
    pub async fn connect(client: &Client, wire: Wire, query: &str) -> Self {
        match wire {
            Wire::Socket => Self::socket(client, query, &[]).await,
            Wire::Sse => Self::events(client, query, None).await,
        }
    }

    /// Connects a WebSocket, with these headers more.
    pub async fn socket(client: &Client, query: &str, headers: &[(&'static str, &str)]) -> Self {
        Self::try_socket(client, query, headers)
            .await
            .expect("the handshake is good")
    }

    /// Connects a WebSocket, with these headers more.
    ///
    /// # Errors
    /// Fails with the status of an answer that is no upgrade, or 0 when the API does not answer.
    pub async fn try_socket(
        client: &Client,
        query: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let url = format!(
            "{}/v1/socket?{query}",
            client.base.replacen("http", "ws", 1)
        );
        let mut request = url.into_client_request().expect("an address");
        if let Some(token) = &client.token {
            request.headers_mut().insert(
                "authorization",
                format!("Bearer {token}").parse().expect("a header"),
            );
        }
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(*name, HeaderValue::from_str(value).expect("a header"));
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self {
                inner: Inner::Socket(Box::new(socket)),
                closed: None,
            }),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                Err(response.status().as_u16())
            }
            Err(_) => Err(0),
        }
    }

    /// Connects a stream of events that goes on after `last_event_id`.
    pub async fn events(client: &Client, query: &str, last_event_id: Option<&str>) -> Self {
        files::install_tls();
        let mut request = reqwest::Client::new().get(format!("{}/v1/events?{query}", client.base));
        if let Some(token) = &client.token {
            request = request.bearer_auth(token);
        }
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.expect("the API answers");
        assert_eq!(response.status(), 200, "a stream");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            inner: Inner::Sse(Box::pin(parsed(response.bytes_stream()))),
            closed: None,
        }
    }

    /// Returns the next event, or `None` when the connection has ended.
    pub async fn next(&mut self) -> Option<Value> {
        tokio::time::timeout(PATIENCE, self.receive())
            .await
            .expect("something comes, if only a heartbeat")
    }

    async fn receive(&mut self) -> Option<Value> {
        match &mut self.inner {
            Inner::Sse(events) => events.next().await,
            Inner::Socket(socket) => loop {
                match socket.next().await {
                    Some(Ok(Message::Text(text))) => return Some(read(&text)),
                    Some(Ok(Message::Close(frame))) => {
                        self.closed = frame.map(|frame| frame.code.into())
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                }
            },
        }
    }

    /// Returns the events up to the first of this type for which `is_it` holds, that one included.
    pub async fn until(&mut self, kind: &str, is_it: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut came = Vec::new();
        let find = async {
            while let Some(event) = self.receive().await {
                came.push(event);
                let event = came.last().expect("it was just put there");
                if event["type"] == kind && is_it(event) {
                    return true;
                }
            }
            false
        };
        let found = tokio::time::timeout(PATIENCE, find).await;
        assert!(
            matches!(found, Ok(true)),
            "no such {kind} came; there came {came:#?}"
        );
        came
    }

    /// Returns the next event of this type, and drops those before it.
    pub async fn expect(&mut self, kind: &str) -> Value {
        self.until(kind, |_| true)
            .await
            .pop()
            .expect("the last is the one")
    }

    /// Sends a command.
    pub async fn say(&mut self, command: Value) {
        let Inner::Socket(socket) = &mut self.inner else {
            panic!("SSE goes one way")
        };
        socket
            .send(Message::text(command.to_string()))
            .await
            .expect("the socket is open");
    }

    /// Sends a command and returns its answer; events that came before it are dropped.
    pub async fn ask(&mut self, mut command: Value) -> Value {
        let reference = uuid::Uuid::now_v7().to_string();
        command["ref"] = reference.clone().into();
        self.say(command).await;
        let answer = async {
            loop {
                let event = self.receive().await.expect("an answer");
                if event["ref"] == reference.as_str() {
                    return event;
                }
            }
        };
        tokio::time::timeout(PATIENCE, answer)
            .await
            .expect("a command is answered")
    }
}

/// Reads a frame, which must be as the document says.
fn read(frame: &str) -> Value {
    frame
        .parse::<model::ServerEvent>()
        .unwrap_or_else(|error| panic!("{frame} is no event: {error}"));
    serde_json::from_str(frame).expect("a frame is JSON")
}

/// Returns the `data` of each event of an event stream.
fn parsed(
    bytes: impl Stream<Item = reqwest::Result<impl AsRef<[u8]>>>,
) -> impl Stream<Item = Value> {
    let mut text = Vec::new();
    bytes
        .take_while(|chunk| std::future::ready(chunk.is_ok()))
        .flat_map(move |chunk| {
            text.extend_from_slice(chunk.as_ref().expect("just looked").as_ref());
            let mut events = Vec::new();
            while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = text.drain(..end + 2).collect();
                let event = String::from_utf8(event).expect("UTF-8");
                // A comment has none.
                events.extend(
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix("data: "))
                        .map(read),
                );
            }
            futures_util::stream::iter(events)
        })
}
