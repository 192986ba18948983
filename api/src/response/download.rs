//! Downloads: a file, a part of it, or the word that the client has it.

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

use crate::response::problem::Problem;

/// The request for a file: for all of it or a part, unless the client has it already.
pub(crate) struct Wanted<'a> {
    request: &'a Request,
    etag: String,
}

impl<'a> Wanted<'a> {
    /// Reads a request for the file with this `name`, which must stand for its content.
    pub(crate) fn new(request: &'a Request, name: &str) -> Self {
        Self {
            request,
            etag: format!("\"{name}\""),
        }
    }

    /// Returns true when the client has the file (`If-None-Match`).
    pub(crate) fn is_known(&self) -> bool {
        let known = self
            .request
            .header(header::IF_NONE_MATCH)
            .unwrap_or_default();
        known
            .split(',')
            .any(|one| one.trim().trim_start_matches("W/") == self.etag || one.trim() == "*")
    }

    /// Returns the part that is asked for (`Range`), or `None` for the whole file.
    pub(crate) fn span(&self) -> Option<Span> {
        let still_the_same = self
            .request
            .header(header::IF_RANGE)
            .is_none_or(|one| one == self.etag);
        self.request
            .header(header::RANGE)
            .filter(|_| still_the_same)?
            .parse()
            .ok()
    }
}

/// The answer with a file or a part of it, or 304.
pub(crate) struct Download(Response);

impl Download {
    /// Answers with a file or a part of it. A browser shows pictures, sounds and films; it saves
    /// any other type under `name`, which the sender chose.
    pub(crate) fn new(wanted: &Wanted<'_>, object: Object, name: Option<&str>) -> Self {
        let shown = ["image/", "audio/", "video/"]
            .iter()
            .any(|kind| object.content_type.starts_with(kind));
        let partial = object.range != (0..object.size);
        let mut response = Self::headers(wanted)
            .status(if partial {
                StatusCode::PARTIAL_CONTENT
            } else {
                StatusCode::OK
            })
            .header(header::CONTENT_TYPE, object.content_type)
            .header(header::ACCEPT_RANGES, "bytes")
            .header(
                header::CONTENT_LENGTH,
                object.range.end - object.range.start,
            )
            .header(header::CONTENT_DISPOSITION, disposition(shown, name));
        if partial {
            response = response.header(
                header::CONTENT_RANGE,
                format!(
                    "bytes {}-{}/{}",
                    object.range.start,
                    object.range.end - 1,
                    object.size
                ),
            );
        }
        Self(response.body(Body::from_bytes_stream(object.bytes)))
    }

    /// Answers 304: the client has the file.
    pub(crate) fn known(wanted: &Wanted<'_>) -> Self {
        Self(
            Self::headers(wanted)
                .status(StatusCode::NOT_MODIFIED)
                .finish(),
        )
    }

    /// Returns the headers of both answers. The name stands for the content, so the client may keep
    /// the file for ever, but for the session that it came to; and the file runs nothing.
    fn headers(wanted: &Wanted<'_>) -> poem::ResponseBuilder {
        Response::builder()
            .header(header::ETAG, &wanted.etag)
            .header(
                header::CACHE_CONTROL,
                "private, max-age=31536000, immutable",
            )
            .header(header::VARY, "authorization, cookie")
            .header(
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; sandbox; frame-ancestors 'none'",
            )
            .header("cross-origin-resource-policy", "same-site")
    }
}

/// Returns `Content-Disposition` (RFC 6266), with a name in any language (RFC 8187).
fn disposition(shown: bool, name: Option<&str>) -> HeaderValue {
    let kind = if shown { "inline" } else { "attachment" };
    let text = match name {
        Some(name) => {
            let plain: String = name
                .chars()
                .map(|one| {
                    if one.is_ascii_alphanumeric() || " ._-".contains(one) {
                        one
                    } else {
                        '_'
                    }
                })
                .collect();
            let encoded: String = name
                .bytes()
                .map(|one| {
                    if one.is_ascii_alphanumeric() {
                        char::from(one).to_string()
                    } else {
                        format!("%{one:02X}")
                    }
                })
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
        let file = || {
            vec![MetaMediaType {
                content_type: "*/*",
                schema: Binary::<Vec<u8>>::schema_ref(),
            }]
        };
        let response = |status, description, content| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content,
            headers: vec![],
        };
        MetaResponses {
            responses: vec![
                response(200, "The file.", file()),
                response(206, "The part of the file that `Range` asked for.", file()),
                response(
                    304,
                    "The file is the one that `If-None-Match` names.",
                    vec![],
                ),
                response(
                    416,
                    "The file has nothing of the range that `Range` asked for.",
                    Problem::media_types(),
                ),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_any_language_is_told_twice() {
        let told = disposition(true, Some("Grüße \"x\".png"));
        assert_eq!(
            told,
            "inline; filename=\"Gr__e _x_.png\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%22x%22%2Epng"
        );
        assert_eq!(disposition(false, None), "attachment");
    }

    #[test]
    fn a_client_that_has_the_file_says_so_by_its_tag() {
        let is_known = |tags: &str| {
            let request = Request::builder()
                .header(header::IF_NONE_MATCH, tags)
                .finish();
            Wanted::new(&request, "cafe").is_known()
        };
        for known in ["\"cafe\"", "W/\"cafe\"", "\"beef\", \"cafe\"", "*"] {
            assert!(is_known(known), "{known}");
        }
        for unknown in ["", "cafe", "\"beef\""] {
            assert!(!is_known(unknown), "{unknown}");
        }
    }

    #[test]
    fn a_part_is_sent_only_of_the_file_that_the_client_has_begun() {
        let span = |headers: &[(&str, &str)]| {
            let mut request = Request::builder();
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            Wanted::new(&request.finish(), "cafe").span()
        };
        assert!(span(&[]).is_none());
        assert!(span(&[("range", "bytes=0-9")]).is_some());
        assert!(span(&[("range", "bytes=0-9"), ("if-range", "\"cafe\"")]).is_some());
        assert!(span(&[("range", "bytes=0-9"), ("if-range", "\"beef\"")]).is_none());
        assert!(span(&[("range", "lines=1-2")]).is_none());
    }
}
