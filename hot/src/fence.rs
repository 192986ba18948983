//! Is what was written safe: on disk (WAITAOF), or on a replica (WAIT)?
//!
//! Where WAITAOF answers too early (see [`Facts::hasty`](crate::Facts::hasty)), the disk is watched besides.
//!
//! Both wait for all that was written on their connection, and block it meanwhile; so a fence has connections of its own, and what is written over
//! another is behind it when the fence has written, too, and has waited for that. One wait serves all who came before it.
//!
//! That holds while Redis is the same. One that was started again, or a replica that took over, may have forgotten what it was told, and would still
//! call the fence's own write safe. So each is known by which process it is, and by whom it was promoted from: a [`Mark`] is made before the write, and is
//! good for as long as all of them are the same.

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
use tokio::sync::{mpsc, oneshot};

use crate::{
    Error, Everysec, Hot, Result, Verb,
    client::{arg, ms},
    keys,
    reply::text,
    server::tick_of,
};

/// How long Redis may take to write to disk, or a replica to answer. `everysec` may take two.
const PATIENCE: Duration = Duration::from_secs(4);

/// What is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guarantee {
    /// That Redis has it on disk.
    pub disk: bool,
    /// That a replica has it.
    pub replica: bool,
}

/// When a write began: which Redis it was told to.
#[derive(Clone, Copy, Debug)]
pub struct Mark(u64);

/// Waits for what was written. Clones share their connections.
#[derive(Clone)]
pub struct Fence(Arc<Nodes>);

struct Nodes {
    hot: Hot,
    guarantee: Guarantee,
    /// Where WAITAOF cannot be believed.
    everysec: Option<Everysec>,
    /// Another number whenever a Redis is another.
    epoch: Arc<AtomicU64>,
    /// By node of a cluster; `None`: the only one.
    waits: Mutex<HashMap<Option<Server>, mpsc::UnboundedSender<oneshot::Sender<bool>>>>,
}

impl Fence {
    /// A fence on connections of its own.
    pub async fn start(hot: &Hot, guarantee: Guarantee) -> Result<Self> {
        let hot = hot.another().await?;
        let watches = guarantee.disk && hot.facts().await?.hasty;
        let everysec = if watches { Some(Everysec::watch(hot.another().await?)) } else { None };
        let fence = Self(Arc::new(Nodes { hot, guarantee, everysec, epoch: Arc::default(), waits: Mutex::default() }));
        if fence.waits() {
            fence.all_nodes(fence.mark()).await; // it only learns who they are
        }
        Ok(fence)
    }

    /// Is there anything to wait for?
    fn waits(&self) -> bool {
        self.0.guarantee.disk || self.0.guarantee.replica
    }

    /// To be made before what is written.
    pub fn mark(&self) -> Mark {
        Mark(self.0.epoch.load(SeqCst))
    }

    /// Waits until all that was written to a chat since the mark is safe; false when it is not in time, or may be lost.
    pub async fn chat(&self, mark: Mark, chat: ChatId) -> bool {
        if !self.waits() {
            return true;
        }
        let key = keys::ChatKeys::new(chat).row();
        let server = self.0.hot.routing().and_then(|routing| routing.get_server(redis_keyslot(key.as_bytes())).cloned());
        self.node(mark, server).await
    }

    /// The same of everything.
    pub async fn all(&self, mark: Mark) -> bool {
        !self.waits() || self.all_nodes(mark).await
    }

    async fn all_nodes(&self, mark: Mark) -> bool {
        let nodes = self.0.hot.primaries().map_or_else(|| vec![None], |nodes| nodes.into_iter().map(Some).collect());
        join_all(nodes.into_iter().map(|node| self.node(mark, node))).await.into_iter().all(|safe| safe)
    }

    async fn node(&self, mark: Mark, node: Option<Server>) -> bool {
        let (done, safe) = oneshot::channel();
        {
            let mut waits = self.0.waits.lock().unwrap_or_else(PoisonError::into_inner);
            let wait = waits.entry(node.clone()).or_insert_with(|| {
                let (sender, waiting) = mpsc::unbounded_channel();
                let Nodes { hot, guarantee, everysec, epoch, .. } = &*self.0;
                let (hot, everysec, epoch) = (hot.clone(), everysec.clone(), Arc::clone(epoch));
                let worker = Worker { hot, guarantee: *guarantee, everysec, epoch, node, known: String::new() };
                tokio::spawn(worker.run(waiting));
                sender
            });
            if wait.send(done).is_err() {
                return false;
            }
        }
        safe.await.unwrap_or(false) && mark.0 == self.0.epoch.load(SeqCst)
    }
}

