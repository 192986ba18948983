//! What a script returned: a word, then values.

use fred::types::Value;
use model::Tick;

use crate::{Error, Result, Telling};

pub(crate) struct Reply {
    verb: &'static str,
    values: Vec<Value>,
}

impl Reply {
    pub(crate) fn new(verb: &'static str, value: Value) -> Self {
        Self { verb, values: value.into_array() }
    }

    /// The first value: how it went.
    pub(crate) fn word(&self) -> &str {
        self.values.first().and_then(word).unwrap_or_default()
    }

    /// A word that this verb never returns, unless it was stopped in a way we do not know.
    pub(crate) fn unexpected(&self) -> Error {
        Error::corrupt(self.verb, format!("an answer of {:?}", self.values.first()))
    }

    pub(crate) fn text(&mut self, at: usize) -> Result<String> {
        self.take(at).into_string().ok_or_else(|| Error::corrupt(self.verb, format!("value {at} is no text")))
    }

    pub(crate) fn number(&mut self, at: usize) -> Result<i64> {
        self.take(at).as_i64().ok_or_else(|| Error::corrupt(self.verb, format!("value {at} is no number")))
    }

    pub(crate) fn tick(&mut self, at: usize) -> Result<Tick> {
        self.number(at).map(Tick)
    }

    /// Two values: what was told before, and the roster.
    pub(crate) fn telling(&mut self, at: usize) -> Result<Telling> {
        Ok(Telling { prev: self.tick(at)?, roster: self.tick(at + 1)? })
    }

    pub(crate) fn list(&mut self, at: usize) -> Vec<Value> {
        self.take(at).into_array()
    }

    /// All values from `at` on.
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

/// A value as text; empty when it is nil.
pub(crate) fn text(value: Value) -> String {
    value.into_string().unwrap_or_default()
}

/// A value as a number; `what` names it in the error.
pub(crate) fn number(what: &'static str, value: &Value) -> Result<i64> {
    value.as_i64().ok_or_else(|| Error::corrupt(what, format!("{value:?} is no number")))
}

/// Text as an id or the like; `what` names it in the error.
pub(crate) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(what: &'static str, text: &str) -> Result<T> {
    text.parse().map_err(|error| Error::corrupt(what, format!("{text:?}: {error}")))
}
