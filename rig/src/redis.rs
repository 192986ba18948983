//! A Redis: one server, or a cluster of some primaries with a replica each.

use std::time::Duration;

use futures_util::future::join_all;

use crate::{Server, eventually, keeper::free_port, node::Node};

const PATIENCE: Duration = Duration::from_secs(60);
/// As many slots as every cluster has.
const SLOTS: usize = 16_384;
/// Of the nodes of a cluster: who is silent for a second is gone, and any replica may take over.
const OF_A_CLUSTER: [(&str, &str); 3] =
    [("cluster-enabled", "yes"), ("cluster-node-timeout", "1000"), ("cluster-replica-validity-factor", "0")];

/// One server, or a cluster. Its servers end, and their folders go, when this is dropped.
pub struct Redis {
    /// The only one; or the primaries as they were at first, and then their replicas in the same order.
    pub nodes: Vec<Node>,
    primaries: Option<usize>,
}

impl Redis {
    /// One server as Carrier wants it.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// One server with other options, as `("appendfsync", "everysec")`.
    pub async fn start_with(options: &[(&str, &str)]) -> Self {
        Self::start_as(Server::Redis, options).await
    }

    /// One of these servers with other options.
    pub async fn start_as(server: Server, options: &[(&str, &str)]) -> Self {
        Self { nodes: vec![Node::start(server, options).await], primaries: None }
    }

    /// One of these servers with other options, on a [`crate::Disk`] that can be held up.
    pub async fn start_on_slow_disk(server: Server, options: &[(&str, &str)]) -> Self {
        Self { nodes: vec![Node::start_on_slow_disk(server, options).await], primaries: None }
    }

    /// A cluster of so many primaries, each with one replica, with these options.
    pub async fn start_cluster(primaries: usize, options: &[(&str, &str)]) -> Self {
        let nodes = join_all((0..2 * primaries).map(async |_| {
            // By default ten thousand above the other, where clients have theirs.
            let bus = free_port().to_string();
            let options: Vec<_> = OF_A_CLUSTER.into_iter().chain([("cluster-port", bus.as_str())]).chain(options.iter().copied()).collect();
            Node::start(Server::Redis, &options).await
        }))
        .await;
        let cluster = Self { nodes, primaries: Some(primaries) };
        cluster.join(primaries).await;
        cluster
    }

    async fn join(&self, primaries: usize) {
        let first = &self.nodes[0];
        for (at, node) in self.nodes.iter().enumerate() {
            if at < primaries {
                let (from, to) = (SLOTS * at / primaries, SLOTS * (at + 1) / primaries - 1);
                assert_eq!(node.cli(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]).await, "OK");
            }
            // Two with one epoch would quarrel about it first.
            node.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]).await;
            if at > 0 {
                assert_eq!(node.cli(&["CLUSTER", "MEET", "127.0.0.1", &first.port().to_string(), &first.bus().await]).await, "OK");
            }
        }
        for at in 0..primaries {
            let (id, replica) = (self.nodes[at].cli(&["CLUSTER", "MYID"]).await, &self.nodes[primaries + at]);
            let follows = async || replica.cli(&["CLUSTER", "REPLICATE", &id]).await == "OK"; // it must have heard of it
            eventually(PATIENCE, "a replica follows its primary", follows).await;
        }
        self.wait_ready().await;
    }

    /// Waits until all nodes of a cluster that run say that all is well, and every replica is in step.
    pub async fn wait_ready(&self) {
        let Some(primaries) = self.primaries else { return };
        let well = async || {
            let states = join_all(self.nodes.iter().filter(|node| node.is_alive()).map(async |node| {
                let (cluster, replication) = (node.cli(&["CLUSTER", "INFO"]).await, node.cli(&["INFO", "replication"]).await);
                let in_step = replication.contains("role:master") || replication.contains("master_link_status:up");
                cluster.contains("cluster_state:ok") && cluster.contains(&format!("cluster_size:{primaries}")) && in_step
            }));
            states.await.into_iter().all(|well| well)
        };
        eventually(PATIENCE, "a cluster is ready", well).await;
    }

    /// For `CARRIER_REDIS_URL`.
    pub fn url(&self) -> String {
        match self.primaries {
            None => format!("redis://{}", self.nodes[0].address()),
            Some(_) => {
                let others: Vec<_> = self.nodes[1..].iter().map(|node| format!("node={}", node.address())).collect();
                format!("redis-cluster://{}?{}", self.nodes[0].address(), others.join("&"))
            }
        }
    }

    /// The TCP address of the only server.
    pub fn address(&self) -> std::net::SocketAddr {
        assert!(self.primaries.is_none(), "a cluster has more addresses than one");
        self.nodes[0].address()
    }

    /// Starts a replica of the only server, and waits until it has all that there is.
    pub async fn start_replica(&self, server: Server) -> Node {
        assert!(self.primaries.is_none(), "the nodes of a cluster have replicas");
        self.nodes[0].start_replica(server).await
    }

    /// Kills all of it at once.
    pub fn kill9(&self) {
        self.nodes.iter().for_each(Node::kill9);
    }

    /// Stops all of it in an orderly way.
    pub async fn stop(&self) {
        join_all(self.nodes.iter().map(Node::stop)).await;
    }

    /// Starts what does not run again where it was, and waits until it is ready.
    pub async fn restart(&self) {
        join_all(self.nodes.iter().filter(|node| !node.is_alive()).map(Node::restart)).await;
        self.wait_ready().await;
    }

    /// Stops it in its tracks: connections stay open and nobody answers.
    pub fn freeze(&self) {
        self.nodes.iter().for_each(Node::freeze);
    }

    /// It goes on.
    pub fn thaw(&self) {
        self.nodes.iter().for_each(Node::thaw);
    }

    /// Which nodes are primaries now.
    pub async fn primaries(&self) -> Vec<&Node> {
        let mut found = Vec::new();
        for node in self.nodes.iter().filter(|node| node.is_alive()) {
            if node.cli(&["ROLE"]).await.starts_with("master") {
                found.push(node);
            }
        }
        found
    }

    /// What redis-cli prints for a command, without the last line break. On a cluster a command goes to the node that has its key; one without a key
    /// to every primary, and what the first of them says is told.
    pub async fn cli(&self, args: &[&str]) -> String {
        let without_key =
            ["CONFIG", "SCRIPT", "INFO", "CLIENT", "DBSIZE", "FLUSHALL"].contains(&args[0]) || args[0] == "EVAL" && args[2] == "0";
        match self.primaries {
            None => self.nodes[0].cli(args).await,
            Some(_) if without_key => {
                let answers = join_all(self.primaries().await.into_iter().map(|node| node.cli(args))).await;
                answers.into_iter().next().unwrap_or_default()
            }
            Some(_) => {
                let alive = self.nodes.iter().find(|node| node.is_alive()).expect("a node of the cluster runs");
                alive.cli_anywhere(args).await
            }
        }
    }

    /// All keys that match a glob pattern, sorted.
    pub async fn keys(&self, pattern: &str) -> Vec<String> {
        let mut keys = match self.primaries {
            None => self.nodes[0].keys(pattern).await,
            Some(_) => join_all(self.primaries().await.into_iter().map(|node| node.keys(pattern))).await.concat(),
        };
        keys.sort();
        keys
    }

    /// Makes it know these scripts, so that EVALSHA never fails: for a [`crate::Proxy`] that looks for a script's SHA.
    pub async fn load(&self, sources: &[String]) {
        for node in self.primaries().await {
            node.load(sources).await;
        }
    }
}
