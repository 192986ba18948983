//! Accounts and connections, each from an address of its own: every address of 127.0.0.0/8 is this
//! machine's, and the limits by address see different ones.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::sleep,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, client::IntoClientRequest},
};

use super::super::system::System;

/// The longest time that a caller waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest time that the registration of somebody who takes part may take.
const BEGINNING: Duration = Duration::from_secs(60);

/// A WebSocket of a caller.
pub(super) type Socket = WebSocketStream<TcpStream>;

pub(super) const PASSWORD: &str = "tugboat-salad-7";

/// A client of one API, from one address, with the session of one account or with none.
#[derive(Clone)]
pub(super) struct Caller {
    http: reqwest::Client,
    address: Ipv4Addr,
    pub(super) url: String,
    pub(super) id: String,
    pub(super) name: String,
    token: String,
}

/// The refusal of a request that was to come before others.
#[derive(Debug)]
pub(super) struct Refused(pub(super) StatusCode);

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the server answers {}", self.0)
    }
}

impl std::error::Error for Refused {}

impl Caller {
    /// Returns the number `at` of the callers without an account.
    pub(super) fn anonymous(system: &System, at: usize) -> Result<Self> {
        Self::without_account(system.urls[at % system.urls.len()].clone(), at)
    }

    /// Returns a caller of the same API at the address number `at`, without an account.
    pub(super) fn stranger(&self, at: usize) -> Result<Self> {
        Self::without_account(self.url.clone(), at)
    }

    fn without_account(url: String, at: usize) -> Result<Self> {
        let address = address(at)?;
        Ok(Self {
            http: reqwest::Client::builder()
                .local_address(IpAddr::V4(address))
                .timeout(PATIENCE)
                .build()?,
            address,
            url,
            id: String::new(),
            name: String::new(),
            token: String::new(),
        })
    }

    /// Registers the account `name` from this address.
    pub(super) async fn register(mut self, name: &str) -> Result<Self> {
        let account = json!({
            "username": name,
            "email": format!("{name}@example.org"),
            "password": PASSWORD,
        });
        let request = self.request(Method::POST, "/auth/register");
        let (status, made) = read(request.json(&account).timeout(BEGINNING)).await?;
        ensure!(status == StatusCode::CREATED, "register: {status} {made}");
        self.token = text(&made["token"]);
        self.id = text(&made["user"]["id"]);
        name.clone_into(&mut self.name);
        Ok(self)
    }

    /// Sends a request, and returns the status and the JSON of its answer.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(StatusCode, Value)> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request).await
    }

    /// Sends a request again and again while it is refused for what the account has cost.
    pub(super) async fn insist(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<()> {
        loop {
            let (status, answer) = self.ask(method.clone(), path, body.clone()).await?;
            if status == StatusCode::TOO_MANY_REQUESTS {
                sleep(Duration::from_secs(1)).await; // what is done to a large group has its cost
                continue;
            }
            ensure!(
                status.is_success(),
                "{method} {path} is answered with {status}: {answer}"
            );
            return Ok(());
        }
    }

    /// Begins a request with the session of this caller.
    pub(super) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}/v1{path}", self.url));
        match self.token.is_empty() {
            true => request,
            false => request.bearer_auth(&self.token),
        }
    }

    /// Returns the header of a request that has the session of this caller.
    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// Opens a connection from this address.
    pub(super) async fn connect(&self) -> Result<TcpStream> {
        self.connect_with(self.address, None).await
    }

    /// Opens a connection from the address number `at`.
    pub(super) async fn connect_from(&self, at: usize) -> Result<TcpStream> {
        self.connect_with(address(at)?, None).await
    }

    /// Opens a connection whose receiving side holds only so many bytes.
    pub(super) async fn connect_narrow(&self, bytes: u32) -> Result<TcpStream> {
        self.connect_with(self.address, Some(bytes)).await
    }

    async fn connect_with(&self, from: Ipv4Addr, bytes: Option<u32>) -> Result<TcpStream> {
        let host = self.url.trim_start_matches("http://");
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.bind(SocketAddr::from((from, 0)))?;
        Ok(socket.connect(host.parse()?).await?)
    }

    /// Returns a ticket for one connection.
    pub(super) async fn ticket(&self) -> Result<String> {
        let (status, ticket) = self.ask(Method::POST, "/events/tickets", None).await?;
        ensure!(status.is_success(), Refused(status));
        let ticket = ticket["ticket"].as_str();
        Ok(ticket.context("no ticket is given")?.to_owned())
    }

    /// Opens a WebSocket of this session, by a ticket.
    pub(super) async fn open_socket(&self) -> Result<Socket> {
        let ticket = self.ticket().await?;
        self.open_socket_at(&format!("ticket={ticket}")).await
    }

    /// Opens a WebSocket with this query; without a ticket in it, by the token of this session.
    pub(super) async fn open_socket_at(&self, query: &str) -> Result<Socket> {
        let url = format!("{}/v1/socket?{query}", self.url).replace("http", "ws");
        let mut request = url.into_client_request()?;
        if !query.contains("ticket=") {
            let headers = request.headers_mut();
            headers.insert("authorization", self.bearer().parse()?);
        }
        match client_async(request, self.connect().await?).await {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::Error::Http(answer)) => Err(Refused(answer.status()).into()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Sends a request, and returns the status and the JSON of its answer.
async fn read(request: reqwest::RequestBuilder) -> Result<(StatusCode, Value)> {
    let answer = request.send().await?;
    let status = answer.status();
    let body = answer.bytes().await?;
    Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
}

/// Returns the address number `at`. 127.0.0.1 is left to everything else.
fn address(at: usize) -> Result<Ipv4Addr> {
    let number = u32::try_from(at + 2)?;
    Ok(Ipv4Addr::from(
        u32::from(Ipv4Addr::new(127, 1, 0, 0)) + number,
    ))
}

/// Returns the text of a JSON value, or nothing.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_of_this_machine_and_none_is_twice() {
        let all = [0, 1, 10_000, 41_000, 65_533, 65_534, 200_000].map(|at| address(at).ok());
        for (at, one) in all.iter().enumerate() {
            let one = one.expect("an address");
            assert!(one.is_loopback() && one != Ipv4Addr::LOCALHOST, "{one}");
            assert!(!all[..at].contains(&Some(one)), "{one}");
        }
    }
}
