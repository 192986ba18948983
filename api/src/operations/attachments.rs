//! Files that are attached to messages.

use files::{FileHash, Size, Space, StoredFile};
use model::{Attachment, ChatId, FieldErrorCode};
use poem::Request;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use store::Error;

use crate::{
    bounds::turns::Work,
    request::{
        auth::{Caller, Limited},
        characters::tidy_file_name,
        rate_limits::{self, Uploads},
        upload::Upload,
        validate::Rules,
    },
    response::{
        download::{Download, Wanted},
        durable::Acknowledged,
        problem::Problem,
    },
};

/// Operations on attachments.
pub(crate) struct AttachmentApi;

/// A file to attach: an upload's answer as it came, or its hash and a name.
#[derive(Object)]
#[oai(deny_unknown_fields, rename = "NewAttachment")]
pub(crate) struct Attached {
    /// SHA-256 of its bytes, in hex.
    hash: String,
    /// A name, 1 to 255 characters; the hash when it is absent.
    name: Option<String>,
    /// As the upload answered; ignored, and looked up again.
    #[oai(rename = "size")]
    _size: Option<i64>,
    /// As the upload answered; ignored, and looked up again.
    #[oai(rename = "content_type")]
    _content_type: Option<String>,
    /// As the upload answered; ignored, and looked up again.
    #[oai(rename = "width")]
    _width: Option<i64>,
    /// As the upload answered; ignored, and looked up again.
    #[oai(rename = "height")]
    _height: Option<i64>,
    /// As the upload answered; ignored.
    #[oai(rename = "metadata_removed")]
    _metadata_removed: Option<bool>,
}

/// A file that was uploaded.
#[derive(Object)]
struct UploadedFile {
    /// The file, as a message takes it.
    #[oai(flatten)]
    file: Attachment,
    /// True when what a camera had written into the photo, as the place and the time, was removed:
    /// size and hash are those of the rest.
    metadata_removed: bool,
}

/// The answer to an upload.
#[derive(ApiResponse)]
enum Uploaded {
    /// The file is stored, and must be attached to a message of this chat within a day.
    #[oai(status = 201)]
    Created(Json<UploadedFile>),
}

#[OpenApi(tag = "crate::operations::Tags::Files")]
impl AttachmentApi {
    /// Upload a file
    ///
    /// The body is the file, of any type. What a camera wrote into a JPEG, PNG, WebP, GIF, HEIC or
    /// AVIF, as where it was taken, is removed, unless the server keeps it. It stays in every other
    /// file, as a TIFF, a raw photo or a video, and in a photo that is too damaged to be read. Put
    /// the answer into `attachments` of a message: a file that no message has can be seen by no
    /// other user.
    #[oai(
        path = "/chats/:chat_id/attachments",
        method = "post",
        operation_id = "uploadAttachment"
    )]
    async fn upload(
        &self,
        caller: Limited<Uploads>,
        chat_id: Path<ChatId>,
        /// The name of the file, 1 to 255 characters.
        name: Query<String>,
        file: Upload,
    ) -> Result<Acknowledged<Uploaded>, Problem> {
        // A user who is not in the chat learns nothing, and stores nothing.
        caller.state.store.members(caller.own(chat_id.0)).await?;
        let name = tidy_file_name(&name.0);
        let mut rules = Rules::default();
        rules.file_name("name", &name);
        rules.done()?;
        rate_limits::by_bytes(&caller, &file, caller.state.config.max_upload).await?;
        let _turn = caller.turn(Work::Upload).await?;
        let stored = caller
            .files()
            .put(
                Space::Attachments(chat_id.0),
                file.bytes(),
                caller.state.config.max_upload,
            )
            .await?;
        Ok(Acknowledged(Uploaded::Created(Json(UploadedFile {
            metadata_removed: stored.metadata_removed,
            file: attachment(stored, name),
        }))))
    }

    /// Download a file of a message
    ///
    /// For members, as long as a message that they see has the file. Takes `Range` and
    /// `If-None-Match`.
    #[oai(
        path = "/chats/:chat_id/attachments/:hash",
        method = "get",
        operation_id = "getAttachment"
    )]
    async fn get(
        &self,
        request: &Request,
        caller: Caller,
        chat_id: Path<ChatId>,
        hash: Path<String>,
        /// The number of pixels wanted of an image, which comes as a WebP of up to 128 or up to 512
        /// pixels. Without it, the file comes as it is.
        size: Query<Option<u32>>,
    ) -> Result<Download, Problem> {
        let none = || Problem::not_found("No message of this chat has such a file.");
        let attachment = caller
            .state
            .store
            .attachment(caller.own(chat_id.0), &hash.0)
            .await?
            .ok_or_else(none)?;
        let (hash, space): (FileHash, _) = (
            hash.0.parse().map_err(|_| none())?,
            Space::Attachments(chat_id.0),
        );
        let size = size.0.map(Size::at_least);
        let wanted = Wanted::new(
            request,
            &size.map_or(hash.to_string(), |size| format!("{hash}-{}", size.edge())),
        );
        if wanted.is_known() {
            return Ok(Download::known(&wanted));
        }
        let object = match size {
            Some(size) => caller.files().thumbnail(space, &hash, size).await?,
            None => caller.files().get(space, &hash, wanted.span()).await?,
        };
        Ok(Download::new(
            &wanted,
            object.ok_or_else(none)?,
            Some(&attachment.name),
        ))
    }
}

/// Looks up the files to attach to a message: size, type and dimensions are not taken from the
/// client.
///
/// # Errors
/// 422 when a file was not uploaded to this chat.
pub(crate) async fn attach(
    caller: &Caller,
    chat: ChatId,
    attached: Vec<Attached>,
) -> Result<Vec<Attachment>, Problem> {
    let mut rules = Rules::default();
    let most = model::MAX_ATTACHMENTS;
    let detail = format!("a message has at most {most} files");
    rules.require(
        attached.len() <= most,
        "attachments",
        FieldErrorCode::Length,
        &detail,
    );
    let name_of = |one: &Attached| one.name.as_deref().map(tidy_file_name);
    attached
        .iter()
        .filter_map(name_of)
        .for_each(|name| rules.file_name("attachments", &name));
    rules.done()?;
    if attached.is_empty() {
        return Ok(Vec::new());
    }
    // A user who is not in the chat does not learn what was uploaded to it.
    caller
        .state
        .store
        .members(caller.own(chat))
        .await
        .map_err(|error: Error| Problem::from(error))?;
    let (mut found, mut rules) = (Vec::new(), Rules::default());
    for one in attached {
        let stored = match one.hash.parse::<FileHash>() {
            Ok(hash) => caller.files().find(Space::Attachments(chat), &hash).await?,
            Err(_) => None,
        };
        rules.require(
            stored.is_some(),
            "attachments",
            FieldErrorCode::Unknown,
            "has a file that was not uploaded to this chat",
        );
        let name = name_of(&one).unwrap_or(one.hash);
        found.extend(stored.map(|stored| attachment(stored, name)));
    }
    rules.done()?;
    Ok(found)
}

/// Returns the attachment that a stored file becomes under a name.
fn attachment(stored: StoredFile, name: String) -> Attachment {
    Attachment {
        hash: stored.hash.to_string(),
        name,
        size: stored.size as i64,
        content_type: stored.content_type.to_owned(),
        width: stored.dimensions.map(|(width, _)| i64::from(width)),
        height: stored.dimensions.map(|(_, height)| i64::from(height)),
    }
}
