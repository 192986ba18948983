//! As little HTTP/1.1 as a load generator needs: on two cores a complete client would be measured
//! more than the server.

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A request, written once and sent many times.
#[derive(Clone)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    pub(crate) fn get(path: &str, token: &str) -> Self {
        Self(
            format!(
                "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n"
            )
            .into_bytes(),
        )
    }

    pub(crate) fn post(path: &str, token: &str, body: &Value) -> Self {
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\n\
             host: localhost\r\n\
             authorization: Bearer {token}\r\n\
             content-type: application/json"
        );
        Self(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes())
    }

    /// Returns the method and the path.
    fn line(&self) -> String {
        let line = self.0.split(|byte| *byte == b'\r').next();
        let line = String::from_utf8_lossy(line.unwrap_or_default());
        line.trim_end_matches(" HTTP/1.1").to_owned()
    }
}

/// A connection that is kept alive.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(4096),
        })
    }

    /// Sends a request, and returns the status and the body of the answer.
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<(u16, Vec<u8>)> {
        self.stream.write_all(&request.0).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server closed the connection");
            }
            let Some(end) = self
                .buffer
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            else {
                continue;
            };
            let head = std::str::from_utf8(&self.buffer[..end])?;
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(Ok(0), str::parse::<usize>)?;
            if self.buffer.len() >= end + 4 + length {
                let status = head.get(9..12).context("no status")?.parse()?;
                return Ok((status, self.buffer[end + 4..end + 4 + length].to_vec()));
            }
        }
    }

    /// Sends a request, and returns the body of the answer, which must be a success.
    pub(crate) async fn succeed(&mut self, request: &Request) -> Result<Vec<u8>> {
        let (status, body) = self.ask(request).await?;
        ensure!(
            (200..300).contains(&status),
            "the server answers {} with {status}: {}",
            request.line(),
            String::from_utf8_lossy(&body)
        );
        Ok(body)
    }

    /// Posts a body, and returns that of the answer, which must be a success.
    pub(crate) async fn call(&mut self, path: &str, token: &str, body: &Value) -> Result<Value> {
        let answer = self.succeed(&Request::post(path, token, body)).await?;
        Ok(serde_json::from_slice(&answer)?)
    }
}

/// Sends so many requests over some connections at once, and returns the bodies of the answers in
/// the same order, as `read` keeps them. Every answer must be a success.
pub(crate) async fn ask_all<T>(
    address: &str,
    connections: usize,
    count: usize,
    request: impl Fn(usize) -> Request,
    read: impl Fn(usize, &[u8]) -> Result<T>,
) -> Result<Vec<T>> {
    let connections = connections.min(count).max(1);
    let over = |first| {
        let (request, read) = (&request, &read);
        async move {
            let mut connection = Connection::open(address).await?;
            let mut kept = Vec::new();
            for at in (first..count).step_by(connections) {
                let body = connection.succeed(&request(at)).await?;
                kept.push((at, read(at, &body)?));
            }
            Ok::<_, anyhow::Error>(kept)
        }
    };
    let all = try_join_all((0..connections).map(over)).await?;
    let mut all: Vec<_> = all.into_iter().flatten().collect();
    all.sort_by_key(|(at, _)| *at);
    Ok(all.into_iter().map(|(_, kept)| kept).collect())
}
