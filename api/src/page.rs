//! Pages that never change while we run.

use futures_util::stream;
use poem::{Body, Endpoint, Request, Response, http::header};

/// A page whose bytes are shared by all who read it, not copied for each: Swagger UI is over a megabyte.
pub(crate) struct Fixed {
    content_type: &'static str,
    text: &'static [u8],
}

impl Fixed {
    pub(crate) fn html(text: String) -> Self {
        Self { content_type: "text/html; charset=utf-8", text: text.leak().as_bytes() }
    }

    pub(crate) fn json(text: String) -> Self {
        Self { content_type: "application/json; charset=utf-8", text: text.leak().as_bytes() }
    }
}

impl Endpoint for Fixed {
    type Output = Response;

    async fn call(&self, _: Request) -> poem::Result<Response> {
        let whole = stream::iter([Ok::<_, std::io::Error>(self.text)]);
        let response = Response::builder().content_type(self.content_type).header(header::CONTENT_LENGTH, self.text.len());
        Ok(response.header(header::CACHE_CONTROL, "max-age=300").body(Body::from_bytes_stream(whole)))
    }
}
