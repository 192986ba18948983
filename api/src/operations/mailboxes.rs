//! Mailboxes: the messages of one user over all of their chats.

use model::{Message, Tick};
use poem_openapi::{Enum, Object, OpenApi, param::Query};
use store::{Mailbox, MailboxPlace};

use crate::{
    bounds::turns::Work,
    request::{auth::Caller, cursor},
    response::{problem::Problem, raw_json::RawJson},
};

/// The operation that reads a mailbox.
pub(crate) struct MailboxApi;

/// The name of a mailbox.
#[derive(Enum)]
#[oai(rename = "BoxName", rename_all = "snake_case")]
enum MailboxName {
    /// Texts of others.
    Received,
    /// Texts of the caller.
    Sent,
}

/// Messages, newest first.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Messages {
    /// Messages, newest first.
    items: Vec<Message>,
    /// The `cursor` of the next page; absent on the last one.
    next: Option<String>,
}

#[OpenApi(tag = "crate::operations::Tags::Messages")]
impl MailboxApi {
    /// List your messages over all chats
    ///
    /// Newest first. A short page is not the last one; a page without `next` is.
    #[oai(path = "/messages", method = "get", operation_id = "listMyMessages")]
    async fn list(
        &self,
        caller: Caller,
        /// Texts of others, or your own.
        #[oai(name = "box")]
        which: Query<MailboxName>,
        /// The `next` of the previous page.
        cursor: Query<Option<String>>,
        /// 1 to 100; 50 when absent.
        limit: Query<Option<usize>>,
    ) -> Result<RawJson<Messages>, Problem> {
        let before = cursor
            .0
            .as_deref()
            .map(|text| cursor::read(text, read_place))
            .transpose()?;
        let which = match which.0 {
            MailboxName::Received => Mailbox::Received,
            MailboxName::Sent => Mailbox::Sent,
        };
        caller.turn_until_answered(Work::Page).await?;
        let (items, next) = caller
            .state
            .store
            .mailbox(caller.user(), which, before, cursor::limit(limit.0)?)
            .await?;
        let next = next
            .map(|place| format!(r#","next":"{}""#, write_place(place)))
            .unwrap_or_default();
        Ok(RawJson::new(format!(
            r#"{{"items":[{}]{next}}}"#,
            items.join(",")
        )))
    }
}

/// Returns the cursor of a place among the messages of all chats.
pub(crate) fn write_place((id, chat): MailboxPlace) -> String {
    cursor::write(&format!("{id} {chat}"))
}

/// Reads the place among the messages of all chats from the text of a cursor.
pub(crate) fn read_place(text: &str) -> Option<MailboxPlace> {
    let (id, chat) = text.split_once(' ')?;
    let id = id.parse().ok().filter(|id| (1..1 << 53).contains(id))?;
    Some((Tick(id), chat.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use model::ChatId;

    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let place = (Tick(7), ChatId::new());
        let read = cursor::read(&write_place(place), read_place).expect("a cursor of ours");
        assert_eq!(read, place);
        for bad in ["", "7", "0 x", "-1 x", "9007199254740992 x", "7 x"] {
            assert!(read_place(bad).is_none(), "{bad}");
        }
    }
}
