//! Pinned messages of a chat.

use model::{ChatId, PinnedMessages, Tick};
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
};

use crate::{
    bounds::turns::Work,
    operations::messages::page_json,
    request::{auth::Caller, ids::place},
    response::{
        durable::{Acknowledged, Permanent},
        no_content::NoContent,
        problem::Problem,
        raw_json::RawJson,
    },
};

/// Operations on pinned messages.
pub(crate) struct PinApi;

#[OpenApi(tag = "crate::operations::Tags::Messages")]
impl PinApi {
    /// List the pinned messages of a chat
    ///
    /// The newest pin first, without those that you have deleted for yourself. A chat has at most
    /// 50, and they come in one page unless they are long.
    #[oai(
        path = "/chats/:chat_id/pins",
        method = "get",
        operation_id = "listPins"
    )]
    async fn list(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        /// The `next` of the previous page. The list begins again if that message is pinned no
        /// more.
        after: Query<Option<Tick>>,
    ) -> Result<RawJson<PinnedMessages>, Problem> {
        let after = place(after.0)?;
        caller.turn_until_answered(Work::Page).await?;
        let (store, own) = (&caller.state.store, caller.own(chat_id.0));
        Ok(RawJson::new(page_json(&store.pins(own, after).await?)))
    }

    /// Pin a message
    ///
    /// For all members. The owner and admins of a group may, and both people of a direct chat. A
    /// system message tells of it. A message that is pinned already stays where it is.
    #[oai(
        path = "/chats/:chat_id/pins/:message_id",
        method = "put",
        operation_id = "pinMessage"
    )]
    async fn pin(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        message_id: Path<Tick>,
    ) -> Result<Acknowledged<NoContent>, Problem> {
        let (store, own) = (&caller.state.store, caller.own(chat_id.0));
        store.pin(own, message_id.0, true).await?;
        Ok(Acknowledged(NoContent::Done))
    }

    /// Unpin a message
    ///
    /// For those who may pin one. A message that is not pinned is no error.
    #[oai(
        path = "/chats/:chat_id/pins/:message_id",
        method = "delete",
        operation_id = "unpinMessage"
    )]
    async fn unpin(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        message_id: Path<Tick>,
    ) -> Result<Permanent<NoContent>, Problem> {
        let (store, own) = (&caller.state.store, caller.own(chat_id.0));
        store.pin(own, message_id.0, false).await?;
        Ok(Permanent(NoContent::Done))
    }
}
