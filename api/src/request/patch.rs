//! Fields of a merge patch (RFC 7396): absent, null or a value.

use model::{FieldError, FieldErrorCode};
use poem_openapi::types::MaybeUndefined;

use crate::response::problem::Problem;

/// Reads a field that may be changed or left as it is, but not cleared.
///
/// # Errors
/// 422 when it is null.
pub(crate) fn not_null<T>(value: MaybeUndefined<T>, field: &str) -> Result<Option<T>, Problem> {
    match value {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Value(value) => Ok(Some(value)),
        MaybeUndefined::Null => Err(Problem::invalid(vec![FieldError {
            field: field.into(),
            code: FieldErrorCode::NotNullable,
            detail: "can be changed, not cleared".into(),
        }])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_cannot_be_cleared_may_be_absent_or_a_value() {
        let read = |value| not_null(value, "name");
        assert_eq!(read(MaybeUndefined::Undefined).expect("absent"), None);
        let ann = MaybeUndefined::Value("Ann".to_owned());
        assert_eq!(read(ann).expect("a value"), Some("Ann".to_owned()));
        read(MaybeUndefined::Null).expect_err("null");
    }
}
