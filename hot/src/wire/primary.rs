//! The search for the primary anew, by a connection whose node is one no longer.
//!
//! A primary that was demoted goes on answering, and connections to it live on. One that only
//! reads or listens would never notice: no write of its own is refused. So every connection asks
//! its node for its role every few seconds, and leaves a replica: the URL (a name, a virtual
//! address, sentinels) leads to the primary, and a cluster tells who it is. The question also finds
//! a connection whose packets are dropped, on which nothing else would be sent.

use std::time::Duration;

use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike, ClusterInterface, FredResult},
    types::{ClusterHash, CustomCommand, Value, config::Server},
};
use futures_util::future::join_all;
use tokio_util::task::AbortOnDropHandle;

/// The time between two questions.
const LOOK: Duration = Duration::from_secs(2);
/// The longest time between two attempts to leave, while the URL still leads to a replica.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Keeps a client with the primary until the handle is dropped.
pub(crate) fn stay_with_primary(client: &Client) -> AbortOnDropHandle<()> {
    let client = client.clone();
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut wait = LOOK;
        loop {
            tokio::time::sleep(wait).await;
            wait = match is_on_replica(&client).await {
                false => LOOK,
                true => {
                    leave(&client).await;
                    (wait * 2).min(MAX_WAIT)
                }
            };
        }
    }))
}

async fn leave(client: &Client) {
    tracing::warn!("Redis is no primary any more; looking for the primary again");
    let left = match client.is_clustered() {
        true => client.sync_cluster().await,
        false => client.force_reconnection().await,
    };
    if let Err(error) = left {
        tracing::debug!(%error, "could not find the primary; trying again soon");
    }
}

/// Returns true when a node that the client takes for a primary is a replica. A node that does not
/// answer, or does not tell, counts as a primary: fred reconnects to the former by itself.
async fn is_on_replica(client: &Client) -> bool {
    join_all(nodes(client).into_iter().map(|node| role(client, node)))
        .await
        .into_iter()
        .any(|role| role.is_ok_and(|role| role == "slave"))
}

/// Returns true when each node answers that the client takes for a primary.
pub(crate) async fn all_nodes_answer(client: &Client) -> bool {
    let nodes = nodes(client);
    let ask = nodes.iter().map(|node| ask(client, node, "PING", &[]));
    !nodes.is_empty() && join_all(ask).await.iter().all(FredResult::is_ok)
}

fn nodes(client: &Client) -> Vec<Option<Server>> {
    match client.is_clustered() {
        true => client
            .cached_cluster_state()
            .map_or_else(Vec::new, |state| {
                state.unique_primary_nodes().into_iter().map(Some).collect()
            }),
        false => vec![None],
    }
}

/// Returns the role of a node. One that was demoted forgets the scripts, so that nobody uses it
/// before it is compared with SQL should it become the primary again.
async fn role(client: &Client, node: Option<Server>) -> FredResult<String> {
    let answer = ask(client, &node, "ROLE", &[]).await?;
    let role = answer.into_array().into_iter().next();
    let role = role
        .and_then(|role| role.into_string())
        .ok_or_else(|| Error::new(fred::error::ErrorKind::Parse, "ROLE has no role"))?;
    if role == "slave"
        && let Err(error) = ask(client, &node, "SCRIPT", &["FLUSH"]).await
    {
        tracing::debug!(%error, "a Redis that was demoted could not forget the scripts");
    }
    Ok(role)
}

async fn ask(
    client: &Client,
    node: &Option<Server>,
    name: &'static str,
    args: &[&'static str],
) -> FredResult<Value> {
    let command = CustomCommand::new_static(name, ClusterHash::FirstKey, false);
    let args: Vec<Value> = args.iter().map(|arg| Value::from_static_str(arg)).collect();
    match node {
        None => client.custom(command, args).await,
        Some(node) => client.with_cluster_node(node).custom(command, args).await,
    }
}
