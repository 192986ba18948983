//! Whom I block.

use model::{Profile, Tick, UserId};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use crate::{auth::Caller, cursor, problem::Problem, session::Done, validate::Rules};

pub(crate) struct BlockApi;

/// People, the latest first.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Blocked {
    /// The latest first.
    items: Vec<Profile>,
    /// For `cursor`: more follow.
    next: Option<String>,
}

#[OpenApi(tag = "crate::problem::Tags::Users")]
impl BlockApi {
    /// Block somebody
    ///
    /// They cannot open a direct chat with me, write in the one we have, or see when I am online. They are not told.
    #[oai(path = "/users/me/blocks/:user_id", method = "put", operation_id = "blockUser")]
    async fn block(&self, caller: Caller, user_id: Path<UserId>) -> Result<Done, Problem> {
        let mut rules = Rules::default();
        rules.require(user_id.0 != caller.user(), "user_id", "self", "is yourself");
        rules.done()?;
        caller.state.store.block(caller.user(), user_id.0, true).await?;
        Ok(Done::Done)
    }

    /// Block somebody no longer
    #[oai(path = "/users/me/blocks/:user_id", method = "delete", operation_id = "unblockUser")]
    async fn unblock(&self, caller: Caller, user_id: Path<UserId>) -> Result<Done, Problem> {
        caller.state.store.block(caller.user(), user_id.0, false).await?;
        Ok(Done::Done)
    }

    /// Whom I block
    #[oai(path = "/users/me/blocks", method = "get", operation_id = "listBlocks")]
    async fn list(
        &self,
        caller: Caller,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
        /// 1 to 100; 50 when absent.
        limit: Query<Option<usize>>,
    ) -> Result<Json<Blocked>, Problem> {
        let after = cursor.0.as_deref().map(|text| cursor::read(text, |rev| rev.parse().ok().map(Tick))).transpose()?;
        let (users, next) = caller.state.store.blocked(caller.user(), after, cursor::limit(limit.0)?).await?;
        Ok(Json(Blocked { items: users.into_iter().map(Into::into).collect(), next: next.map(|rev| cursor::write(&rev.to_string())) }))
    }
}
