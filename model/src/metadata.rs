//! Metadata: a JSON object that a product keeps on a message or on a user. Carrier stores it and
//! looks at nothing in it.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

/// A JSON object; none is empty.
pub type Metadata = BTreeMap<String, Value>;

/// The most bytes that a JSON object of a product may have, as compact JSON.
pub const MAX_OBJECT: usize = 4096;
/// The most objects and arrays in each other in one, itself among them.
pub const MAX_OBJECT_DEPTH: usize = 16;

/// The words by which scripts and readers find a field in the JSON of a message, without parsing
/// it. A key of metadata that is one of them is written so that it is not found.
///
/// `id` is none: it is only looked for where a record begins.
const FOUND_BY: [&str; 33] = [
    "attachments",
    "body",
    "chat_id",
    "client_id",
    "clock",
    "count",
    "counted",
    "created_at",
    "deleted",
    "delivered",
    "edited_at",
    "emoji",
    "hash",
    "joined",
    "kind",
    "left",
    "mentions",
    "mentions_all",
    "message",
    "metadata",
    "pinned",
    "prev",
    "reactions",
    "read",
    "reply_to",
    "rev",
    "role",
    "sender_id",
    "seq",
    "subject",
    "system",
    "user_ids",
    "users",
];

/// The rule that a JSON object of a product breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectError {
    /// It has so many bytes as compact JSON.
    TooLarge(usize),
    /// It is too deep.
    TooDeep,
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(bytes) => {
                write!(
                    f,
                    "must have at most {MAX_OBJECT} bytes as JSON, has {bytes}"
                )
            }
            Self::TooDeep => {
                write!(
                    f,
                    "must have at most {MAX_OBJECT_DEPTH} objects and arrays in each other"
                )
            }
        }
    }
}

impl std::error::Error for ObjectError {}

/// Checks that a JSON object has few bytes, and is not deep.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_object(object: &BTreeMap<String, Value>) -> Result<(), ObjectError> {
    let bytes = metadata_json(object).len();
    if bytes > MAX_OBJECT {
        return Err(ObjectError::TooLarge(bytes));
    }
    let depth = 1 + object.values().map(depth_of).max().unwrap_or(0);
    if depth > MAX_OBJECT_DEPTH {
        return Err(ObjectError::TooDeep);
    }
    Ok(())
}

/// Returns how many objects and arrays of a value are in each other. The parser has bounded them.
fn depth_of(value: &Value) -> usize {
    let deepest = match value {
        Value::Object(fields) => fields.values().map(depth_of).max(),
        Value::Array(items) => items.iter().map(depth_of).max(),
        _ => return 0,
    };
    1 + deepest.unwrap_or(0)
}

/// Merges a patch into metadata (RFC 7396): a null takes its key out, an object is merged into the
/// one that is there, and any other value takes the place of what was there. `None` as a patch is a
/// null, which takes all of it. Nothing is left of an empty object.
///
/// # Errors
/// The rule that the outcome breaks.
pub fn merge_metadata(
    before: Option<&Metadata>,
    patch: Option<&Metadata>,
) -> Result<Option<Metadata>, ObjectError> {
    let Some(patch) = patch else {
        return Ok(None);
    };
    let target = before.into_iter().flatten();
    let mut target = Value::Object(
        target
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    );
    merge(&mut target, patch.iter());
    let Value::Object(merged) = target else {
        return Ok(None);
    };
    let merged: Metadata = merged.into_iter().collect();
    check_object(&merged)?;
    Ok((!merged.is_empty()).then_some(merged))
}

fn merge<'a>(target: &mut Value, patch: impl Iterator<Item = (&'a String, &'a Value)>) {
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else {
        return;
    };
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.remove(key);
            }
            Value::Object(fields) => {
                merge(
                    target.entry(key.clone()).or_insert(Value::Null),
                    fields.iter(),
                );
            }
            value => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Returns the JSON of metadata.
pub fn metadata_json(metadata: &Metadata) -> String {
    serde_json::to_string(metadata).expect("JSON can be written")
}

/// Returns metadata as JSON in which no field of a message is found: a key that is the name of one
/// begins with an escape, which each parser of JSON reads as the letter that it stands for.
pub(crate) fn hidden_json(metadata: &Metadata) -> String {
    let mut json = String::new();
    write_object(metadata.iter(), &mut json);
    json
}

