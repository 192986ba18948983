//! Pictures of people and groups.

use files::{FileHash, Size};
use model::{Account, ChatId, ChatView, UserId};
use poem::Request;
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::Json,
};
use store::UserChange;

use crate::{
    bounds::turns::Work,
    request::{
        auth::{Caller, Limited},
        rate_limits::{self, Uploads},
        upload::Upload,
    },
    response::{
        download::{Download, Wanted},
        durable::{Acknowledged, Permanent},
        problem::Problem,
    },
};

/// Operations on avatars.
pub(crate) struct AvatarApi;

#[OpenApi(tag = "crate::operations::Tags::Files")]
impl AvatarApi {
    /// Set your picture
    ///
    /// The body is a PNG, JPEG, WebP or GIF of up to 5 MiB. The square in its middle is kept,
    /// without the metadata of the camera.
    #[oai(
        path = "/users/me/avatar",
        method = "put",
        operation_id = "setMyAvatar"
    )]
    async fn set_mine(
        &self,
        caller: Limited<Uploads>,
        image: Upload,
    ) -> Result<Acknowledged<Json<Account>>, Problem> {
        rate_limits::by_bytes(&caller, &image, files::MAX_AVATAR).await?;
        let _turn = caller.turn(Work::Upload).await?;
        let hash = caller.files().put_avatar(image.bytes()).await?;
        let account = change_mine(&caller, hash.to_string()).await?;
        Ok(Acknowledged(Json(account)))
    }

    /// Remove your picture
    #[oai(
        path = "/users/me/avatar",
        method = "delete",
        operation_id = "removeMyAvatar"
    )]
    async fn remove_mine(&self, caller: Caller) -> Result<Permanent<Json<Account>>, Problem> {
        let account = change_mine(&caller, String::new()).await?;
        Ok(Permanent(Json(account)))
    }

    /// Download the picture of a user
    ///
    /// A square WebP. `avatar_url` of a profile leads here.
    #[oai(
        path = "/users/:user_id/avatar",
        method = "get",
        operation_id = "getUserAvatar"
    )]
    async fn of_user(
        &self,
        request: &Request,
        caller: Caller,
        user_id: Path<UserId>,
        /// The number of pixels wanted: up to 128, or up to 512; 512 when it is absent.
        size: Query<Option<u32>>,
        /// The version of the picture, so that another picture has another address.
        #[oai(name = "v")]
        _version: Query<Option<String>>,
    ) -> Result<Download, Problem> {
        let user = caller
            .state
            .store
            .user(user_id.0)
            .await?
            .ok_or_else(|| Problem::not_found("There is no such user."))?;
        serve(request, &caller, &user.avatar, size.0).await
    }

    /// Set the picture of a group
    ///
    /// For its owner and admins. The body is as that of your own picture.
    #[oai(
        path = "/chats/:chat_id/avatar",
        method = "put",
        operation_id = "setChatAvatar"
    )]
    async fn set_chats(
        &self,
        caller: Limited<Uploads>,
        chat_id: Path<ChatId>,
        image: Upload,
    ) -> Result<Acknowledged<Json<ChatView>>, Problem> {
        caller.state.store.may_manage(caller.own(chat_id.0)).await?;
        rate_limits::by_bytes(&caller, &image, files::MAX_AVATAR).await?;
        let _turn = caller.turn(Work::Upload).await?;
        let hash = caller.files().put_avatar(image.bytes()).await?;
        let chat = change_chats(&caller, chat_id.0, &hash.to_string()).await?;
        Ok(Acknowledged(Json(chat)))
    }

    /// Remove the picture of a group
    ///
    /// For its owner and admins.
    #[oai(
        path = "/chats/:chat_id/avatar",
        method = "delete",
        operation_id = "removeChatAvatar"
    )]
    async fn remove_chats(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
    ) -> Result<Permanent<Json<ChatView>>, Problem> {
        let chat = change_chats(&caller, chat_id.0, "").await?;
        Ok(Permanent(Json(chat)))
    }

    /// Download the picture of a group
    ///
    /// For its members. `avatar_url` of the chat leads here.
    #[oai(
        path = "/chats/:chat_id/avatar",
        method = "get",
        operation_id = "getChatAvatar"
    )]
    async fn of_chat(
        &self,
        request: &Request,
        caller: Caller,
        chat_id: Path<ChatId>,
        /// The number of pixels wanted: up to 128, or up to 512; 512 when it is absent.
        size: Query<Option<u32>>,
        /// The version of the picture, so that another picture has another address.
        #[oai(name = "v")]
        _version: Query<Option<String>>,
    ) -> Result<Download, Problem> {
        let avatar = caller
            .state
            .store
            .chat_avatar(caller.own(chat_id.0))
            .await?;
        serve(request, &caller, &avatar, size.0).await
    }
}

/// Sets the avatar of the caller; an empty one removes it.
async fn change_mine(caller: &Caller, avatar: String) -> Result<Account, Problem> {
    let change = UserChange {
        avatar: Some(avatar),
        ..UserChange::default()
    };
    let user = caller
        .state
        .store
        .change_user(caller.user(), change)
        .await?;
    Ok(user.into())
}

/// Sets the avatar of a group; an empty one removes it.
async fn change_chats(caller: &Caller, chat: ChatId, avatar: &str) -> Result<ChatView, Problem> {
    let own = caller.own(chat);
    caller
        .state
        .store
        .change_chat(own, None, None, Some(avatar))
        .await?;
    Ok(caller.state.store.view(own).await?)
}

/// Answers with a picture in the size that is asked for, or with the word that the client has it.
pub(super) async fn serve(
    request: &Request,
    caller: &Caller,
    avatar: &str,
    size: Option<u32>,
) -> Result<Download, Problem> {
    let none = || Problem::not_found("There is no picture.");
    let hash: FileHash = avatar.parse().map_err(|_| none())?;
    let size = size.map_or(Size::Large, Size::at_least);
    let wanted = Wanted::new(request, &format!("{hash}-{}", size.edge()));
    if wanted.is_known() {
        return Ok(Download::known(&wanted));
    }
    let picture = caller.files().avatar(&hash, size).await?.ok_or_else(none)?;
    Ok(Download::new(&wanted, picture, None))
}
