//! `carrier doctor`: checks everything that Carrier depends on, and says how to fix what is wrong.

use std::process::ExitCode;

use anyhow::Result;
use cold::Cold;
use hot::{Hot, Kind, Pairing};
use model::{ChatId, Tick};
use store::{Config, MAX_LAG, Standing};

use crate::{own_redis::OwnRedis, start};

/// Settings of `carrier doctor`.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Settings {
    #[command(flatten)]
    stores: Config,
    #[command(flatten)]
    data: start::Data,
    /// Folder or bucket of attachments and avatars, as set for the APIs [default: files in the data
    /// folder]
    #[arg(long, env = "CARRIER_FILES")]
    files: Option<String>,
    /// Retry the rows that SQL refused
    #[arg(long)]
    retry_parked: bool,
    /// After SQL was restored from a backup: save all that Redis has again
    #[arg(long)]
    sql_was_restored: bool,
}

/// The checks that were made so far.
#[derive(Default)]
struct Diagnosis {
    /// The number of checks that failed.
    problems: usize,
}

impl Diagnosis {
    /// Prints the result of a check, and counts it when it failed.
    fn add(&mut self, good: bool, name: &str, found: &str, fix: &str) {
        say!("{}", check_line(good, name, found, fix));
        self.problems += usize::from(!good);
    }

    /// Returns the last line of the output.
    fn summary(&self) -> String {
        match self.problems {
            0 => "no problems found".to_owned(),
            1 => "1 problem found".to_owned(),
            problems => format!("{problems} problems found"),
        }
    }
}

/// Formats the result of a check, with the way to fix it when it failed.
fn check_line(good: bool, name: &str, found: &str, fix: &str) -> String {
    if good {
        format!("  ok    {name}: {found}")
    } else {
        format!("  WRONG {name}: {found}\n        to fix it: {fix}")
    }
}

