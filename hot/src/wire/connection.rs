//! The connection to Redis, on which scripts and commands are run.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use fred::{
    prelude::*,
    types::{
        ClusterHash, CustomCommand, Key, RespVersion, Value, cluster::ClusterRouting,
        config::Server,
    },
    util::redis_keyslot,
};
use futures_util::future::try_join_all;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use super::{
    Call, Error, Reply, Result, Scripts, Verb,
    fence::{Fence, doubt_new_connections},
    flight::Flights,
    history::History,
    marking::Markings,
    meter::{charge_call, size},
    settled::Settled,
    stay_with_primary,
};

/// The time between two notes of a session's use, unless its life is short.
const SEEN_EVERY: Duration = Duration::from_secs(60);

/// The commands that are sent together.
const TOGETHER: usize = 512;

/// The errors of a Redis that is a replica, or becomes one.
const OF_REPLICAS: [&str; 3] = ["READONLY", "MASTERDOWN", "LOADING"];

/// The settings of a connection to Redis.
#[derive(Clone, Debug)]
pub struct Options {
    /// The URL: `redis://`, `rediss://`, `redis-cluster://` or `redis+unix://`.
    pub url: String,
    /// The time for which a chat stays warm after its last use.
    pub chat_ttl: Duration,
    /// The time for which a session lives after its last use.
    pub session_ttl: Duration,
    /// The longest time that a change waits for others to be saved together with it.
    pub flush_after: Duration,
    /// The number of a chat's newest messages that stay in Redis although they are saved.
    pub hot_messages: usize,
    /// The time that a hydration may take before another may begin.
    pub hydrate_lease: Duration,
    /// The time after which a command counts as lost.
    pub command_timeout: Duration,
    /// The time for which a replica that is gone is waited for.
    pub replica_patience: Patience,
    /// The scripts, as they are or as a test alters them.
    pub scripts: Scripts,
}

/// The time for which something is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// For so long, and then it is done without.
    For(Duration),
    /// Until it is there.
    Forever,
}

impl Options {
    /// Returns the defaults, for the Redis at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            chat_ttl: Duration::from_secs(30 * 60),
            session_ttl: Duration::from_secs(7 * 24 * 3600),
            flush_after: Duration::from_secs(5),
            hot_messages: 50,
            hydrate_lease: Duration::from_secs(10),
            command_timeout: Duration::from_secs(5),
            replica_patience: Patience::For(Duration::from_secs(60)),
            scripts: Scripts::default(),
        }
    }
}

impl Options {
    /// Returns the shortest time between two notes of a session's use.
    pub fn seen_every(&self) -> Duration {
        SEEN_EVERY.min(self.session_ttl / 4)
    }

    /// Returns the time for which a user stays after the last note of a session's use.
    pub(crate) fn user_ttl(&self) -> Duration {
        self.chat_ttl.max(self.seen_every() * 2)
    }
}

/// The longest time to wait for the end of a connection.
const CLOSE: Duration = Duration::from_secs(1);

/// A connection to Redis. Clones share it, and commands on it are pipelined.
#[derive(Clone)]
pub struct Hot {
    pub(crate) client: Client,
    pub(crate) options: Arc<Options>,
    _life: Arc<Life>,
    pub(crate) fence: Arc<Fence>,
    pub(crate) settled: Arc<Settled>,
    pub(super) flights: Arc<Flights>,
    pub(super) markings: Arc<Markings>,
    pub(crate) history: Arc<History>,
}

/// What ends with the last clone of a connection: its tasks, and the connection itself, which its
/// client would keep.
struct Life {
    client: Client,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Drop for Life {
    fn drop(&mut self) {
        let client = self.client.clone();
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { client.quit().await.ok() });
        }
    }
}

impl Hot {
    /// Connects, and goes on reconnecting for as long as it lives.
    ///
    /// # Errors
    /// Fails when the URL is wrong or Redis cannot be reached now.
    pub async fn connect(options: Options) -> Result<Self> {
        Self::connect_behind(Arc::default(), Arc::default(), options).await
    }

    async fn connect_behind(
        fence: Arc<Fence>,
        settled: Arc<Settled>,
        options: Options,
    ) -> Result<Self> {
        let client = builder(&options)?
            .build()
            .map_err(|error| Error::of("connect", error))?;
        client
            .init()
            .await
            .map_err(|error| Error::of("connect", error))?;
        let doubts = doubt_new_connections(&client, &fence);
        Ok(Self {
            _life: Arc::new(Life {
                client: client.clone(),
                _tasks: [stay_with_primary(&client), doubts],
            }),
            client,
            options: Arc::new(options),
            fence,
            settled,
            flights: Arc::default(),
            markings: Arc::default(),
            history: Arc::default(),
        })
    }

    /// Opens another connection with the same options, behind the same fence, for a caller that
    /// blocks or must not be mixed with other writes.
    ///
    /// # Errors
    /// Fails when Redis cannot be reached now.
    pub async fn new_connection(&self) -> Result<Self> {
        let (fence, settled) = (Arc::clone(&self.fence), Arc::clone(&self.settled));
        Self::connect_behind(fence, settled, (*self.options).clone()).await
    }

