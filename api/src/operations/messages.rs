//! Messages of a chat.

use std::collections::{HashMap, HashSet};

use model::{
    ChatId, Draft, FieldErrorCode, Message, MessageKind, Page, Reply, SentMessage, Tick, UserId,
};
use poem_openapi::{
    ApiResponse, Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use store::{Error, MessageEdit, MessagePage};

use crate::{
    bounds::turns::Work,
    operations::{
        attachments::{Attached, attach},
        judging,
    },
    request::{
        auth::{Caller, Limited},
        ids::place,
        metadata::{GivenMetadata, metadata_patch, new_metadata},
        patch::not_null,
        rate_limits::Sends,
        validate::{MAX_MENTIONS, Rules},
    },
    response::{
        durable::{Acknowledged, Permanent},
        no_content::NoContent,
        problem::Problem,
        raw_json::RawJson,
    },
};

/// Operations on messages.
pub(crate) struct MessageApi;

/// A message to send.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct NewMessage {
    /// Plain text, 1 to 10,000 characters; may be absent when there are attachments.
    #[oai(default)]
    body: String,
    /// A line above the body, 1 to 200 characters.
    subject: Option<String>,
    /// An id that the client chooses, best a UUIDv7. A message that is sent again with the same one
    /// is stored once.
    client_id: Option<String>,
    /// The id of the message that this one answers.
    reply_to: Option<Tick>,
    /// Members whom the message mentions, up to 50.
    #[oai(default)]
    mentions: Vec<UserId>,
    /// True to mention all members of a group. Its owner and admins may; each member may in a group
    /// of at most `limits.mention_all` members (`/v1/meta`).
    #[oai(default)]
    mentions_all: bool,
    /// Files that were uploaded to this chat, up to 10.
    #[oai(default)]
    attachments: Vec<Attached>,
    /// A type of your own: 3 to 64 characters, words of `a-z 0-9 _ -`, each begun by a letter, with
    /// dots between them, as in `myapp.card`. The first words of the server's own types (`message`,
    /// `chat`, `carrier` and the like) are reserved.
    #[oai(rename = "type")]
    custom_type: Option<String>,
    /// An object of your own, of at most 4 KiB as JSON, in which at most 16 objects and arrays are
    /// in each other. All members see it; nothing in it is searched.
    metadata: Option<GivenMetadata>,
}

/// Changes of a message; an absent field stays as it is.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct PatchMessage {
    /// Plain text, 1 to 10,000 characters; of a message with attachments it may be empty.
    #[oai(nullable)]
    body: MaybeUndefined<String>,
    /// A line above the body, 1 to 200 characters; null removes it.
    #[oai(nullable)]
    subject: MaybeUndefined<String>,
    /// Members whom the message mentions from now on, up to 50. While it is absent, the mentions
    /// follow the `@username`s that come into the body, and that go out of it.
    #[oai(nullable)]
    mentions: MaybeUndefined<Vec<UserId>>,
    /// Whether the message mentions all members from now on. While it is absent, that follows an
    /// `@all` that comes into the body, where you may, and one that goes out of it.
    #[oai(nullable)]
    mentions_all: MaybeUndefined<bool>,
    /// Changes of the metadata, a merge patch too: a key with null is taken out, and null takes all
    /// of it. A message of which nothing else changes does not count as edited.
    #[oai(nullable)]
    metadata: MaybeUndefined<GivenMetadata>,
}

/// The readers for whom a message is deleted.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum DeleteFor {
    /// The caller alone.
    Me,
    /// Every member: only the place of the message is left.
    Everyone,
}

/// The answer to a message.
#[derive(ApiResponse)]
enum SendAnswer {
    /// The message is in the chat.
    #[oai(status = 201)]
    Created(RawJson<SentMessage>),
    /// The message was sent before under this `client_id`; the answer is that message.
    #[oai(status = 200)]
    Replayed(
        RawJson<SentMessage>,
        #[oai(header = "Idempotency-Replayed")] bool,
    ),
}

