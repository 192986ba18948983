//! The system that is drilled: Redis, SQL behind a proxy, two APIs and two flushers, as processes with a folder of their own.

use std::{
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use hot::Hot;
use model::Tick;
use rig::{Keeper, MariaDb, Process, Proxy, Redis, eventually, free_port};
use store::Auditor;
use tokio::task::JoinHandle;

use super::{Sql, fault::Fault};

/// How long a claim of a flusher holds; whoever sleeps longer has lost it.
pub(crate) const LEASE: Duration = Duration::from_secs(3);
/// How long a chat stays warm: short, so that chats come and go all the time.
const CHAT_TTL: &str = "4s";
const PATIENCE: Duration = Duration::from_secs(120);
/// How large the disk of SQL is, where it can be limited.
const DISK: &str = "600M";

/// How Redis writes to its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fsync {
    Always,
    Everysec,
}

pub(crate) struct Stage {
    pub(crate) redis: Redis,
    pub(crate) sql: Server,
    pub(crate) apis: Vec<Process>,
    pub(crate) flushers: Vec<Process>,
    /// Base URLs of the APIs, which they keep.
    pub(crate) urls: Vec<String>,
    sql_url: String,
    folder: PathBuf,
    _keeper: Keeper,
    /// The disk of SQL is a small one.
    small_disk: bool,
}

pub(crate) enum Server {
    Sqlite,
    MariaDb { server: Box<MariaDb>, proxy: Proxy },
}

impl Stage {
    pub(crate) async fn start(sql: Sql, fsync: Fsync) -> Result<Self> {
        let fsync = match fsync {
            Fsync::Always => "always",
            Fsync::Everysec => "everysec",
        };
        // A file that is written anew in the middle could not be cut to what it was.
        let redis = Redis::start_with(&[("appendfsync", fsync), ("auto-aof-rewrite-percentage", "0")]).await;
        let folder = Keeper::folder("drill");
        let keeper = Keeper::new("drill", folder.clone(), &[], &[]);
        let disk = folder.join("disk");
        std::fs::create_dir(&disk)?;
        let small_disk = mount(&disk);
        let (server, sql_url) = match sql {
            Sql::Sqlite => (Server::Sqlite, format!("sqlite://{}?mode=rwc", disk.join("carrier.sqlite").display())),
            Sql::Mariadb => {
                let server = MariaDb::start_in(Some(disk.clone())).await;
                let direct = server.fresh_database().await;
                let proxy = Proxy::before(server.address()).await;
                let url = direct.replace(&server.address().to_string(), &proxy.address().to_string());
                (Server::MariaDb { server: Box::new(server), proxy }, url)
            }
        };
        let mut stage = Self {
            redis,
            sql: server,
            apis: Vec::new(),
            flushers: Vec::new(),
            urls: Vec::new(),
            sql_url,
            folder,
            _keeper: keeper,
            small_disk,
        };
        let migrate = Process::new("migrate up", &stage.env(0));
        migrate.start();
        anyhow::ensure!(migrate.wait().await == 0, "carrier migrate up: {}", migrate.log());
        for _ in 0..2 {
            let port = free_port();
            let (api, flusher) = (Process::new("api", &stage.env(port)), Process::new("flusher", &stage.env(port)));
            api.restart().await;
            flusher.restart().await;
            stage.urls.push(format!("http://127.0.0.1:{port}"));
            stage.apis.push(api);
            stage.flushers.push(flusher);
        }
        Ok(stage)
    }

