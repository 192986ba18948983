//! The ratios of an earlier run, in `bench/baseline.json`, and what is worse now.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::table::Table;

/// The file, which is in the repository.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.json");
/// The part by which a ratio may be worse: runs differ.
const TOLERANCE: f64 = 0.25;

/// The figures of a row that do not depend on the machine, as far as a row has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    /// CPU, in times of the empty handler's.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<f64>,
    /// Operations a second, in times of the empty handler's.
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<f64>,
}

/// The marks of a run by the names of rows.
type Marks = BTreeMap<String, Mark>;

/// The marks of runs of each scale.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Baseline(BTreeMap<String, Marks>);

impl Baseline {
    /// Reads the file; an absent one is empty.
    pub(crate) fn read() -> Result<Self> {
        if !Path::new(FILE).exists() {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(FILE)?;
        serde_json::from_str(&text).with_context(|| format!("{FILE} is not a baseline"))
    }

    /// Takes over the rows of a run; other rows, and runs of other scales, stay.
    pub(crate) fn take(&mut self, table: &Table) {
        let marks = self.0.entry(table.scale.clone()).or_default();
        marks.extend(marks_of(table));
    }

    /// Writes the file.
    pub(crate) fn write(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(FILE, text).with_context(|| format!("{FILE} cannot be written"))
    }

    /// Returns a complaint about each row that is worse than before, and, in a run of all rows,
    /// about each that is in the baseline alone, or in the run alone.
    ///
    /// # Errors
    /// When the baseline has no run of this scale.
    pub(crate) fn complaints(&self, table: &Table, all_rows: bool) -> Result<Vec<String>> {
        let before = self.0.get(&table.scale).with_context(|| {
            let scales: Vec<_> = self.0.keys().map(String::as_str).collect();
            format!(
                "bench/baseline.json has no run of {}, but of: {}",
                table.scale,
                scales.join("; ")
            )
        })?;
        let now = marks_of(table);
        let mut wrong = Vec::new();
        for (name, mark) in before {
            match now.get(name) {
                Some(now) => wrong.extend(worse(name, mark, now)),
                None if all_rows => wrong.push(format!("{name}: before measured, now not")),
                None => {}
            }
        }
        let new = now.keys().filter(|name| !before.contains_key(*name));
        wrong.extend(new.map(|name| format!("{name}: before not measured; --write-baseline")));
        Ok(wrong)
    }
}

/// Returns the figures of a run that are compared.
fn marks_of(table: &Table) -> Marks {
    let rows = table.rows.iter().skip(1).map(|row| {
        let mark = Mark {
            cpu: Some(rounded(row.cpu_of_floor)),
            speed: Some(rounded(row.speed_of_floor)),
            ..Mark::default()
        };
        (row.name.clone(), mark)
    });
    let rooms = table.rooms.iter().map(|room| {
        let mark = Mark {
            bytes: Some(rounded(room.bytes)),
            ..Mark::default()
        };
        (room.name.clone(), mark)
    });
    rows.chain(rooms).collect()
}

/// Returns a number with four digits that count: more of them would only differ from run to run.
fn rounded(number: f64) -> f64 {
    format!("{number:.3e}").parse().unwrap_or(number)
}

/// Returns a complaint about each figure that is worse by more than [`TOLERANCE`].
fn worse(name: &str, before: &Mark, now: &Mark) -> Vec<String> {
    let higher = |before: f64, now: f64| now > before * (1.0 + TOLERANCE);
    let lower = |before: f64, now: f64| now < before * (1.0 - TOLERANCE);
    let mut wrong = Vec::new();
    let mut look = |what: &str, before, now, is_worse: &dyn Fn(f64, f64) -> bool| {
        if let (Some(before), Some(now)) = (before, now)
            && is_worse(before, now)
        {
            wrong.push(format!("{name}: {what} before {before}, now {now}"));
        }
    };
    look("CPU in times of the floor's", before.cpu, now.cpu, &higher);
    look(
        "speed in times of the floor's",
        before.speed,
        now.speed,
        &lower,
    );
    look("bytes", before.bytes, now.bytes, &higher);
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::costs::table::{Room, tests::row};

    fn table(rows: &[(&str, f64, f64)], bytes: f64) -> Table {
        let floor = row("floor", 1.0, 1.0);
        let rows = rows
            .iter()
            .map(|(name, cpu, speed)| row(name, *cpu, *speed));
        Table {
            scale: "small".into(),
            rows: std::iter::once(floor).chain(rows).collect(),
            rooms: vec![Room {
                name: "a message".into(),
                bytes,
            }],
            growths: Vec::new(),
        }
    }

    fn complaints(before: &Table, now: &Table) -> Vec<String> {
        let mut baseline = Baseline::default();
        baseline.take(before);
        baseline.complaints(now, true).expect("of this scale")
    }

    #[test]
    fn a_ratio_may_be_worse_by_a_quarter_and_any_better() {
        let before = table(&[("send", 8.0, 0.5)], 400.0);
        let same = complaints(&before, &before);
        assert!(same.is_empty(), "{same:?}");
        let just = table(&[("send", 10.0, 0.375)], 500.0);
        assert_eq!(complaints(&before, &just), [""; 0]);
        let better = table(&[("send", 1.0, 0.9)], 1.0);
        assert_eq!(complaints(&before, &better), [""; 0]);
        let worse = table(&[("send", 10.1, 0.37)], 501.0);
        assert_eq!(
            complaints(&before, &worse),
            [
                "a message: bytes before 400, now 501",
                "send: CPU in times of the floor's before 8, now 10.1",
                "send: speed in times of the floor's before 0.5, now 0.37",
            ]
        );
    }

    #[test]
    fn a_row_that_is_missing_on_either_side_is_told() {
        let before = table(&[("send", 8.0, 0.5), ("page", 8.0, 0.1)], 400.0);
        let now = table(&[("send", 8.0, 0.5), ("sync", 8.0, 0.1)], 400.0);
        assert_eq!(
            complaints(&before, &now),
            [
                "page: before measured, now not",
                "sync: before not measured; --write-baseline",
            ]
        );
        // A run of some rows says nothing of the others.
        let mut baseline = Baseline::default();
        baseline.take(&before);
        let some = table(&[("send", 8.0, 0.5)], 400.0);
        let wrong = baseline.complaints(&some, false).expect("of this scale");
        assert_eq!(wrong, [""; 0]);
    }

    #[test]
    fn runs_of_another_scale_are_not_compared_and_stay() {
        let mut baseline = Baseline::default();
        baseline.take(&table(&[("send", 8.0, 0.5)], 400.0));
        let mut large = table(&[("send", 80.0, 0.1)], 400.0);
        large.scale = "large".into();
        let error = baseline.complaints(&large, true).expect_err("no such run");
        let why = "bench/baseline.json has no run of large, but of: small";
        assert_eq!(error.to_string(), why);
        baseline.take(&large);
        assert_eq!(baseline.0.len(), 2);
        let text = serde_json::to_string(&baseline).expect("names and numbers");
        let read: Baseline = serde_json::from_str(&text).expect("as it was written");
        assert_eq!(read, baseline);
    }

    #[test]
    fn numbers_are_rounded_to_what_counts() {
        let numbers = [12.345_67, 0.001_234_56, 81_234_567.0, 0.0];
        assert_eq!(numbers.map(rounded), [12.35, 0.001_235, 81_230_000.0, 0.0]);
    }

    #[test]
    fn the_committed_baseline_can_be_read() {
        Baseline::read().expect("a baseline");
    }
}
