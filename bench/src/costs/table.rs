//! The table: what was measured, in figures and in print.

use std::fmt;

use serde::Serialize;

use super::{load::Latencies, rows::Law};
use crate::cpu::Cpu;

/// The bytes of a mebibyte.
const MIB: f64 = 1_048_576.0;

/// A measurement of a row.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Operations a second, in a closed loop.
    pub(crate) per_second: f64,
    /// The time on processors of an operation.
    pub(crate) cpu: Cpu,
    /// The latencies of an open loop; a row that is no request has none.
    pub(crate) latency: Option<Latency>,
}

/// Latencies from the scheduled times, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

impl From<Latencies> for Latency {
    fn from(latencies: Latencies) -> Self {
        let of = |part| latencies.value_at_quantile(part) as f64;
        Self {
            p50: of(0.5),
            p99: of(0.99),
            p999: of(0.999),
        }
    }
}

/// A row: the medians of its measurements.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) per_second: f64,
    /// Operations a second, in times of those of the empty handler in the same round.
    pub(crate) speed_of_floor: f64,
    /// Microseconds.
    pub(crate) cpu: Cpu,
    /// The time of all processes, in times of that of the empty handler in the same round.
    pub(crate) cpu_of_floor: f64,
    /// Microseconds.
    pub(crate) latency: Option<Latency>,
}

impl Row {
    /// Makes a row of its measurements, each with that of the floor in the same round.
    pub(crate) fn new(name: &str, rounds: &[(Sample, Sample)]) -> Self {
        let of = |value: fn(&Sample) -> f64| median(rounds.iter().map(|(own, _)| value(own)));
        let ratio = |value: fn(&Sample) -> f64| {
            median(rounds.iter().map(|(own, floor)| value(own) / value(floor)))
        };
        let latencies = rounds.iter().filter_map(|(own, _)| own.latency);
        let latency = |value: fn(&Latency) -> f64| median(latencies.clone().map(|all| value(&all)));
        Self {
            name: name.to_owned(),
            per_second: of(|sample| sample.per_second),
            speed_of_floor: ratio(|sample| sample.per_second),
            cpu: Cpu {
                api: of(|sample| sample.cpu.api),
                redis: of(|sample| sample.cpu.redis),
                flusher: of(|sample| sample.cpu.flusher),
                sql: of(|sample| sample.cpu.sql),
            },
            cpu_of_floor: ratio(|sample| sample.cpu.total()),
            latency: latencies.clone().next().map(|_| Latency {
                p50: latency(|all| all.p50),
                p99: latency(|all| all.p99),
                p999: latency(|all| all.p999),
            }),
        }
    }
}

/// Returns the median, the lower one of two; zero of nothing.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(0.0)
}

/// A number of bytes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Room {
    pub(crate) name: String,
    pub(crate) bytes: f64,
}

/// The cost of a row in times of that of one on less.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Growth {
    pub(crate) name: String,
    pub(crate) than: String,
    pub(crate) times: f64,
    /// The most that is allowed.
    pub(crate) bound: f64,
}

/// The whole.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Table {
    /// The scale of the run, in words.
    pub(crate) scale: String,
    /// The empty handler first.
    pub(crate) rows: Vec<Row>,
    pub(crate) rooms: Vec<Room>,
    pub(crate) growths: Vec<Growth>,
}

impl Table {
    /// Adds how much more a row costs than one on less, if both were measured.
    pub(crate) fn compare(&mut self, name: &str, law: Law) {
        let cpu = |name: &str| {
            let row = self.rows.iter().find(|row| row.name == name)?;
            Some(row.cpu.total()).filter(|cpu| *cpu > 0.0)
        };
        if let (Some(more), Some(less)) = (cpu(name), cpu(law.than)) {
            self.growths.push(Growth {
                name: name.to_owned(),
                than: law.than.to_owned(),
                times: more / less,
                bound: law.bound,
            });
        }
    }

