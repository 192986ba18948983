//! The faults, one in each round, while people write.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::ValueEnum;
use rig::{COMMIT, Fault as Break, Process, eventually};
use sea_orm::ConnectionTrait;
use tokio::time::sleep;

use super::{
    Sql,
    system::{self, LEASE, SqlServer, System},
    writers::Writers,
};

/// A time that is longer than every lease, of a flusher and of a hydration.
const LONG: Duration = Duration::from_secs(LEASE.as_secs() + 9);
/// The time for which SQL is away.
const DOWN: Duration = Duration::from_secs(20);
/// The time for which people write before a fault, and after it.
const CALM: Duration = Duration::from_secs(2);
/// The age of a backup that is restored.
const AGE: Duration = Duration::from_secs(6);
/// The longest time to wait for a fault to take effect.
const SOON: Duration = Duration::from_secs(60);

/// A fault.
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
    /// COMMITs, then all that is under way to SQL, are lost without a word, as by a firewall
    DropFlow,
    /// APIs read from a node of SQL that stands still, for longer than every lease
    LaggingSql,
    /// SQL takes its time for 20 s: each packet is late, or another holds the lock again and again
    SlowSql,
    /// Redis stops in an orderly way and comes back
    RestartRedis,
    /// Redis loses what it did in its last second
    PowerCut,
    /// Redis is restored from a snapshot of some seconds ago
    RestoreRedis,
    /// SQL is restored from a backup of some seconds ago
    RestoreSql,
    /// Redis has no more memory
    RedisFull,
    /// Redis would evict rows once it is full
    EvictingPolicy,
    /// Redis stops to write its append only file, for a while
    AppendonlyOff,
    /// A replica that is waited for dies
    DeadReplica,
    /// A replica takes over in an orderly way, and the old primary lives on as its replica
    OrderlyFailover,
    /// Redis publishes no expiry events
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
    /// Returns the faults that can be injected with an SQL database.
    pub(crate) fn all(sql: Sql) -> impl Iterator<Item = Self> {
        let all = Self::value_variants().iter().copied();
        all.filter(move |fault| !fault.needs_server() || sql == Sql::Mariadb)
    }

    /// True for a fault of an SQL that is a server.
    pub(crate) fn needs_server(self) -> bool {
        matches!(self, Self::CutCommit | Self::DropFlow | Self::LaggingSql)
    }

    /// Injects the fault while people write, and returns the time from its end until the system was
    /// ready again.
    pub(crate) async fn inject(
        self,
        system: &mut System,
        writers: &Writers,
        storm: usize,
    ) -> Result<Duration> {
        sleep(CALM).await;
        let one = writers.pick(system.apis.len());
        let ended = match self {
            Self::KillApi => kill(&[&system.apis[one]]).await,
            Self::KillFlusher => kill(&[&system.flushers[one]]).await,
            Self::KillRedis => {
                system.redis.kill9();
                let ended = Instant::now();
                system.redis.restart().await;
                ended
            }
            Self::KillSql => match &system.sql {
                SqlServer::Sqlite => kill(&[&system.flushers[0], &system.flushers[1]]).await,
                SqlServer::MariaDb { server, .. } => {
                    server.kill9();
                    let ended = Instant::now();
                    server.restart().await;
                    ended
                }
            },
            Self::KillAll => {
                for process in system.apis.iter().chain(&system.flushers) {
                    process.kill9();
                }
                system.redis.kill9();
                if let SqlServer::MariaDb { server, .. } = &system.sql {
                    server.kill9();
                }
                let ended = Instant::now();
                system.redis.restart().await;
                if let SqlServer::MariaDb { server, .. } = &system.sql {
                    server.restart().await;
                }
                for process in system.apis.iter().chain(&system.flushers) {
                    process.restart().await;
                }
                ended
            }
            Self::FreezeApi => freeze(&system.apis[one]).await,
            Self::FreezeFlusher => freeze(&system.flushers[one]).await,
            Self::SqlDown => sql_down(system).await?,
            Self::CutCommit => {
                if let SqlServer::MariaDb { proxy, .. } = &system.sql {
                    let rule = proxy.rule_for(COMMIT, Break::Cut, 0, 10);
                    rule.wait_fired(10).await;
                    rule.release();
                }
                Instant::now()
            }
            Self::DropFlow => {
                if let SqlServer::MariaDb { proxy, .. } = &system.sql {
                    let rule = proxy.rule_for(COMMIT, Break::Swallow, 0, 2);
                    rule.wait_fired(2).await;
                    rule.release();
                    proxy.swallow();
                }
                Instant::now()
            }
            Self::LaggingSql => lagging_sql(system).await?,
            Self::SlowSql => slow_sql(system).await?,
            Self::RestartRedis => {
                system.redis.stop().await;
                let ended = Instant::now();
                system.redis.restart().await;
                ended
            }
            Self::PowerCut => power_cut(system, writers).await?,
            Self::RestoreRedis => restore_redis(system, writers).await?,
            Self::RestoreSql => restore_sql(system, writers).await?,
            Self::RedisFull => {
                let used = system.hot().await?.memory().await?.used;
                system
                    .redis
                    .cli(&[
                        "CONFIG",
                        "SET",
                        "maxmemory",
                        &(used + (64 << 10)).to_string(),
                    ])
                    .await;
                sleep(Duration::from_secs(6)).await;
                system.redis.cli(&["CONFIG", "SET", "maxmemory", "0"]).await;
                Instant::now()
            }
            Self::EvictingPolicy => {
                set(system, "maxmemory-policy", "allkeys-lru").await;
                system.wait_problem("maxmemory-policy", true).await;
                sleep(CALM).await;
                set(system, "maxmemory-policy", "noeviction").await;
                Instant::now()
            }
            Self::AppendonlyOff => {
                set(system, "appendonly", "no").await;
                system.wait_problem("appendonly", true).await;
                sleep(CALM).await;
                set(system, "appendonly", "yes").await;
                let ended = Instant::now();
                system.wait_problem("appendonly", false).await;
                ended
            }
            Self::DeadReplica => dead_replica(system).await?,
            Self::OrderlyFailover => {
                let old = system.fail_over().await?;
                sleep(CALM).await;
                old.kill9();
                Instant::now()
            }
            Self::EventsOff => {
                system
                    .redis
                    .cli(&["CONFIG", "SET", "notify-keyspace-events", ""])
                    .await;
                sleep(Duration::from_secs(8)).await;
                system
                    .redis
                    .cli(&["CONFIG", "SET", "notify-keyspace-events", "Ex"])
                    .await;
                Instant::now()
            }
            Self::ScriptFlush => {
                for _ in 0..10 {
                    system.redis.cli(&["SCRIPT", "FLUSH"]).await;
                    sleep(Duration::from_millis(200)).await;
                }
                Instant::now()
            }
            Self::ExpiryStorm => {
                writers.open_chats(storm).await?;
                system.expire_chats().await;
                let ended = Instant::now();
                let gone = async || system.redis.keys("chat:*:token").await.len() < 100;
                eventually(SOON, "chats have expired", gone).await;
                ended
            }
            Self::DiskFull => disk_full(system).await?,
        };
        system.ready().await;
        writers.wait_for_more().await;
        let recovered = ended.elapsed();
        sleep(CALM).await;
        Ok(recovered)
    }
}

