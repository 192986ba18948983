//! How safe a write is when it is acknowledged.

use hot::{Facts, Fence, Guarantee, Hot, Mark};
use model::{ChatId, Durability};

use crate::{Error, Result, Store};

/// What a write waits for before it is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Ack {
    /// That it is in Redis, and as safe as that makes it
    #[default]
    Memory,
    /// That Redis has it on disk
    Fsync,
    /// That a replica of Redis has it
    Replica,
}

/// How writes are made safe.
#[derive(Clone)]
pub(crate) struct Safety {
    ack: Ack,
    /// What Redis makes of a write by itself.
    by_itself: Durability,
    /// What every write waits for.
    asked: Fence,
    /// What the server can do, for what must not be taken back.
    best: Fence,
}

/// When a write began.
#[derive(Clone, Copy, Debug)]
pub struct Began {
    asked: Mark,
    best: Mark,
}

impl Safety {
    pub(crate) async fn open(hot: &Hot, ack: Ack) -> Result<Self> {
        let facts = hot.facts().await?;
        let by_itself = if facts.fsyncs_always() { Durability::Fsync } else { Durability::Memory };
        let can_tell = by_itself == Durability::Memory && facts.wait_aof;
        if ack == Ack::Fsync {
            check_disk(&facts)?;
        }
        if ack == Ack::Replica && facts.replicas == 0 {
            tracing::warn!("CARRIER_ACK=replica, and Redis has no replica now: writes are told not to be durable until one is connected");
        }
        let asked = Guarantee { disk: ack == Ack::Fsync && by_itself == Durability::Memory, replica: ack == Ack::Replica };
        let best = Guarantee { disk: can_tell, replica: facts.replicas > 0 || asked.replica };
        let asked_fence = Fence::start(hot, asked).await?;
        let best = if best == asked { asked_fence.clone() } else { Fence::start(hot, best).await? };
        Ok(Self { ack, by_itself, asked: asked_fence, best })
    }

    /// What a write is that has waited for what was asked.
    fn reached(&self) -> Durability {
        match self.ack {
            Ack::Memory => self.by_itself,
            Ack::Fsync => Durability::Fsync,
            Ack::Replica => Durability::Replica,
        }
    }
}

fn check_disk(facts: &Facts) -> Result<()> {
    match facts.aof {
        Some(false) => Err(Error::CannotAck("an append only file: run `redis-cli CONFIG SET appendonly yes`")),
        _ if facts.fsyncs_always() || facts.wait_aof => Ok(()),
        _ => Err(Error::CannotAck("WAITAOF, as Redis 7.2 and Valkey have it; or run `redis-cli CONFIG SET appendfsync always`")),
    }
}

impl Store {
    /// How safe an acknowledged message is, as all is set.
    pub fn durability(&self) -> Durability {
        self.safety.reached()
    }

    /// To be made before a write that is waited for.
    pub fn begin_write(&self) -> Began {
        Began { asked: self.safety.asked.mark(), best: self.safety.best.mark() }
    }

    /// Waits as CARRIER_ACK asks for what was written to a chat; how safe it is. It is there in any case.
    pub async fn acknowledge(&self, began: Began, chat: ChatId) -> Durability {
        match self.safety.asked.chat(began.asked, chat).await {
            true => self.safety.reached(),
            false => self.safety.by_itself,
        }
    }

    /// Waits as CARRIER_ACK asks for all that was written; false when it is not that safe.
    pub async fn is_acknowledged(&self, began: Began) -> bool {
        self.safety.asked.all(began.asked).await
    }

    /// Waits for all that was written as far as Redis can; false when it is not that safe.
    pub async fn is_as_safe_as_can_be(&self, began: Began) -> bool {
        self.safety.best.all(began.best).await
    }
}