    /// Returns a complaint about each row that costs too many times one on less.
    pub(crate) fn overgrown(&self) -> Vec<String> {
        let over = self.growths.iter().filter(|law| law.times > law.bound);
        over.map(|law| {
            format!(
                "{}: at most {:.1} times the CPU of \"{}\" is allowed, now {:.1}",
                law.name, law.bound, law.than, law.times
            )
        })
        .collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.scale)?;
        writeln!(
            f,
            "{:<38} {:>8} {:>8}   {:^39} {:>7}   {:^25}",
            "", "each", "of the", "CPU of each, us", "times", "latency at 60 %, ms"
        )?;
        writeln!(
            f,
            "{:<38} {:>8} {:>8}   {:>9} {:>9} {:>9} {:>9} {:>7}   {:>7} {:>8} {:>8}",
            "", "second", "floor", "api", "redis", "flusher", "sql", "floor", "p50", "p99", "p99.9"
        )?;
        for row in &self.rows {
            let Row {
                name,
                per_second,
                speed_of_floor,
                cpu,
                cpu_of_floor,
                latency,
            } = row;
            let per_second = figure(*per_second);
            write!(f, "{name:<38} {per_second:>8} {speed_of_floor:>8.5}  ")?;
            for (_, time) in cpu.parts() {
                write!(f, " {:>9}", figure(time))?;
            }
            write!(f, " {:>7}  ", figure(*cpu_of_floor))?;
            if let Some(Latency { p50, p99, p999 }) = latency {
                let ms = |us: &f64| us / 1000.0;
                write!(f, " {:>7.2} {:>8.2} {:>8.2}", ms(p50), ms(p99), ms(p999))?;
            }
            writeln!(f)?;
        }
        writeln!(f)?;
        for Room { name, bytes } in &self.rooms {
            match *bytes {
                bytes if bytes >= MIB => writeln!(f, "{name:<38} {:>9.1} MiB", bytes / MIB)?,
                bytes => writeln!(f, "{name:<38} {bytes:>9.0} bytes")?,
            }
        }
        writeln!(f)?;
        for law in &self.growths {
            let Growth {
                name,
                than,
                times,
                bound,
            } = law;
            let held = if times > bound { "OVER" } else { "within" };
            writeln!(f, "{name}: {times:.1} times \"{than}\", {held} {bound:.0}")?;
        }
        Ok(())
    }
}

/// Returns a number with the digits that count.
fn figure(number: f64) -> String {
    let digits = match number {
        number if number >= 100.0 => 0,
        number if number >= 10.0 => 1,
        _ => 2,
    };
    format!("{number:.digits$}")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns a row of which only the ratios matter.
    pub(crate) fn row(name: &str, cpu_of_floor: f64, speed_of_floor: f64) -> Row {
        Row {
            name: name.to_owned(),
            per_second: 1000.0 * speed_of_floor,
            speed_of_floor,
            cpu: Cpu {
                api: 6.0 * cpu_of_floor,
                redis: 4.0 * cpu_of_floor,
                ..Cpu::default()
            },
            cpu_of_floor,
            latency: None,
        }
    }

    fn sample(per_second: f64, api: f64, latency: Option<f64>) -> Sample {
        Sample {
            per_second,
            cpu: Cpu {
                api,
                ..Cpu::default()
            },
            latency: latency.map(|us| Latency {
                p50: us,
                p99: 2.0 * us,
                p999: 3.0 * us,
            }),
        }
    }

    #[test]
    fn the_median_is_the_value_in_the_middle() {
        assert_eq!(median([].into_iter()), 0.0);
        assert_eq!(median([7.0].into_iter()), 7.0);
        assert_eq!(median([9.0, 1.0].into_iter()), 1.0);
        assert_eq!(median([9.0, 1.0, 4.0].into_iter()), 4.0);
    }

    #[test]
    fn a_figure_has_three_digits_or_more() {
        let figures = [0.0, 0.372, 9.0, 45.67, 147_145.4].map(figure);
        assert_eq!(figures, ["0.00", "0.37", "9.00", "45.7", "147145"]);
    }

    #[test]
    fn a_row_has_the_medians_of_its_rounds_and_of_its_ratios_to_the_floor_of_each() {
        let rounds = [
            (sample(10.0, 80.0, Some(5.0)), sample(100.0, 10.0, None)),
            (sample(20.0, 60.0, Some(9.0)), sample(400.0, 5.0, None)),
            (sample(30.0, 70.0, Some(7.0)), sample(100.0, 7.0, None)),
        ];
        let row = Row::new("send", &rounds);
        assert_eq!((row.per_second, row.cpu.api), (20.0, 70.0));
        assert_eq!((row.speed_of_floor, row.cpu_of_floor), (0.1, 10.0));
        let latency = row.latency.expect("it is a request");
        assert_eq!((latency.p50, latency.p99, latency.p999), (7.0, 14.0, 21.0));
        let drain = Row::new("drain", &[(sample(1.0, 1.0, None), sample(1.0, 1.0, None))]);
        assert_eq!(drain.latency, None);
    }

    #[test]
    fn a_row_that_grows_over_its_bound_is_told_and_one_without_the_other_is_not() {
        let law = |than, bound| Law { than, bound };
        let mut table = Table {
            rows: vec![row("few", 2.0, 1.0), row("many", 7.0, 1.0)],
            ..Table::default()
        };
        table.compare("many", law("none", 1.0));
        assert!(table.growths.is_empty());
        table.compare("many", law("few", 3.5));
        assert!(table.overgrown().is_empty(), "{:?}", table.growths);
        table.compare("many", law("few", 2.0));
        let told = r#"many: at most 2.0 times the CPU of "few" is allowed, now 3.5"#;
        assert_eq!(table.overgrown(), [told]);
        let printed = table.to_string();
        assert!(
            printed.contains(r#"many: 3.5 times "few", OVER 2"#),
            "{printed}"
        );
    }
}
