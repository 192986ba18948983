//! The cost of a connection that only listens, and the time that a message takes to its readers.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use hot::Hot;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{MissedTickBehavior, interval_at, sleep},
};

use crate::{
    http::{Connection, Request},
    people::{self, Person},
    server::Server,
};

/// The number of users or connections that are prepared at the same time.
const AT_ONCE: usize = 64;
/// A time into which a heartbeat of each connection falls.
const A_BEAT: Duration = Duration::from_secs(27);

/// Measures the memory of connections that only listen, each of another user.
pub(crate) async fn idle(connections: usize) -> Result<()> {
    let carrier = Server::carrier("everysec", None).await?;
    let people = people_of(&carrier, connections).await?;
    let before = carrier.resident()?;
    let open = stream::iter(&people)
        .map(|person| Socket::open(&carrier.address, &person.token))
        .buffer_unordered(AT_ONCE);
    let sockets: Vec<Socket> = open.try_collect().await?;
    let each = |now: u64| (now.saturating_sub(before)) as f64 / 1024.0 / sockets.len() as f64;
    let opened = each(carrier.resident()?);
    sleep(A_BEAT).await;
    let beaten = each(carrier.resident()?);
    println!(
        "{} idle connections: {opened:.1} KiB each; after a heartbeat {beaten:.1} KiB",
        sockets.len()
    );
    drop(sockets);
    carrier.stop().await
}

/// Measures the time that messages take to two listening members, at so many a second.
pub(crate) async fn delivery(rate: u32, time: Duration, fsync: &str) -> Result<()> {
    const CHATS: usize = 250;
    const SENDERS: u32 = 16;
    let carrier = Server::carrier(fsync, None).await?;
    let people = people_of(&carrier, CHATS * 2).await?;
    let chats = stream::iter(people.chunks(2))
        .map(|pair| chat(&carrier.address, &pair[0], &pair[1]))
        .buffered(AT_ONCE);
    let chats: Vec<(String, String)> = chats.try_collect().await?;
    let sockets: Vec<Socket> = stream::iter(&people)
        .map(|person| Socket::open(&carrier.address, &person.token))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let listening: Vec<_> = sockets
        .into_iter()
        .map(|socket| tokio::spawn(socket.listen(Arc::clone(&latencies))))
        .collect();

    let each = chats.len().div_ceil(SENDERS as usize);
    let senders = chats.chunks(each).enumerate().map(|(at, chats)| {
        let (address, chats) = (carrier.address.clone(), chats.to_vec());
        tokio::spawn(async move {
            let mut connection = Connection::open(&address).await?;
            // The senders start in turn, not all at once: people do not type in step.
            let period = Duration::from_secs(1) * SENDERS / rate;
            let mut ticks = interval_at(
                tokio::time::Instant::now() + period * at as u32 / SENDERS,
                period,
            );
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let (start, mut sent, mut acks) = (Instant::now(), 0, Vec::new());
            while start.elapsed() < time {
                ticks.tick().await;
                let (chat, token) = &chats[sent % chats.len()];
                let request = Request::post(
                    &format!("/v1/chats/{chat}/messages"),
                    token,
                    &json!({ "body": format!("at {}", micros()) }),
                );
                let asked = Instant::now();
                let (status, _) = connection.ask(&request).await?;
                ensure!(status == 201, "a status of {status}");
                acks.push(asked.elapsed().as_micros() as u64);
                sent += 1;
            }
            Ok::<_, anyhow::Error>(acks)
        })
    });
    let mut acks = Vec::new();
    for sender in try_join_all(senders).await? {
        acks.extend(sender?);
    }
    sleep(Duration::from_secs(1)).await;
    listening.iter().for_each(|task| task.abort());
    let mut came = latencies.lock().expect("nobody panicked").clone();
    ensure!(
        came.len() == acks.len() * 2,
        "{} of {} deliveries came",
        came.len(),
        acks.len() * 2
    );
    came.sort_unstable();
    acks.sort_unstable();
    println!(
        "delivery, {fsync:9} {:5.0}/s to two each: \
         p50 {} us, p99 {} us from the request to the event; answers p50 {} us, p99 {} us",
        acks.len() as f64 / time.as_secs_f64(),
        quantile(&came, 0.5),
        quantile(&came, 0.99),
        quantile(&acks, 0.5),
        quantile(&acks, 0.99),
    );
    carrier.stop().await
}

