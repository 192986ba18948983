//! The settings and the state of a Redis, and the SQL database that it belongs to.

use std::time::Duration;

use fred::types::{Value, config::Server};
use futures_util::future::try_join_all;
use model::Tick;

use super::Memory;
use crate::wire::{Error, Hot, META, Result, arg, text};

/// The version of the format of all keys.
pub const FORMAT: &str = "1";

/// The field of [`META`] with the time from which on orders of chats can be relied upon.
const ORDERED_FROM: &str = "ordered_from";
/// The time that a rolling upgrade may take, from a release whose processes mark no chat.
const UPGRADE: Duration = Duration::from_secs(3600);

/// The only `maxmemory-policy` under which no unsaved row is evicted.
pub(crate) const NO_EVICTION: &str = "noeviction";
/// The number of seconds after which a replica that confirms nothing is no longer in step. A
/// replica confirms once a second; this is Redis' own `min-replicas-max-lag`.
const REPLICA_LAG: u64 = 10;

/// The settings and state of a Redis, as it tells them: by INFO, and by CONFIG only what INFO does
/// not have. `None`: it does not tell (a managed Redis may refuse CONFIG).
#[derive(Clone, Debug, Default)]
pub struct ServerFacts {
    /// The version, as in `7.0.15`; of a Valkey, the version of Redis that it stands for.
    pub version: String,
    /// False for a replica, which takes no writes.
    pub primary: bool,
    /// True when it tells by which process and history it is known ([`Hot::identity`]).
    pub identified: bool,
    /// `notify-keyspace-events`.
    pub events: Option<String>,
    /// `maxmemory-policy`.
    pub eviction: Option<String>,
    /// `appendonly`.
    pub aof: Option<bool>,
    /// True while the append only file is rewritten, or about to be.
    pub rewrites: bool,
    /// `appendfsync`.
    pub fsync: Option<String>,
    /// The number of connected replicas.
    pub replicas: usize,
    /// The number of replicas that keep up with what is written.
    pub replicas_in_step: usize,
    /// The memory, and its limit.
    pub memory: Memory,
    /// The clock of Redis.
    pub time: Tick,
    /// True when WAITAOF tells what is on disk (Redis 7.2, Valkey).
    pub wait_aof: bool,
    /// True when WAITAOF may answer too early with `everysec`: it answers at once while the last
    /// fsync is less than a second old, no matter what was written since. So does every Valkey, and
    /// Redis 7.4; 8.0 has mended it (<https://github.com/redis/redis/pull/13793>).
    pub wait_aof_is_early: bool,
}

impl ServerFacts {
    /// True when every acknowledged write is on disk.
    pub fn fsyncs_always(&self) -> bool {
        self.aof == Some(true) && self.fsync.as_deref() == Some("always")
    }

    /// True unless Redis is known to evict nothing.
    pub fn may_evict(&self) -> bool {
        self.eviction.as_deref() != Some(NO_EVICTION)
    }

    /// True when Redis is known to evict rows once it is full.
    pub fn evicts(&self) -> bool {
        self.eviction.is_some() && self.may_evict()
    }

    /// Reads the answer of INFO.
    pub(crate) fn read(info: &str) -> Self {
        let has = |name| field(info, name).is_some_and(|value| value != "0");
        let mut facts = Self {
            version: field(info, "redis_version").unwrap_or_default().to_owned(),
            primary: field(info, "role") == Some("master"),
            identified: field(info, "run_id").is_some() && field(info, "master_replid2").is_some(),
            eviction: field(info, "maxmemory_policy").map(str::to_owned),
            aof: field(info, "aof_enabled").map(|enabled| enabled == "1"),
            rewrites: has("aof_rewrite_in_progress") || has("aof_rewrite_scheduled"),
            replicas: number(info, "connected_slaves").unwrap_or_default(),
            replicas_in_step: replicas_in_step(info),
            memory: Memory::read(info),
            ..Self::default()
        };
        facts.wait_aof_is_early =
            field(info, "valkey_version").is_some() || facts.release() < (8, 0);
        facts.wait_aof = facts.release() >= (7, 2) && facts.aof == Some(true);
        facts
    }

    /// Adds the settings that CONFIG tells.
    pub(crate) fn with(self, settings: Settings) -> Self {
        let Settings { events, fsync } = settings;
        Self {
            events,
            fsync,
            ..self
        }
    }

