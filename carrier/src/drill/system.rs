//! The system under test: Redis, SQL behind a proxy, two APIs and two flushers, as processes with a
//! folder of their own.

use std::{
    net::SocketAddr,
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
use rig::{Keeper, MariaDb, Node, Process, Proxy, Redis, eventually, free_port};
use store::Auditor;
use tokio::task::JoinHandle;

use super::{Sql, fault::Fault};

/// The lease of a flusher; a flusher that sleeps longer has lost it.
pub(crate) const LEASE: Duration = Duration::from_secs(3);
/// The time for which a chat stays in Redis: short, so that chats come and go all the time.
const CHAT_TTL: &str = "4s";
/// The time for which a replica that is gone is waited for.
pub(crate) const REPLICA_PATIENCE: Duration = Duration::from_secs(3);
/// The longest time to wait until the system is ready again.
const PATIENCE: Duration = Duration::from_secs(120);
/// Why some faults cannot be injected with SQLite.
pub(crate) const NO_SERVER: &str = "SQLite has no server";
/// The size of SQL's disk, where it can be limited.
const DISK_SIZE: &str = "600M";

/// The setting `appendfsync` of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fsync {
    Always,
    Everysec,
}

/// What a system is set up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tuning {
    /// Faults: no limits, and chats that come and go all the time.
    Faults,
    /// Attacks: the settings of a new server.
    Attack,
}

/// A running system.
pub(crate) struct System {
    pub(crate) redis: Redis,
    /// The address that leads to the primary, where there are faults.
    front: Option<Proxy>,
    pub(crate) sql: SqlServer,
    pub(crate) apis: Vec<Process>,
    pub(crate) flushers: Vec<Process>,
    /// The base URLs of the APIs, which stay the same over restarts.
    pub(crate) urls: Vec<String>,
    sql_url: String,
    tuning: Tuning,
    folder: PathBuf,
    /// The time at which all that Redis has was marked again, in microseconds: it is as old as it
    /// was, but it has waited only since.
    saved_again: Arc<AtomicI64>,
    _keeper: Keeper,
    /// True when SQL has a disk that is small enough to be filled.
    small_disk: bool,
}

/// The SQL server; a SQLite file has none.
pub(crate) enum SqlServer {
    Sqlite,
    MariaDb {
        server: Box<MariaDb>,
        proxy: Proxy,
        /// The address that APIs read from; it leads to the proxy, or to a node that lags.
        reads: Proxy,
        replica: Option<Box<MariaDb>>,
    },
}

impl System {
    /// Starts all processes, and waits until they are ready.
    pub(crate) async fn start(sql: Sql, fsync: Fsync, tuning: Tuning) -> Result<Self> {
        let fsync = match fsync {
            Fsync::Always => "always",
            Fsync::Everysec => "everysec",
        };
        let (options, front): (&[_], _) = match tuning {
            // Redis must not rewrite its file, or a power cut could not restore the file of a
            // second before.
            Tuning::Faults => (&[("auto-aof-rewrite-percentage", "0")], true),
            Tuning::Attack => (&[], false),
        };
        let redis = Redis::start_with(&[&[("appendfsync", fsync)], options].concat()).await;
        let front = match front {
            true => Some(Proxy::before(redis.address()).await),
            false => None,
        };
        let folder = Keeper::folder("drill");
        let keeper = Keeper::new("drill", folder.clone(), &[], &[]);
        let disk = folder.join("disk");
        std::fs::create_dir(&disk)?;
        let small_disk = mount(&disk);
        let (server, sql_url) = match sql {
            Sql::Sqlite => (
                SqlServer::Sqlite,
                format!(
                    "sqlite://{}?mode=rwc",
                    disk.join("carrier.sqlite").display()
                ),
            ),
            Sql::Mariadb => {
                let server = Box::new(MariaDb::start_primary_in(disk.clone()).await);
                let direct = server.fresh_database().await;
                let proxy = Proxy::before(server.address()).await;
                let reads = Proxy::before(proxy.address()).await;
                let url = at(&direct, server.address(), proxy.address());
                let server = SqlServer::MariaDb {
                    server,
                    proxy,
                    reads,
                    replica: None,
                };
                (server, url)
            }
        };
        let mut system = Self {
            redis,
            front,
            sql: server,
            apis: Vec::new(),
            flushers: Vec::new(),
            urls: Vec::new(),
            sql_url,
            tuning,
            folder,
            saved_again: Arc::default(),
            _keeper: keeper,
            small_disk,
        };
        let migrate = Process::new("migrate up", &system.env(0));
        migrate.start();
        anyhow::ensure!(
            migrate.wait().await == 0,
            "carrier migrate up failed: {}",
            migrate.log()
        );
        for _ in 0..2 {
            let port = free_port();
            let (api, flusher) = (
                Process::new("api", &system.env_of_api(port)),
                Process::new("flusher", &system.env(port)),
            );
            api.restart().await;
            flusher.restart().await;
            system.urls.push(format!("http://127.0.0.1:{port}"));
            system.apis.push(api);
            system.flushers.push(flusher);
        }
        Ok(system)
    }

