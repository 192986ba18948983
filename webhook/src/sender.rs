//! The client that tells receivers.

use std::time::Duration;

use reqwest::{Client, Url, header, redirect::Policy};

use crate::{BadTarget, Reach, resolver::Resolver, target::parse};

/// The connections to a receiver that are kept open for later.
const IDLE: usize = 8;
/// The time for which one is kept: less than the five seconds after which Node.js closes it.
const IDLE_FOR: Duration = Duration::from_secs(4);
/// The most bytes of an answer that are read, for the connection's sake: they tell nothing.
const MAX_ANSWER: usize = 16 * 1024;

/// Tells receivers, each request within a time.
#[derive(Clone)]
pub struct Sender {
    client: Client,
    reach: Reach,
    timeout: Duration,
}

/// The reason for which a receiver has not taken a request. None of them quotes its answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The URL is not one that may be told.
    #[error("its URL {0}")]
    Target(#[from] BadTarget),
    /// The receiver took too long.
    #[error("it did not answer within {0:?}")]
    TooSlow(Duration),
    /// The receiver cannot be reached.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// The receiver answered with a status that does not mean that it has the event.
    #[error("it answered with the status {0}")]
    Status(u16),
}

/// A request to a receiver.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// The URL of the receiver.
    pub url: &'a str,
    /// The id by which the receiver knows a repetition.
    pub id: &'a str,
    /// The time of the try, in seconds since 1970.
    pub seconds: u64,
    /// The signatures, separated by spaces.
    pub signatures: &'a str,
    /// The JSON.
    pub body: &'a str,
}

impl Sender {
    /// Returns a sender whose requests take no longer than `timeout`.
    pub fn new(reach: Reach, timeout: Duration) -> Self {
        Self::resolving(Resolver::new(reach), reach, timeout)
    }

    fn resolving(resolver: Resolver, reach: Reach, timeout: Duration) -> Self {
        // An error says that there is a provider of TLS already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("carrier/", env!("CARGO_PKG_VERSION")))
            // Events go where the operator has said, and nowhere else.
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(resolver)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(IDLE)
            .pool_idle_timeout(IDLE_FOR)
            .build()
            .expect("there is a provider of TLS");
        Self {
            client,
            reach,
            timeout,
        }
    }

    /// Tells a receiver; it has taken the request when it answers with a status of 200 to 299.
    ///
    /// # Errors
    /// The reason for which it may not have taken it.
    pub async fn send(&self, notice: Notice<'_>) -> Result<(), Failure> {
        // An address in place of a name is asked of no resolver.
        let url = parse(notice.url, self.reach)?;
        let told = tokio::time::timeout(self.timeout, self.post(url, notice)).await;
        told.unwrap_or(Err(Failure::TooSlow(self.timeout)))
    }

    async fn post(&self, url: Url, notice: Notice<'_>) -> Result<(), Failure> {
        let request = self
            .client
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", notice.id)
            .header("webhook-timestamp", notice.seconds)
            .header("webhook-signature", notice.signatures)
            .body(notice.body.to_owned());
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if !status.is_success() {
            return Err(Failure::Status(status.as_u16()));
        }
        // A connection is used again once its answer is read; one that is long is not worth it.
        let mut read = 0;
        while let Ok(Some(some)) = response.chunk().await {
            read += some.len();
            if read > MAX_ANSWER {
                break;
            }
        }
        Ok(())
    }
}

/// Returns the innermost reason of an error, without the URL.
fn unreachable(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let mut reason: &dyn std::error::Error = &error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    Failure::Unreachable(reason.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    };

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn notice(url: &str) -> Notice<'_> {
        Notice {
            url,
            id: "msg_1",
            seconds: 1,
            signatures: "v1,x",
            body: "{}",
        }
    }

    /// Serves each connection with these bytes, and returns the port and the count of connections.
    async fn serve(answer: &'static str) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let count = Arc::new(AtomicUsize::default());
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, SeqCst);
                let mut bytes = [0; 4096];
                let _ = stream.read(&mut bytes).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        (port, count)
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_and_that_address_is_connected_to() {
        let (port, count) = serve("HTTP/1.1 204 \r\nconnection: close\r\n\r\n").await;
        let asked = Arc::new(AtomicUsize::default());
        let counted = Arc::clone(&asked);
        // A second look-up would lead elsewhere, as the answers of a hostile name server do.
        let resolver = Resolver::asking(Reach::Private, move |_| {
            let last = match counted.fetch_add(1, SeqCst) {
                0 => 1,
                _ => 99,
            };
            Box::pin(async move { Ok(vec![([127, 0, 0, last], 0).into()]) })
        });
        let sender = Sender::resolving(resolver, Reach::Private, SOON);
        let url = format!("http://hooks.example:{port}/");
        sender.send(notice(&url)).await.expect("it is told");
        assert_eq!((asked.load(SeqCst), count.load(SeqCst)), (1, 1));
    }

    #[tokio::test]
    async fn a_private_address_is_not_connected_to_as_a_name_or_as_itself() {
        let (port, count) = serve("HTTP/1.1 204 \r\n\r\n").await;
        let private = |_| -> crate::resolver::Found {
            Box::pin(async { Ok(vec![([127, 0, 0, 1], 0).into()]) })
        };
        let resolver = Resolver::asking(Reach::Public, private);
        let sender = Sender::resolving(resolver, Reach::Public, SOON);
        let named = format!("https://hooks.example:{port}/");
        let failure = sender.send(notice(&named)).await.expect_err("refused");
        assert!(failure.to_string().contains("private network"), "{failure}");
        let itself = format!("https://127.0.0.1:{port}/");
        let failure = sender.send(notice(&itself)).await.expect_err("refused");
        assert!(matches!(failure, Failure::Target(BadTarget::Private)));
        assert_eq!(count.load(SeqCst), 0);
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let (inside, seen) = serve("HTTP/1.1 204 \r\n\r\n").await;
        let answer = format!(
            "HTTP/1.1 307 \r\nlocation: http://127.0.0.1:{inside}/\r\ncontent-length: 0\r\n\r\n"
        );
        let (port, _) = serve(answer.leak()).await;
        let sender = Sender::new(Reach::Private, SOON);
        let url = format!("http://127.0.0.1:{port}/");
        let failure = sender.send(notice(&url)).await.expect_err("no success");
        assert!(matches!(failure, Failure::Status(307)));
        assert_eq!(seen.load(SeqCst), 0);
    }

    #[tokio::test]
    async fn a_receiver_that_is_silent_or_talks_for_ever_does_not_hold_the_sender() {
        let short = Duration::from_millis(200);
        let (port, _) = serve("").await;
        let url = format!("http://127.0.0.1:{port}/");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let silent = format!("http://{}/", listener.local_addr().expect("an address"));
        let sender = Sender::new(Reach::Private, short);
        assert!(sender.send(notice(&url)).await.is_err());
        let failure = sender.send(notice(&silent)).await.expect_err("too slow");
        assert!(matches!(failure, Failure::TooSlow(_)));
        let long: &str = format!("HTTP/1.1 200 \r\n\r\n{}", "a".repeat(1 << 20)).leak();
        let (port, _) = serve(long).await;
        let url = format!("http://127.0.0.1:{port}/");
        let sender = Sender::new(Reach::Private, SOON);
        sender.send(notice(&url)).await.expect("it has it");
    }
}
