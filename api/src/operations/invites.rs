//! Invitations to a group by a link.

use std::time::Duration;

use model::{
    ChatId, ChatView, FieldErrorCode, InvitePreview, InviteToken, InviteView, MAX_INVITE_USES,
    Tick, UserId,
};
use poem::Request;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use store::{Error, Membership};

use crate::{
    operations::avatars::serve,
    request::{
        auth::{Caller, Limited},
        rate_limits,
        validate::Rules,
    },
    response::{
        download::Download,
        durable::{Acknowledged, Permanent},
        no_content::NoContent,
        problem::Problem,
    },
};

/// The longest time for which an invitation holds that ends, in seconds: a year.
const LONGEST: u64 = 365 * 24 * 3600;

/// Operations on invitations.
pub(crate) struct InviteApi;

/// An invitation to make.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct NewInvite {
    /// The seconds after which it ends, up to a year; without it, it holds until it is revoked.
    expires_in: Option<u64>,
    /// The most people whom it lets in, 1 to 100,000; any number when it is absent.
    max_uses: Option<i64>,
}

/// An invitation that was made just now, with its token, which is shown only here.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct InviteLink {
    /// The id of the invitation in its group.
    id: Tick,
    /// The member who made it.
    created_by: UserId,
    /// The time at which it was made: RFC 3339 in UTC.
    created_at: String,
    /// The time at which it ends: RFC 3339 in UTC; absent when it does not end by itself.
    expires_at: Option<String>,
    /// The number of people whom it has let in.
    uses: i64,
    /// The most people whom it lets in; absent for any number.
    max_uses: Option<i64>,
    /// The token, which lets in whoever has it.
    token: String,
    /// The path of the link, at which this server's page asks whether to join.
    url_path: String,
}

/// The invitations to a group.
#[derive(Object)]
struct Invites {
    /// Those that have not ended, the oldest first.
    items: Vec<InviteView>,
}

/// The answer to who joins.
#[derive(ApiResponse)]
enum Joined {
    /// The caller is a member now.
    #[oai(status = 201)]
    Created(Json<ChatView>),
    /// The caller was a member already.
    #[oai(status = 200)]
    Found(Json<ChatView>),
}