/// Kills processes together, and starts them again.
async fn kill(processes: &[&Process]) -> Instant {
    processes.iter().for_each(|process| process.kill9());
    let ended = Instant::now();
    for process in processes {
        process.restart().await;
    }
    ended
}

/// Stops a process for longer than every lease, and lets it continue.
async fn freeze(process: &Process) -> Instant {
    process.freeze();
    sleep(LONG).await;
    process.thaw();
    Instant::now()
}

/// Holds the lock of a SQLite for a while, over another connection.
async fn lock_sqlite(system: &System, time: Duration) -> Result<()> {
    let lock = crate::start::connect_sql(system.sql_url(), 1).await?;
    let locked = async || lock.execute_unprepared("BEGIN EXCLUSIVE").await.is_ok();
    eventually(SOON, "the file is locked", locked).await;
    sleep(time).await;
    lock.execute_unprepared("ROLLBACK")
        .await
        .context("could not release the lock")?;
    Ok(lock.close().await?)
}

/// Has APIs read for a while from a replica that stands still.
async fn lagging_sql(system: &mut System) -> Result<Instant> {
    let (hot, url) = (system.hot().await?, system.sql_url().to_owned());
    let SqlServer::MariaDb {
        server,
        proxy,
        reads,
        replica,
    } = &mut system.sql
    else {
        return Ok(Instant::now());
    };
    let node = match replica {
        Some(node) => node,
        None => replica.insert(Box::new(server.start_replica().await)),
    };
    let database = url.rsplit('/').next().context("the URL has a database")?;
    let url = node.url(database);
    let has_all = async || {
        let cold = cold::Cold::connect(&url, 1).await.ok()?;
        let standing = store::standing(&hot, &cold).await.ok()?;
        (standing == store::Standing::InStep).then_some(())
    };
    eventually(SOON, "the replica has what left Redis", has_all).await;
    node.run("STOP SLAVE").await;
    reads.redirect(node.address());
    reads.cut();
    sleep(LONG).await;
    node.run("START SLAVE").await;
    let ended = Instant::now();
    eventually(SOON, "the replica has caught up", has_all).await;
    reads.redirect(proxy.address());
    reads.cut();
    Ok(ended)
}

/// Has SQL take its time for a while.
async fn slow_sql(system: &System) -> Result<Instant> {
    match &system.sql {
        SqlServer::Sqlite => {
            let until = Instant::now() + DOWN;
            while Instant::now() < until {
                lock_sqlite(system, Duration::from_secs(1)).await?;
            }
        }
        SqlServer::MariaDb { proxy, .. } => {
            let rule = proxy.rule("", Break::Delay(Duration::from_millis(100)));
            sleep(DOWN).await;
            rule.release();
        }
    }
    Ok(Instant::now())
}

