//! The checks of what Carrier depends on in a Redis; the same at start, by `carrier doctor`, and
//! while it runs. What is not known is not taken for good.

use super::{ServerFacts, facts::sends_expiries};

/// The consequence of a check that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Acknowledged changes may be lost, or nothing works: a role does not start.
    Fatal,
    /// It is slower, or less durable, than it could be.
    Unwise,
}

/// A check of one setting of a Redis, or of its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The setting.
    pub name: &'static str,
    /// Its value.
    pub found: String,
    /// True when it is as it should be.
    pub good: bool,
    /// False when Redis does not tell the value, as a managed one may not.
    pub known: bool,
    /// The consequence when it is not good.
    pub severity: Severity,
    /// The harm that it does when it is not good.
    pub harm: &'static str,
    /// The way to put it right.
    pub fix: &'static str,
}

impl Check {
    fn new(name: &'static str, severity: Severity, harm: &'static str, fix: &'static str) -> Self {
        Self {
            name,
            found: String::new(),
            good: true,
            known: true,
            severity,
            harm,
            fix,
        }
    }

    /// Adds the value that was found, and whether it is good; a value that is not known is not.
    fn found(self, value: Option<impl Into<String>>, good: bool) -> Self {
        Self {
            known: value.is_some(),
            good: good && value.is_some(),
            found: value.map_or_else(|| "not told by Redis".to_owned(), Into::into),
            ..self
        }
    }
}

impl ServerFacts {
    /// Checks everything that Redis tells of itself.
    pub fn checks(&self) -> Vec<Check> {
        vec![
            self.check_version(),
            self.check_role(),
            self.check_identity(),
            self.check_eviction(),
            self.check_aof(),
            self.check_fsync(),
            self.check_events(),
            self.check_memory(),
            self.check_replicas(),
        ]
    }

    fn check_version(&self) -> Check {
        Check::new(
            "version",
            Severity::Fatal,
            "Carrier needs 7.0 or newer (or Valkey)",
            "install Redis 7.0 or newer, or Valkey",
        )
        .found(Some(&self.version), self.release() >= (7, 0))
    }

    fn check_role(&self) -> Check {
        Check::new(
            "role",
            Severity::Fatal,
            "it takes no writes",
            "set CARRIER_REDIS_URL to the primary",
        )
        .found(
            Some(if self.primary { "primary" } else { "replica" }),
            self.primary,
        )
    }

    fn check_identity(&self) -> Check {
        Check::new(
            "run_id",
            Severity::Fatal,
            "nobody would notice that Redis was started again, or promoted, without what it had",
            "use a Redis whose INFO tells run_id and master_replid2",
        )
        .found(
            Some(if self.identified {
                "told"
            } else {
                "not told by Redis"
            }),
            self.identified,
        )
    }

    fn check_eviction(&self) -> Check {
        Check::new(
            "maxmemory-policy",
            Severity::Fatal,
            "Redis would evict unsaved messages",
            "run `redis-cli CONFIG SET maxmemory-policy noeviction`",
        )
        .found(self.eviction.as_ref(), !self.may_evict())
    }

    fn check_aof(&self) -> Check {
        Check::new(
            "appendonly",
            Severity::Fatal,
            "a restart of Redis loses acknowledged changes that are not saved yet",
            "run `redis-cli CONFIG SET appendonly yes`, or accept the loss with \
             CARRIER_ACCEPT=loss",
        )
        .found(
            self.aof.map(|on| if on { "yes" } else { "no" }),
            self.aof == Some(true),
        )
    }

    /// Checks `appendfsync`. It need not be known where WAITAOF tells what is on disk.
    fn check_fsync(&self) -> Check {
        let check = Check::new(
            "appendfsync",
            Severity::Fatal,
            "SQL could have changes that Redis loses",
            "run `redis-cli CONFIG SET appendfsync everysec`, or always",
        );
        match &self.fsync {
            _ if self.aof == Some(false) => check.found(Some("without an append only file"), true),
            None if self.wait_aof => check.found(Some("not told by Redis; WAITAOF tells"), true),
            fsync => check.found(fsync.as_ref(), fsync.as_deref() != Some("no")),
        }
    }

