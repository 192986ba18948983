//! The changes since a cursor.

use std::collections::HashMap;

use model::{ChatId, ServerEvent, Tick};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use store::{ResumePoint, SyncCursor};

use crate::{
    bounds::turns::Work,
    request::{auth::Caller, cursor},
    response::problem::Problem,
};

/// The operation that catches up.
pub(crate) struct SyncApi;

/// A page of changes.
#[derive(Object)]
struct Sync {
    /// Changes chat by chat, in each by the tick of the change. Some of them may be known already:
    /// take a row if its `rev` is higher than that of the row you have.
    changes: Vec<ServerEvent>,
    /// The clock of each chat of which no change is left.
    clocks: HashMap<String, Tick>,
    /// The `since` of the next request.
    cursor: String,
    /// True when more changes wait: ask again at once.
    more: bool,
    /// True when the database does not answer, so that changes are missing: those here are the ones
    /// that are kept in memory. The last `cursor` of the pages is then the one that you began with:
    /// ask again from it, some seconds later.
    partial: bool,
}

#[OpenApi(tag = "crate::operations::Tags::Sync")]
impl SyncApi {
    /// Catch up
    ///
    /// Returns the changes in your chats since a cursor of any age. Without `since`: no changes,
    /// and the present cursor; take it before you list your chats.
    #[oai(path = "/sync", method = "get", operation_id = "sync")]
    async fn sync(
        &self,
        caller: Caller,
        /// The `cursor` of the previous answer.
        since: Query<Option<String>>,
        /// The only chat to catch up with.
        chat_id: Query<Option<ChatId>>,
    ) -> Result<Json<Sync>, Problem> {
        let store = &caller.state.store;
        if let Some(chat) = chat_id.0 {
            store.view(caller.own(chat)).await?; // a 404 unless the caller is a member
        }
        let Some(since) = since.0 else {
            let cursor = write(store.current_cursor().await?);
            return Ok(Json(Sync {
                changes: Vec::new(),
                clocks: HashMap::new(),
                cursor,
                more: false,
                partial: false,
            }));
        };
        caller.turn_until_answered(Work::Sync).await?;
        let synced = store
            .sync(caller.user(), cursor::read(&since, read)?, chat_id.0)
            .await?;
        let clocks = synced
            .clocks
            .into_iter()
            .map(|(chat, clock)| (chat.to_string(), clock))
            .collect();
        Ok(Json(Sync {
            changes: synced.changes,
            clocks,
            cursor: write(synced.cursor),
            more: synced.more,
            partial: synced.partial,
        }))
    }
}

/// Returns the text of a cursor.
pub(crate) fn write(cursor: SyncCursor) -> String {
    cursor::write(&match cursor.resume {
        Some(ResumePoint { began, chat, rev }) => format!("{} {began} {chat} {rev}", cursor.since),
        None => cursor.since.to_string(),
    })
}

/// Reads a cursor, unless the text is none of ours.
pub(crate) fn read(text: &str) -> Option<SyncCursor> {
    let mut words = text.split(' ');
    let tick = |word: &str| {
        word.parse()
            .ok()
            .filter(|tick| (0..1 << 53).contains(tick))
            .map(Tick)
    };
    let since = tick(words.next()?)?;
    let Some(began) = words.next() else {
        return Some(SyncCursor {
            since,
            resume: None,
        });
    };
    let within = ResumePoint {
        began: tick(began)?,
        chat: words.next()?.parse().ok()?,
        rev: tick(words.next()?)?,
    };
    Some(SyncCursor {
        since,
        resume: Some(within),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let between = SyncCursor {
            since: Tick(7),
            resume: None,
        };
        let within = SyncCursor {
            since: Tick(7),
            resume: Some(ResumePoint {
                began: Tick(9),
                chat: ChatId::new(),
                rev: Tick((1 << 53) - 1),
            }),
        };
        for cursor in [between, within] {
            let text = write(cursor);
            let again = cursor::read(&text, read).expect("a cursor of ours");
            assert_eq!(again, cursor);
        }
    }

    #[test]
    fn a_text_that_is_no_cursor_is_not_read() {
        for bad in ["", "x", "-1", "9007199254740992", "7 9", "7 9 x 8", "7 9 8"] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
