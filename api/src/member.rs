//! Members of a chat.

use model::{ChatId, MemberView, Role, UserId};
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};

use crate::{auth::Caller, problem::Problem, session::Done};

pub(crate) struct MemberApi;

/// Members, by the time they joined.
#[derive(Object)]
struct Members {
    /// By the time they joined.
    items: Vec<MemberView>,
}

/// What to change of a member.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct PatchMember {
    /// What they may do from now on.
    role: Role,
}

#[derive(ApiResponse)]
enum Added {
    /// They are a member now.
    #[oai(status = 201)]
    Created(Json<MemberView>),
    /// They were one already.
    #[oai(status = 200)]
    Found(Json<MemberView>),
}

#[OpenApi(tag = "crate::problem::Tags::Chats")]
impl MemberApi {
    /// Who is in a chat
    #[oai(path = "/chats/:chat_id/members", method = "get", operation_id = "listMembers")]
    async fn list(&self, caller: Caller, chat_id: Path<ChatId>) -> Result<Json<Members>, Problem> {
        Ok(Json(Members { items: caller.state.store.members(caller.own(chat_id.0)).await? }))
    }

    /// Add somebody to a group
    ///
    /// For its owner and admins. Whoever is added may read what was written before.
    #[oai(path = "/chats/:chat_id/members/:user_id", method = "put", operation_id = "addMember")]
    async fn add(&self, caller: Caller, chat_id: Path<ChatId>, user_id: Path<UserId>) -> Result<Added, Problem> {
        let store = &caller.state.store;
        // Whoever is not in the chat learns nothing about users either.
        store.members(caller.own(chat_id.0)).await?;
        store.user(user_id.0).await?.ok_or_else(|| Problem::not_found("There is no such user."))?;
        let (member, new) = store.add_member(caller.own(chat_id.0), user_id.0).await?;
        Ok(if new { Added::Created(Json(member)) } else { Added::Found(Json(member)) })
    }

    /// Change a member's role
    ///
    /// For the owner. Whoever makes another the owner is an admin from then on.
    #[oai(path = "/chats/:chat_id/members/:user_id", method = "patch", operation_id = "updateMember")]
    async fn patch(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        user_id: Path<UserId>,
        body: Json<PatchMember>,
    ) -> Result<Json<MemberView>, Problem> {
        Ok(Json(caller.state.store.change_role(caller.own(chat_id.0), user_id.0, body.0.role).await?))
    }

    /// Remove somebody from a group, or leave it
    ///
    /// The owner and admins may remove others; anybody may leave, but for the owner of others.
    #[oai(path = "/chats/:chat_id/members/:user_id", method = "delete", operation_id = "removeMember")]
    async fn remove(&self, caller: Caller, chat_id: Path<ChatId>, user_id: Path<UserId>) -> Result<Done, Problem> {
        caller.state.store.remove_member(caller.own(chat_id.0), user_id.0).await?;
        Ok(Done::Done)
    }
}
