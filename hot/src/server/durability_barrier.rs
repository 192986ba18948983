//! The durability barrier: waits until earlier writes are on disk (WAITAOF), or on a replica
//! (WAIT).
//!
//! The disk is watched besides if WAITAOF may answer too early; see
//! [`ServerFacts::wait_aof_is_early`](crate::ServerFacts::wait_aof_is_early).
//!
//! Both commands wait for all writes on their connection, and block it meanwhile; so a barrier has
//! connections of its own, and a write over another connection is behind it once the barrier has
//! written, too, and has waited for that. One wait serves all callers who came before it.
//!
//! The guarantee holds while Redis is the same. One that was started again, or a replica that took
//! over, may have forgotten its writes, and would still call the barrier's own write durable. So
//! each Redis is known by its process, and by the one it was promoted from: a [`RedisEpoch`] is
//! taken before the write, and is good for as long as all of them are the same.
//!
//! What is waited for follows the present settings of Redis, see [`ServerWatch`]; and each wait
//! asks anew whether its node has a replica.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use fred::{
    error::ErrorKind,
    types::{Value, config::Server},
    util::redis_keyslot,
};
use futures_util::future::{join_all, try_join4};
use model::{ChatId, Partition};
use tokio::sync::{OnceCell, mpsc, oneshot};

use super::{FsyncWatch, ServerWatch, facts::replicas_in_step, tick_of};
use crate::wire::{Error, Hot, Result, arg, keys, ms, spawn_critical, text, verbs};

/// The time that Redis may take to write to disk, or a replica to answer. `everysec` may take two
/// seconds.
const PATIENCE: Duration = Duration::from_secs(4);

/// The guarantee that is waited for, under the settings that Redis has at the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantee {
    /// Redis has it on disk.
    Disk,
    /// A replica has it.
    Replica,
    /// It is on disk, if Redis can tell so; and on a replica, if there is one, or was not long ago.
    Best,
}

/// The commands that are waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Plan {
    disk: bool,
    replica: bool,
}

impl Plan {
    /// True when all that `other` waits for is waited for.
    fn covers(self, other: Self) -> bool {
        (self.disk || !other.disk) && (self.replica || !other.replica)
    }
}

/// The epoch in which a write began; it ends when a Redis is replaced by another.
#[derive(Clone, Copy, Debug)]
pub struct RedisEpoch(u64);

/// A barrier that earlier writes are waited for at. Clones share its connections.
#[derive(Clone)]
pub struct DurabilityBarrier(Arc<Nodes>);

/// All that the workers of a barrier share.
#[derive(Clone)]
struct Link {
    hot: Hot,
    server: ServerWatch,
    guarantee: Guarantee,
    /// The watch on the disk, from the first time that WAITAOF cannot be believed.
    fsync_watch: Arc<OnceCell<FsyncWatch>>,
    /// The current epoch; another number whenever a Redis is another.
    epoch: Arc<AtomicU64>,
}

struct Nodes {
    link: Link,
    /// The workers by node of a cluster; `None` for the only one.
    waits: Mutex<HashMap<Option<Server>, mpsc::UnboundedSender<oneshot::Sender<bool>>>>,
}

impl DurabilityBarrier {
    /// Starts a barrier on connections of its own.
    ///
    /// # Errors
    /// Fails when Redis cannot be reached now.
    pub async fn start(hot: &Hot, server: &ServerWatch, guarantee: Guarantee) -> Result<Self> {
        let link = Link {
            hot: hot.new_connection().await?,
            server: server.clone(),
            guarantee,
            fsync_watch: Arc::default(),
            epoch: Arc::default(),
        };
        let waits = Mutex::default();
        let barrier = Self(Arc::new(Nodes { link, waits }));
        barrier.wait_all(barrier.epoch()).await; // it only learns who they are
        Ok(barrier)
    }

    /// Returns the current epoch, to be taken before the write.
    pub fn epoch(&self) -> RedisEpoch {
        RedisEpoch(self.0.link.epoch.load(SeqCst))
    }

