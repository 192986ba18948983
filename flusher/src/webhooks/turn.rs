//! A turn of a receiver: what is due of one chat, told in order, one after the other.

use std::time::{Duration, Instant};

use model::Tick;
use tokio_util::sync::CancellationToken;
use webhook::{Notice, Sender, Signer};

use super::{
    cursors::{Claim, Next, Step, advance},
    events::{Event, read},
    known::Webhook,
};
use crate::{Error, sql::Sql};

/// The time after which a receiver's turn at a chat ends, so that others have theirs.
const LONGEST: Duration = Duration::from_secs(10);
/// The time from which on an answer is slow: its receiver is told of one chat at a time.
const SLOW: Duration = Duration::from_secs(1);

/// The means of all turns.
#[derive(Clone)]
pub(super) struct Turns {
    pub(super) sql: std::sync::Arc<Sql>,
    pub(super) sender: Sender,
    pub(super) lease: Duration,
    pub(super) retry_for: Duration,
    pub(super) shutdown: CancellationToken,
}

/// The manner of a receiver in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Well,
    Slow,
    /// The receiver has not taken something.
    Failed,
    /// The receiver was not asked.
    Unknown,
}

impl Turns {
    /// Tells a receiver what is due of a chat, until all is told, or the turn is over.
    pub(super) async fn take(&self, webhook: &Webhook, claim: Claim) -> Result<Manner, Error> {
        let began = Instant::now();
        let (mut told, mut manner, mut progressed) = (claim.told, Manner::Unknown, false);
        'read: loop {
            told = told.max(webhook.record.from.0);
            let batch = read(&self.sql, webhook, claim.chat, told).await?;
            let mut renewed = Instant::now();
            for event in &batch.events {
                // The claim must not end before the answer.
                if renewed.elapsed() > self.lease / 4 {
                    match self.advance(claim, told, &Next::Go(self.lease)).await? {
                        Step::At(at) if at == told => {}
                        Step::At(at) => {
                            told = at; // something was saved late
                            continue 'read;
                        }
                        Step::Parked | Step::Lost => return Ok(manner),
                    }
                    renewed = Instant::now();
                }
                let asked = Instant::now();
                let sent = self.send(webhook, event);
                let Some(sent) = self.shutdown.run_until_cancelled(sent).await else {
                    self.advance(claim, told, &Next::Again).await?;
                    return Ok(manner);
                };
                if let Err(reason) = sent {
                    let next = Next::Failed {
                        reason,
                        progressed,
                        retry_for: self.retry_for,
                    };
                    self.advance(claim, told, &next).await?;
                    return Ok(Manner::Failed);
                }
                if asked.elapsed() > SLOW {
                    manner = Manner::Slow;
                } else if manner == Manner::Unknown {
                    manner = Manner::Well;
                }
                // Another that is told of the same key under the same claim comes after it.
                told = event.key;
                progressed = true;
            }
            told = batch.end;
            let next = match batch.more {
                false => Next::Rest,
                true if began.elapsed() > LONGEST => Next::Again,
                true => Next::Go(self.lease),
            };
            match (self.advance(claim, told, &next).await?, next) {
                (Step::At(at), Next::Go(_)) => told = at,
                _ => return Ok(manner),
            }
        }
    }

    async fn advance(&self, claim: Claim, told: i64, next: &Next) -> Result<Step, Error> {
        let step = advance(&self.sql, claim, told, next).await?;
        let (chat, webhook) = (claim.chat, claim.webhook);
        match (&step, next) {
            (Step::Parked, Next::Failed { reason, .. }) => tracing::error!(
                webhook.id = %webhook, chat.id = %chat, reason,
                "a webhook is told no more of a chat; nothing is lost: have it tried again"
            ),
            (Step::At(_), Next::Failed { reason, .. }) => tracing::warn!(
                webhook.id = %webhook, chat.id = %chat, reason,
                "a webhook has not taken an event; it is told again"
            ),
            (Step::Lost, _) => tracing::debug!(
                webhook.id = %webhook, chat.id = %chat, "the claim of a webhook has ended"
            ),
            _ => {}
        }
        Ok(step)
    }

    /// Tells a receiver of one event, signed with each secret that is good.
    async fn send(&self, webhook: &Webhook, event: &Event) -> Result<(), String> {
        let (id, body, now) = (event.id(webhook.id), event.json(), Tick::now());
        let seconds = u64::try_from(now.0 / 1_000_000).unwrap_or(0);
        let signers = webhook.record.secrets(now).filter_map(Signer::new);
        let signatures: Vec<_> = signers.map(|one| one.sign(&id, seconds, &body)).collect();
        let notice = Notice {
            url: &webhook.record.url,
            id: &id,
            seconds,
            signatures: &signatures.join(" "),
            body: &body,
        };
        let sent = self.sender.send(notice).await;
        sent.map_err(|failure| failure.to_string())
    }
}
