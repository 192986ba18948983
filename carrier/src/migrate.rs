//! `carrier migrate`: brings the schema up to date, or shows its state, and that of the index of
//! search: the flushers make it anew.

use std::process::ExitCode;

use anyhow::{Context, Result};
use cold::Cold;
use migration::{MigrationStatus, Migrator, MigratorTrait};
use store::Config;

use crate::start;

/// Settings of `carrier migrate`.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Settings {
    #[command(flatten)]
    stores: Config,
    #[command(flatten)]
    data: start::Data,
    /// Bring the schema up to date, or only show its state
    #[arg(value_enum, default_value = "up")]
    action: Action,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Action {
    /// Run the migrations that have not run yet
    Up,
    /// List all migrations; exit with 1 when any has not run
    Status,
    /// Have the flushers make the index of search anew: needed only if one of an earlier release
    /// was still at work after `up`
    Reindex,
}

/// Runs `carrier migrate`. Fails while a migration is pending.
pub(crate) async fn run(settings: Settings) -> Result<ExitCode> {
    let url = start::database_url(&settings.stores)?.unwrap_or_else(|| settings.data.sqlite_url());
    let sql = start::connect_sql(&url, 1).await?;
    if settings.action == Action::Up {
        Migrator::up(&sql, None)
            .await
            .context("a migration failed")?;
    }
    if settings.action == Action::Reindex {
        flusher::begin_reindex(&sql)
            .await
            .context("could not begin to make the index anew")?;
    }
    let migrations = Migrator::get_migration_with_status_read_only(&sql).await?;
    let mut pending = 0;
    for migration in &migrations {
        let applied = migration.status() == MigrationStatus::Applied;
        say!(
            "{:8} {}",
            if applied { "applied" } else { "pending" },
            migration.name()
        );
        pending += usize::from(!applied);
    }
    let reindex = Cold::connect(&url, 1).await?.reindex().await;
    if let Ok(Some(place)) = reindex {
        say!(
            "the index of search is being made anew: {} rows looked at",
            place.rows
        );
    }
    Ok(if pending == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
