//! What the processes take, from the start of the attack to its end: memory and processor.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::{task::JoinHandle, time::interval};

use super::super::system::System;

/// The name of the process of the drill.
const SELF: &str = "drill";
/// The growth of a process from the first part of the attack to its last that counts as flat.
const FLAT: f64 = 1.25;
/// The time between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// The parts of the attack, of each of which something is told.
pub(super) const PARTS: usize = 10;

/// A task that watches all processes.
pub(super) struct ProcessWatch {
    processes: Arc<Vec<Watched>>,
    task: JoinHandle<()>,
}

/// What was seen of one process, in bytes.
struct Watched {
    name: String,
    pid: u32,
    cpu: Duration,
    start: u64,
    /// The sum of what was seen in each part of the attack, and the number of looks.
    parts: [(AtomicU64, AtomicU64); PARTS],
    most: AtomicU64,
}

/// The resident memory of one process, in bytes, and the time that it spent on processors.
pub(super) struct Usage {
    name: String,
    cpu: Duration,
    start: u64,
    /// The mean of each part.
    parts: [u64; PARTS],
    most: u64,
}

impl ProcessWatch {
    /// Begins to watch; `time` is how long the attack will last.
    pub(super) fn start(system: &System, time: Duration) -> Self {
        let processes = Arc::new(
            system
                .pids()
                .into_iter()
                .chain([(SELF.to_owned(), std::process::id())])
                .map(|(name, pid)| Watched::new(name, pid))
                .collect::<Vec<_>>(),
        );
        let all = Arc::clone(&processes);
        let task = tokio::spawn(async move {
            let (began, mut looks) = (Instant::now(), interval(PAUSE));
            loop {
                looks.tick().await;
                let part = part_of(began.elapsed(), time);
                all.iter().for_each(|one| one.look(part));
            }
        });
        Self { processes, task }
    }

    /// Ends the watch, and returns what it saw of each process.
    pub(super) fn finish(self) -> Vec<Usage> {
        self.task.abort();
        self.processes.iter().map(Watched::usage).collect()
    }
}

/// Returns which part of `whole` has come when `time` has passed.
pub(super) fn part_of(time: Duration, whole: Duration) -> usize {
    let parts = PARTS as u128 * time.as_millis() / whole.as_millis().max(1);
    usize::try_from(parts).map_or(PARTS - 1, |part| part.min(PARTS - 1))
}

impl Watched {
    fn new(name: String, pid: u32) -> Self {
        Self {
            name,
            pid,
            cpu: rig::cpu_time(pid),
            start: rig::resident_bytes(pid),
            parts: Default::default(),
            most: AtomicU64::default(),
        }
    }

    fn look(&self, part: usize) {
        let now = rig::resident_bytes(self.pid);
        self.most.fetch_max(now, Relaxed);
        let (sum, looks) = &self.parts[part];
        sum.fetch_add(now, Relaxed);
        looks.fetch_add(1, Relaxed);
    }

    fn usage(&self) -> Usage {
        let mean = |(sum, looks): &(AtomicU64, AtomicU64)| {
            sum.load(Relaxed).checked_div(looks.load(Relaxed))
        };
        Usage {
            name: self.name.clone(),
            cpu: rig::cpu_time(self.pid).saturating_sub(self.cpu),
            start: self.start,
            parts: std::array::from_fn(|part| mean(&self.parts[part]).unwrap_or_default()),
            most: self.most.load(Relaxed),
        }
    }
}

impl Usage {
    /// True when memory did not grow from the first part of the attack to its last. What the
    /// attackers themselves take does not count.
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub(super) fn is_flat(&self) -> bool {
        let [first, .., last] = self.parts;
        self.name == SELF || (last as f64) < first.max(1) as f64 * FLAT
    }

    /// Prints the head of the lines of the report.
    pub(super) fn print_head() {
        say!(
            "\n{:12} {:>8} {:>6} {}",
            "memory, MiB",
            "cpu",
            "start",
            columns(names_of_parts().chain(["most".to_owned()]))
        );
    }

    /// Prints a line of the report.
    pub(super) fn print(&self) {
        let mib = |bytes: &u64| (bytes >> 20).to_string();
        say!(
            "{:12} {:>6.0} s {:>6} {}",
            self.name,
            self.cpu.as_secs_f64(),
            mib(&self.start),
            columns(self.parts.iter().chain([&self.most]).map(mib))
        );
    }
}

/// Returns the heads of the columns of the parts.
pub(super) fn names_of_parts() -> impl Iterator<Item = String> {
    (1..=PARTS).map(|part| format!("{part}/{PARTS}"))
}

/// Returns texts as columns of a table.
pub(super) fn columns(texts: impl Iterator<Item = String>) -> String {
    texts.map(|text| format!("{text:>6}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_more_at_the_end_than_at_first_is_not_flat() {
        let ends_at = |last| {
            let mut parts = [40; PARTS];
            parts[PARTS - 1] = last;
            let usage = |name: &str| Usage {
                name: name.into(),
                cpu: Duration::ZERO,
                start: 20,
                parts,
                most: 90,
            };
            [usage("redis"), usage(SELF)].map(|usage| usage.is_flat())
        };
        assert_eq!(ends_at(49), [true, true]);
        assert_eq!(ends_at(50), [false, true]);
    }
}
