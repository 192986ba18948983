//! The documents of the API, generated from the operations and the frames.

/// The AsyncAPI document of the events and commands of the live connections, made of the schemas of
/// the OpenAPI document.
pub(crate) mod asyncapi;
/// The frames of a WebSocket as if they were an operation, for their schemas.
mod frames;
/// The OpenAPI document and Swagger UI over it. May use all operations, and those of `live`.
pub(crate) mod openapi;
