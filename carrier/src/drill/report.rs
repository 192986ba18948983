//! What a drill found, as a table and as JSON.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{Sql, fault::Fault, journal::Tally};

/// One fault that happened.
pub(crate) struct Round {
    pub(crate) fault: Fault,
    /// How long it took, after it ended, until all was well.
    pub(crate) recovered: Duration,
    /// Acts that were acknowledged meanwhile.
    pub(crate) acknowledged: usize,
}

/// All of it.
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) rounds: Vec<Round>,
    sql: Sql,
    tally: Tally,
    lag: Duration,
    notes: Vec<String>,
}

impl Report {
    pub(crate) fn new(seed: u64, sql: Sql) -> Self {
        Self { seed, rounds: Vec::new(), sql, tally: Tally::default(), lag: Duration::ZERO, notes: Vec::new() }
    }

    pub(crate) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    pub(crate) fn add(&mut self, tally: Tally, lag: Duration) {
        let all = &mut self.tally;
        all.acknowledged += tally.acknowledged;
        all.lost += tally.lost;
        all.excused += tally.excused;
        all.doubled += tally.doubled;
        all.disordered += tally.disordered;
        all.stale += tally.stale;
        all.faults.extend(tally.faults);
        all.words.extend(tally.words);
        self.lag = self.lag.max(lag);
    }

    pub(crate) fn is_well(&self) -> bool {
        let Tally { lost, doubled, disordered, stale, faults, .. } = &self.tally;
        lost + doubled + disordered + stale + faults.len() == 0
    }

    /// By fault: how often, how many acts meanwhile, the longest recovery.
    fn kinds(&self) -> BTreeMap<String, (usize, usize, Duration)> {
        let mut kinds = BTreeMap::<_, (usize, usize, Duration)>::new();
        for round in &self.rounds {
            let kind = kinds.entry(round.fault.to_string()).or_default();
            *kind = (kind.0 + 1, kind.1 + round.acknowledged, kind.2.max(round.recovered));
        }
        kinds
    }

    pub(crate) fn print(&self) {
        println!("{:16} {:>6} {:>13} {:>18}", "fault", "times", "acknowledged", "longest recovery");
        for (fault, (times, acknowledged, recovered)) in self.kinds() {
            println!("{fault:16} {times:>6} {acknowledged:>13} {:>16.1} s", recovered.as_secs_f64());
        }
        let Tally { acknowledged, lost, excused, doubled, disordered, stale, faults, words } = &self.tally;
        println!("\n{} faults on {:?}, seed {}", self.rounds.len(), self.sql, self.seed);
        println!(
            "acknowledged {acknowledged}, lost {lost}, doubled {doubled}, out of order {disordered}, stale {stale}, at fault {}",
            faults.len()
        );
        println!("lost of what `everysec` may lose in a power cut (its last second, and what it held back): {excused}");
        println!("longest flush lag {:.1} s", self.lag.as_secs_f64());
        for note in &self.notes {
            println!("note: {note}");
        }
        for wrong in words.iter().chain(faults).take(40) {
            println!("WRONG {wrong}");
        }
    }

    pub(crate) fn json(&self) -> Value {
        let Tally { acknowledged, lost, excused, doubled, disordered, stale, faults, words } = &self.tally;
        let kinds: serde_json::Map<_, _> = self
            .kinds()
            .into_iter()
            .map(|(fault, (times, acknowledged, recovered))| {
                (fault, json!({ "times": times, "acknowledged": acknowledged, "longest_recovery_ms": recovered.as_millis() as u64 }))
            })
            .collect();
        json!({
            "seed": self.seed, "sql": format!("{:?}", self.sql).to_lowercase(), "rounds": self.rounds.len(), "faults": kinds,
            "acknowledged": acknowledged, "lost": lost, "excused": excused, "doubled": doubled, "out_of_order": disordered, "stale": stale,
            "longest_flush_lag_ms": self.lag.as_millis() as u64, "verify": faults, "wrong": words, "notes": self.notes, "well": self.is_well(),
        })
    }
}
