//! Messages.

use std::collections::HashMap;

use model::{ChatId, Draft, Message, MessageKind, Page, Reply, SentMessage, Tick, UserId};
use poem_openapi::{
    ApiResponse, Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use store::{Edit, Error};

use crate::{
    attachment::{Attached, attach},
    auth::{Caller, Limited},
    problem::Problem,
    quota::Sends,
    raw::RawJson,
    session::Done,
    user::kept,
    validate::Rules,
};

pub(crate) struct MessageApi;

/// A message to send.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct NewMessage {
    /// 1 to 10,000 characters of plain text; it may be absent when there are attachments.
    #[oai(default)]
    body: String,
    /// A line above it, 1 to 200 characters.
    subject: Option<String>,
    /// Your own id of this message, best a UUIDv7: sent again under it, a message is not sent twice.
    client_id: Option<String>,
    /// The id of the message that this one answers.
    reply_to: Option<Tick>,
    /// Members whom it names, up to 50.
    #[oai(default)]
    mentions: Vec<UserId>,
    /// Files that were uploaded to this chat, up to 10.
    #[oai(default)]
    attachments: Vec<Attached>,
}

/// What to change of a message of mine; what is absent stays.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct PatchMessage {
    /// 1 to 10,000 characters of plain text.
    #[oai(nullable)]
    body: MaybeUndefined<String>,
    /// 1 to 200 characters; null takes it away.
    #[oai(nullable)]
    subject: MaybeUndefined<String>,
}

/// For whom a message is deleted.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum DeleteFor {
    /// For me alone.
    Me,
    /// For all members: only its place is left.
    Everyone,
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

#[OpenApi(tag = "crate::problem::Tags::Messages")]
impl MessageApi {
    /// Send a message
    ///
    /// Answered when it is safe as `durability` says. With a `client_id` it may be sent again until it is answered.
    #[oai(path = "/chats/:chat_id/messages", method = "post", operation_id = "sendMessage")]
    async fn send(&self, caller: Limited<Sends>, chat_id: Path<ChatId>, body: Json<NewMessage>) -> Result<Sent, Problem> {
        let (json, replayed) = send(&caller, chat_id.0, body.0).await?;
        Ok(if replayed { Sent::Replayed(RawJson::new(json), true) } else { Sent::Created(RawJson::new(json)) })
    }