/// Runs `carrier doctor`. Fails when a check did.
pub(crate) async fn run(settings: Settings) -> Result<ExitCode> {
    // Without URLs, the stores are those that `carrier` without a role runs in the data folder.
    let redis = start::redis_url(&settings.stores)?
        .unwrap_or_else(|| OwnRedis::url_in(&settings.data.data_dir));
    let sql = start::database_url(&settings.stores)?.unwrap_or_else(|| settings.data.sqlite_url());
    let mut diagnosis = Diagnosis::default();
    say!("Redis at {}", start::redacted(&redis));
    let hot = match start::connect_hot(&settings.stores, &redis).await {
        Ok(hot) => Some(hot),
        Err(error) => {
            diagnosis.add(
                false,
                "connection",
                &format!("{error:#}"),
                "start Redis, or correct CARRIER_REDIS_URL",
            );
            None
        }
    };
    if let Some(hot) = &hot {
        check_redis(
            hot,
            start::accepts_unknown(&settings.stores),
            &mut diagnosis,
        )
        .await?;
    }
    say!("SQL at {}", start::redacted(&sql));
    let incarnation = check_sql(&sql, &mut diagnosis).await?;
    if let Some(hot) = &hot {
        if let Some(incarnation) = incarnation {
            check_together(hot, &incarnation, &mut diagnosis).await?;
            if settings.sql_was_restored {
                save_again(hot, &sql).await?;
            }
            check_in_step(hot, &sql, &mut diagnosis).await?;
        }
        let location = settings
            .files
            .clone()
            .unwrap_or_else(|| settings.data.files());
        say!("files in {location}");
        let files = start::check_files(&location, hot).await;
        let found = files.as_ref().map_or_else(
            |error| format!("{error:#}"),
            |_| "writable, and of this Redis".to_owned(),
        );
        diagnosis.add(
            files.is_ok(),
            "files",
            &found,
            "correct CARRIER_FILES, or the folder or bucket that it names",
        );
        say!("rows");
        check_saving(hot, &mut diagnosis).await?;
        check_parked(hot, settings.retry_parked, &mut diagnosis).await?;
        hot.close().await;
    }
    say!("{}", diagnosis.summary());
    Ok(if diagnosis.problems == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Checks the version, the settings, the state and the clock of Redis.
async fn check_redis(hot: &Hot, accepts_unknown: bool, diagnosis: &mut Diagnosis) -> Result<()> {
    let facts = match hot.facts().await {
        Ok(facts) => facts,
        Err(error) => {
            let fix = "let the user of CARRIER_REDIS_URL run INFO";
            diagnosis.add(false, "settings", &error.to_string(), fix);
            return Ok(());
        }
    };
    for check in facts.checks() {
        let accepted = !check.known && accepts_unknown;
        let fix = match check.known {
            true => format!("{}: {}", check.fix, check.harm),
            false => format!(
                "{}; or, if Redis cannot tell it, see to it elsewhere and set \
                 CARRIER_ACCEPT=unknown",
                check.fix
            ),
        };
        diagnosis.add(check.good || accepted, check.name, &check.found, &fix);
    }
    if hot.is_cluster() {
        // A write on one node relies on a write on another, so no node may lose its last second.
        let waits = facts.fsyncs_always() || facts.wait_aof;
        let found = if waits {
            "each node reports what is on its disk"
        } else {
            "no node reports what is on its disk"
        };
        let fix = "install Redis 7.2 or newer, or Valkey; or redis-cli CONFIG SET appendfsync \
                   always on each node";
        diagnosis.add(waits, "cluster", found, fix);
    }
    let difference = (facts.time.0 - Tick::now().0).abs() / 1000;
    let fix =
        "run NTP on both machines; writes are refused when the clocks differ by more than a minute";
    diagnosis.add(
        difference < 1000,
        "clock",
        &format!("{difference} ms from this machine's"),
        fix,
    );
    Ok(())
}

/// Checks the connection, the schema, the settings and the rights of SQL. Returns the incarnation
/// of the database, if it has one.
async fn check_sql(url: &str, diagnosis: &mut Diagnosis) -> Result<Option<String>> {
    let cold = match start::connect_cold(url).await {
        Ok(cold) => cold,
        Err(error) => {
            diagnosis.add(
                false,
                "connection",
                &format!("{error:#}"),
                "start the server, or correct CARRIER_DATABASE_URL",
            );
            return Ok(None);
        }
    };
    let pending = start::pending_migrations(url).await;
    let found = match &pending {
        Ok(0) => "current".to_owned(),
        Ok(pending) => format!("{pending} migrations have not run"),
        Err(error) => format!("{error:#}"),
    };
    let current = matches!(pending, Ok(0));
    diagnosis.add(current, "schema", &found, "carrier migrate up");
    if !current {
        return Ok(None);
    }
    for fact in cold.facts().await? {
        diagnosis.add(fact.good, fact.name, &fact.value, &fact.mend);
    }
    let writer = start::connect_sql(url, 1).await?;
    let rights = cold::within(start::PATIENCE, flusher::check_rights(&writer)).await;
    let found = rights
        .as_ref()
        .map_or_else(ToString::to_string, |()| "insert and update".to_owned());
    diagnosis.add(
        rights.is_ok(),
        "rights",
        &found,
        "GRANT SELECT, INSERT, UPDATE, DELETE ON carrier.* TO the user of CARRIER_DATABASE_URL",
    );
    Ok(cold.incarnation().await?)
}

/// Checks that Redis belongs to the database.
async fn check_together(hot: &Hot, incarnation: &str, diagnosis: &mut Diagnosis) -> Result<()> {
    say!("both together");
    let belongs = hot.pairing(incarnation).await?;
    let found = match &belongs {
        Pairing::Matches => "Redis belongs to this database".to_owned(),
        Pairing::Unpaired => "Redis is new, and will belong to this database".to_owned(),
        Pairing::Other(other) => format!(
            "Redis belongs to another database, of incarnation {other}; this one is {incarnation}"
        ),
        Pairing::Format(format) => {
            format!("Redis has the keys of another version of Carrier, with format {format:?}")
        }
    };
    diagnosis.add(
        matches!(belongs, Pairing::Matches | Pairing::Unpaired),
        "incarnation",
        &found,
        "correct CARRIER_REDIS_URL or CARRIER_DATABASE_URL",
    );
    Ok(())
}

/// Checks that no change has waited to be saved for too long.
async fn check_saving(hot: &Hot, diagnosis: &mut Diagnosis) -> Result<()> {
    let progress = hot.progress().await?;
    let found = format!(
        "about {} unsaved rows, the oldest for {} s",
        progress.unsaved_rows,
        progress.lag.as_secs()
    );
    diagnosis.add(
        progress.lag <= MAX_LAG,
        "saving",
        &found,
        "start a flusher, or see in its log what holds it up",
    );
    Ok(())
}

/// Marks all that Redis has as unsaved, ends the memberships of its chats that only SQL has, and
/// has SQL taken for as new as Redis then.
async fn save_again(hot: &Hot, sql: &str) -> Result<()> {
    let cold = start::connect_cold(sql).await?;
    let partitions = hot::partitions().collect::<Vec<_>>();
    let mut ended = 0;
    for (at, (kind, partition)) in partitions.iter().enumerate() {
        for id in hot.residents((*kind, *partition)).await? {
            if *kind == Kind::Chat {
                ended += end_memberships(hot, &cold, id.parse()?).await?;
            }
            hot.mark_unsaved(*kind, &id).await?;
        }
        if (at + 1) % 128 == 0 {
            say!(
                "  {} of {} partitions are saved again",
                at + 1,
                partitions.len()
            );
        }
    }
    say!("  memberships that only the backup still had, ended now: {ended}");
    say!(
        "  what had left Redis is as in the backup: look at chats that nobody has used since; a \
         message deleted there is back, and so is who left"
    );
    let settled = hot.commit_marks().await?;
    let settled = settled.into_iter().flat_map(|marks| marks.settled);
    let settled = settled.chain(hot.commits_with_names().await?);
    let writers = start::connect_sql(sql, 1).await?;
    flusher::accept_settled(&writers, settled).await?;
    Ok(writers.close().await?)
}

/// Ends the memberships of a resident chat that SQL has and Redis has not. Returns how many did.
async fn end_memberships(hot: &Hot, cold: &Cold, chat: ChatId) -> Result<usize> {
    Ok(match cold.present_chat(chat).await? {
        Some(found) => hot.end_members(chat, &found.members).await?,
        None => 0,
    })
}

/// Checks that neither store went back in time.
async fn check_in_step(hot: &Hot, sql: &str, diagnosis: &mut Diagnosis) -> Result<()> {
    let cold = start::connect_cold(sql).await?;
    let (found, fix) = match store::standing(hot, &cold).await? {
        Standing::InStep => ("each has what the other relies on".to_owned(), ""),
        Standing::RedisWentBack(behind) => (
            format!(
                "Redis is older than SQL in {} partitions of 512",
                behind.len()
            ),
            "start a flusher, which brings Redis up to date; then everybody has to log in again",
        ),
        Standing::SqlWentBack {
            writer,
            saved,
            settled,
        } => (
            format!(
                "SQL is older than Redis: Redis relies on commit {settled} of writer {writer}, and \
                 SQL has {saved}"
            ),
            "stop all roles; restore a newer backup of SQL, or run `carrier doctor \
             --sql-was-restored`, which saves all that Redis has again",
        ),
    };
    diagnosis.add(fix.is_empty(), "in step", &found, fix);
    Ok(())
}

/// Lists the rows that SQL refused, or has them retried.
async fn check_parked(hot: &Hot, retry: bool, diagnosis: &mut Diagnosis) -> Result<()> {
    let dead = hot.dead_letters().await?;
    if retry {
        let mut owners: Vec<_> = dead
            .iter()
            .map(|dead| (dead.kind == Kind::Chat, dead.id.clone()))
            .collect();
        owners.sort();
        owners.dedup();
        let mut freed = 0;
        for (chat, id) in owners {
            freed += hot
                .unpark(if chat { Kind::Chat } else { Kind::User }, &id)
                .await?;
        }
        say!("  {freed} parked rows are retried");
        return Ok(());
    }
    for row in &dead {
        let kind = if row.kind == Kind::Chat {
            "chat"
        } else {
            "user"
        };
        let found = format!(
            "{} of {kind} {} was refused {} times: {}",
            row.entry, row.id, row.tries, row.error
        );
        diagnosis.add(
            false,
            "parked",
            &found,
            "correct what SQL reports, then run `carrier doctor --retry-parked`",
        );
    }
    if dead.is_empty() {
        diagnosis.add(true, "parked rows", "none", "");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_check_that_failed_says_how_to_fix_it() {
        assert_eq!(
            check_line(true, "schema", "current", "carrier migrate up"),
            "  ok    schema: current"
        );
        assert_eq!(
            check_line(
                false,
                "schema",
                "3 migrations have not run",
                "carrier migrate up"
            ),
            "  WRONG schema: 3 migrations have not run\n        to fix it: carrier migrate up"
        );
    }

    #[test]
    fn problems_are_counted() {
        let mut diagnosis = Diagnosis::default();
        diagnosis.add(true, "a", "b", "");
        assert_eq!(diagnosis.summary(), "no problems found");
        diagnosis.add(false, "a", "b", "c");
        assert_eq!(diagnosis.summary(), "1 problem found");
        diagnosis.add(false, "a", "b", "c");
        assert_eq!(diagnosis.summary(), "2 problems found");
    }
}
