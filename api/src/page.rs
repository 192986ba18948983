//! The page that people chat on: the build of `web/`, embedded in this binary.
//!
//! A debug build reads the files where they are. Without a build of `web/` there is no page, and
//! `/` lists the documents of the API instead.

use std::borrow::Cow;

use bytes::Bytes;
use poem::{
    Request, Response, handler,
    http::{Method, StatusCode, header},
    web::Path,
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::response::problem::Problem;

/// The content security policy of the page: scripts only from files of this server, none inline.
/// Mantine writes its variables into a style element, so styles may be inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' blob: data:; font-src 'self'; connect-src 'self'; \
                      worker-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// The files of the build.
#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Built;

/// Serves the page, which reads by itself from the path what to show.
#[handler]
pub(crate) fn page(request: &Request) -> Response {
    shown(request).unwrap_or_else(|| {
        Response::builder()
            .content_type("text/html; charset=utf-8")
            .header(header::CONTENT_SECURITY_POLICY, POLICY)
            .body(include_str!("landing.html"))
    })
}

/// Returns the page; `None` without a build of it.
fn shown(request: &Request) -> Option<Response> {
    let mut response =
        find(request, file_at(request.uri().path())).or_else(|| find(request, "index.html"))?;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    Some(response)
}

/// Returns the file of the page at a path: where the chats are, it begins with a skeleton of them.
fn file_at(path: &str) -> &'static str {
    if path == "/c" || path.starts_with("/c/") {
        "chats.html"
    } else {
        "index.html"
    }
}

/// Answers at every path that is none: a browser shows the page, which says so in words.
#[handler]
pub(crate) fn unknown(request: &Request) -> Result<Response, Problem> {
    let is_browser = request
        .header(header::ACCEPT)
        .is_some_and(|types| types.contains("text/html"));
    let is_page = is_browser && request.method() == Method::GET;
    let mut response = is_page
        .then(|| shown(request))
        .flatten()
        .ok_or_else(not_found)?;
    if response.status() == StatusCode::OK {
        response.set_status(StatusCode::NOT_FOUND);
    }
    Ok(response)
}

/// Serves a script, a style or a font of the page. A name is a hash of the content, so a browser
/// may keep the file for ever.
#[handler]
pub(crate) fn asset(request: &Request, Path(name): Path<String>) -> Result<Response, Problem> {
    let mut response = find(request, &format!("assets/{name}")).ok_or_else(not_found)?;
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    Ok(response)
}

/// Serves the picture of the browser's tab.
#[handler]
pub(crate) fn icon(request: &Request) -> Result<Response, Problem> {
    let mut response = find(request, "favicon.svg").ok_or_else(not_found)?;
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-cache"),
    );
    Ok(response)
}

fn not_found() -> Problem {
    Problem::not_found("There is nothing at this path. /docs lists all operations.")
}

/// Returns a file of the build, compressed when the browser takes that; `None` when there is no
/// such file.
fn find(request: &Request, name: &str) -> Option<Response> {
    let takes_brotli = request
        .header(header::ACCEPT_ENCODING)
        .is_some_and(|all| all.split(',').any(|one| one.trim().starts_with("br")));
    let short = if takes_brotli {
        Built::get(&format!("{name}.br"))
    } else {
        None
    };
    let is_short = short.is_some();
    let file = short.or_else(|| Built::get(name))?;
    let etag = etag(&file);
    let mut response = Response::builder()
        .header(header::ETAG, &etag)
        .header(header::VARY, "accept-encoding");
    if request
        .header(header::IF_NONE_MATCH)
        .is_some_and(|known| known.contains(&etag))
    {
        return Some(response.status(StatusCode::NOT_MODIFIED).finish());
    }
    if is_short {
        response = response.header(header::CONTENT_ENCODING, "br");
    }
    let bytes = match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Some(response.content_type(content_type(name)).body(bytes))
}

/// Returns the entity tag of a file.
fn etag(file: &EmbeddedFile) -> String {
    use std::fmt::Write;
    file.metadata.sha256_hash()[..12]
        .iter()
        .fold(String::from("\""), |mut text, byte| {
            write!(text, "{byte:02x}").ok(); // a String takes everything
            text
        })
        + "\""
}

/// Returns the content type that belongs to the ending of a name.
fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chats_have_a_page_of_their_own() {
        for path in ["/c", "/c/0190"] {
            assert_eq!(file_at(path), "chats.html", "{path}");
        }
        for path in ["/", "/login", "/chats", "/d/c/"] {
            assert_eq!(file_at(path), "index.html", "{path}");
        }
    }

    #[test]
    fn a_content_type_is_that_of_the_ending() {
        assert_eq!(content_type("index.html"), "text/html; charset=utf-8");
        assert_eq!(
            content_type("assets/a.b.js"),
            "text/javascript; charset=utf-8"
        );
        assert_eq!(content_type("assets/noto.woff2"), "font/woff2");
        for other in ["", "x", "x.exe"] {
            assert_eq!(content_type(other), "application/octet-stream");
        }
    }
}
