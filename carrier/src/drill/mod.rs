//! `carrier drill`: a whole Carrier in a private folder, people who write in it, one fault after another; and then, is all there that was acknowledged?

mod actor;
mod fault;
mod journal;
mod report;
mod stage;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use fault::Fault;
use indicatif::{ProgressBar, ProgressStyle};
use report::{Report, Round};
use stage::{Fsync, Stage};

/// Which SQL the drill is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sql {
    /// A file
    Sqlite,
    /// A mariadbd of the drill's own
    Mariadb,
}

/// Settings of `carrier drill`.
#[derive(Clone, clap::Args)]
#[group(skip)]
pub(crate) struct Settings {
    /// How many faults, one after another
    #[arg(long, default_value_t = 30)]
    rounds: usize,
    /// No fault begins later than so many seconds after the start
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// The same number is the same faults in the same order, and the same acts
    #[arg(long)]
    seed: Option<u64>,
    /// Which SQL
    #[arg(long, value_enum, default_value = "sqlite")]
    sql: Sql,
    /// Only these faults, by name, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<Fault>,
    /// How many people write
    #[arg(long, default_value_t = 8)]
    people: usize,
    /// How many chats expire at once in an expiry storm
    #[arg(long, default_value_t = 5000)]
    storm: usize,
    /// Tell what was found as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(settings: Settings) -> Result<ExitCode> {
    for program in ["redis-server", "redis-cli"].into_iter().chain((settings.sql == Sql::Mariadb).then_some("mariadbd")) {
        ensure!(is_installed(program), "{program} is not installed, or not in PATH; a drill runs servers of its own");
    }
    files::install_tls(); // whoever asks over HTTP needs one, even for http://
    let seed = settings.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    let began = Instant::now();
    let mut report = Report::new(seed, settings.sql);
    // A machine's power cannot be cut under `always`, nor is anything allowed to be lost under it: so the last rounds are on another Redis.
    let mut faults = schedule(&settings, seed);
    let cuts = faults.extract_if(.., |fault| *fault == Fault::PowerCut).collect::<Vec<_>>();
    for (fsync, faults) in [(Fsync::Always, faults), (Fsync::Everysec, cuts)] {
        if !faults.is_empty() {
            act(&settings, fsync, &faults, began, &mut report).await?;
        }
    }
    match settings.json {
        true => println!("{:#}", report.json()),
        false => report.print(),
    }
    Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// As many faults as there are rounds: all kinds, as evenly as that can be, in an order that the seed gives.
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

/// All rounds on one system, and what is there in the end.
async fn act(settings: &Settings, fsync: Fsync, faults: &[Fault], began: Instant, report: &mut Report) -> Result<()> {
    let bar = ProgressBar::new(faults.len() as u64);
    bar.set_style(ProgressStyle::with_template("{wide_bar} {pos}/{len} {elapsed:>4} {msg}").expect("a template"));
    bar.set_message("starting servers");
    let mut stage = Stage::start(settings.sql, fsync).await.context("the servers of the drill")?;
    let people = actor::gather(&stage, settings.people, report.seed).await?;
    let watch = stage.watch_lag();
    for fault in faults {
        if began.elapsed() > Duration::from_secs(settings.seconds) {
            report.note(format!("stopped after {} s, before all rounds", settings.seconds));
            break;
        }
        bar.set_message(fault.to_string());
        if let Some(why) = stage.lacks(*fault) {
            report.note(format!("{fault}: left out, {why}"));
            bar.inc(1);
            continue;
        }
        let before = people.acknowledged();
        let recovered = Box::pin(fault.strike(&mut stage, &people, settings.storm)).await.with_context(|| fault.to_string())?;
        report.rounds.push(Round { fault: *fault, recovered, acknowledged: people.acknowledged() - before });
        bar.inc(1);
    }
    bar.set_message("looking at what is there");
    let journals = people.end().await;
    let tally = journal::audit(&stage, journals?).await?;
    report.add(tally, watch.longest().await);
    bar.finish_and_clear();
    stage.stop().await
}

fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).exists()))
}
