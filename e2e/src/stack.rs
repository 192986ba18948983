//! The servers of a test: Redis, SQL with its schema, the store, and any number of flushers and
//! APIs.

use std::{
    path::PathBuf,
    sync::{Arc, Once},
    time::Duration,
};

use cold::Cold;
use fred::util::sha1_hash;
use hot::{Hot, Scripts, Verb};
use migration::{Migrator, MigratorTrait};
use model::{ChatId, Draft, MessageKind, Tick, UserId};
use sea_orm::DatabaseConnection;
use store::Store;
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{Client, Keeper, Proxy, Redis, Server, Sql, eventually, shards::Statements};

/// The longest wait for a chat or user to be saved or gone: twice as long as a lease that a
/// flusher left behind.
const PATIENCE: Duration = Duration::from_secs(60);

/// A function that changes a script's source.
type Alter = Arc<dyn Fn(Verb, String) -> String + Send + Sync>;

/// The settings of a stack. The defaults are quick where production is patient, and keep chats
/// warm.
#[derive(Clone)]
pub struct Options {
    /// The time that a chat stays warm after its last use; an hour.
    pub chat_ttl: Duration,
    /// The life of a session after its last use; a week.
    pub session_ttl: Duration,
    /// The time that a change waits for others, to be saved together; 100 ms.
    pub flush_after: Duration,
    /// The time that a hydration may take; 10 s.
    pub hydrate_lease: Duration,
    /// The time that a command may take; 5 s.
    pub command_timeout: Duration,
    /// The number of saved messages of a chat that stay in Redis; 50.
    pub hot_messages: usize,
    /// The time between two looks of a flusher; 100 ms.
    pub sweep: Duration,
    /// The time that a flusher's lease holds; 30 s.
    pub lease: Duration,
    /// After how many refusals a row is put aside; 3.
    pub park_after: u32,
    /// The time for which a replica that is gone is waited for; a minute.
    pub replica_patience: hot::Patience,
    /// The durability that a write waits for; Redis' memory.
    pub ack: store::AckLevel,
    /// The server that stands for Redis.
    pub server: Server,
    /// A cluster of so many primaries, with a replica each, instead of one server. By default as
    /// CARRIER_E2E_CLUSTER says.
    pub cluster: Option<usize>,
    /// More options of redis-server.
    pub redis: Vec<(&'static str, &'static str)>,
    /// The change made to each script; none.
    pub alter: Alter,
}

impl Default for Options {
    fn default() -> Self {
        let hot = hot::Options::new("");
        let flusher = flusher::Config::default();
        Self {
            chat_ttl: Duration::from_secs(3600),
            session_ttl: hot.session_ttl,
            flush_after: Duration::from_millis(100),
            hydrate_lease: hot.hydrate_lease,
            command_timeout: hot.command_timeout,
            hot_messages: hot.hot_messages,
            sweep: Duration::from_millis(100),
            lease: flusher.lease,
            park_after: flusher.park_after,
            replica_patience: hot.replica_patience,
            ack: store::AckLevel::Memory,
            server: Server::Redis,
            cluster: std::env::var("CARRIER_E2E_CLUSTER")
                .ok()
                .map(|primaries| primaries.parse().expect("CARRIER_E2E_CLUSTER is a number")),
            redis: Vec::new(),
            alter: Arc::new(|_, source| source),
        }
    }
}

impl Options {
    /// Uses one Redis, whatever CARRIER_E2E_CLUSTER says: for a proxy before its only address, or a
    /// look into its only file.
    pub fn on_one_redis(self) -> Self {
        Self {
            cluster: None,
            ..self
        }
    }

    /// Uses the scripts that `alter` makes of these: so a test can stop one at any of its steps.
    pub fn altered(self, alter: impl Fn(Verb, String) -> String + Send + Sync + 'static) -> Self {
        let before = self.alter;
        Self {
            alter: Arc::new(move |verb, source| alter(verb, before(verb, source))),
            ..self
        }
    }

    /// Has the scripts of these verbs count their runs for each chat or user; see
    /// [`Stack::looks`].
    pub fn counting(self, verbs: &'static [Verb]) -> Self {
        self.altered(move |verb, source| match source.split_once('\n') {
            Some((flags, code)) if verbs.contains(&verb) => {
                let count = |key| format!("redis.call('INCR', 'e2e:looks:' .. KEYS[{key}])");
                // Calls that run together are counted each.
                let each = "local function one(keys_before, args_before)\n";
                match code.split_once(each) {
                    Some((before, one)) => {
                        let count = count("keys_before + 1");
                        format!("{flags}\n{before}{each}{count}\n{one}")
                    }
                    None => format!("{flags}\n{}\n{code}", count("1")),
                }
            }
            _ => source,
        })
    }

