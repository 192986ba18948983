//! Everything a test needs: Redis, SQL with its schema, the store, and any number of flushers and APIs.

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

use crate::{Client, Keeper, Redis, Server, Sql, eventually};

/// What changes a script's source.
type Alter = Arc<dyn Fn(Verb, String) -> String + Send + Sync>;

/// How a stack is set up. The defaults are quick where production is patient, and keep chats warm.
#[derive(Clone)]
pub struct Options {
    /// How long a chat stays warm; an hour.
    pub chat_ttl: Duration,
    /// How long a session lives; a week.
    pub session_ttl: Duration,
    /// How long a change waits for company; 100 ms.
    pub flush_after: Duration,
    /// How long a hydration may take; 10 s.
    pub hydrate_lease: Duration,
    /// How long a command may take; 5 s.
    pub command_timeout: Duration,
    /// How many saved messages stay in Redis; 50.
    pub hot_messages: usize,
    /// How often a flusher looks; 100 ms.
    pub sweep: Duration,
    /// How long a claim holds; 30 s.
    pub lease: Duration,
    /// After how many refusals a row is put aside; 3.
    pub park_after: u32,
    /// What a write waits for; nothing more than Redis.
    pub ack: store::Ack,
    /// Which server is Redis.
    pub server: Server,
    /// A cluster of so many primaries, with a replica each, instead of one server. By default as CARRIER_E2E_CLUSTER says.
    pub cluster: Option<usize>,
    /// More options of redis-server.
    pub redis: Vec<(&'static str, &'static str)>,
    /// How the scripts are altered; not at all.
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
            ack: store::Ack::Memory,
            server: Server::Redis,
            cluster: std::env::var("CARRIER_E2E_CLUSTER").ok().map(|primaries| primaries.parse().expect("CARRIER_E2E_CLUSTER is a number")),
            redis: Vec::new(),
            alter: Arc::new(|_, source| source),
        }
    }
}

impl Options {
    /// On one Redis, whatever CARRIER_E2E_CLUSTER says: for what stands before its only address, or looks into its only file.
    pub fn on_one_redis(self) -> Self {
        Self { cluster: None, ..self }
    }

    /// With scripts as `alter` makes them: so a test can stop one at any of its steps.
    pub fn altered(self, alter: impl Fn(Verb, String) -> String + Send + Sync + 'static) -> Self {
        Self { alter: Arc::new(alter), ..self }
    }

    /// With scripts of these verbs that count how often each chat, or user, is looked at; see [`Stack::looks`].
    pub fn counting(self, verbs: &'static [Verb]) -> Self {
        self.altered(move |verb, source| match source.split_once('\n') {
            Some((flags, code)) if verbs.contains(&verb) => format!("{flags}\nredis.call('INCR', 'e2e:looks:' .. KEYS[1])\n{code}"),
            _ => source,
        })
    }

    /// For a store on the Redis at `url`.
    pub fn hot(&self, url: &str) -> hot::Options {
        hot::Options {
            chat_ttl: self.chat_ttl,
            session_ttl: self.session_ttl,
            flush_after: self.flush_after,
            hydrate_lease: self.hydrate_lease,
            command_timeout: self.command_timeout,
            hot_messages: self.hot_messages,
            scripts: Scripts::altered(|verb, source| (self.alter)(verb, source)),
            ..hot::Options::new(url)
        }
    }

    /// For a flusher.
    pub fn flusher(&self) -> flusher::Config {
        flusher::Config { sweep: self.sweep, lease: self.lease, park_after: self.park_after, ..flusher::Config::default() }
    }

    /// The sources of all scripts, in the order of [`Verb::ALL`].
    pub fn sources(&self) -> Vec<String> {
        let sources = std::cell::RefCell::new(Vec::new());
        Scripts::altered(|verb, source| {
            let source = (self.alter)(verb, source);
            sources.borrow_mut().push(source.clone());
            source
        });
        sources.into_inner()
    }

    /// The SHA-1 of a verb's script, which stands in every command that runs it: a needle for a [`crate::Rule`].
    pub fn sha(&self, verb: Verb) -> String {
        let at = Verb::ALL.iter().position(|other| *other == verb).expect("every verb is among all");
        sha1_hash(&self.sources()[at])
    }
}

