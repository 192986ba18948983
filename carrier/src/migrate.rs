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
    let url = settings.stores.database_url().context("the file of CARRIER_DATABASE_URL_FILE cannot be read")?;
    let url =
        url.context("CARRIER_DATABASE_URL is not set; set it as in mysql://user:password@127.0.0.1/carrier or sqlite://carrier.db")?;
    let sql = cold::connect(&url, 1).await.with_context(|| format!("cannot reach SQL at {}", start::redacted(&url)))?;
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
