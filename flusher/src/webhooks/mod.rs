//! Webhooks: receivers are told what is saved, at least once, and in order for each chat.
//!
//! A cursor in SQL says how far a webhook has been told of a chat. A commit makes those due whose
//! chats it has rows of (`commit/due`), in its own transaction. Here they are claimed, for as long
//! as a lease; the chat's rows after the cursor are read and told; and the cursor goes on. A
//! flusher that dies gives its claims back by doing nothing, and whoever comes next begins at the
//! cursor. Nothing of it is in memory alone but which receivers are slow or away, so as not to wait
//! for each of their chats.

/// Cursors in SQL: claims, progress, pauses.
mod cursors;
/// Events of a chat for a receiver.
mod events;
/// The webhooks, as a flusher knows them.
mod known;
/// Bounds on the turns of receivers.
mod room;
/// A turn of a receiver at one chat.
mod turn;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use model::{Tick, WebhookId};
use store::Store;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use webhook::{Reach, Sender};

pub(crate) use known::{Known, Webhooks};
use room::Room;
use turn::{Manner, Turns};

use crate::{Config, Error, sql::Sql};

/// The time between two looks at the webhooks, and at what is due.
const LOOK: Duration = Duration::from_millis(500);
/// The most webhooks that are looked at in one of them, beside those that were just given
/// something: each in its turn.
const LOOKED_AT: usize = 64;
/// The time between two looks for cursors of webhooks that are no more.
const SWEEP: Duration = Duration::from_secs(60);
/// The time after a change of the webhooks until all flushers know it, and have committed what they
/// had begun.
const SETTLED: Duration = Duration::from_secs(5);

/// Tells receivers until `shutdown`.
struct Teller {
    known: Known,
    store: Store,
    turns: Turns,
    room: Room,
    under_way: JoinSet<(WebhookId, Result<Manner, Error>)>,
    /// The webhooks in the order in which they are looked at next.
    queue: Vec<WebhookId>,
    /// For each webhook, the time up to which what is parked was tried again.
    retried: HashMap<WebhookId, Tick>,
    /// The time of the next look for cursors of webhooks that are no more.
    sweep_at: Instant,
}

/// Tells receivers what is saved, until `shutdown`.
pub(crate) async fn tell(
    known: Known,
    store: Store,
    sql: Arc<Sql>,
    config: Config,
    shutdown: CancellationToken,
) {
    let reach = match config.webhook_private {
        true => Reach::Private,
        false => Reach::Public,
    };
    let turns = Turns {
        sql,
        sender: Sender::new(reach, config.webhook_timeout),
        lease: config.webhook_lease(),
        retry_for: config.webhook_retry_for,
        shutdown: shutdown.clone(),
    };
    let mut teller = Teller {
        known,
        store,
        turns,
        room: Room::default(),
        under_way: JoinSet::new(),
        queue: Vec::new(),
        retried: HashMap::new(),
        sweep_at: Instant::now(),
    };
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let known = teller.known.clone();
        let some = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(done) = teller.under_way.join_next() => teller.finish(done),
            given = known.given() => given,
            _ = look.tick() => teller.look().await,
        };
        if let Err(error) = teller.begin(some).await {
            tracing::debug!(%error, "could not look at what webhooks are to be told; retrying");
        }
    }
    // Each gives its claim back, at the last key that was told.
    while teller.under_way.join_next().await.is_some() {}
}

impl Teller {
    /// Looks at the webhooks, and returns those whose turn it is to be looked at.
    async fn look(&mut self) -> HashSet<WebhookId> {
        match self.known.look(&self.store).await {
            Ok(true) => self.sweep_at = self.sweep_at.min(Instant::now() + SETTLED),
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "could not look at the webhooks; retrying"),
        }
        let webhooks = self.known.webhooks();
        if webhooks.never_were() {
            return HashSet::new();
        }
        if let Err(error) = self.unpark(&webhooks).await {
            tracing::debug!(%error, "could not try again what is parked; retrying");
        }
        if Instant::now() >= self.sweep_at {
            self.sweep_at = Instant::now() + SWEEP;
            if let Err(error) = self.sweep().await {
                tracing::debug!(%error, "could not delete cursors without a webhook; retrying");
            }
        }
        if self.queue.is_empty() {
            self.queue = webhooks.all().map(|webhook| webhook.id).collect();
        }
        let rest = self.queue.len().saturating_sub(LOOKED_AT);
        self.queue.split_off(rest).into_iter().collect()
    }

    /// Begins turns of these webhooks, as many as there is room for.
    async fn begin(&mut self, some: HashSet<WebhookId>) -> Result<(), Error> {
        let webhooks = self.known.webhooks();
        for id in some {
            let Some(webhook) = webhooks.get(id) else {
                continue;
            };
            let room = self.room.of(id);
            if room == 0 {
                continue;
            }
            let sql = &self.turns.sql;
            for found in cursors::find_due(sql, id, room as u64).await? {
                let (from, lease) = (webhook.record.from, self.turns.lease);
                let Some(claim) = cursors::claim(sql, &found, from, lease).await? else {
                    continue;
                };
                self.room.take(id);
                let (turns, webhook) = (self.turns.clone(), Arc::clone(webhook));
                self.under_way.spawn(async move {
                    let taken = turns.take(&webhook, claim);
                    (webhook.id, Box::pin(taken).await)
                });
            }
        }
        Ok(())
    }

    /// Notes that a turn is over, and returns the webhook, which may have another one.
    fn finish(
        &mut self,
        done: Result<(WebhookId, Result<Manner, Error>), tokio::task::JoinError>,
    ) -> HashSet<WebhookId> {
        match done {
            Ok((id, taken)) => {
                let manner = taken.unwrap_or_else(|error| {
                    tracing::warn!(
                        webhook.id = %id, %error,
                        "a webhook could not be told; it is told again when the claim ends"
                    );
                    Manner::Unknown
                });
                self.room.give_back(id, manner);
                HashSet::from([id])
            }
            Err(error) => {
                tracing::error!(%error, "a turn of a webhook ended with an error");
                HashSet::new()
            }
        }
    }

    /// Has what is parked tried again where an operator asked for it.
    async fn unpark(&mut self, webhooks: &Webhooks) -> Result<(), Error> {
        for webhook in webhooks.all() {
            let asked = webhook.record.retried;
            let done = self.retried.get(&webhook.id).copied();
            if asked > done.unwrap_or(Tick::NEVER) {
                cursors::unpark(&self.turns.sql, webhook.id, asked).await?;
                self.room.forget(webhook.id);
                self.retried.insert(webhook.id, asked);
            }
        }
        Ok(())
    }

    /// Deletes the cursors of webhooks that are no more.
    async fn sweep(&mut self) -> Result<(), Error> {
        let with_cursors = cursors::with_cursors(&self.turns.sql).await?;
        // A webhook is known before it has a cursor.
        self.known.look(&self.store).await?;
        let webhooks = self.known.webhooks();
        for id in with_cursors {
            if webhooks.get(id).is_none() {
                cursors::forget(&self.turns.sql, id).await?;
            }
        }
        self.retried.retain(|id, _| webhooks.get(*id).is_some());
        self.room.retain(|id| webhooks.get(id).is_some());
        Ok(())
    }
}
