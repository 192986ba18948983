//! `carrier doctor`: is everything that Carrier depends on as it should be, and what mends it if not?

use std::process::ExitCode;

use anyhow::{Context, Result};
use hot::{Belongs, Hot, Kind};
use model::Tick;
use store::Config;

use crate::{own_redis::OwnRedis, start};

/// Settings of `carrier doctor`.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Settings {
    #[command(flatten)]
    stores: Config,
    #[command(flatten)]
    data: start::Data,
    /// Where attachments and avatars are kept, as the APIs have it [default: files in the data folder]
    #[arg(long, env = "CARRIER_FILES")]
    files: Option<String>,
    /// Try again the rows that SQL refused
    #[arg(long)]
    retry_parked: bool,
}

/// What was found so far.
#[derive(Default)]
struct Report {
    wrong: usize,
}

impl Report {
    fn say(&mut self, good: bool, what: &str, found: &str, mend: &str) {
        if good {
            println!("  ok    {what}: {found}");
        } else {
            self.wrong += 1;
            println!("  WRONG {what}: {found}\n        mend: {mend}");
        }
    }
}

pub(crate) async fn run(settings: Settings) -> Result<ExitCode> {
    // Unless it is told, it looks at what `carrier` alone runs in the data folder.
    let redis = start::redis_url(&settings.stores)?.unwrap_or_else(|| OwnRedis::url_in(&settings.data.data_dir));
    let sql = start::database_url(&settings.stores)?.unwrap_or_else(|| settings.data.sqlite_url());
    let mut report = Report::default();
    println!("Redis at {}", start::redacted(&redis));
    let hot = match start::connect_hot(&settings.stores, &redis).await {
        Ok(hot) => Some(hot),
        Err(error) => {
            report.say(false, "connection", &format!("{error:#}"), "start Redis, or correct CARRIER_REDIS_URL");
            None
        }
    };
    if let Some(hot) = &hot {
        check_redis(hot, &mut report).await?;
    }
    println!("SQL at {}", start::redacted(&sql));
    let incarnation = check_sql(&sql, &mut report).await?;
    if let Some(hot) = &hot {
        if let Some(incarnation) = incarnation {
            check_together(hot, &incarnation, &mut report).await?;
        }
        let location = settings.files.clone().unwrap_or_else(|| settings.data.files());
        println!("files in {location}");
        let files = start::look_at_files(&location, hot).await;
        let found = files.as_ref().map_or_else(|error| format!("{error:#}"), |_| "can be written, and belong to this Redis".to_owned());
        report.say(files.is_ok(), "files", &found, "correct CARRIER_FILES, or what it points to");
        println!("rows");
        check_parked(hot, settings.retry_parked, &mut report).await?;
        hot.close().await;
    }
    println!("{}", if report.wrong == 0 { "all is well".to_owned() } else { format!("{} wrong", report.wrong) });
    Ok(if report.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn check_redis(hot: &Hot, report: &mut Report) -> Result<()> {
    let facts = hot.facts().await.context("Redis does not tell what it is")?;
    report.say(facts.release() >= (7, 0), "version", &facts.version, "install Redis 7.0 or newer, or Valkey");
    let unknown = || "not told (managed?)".to_owned();
    let events = facts.events.clone().unwrap_or_else(unknown);
    let mend = "redis-cli CONFIG SET notify-keyspace-events Ex";
    report.say(facts.events.is_none() || start::sends_expiries(&events), "notify-keyspace-events", &events, mend);
    let policy = facts.eviction.clone().unwrap_or_else(unknown);
    let mend = "redis-cli CONFIG SET maxmemory-policy noeviction";
    report.say(facts.eviction.is_none() || policy == "noeviction", "maxmemory-policy", &policy, mend);
    let aof = facts
        .aof
        .map_or_else(unknown, |on| format!("{}, appendfsync {}", if on { "on" } else { "off" }, facts.fsync.as_deref().unwrap_or("?")));
    let writes = facts.aof != Some(false) && facts.fsync.as_deref() != Some("no");
    let mend = "redis-cli CONFIG SET appendonly yes; redis-cli CONFIG SET appendfsync everysec, or always";
    report.say(writes, "append only file", &aof, mend);
    if hot.is_cluster() {
        // Lists and names are told from node to node, and one that forgets its last second forgets what another relies on.
        let waits = facts.fsyncs_always() || facts.wait_aof;
        let found = if waits { "each node says what is on its disk" } else { "no node says what is on its disk" };
        report.say(
            waits,
            "cluster",
            found,
            "install Redis 7.2 or newer, or Valkey; or redis-cli CONFIG SET appendfsync always on each node",
        );
    }
    let apart = (facts.time.0 - Tick::now().0).abs() / 1000;
    let mend = "run NTP on both machines; writes are refused beyond a minute";
    report.say(apart < 1000, "clock", &format!("{apart} ms from this machine's"), mend);
    Ok(())
}

async fn check_sql(url: &str, report: &mut Report) -> Result<Option<String>> {
    let cold = match start::connect_cold(url).await {
        Ok(cold) => cold,
        Err(error) => {
            report.say(false, "connection", &format!("{error:#}"), "start the server, or correct CARRIER_DATABASE_URL");
            return Ok(None);
        }
    };
    let pending = start::pending_migrations(url).await;
    let found = match &pending {
        Ok(0) => "current".to_owned(),
        Ok(pending) => format!("{pending} migrations behind"),
        Err(error) => format!("{error:#}"),
    };
    let current = matches!(pending, Ok(0));
    report.say(current, "schema", &found, "carrier migrate up");
    if !current {
        return Ok(None);
    }
    for fact in cold.facts().await? {
        report.say(fact.good, fact.name, &fact.value, &fact.mend);
    }
    let rights = flusher::check_rights(&start::connect_sql(url, 1).await?).await;
    let found = rights.as_ref().map_or_else(ToString::to_string, |()| "may insert and update".to_owned());
    report.say(rights.is_ok(), "rights", &found, "GRANT SELECT, INSERT, UPDATE, DELETE ON carrier.* TO the user of CARRIER_DATABASE_URL");
    Ok(cold.incarnation().await?)
}

async fn check_together(hot: &Hot, incarnation: &str, report: &mut Report) -> Result<()> {
    println!("together");
    let belongs = hot.belongs(incarnation).await?;
    let found = match &belongs {
        Belongs::Yes => "Redis belongs to this database".to_owned(),
        Belongs::ToNobody => "Redis is new, and will belong to this database".to_owned(),
        Belongs::ToAnother(other) => format!("Redis belongs to the database with incarnation {other}, this one has {incarnation}"),
        Belongs::Format(format) => format!("the keys in Redis have format {format:?}"),
    };
    report.say(
        matches!(belongs, Belongs::Yes | Belongs::ToNobody),
        "incarnation",
        &found,
        "correct CARRIER_REDIS_URL or CARRIER_DATABASE_URL",
    );
    Ok(())
}

async fn check_parked(hot: &Hot, retry: bool, report: &mut Report) -> Result<()> {
    let dead = hot.dead().await?;
    if retry {
        let mut owners: Vec<_> = dead.iter().map(|dead| (dead.kind == Kind::Chat, dead.id.clone())).collect();
        owners.sort();
        owners.dedup();
        let mut freed = 0;
        for (chat, id) in owners {
            freed += hot.unpark(if chat { Kind::Chat } else { Kind::User }, &id).await?;
        }
        println!("  {freed} parked rows will be tried again");
        return Ok(());
    }
    for row in &dead {
        let kind = if row.kind == Kind::Chat { "chat" } else { "user" };
        let found = format!("{} of {kind} {} was refused {} times: {}", row.entry, row.id, row.tries, row.error);
        report.say(false, "parked", &found, "mend what SQL says, then `carrier doctor --retry-parked`");
    }
    if dead.is_empty() {
        report.say(true, "parked rows", "none", "");
    }
    Ok(())
}
