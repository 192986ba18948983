//! A file on its way out.

use files::{Object, Span};
use poem::{
    Body, IntoResponse, Request, Response,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    payload::{Binary, Payload},
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
};

use crate::problem::Problem;

/// What a request asks of a file: a part of it, or nothing if it has it already.
pub(crate) struct Wanted<'a> {
    request: &'a Request,
    etag: String,
}

impl<'a> Wanted<'a> {
    /// `name`: what its content is known by.
    pub(crate) fn new(request: &'a Request, name: &str) -> Self {
        Self { request, etag: format!("\"{name}\"") }
    }

    /// The client has it.
    pub(crate) fn is_known(&self) -> bool {
        let known = self.request.header(header::IF_NONE_MATCH).unwrap_or_default();
        known.split(',').any(|one| one.trim().trim_start_matches("W/") == self.etag || one.trim() == "*")
    }

    /// The part that is asked for; `None`: all of it.
    pub(crate) fn span(&self) -> Option<Span> {
        let still_the_same = self.request.header(header::IF_RANGE).is_none_or(|one| one == self.etag);
        self.request.header(header::RANGE).filter(|_| still_the_same)?.parse().ok()
    }
}

/// A file, a part of it, or word that the client has it.
pub(crate) struct Download(Response);

impl Download {
    /// `name`: what its sender calls it; pictures, sounds and films are shown, all else is saved under it.
    pub(crate) fn new(wanted: &Wanted<'_>, object: Object, name: Option<&str>) -> Self {
        let shown = ["image/", "audio/", "video/"].iter().any(|kind| object.content_type.starts_with(kind));
        let partial = object.range != (0..object.size);
        let mut response = Self::headers(wanted)
            .status(if partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK })
            .header(header::CONTENT_TYPE, object.content_type)
            .header(header::ACCEPT_RANGES, "bytes")
            .header(header::CONTENT_LENGTH, object.range.end - object.range.start)
            .header(header::CONTENT_DISPOSITION, disposition(shown, name));
        if partial {
            response =
                response.header(header::CONTENT_RANGE, format!("bytes {}-{}/{}", object.range.start, object.range.end - 1, object.size));
        }
        Self(response.body(Body::from_bytes_stream(object.bytes)))
    }

    /// 304
    pub(crate) fn known(wanted: &Wanted<'_>) -> Self {
        Self(Self::headers(wanted).status(StatusCode::NOT_MODIFIED).finish())
    }

    /// Its name tells its content, so it may be kept for ever, by whoever was allowed to have it; and it runs nothing.
    fn headers(wanted: &Wanted<'_>) -> poem::ResponseBuilder {
        Response::builder()
            .header(header::ETAG, &wanted.etag)
            .header(header::CACHE_CONTROL, "private, max-age=31536000, immutable")
            .header(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox")
            .header("cross-origin-resource-policy", "same-site")
    }
}

/// RFC 6266; a name in any language as RFC 8187 has it.
fn disposition(shown: bool, name: Option<&str>) -> HeaderValue {
    let kind = if shown { "inline" } else { "attachment" };
    let text = match name {
        Some(name) => {
            let plain: String =
                name.chars().map(|one| if one.is_ascii_alphanumeric() || " ._-".contains(one) { one } else { '_' }).collect();
            let encoded: String = name
                .bytes()
                .map(|one| if one.is_ascii_alphanumeric() { char::from(one).to_string() } else { format!("%{one:02X}") })
                .collect();
            format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
        }
        None => kind.to_owned(),
    };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

impl IntoResponse for Download {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Download {
    fn meta() -> MetaResponses {
        let file = || vec![MetaMediaType { content_type: "*/*", schema: Binary::<Vec<u8>>::schema_ref() }];
        let response =
            |status, description, content| MetaResponse { description, status: Some(status), status_range: None, content, headers: vec![] };
        MetaResponses {
            responses: vec![
                response(200, "The file.", file()),
                response(206, "The part of it that `Range` asked for.", file()),
                response(304, "It is what `If-None-Match` says you have.", vec![]),
                response(416, "It has nothing of what `Range` asked for.", Problem::media_types()),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn a_name_in_any_language_is_told_twice() {
        let told = disposition(true, Some("Grüße \"x\".png"));
        assert_eq!(told, "inline; filename=\"Gr__e _x_.png\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%22x%22%2Epng");
        assert_eq!(disposition(false, None), "attachment");
    }
}