/// A Redis, an SQL database with its schema, and the store over both.
pub struct Stack {
    /// How it is set up.
    pub options: Options,
    /// Its Redis.
    pub redis: Redis,
    /// Its database.
    pub sql_url: String,
    /// A pool of the test's own to look into the database with.
    pub db: DatabaseConnection,
    /// Where attachments and avatars are kept.
    pub files: PathBuf,
    /// A store of the test's own; APIs and flushers have others.
    pub store: Store,
    _folder: Keeper,
}

impl Stack {
    /// With the default options.
    pub async fn start(sql: Sql) -> Self {
        Self::with(sql, Options::default()).await
    }

    /// With these options.
    pub async fn with(sql: Sql, options: Options) -> Self {
        let folder = Keeper::folder("sql");
        let url = sql.url(&folder).await;
        Box::pin(Self::on(url, options, folder)).await
    }

    /// With these options, on the empty database at this URL: one of a MariaDB server that the test has for itself.
    pub async fn on_database(sql_url: String, options: Options) -> Self {
        Self::on(sql_url, options, Keeper::folder("sql")).await
    }

    /// On this Redis, with SQLite.
    pub async fn on_redis(redis: Redis, options: Options) -> Self {
        let folder = Keeper::folder("sql");
        let url = Sql::Sqlite.url(&folder).await;
        Self::on_both(redis, url, options, folder).await
    }

    async fn on(sql_url: String, options: Options, folder: PathBuf) -> Self {
        let redis = match (options.cluster, options.server) {
            (Some(primaries), Server::Redis) => Redis::start_cluster(primaries, &options.redis).await,
            (_, server) => Redis::start_as(server, &options.redis).await,
        };
        Self::on_both(redis, sql_url, options, folder).await
    }

    async fn on_both(redis: Redis, sql_url: String, options: Options, folder: PathBuf) -> Self {
        log();
        redis.load(&options.sources()).await;
        let db = cold::connect(&sql_url, 4).await.expect("SQL answers");
        Migrator::up(&db, None).await.expect("the schema is made");
        let store = open(options.hot(&redis.url()), &sql_url, options.ack).await;
        let files = folder.join("files");
        Self { options, redis, sql_url, db, files, store, _folder: Keeper::new("sql", folder, &[], &[]) }
    }

    /// Another store, as another process has it. `redis_url`: Redis itself, or a [`crate::Proxy`] before it.
    pub async fn open_store(&self, redis_url: &str) -> Store {
        open(self.options.hot(redis_url), &self.sql_url, self.options.ack).await
    }

    /// Makes Redis know all scripts, which it forgets when it is started again.
    pub async fn load_scripts(&self) {
        self.redis.load(&self.options.sources()).await;
    }

    /// The SHA-1 of a verb's script.
    pub fn sha(&self, verb: Verb) -> String {
        self.options.sha(verb)
    }

    /// Starts a flusher with the stack's own settings.
    pub async fn start_flusher(&self) -> Flusher {
        self.start_flusher_with(self.options.flusher(), &self.redis.url()).await
    }

    /// Starts a flusher with these settings, on this Redis or a proxy before it, and waits until it is ready.
    pub async fn start_flusher_with(&self, config: flusher::Config, redis_url: &str) -> Flusher {
        self.start_flusher_between(config, redis_url, &self.sql_url).await
    }

    /// The same, on this SQL or a proxy before it.
    pub async fn start_flusher_between(&self, config: flusher::Config, redis_url: &str, sql_url: &str) -> Flusher {
        let store = self.open_store(redis_url).await;
        let sql = flusher::Sql::connect(sql_url, 4).await.expect("SQL answers");
        let shutdown = CancellationToken::new();
        let (ready, is_ready) = oneshot::channel();
        let task = tokio::spawn(flusher::run(config, store, sql, shutdown.clone(), || ready.send(()).unwrap_or_default()));
        // Not before it hears of expiries: a chat whose token expires unheard stays until its time. One that ends at once, or hangs, is the test's to judge.
        let _ = timeout(Duration::from_secs(10), is_ready).await;
        Flusher { task, shutdown }
    }

