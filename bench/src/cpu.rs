//! Time on processors, by process.

use serde::Serialize;

/// The time that each process has spent on processors, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Cpu {
    /// The API, or the empty handler.
    pub(crate) api: f64,
    pub(crate) redis: f64,
    pub(crate) flusher: f64,
    /// The SQL server; SQLite has no process, and works in those of the API and the flusher.
    pub(crate) sql: f64,
}

impl Cpu {
    /// Returns the parts with their names, in the order in which a send meets them.
    pub(crate) fn parts(&self) -> [(&'static str, f64); 4] {
        [
            ("api", self.api),
            ("redis", self.redis),
            ("flusher", self.flusher),
            ("sql", self.sql),
        ]
    }

    /// Returns the time of all processes.
    pub(crate) fn total(&self) -> f64 {
        self.parts().iter().map(|(_, time)| time).sum()
    }

    /// Returns the time of each of so many operations, given the time before them.
    pub(crate) fn each(&self, before: &Self, operations: f64) -> Self {
        let of = |part: fn(&Self) -> f64| (part(self) - part(before)) / operations;
        Self {
            api: of(|cpu| cpu.api),
            redis: of(|cpu| cpu.redis),
            flusher: of(|cpu| cpu.flusher),
            sql: of(|cpu| cpu.sql),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_costs_its_part_of_the_time_since_before() {
        let cpu = |api, redis, flusher, sql| Cpu {
            api,
            redis,
            flusher,
            sql,
        };
        let each = cpu(110.0, 60.0, 5.0, 8.0).each(&cpu(10.0, 20.0, 5.0, 0.0), 20.0);
        assert_eq!(each, cpu(5.0, 2.0, 0.0, 0.4));
        assert!((each.total() - 7.4).abs() < 1e-9);
    }
}