    fn check_events(&self) -> Check {
        Check::new(
            "notify-keyspace-events",
            Severity::Unwise,
            "only the sweep finds expired keys",
            "run `redis-cli CONFIG SET notify-keyspace-events Ex`",
        )
        .found(
            self.events.as_ref().map(|events| format!("{events:?}")),
            self.events.as_deref().is_some_and(sends_expiries),
        )
    }

    fn check_memory(&self) -> Check {
        let found = if self.memory.bounded {
            format!("{} MiB", self.memory.limit >> 20)
        } else {
            format!("none, on a machine of {} MiB", self.memory.machine >> 20)
        };
        Check::new(
            "maxmemory",
            Severity::Unwise,
            "the system may kill Redis before it is known to be full",
            "run `redis-cli CONFIG SET maxmemory` with about 60 % of the memory that Redis has",
        )
        .found(Some(found), self.memory.bounded)
    }

    fn check_replicas(&self) -> Check {
        let found = match (self.replicas, self.replicas_in_step) {
            (0, _) => "none".to_owned(),
            (all, in_step) => format!("{in_step} of {all} in step"),
        };
        Check::new(
            "replicas",
            Severity::Unwise,
            "a failover would lose what no replica has",
            "look at the replicas, and at the network between them and Redis",
        )
        .found(Some(found), self.replicas == 0 || self.replicas_in_step > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Memory;

    fn good() -> ServerFacts {
        ServerFacts {
            version: "7.0.15".into(),
            primary: true,
            identified: true,
            events: Some("xE".into()),
            eviction: Some("noeviction".into()),
            aof: Some(true),
            fsync: Some("everysec".into()),
            memory: Memory {
                bounded: true,
                ..Memory::default()
            },
            ..ServerFacts::default()
        }
    }

    /// Returns each failed check: its name, whether it is known, and whether it is fatal.
    fn failed(facts: &ServerFacts) -> Vec<(&'static str, bool, bool)> {
        let failed = facts.checks().into_iter().filter(|check| !check.good);
        failed
            .map(|check| (check.name, check.known, check.severity == Severity::Fatal))
            .collect()
    }

    #[test]
    fn each_setting_that_is_wrong_is_found() {
        assert_eq!(failed(&good()), []);
        let some = |value: &str| Some(value.to_owned());
        let of = |change: fn(&mut ServerFacts)| {
            let mut facts = good();
            change(&mut facts);
            failed(&facts)
        };
        assert_eq!(
            of(|facts| facts.version = "6.2.1".into()),
            [("version", true, true)]
        );
        assert_eq!(of(|facts| facts.primary = false), [("role", true, true)]);
        assert_eq!(
            of(|facts| facts.identified = false),
            [("run_id", true, true)]
        );
        for policy in ["allkeys-lru", "volatile-ttl"] {
            let facts = ServerFacts {
                eviction: some(policy),
                ..good()
            };
            assert_eq!(failed(&facts), [("maxmemory-policy", true, true)]);
        }
        assert_eq!(
            of(|facts| facts.aof = Some(false)),
            [("appendonly", true, true)]
        );
        assert_eq!(
            of(|facts| facts.fsync = Some("no".into())),
            [("appendfsync", true, true)]
        );
        assert_eq!(
            of(|facts| facts.events = Some("Kx".into())),
            [("notify-keyspace-events", true, false)]
        );
        assert_eq!(
            of(|facts| facts.memory.bounded = false),
            [("maxmemory", true, false)]
        );
        assert_eq!(of(|facts| facts.replicas = 2), [("replicas", true, false)]);
    }

    #[test]
    fn what_is_not_known_is_wrong() {
        let silent = ServerFacts {
            events: None,
            eviction: None,
            aof: None,
            fsync: None,
            ..good()
        };
        assert_eq!(
            failed(&silent),
            [
                ("maxmemory-policy", false, true),
                ("appendonly", false, true),
                ("appendfsync", false, true),
                ("notify-keyspace-events", false, false)
            ]
        );
        let tells_by_waitaof = ServerFacts {
            fsync: None,
            wait_aof: true,
            ..good()
        };
        assert_eq!(failed(&tells_by_waitaof), []);
    }
}
