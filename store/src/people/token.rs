//! Sessions by the token of an identity provider: opened by it, and not again once they have ended.
//!
//! A token is valid whatever this server thinks of it, so what is over must be remembered, in SQL
//! too, until the token has expired. A session that its user ends is remembered in a private row
//! of theirs, which the script that opens sessions compares. All sessions that end with a change of
//! the user's row (`password_rev`) are those of tokens from before that. An erased user has no row
//! any more that tells whose it was: the server's own account remembers a digest of their id.

use std::time::Duration;

use hot::TokenSession;
use model::{ERASED_ROWS, EndedTokens, Partition, PrivateKey, Session, Tick, User, UserId};
use sha2::{Digest, Sha256};

use crate::{Error, ExternalProfile, Result, Store, residency::retry};

/// The longest time for which a token of a provider is good, from when it was issued.
pub const TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);
/// The most by which the clock of a provider may differ from ours.
pub const MAX_LEEWAY: Duration = Duration::from_secs(300);
/// The tries until it is given up: each meets a change of the same user.
const TRIES: u32 = 8;
/// The private row of a user with their tokens that are over.
const ENDED: PrivateKey = PrivateKey::Ended(Partition(0));

/// A token of an identity provider, which has been verified.
#[derive(Clone, Copy, Debug)]
pub struct ProviderToken<'a> {
    /// The SHA-256 of the token, in hex.
    pub hash: &'a str,
    /// The external id of its user.
    pub subject: &'a str,
    /// The name that others see of a user who is new.
    pub display_name: Option<&'a str>,
    /// The name of its session in the list of sessions.
    pub device: &'a str,
    /// The tick at which it was issued, at the earliest.
    pub issued: Tick,
    /// The tick at which it expires, and its session ends.
    pub expires: Tick,
}

impl Store {
    /// Opens the session of a token, or finds that it is open, and returns its user, who is made
    /// unless they are there.
    ///
    /// # Errors
    /// [`Error::Disabled`]; [`Error::TokenEnded`] when its session has ended, or the user was
    /// disabled or erased since it was issued; [`Error::NoRoom`]; [`Error::Busy`];
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer.
    pub async fn open_token_session(&self, token: ProviderToken<'_>) -> Result<UserId> {
        for _ in 0..TRIES {
            let user = self.user_of_token(token).await?;
            if user.disabled.happened() {
                return Err(Error::Disabled);
            }
            // It is that of the creation until all sessions are ended for the first time.
            let has_ended_all = user.password_rev != user.created;
            if has_ended_all && token.issued <= user.password_rev {
                return Err(Error::TokenEnded);
            }
            let (_, ended) = match self.private_row(user.id, ENDED).await {
                Err(Error::NoUser) => continue, // erased just now
                row => row?,
            };
            if parse(&ended).has(token.hash, token.issued) {
                return Err(Error::TokenEnded);
            }
            let session = TokenSession {
                hash: token.hash,
                device: token.device,
                life: Duration::from_micros((token.expires.0 - Tick::now().0).max(1000) as u64),
                issued: token.issued,
                ended: &ended,
            };
            let open = || {
                self.hot
                    .open_token_session(user.id, session, user.password_rev)
            };
            match retry(open).await? {
                Ok(Some(opened)) => {
                    self.tell_ended(user.id, &opened.ended);
                    return Ok(user.id);
                }
                Ok(None) => {}
                Err(_) if self.hydrate_user(user.id).await? => {}
                Err(_) => {}
            }
        }
        Err(Error::Busy)
    }

    /// Returns the user of a token, who is made unless they are there, or have been since it was
    /// issued.
    async fn user_of_token(&self, token: ProviderToken<'_>) -> Result<User> {
        let known = self.find_external(token.subject).await?;
        if let Some(user) = known.filter(|user| user.created < token.issued) {
            return Ok(user);
        }
        // After the look for the user: whoever erases one notes that before.
        if self.was_erased(token).await? {
            return Err(Error::TokenEnded);
        }
        if let Some(user) = self.find_external(token.subject).await? {
            return Ok(user);
        }
        let profile = ExternalProfile {
            display_name: token.display_name.map(str::to_owned),
            ..ExternalProfile::default()
        };
        let (user, _) = self.put_external(token.subject, &profile).await?;
        Ok(user)
    }

