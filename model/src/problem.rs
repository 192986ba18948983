//! The answer to a request that failed.

use serde::{Deserialize, Serialize};

use crate::{FieldErrorCode, ProblemCode};

/// A field that breaks a rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct FieldError {
    /// The name of the field.
    pub field: String,
    /// The rule that is broken, as a stable word.
    pub code: FieldErrorCode,
    /// A sentence that says what is wrong, and what would be right.
    pub detail: String,
}

/// An error (RFC 9457).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct Problem {
    /// A URI for the kind of problem.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", oai(rename = "type"))]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A sentence that says what went wrong, and what would be right.
    pub detail: String,
    /// The kind of problem, as a stable word to branch on.
    pub code: ProblemCode,
    /// The `X-Request-Id` of this answer.
    pub request_id: String,
    /// The fields that break a rule; absent unless the request is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<FieldError>>,
}
