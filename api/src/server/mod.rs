//! The HTTP server: accepts connections, and serves an endpoint on each, within bounds that no
//! client can move. Uses `request` (the address of a client).
//!
//! poem's own server bounds neither the streams of an HTTP/2 connection nor the time of half a
//! request, and spins when the process has no descriptor left. So this is its loop over the same
//! hyper, with those bounds.

/// How long a connection has had nothing to do.
mod activity;
/// One connection.
mod connection;
/// The rule of who is let in.
mod door;
/// A response on its way to the client.
mod sending;
/// The streams of a connection of HTTP/2.
mod streams;

use std::{io, sync::Arc, time::Duration};

use ipnet::IpNet;
use poem::{Endpoint, Response};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use connection::Connections;
use door::{Door, is_of_the_peer};

pub(crate) use activity::Progress;
pub(crate) use connection::Place;
pub(crate) use sending::Unsent;

/// The time that requests under way have to finish at shutdown.
pub(crate) const DRAIN: Duration = Duration::from_secs(10);

/// The pause after a connection that could not be accepted: without a free descriptor the next one
/// fails at once.
const PAUSE: Duration = Duration::from_millis(100);

/// The bounds of a server.
pub(crate) struct Bounds {
    /// The most connections of one address; zero for any number.
    pub(crate) connections: usize,
    /// The proxies, whose connections are those of many clients, and are not counted.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// The longest time in which a client takes no part of a response.
    pub(crate) patience: Duration,
}

