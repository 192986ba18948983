//! The attacks by connections: what is sent on them, and what is not read from them.

use std::time::Duration;

use anyhow::Result;
use futures_util::{SinkExt, StreamExt, future::join_all, stream};
use reqwest::{Method, StatusCode};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use super::{
    attackers::{Attacker, BEGINNING, LOOPS},
    caller::Socket,
};

/// Connections of an attack by connections.
const CONNECTIONS: usize = 400;
/// The seconds for which a connection is held on which nothing happens.
const HELD: usize = 60;
/// The longest time for a frame to come or go.
const PATIENCE: Duration = Duration::from_secs(5);
/// The number of the first address that half bodies come from.
const HALVES: usize = 31_000;
/// Half bodies of one loop, each from an address of its own.
const BODIES: usize = 50;
/// The bytes that are sent of a body of many more.
const PART: usize = 64 << 10;
/// Connections and streams of one loop whose answers are not read.
const UNREAD: usize = 25;
/// The bytes that a connection takes whose answers are not read.
const NARROW: u32 = 4096;
/// The most bytes of a frame.
const FRAME: usize = 256 << 10;
/// The code of a close frame to who asks too often.
const TOO_MANY: CloseCode = CloseCode::Library(4429);

impl Attacker {
    /// Resumes a stream and a socket from the beginning of time, by the token and by a ticket.
    pub(super) async fn replay(&self, number: usize) -> Result<()> {
        let query = match number % 4 < 2 {
            true => format!("since={BEGINNING}"),
            false => format!("since={BEGINNING}&ticket={}", self.me.ticket().await?),
        };
        if number.is_multiple_of(2) {
            let stream = self.me.request(Method::GET, &format!("/events?{query}"));
            let mut stream = stream.send().await?;
            self.strikes.take(Ok(stream.status()));
            stream.chunk().await?;
        } else {
            let mut socket = self.me.open_socket_at(&query).await?;
            self.take_frame(&mut socket).await;
        }
        Ok(())
    }

    /// Counts the next frame of a socket as the answer to a strike.
    async fn take_frame(&self, socket: &mut Socket) {
        let answer = match timeout(PATIENCE, socket.next()).await {
            Ok(Some(Ok(Message::Close(Some(why))))) if why.code == TOO_MANY => {
                Ok(StatusCode::TOO_MANY_REQUESTS)
            }
            Ok(Some(Ok(Message::Text(text)))) if !text.contains(r#""type":"error""#) => {
                Ok(StatusCode::OK)
            }
            Ok(Some(Ok(_)) | None) => Ok(StatusCode::BAD_REQUEST),
            Ok(Some(Err(error))) => Err(error.into()),
            Err(late) => Err(late.into()),
        };
        self.strikes.take(answer);
    }

    /// Sends frames that mean nothing on one socket: large ones, deep ones, and such as are no
    /// JSON.
    pub(super) async fn send_frames(&self) -> Result<()> {
        let mut socket = self.me.open_socket().await?;
        socket.next().await; // hello
        for frame in meaningless_frames() {
            if timeout(PATIENCE, socket.send(Message::text(frame)))
                .await?
                .is_err()
            {
                break; // it was closed for the frame before
            }
            self.take_frame(&mut socket).await;
        }
        Ok(())
    }

    pub(super) async fn open_streams(&self) -> Result<()> {
        let http = reqwest::Client::builder()
            .http2_prior_knowledge()
            .timeout(Duration::from_secs(10))
            .build()?;
        let url = format!("{}/v1/auth/login", self.me.url);
        let streams = (0..CONNECTIONS).map(|_| {
            let request = http.post(&url).body(vec![b' '; 64 << 10]);
            async move { Ok(request.send().await?.status()) }
        });
        for answer in join_all(streams).await {
            self.strikes.take(answer);
        }
        Ok(())
    }

    /// Holds many connections whose request does not come to an end, until the server ends them.
    pub(super) async fn hold_half_requests(&self) -> Result<()> {
        let mut held: Vec<TcpStream> = Vec::new();
        for _ in 0..CONNECTIONS / LOOPS {
            let mut connection = self.me.connect().await?;
            let half = b"POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{";
            connection.write_all(half).await?;
            self.strikes.take(Ok(StatusCode::OK));
            held.push(connection);
        }
        self.hold(held).await;
        Ok(())
    }

