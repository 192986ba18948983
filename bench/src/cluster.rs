//! Sends on a Redis Cluster, by the number of its primaries. All nodes are on this machine, so the
//! processor time of a send says more than how many there are in a second.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use hot::Hot;
use serde_json::json;

use crate::{
    http::{Connection, Request},
    live::chat,
    people,
    server::Server,
};

/// The number of connections, each of which sends as soon as it is answered.
const SENDERS: usize = 32;
/// The number of direct chats, over the partitions of the cluster.
const CHATS: usize = 512;
/// The number of chats that are made at the same time.
const AT_ONCE: usize = 64;
/// The time before what is measured.
const WARM: Duration = Duration::from_secs(1);

/// Measures sends of 100 characters on clusters of so many primaries.
pub(crate) async fn sends(primaries: &[usize], time: Duration) -> Result<()> {
    for primaries in primaries {
        for fsync in ["everysec", "always"] {
            of_a_cluster(*primaries, fsync, time).await?;
        }
    }
    Ok(())
}

async fn of_a_cluster(primaries: usize, fsync: &str, time: Duration) -> Result<()> {
    let carrier = Server::on_cluster(primaries, fsync).await?;
    let hot = Hot::connect(hot::Options::new(&carrier.redis_url)).await?;
    let people = people::make(&hot, CHATS * 2).await?;
    let chats = stream::iter(people.chunks(2))
        .map(|pair| chat(&carrier.address, &pair[0], &pair[1]))
        .buffered(AT_ONCE);
    let chats: Vec<(String, String)> = chats.try_collect().await?;
    let requests = chats.iter().map(|(chat, token)| {
        let body = json!({ "body": "x".repeat(100) });
        Request::post(&format!("/v1/chats/{chat}/messages"), token, &body)
    });
    let requests: Arc<Vec<Request>> = Arc::new(requests.collect());
    closed(&carrier, &requests, WARM).await?;
    let before = carrier.cpu();
    let (sent, seconds) = closed(&carrier, &requests, time).await?;
    let each = carrier.cpu().each(&before, sent as f64);
    println!(
        "{primaries} primaries with a replica each, {fsync:9} {:6.0} sends/s; of each send \
         {:.0} us of the API, {:.0} us of all nodes of Redis, {:.0} us of the flusher",
        sent as f64 / seconds,
        each.api,
        each.redis,
        each.flusher,
    );
    carrier.stop().await
}

/// Has each connection send as soon as it is answered; returns how often, and in which time.
async fn closed(
    carrier: &Server,
    requests: &Arc<Vec<Request>>,
    time: Duration,
) -> Result<(usize, f64)> {
    let start = Instant::now();
    let senders = (0..SENDERS).map(|sender| {
        let (address, requests) = (carrier.address.clone(), Arc::clone(requests));
        tokio::spawn(async move {
            let mut connection = Connection::open(&address).await?;
            let mut sent = 0;
            while start.elapsed() < time {
                let request = &requests[(sender + sent * SENDERS) % requests.len()];
                let (status, _) = connection.ask(request).await?;
                ensure!(status == 201, "a status of {status}");
                sent += 1;
            }
            Ok::<_, anyhow::Error>(sent)
        })
    });
    let mut all = 0;
    for sent in try_join_all(senders).await? {
        all += sent?;
    }
    Ok((all, start.elapsed().as_secs_f64()))
}
