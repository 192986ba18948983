//! The empty answer.

use poem_openapi::ApiResponse;

/// 204, without a body.
#[derive(ApiResponse)]
pub(crate) enum NoContent {
    /// Done.
    #[oai(status = 204)]
    Done,
}