    /// Holds a part of a body on each of many connections, each from an address of its own.
    pub(super) async fn hold_half_bodies(&self, turn: usize) -> Result<()> {
        let login = "POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
            content-length: 262144\r\n\r\n";
        let upload = format!(
            "POST /v1/chats/{}/attachments?name=x HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n\
            content-type: application/octet-stream\r\ncontent-length: 26214400\r\n\r\n",
            self.chat,
            self.me.bearer(),
        );
        let mut held = Vec::new();
        for at in 0..BODIES {
            let from = HALVES + at * LOOPS + turn;
            let mut connection = self.me.connect_from(from).await?;
            let head = if at.is_multiple_of(2) { login } else { &upload };
            let part = [head.as_bytes(), &[b' '; PART]].concat();
            let sent = timeout(PATIENCE, connection.write_all(&part)).await;
            self.strikes.take(sent.map_or_else(
                |late| Err(late.into()),
                |sent| sent.map(|()| StatusCode::OK).map_err(Into::into),
            ));
            held.push(connection);
            sleep(Duration::from_millis(20)).await;
        }
        self.hold(held).await;
        Ok(())
    }

    /// Holds connections until the server has ended them, or for a while.
    async fn hold(&self, mut held: Vec<TcpStream>) {
        for _ in 0..HELD {
            sleep(Duration::from_secs(1)).await;
            held.retain(|connection| connection.try_read(&mut [0; 64]).is_err());
            if held.is_empty() || self.is_over() {
                break;
            }
        }
    }

    /// Asks for pages over HTTP/1, several at once on each connection, and reads no answer.
    pub(super) async fn leave_answers_unread(&self) -> Result<()> {
        let page = format!(
            "GET /v1/chats/{}/messages?limit=100 HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n\r\n",
            self.chat,
            self.me.bearer(),
        );
        let mut held = Vec::new();
        for _ in 0..UNREAD {
            let mut connection = self.me.connect_narrow(NARROW).await?;
            connection.write_all(page.repeat(5).as_bytes()).await?;
            self.strikes.take(Ok(StatusCode::OK));
            held.push(connection);
            sleep(Duration::from_millis(50)).await;
        }
        self.rest().await;
        Ok(())
    }

    /// Asks for pages over HTTP/2, and takes one byte of each answer.
    pub(super) async fn leave_streams_unread(&self) -> Result<()> {
        let http = reqwest::Client::builder()
            .http2_prior_knowledge()
            .http2_initial_stream_window_size(1)
            .timeout(Duration::from_secs(2 * HELD as u64))
            .build()?;
        let url = format!("{}/v1/chats/{}/messages?limit=100", self.me.url, self.chat);
        let streams = (0..UNREAD).map(|_| {
            let request = http.get(&url).header("authorization", self.me.bearer());
            async move { Ok(timeout(PATIENCE, request.send()).await??) }
        });
        let mut held = Vec::new();
        for answer in join_all(streams).await {
            self.strikes.take(answer.map(|answer: reqwest::Response| {
                let status = answer.status();
                held.push(answer);
                status
            }));
        }
        self.rest().await;
        Ok(())
    }

    /// Does nothing for a while.
    async fn rest(&self) {
        for _ in 0..HELD {
            if self.is_over() {
                break;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    pub(super) async fn ping_unread(&self) -> Result<()> {
        let mut socket = self.me.open_socket().await?;
        for _ in 0..100 {
            let mut pings = stream::iter((0..100).map(|_| Ok(Message::Ping(vec![0; 125].into()))));
            let sent = timeout(Duration::from_secs(5), socket.send_all(&mut pings)).await;
            if sent.is_err() || self.is_over() {
                break; // the server does not take more
            }
            self.strikes.take(Ok(sent.map(|_| StatusCode::OK)?));
            // A flood that leaves the processor to those who are flooded.
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// Returns frames that a server has to look at before it can refuse them.
fn meaningless_frames() -> [String; 5] {
    let filled = |begin: &str, middle: &str, end: &str| {
        let times = (FRAME - begin.len() - end.len()) / middle.len();
        format!("{begin}{}{end}", middle.repeat(times))
    };
    [
        filled(r#"{"type":"ping","x":["#, "1,", "1]}"),
        filled(r#"{"type":"ping","ref":""#, "\u{1f600}", r#""}"#),
        filled(r#"{"type":"ping","x":"#, "[", ""),
        filled(r#"{"type":"watch","user_ids":["#, r#""x","#, r#""x"]}"#),
        filled("", "{", ""),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_without_meaning_is_as_large_as_a_frame_may_be() {
        for frame in meaningless_frames() {
            assert!(
                (FRAME - 8..=FRAME).contains(&frame.len()),
                "{} bytes: {}",
                frame.len(),
                &frame[..20]
            );
        }
    }
}
