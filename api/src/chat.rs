//! Chats.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::try_join_all;
use model::{ChatId, ChatKind, ChatView, Tick, UserId};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use store::Error;

use crate::{auth::Caller, problem::Problem, user::kept, validate::Rules};

pub(crate) struct ChatApi;

/// A new chat.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct NewChat {
    /// Two people, or a named group.
    kind: ChatKind,
    /// The others, each by id, username or e-mail address.
    members: Vec<String>,
    /// A group's name, 1 to 128 characters.
    name: Option<String>,
}

/// What to change of a group; what is absent stays.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct PatchChat {
    /// 1 to 128 characters.
    #[oai(nullable)]
    name: MaybeUndefined<String>,
    /// Up to 1000 characters; null clears it.
    #[oai(nullable)]
    description: MaybeUndefined<String>,
}

#[derive(ApiResponse)]
enum Opened {
    /// The chat is new.
    #[oai(status = 201)]
    Created(Json<ChatView>),
    /// The direct chat that you two have.
    #[oai(status = 200)]
    Found(Json<ChatView>),
}

/// Chats, newest activity first.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Chats {
    /// Newest activity first.
    items: Vec<ChatView>,
    /// For `cursor`: more follow.
    next: Option<String>,
}

#[OpenApi(tag = "crate::problem::Tags::Chats")]
impl ChatApi {
    /// Open a chat
    ///
    /// A direct chat with somebody is always the same one; a group is always new.
    #[oai(path = "/chats", method = "post", operation_id = "createChat")]
    async fn create(&self, caller: Caller, body: Json<NewChat>) -> Result<Opened, Problem> {
        let (store, me) = (&caller.state.store, caller.user());
        let name = body.0.name.as_deref().unwrap_or_default().trim();
        let mut rules = Rules::default();
        match body.0.kind {
            ChatKind::Direct => {
                rules.require(body.0.members.len() == 1, "members", "length", "a direct chat has exactly one other person");
                rules.require(body.0.name.is_none(), "name", "not_allowed", "a direct chat has no name");
            }
            ChatKind::Group => {
                rules.group_name(name);
                rules.require(body.0.members.len() < store::MAX_MEMBERS, "members", "length", "a group has at most 1000 members");
            }
        }
        rules.done()?;
        let others = resolve(&caller, &body.0.members).await?;
        let (chat, new) = match body.0.kind {
            ChatKind::Direct => {
                let mut rules = Rules::default();
                rules.require(others[0] != me, "members", "self", "a direct chat is with somebody else");
                rules.done()?;
                store.open_direct(me, others[0]).await?
            }
            ChatKind::Group => {
                let id = ChatId::new();
                (id, store.create_group(id, me, name, &others).await?)
            }
        };
        let view = Json(store.view(caller.own(chat)).await?);
        Ok(if new { Opened::Created(view) } else { Opened::Found(view) })
    }

    /// My chats
    ///
    /// Newest activity first.
    #[oai(path = "/chats", method = "get", operation_id = "listChats")]
    async fn list(
        &self,
        caller: Caller,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
        /// 1 to 100; 50 when absent.
        limit: Query<Option<usize>>,
    ) -> Result<Json<Chats>, Problem> {
        let limit = limit.0.unwrap_or(50);
        if !(1..=100).contains(&limit) {
            return Err(Problem::malformed("limit must be 1 to 100"));
        }
        let after = cursor.0.as_deref().map(read_cursor).transpose()?;
        let (items, next) = caller.state.store.list(caller.user(), after, limit).await?;
        Ok(Json(Chats { items, next: next.map(write_cursor) }))
    }

    /// One of my chats
    #[oai(path = "/chats/:chat_id", method = "get", operation_id = "getChat")]
    async fn get(&self, caller: Caller, chat_id: Path<ChatId>) -> Result<Json<ChatView>, Problem> {
        Ok(Json(caller.state.store.view(caller.own(chat_id.0)).await?))
    }

    /// Change a group
    ///
    /// A merge patch, for its owner and admins: what is absent stays. A new name is told by a system message.
    #[oai(path = "/chats/:chat_id", method = "patch", operation_id = "updateChat")]
    async fn patch(&self, caller: Caller, chat_id: Path<ChatId>, body: Json<PatchChat>) -> Result<Json<ChatView>, Problem> {
        let own = caller.own(chat_id.0);
        let name = kept(body.0.name, "name")?;
        let description = match body.0.description {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(String::new()),
            MaybeUndefined::Value(description) => Some(description),
        };
        let mut rules = Rules::default();
        name.iter().for_each(|text| rules.group_name(text));
        description.iter().for_each(|text| rules.description(text));
        rules.done()?;
        caller.state.store.change_chat(own, name.as_deref().map(str::trim), description.as_deref()).await?;
        Ok(Json(caller.state.store.view(own).await?))
    }
}

/// Who is meant, each once.
async fn resolve(caller: &Caller, texts: &[String]) -> Result<Vec<UserId>, Problem> {
    let mut found = Vec::new();
    for some in texts.chunks(16) {
        found.extend(try_join_all(some.iter().map(|text| caller.state.store.find_any(text))).await?);
    }
    let unknown = found.iter().zip(texts).enumerate().filter(|(_, (user, _))| user.is_none());
    let unknown: Vec<_> = unknown.map(|(at, (_, text))| (at, text.clone())).collect();
    if !unknown.is_empty() {
        return Err(Error::UnknownMembers(unknown).into());
    }
    let mut users: Vec<UserId> = found.into_iter().flatten().map(|user| user.id).collect();
    users.sort();
    users.dedup();
    Ok(users)
}

fn write_cursor((tick, chat): (Tick, ChatId)) -> String {
    URL_SAFE_NO_PAD.encode(format!("{tick} {chat}"))
}

fn read_cursor(cursor: &str) -> Result<(Tick, ChatId), Problem> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (tick, chat) = text.split_once(' ')?;
        Some((Tick(tick.parse().ok()?), chat.parse().ok()?))
    };
    read().ok_or_else(|| Problem::malformed("cursor must be `next` of the page before"))
}