    fn env(&self, port: u16) -> Vec<(String, String)> {
        let lease = format!("{}s", LEASE.as_secs());
        let off = ["LOGIN", "REGISTER", "SEND", "UPLOAD", "SEARCH"].map(|what| (format!("CARRIER_LIMIT_{what}"), "off".to_owned()));
        [
            ("CARRIER_REDIS_URL", self.redis.url()),
            ("CARRIER_DATABASE_URL", self.sql_url.clone()),
            ("CARRIER_FILES", self.folder.join("files").display().to_string()),
            ("CARRIER_LISTEN", format!("127.0.0.1:{port}")),
            ("CARRIER_CHAT_TTL", CHAT_TTL.to_owned()),
            ("CARRIER_FLUSH_AFTER", "500ms".to_owned()),
            ("CARRIER_SWEEP", "200ms".to_owned()),
            ("CARRIER_HOT_MESSAGES", "10".to_owned()),
            ("CARRIER_LEASE", lease),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .chain(off)
        .collect()
    }

    /// Why this fault cannot be had here.
    pub(crate) fn lacks(&self, fault: Fault) -> Option<&'static str> {
        (fault == Fault::DiskFull && !self.small_disk).then_some("a disk that is small enough to fill takes the right to mount one")
    }

    /// Waits until both APIs say that all is well.
    pub(crate) async fn ready(&self) {
        let client = reqwest::Client::new();
        for url in &self.urls {
            let well = async || {
                let answer = client.get(format!("{url}/readyz")).timeout(Duration::from_secs(3)).send().await.ok()?;
                let body: serde_json::Value = answer.json().await.ok()?;
                (body["status"] == "ok" && body["full"] == false).then_some(())
            };
            eventually(PATIENCE, &format!("{url} is ready again"), well).await;
        }
    }

    pub(crate) async fn hot(&self) -> Result<Hot> {
        Hot::connect(hot::Options::new(self.redis.url())).await.context("the drill's Redis")
    }

    pub(crate) async fn cold(&self) -> Result<cold::Cold> {
        crate::start::connect_cold(&self.sql_url).await
    }

    pub(crate) async fn auditor(&self) -> Result<Auditor> {
        Ok(Auditor::new(self.hot().await?, self.cold().await?))
    }

    /// Where the disk of SQL is.
    pub(crate) fn disk(&self) -> PathBuf {
        self.folder.join("disk")
    }

    /// The URL of SQL, past the proxy or not.
    pub(crate) fn sql_url(&self) -> &str {
        &self.sql_url
    }

    /// How old the oldest change is that is not in SQL, watched from now on.
    pub(crate) fn watch_lag(&self) -> Lag {
        let longest = Arc::new(AtomicI64::new(0));
        let (options, seen) = (hot::Options::new(self.redis.url()), Arc::clone(&longest));
        let watch = tokio::spawn(async move {
            let Ok(hot) = Hot::connect(options).await else { return };
            loop {
                tokio::time::sleep(Duration::from_millis(200)).await;
                if let (Ok(now), Ok(Some(oldest))) = (hot.now().await, hot.oldest_unsaved().await) {
                    seen.fetch_max((now.0 - oldest.0) / 1000, Relaxed);
                }
            }
        });
        Lag { longest, watch }
    }

    /// Stops all of it in an orderly way.
    pub(crate) async fn stop(self) -> Result<()> {
        for process in self.apis.iter().chain(&self.flushers) {
            let code = process.stop().await;
            anyhow::ensure!(code == 0, "a process ended with {code}: {}", process.log());
        }
        Ok(())
    }
}

/// How old the oldest change was that was not in SQL, at the worst.
pub(crate) struct Lag {
    longest: Arc<AtomicI64>,
    watch: JoinHandle<()>,
}

impl Lag {
    pub(crate) async fn longest(self) -> Duration {
        self.watch.abort();
        Duration::from_millis(u64::try_from(self.longest.load(Relaxed)).unwrap_or(0))
    }
}

/// A disk of its own, in memory; false where that is not allowed.
fn mount(folder: &std::path::Path) -> bool {
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={DISK},mode=700"), "tmpfs"]).arg(folder).output();
    mounted.is_ok_and(|done| done.status.success())
}

/// A tick of the drill's own clock.
pub(crate) fn now() -> Tick {
    Tick::now()
}
