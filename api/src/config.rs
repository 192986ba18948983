//! The settings of the API alone.

use std::{net::SocketAddr, time::Duration};

use ipnet::IpNet;

use crate::{Limit, address};

/// A guess every six seconds, and a burst for whoever mistypes.
const LIMIT_LOGIN: Limit = Limit::new(10, 60);
/// A class of pupils behind one address, or nearly.
const LIMIT_REGISTER: Limit = Limit::new(20, 3600);
/// Ten a second: more than anybody types, less than a flood.
const LIMIT_SEND: Limit = Limit::new(600, 60);
const LIMIT_UPLOAD: Limit = Limit::new(60, 60);
const LIMIT_SEARCH: Limit = Limit::new(60, 60);

/// Some gigabytes of messages.
const MAX_UNSAVED: u64 = 5_000_000;

/// Whether strangers may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Registration {
    /// Anybody may.
    Open,
    /// Nobody may.
    Closed,
}

/// How the API serves.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    /// Where to listen
    #[arg(long, env = "CARRIER_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Whether strangers may make an account
    #[arg(long, env = "CARRIER_REGISTRATION", value_enum, default_value = "open")]
    pub registration: Registration,
    /// Where attachments and avatars are kept: a folder, or s3://bucket/prefix?endpoint=...&region=...; all APIs must share it [default: data/files]
    #[arg(long, env = "CARRIER_FILES")]
    pub files: Option<String>,
    /// How many bytes an attachment has at the most
    #[arg(long, env = "CARRIER_MAX_UPLOAD", default_value_t = 25 << 20)]
    pub max_upload: u64,
    /// How often files that nobody refers to are looked for
    #[arg(long, env = "CARRIER_FILES_SWEEP", default_value = "1h", value_parser = humantime::parse_duration)]
    pub files_sweep: Duration,
    /// How many bytes of events may wait, in total, for clients that read slowly
    #[arg(long, env = "CARRIER_MAX_WAITING", default_value_t = 256 << 20)]
    pub max_waiting: usize,
    /// About how many rows may be in Redis alone, not in SQL yet; then sends are refused until some are saved. 0: any number
    #[arg(long, env = "CARRIER_MAX_UNSAVED", default_value_t = MAX_UNSAVED)]
    pub max_unsaved: u64,
    /// How often a connection is told that it lives
    #[arg(long, env = "CARRIER_HEARTBEAT", default_value = "25s", value_parser = humantime::parse_duration)]
    pub heartbeat: Duration,
    /// Origins of other sites whose pages may call the API, separated by commas
    #[arg(long, env = "CARRIER_ALLOWED_ORIGINS", value_delimiter = ',')]
    pub allowed_origins: Vec<String>,
    /// Proxies before the API, as addresses or ranges (10.0.0.0/8) separated by commas: their X-Forwarded-For tells who asks
    #[arg(long, env = "CARRIER_TRUSTED_PROXIES", value_delimiter = ',', value_parser = address::parse_proxy)]
    pub trusted_proxies: Vec<IpNet>,
    /// How often a name may try to log in, as COUNT/DURATION or off; an address may ten times as often
    #[arg(long, env = "CARRIER_LIMIT_LOGIN", default_value_t = LIMIT_LOGIN)]
    pub limit_login: Limit,
    /// How often an address may try to register
    #[arg(long, env = "CARRIER_LIMIT_REGISTER", default_value_t = LIMIT_REGISTER)]
    pub limit_register: Limit,
    /// How often an account may send a message
    #[arg(long, env = "CARRIER_LIMIT_SEND", default_value_t = LIMIT_SEND)]
    pub limit_send: Limit,
    /// How often an account may upload a file
    #[arg(long, env = "CARRIER_LIMIT_UPLOAD", default_value_t = LIMIT_UPLOAD)]
    pub limit_upload: Limit,
    /// How often an account may search
    #[arg(long, env = "CARRIER_LIMIT_SEARCH", default_value_t = LIMIT_SEARCH)]
    pub limit_search: Limit,
}

impl Config {
    /// Without any limit on how often something may be done.
    pub fn unlimited(self) -> Self {
        let off = Limit::OFF;
        Self { limit_login: off, limit_register: off, limit_send: off, limit_upload: off, limit_search: off, ..self }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            registration: Registration::Open,
            files: None,
            max_upload: 25 << 20,
            files_sweep: Duration::from_secs(3600),
            max_waiting: 256 << 20,
            max_unsaved: MAX_UNSAVED,
            heartbeat: Duration::from_secs(25),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            limit_login: LIMIT_LOGIN,
            limit_register: LIMIT_REGISTER,
            limit_send: LIMIT_SEND,
            limit_upload: LIMIT_UPLOAD,
            limit_search: LIMIT_SEARCH,
        }
    }
}
