//! Messages, and how far they are read.

use model::{ChatId, Draft, MessageKind, Page, SentMessage, Tick};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use crate::{auth::Caller, problem::Problem, raw::RawJson, session::Done, validate::Rules};

pub(crate) struct MessageApi;

/// A message to send.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct NewMessage {
    /// 1 to 10,000 characters of plain text.
    body: String,
    /// A line above it, 1 to 200 characters.
    subject: Option<String>,
    /// Your own id of this message, best a UUIDv7: sent again under it, a message is not sent twice.
    client_id: Option<String>,
}

#[derive(ApiResponse)]
enum Sent {
    /// It is in the chat.
    #[oai(status = 201)]
    Created(RawJson<SentMessage>),
    /// You sent it before under this `client_id`: this is that one.
    #[oai(status = 200)]
    Replayed(RawJson<SentMessage>, #[oai(header = "Idempotency-Replayed")] bool),
}

/// How far I am.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Receipt {
    /// The id of the newest message I have read.
    read: Option<Tick>,
    /// The id of the newest message that reached me.
    delivered: Option<Tick>,
}

#[OpenApi(tag = "crate::problem::Tags::Messages")]
impl MessageApi {
    /// Send a message
    ///
    /// Answered when it is safe as `durability` says. With a `client_id` it may be sent again until it is answered.
    #[oai(path = "/chats/:chat_id/messages", method = "post", operation_id = "sendMessage")]
    async fn send(&self, caller: Caller, chat_id: Path<ChatId>, body: Json<NewMessage>) -> Result<Sent, Problem> {
        let body = body.0;
        let mut rules = Rules::default();
        rules.body(&body.body);
        body.subject.iter().for_each(|text| rules.subject(text));
        body.client_id.iter().for_each(|text| rules.client_id(text));
        rules.done()?;
        let draft = Draft {
            chat_id: chat_id.0,
            sender_id: caller.user(),
            kind: MessageKind::Text,
            subject: body.subject.as_deref(),
            body: &body.body,
            client_id: body.client_id.as_deref(),
            system: None,
        };
        let sent = caller.state.store.send(draft).await?;
        let mut json = sent.json;
        json.pop();
        json.push_str(r#","durability":""#);
        json.push_str(caller.state.store.durability().as_str());
        json.push_str(r#""}"#);
        Ok(if sent.replayed { Sent::Replayed(RawJson::new(json), true) } else { Sent::Created(RawJson::new(json)) })
    }

    /// A page of messages
    ///
    /// Oldest first; the newest page when neither `before` nor `after` is given.
    #[oai(path = "/chats/:chat_id/messages", method = "get", operation_id = "listMessages")]
    async fn page(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        /// The page that ends before this id, or point in time in microseconds.
        before: Query<Option<Tick>>,
        /// The page that begins after it.
        after: Query<Option<Tick>>,
        /// 1 to 200; 50 when absent.
        limit: Query<Option<usize>>,
    ) -> Result<RawJson<Page>, Problem> {
        if before.0.is_some() && after.0.is_some() {
            return Err(Problem::malformed("give `before` or `after`, not both"));
        }
        let limit = limit.0.unwrap_or(50);
        if !(1..=200).contains(&limit) {
            return Err(Problem::malformed("limit must be 1 to 200"));
        }
        let (before, after) = (place(before.0)?, place(after.0)?);
        let page = caller.state.store.page(caller.own(chat_id.0), before, after, limit).await?;
        let mut json = String::with_capacity(page.items.iter().map(|item| item.len() + 1).sum::<usize>() + 80);
        json.push_str(r#"{"items":["#);
        for (at, item) in page.items.iter().enumerate() {
            if at > 0 {
                json.push(',');
            }
            json.push_str(item);
        }
        json.push(']');
        for (name, tick) in [("next", page.next), ("prev", page.prev)] {
            if let Some(tick) = tick {
                json.push_str(&format!(r#","{name}":{tick}"#));
            }
        }
        json.push('}');
        Ok(RawJson::new(json))
    }

    /// Tell how far I am
    ///
    /// Only ever forward; what is read is delivered too.
    #[oai(path = "/chats/:chat_id/receipts", method = "put", operation_id = "putReceipt")]
    async fn receipt(&self, caller: Caller, chat_id: Path<ChatId>, body: Json<Receipt>) -> Result<Done, Problem> {
        let (read, delivered) = (body.0.read.unwrap_or_default(), body.0.delivered.unwrap_or_default());
        let mut rules = Rules::default();
        rules.require(body.0.read.is_some() || body.0.delivered.is_some(), "read", "required", "give `read`, `delivered` or both");
        rules.require(read.0 >= 0 && delivered.0 >= 0, "read", "range", "an id of a message is positive");
        rules.done()?;
        caller.state.store.mark(caller.own(chat_id.0), read, delivered).await?;
        Ok(Done::Done)
    }
}

/// An id or a point in time: positive, and exact in JavaScript.
fn place(given: Option<Tick>) -> Result<Tick, Problem> {
    match given {
        Some(Tick(place)) if !(1..1 << 53).contains(&place) => Err(Problem::malformed("an id is between 1 and 2^53")),
        given => Ok(given.unwrap_or_default()),
    }
}
