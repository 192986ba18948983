//! `carrier drill`: runs a whole system in a private folder, lets people write to it while faults
//! are injected one after another, and then checks that no acknowledged change is lost.

/// Attackers, and what others notice of them.
mod attack;
/// The faults, and how each is injected.
mod fault;
/// The changes that were acknowledged to a writer, and the comparison with what is there.
mod journal;
/// The report, as a table and as JSON.
mod report;
/// The system under test: Redis, SQL, APIs and flushers, as processes.
mod system;
/// The people who write, each over HTTP.
mod writers;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use fault::Fault;
use indicatif::{ProgressBar, ProgressStyle};
use report::{DrillReport, Round};
use system::{Fsync, NO_SERVER, System, Tuning};
use writers::Writers;

/// The SQL database of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sql {
    /// An SQLite file
    Sqlite,
    /// A mariadbd of the drill's own
    Mariadb,
}

/// Settings of `carrier drill`.
#[derive(Clone, clap::Args)]
#[group(skip)]
pub(crate) struct Settings {
    /// Number of faults, one after another
    #[arg(long, default_value_t = 30)]
    rounds: usize,
    /// Seconds after the start from which no further fault begins
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// Seed of the faults, of their order, and of what people do
    #[arg(long)]
    seed: Option<u64>,
    /// SQL database
    #[arg(long, value_enum, default_value = "sqlite")]
    sql: Sql,
    /// Only these faults, by name, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<Fault>,
    /// Number of people who write
    #[arg(long, default_value_t = 8)]
    people: usize,
    /// Number of chats that expire at once in an expiry storm
    #[arg(long, default_value_t = 5000)]
    storm: usize,
    /// Instead of faults: attackers of every kind for `--seconds`, and how long others wait
    #[arg(long)]
    attack: bool,
    /// Only these attacks, by name, separated by commas
    #[arg(long, value_delimiter = ',')]
    attacks: Vec<attack::Attack>,
    /// Number of members of the group that is attacked
    #[arg(long, default_value_t = 900)]
    members: usize,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Runs a drill. Fails when anything was lost or is at fault.
pub(crate) async fn run(settings: Settings) -> Result<ExitCode> {
    for program in ["redis-server", "redis-cli"]
        .into_iter()
        .chain((settings.sql == Sql::Mariadb).then_some("mariadbd"))
    {
        ensure!(
            is_installed(program),
            "{program} is not installed, or not in PATH; a drill starts servers of its own"
        );
    }
    files::install_tls(); // An HTTP client needs it even for http://.
    if settings.attack {
        return attack::run(&settings).await;
    }
    let seed = settings.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    let began = Instant::now();
    let mut report = DrillReport::new(seed, settings.sql);
    if settings.sql == Sql::Sqlite && settings.only.is_empty() {
        let left_out = Fault::all(Sql::Mariadb).filter(|fault| fault.needs_server());
        let left_out: Vec<_> = left_out.map(|fault| fault.to_string()).collect();
        report.note(format!(
            "{}: left out, since {NO_SERVER}",
            left_out.join(", ")
        ));
    }
    // A power cut can only be simulated under `everysec`, which may lose its last second. Under
    // `always` nothing may be lost. So the power cuts come last, on another Redis.
    let mut faults = schedule(&settings, seed);
    let cuts = faults
        .extract_if(.., |fault| *fault == Fault::PowerCut)
        .collect::<Vec<_>>();
    for (fsync, faults) in [(Fsync::Always, faults), (Fsync::Everysec, cuts)] {
        if !faults.is_empty() {
            run_rounds(&settings, fsync, &faults, began, &mut report).await?;
        }
    }
    match settings.json {
        true => say!("{:#}", report.json()),
        false => report.print(),
    }
    Ok(if report.is_well() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Returns a fault for each round: all kinds as evenly as possible, in an order given by the seed.
fn schedule(settings: &Settings, seed: u64) -> Vec<Fault> {
    let kinds: Vec<Fault> = match settings.only.is_empty() {
        true => Fault::all(settings.sql).collect(),
        false => settings.only.clone(),
    };
    let mut random = fastrand::Rng::with_seed(seed);
    let mut faults = Vec::new();
    while faults.len() < settings.rounds {
        let mut some = kinds.clone();
        random.shuffle(&mut some);
        faults.extend(some);
    }
    faults.truncate(settings.rounds);
    faults
}

/// Runs rounds on one system, and compares what is there at the end.
async fn run_rounds(
    settings: &Settings,
    fsync: Fsync,
    faults: &[Fault],
    began: Instant,
    report: &mut DrillReport,
) -> Result<()> {
    let bar = ProgressBar::new(faults.len() as u64);
    bar.set_style(
        ProgressStyle::with_template("{wide_bar} {pos}/{len} {elapsed:>4} {msg}")
            .expect("a template"),
    );
    bar.set_message("starting servers");
    let mut system = System::start(settings.sql, fsync, Tuning::Faults)
        .await
        .context("could not start the servers of the drill")?;
    let writers = Writers::start(&system, settings.people, report.seed).await?;
    let lag = system.watch_lag();
    for fault in faults {
        if began.elapsed() > Duration::from_secs(settings.seconds) {
            report.note(format!(
                "stopped after {} s, before all rounds were done",
                settings.seconds
            ));
            break;
        }
        bar.set_message(fault.to_string());
        if let Some(reason) = system.why_impossible(*fault) {
            report.note(format!("{fault}: left out, since {reason}"));
            bar.inc(1);
            continue;
        }
        let before = writers.acknowledged();
        let recovered = Box::pin(fault.inject(&mut system, &writers, settings.storm))
            .await
            .with_context(|| fault.to_string())?;
        report.rounds.push(Round {
            fault: *fault,
            recovered,
            acknowledged: writers.acknowledged() - before,
        });
        bar.inc(1);
    }
    bar.set_message("comparing");
    let journals = writers.finish().await;
    let tally = journal::audit(&system, journals?).await?;
    report.add(tally, lag.longest().await);
    bar.finish_and_clear();
    system.stop().await
}

/// Returns true when a program is in PATH.
fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).exists())
    })
}