/// Takes SQL away for a while.
async fn sql_down(system: &System) -> Result<Instant> {
    match &system.sql {
        SqlServer::Sqlite => lock_sqlite(system, DOWN).await?,
        SqlServer::MariaDb { server, .. } => {
            server.stop().await;
            sleep(DOWN).await;
            server.restart().await;
        }
    }
    Ok(Instant::now())
}

/// Changes a setting of Redis.
async fn set(system: &System, name: &str, value: &str) {
    system.redis.cli(&["CONFIG", "SET", name, value]).await;
}

/// Gives Redis a replica, which is waited for, and kills it; saving goes on without it.
async fn dead_replica(system: &System) -> Result<Instant> {
    let replica = system.redis.start_replica(rig::Server::Redis).await;
    let hot = system.hot().await?;
    let in_step = async || {
        let facts = hot.facts().await;
        facts.is_ok_and(|facts| facts.replicas_in_step > 0)
    };
    eventually(SOON, "the replica is in step", in_step).await;
    sleep(CALM).await;
    replica.kill9();
    let ended = Instant::now();
    sleep(system::REPLICA_PATIENCE).await;
    let saves = async || {
        let progress = hot.progress().await;
        progress.is_ok_and(|progress| progress.lag < CALM)
    };
    eventually(SOON, "saving goes on without the replica", saves).await;
    Ok(ended)
}

/// Kills Redis, and starts it with the file of a second before: the worst that `everysec` permits.
async fn power_cut(system: &System, writers: &Writers) -> Result<Instant> {
    let file = append_only_file(system).await?;
    let size = || file.metadata().map(|file| file.len());
    // When nothing waits to be written, all that was answered before is in the file. (Redis holds a
    // write back while an fsync is under way, for two seconds and for as long as its disk stalls.)
    let mut sizes = Vec::new();
    for _ in 0..300 {
        let at = system::now();
        let persistence = system.redis.cli(&["INFO", "persistence"]).await;
        if persistence.contains("aof_buffer_length:0") {
            sizes.push((at, size()?));
        }
        if sizes.len() == 20 {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    system.redis.kill9();
    let cut = system::now();
    let (since, kept) = sizes
        .iter()
        .rev()
        .find(|(at, _)| *at < cut.earlier(Duration::from_secs(1)))
        .or(sizes.first())
        .copied()
        .context("Redis always had something to write")?;
    OpenOptions::new().write(true).open(&file)?.set_len(kept)?;
    let ended = Instant::now();
    system.redis.restart().await;
    // What is answered until Redis is there again was done before the cut.
    writers.excuse(since, system::now());
    Ok(ended)
}

/// Restores Redis from a snapshot: what SQL has since then must be there, and sessions have ended.
async fn restore_redis(system: &System, writers: &Writers) -> Result<Instant> {
    let past = system.redis.past();
    sleep(AGE).await;
    let since = system.oldest_unsaved().await?;
    writers.excuse_sessions();
    system.redis.go_back(&past).await;
    writers.excuse(since, system::now());
    Ok(Instant::now())
}

/// Restores SQL from a backup, as its operator does: what Redis has is saved again.
async fn restore_sql(system: &System, writers: &Writers) -> Result<Instant> {
    let sql = crate::start::connect_sql(system.sql_url(), 1).await?;
    system.stop_flushers().await;
    let since = system.oldest_unsaved().await?;
    rig::back_up(&sql).await?;
    // No message leaves Redis meanwhile: a backup does not bring it back, and seqs would have a
    // hole.
    let keeping = system.start_keeping_flusher().await;
    sleep(AGE).await;
    keeping.stop().await;
    rig::restore(&sql).await?;
    sql.close().await?;
    system.save_again().await?;
    writers.excuse(since, system::now());
    system.start_flushers().await;
    Ok(Instant::now())
}

/// Returns the file that Redis appends to.
async fn append_only_file(system: &System) -> Result<PathBuf> {
    let answer = system.redis.cli(&["CONFIG", "GET", "dir"]).await;
    let folder = PathBuf::from(
        answer
            .lines()
            .nth(1)
            .context("could not read the folder of Redis")?,
    )
    .join("appendonlydir");
    let files = std::fs::read_dir(folder)?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    files
        .filter(|path| path.to_string_lossy().ends_with(".incr.aof"))
        .max()
        .context("Redis has no append only file")
}

/// Fills the disk of SQL, for a while.
async fn disk_full(system: &System) -> Result<Instant> {
    let ballast = system.disk().join("ballast");
    let mut file = File::create(&ballast)?;
    let block = vec![0; 1 << 16];
    while file.write_all(&block).is_ok() {}
    for _ in 0..10 {
        while file.write_all(&block[..512]).is_ok() {}
        sleep(Duration::from_secs(1)).await;
    }
    drop(file); // which has its place on the disk for as long as it is open
    std::fs::remove_file(&ballast)?;
    let ended = Instant::now();
    // InnoDB may end when it cannot write; its operator would start it again.
    if let SqlServer::MariaDb { server, .. } = &system.sql {
        server.restart_if_ended().await;
    }
    Ok(ended)
}
