//! Tokens of an identity provider that open no session any more, although they are valid.

use serde::{Deserialize, Serialize};

use crate::Tick;

/// The most tokens that one row remembers by their digest: some 36 KB.
const MOST: usize = 500;
/// The hex digits of a digest that are remembered.
const DIGITS: usize = 32;

/// The tokens that are over: the value of a private row. Each entry is remembered until the tokens
/// that it is about have expired; where there are too many, all tokens that were issued as early as
/// the first of them are over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndedTokens {
    /// The tick up to which every token was issued that is over whatever its digest, or `NEVER`.
    #[serde(skip_serializing_if = "never")]
    before: Tick,
    /// The others, in the order of their end.
    ended: Vec<Entry>,
}

/// A digest, the tick up to which its tokens that are over were issued, and the one at which the
/// last of them has expired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry(String, Tick, Tick);

fn never(tick: &Tick) -> bool {
    !tick.happened()
}

impl EndedTokens {
    /// Reads the value of a row.
    ///
    /// # Errors
    /// An error of JSON when the value is not one that [`Self::value`] writes.
    pub fn parse(value: &str) -> serde_json::Result<Self> {
        match value {
            "" => Ok(Self::default()),
            value => serde_json::from_str(value),
        }
    }

    /// Returns the value of the row.
    pub fn value(&self) -> String {
        serde_json::to_string(self).expect("words and numbers")
    }

    /// True when a token with this digest, or about what has it, that was issued at this tick is
    /// over.
    pub fn has(&self, digest: &str, issued: Tick) -> bool {
        let digest = head(digest);
        let is_of = |entry: &Entry| entry.0 == digest && issued <= entry.1;
        issued <= self.before || self.ended.iter().any(is_of)
    }

    /// Notes that what has this digest and was issued up to `issued` is over, and forgets what has
    /// expired by `now`.
    pub fn end(&mut self, digest: &str, issued: Tick, expires: Tick, now: Tick) {
        let digest = head(digest);
        self.ended
            .retain(|entry| entry.2 > now && entry.0 != digest);
        self.ended.push(Entry(digest.to_owned(), issued, expires));
        let over = self.ended.len().saturating_sub(MOST);
        for Entry(_, issued, _) in self.ended.drain(..over) {
            self.before = self.before.max(issued);
        }
    }
}

fn head(digest: &str) -> &str {
    digest.get(..DIGITS).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Tick = Tick(1_000);

    #[test]
    fn what_is_over_stays_so_until_it_has_expired() {
        let mut ended = EndedTokens::default();
        assert!(!ended.has("a", Tick(1)));
        ended.end("a", Tick(5), Tick(1_100), NOW);
        ended.end("b", Tick(6), Tick(2_000), NOW);
        let mut read = EndedTokens::parse(&ended.value()).expect("our own");
        assert_eq!(read, ended);
        assert!(read.has("a", Tick(5)) && read.has("b", Tick(6)));
        assert!(!read.has("a", Tick(6)), "it was issued later");
        assert!(!read.has("c", Tick(5)));
        read.end("c", Tick(7), Tick(2_000), Tick(1_100));
        assert!(!read.has("a", Tick(5)), "nobody can use it any more");
        assert!(read.has("b", Tick(6)) && read.has("c", Tick(7)));
        assert_eq!(
            EndedTokens::parse("").expect("none"),
            EndedTokens::default()
        );
    }

    #[test]
    fn of_too_many_the_first_are_remembered_by_when_they_were_issued() {
        let mut ended = EndedTokens::default();
        for at in 1..=MOST as i64 + 10 {
            ended.end(&format!("{at}"), Tick(at), Tick(2_000), NOW);
        }
        assert_eq!(ended.ended.len(), MOST);
        assert!((1..=MOST as i64 + 10).all(|at| ended.has(&format!("{at}"), Tick(at))));
        assert!(ended.has("another", Tick(10)) && !ended.has("another", Tick(11)));
        let of_64_digits = "0".repeat(64);
        for at in 0..MOST as i64 {
            let digest = format!("{at:032x}{of_64_digits}");
            ended.end(&digest, Tick(1 << 52), Tick(1 << 52), NOW);
        }
        assert!(ended.value().len() < 40_000, "a row of SQL has 64 KiB");
    }
}