    /// Returns the settings of a store on the Redis at `url`.
    pub fn hot(&self, url: &str) -> hot::Options {
        hot::Options {
            chat_ttl: self.chat_ttl,
            session_ttl: self.session_ttl,
            flush_after: self.flush_after,
            hydrate_lease: self.hydrate_lease,
            command_timeout: self.command_timeout,
            hot_messages: self.hot_messages,
            replica_patience: self.replica_patience,
            scripts: Scripts::altered(|verb, source| (self.alter)(verb, source)),
            ..hot::Options::new(url)
        }
    }

    /// Returns the settings of a flusher.
    pub fn flusher(&self) -> flusher::Config {
        flusher::Config {
            sweep: self.sweep,
            lease: self.lease,
            park_after: self.park_after,
            ..flusher::Config::default()
        }
    }

    /// Returns the sources of all scripts, in the order of [`Verb::ALL`].
    pub fn sources(&self) -> Vec<String> {
        let sources = std::cell::RefCell::new(Vec::new());
        Scripts::altered(|verb, source| {
            let source = (self.alter)(verb, source);
            sources.borrow_mut().push(source.clone());
            source
        });
        sources.into_inner()
    }

    /// Returns the SHA-1 of a verb's script, which stands in every command that runs it: a needle
    /// for a [`crate::Rule`].
    pub fn sha(&self, verb: Verb) -> String {
        let at = Verb::ALL
            .iter()
            .position(|other| *other == verb)
            .expect("every verb is among all");
        sha1_hash(&self.sources()[at])
    }
}

/// A Redis, an SQL database with its schema, and the store over both.
pub struct Stack {
    /// The settings.
    pub options: Options,
    /// The Redis, or the cluster.
    pub redis: Redis,
    /// The URL of the database.
    pub sql_url: String,
    /// A pool of the test's own connections to the database.
    pub db: DatabaseConnection,
    /// The folder of attachments and avatars.
    pub files: PathBuf,
    /// A store of the test's own; APIs and flushers have others.
    pub store: Store,
    /// The connection to Redis of that store.
    pub hot: Hot,
    /// The connection to SQL of that store.
    pub cold: Cold,
    /// The statements that Carrier makes in this process, each judged by the rule of shards. The
    /// test that made a wrong one fails when the stack is dropped.
    pub statements: Statements,
    _folder: Keeper,
}

impl Stack {
    /// Starts a stack with the default options.
    pub async fn start(sql: Sql) -> Self {
        Self::with(sql, Options::default()).await
    }

    /// Starts a stack with these options.
    pub async fn with(sql: Sql, options: Options) -> Self {
        let folder = Keeper::folder("sql");
        let url = sql.url(&folder).await;
        Box::pin(Self::on(url, options, folder)).await
    }

    /// Starts a stack with these options on the empty database at this URL, of a MariaDB server
    /// for this test alone.
    pub async fn on_database(sql_url: String, options: Options) -> Self {
        Self::on(sql_url, options, Keeper::folder("sql")).await
    }

    /// Starts a stack on this Redis, with SQLite.
    pub async fn on_redis(redis: Redis, options: Options) -> Self {
        let folder = Keeper::folder("sql");
        let url = Sql::Sqlite.url(&folder).await;
        Self::on_both(redis, url, options, folder).await
    }

    async fn on(sql_url: String, options: Options, folder: PathBuf) -> Self {
        let redis = match (options.cluster, options.server) {
            (Some(primaries), Server::Redis) => {
                Redis::start_cluster(primaries, &options.redis).await
            }
            (_, server) => Redis::start_as(server, &options.redis).await,
        };
        Self::on_both(redis, sql_url, options, folder).await
    }

    async fn on_both(redis: Redis, sql_url: String, options: Options, folder: PathBuf) -> Self {
        log();
        redis.load(&options.sources()).await;
        let db = cold::connect(&sql_url, 4).await.expect("SQL answers");
        Migrator::up(&db, None).await.expect("the schema is made");
        let statements = Statements::default();
        let hot = options.hot(&redis.url());
        let (hot, cold, store) = open(hot, &sql_url, options.ack, &statements).await;
        let files = folder.join("files");
        Self {
            options,
            redis,
            sql_url,
            db,
            files,
            store,
            hot,
            cold,
            statements,
            _folder: Keeper::new("sql", folder, &[], &[]),
        }
    }