    /// Registers somebody, without HTTP.
    pub async fn person(&self, name: &str) -> UserId {
        let email = format!("{name}@example.org");
        self.store.register(name, &email, name, "a long enough password", "e2e").await.expect("registered").user.id
    }

    /// How often a script that is counted was run for this chat or user.
    pub async fn looks(&self, of: impl std::fmt::Display) -> usize {
        let Some(key) = self.redis.keys(&format!("e2e:looks:*{of}")).await.pop() else { return 0 };
        self.redis.cli(&["GET", &key]).await.parse().expect("a count")
    }

    /// Waits until no key of this chat is left in Redis.
    pub async fn evicted(&self, chat: ChatId) {
        let what = format!("no key of chat {chat} is left in Redis");
        eventually(Duration::from_secs(30), &what, async || self.redis.keys(&format!("chat:*{chat}*")).await.is_empty()).await;
    }

    /// Saves a chat, and waits until no key of it is left in Redis.
    pub async fn leave(&self, chat: ChatId) {
        self.redis.cli(&["DEL", "hydrate"]).await; // or the flusher would warm it up again, for whoever has just logged in
        let flusher = self.start_flusher().await;
        self.expire(chat).await;
        self.evicted(chat).await;
        flusher.stop().await;
    }

    /// Logs everybody out, waits until no key of theirs or of their chats is left in Redis, and logs them in again: whatever they do next is done on what
    /// is cold.
    pub async fn all_leave_and_return(&self, people: &mut [(&str, &mut Client)], chats: &[&str]) {
        self.redis.cli(&["DEL", "hydrate"]).await; // or the flusher would warm up at their last logins
        let flusher = self.start_flusher().await;
        for (_, client) in people.iter() {
            client.logout().await;
        }
        for chat in chats {
            let chat = chat.parse().expect("the id of a chat");
            self.expire(chat).await;
            self.evicted(chat).await;
        }
        for (_, client) in people.iter() {
            let gone = async || self.redis.keys(&format!("user:*{}*", client.id)).await.is_empty();
            eventually(Duration::from_secs(30), "a user has left Redis", gone).await;
        }
        flusher.stop().await;
        for (name, client) in people {
            client.login(name).await;
        }
    }

    /// Waits until SQL has everything of this chat.
    pub async fn saved(&self, chat: ChatId) {
        let what = format!("chat {chat} is saved");
        eventually(Duration::from_secs(30), &what, async || self.redis.keys(&format!("chat:*{chat}:dirty")).await.is_empty()).await;
    }

    /// Lets the token of this chat expire in a moment, as if nobody had used it for long. (A Redis that is held up for as long as the life it is to give
    /// a key deletes it instead, and tells nobody.)
    pub async fn expire(&self, chat: ChatId) {
        let key = format!("chat:{{c{}}}:{chat}:token", chat.partition());
        self.redis.cli(&["PEXPIRE", &key, "50", "LT"]).await; // again is no reprieve
    }
}

async fn open(options: hot::Options, sql_url: &str, ack: store::Ack) -> Store {
    let hot = Hot::connect(options).await.expect("Redis answers");
    let cold = Cold::connect(sql_url, 4).await.expect("SQL answers");
    Store::open(hot, cold, ack).await.expect("Redis and SQL belong together")
}

/// Sends a text, without HTTP; its id.
///
/// # Errors
/// As [`Store::send`].
pub async fn say(store: &Store, chat: ChatId, sender: UserId, body: &str, client_id: Option<&str>) -> store::Result<Tick> {
    let draft = Draft { client_id, ..Draft::new(chat, sender, MessageKind::Text, body) };
    let sent = store.send(draft).await?;
    let message: model::Message = serde_json::from_str(&sent.json).expect("a message is JSON");
    Ok(message.id)
}

/// `RUST_LOG` tells what is to be seen of a test.
fn log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().init();
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
        let stopped = timeout(Duration::from_secs(30), self.task).await.expect("a flusher stops in time");
        stopped.expect("a flusher does not panic").expect("a flusher ends well");
    }

    /// Drops it wherever it is.
    pub async fn abort(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Has it ended?
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}
