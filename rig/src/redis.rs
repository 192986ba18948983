//! A Redis: one server, or a cluster of some primaries with a replica each.

use std::time::Duration;

use futures_util::future::join_all;

use crate::{
    Server, eventually,
    keeper::free_port,
    node::{Node, Past},
};

const PATIENCE: Duration = Duration::from_secs(60);
/// The number of slots of every cluster.
const SLOTS: usize = 16_384;
/// The options of the nodes of a cluster: a node that is silent for a second is gone, and any
/// replica may take over.
const OF_A_CLUSTER: [(&str, &str); 3] = [
    ("cluster-enabled", "yes"),
    ("cluster-node-timeout", "1000"),
    ("cluster-replica-validity-factor", "0"),
];

/// A server, or a cluster. The servers and their folders are gone when this is dropped.
pub struct Redis {
    /// The only node; or the primaries as they were at first, and then their replicas in the same
    /// order.
    pub nodes: Vec<Node>,
    primaries: Option<usize>,
}

impl Redis {
    /// Starts one server with the options that Carrier wants.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one server with further options, such as `("appendfsync", "everysec")`.
    pub async fn start_with(options: &[(&str, &str)]) -> Self {
        Self::start_as(Server::Redis, options).await
    }

    /// Starts one server of this program with further options.
    pub async fn start_as(server: Server, options: &[(&str, &str)]) -> Self {
        Self {
            nodes: vec![Node::start(server, options).await],
            primaries: None,
        }
    }

    /// Starts one server of this program with further options, on a [`crate::Disk`] that can be
    /// held up.
    pub async fn start_on_slow_disk(server: Server, options: &[(&str, &str)]) -> Self {
        Self {
            nodes: vec![Node::start_on_slow_disk(server, options).await],
            primaries: None,
        }
    }

    /// Starts a cluster of so many primaries, each with one replica, with these options.
    pub async fn start_cluster(primaries: usize, options: &[(&str, &str)]) -> Self {
        let nodes = join_all((0..2 * primaries).map(async |_| {
            // The default is ten thousand above the other, where outgoing connections have their
            // ports.
            let bus = free_port().to_string();
            let options: Vec<_> = OF_A_CLUSTER
                .into_iter()
                .chain([("cluster-port", bus.as_str())])
                .chain(options.iter().copied())
                .collect();
            Node::start(Server::Redis, &options).await
        }))
        .await;
        let cluster = Self {
            nodes,
            primaries: Some(primaries),
        };
        cluster.join(primaries).await;
        cluster
    }