    /// Notes that the tokens of these sessions open none again. Those of sessions by a token of our
    /// own, which nobody can open again, are left out.
    pub(super) async fn end_tokens(&self, user: UserId, sessions: &[Session]) -> Result<()> {
        let of_provider = |session: &&Session| session.issued.happened();
        let sessions: Vec<_> = sessions.iter().filter(of_provider).collect();
        if sessions.is_empty() {
            return Ok(());
        }
        self.note_ended(user, ENDED, |ended, now| {
            for session in &sessions {
                // The session may be over before its token, if it is not used.
                let expires = session.issued.later(TOKEN_LIFE + 2 * MAX_LEEWAY);
                ended.end(&session.hash, session.issued, expires, now);
            }
        })
        .await
    }

    /// Notes that the tokens that a user has now are over, and make no user of the same external
    /// id. It comes before the user is erased.
    pub(crate) async fn end_tokens_of_erased(&self, user: &User) -> Result<()> {
        if user.external_id.is_empty() {
            return Ok(());
        }
        self.ensure_server_account().await?;
        let (row, digest) = place_of_erased(&user.external_id);
        self.note_ended(UserId::SERVER, row, |ended, now| {
            ended.end(&digest, now, now.later(TOKEN_LIFE + 2 * MAX_LEEWAY), now);
        })
        .await
    }

    async fn was_erased(&self, token: ProviderToken<'_>) -> Result<bool> {
        let (row, digest) = place_of_erased(token.subject);
        match self.private_row(UserId::SERVER, row).await {
            Ok((_, value)) => Ok(parse(&value).has(&digest, token.issued)),
            Err(Error::NoUser) => Ok(false), // nobody was erased yet
            Err(error) => Err(error),
        }
    }

    async fn note_ended(
        &self,
        user: UserId,
        row: PrivateKey,
        note: impl Fn(&mut EndedTokens, Tick),
    ) -> Result<()> {
        loop {
            let (_, seen) = match self.private_row(user, row).await {
                Err(Error::NoUser) => return Ok(()), // erased, with all their sessions
                row => row?,
            };
            let mut ended = parse(&seen);
            note(&mut ended, Tick::now());
            let value = ended.value();
            match self.change_private_row(user, row, &seen, &value).await {
                Ok(None) => {} // another one has ended meanwhile
                Ok(Some(_)) | Err(Error::NoUser) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Reads the value of a row. One that cannot be read says nothing of any token; it is written anew
/// with the next that ends.
fn parse(value: &str) -> EndedTokens {
    EndedTokens::parse(value).unwrap_or_else(|error| {
        tracing::error!(%error, "a row of ended tokens cannot be read");
        EndedTokens::default()
    })
}

/// Returns the row of the server's account that remembers who was erased, and the digest that
/// stands for them.
fn place_of_erased(external_id: &str) -> (PrivateKey, String) {
    let digest = Sha256::digest(external_id);
    let row = PrivateKey::Ended(Partition(digest[0] % ERASED_ROWS));
    (
        row,
        digest.iter().map(|byte| format!("{byte:02x}")).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_erased_has_a_place_and_is_not_named_there() {
        let (row, digest) = place_of_erased("42");
        assert_eq!(place_of_erased("42"), (row, digest.clone()));
        assert_eq!(digest.len(), 64);
        let rows: std::collections::HashSet<_> = (0..1000)
            .map(|id| place_of_erased(&id.to_string()).0)
            .collect();
        assert_eq!(rows.len(), usize::from(ERASED_ROWS));
    }
}