async fn people_of(carrier: &Server, count: usize) -> Result<Vec<Person>> {
    let hot = Hot::connect(hot::Options::new(&carrier.redis_url)).await?;
    people::make(&hot, count).await
}

/// Opens the direct chat of two people; returns its id and the token of one of them.
pub(crate) async fn chat(address: &str, one: &Person, other: &Person) -> Result<(String, String)> {
    let request = Request::post(
        "/v1/chats",
        &one.token,
        &json!({ "kind": "direct", "members": [other.id.to_string()] }),
    );
    let (status, body) = Connection::open(address).await?.ask(&request).await?;
    ensure!(status == 201, "a status of {status}");
    let chat: serde_json::Value = serde_json::from_slice(&body)?;
    Ok((
        chat["id"].as_str().context("no id")?.to_owned(),
        one.token.clone(),
    ))
}

/// Returns the value below which a part of them lies, given `sorted` values of which there is at
/// least one.
fn quantile<T: Copy>(sorted: &[T], part: f64) -> T {
    sorted[((sorted.len() - 1) as f64 * part) as usize]
}

fn micros() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|time| time.as_micros() as u64)
        .unwrap_or_default()
}

/// As little of a WebSocket as listening needs.
struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Socket {
    async fn open(address: &str, token: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let head = format!(
            "GET /v1/socket HTTP/1.1\r\n\
             host: localhost\r\n\
             authorization: Bearer {token}\r\n\
             connection: upgrade\r\n\
             upgrade: websocket\r\n\
             sec-websocket-version: 13\r\n\
             sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             \r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        let mut socket = Self {
            stream,
            buffer: Vec::new(),
        };
        let end = loop {
            if let Some(end) = socket
                .buffer
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                break end;
            }
            ensure!(
                socket.stream.read_buf(&mut socket.buffer).await? > 0,
                "the server closed the connection"
            );
        };
        ensure!(
            socket.buffer.starts_with(b"HTTP/1.1 101"),
            "no upgrade: {}",
            String::from_utf8_lossy(&socket.buffer)
        );
        socket.buffer.drain(..end + 4);
        let hello = socket.frame().await?;
        ensure!(
            hello.windows(5).any(|window| window == b"hello"),
            "no hello"
        );
        Ok(socket)
    }

    /// Returns the payload of the next frame; frames of a server are not masked.
    async fn frame(&mut self) -> Result<Vec<u8>> {
        loop {
            let known = self.buffer.get(1).map(|length| match length {
                126 => self
                    .buffer
                    .get(2..4)
                    .map(|bytes| (4, usize::from(bytes[0]) << 8 | usize::from(bytes[1]))),
                127 => None,
                short => Some((2, usize::from(*short))),
            });
            if let Some(Some((head, length))) = known
                && self.buffer.len() >= head + length
            {
                let payload = self.buffer[head..head + length].to_vec();
                self.buffer.drain(..head + length);
                return Ok(payload);
            }
            ensure!(
                self.stream.read_buf(&mut self.buffer).await? > 0,
                "the server closed the connection"
            );
        }
    }

    async fn listen(mut self, latencies: Arc<Mutex<Vec<u64>>>) {
        while let Ok(frame) = self.frame().await {
            let now = micros();
            let text = String::from_utf8_lossy(&frame);
            let sent = text
                .split_once(r#""body":"at "#)
                .and_then(|(_, rest)| rest.split('"').next()?.parse::<u64>().ok());
            if let Some(sent) = sent {
                latencies
                    .lock()
                    .expect("nobody panicked")
                    .push(now.saturating_sub(sent));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let hundred: Vec<u32> = (1..=100).collect();
        assert_eq!(
            [0.0, 0.5, 0.99, 1.0].map(|part| quantile(&hundred, part)),
            [1, 50, 99, 100]
        );
        assert_eq!(quantile(&[7], 0.99), 7);
    }
}
