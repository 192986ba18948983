//! One connection, whatever it speaks: what to send next, and whether it may go on.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use model::{Heartbeat, Hello, ServerEvent};
use store::{Cursor, Error};
use tokio::time::Instant;

use super::{
    Live,
    heal::replay,
    inbox::Inbox,
    outbox::{End, Outbox},
};
use crate::sync;

/// How many changes are sent to one who comes back; with more, they page `/v1/sync`.
const REPLAYED: usize = 1000;
/// How many frames are written at a time.
const BATCH: usize = 64;

/// Dropping it takes it out of all lists.
pub(crate) struct Connection {
    live: Live,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) outbox: Arc<Outbox>,
    next_beat: Instant,
}

/// What a connection sends next.
pub(crate) enum Next {
    Frames(Vec<Bytes>),
    /// And look whether the other side lives.
    Heartbeat(Told),
}

/// A frame that tells how far everything was told.
pub(crate) struct Told {
    pub(crate) cursor: String,
    pub(crate) frame: Bytes,
}

impl Connection {
    pub(crate) fn new(live: Live, inbox: Arc<Inbox>, outbox: Arc<Outbox>) -> Self {
        // Spread, so that not all who come back at once are at the same beat for ever.
        let first = live.0.heartbeat.mul_f64((uuid::Uuid::now_v7().as_u128() % 1000) as f64 / 1000.0);
        Self { next_beat: Instant::now() + first, live, inbox, outbox }
    }

    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    /// The first frames: hello; what changed since, and up to where that is.
    pub(crate) async fn hello(&self, since: Option<Cursor>) -> store::Result<(Told, Vec<Bytes>, Option<Told>)> {
        let store = &self.live.0.store;
        let hello = |cursor: Cursor, resumed| {
            let (cursor, heartbeat_ms) = (sync::write(cursor), self.live.0.heartbeat.as_millis() as u32);
            let frame = ServerEvent::Hello(Hello { cursor: cursor.clone(), resumed, heartbeat_ms }).to_string().into();
            Told { cursor, frame }
        };
        let Some(since) = since else { return Ok((hello(store.sync_now().await?, true), Vec::new(), None)) };
        Ok(match replay(store, self.inbox.user, since, REPLAYED).await? {
            Some((changes, cursor)) => (hello(since, true), changes.into_iter().map(Bytes::from).collect(), Some(heartbeat(cursor))),
            None => (hello(since, false), Vec::new(), None),
        })
    }

    /// Waits for what is to be sent next. Nothing is lost when it is dropped while it waits.
    pub(crate) async fn next(&mut self) -> Result<Next, End> {
        tokio::select! {
            frames = self.outbox.next(BATCH) => frames.map(Next::Frames),
            () = tokio::time::sleep_until(self.next_beat) => Box::pin(self.beat()).await,
        }
    }

    async fn beat(&mut self) -> Result<Next, End> {
        let store = &self.live.0.store;
        match store.check_session(self.inbox.user, &self.outbox.session).await {
            Err(Error::NoSession | Error::NoUser) => return Err(End::Revoked),
            // Redis may be away for a while; that is no reason to end thousands of connections.
            Err(error) => tracing::debug!(%error, "a session is checked at the next beat"),
            Ok(_) => self.live.pulse(self.inbox.user).await,
        }
        self.next_beat = Instant::now() + self.live.0.heartbeat;
        let horizon = self.inbox.cursor(self.live.horizon());
        Ok(Next::Heartbeat(heartbeat(Cursor { since: horizon, within: None })))
    }

    pub(crate) fn heartbeat_every(&self) -> Duration {
        self.live.0.heartbeat
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let (live, inbox, outbox) = (self.live.clone(), Arc::clone(&self.inbox), Arc::clone(&self.outbox));
        tokio::spawn(async move { live.disconnect(inbox, outbox).await });
    }
}

fn heartbeat(cursor: Cursor) -> Told {
    let cursor = sync::write(cursor);
    Told { frame: ServerEvent::Heartbeat(Heartbeat { cursor: cursor.clone() }).to_string().into(), cursor }
}
