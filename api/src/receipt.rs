//! How far members are in a chat.

use model::{ChatId, Tick, UserId};
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};

use crate::{auth::Caller, problem::Problem, session::Done, validate::Rules};

pub(crate) struct ReceiptApi;

/// How far I am.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Receipt {
    /// The id of the newest message I have read.
    read: Option<Tick>,
    /// The id of the newest message that reached me.
    delivered: Option<Tick>,
}

/// How far I am in a chat.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct ChatReceipt {
    /// Which chat.
    chat_id: ChatId,
    /// The id of the newest message I have read.
    read: Option<Tick>,
    /// The id of the newest message that reached me.
    delivered: Option<Tick>,
}

/// How far I am in many chats.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Receipts {
    /// 1 to 100.
    items: Vec<ChatReceipt>,
}

/// How far a member is.
#[derive(Object)]
struct MemberReceipt {
    /// Who.
    user_id: UserId,
    /// The id of the newest message they have read.
    read: Tick,
    /// The id of the newest message that reached one of their devices.
    delivered: Tick,
}

/// How far all members are.
#[derive(Object)]
struct MemberReceipts {
    /// By the time they joined.
    items: Vec<MemberReceipt>,
}

#[OpenApi(tag = "crate::problem::Tags::Messages")]
impl ReceiptApi {
    /// Tell how far I am
    ///
    /// Only ever forward; what is read is delivered too.
    #[oai(path = "/chats/:chat_id/receipts", method = "put", operation_id = "putReceipt")]
    async fn receipt(&self, caller: Caller, chat_id: Path<ChatId>, body: Json<Receipt>) -> Result<Done, Problem> {
        mark(&caller, chat_id.0, body.0.read, body.0.delivered).await?;
        Ok(Done::Done)
    }

    /// Tell how far I am in many chats
    ///
    /// Up to 100 at once. A chat that is not mine is a 404, after the ones before it were marked.
    #[oai(path = "/receipts", method = "put", operation_id = "putReceipts")]
    async fn receipts(&self, caller: Caller, body: Json<Receipts>) -> Result<Done, Problem> {
        let mut rules = Rules::default();
        rules.require((1..=100).contains(&body.0.items.len()), "items", "length", "give 1 to 100 receipts");
        rules.done()?;
        for item in body.0.items {
            mark(&caller, item.chat_id, item.read, item.delivered).await?;
        }
        Ok(Done::Done)
    }

    /// How far each member is
    #[oai(path = "/chats/:chat_id/receipts", method = "get", operation_id = "listReceipts")]
    async fn list_receipts(&self, caller: Caller, chat_id: Path<ChatId>) -> Result<Json<MemberReceipts>, Problem> {
        let members = caller.state.store.members(caller.own(chat_id.0)).await?;
        let items =
            members.into_iter().map(|member| MemberReceipt { user_id: member.user_id, read: member.read, delivered: member.delivered });
        Ok(Json(MemberReceipts { items: items.collect() }))
    }
}

/// A member is so far.
pub(crate) async fn mark(caller: &Caller, chat: ChatId, read: Option<Tick>, delivered: Option<Tick>) -> Result<(), Problem> {
    let mut rules = Rules::default();
    rules.require(read.is_some() || delivered.is_some(), "read", "required", "give `read`, `delivered` or both");
    let (read, delivered) = (read.unwrap_or_default(), delivered.unwrap_or_default());
    rules.require(read.0 >= 0 && delivered.0 >= 0, "read", "range", "an id of a message is positive");
    rules.done()?;
    Ok(caller.state.store.mark(caller.own(chat), read, delivered).await?)
}
