//! An API in this process.

use std::time::Duration;

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{Client, Stack};

/// The settings of how often something may be done.
const LIMITS: [&str; 9] = [
    "CARRIER_LIMIT_LOGIN",
    "CARRIER_LIMIT_REGISTER",
    "CARRIER_LIMIT_SEND",
    "CARRIER_LIMIT_EVENTS",
    "CARRIER_LIMIT_INVITES",
    "CARRIER_LIMIT_UPLOAD",
    "CARRIER_LIMIT_SEARCH",
    "CARRIER_LIMIT_CHATS",
    "CARRIER_LIMIT_COST",
];

/// An API in this process; it stops when this is dropped.
pub struct Api {
    /// The URL, as `http://127.0.0.1:4711`.
    pub url: String,
    task: Option<JoinHandle<std::io::Result<()>>>,
    shutdown: CancellationToken,
}

impl Stack {
    /// Starts an API with the default settings, and no limits: a test is quicker than any person.
    pub async fn start_api(&self) -> Api {
        self.start_api_with(api::Config::default().unlimited(), &self.redis.url())
            .await
    }

    /// Starts an API with these settings, on this Redis or a proxy before it.
    pub async fn start_api_with(&self, config: api::Config, redis_url: &str) -> Api {
        let store = self.open_store(redis_url).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shutdown = CancellationToken::new();
        let files = files::Files::folder(&self.files).expect("a folder for files");
        let task = tokio::spawn(Box::pin(api::run(
            config,
            store,
            files,
            listener,
            shutdown.clone(),
        )));
        Api {
            url,
            task: Some(task),
            shutdown,
        }
    }

    /// The settings of a `carrier` process on this stack, for [`crate::process`].
    pub fn env(&self) -> Vec<(String, String)> {
        self.env_through(&self.redis.url())
    }

    /// The same settings, with a proxy before Redis.
    pub fn env_through(&self, redis_url: &str) -> Vec<(String, String)> {
        let ms = |duration: Duration| format!("{}ms", duration.as_millis());
        let options = &self.options;
        [
            ("CARRIER_REDIS_URL", redis_url.to_owned()),
            ("CARRIER_DATABASE_URL", self.sql_url.clone()),
            ("CARRIER_FILES", self.files.display().to_string()),
            ("CARRIER_CHAT_TTL", ms(options.chat_ttl)),
            ("CARRIER_SESSION_TTL", ms(options.session_ttl)),
            ("CARRIER_FLUSH_AFTER", ms(options.flush_after)),
            ("CARRIER_HOT_MESSAGES", options.hot_messages.to_string()),
            ("CARRIER_SWEEP", ms(options.sweep)),
            ("CARRIER_LEASE", ms(options.lease)),
        ]
        .into_iter()
        .chain(LIMITS.map(|name| (name, "off".to_owned())))
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

impl Api {
    /// Returns an anonymous client of this API.
    pub fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// Registers a user at this API, and returns their client.
    pub async fn register(&self, username: &str) -> Client {
        Client::register(&self.url, username).await
    }

    /// Stops it in an orderly way.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        let task = self.task.take().expect("it is stopped once");
        let stopped = tokio::time::timeout(Duration::from_secs(60), task)
            .await
            .expect("an API stops in time");
        stopped
            .expect("an API does not panic")
            .expect("an API ends well");
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