    /// Waits until all writes to a chat since the epoch was taken are durable; false when they are
    /// not in time, or may be lost.
    pub async fn wait_chat(&self, epoch: RedisEpoch, chat: ChatId) -> bool {
        let key = keys::ChatKeys::new(chat).chat();
        let routing = self.0.link.hot.routing();
        let server =
            routing.and_then(|routing| routing.get_server(redis_keyslot(key.as_bytes())).cloned());
        self.node(epoch, server).await
    }

    /// Waits until all writes since the epoch was taken are durable; false when they are not in
    /// time, or may be lost.
    pub async fn wait_all(&self, epoch: RedisEpoch) -> bool {
        let nodes = self.0.link.hot.nodes().into_iter();
        join_all(nodes.map(|node| self.node(epoch, node)))
            .await
            .into_iter()
            .all(|durable| durable)
    }

    async fn node(&self, epoch: RedisEpoch, node: Option<Server>) -> bool {
        let (done, durable) = oneshot::channel();
        {
            let mut waits = self.0.waits.lock().unwrap_or_else(PoisonError::into_inner);
            let wait = waits.entry(node.clone()).or_insert_with(|| {
                let (sender, waiting) = mpsc::unbounded_channel();
                let worker = Worker {
                    link: self.0.link.clone(),
                    node,
                    known: String::new(),
                    has_replica: false,
                };
                spawn_critical("the durability barrier", worker.run(waiting));
                sender
            });
            if wait.send(done).is_err() {
                return false;
            }
        }
        durable.await.unwrap_or(false) && epoch.0 == self.0.link.epoch.load(SeqCst)
    }
}

/// A worker that waits on one node, for all callers at once.
struct Worker {
    link: Link,
    node: Option<Server>,
    /// The identity of the node.
    known: String,
    /// True when a replica of the node was in step when it was asked last.
    has_replica: bool,
}

impl Worker {
    async fn run(mut self, mut waiting: mpsc::UnboundedReceiver<oneshot::Sender<bool>>) {
        let mut all = Vec::new();
        while waiting.recv_many(&mut all, usize::MAX).await > 0 {
            let durable = self.wait().await.unwrap_or_else(|error| {
                tracing::debug!(%error, "could not learn whether a write is durable");
                false
            });
            for done in all.drain(..) {
                done.send(durable).ok(); // a caller that waits no longer need not know
            }
        }
    }

    /// Waits until everything written before this call is durable, unless the epoch is another
    /// afterwards.
    async fn wait(&mut self) -> Result<bool> {
        let plan = self.plan();
        let durable = self.wait_as(plan).await?;
        // A replica may have come meanwhile.
        let plan_now = self.plan();
        if plan.covers(plan_now) {
            Ok(durable)
        } else {
            self.wait_as(plan_now).await
        }
    }

    /// Returns what must be waited for now.
    fn plan(&self) -> Plan {
        let server = &self.link.server;
        let disk = !server.fsyncs_always();
        match self.link.guarantee {
            Guarantee::Disk => Plan {
                disk,
                replica: false,
            },
            Guarantee::Replica => Plan {
                disk: false,
                replica: true,
            },
            Guarantee::Best => Plan {
                disk: disk && server.facts().wait_aof,
                replica: self.has_replica || server.awaits_replica(),
            },
        }
    }

    async fn wait_as(&mut self, plan: Plan) -> Result<bool> {
        // In one go, so on one connection; were it another after the write, it would wait
        // for nothing, and have another id.
        let (before, (), mut durable, (mut info, after)) = try_join4(
            self.command("CLIENT", vec![arg("ID")]),
            self.write(plan),
            self.waited(plan),
            self.who(),
        )
        .await?;
        // (The first time it is only asked who it is.)
        if durable
            && !self.known.is_empty()
            && plan.disk
            && self.link.server.facts().wait_aof_is_early
        {
            durable = self.watched().await?;
            (info, _) = self.who().await?; // it may have become another meanwhile
        }
        self.has_replica = replicas_in_step(&info) > 0;
        let id = identity(&info);
        if id != self.known {
            self.known = id;
            self.link.epoch.fetch_add(1, SeqCst);
        }
        Ok(durable && before == after)
    }

