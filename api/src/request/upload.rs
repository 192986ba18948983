//! A file as the body of a request.

use std::io;

use bytes::Bytes;
use futures_util::Stream;
use poem::{Body, Request, RequestBody, http::header};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    payload::{Binary, Payload},
    registry::{MetaRequest, Registry},
};

/// The bytes of a file as they come. An operation that takes them is exempt from the bound that
/// `middleware::request` puts on every other body: `files` counts the bytes while it stores them.
pub(crate) struct Upload {
    body: Binary<Body>,
    size: Option<u64>,
}

impl Upload {
    /// The content type that the document gives to an upload, and to no other body.
    pub(crate) const CONTENT_TYPE: &'static str = <Binary<Body> as Payload>::CONTENT_TYPE;

    /// Returns the bytes as `files` takes them.
    pub(crate) fn bytes(self) -> impl Stream<Item = io::Result<Bytes>> {
        self.body.0.into_bytes_stream()
    }

    /// Returns the number of bytes that the client says there are, which HTTP holds it to.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }
}

impl<'a> ApiExtractor<'a> for Upload {
    const TYPES: &'static [ApiExtractorType] = <Binary<Body> as ApiExtractor>::TYPES;
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Binary<Body> as ApiExtractor>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        <Binary<Body> as ApiExtractor>::request_meta()
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let size = request.header(header::CONTENT_LENGTH);
        let size = size.and_then(|size| size.parse().ok());
        let body = <Binary<Body> as ApiExtractor>::from_request(request, body, options).await?;
        Ok(Self { body, size })
    }
}