    /// Returns this connection as one who works beyond the fence, in the Redis with this
    /// [`identity`](Self::identity) and in no other: with scripts under other names, so that it
    /// opens the fence to nobody else.
    pub fn beyond_fence(&self, identity: &str) -> Self {
        let options = Options {
            scripts: self.options.scripts.only_on(identity),
            ..(*self.options).clone()
        };
        Self {
            options: Arc::new(options),
            fence: Arc::default(),
            flights: Arc::default(),
            ..self.clone()
        }
    }

    /// Returns a commit of each writer that SQL had when rows left Redis, as far as this process
    /// has heard.
    pub fn settled(&self) -> Arc<BTreeMap<String, i64>> {
        self.settled.get()
    }

    /// Returns the options that it was connected with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Closes the connection. A Redis that does not answer is waited for a moment only.
    pub async fn close(&self) {
        match tokio::time::timeout(CLOSE, self.client.quit()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "closing the connection to Redis"),
            Err(_) => tracing::debug!("Redis did not answer to the end of a connection"),
        }
    }

    /// Waits for an answer of Redis.
    ///
    /// # Errors
    /// Fails when there is none in time.
    pub async fn ping(&self) -> Result<()> {
        self.client
            .ping::<()>(None)
            .await
            .map_err(|error| Error::of("PING", error))
    }

    /// Runs a verb once. A Redis that does not know the script (after a restart, a failover, SCRIPT
    /// FLUSH) has not run it. Behind a fence it is then waited for until Redis is proven; a script
    /// that Redis does not know even then is sent whole, and runs only if Redis is the proven one.
    /// After a doubt, Redis is proven first.
    pub(crate) fn run<C: Call>(&self, call: C) -> impl Future<Output = Result<Reply>> {
        let (keys, args) = call.parts();
        let sent: usize = args.iter().map(size).sum();
        async move {
            let once = || self.evaluate(C::VERB, keys.clone(), args.clone());
            let value = self.with_marks(once().await, once).await;
            charge_call(sent + value.as_ref().map_or(0, size));
            Ok(self.reply(C::VERB, value?))
        }
    }

    /// Runs a verb that never wants members to be marked.
    pub(super) async fn run_once<C: Call>(&self, call: C) -> Result<Reply> {
        let (keys, args) = call.parts();
        let value = self.evaluate(C::VERB, keys, args).await?;
        Ok(self.reply(C::VERB, value))
    }

    /// Takes the reply of a verb.
    pub(super) fn reply(&self, verb: Verb, mut value: Value) -> Reply {
        self.settled.take_from(&mut value);
        Reply::new(verb.name(), value)
    }

    pub(super) async fn evaluate(
        &self,
        verb: Verb,
        keys: Vec<Key>,
        args: Vec<Value>,
    ) -> Result<Value> {
        let (source, sha) = self.options.scripts.get(verb);
        // Keys and arguments are cloned without a copy.
        let once = || self.client.evalsha(sha, keys.clone(), args.clone());
        let patience = self.options.command_timeout;
        let mut proven = None;
        if self.fence.is_doubted() {
            proven = Some(self.fence.ask(patience).await.ok_or(Error::Unproven)?);
        }
        let mut result: FredResult<Value> = once().await;
        if is_unknown(&result) && self.fence.is_up() {
            if proven.is_none() {
                proven = self.fence.ask(patience).await;
                result = once().await;
            }
            if let (true, Some(proven)) = (is_unknown(&result), proven) {
                let source = self.options.scripts.source_only_on(verb, &proven);
                result = self.client.eval(source, keys, args).await;
            }
        } else if is_unknown(&result) {
            result = self.client.eval(source, keys, args).await;
        }
        if is_unknown(&result) || begins(&result, "UNPROVEN") {
            return Err(Error::Unproven);
        }
        if OF_REPLICAS.iter().any(|code| begins(&result, code)) {
            self.fence.doubt();
        }
        result.map_err(|error| Error::of(verb.name(), error))
    }

    /// Lists the primaries of a cluster; `None` when it is not one.
    pub(crate) fn primaries(&self) -> Option<Vec<Server>> {
        Some(self.routing()?.unique_primary_nodes())
    }

    /// Lists the primaries, as [`Self::command_on`] takes them: those of a cluster, or the only
    /// node.
    pub(crate) fn nodes(&self) -> Vec<Option<Server>> {
        self.primaries()
            .map_or_else(|| vec![None], |nodes| nodes.into_iter().map(Some).collect())
    }

    /// True for a cluster: its slots are on several nodes, each of which may forget what another
    /// remembers.
    pub fn is_cluster(&self) -> bool {
        self.client.is_clustered()
    }

    /// Returns which node of a cluster has which slot.
    pub(crate) fn routing(&self) -> Option<ClusterRouting> {
        self.client
            .is_clustered()
            .then(|| self.client.cached_cluster_state())
            .flatten()
    }

    /// Returns the node of a cluster that has a key; `None` for the only one.
    pub(crate) fn node_of(&self, key: &str) -> Option<Server> {
        let slot = redis_keyslot(key.as_bytes());
        self.routing()
            .and_then(|routing| routing.get_server(slot).cloned())
    }

    /// Runs a command on every primary.
    pub(crate) async fn everywhere(
        &self,
        name: &'static str,
        args: Vec<Value>,
    ) -> Result<Vec<Value>> {
        let Some(nodes) = self.primaries() else {
            return Ok(vec![self.command(name, args).await?]);
        };
        try_join_all(
            nodes
                .into_iter()
                .map(|node| self.command_on(Some(node), name, args.clone())),
        )
        .await
    }

    /// Runs a command on this node of a cluster, or on the only one.
    pub(crate) async fn command_on(
        &self,
        node: Option<Server>,
        name: &'static str,
        args: Vec<Value>,
    ) -> Result<Value> {
        let Some(node) = node else {
            return self.command(name, args).await;
        };
        let command = CustomCommand::new_static(name, ClusterHash::FirstKey, false);
        self.client
            .with_cluster_node(node)
            .custom(command, args)
            .await
            .map_err(|error| Error::of(name, error))
    }

    /// Runs a verb on this node of a cluster, or on the only one; its source goes along.
    pub(crate) async fn run_on<C: Call>(&self, node: Option<Server>, call: C) -> Result<()> {
        let (source, _) = self.options.scripts.get(C::VERB);
        let (keys, args) = call.parts();
        let mut parts = vec![arg(source), arg(keys.len())];
        parts.extend(keys.into_iter().map(Value::from));
        parts.extend(args);
        self.command_on(node, "EVAL", parts).await.map(drop)
    }

    /// Runs a command of the server itself.
    pub(crate) async fn command(&self, name: &'static str, args: Vec<Value>) -> Result<Value> {
        let command = CustomCommand::new_static(name, ClusterHash::FirstKey, false);
        let answer: FredResult<Value> = self.client.custom(command, args).await;
        charge_call(answer.as_ref().map_or(0, size));
        answer.map_err(|error| Error::of(name, error))
    }

    /// Runs a command of the server itself with each of these arguments, and returns the answers.
    /// They are sent together, which costs this process a third of what they cost one by one; but
    /// in a cluster each goes to the node that has its key.
    pub(crate) async fn commands(
        &self,
        name: &'static str,
        all: Vec<Vec<Value>>,
    ) -> Result<Vec<Value>> {
        if self.client.is_clustered() {
            return try_join_all(all.into_iter().map(|args| self.command(name, args))).await;
        }
        let (mut answers, mut all) = (Vec::with_capacity(all.len()), all.into_iter());
        while all.len() > 0 {
            let pipeline = self.client.pipeline();
            for args in all.by_ref().take(TOGETHER) {
                let command = CustomCommand::new_static(name, ClusterHash::FirstKey, false);
                let queued: FredResult<()> = pipeline.custom(command, args).await;
                queued.map_err(|error| Error::of(name, error))?;
            }
            let some: FredResult<Value> = pipeline.all().await;
            let some = some.map_err(|error| Error::of(name, error))?.into_array();
            some.iter().for_each(|answer| charge_call(size(answer)));
            answers.extend(some);
        }
        Ok(answers)
    }
}

