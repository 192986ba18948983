//! What goes wrong: one fault a round, while people write.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::ValueEnum;
use rig::{Fault as Break, Process, eventually};
use sea_orm::ConnectionTrait;
use tokio::time::sleep;

use super::{
    Sql,
    actor::People,
    stage::{self, LEASE, Server, Stage},
};

/// Longer than every lease: a flusher's claim, and a hydration.
const LONG: Duration = Duration::from_secs(LEASE.as_secs() + 9);
/// How long SQL is away.
const DOWN: Duration = Duration::from_secs(20);
/// How long people write before a fault, and after it.
const CALM: Duration = Duration::from_secs(2);
const SOON: Duration = Duration::from_secs(60);

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// kill -9 of an API
    KillApi,
    /// kill -9 of a flusher
    KillFlusher,
    /// kill -9 of Redis, which comes back
    KillRedis,
    /// kill -9 of the SQL server, which comes back; with SQLite, of both flushers at once
    KillSql,
    /// kill -9 of everything at once
    KillAll,
    /// SIGSTOP of an API for longer than every lease
    FreezeApi,
    /// SIGSTOP of a flusher for longer than every lease
    FreezeFlusher,
    /// SQL is away for 20 s
    SqlDown,
    /// The connection to SQL is cut during a COMMIT, ten times
    CutCommit,
    /// Redis stops in an orderly way and comes back
    RestartRedis,
    /// Redis loses what it did in its last second
    PowerCut,
    /// Redis has no more memory
    RedisFull,
    /// Redis tells of no expiry
    EventsOff,
    /// Redis forgets all scripts, ten times
    ScriptFlush,
    /// Thousands of chats expire at once
    ExpiryStorm,
    /// The disk of SQL is full
    DiskFull,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no fault is hidden");
        f.write_str(value.get_name())
    }
}

impl Fault {
    /// All that can happen with this SQL.
    pub(crate) fn all(sql: Sql) -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied().filter(move |fault| *fault != Self::CutCommit || sql == Sql::Mariadb)
    }

    /// Lets it happen while people write; how long it took, after it ended, until all was well.
    pub(crate) async fn strike(self, stage: &mut Stage, people: &People, storm: usize) -> Result<Duration> {
        sleep(CALM).await;
        let one = people.any(stage.apis.len());
        let ended = match self {
            Self::KillApi => kill(&[&stage.apis[one]]).await,
            Self::KillFlusher => kill(&[&stage.flushers[one]]).await,
            Self::KillRedis => {
                stage.redis.kill9();
                let ended = Instant::now();
                stage.redis.restart().await;
                ended
            }
            Self::KillSql => match &stage.sql {
                Server::Sqlite => kill(&[&stage.flushers[0], &stage.flushers[1]]).await,
                Server::MariaDb { server, .. } => {
                    server.kill9();
                    let ended = Instant::now();
                    server.restart().await;
                    ended
                }
            },
            Self::KillAll => {
                for process in stage.apis.iter().chain(&stage.flushers) {
                    process.kill9();
                }
                stage.redis.kill9();
                if let Server::MariaDb { server, .. } = &stage.sql {
                    server.kill9();
                }
                let ended = Instant::now();
                stage.redis.restart().await;
                if let Server::MariaDb { server, .. } = &stage.sql {
                    server.restart().await;
                }
                for process in stage.apis.iter().chain(&stage.flushers) {
                    process.restart().await;
                }
                ended
            }
            Self::FreezeApi => freeze(&stage.apis[one]).await,
            Self::FreezeFlusher => freeze(&stage.flushers[one]).await,
            Self::SqlDown => sql_down(stage).await?,
            Self::CutCommit => {
                if let Server::MariaDb { proxy, .. } = &stage.sql {
                    let rule = proxy.rule_for("COMMIT", Break::Cut, 0, 10);
                    rule.wait_fired(10).await;
                    rule.release();
                }
                Instant::now()
            }
            Self::RestartRedis => {
                stage.redis.stop().await;
                let ended = Instant::now();
                stage.redis.restart().await;
                ended
            }
            Self::PowerCut => power_cut(stage, people).await?,
            Self::RedisFull => {
                let used = stage.hot().await?.memory().await?.used;
                stage.redis.cli(&["CONFIG", "SET", "maxmemory", &(used + (64 << 10)).to_string()]).await;
                sleep(Duration::from_secs(6)).await;
                stage.redis.cli(&["CONFIG", "SET", "maxmemory", "0"]).await;
                Instant::now()
            }
            Self::EventsOff => {
                stage.redis.cli(&["CONFIG", "SET", "notify-keyspace-events", ""]).await;
                sleep(Duration::from_secs(8)).await;
                stage.redis.cli(&["CONFIG", "SET", "notify-keyspace-events", "Ex"]).await;
                Instant::now()
            }
            Self::ScriptFlush => {
                for _ in 0..10 {
                    stage.redis.cli(&["SCRIPT", "FLUSH"]).await;
                    sleep(Duration::from_millis(200)).await;
                }
                Instant::now()
            }
            Self::ExpiryStorm => {
                people.open_chats(storm).await?;
                let all = "local n = 0
                    for _, key in ipairs(redis.call('KEYS', 'chat:*:token')) do n = n + redis.call('PEXPIRE', key, 20) end
                    return n";
                stage.redis.cli(&["EVAL", all, "0"]).await;
                let ended = Instant::now();
                let gone = async || stage.redis.keys("chat:*:token").await.len() < 100;
                eventually(SOON, "chats have expired", gone).await;
                ended
            }
            Self::DiskFull => disk_full(stage).await?,
        };
        stage.ready().await;
        people.wait_for_more().await;
        let recovered = ended.elapsed();
        sleep(CALM).await;
        Ok(recovered)
    }
}

