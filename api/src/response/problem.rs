//! Problems: every error, as RFC 9457 `application/problem+json`.

use std::fmt;

use model::{ChatKind, FieldError, FieldErrorCode, NameKind, Problem as ProblemBody, ProblemCode};
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

/// The failure of an operation.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    code: ProblemCode,
    /// A sentence for people.
    detail: String,
    errors: Vec<FieldError>,
    /// Seconds after which the request may be repeated.
    retry_after: Option<u32>,
}

/// The detail of every internal error: clients learn no more than that it happened.
pub(crate) const INTERNAL: &str =
    "Something went wrong on the server. The id of the request finds it in the server's log.";

impl Problem {
    /// Makes a problem with a sentence for people.
    pub(crate) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// Makes a 400: the request cannot be understood.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(ProblemCode::Malformed, detail)
    }

    /// Makes a 401: no session, or one that has ended.
    pub(crate) fn unauthorized() -> Self {
        Self::new(
            ProblemCode::Unauthorized,
            "You are not logged in, or your session has ended. Log in, and send the token as \
             `Authorization: Bearer`.",
        )
    }

    /// Returns true for a 401.
    pub(crate) fn is_unauthorized(&self) -> bool {
        self.status() == StatusCode::UNAUTHORIZED
    }

    /// Returns true for a 429.
    pub(crate) fn is_too_often(&self) -> bool {
        self.status() == StatusCode::TOO_MANY_REQUESTS
    }

    /// Returns the code.
    pub(crate) fn code(&self) -> ProblemCode {
        self.code
    }

    /// Returns true for a 422 whose only reason may be a wrong password.
    pub(crate) fn has_wrong_password(&self) -> bool {
        let is_wrong = |error: &FieldError| error.code == FieldErrorCode::Wrong;
        self.errors.iter().any(is_wrong)
    }

    /// Makes a 422: fields break rules.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = errors
            .iter()
            .map(|error| format!("{}: {}", error.field, error.detail))
            .collect::<Vec<_>>()
            .join("; ");
        Self {
            errors,
            ..Self::new(ProblemCode::Invalid, detail)
        }
    }

    /// Makes a 422: the metadata breaks a rule.
    pub(crate) fn invalid_metadata(rule: impl fmt::Display) -> Self {
        Self::new(ProblemCode::InvalidMetadata, format!("metadata: {rule}"))
    }

    /// Makes a 503: the request may be repeated after some seconds.
    pub(crate) fn unavailable(
        code: ProblemCode,
        detail: impl Into<String>,
        retry_after: u32,
    ) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(code, detail)
        }
    }

    /// Makes a 503: the write is done, but could be lost.
    pub(crate) fn not_durable() -> Self {
        Self::unavailable(
            ProblemCode::NotDurable,
            "The change was made, but Redis could not make it as durable as it should be. \
             Repeat the request.",
            2,
        )
    }

    /// Makes a 429: the limit is used up for some seconds.
    pub(crate) fn rate_limited(detail: impl Into<String>, retry_after: u32) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(ProblemCode::RateLimited, detail)
        }
    }

    /// Makes a 404.
    pub(crate) fn not_found(detail: &str) -> Self {
        Self::new(ProblemCode::NotFound, detail)
    }

    /// Returns the media type of a problem, for the document.
    pub(crate) fn media_types() -> Vec<MetaMediaType> {
        vec![MetaMediaType {
            content_type: "application/problem+json",
            schema: ProblemBody::schema_ref(),
        }]
    }

    /// Returns the body of the answer. `type` is about:blank, so `title` is the phrase of the
    /// status (RFC 9457, section 4.2.1).
    pub(crate) fn body(&self, request_id: &str) -> ProblemBody {
        ProblemBody {
            kind: "about:blank".into(),
            title: self.status().canonical_reason().unwrap_or("Error").into(),
            status: self.code.status(),
            detail: self.detail.clone(),
            code: self.code,
            request_id: request_id.into(),
            errors: (!self.errors.is_empty()).then(|| self.errors.clone()),
        }
    }

    /// Returns the answer to the request with this id.
    pub(crate) fn response(&self, request_id: &str) -> Response {
        let body = self.body(request_id);
        let mut response = Response::builder()
            .status(self.status())
            .content_type("application/problem+json");
        if let Some(seconds) = self.retry_after {
            response = response.header(header::RETRY_AFTER, seconds);
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            response = response.header(header::WWW_AUTHENTICATE, "Bearer");
        }
        response.body(Body::from_string(body.to_json_string()))
    }

    /// Turns any error into a problem: our own, or one of the framework.
    pub(crate) fn of(error: &poem::Error) -> Self {
        if let Some(problem) = error.downcast_ref::<Self>() {
            return problem.clone();
        }
        if let Some(bad) = error.downcast_ref::<poem_openapi::error::ParsePathError>() {
            return Self::malformed(format!("An id in the path is not valid: {}", bad.reason));
        }
        let (status, detail) = (error.status(), error.to_string());
        match status {
            StatusCode::NOT_FOUND => {
                Self::not_found("There is nothing at this path. /docs lists all operations.")
            }
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                ProblemCode::MethodNotAllowed,
                "This path does not have this method. /docs lists all operations.",
            ),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(
                ProblemCode::UnsupportedMediaType,
                "The body must be JSON, with `Content-Type: application/json`.",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(ProblemCode::TooLarge, detail),
            StatusCode::UNAUTHORIZED => Self::unauthorized(),
            StatusCode::FORBIDDEN => Self::new(
                ProblemCode::OriginNotAllowed,
                "Pages of this origin may not call the API. CARRIER_ALLOWED_ORIGINS lists the \
                 origins that may.",
            ),
            status if status.is_client_error() => Self::new(ProblemCode::Malformed, detail),
            _ => {
                tracing::error!(error = %detail, "a request failed");
                Self::new(ProblemCode::Internal, INTERNAL)
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
        StatusCode::from_u16(self.code.status()).expect("every code has a status")
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
            E::NoMember => Self::not_found("This person is not a member of this chat."),
            E::NoSession => Self::unauthorized(),
            E::TokenEnded => Self::new(
                ProblemCode::Unauthorized,
                "The session of this token has ended, or all of its user's have since it was \
                 issued. Get a new token of your identity provider.",
            ),
            E::WrongPassword | E::WrongLogin { .. } => Self::new(
                ProblemCode::WrongLogin,
                "The username, the e-mail address or the password is wrong.",
            ),
            E::Taken(NameKind::Username) => {
                Self::new(ProblemCode::UsernameTaken, "This username is taken.")
            }
            E::Taken(NameKind::Email) => Self::new(
                ProblemCode::EmailTaken,
                "Another account has this e-mail address.",
            ),
            // The store asks again until the one who was quicker is done.
            E::Taken(NameKind::External) => Self::from(E::Busy),
            E::Disabled => Self::new(ProblemCode::AccountDisabled, "This account is disabled."),
            E::TooManyKeys => Self::new(
                ProblemCode::TooManyKeys,
                format!(
                    "A server has at most {} keys. Revoke those that nobody uses.",
                    model::MAX_KEYS
                ),
            ),
            E::RoleTooLow => Self::new(
                ProblemCode::RoleTooLow,
                "Your role in this group does not allow this.",
            ),
            E::LastOwner => Self::new(
                ProblemCode::LastOwner,
                "You own this group. Make another member its owner, or remove all others, \
                 before you leave.",
            ),
            E::GroupFull => Self::new(
                ProblemCode::GroupFull,
                format!("A group has at most {} members.", store::MAX_MEMBERS),
            ),
            E::DirectChat => Self::new(
                ProblemCode::DirectChat,
                "A direct chat does not allow this. Create a group instead.",
            ),
            E::NotAccepted => Self::new(
                ProblemCode::NotAccepted,
                "This person does not accept messages from you.",
            ),
            E::MentionsAll(ChatKind::Direct) => Self::new(
                ProblemCode::MentionsAllNotAllowed,
                "In a direct chat there is nobody else to mention. Send the message without \
                 `mentions_all`.",
            ),
            E::MentionsAll(ChatKind::Group) => Self::new(
                ProblemCode::MentionsAllNotAllowed,
                format!(
                    "In a group of more than {} members, only its owner and its admins may mention \
                     all of them. Mention some by name in `mentions`.",
                    model::MENTION_ALL_UP_TO
                ),
            ),
            E::TooManyReactions => Self::new(
                ProblemCode::TooManyReactions,
                format!(
                    "A message has at most {} different reactions. Choose one that it already has.",
                    model::MAX_REACTIONS
                ),
            ),
            E::TooManyHidden => Self::new(
                ProblemCode::TooManyHidden,
                format!(
                    "At most {} messages of a chat can be deleted for you one by one. Clear the \
                     chat up to one of them instead.",
                    model::MAX_HIDDEN
                ),
            ),
            E::WebhookAddress(why) => {
                Self::new(ProblemCode::WebhookAddress, format!("The `url` {why}."))
            }
            E::TooManyWebhooks => Self::new(
                ProblemCode::TooManyWebhooks,
                format!(
                    "A server has at most {} webhooks: {} of all chats, and as many that name the \
                     same chat. Delete one of them first.",
                    model::MAX_WEBHOOKS,
                    model::MAX_WEBHOOKS_OF_CHAT
                ),
            ),
            E::InviteEnded => Self::new(
                ProblemCode::InviteEnded,
                "There is no such invitation, or it has ended, was revoked, or has let in as many \
                 people as it may. Ask for another one.",
            ),
            E::TooManyInvites => Self::new(
                ProblemCode::TooManyInvites,
                format!(
                    "A group has at most {} invitations. Revoke one of them first.",
                    model::MAX_INVITES
                ),
            ),
            E::TooManyPins => Self::new(
                ProblemCode::TooManyPins,
                format!(
                    "A chat has at most {} pinned messages. Unpin one of them first.",
                    model::MAX_PINS
                ),
            ),
            E::TooManyBlocks => Self::new(
                ProblemCode::TooManyBlocks,
                format!(
                    "You block as many others as you can: at most {}, with the chats that you have \
                     settings for. Unblock one of them first.",
                    model::MAX_BLOCKS
                ),
            ),
            E::Metadata(error) => Self::invalid_metadata(error),
            E::KeyReused => Self::new(
                ProblemCode::ClientIdReused,
                "You sent another message under this client_id. Use a new one.",
            ),
            E::UnknownMembers(unknown) => Self::invalid(
                unknown
                    .into_iter()
                    .map(|(at, text)| FieldError {
                        field: format!("members[{at}]"),
                        code: FieldErrorCode::UnknownMember,
                        detail: format!(
                            "there is no user with the id, username or e-mail address {text:?}"
                        ),
                    })
                    .collect(),
            ),
            E::NotDurable => Self::unavailable(
                ProblemCode::StoreUnavailable,
                "Redis could not make the change durable in time. Nothing was changed; try again.",
                2,
            ),
            E::NoRoom => Self::unavailable(
                ProblemCode::StoreFull,
                "The server is nearly full: Redis has little room left, or too much is not in SQL \
                 yet. Try again in a few seconds.",
                5,
            ),
            E::Busy => Self::unavailable(
                ProblemCode::Busy,
                "Too much of this is under way right now. Try again in a moment.",
                1,
            ),
            E::Failed => {
                tracing::error!(error = %detail, "a request failed");
                Self::new(ProblemCode::Internal, INTERNAL)
            }
            E::Hot(hot) => match hot {
                store::HotError::Full => Self::unavailable(
                    ProblemCode::StoreFull,
                    "Redis is full. Try again while its content is moved to SQL.",
                    5,
                ),
                store::HotError::Unproven | store::HotError::Forgot => Self::unavailable(
                    ProblemCode::StoreBehind,
                    "The server's stores are being brought into step. Try again in a moment.",
                    2,
                ),
                store::HotError::Skewed => Self::unavailable(ProblemCode::ClockSkew, detail, 30),
                _ => {
                    tracing::warn!(error = %detail, "could not use Redis for a request");
                    Self::unavailable(
                        ProblemCode::StoreUnavailable,
                        "Redis does not answer as it should. Try again in a moment.",
                        2,
                    )
                }
            },
            E::Cold(_) => {
                tracing::warn!(error = %detail, "could not use SQL for a request");
                Self::unavailable(
                    ProblemCode::HistoryUnavailable,
                    "This needs data that is only in SQL, and SQL does not answer. Try again in a \
                     moment.",
                    5,
                )
            }
            E::SqlWentBack { .. } => Self::unavailable(ProblemCode::StoreBehind, detail, 30),
            E::Unmigrated(_) | E::Mismatched { .. } | E::Format(_) | E::CannotAck(_) => {
                Self::unavailable(ProblemCode::StoreUnavailable, detail, 30)
            }
        }
    }
}

