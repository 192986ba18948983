//! Every error, as RFC 9457 `application/problem+json`.

use std::fmt;

use model::{FieldError, NameKind, Problem as ProblemBody};
use poem::{
    Body, Response,
    error::ResponseError,
    http::{StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::{ToJSON, Type},
};

/// What an operation fails with.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    retry_after: Option<u32>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// 400: the request cannot be understood.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// 401: no session, or one that has ended.
    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Log in, and send the token as `Authorization: Bearer`.")
    }

    pub(crate) fn is_unauthorized(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    pub(crate) fn is_too_often(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
    }

    /// 422: fields break a rule.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = errors.iter().map(|error| format!("{}: {}", error.field, error.detail)).collect::<Vec<_>>().join("; ");
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail) }
    }

    /// 503: not now.
    pub(crate) fn unavailable(code: &'static str, detail: impl Into<String>, retry_after: u32) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail) }
    }

    /// 429: too often.
    pub(crate) fn rate_limited(detail: impl Into<String>, retry_after: u32) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail) }
    }

    pub(crate) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// How it is written.
    pub(crate) fn media_types() -> Vec<MetaMediaType> {
        vec![MetaMediaType { content_type: "application/problem+json", schema: ProblemBody::schema_ref() }]
    }

    /// What is told of it.
    pub(crate) fn body(&self, request_id: &str) -> ProblemBody {
        ProblemBody {
            kind: "about:blank".into(),
            title: self.status.canonical_reason().unwrap_or("Error").into(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            code: self.code.into(),
            request_id: request_id.into(),
            errors: (!self.errors.is_empty()).then(|| self.errors.clone()),
        }
    }

    /// The answer, with the id of the request.
    pub(crate) fn response(&self, request_id: &str) -> Response {
        let body = self.body(request_id);
        let mut response = Response::builder().status(self.status).content_type("application/problem+json");
        if let Some(seconds) = self.retry_after {
            response = response.header(header::RETRY_AFTER, seconds);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response = response.header(header::WWW_AUTHENTICATE, "Bearer");
        }
        response.body(Body::from_string(body.to_json_string()))
    }

    /// A problem of any error: ours, or the framework's own.
    pub(crate) fn of(error: &poem::Error) -> Self {
        if let Some(problem) = error.downcast_ref::<Self>() {
            return problem.clone();
        }
        if let Some(bad) = error.downcast_ref::<poem_openapi::error::ParsePathError>() {
            return Self::malformed(format!("An id in the path is not one: {}", bad.reason));
        }
        let (status, detail) = (error.status(), error.to_string());
        match status {
            StatusCode::NOT_FOUND => Self::not_found("There is nothing here. /docs lists what there is."),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(status, "method_not_allowed", "This path has other methods. /docs lists them."),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Self::new(status, "unsupported_media_type", "The body must be JSON, with `Content-Type: application/json`.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(status, "too_large", detail),
            StatusCode::UNAUTHORIZED => Self::unauthorized(),
            StatusCode::FORBIDDEN => {
                Self::new(status, "origin_not_allowed", "Pages of this origin may not call the API; CARRIER_ALLOWED_ORIGINS lists who may.")
            }
            status if status.is_client_error() => Self::new(StatusCode::BAD_REQUEST, "malformed", detail),
            status => {
                tracing::error!(error = %detail, "a request failed");
                Self::new(status, "internal", "This is our fault; the request's id finds it in the log.")
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        use store::Error as E;
        let detail = error.to_string();
        match error {
            E::NoChat => Self::not_found("There is no such chat, or you are not in it."),
            E::NoUser => Self::not_found("There is no such user."),
            E::NoMessage => Self::not_found("There is no such message in this chat."),
            E::NoMember => Self::not_found("They are not a member of this chat."),
            E::NoSession => Self::unauthorized(),
            E::WrongPassword => Self::new(StatusCode::UNAUTHORIZED, "wrong_login", "There is no such login, or it has another password."),
            E::Taken(NameKind::Username) => Self::new(StatusCode::CONFLICT, "username_taken", "Somebody has this username."),
            E::Taken(NameKind::Email) => Self::new(StatusCode::CONFLICT, "email_taken", "Somebody has this e-mail address."),
            E::RoleTooLow => Self::new(StatusCode::FORBIDDEN, "role_too_low", "This takes an admin or the owner of the group."),
            E::LastOwner => {
                Self::new(StatusCode::CONFLICT, "last_owner", "You own this group; hand it over or remove the others before you leave.")
            }
            E::GroupFull => Self::new(StatusCode::CONFLICT, "group_full", format!("A group has at most {} members.", store::MAX_MEMBERS)),
            E::DirectChat => Self::new(StatusCode::CONFLICT, "direct_chat", "The two people of a direct chat are fixed; make a group."),
            E::NotAccepted => Self::new(StatusCode::FORBIDDEN, "not_accepted", "They do not accept messages from you."),
            E::TooManyReactions => Self::new(
                StatusCode::CONFLICT,
                "too_many_reactions",
                format!("A message has at most {} kinds of reaction; take one that it has.", model::MAX_REACTIONS),
            ),
            E::TooManyHidden => Self::new(
                StatusCode::CONFLICT,
                "too_many_hidden",
                format!(
                    "At most {} messages of a chat can be deleted one by one; clear the chat up to one of them instead.",
                    model::MAX_HIDDEN
                ),
            ),
            E::KeyReused => {
                Self::new(StatusCode::CONFLICT, "client_id_reused", "You sent another message under this client_id; take a new one.")
            }
            E::UnknownMembers(unknown) => Self::invalid(
                unknown
                    .into_iter()
                    .map(|(at, text)| FieldError {
                        field: format!("members[{at}]"),
                        code: "unknown_member".into(),
                        detail: format!("there is no user with the id, username or e-mail {text:?}"),
                    })
                    .collect(),
            ),
            E::NotSafe => Self::unavailable("store_unavailable", "Redis could not make it durable in time; nothing was done.", 2),
            E::NoRoom => Self::unavailable("store_full", "Redis is nearly full, or too much is not in SQL yet; it is being saved.", 5),
            E::Busy => Self::unavailable("busy", "Too many people log in at once.", 1),
            E::Hot(hot) => match hot {
                store::HotError::Full => Self::unavailable("store_full", "Redis is full; it will be emptied to SQL.", 5),
                store::HotError::Skewed => Self::unavailable("clock_skew", detail, 30),
                _ => {
                    tracing::warn!(error = %detail, "Redis");
                    Self::unavailable("store_unavailable", "Redis does not answer as it should.", 2)
                }
            },
            E::Cold(_) => {
                tracing::warn!(error = %detail, "SQL");
                Self::unavailable("history_unavailable", "This needs what is only in SQL, which does not answer.", 5)
            }
            E::Unmigrated(_) | E::Strangers { .. } | E::Format(_) | E::CannotAck(_) => Self::unavailable("store_unavailable", detail, 30),
        }
    }
}

impl From<files::Error> for Problem {
    fn from(error: files::Error) -> Self {
        use files::Error as E;
        let detail = error.to_string();
        let field = |code: &str| {
            Self::invalid(vec![FieldError { field: "file".into(), code: code.into(), detail: format!("the file is {detail}") }])
        };
        match error {
            E::TooLarge { limit } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("A file here has at most {limit} bytes."))
            }
            E::Empty => field("empty"),
            E::TooManyPixels { .. } => field("too_many_pixels"),
            E::NotAnImage => Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The file must be an image in PNG, JPEG, WebP or GIF.",
            ),
            E::OutOfRange { size } => {
                Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable", format!("The file has {size} bytes."))
            }
            E::Upload(_) => Self::malformed("The upload broke off."),
            E::Spool { .. } | E::Store(_) | E::Forgetful | E::Stopped => {
                tracing::warn!(error = %detail, "files");
                Self::unavailable("files_unavailable", "Files cannot be stored or read now.", 5)
            }
        }
    }
}

impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        let response = |(status, description)| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: Self::media_types(),
            headers: vec![],
        };
        let all = [
            (400, "The request cannot be understood."),
            (401, "No session, or one that has ended."),
            (403, "The role is too low."),
            (404, "Absent, or not yours."),
            (409, "Taken, or in conflict with what is there."),
            (413, "The body is too large."),
            (415, "The body is not JSON."),
            (422, "A field breaks a rule."),
            (429, "Too often; try again after `Retry-After` seconds."),
            (503, "Not now; try again after `Retry-After` seconds."),
        ];
        MetaResponses { responses: all.into_iter().map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}

/// How the operations are grouped in the documentation.
#[derive(poem_openapi::Tags)]
pub(crate) enum Tags {
    /// Accounts and sessions.
    Sessions,
    /// People.
    Users,
    /// Chats and who is in them.
    Chats,
    /// Messages, and who has read them.
    Messages,
    /// Attachments and pictures.
    Files,
    /// What changed.
    Sync,
    /// What happens now.
    Live,
}