    /// Combines two nodes of a cluster: what both can do; and the setting that is not as it should
    /// be, or not known, if one is not.
    fn weakest(self, other: Self) -> Self {
        Self {
            version: if self.release() <= other.release() {
                self.version
            } else {
                other.version
            },
            primary: self.primary && other.primary,
            identified: self.identified && other.identified,
            events: worse(self.events, other.events, |events| sends_expiries(events)),
            eviction: worse(self.eviction, other.eviction, |policy| {
                policy == NO_EVICTION
            }),
            aof: worse(self.aof, other.aof, |on| *on),
            rewrites: self.rewrites || other.rewrites,
            fsync: worse(self.fsync, other.fsync, |fsync| fsync == "always"),
            replicas: self.replicas.min(other.replicas),
            replicas_in_step: self.replicas_in_step.min(other.replicas_in_step),
            memory: self.memory.fuller(other.memory),
            time: self.time.min(other.time),
            wait_aof: self.wait_aof && other.wait_aof,
            wait_aof_is_early: self.wait_aof_is_early || other.wait_aof_is_early,
        }
    }

    /// Combines the nodes of a cluster.
    pub(crate) fn weakest_of(nodes: impl IntoIterator<Item = Self>) -> Self {
        nodes.into_iter().reduce(Self::weakest).unwrap_or_default()
    }

    /// Returns major and minor version; zero when it cannot be read.
    pub fn release(&self) -> (u32, u32) {
        let mut parts = self
            .version
            .split('.')
            .map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }
}

/// Returns the worse of two settings: one that is not good, else one that is not known.
fn worse<T>(one: Option<T>, other: Option<T>, good: fn(&T) -> bool) -> Option<T> {
    match (one, other) {
        (Some(one), _) if !good(&one) => Some(one),
        (_, Some(other)) if !good(&other) => Some(other),
        (one, other) => one.and(other),
    }
}

/// Returns true when Redis publishes expiries: `E` stands for keyevent channels, `x` for expiries,
/// `A` for events of all kinds.
pub(crate) fn sends_expiries(events: &str) -> bool {
    events.contains('E') && (events.contains('x') || events.contains('A'))
}

/// Reads a field of an answer of INFO.
pub(crate) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

/// Reads a number of an answer of INFO.
pub(crate) fn number<T: std::str::FromStr>(info: &str, name: &str) -> Option<T> {
    field(info, name)?.parse().ok()
}

/// Counts the replicas that have confirmed a part of the stream, and said so not long ago. One that
/// still loads its first copy has confirmed nothing.
pub(crate) fn replicas_in_step(info: &str) -> usize {
    let in_step = |replica: &str| {
        let part = |name: &str| {
            let mut parts = replica.split(',').map(str::trim);
            parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        let amount = |name| part(name).and_then(|value| value.parse::<u64>().ok());
        part("state") == Some("online")
            && amount("offset").is_some_and(|offset| offset > 0)
            && amount("lag").is_some_and(|lag| lag <= REPLICA_LAG)
    };
    let replicas = info.lines().filter_map(|line| {
        let (number, replica) = line.strip_prefix("slave")?.split_once(':')?;
        number.parse::<u32>().ok().map(|_| replica)
    });
    replicas.filter(|replica| in_step(replica)).count()
}

/// The settings that only CONFIG tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    events: Option<String>,
    fsync: Option<String>,
}

impl Settings {
    fn read(answer: Value) -> Self {
        let mut settings = Self::default();
        let mut words = answer.into_array().into_iter().map(text);
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            match name.as_str() {
                "notify-keyspace-events" => settings.events = Some(value),
                "appendfsync" => settings.fsync = Some(value),
                _ => {}
            }
        }
        settings
    }

    /// True when Redis told nothing, as it does when it refuses CONFIG.
    pub(crate) fn are_hidden(&self) -> bool {
        self.events.is_none() && self.fsync.is_none()
    }
}

/// The relation of a Redis to an SQL database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Redis belongs to this database.
    Matches,
    /// Redis belongs to no database yet.
    Unpaired,
    /// Redis belongs to another incarnation of SQL.
    Other(String),
    /// The keys have another format.
    Format(String),
}

