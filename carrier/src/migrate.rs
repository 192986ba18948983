//! `carrier migrate`.

use std::process::ExitCode;

use anyhow::{Context, Result};
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
    /// Bring it up to date, or only tell
    #[arg(value_enum, default_value = "up")]
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Run what has not run yet
    Up,
    /// Tell what has run; exit 1 when something has not
    Status,
}

pub(crate) async fn run(settings: Settings) -> Result<ExitCode> {
    let url = start::database_url(&settings.stores)?.unwrap_or_else(|| settings.data.sqlite_url());
    let sql = start::connect_sql(&url, 1).await?;
    if settings.what == What::Up {
        Migrator::up(&sql, None).await.context("a migration failed")?;
    }
    let migrations = Migrator::get_migration_with_status_read_only(&sql).await?;
    let mut pending = 0;
    for migration in &migrations {
        let applied = migration.status() == MigrationStatus::Applied;
        println!("{:8} {}", if applied { "applied" } else { "pending" }, migration.name());
        pending += usize::from(!applied);
    }
    Ok(if pending == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
