//! Durable first: SQL must never learn what Redis could still forget.

use std::time::Duration;

use hot::Hot;

use crate::Error;

/// How long Redis may take to write to disk, or to a replica.
const PATIENCE: Duration = Duration::from_secs(10);

/// How it is made sure that what a snapshot shows is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disk {
    /// It is when it is acknowledged (`appendfsync always`); or never will be, since there is no AOF.
    Already,
    /// WAITAOF tells (Redis 7.2, Valkey).
    WaitAof,
    /// After this time: `everysec` is late by two seconds at the most.
    Age(Duration),
}

/// What this Redis needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Durable {
    disk: Disk,
    replicas: bool,
}

impl Durable {
    pub(crate) async fn detect(hot: &Hot) -> Result<Self, Error> {
        let facts = hot.facts().await?;
        // A server that does not tell its settings may know WAITAOF and yet refuse it, being without an AOF.
        let disk = if facts.fsyncs_always() || facts.aof == Some(false) {
            Disk::Already
        } else if facts.wait_aof && !matches!(hot.wait_aof(Duration::from_millis(1)).await, Err(hot::Error::Refused { .. })) {
            Disk::WaitAof
        } else {
            Disk::Age(Duration::from_secs(2))
        };
        Ok(Self { disk, replicas: facts.replicas > 0 })
    }

    /// Rows younger than this are left for later.
    pub(crate) fn age(self) -> Duration {
        match self.disk {
            Disk::Age(age) => age,
            Disk::Already | Disk::WaitAof => Duration::ZERO,
        }
    }

    /// Waits until all that snapshots on this connection have shown is durable.
    pub(crate) async fn wait(self, hot: &Hot) -> Result<(), Error> {
        let on_disk = self.disk != Disk::WaitAof || hot.wait_aof(PATIENCE).await?;
        let elsewhere = !self.replicas || hot.wait_replica(PATIENCE).await?;
        if on_disk && elsewhere { Ok(()) } else { Err(Error::NotDurable) }
    }
}