/// Waits on one node, for all who ask at once.
struct Worker {
    hot: Hot,
    guarantee: Guarantee,
    everysec: Option<Everysec>,
    epoch: Arc<AtomicU64>,
    node: Option<Server>,
    /// Its identity.
    known: String,
}

impl Worker {
    async fn run(mut self, mut waiting: mpsc::UnboundedReceiver<oneshot::Sender<bool>>) {
        let mut all = Vec::new();
        while waiting.recv_many(&mut all, usize::MAX).await > 0 {
            let safe = self.wait().await.unwrap_or_else(|error| {
                tracing::debug!(%error, "Redis does not tell whether a write is safe");
                false
            });
            for done in all.drain(..) {
                done.send(safe).ok(); // who no longer waits need not know
            }
        }
    }

    /// Everything written before this call is safe, unless the epoch is another afterwards.
    async fn wait(&mut self) -> Result<bool> {
        // In one go, so on one connection; were it another after the write, it would wait for nothing, and have another id.
        let (before, (), mut safe, (mut info, after)) =
            try_join4(self.command("CLIENT", vec![arg("ID")]), self.write(), self.waited(), self.who()).await?;
        // (The first time it is only asked who it is.)
        if safe
            && !self.known.is_empty()
            && let Some(everysec) = &self.everysec
        {
            let written = tick_of(self.command("TIME", vec![]).await?);
            safe = tokio::time::timeout(PATIENCE, everysec.reached(written)).await.unwrap_or(false);
            (info, _) = self.who().await?; // it may have become another meanwhile
        }
        let id = identity(&text(info));
        if id != self.known {
            self.known = id;
            self.epoch.fetch_add(1, SeqCst);
        }
        Ok(safe && before == after)
    }

    async fn write(&self) -> Result<()> {
        let (source, _) = self.hot.options.scripts.get(Verb::Fence);
        self.command("EVAL", vec![arg(source), arg(1), arg(self.key()?)]).await.map(drop)
    }

    /// A key that this node has.
    fn key(&self) -> Result<String> {
        let mut keys = Partition::all().map(keys::fence);
        let (Some(node), Some(routing)) = (&self.node, self.hot.routing()) else { return Ok(keys.next().unwrap_or_default()) };
        let here = |key: &String| routing.get_server(redis_keyslot(key.as_bytes())) == Some(node);
        keys.find(here).ok_or_else(|| Error::of("fence", fred::error::Error::new(ErrorKind::Routing, format!("{node} is no primary"))))
    }

    fn patience(&self) -> Duration {
        PATIENCE.min(self.hot.options.command_timeout * 3 / 4)
    }

    async fn waited(&self) -> Result<bool> {
        let disk = async {
            Ok(match self.guarantee.disk {
                true => {
                    let answer = self.command("WAITAOF", vec![arg(1), arg(0), ms(self.patience())]).await?.into_array();
                    answer.first().and_then(Value::as_i64).is_some_and(|local| local >= 1)
                }
                false => true,
            })
        };
        let replica = async {
            Ok(match self.guarantee.replica {
                true => self.command("WAIT", vec![arg(1), ms(self.patience())]).await?.as_i64().is_some_and(|replicas| replicas >= 1),
                false => true,
            })
        };
        let (disk, replica) = futures_util::future::try_join(disk, replica).await?;
        Ok(disk && replica)
    }

    async fn who(&self) -> Result<(Value, Value)> {
        futures_util::future::try_join(
            self.command("INFO", vec![arg("server"), arg("replication")]),
            self.command("CLIENT", vec![arg("ID")]),
        )
        .await
    }

    async fn command(&self, name: &'static str, args: Vec<Value>) -> Result<Value> {
        self.hot.command_on(self.node.clone(), name, args).await
    }
}

/// Which process this is, and the history that it went on with when it was promoted. (The id of its own history would change with the first replica, too.)
fn identity(info: &str) -> String {
    info.lines().filter(|line| line.starts_with("run_id:") || line.starts_with("master_replid2:")).collect()
}
