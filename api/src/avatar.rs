//! Pictures of people and groups.

use bytes::Bytes;
use files::{FileHash, Size};
use model::{Account, ChatId, ChatView, UserId};
use poem::{Body, Request};
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::{Binary, Json},
};
use store::UserChange;

use crate::{
    auth::{Caller, Limited},
    download::{Download, Wanted},
    problem::Problem,
    quota::Uploads,
};

pub(crate) struct AvatarApi;

#[OpenApi(tag = "crate::problem::Tags::Files")]
impl AvatarApi {
    /// Set my picture
    ///
    /// The bytes of a PNG, JPEG, WebP or GIF of up to 5 MiB. The square in its middle is kept, without what the camera wrote into it.
    #[oai(path = "/users/me/avatar", method = "put", operation_id = "setMyAvatar")]
    async fn set_mine(&self, caller: Limited<Uploads>, image: Binary<Body>) -> Result<Json<Account>, Problem> {
        let hash = caller.state.files.put_avatar(bytes(image)).await?;
        self.change_mine(&caller, hash.to_string()).await
    }

    /// Remove my picture
    #[oai(path = "/users/me/avatar", method = "delete", operation_id = "removeMyAvatar")]
    async fn remove_mine(&self, caller: Caller) -> Result<Json<Account>, Problem> {
        self.change_mine(&caller, String::new()).await
    }

    /// Somebody's picture
    ///
    /// A WebP, square. `avatar_url` of a profile leads here.
    #[oai(path = "/users/:user_id/avatar", method = "get", operation_id = "getUserAvatar")]
    async fn of_user(
        &self,
        request: &Request,
        caller: Caller,
        user_id: Path<UserId>,
        /// How many pixels are wanted: up to 128, or up to 512, which it is when absent.
        size: Query<Option<u32>>,
        /// Which picture; it makes the address another when the picture is.
        #[oai(name = "v")]
        _version: Query<Option<String>>,
    ) -> Result<Download, Problem> {
        let user = caller.state.store.user(user_id.0).await?.ok_or_else(|| Problem::not_found("There is no such user."))?;
        serve(request, &caller, &user.avatar, size.0).await
    }

    /// Set a group's picture
    ///
    /// For its owner and admins; as with one's own.
    #[oai(path = "/chats/:chat_id/avatar", method = "put", operation_id = "setChatAvatar")]
    async fn set_chats(&self, caller: Limited<Uploads>, chat_id: Path<ChatId>, image: Binary<Body>) -> Result<Json<ChatView>, Problem> {
        caller.state.store.may_manage(caller.own(chat_id.0)).await?;
        let hash = caller.state.files.put_avatar(bytes(image)).await?;
        self.change_chats(&caller, chat_id.0, &hash.to_string()).await
    }

    /// Remove a group's picture
    #[oai(path = "/chats/:chat_id/avatar", method = "delete", operation_id = "removeChatAvatar")]
    async fn remove_chats(&self, caller: Caller, chat_id: Path<ChatId>) -> Result<Json<ChatView>, Problem> {
        self.change_chats(&caller, chat_id.0, "").await
    }

    /// A group's picture
    ///
    /// For its members. `avatar_url` of the chat leads here.
    #[oai(path = "/chats/:chat_id/avatar", method = "get", operation_id = "getChatAvatar")]
    async fn of_chat(
        &self,
        request: &Request,
        caller: Caller,
        chat_id: Path<ChatId>,
        /// How many pixels are wanted: up to 128, or up to 512, which it is when absent.
        size: Query<Option<u32>>,
        /// Which picture; it makes the address another when the picture is.
        #[oai(name = "v")]
        _version: Query<Option<String>>,
    ) -> Result<Download, Problem> {
        let avatar = caller.state.store.chat_avatar(caller.own(chat_id.0)).await?;
        serve(request, &caller, &avatar, size.0).await
    }
}

impl AvatarApi {
    async fn change_mine(&self, caller: &Caller, avatar: String) -> Result<Json<Account>, Problem> {
        let change = UserChange { avatar: Some(avatar), ..UserChange::default() };
        Ok(Json(caller.state.store.change_user(caller.user(), change).await?.into()))
    }

    async fn change_chats(&self, caller: &Caller, chat: ChatId, avatar: &str) -> Result<Json<ChatView>, Problem> {
        let own = caller.own(chat);
        caller.state.store.change_chat(own, None, None, Some(avatar)).await?;
        Ok(Json(caller.state.store.view(own).await?))
    }
}

/// A body as `files` takes it.
pub(crate) fn bytes(body: Binary<Body>) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    body.0.into_bytes_stream()
}

async fn serve(request: &Request, caller: &Caller, avatar: &str, size: Option<u32>) -> Result<Download, Problem> {
    let none = || Problem::not_found("There is no picture.");
    let hash: FileHash = avatar.parse().map_err(|_| none())?;
    let size = size.map_or(Size::Large, Size::at_least);
    let wanted = Wanted::new(request, &format!("{hash}-{}", size.edge()));
    if wanted.is_known() {
        return Ok(Download::known(&wanted));
    }
    let picture = caller.state.files.avatar(&hash, size).await?.ok_or_else(none)?;
    Ok(Download::new(&wanted, picture, None))
}
