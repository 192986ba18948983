//! Claims of unique names.

use std::{fmt, time::Duration};

use model::{Name, NameKind, Partition, Tick, UserId};

use crate::wire::{
    CommitMark, Error, Hot, Millis, Refusal, Result, arg, keys, ms, parse, text, verbs,
};

/// The time for which a user who is being registered stays without a name, at the least. After it a
/// user without a name is evicted.
pub(crate) const NAMELESS_LIFE: Duration = Duration::from_secs(60);

/// The claim of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameClaim {
    /// The user who wants to use the name, or does and is not saved yet.
    pub owner: UserId,
    /// The nonce of this one attempt.
    pub nonce: String,
    /// The time of the claim, by the clock of the API that made it.
    pub since: Tick,
}

impl fmt::Display for NameClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.owner, self.nonce, self.since)
    }
}

impl Hot {
    /// Writes down that a user wants a name, before it is claimed.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn want_name(
        &self,
        user: UserId,
        name: &Name,
        nonce: &str,
    ) -> Result<std::result::Result<(), Refusal>> {
        let reply = self
            .run(verbs::WantName {
                user,
                kind: arg(name.kind),
                name: arg(&name.folded),
                nonce: arg(nonce),
                wait: Millis(self.options.chat_ttl.max(NAMELESS_LIFE)),
            })
            .await?;
        Ok(if reply.word() == "OK" {
            Ok(())
        } else {
            Err(Refusal::Cold)
        })
    }

    /// Tells whether the owner of a claim no longer stands by it. A wish older than `age` is void.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn is_claim_abandoned(
        &self,
        owner: UserId,
        name: &Name,
        nonce: &str,
        age: Duration,
    ) -> Result<bool> {
        Ok(self
            .run(verbs::IsClaimAbandoned {
                user: owner,
                kind: arg(name.kind),
                name: arg(&name.folded),
                nonce: arg(nonce),
                age: Millis(age),
            })
            .await?
            .word()
            == "FREE")
    }

    /// Claims a name, or returns the claim that is in the way.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn claim_name(
        &self,
        name: &Name,
        value: &NameClaim,
    ) -> Result<std::result::Result<(), NameClaim>> {
        loop {
            let set = self
                .command("SET", vec![arg(keys::claim(name)), arg(value), arg("NX")])
                .await?;
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

    /// Remembers for as long as a session lives that a user has these names.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn remember_names(&self, user: UserId, names: &[Name]) -> Result<()> {
        for name in names {
            let ttl = ms(self.options.session_ttl);
            let args = vec![arg(keys::login(name)), arg(user), arg("PX"), ttl];
            self.command("SET", args).await?;
        }
        Ok(())
    }

    /// Returns the user who is remembered to have a name, or to have had it.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn remembered(&self, name: &Name) -> Result<Option<UserId>> {
        let found = self.command("GET", vec![arg(keys::login(name))]).await?;
        match found.is_null() {
            true => Ok(None),
            false => parse("who has a name", &text(found)).map(Some),
        }
    }

    /// Reads the claim of a name, if there is one.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn claimed(&self, name: &Name) -> Result<Option<NameClaim>> {
        let mut reply = self
            .run(verbs::Claimed {
                claim: keys::claim(name),
                commits: keys::commits_of_names(Partition::of_text(&name.folded)),
            })
            .await?;
        let value = reply.text(1)?;
        if value.is_empty() {
            return Ok(None);
        }
        let mut words = value.split(' ');
        let mut next = || words.next().unwrap_or_default();
        Ok(Some(NameClaim {
            owner: parse("a claim's owner", next())?,
            nonce: next().to_owned(),
            since: Tick(parse("a claim's age", next())?),
        }))
    }

    /// Takes a claim over, or with `None` releases it; false when it is no longer the one that was
    /// seen.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn swap_claim(
        &self,
        name: &Name,
        seen: &NameClaim,
        value: Option<&NameClaim>,
    ) -> Result<bool> {
        let mut reply = self
            .run(verbs::Swap {
                stored: keys::claim(name),
                expected: arg(seen),
                value: value.map_or_else(|| arg(""), arg),
            })
            .await?;
        Ok(reply.number(0)? == 1)
    }

    /// Notes that SQL has a name, before its claim is released.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    pub async fn note_saved(&self, name: &Name, mark: CommitMark<'_>) -> Result<()> {
        self.run(verbs::NoteSaved {
            commits: keys::commits_of_names(Partition::of_text(&name.folded)),
            writer: arg(mark.writer),
            saved: mark.saved,
        })
        .await
        .map(drop)
    }

    /// Releases a claim if it is still `owner`'s under this nonce.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
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

/// Reads `kind name nonce;…`: the names that a user uses and that are not saved yet.
pub(crate) fn read_claims(text: &str) -> Result<Vec<(Name, String)>> {
    let one = |claim: &str| {
        let mut words = claim.split(' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("username"), Some(name), Some(nonce), None) => {
                Ok((Name::new(NameKind::Username, name), nonce.to_owned()))
            }
            (Some("email"), Some(name), Some(nonce), None) => {
                Ok((Name::new(NameKind::Email, name), nonce.to_owned()))
            }
            (Some("external"), Some(name), Some(nonce), None) => {
                Ok((Name::new(NameKind::External, name), nonce.to_owned()))
            }
            _ => Err(Error::corrupt("a claim", claim)),
        }
    };
    text.split_terminator(';').map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_with_their_nonces() {
        let claims =
            read_claims("username ann n1;email ann@example.org n2;external A n3;").expect("claims");
        let names: Vec<_> = claims
            .iter()
            .map(|(name, nonce)| (name.kind, name.folded.as_str(), nonce.as_str()))
            .collect();
        let expected = [
            (NameKind::Username, "ann", "n1"),
            (NameKind::Email, "ann@example.org", "n2"),
            (NameKind::External, "A", "n3"),
        ];
        assert_eq!(names, expected);
        assert!(read_claims("").expect("none").is_empty());
    }

    #[test]
    fn a_claim_with_a_word_too_few_or_too_many_is_corrupt() {
        for text in ["username ann;", "username ann n1 n2;", "phone 1 n1;"] {
            assert!(read_claims(text).is_err(), "{text}");
        }
    }
}
