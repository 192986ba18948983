//! Looks up the changes that a user was not notified of, or that each reader sees differently, and
//! sends them.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use model::{ServerEvent, Tick, UserId};
use store::{Error, Store, SyncCursor, SyncPage};
use tokio::{sync::Semaphore, time::Instant};

use super::{
    Hub,
    inbox::{Inbox, Lookup, Step},
    send_queue::SendQueue,
};

/// The most changes that are sent to a client that resumes; with more, it pages `/v1/sync`.
pub(crate) const MAX_REPLAYED: usize = 1000;
/// The size of changes after which a client is not sent more either.
const MAX_REPLAYED_BYTES: usize = 1 << 20;

/// The time between a look-up that failed and the next.
const RETRY: Duration = Duration::from_secs(1);

/// The longest time that one look-up waits for slow readers.
const PATIENCE: Duration = Duration::from_secs(10);
/// The time between two looks at whether readers have caught up.
const POLL: Duration = Duration::from_millis(10);

/// Looks up and sends what an inbox misses, until it misses nothing any more. `permits` bounds how
/// many users are looked up for at the same time.
pub(crate) async fn backfill(store: Store, inbox: Arc<Inbox>, permits: Arc<Semaphore>) {
    while let Some(step) = inbox.next_step() {
        let lookup = match step {
            Step::LookUp(lookup) => lookup,
            Step::WaitUntil(at) => {
                tokio::time::sleep_until(at).await;
                continue;
            }
        };
        let _permit = permits.acquire().await.expect("it is never closed");
        if inbox.is_empty() {
            continue;
        }
        tracing::debug!(user.id = %inbox.user, ?lookup, "looking up missed changes");
        match look_up(&store, &inbox, lookup).await {
            Ok(true) => {}
            Ok(false) | Err(Error::Cold(_)) => inbox.give_up(lookup),
            Err(error) => {
                tracing::debug!(
                    %error, user.id = %inbox.user,
                    "could not look up changes; retrying"
                );
                inbox.retry(lookup, Instant::now() + RETRY);
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Looks up and sends changes; false when some may be missing, since SQL does not answer.
async fn look_up(store: &Store, inbox: &Inbox, lookup: Lookup) -> store::Result<bool> {
    let (since, only) = match lookup {
        Lookup::PrivateRows { since, up_to } => {
            send(inbox, &store.private_changes(inbox.user, since).await?).await;
            inbox.private_rows_found(up_to);
            return Ok(true);
        }
        Lookup::Chat(chat, since) => (since, Some(chat)),
        Lookup::All(since) => (since, None),
    };
    let mut cursor = SyncCursor {
        since,
        resume: None,
    };
    loop {
        let SyncPage {
            changes,
            clocks,
            cursor: next,
            more,
            partial,
        } = store.sync(inbox.user, cursor, only).await?;
        send(inbox, &changes).await;
        inbox.chats_found(&clocks);
        if !more {
            return Ok(!partial);
        }
        cursor = next;
    }
}

/// Sends changes to all connections of an inbox.
async fn send(inbox: &Inbox, changes: &[ServerEvent]) {
    let frames: Vec<Bytes> = changes
        .iter()
        .map(|change| change.to_string().into())
        .collect();
    push_slowly(frames, || inbox.is_backed_up(), |frame| inbox.push(&frame)).await;
}

/// Sends frames as fast as they are read, within [`PATIENCE`]: a client should not lose its
/// connection for changes that it did not ask for.
async fn push_slowly(frames: Vec<Bytes>, is_backed_up: impl Fn() -> bool, push: impl Fn(Bytes)) {
    let mut polls = PATIENCE.as_millis() / POLL.as_millis();
    for frame in frames {
        while polls > 0 && is_backed_up() {
            tokio::time::sleep(POLL).await;
            polls -= 1;
        }
        push(frame);
    }
}

/// The changes since a cursor.
pub(crate) struct Replay {
    /// The frames; `None` when there are more than were asked for.
    pub(crate) frames: Option<Vec<Bytes>>,
    /// The cursor after them.
    pub(crate) cursor: SyncCursor,
    /// True when SQL does not answer, and changes may be missing.
    pub(crate) partial: bool,
}

/// Returns all changes since a cursor, for a connection that resumes, if there are not more than
/// `most`, of no more than [`MAX_REPLAYED_BYTES`].
pub(crate) async fn replay(
    store: &Store,
    user: UserId,
    since: SyncCursor,
    most: usize,
) -> store::Result<Replay> {
    let (mut frames, mut cursor, mut bytes) = (Vec::new(), since, 0);
    loop {
        let SyncPage {
            changes,
            cursor: next,
            more,
            partial,
            ..
        } = store.sync(user, cursor, None).await?;
        for change in &changes {
            let frame = Bytes::from(change.to_string());
            bytes += frame.len();
            frames.push(frame);
        }
        let is_too_much = more && (frames.len() >= most || bytes >= MAX_REPLAYED_BYTES);
        if is_too_much || !more {
            return Ok(Replay {
                frames: (!is_too_much).then_some(frames),
                cursor: next,
                partial,
            });
        }
        cursor = next;
    }
}

/// Sends a connection the changes that it misses since SQL did not answer; or the word that there
/// are too many. While SQL is still away, nothing happens.
pub(crate) async fn catch_up(hub: Hub, user: UserId, queue: Arc<SendQueue>) {
    let Some(since) = queue.begin_to_catch_up() else {
        return;
    };
    let _permit = hub.0.backfills.acquire().await.expect("it is never closed");
    let found = hub.0.store.sql_answers().await && hub.send_missing(user, &queue, since).await;
    queue.end_catching_up(since, found);
}

impl Hub {
    async fn send_missing(&self, user: UserId, queue: &SendQueue, since: Tick) -> bool {
        let from = SyncCursor {
            since,
            resume: None,
        };
        let found = match replay(&self.0.store, user, from, MAX_REPLAYED).await {
            Ok(found) if !found.partial => found,
            Ok(_) => return false,
            Err(error) => {
                tracing::debug!(%error, user.id = %user, "could not catch up; retrying");
                return false;
            }
        };
        match found.frames {
            Some(frames) => {
                push_slowly(frames, || queue.is_backed_up(), |frame| queue.push(frame)).await
            }
            None => queue.push(self.hello(from, false, false).frame),
        }
        true
    }
}
