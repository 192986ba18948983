//! What changed while I was away.

use std::collections::HashMap;

use model::{ChatId, ServerEvent, Tick};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use store::{Cursor, Within};

use crate::{auth::Caller, cursor, problem::Problem};

pub(crate) struct SyncApi;

/// What changed.
#[derive(Object)]
struct Sync {
    /// Chat by chat, in each by the tick of the change. What you have already may be among them: take a row if its `rev` is higher than yours.
    changes: Vec<ServerEvent>,
    /// The clock of each chat that is told to its end.
    clocks: HashMap<String, Tick>,
    /// For `since`, the next time.
    cursor: String,
    /// There is more already: ask again at once.
    more: bool,
}

#[OpenApi(tag = "crate::problem::Tags::Sync")]
impl SyncApi {
    /// Catch up
    ///
    /// Everything that changed in my chats since a cursor, of whatever age. Without `since`: no changes, and the present cursor; take it before you list your chats.
    #[oai(path = "/sync", method = "get", operation_id = "sync")]
    async fn sync(
        &self,
        caller: Caller,
        /// `cursor` of the answer before.
        since: Query<Option<String>>,
        /// Only this chat.
        chat_id: Query<Option<ChatId>>,
    ) -> Result<Json<Sync>, Problem> {
        let store = &caller.state.store;
        if let Some(chat) = chat_id.0 {
            store.view(caller.own(chat)).await?; // a 404 when it is not mine
        }
        let Some(since) = since.0 else {
            let cursor = write(store.sync_now().await?);
            return Ok(Json(Sync { changes: Vec::new(), clocks: HashMap::new(), cursor, more: false }));
        };
        let told = store.sync(caller.user(), cursor::read(&since, read)?, chat_id.0).await?;
        let clocks = told.clocks.into_iter().map(|(chat, clock)| (chat.to_string(), clock)).collect();
        Ok(Json(Sync { changes: told.changes, clocks, cursor: write(told.cursor), more: told.more }))
    }
}

pub(crate) fn write(cursor: Cursor) -> String {
    cursor::write(&match cursor.within {
        Some(Within { began, chat, rev }) => format!("{} {began} {chat} {rev}", cursor.since),
        None => cursor.since.to_string(),
    })
}

pub(crate) fn read(text: &str) -> Option<Cursor> {
    let mut words = text.split(' ');
    let tick = |word: &str| word.parse().ok().filter(|tick| (0..1 << 53).contains(tick)).map(Tick);
    let since = tick(words.next()?)?;
    let Some(began) = words.next() else { return Some(Cursor { since, within: None }) };
    let within = Within { began: tick(began)?, chat: words.next()?.parse().ok()?, rev: tick(words.next()?)? };
    Some(Cursor { since, within: Some(within) })
}