    fn redis_url(&self) -> String {
        let front = self.front.as_ref();
        front.map_or_else(|| self.redis.url(), Proxy::url)
    }

    /// Returns the settings of a process whose API listens on `port`.
    fn env(&self, port: u16) -> Vec<(String, String)> {
        let files = self.folder.join("files").display().to_string();
        let mut env: Vec<(String, String)> = [
            ("CARRIER_REDIS_URL", self.redis_url()),
            ("CARRIER_DATABASE_URL", self.sql_url.clone()),
            ("CARRIER_FILES", files),
            ("CARRIER_LISTEN", format!("127.0.0.1:{port}")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if self.tuning == Tuning::Faults {
            env.extend(haste());
        }
        env
    }

    /// Returns the settings of an API.
    fn env_of_api(&self, port: u16) -> Vec<(String, String)> {
        let mut env = self.env(port);
        if let SqlServer::MariaDb { proxy, reads, .. } = &self.sql {
            let url = at(&self.sql_url, proxy.address(), reads.address());
            env.push(("CARRIER_DATABASE_URL".to_owned(), url));
        }
        env
    }

    /// Returns why a fault cannot be injected in this system, or `None` when it can.
    pub(crate) fn why_impossible(&self, fault: Fault) -> Option<&'static str> {
        if fault.needs_server() && matches!(self.sql, SqlServer::Sqlite) {
            return Some(NO_SERVER);
        }
        (fault == Fault::DiskFull && !self.small_disk)
            .then_some("mounting a disk that is small enough to fill is not permitted")
    }

    /// Waits until both APIs report that they are ready.
    pub(crate) async fn ready(&self) {
        self.wait_readyz("is ready again", |body| {
            body["status"] == "ok" && body["full"] == false
        })
        .await;
    }

    /// Waits until both APIs report that a setting of Redis is wrong, or that it no longer is.
    pub(crate) async fn wait_problem(&self, setting: &str, wrong: bool) {
        let what = format!("reports {setting}, or no longer");
        self.wait_readyz(&what, |body| {
            let problems = body["problems"].as_array();
            problems.is_some_and(|all| all.iter().any(|one| one == setting) == wrong)
        })
        .await;
    }

    async fn wait_readyz(&self, what: &str, good: impl Fn(&serde_json::Value) -> bool) {
        let client = reqwest::Client::new();
        for url in &self.urls {
            let is_good = async || {
                let asked = client.get(format!("{url}/readyz"));
                let answer = asked.timeout(Duration::from_secs(3)).send().await;
                let answer = answer.map_err(|error| error.to_string())?;
                let body = answer.json().await.map_err(|error| error.to_string())?;
                good(&body).then_some(()).ok_or_else(|| body.to_string())
            };
            eventually(PATIENCE, &format!("{url} {what}"), is_good).await;
        }
    }

    /// Makes all chats expire at once.
    pub(crate) async fn expire_chats(&self) {
        let script = "for _, key in ipairs(redis.call('KEYS', 'chat:*:token')) do
            redis.call('PEXPIRE', key, 20)
        end";
        self.redis.cli(&["EVAL", script, "0"]).await;
    }

    /// Connects to Redis.
    pub(crate) async fn hot(&self) -> Result<Hot> {
        Hot::connect(hot::Options::new(self.redis_url()))
            .await
            .context("could not reach the Redis of the drill")
    }

    /// Has a replica take over in an orderly way, and waits until everybody has noticed. Returns
    /// the old primary, which lives on as the replica of the new one.
    pub(crate) async fn fail_over(&mut self) -> Result<Node> {
        let front = self.front.as_ref().context("there is no other address")?;
        let old = &self.redis.nodes[0];
        let new = self.redis.start_replica(rig::Server::Redis).await;
        for setting in ["appendfsync", "auto-aof-rewrite-percentage"] {
            let answer = old.cli(&["CONFIG", "GET", setting]).await;
            let value = answer.lines().nth(1).context("Redis hides a setting")?;
            new.cli(&["CONFIG", "SET", setting, value]).await;
        }
        let (host, port) = (new.address().ip().to_string(), new.port().to_string());
        let begins = async || old.cli(&["FAILOVER", "TO", &host, &port]).await == "OK";
        eventually(PATIENCE, "a failover begins", begins).await;
        let is_primary = async || new.cli(&["ROLE"]).await.starts_with("master");
        eventually(PATIENCE, "the replica takes over", is_primary).await;
        front.redirect(new.address());
        let all_left = async || front.open_to(old.address()) == 0;
        eventually(PATIENCE, "all have left the old primary", all_left).await;
        Ok(std::mem::replace(&mut self.redis.nodes[0], new))
    }

    /// Connects to SQL.
    pub(crate) async fn cold(&self) -> Result<cold::Cold> {
        crate::start::connect_cold(&self.sql_url).await
    }

    /// Returns what compares Redis and SQL, as `carrier verify` does.
    pub(crate) async fn auditor(&self) -> Result<Auditor> {
        Ok(Auditor::new(self.hot().await?, self.cold().await?))
    }

    /// Returns the time since which changes may not be in SQL.
    pub(crate) async fn oldest_unsaved(&self) -> Result<Tick> {
        let oldest = self.hot().await?.oldest_unsaved().await?;
        Ok(oldest.unwrap_or_else(now).min(now()))
    }

    /// Stops both flushers in an orderly way.
    pub(crate) async fn stop_flushers(&self) {
        for flusher in &self.flushers {
            flusher.stop().await;
        }
    }

    /// Starts both flushers again.
    pub(crate) async fn start_flushers(&self) {
        for flusher in &self.flushers {
            flusher.restart().await;
        }
    }

    /// Starts a flusher that leaves all messages of warm chats in Redis.
    pub(crate) async fn start_keeping_flusher(&self) -> Process {
        let mut env = self.env(0);
        env.retain(|(name, _)| name != "CARRIER_HOT_MESSAGES");
        env.push(("CARRIER_HOT_MESSAGES".to_owned(), "10000".to_owned()));
        rig::process("flusher", &env).await
    }

    /// Runs `carrier doctor --sql-was-restored`.
    pub(crate) async fn save_again(&self) -> Result<()> {
        let doctor = Process::new("doctor --sql-was-restored", &self.env(0));
        self.saved_again.store(i64::MAX, Relaxed);
        doctor.start();
        doctor.wait().await; // It may find faults that a drill has on purpose.
        anyhow::ensure!(
            doctor
                .log()
                .contains("512 of 512 partitions are saved again"),
            "carrier doctor --sql-was-restored failed: {}",
            doctor.log()
        );
        self.saved_again.store(now().0, Relaxed);
        Ok(())
    }

    /// Returns the folder of SQL's disk.
    pub(crate) fn disk(&self) -> PathBuf {
        self.folder.join("disk")
    }

    /// Returns the names of Redis, the APIs and flushers, and the ids of their processes.
    pub(crate) fn pids(&self) -> Vec<(String, u32)> {
        let named = |role: &str, all: &[Process]| {
            let each = all.iter().enumerate();
            each.map(|(at, one)| (format!("{role} {at}"), one.pid()))
                .collect::<Vec<_>>()
        };
        [
            vec![("redis".to_owned(), self.redis.nodes[0].pid())],
            named("api", &self.apis),
            named("flusher", &self.flushers),
        ]
        .concat()
    }

    /// Returns the URL of SQL, which goes through the proxy if there is one.
    pub(crate) fn sql_url(&self) -> &str {
        &self.sql_url
    }

    /// Starts to watch how long the oldest change that is not in SQL has waited.
    pub(crate) fn watch_lag(&self) -> LagWatch {
        let longest = Arc::new(AtomicI64::new(0));
        let saved_again = Arc::clone(&self.saved_again);
        let (options, longest_so_far) = (hot::Options::new(self.redis_url()), Arc::clone(&longest));
        let task = tokio::spawn(async move {
            let Ok(hot) = Hot::connect(options).await else {
                return;
            };
            loop {
                tokio::time::sleep(Duration::from_millis(200)).await;
                if let (Ok(now), Ok(Some(oldest))) = (hot.now().await, hot.oldest_unsaved().await) {
                    let since = oldest.0.max(saved_again.load(Relaxed));
                    longest_so_far.fetch_max(now.0.saturating_sub(since) / 1000, Relaxed);
                }
            }
        });
        LagWatch { longest, task }
    }

    /// Stops all processes in an orderly way.
    pub(crate) async fn stop(self) -> Result<()> {
        for process in self.apis.iter().chain(&self.flushers) {
            let code = process.stop().await;
            anyhow::ensure!(code == 0, "a process exited with {code}: {}", process.log());
        }
        Ok(())
    }
}

/// Returns the URL of a server at another address.
fn at(url: &str, server: SocketAddr, other: SocketAddr) -> String {
    url.replace(&server.to_string(), &other.to_string())
}

/// Returns settings with which chats come and go all the time, without limits.
fn haste() -> impl Iterator<Item = (String, String)> {
    let seconds = |duration: Duration| format!("{}s", duration.as_secs());
    let (lease, patience) = (seconds(LEASE), seconds(REPLICA_PATIENCE));
    let times = [
        ("CARRIER_CHAT_TTL", CHAT_TTL),
        ("CARRIER_FLUSH_AFTER", "500ms"),
        ("CARRIER_SWEEP", "200ms"),
        ("CARRIER_HOT_MESSAGES", "10"),
        ("CARRIER_LEASE", &lease),
        ("CARRIER_REPLICA_PATIENCE", &patience),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let limits = [
        "LOGIN", "REGISTER", "SEND", "UPLOAD", "SEARCH", "CHATS", "COST",
    ];
    let off = limits.map(|what| (format!("CARRIER_LIMIT_{what}"), "off".to_owned()));
    times.into_iter().chain(off)
}

/// A task that watches the flush lag.
pub(crate) struct LagWatch {
    /// The longest lag so far, in milliseconds.
    longest: Arc<AtomicI64>,
    task: JoinHandle<()>,
}

impl LagWatch {
    /// Stops the task, and returns the longest lag that it saw.
    pub(crate) async fn longest(self) -> Duration {
        self.task.abort();
        Duration::from_millis(u64::try_from(self.longest.load(Relaxed)).unwrap_or(0))
    }
}

/// Mounts a small disk in memory; returns false where that is not permitted.
fn mount(folder: &std::path::Path) -> bool {
    let mounted = Command::new("mount")
        .args([
            "-t",
            "tmpfs",
            "-o",
            &format!("size={DISK_SIZE},mode=700"),
            "tmpfs",
        ])
        .arg(folder)
        .output();
    mounted.is_ok_and(|done| done.status.success())
}

/// Returns the time by the clock of the drill.
pub(crate) fn now() -> Tick {
    Tick::now()
}
