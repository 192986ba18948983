//! The settings of the API alone.

use std::{net::SocketAddr, time::Duration};

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
    /// Origins of other sites whose pages may call the API, separated by commas
    #[arg(long, env = "CARRIER_ALLOWED_ORIGINS", value_delimiter = ',')]
    pub allowed_origins: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            registration: Registration::Open,
            files: None,
            max_upload: 25 << 20,
            files_sweep: Duration::from_secs(3600),
            allowed_origins: Vec::new(),
        }
    }
}
