//! The report of a drill, as a table and as JSON.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{Sql, fault::Fault, journal::Tally};

/// A fault that was injected.
pub(crate) struct Round {
    pub(crate) fault: Fault,
    /// The time from the end of the fault until the system was ready.
    pub(crate) recovered: Duration,
    /// The changes that were acknowledged meanwhile.
    pub(crate) acknowledged: usize,
}

/// The rounds of a drill, and what was found after them.
pub(crate) struct DrillReport {
    pub(crate) seed: u64,
    pub(crate) rounds: Vec<Round>,
    sql: Sql,
    tally: Tally,
    /// The longest age of a change that was not in SQL.
    lag: Duration,
    notes: Vec<String>,
}

impl DrillReport {
    /// Returns a report without rounds.
    pub(crate) fn new(seed: u64, sql: Sql) -> Self {
        Self {
            seed,
            rounds: Vec::new(),
            sql,
            tally: Tally::default(),
            lag: Duration::ZERO,
            notes: Vec::new(),
        }
    }

    /// Adds a note, once.
    pub(crate) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Adds what was found on one system.
    pub(crate) fn add(&mut self, tally: Tally, lag: Duration) {
        let all = &mut self.tally;
        all.acknowledged += tally.acknowledged;
        all.lost += tally.lost;
        all.excused += tally.excused;
        all.doubled += tally.doubled;
        all.disordered += tally.disordered;
        all.stale += tally.stale;
        all.faults.extend(tally.faults);
        all.messages.extend(tally.messages);
        self.lag = self.lag.max(lag);
    }

    /// Returns true when nothing was lost and nothing is at fault.
    pub(crate) fn is_well(&self) -> bool {
        let Tally {
            lost,
            doubled,
            disordered,
            stale,
            faults,
            ..
        } = &self.tally;
        lost + doubled + disordered + stale + faults.len() == 0
    }

    /// Returns for each fault how often it was injected, the changes that were acknowledged
    /// meanwhile, and the longest recovery.
    fn kinds(&self) -> BTreeMap<String, (usize, usize, Duration)> {
        let mut kinds = BTreeMap::<_, (usize, usize, Duration)>::new();
        for round in &self.rounds {
            let kind = kinds.entry(round.fault.to_string()).or_default();
            *kind = (
                kind.0 + 1,
                kind.1 + round.acknowledged,
                kind.2.max(round.recovered),
            );
        }
        kinds
    }

    /// Prints the report for people.
    pub(crate) fn print(&self) {
        say!(
            "{:16} {:>6} {:>13} {:>18}",
            "fault",
            "times",
            "acknowledged",
            "longest recovery"
        );
        for (fault, (times, acknowledged, recovered)) in self.kinds() {
            say!(
                "{fault:16} {times:>6} {acknowledged:>13} {:>16.1} s",
                recovered.as_secs_f64()
            );
        }
        let Tally {
            acknowledged,
            lost,
            excused,
            doubled,
            disordered,
            stale,
            faults,
            messages,
        } = &self.tally;
        say!(
            "\n{} faults on {:?}, seed {}",
            self.rounds.len(),
            self.sql,
            self.seed
        );
        say!(
            "acknowledged {acknowledged}, lost {lost}, doubled {doubled}, \
             out of order {disordered}, stale {stale}, at fault {}",
            faults.len()
        );
        say!(
            "lost in power cuts as `everysec` permits (its last second, and what it held back): \
             {excused}"
        );
        say!("longest flush lag {:.1} s", self.lag.as_secs_f64());
        for note in &self.notes {
            say!("note: {note}");
        }
        for message in messages.iter().chain(faults).take(40) {
            say!("WRONG {message}");
        }
    }

    /// Returns the report as JSON.
    pub(crate) fn json(&self) -> Value {
        let Tally {
            acknowledged,
            lost,
            excused,
            doubled,
            disordered,
            stale,
            faults,
            messages,
        } = &self.tally;
        let kinds: serde_json::Map<_, _> = self
            .kinds()
            .into_iter()
            .map(|(fault, (times, acknowledged, recovered))| {
                let kind = json!({
                    "times": times,
                    "acknowledged": acknowledged,
                    "longest_recovery_ms": recovered.as_millis() as u64,
                });
                (fault, kind)
            })
            .collect();
        json!({
            "seed": self.seed,
            "sql": format!("{:?}", self.sql).to_lowercase(),
            "rounds": self.rounds.len(),
            "faults": kinds,
            "acknowledged": acknowledged,
            "lost": lost,
            "excused": excused,
            "doubled": doubled,
            "out_of_order": disordered,
            "stale": stale,
            "longest_flush_lag_ms": self.lag.as_millis() as u64,
            "verify": faults,
            "wrong": messages,
            "notes": self.notes,
            "well": self.is_well(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_of_one_fault_are_one_line_with_the_longest_recovery() {
        let mut report = DrillReport::new(7, Sql::Sqlite);
        for (recovered, acknowledged) in [(2, 10), (5, 20)] {
            report.rounds.push(Round {
                fault: Fault::KillApi,
                recovered: Duration::from_secs(recovered),
                acknowledged,
            });
        }
        assert_eq!(report.kinds()["kill-api"], (2, 30, Duration::from_secs(5)));
        assert_eq!(
            report.json()["faults"]["kill-api"]["longest_recovery_ms"],
            5000
        );
    }

    #[test]
    fn an_excused_loss_is_well_and_any_other_is_not() {
        let mut report = DrillReport::new(7, Sql::Sqlite);
        let excused = Tally {
            excused: 3,
            ..Tally::default()
        };
        report.add(excused, Duration::from_secs(2));
        assert!(report.is_well());
        let lost = Tally {
            lost: 1,
            ..Tally::default()
        };
        report.add(lost, Duration::from_secs(1));
        assert!(!report.is_well());
        let json = report.json();
        assert_eq!((&json["excused"], &json["lost"]), (&json!(3), &json!(1)));
        assert_eq!(json["longest_flush_lag_ms"], 2000);
    }
}
