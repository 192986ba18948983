//! `carrier drill --attack`: attackers of every kind do their worst at once, each from an address
//! and an account of its own, while ordinary people write and read. The limits are those of a new
//! server. Afterwards the report tells how long the people waited, for answers and for what others
//! wrote, and what memory did.

/// The kinds of attack, and how each is made.
mod attackers;
/// Accounts and connections, each from an address of its own.
mod caller;
/// The attacks by connections.
mod connections;
/// The ordinary people, and the times that their requests took.
mod people;
/// Pictures of few bytes and many pixels.
mod pictures;
/// What the processes take, from the start of the attack to its end.
mod processes;

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result};
pub(super) use attackers::Attack;
use attackers::{Attacker, Scene, Strikes};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use people::{Crowd, Waits};
use processes::{ProcessWatch, Usage};

use super::{
    Settings,
    system::{Fsync, System, Tuning},
};

/// The longest time that ordinary people may wait, for 99 of 100 answers and events.
const PATIENCE: Duration = Duration::from_millis(50);

/// Runs an attack. Fails when people waited too long, were refused, or memory grew.
pub(super) async fn run(settings: &Settings) -> Result<ExitCode> {
    let time = Duration::from_secs(settings.seconds);
    let bar = ProgressBar::new(settings.seconds);
    bar.set_style(
        ProgressStyle::with_template("{wide_bar} {elapsed:>4} {msg}").expect("a template"),
    );
    bar.set_message("starting servers");
    let system = System::start(settings.sql, Fsync::Always, Tuning::Attack)
        .await
        .context("could not start the servers of the drill")?;
    bar.set_message("accounts");
    let crowd = Crowd::gather(&system, settings.people).await?;
    let scene = Arc::new(Scene::set(&system, settings.members).await?);

    bar.set_message("without attackers");
    let before = crowd.live_for(time / 10, || ()).await?;
    let attacks = match settings.attacks.is_empty() {
        true => Attack::value_variants().to_vec(),
        false => settings.attacks.clone(),
    };
    bar.set_message(format!("{} attackers", attacks.len()));
    let ended = Arc::new(AtomicBool::new(false));
    let mut attackers = Vec::new();
    for (at, attack) in attacks.into_iter().enumerate() {
        attackers.push(attack.prepare(at, &system, &scene, &ended).await?);
    }
    attackers.iter().for_each(Attacker::start);
    let watch = ProcessWatch::start(&system, time);
    let during = crowd.live_for(time, || bar.inc(1)).await?;
    let usages = watch.finish();
    ended.store(true, Relaxed);
    bar.finish_and_clear();

    print_strikes(&attackers);
    Waits::print_head();
    before.print("before");
    during.print("attacked");
    during.print_parts();
    Usage::print_head();
    usages.iter().for_each(Usage::print);
    let is_well = during.are_well(PATIENCE) && usages.iter().all(Usage::is_flat);
    system.stop().await?;
    Ok(if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Prints how often each attack struck, and how often it was refused.
fn print_strikes(attackers: &[Attacker]) {
    Strikes::print_head();
    for Attacker {
        attack, strikes, ..
    } in attackers
    {
        let name = attack.to_possible_value().expect("no attack is hidden");
        strikes.print(name.get_name());
    }
}
