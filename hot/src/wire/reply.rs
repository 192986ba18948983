//! The reply of a script: a word, then values.

use fred::types::Value;
use model::Tick;

use super::{Error, Result};

pub(crate) struct Reply {
    verb: &'static str,
    values: Vec<Value>,
}

impl Reply {
    pub(crate) fn new(verb: &'static str, value: Value) -> Self {
        Self {
            verb,
            values: value.into_array(),
        }
    }

    /// Returns the first value: the outcome.
    pub(crate) fn word(&self) -> &str {
        self.values.first().and_then(word).unwrap_or_default()
    }

    /// Makes an error of a word that this verb never returns, unless it was stopped in an unknown
    /// way.
    pub(crate) fn unexpected(&self) -> Error {
        Error::corrupt(self.verb, format!("an answer of {:?}", self.values.first()))
    }

    pub(crate) fn text(&mut self, at: usize) -> Result<String> {
        self.take(at)
            .into_string()
            .ok_or_else(|| Error::corrupt(self.verb, format!("value {at} is no text")))
    }

    pub(crate) fn number(&mut self, at: usize) -> Result<i64> {
        self.take(at)
            .as_i64()
            .ok_or_else(|| Error::corrupt(self.verb, format!("value {at} is no number")))
    }

    pub(crate) fn tick(&mut self, at: usize) -> Result<Tick> {
        self.number(at).map(Tick)
    }

    pub(crate) fn list(&mut self, at: usize) -> Vec<Value> {
        self.take(at).into_array()
    }

    /// Returns all values from `at` on.
    pub(crate) fn rest(self, at: usize) -> impl Iterator<Item = Value> {
        self.values.into_iter().skip(at)
    }

    fn take(&mut self, at: usize) -> Value {
        self.values.get_mut(at).map_or(Value::Null, Value::take)
    }
}

fn word(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// Reads a value as text; empty when it is nil.
pub(crate) fn text(value: Value) -> String {
    value.into_string().unwrap_or_default()
}

/// Reads a value as a number; `what` names it in the error.
pub(crate) fn number(what: &'static str, value: &Value) -> Result<i64> {
    value
        .as_i64()
        .ok_or_else(|| Error::corrupt(what, format!("{value:?} is no number")))
}

/// Parses text as an id or the like; `what` names it in the error.
pub(crate) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(
    what: &'static str,
    text: &str,
) -> Result<T> {
    text.parse()
        .map_err(|error| Error::corrupt(what, format!("{text:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(values: Vec<Value>) -> Reply {
        Reply::new("append", Value::Array(values))
    }

    #[test]
    fn a_reply_is_a_word_and_values() {
        let mut read = reply(vec![
            "OK".into(),
            "7".into(),
            8.into(),
            Value::Array(vec!["a".into()]),
            "b".into(),
        ]);
        assert_eq!(read.word(), "OK");
        assert_eq!(read.tick(1).expect("digits"), Tick(7));
        assert_eq!(read.number(2).expect("a number"), 8);
        assert_eq!(read.list(3), ["a".into()]);
        assert_eq!(read.rest(4).map(text).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn what_a_verb_never_returns_is_an_error_that_names_the_verb() {
        let mut read = reply(vec!["MAYBE".into(), "seven".into()]);
        let refused = [
            read.unexpected().to_string(),
            read.number(1).expect_err("no digits").to_string(),
            read.text(2).expect_err("no value").to_string(),
        ];
        for error in refused {
            assert!(error.contains("append"), "{error}");
        }
        assert_eq!(reply(vec![]).word(), "");
    }

    #[test]
    fn nil_is_empty_text_and_no_number() {
        assert_eq!(text(Value::Null), "");
        assert!(number("a rev", &Value::Null).is_err());
        assert_eq!(parse::<i64>("a rev", "12").expect("digits"), 12);
        let error = parse::<i64>("a rev", "x").expect_err("no digits");
        assert!(error.to_string().contains("a rev"), "{error}");
    }
}