    /// Waits until an fsync has been seen to end that began after all earlier writes.
    async fn watched(&self) -> Result<bool> {
        let start = async || Ok(FsyncWatch::start(self.link.hot.new_connection().await?));
        let fsync_watch = self.link.fsync_watch.get_or_try_init(start).await?;
        let written = tick_of(self.command("TIME", vec![]).await?);
        let reached = tokio::time::timeout(PATIENCE, fsync_watch.reached(written)).await;
        Ok(reached.unwrap_or(false))
    }

    /// Writes, so that the connection has something to wait for.
    async fn write(&self, plan: Plan) -> Result<()> {
        if plan == Plan::default() {
            return Ok(());
        }
        let barrier = self.key()?;
        self.link
            .hot
            .run_on(self.node.clone(), verbs::DurabilityBarrier { barrier })
            .await
    }

    /// Returns a key that this node has.
    fn key(&self) -> Result<String> {
        let mut keys = Partition::all().map(keys::fence);
        let (Some(node), Some(routing)) = (&self.node, self.link.hot.routing()) else {
            return Ok(keys.next().unwrap_or_default());
        };
        let here = |key: &String| routing.get_server(redis_keyslot(key.as_bytes())) == Some(node);
        keys.find(here).ok_or_else(|| {
            Error::of(
                "durability_barrier",
                fred::error::Error::new(ErrorKind::Routing, format!("{node} is no primary")),
            )
        })
    }

    fn patience(&self) -> Duration {
        PATIENCE.min(self.link.hot.options.command_timeout * 3 / 4)
    }

    async fn waited(&self, plan: Plan) -> Result<bool> {
        let disk = async {
            Ok(match plan.disk {
                true => {
                    let answer = self
                        .command("WAITAOF", vec![arg(1), arg(0), ms(self.patience())])
                        .await?
                        .into_array();
                    answer
                        .first()
                        .and_then(Value::as_i64)
                        .is_some_and(|local| local >= 1)
                }
                false => true,
            })
        };
        let replica = async {
            Ok(match plan.replica {
                true => self
                    .command("WAIT", vec![arg(1), ms(self.patience())])
                    .await?
                    .as_i64()
                    .is_some_and(|replicas| replicas >= 1),
                false => true,
            })
        };
        let (disk, replica) = futures_util::future::try_join(disk, replica).await?;
        Ok(disk && replica)
    }

    /// Asks who the node is, and on which connection the answer came.
    async fn who(&self) -> Result<(String, Value)> {
        let (info, client) = futures_util::future::try_join(
            self.command("INFO", vec![arg("server"), arg("replication")]),
            self.command("CLIENT", vec![arg("ID")]),
        )
        .await?;
        Ok((text(info), client))
    }

    async fn command(&self, name: &'static str, args: Vec<Value>) -> Result<Value> {
        self.link
            .hot
            .command_on(self.node.clone(), name, args)
            .await
    }
}

/// Reads the id of the process, and of the history that it went on with when it was promoted. (The
/// id of the process's own history would change with the first replica, too.)
pub(super) fn identity(info: &str) -> String {
    info.lines()
        .filter(|line| line.starts_with("run_id:") || line.starts_with("master_replid2:"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_for_less_than_is_needed_now_is_made_again() {
        let plan = |disk, replica| Plan { disk, replica };
        assert!(plan(true, true).covers(plan(false, true)));
        assert!(plan(true, false).covers(plan(true, false)));
        assert!(!plan(true, false).covers(plan(true, true)));
        assert!(!Plan::default().covers(plan(true, false)));
    }

    #[test]
    fn a_redis_is_known_by_its_process_and_by_the_one_it_was_promoted_from() {
        let info = |run: &str, own: &str, before: &str| {
            identity(&format!(
                "redis_version:7.0.15\r\nrun_id:{run}\r\nmaster_replid:{own}\r\n\
                 master_replid2:{before}\r\nmaster_repl_offset:7\r\n"
            ))
        };
        let one = info("a", "x", "0");
        assert_eq!(info("a", "y", "0"), one, "its own history may be another");
        assert_ne!(info("b", "x", "0"), one);
        assert_ne!(info("a", "x", "z"), one);
    }
}
