//! The page that people chat on: what `web/` was built to, in this binary.
//!
//! A debug build reads the files where they are. Without a build of `web/` there is no page, and `/` tells what there is.

use std::borrow::Cow;

use bytes::Bytes;
use poem::{
    Request, Response, handler,
    http::{StatusCode, header},
    web::Path,
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::problem::Problem;

/// Nothing but ourselves: no script in the page, none from elsewhere. Mantine writes its variables into a style element.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; font-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Built;

/// The page; it finds out itself what it shows at which path.
#[handler]
pub(crate) fn page(request: &Request) -> Response {
    match find(request, "index.html") {
        Some(mut response) => {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_SECURITY_POLICY, header::HeaderValue::from_static(POLICY));
            headers.insert(header::REFERRER_POLICY, header::HeaderValue::from_static("same-origin"));
            headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-cache"));
            response
        }
        None => Response::builder().content_type("text/html; charset=utf-8").body(include_str!("landing.html")),
    }
}

/// What the page is made of: its names tell their content, so they never change.
#[handler]
pub(crate) fn asset(request: &Request, Path(name): Path<String>) -> Result<Response, Problem> {
    let mut response = find(request, &format!("assets/{name}")).ok_or_else(nothing)?;
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(response)
}

/// The picture in a browser's tab.
#[handler]
pub(crate) fn icon(request: &Request) -> Result<Response, Problem> {
    find(request, "favicon.svg").ok_or_else(nothing)
}

fn nothing() -> Problem {
    Problem::not_found("There is nothing here. /docs lists what there is.")
}

/// A file of the build, in the shortest form that the browser takes.
fn find(request: &Request, name: &str) -> Option<Response> {
    let takes_brotli = request.header(header::ACCEPT_ENCODING).is_some_and(|all| all.split(',').any(|one| one.trim().starts_with("br")));
    let short = if takes_brotli { Built::get(&format!("{name}.br")) } else { None };
    let is_short = short.is_some();
    let file = short.or_else(|| Built::get(name))?;
    let etag = etag(&file);
    let mut response = Response::builder().header(header::ETAG, &etag).header(header::VARY, "accept-encoding");
    if request.header(header::IF_NONE_MATCH).is_some_and(|known| known.contains(&etag)) {
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

fn etag(file: &EmbeddedFile) -> String {
    use std::fmt::Write;
    file.metadata.sha256_hash()[..12].iter().fold(String::from("\""), |mut text, byte| {
        write!(text, "{byte:02x}").ok(); // a String takes everything
        text
    }) + "\""
}

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
