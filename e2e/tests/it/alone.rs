//! `carrier` without a role, with a Redis and a SQLite of its own.

use std::{os::unix::process::ExitStatusExt, path::PathBuf, process::Stdio, time::Duration};

use e2e::{Client, eventually, free_port, program};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

const SECOND: Duration = Duration::from_secs(1);

/// A `carrier` on a folder of its own.
struct Alone {
    child: Child,
    folder: tempfile::TempDir,
    url: String,
}

impl Alone {
    /// Starts it; nobody ever reads what it says.
    async fn unheard() -> Self {
        files::install_tls(); // An HTTP client needs it even for http://.
        let folder = tempfile::tempdir().expect("a folder");
        let address = format!("127.0.0.1:{}", free_port());
        let mut child = Command::new(program())
            .env("CARRIER_DATA_DIR", folder.path())
            .env("CARRIER_LISTEN", &address)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("carrier starts");
        drop((child.stdout.take(), child.stderr.take()));
        let url = format!("http://{address}");
        let ready = async || {
            let answer = reqwest::get(format!("{url}/readyz")).await;
            answer.is_ok_and(|answer| answer.status().is_success())
        };
        eventually(60 * SECOND, "carrier is ready", ready).await;
        Self { child, folder, url }
    }

    fn redis(&self) -> PathBuf {
        self.folder.path().join("redis/redis.sock")
    }

    async fn redis_cli(&self, words: &[&str]) -> String {
        let command = Command::new("redis-cli")
            .arg("-s")
            .arg(self.redis())
            .args(words)
            .output();
        String::from_utf8_lossy(&command.await.expect("redis-cli runs").stdout).into_owned()
    }

    /// Waits until it ends; true if it ended well.
    async fn ends_well(&mut self) -> bool {
        let ended = timeout(60 * SECOND, self.child.wait()).await;
        let status = ended.expect("it ends in time").expect("it is waited for");
        assert_eq!(status.signal(), None, "it was not killed");
        status.success()
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // Of a test that failed, its Redis is left.
        let stop = ["SHUTDOWN", "NOSAVE"];
        let _ = std::process::Command::new("redis-cli")
            .arg("-s")
            .arg(self.redis())
            .args(stop)
            .output();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn carrier_saves_and_stops_although_nobody_reads_what_it_says() {
    let mut alone = Alone::unheard().await;
    let ann = Client::register(&alone.url, "ann").await;
    let saved = async || {
        alone
            .redis_cli(&["KEYS", "*:dirty"])
            .await
            .trim()
            .is_empty()
    };
    eventually(60 * SECOND, "all is saved", saved).await;
    drop(ann);
    let pid = alone.child.id().expect("it runs").to_string();
    let told = Command::new("kill").arg(pid).status().await;
    assert!(told.expect("kill runs").success());
    assert!(alone.ends_well().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn carrier_ends_when_its_redis_does() {
    let mut alone = Alone::unheard().await;
    let info = alone.redis_cli(&["INFO", "server"]).await;
    let pid = info
        .lines()
        .find_map(|line| line.strip_prefix("process_id:"))
        .expect("Redis tells its process");
    let killed = Command::new("kill").args(["-9", pid.trim()]).status().await;
    assert!(killed.expect("kill runs").success());
    assert!(
        !alone.ends_well().await,
        "it does not go on without its Redis"
    );
}