impl Hot {
    /// Asks the server; of a cluster, all primaries, and returns the weakest of each.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn facts(&self) -> Result<ServerFacts> {
        let nodes = self.nodes().into_iter().map(|node| self.facts_of(node));
        let mut facts = ServerFacts::weakest_of(try_join_all(nodes).await?);
        facts.time = self.now().await?;
        Ok(facts)
    }

    async fn facts_of(&self, node: Option<Server>) -> Result<ServerFacts> {
        let (facts, settings) =
            futures_util::future::try_join(self.info_of(node.clone()), self.settings_of(node))
                .await?;
        Ok(facts.with(settings))
    }

    /// Asks a node for what INFO tells.
    pub(crate) async fn info_of(&self, node: Option<Server>) -> Result<ServerFacts> {
        let info = text(self.command_on(node, "INFO", vec![]).await?);
        Ok(ServerFacts::read(&info))
    }

    /// Asks a node for the settings that INFO does not have; none, if it refuses.
    pub(crate) async fn settings_of(&self, node: Option<Server>) -> Result<Settings> {
        let names = [
            arg("GET"),
            arg("notify-keyspace-events"),
            arg("appendfsync"),
        ];
        match self.command_on(node, "CONFIG", names.to_vec()).await {
            Ok(value) => Ok(Settings::read(value)),
            Err(Error::Refused { .. }) => Ok(Settings::default()),
            Err(error) => Err(error),
        }
    }

    /// Reads the clock of Redis; of a cluster, the one that is furthest behind.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn now(&self) -> Result<Tick> {
        let times = self
            .everywhere("TIME", vec![])
            .await?
            .into_iter()
            .map(tick_of);
        Ok(times.min().unwrap_or_default())
    }

    /// Makes a Redis that belonged to no database belong to SQL's `incarnation`, unless another was
    /// quicker.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn adopt(&self, incarnation: &str) -> Result<Pairing> {
        // No process of an earlier release has been here.
        self.command("HSETNX", vec![arg(META), arg(ORDERED_FROM), arg(0)])
            .await?;
        self.command(
            "HSETNX",
            vec![arg(META), arg("incarnation"), arg(incarnation)],
        )
        .await?;
        self.command("HSETNX", vec![arg(META), arg("format"), arg(FORMAT)])
            .await?;
        self.pairing(incarnation).await
    }

    /// Returns the time from which on orders of chats can be relied upon: processes of an earlier
    /// release, which mark no chat, have ended by then. It is noted by the first that asks.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    pub async fn ordered_from(&self) -> Result<Tick> {
        if let Some(from) = self.noted_ordered_from().await? {
            return Ok(from);
        }
        let later = Tick::now().later(UPGRADE);
        let note = vec![arg(META), arg(ORDERED_FROM), arg(later)];
        match self.command("HSETNX", note).await {
            Err(error) if error.refuses_writes() => return Ok(later),
            noted => noted.map(drop)?,
        }
        Ok(self.noted_ordered_from().await?.unwrap_or(later))
    }

    /// Reads the time from which on orders of chats can be relied upon; `None` when no process has
    /// noted one.
    pub(crate) async fn noted_ordered_from(&self) -> Result<Option<Tick>> {
        let noted = self.command("HGET", vec![arg(META), arg(ORDERED_FROM)]);
        Ok(noted.await?.as_i64().map(Tick))
    }

    /// Returns the id of the files that this Redis belongs with: `id` from now on, if there was
    /// none.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn adopt_files(&self, id: &str) -> Result<String> {
        self.command("HSETNX", vec![arg(META), arg("files"), arg(id)])
            .await?;
        Ok(self.files().await?.unwrap_or_default())
    }

    /// Reads the id of the files that this Redis belongs with, if there are any.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn files(&self) -> Result<Option<String>> {
        Ok(self
            .command("HGET", vec![arg(META), arg("files")])
            .await?
            .into_string())
    }

    /// Tells whether this Redis belongs to SQL's `incarnation`. It only reads, so that it can when
    /// Redis is full.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn pairing(&self, incarnation: &str) -> Result<Pairing> {
        let mut found = self
            .command("HMGET", vec![arg(META), arg("incarnation"), arg("format")])
            .await?
            .into_array()
            .into_iter();
        let (theirs, format) = (
            found.next().map(text).unwrap_or_default(),
            found.next().map(text).unwrap_or_default(),
        );
        Ok(match () {
            () if theirs.is_empty() || format.is_empty() => Pairing::Unpaired,
            () if format != FORMAT => Pairing::Format(format),
            () if theirs != incarnation => Pairing::Other(theirs),
            () => Pairing::Matches,
        })
    }
}

