//! The servers that are measured, each a process of its own on a free port.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Result, bail};
use poem::{Route, get, handler, listener::TcpListener};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, sleep},
};

use crate::{cpu::Cpu, sql::Database};

/// A server under test.
pub(crate) struct Server {
    child: Child,
    /// The processes that an API needs; an empty handler needs none.
    behind: Option<Behind>,
    pub(crate) address: String,
    /// The URL of its Redis; empty when it has none.
    pub(crate) redis_url: String,
    _folder: TempDir,
}

/// The processes and the database behind an API.
struct Behind {
    flusher: Child,
    redis: RedisServer,
    database: Database,
}

/// Redis: one process, or the nodes of a cluster, which end when this is dropped.
enum RedisServer {
    One(Child),
    Cluster(rig::Redis),
}

impl RedisServer {
    /// Returns its time on processors, in microseconds.
    fn cpu(&self) -> f64 {
        let of = |pid: u32| rig::cpu_time(pid).as_secs_f64() * 1e6;
        match self {
            Self::One(child) => child.id().map_or(0.0, of),
            Self::Cluster(cluster) => cluster.nodes.iter().map(|node| of(node.pid())).sum(),
        }
    }

    async fn stop(self) -> Result<()> {
        match self {
            Self::One(mut child) => child.kill().await.context("Redis does not end"),
            Self::Cluster(cluster) => {
                cluster.stop().await;
                Ok(())
            }
        }
    }
}

impl Server {
    /// Starts Carrier with a Redis that calls fsync this often, and with this database; without
    /// one, with SQLite.
    pub(crate) async fn carrier(fsync: &str, database: Option<Database>) -> Result<Self> {
        let folder = TempDir::new()?;
        let socket = folder.path().join("redis.sock");
        let redis = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "yes"])
            .args(["--appendfsync", fsync, "--maxmemory-policy", "noeviction"])
            .args(["--maxmemory", "8gb", "--notify-keyspace-events", "Ex"])
            .args(["--hash-max-listpack-value", "256"])
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
        Self::before(RedisServer::One(redis), redis_url, folder, database).await
    }

    /// Starts Carrier with SQLite and a Redis Cluster of so many primaries, each with a replica,
    /// that calls fsync this often.
    pub(crate) async fn on_cluster(primaries: usize, fsync: &str) -> Result<Self> {
        let cluster = rig::Redis::start_cluster(primaries, &[("appendfsync", fsync)]).await;
        let url = cluster.url();
        Self::before(RedisServer::Cluster(cluster), url, TempDir::new()?, None).await
    }

    async fn before(
        redis: RedisServer,
        redis_url: String,
        folder: TempDir,
        database: Option<Database>,
    ) -> Result<Self> {
        let database = database.unwrap_or_else(|| Database::sqlite(folder.path()));
        let role = |words: &[&str]| {
            let mut command = sibling("carrier")?;
            command
                .args(words)
                .env("CARRIER_REDIS_URL", &redis_url)
                .env("CARRIER_DATABASE_URL", &database.url)
                .env("CARRIER_LOG", "warn");
            command.env("CARRIER_FILES", folder.path().join("files"));
            // Sends, searches and their cost are counted, as anywhere, and never too many.
            command.envs([
                ("CARRIER_LIMIT_LOGIN", "off"),
                ("CARRIER_LIMIT_REGISTER", "off"),
                ("CARRIER_LIMIT_SEND", "1000000/1m"),
                ("CARRIER_LIMIT_SEARCH", "1000000/1m"),
                ("CARRIER_LIMIT_COST", "360000000/1h"),
                ("CARRIER_LIMIT_CHATS", "off"),
                ("CARRIER_MAX_CONNECTIONS", "15000"),
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
            behind: Some(Behind {
                flusher,
                redis,
                database,
            }),
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
            behind: None,
            address,
            redis_url: String::new(),
            _folder: folder,
        })
    }

    /// Returns the number of bytes of memory that the server has.
    pub(crate) fn resident(&self) -> Result<u64> {
        Ok(rig::resident_bytes(
            self.child.id().context("it has ended")?,
        ))
    }

    /// Returns the time on processors of all its processes since their starts.
    pub(crate) fn cpu(&self) -> Cpu {
        let of = |pid: Option<u32>| pid.map_or(0.0, |pid| rig::cpu_time(pid).as_secs_f64() * 1e6);
        let behind = |pid: fn(&Behind) -> Option<u32>| of(self.behind.as_ref().and_then(pid));
        Cpu {
            api: of(self.child.id()),
            redis: self
                .behind
                .as_ref()
                .map_or(0.0, |behind| behind.redis.cpu()),
            flusher: behind(|behind| behind.flusher.id()),
            sql: behind(|behind| behind.database.pid),
        }
    }

    /// Returns the number of bytes of its database.
    pub(crate) async fn sql_bytes(&self) -> Result<f64> {
        self.behind()?.database.bytes().await
    }

    /// Freezes the flusher: nothing is saved until it is [thawed](Self::thaw_flusher).
    pub(crate) fn freeze_flusher(&self) -> Result<()> {
        self.signal_flusher(Signal::STOP)
    }

    /// Lets a frozen flusher go on.
    pub(crate) fn thaw_flusher(&self) -> Result<()> {
        self.signal_flusher(Signal::CONT)
    }

    fn signal_flusher(&self, signal: Signal) -> Result<()> {
        let pid = self.behind()?.flusher.id();
        let pid = pid.and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        let pid = pid.context("the flusher has ended")?;
        kill_process(pid, signal).context("the flusher takes no signal")
    }

    fn behind(&self) -> Result<&Behind> {
        let behind = self.behind.as_ref();
        behind.context("an empty handler has no flusher and no database")
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        self.child.kill().await?;
        if let Some(mut behind) = self.behind {
            behind.flusher.kill().await?;
            behind.redis.stop().await?;
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