    /// Opens another store, as another process has it. `redis_url` is of Redis itself, or of a
    /// [`crate::Proxy`] before it.
    pub async fn open_store(&self, redis_url: &str) -> Store {
        let hot = self.options.hot(redis_url);
        self.open(hot, &self.sql_url).await.2
    }

    /// Opens another store, which reads from this SQL.
    pub async fn open_store_on(&self, sql_url: &str) -> Store {
        let hot = self.options.hot(&self.redis.url());
        self.open(hot, sql_url).await.2
    }

    async fn open(&self, hot: hot::Options, sql_url: &str) -> (Hot, Cold, Store) {
        open(hot, sql_url, self.options.ack, &self.statements).await
    }

    /// Makes Redis know all scripts, which it forgets at a restart.
    pub async fn load_scripts(&self) {
        self.redis.load(&self.options.sources()).await;
    }

    /// Returns the SHA-1 of a verb's script.
    pub fn sha(&self, verb: Verb) -> String {
        self.options.sha(verb)
    }

    /// Starts a flusher with the stack's own settings.
    pub async fn start_flusher(&self) -> Flusher {
        self.start_flusher_with(self.options.flusher(), &self.redis.url())
            .await
    }

    /// Starts a flusher with these settings, on this Redis or a proxy before it, and waits until it
    /// is ready.
    pub async fn start_flusher_with(&self, config: flusher::Config, redis_url: &str) -> Flusher {
        self.start_flusher_between(config, redis_url, &self.sql_url)
            .await
    }

    /// Starts a flusher between a Redis and a SQL, each itself or a proxy before it, and waits
    /// until it is ready.
    pub async fn start_flusher_between(
        &self,
        config: flusher::Config,
        redis_url: &str,
        sql_url: &str,
    ) -> Flusher {
        let hot = self.options.hot(redis_url);
        let (hot, _, store) = self.open(hot, &self.sql_url).await;
        let sql = flusher::Sql::connect(sql_url, 4, config.lease)
            .await
            .expect("SQL answers")
            .observed(self.statements.judge());
        let shutdown = CancellationToken::new();
        let (ready, is_ready) = oneshot::channel();
        let stop = shutdown.clone();
        let task = tokio::spawn(async move {
            let pulse = flusher::Pulse::default();
            flusher::run(config, hot, store, sql, stop, pulse, || {
                ready.send(()).unwrap_or_default()
            })
            .await
        });
        // Not before it hears of expiries: a chat whose token expires unheard stays until its
        // time. One that ends at once, or hangs, is the test's to judge.
        let _ = timeout(Duration::from_secs(30), is_ready).await;
        Flusher { task, shutdown }
    }

    /// Starts a proxy before the server of this database; returns it with the URL through it.
    pub async fn sql_proxy(&self) -> (Proxy, String) {
        let server = self
            .sql_url
            .split(['@', '/'])
            .rfind(|part| part.contains(':'))
            .expect("the database has a server");
        let proxy = Proxy::before(server.parse().expect("an address")).await;
        let url = self.sql_url.replace(server, &proxy.address().to_string());
        (proxy, url)
    }

    /// Registers a user, without HTTP.
    pub async fn person(&self, name: &str) -> UserId {
        let email = format!("{name}@example.org");
        self.store
            .register(name, &email, name, "a long enough password", "e2e", "e2e")
            .await
            .expect("registered")
            .user
            .id
    }

    /// Returns how often the counted scripts ran for this chat or user.
    pub async fn looks(&self, of: impl std::fmt::Display) -> usize {
        let Some(key) = self.redis.keys(&format!("e2e:looks:*{of}")).await.pop() else {
            return 0;
        };
        self.redis
            .cli(&["GET", &key])
            .await
            .parse()
            .expect("a count")
    }

    /// Returns the number of scripts that Redis has run.
    pub async fn scripts_run(&self) -> usize {
        let stats = self.redis.cli(&["INFO", "commandstats"]).await;
        let calls = |line: &str| -> Option<usize> {
            let (_, rest) = line.split_once("cmdstat_eval")?;
            rest.split_once("calls=")?.1.split(',').next()?.parse().ok()
        };
        stats.lines().filter_map(calls).sum()
    }

