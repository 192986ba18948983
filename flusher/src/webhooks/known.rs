//! The webhooks, as a flusher knows them.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
};

use model::{ChatId, Tick, WebhookId, WebhookRecord};
use store::{Store, WEBHOOKS_KNOWN_FOR};
use tokio::sync::Notify;

use crate::Error;

/// A webhook.
#[derive(Debug)]
pub(crate) struct Webhook {
    pub(crate) id: WebhookId,
    pub(crate) record: WebhookRecord,
}

/// The webhooks at a moment.
#[derive(Default)]
pub(crate) struct Webhooks {
    /// The text that was another one before.
    generation: String,
    of_all: Vec<Arc<Webhook>>,
    of_chats: HashMap<ChatId, Vec<Arc<Webhook>>>,
    by_id: HashMap<WebhookId, Arc<Webhook>>,
}

/// The webhooks, which are looked at again and again. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Known(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// The highest rev that a row may have to be saved by what is known.
    holds_until: AtomicI64,
    webhooks: RwLock<Arc<Webhooks>>,
    /// The turn to look.
    look: tokio::sync::Mutex<()>,
    /// The webhooks that have just been given something to tell.
    given: Mutex<HashSet<WebhookId>>,
    is_given: Notify,
}

impl Webhooks {
    fn new(generation: String, all: Vec<(WebhookId, WebhookRecord)>) -> Self {
        let mut webhooks = Self {
            generation,
            ..Self::default()
        };
        for (id, record) in all {
            let webhook = Arc::new(Webhook { id, record });
            match &webhook.record.chats {
                None => webhooks.of_all.push(Arc::clone(&webhook)),
                Some(chats) => {
                    for chat in chats {
                        let of_chat = webhooks.of_chats.entry(*chat).or_default();
                        of_chat.push(Arc::clone(&webhook));
                    }
                }
            }
            webhooks.by_id.insert(id, webhook);
        }
        webhooks
    }

    /// Returns the webhooks that are told of a chat.
    pub(crate) fn of(&self, chat: ChatId) -> impl Iterator<Item = &Webhook> {
        let named = self.of_chats.get(&chat).into_iter().flatten();
        self.of_all.iter().chain(named).map(Arc::as_ref)
    }

    /// Returns all webhooks.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Webhook>> {
        self.by_id.values()
    }

    /// Returns a webhook; `None` when there is none with this id.
    pub(super) fn get(&self, id: WebhookId) -> Option<&Arc<Webhook>> {
        self.by_id.get(&id)
    }

    /// True when there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// True when there never was one.
    pub(super) fn never_were(&self) -> bool {
        self.generation.is_empty()
    }
}

impl Known {
    /// Returns the webhooks by which rows may be saved whose highest rev is `newest`, and which
    /// have been read in Redis.
    ///
    /// The maker of a webhook waits for [`WEBHOOKS_KNOWN_FOR`] after flushers could learn of it.
    /// So it has been told of all rows that are later than that after a look which missed it.
    ///
    /// # Errors
    /// [`Error::Store`] when what is known is too old, and a store does not answer: nothing may be
    /// saved then.
    pub(crate) async fn at(&self, newest: Tick, store: &Store) -> Result<Arc<Webhooks>, Error> {
        if newest.0 > self.0.holds_until.load(SeqCst) {
            self.look(store).await?;
        }
        Ok(self.webhooks())
    }

    /// Returns the webhooks as they are known.
    pub(super) fn webhooks(&self) -> Arc<Webhooks> {
        let webhooks = &self.0.webhooks;
        Arc::clone(&webhooks.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks whether the webhooks have changed; returns true when they have.
    pub(super) async fn look(&self, store: &Store) -> Result<bool, Error> {
        let _one = self.0.look.lock().await;
        let now = store.now().await?;
        // Before the webhooks: a change in between is found by the next look.
        let generation = store.webhook_generation().await?;
        let has_changed = self.webhooks().generation != generation;
        if has_changed {
            let new = Arc::new(Webhooks::new(generation, store.webhooks().await?));
            let webhooks = &self.0.webhooks;
            *webhooks.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        let until = now.later(WEBHOOKS_KNOWN_FOR);
        self.0.holds_until.fetch_max(until.0, SeqCst);
        Ok(has_changed)
    }

    /// Notes that webhooks have something to tell.
    pub(crate) fn give(&self, ids: impl IntoIterator<Item = WebhookId>) {
        let mut given = self.0.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.extend(ids);
        if !given.is_empty() {
            self.0.is_given.notify_one();
        }
    }

    /// Waits until webhooks have something to tell, and returns them.
    pub(super) async fn given(&self) -> HashSet<WebhookId> {
        loop {
            let given =
                std::mem::take(&mut *self.0.given.lock().unwrap_or_else(PoisonError::into_inner));
            if !given.is_empty() {
                return given;
            }
            self.0.is_given.notified().await;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use model::WebhookEvent;

    use super::*;

    pub(in crate::webhooks) fn record(chats: Option<Vec<ChatId>>) -> WebhookRecord {
        WebhookRecord {
            url: "https://example.org/".into(),
            events: WebhookEvent::ALL.to_vec(),
            chats,
            secret: "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz".into(),
            old_secret: None,
            from: Tick(5),
            retried: Tick::NEVER,
        }
    }

    #[test]
    fn a_chat_has_the_webhooks_of_all_chats_and_those_that_name_it() {
        let (one, other) = (ChatId::new(), ChatId::new());
        let [all, named] = [WebhookId::new(), WebhookId::new()];
        let webhooks = vec![(all, record(None)), (named, record(Some(vec![one])))];
        let webhooks = Webhooks::new("1".into(), webhooks);
        let of = |chat| webhooks.of(chat).map(|one| one.id).collect::<Vec<_>>();
        assert_eq!((of(one), of(other)), (vec![all, named], vec![all]));
        assert!(!webhooks.never_were() && Webhooks::default().never_were());
    }

    #[tokio::test]
    async fn what_was_given_is_returned_once() {
        let (known, id) = (Known::default(), WebhookId::new());
        known.give([id, id]);
        assert_eq!(known.given().await, HashSet::from([id]));
        known.give([]);
        let none = tokio::time::timeout(std::time::Duration::ZERO, known.given());
        assert!(none.await.is_err());
    }
}
