//! The connection, and how a script is run on it.

use std::{sync::Arc, time::Duration};

use fred::{
    prelude::*,
    types::{ClusterHash, CustomCommand, Key, Value, cluster::ClusterRouting, config::Server},
};
use futures_util::future::try_join_all;

use crate::{Error, Result, Scripts, Verb, reply::Reply};

/// How to use a Redis.
#[derive(Clone, Debug)]
pub struct Options {
    /// `redis://`, `rediss://`, `redis-cluster://` or `redis+unix://`.
    pub url: String,
    /// How long a chat stays warm after its last use.
    pub chat_ttl: Duration,
    /// How long a session lives after its last use.
    pub session_ttl: Duration,
    /// How long a change waits, at most, for others to be saved together with it.
    pub flush_after: Duration,
    /// How many of a chat's newest messages stay in Redis although they are saved.
    pub hot_messages: usize,
    /// How long a hydration may take before another may begin.
    pub hydrate_lease: Duration,
    /// How long a command may take before it counts as lost.
    pub command_timeout: Duration,
    /// The scripts, as they are or as a test alters them.
    pub scripts: Scripts,
}

impl Options {
    /// The defaults, for the Redis at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            chat_ttl: Duration::from_secs(30 * 60),
            session_ttl: Duration::from_secs(7 * 24 * 3600),
            flush_after: Duration::from_secs(5),
            hot_messages: 50,
            hydrate_lease: Duration::from_secs(10),
            command_timeout: Duration::from_secs(5),
            scripts: Scripts::default(),
        }
    }
}

/// Redis. Clones share one connection, on which commands are pipelined.
#[derive(Clone)]
pub struct Hot {
    pub(crate) client: Client,
    pub(crate) options: Arc<Options>,
}

impl Hot {
    /// Connects, and goes on reconnecting for as long as it lives.
    ///
    /// # Errors
    /// When the URL is wrong or Redis cannot be reached now.
    pub async fn connect(options: Options) -> Result<Self> {
        let client = builder(&options)?.build().map_err(|error| Error::of("connect", error))?;
        client.init().await.map_err(|error| Error::of("connect", error))?;
        Ok(Self { client, options: Arc::new(options) })
    }

    /// A connection of its own with the same options, for what blocks or must not be mixed with other writes.
    pub async fn another(&self) -> Result<Self> {
        Self::connect((*self.options).clone()).await
    }

    /// What it was connected with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Closes the connection.
    pub async fn close(&self) {
        if let Err(error) = self.client.quit().await {
            tracing::debug!(%error, "closing the connection to Redis");
        }
    }

    /// Does Redis answer?
    pub async fn ping(&self) -> Result<()> {
        self.client.ping::<()>(None).await.map_err(|error| Error::of("PING", error))
    }

    /// Runs a verb once. Redis may have forgotten the script (a restart, SCRIPT FLUSH); then it has not run, and is sent whole.
    pub(crate) async fn run(&self, verb: Verb, keys: Vec<String>, args: Vec<Value>) -> Result<Reply> {
        let (source, sha) = self.options.scripts.get(verb);
        let keys: Vec<Key> = keys.into_iter().map(Key::from).collect(); // to be cloned, as the arguments are, without a copy
        let mut result: FredResult<Value> = self.client.evalsha(sha, keys.clone(), args.clone()).await;
        if let Err(error) = &result
            && error.details().starts_with("NOSCRIPT")
        {
            result = self.client.eval(source, keys, args).await;
        }
        result.map(|value| Reply::new(verb.name(), value)).map_err(|error| Error::of(verb.name(), error))
    }

    /// The primaries of a cluster; `None`: it is not one.
    pub(crate) fn primaries(&self) -> Option<Vec<Server>> {
        Some(self.routing()?.unique_primary_nodes())
    }

    /// Its slots are on several nodes, each of which may forget what another remembers.
    pub fn is_cluster(&self) -> bool {
        self.client.is_clustered()
    }

    /// Which node of a cluster has which slot.
    pub(crate) fn routing(&self) -> Option<ClusterRouting> {
        self.client.is_clustered().then(|| self.client.cached_cluster_state()).flatten()
    }

    /// Runs a command on every primary.
    pub(crate) async fn everywhere(&self, name: &'static str, args: Vec<Value>) -> Result<Vec<Value>> {
        let Some(nodes) = self.primaries() else { return Ok(vec![self.command(name, args).await?]) };
        try_join_all(nodes.into_iter().map(|node| self.command_on(Some(node), name, args.clone()))).await
    }

    /// Runs a command on this node of a cluster, or on the only one.
    pub(crate) async fn command_on(&self, node: Option<Server>, name: &'static str, args: Vec<Value>) -> Result<Value> {
        let Some(node) = node else { return self.command(name, args).await };
        let command = CustomCommand::new_static(name, ClusterHash::FirstKey, false);
        self.client.with_cluster_node(node).custom(command, args).await.map_err(|error| Error::of(name, error))
    }

    /// Runs a command of the server itself.
    pub(crate) async fn command(&self, name: &'static str, args: Vec<Value>) -> Result<Value> {
        let command = CustomCommand::new_static(name, ClusterHash::FirstKey, false);
        self.client.custom(command, args).await.map_err(|error| Error::of(name, error))
    }
}

/// A command is sent once: repeating is the business of who knows what it does.
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
        .with_performance_config(|performance| performance.default_command_timeout = options.command_timeout)
        .set_policy(ReconnectPolicy::new_exponential(0, 20, 1_000, 2));
    Ok(builder)
}

/// Milliseconds, as scripts take them.
pub(crate) fn ms(duration: Duration) -> Value {
    Value::Integer(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

/// Microseconds, as ticks are.
pub(crate) fn us(duration: Duration) -> Value {
    Value::Integer(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

/// What a script's arguments are made of.
pub(crate) fn arg(value: impl ToString) -> Value {
    Value::String(value.to_string().into())
}
