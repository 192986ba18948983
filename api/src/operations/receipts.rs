//! Receipts: how far members have read, and how far messages have reached them.

use model::{ChatId, FieldErrorCode, Tick, UserId};
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};

use crate::{
    request::{
        auth::Caller,
        validate::{MAX_RECEIPTS, Rules},
    },
    response::{durable::Acknowledged, no_content::NoContent, problem::Problem},
};

/// Operations on receipts.
pub(crate) struct ReceiptApi;

/// A receipt of the caller.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Receipt {
    /// The id of the newest message that the caller has read.
    read: Option<Tick>,
    /// The id of the newest message that reached the caller.
    delivered: Option<Tick>,
}

/// A receipt of the caller in one of many chats.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct ChatReceipt {
    /// The chat.
    chat_id: ChatId,
    /// The id of the newest message that the caller has read.
    read: Option<Tick>,
    /// The id of the newest message that reached the caller.
    delivered: Option<Tick>,
}

/// Receipts of the caller in many chats.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Receipts {
    /// Receipts, 1 to 100.
    items: Vec<ChatReceipt>,
}

/// The receipt of a member.
#[derive(Object)]
struct MemberReceipt {
    /// The member.
    user_id: UserId,
    /// The id of the newest message that the member has read.
    read: Tick,
    /// The id of the newest message that reached a device of the member.
    delivered: Tick,
}

/// The receipts of all members.
#[derive(Object)]
struct MemberReceipts {
    /// Receipts, by the time the members joined.
    items: Vec<MemberReceipt>,
}

#[OpenApi(tag = "crate::operations::Tags::Messages")]
impl ReceiptApi {
    /// Mark messages as read or delivered
    ///
    /// A mark moves only forward. A message that is read is delivered too.
    #[oai(
        path = "/chats/:chat_id/receipts",
        method = "put",
        operation_id = "putReceipt"
    )]
    async fn receipt(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        body: Json<Receipt>,
    ) -> Result<Acknowledged<NoContent>, Problem> {
        mark(&caller, chat_id.0, body.0.read, body.0.delivered).await?;
        Ok(Acknowledged(NoContent::Done))
    }

    /// Mark messages of many chats as read or delivered
    ///
    /// Up to 100 chats at once. A chat of which you are not a member is a 404, after the ones
    /// before it were marked.
    #[oai(path = "/receipts", method = "put", operation_id = "putReceipts")]
    async fn receipts(
        &self,
        caller: Caller,
        body: Json<Receipts>,
    ) -> Result<Acknowledged<NoContent>, Problem> {
        let mut rules = Rules::default();
        let detail = format!("give 1 to {MAX_RECEIPTS} receipts");
        let good = (1..=MAX_RECEIPTS).contains(&body.0.items.len());
        rules.require(good, "items", FieldErrorCode::Length, &detail);
        rules.done()?;
        for item in body.0.items {
            mark(&caller, item.chat_id, item.read, item.delivered).await?;
        }
        Ok(Acknowledged(NoContent::Done))
    }

    /// List the receipts of the members
    #[oai(
        path = "/chats/:chat_id/receipts",
        method = "get",
        operation_id = "listReceipts"
    )]
    async fn list_receipts(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
    ) -> Result<Json<MemberReceipts>, Problem> {
        let members = caller.state.store.members(caller.own(chat_id.0)).await?;
        let items = members.into_iter().map(|member| MemberReceipt {
            user_id: member.user_id,
            read: member.read,
            delivered: member.delivered,
        });
        Ok(Json(MemberReceipts {
            items: items.collect(),
        }))
    }
}

/// Moves the marks of the caller in a chat forward.
///
/// # Errors
/// 422 when neither mark is given, or one is negative.
pub(crate) async fn mark(
    caller: &Caller,
    chat: ChatId,
    read: Option<Tick>,
    delivered: Option<Tick>,
) -> Result<(), Problem> {
    let mut rules = Rules::default();
    rules.require(
        read.is_some() || delivered.is_some(),
        "read",
        FieldErrorCode::Required,
        "give `read`, `delivered` or both",
    );
    let (read, delivered) = (read.unwrap_or_default(), delivered.unwrap_or_default());
    rules.require(
        read.0 >= 0 && delivered.0 >= 0,
        "read",
        FieldErrorCode::Range,
        "an id of a message is positive",
    );
    rules.done()?;
    Ok(caller
        .state
        .store
        .mark(caller.own(chat), read, delivered)
        .await?)
}
