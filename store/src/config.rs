//! The settings that all roles share.

use std::{path::PathBuf, time::Duration};

use hot::Patience;

use crate::safety::AckLevel;

/// A fault of Redis that may be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Accept {
    /// Redis does not tell a setting that could lose messages, and somebody else has seen to it
    Unknown,
    /// Redis has no append only file, and forgets when it restarts what is not saved yet
    Loss,
}

/// The places of both stores, and how long rows stay in Redis.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    /// redis://, rediss://, redis-cluster:// or redis+unix://; unset: a redis-server of Carrier's
    /// own (only `carrier` alone)
    #[arg(long, env = "CARRIER_REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<String>,
    /// A file that holds the URL of Redis, for a secret
    #[arg(long, env = "CARRIER_REDIS_URL_FILE", conflicts_with = "redis_url")]
    pub redis_url_file: Option<PathBuf>,
    /// mysql:// or sqlite://; unset: SQLite in the data folder (only `carrier` alone)
    #[arg(long, env = "CARRIER_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// A file that holds the URL of SQL, for a secret
    #[arg(
        long,
        env = "CARRIER_DATABASE_URL_FILE",
        conflicts_with = "database_url"
    )]
    pub database_url_file: Option<PathBuf>,
    /// The time for which a chat, or a user, stays in Redis after its last use
    #[arg(
        long,
        env = "CARRIER_CHAT_TTL",
        default_value = "30m",
        value_parser = humantime::parse_duration
    )]
    pub chat_ttl: Duration,
    /// The time for which a session lives after its last use
    #[arg(
        long,
        env = "CARRIER_SESSION_TTL",
        default_value = "7d",
        value_parser = humantime::parse_duration
    )]
    pub session_ttl: Duration,
    /// The longest time for which a change waits to be saved together with others
    #[arg(
        long,
        env = "CARRIER_FLUSH_AFTER",
        default_value = "5s",
        value_parser = humantime::parse_duration
    )]
    pub flush_after: Duration,
    /// The guarantee that a write waits for before it is acknowledged
    #[arg(long, env = "CARRIER_ACK", value_enum, default_value = "memory")]
    pub ack: AckLevel,
    /// The time for which saving and deletions wait for a replica that is gone; `forever`: until
    /// there is one
    #[arg(
        long,
        env = "CARRIER_REPLICA_PATIENCE",
        default_value = "1m",
        value_parser = patience
    )]
    pub replica_patience: Patience,
    /// The faults of Redis that are accepted, separated by commas
    #[arg(long, env = "CARRIER_ACCEPT", value_enum, value_delimiter = ',')]
    pub accept: Vec<Accept>,
    /// True: webhooks may have any address, also of private networks and over plain http
    #[arg(
        long,
        env = "CARRIER_WEBHOOK_PRIVATE",
        default_value_t = false,
        action = clap::ArgAction::Set
    )]
    pub webhook_private: bool,
    /// The number of a chat's newest messages that stay in Redis although they are saved
    #[arg(
        long,
        env = "CARRIER_HOT_MESSAGES",
        default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    pub hot_messages: u32,
}

impl Config {
    /// Returns the URL of Redis, from the setting or its file; `None` when neither is set.
    ///
    /// # Errors
    /// An I/O error when the file cannot be read.
    pub fn redis_url(&self) -> std::io::Result<Option<String>> {
        from_file(self.redis_url.as_ref(), self.redis_url_file.as_ref())
    }

    /// Returns the URL of SQL, from the setting or its file; `None` when neither is set.
    ///
    /// # Errors
    /// An I/O error when the file cannot be read.
    pub fn database_url(&self) -> std::io::Result<Option<String>> {
        from_file(self.database_url.as_ref(), self.database_url_file.as_ref())
    }

    /// Returns the options for the Redis at `url`.
    pub fn hot_options(&self, url: &str) -> hot::Options {
        hot::Options {
            chat_ttl: self.chat_ttl,
            session_ttl: self.session_ttl,
            flush_after: self.flush_after,
            hot_messages: self.hot_messages as usize,
            replica_patience: self.replica_patience,
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

fn patience(text: &str) -> Result<Patience, humantime::DurationError> {
    match text {
        "forever" => Ok(Patience::Forever),
        text => humantime::parse_duration(text).map(Patience::For),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patience_is_a_time_or_forever() {
        assert_eq!(patience("forever"), Ok(Patience::Forever));
        assert_eq!(patience("0s"), Ok(Patience::For(Duration::ZERO)));
        assert!(patience("never").is_err());
    }
}