#[OpenApi(tag = "crate::operations::Tags::Messages")]
impl MessageApi {
    /// Send a message
    ///
    /// The answer says in `durability` how durable the message is. With a `client_id`, a request
    /// may be repeated until it is answered.
    #[oai(
        path = "/chats/:chat_id/messages",
        method = "post",
        operation_id = "sendMessage"
    )]
    async fn send(
        &self,
        caller: Limited<Sends>,
        chat_id: Path<ChatId>,
        body: Json<NewMessage>,
    ) -> Result<SendAnswer, Problem> {
        let (json, replayed) = send(&caller, chat_id.0, body.0).await?;
        Ok(if replayed {
            SendAnswer::Replayed(RawJson::new(json), true)
        } else {
            SendAnswer::Created(RawJson::new(json))
        })
    }

    /// List the messages of a chat
    ///
    /// Oldest first; the newest page when none of `before`, `after` and `around` is given.
    #[oai(
        path = "/chats/:chat_id/messages",
        method = "get",
        operation_id = "listMessages"
    )]
    async fn page(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        /// The page ends before this id, or point in time in microseconds.
        before: Query<Option<Tick>>,
        /// The page begins after this id, or point in time in microseconds.
        after: Query<Option<Tick>>,
        /// The page lies around this id, or point in time in microseconds, and has its message.
        around: Query<Option<Tick>>,
        /// 1 to 200; 50 when absent.
        limit: Query<Option<usize>>,
    ) -> Result<RawJson<Page>, Problem> {
        if [before.0, after.0, around.0].iter().flatten().count() > 1 {
            return Err(Problem::malformed(
                "give one of `before`, `after` and `around`, not two",
            ));
        }
        let limit = limit.0.unwrap_or(50);
        if !(1..=200).contains(&limit) {
            return Err(Problem::malformed("limit must be 1 to 200"));
        }
        let (before, after, around) = (place(before.0)?, place(after.0)?, place(around.0)?);
        caller.turn_until_answered(Work::Page).await?;
        let (store, own) = (&caller.state.store, caller.own(chat_id.0));
        let page = match around.happened() {
            true => store.page_around(own, around, limit).await?,
            false => store.page(own, before, after, limit).await?,
        };
        Ok(RawJson::new(page_json(&page)))
    }

    /// Get a message
    #[oai(
        path = "/chats/:chat_id/messages/:message_id",
        method = "get",
        operation_id = "getMessage"
    )]
    async fn get(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        message_id: Path<Tick>,
    ) -> Result<Json<Message>, Problem> {
        Ok(Json(
            caller
                .state
                .store
                .message(caller.own(chat_id.0), message_id.0)
                .await?,
        ))
    }

    /// Change a message you sent
    ///
    /// A merge patch: an absent field stays as it is. `edited_at` tells every member of the change,
    /// unless it is of the metadata alone. Unread mentions are counted as the message mentions
    /// members now.
    #[oai(
        path = "/chats/:chat_id/messages/:message_id",
        method = "patch",
        operation_id = "updateMessage"
    )]
    async fn patch(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        message_id: Path<Tick>,
        body: Json<PatchMessage>,
    ) -> Result<Acknowledged<RawJson<Message>>, Problem> {
        let mut edit = MessageEdit {
            body: not_null(body.0.body, "body")?,
            subject: match body.0.subject {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(subject) => Some(Some(subject)),
            },
            mentions: not_null(body.0.mentions, "mentions")?,
            mentions_all: not_null(body.0.mentions_all, "mentions_all")?,
            metadata: metadata_patch(body.0.metadata)?,
        };
        let mut rules = Rules::default();
        if let Some(text) = &edit.body {
            // A caption may be taken away: the attachments stay, and show something.
            let own = caller.own(chat_id.0);
            let is_caption = text.is_empty() && {
                let message = caller.state.store.message(own, message_id.0).await?;
                message.attachments.is_some_and(|all| !all.is_empty())
            };
            match is_caption {
                true => rules.body_beside_attachments(text),
                false => rules.body(text),
            }
        }
        edit.subject
            .iter()
            .flatten()
            .for_each(|text| rules.subject(text));
        rules.require(
            edit.body.is_some()
                || edit.subject.is_some()
                || edit.mentions.is_some()
                || edit.mentions_all.is_some()
                || edit.metadata.is_some(),
            "body",
            FieldErrorCode::Required,
            "give `body`, `subject`, `mentions`, `mentions_all` or `metadata`",
        );
        few_mentions(&mut rules, edit.mentions.as_deref().unwrap_or_default());
        rules.done()?;
        if let Some(mentions) = edit.mentions.as_ref().filter(|users| !users.is_empty()) {
            let (store, own) = (&caller.state.store, caller.own(chat_id.0));
            let before = store.message(own, message_id.0).await?.mentions;
            // Who has left may stay mentioned.
            let before = before.unwrap_or_default();
            let come: Vec<UserId> = mentions
                .iter()
                .filter(|user| !before.contains(user))
                .copied()
                .collect();
            are_members(&caller, chat_id.0, &come).await?;
        }
        let (store, own) = (&caller.state.store, caller.own(chat_id.0));
        if let Some(hook) = &caller.state.hook {
            Box::pin(judging::edit(&caller, hook, (own, message_id.0), &mut edit)).await?;
        }
        let message = store.edit(own, message_id.0, &edit).await?;
        Ok(Acknowledged(RawJson::new(message)))
    }

    /// Delete a message
    ///
    /// For everyone: its sender may, and the owner and admins of a group; the body is gone from
    /// every store, and the place of the message is left. A second deletion is no error.
    #[oai(
        path = "/chats/:chat_id/messages/:message_id",
        method = "delete",
        operation_id = "deleteMessage"
    )]
    async fn delete(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        message_id: Path<Tick>,
        /// The readers for whom it is deleted.
        #[oai(name = "for")]
        whom: Query<DeleteFor>,
    ) -> Result<Permanent<NoContent>, Problem> {
        let (store, own) = (&caller.state.store, caller.own(chat_id.0));
        match whom.0 {
            DeleteFor::Me => store.hide_message(own, message_id.0).await?,
            DeleteFor::Everyone => store.delete_for_everyone(own, message_id.0).await?,
        }
        Ok(Permanent(NoContent::Done))
    }

    /// Clear a chat
    ///
    /// Messages before `before` are deleted for you alone, and count as read.
    #[oai(
        path = "/chats/:chat_id/messages",
        method = "delete",
        operation_id = "clearChat"
    )]
    async fn clear(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        /// An id, or a point in time in microseconds.
        before: Query<Tick>,
    ) -> Result<Permanent<NoContent>, Problem> {
        caller
            .state
            .store
            .clear_history(caller.own(chat_id.0), place(Some(before.0))?)
            .await?;
        Ok(Permanent(NoContent::Done))
    }
}