    async fn join(&self, primaries: usize) {
        let first = &self.nodes[0];
        for (at, node) in self.nodes.iter().enumerate() {
            if at < primaries {
                let (from, to) = (SLOTS * at / primaries, SLOTS * (at + 1) / primaries - 1);
                assert_eq!(
                    node.cli(&[
                        "CLUSTER",
                        "ADDSLOTSRANGE",
                        &from.to_string(),
                        &to.to_string()
                    ])
                    .await,
                    "OK"
                );
            }
            // Two nodes with one epoch would first have to settle which of them keeps it.
            node.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()])
                .await;
            if at > 0 {
                assert_eq!(
                    node.cli(&[
                        "CLUSTER",
                        "MEET",
                        "127.0.0.1",
                        &first.port().to_string(),
                        &first.bus().await
                    ])
                    .await,
                    "OK"
                );
            }
        }
        for at in 0..primaries {
            let (id, replica) = (
                self.nodes[at].cli(&["CLUSTER", "MYID"]).await,
                &self.nodes[primaries + at],
            );
            // The replica must have heard of its primary first.
            let follows = async || replica.cli(&["CLUSTER", "REPLICATE", &id]).await == "OK";
            eventually(PATIENCE, "a replica follows its primary", follows).await;
        }
        self.wait_ready().await;
    }

    /// Waits until all running nodes of a cluster report that it is well, and every replica is in
    /// step.
    pub async fn wait_ready(&self) {
        let Some(primaries) = self.primaries else {
            return;
        };
        let well = async || {
            let states = join_all(self.nodes.iter().filter(|node| node.is_alive()).map(
                async |node| {
                    let (cluster, replication) = (
                        node.cli(&["CLUSTER", "INFO"]).await,
                        node.cli(&["INFO", "replication"]).await,
                    );
                    let in_step = replication.contains("role:master")
                        || replication.contains("master_link_status:up");
                    cluster.contains("cluster_state:ok")
                        && cluster.contains(&format!("cluster_size:{primaries}"))
                        && in_step
                },
            ));
            states.await.into_iter().all(|well| well)
        };
        eventually(PATIENCE, "a cluster is ready", well).await;
    }

    /// Returns the URL, for `CARRIER_REDIS_URL`.
    pub fn url(&self) -> String {
        match self.primaries {
            None => format!("redis://{}", self.nodes[0].address()),
            Some(_) => {
                let others: Vec<_> = self.nodes[1..]
                    .iter()
                    .map(|node| format!("node={}", node.address()))
                    .collect();
                format!(
                    "redis-cluster://{}?{}",
                    self.nodes[0].address(),
                    others.join("&")
                )
            }
        }
    }

    /// Returns the TCP address of the only server.
    pub fn address(&self) -> std::net::SocketAddr {
        assert!(
            self.primaries.is_none(),
            "a cluster has more addresses than one"
        );
        self.nodes[0].address()
    }

    /// Starts a replica of the only server, and waits until it has caught up.
    pub async fn start_replica(&self, server: Server) -> Node {
        assert!(
            self.primaries.is_none(),
            "the nodes of a cluster have replicas"
        );
        self.nodes[0].start_replica(server).await
    }

    /// Kills all servers at once.
    pub fn kill9(&self) {
        self.nodes.iter().for_each(Node::kill9);
    }

    /// Returns what all servers have on their disks now, to go back to.
    pub fn past(&self) -> Vec<Past> {
        self.nodes.iter().map(Node::past).collect()
    }

    /// Kills all servers, and starts them with what they had in the past.
    pub async fn go_back(&self, past: &[Past]) {
        self.kill9();
        past.iter().for_each(Past::restore);
        self.restart().await;
    }

    /// Stops all servers in an orderly way.
    pub async fn stop(&self) {
        join_all(self.nodes.iter().map(Node::stop)).await;
    }

    /// Starts the servers that do not run again with the same data, and waits until all are ready.
    pub async fn restart(&self) {
        join_all(
            self.nodes
                .iter()
                .filter(|node| !node.is_alive())
                .map(Node::restart),
        )
        .await;
        self.wait_ready().await;
    }

    /// Freezes all processes (SIGSTOP): connections stay open and no answer comes.
    pub fn freeze(&self) {
        self.nodes.iter().for_each(Node::freeze);
    }

    /// Lets frozen processes go on.
    pub fn thaw(&self) {
        self.nodes.iter().for_each(Node::thaw);
    }

    /// Returns the nodes that are primaries now.
    pub async fn primaries(&self) -> Vec<&Node> {
        let mut found = Vec::new();
        for node in self.nodes.iter().filter(|node| node.is_alive()) {
            if node.cli(&["ROLE"]).await.starts_with("master") {
                found.push(node);
            }
        }
        found
    }

    /// Returns the output of redis-cli for a command, without the last line break. On a cluster a
    /// command goes to the node that has its key; one without a key goes to every primary, and the
    /// output of the first of them is returned.
    pub async fn cli(&self, args: &[&str]) -> String {
        let without_key = ["CONFIG", "SCRIPT", "INFO", "CLIENT", "DBSIZE", "FLUSHALL"]
            .contains(&args[0])
            || args[0] == "EVAL" && args[2] == "0";
        match self.primaries {
            None => self.nodes[0].cli(args).await,
            Some(_) if without_key => {
                let answers = join_all(
                    self.primaries()
                        .await
                        .into_iter()
                        .map(|node| node.cli(args)),
                )
                .await;
                answers.into_iter().next().unwrap_or_default()
            }
            Some(_) => {
                let alive = self
                    .nodes
                    .iter()
                    .find(|node| node.is_alive())
                    .expect("a node of the cluster runs");
                alive.cli_anywhere(args).await
            }
        }
    }

    /// Returns all keys that match a glob pattern, sorted.
    pub async fn keys(&self, pattern: &str) -> Vec<String> {
        let mut keys = match self.primaries {
            None => self.nodes[0].keys(pattern).await,
            Some(_) => join_all(
                self.primaries()
                    .await
                    .into_iter()
                    .map(|node| node.keys(pattern)),
            )
            .await
            .concat(),
        };
        keys.sort();
        keys
    }

    /// Loads these scripts, so that EVALSHA never fails: for a [`crate::Proxy`] that looks for a
    /// script's SHA.
    pub async fn load(&self, sources: &[String]) {
        for node in self.primaries().await {
            node.load(sources).await;
        }
    }
}
