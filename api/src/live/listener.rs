//! Takes what Redis publishes to the inboxes, and recovers after some of it was lost.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt;
use model::{Tick, UserId};
use store::{CHANGE_MARGIN, Deliveries, Delivery, Notification, SharedNotification};

use super::{Hub, backfill::backfill, inbox::Inbox};

/// The time between two attempts to reopen the inboxes.
const RETRY: Duration = Duration::from_millis(200);
/// The number of inboxes that are opened at the same time.
const OPENED_AT_ONCE: usize = 64;

impl Hub {
    /// Hands on what Redis delivers until the API has closed.
    pub(super) async fn listen(self, mut deliveries: Deliveries) {
        while let Some(Some(delivery)) = self.0.closed.run_until_cancelled(deliveries.next()).await
        {
            match delivery {
                Delivery::Inbox(user, payload) if user == self.0.instance => self.take(&payload),
                Delivery::Inbox(user, payload) => self.deliver(user, &payload),
                Delivery::Served(user, api) => self.0.store.note_served(user, api),
                Delivery::Presence(user) => self.presence_changed(user),
                Delivery::Ended(sessions) => self.0.store.forget_sessions(&sessions),
                Delivery::Proof(asked) => self.0.store.prove_hearing(asked),
                Delivery::Lost => self.recover(),
            }
        }
        if !self.0.closed.is_cancelled() {
            store::critical_task_ended("the subscription to live events");
        }
    }

    /// Takes what is published to this API: a tick of its own, or a notification to some of the
    /// users whom it serves.
    fn take(&self, payload: &Bytes) {
        if let Some(shared) = SharedNotification::decode(payload) {
            for user in shared.users {
                self.deliver(user, &shared.payload);
            }
            return;
        }
        let tick = std::str::from_utf8(payload)
            .ok()
            .and_then(|text| text.parse().ok());
        let tick = tick.unwrap_or_default();
        self.0.heard.fetch_max(tick, Ordering::Relaxed);
    }

    fn deliver(&self, user: UserId, payload: &Bytes) {
        let Some(inbox) = self.users().get(&user).cloned() else {
            return;
        };
        match Notification::decode(payload) {
            Some(notification) => {
                if inbox.receive(notification, self.watermark()) {
                    self.start_backfill(inbox);
                }
            }
            None => tracing::warn!(
                user.id = %user,
                "another version of Carrier published a notification that this one cannot read"
            ),
        }
    }

    fn start_backfill(&self, inbox: Arc<Inbox>) {
        tokio::spawn(backfill(
            self.0.store.clone(),
            inbox,
            Arc::clone(&self.0.backfills),
        ));
    }

    /// Reopens all inboxes after notifications were lost, and looks up what each user may have
    /// missed.
    pub(super) fn recover(&self) {
        self.0.losses.fetch_add(1, Ordering::SeqCst);
        self.0.store.hear_nothing();
        if self.0.recovering.swap(true, Ordering::SeqCst) {
            return;
        }
        let hub = self.clone();
        tokio::spawn(async move {
            let since = Tick(hub.0.heard.load(Ordering::Relaxed)).earlier(CHANGE_MARGIN);
            loop {
                let losses = hub.0.losses.load(Ordering::SeqCst);
                match hub.reopen().await {
                    Ok(now) if hub.0.losses.load(Ordering::SeqCst) == losses => {
                        hub.0.heard.fetch_max(now.0, Ordering::Relaxed);
                        hub.0.store.hear_all();
                        break;
                    }
                    Ok(_) => {} // More was lost meanwhile.
                    Err(error) => {
                        tracing::debug!(%error, "could not reopen the inboxes; retrying");
                        tokio::time::sleep(RETRY).await;
                    }
                }
            }
            hub.0.recovering.store(false, Ordering::SeqCst);
            hub.0.watch_list.look_at_all();
            let inboxes = hub.all_inboxes();
            tracing::info!(
                users = inboxes.len(),
                "notifications were lost; looking up what connected users may have missed"
            );
            for inbox in inboxes {
                if inbox.mark_lost(since, hub.watermark()) {
                    hub.start_backfill(inbox);
                }
            }
        });
    }

    /// Opens all inboxes again, and returns the time at which all of them were open. Redis may have
    /// lost who is served where.
    async fn reopen(&self) -> store::Result<Tick> {
        self.0.inboxes.open(self.0.instance).await?;
        self.0.inboxes.open_all().await?;
        let users: Vec<UserId> = self.users().keys().copied().collect();
        let watched = self.0.watch_list.users();
        let open = users
            .into_iter()
            .map(|user| (user, false))
            .chain(watched.into_iter().map(|user| (user, true)));
        let opened = futures_util::stream::iter(open).map(async |(user, watched)| match watched {
            false => {
                self.0.inboxes.open(user).await?;
                self.mark_online(user).await
            }
            true => Ok(self.0.inboxes.watch(user).await?),
        });
        let opened: Vec<_> = opened.buffer_unordered(OPENED_AT_ONCE).collect().await;
        opened.into_iter().collect::<store::Result<Vec<()>>>()?;
        self.0.store.now().await
    }
}
