//! Metadata that a client gives, or the changes of it: any JSON until it is checked, so that what
//! is no object is refused with a sentence about it.

use std::borrow::Cow;

use model::{Metadata, check_object, merge_metadata};
use poem_openapi::{
    registry::{MetaSchemaRef, Registry},
    types::{MaybeUndefined, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde_json::Value;

use crate::response::problem::Problem;

/// Metadata as a client gives it; in the document it is a JSON object.
#[derive(Clone, Debug)]
pub(crate) struct GivenMetadata(Value);

impl GivenMetadata {
    /// Returns the metadata of something new; a key with null is left out, as a merge would.
    ///
    /// # Errors
    /// 422 when it is no object, too large or too deep.
    pub(crate) fn check(self) -> Result<Option<Metadata>, Problem> {
        merge_metadata(None, Some(&self.patch()?)).map_err(Problem::invalid_metadata)
    }

    /// Returns the merge patch.
    ///
    /// # Errors
    /// 422 when it is no object, too large or too deep.
    fn patch(self) -> Result<Metadata, Problem> {
        let Value::Object(fields) = self.0 else {
            let is_not = "must be a JSON object, as in {\"color\": \"red\"}";
            return Err(Problem::invalid_metadata(is_not));
        };
        let patch = fields.into_iter().collect();
        check_object(&patch).map_err(Problem::invalid_metadata)?;
        Ok(patch)
    }
}

/// Reads the metadata of something new.
///
/// # Errors
/// 422 when it is no object, too large or too deep.
pub(crate) fn new_metadata(given: Option<GivenMetadata>) -> Result<Option<Metadata>, Problem> {
    given.map_or(Ok(None), GivenMetadata::check)
}

/// Reads a merge patch of metadata. `Some(None)` takes all of it.
///
/// # Errors
/// 422 when it is no object, too large or too deep.
pub(crate) fn metadata_patch(
    given: MaybeUndefined<GivenMetadata>,
) -> Result<Option<Option<Metadata>>, Problem> {
    Ok(match given {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(given) => Some(Some(given.patch()?)),
    })
}

impl Type for GivenMetadata {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        Metadata::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        Metadata::schema_ref()
    }

    fn register(registry: &mut Registry) {
        Metadata::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        Some(self)
    }

    fn raw_element_iter<'a>(
        &'a self,
    ) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for GivenMetadata {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Ok(Self(value.unwrap_or_default()))
    }
}

impl ToJSON for GivenMetadata {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use model::ProblemCode;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_object_is_refused_with_a_sentence_that_says_so() {
        for wrong in [json!(7), json!("x"), json!([]), json!(true)] {
            let problem = GivenMetadata(wrong).check().expect_err("no object");
            assert_eq!(problem.code(), ProblemCode::InvalidMetadata);
            assert!(
                problem.to_string().contains("must be a JSON object"),
                "{problem}"
            );
        }
        let none = GivenMetadata(json!({"a": null})).check();
        assert_eq!(none.expect("an object"), None, "nothing is left of it");
        let large = GivenMetadata(json!({"a": "x".repeat(5000)})).check();
        let problem = large.expect_err("too large").to_string();
        assert!(
            problem.contains("at most 4096 bytes as JSON, has 5008"),
            "{problem}"
        );
    }

    #[test]
    fn a_patch_may_be_absent_null_or_an_object() {
        let read = |given| metadata_patch(given).expect("a patch");
        assert_eq!(read(MaybeUndefined::Undefined), None);
        assert_eq!(read(MaybeUndefined::Null), Some(None));
        let value = MaybeUndefined::Value(GivenMetadata(json!({"a": null})));
        let expected = Metadata::from([("a".to_owned(), Value::Null)]);
        assert_eq!(read(value), Some(Some(expected)));
    }
}
