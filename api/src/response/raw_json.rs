//! JSON that is text already, documented as the type it is of: rows of Redis are joined, not parsed
//! and written again.

use std::marker::PhantomData;

use poem::{Body, IntoResponse, Response, http::header};
use poem_openapi::{
    ApiResponse,
    payload::Payload,
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::Type,
};

/// The JSON of a `T`.
pub(crate) struct RawJson<T>(Body, PhantomData<fn() -> T>);

impl<T> RawJson<T> {
    /// Answers with the text of a `T`.
    pub(crate) fn new(json: String) -> Self {
        Self(Body::from_string(json), PhantomData)
    }
}

impl<T: Type> Payload for RawJson<T> {
    const CONTENT_TYPE: &'static str = "application/json; charset=utf-8";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Send> IntoResponse for RawJson<T> {
    fn into_response(self) -> Response {
        Response::builder()
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(self.0)
    }
}

impl<T: Type> ApiResponse for RawJson<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType {
            content_type: Self::CONTENT_TYPE,
            schema: Self::schema_ref(),
        }];
        let ok = MetaResponse {
            description: "",
            status: Some(200),
            status_range: None,
            content,
            headers: vec![],
        };
        MetaResponses {
            responses: vec![ok],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
