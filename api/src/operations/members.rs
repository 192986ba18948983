//! Members of a chat, and their roles.

use model::{ChatId, MemberView, Role, UserId};
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};

use crate::{
    request::auth::Caller,
    response::{
        durable::{Acknowledged, Permanent},
        no_content::NoContent,
        problem::Problem,
    },
};

/// Operations on members.
pub(crate) struct MemberApi;

/// Members, by the time they joined.
#[derive(Object)]
struct Members {
    /// Members, by the time they joined.
    items: Vec<MemberView>,
}

/// Changes of a member.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct PatchMember {
    /// The new role.
    role: Role,
}

/// The answer to the addition of a member.
#[derive(ApiResponse)]
enum Added {
    /// The user is a member now.
    #[oai(status = 201)]
    Created(Json<MemberView>),
    /// The user was a member already.
    #[oai(status = 200)]
    Found(Json<MemberView>),
}

#[OpenApi(tag = "crate::operations::Tags::Chats")]
impl MemberApi {
    /// List the members of a chat
    #[oai(
        path = "/chats/:chat_id/members",
        method = "get",
        operation_id = "listMembers"
    )]
    async fn list(&self, caller: Caller, chat_id: Path<ChatId>) -> Result<Json<Members>, Problem> {
        Ok(Json(Members {
            items: caller.state.store.members(caller.own(chat_id.0)).await?,
        }))
    }

    /// Add a user to a group
    ///
    /// For its owner and admins. A new member may read all earlier messages.
    #[oai(
        path = "/chats/:chat_id/members/:user_id",
        method = "put",
        operation_id = "addMember"
    )]
    async fn add(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        user_id: Path<UserId>,
    ) -> Result<Acknowledged<Added>, Problem> {
        let store = &caller.state.store;
        // A caller who is not in the chat learns nothing about users either.
        store.members(caller.own(chat_id.0)).await?;
        store
            .user(user_id.0)
            .await?
            .ok_or_else(|| Problem::not_found("There is no such user."))?;
        let (member, new) = store.add_member(caller.own(chat_id.0), user_id.0).await?;
        Ok(Acknowledged(if new {
            Added::Created(Json(member))
        } else {
            Added::Found(Json(member))
        }))
    }

    /// Change a member's role
    ///
    /// For the owner. An owner who makes another member the owner becomes an admin.
    #[oai(
        path = "/chats/:chat_id/members/:user_id",
        method = "patch",
        operation_id = "updateMember"
    )]
    async fn patch(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        user_id: Path<UserId>,
        body: Json<PatchMember>,
    ) -> Result<Acknowledged<Json<MemberView>>, Problem> {
        let member = caller
            .state
            .store
            .change_role(caller.own(chat_id.0), user_id.0, body.0.role)
            .await?;
        Ok(Acknowledged(Json(member)))
    }

    /// Remove a member from a group, or leave it
    ///
    /// The owner and admins may remove others. Every member may leave, but the owner only as the
    /// last one.
    #[oai(
        path = "/chats/:chat_id/members/:user_id",
        method = "delete",
        operation_id = "removeMember"
    )]
    async fn remove(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        user_id: Path<UserId>,
    ) -> Result<Permanent<NoContent>, Problem> {
        caller
            .state
            .store
            .remove_member(caller.own(chat_id.0), user_id.0)
            .await?;
        Ok(Permanent(NoContent::Done))
    }
}
