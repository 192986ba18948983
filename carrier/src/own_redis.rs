//! A redis-server of Carrier's own, as a child process: AOF on, no eviction, a share of the
//! memory, expiry events, a private folder and a unix socket.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use store::Config;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::start;

/// A running redis-server. SHUTDOWN stops it, which waits until its files are written.
pub(crate) struct OwnRedis {
    child: Child,
    socket: PathBuf,
    /// The lock of the folder, held while Redis runs: two servers in one folder would write to one
    /// file.
    _lock: File,
}

impl OwnRedis {
    /// Starts a redis-server in `folder`.
    ///
    /// # Errors
    /// Fails when redis-server is not installed or does not start, or when another Carrier uses the
    /// folder.
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let folder = folder.join("redis");
        fs::create_dir_all(&folder)
            .with_context(|| format!("could not create the folder {}", folder.display()))?;
        let folder = folder.canonicalize()?;
        let lock = File::create(folder.join("lock"))?;
        if lock.try_lock().is_err() {
            bail!(
                "another Carrier runs in {}; stop it, or set CARRIER_DATA_DIR to another folder",
                folder.display()
            );
        }
        let socket = socket_in(&folder);
        // A redis-server whose Carrier was killed may still run. It holds our data, and writes it
        // to its file at SHUTDOWN.
        shut_down(&socket).await?;
        let child = Command::new("redis-server")
            .args([
                "--port",
                "0",
                "--save",
                "",
                "--daemonize",
                "no",
                "--unixsocketperm",
                "700",
            ])
            .args([
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--maxmemory-policy",
                "noeviction",
            ])
            .args([
                "--notify-keyspace-events",
                "Ex",
                // The records of members and users are longer than the 64 bytes up to which Redis
                // keeps a small hash in one piece.
                "--hash-max-listpack-value",
                "256",
                "--loglevel",
                "warning",
                "--logfile",
                "redis.log",
            ])
            .arg("--dir")
            .arg(&folder)
            .arg("--unixsocket")
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            // Ctrl-C reaches our whole process group, but Redis must run until we have stopped.
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let child = match child {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                bail!(
                    "redis-server is not installed; run scripts/setup, or set CARRIER_REDIS_URL to \
                     a running Redis"
                )
            }
            Err(error) => return Err(error).context("could not start redis-server"),
        };
        let mut redis = Self {
            child,
            socket,
            _lock: lock,
        };
        redis.wait_ready().await?;
        Ok(redis)
    }

    /// Returns the URL of the redis-server of a data folder.
    pub(crate) fn url_in(data: &Path) -> String {
        let folder = data.join("redis");
        format!(
            "redis+unix://{}",
            socket_in(&folder.canonicalize().unwrap_or(folder)).display()
        )
    }

    /// Returns the URL of this redis-server.
    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.socket.display())
    }

    /// Limits Redis to its share of the memory of the machine, or of the cgroup that both are in:
    /// the system would kill it beyond that.
    pub(crate) async fn limit_memory(&self, stores: &Config) -> Result<()> {
        let hot = start::connect_hot(stores, &self.url()).await?;
        let machine = hot.memory().await?.machine;
        let memory = cgroup_limit(Path::new("/")).map_or(machine, |limit| limit.min(machine));
        hot.limit_memory(hot::share_of(memory)).await?;
        hot.close().await;
        Ok(())
    }

    /// Waits until Redis answers. It reads its file first, so the time depends on the data.
    async fn wait_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(300);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "redis-server ended at once ({status}); see {}",
                    self.socket.with_file_name("redis.log").display()
                );
            }
            if ask(&self.socket, b"PING\r\n")
                .await
                .is_ok_and(|answer| answer.starts_with("+PONG"))
            {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
        bail!("redis-server did not start within five minutes")
    }

    /// Waits for an end that nobody asked for, and returns it as an error: without its Redis,
    /// Carrier cannot go on.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        let log = self.socket.with_file_name("redis.log");
        let status = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        anyhow!(
            "redis-server has ended ({status}), so Carrier does too; see {}, and start it again",
            log.display()
        )
    }

    /// Stops Redis, and returns when it has closed its files.
    pub(crate) async fn stop(mut self) -> Result<()> {
        ask(&self.socket, b"SHUTDOWN NOSAVE\r\n").await.ok();
        match timeout(Duration::from_secs(30), self.child.wait()).await {
            Ok(status) => status.map(drop).context("could not wait for redis-server"),
            Err(_) => bail!("redis-server did not stop within 30 s"),
        }
    }
}