    /// Waits until no key of this chat is left in Redis.
    pub async fn evicted(&self, chat: ChatId) {
        let what = format!("no key of chat {chat} is left in Redis");
        eventually(PATIENCE, &what, async || {
            self.redis.keys(&format!("chat:*{chat}*")).await.is_empty()
        })
        .await;
    }

    /// Saves a chat, and waits until no key of it is left in Redis.
    pub async fn leave(&self, chat: ChatId) {
        // Or the flusher would warm it up again, for a member who has just logged in.
        self.redis.cli(&["DEL", "hydrate"]).await;
        let flusher = self.start_flusher().await;
        self.gone(chat).await;
        flusher.stop().await;
    }

    /// Waits until no key of this chat is left in Redis, although others may still look at it: a
    /// look that is under way makes it warm again for an hour.
    async fn gone(&self, chat: ChatId) {
        let what = format!("chat {chat} has left Redis");
        eventually(PATIENCE, &what, async || {
            self.expire(chat).await;
            self.redis.keys(&format!("chat:*{chat}*")).await.is_empty()
        })
        .await;
    }

    /// Logs these people out, waits until no key of theirs or of their chats is left in Redis, and
    /// logs them in again: what they do next meets cold chats.
    pub async fn all_leave_and_return(&self, people: &mut [(&str, &mut Client)], chats: &[&str]) {
        // Or the flusher would warm up at their last logins.
        self.redis.cli(&["DEL", "hydrate"]).await;
        let flusher = self.start_flusher().await;
        for (_, client) in people.iter() {
            client.logout().await;
        }
        for chat in chats {
            self.gone(chat.parse().expect("the id of a chat")).await;
        }
        for (_, client) in people.iter() {
            let gone = async || {
                self.redis
                    .keys(&format!("user:*{}*", client.id))
                    .await
                    .is_empty()
            };
            eventually(PATIENCE, "a user has left Redis", gone).await;
        }
        flusher.stop().await;
        for (name, client) in people {
            client.login(name).await;
        }
    }

    /// Waits until SQL has everything of this chat.
    pub async fn saved(&self, chat: ChatId) {
        let what = format!("chat {chat} is saved");
        eventually(PATIENCE, &what, async || {
            self.redis
                .keys(&format!("chat:*{chat}:dirty"))
                .await
                .is_empty()
        })
        .await;
    }

    /// Lets the token of this chat expire in a moment, as if it had not been used for long. (A
    /// Redis that is held up for as long as the life it is to give a key deletes it instead, and
    /// sends no event.)
    pub async fn expire(&self, chat: ChatId) {
        let key = format!("chat:{{c{}}}:{chat}:token", chat.partition());
        self.redis.cli(&["PEXPIRE", &key, "50", "LT"]).await; // again is no reprieve
    }
}

async fn open(
    options: hot::Options,
    sql_url: &str,
    ack: store::AckLevel,
    statements: &Statements,
) -> (Hot, Cold, Store) {
    let hot = Hot::connect(options).await.expect("Redis answers");
    let cold = Cold::connect(sql_url, 4).await.expect("SQL answers");
    let judge = statements.judge();
    let cold = cold.observed(move |statement, _| judge(statement));
    let store = Store::open(hot.clone(), cold.clone(), ack)
        .await
        .expect("Redis and SQL belong together");
    (hot, cold, store)
}

/// Sends a text without HTTP, and returns its id.
///
/// # Errors
/// Fails as [`Store::send`] does.
pub async fn say(
    store: &Store,
    chat: ChatId,
    sender: UserId,
    body: &str,
    client_id: Option<&str>,
) -> store::Result<Tick> {
    let draft = Draft {
        client_id,
        ..Draft::new(chat, sender, MessageKind::Text, body)
    };
    let sent = store.send(draft).await?;
    let message: model::Message = serde_json::from_str(&sent.json).expect("a message is JSON");
    Ok(message.id)
}

/// Prints the log lines of a test that `RUST_LOG` asks for.
fn log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_test_writer()
            .init();
    });
}

/// A flusher in this process.
pub struct Flusher {
    task: JoinHandle<Result<(), flusher::Error>>,
    shutdown: CancellationToken,
}

impl Flusher {
    /// Stops it in an orderly way.
    pub async fn stop(self) {
        self.shutdown.cancel();
        let stopped = timeout(Duration::from_secs(30), self.task)
            .await
            .expect("a flusher stops in time");
        stopped
            .expect("a flusher does not panic")
            .expect("a flusher ends well");
    }

    /// Drops it in the middle of its work.
    pub async fn abort(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Returns true when it has ended.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}
