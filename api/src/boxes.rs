//! My messages over all chats.

use model::{Message, Tick};
use poem_openapi::{Enum, Object, OpenApi, param::Query};
use store::{BoxPlace, MessageBox};

use crate::{auth::Caller, cursor, problem::Problem, raw::RawJson};

pub(crate) struct BoxApi;

/// Which of my messages.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum BoxName {
    /// Texts of others.
    Received,
    /// My own.
    Sent,
}

/// Messages, newest first.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Messages {
    /// Newest first.
    items: Vec<Message>,
    /// For `cursor`: more follow.
    next: Option<String>,
}

#[OpenApi(tag = "crate::problem::Tags::Messages")]
impl BoxApi {
    /// My messages over all chats
    ///
    /// Newest first. A short page is not the end, an absent `next` is.
    #[oai(path = "/messages", method = "get", operation_id = "listMyMessages")]
    async fn list_box(
        &self,
        caller: Caller,
        /// Texts of others, or my own.
        #[oai(name = "box")]
        which: Query<BoxName>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
        /// 1 to 100; 50 when absent.
        limit: Query<Option<usize>>,
    ) -> Result<RawJson<Messages>, Problem> {
        let before = cursor.0.as_deref().map(|text| cursor::read(text, read_place)).transpose()?;
        let which = match which.0 {
            BoxName::Received => MessageBox::Received,
            BoxName::Sent => MessageBox::Sent,
        };
        let (items, next) = caller.state.store.message_box(caller.user(), which, before, cursor::limit(limit.0)?).await?;
        let next = next.map(|place| format!(r#","next":"{}""#, write_place(place))).unwrap_or_default();
        Ok(RawJson::new(format!(r#"{{"items":[{}]{next}}}"#, items.join(","))))
    }
}

/// The cursor of a message's place among those of all chats.
pub(crate) fn write_place((id, chat): BoxPlace) -> String {
    cursor::write(&format!("{id} {chat}"))
}

pub(crate) fn read_place(text: &str) -> Option<BoxPlace> {
    let (id, chat) = text.split_once(' ')?;
    let id = id.parse().ok().filter(|id| (1..1 << 53).contains(id))?;
    Some((Tick(id), chat.parse().ok()?))
}
