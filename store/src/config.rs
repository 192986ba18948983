//! The settings that all roles share.

use std::{path::PathBuf, time::Duration};

/// Where both stores are, and how long things stay in Redis.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    /// redis://, rediss://, redis-cluster:// or redis+unix://; unset: a redis-server of Carrier's own (only `carrier` alone)
    #[arg(long, env = "CARRIER_REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<String>,
    /// A file that holds the URL of Redis, for a secret
    #[arg(long, env = "CARRIER_REDIS_URL_FILE", conflicts_with = "redis_url")]
    pub redis_url_file: Option<PathBuf>,
    /// mysql:// or sqlite://; unset: SQLite in the data folder (only `carrier` alone)
    #[arg(long, env = "CARRIER_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// A file that holds the URL of SQL, for a secret
    #[arg(long, env = "CARRIER_DATABASE_URL_FILE", conflicts_with = "database_url")]
    pub database_url_file: Option<PathBuf>,
    /// How long a chat stays warm after its last use
    #[arg(long, env = "CARRIER_CHAT_TTL", default_value = "30m", value_parser = humantime::parse_duration)]
    pub chat_ttl: Duration,
    /// How long a session lives after its last use
    #[arg(long, env = "CARRIER_SESSION_TTL", default_value = "7d", value_parser = humantime::parse_duration)]
    pub session_ttl: Duration,
    /// How long a change waits, at most, to be saved together with others
    #[arg(long, env = "CARRIER_FLUSH_AFTER", default_value = "5s", value_parser = humantime::parse_duration)]
    pub flush_after: Duration,
    /// What a write waits for before it is acknowledged
    #[arg(long, env = "CARRIER_ACK", value_enum, default_value = "memory")]
    pub ack: crate::Ack,
    /// How many of a chat's newest messages stay in Redis although they are saved
    #[arg(long, env = "CARRIER_HOT_MESSAGES", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub hot_messages: u32,
}

impl Config {
    /// The URL of Redis, from the setting or its file; `None` when neither is set.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn redis_url(&self) -> std::io::Result<Option<String>> {
        from_file(self.redis_url.as_ref(), self.redis_url_file.as_ref())
    }

    /// The URL of SQL, from the setting or its file; `None` when neither is set.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn database_url(&self) -> std::io::Result<Option<String>> {
        from_file(self.database_url.as_ref(), self.database_url_file.as_ref())
    }

    /// How to use the Redis at `url`.
    pub fn hot_options(&self, url: &str) -> hot::Options {
        hot::Options {
            chat_ttl: self.chat_ttl,
            session_ttl: self.session_ttl,
            flush_after: self.flush_after,
            hot_messages: self.hot_messages as usize,
            ..hot::Options::new(url)
        }
    }
}

fn from_file(value: Option<&String>, file: Option<&PathBuf>) -> std::io::Result<Option<String>> {
    match (value, file) {
        (Some(value), _) => Ok(Some(value.clone())),
        (None, Some(file)) => Ok(Some(std::fs::read_to_string(file)?.trim().to_owned())),
        (None, None) => Ok(None),
    }
}