#[OpenApi(tag = "crate::operations::Tags::Chats")]
impl InviteApi {
    /// Make an invitation to a group
    ///
    /// For its owner and admins. Whoever has the token may join until it ends, is revoked, or has
    /// let in as many as it may; and while its maker manages the group. A group has at most 20.
    #[oai(
        path = "/chats/:chat_id/invites",
        method = "post",
        operation_id = "createInvite"
    )]
    async fn create(
        &self,
        caller: Limited<rate_limits::Invites>,
        chat_id: Path<ChatId>,
        body: Json<NewInvite>,
    ) -> Result<Acknowledged<Created>, Problem> {
        let NewInvite {
            expires_in,
            max_uses,
        } = body.0;
        let mut rules = Rules::default();
        rules.require(
            expires_in.is_none_or(|seconds| (1..=LONGEST).contains(&seconds)),
            "expires_in",
            FieldErrorCode::Range,
            &format!("must be 1 to {LONGEST} seconds"),
        );
        rules.require(
            max_uses.is_none_or(|uses| (1..=MAX_INVITE_USES).contains(&uses)),
            "max_uses",
            FieldErrorCode::Range,
            &format!("must be 1 to {MAX_INVITE_USES}"),
        );
        rules.done()?;
        let expires = expires_in.map_or(Tick::NEVER, |seconds| {
            Tick::now().later(Duration::from_secs(seconds))
        });
        let (store, own) = (&caller.state.store, caller.own(chat_id.0));
        let (invite, token) = store.invite(own, expires, max_uses.unwrap_or(0)).await?;
        let InviteView {
            id,
            created_by,
            created_at,
            expires_at,
            uses,
            max_uses,
        } = InviteView::from(&invite);
        let token = token.reveal().to_owned();
        Ok(Acknowledged(Created::Created(Json(InviteLink {
            id,
            created_by,
            created_at,
            expires_at,
            uses,
            max_uses,
            url_path: format!("/join/{token}"),
            token,
        }))))
    }

    /// List the invitations to a group
    ///
    /// For its owner and admins; without their tokens, which nobody knows but who made them.
    #[oai(
        path = "/chats/:chat_id/invites",
        method = "get",
        operation_id = "listInvites"
    )]
    async fn list(&self, caller: Caller, chat_id: Path<ChatId>) -> Result<Json<Invites>, Problem> {
        let invites = caller.state.store.invites(caller.own(chat_id.0)).await?;
        Ok(Json(Invites {
            items: invites.iter().map(InviteView::from).collect(),
        }))
    }

    /// Revoke an invitation to a group
    ///
    /// For its owner and admins. Whoever has joined by it stays. A second time is no error.
    #[oai(
        path = "/chats/:chat_id/invites/:invite_id",
        method = "delete",
        operation_id = "revokeInvite"
    )]
    async fn revoke(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        invite_id: Path<Tick>,
    ) -> Result<Permanent<NoContent>, Problem> {
        let (store, own) = (&caller.state.store, caller.own(chat_id.0));
        store.revoke_invite(own, invite_id.0).await?;
        Ok(Permanent(NoContent::Done))
    }

    /// Look at the group of an invitation
    #[oai(
        path = "/invites/:invite_token",
        method = "get",
        operation_id = "getInvite"
    )]
    async fn get(
        &self,
        caller: Limited<rate_limits::Invites>,
        invite_token: Path<String>,
    ) -> Result<Json<InvitePreview>, Problem> {
        let token = read(&invite_token.0)?;
        let (preview, _) = caller.state.store.invited(&token, caller.user()).await?;
        Ok(Json(preview))
    }

    /// Download the picture of the group of an invitation
    ///
    /// A square WebP. `avatar_url` of the group leads here.
    #[oai(
        path = "/invites/:invite_token/avatar",
        method = "get",
        operation_id = "getInviteAvatar"
    )]
    async fn avatar(
        &self,
        request: &Request,
        caller: Limited<rate_limits::Invites>,
        invite_token: Path<String>,
        /// The number of pixels wanted: up to 128, or up to 512; 512 when it is absent.
        size: Query<Option<u32>>,
        /// The version of the picture, so that another picture has another address.
        #[oai(name = "v")]
        _version: Query<Option<String>>,
    ) -> Result<Download, Problem> {
        let token = read(&invite_token.0)?;
        let (_, avatar) = caller.state.store.invited(&token, caller.user()).await?;
        serve(request, &caller, &avatar, size.0).await
    }

    /// Join a group by an invitation
    ///
    /// A system message tells of it. Whoever is a member already is answered with the group, and
    /// counts as no use.
    #[oai(
        path = "/invites/:invite_token/join",
        method = "post",
        operation_id = "joinByInvite"
    )]
    async fn join(
        &self,
        caller: Limited<rate_limits::Invites>,
        invite_token: Path<String>,
    ) -> Result<Acknowledged<Joined>, Problem> {
        let token = read(&invite_token.0)?;
        let (store, user) = (&caller.state.store, caller.user());
        let (_, new) = Box::pin(store.join(&token, user)).await?;
        let chat = token.chat;
        let view = Json(store.view(Membership { chat, user }).await?);
        Ok(Acknowledged(match new {
            true => Joined::Created(view),
            false => Joined::Found(view),
        }))
    }
}

/// The answer to a new invitation.
#[derive(ApiResponse)]
enum Created {
    /// The invitation holds from now on.
    #[oai(status = 201)]
    Created(Json<InviteLink>),
}

/// Reads the token in a path.
fn read(token: &str) -> Result<InviteToken, Problem> {
    token.parse().map_err(|_| Error::InviteEnded.into())
}