    /// A page of messages
    ///
    /// Oldest first; the newest page when none of `before`, `after` and `around` is given.
    #[oai(path = "/chats/:chat_id/messages", method = "get", operation_id = "listMessages")]
    async fn page(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        /// The page that ends before this id, or point in time in microseconds.
        before: Query<Option<Tick>>,
        /// The page that begins after it.
        after: Query<Option<Tick>>,
        /// The page around it, which is in it.
        around: Query<Option<Tick>>,
        /// 1 to 200; 50 when absent.
        limit: Query<Option<usize>>,
    ) -> Result<RawJson<Page>, Problem> {
        if [before.0, after.0, around.0].iter().flatten().count() > 1 {
            return Err(Problem::malformed("give one of `before`, `after` and `around`, not two"));
        }
        let limit = limit.0.unwrap_or(50);
        if !(1..=200).contains(&limit) {
            return Err(Problem::malformed("limit must be 1 to 200"));
        }
        let (before, after, around) = (place(before.0)?, place(after.0)?, place(around.0)?);
        let (store, own) = (&caller.state.store, caller.own(chat_id.0));
        let page = match around.happened() {
            true => store.page_around(own, around, limit).await?,
            false => store.page(own, before, after, limit).await?,
        };
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
        if !page.my_reactions.is_empty() {
            let mine: HashMap<_, _> = page.my_reactions.iter().map(|(id, emoji)| (id.to_string(), emoji)).collect();
            json.push_str(&format!(r#","my_reactions":{}"#, serde_json::to_string(&mine).expect("ids and words")));
        }
        json.push('}');
        Ok(RawJson::new(json))
    }

    /// One message
    #[oai(path = "/chats/:chat_id/messages/:message_id", method = "get", operation_id = "getMessage")]
    async fn get(&self, caller: Caller, chat_id: Path<ChatId>, message_id: Path<Tick>) -> Result<Json<Message>, Problem> {
        Ok(Json(caller.state.store.message(caller.own(chat_id.0), message_id.0).await?))
    }

    /// Change a message of mine
    ///
    /// A merge patch: what is absent stays. `edited_at` tells everybody that it was changed.
    #[oai(path = "/chats/:chat_id/messages/:message_id", method = "patch", operation_id = "updateMessage")]
    async fn patch(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        message_id: Path<Tick>,
        body: Json<PatchMessage>,
    ) -> Result<RawJson<Message>, Problem> {
        let edit = Edit {
            body: kept(body.0.body, "body")?,
            subject: match body.0.subject {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(subject) => Some(Some(subject)),
            },
        };
        let mut rules = Rules::default();
        edit.body.iter().for_each(|text| rules.body(text));
        edit.subject.iter().flatten().for_each(|text| rules.subject(text));
        rules.require(edit.body.is_some() || edit.subject.is_some(), "body", "required", "give `body`, `subject` or both");
        rules.done()?;
        Ok(RawJson::new(caller.state.store.edit(caller.own(chat_id.0), message_id.0, &edit).await?))
    }

    /// Delete a message
    ///
    /// For everyone: its sender may, and a group's owner and admins; its body is gone from every store, and its place is left. Again is no error.
    #[oai(path = "/chats/:chat_id/messages/:message_id", method = "delete", operation_id = "deleteMessage")]
    async fn delete(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        message_id: Path<Tick>,
        /// For whom.
        #[oai(name = "for")]
        whom: Query<DeleteFor>,
    ) -> Result<Done, Problem> {
        let (store, own) = (&caller.state.store, caller.own(chat_id.0));
        match whom.0 {
            DeleteFor::Me => store.hide(own, message_id.0).await?,
            DeleteFor::Everyone => store.delete_for_everyone(own, message_id.0).await?,
        }
        Ok(Done::Done)
    }

    /// Clear a chat
    ///
    /// All messages before `before` are deleted for me alone, and count as read.
    #[oai(path = "/chats/:chat_id/messages", method = "delete", operation_id = "clearChat")]
    async fn clear(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        /// An id, or a point in time in microseconds.
        before: Query<Tick>,
    ) -> Result<Done, Problem> {
        caller.state.store.clear(caller.own(chat_id.0), place(Some(before.0))?).await?;
        Ok(Done::Done)
    }
}

/// Sends a message; its JSON, and whether it had been sent before.
pub(crate) async fn send(caller: &Caller, chat: ChatId, body: NewMessage) -> Result<(String, bool), Problem> {
    let mut rules = Rules::default();
    if body.attachments.is_empty() || !body.body.is_empty() {
        rules.body(&body.body);
    }
    body.subject.iter().for_each(|text| rules.subject(text));
    body.client_id.iter().for_each(|text| rules.client_id(text));
    rules.require(body.mentions.len() <= 50, "mentions", "length", "a message names at most 50 members");
    rules.done()?;
    let reply_to = match body.reply_to {
        Some(id) => Some(answered(caller, chat, id).await?),
        None => None,
    };
    if !body.mentions.is_empty() {
        are_members(caller, chat, &body.mentions).await?;
    }
    let attachments = attach(caller, chat, body.attachments).await?;
    let draft = Draft {
        attachments: &attachments,
        subject: body.subject.as_deref(),
        client_id: body.client_id.as_deref(),
        reply_to: reply_to.as_ref(),
        mentions: &body.mentions,
        ..Draft::new(chat, caller.user(), MessageKind::Text, &body.body)
    };
    let began = caller.state.store.begin_write();
    let sent = caller.state.store.send(draft).await?;
    let durability = caller.state.store.acknowledge(began, chat).await;
    let mut json = sent.json;
    json.pop();
    json.push_str(r#","durability":""#);
    json.push_str(durability.as_str());
    json.push_str(r#""}"#);
    Ok((json, sent.replayed))
}

/// The message that is answered.
async fn answered(caller: &Caller, chat: ChatId, id: Tick) -> Result<Reply, Problem> {
    let mut rules = Rules::default();
    match caller.state.store.message(caller.own(chat), id).await {
        Ok(message) if message.deleted.is_none() && message.kind == MessageKind::Text => {
            return Ok(Reply { id, sender_id: message.sender_id, preview: message.preview() });
        }
        Ok(_) | Err(Error::NoMessage) => rules.require(false, "reply_to", "unknown", "is no message of this chat that can be answered"),
        Err(error) => return Err(error.into()),
    }
    rules.done().and(Err(Problem::not_found("There is no such message.")))
}

async fn are_members(caller: &Caller, chat: ChatId, users: &[UserId]) -> Result<(), Problem> {
    let members = caller.state.store.members(caller.own(chat)).await?;
    let mut rules = Rules::default();
    for user in users {
        let is_in = members.iter().any(|member| member.user_id == *user);
        rules.require(is_in, "mentions", "unknown", &format!("{user} is no member of this chat"));
    }
    rules.done()
}

/// An id or a point in time: positive, and exact in JavaScript.
pub(crate) fn place(given: Option<Tick>) -> Result<Tick, Problem> {
    match given {
        Some(Tick(place)) if !(1..1 << 53).contains(&place) => Err(Problem::malformed("an id is between 1 and 2^53")),
        given => Ok(given.unwrap_or_default()),
    }
}