fn write_object<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>, json: &mut String) {
    json.push('{');
    for (at, (key, value)) in fields.enumerate() {
        if at > 0 {
            json.push(',');
        }
        if FOUND_BY.contains(&key.as_str()) {
            let (first, rest) = key.split_at(1);
            let first = u32::from(first.as_bytes()[0]);
            json.push_str(&format!(r#""\u{first:04x}{rest}""#));
        } else {
            json.push_str(&serde_json::to_string(key).expect("a text"));
        }
        json.push(':');
        write_value(value, json);
    }
    json.push('}');
}

fn write_value(value: &Value, json: &mut String) {
    match value {
        Value::Object(fields) => write_object(fields.iter(), json),
        Value::Array(items) => {
            json.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    json.push(',');
                }
                write_value(item, json);
            }
            json.push(']');
        }
        plain => json.push_str(&plain.to_string()),
    }
}

/// Returns true for a word that no script and no reader finds in metadata.
pub fn is_hidden_in_metadata(word: &str) -> bool {
    FOUND_BY.contains(&word)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(value: Value) -> Metadata {
        serde_json::from_value(value).expect("an object")
    }

    #[test]
    fn a_patch_is_merged_as_rfc_7396_says() {
        // The examples of its appendix that are objects.
        for (before, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b"}),
                json!({"b": "c"}),
                json!({"a": "b", "b": "c"}),
            ),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (
                json!({"a": "b", "b": "c"}),
                json!({"a": null}),
                json!({"b": "c"}),
            ),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"a": [{"b": "c"}]}),
                json!({"a": [1]}),
                json!({"a": [1]}),
            ),
            (
                json!({"e": null}),
                json!({"a": 1}),
                json!({"e": null, "a": 1}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let (before, patch) = (metadata(before), metadata(patch));
            let merged = merge_metadata(Some(&before), Some(&patch)).expect("small");
            assert_eq!(merged.unwrap_or_default(), metadata(expected), "{patch:?}");
        }
        let some = metadata(json!({"a": 1}));
        assert_eq!(merge_metadata(Some(&some), None), Ok(None));
        let gone = metadata(json!({"a": null}));
        assert_eq!(merge_metadata(Some(&some), Some(&gone)), Ok(None));
        assert_eq!(merge_metadata(None, Some(&some)), Ok(Some(some.clone())));
    }

    #[test]
    fn each_bound_holds_on_both_its_sides_before_and_after_a_merge() {
        let of_bytes = |bytes: usize| metadata(json!({"a": "x".repeat(bytes - 8)}));
        assert_eq!(check_object(&of_bytes(MAX_OBJECT)), Ok(()));
        let large = MAX_OBJECT + 1;
        assert_eq!(
            check_object(&of_bytes(large)),
            Err(ObjectError::TooLarge(large))
        );
        let of_depth = |depth: usize| {
            metadata(json!({"a": (2..depth).fold(json!([]), |inner, _| json!([inner]))}))
        };
        assert_eq!(check_object(&of_depth(MAX_OBJECT_DEPTH)), Ok(()));
        let deep = of_depth(MAX_OBJECT_DEPTH + 1);
        assert_eq!(check_object(&deep), Err(ObjectError::TooDeep));
        let half = |key: &str| metadata(json!({key: "x".repeat(MAX_OBJECT / 2)}));
        let both = merge_metadata(Some(&half("a")), Some(&half("b")));
        assert!(matches!(both, Err(ObjectError::TooLarge(_))), "{both:?}");
    }

    #[test]
    fn metadata_hides_the_names_of_fields_and_says_the_same() {
        let own = metadata(json!({
            "id": 7, "deleted": true, "a \"b\"": [{"mentions": ["x"], "c": {"reply_to": {}}}],
        }));
        let json = hidden_json(&own);
        for word in ["deleted", "mentions", "reply_to"] {
            assert!(!json.contains(&format!("\"{word}\"")), "{json}");
        }
        assert!(json.contains(r#""id":7"#), "{json}");
        assert_eq!(serde_json::from_str::<Metadata>(&json).expect("JSON"), own);
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for number in [
            "0.30000000000000004",
            "5e-324",
            "18446744073709551615",
            "-1.5",
        ] {
            let json = format!(r#"{{"n":{number}}}"#);
            let read: Metadata = serde_json::from_str(&json).expect("JSON");
            assert_eq!(hidden_json(&read), json);
        }
    }
}
