//! The settings of the flusher alone.

use std::time::Duration;

/// The settings of a flusher.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    /// The time between two looks at the due sets, whether or not an event came
    #[arg(
        long, env = "CARRIER_SWEEP", default_value = "1s",
        value_parser = humantime::parse_duration
    )]
    pub sweep: Duration,
    /// The time for which a lease holds; after it the chats of a flusher that died are due again
    #[arg(
        long, env = "CARRIER_LEASE", default_value = "30s",
        value_parser = humantime::parse_duration
    )]
    pub lease: Duration,
    /// The number of refusals by SQL after which a row is parked
    #[arg(long, env = "CARRIER_PARK_AFTER", default_value_t = 3)]
    pub park_after: u32,
    /// The number of chats that are loaded into Redis when a user logs in
    #[arg(long, env = "CARRIER_WARM_CHATS", default_value_t = 20)]
    pub warm_chats: usize,
    /// The time for which a webhook whose receiver takes nothing is tried, before it is parked
    #[arg(
        long, env = "CARRIER_WEBHOOK_RETRY_FOR", default_value = "3d",
        value_parser = humantime::parse_duration
    )]
    pub webhook_retry_for: Duration,
    /// The time that a receiver of a webhook has to answer
    #[arg(
        long, env = "CARRIER_WEBHOOK_TIMEOUT", default_value = "10s",
        value_parser = humantime::parse_duration
    )]
    pub webhook_timeout: Duration,
    /// True when webhooks may be told in private networks; all roles have it in common.
    #[arg(skip)]
    pub webhook_private: bool,
}

/// The least time that a pass has, however short a lease is.
const LEAST_PASS: Duration = Duration::from_secs(60);

impl Config {
    /// Returns the longest time that a pass may take.
    pub(crate) fn pass_limit(&self) -> Duration {
        LEAST_PASS.max(2 * self.lease)
    }

    /// Returns the time for which the claim on a cursor of a webhook holds: longer than an answer
    /// may take, with its renewal before.
    pub(crate) fn webhook_lease(&self) -> Duration {
        self.lease.max(2 * self.webhook_timeout)
    }

    /// Returns the time without a turn after which a flusher hangs: more than a pass may take, and
    /// the wait for the next.
    pub fn longest_turn(&self) -> Duration {
        2 * self.pass_limit() + self.sweep
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sweep: Duration::from_secs(1),
            lease: Duration::from_secs(30),
            park_after: 3,
            warm_chats: 20,
            webhook_retry_for: Duration::from_secs(3 * 24 * 3600),
            webhook_timeout: Duration::from_secs(10),
            webhook_private: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;

    #[test]
    fn no_turn_hangs_while_its_pass_may_go_on_and_the_next_is_waited_for() {
        for (lease, sweep) in [(1, 1), (30, 1), (600, 1), (30, 3600)] {
            let config = Config {
                lease: Duration::from_secs(lease),
                sweep: Duration::from_secs(sweep),
                ..Config::default()
            };
            assert!(config.longest_turn() > config.pass_limit() + config.sweep);
        }
    }

    #[test]
    fn the_defaults_of_the_command_line_are_those_of_the_type() {
        let command = Config::augment_args(Command::new("flusher"));
        let parsed = command.get_matches_from(["flusher"]);
        let parsed = Config::from_arg_matches(&parsed).expect("nothing is required");
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Config::default()));
    }
}
