//! Pages that stay the same while the process runs.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use flate2::Compression;
use poem::{Endpoint, Request, Response, http::header};
use sha2::{Digest, Sha256};

use super::gzip::{gzip, is_taken};

/// The content security policy of a page of HTML, but for its scripts: it comes as a whole, speaks
/// to this server alone, and is shown in no frame.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                      connect-src 'self'; form-action 'none'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// A page whose bytes are shared by all answers, not copied for each: Swagger UI is over a
/// megabyte. It is compressed once.
pub(crate) struct StaticPage {
    content_type: &'static str,
    text: &'static [u8],
    short: Bytes,
    /// The content security policy of HTML.
    policy: Option<String>,
}

impl StaticPage {
    /// Makes a page of HTML, which lives as long as the process. A browser runs the scripts that
    /// stand in it, and no other.
    pub(crate) fn html(text: String) -> Self {
        // A browser reads every end of a line as this one before it hashes a script.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        Self {
            content_type: "text/html; charset=utf-8",
            policy: Some(format!("{POLICY}; script-src{}", script_hashes(&text))),
            short: gzip(text.as_bytes(), Compression::default()),
            text: text.leak().as_bytes(),
        }
    }

    /// Makes a page of JSON, which lives as long as the process.
    pub(crate) fn json(text: String) -> Self {
        Self {
            content_type: "application/json; charset=utf-8",
            short: gzip(text.as_bytes(), Compression::default()),
            text: text.leak().as_bytes(),
            policy: None,
        }
    }
}

/// Returns the hash of each script that stands in a page, as a content security policy lists them.
fn script_hashes(page: &str) -> String {
    page.split("<script")
        .skip(1)
        .filter_map(|rest| rest.split_once('>')?.1.split_once("</script>"))
        .map(|(script, _)| format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(script))))
        .collect()
}

impl Endpoint for StaticPage {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let mut response = Response::builder()
            .content_type(self.content_type)
            .header(header::VARY, "accept-encoding")
            .header(header::CACHE_CONTROL, "max-age=300");
        if let Some(policy) = &self.policy {
            response = response.header(header::CONTENT_SECURITY_POLICY, policy);
        }
        Ok(match is_taken(&request) {
            true => response
                .header(header::CONTENT_ENCODING, "gzip")
                .body(self.short.clone()),
            false => response.body(Bytes::from_static(self.text)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_script_of_a_page_has_its_hash() {
        // printf 'let a = 1;' | openssl dgst -sha256 -binary | base64
        let one = " 'sha256-xY6QKfH9PRsQnLz56nj6MBwiK5oHg+im1Jkpdp1x/Ck='";
        assert_eq!(
            script_hashes("<p>x</p><script async>let a = 1;</script>"),
            one
        );
        let twice = "<script>let a = 1;</script>\n<script>let a = 1;</script>";
        assert_eq!(script_hashes(twice), one.repeat(2));
        assert_eq!(script_hashes("<p>none</p>"), "");
    }
}
