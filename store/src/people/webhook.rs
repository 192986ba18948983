//! Webhooks: private rows of the server's own account, and so hot and cold as all others.
//!
//! Flushers know them (`flusher/webhooks`) and ask each half second whether they changed: one row
//! is another text after each change. So whoever changes one waits until no flusher can save
//! anything by what it knew before.

use std::time::Duration;

use cold::ParkedChat;
use model::{
    ChatId, MAX_WEBHOOKS, MAX_WEBHOOKS_OF_CHAT, OldSecret, PrivateKey, Tick, UserId, WebhookEvent,
    WebhookId, WebhookRecord,
};
use uuid::Uuid;
use webhook::{BadTarget, Reach, new_secret, parse_target};

use crate::{Error, Result, Store, password::random, residency::retry};

/// The time for which what a flusher knows of the webhooks counts: a row is saved by it only if the
/// row's rev is not later than this after it was read.
pub const WEBHOOKS_KNOWN_FOR: Duration = Duration::from_secs(2);
/// The time after which a new webhook counts: flushers learn of it before.
const COUNTS_AFTER: Duration = Duration::from_secs(3);
/// The row that changes with each webhook.
const GENERATION: PrivateKey = PrivateKey::Webhook(WebhookId::LOWEST);

/// A webhook that is to be made.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// The address that is to be told.
    pub url: String,
    /// The kinds of events.
    pub events: Vec<WebhookEvent>,
    /// The chats; `None`: all.
    pub chats: Option<Vec<ChatId>>,
    /// The addresses that may be told.
    pub reach: Reach,
}

impl Store {
    /// Makes a webhook, which is told of each change that is made after this has returned.
    ///
    /// # Errors
    /// [`Error::WebhookAddress`]; [`Error::TooManyWebhooks`]; [`Error::Hot`] or [`Error::Cold`]
    /// when a store does not answer: then it may have been made.
    pub async fn create_webhook(&self, new: NewWebhook) -> Result<(WebhookId, WebhookRecord)> {
        let url = parse_target(&new.url, new.reach)?;
        self.ensure_server_account().await?;
        let has_room = has_room(&self.webhooks().await?, new.chats.as_deref());
        if !has_room {
            return Err(Error::TooManyWebhooks);
        }
        let id = WebhookId::new();
        let mut record = WebhookRecord {
            url: url.into(),
            events: sorted(new.events),
            chats: new.chats.map(sorted),
            secret: new_secret(random()),
            old_secret: None,
            from: self.now().await?.later(COUNTS_AFTER),
            retried: Tick::NEVER,
        };
        let about = PrivateKey::Webhook(id);
        let made = self
            .change_private_row(UserId::SERVER, about, "", &value(&record))
            .await?;
        made.ok_or(Error::Failed)?; // the id is new, so no row has it
        self.announce_webhooks().await?;
        // From `from` on, what a flusher knew before is too old for any row.
        let mut now = self.now().await?;
        while now.later(WEBHOOKS_KNOWN_FOR) > record.from {
            let from = now.later(COUNTS_AFTER);
            let changed = self.change_webhook(id, |record| record.from = from);
            record = changed.await?.ok_or(Error::Failed)?;
            now = self.now().await?;
        }
        let wait = u64::try_from(record.from.0 - now.0).unwrap_or(0);
        tokio::time::sleep(Duration::from_micros(wait)).await;
        Ok((id, record))
    }

