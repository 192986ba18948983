//! Chats.

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use model::{ChatId, ChatKind, ChatView, Preferences, Tick, UserId};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use store::{Error, Filter, Place, PreferenceChange};

use crate::{auth::Caller, cursor, problem::Problem, session::Done, user::kept, validate::Rules};

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

/// How I want a chat to be shown; what is absent stays.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct PatchPreferences {
    /// Put away.
    archived: Option<bool>,
    /// Shown before the others.
    pinned: Option<bool>,
    /// No notifications until then; null lets them come again.
    #[oai(nullable)]
    muted_until: MaybeUndefined<DateTime<Utc>>,
    /// Marked as unread, until I read on.
    marked_unread: Option<bool>,
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
    /// Pinned ones first, then by their newest activity. A short page is not the end, an absent `next` is.
    #[oai(path = "/chats", method = "get", operation_id = "listChats")]
    async fn list(
        &self,
        caller: Caller,
        /// Only those put away, or only the others; both when absent.
        archived: Query<Option<bool>>,
        /// Only those with something unread, or only the others; both when absent.
        unread: Query<Option<bool>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
        /// 1 to 100; 50 when absent.
        limit: Query<Option<usize>>,
    ) -> Result<Json<Chats>, Problem> {
        let after = cursor.0.as_deref().map(|text| cursor::read(text, read_place)).transpose()?;
        let filter = Filter { archived: archived.0, unread: unread.0 };
        let (items, next) = caller.state.store.list(caller.user(), filter, after, cursor::limit(limit.0)?).await?;
        Ok(Json(Chats { items, next: next.map(write_place) }))
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
        caller.state.store.change_chat(own, name.as_deref().map(str::trim), description.as_deref(), None).await?;
        Ok(Json(caller.state.store.view(own).await?))
    }

    /// Delete a group, or hide a direct chat
    ///
    /// A group, for its owner: it is gone for everyone, with all that was written there. A direct chat: it is in my list again with its next message.
    #[oai(path = "/chats/:chat_id", method = "delete", operation_id = "deleteChat")]
    async fn delete(&self, caller: Caller, chat_id: Path<ChatId>) -> Result<Done, Problem> {
        caller.state.store.delete_chat(caller.own(chat_id.0)).await?;
        Ok(Done::Done)
    }

    /// Choose how I want a chat to be shown
    ///
    /// A merge patch: what is absent stays. It is mine alone.
    #[oai(path = "/chats/:chat_id/preferences", method = "patch", operation_id = "updatePreferences")]
    async fn prefer(&self, caller: Caller, chat_id: Path<ChatId>, body: Json<PatchPreferences>) -> Result<Json<Preferences>, Problem> {
        let mut rules = Rules::default();
        let muted_until = match body.0.muted_until {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(Tick::NEVER),
            MaybeUndefined::Value(time) => Some(rules.time("muted_until", time)),
        };
        rules.done()?;
        let change =
            PreferenceChange { archived: body.0.archived, pinned: body.0.pinned, muted_until, marked_unread: body.0.marked_unread };
        Ok(Json(caller.state.store.prefer(caller.own(chat_id.0), &change).await?))
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

fn write_place(place: Place) -> String {
    cursor::write(&format!("{} {} {}", u8::from(place.pinned), place.last, place.chat))
}

fn read_place(text: &str) -> Option<Place> {
    let mut words = text.split(' ');
    let mut next = || words.next();
    Some(Place { pinned: next()? == "1", last: Tick(next()?.parse().ok()?), chat: next()?.parse().ok()? })
}
