//! The cost of each request, against the floor of an empty handler in the same run on the same
//! machine: a ratio says more than a time.

mod cluster;
mod costs;
mod cpu;
mod http;
mod live;
mod page;
mod people;
mod server;
mod sql;

use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measures what each kind of request costs a `carrier` of its own, and an empty handler.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    costs: costs::Options,
}

#[derive(Subcommand)]
enum Role {
    /// The floor: a server whose handler does nothing
    #[command(hide = true)]
    Empty,
    /// The cost of a connection that only listens, and the time that messages take to their readers
    Live {
        /// Connections that only listen
        #[arg(long, default_value_t = 10_000)]
        idle: usize,
        /// Messages a second
        #[arg(long, default_value_t = 2_000)]
        rate: u32,
        /// Seconds of each measurement
        #[arg(long, default_value_t = 8)]
        seconds: u64,
    },
    /// Sends on Redis Clusters, by the number of their primaries
    Cluster {
        /// Numbers of primaries, separated by commas
        #[arg(long, value_delimiter = ',', default_values_t = [1, 3])]
        primaries: Vec<usize>,
        /// Seconds of each measurement
        #[arg(long, default_value_t = 8)]
        seconds: u64,
    },
    /// The frames of the page while it scrolls through a long history, in Chromium
    Page {
        /// Messages in the history
        #[arg(long, default_value_t = 100_000)]
        messages: usize,
        /// Seconds of each measurement
        #[arg(long, default_value_t = 8)]
        seconds: u64,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    match cli.role {
        Some(Role::Empty) => server::serve_empty().await,
        Some(Role::Live {
            idle,
            rate,
            seconds,
        }) => {
            live::idle(idle).await?;
            for fsync in ["everysec", "always"] {
                live::delivery(rate, Duration::from_secs(seconds), fsync).await?;
            }
            Ok(())
        }
        Some(Role::Cluster { primaries, seconds }) => {
            cluster::sends(&primaries, Duration::from_secs(seconds)).await
        }
        Some(Role::Page { messages, seconds }) => page::scroll(messages, seconds).await,
        None => costs::run(cli.costs).await,
    }
}
