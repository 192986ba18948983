//! Limits on how often something may be done.

use std::time::Duration;

use fred::types::Value;

use crate::wire::{Error, Hot, Micros, Result, Verb, keys, number, verbs};

/// A rate: so many at once, and as many over a period at an even pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The number that is allowed in a period; at least 1.
    pub most: u32,
    /// The period; at least a microsecond for each that is allowed.
    pub period: Duration,
}

impl Rate {
    /// The rate that scripts take for none.
    pub(crate) const NONE: Self = Self {
        most: 0,
        period: Duration::ZERO,
    };
}

/// The verdict of a limit on one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateVerdict {
    /// How many may be done, and were counted; what is refused is not counted.
    pub granted: u32,
    /// The number that may come now besides.
    pub left: u32,
    /// Seconds until one more than that may come, rounded up.
    pub seconds: u32,
}

impl RateVerdict {
    /// True when at least one more may be done.
    pub fn is_allowed(&self) -> bool {
        self.granted > 0
    }

    /// Reads the verdict; `None` when nothing was counted.
    pub(crate) fn of(mut values: impl Iterator<Item = Value>) -> Result<Option<Self>> {
        let Some(allowed) = values.next().filter(|value| value.as_i64().is_some()) else {
            return Ok(None);
        };
        let mut next = |what| number(what, &values.next().unwrap_or(Value::Null));
        let (left, seconds) = (
            next("what a limit leaves")?,
            next("when a limit leaves more")?,
        );
        let whole = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Some(Self {
            granted: whole(allowed.as_i64().unwrap_or(0)),
            left: whole(left),
            seconds: whole(seconds),
        }))
    }
}

impl Hot {
    /// Counts that `who`, an address or a name, does `what` once more. [`Hot::admit`] counts what
    /// an account does.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn limit(&self, what: &str, who: &str, rate: Rate) -> Result<RateVerdict> {
        let reply = self
            .run(verbs::Limit {
                limit: keys::limit(what, who),
                most: rate.most,
                period: Micros(rate.period),
            })
            .await?;
        let verdict = RateVerdict::of(reply.rest(0))?;
        verdict.ok_or_else(|| Error::corrupt(Verb::Limit.name(), "an empty answer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_three_numbers_or_none() {
        let read = |values: &[i64]| {
            let values = values.iter().map(|value| Value::from(*value));
            RateVerdict::of(values.collect::<Vec<_>>().into_iter())
        };
        assert_eq!(read(&[]).expect("nothing"), None);
        let blank = [Value::from(""), Value::from(""), Value::from("")];
        assert_eq!(RateVerdict::of(blank.into_iter()).expect("nothing"), None);
        let verdict = RateVerdict {
            granted: 1,
            left: 4,
            seconds: 9,
        };
        assert_eq!(read(&[1, 4, 9]).expect("a verdict"), Some(verdict));
        assert!(
            !read(&[0, 0, 9])
                .expect("a verdict")
                .expect("some")
                .is_allowed()
        );
        assert!(read(&[1, 4]).is_err());
    }
}
