//! `carrier`: everything on one machine, or one role of it.
// What is printed goes through `output`, which makes it safe.
#![warn(clippy::print_stdout, clippy::print_stderr)]

/// Lines and logs that nobody has to read.
#[macro_use]
mod output;

/// `carrier admin`: keys of the API.
mod admin;
/// `carrier` without a role: Redis, SQL, API and flusher on one machine.
mod all;
/// `carrier chat`: a client for the terminal. Uses `output` and `terminal` alone.
mod chat;
/// The data folder of `carrier` without a role, which is for its owner alone.
mod data_folder;
/// `carrier doctor`: checks everything that Carrier depends on.
mod doctor;
/// `carrier drill`: injects faults into a system of its own, and looks for lost data.
mod drill;
/// The probes of `carrier flusher`.
mod flusher_probes;
/// `carrier migrate`: the schema.
mod migrate;
/// The redis-server that `carrier` starts as a child.
mod own_redis;
/// `carrier api` and `carrier flusher`.
mod roles;
/// Connects a role to its stores, and checks them, before it serves.
mod start;
/// Text that others wrote, made safe for a terminal.
mod terminal;
/// `carrier verify`: compares Redis and SQL.
mod verify;

use std::{process::ExitCode, sync::OnceLock, time::Duration};

use anyhow::{Result, bail};
use clap::{Parser, Subcommand, ValueEnum};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Threads that compute and threads that wait take memory in turns, in sizes of all kinds: of what
/// they give back, this allocator returns most to the system within seconds.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A messaging backend that answers from memory and loses nothing
#[derive(Parser)]
#[command(version, about, long_about = None)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    all: all::Settings,
    /// Log filter, as in "info" or "carrier=debug,flusher=debug"
    /// [default: info,poem=warn,sea_orm_migration=warn; error for `drill` and `verify`]
    #[arg(long, env = "CARRIER_LOG", global = true)]
    log: Option<String>,
    /// Log format
    #[arg(
        long,
        env = "CARRIER_LOG_FORMAT",
        value_enum,
        default_value = "text",
        global = true
    )]
    log_format: LogFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// The roles. Without a role, everything runs on this machine, with a Redis and an SQLite of
/// Carrier's own unless URLs are given.
#[derive(Subcommand)]
enum Role {
    /// Serve the API
    Api(Box<roles::Api>),
    /// Save what is in Redis to SQL
    Flusher(roles::Flusher),
    /// Bring the schema up to date, or show its state
    Migrate(migrate::Settings),
    /// Make, list and revoke keys of the API
    Admin(admin::Settings),
    /// Check everything that Carrier depends on, and say how to fix it
    Doctor(doctor::Settings),
    /// Compare Redis and SQL to the last row, without writing
    Verify(verify::Settings),
    /// Inject faults into a system of its own, and check that no acknowledged change is lost
    Drill(drill::Settings),
    /// Print the OpenAPI document
    Openapi,
    /// Chat in the terminal
    Chat(chat::Settings),
}

/// The time that the role has to stop after a signal; then the process ends as it is.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// The time that threads have to finish when all else has stopped.
const LINGER: Duration = Duration::from_secs(5);

/// The critical task that has ended before its time.
static ENDED: OnceLock<&'static str> = OnceLock::new();

fn main() -> ExitCode {
    let cli = Cli::parse();
    data_folder::create_privately();
    let log = output::log(log_filter(&cli), cli.log_format);
    // Each connection is a file, so we may need as many as the system allows.
    rlimit::increase_nofile_limit(u64::MAX).ok();
    // Users wait for the API, but not for the flusher beside it. Threads inherit the priority, so
    // it is set before there are any.
    if matches!(cli.role, Some(Role::Flusher(_))) {
        rustix::process::nice(5).ok();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(format_args!("could not start threads: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(cli));
    runtime.shutdown_timeout(LINGER);
    drop(log);
    match ended {
        Ok(code) => code,
        Err(error) => {
            output::complain(format_args!("{error:#}"));
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
        Some(Role::Admin(settings)) => return admin::run(settings).await,
        Some(Role::Doctor(settings)) => return doctor::run(settings).await,
        Some(Role::Chat(settings)) => chat::run(settings, on_signal()?).await?,
        Some(Role::Openapi) => say!("{}", api::openapi().trim_end()),
    }
    match ENDED.get() {
        Some(task) => bail!("{task} has ended, so nothing could go on; start carrier again"),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Returns what is to be logged.
fn log_filter(cli: &Cli) -> EnvFilter {
    // Only our own crates log SQL failures, once each; its statements are not logged. The report
    // of a drill or an audit is its log.
    let default = match cli.role {
        Some(Role::Drill(_) | Role::Verify(_) | Role::Admin(_)) => "error",
        _ => "info,poem=warn,sea_orm_migration=warn",
    };
    let wanted = cli.log.as_deref().unwrap_or(default);
    EnvFilter::try_new(wanted).unwrap_or_else(|_| EnvFilter::new(default))
}

/// Returns a token that is cancelled at the first SIGINT or SIGTERM, and when a critical task
/// ends. A second signal ends the process at once, and so does a role that takes too long to
/// stop.
fn on_signal() -> Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let token = CancellationToken::new();
    let (cancel, stop) = (token.clone(), token.clone());
    hot::on_critical_end(move |task| {
        ENDED.set(task).ok();
        stop.cancel();
    });
    tokio::spawn(async move {
        let mut signalled = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        tokio::select! {
            () = signalled() => {}
            () = cancel.cancelled() => {}
        }
        cancel.cancel();
        tracing::info!("stopping; press Ctrl-C again to stop at once");
        let code = match tokio::time::timeout(STOP_LIMIT, signalled()).await {
            Ok(()) => 130,
            Err(_) => 1,
        };
        std::process::exit(code);
    });
    Ok(token)
}