/// Kills these at once, and starts them again.
async fn kill(processes: &[&Process]) -> Instant {
    processes.iter().for_each(|process| process.kill9());
    let ended = Instant::now();
    for process in processes {
        process.restart().await;
    }
    ended
}

async fn freeze(process: &Process) -> Instant {
    process.freeze();
    sleep(LONG).await;
    process.thaw();
    Instant::now()
}

async fn sql_down(stage: &Stage) -> Result<Instant> {
    match &stage.sql {
        Server::Sqlite => {
            // Another has the file for itself.
            let lock = crate::start::connect_sql(stage.sql_url(), 1).await?;
            let locked = async || lock.execute_unprepared("BEGIN EXCLUSIVE").await.is_ok();
            eventually(SOON, "the file is locked", locked).await;
            sleep(DOWN).await;
            lock.execute_unprepared("ROLLBACK").await.context("the lock")?;
            lock.close().await?;
        }
        Server::MariaDb { server, .. } => {
            server.stop().await;
            sleep(DOWN).await;
            server.restart().await;
        }
    }
    Ok(Instant::now())
}

/// Redis goes, and comes back as it was a second before: the worst that `everysec` promises.
async fn power_cut(stage: &Stage, people: &People) -> Result<Instant> {
    let file = append_only_file(stage).await?;
    let size = || file.metadata().map(|file| file.len());
    let mut sizes = Vec::new();
    for _ in 0..20 {
        sizes.push((stage::now(), size()?));
        sleep(Duration::from_millis(100)).await;
    }
    stage.redis.kill9();
    let cut = stage::now();
    let (since, kept) = sizes.iter().rev().find(|(at, _)| *at < cut.earlier(Duration::from_secs(1))).copied().unwrap_or(sizes[0]);
    OpenOptions::new().write(true).open(&file)?.set_len(kept)?;
    // Redis holds back a write for up to a second more while it waits for the disk; and what is answered until it is there again was done before.
    people.excuse(since.earlier(Duration::from_secs(1)), stage::now());
    let ended = Instant::now();
    stage.redis.restart().await;
    Ok(ended)
}

/// Where Redis writes down what it did last.
async fn append_only_file(stage: &Stage) -> Result<PathBuf> {
    let answer = stage.redis.cli(&["CONFIG", "GET", "dir"]).await;
    let folder = PathBuf::from(answer.lines().nth(1).context("Redis has a folder")?).join("appendonlydir");
    let files = std::fs::read_dir(folder)?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    files.filter(|path| path.to_string_lossy().ends_with(".incr.aof")).max().context("Redis has an append only file")
}

/// Not a byte more on the disk of SQL, for a while.
async fn disk_full(stage: &Stage) -> Result<Instant> {
    let ballast = stage.disk().join("ballast");
    let mut file = File::create(&ballast)?;
    let block = vec![0; 1 << 16];
    while file.write_all(&block).is_ok() {}
    for _ in 0..10 {
        while file.write_all(&block[..512]).is_ok() {}
        sleep(Duration::from_secs(1)).await;
    }
    std::fs::remove_file(&ballast)?;
    let ended = Instant::now();
    // InnoDB may give up when it cannot write; whoever runs it starts it again.
    if let Server::MariaDb { server, .. } = &stage.sql {
        server.restart_if_ended().await;
    }
    Ok(ended)
}
