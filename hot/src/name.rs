//! Claims of unique names.

use std::fmt;

use model::{Name, Tick, UserId};

use crate::{
    Hot, Result, Verb,
    client::arg,
    keys,
    reply::{parse, text},
};

/// Who claims a name, under which nonce, since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimValue {
    /// The user who wants to use it, or does and is not saved yet.
    pub owner: UserId,
    /// Of this one attempt.
    pub nonce: String,
    /// By the clock of the API that claimed it.
    pub since: Tick,
}

impl fmt::Display for ClaimValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.owner, self.nonce, self.since)
    }
}

impl Hot {
    /// Claims a name; the claim that is in the way otherwise.
    pub async fn claim_name(&self, name: &Name, value: &ClaimValue) -> Result<std::result::Result<(), ClaimValue>> {
        loop {
            let set = self.command("SET", vec![arg(keys::claim(name)), arg(value), arg("NX")]).await?;
            if !set.is_null() {
                return Ok(Ok(()));
            }
            match self.claimed(name).await? {
                // Our own command, whose answer was lost.
                Some(found) if found == *value => return Ok(Ok(())),
                Some(found) => return Ok(Err(found)),
                None => {} // released between the two
            }
        }
    }

    /// The claim of a name, if there is one.
    pub async fn claimed(&self, name: &Name) -> Result<Option<ClaimValue>> {
        let value = text(self.command("GET", vec![arg(keys::claim(name))]).await?);
        if value.is_empty() {
            return Ok(None);
        }
        let mut words = value.split(' ');
        let mut next = || words.next().unwrap_or_default();
        Ok(Some(ClaimValue {
            owner: parse("a claim's owner", next())?,
            nonce: next().to_owned(),
            since: Tick(parse("a claim's age", next())?),
        }))
    }

    /// Takes a claim over, or with `None` releases it, if it is still the one that was seen.
    pub async fn swap_claim(&self, name: &Name, seen: &ClaimValue, value: Option<&ClaimValue>) -> Result<bool> {
        let args = vec![arg(seen), value.map_or_else(|| arg(""), arg)];
        let mut reply = self.run(Verb::Swap, vec![keys::claim(name)], args).await?;
        Ok(reply.number(0)? == 1)
    }

    /// Releases a claim if it is still `owner`'s under this nonce.
    pub async fn release_name(&self, name: &Name, owner: UserId, nonce: &str) -> Result<()> {
        if let Some(found) = self.claimed(name).await?
            && found.owner == owner
            && found.nonce == nonce
        {
            self.swap_claim(name, &found, None).await?;
        }
        Ok(())
    }
}
