//! Chats, and how a member keeps one.

use chrono::{DateTime, Utc};
use model::{ChatId, ChatKind, ChatView, FieldErrorCode, Preferences, ProblemCode, Tick, UserId};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use store::{ChatFilter, ChatPlace, Error, PreferenceChange};

use crate::{
    bounds::turns::Work,
    request::{
        auth::{Caller, Limited},
        characters::tidy_name,
        cursor,
        patch::not_null,
        rate_limits,
        validate::Rules,
    },
    response::{
        durable::{Acknowledged, Permanent},
        no_content::NoContent,
        problem::Problem,
    },
};

/// Operations on chats.
pub(crate) struct ChatApi;

/// A new chat.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct NewChat {
    /// Direct: two people. Group: named, with up to 1000 members.
    kind: ChatKind,
    /// Other members, each by id, username or e-mail address, or by `external:` and external id.
    members: Vec<String>,
    /// The name of a group, 1 to 128 characters; absent for a direct chat.
    name: Option<String>,
}

/// Changes of how a chat is shown to its reader; an absent field stays as it is.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct PatchPreferences {
    /// True to archive the chat.
    archived: Option<bool>,
    /// True to list the chat before those that are not pinned.
    pinned: Option<bool>,
    /// The end of a time without notifications; null ends it now.
    #[oai(nullable)]
    muted_until: MaybeUndefined<DateTime<Utc>>,
    /// True to mark the chat as unread until its reader reads on.
    marked_unread: Option<bool>,
}

/// Changes of a group; an absent field stays as it is.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct PatchChat {
    /// A name, 1 to 128 characters.
    #[oai(nullable)]
    name: MaybeUndefined<String>,
    /// A description, up to 1000 characters; null clears it.
    #[oai(nullable)]
    description: MaybeUndefined<String>,
}

/// The answer to the opening of a chat.
#[derive(ApiResponse)]
enum OpenedChat {
    /// The chat is new.
    #[oai(status = 201)]
    Created(Json<ChatView>),
    /// The direct chat of these two people exists already.
    #[oai(status = 200)]
    Found(Json<ChatView>),
}

/// Chats, newest activity first.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Chats {
    /// Chats, those with the newest activity first.
    items: Vec<ChatView>,
    /// The `cursor` of the next page; absent on the last one.
    next: Option<String>,
}

#[OpenApi(tag = "crate::operations::Tags::Chats")]
impl ChatApi {
    /// Open a chat
    ///
    /// The direct chat with a person is always the same one; a group is always new.
    #[oai(path = "/chats", method = "post", operation_id = "createChat")]
    async fn create(
        &self,
        caller: Limited<rate_limits::Chats>,
        body: Json<NewChat>,
    ) -> Result<Acknowledged<OpenedChat>, Problem> {
        let (store, me) = (&caller.state.store, caller.user());
        let name = tidy_name(body.0.name.as_deref().unwrap_or_default());
        let mut rules = Rules::default();
        match body.0.kind {
            ChatKind::Direct => {
                rules.require(
                    body.0.members.len() == 1,
                    "members",
                    FieldErrorCode::Length,
                    "a direct chat has exactly one other person",
                );
                rules.require(
                    body.0.name.is_none(),
                    "name",
                    FieldErrorCode::NotAllowed,
                    "a direct chat has no name",
                );
            }
            ChatKind::Group => {
                rules.group_name(&name);
                let most = store::MAX_MEMBERS;
                let detail = format!("a group has at most {most} members");
                rules.require(
                    body.0.members.len() < most,
                    "members",
                    FieldErrorCode::Length,
                    &detail,
                );
            }
        }
        rules.done()?;
        let others = resolve(&caller, &body.0.members).await?;
        let (chat, new) = match body.0.kind {
            ChatKind::Direct => {
                let mut rules = Rules::default();
                rules.require(
                    others[0] != me,
                    "members",
                    FieldErrorCode::Caller,
                    "a direct chat is with another person",
                );
                rules.done()?;
                store.open_direct(me, others[0]).await?
            }
            ChatKind::Group => {
                let id = ChatId::new();
                let created = store.create_group(id, me, &name, &others).await;
                (id, created.map_err(not_created)?)
            }
        };
        let view = Json(store.view(caller.own(chat)).await?);
        Ok(Acknowledged(if new {
            OpenedChat::Created(view)
        } else {
            OpenedChat::Found(view)
        }))
    }

    /// List your chats
    ///
    /// Pinned ones first, then by their newest activity. A short page is not the last one; a page
    /// without `next` is.
    #[oai(path = "/chats", method = "get", operation_id = "listChats")]
    async fn list(
        &self,
        caller: Caller,
        /// True for archived chats alone, false for the others alone; both when it is absent.
        archived: Query<Option<bool>>,
        /// True for unread chats alone, false for the others alone; both when it is absent.
        unread: Query<Option<bool>>,
        /// The `next` of the previous page.
        cursor: Query<Option<String>>,
        /// 1 to 100; 50 when absent.
        limit: Query<Option<usize>>,
    ) -> Result<Json<Chats>, Problem> {
        let after = cursor
            .0
            .as_deref()
            .map(|text| cursor::read(text, read_place))
            .transpose()?;
        let filter = ChatFilter {
            archived: archived.0,
            unread: unread.0,
        };
        caller.turn_until_answered(Work::Page).await?;
        let (items, next) = caller
            .state
            .store
            .list(caller.user(), filter, after, cursor::limit(limit.0)?)
            .await?;
        Ok(Json(Chats {
            items,
            next: next.map(write_place),
        }))
    }

