//! As little HTTP/1.1 as a load generator needs: on two cores a complete client would be measured
//! more than the server.

use anyhow::{Context, Result, bail};
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
}
