//! A single redis-server, or valkey-server.

use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpStream, UnixStream},
};

use crate::{Disk, Keeper, keeper::free_port};

const PATIENCE: Duration = Duration::from_secs(60);

/// The options with which no acknowledged write is lost, and expired keys are announced.
const OPTIONS: [(&str, &str); 7] = [
    ("save", ""),
    ("appendonly", "yes"),
    ("appendfsync", "always"),
    ("maxmemory", "4gb"),
    ("maxmemory-policy", "noeviction"),
    ("notify-keyspace-events", "Ex"),
    ("daemonize", "no"),
];

/// What a server had on its disk at some time: the end of the file that it appends to.
pub struct Past {
    file: PathBuf,
    length: u64,
}

impl Past {
    /// Takes from the disk of a server that does not run what came later.
    pub fn restore(&self) {
        let file = OpenOptions::new().write(true).open(&self.file);
        file.and_then(|file| file.set_len(self.length))
            .expect("the AOF is the same and can be cut");
    }
}

/// The program that is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Server {
    /// The redis-server that is installed.
    #[default]
    Redis,
    /// A valkey-server, which knows WAITAOF: installed, or as scripts/setup gets it.
    Valkey,
}

impl Server {
    fn program(self) -> String {
        match self {
            Self::Redis => "redis-server".into(),
            Self::Valkey => {
                let ours = concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/../.valkey/usr/bin/valkey-server"
                );
                if std::path::Path::new(ours).exists() {
                    ours.into()
                } else {
                    "valkey-server".into()
                }
            }
        }
    }
}

/// A redis-server. The server and its folder are gone when this is dropped.
pub struct Node {
    keeper: Keeper,
    /// The disk that can be held up, where it has one.
    pub disk: Option<Disk>,
    port: u16,
}

impl Node {
    /// Starts a server of this program with further options.
    pub async fn start(server: Server, options: &[(&str, &str)]) -> Self {
        Self::start_on(server, options, |_| None).await
    }

    /// Starts a server on a [`Disk`] that can be held up.
    pub async fn start_on_slow_disk(server: Server, options: &[(&str, &str)]) -> Self {
        Self::start_on(server, options, |folder| Some(Disk::new(folder))).await
    }

    async fn start_on(
        server: Server,
        options: &[(&str, &str)],
        disk: impl Fn(&Path) -> Option<Disk>,
    ) -> Self {
        loop {
            let (folder, port) = (Keeper::folder("redis"), free_port());
            let mut command = vec![
                server.program(),
                "--port".into(),
                port.to_string(),
                "--bind".into(),
                "127.0.0.1".into(),
            ];
            let place = [
                ("dir", folder.display().to_string()),
                ("unixsocket", folder.join("socket").display().to_string()),
            ];
            command.extend(
                place
                    .into_iter()
                    .flat_map(|(name, value)| [format!("--{name}"), value]),
            );
            command.extend(
                OPTIONS
                    .iter()
                    .chain(options)
                    .flat_map(|(name, value)| [format!("--{name}"), (*value).to_owned()]),
            );
            let disk = disk(&folder);
            let env: Vec<_> = disk.iter().flat_map(Disk::env).collect();
            let redis = Self {
                keeper: Keeper::new("redis", folder, &command, &env),
                disk,
                port,
            };
            redis.keeper.start();
            if redis.wait_ready().await {
                return redis;
            } // another took the port between our look and its start
        }
    }

    /// Waits until the server answers; returns false when its port is another process's.
    async fn wait_ready(&self) -> bool {
        let mut taken = false;
        let ready = async || {
            taken = !self.keeper.is_alive() && self.keeper.log().contains("Address already in use");
            taken
                || self
                    .send(&["PING"])
                    .await
                    .is_some_and(|answer| answer.starts_with("+PONG"))
        };
        self.keeper.wait(PATIENCE, ready).await;
        !taken
    }

    /// Returns the id of the process.
    ///
    /// # Panics
    /// When the process does not run.
    pub fn pid(&self) -> u32 {
        self.keeper.pid()
    }

    /// Returns the TCP address.
    pub fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Starts a replica of this server, and waits until it has caught up.
    pub async fn start_replica(&self, server: Server) -> Self {
        let replica = Self::start(server, &[]).await;
        replica.follow(self).await;
        replica
    }

    /// Becomes a replica of this server until it is promoted or started again, and waits until it
    /// has caught up.
    pub async fn follow(&self, primary: &Self) {
        let port = primary.port.to_string();
        self.cli(&["REPLICAOF", "127.0.0.1", &port]).await;
        let synced = async || {
            let info = self.cli(&["INFO", "replication"]).await;
            info.contains("master_link_status:up")
        };
        crate::eventually(PATIENCE, "a replica has all that there is", synced).await;
    }

