//! The watch on the nature of a Redis: its settings, memory and replicas may change while it runs,
//! and another may take its place. It looks every second, and at once after a reconnect.
//!
//! A replica that is gone is waited for, for a while: it may be about to come back, and a failover
//! to an old copy would lose what was saved meanwhile. See [`Patience`].

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use fred::{interfaces::EventInterface, types::config::Server};
use futures_util::future::try_join_all;
use tokio::sync::watch;

use super::{ServerFacts, facts::Settings};
use crate::wire::{Hot, Patience, Result, spawn_critical};

/// The interval at which Redis is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The number of looks after which a Redis that refuses CONFIG is asked again.
const ASK_AGAIN: u32 = 60;

/// A watch on the nature of a Redis. It ends when all clones are dropped.
#[derive(Clone)]
pub struct ServerWatch(watch::Receiver<Arc<Look>>);

/// The last answers of Redis.
#[derive(Clone, Default)]
struct Look {
    facts: ServerFacts,
    /// False while Redis does not answer.
    known: bool,
    /// True when a replica is waited for.
    awaits_replica: bool,
}

impl ServerWatch {
    /// Looks at Redis, and goes on looking.
    ///
    /// # Errors
    /// Fails when Redis does not answer now.
    pub async fn start(hot: &Hot) -> Result<Self> {
        let mut watcher = Watcher::new(hot.clone());
        watcher.last = watcher.look().await?;
        let (sender, receiver) = watch::channel(Arc::new(watcher.last.clone()));
        spawn_critical("the watch on Redis", watcher.run(sender));
        Ok(Self(receiver))
    }

    /// Returns the settings and the state of Redis, as of the last look at which it answered.
    pub fn facts(&self) -> ServerFacts {
        self.0.borrow().facts.clone()
    }

    /// Returns true when every acknowledged write is on disk. While Redis does not answer this is
    /// not known: it may be started with other settings.
    pub fn fsyncs_always(&self) -> bool {
        let look = self.0.borrow();
        look.known && look.facts.fsyncs_always()
    }

    /// Returns true when a replica is to be waited for: all primaries have one, or had one not long
    /// ago.
    pub fn awaits_replica(&self) -> bool {
        self.0.borrow().awaits_replica
    }
}

/// The task that looks.
struct Watcher {
    hot: Hot,
    /// The settings by node, of those that do not refuse to tell them.
    settings: HashMap<Option<Server>, Told>,
    replicas: Replicas,
    last: Look,
}

/// The answer of a node to CONFIG.
#[derive(Default)]
struct Told {
    refused: bool,
    /// The number of looks since.
    looks: u32,
}

impl Watcher {
    fn new(hot: Hot) -> Self {
        let replicas = Replicas::new(hot.options().replica_patience);
        Self {
            hot,
            settings: HashMap::new(),
            replicas,
            last: Look::default(),
        }
    }

    async fn run(mut self, sender: watch::Sender<Arc<Look>>) {
        let mut reconnects = self.hot.client.reconnect_rx();
        let mut turns = tokio::time::interval(LOOK);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !sender.is_closed() {
            tokio::select! {
                _ = turns.tick() => {}
                Ok(_) = reconnects.recv() => {}
            }
            let look = self.look().await.unwrap_or_else(|error| {
                tracing::debug!(%error, "could not look at Redis");
                Look {
                    known: false,
                    ..self.last.clone()
                }
            });
            self.tell(&look.facts);
            self.last = look.clone();
            sender.send_replace(Arc::new(look));
        }
    }

