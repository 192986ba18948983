//! How often somebody may do something.

use std::time::Duration;

use fred::types::Value;

use crate::{
    Hot, Result, Verb,
    client::{arg, us},
    keys,
    reply::number,
};

/// So many at once, and as many over a period at an even pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many; 1 at least.
    pub most: u32,
    /// Over how long; a microsecond for each of them at least.
    pub period: Duration,
}

impl Rate {
    /// As scripts take it.
    pub(crate) fn args(self) -> [Value; 2] {
        [arg(self.most), us(self.period)]
    }
}

/// How one more stands to its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// It may be done, and was counted; what may not be done is not counted.
    pub allowed: bool,
    /// How many more may come now.
    pub left: u32,
    /// Seconds until one more than that may come, rounded up.
    pub seconds: u32,
}

impl Verdict {
    /// `None`: nothing was counted.
    pub(crate) fn of(mut values: impl Iterator<Item = Value>) -> Result<Option<Self>> {
        let Some(allowed) = values.next() else { return Ok(None) };
        let mut next = |what| number(what, &values.next().unwrap_or(Value::Null));
        let (left, seconds) = (next("what a limit leaves")?, next("when a limit leaves more")?);
        let whole = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Some(Self { allowed: allowed.as_i64() == Some(1), left: whole(left), seconds: whole(seconds) }))
    }
}

impl Hot {
    /// `who`, an address or a name, does `what` once more. What an account does is counted by [`Hot::admit`].
    pub async fn limit(&self, what: &str, who: &str, rate: Rate) -> Result<Verdict> {
        let reply = self.run(Verb::Limit, vec![keys::limit(what, who)], rate.args().into()).await?;
        let verdict = Verdict::of(reply.rest(0))?;
        verdict.ok_or_else(|| crate::Error::corrupt(Verb::Limit.name(), "an empty answer"))
    }
}
