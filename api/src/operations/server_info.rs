//! The settings of the server that a client needs before it logs in.

use poem::Request;
use poem_openapi::{Object, OpenApi, payload::Json};

use crate::{
    config::{Config, Registration},
    request::{
        auth::{self, CookieFrom},
        validate,
    },
    response::problem::Problem,
    state::State,
};

/// The operation that tells of the server.
pub(crate) struct ServerInfoApi;

/// The server, and the bounds of a request.
#[derive(Object)]
struct Meta {
    /// The version of Carrier.
    version: String,
    /// `open`, `closed` when no visitor may register, or `external` when nobody logs in with a
    /// password either: all users are those of a product.
    registration: String,
    /// True when this request came with a session, which may have ended since.
    session: bool,
    /// The bounds of a request.
    limits: Limits,
}

/// The bounds of a request: the most of each, but for names that end with `_min`.
#[derive(Object)]
struct Limits {
    /// Characters of a message's body.
    body: usize,
    /// Characters of a message's subject.
    subject: usize,
    /// Members of a group.
    members: usize,
    /// The fewest characters of a username.
    username_min: usize,
    /// Characters of a username.
    username: usize,
    /// Bytes of an e-mail address.
    email: usize,
    /// The fewest characters of a password.
    password_min: usize,
    /// Characters of a password.
    password: usize,
    /// Characters of the name that others see.
    display_name: usize,
    /// Characters of the text in which a user describes themselves.
    bio: usize,
    /// Characters of a device's name.
    device: usize,
    /// Characters of a group's name.
    group_name: usize,
    /// Characters of a group's description.
    description: usize,
    /// Files attached to one message.
    attachments: usize,
    /// Bytes of one attached file.
    attachment_bytes: u64,
    /// Characters of a file's name.
    file_name: usize,
    /// Bytes of a file that an avatar is made of.
    avatar_bytes: u64,
    /// Members that one message mentions.
    mentions: usize,
    /// Members of a group in which each may mention all; in a larger one its owner and admins may.
    mention_all: usize,
    /// Different emoji that one message is reacted to with.
    reactions: usize,
    /// Receipts in one request.
    receipts: usize,
    /// Members of a chat whose receipts are sent to the others.
    receipt_members: usize,
    /// Ids in one request for profiles or presence.
    ids: usize,
    /// Bytes of the data of an event of a product's own, as JSON.
    event_data: usize,
    /// Bytes of the metadata of a message or of a user, as JSON.
    metadata: usize,
    /// Characters of the words to search messages for.
    search: usize,
    /// Characters of the words to search people for.
    people_search: usize,
    /// People whose presence one connection watches.
    watched: usize,
}

impl Limits {
    fn new(config: &Config) -> Self {
        Self {
            body: model::MAX_BODY,
            subject: model::MAX_SUBJECT,
            members: store::MAX_MEMBERS,
            username_min: *validate::USERNAME.start(),
            username: *validate::USERNAME.end(),
            email: validate::MAX_EMAIL,
            password_min: *validate::PASSWORD.start(),
            password: *validate::PASSWORD.end(),
            display_name: *validate::DISPLAY_NAME.end(),
            bio: validate::MAX_BIO,
            device: validate::MAX_DEVICE,
            group_name: *validate::GROUP_NAME.end(),
            description: validate::MAX_DESCRIPTION,
            attachments: model::MAX_ATTACHMENTS,
            attachment_bytes: config.max_upload,
            file_name: *validate::FILE_NAME.end(),
            avatar_bytes: files::MAX_AVATAR,
            mentions: validate::MAX_MENTIONS,
            mention_all: model::MENTION_ALL_UP_TO,
            reactions: model::MAX_REACTIONS,
            receipts: validate::MAX_RECEIPTS,
            receipt_members: store::NOTIFY_UP_TO,
            ids: validate::MAX_IDS,
            event_data: model::MAX_OBJECT,
            metadata: model::MAX_OBJECT,
            search: validate::MAX_SEARCH,
            people_search: validate::MAX_PEOPLE_SEARCH,
            watched: validate::MAX_WATCHED,
        }
    }
}

#[OpenApi(tag = "crate::operations::Tags::Sessions")]
impl ServerInfoApi {
    /// Get the bounds of a request
    #[oai(path = "/meta", method = "get", operation_id = "getMeta")]
    async fn meta(&self, request: &Request) -> Result<Json<Meta>, Problem> {
        let state = State::of(request);
        let config = &state.config;
        let registration = match config.registration {
            Registration::Open => "open",
            Registration::Closed => "closed",
            Registration::External => "external",
        };
        let token = auth::token(request, CookieFrom::Reads, state.provider.as_ref());
        Ok(Json(Meta {
            version: env!("CARGO_PKG_VERSION").into(),
            registration: registration.into(),
            session: token.is_some(),
            limits: Limits::new(config),
        }))
    }
}
