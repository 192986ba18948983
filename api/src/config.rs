//! The settings of the API alone.

use std::net::SocketAddr;

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
    /// Origins of other sites whose pages may call the API, separated by commas
    #[arg(long, env = "CARRIER_ALLOWED_ORIGINS", value_delimiter = ',')]
    pub allowed_origins: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), registration: Registration::Open, allowed_origins: Vec::new() }
    }
}