/// Reads the answer of TIME.
pub(crate) fn tick_of(time: Value) -> Tick {
    let time = time.into_array();
    let part = |at: usize| time.get(at).and_then(Value::as_i64).unwrap_or_default();
    Tick(part(0) * 1_000_000 + part(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Server\r\nredis_version:7.2.4\r\n# Memory\r\nused_memory:100\r\n\
        total_system_memory:1000\r\nmaxmemory:400\r\nmaxmemory_policy:noeviction\r\n\
        # Persistence\r\naof_enabled:1\r\naof_rewrite_in_progress:0\r\n\
        aof_rewrite_scheduled:0\r\n# Replication\r\nrole:master\r\nconnected_slaves:3\r\n\
        slave0:ip=10.0.0.1,port=6379,state=online,offset=14,lag=1\r\n\
        slave1:ip=10.0.0.2,port=6379,state=wait_bgsave,offset=0,lag=0\r\n\
        slave2:ip=10.0.0.3,port=6379,state=online,offset=14,lag=40\r\n\
        master_replid2:0\r\n";

    fn facts(version: &str) -> ServerFacts {
        ServerFacts {
            version: version.into(),
            primary: true,
            events: Some("Ex".into()),
            eviction: Some("noeviction".into()),
            aof: Some(true),
            fsync: Some("always".into()),
            replicas: 1,
            replicas_in_step: 1,
            time: Tick(10),
            wait_aof: true,
            ..ServerFacts::default()
        }
    }

    #[test]
    fn what_redis_tells_without_config_is_read() {
        let facts = ServerFacts::read(INFO);
        assert_eq!(facts.release(), (7, 2));
        assert_eq!(facts.eviction.as_deref(), Some("noeviction"));
        assert_eq!((facts.aof, facts.rewrites), (Some(true), false));
        assert_eq!((facts.replicas, facts.replicas_in_step), (3, 1));
        assert!(facts.primary && facts.wait_aof && facts.wait_aof_is_early);
        assert!(!facts.may_evict());
        let evicts = ServerFacts::read(&INFO.replace("noeviction", "allkeys-lru"));
        assert!(evicts.may_evict());
        let off = ServerFacts::read(&INFO.replace("aof_enabled:1", "aof_enabled:0"));
        assert_eq!((off.aof, off.wait_aof), (Some(false), false));
        let replica = ServerFacts::read(&INFO.replace("role:master", "role:slave"));
        assert!(!replica.primary);
        let rewrites = ServerFacts::read(&INFO.replace("scheduled:0", "scheduled:1"));
        assert!(rewrites.rewrites);
    }

    #[test]
    fn what_redis_does_not_tell_is_not_taken_for_good() {
        let facts = ServerFacts::read("");
        assert!(facts.may_evict() && !facts.primary && !facts.wait_aof);
        assert_eq!((facts.aof, facts.fsync.as_deref()), (None, None));
        assert!(!facts.fsyncs_always());
    }

    #[test]
    fn settings_are_read_by_their_names() {
        let words = ["appendfsync", "always", "notify-keyspace-events", "Ex"];
        let answer = Value::Array(words.map(Value::from).to_vec());
        let facts = ServerFacts::read(INFO).with(Settings::read(answer));
        assert!(facts.fsyncs_always());
        assert_eq!(facts.events.as_deref(), Some("Ex"));
        assert!(Settings::read(Value::Array(vec![])).are_hidden());
    }

    #[test]
    fn a_release_is_its_first_two_numbers() {
        assert_eq!(facts("7.0.15").release(), (7, 0));
        assert_eq!(facts("8.2").release(), (8, 2));
        assert_eq!(facts("").release(), (0, 0));
    }

    #[test]
    fn of_two_nodes_the_weakest_of_each_counts() {
        let other = ServerFacts {
            events: Some(String::new()),
            eviction: None,
            fsync: Some("everysec".into()),
            replicas_in_step: 0,
            time: Tick(9),
            wait_aof: false,
            wait_aof_is_early: true,
            ..facts("7.10.1")
        };
        for both in [
            facts("7.2.4").weakest(other.clone()),
            other.clone().weakest(facts("7.2.4")),
        ] {
            assert_eq!(both.version, "7.2.4");
            assert_eq!(both.events.as_deref(), Some(""));
            assert_eq!(both.eviction, None, "one does not tell");
            assert_eq!(
                (both.aof, both.fsync.as_deref()),
                (Some(true), Some("everysec"))
            );
            assert_eq!((both.replicas_in_step, both.time), (0, Tick(9)));
            assert_eq!((both.wait_aof, both.wait_aof_is_early), (false, true));
            assert!(!both.fsyncs_always() && both.may_evict() && both.primary);
        }
        assert!(facts("8.0").weakest(facts("8.0")).fsyncs_always());
    }

    #[test]
    fn expiries_are_among_the_events() {
        assert!(sends_expiries("Ex") && sends_expiries("xE") && sends_expiries("AKE"));
        assert!(!sends_expiries("") && !sends_expiries("Kx") && !sends_expiries("E"));
    }

    #[test]
    fn a_time_is_seconds_and_microseconds() {
        assert_eq!(
            tick_of(Value::Array(vec!["2".into(), "5".into()])),
            Tick(2_000_005)
        );
    }
}
