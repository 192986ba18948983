//! What is told of an error.

use poem_openapi::Object;

/// A field that breaks a rule.
#[derive(Clone, Debug, Object)]
pub struct FieldError {
    /// Which field.
    pub field: String,
    /// A stable word.
    pub code: String,
    /// What is wrong, and what would be right.
    pub detail: String,
}

/// An error (RFC 9457).
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Problem {
    /// A URI for the kind of problem.
    #[oai(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// What went wrong, and what would be right.
    pub detail: String,
    /// A stable word to branch on.
    pub code: String,
    /// The `X-Request-Id` of this answer.
    pub request_id: String,
    /// The fields that break a rule.
    pub errors: Option<Vec<FieldError>>,
}
