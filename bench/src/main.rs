//! The speed of sends, against the floor of an empty handler in the same run on the same machine: a
//! ratio says more than a time.

mod http;
mod live;
mod page;
mod server;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use serde_json::{Value, json};

use crate::{
    http::{Connection, Request},
    server::Server,
};

/// The password of every user.
const PASSWORD: &str = "tugboat-salad-7";

/// Measures sends per second of a `carrier` of its own, and of an empty handler.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    /// Connections, each sending one message after the other
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 8)]
    seconds: u64,
}

#[derive(Subcommand)]
enum Role {
    /// The floor: a server whose handler does nothing
    #[command(hide = true)]
    Empty,
    /// The cost of a connection that only listens, and the time that messages take to their readers
    Live {
        /// Connections that only listen
        #[arg(long, default_value_t = 10_000)]
        idle: usize,
        /// Messages a second
        #[arg(long, default_value_t = 2_000)]
        rate: u32,
    },
    /// The frames of the page while it scrolls through a long history, in Chromium
    Page {
        /// Messages in the history
        #[arg(long, default_value_t = 100_000)]
        messages: usize,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let time = Duration::from_secs(cli.seconds);
    match cli.role {
        Some(Role::Empty) => return server::serve_empty().await,
        Some(Role::Live { idle, rate }) => {
            live::idle(idle).await?;
            for fsync in ["everysec", "always"] {
                live::delivery(rate, time, fsync).await?;
            }
            return Ok(());
        }
        Some(Role::Page { messages }) => return page::scroll(messages, cli.seconds).await,
        None => {}
    }
    let empty = Server::empty().await?;
    let hello = Request::get("/hello", "");
    let floor = measure(&empty.address, vec![hello; cli.connections], time).await?;
    println!("empty handler      {floor}");

    for fsync in ["always", "everysec"] {
        let carrier = Server::carrier(fsync).await?;
        let sends = prepare(&carrier.address, cli.connections).await?;
        let sent = measure(&carrier.address, sends, time).await?;
        println!(
            "sends, {fsync:9}   {sent}   = {:.2} of the empty handler",
            sent.per_second / floor.per_second
        );
        carrier.stop().await?;
    }
    empty.stop().await
}

/// The result of a measurement.
struct Measured {
    per_second: f64,
    /// The latencies in microseconds, sorted.
    latencies: Vec<u32>,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:7.0}/s   p50 {:5} us   p99 {:5} us",
            self.per_second,
            quantile(&self.latencies, 0.5),
            quantile(&self.latencies, 0.99)
        )
    }
}

/// Returns the value below which a part of them lies, given `sorted` values of which there is at
/// least one.
fn quantile<T: Copy>(sorted: &[T], part: f64) -> T {
    sorted[((sorted.len() - 1) as f64 * part) as usize]
}

/// Sends each request again and again over a connection of its own, for this time.
async fn measure(address: &str, requests: Vec<Request>, time: Duration) -> Result<Measured> {
    let mut connections = Vec::new();
    for request in requests {
        connections.push((Connection::open(address).await?, request));
    }
    let start = Instant::now();
    let workers = connections.into_iter().map(|(mut connection, request)| {
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            while start.elapsed() < time {
                let sent = Instant::now();
                let (status, _) = connection.ask(&request).await?;
                ensure!((200..300).contains(&status), "a status of {status}");
                latencies.push(sent.elapsed().as_micros() as u32);
            }
            Ok(latencies)
        })
    });
    let mut latencies = Vec::new();
    for worker in futures_util::future::join_all(workers).await {
        latencies.extend(worker??);
    }
    let seconds = start.elapsed().as_secs_f64();
    latencies.sort_unstable();
    Ok(Measured {
        per_second: latencies.len() as f64 / seconds,
        latencies,
    })
}

/// Makes a user and a direct chat for each connection; returns the requests that send a message of
/// a hundred characters to each.
async fn prepare(address: &str, connections: usize) -> Result<Vec<Request>> {
    let mut connection = Connection::open(address).await?;
    let mut tokens = Vec::new();
    for at in 0..connections {
        register(&mut connection, &format!("peer{at}")).await?;
        tokens.push(register(&mut connection, &format!("user{at}")).await?);
    }
    let mut sends = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let chat = call(
            &mut connection,
            "/v1/chats",
            token,
            &json!({ "kind": "direct", "members": [format!("peer{at}")] }),
        )
        .await?;
        let path = format!(
            "/v1/chats/{}/messages",
            chat["id"].as_str().context("no chat")?
        );
        sends.push(Request::post(
            &path,
            token,
            &json!({ "body": "lorem ipsum dolor sit amet ".repeat(4) }),
        ));
    }
    Ok(sends)
}

/// Registers a new user, and returns their token.
async fn register(connection: &mut Connection, name: &str) -> Result<String> {
    let body =
        json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
    let answer = call(connection, "/v1/auth/register", "", &body).await?;
    Ok(answer["token"].as_str().context("no token")?.to_owned())
}

async fn call(connection: &mut Connection, path: &str, token: &str, body: &Value) -> Result<Value> {
    let (status, answer) = connection.ask(&Request::post(path, token, body)).await?;
    ensure!(
        (200..300).contains(&status),
        "{path}: {status} {}",
        String::from_utf8_lossy(&answer)
    );
    Ok(serde_json::from_slice(&answer)?)
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
