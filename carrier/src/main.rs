//! `carrier`: everything on one machine; or one role of it.

mod all;
mod chat;
mod doctor;
mod drill;
mod migrate;
mod own_redis;
mod roles;
mod start;
mod verify;

use std::{io::IsTerminal, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{EnvFilter, fmt};

/// A messaging backend that answers from memory and loses nothing.
#[derive(Parser)]
#[command(version, about, long_about = None)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    all: all::Settings,
    /// What to log, as in "info" or "carrier=debug,flusher=debug"
    /// [default: info,poem=warn,sea_orm_migration=warn; of a drill and an audit, whose report is what counts: error]
    #[arg(long, env = "CARRIER_LOG", global = true)]
    log: Option<String>,
    /// How to log
    #[arg(long, env = "CARRIER_LOG_FORMAT", value_enum, default_value = "text", global = true)]
    log_format: LogFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// Without one: everything on this machine, with a Redis and an SQLite of Carrier's own unless URLs are given.
#[derive(Subcommand)]
enum Role {
    /// Serve the API
    Api(Box<roles::Api>),
    /// Save what is in Redis to SQL
    Flusher(roles::Flusher),
    /// Bring the schema up to date, or tell how far it is
    Migrate(migrate::Settings),
    /// Check everything that Carrier depends on, and tell how to mend it
    Doctor(doctor::Settings),
    /// Compare Redis and SQL to the last row; it only reads
    Verify(verify::Settings),
    /// Break a system of its own, again and again, and look whether all is there that was acknowledged
    Drill(drill::Settings),
    /// Print the OpenAPI document
    Openapi,
    /// Chat in the terminal
    Chat(chat::Settings),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    log(&cli);
    // A connection is a file; what the system allows us at most, we may need.
    rlimit::increase_nofile_limit(u64::MAX).ok();
    // Nobody waits for a flusher as they do for the API beside it. Threads inherit this, so it comes before there are any.
    if matches!(cli.role, Some(Role::Flusher(_))) {
        rustix::process::nice(5).ok();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("carrier: no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("carrier: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode> {
    match cli.role {
        None => all::run(cli.all, on_signal()?).await?,
        Some(Role::Api(settings)) => roles::api(*settings, on_signal()?).await?,
        Some(Role::Flusher(settings)) => roles::flusher(settings, on_signal()?).await?,
        Some(Role::Migrate(settings)) => return migrate::run(settings).await,
        Some(Role::Verify(settings)) => return verify::run(settings).await,
        Some(Role::Drill(settings)) => return drill::run(settings).await,
        Some(Role::Doctor(settings)) => return doctor::run(settings).await,
        Some(Role::Chat(settings)) => chat::run(settings, on_signal()?).await?,
        Some(Role::Openapi) => print!("{}", api::openapi()),
    }
    Ok(ExitCode::SUCCESS)
}

fn log(cli: &Cli) {
    // What a statement took is SQL's own business; ours says what failed, once.
    let default = match cli.role {
        Some(Role::Drill(_) | Role::Verify(_)) => "error",
        _ => "info,poem=warn,sea_orm_migration=warn",
    };
    let wanted = cli.log.as_deref().unwrap_or(default);
    let filter = EnvFilter::try_new(wanted).unwrap_or_else(|_| EnvFilter::new(default));
    let log = fmt().with_env_filter(filter).with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    match cli.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

/// Cancelled at the first SIGINT or SIGTERM; at a second one we are gone at once.
fn on_signal() -> Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if first {
                tracing::info!("stopping; again to stop at once");
                cancel.cancel();
            } else {
                std::process::exit(130);
            }
        }
    });
    Ok(token)
}