impl From<files::Error> for Problem {
    fn from(error: files::Error) -> Self {
        use files::Error as E;
        let detail = error.to_string();
        let field = |code: FieldErrorCode| {
            Self::invalid(vec![FieldError {
                field: "file".into(),
                code,
                detail: format!("the file is {detail}"),
            }])
        };
        match error {
            E::TooLarge { limit } => Self::new(
                ProblemCode::TooLarge,
                format!("The file is too large: it may have at most {limit} bytes."),
            ),
            E::Empty => field(FieldErrorCode::Empty),
            E::TooManyPixels { .. } => field(FieldErrorCode::TooManyPixels),
            E::NotAnImage => Self::new(
                ProblemCode::UnsupportedMediaType,
                "The file must be an image in PNG, JPEG, WebP or GIF.",
            ),
            E::OutOfRange { size } => Self::new(
                ProblemCode::RangeNotSatisfiable,
                format!("The file has {size} bytes."),
            ),
            E::Upload(_) => Self::malformed("The upload ended before the whole file had come."),
            E::Busy => Self::unavailable(
                ProblemCode::Busy,
                "Too many pictures are being made right now. Try again in a moment.",
                1,
            ),
            E::DiskFull { .. } => {
                tracing::warn!(error = %detail, "took no file");
                Self::unavailable(
                    ProblemCode::FilesUnavailable,
                    "The server has too little room for files. Try again later.",
                    60,
                )
            }
            E::Spool { .. } | E::Store(_) | E::Forgetful | E::Stopped => {
                tracing::warn!(error = %detail, "could not store or read a file");
                Self::unavailable(
                    ProblemCode::FilesUnavailable,
                    "Files cannot be stored or read right now. Try again in a moment.",
                    5,
                )
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
            (401, "There is no session, or it has ended."),
            (403, "The caller may not do this."),
            (404, "There is no such thing, or the caller may not see it."),
            (409, "The request is in conflict with the present state."),
            (413, "The body is too large."),
            (415, "The body is not JSON."),
            (422, "A field breaks a rule."),
            (
                429,
                "The limit is used up; try again after `Retry-After` seconds.",
            ),
            (
                503,
                "Not available now; try again after `Retry-After` seconds.",
            ),
        ];
        MetaResponses {
            responses: all.into_iter().map(response).collect(),
        }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_of_the_framework_becomes_a_code_of_ours() {
        for (status, code) in [
            (StatusCode::NOT_FOUND, ProblemCode::NotFound),
            (
                StatusCode::METHOD_NOT_ALLOWED,
                ProblemCode::MethodNotAllowed,
            ),
            (StatusCode::UNAUTHORIZED, ProblemCode::Unauthorized),
            (StatusCode::FORBIDDEN, ProblemCode::OriginNotAllowed),
            (StatusCode::PAYLOAD_TOO_LARGE, ProblemCode::TooLarge),
            (StatusCode::IM_A_TEAPOT, ProblemCode::Malformed),
            (StatusCode::INTERNAL_SERVER_ERROR, ProblemCode::Internal),
        ] {
            let error = poem::Error::from_string("why", status);
            assert_eq!(Problem::of(&error).code, code, "{status}");
        }
        let ours = Problem::new(ProblemCode::Busy, "x");
        let error = poem::Error::from(ours);
        assert_eq!(Problem::of(&error).code, ProblemCode::Busy);
    }

    #[test]
    fn an_internal_error_tells_a_client_nothing() {
        let error = poem::Error::from_string("secret", StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(Problem::of(&error).detail, INTERNAL);
    }

    #[test]
    fn a_problem_has_the_headers_of_its_status() {
        let response = Problem::unauthorized().response("1");
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.header(header::WWW_AUTHENTICATE), Some("Bearer"));
        let response = Problem::rate_limited("x", 7).response("1");
        assert_eq!(response.header(header::RETRY_AFTER), Some("7"));
        assert_eq!(response.content_type(), Some("application/problem+json"));
    }

    #[test]
    fn the_detail_of_broken_rules_lists_all_of_them() {
        let broken = |field: &str| FieldError {
            field: field.into(),
            code: FieldErrorCode::Length,
            detail: "is too long".into(),
        };
        let problem = Problem::invalid(vec![broken("name"), broken("bio")]);
        assert_eq!(problem.detail, "name: is too long; bio: is too long");
        assert_eq!(problem.body("1").errors.map(|errors| errors.len()), Some(2));
    }
}
