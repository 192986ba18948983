//! Looks up what a user was not told, or what each reader sees otherwise, and tells it.

use std::{sync::Arc, time::Duration};

use model::{ServerEvent, UserId};
use store::{Changes, Cursor, Store};
use tokio::{sync::Semaphore, time::Instant};

use super::inbox::{Inbox, Seek};

/// How long to wait when it could not be looked up.
const PAUSE: Duration = Duration::from_secs(1);

/// How long to wait for readers, and how long at a time.
const PATIENCE: Duration = Duration::from_secs(10);
const BREATH: Duration = Duration::from_millis(10);

/// Until nothing is missing any more. `room`: so many do this at once.
pub(crate) async fn heal(store: Store, inbox: Arc<Inbox>, room: Arc<Semaphore>) {
    while let Some(next) = inbox.seek() {
        let seek = match next {
            Ok(seek) => seek,
            Err(at) => {
                tokio::time::sleep_until(at).await;
                continue;
            }
        };
        let _room = room.acquire().await.expect("it is never closed");
        if inbox.is_empty() {
            continue;
        }
        tracing::debug!(user.id = %inbox.user, ?seek, "looked up what was not told");
        if let Err(error) = look_up(&store, &inbox, seek).await {
            tracing::debug!(%error, user.id = %inbox.user, "looked up again soon");
            inbox.again(seek, Instant::now() + PAUSE);
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn look_up(store: &Store, inbox: &Inbox, seek: Seek) -> store::Result<()> {
    let (since, only) = match seek {
        Seek::Own(since, rev) => {
            tell(inbox, &store.sync_own(inbox.user, since).await?).await;
            inbox.found_own(rev);
            return Ok(());
        }
        Seek::Chat(chat, since) => (since, Some(chat)),
        Seek::All(since) => (since, None),
    };
    let mut cursor = Cursor { since, within: None };
    loop {
        let Changes { changes, clocks, cursor: next, more } = store.sync(inbox.user, cursor, only).await?;
        tell(inbox, &changes).await;
        inbox.found(&clocks);
        if !more {
            return Ok(());
        }
        cursor = next;
    }
}

/// As fast as it is read, for a while: nobody loses a connection for what they did not ask for.
async fn tell(inbox: &Inbox, changes: &[ServerEvent]) {
    let mut patience = PATIENCE.as_millis() / BREATH.as_millis();
    for change in changes {
        while patience > 0 && inbox.is_pressed() {
            tokio::time::sleep(BREATH).await;
            patience -= 1;
        }
        inbox.push(&change.to_string().into());
    }
}

/// What is sent first on a connection that goes on from a cursor: all changes since, and the cursor after them. `None`: there are too many.
pub(crate) async fn replay(store: &Store, user: UserId, since: Cursor, most: usize) -> store::Result<Option<(Vec<String>, Cursor)>> {
    let (mut told, mut cursor) = (Vec::new(), since);
    loop {
        let Changes { changes, cursor: next, more, .. } = store.sync(user, cursor, None).await?;
        told.extend(changes.iter().map(ToString::to_string));
        if !more {
            return Ok(Some((told, next)));
        }
        if told.len() >= most {
            return Ok(None);
        }
        cursor = next;
    }
}
