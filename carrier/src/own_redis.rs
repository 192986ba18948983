//! A redis-server of Carrier's own, as a child: AOF on, no eviction, expiry events, a private folder and a unix socket.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

/// The child. It is stopped with SHUTDOWN, which waits for its files.
pub(crate) struct OwnRedis {
    child: Child,
    socket: PathBuf,
    /// Held for as long as we live: two of us in one folder would be two writers of one file.
    _lock: File,
}

impl OwnRedis {
    /// Starts it in `folder`.
    ///
    /// # Errors
    /// When redis-server is not installed, another Carrier uses the folder, or it does not come up.
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let folder = folder.join("redis");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        private(&folder)?;
        let folder = folder.canonicalize()?;
        let lock = File::create(folder.join("lock"))?;
        if lock.try_lock().is_err() {
            bail!("another carrier runs in {}; stop it, or set CARRIER_DATA_DIR to another folder", folder.display());
        }
        let socket = socket_in(&folder);
        // One whose Carrier was killed may still be there; it holds our data, and lets go of it at SHUTDOWN.
        shut_down(&socket).await?;
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--daemonize", "no", "--unixsocketperm", "700"])
            .args(["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"])
            .args(["--notify-keyspace-events", "Ex", "--loglevel", "warning", "--logfile", "redis.log"])
            .arg("--dir")
            .arg(&folder)
            .arg("--unixsocket")
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            // Ctrl-C reaches our whole group; Redis must outlive our own stopping.
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let child = match child {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                bail!("redis-server is not installed; run scripts/setup, or set CARRIER_REDIS_URL to a Redis that runs")
            }
            Err(error) => return Err(error).context("redis-server cannot be started"),
        };
        let mut redis = Self { child, socket, _lock: lock };
        redis.wait_ready().await?;
        Ok(redis)
    }

    /// Where the one of a data folder listens, if it runs.
    pub(crate) fn url_in(data: &Path) -> String {
        let folder = data.join("redis");
        format!("redis+unix://{}", socket_in(&folder.canonicalize().unwrap_or(folder)).display())
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.socket.display())
    }

    /// It reads its file first, which takes as long as there is data.
    async fn wait_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(300);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("redis-server ended at once ({status}); {} tells why", self.socket.with_file_name("redis.log").display());
            }
            if ask(&self.socket, b"PING\r\n").await.is_ok_and(|answer| answer.starts_with("+PONG")) {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
        bail!("redis-server did not come up within five minutes")
    }

    /// Stops it; returns when it has closed its files.
    pub(crate) async fn stop(mut self) -> Result<()> {
        ask(&self.socket, b"SHUTDOWN NOSAVE\r\n").await.ok();
        match timeout(Duration::from_secs(30), self.child.wait()).await {
            Ok(status) => status.map(drop).context("redis-server"),
            Err(_) => bail!("redis-server does not stop"),
        }
    }
}

/// A socket's path may have some hundred bytes at the most; a deep folder's goes to the temporary folder, by a name of its own.
fn socket_in(folder: &Path) -> PathBuf {
    let here = folder.join("redis.sock");
    if here.as_os_str().len() < 100 {
        return here;
    }
    let name = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, folder.as_os_str().as_encoded_bytes());
    std::env::temp_dir().join(format!("carrier-{name}.sock"))
}

fn private(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).context("cannot make the folder private")
}

async fn shut_down(socket: &Path) -> Result<()> {
    if ask(socket, b"PING\r\n").await.is_err() {
        return Ok(()); // nobody listens
    }
    ask(socket, b"SHUTDOWN NOSAVE\r\n").await.ok();
    let deadline = Instant::now() + Duration::from_secs(30);
    while ask(socket, b"PING\r\n").await.is_ok() {
        if Instant::now() > deadline {
            bail!("a redis-server that was left behind on {} does not stop; end it", socket.display());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// One inline command over the socket.
async fn ask(socket: &Path, command: &[u8]) -> std::io::Result<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::UnixStream::connect(socket).await?;
    stream.write_all(command).await?;
    let mut answer = [0; 64];
    let length = timeout(Duration::from_secs(5), stream.read(&mut answer)).await??;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}