    async fn look(&mut self) -> Result<Look> {
        let nodes = self.hot.nodes();
        self.settings.retain(|node, _| nodes.contains(node));
        let asked = nodes.into_iter().map(|node| {
            let told = self.settings.get(&node);
            let ask = told.is_none_or(|told| !told.refused || told.looks >= ASK_AGAIN);
            let hot = &self.hot;
            async move {
                let info = hot.info_of(node.clone());
                let settings = async {
                    match ask {
                        true => hot.settings_of(node.clone()).await,
                        false => Ok(Settings::default()),
                    }
                };
                let (facts, settings) = futures_util::future::try_join(info, settings).await?;
                Ok((node, ask, settings.are_hidden(), facts.with(settings)))
            }
        });
        let mut all = Vec::new();
        for (node, asked, refused, facts) in try_join_all(asked).await? {
            let told = self.settings.entry(node).or_default();
            told.refused = refused;
            told.looks = if asked { 0 } else { told.looks + 1 };
            all.push(facts);
        }
        let mut facts = ServerFacts::weakest_of(all);
        if self.last.facts.aof == Some(false) && facts.rewrites {
            facts.aof = Some(false); // it counts from the end of its first rewrite
            facts.wait_aof = false;
        }
        Ok(Look {
            known: true,
            awaits_replica: self.replicas.see(facts.replicas_in_step, Instant::now()),
            facts,
        })
    }

    /// Logs each check that has failed since the last look, and each that no longer does.
    fn tell(&self, now: &ServerFacts) {
        let before = self.last.facts.checks();
        for check in now.checks() {
            let was = before.iter().find(|before| before.name == check.name);
            let (name, found) = (check.name, &check.found);
            match was.is_none_or(|before| before.good) {
                true if !check.good => tracing::error!(
                    "{name} of Redis is {found} now: {}; {}",
                    check.harm,
                    check.fix
                ),
                false if check.good => tracing::info!("{name} of Redis is {found} again"),
                _ => {}
            }
        }
    }
}

/// The patience with replicas.
struct Replicas {
    patience: Patience,
    /// The time at which one was in step last.
    last: Option<Instant>,
    awaited: bool,
    in_step: bool,
}

impl Replicas {
    fn new(patience: Patience) -> Self {
        Self {
            patience,
            last: None,
            awaited: false,
            in_step: false,
        }
    }

    /// Takes the number of replicas in step into account; true when one is to be waited for.
    fn see(&mut self, in_step: usize, now: Instant) -> bool {
        let (was_awaited, was_in_step) = (self.awaited, self.in_step);
        self.in_step = in_step > 0;
        if self.in_step {
            self.last = Some(now);
        }
        self.awaited = match (self.patience, self.last) {
            (Patience::Forever, _) => true,
            (Patience::For(_), None) => false,
            (Patience::For(patience), Some(last)) => now.duration_since(last) < patience,
        };
        self.tell(was_awaited, was_in_step);
        self.awaited
    }

    fn tell(&self, was_awaited: bool, was_in_step: bool) {
        match (self.in_step, self.awaited) {
            (true, _) if !was_in_step => {
                tracing::info!("a replica of Redis is in step, and is waited for");
            }
            (false, true) if was_in_step || !was_awaited => tracing::error!(
                patience = ?self.patience,
                "Redis has no replica in step: nothing is saved to SQL until it has one, or until \
                 CARRIER_REPLICA_PATIENCE is over"
            ),
            (false, false) if was_awaited => tracing::error!(
                "Redis has had no replica in step for CARRIER_REPLICA_PATIENCE: saving goes on \
                 without one"
            ),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_that_is_gone_is_waited_for_a_while() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut replicas = Replicas::new(Patience::For(Duration::from_secs(60)));
        assert!(!replicas.see(0, at(0)), "there never was one");
        assert!(replicas.see(1, at(100)), "one came later");
        assert!(replicas.see(0, at(130)), "it may come back");
        assert!(replicas.see(1, at(140)));
        assert!(replicas.see(0, at(199)));
        assert!(!replicas.see(0, at(200)), "it is done without");
        assert!(replicas.see(2, at(300)), "it is back");
    }

    #[test]
    fn who_wants_a_replica_waits_for_ever() {
        let start = Instant::now();
        let mut replicas = Replicas::new(Patience::Forever);
        assert!(replicas.see(0, start));
        assert!(replicas.see(1, start));
        assert!(replicas.see(0, start + Duration::from_secs(1_000_000)));
    }
}
