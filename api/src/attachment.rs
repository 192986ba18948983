//! Files that are attached to messages.

use files::{FileHash, Size, Space, Stored};
use model::{Attachment, ChatId};
use poem::{Body, Request};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::{Binary, Json},
};
use store::Error;

use crate::{
    auth::{Caller, Limited},
    avatar::bytes,
    download::{Download, Wanted},
    problem::Problem,
    quota::Uploads,
    validate::Rules,
};

pub(crate) struct AttachmentApi;

/// A file to attach: an upload's answer as it came, or its hash and a name.
#[derive(Object)]
#[oai(deny_unknown_fields, rename = "NewAttachment")]
pub(crate) struct Attached {
    /// SHA-256 of its bytes, in hex.
    hash: String,
    /// What to call it, 1 to 255 characters; the hash when it is absent.
    name: Option<String>,
    /// What the upload told; it is looked up again.
    #[oai(rename = "size")]
    _size: Option<i64>,
    /// The same.
    #[oai(rename = "content_type")]
    _content_type: Option<String>,
    /// The same.
    #[oai(rename = "width")]
    _width: Option<i64>,
    /// The same.
    #[oai(rename = "height")]
    _height: Option<i64>,
}

#[derive(ApiResponse)]
enum Uploaded {
    /// It is stored, to be attached to a message of this chat within a day.
    #[oai(status = 201)]
    Created(Json<Attachment>),
}

#[OpenApi(tag = "crate::problem::Tags::Files")]
impl AttachmentApi {
    /// Upload a file
    ///
    /// The body is the file, whatever it is. Put the answer into `attachments` of a message: nobody sees a file that no message has.
    #[oai(path = "/chats/:chat_id/attachments", method = "post", operation_id = "uploadAttachment")]
    async fn upload(
        &self,
        caller: Limited<Uploads>,
        chat_id: Path<ChatId>,
        /// What to call it, 1 to 255 characters.
        name: Query<String>,
        file: Binary<Body>,
    ) -> Result<Uploaded, Problem> {
        // Whoever is not in the chat learns nothing, and stores nothing.
        caller.state.store.members(caller.own(chat_id.0)).await?;
        let mut rules = Rules::default();
        rules.file_name("name", &name.0);
        rules.done()?;
        let stored = caller.state.files.put(Space::Attachments(chat_id.0), bytes(file), caller.state.config.max_upload).await?;
        Ok(Uploaded::Created(Json(attachment(stored, name.0))))
    }

    /// A file of a message
    ///
    /// For members, for as long as a message that they see has it. Takes `Range` and `If-None-Match`.
    #[oai(path = "/chats/:chat_id/attachments/:hash", method = "get", operation_id = "getAttachment")]
    async fn get(
        &self,
        request: &Request,
        caller: Caller,
        chat_id: Path<ChatId>,
        hash: Path<String>,
        /// A smaller picture instead, a WebP of up to 128 or up to 512 pixels; only of images.
        size: Query<Option<u32>>,
    ) -> Result<Download, Problem> {
        let none = || Problem::not_found("No message of this chat has such a file.");
        let attachment = caller.state.store.attachment(caller.own(chat_id.0), &hash.0).await?.ok_or_else(none)?;
        let (hash, space): (FileHash, _) = (hash.0.parse().map_err(|_| none())?, Space::Attachments(chat_id.0));
        let size = size.0.map(Size::at_least);
        let wanted = Wanted::new(request, &size.map_or(hash.to_string(), |size| format!("{hash}-{}", size.edge())));
        if wanted.is_known() {
            return Ok(Download::known(&wanted));
        }
        let object = match size {
            Some(size) => caller.state.files.thumbnail(space, &hash, size).await?,
            None => caller.state.files.get(space, &hash, wanted.span()).await?,
        };
        Ok(Download::new(&wanted, object.ok_or_else(none)?, Some(&attachment.name)))
    }
}

/// What a message says of files that are to be attached to it: what they are is looked up, not believed.
///
/// # Errors
/// 422 for one that was not uploaded to this chat.
pub(crate) async fn attach(caller: &Caller, chat: ChatId, attached: Vec<Attached>) -> Result<Vec<Attachment>, Problem> {
    let mut rules = Rules::default();
    rules.require(attached.len() <= model::MAX_ATTACHMENTS, "attachments", "length", "a message has at most 10 files");
    attached.iter().flat_map(|one| &one.name).for_each(|name| rules.file_name("attachments", name));
    rules.done()?;
    if attached.is_empty() {
        return Ok(Vec::new());
    }
    // Whoever is not in the chat does not learn what was uploaded to it.
    caller.state.store.members(caller.own(chat)).await.map_err(|error: Error| Problem::from(error))?;
    let (mut found, mut rules) = (Vec::new(), Rules::default());
    for one in attached {
        let stored = match one.hash.parse::<FileHash>() {
            Ok(hash) => caller.state.files.find(Space::Attachments(chat), &hash).await?,
            Err(_) => None,
        };
        rules.require(stored.is_some(), "attachments", "unknown", "has a file that was not uploaded to this chat");
        found.extend(stored.map(|stored| attachment(stored, one.name.unwrap_or(one.hash))));
    }
    rules.done()?;
    Ok(found)
}

fn attachment(stored: Stored, name: String) -> Attachment {
    Attachment {
        hash: stored.hash.to_string(),
        name,
        size: stored.size as i64,
        content_type: stored.content_type.to_owned(),
        width: stored.dimensions.map(|(width, _)| i64::from(width)),
        height: stored.dimensions.map(|(_, height)| i64::from(height)),
    }
}