    /// Returns the port on which the nodes of a cluster talk.
    pub(crate) async fn bus(&self) -> String {
        self.cli(&["CONFIG", "GET", "cluster-port"])
            .await
            .lines()
            .nth(1)
            .expect("a node of a cluster has one")
            .to_owned()
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills the server at once.
    pub fn kill9(&self) {
        self.keeper.kill9();
    }

    /// Stops the server in an orderly way.
    pub async fn stop(&self) {
        self.keeper.stop(PATIENCE).await;
    }

    /// Starts the server again with the same data, and waits until it has read its AOF.
    pub async fn restart(&self) {
        self.keeper.start();
        assert!(
            self.wait_ready().await,
            "the port of a Redis that is started again is another's"
        );
    }

    /// Returns what the server has on its disk now, to go back to.
    pub fn past(&self) -> Past {
        let files = std::fs::read_dir(self.keeper.path("appendonlydir")).expect("an AOF");
        let files = files.map(|entry| entry.expect("a file").path());
        let file = files
            .filter(|path| path.to_string_lossy().ends_with(".incr.aof"))
            .max()
            .expect("a file that is appended to");
        let length = file.metadata().expect("it is there").len();
        Past { file, length }
    }

    /// Kills the server, and starts it with what it had in the past, as from a snapshot of its
    /// disk.
    pub async fn go_back(&self, past: &Past) {
        self.kill9();
        past.restore();
        self.restart().await;
    }

    /// Freezes the process (SIGSTOP): connections stay open and no answer comes.
    pub fn freeze(&self) {
        self.keeper.signal("STOP");
    }

    /// True while the server runs.
    pub fn is_alive(&self) -> bool {
        self.keeper.is_alive()
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) {
        self.keeper.signal("CONT");
    }

    /// Runs a command and returns what redis-cli would print, without the last line break; nothing
    /// when the server does not run.
    ///
    /// (Tests look into Redis every few milliseconds; a process for each look would keep two
    /// processors busy.)
    pub async fn cli(&self, args: &[&str]) -> String {
        let Ok(stream) = UnixStream::connect(self.keeper.path("socket")).await else {
            return String::new();
        };
        print(ask(stream, args).await)
    }

    /// Runs a command at the node of its cluster that has the key, and returns what redis-cli would
    /// print.
    pub async fn cli_anywhere(&self, args: &[&str]) -> String {
        let mut address = format!("127.0.0.1:{}", self.port);
        // While another node takes over, two may each say that the other has the key.
        for _ in 0..16 {
            let Ok(stream) = TcpStream::connect(&address).await else {
                break;
            };
            let answer = print(ask(stream, args).await);
            match answer.strip_prefix("MOVED ") {
                Some(moved) => address = moved.rsplit(' ').next().unwrap_or_default().to_owned(),
                None => return answer,
            }
        }
        String::new()
    }

    /// Returns all keys that match a glob pattern, sorted.
    pub async fn keys(&self, pattern: &str) -> Vec<String> {
        let mut keys: Vec<_> = self
            .cli(&["KEYS", pattern])
            .await
            .lines()
            .filter(|key| !key.is_empty())
            .map(str::to_owned)
            .collect();
        keys.sort();
        keys
    }

    /// Loads these scripts, so that EVALSHA never fails: for a [`crate::Proxy`] that looks for a
    /// script's SHA.
    pub async fn load(&self, sources: &[String]) {
        for source in sources {
            let answer = self.send(&["SCRIPT", "LOAD", source]).await;
            assert!(
                answer
                    .as_ref()
                    .is_some_and(|answer| answer.starts_with('$')),
                "Redis takes a script: {answer:?}"
            );
        }
    }

    /// Sends a command on a connection of its own, and returns the first bytes of the answer
    /// as they come; `None` without a connection.
    async fn send(&self, words: &[&str]) -> Option<String> {
        let mut stream = UnixStream::connect(self.keeper.path("socket")).await.ok()?;
        stream.write_all(command(words).as_bytes()).await.ok()?;
        let mut answer = vec![0; 1024];
        let length = stream.read(&mut answer).await.ok()?;
        answer.truncate(length);
        Some(String::from_utf8_lossy(&answer).into_owned())
    }
}

/// Sends a command, and reads its answer: the values in it, one after the other.
async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    words: &[&str],
) -> io::Result<Vec<Vec<u8>>> {
    stream.write_all(command(words).as_bytes()).await?;
    let mut stream = BufReader::new(stream);
    let (mut values, mut left) = (Vec::new(), 1);
    while left > 0 {
        left -= 1;
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (kind, rest) = line.trim_end().split_at(1);
        let length = || rest.parse::<i64>().map_err(io::Error::other);
        match kind {
            "*" => left += length()?.max(0),
            "$" => {
                let mut value = vec![0; usize::try_from(length()? + 2).unwrap_or(0)];
                if length()? >= 0 {
                    stream.read_exact(&mut value).await?;
                    value.truncate(value.len() - 2);
                } else {
                    value.clear(); // no value
                }
                values.push(value);
            }
            _ => values.push(rest.as_bytes().to_vec()),
        }
    }
    Ok(values)
}

fn command(words: &[&str]) -> String {
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        command += &format!("${}\r\n{word}\r\n", word.len());
    }
    command
}

fn print(answer: io::Result<Vec<Vec<u8>>>) -> String {
    let lines = answer.unwrap_or_default().join(&b'\n');
    String::from_utf8_lossy(&lines)
        .trim_end_matches('\n')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn printed(answer: &str) -> String {
        let (near, mut far) = tokio::io::duplex(1024);
        far.write_all(answer.as_bytes()).await.expect("it is read");
        far.shutdown().await.expect("it ends");
        print(ask(near, &["GET", "a key"]).await)
    }

    #[tokio::test]
    async fn an_answer_is_printed_as_redis_cli_does() {
        for (answer, expected) in [
            ("+OK\r\n", "OK"),
            (":42\r\n", "42"),
            ("-ERR no\r\n", "ERR no"),
            ("$5\r\na\r\nbc\r\n", "a\r\nbc"),
            ("$-1\r\n", ""),
            ("*-1\r\n", ""),
            ("*0\r\n", ""),
            ("*3\r\n$1\r\na\r\n$-1\r\n*2\r\n:1\r\n+b\r\n", "a\n\n1\nb"),
            ("$5\r\nab", ""), // the connection was lost
            ("", ""),
        ] {
            assert_eq!(printed(answer).await, expected, "{answer:?}");
        }
    }
}
