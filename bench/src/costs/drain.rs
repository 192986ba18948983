//! The drain: how fast a backlog is saved.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::sleep;

use super::{deployment::Deployment, scene::Scene, table::Sample};
use crate::http::ask_all;

/// The name of the row.
pub(crate) const NAME: &str = "drain, of a row";
/// The time after which a change is due to be saved, the default of `CARRIER_FLUSH_AFTER`, and a
/// little more: a flusher that may begin finds all of the backlog.
const FLUSH_AFTER: Duration = Duration::from_millis(5500);
/// The time between two looks at what is left, which costs Redis two milliseconds.
const LOOK: Duration = Duration::from_millis(50);

/// Freezes the flusher, sends so many messages, lets it go on, and measures until nothing is left.
/// An operation is a row: a message, and those of its chat and its sender.
pub(crate) async fn measure(
    on: &Deployment,
    scene: &Scene,
    messages: usize,
    connections: usize,
) -> Result<Sample> {
    on.server.freeze_flusher()?;
    let backlog = backlog(on, scene, messages, connections).await;
    // Whatever went wrong, the flusher is not left frozen.
    let (start, before) = (Instant::now(), on.server.cpu());
    on.server.thaw_flusher()?;
    let rows = backlog.context("a backlog could not be made")? as f64;
    on.until_chats_saved(LOOK).await?;
    Ok(Sample {
        per_second: rows / start.elapsed().as_secs_f64(),
        cpu: on.server.cpu().each(&before, rows),
        latency: None,
    })
}

/// Sends so many messages, waits until all are due, and returns how many rows are unsaved.
async fn backlog(
    on: &Deployment,
    scene: &Scene,
    messages: usize,
    connections: usize,
) -> Result<u64> {
    let chats = scene.directs();
    let send = |at: usize| chats[at % chats.len()].send(at);
    let address = &on.server.address;
    ask_all(address, connections, messages, send, |_, _| Ok(())).await?;
    sleep(FLUSH_AFTER).await;
    on.unsaved_rows().await
}