    /// Returns the webhooks, the oldest first.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn webhooks(&self) -> Result<Vec<(WebhookId, WebhookRecord)>> {
        let rows = loop {
            match retry(|| self.hot.webhooks(UserId::SERVER)).await? {
                Ok(rows) => break rows,
                Err(_) if self.hydrate_user(UserId::SERVER).await? => {}
                Err(_) => return Ok(Vec::new()),
            }
        };
        let mut webhooks: Vec<_> = rows.iter().filter_map(read_webhook).collect();
        webhooks.sort_by_key(|(id, _)| *id);
        Ok(webhooks)
    }

    /// Returns a webhook; `None` when there is none with this id.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn webhook(&self, id: WebhookId) -> Result<Option<WebhookRecord>> {
        let about = PrivateKey::Webhook(id);
        match self.private_row(UserId::SERVER, about).await {
            Ok((_, value)) => Ok(read(&value)),
            Err(Error::NoUser) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives a webhook another secret, and returns the webhook; the one before is good for `keep`
    /// longer. `None` when there is no such webhook.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn rotate_webhook(
        &self,
        id: WebhookId,
        keep: Duration,
    ) -> Result<Option<WebhookRecord>> {
        let until = self.now().await?.later(keep);
        self.change_webhook(id, |record| {
            let secret = std::mem::replace(&mut record.secret, new_secret(random()));
            record.old_secret = (!keep.is_zero()).then_some(OldSecret { secret, until });
        })
        .await
    }

    /// Has what is parked for a webhook tried again; `None` when there is no such webhook.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn retry_webhook(&self, id: WebhookId) -> Result<Option<WebhookRecord>> {
        let now = self.now().await?;
        self.change_webhook(id, |record| {
            record.retried = now.max(Tick(record.retried.0 + 1));
        })
        .await
    }

    /// Deletes a webhook; false when there is none.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn delete_webhook(&self, id: WebhookId) -> Result<bool> {
        let deleted = self.change_webhook_row(id, |_| String::new()).await?;
        Ok(deleted.is_some())
    }

    /// Returns up to `limit` of the chats after this one of which a webhook is told no more, since
    /// its receiver took nothing for too long.
    ///
    /// # Errors
    /// [`Error::Cold`] when SQL does not answer; retry later.
    pub async fn parked_chats(
        &self,
        id: WebhookId,
        after: ChatId,
        limit: u64,
    ) -> Result<Vec<ParkedChat>> {
        Ok(self.cold.parked_chats(id, after, limit).await?)
    }

    /// Returns a text that is another after each change of a webhook.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn webhook_generation(&self) -> Result<String> {
        // Nobody loads the account for this: it would never be at rest.
        match retry(|| self.hot.private_row(UserId::SERVER, GENERATION)).await? {
            Ok(row) => Ok(row.value),
            Err(_) => {
                let node = self.cold.on_one_node().await?;
                let saved = node.private_value(UserId::SERVER, GENERATION).await?;
                Ok(saved.unwrap_or_default())
            }
        }
    }

    async fn change_webhook(
        &self,
        id: WebhookId,
        change: impl Fn(&mut WebhookRecord),
    ) -> Result<Option<WebhookRecord>> {
        let changed = self.change_webhook_row(id, |record| {
            let mut record = record.clone();
            change(&mut record);
            value(&record)
        });
        Ok(changed.await?.and_then(|value| read(&value)))
    }

    /// Changes the row of a webhook, and returns its new value.
    async fn change_webhook_row(
        &self,
        id: WebhookId,
        change: impl Fn(&WebhookRecord) -> String,
    ) -> Result<Option<String>> {
        let about = PrivateKey::Webhook(id);
        loop {
            let seen = match self.private_row(UserId::SERVER, about).await {
                Ok((_, seen)) => seen,
                Err(Error::NoUser) => return Ok(None),
                Err(error) => return Err(error),
            };
            let Some(record) = read(&seen) else {
                return Ok(None);
            };
            let value = change(&record);
            let changed = self
                .change_private_row(UserId::SERVER, about, &seen, &value)
                .await?;
            if changed.is_some() {
                self.announce_webhooks().await?;
                return Ok(Some(value));
            }
        }
    }

    /// Lets flushers know that webhooks have changed.
    async fn announce_webhooks(&self) -> Result<()> {
        let new = Uuid::now_v7().to_string();
        loop {
            let (_, seen) = self.private_row(UserId::SERVER, GENERATION).await?;
            let changed = self
                .change_private_row(UserId::SERVER, GENERATION, &seen, &new)
                .await?;
            if changed.is_some() {
                return Ok(());
            }
        }
    }
}

/// True when there may be one more webhook, of these chats.
fn has_room(there: &[(WebhookId, WebhookRecord)], chats: Option<&[ChatId]>) -> bool {
    let of = |chat: Option<&ChatId>| {
        let is_like = |record: &WebhookRecord| match (&record.chats, chat) {
            (None, None) => true,
            (Some(chats), Some(chat)) => chats.contains(chat),
            _ => false,
        };
        let like = there.iter().filter(|(_, record)| is_like(record));
        like.count()
    };
    let most = match chats {
        None => of(None),
        Some(chats) => chats.iter().map(|chat| of(Some(chat))).max().unwrap_or(0),
    };
    there.len() < MAX_WEBHOOKS && most < MAX_WEBHOOKS_OF_CHAT
}

/// Reads a private row of the server's account, if it is a webhook.
pub(crate) fn read_webhook(row: &model::PrivateRow) -> Option<(WebhookId, WebhookRecord)> {
    match row.key {
        PrivateKey::Webhook(id) => Some((id, read(&row.value)?)),
        PrivateKey::Chat(_) | PrivateKey::Block(_) | PrivateKey::Key(_) | PrivateKey::Ended(_) => {
            None
        }
    }
}

/// Reads the value of a row; `None` when it says nothing, and for the generation.
fn read(value: &str) -> Option<WebhookRecord> {
    serde_json::from_str(value).ok()
}

fn value(record: &WebhookRecord) -> String {
    serde_json::to_string(record).expect("words and numbers")
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort_unstable();
    items.dedup();
    items
}

impl From<BadTarget> for Error {
    fn from(error: BadTarget) -> Self {
        Self::WebhookAddress(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(chats: Option<Vec<ChatId>>) -> (WebhookId, WebhookRecord) {
        let record = WebhookRecord {
            url: "https://example.org/".into(),
            events: Vec::new(),
            chats,
            secret: String::new(),
            old_secret: None,
            from: Tick::NEVER,
            retried: Tick::NEVER,
        };
        (WebhookId::new(), record)
    }

    #[test]
    fn webhooks_are_bounded_for_all_chats_and_for_each() {
        let (one, other) = (ChatId::new(), ChatId::new());
        let all: Vec<_> = (0..MAX_WEBHOOKS_OF_CHAT).map(|_| webhook(None)).collect();
        assert!(!has_room(&all, None) && has_room(&all[1..], None));
        assert!(has_room(&all, Some(&[one])));
        let of_one = || webhook(Some(vec![one]));
        let of_one: Vec<_> = (0..MAX_WEBHOOKS_OF_CHAT).map(|_| of_one()).collect();
        assert!(!has_room(&of_one, Some(&[other, one])));
        assert!(has_room(&of_one, Some(&[other])) && has_room(&of_one, None));
        let many: Vec<_> = (0..MAX_WEBHOOKS)
            .map(|_| webhook(Some(vec![ChatId::new()])))
            .collect();
        assert!(!has_room(&many, Some(&[one])));
    }
}
