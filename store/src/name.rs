//! Unique names: who has one, and how to come to use it.

use std::time::Duration;

use hot::ClaimValue;
use model::{Name, NameKind, Tick, User, UserId, fold};
use uuid::Uuid;

use crate::{Error, Result, Store, again::again};

/// A claim that its owner does not stand by, and that is older than this, may be taken over.
const CLAIM_AGE: Duration = Duration::from_secs(60);

impl Store {
    /// Who has a name now: by a claim while the row is not saved, else by SQL; and in both cases only if their newest row has it.
    pub async fn find(&self, name: &Name) -> Result<Option<User>> {
        if let Some(claim) = self.hot.claimed(name).await?
            && let Some(user) = self.user(claim.owner).await?
            && has(&user, name)
        {
            return Ok(Some(user));
        }
        for id in self.cold.users_named(name).await? {
            if let Some(user) = self.user(id).await?
                && has(&user, name)
            {
                return Ok(Some(user));
            }
        }
        Ok(None)
    }

    /// Claims a name for a user, who must be resident; the nonce of the claim.
    ///
    /// # Errors
    /// [`Error::Taken`] when it is another's.
    pub(crate) async fn claim(&self, user: UserId, name: &Name) -> Result<String> {
        let nonce = Uuid::now_v7().simple().to_string();
        while again(|| self.hot.want(user, name, &nonce)).await?.is_err() {
            if !self.hydrate_user(user).await? {
                return Err(Error::NoUser);
            }
        }
        let began = self.begin_write();
        let value = ClaimValue { owner: user, nonce: nonce.clone(), since: Tick::now() };
        while let Err(found) = again(|| self.hot.claim_name(name, &value)).await? {
            let mine = found.owner == user;
            let old = found.since < Tick::now().earlier(CLAIM_AGE);
            let free = mine || old && self.hot.disown(found.owner, name, &found.nonce, CLAIM_AGE).await?;
            if !free {
                return Err(Error::Taken(name.kind));
            }
            if self.hot.swap_claim(name, &found, Some(&value)).await? {
                break;
            }
        }
        // The claim and the row that relies on it may be on two nodes, and one of them may go back to what it had on disk.
        if self.hot.is_cluster() && !self.is_as_safe_as_can_be(began).await {
            self.hot.release_name(name, user, &nonce).await?;
            return Err(Error::NotSafe);
        }
        match self.find_other(name, user).await {
            Ok(None) => Ok(nonce),
            Ok(Some(_)) => {
                self.hot.release_name(name, user, &nonce).await?;
                Err(Error::Taken(name.kind))
            }
            Err(error) => {
                self.hot.release_name(name, user, &nonce).await?;
                Err(error)
            }
        }
    }

    /// Another who has this name in their newest row.
    async fn find_other(&self, name: &Name, me: UserId) -> Result<Option<UserId>> {
        for id in self.cold.users_named(name).await? {
            if id != me
                && let Some(user) = self.user(id).await?
                && has(&user, name)
            {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

fn has(user: &User, name: &Name) -> bool {
    name.folded
        == fold(match name.kind {
            NameKind::Username => &user.username,
            NameKind::Email => &user.email,
        })
}