/// True when Redis does not know a script.
fn is_unknown(result: &FredResult<Value>) -> bool {
    begins(result, "NOSCRIPT")
}

/// True when Redis refused a command with an error of this code.
fn begins(result: &FredResult<Value>, code: &str) -> bool {
    let error = result.as_ref().err();
    error.is_some_and(|error| error.details().starts_with(code))
}

/// Configures a client. A command is sent once: only its caller knows whether it may be repeated.
pub(crate) fn builder(options: &Options) -> Result<Builder> {
    let config = Config::from_url(&options.url).map_err(|error| Error::of("the URL", error))?;
    let mut builder = Builder::from_config(config);
    builder
        .with_connection_config(|connection| {
            connection.max_command_attempts = 1;
            connection.connection_timeout = Duration::from_secs(5);
            connection.internal_command_timeout = Duration::from_secs(5);
            connection.tcp.nodelay = Some(true);
            connection.unresponsive.max_timeout = Some(options.command_timeout);
            connection.unresponsive.interval = options.command_timeout / 4;
        })
        .with_performance_config(|performance| {
            performance.default_command_timeout = options.command_timeout
        })
        .set_policy(ReconnectPolicy::new_exponential(0, 20, 1_000, 2));
    Ok(builder)
}

/// Configures a client that subscribes. Under RESP3 it may ask its node for its role meanwhile.
pub(crate) fn listener(options: &Options) -> Result<Builder> {
    let mut builder = builder(options)?;
    builder.with_config(|config| config.version = RespVersion::RESP3);
    Ok(builder)
}

/// Converts a duration to milliseconds, as scripts and commands take them.
pub(crate) fn ms(duration: Duration) -> Value {
    Value::Integer(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

/// Converts a duration to microseconds, as ticks are.
pub(crate) fn us(duration: Duration) -> Value {
    Value::Integer(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

/// Makes an argument of anything that can be displayed.
pub(crate) fn arg(value: impl ToString) -> Value {
    Value::String(value.to_string().into())
}
