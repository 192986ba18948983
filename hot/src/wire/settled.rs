//! What SQL had when rows left Redis: no read of SQL may be of one that lacks it.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use fred::types::Value;

use super::text;

/// The commit that rows go to SQL with. The default stands for none.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommitMark<'a> {
    /// The writer of SQL.
    pub writer: &'a str,
    /// The number of the commit among those of the writer, from 1.
    pub commit: i64,
    /// The newest of the writer's commits that SQL has for sure: at a snapshot, of those with rows
    /// of the same partition.
    pub saved: i64,
}

/// The word before the marks that a script adds to its reply, when its caller reads SQL next.
const WORD: &[u8] = b"SETTLED";

/// A commit of each writer of SQL that SQL had when rows left Redis, as far as this process heard.
/// Each holds for all of SQL, since a writer's commits have their numbers in order.
#[derive(Debug, Default)]
pub(crate) struct Settled(RwLock<Arc<BTreeMap<String, i64>>>);

impl Settled {
    /// Returns the commits.
    pub(crate) fn get(&self) -> Arc<BTreeMap<String, i64>> {
        let commits = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&commits)
    }

    /// Notes that SQL had a commit.
    pub(crate) fn raise(&self, writer: &str, number: i64) {
        let is_new = |commits: &BTreeMap<String, i64>| {
            commits.get(writer).is_none_or(|known| *known < number)
        };
        if is_new(&self.get()) {
            let mut commits = self.0.write().unwrap_or_else(PoisonError::into_inner);
            if is_new(&commits) {
                Arc::make_mut(&mut commits).insert(writer.to_owned(), number);
            }
        }
    }

    /// Takes the marks off a reply that has some, and notes them.
    pub(super) fn take_from(&self, reply: &mut Value) {
        let Value::Array(values) = reply else { return };
        let is_marks = |value: &mut Value| match value {
            Value::Array(marks) => marks.first().and_then(Value::as_bytes) == Some(WORD),
            _ => false,
        };
        let Some(Value::Array(marks)) = values.pop_if(is_marks) else {
            return;
        };
        self.note(&marks[1..]);
    }

    /// Notes the marks of a partition.
    pub(crate) fn note(&self, marks: &[Value]) {
        for (field, number) in pairs(marks) {
            if let Some(writer) = field.strip_prefix("settled:") {
                self.raise(writer, number);
            }
        }
    }
}

/// Reads the fields of marks, and their numbers.
pub(crate) fn pairs(marks: &[Value]) -> impl Iterator<Item = (String, i64)> {
    let (pairs, _) = marks.as_chunks::<2>();
    pairs.iter().map(|[field, number]| {
        let number = number.as_i64().unwrap_or(0);
        (text(field.clone()), number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_taken_off_a_reply_and_only_rise() {
        let settled = Settled::default();
        for (marks, expected) in [
            ([("settled:w", 7), ("began:w", 9)], 7),
            ([("settled:w", 5), ("began:v", 8)], 7),
            ([("settled:w", 8), ("began:v", 8)], 8),
        ] {
            let marks = marks.map(|(field, number)| [field.into(), number.to_string().into()]);
            let marks = [&["SETTLED".into()], marks.as_flattened()].concat();
            let mut reply = Value::Array(vec!["OK".into(), Value::Array(marks)]);
            settled.take_from(&mut reply);
            assert_eq!(reply, Value::Array(vec!["OK".into()]));
            assert_eq!(*settled.get(), BTreeMap::from([("w".to_owned(), expected)]));
        }
        let mut reply = Value::Array(vec!["OK".into(), Value::Array(vec!["{}".into()])]);
        let same = reply.clone();
        settled.take_from(&mut reply);
        assert_eq!(reply, same);
    }
}
