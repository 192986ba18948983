//! The users whom the caller blocks.

use model::{FieldErrorCode, Profile, Tick, UserId};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use crate::{
    request::{auth::Caller, cursor, validate::Rules},
    response::{durable::Permanent, no_content::NoContent, problem::Problem},
};

/// Operations on blocks.
pub(crate) struct BlockApi;

/// Users who are blocked, the latest first.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Blocked {
    /// Users, the latest blocked first.
    items: Vec<Profile>,
    /// The `cursor` of the next page; absent on the last one.
    next: Option<String>,
}

#[OpenApi(tag = "crate::operations::Tags::Users")]
impl BlockApi {
    /// Block a user
    ///
    /// The user cannot open a direct chat with you, write in the one you share, or see when you
    /// are online, and is not notified of the block.
    #[oai(
        path = "/users/me/blocks/:user_id",
        method = "put",
        operation_id = "blockUser"
    )]
    async fn block(
        &self,
        caller: Caller,
        user_id: Path<UserId>,
    ) -> Result<Permanent<NoContent>, Problem> {
        let mut rules = Rules::default();
        rules.require(
            user_id.0 != caller.user(),
            "user_id",
            FieldErrorCode::Caller,
            "is yourself",
        );
        rules.done()?;
        caller
            .state
            .store
            .block(caller.user(), user_id.0, true)
            .await?;
        Ok(Permanent(NoContent::Done))
    }

    /// Unblock a user
    #[oai(
        path = "/users/me/blocks/:user_id",
        method = "delete",
        operation_id = "unblockUser"
    )]
    async fn unblock(
        &self,
        caller: Caller,
        user_id: Path<UserId>,
    ) -> Result<Permanent<NoContent>, Problem> {
        caller
            .state
            .store
            .block(caller.user(), user_id.0, false)
            .await?;
        Ok(Permanent(NoContent::Done))
    }

    /// List the users you block
    #[oai(path = "/users/me/blocks", method = "get", operation_id = "listBlocks")]
    async fn list(
        &self,
        caller: Caller,
        /// The `next` of the previous page.
        cursor: Query<Option<String>>,
        /// 1 to 100; 50 when absent.
        limit: Query<Option<usize>>,
    ) -> Result<Json<Blocked>, Problem> {
        let after = cursor
            .0
            .as_deref()
            .map(|text| cursor::read(text, |rev| rev.parse().ok().map(Tick)))
            .transpose()?;
        let (users, next) = caller
            .state
            .store
            .blocked(caller.user(), after, cursor::limit(limit.0)?)
            .await?;
        Ok(Json(Blocked {
            items: users.into_iter().map(Into::into).collect(),
            next: next.map(|rev| cursor::write(&rev.to_string())),
        }))
    }
}
