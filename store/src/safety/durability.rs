//! The durability of an acknowledged write.

use hot::{DurabilityBarrier, Guarantee, Hot, RedisEpoch, ServerFacts, ServerWatch};
use model::{ChatId, Durability};

use crate::{Error, Result};

/// The guarantee that a write waits for before it is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum AckLevel {
    /// The write is in Redis, and as durable as its settings make it
    #[default]
    Memory,
    /// The write is on the disk of Redis
    Fsync,
    /// The write is on a replica of Redis
    Replica,
}

/// The barriers at which writes wait.
#[derive(Clone)]
pub(crate) struct WriteDurability {
    ack: AckLevel,
    /// The present settings of Redis.
    server: ServerWatch,
    /// The barrier of every write, if it waits for more than an answer.
    asked: Option<DurabilityBarrier>,
    /// The barrier at the best that the server can do, for writes that must not be lost.
    best: DurabilityBarrier,
}

/// The beginning of a write that is waited for.
#[derive(Clone, Copy, Debug)]
pub struct WriteToken {
    asked: Option<RedisEpoch>,
    best: RedisEpoch,
}

impl WriteDurability {
    /// Looks at what Redis can do, and starts the barriers.
    pub(crate) async fn open(hot: &Hot, server: &ServerWatch, ack: AckLevel) -> Result<Self> {
        let facts = server.facts();
        if ack == AckLevel::Fsync {
            check_disk(&facts)?;
        }
        if ack == AckLevel::Replica && facts.replicas_in_step == 0 {
            tracing::warn!(
                "CARRIER_ACK=replica, and Redis has no replica now: writes are not durable until \
                 one is connected"
            );
        }
        let guarantee = match ack {
            AckLevel::Memory => None,
            AckLevel::Fsync => Some(Guarantee::Disk),
            AckLevel::Replica => Some(Guarantee::Replica),
        };
        let asked = match guarantee {
            Some(guarantee) => Some(DurabilityBarrier::start(hot, server, guarantee).await?),
            None => None,
        };
        Ok(Self {
            ack,
            server: server.clone(),
            asked,
            best: DurabilityBarrier::start(hot, server, Guarantee::Best).await?,
        })
    }

    /// Returns the durability that Redis gives a write by itself.
    fn by_itself(&self) -> Durability {
        if self.server.fsyncs_always() {
            Durability::Fsync
        } else {
            Durability::Memory
        }
    }

    /// Returns the durability that CARRIER_ACK asks for.
    fn asked_for(&self) -> Durability {
        match self.ack {
            AckLevel::Memory => self.by_itself(),
            AckLevel::Fsync => Durability::Fsync,
            AckLevel::Replica => Durability::Replica,
        }
    }

    /// Returns the durability that a write reaches now, by waiting as CARRIER_ACK asks.
    pub(crate) fn reached(&self) -> Durability {
        let facts = self.server.facts();
        let reaches = match self.ack {
            AckLevel::Memory => true,
            AckLevel::Fsync => facts.wait_aof,
            AckLevel::Replica => facts.replicas_in_step > 0,
        };
        if reaches {
            self.asked_for()
        } else {
            self.by_itself()
        }
    }

    /// Marks the beginning of a write.
    pub(crate) fn begin(&self) -> WriteToken {
        WriteToken {
            asked: self.asked.as_ref().map(DurabilityBarrier::epoch),
            best: self.best.epoch(),
        }
    }

    /// Returns the barrier that a write must wait at; `None` when an answer of Redis is enough.
    fn barrier(&self, began: WriteToken) -> Option<(&DurabilityBarrier, RedisEpoch)> {
        let enough = self.asked_for() == self.by_itself();
        self.asked.as_ref().zip(began.asked).filter(|_| !enough)
    }

    /// Waits for the writes to a chat, and returns their durability.
    pub(crate) async fn wait_for_chat(&self, began: WriteToken, chat: ChatId) -> Durability {
        let durable = match self.barrier(began) {
            Some((barrier, epoch)) => barrier.wait_chat(epoch, chat).await,
            None => true,
        };
        if durable {
            self.asked_for()
        } else {
            self.by_itself()
        }
    }

    /// Waits for all writes; false when they are not that durable.
    pub(crate) async fn wait_for_all(&self, began: WriteToken) -> bool {
        match self.barrier(began) {
            Some((barrier, epoch)) => barrier.wait_all(epoch).await,
            None => true,
        }
    }

    /// Waits for all writes as far as Redis can; false when they are not that durable.
    pub(crate) async fn wait_for_best(&self, began: WriteToken) -> bool {
        self.best.wait_all(began.best).await
    }
}

/// Checks that Redis can tell what is on its disk.
fn check_disk(facts: &ServerFacts) -> Result<()> {
    match facts.aof {
        Some(false) => Err(Error::CannotAck(
            "an append only file: run `redis-cli CONFIG SET appendonly yes`",
        )),
        _ if facts.fsyncs_always() || facts.wait_aof => Ok(()),
        _ => Err(Error::CannotAck(
            "WAITAOF, as Redis 7.2 and Valkey have it; or run \
             `redis-cli CONFIG SET appendfsync always`",
        )),
    }
}