/// Returns the JSON of a page of messages.
pub(super) fn page_json(page: &MessagePage) -> String {
    let mut json =
        String::with_capacity(page.items.iter().map(|item| item.len() + 1).sum::<usize>() + 80);
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
        let mine: HashMap<_, _> = page
            .my_reactions
            .iter()
            .map(|(id, emoji)| (id.to_string(), emoji))
            .collect();
        json.push_str(&format!(
            r#","my_reactions":{}"#,
            serde_json::to_string(&mine).expect("ids and emoji can be written")
        ));
    }
    json.push('}');
    json
}

/// Sends a message, and waits until it is durable. Returns its JSON, and true when it had been sent
/// before.
pub(crate) async fn send(
    caller: &Caller,
    chat: ChatId,
    body: NewMessage,
) -> Result<(String, bool), Problem> {
    let mut rules = Rules::default();
    match body.attachments.is_empty() {
        true => rules.body(&body.body),
        false => rules.body_beside_attachments(&body.body),
    }
    body.subject.iter().for_each(|text| rules.subject(text));
    body.client_id.iter().for_each(|text| rules.client_id(text));
    let custom_type = body.custom_type.as_deref();
    custom_type.iter().for_each(|text| rules.custom_type(text));
    few_mentions(&mut rules, &body.mentions);
    rules.done()?;
    let metadata = new_metadata(body.metadata)?;
    let reply_to = match body.reply_to {
        Some(id) => Some(answered(caller, chat, id).await?),
        None => None,
    };
    let mut mentions = body.mentions;
    if !mentions.is_empty() {
        let mut seen = HashSet::new();
        mentions.retain(|user| seen.insert(*user));
        are_members(caller, chat, &mentions).await?;
    }
    let attachments = attach(caller, chat, body.attachments).await?;
    let draft = Draft {
        attachments: &attachments,
        subject: body.subject.as_deref(),
        client_id: body.client_id.as_deref(),
        reply_to: reply_to.as_ref(),
        mentions: &mentions,
        mentions_all: body.mentions_all,
        custom_type,
        metadata: metadata.as_ref(),
        ..Draft::new(chat, caller.user(), MessageKind::Text, &body.body)
    };
    let began = caller.state.store.begin_write();
    let sent = match &caller.state.hook {
        None => caller.state.store.send(draft).await?,
        Some(hook) => Box::pin(judging::send(caller, hook, draft)).await?,
    };
    let durability = caller.state.store.acknowledge(began, chat).await;
    let mut json = sent.json;
    json.pop();
    json.push_str(r#","durability":""#);
    json.push_str(durability.as_str());
    json.push_str(r#""}"#);
    Ok((json, sent.replayed))
}

/// Requires that a message mentions only so many members.
fn few_mentions(rules: &mut Rules, mentions: &[UserId]) {
    let detail = format!("a message names at most {MAX_MENTIONS} members");
    rules.require(
        mentions.len() <= MAX_MENTIONS,
        "mentions",
        FieldErrorCode::Length,
        &detail,
    );
}

/// Returns the reference to the message that is answered.
///
/// # Errors
/// 422 when it is no text of this chat, or is deleted.
async fn answered(caller: &Caller, chat: ChatId, id: Tick) -> Result<Reply, Problem> {
    let mut rules = Rules::default();
    match caller.state.store.message(caller.own(chat), id).await {
        Ok(message) if message.deleted.is_none() && message.kind == MessageKind::Text => {
            return Ok(Reply {
                id,
                sender_id: message.sender_id,
                seq: message.seq,
                preview: message.preview(),
            });
        }
        Ok(_) | Err(Error::NoMessage) => rules.require(
            false,
            "reply_to",
            FieldErrorCode::Unknown,
            "is not a message of this chat that can be answered",
        ),
        Err(error) => return Err(error.into()),
    }
    rules
        .done()
        .and(Err(Problem::not_found("There is no such message.")))
}

/// Checks that users are members of a chat.
///
/// # Errors
/// 422 with a field error for each user who is not.
async fn are_members(caller: &Caller, chat: ChatId, users: &[UserId]) -> Result<(), Problem> {
    let members = caller.state.store.members(caller.own(chat)).await?;
    let mut rules = Rules::default();
    for user in users {
        let is_in = members.iter().any(|member| member.user_id == *user);
        rules.require(
            is_in,
            "mentions",
            FieldErrorCode::Unknown,
            &format!("{user} is not a member of this chat"),
        );
    }
    rules.done()
}
