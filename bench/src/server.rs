//! The servers that are measured, each a process of its own on a free port.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Result, bail};
use poem::{Route, get, handler, listener::TcpListener};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, sleep},
};

/// A server under test.
pub(crate) struct Server {
    child: Child,
    /// The processes that it needs, in the order in which they are stopped.
    others: Vec<Child>,
    pub(crate) address: String,
    /// The URL of its Redis; empty when it has none.
    pub(crate) redis_url: String,
    _folder: TempDir,
}

impl Server {
    /// Starts Carrier with SQLite and a Redis that calls fsync this often.
    pub(crate) async fn carrier(fsync: &str) -> Result<Self> {
        let folder = TempDir::new()?;
        let socket = folder.path().join("redis.sock");
        let redis = Command::new("redis-server")
            .args([
                "--port",
                "0",
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                fsync,
            ])
            .args([
                "--maxmemory-policy",
                "noeviction",
                "--notify-keyspace-events",
                "Ex",
            ])
            .arg("--dir")
            .arg(folder.path())
            .arg("--unixsocket")
            .arg(&socket)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("redis-server is not installed; run scripts/setup")?;
        wait(|| async { tokio::net::UnixStream::connect(&socket).await.is_ok() }).await?;
        let redis_url = format!("redis+unix://{}", socket.display());
        let sql = format!("sqlite://{}", folder.path().join("carrier.db").display());
        let role = |words: &[&str]| {
            let mut command = sibling("carrier")?;
            command
                .args(words)
                .env("CARRIER_REDIS_URL", &redis_url)
                .env("CARRIER_DATABASE_URL", &sql)
                .env("CARRIER_LOG", "warn");
            command.env("CARRIER_FILES", folder.path().join("files"));
            // Sends and their cost are counted, as anywhere, and never too many.
            command.envs([
                ("CARRIER_LIMIT_LOGIN", "off"),
                ("CARRIER_LIMIT_REGISTER", "off"),
                ("CARRIER_LIMIT_SEND", "1000000/1m"),
                ("CARRIER_LIMIT_COST", "5000000/1m"),
                ("CARRIER_LIMIT_CHATS", "off"),
            ]);
            command.stdout(Stdio::null()).kill_on_drop(true);
            Ok::<_, anyhow::Error>(command)
        };
        if !role(&["migrate", "up"])?.status().await?.success() {
            bail!("the schema was not made");
        }
        // A sidecar of the API, as in production.
        let flusher = role(&["flusher"])?
            .spawn()
            .context("a flusher cannot be started")?;
        let api = role(&["api"])?;
        Ok(Self {
            redis_url,
            others: vec![flusher, redis],
            ..Self::start(api, folder).await?
        })
    }

    /// Starts the server whose handler does nothing.
    pub(crate) async fn empty() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("empty");
        Self::start(command, TempDir::new()?).await
    }

    async fn start(mut command: Command, folder: TempDir) -> Result<Self> {
        let free = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = free.local_addr()?.to_string();
        drop(free);
        let child = command
            .env("CARRIER_LISTEN", &address)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("a server cannot be started")?;
        wait(|| async { TcpStream::connect(&address).await.is_ok() }).await?;
        Ok(Self {
            child,
            others: Vec::new(),
            address,
            redis_url: String::new(),
            _folder: folder,
        })
    }

    /// Returns the number of bytes of memory that the server has.
    pub(crate) async fn resident(&self) -> Result<usize> {
        let id = self.child.id().context("it has ended")?;
        let status = tokio::fs::read_to_string(format!("/proc/{id}/status")).await?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        self.child.kill().await?;
        for mut other in self.others {
            other.kill().await?;
        }
        Ok(())
    }
}

/// Returns a command that runs the program of this name beside this one.
fn sibling(name: &str) -> Result<Command> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.exists() {
        bail!(
            "{} is not built; run `cargo build --release --workspace`",
            path.display()
        );
    }
    Ok(Command::new(path))
}

async fn wait<F: Future<Output = bool>>(ready: impl Fn() -> F) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !ready().await {
        if Instant::now() > deadline {
            bail!("a server did not come up within 30 seconds");
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[handler]
fn hello() -> &'static str {
    "hello"
}

/// Serves a handler that does nothing: the floor of every measurement.
pub(crate) async fn serve_empty() -> Result<()> {
    let listen = std::env::var("CARRIER_LISTEN").context("CARRIER_LISTEN")?;
    poem::Server::new(TcpListener::bind(listen))
        .run(Route::new().at("/hello", get(hello)))
        .await?;
    Ok(())
}
