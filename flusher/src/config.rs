//! The settings of the flusher alone.

use std::time::Duration;

/// How a flusher works.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    /// How often the due sets are looked at, whether or not an event came
    #[arg(long, env = "CARRIER_SWEEP", default_value = "1s", value_parser = humantime::parse_duration)]
    pub sweep: Duration,
    /// How long a claim holds; a flusher that dies gives its chats back after it
    #[arg(long, env = "CARRIER_LEASE", default_value = "30s", value_parser = humantime::parse_duration)]
    pub lease: Duration,
    /// After how many refusals of SQL a row is put aside
    #[arg(long, env = "CARRIER_PARK_AFTER", default_value_t = 3)]
    pub park_after: u32,
    /// How many chats are loaded into Redis when somebody logs in
    #[arg(long, env = "CARRIER_WARM_CHATS", default_value_t = 20)]
    pub warm_chats: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { sweep: Duration::from_secs(1), lease: Duration::from_secs(30), park_after: 3, warm_chats: 20 }
    }
}