    /// Get a chat
    #[oai(path = "/chats/:chat_id", method = "get", operation_id = "getChat")]
    async fn get(&self, caller: Caller, chat_id: Path<ChatId>) -> Result<Json<ChatView>, Problem> {
        Ok(Json(caller.state.store.view(caller.own(chat_id.0)).await?))
    }

    /// Change a group
    ///
    /// For its owner and admins. A merge patch: an absent field stays as it is. A system message
    /// tells of a new name.
    #[oai(
        path = "/chats/:chat_id",
        method = "patch",
        operation_id = "updateChat"
    )]
    async fn patch(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        body: Json<PatchChat>,
    ) -> Result<Acknowledged<Json<ChatView>>, Problem> {
        let own = caller.own(chat_id.0);
        let name = not_null(body.0.name, "name")?.map(|name| tidy_name(&name));
        let description = match body.0.description {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(String::new()),
            MaybeUndefined::Value(description) => Some(description),
        };
        let mut rules = Rules::default();
        name.iter().for_each(|text| rules.group_name(text));
        description.iter().for_each(|text| rules.description(text));
        rules.done()?;
        caller
            .state
            .store
            .change_chat(own, name.as_deref(), description.as_deref(), None)
            .await?;
        let view = caller.state.store.view(own).await?;
        Ok(Acknowledged(Json(view)))
    }

    /// Delete a group, or hide a direct chat
    ///
    /// A group, for its owner: the group is gone for everyone, with all its messages. A direct
    /// chat: it leaves your list, and is back with its next message.
    #[oai(
        path = "/chats/:chat_id",
        method = "delete",
        operation_id = "deleteChat"
    )]
    async fn delete(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
    ) -> Result<Permanent<NoContent>, Problem> {
        caller
            .state
            .store
            .delete_chat(caller.own(chat_id.0))
            .await?;
        Ok(Permanent(NoContent::Done))
    }

    /// Choose how a chat is shown to you
    ///
    /// A merge patch: an absent field stays as it is. Other members are not affected.
    #[oai(
        path = "/chats/:chat_id/preferences",
        method = "patch",
        operation_id = "updatePreferences"
    )]
    async fn prefer(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        body: Json<PatchPreferences>,
    ) -> Result<Acknowledged<Json<Preferences>>, Problem> {
        let mut rules = Rules::default();
        let muted_until = match body.0.muted_until {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(Tick::NEVER),
            MaybeUndefined::Value(time) => Some(rules.time("muted_until", time)),
        };
        rules.done()?;
        let change = PreferenceChange {
            archived: body.0.archived,
            pinned: body.0.pinned,
            muted_until,
            marked_unread: body.0.marked_unread,
        };
        let preferences = caller
            .state
            .store
            .change_preferences(caller.own(chat_id.0), &change)
            .await?;
        Ok(Acknowledged(Json(preferences)))
    }
}

/// Returns the problem of a group that was not created.
fn not_created(error: Error) -> Problem {
    match error {
        Error::NotAccepted => Problem::new(
            ProblemCode::NotAccepted,
            "One of these people does not accept chats with you.",
        ),
        other => other.into(),
    }
}

/// Returns the users that are meant by ids, usernames or e-mail addresses, each once.
///
/// # Errors
/// 422 with a field error for each text that stands for no user.
async fn resolve(caller: &Caller, texts: &[String]) -> Result<Vec<UserId>, Problem> {
    let found = caller.state.store.find_all(texts).await?;
    let unknown = found
        .iter()
        .zip(texts)
        .enumerate()
        .filter(|(_, (user, _))| user.is_none());
    let unknown: Vec<_> = unknown.map(|(at, (_, text))| (at, text.clone())).collect();
    if !unknown.is_empty() {
        return Err(Error::UnknownMembers(unknown).into());
    }
    let mut users: Vec<UserId> = found.into_iter().flatten().map(|user| user.id).collect();
    users.sort();
    users.dedup();
    Ok(users)
}

/// Returns the cursor of a place in the list of chats.
fn write_place(place: ChatPlace) -> String {
    cursor::write(&format!(
        "{} {} {}",
        u8::from(place.pinned),
        place.last,
        place.chat
    ))
}

/// Reads the place in the list of chats from the text of a cursor.
fn read_place(text: &str) -> Option<ChatPlace> {
    let mut words = text.split(' ');
    let mut next = || words.next();
    Some(ChatPlace {
        pinned: next()? == "1",
        last: Tick(next()?.parse().ok()?),
        chat: next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        for pinned in [true, false] {
            let cursor = write_place(ChatPlace {
                pinned,
                last: Tick(7),
                chat: ChatId::new(),
            });
            let place = cursor::read(&cursor, read_place).expect("a cursor of ours");
            assert_eq!(place.pinned, pinned);
            assert_eq!(write_place(place), cursor);
        }
        for bad in ["", "1", "1 7", "1 x y", "1 7 y"] {
            assert!(read_place(bad).is_none(), "{bad}");
        }
    }
}