/// Serves until `shutdown`; then takes no new connection, and returns when the requests under way
/// are finished, after [`DRAIN`] at the latest.
///
/// # Errors
/// An error when the listener has no address.
pub(crate) async fn run<E: Endpoint<Output = Response> + 'static>(
    listener: TcpListener,
    endpoint: E,
    bounds: Bounds,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let local = listener.local_addr()?;
    tracing::info!(addr = %local, "listening");
    let connections = Connections::new(endpoint, local, bounds.patience, shutdown.clone());
    let (connections, mut door) = (Arc::new(connections), Door::new(bounds));
    let tasks = TaskTracker::new();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = door.admit(peer.ip()) else {
                    continue;
                };
                // An event is small, and must not wait until the last one is acknowledged.
                stream.set_nodelay(true).ok();
                tasks.spawn(Arc::clone(&connections).serve(stream, peer, place));
            }
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                door.cannot_accept(&error);
                sleep(PAUSE).await;
            }
        }
    }
    tasks.close();
    // Each ends by itself after DRAIN; the runtime ends what does not.
    timeout(DRAIN + PAUSE, tasks.wait()).await.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::{TryStreamExt, stream};
    use poem::{Body, EndpointExt, Route, get, handler, post};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        task::JoinHandle,
    };

    use super::*;

    /// A whole request, and half of one.
    const WHOLE: &str = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";
    const HALF: &str = "GET /hello HTTP/1.1\r\nhost:";

    #[handler]
    fn hello() -> &'static str {
        "hello"
    }

    /// Answers with a body that has no end.
    #[handler]
    fn endless() -> Body {
        let part = [b'x'; 1 << 16].to_vec();
        Body::from_bytes_stream(stream::repeat_with(move || {
            Ok::<_, io::Error>(part.clone())
        }))
    }

    /// Reads a body as an upload is read, and answers with its size.
    #[handler]
    async fn upload(request: &poem::Request, body: Body) -> String {
        let progress = request.data::<Progress>().cloned().expect("a handle");
        let mut parts = pin!(body.into_bytes_stream());
        let mut size = 0;
        while let Ok(Some(part)) = parts.try_next().await {
            progress.note();
            size += part.len();
        }
        size.to_string()
    }

    /// A server on a free port.
    pub(super) struct Running {
        address: std::net::SocketAddr,
        shutdown: CancellationToken,
        task: JoinHandle<io::Result<()>>,
    }

    impl Running {
        async fn with(connections: usize) -> Self {
            let routes = Route::new()
                .at("/hello", get(hello))
                .at("/endless", get(endless))
                .at("/upload", post(upload));
            let patience = Duration::from_secs(300);
            Self::serving(routes.map_to_response(), connections, patience).await
        }

        pub(super) async fn serving(
            routes: impl Endpoint<Output = Response> + 'static,
            connections: usize,
            patience: Duration,
        ) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("an address");
            let bounds = Bounds {
                connections,
                trusted_proxies: Vec::new(),
                patience,
            };
            let shutdown = CancellationToken::new();
            let task = tokio::spawn(run(listener, routes, bounds, shutdown.clone()));
            Self {
                address,
                shutdown,
                task,
            }
        }

        pub(super) async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.address).await.expect("connected")
        }

        pub(super) async fn stop(self) {
            self.shutdown.cancel();
            let stopped = self.task.await.expect("no panic");
            stopped.expect("it ends well");
        }
    }

    /// More than any connection holds.
    const MUCH: usize = 64 << 20;

    /// Reads until the server closes the connection, by whatever end, or much was read.
    async fn rest(stream: &mut TcpStream) -> Vec<u8> {
        let (mut all, mut part) = (Vec::new(), vec![0; 1 << 16]);
        while let Ok(size @ 1..) = stream.read(&mut part).await
            && all.len() < MUCH
        {
            all.extend_from_slice(&part[..size]);
        }
        all
    }

    /// The clock goes on by itself while all wait, so no test waits for real.
    #[tokio::test(start_paused = true)]
    async fn a_request_that_does_not_come_whole_ends_its_connection() {
        let server = Running::with(0).await;
        for said in ["", "G", HALF, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
            let mut stream = server.connect().await;
            stream.write_all(said.as_bytes()).await.expect("written");
            rest(&mut stream).await;
        }
        let mut stream = server.connect().await;
        let both = format!("{WHOLE}{HALF}");
        stream.write_all(both.as_bytes()).await.expect("written");
        let answer = String::from_utf8(rest(&mut stream).await).expect("text");
        assert_eq!(answer.matches("200 OK").count(), 1, "{answer}");
        server.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_ends_its_connection() {
        let server = Running::with(0).await;
        let mut stream = server.connect().await;
        let ask = WHOLE.replace("hello", "endless");
        stream.write_all(ask.as_bytes()).await.expect("written");
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(rest(&mut stream).await.len() < MUCH);
        server.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_whose_body_goes_on_coming_is_not_ended() {
        let server = Running::with(0).await;
        let mut stream = server.connect().await;
        let head = "POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n";
        stream.write_all(head.as_bytes()).await.expect("written");
        for _ in 0..9 {
            tokio::time::sleep(Duration::from_secs(200)).await;
            stream.write_all(b"x").await.expect("written");
        }
        let answer = String::from_utf8(rest(&mut stream).await).expect("text");
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with('9'),
            "{answer}"
        );
        server.stop().await;
    }

    #[tokio::test]
    async fn an_address_has_so_many_connections() {
        let server = Running::with(1).await;
        let mut first = server.connect().await;
        first.write_all(WHOLE.as_bytes()).await.expect("written");
        let mut answer = [0; 12];
        first.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 200");
        let mut second = server.connect().await;
        second.write_all(WHOLE.as_bytes()).await.ok();
        assert_eq!(rest(&mut second).await, b"", "it is closed at once");
        drop(first);
        let mut answer = Vec::new();
        while answer.is_empty() {
            let mut third = server.connect().await;
            let close = WHOLE.replace("host: x", "host: x\r\nconnection: close");
            third.write_all(close.as_bytes()).await.ok();
            answer = rest(&mut third).await;
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"));
        server.stop().await;
    }

    #[tokio::test]
    async fn a_connection_of_http2_has_at_most_100_streams() {
        let server = Running::with(0).await;
        let mut stream = server.connect().await;
        // The preface, and a frame of empty settings.
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        stream.write_all(preface).await.expect("written");
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.expect("a frame");
        assert_eq!(head[3], 4, "the first frame has the settings");
        let size = usize::from(u16::from_be_bytes([head[1], head[2]]));
        let mut settings = vec![0; size];
        stream.read_exact(&mut settings).await.expect("a frame");
        let streams = settings.chunks(6).find(|setting| setting[1] == 3);
        assert_eq!(
            streams.map(|setting| &setting[2..]),
            Some(&[0, 0, 0, 100][..])
        );
        drop(stream);
        server.stop().await;
    }
}