/// Returns the path of the socket of a folder. A socket's path can have only about a hundred bytes,
/// so the socket of a deep folder is in the temporary folder, under a name derived from the path.
fn socket_in(folder: &Path) -> PathBuf {
    let here = folder.join("redis.sock");
    if here.as_os_str().len() < 100 {
        return here;
    }
    let name = uuid::Uuid::new_v5(
        &uuid::Uuid::NAMESPACE_URL,
        folder.as_os_str().as_encoded_bytes(),
    );
    std::env::temp_dir().join(format!("carrier-{name}.sock"))
}

/// Returns the memory that this process may use together with the others in its cgroups; `None`
/// where there is no limit. `root` is the root of the file system.
fn cgroup_limit(root: &Path) -> Option<u64> {
    let own = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let inner = own.lines().find_map(|line| line.strip_prefix("0::/"));
    let (v1, v2) = (
        root.join("sys/fs/cgroup/memory/memory.limit_in_bytes"),
        root.join("sys/fs/cgroup"),
    );
    // The limits of all that a cgroup is in hold, too.
    let nested = Path::new(inner.unwrap_or_default()).ancestors();
    nested
        .map(|cgroup| v2.join(cgroup).join("memory.max"))
        .chain([v1])
        .filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
        .min()
}

/// Stops a redis-server that was left behind, if there is one.
async fn shut_down(socket: &Path) -> Result<()> {
    if ask(socket, b"PING\r\n").await.is_err() {
        return Ok(()); // None was left behind.
    }
    ask(socket, b"SHUTDOWN NOSAVE\r\n").await.ok();
    let deadline = Instant::now() + Duration::from_secs(30);
    while ask(socket, b"PING\r\n").await.is_ok() {
        if Instant::now() > deadline {
            bail!(
                "a redis-server that was left behind on {} does not stop; kill it",
                socket.display()
            );
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Sends an inline command over the socket, and returns the start of the answer.
async fn ask(socket: &Path, command: &[u8]) -> std::io::Result<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::UnixStream::connect(socket).await?;
    stream.write_all(command).await?;
    let mut answer = [0; 64];
    let length = timeout(Duration::from_secs(5), stream.read(&mut answer)).await??;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_of_all_cgroups_around_counts() {
        let root = std::env::temp_dir().join(format!("carrier-cgroup-{}", std::process::id()));
        let write = |file: &str, text: &str| {
            let file = root.join(file);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, text).expect("written");
        };
        assert_eq!(cgroup_limit(&root), None);
        write("proc/self/cgroup", "1:name=systemd:/\n0::/outer/inner\n");
        write("sys/fs/cgroup/outer/inner/memory.max", "max\n");
        assert_eq!(cgroup_limit(&root), None);
        write("sys/fs/cgroup/outer/memory.max", "3000\n");
        assert_eq!(cgroup_limit(&root), Some(3000));
        write("sys/fs/cgroup/memory.max", "2000\n");
        assert_eq!(cgroup_limit(&root), Some(2000));
        write("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n");
        assert_eq!(cgroup_limit(&root), Some(1000));
        fs::remove_dir_all(&root).expect("removed");
    }

    #[test]
    fn the_socket_of_a_deep_folder_is_elsewhere_under_a_stable_short_name() {
        assert_eq!(
            socket_in(Path::new("/data/redis")),
            Path::new("/data/redis/redis.sock")
        );
        let (deep, deeper) = (format!("/{}", "d".repeat(100)), "e".repeat(200));
        let socket = socket_in(Path::new(&deep));
        assert_eq!(socket, socket_in(Path::new(&deep)));
        assert_ne!(socket, socket_in(Path::new(&deeper)));
        assert!(socket.as_os_str().len() < 108 && !socket.starts_with(&deep));
    }
}
