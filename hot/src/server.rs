//! What kind of Redis this is, and which SQL it belongs to.

use fred::types::{Value, config::Server};
use futures_util::future::try_join_all;
use model::Tick;

use crate::{Error, Hot, Result, client::arg, keys::META, reply::text};

/// The version of the format of all keys.
pub const FORMAT: &str = "1";

/// What a Redis says of itself. `None`: it does not tell (a managed Redis may refuse CONFIG).
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// As in `7.0.15`; of a Valkey, the version of Redis it stands for.
    pub version: String,
    /// `notify-keyspace-events`.
    pub events: Option<String>,
    /// `maxmemory-policy`.
    pub eviction: Option<String>,
    /// `appendonly`.
    pub aof: Option<bool>,
    /// `appendfsync`.
    pub fsync: Option<String>,
    /// How many replicas are connected.
    pub replicas: i64,
    /// Its clock.
    pub time: Tick,
    /// It tells what is on disk, by WAITAOF (Redis 7.2, Valkey).
    pub wait_aof: bool,
    /// With `everysec` it may tell so too early: WAITAOF answers at once while the last fsync is less than a second old, whatever was written since. So
    /// does every Valkey, and Redis 7.4; 8.0 has mended it (<https://github.com/redis/redis/pull/13793>).
    pub hasty: bool,
}

impl Facts {
    /// Whatever was acknowledged is on disk.
    pub fn fsyncs_always(&self) -> bool {
        self.aof == Some(true) && self.fsync.as_deref() == Some("always")
    }

    /// Of two nodes of a cluster, what both can do; and the setting that is not as it should be, if one is not.
    fn weakest(self, other: Self) -> Self {
        let worse = |one: Option<String>, two: Option<String>, good: fn(&str) -> bool| match one {
            Some(one) if !good(&one) => Some(one),
            _ => two,
        };
        Self {
            version: if self.release() <= other.release() { self.version } else { other.version },
            events: worse(self.events, other.events, |events| events.contains('E')),
            eviction: worse(self.eviction, other.eviction, |policy| policy == "noeviction"),
            aof: if self.aof == Some(false) { self.aof } else { other.aof },
            fsync: worse(self.fsync, other.fsync, |fsync| fsync == "always"),
            replicas: self.replicas.min(other.replicas),
            time: self.time.min(other.time),
            wait_aof: self.wait_aof && other.wait_aof,
            hasty: self.hasty || other.hasty,
        }
    }

    /// Major and minor version; zero when it cannot be read.
    pub fn release(&self) -> (u32, u32) {
        let mut parts = self.version.split('.').map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }
}

/// Whether this Redis belongs to an SQL database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Belongs {
    /// It does.
    Yes,
    /// It is nobody's yet.
    ToNobody,
    /// It belongs to another incarnation.
    ToAnother(String),
    /// Its keys have another format.
    Format(String),
}

impl Hot {
    /// Asks the server; of a cluster, all primaries, and tells the weakest of each.
    pub async fn facts(&self) -> Result<Facts> {
        let nodes = self.primaries().map_or_else(|| vec![None], |nodes| nodes.into_iter().map(Some).collect());
        let facts = try_join_all(nodes.into_iter().map(|node| self.facts_of(node))).await?;
        let mut facts = facts.into_iter().reduce(Facts::weakest).unwrap_or_default();
        facts.time = self.now().await?;
        Ok(facts)
    }

    async fn facts_of(&self, node: Option<Server>) -> Result<Facts> {
        let info = text(self.command_on(node.clone(), "INFO", vec![]).await?);
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        let config = |name| self.config(node.clone(), name);
        let mut facts = Facts {
            version: field("redis_version").unwrap_or_default().to_owned(),
            replicas: field("connected_slaves").and_then(|count| count.parse().ok()).unwrap_or_default(),
            time: Tick::NEVER,
            events: config("notify-keyspace-events").await?,
            eviction: config("maxmemory-policy").await?,
            aof: config("appendonly").await?.map(|value| value == "yes"),
            fsync: config("appendfsync").await?,
            wait_aof: false,
            hasty: false,
        };
        facts.hasty = field("valkey_version").is_some() || facts.release() < (8, 0);
        facts.wait_aof = facts.release() >= (7, 2)
            && match facts.aof {
                Some(on) => on,
                // A server that does not tell its settings may know WAITAOF and yet refuse it, being without an AOF.
                None => {
                    let asked = self.command_on(node, "WAITAOF", vec![arg(1), arg(0), arg(1)]).await;
                    !matches!(asked, Err(Error::Refused { .. }))
                }
            };
        Ok(facts)
    }

    /// What Redis' clock says; of a cluster, the one that is furthest behind.
    pub async fn now(&self) -> Result<Tick> {
        let times = self.everywhere("TIME", vec![]).await?.into_iter().map(tick_of);
        Ok(times.min().unwrap_or_default())
    }

    async fn config(&self, node: Option<Server>, name: &'static str) -> Result<Option<String>> {
        match self.command_on(node, "CONFIG", vec![arg("GET"), arg(name)]).await {
            Ok(value) => Ok(value.into_array().into_iter().nth(1).map(text)),
            Err(Error::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// This Redis, which was nobody's, belongs to SQL's `incarnation` from now on; unless another was quicker.
    pub async fn adopt(&self, incarnation: &str) -> Result<Belongs> {
        self.command("HSETNX", vec![arg(META), arg("incarnation"), arg(incarnation)]).await?;
        self.command("HSETNX", vec![arg(META), arg("format"), arg(FORMAT)]).await?;
        self.belongs(incarnation).await
    }

    /// The id of the files that this Redis belongs with: `id` from now on, if there was none.
    pub async fn adopt_files(&self, id: &str) -> Result<String> {
        self.command("HSETNX", vec![arg(META), arg("files"), arg(id)]).await?;
        Ok(self.files().await?.unwrap_or_default())
    }

    /// The id of the files that this Redis belongs with, if there are any.
    pub async fn files(&self) -> Result<Option<String>> {
        Ok(self.command("HGET", vec![arg(META), arg("files")]).await?.into_string())
    }

    /// Does this Redis belong to SQL's `incarnation`? It only looks, so that it can when Redis is full.
    pub async fn belongs(&self, incarnation: &str) -> Result<Belongs> {
        let mut found = self.command("HMGET", vec![arg(META), arg("incarnation"), arg("format")]).await?.into_array().into_iter();
        let (theirs, format) = (found.next().map(text).unwrap_or_default(), found.next().map(text).unwrap_or_default());
        Ok(match () {
            () if theirs.is_empty() || format.is_empty() => Belongs::ToNobody,
            () if format != FORMAT => Belongs::Format(format),
            () if theirs != incarnation => Belongs::ToAnother(theirs),
            () => Belongs::Yes,
        })
    }
}

/// Reads what TIME answers.
pub(crate) fn tick_of(time: Value) -> Tick {
    let time = time.into_array();
    let part = |at: usize| time.get(at).and_then(Value::as_i64).unwrap_or_default();
    Tick(part(0) * 1_000_000 + part(1))
}
