//! The streams of a connection of HTTP/2. Each is given up alone: others of the connection may be
//! those of other clients, behind the same proxy.

use std::{future::Future, sync::Arc, time::Duration};

use hyper::rt::Executor;
use tokio_util::sync::CancellationToken;

use super::sending::Clock;

tokio::task_local! {
    /// The clock of the stream that is served.
    static CLOCK: Arc<Clock>;
}

/// Serves the streams of a connection.
#[derive(Clone)]
pub(super) struct Streams {
    /// The longest time in which a client takes no part of a response.
    patience: Duration,
    broken: CancellationToken,
}

impl Streams {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            broken: CancellationToken::new(),
        }
    }

    /// Returns what is cancelled when the connection must end: it has taken over the end of a
    /// response, and the client does not take that.
    pub(super) fn broken(&self) -> CancellationToken {
        self.broken.clone()
    }

    /// Returns the clock of the stream that is served; `None` over HTTP/1.
    pub(super) fn clock() -> Option<Arc<Clock>> {
        CLOCK.try_with(Arc::clone).ok()
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let (clock, broken) = (Clock::new(self.patience), self.broken.clone());
        tokio::spawn(async move {
            let stream = CLOCK.scope(Arc::clone(&clock), stream);
            let is_given_up = tokio::select! {
                () = stream => false,
                () = clock.until_given_up() => true,
            };
            // A stream that is dropped before its end is reset.
            if !is_given_up && clock.is_given_up().await {
                broken.cancel();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use fair::Holdings;
    use h2::{RecvStream, client::SendRequest};
    use poem::{EndpointExt, Request, Response, Route, endpoint::make_sync, http};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::{sleep, timeout},
    };

    use super::*;
    use crate::server::{Unsent, tests::Running};

    /// A text whose copies are counted: as many as there are answers with it.
    #[derive(Clone)]
    struct Text(Arc<Vec<u8>>);

    impl AsRef<[u8]> for Text {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    impl Text {
        /// Returns a text that is larger than what the buffers of a connection hold.
        fn large() -> Self {
            Self(Arc::new(vec![b'x'; 32 << 20]))
        }

        /// Starts a server that answers with it, in the room that the header `who` has.
        async fn serve(&self, patience: Duration) -> Running {
            let (large, room) = (self.clone(), Holdings::new(2, 2));
            let small = Text(Arc::new(vec![b'x'; 10]));
            let text = move |request: Request| {
                let text = match request.uri().path() {
                    "/small" => small.clone(),
                    _ => large.clone(),
                };
                let mut response = Response::builder().body(Bytes::from_owner(text));
                if let Some(who) = request.header("who") {
                    let holding = room.begin(who);
                    assert!(holding.grow(who.len() - 2), "there is room");
                    response.set_data(Unsent::new(holding, None));
                }
                response
            };
            let routes = Route::new()
                .at("/empty", make_sync(|_| ()))
                .at("/*text", make_sync(text));
            Running::serving(routes.map_to_response(), 0, patience).await
        }

        fn answers(&self) -> usize {
            Arc::strong_count(&self.0) - 2 // the test has one, and the server
        }

        /// Waits until so many answers with it are held.
        async fn held_by(&self, answers: usize) {
            let waited = timeout(Duration::from_secs(60), async {
                while self.answers() != answers {
                    sleep(Duration::from_millis(1)).await;
                }
            });
            let is_so = waited.await.is_ok();
            assert!(is_so, "{} are held, not {answers}", self.answers());
        }
    }

    /// A connection of HTTP/2 on which so many bytes of each answer may be sent.
    struct Client(SendRequest<Bytes>);

    impl Client {
        async fn connect(server: &Running, window: u32) -> Self {
            let mut builder = h2::client::Builder::new();
            let builder = builder.initial_window_size(window);
            let handshake = builder.handshake(server.connect().await).await;
            let (client, connection) = handshake.expect("a connection");
            tokio::spawn(connection);
            Self(client)
        }

        /// Returns the answer, of which only the head has to come.
        async fn ask(&self, path: &str, who: &str) -> Result<RecvStream, h2::Error> {
            let mut request = http::Request::get(format!("http://x{path}"));
            if !who.is_empty() {
                request = request.header("who", who);
            }
            let request = request.body(()).expect("a request");
            let (answer, _) = self.0.clone().ready().await?.send_request(request, true)?;
            let answer = answer.await?;
            assert_eq!(answer.status(), 200);
            Ok(answer.into_body())
        }
    }

    /// How long an answer waits for its reader in these tests, and how often something else happens
    /// on its connection.
    const PATIENCE: Duration = Duration::from_secs(3);
    const OFTEN: Duration = Duration::from_millis(300);

    #[tokio::test]
    async fn answers_that_nobody_reads_are_given_up_whatever_else_the_connection_does() {
        for window in [0, 1, 20_000] {
            let text = Text::large();
            let server = text.serve(PATIENCE).await;
            let client = Client::connect(&server, window).await;
            let mut unread = Vec::new();
            for _ in 0..99 {
                unread.push(client.ask("/large", "").await.expect("an answer"));
            }
            assert!(text.answers() > 0);
            let are_given_up = timeout(Duration::from_secs(60), async {
                while text.answers() > 0 {
                    sleep(OFTEN).await;
                    drop(client.ask("/empty", "").await.expect("it goes on"));
                }
            });
            let are_given_up = are_given_up.await.is_ok();
            assert!(are_given_up, "with a window of {window}");
            drop((unread, client));
            server.stop().await;
        }
    }

    #[tokio::test]
    async fn an_answer_of_which_something_is_read_now_and_then_is_not_given_up() {
        let text = Text::large();
        let server = text.serve(PATIENCE).await;
        let client = Client::connect(&server, 20_000).await;
        let mut answer = client.ask("/large", "").await.expect("an answer");
        for _ in 0..12 {
            sleep(OFTEN).await;
            let mut read = 0;
            while read < 16_384 {
                let part = answer.data().await.expect("more").expect("it goes on");
                read += part.len();
                let room = answer.flow_control().release_capacity(part.len());
                room.expect("it was received");
            }
        }
        assert_eq!(text.answers(), 1);
        drop((answer, client));
        server.stop().await;
    }

    #[tokio::test]
    async fn the_end_of_an_answer_that_is_not_taken_ends_the_connection() {
        let server = Text::large().serve(PATIENCE).await;
        let client = Client::connect(&server, 1).await;
        let unread = client.ask("/small", "").await.expect("an answer");
        let is_over = timeout(Duration::from_secs(60), async {
            while client.ask("/empty", "").await.is_ok() {
                sleep(OFTEN).await;
            }
        });
        assert!(is_over.await.is_ok());
        drop(unread);
        server.stop().await;
    }

    /// Whoever has the longer name here has more.
    #[tokio::test]
    async fn whoever_holds_most_gives_up_their_answer_for_another() {
        let text = Text::large();
        let server = text.serve(20 * PATIENCE).await;
        let client = Client::connect(&server, 0).await;
        let unread = client.ask("/large", "anna").await.expect("an answer");
        text.held_by(1).await;
        let bobs = client.ask("/large", "bob").await.expect("an answer");
        text.held_by(1).await;
        drop((unread, bobs, client));
        text.held_by(0).await;

        let mut stream = server.connect().await;
        let ask = "GET /large HTTP/1.1\r\nhost: x\r\nwho: anna\r\n\r\n";
        stream.write_all(ask.as_bytes()).await.expect("written");
        text.held_by(1).await;
        let client = Client::connect(&server, 0).await;
        let bobs = client.ask("/large", "bob").await.expect("an answer");
        text.held_by(1).await;
        drop((stream, bobs, client));
        server.stop().await;
    }

    #[tokio::test]
    async fn an_answer_in_many_parts_comes_whole() {
        let text = Text::large();
        let server = text.serve(20 * PATIENCE).await;
        let mut stream = server.connect().await;
        let ask = "GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(ask.as_bytes()).await.expect("written");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("read");
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = answer.split_at(end.expect("an end of the head") + 4);
        let length = format!("content-length: {}", text.0.len());
        assert!(String::from_utf8_lossy(head).contains(&length));
        assert!(body == &**text.0);
        server.stop().await;
    }
}
