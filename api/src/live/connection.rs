//! A connection of either wire: the frames that it sends next, and when it ends.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use model::{Heartbeat, Hello, ServerEvent, Session, Tick};
use store::{Error, SyncCursor};
use tokio::time::Instant;

use super::{
    Hub,
    backfill::{MAX_REPLAYED, catch_up, replay},
    inbox::Inbox,
    send_queue::{EndReason, SendQueue},
};
use crate::{operations::sync, request::auth, response::problem::Problem, state::State};

/// The most frames that are written at a time.
const BATCH: usize = 64;

/// An open connection. Dropping it takes it out of all lists.
pub(crate) struct Connection {
    hub: Hub,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) queue: Arc<SendQueue>,
    next_beat: Instant,
}

/// The least time between two heartbeats, however near the end of a session is: the clocks that
/// tell it differ.
const LEAST: Duration = Duration::from_millis(200);

/// Frames that a connection sends next.
pub(crate) enum Outgoing {
    Frames(Vec<Bytes>),
    /// A heartbeat; the wire also checks that the other side is alive.
    Heartbeat(CursorFrame),
}

/// The first frames of a connection.
pub(crate) struct Greeting {
    pub(crate) hello: CursorFrame,
    /// The changes since the client's cursor.
    pub(crate) changes: Vec<Bytes>,
    /// A heartbeat with the cursor after the changes, when any were looked up.
    pub(crate) heartbeat: Option<CursorFrame>,
}

/// A frame with the cursor up to which everything was sent.
pub(crate) struct CursorFrame {
    pub(crate) cursor: String,
    pub(crate) frame: Bytes,
}

impl Connection {
    /// Returns a connection whose first heartbeat is at a random time, and not after the end of its
    /// session.
    pub(crate) fn new(hub: Hub, inbox: Arc<Inbox>, queue: Arc<SendQueue>, ends: Tick) -> Self {
        // Spread, so that clients that reconnect together do not beat together for ever.
        let first = hub.0.heartbeat.mul_f64(fastrand::f64()).min(until(ends));
        Self {
            next_beat: Instant::now() + first,
            hub,
            inbox,
            queue,
        }
    }

    /// Returns the hub that the connection belongs to.
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Returns the first frames: hello, and the changes since the client's cursor if it gave one.
    async fn greeting(&self, since: Option<SyncCursor>) -> store::Result<Greeting> {
        let (hub, store) = (&self.hub, &self.hub.0.store);
        let Some(since) = since else {
            let hello = hub.hello(store.current_cursor().await?, true, false);
            return Ok(Greeting::without_changes(hello));
        };
        let found = replay(store, self.inbox.user, since, MAX_REPLAYED).await?;
        if found.partial {
            self.queue.miss(since.since);
        }
        let hello = hub.hello(since, found.frames.is_some(), found.partial);
        Ok(match found.frames {
            Some(changes) => Greeting {
                hello,
                changes,
                heartbeat: Some(heartbeat(found.cursor, found.partial)),
            },
            None => Greeting::without_changes(hello),
        })
    }

    /// Waits for the next frames to send. Cancel safe: no frame is lost when it is dropped while it
    /// waits.
    pub(crate) async fn next(&mut self) -> Result<Outgoing, EndReason> {
        tokio::select! {
            frames = self.queue.next(BATCH) => frames.map(Outgoing::Frames),
            () = tokio::time::sleep_until(self.next_beat) => Box::pin(self.beat()).await,
        }
    }

    /// Checks the session, and returns a heartbeat.
    async fn beat(&mut self) -> Result<Outgoing, EndReason> {
        let store = &self.hub.0.store;
        let mut wait = self.hub.0.heartbeat;
        match store
            .check_session(self.inbox.user, &self.queue.session)
            .await
        {
            Err(Error::NoSession | Error::NoUser) => return Err(EndReason::Revoked),
            // Redis may be away for a while; that is no reason to end thousands of connections.
            Err(error) => {
                tracing::debug!(%error, "could not check a session; retrying at the next heartbeat")
            }
            Ok(session) => {
                wait = wait.min(until(session.expires));
                self.hub.pulse(self.inbox.user).await;
            }
        }
        self.next_beat = Instant::now() + wait;
        let missing = self.queue.missing_since();
        if missing.is_some() {
            let (hub, queue) = (self.hub.clone(), Arc::clone(&self.queue));
            tokio::spawn(catch_up(hub, self.inbox.user, queue));
        }
        let watermark = self.inbox.cursor(self.hub.watermark());
        let cursor = SyncCursor {
            since: missing.map_or(watermark, |missing| missing.min(watermark)),
            resume: None,
        };
        Ok(Outgoing::Heartbeat(heartbeat(cursor, missing.is_some())))
    }

    /// Returns the time between two heartbeats.
    pub(crate) fn heartbeat_every(&self) -> Duration {
        self.hub.0.heartbeat
    }
}

/// Returns the time until just after a session ends, unless it is used.
fn until(ends: Tick) -> Duration {
    let left = u64::try_from(ends.0 - Tick::now().0).unwrap_or_default();
    Duration::from_micros(left) + LEAST
}

impl Greeting {
    fn without_changes(hello: CursorFrame) -> Self {
        Self {
            hello,
            changes: Vec::new(),
            heartbeat: None,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let (hub, inbox, queue) = (
            self.hub.clone(),
            Arc::clone(&self.inbox),
            Arc::clone(&self.queue),
        );
        tokio::spawn(async move { hub.disconnect(inbox, queue).await });
    }
}

impl Hub {
    /// Opens a connection, and returns its first frames. Changes are looked up in the account's
    /// turns, as those of `/v1/sync` are.
    ///
    /// # Errors
    /// 429 when the account has too many connections, or too many of its syncs wait.
    pub(super) async fn open(
        &self,
        state: &State,
        session: &Session,
        since: Option<SyncCursor>,
    ) -> Result<(Connection, Greeting), Problem> {
        let connection = self.connect(session).await?;
        let _turn = match since {
            Some(_) => Some(auth::turn_to_sync(state, session.user).await?),
            None => None,
        };
        let greeting = Box::pin(connection.greeting(since)).await?;
        Ok((connection, greeting))
    }

    /// Returns the frame that tells a client from where on it is sent changes.
    pub(super) fn hello(&self, cursor: SyncCursor, resumed: bool, partial: bool) -> CursorFrame {
        let cursor = sync::write(cursor);
        let hello = ServerEvent::Hello(Hello {
            cursor: cursor.clone(),
            resumed,
            partial,
            heartbeat_ms: self.0.heartbeat.as_millis() as u32,
        });
        CursorFrame {
            frame: hello.to_string().into(),
            cursor,
        }
    }
}

fn heartbeat(cursor: SyncCursor, partial: bool) -> CursorFrame {
    let cursor = sync::write(cursor);
    CursorFrame {
        frame: ServerEvent::Heartbeat(Heartbeat {
            cursor: cursor.clone(),
            partial,
        })
        .to_string()
        .into(),
        cursor,
    }
}
