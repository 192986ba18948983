//! One redis-server, or valkey-server.

use std::{path::Path, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use crate::{Disk, Keeper, keeper::free_port};

const PATIENCE: Duration = Duration::from_secs(60);

/// What makes nothing that was acknowledged be lost, and expiry be told of.
const OPTIONS: [(&str, &str); 6] = [
    ("save", ""),
    ("appendonly", "yes"),
    ("appendfsync", "always"),
    ("maxmemory-policy", "noeviction"),
    ("notify-keyspace-events", "Ex"),
    ("daemonize", "no"),
];

/// Which program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Server {
    /// redis-server, as it is installed.
    #[default]
    Redis,
    /// valkey-server, which knows WAITAOF: installed, or as scripts/setup gets it.
    Valkey,
}

impl Server {
    fn program(self) -> String {
        match self {
            Self::Redis => "redis-server".into(),
            Self::Valkey => {
                let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../.valkey/usr/bin/valkey-server");
                if std::path::Path::new(ours).exists() { ours.into() } else { "valkey-server".into() }
            }
        }
    }
}

/// A redis-server. It ends, and its folder goes, when this is dropped.
pub struct Node {
    keeper: Keeper,
    /// What can hold it up, where it has one.
    pub disk: Option<Disk>,
    port: u16,
}

impl Node {
    /// Starts one of these with other options.
    pub async fn start(server: Server, options: &[(&str, &str)]) -> Self {
        Self::start_on(server, options, |_| None).await
    }

    /// Starts one on a [`Disk`] that can be held up.
    pub async fn start_on_slow_disk(server: Server, options: &[(&str, &str)]) -> Self {
        Self::start_on(server, options, |folder| Some(Disk::new(folder))).await
    }

    async fn start_on(server: Server, options: &[(&str, &str)], disk: impl Fn(&Path) -> Option<Disk>) -> Self {
        loop {
            let (folder, port) = (Keeper::folder("redis"), free_port());
            let mut command = vec![server.program(), "--port".into(), port.to_string(), "--bind".into(), "127.0.0.1".into()];
            let place = [("dir", folder.display().to_string()), ("unixsocket", folder.join("socket").display().to_string())];
            command.extend(place.into_iter().flat_map(|(name, value)| [format!("--{name}"), value]));
            command.extend(OPTIONS.iter().chain(options).flat_map(|(name, value)| [format!("--{name}"), (*value).to_owned()]));
            let disk = disk(&folder);
            let env: Vec<_> = disk.iter().flat_map(Disk::env).collect();
            let redis = Self { keeper: Keeper::new("redis", folder, &command, &env), disk, port };
            redis.keeper.start();
            if redis.wait_ready().await {
                return redis;
            } // another took the port between our look and its start
        }
    }

    /// False: its port is another's.
    async fn wait_ready(&self) -> bool {
        let mut taken = false;
        let ready = async || {
            taken = !self.keeper.is_alive() && self.keeper.log().contains("Address already in use");
            taken || self.send(&["PING"]).await.is_some_and(|answer| answer.starts_with("+PONG"))
        };
        self.keeper.wait(PATIENCE, ready).await;
        !taken
    }

    /// Its TCP address.
    pub fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Starts a replica of it, and waits until it has all that there is.
    pub async fn start_replica(&self, server: Server) -> Self {
        let replica = Self::start(server, &[("replicaof", &format!("127.0.0.1 {}", self.port))]).await;
        let synced = async || replica.cli(&["INFO", "replication"]).await.contains("master_link_status:up");
        crate::eventually(PATIENCE, "a replica has all that there is", synced).await;
        replica
    }

    /// The port on which the nodes of a cluster talk.
    pub(crate) async fn bus(&self) -> String {
        self.cli(&["CONFIG", "GET", "cluster-port"]).await.lines().nth(1).expect("a node of a cluster has one").to_owned()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it at once.
    pub fn kill9(&self) {
        self.keeper.kill9();
    }

    /// Stops it in an orderly way.
    pub async fn stop(&self) {
        self.keeper.stop(PATIENCE).await;
    }

    /// Starts it again where it was, and waits until it has read its AOF.
    pub async fn restart(&self) {
        self.keeper.start();
        assert!(self.wait_ready().await, "the port of a Redis that is started again is another's");
    }

    /// Stops it in its tracks: connections stay open and nobody answers.
    pub fn freeze(&self) {
        self.keeper.signal("STOP");
    }

    /// Does it run?
    pub fn is_alive(&self) -> bool {
        self.keeper.is_alive()
    }

    /// It goes on.
    pub fn thaw(&self) {
        self.keeper.signal("CONT");
    }

    /// What redis-cli prints for a command, without the last line break.
    pub async fn cli(&self, args: &[&str]) -> String {
        let socket = self.keeper.path("socket");
        let output = tokio::process::Command::new("redis-cli").arg("-s").arg(socket).args(args).output().await.expect("redis-cli runs");
        String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()
    }

    /// The same at the node of its cluster that has the key.
    pub async fn cli_anywhere(&self, args: &[&str]) -> String {
        let port = self.port.to_string();
        let output = tokio::process::Command::new("redis-cli").args(["-c", "-p", &port]).args(args).output().await.expect("redis-cli runs");
        String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()
    }

    /// All keys that match a glob pattern, sorted.
    pub async fn keys(&self, pattern: &str) -> Vec<String> {
        let mut keys: Vec<_> = self.cli(&["KEYS", pattern]).await.lines().filter(|key| !key.is_empty()).map(str::to_owned).collect();
        keys.sort();
        keys
    }

    /// Makes it know these scripts, so that EVALSHA never fails: for a [`crate::Proxy`] that looks for a script's SHA.
    pub async fn load(&self, sources: &[String]) {
        for source in sources {
            let answer = self.send(&["SCRIPT", "LOAD", source]).await;
            assert!(answer.as_ref().is_some_and(|answer| answer.starts_with('$')), "Redis takes a script: {answer:?}");
        }
    }

    /// One command on a connection of its own; the first bytes of the answer as they come. `None`: no connection.
    async fn send(&self, words: &[&str]) -> Option<String> {
        let mut stream = UnixStream::connect(self.keeper.path("socket")).await.ok()?;
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command += &format!("${}\r\n{word}\r\n", word.len());
        }
        stream.write_all(command.as_bytes()).await.ok()?;
        let mut answer = vec![0; 1024];
        let length = stream.read(&mut answer).await.ok()?;
        answer.truncate(length);
        Some(String::from_utf8_lossy(&answer).into_owned())
    }
}
