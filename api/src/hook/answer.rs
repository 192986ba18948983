//! The answers of a receiver: 204, or a JSON object with an `action`.

use serde::Deserialize;
use serde_json::Value;

/// The verdict on a text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// The text is stored as it is.
    Allow,
    /// The text is stored with another body.
    Change {
        /// The body.
        body: String,
    },
    /// The text is not stored.
    Refuse {
        /// A sentence for its author.
        reason: Option<String>,
    },
}

impl Verdict {
    /// Reads an answer; `None` when it is no verdict. Fields that it has besides are let be: a
    /// receiver may be newer than this server.
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        let answer: Value = serde_json::from_slice(json).ok()?;
        // An array would be taken for the fields in their order.
        let verdict = answer.is_object().then(|| serde_json::from_value(answer));
        verdict?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_an_action_with_what_it_needs() {
        let read = |json: &str| Verdict::read(json.as_bytes());
        assert_eq!(read(r#"{"action":"allow","n":1}"#), Some(Verdict::Allow));
        assert_eq!(
            read(r#"{"action":"change","body":"x"}"#),
            Some(Verdict::Change { body: "x".into() })
        );
        let refuse = |reason: Option<&str>| Verdict::Refuse {
            reason: reason.map(str::to_owned),
        };
        assert_eq!(
            read(r#"{"reason":"no","action":"refuse"}"#),
            Some(refuse(Some("no")))
        );
        assert_eq!(read(r#"{"action":"refuse"}"#), Some(refuse(None)));
        for wrong in [
            "",
            "allow",
            "null",
            "[]",
            r#"["allow"]"#,
            "{}",
            r#"{"action":"dance"}"#,
            r#"{"action":true}"#,
            r#"{"action":"change"}"#,
            r#"{"action":"change","body":7}"#,
            r#"{"action":"refuse","reason":["no"]}"#,
            r#"{"action":"allow"} {}"#,
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
