//! A Redis Cluster on loopback: primaries, each with a replica.

use std::time::Duration;

use futures_util::future::join_all;

use crate::{Redis, Server, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

/// As many slots as every cluster has.
const SLOTS: usize = 16_384;

/// A cluster. Its nodes end, and their folders go, when this is dropped.
pub struct Cluster {
    /// The primaries as they were at first, then their replicas in the same order.
    pub nodes: Vec<Redis>,
    primaries: usize,
}

impl Cluster {
    /// Starts so many primaries, each with one replica, with these options, and waits until all agree.
    pub async fn start(primaries: usize, options: &[(&str, &str)]) -> Self {
        let of_a_node = [("cluster-enabled", "yes"), ("cluster-node-timeout", "1000"), ("cluster-replica-validity-factor", "0")];
        let options: Vec<_> = of_a_node.into_iter().chain(options.iter().copied()).collect();
        let nodes = join_all((0..2 * primaries).map(|_| Redis::start_as(Server::Redis, &options))).await;
        let cluster = Self { nodes, primaries };
        cluster.join().await;
        cluster
    }

    async fn join(&self) {
        let first = &self.nodes[0];
        for (at, node) in self.nodes.iter().enumerate() {
            if at < self.primaries {
                let (from, to) = (SLOTS * at / self.primaries, SLOTS * (at + 1) / self.primaries - 1);
                assert_eq!(node.cli(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]).await, "OK");
            }
            if at > 0 {
                assert_eq!(node.cli(&["CLUSTER", "MEET", "127.0.0.1", &first.port().to_string()]).await, "OK");
            }
        }
        for at in 0..self.primaries {
            let (id, replica) = (self.nodes[at].cli(&["CLUSTER", "MYID"]).await, &self.nodes[self.primaries + at]);
            let follows = async || replica.cli(&["CLUSTER", "REPLICATE", &id]).await == "OK"; // it must have heard of it
            eventually(PATIENCE, "a replica follows its primary", follows).await;
        }
        self.wait_ready().await;
    }

    /// Waits until all nodes that run say that all is well, and every replica is in step.
    pub async fn wait_ready(&self) {
        let well = async || {
            let nodes = self.nodes.iter().filter(|node| node.is_alive());
            let states = join_all(nodes.map(async |node| {
                let (cluster, replication) = (node.cli(&["CLUSTER", "INFO"]).await, node.cli(&["INFO", "replication"]).await);
                let in_step = replication.contains("role:master") || replication.contains("master_link_status:up");
                cluster.contains("cluster_state:ok") && cluster.contains(&format!("cluster_size:{}", self.primaries)) && in_step
            }));
            states.await.into_iter().all(|well| well)
        };
        eventually(PATIENCE, "a cluster is ready", well).await;
    }

    /// For `CARRIER_REDIS_URL`.
    pub fn url(&self) -> String {
        let mut ports = self.nodes.iter().map(Redis::port);
        let first = ports.next().expect("a cluster has nodes");
        let others: Vec<_> = ports.map(|port| format!("node=127.0.0.1:{port}")).collect();
        format!("redis-cluster://127.0.0.1:{first}?{}", others.join("&"))
    }

    /// Which nodes are primaries now.
    pub async fn primaries(&self) -> Vec<&Redis> {
        let mut found = Vec::new();
        for node in self.nodes.iter().filter(|node| node.is_alive()) {
            if node.cli(&["ROLE"]).await.starts_with("master") {
                found.push(node);
            }
        }
        found
    }

    /// All keys of all primaries that match a glob pattern, sorted.
    pub async fn keys(&self, pattern: &str) -> Vec<String> {
        let mut keys = Vec::new();
        for node in self.primaries().await {
            keys.extend(node.keys(pattern).await);
        }
        keys.sort();
        keys
    }
}
