//! Unique names: finds the user of a name, and claims names.

use std::time::Duration;

use hot::{NameClaim, UserRecord};
use model::{Name, NameKind, Tick, User, UserId, fold};
use uuid::Uuid;

use crate::{Error, Result, Store, residency::retry, safety::SqlReads};

/// The age from which a claim that its owner does not stand by may be taken over.
const CLAIM_AGE: Duration = Duration::from_secs(60);

impl Store {
    /// Finds the user of a name: by a claim while the row is not saved, else in SQL; and in both
    /// cases only if the newest row of the user has the name. While SQL does not answer, a resident
    /// user who has logged in by the name is found all the same.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn find(&self, name: &Name) -> Result<Option<User>> {
        if let Some(claim) = self.hot.claimed(name).await?
            && let Some(user) = self.look_up(claim.owner).await?
            && has_name(&user, name)
        {
            return Ok(Some(user));
        }
        match self.find_saved(name).await {
            Err(Error::Cold(error)) => match self.find_remembered(name).await? {
                None => Err(error.into()),
                found => Ok(found),
            },
            found => found,
        }
    }

    async fn find_saved(&self, name: &Name) -> Result<Option<User>> {
        let sql = SqlReads::begin(&self.sql_outage);
        let Some(ids) = sql.read(self.cold.users_named(name)).await? else {
            return Err(cold::DbErr::Custom("it does not answer".into()).into());
        };
        for id in ids {
            if let Some(user) = self.look_up(id).await?
                && has_name(&user, name)
            {
                return Ok(Some(user));
            }
        }
        Ok(None)
    }

    /// Finds a resident user who has this name and logged in lately.
    async fn find_remembered(&self, name: &Name) -> Result<Option<User>> {
        let Some(id) = self.hot.remembered(name).await? else {
            return Ok(None);
        };
        match self.hot.user(id).await? {
            UserRecord::Named(user) if has_name(&user, name) => Ok(Some(*user)),
            _ => Ok(None),
        }
    }

    /// Remembers the names of a user who is at work.
    pub(super) fn remember_names(&self, user: &User) {
        let names = [
            Name::new(NameKind::Username, &user.username),
            Name::new(NameKind::Email, &user.email),
        ];
        let (hot, id) = (self.hot.clone(), user.id);
        tokio::spawn(async move {
            if let Err(error) = hot.remember_names(id, &names).await {
                tracing::debug!(%error, "could not note a user's names; a login by them needs SQL");
            }
        });
    }

    /// Claims a name for a resident user, and returns the nonce of the claim. Fails with
    /// [`Error::Taken`] when the name belongs to another user.
    async fn claim(&self, user: UserId, name: &Name) -> Result<String> {
        let nonce = Uuid::now_v7().simple().to_string();
        while retry(|| self.hot.want_name(user, name, &nonce))
            .await?
            .is_err()
        {
            if !self.hydrate_user(user).await? {
                return Err(Error::NoUser);
            }
        }
        let began = self.begin_write();
        let value = NameClaim {
            owner: user,
            nonce: nonce.clone(),
            since: Tick::now(),
        };
        while let Err(found) = retry(|| self.hot.claim_name(name, &value)).await? {
            let mine = found.owner == user;
            let old = found.since < Tick::now().earlier(CLAIM_AGE);
            let free = mine
                || old
                    && self
                        .hot
                        .is_claim_abandoned(found.owner, name, &found.nonce, CLAIM_AGE)
                        .await?;
            if !free {
                return Err(Error::Taken(name.kind));
            }
            if self.hot.swap_claim(name, &found, Some(&value)).await? {
                break;
            }
        }
        // The claim and the row that relies on it may be on two nodes, and one of the nodes may go
        // back to what it had on disk.
        if self.hot.is_cluster() && !self.is_as_durable_as_possible(began).await {
            self.hot.release_name(name, user, &nonce).await?;
            return Err(Error::NotDurable);
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

    /// Claims all of these names or none.
    pub(super) async fn claim_all(
        &self,
        id: UserId,
        names: &[Name],
    ) -> Result<Vec<(Name, String)>> {
        let mut claims: Vec<(Name, String)> = Vec::new();
        for name in names {
            match self.claim(id, name).await {
                Ok(nonce) => claims.push((name.clone(), nonce)),
                Err(error) => {
                    for (name, nonce) in claims {
                        self.hot.release_name(&name, id, &nonce).await?;
                    }
                    return Err(error);
                }
            }
        }
        Ok(claims)
    }

    /// Returns another user who has this name in their newest row.
    async fn find_other(&self, name: &Name, me: UserId) -> Result<Option<UserId>> {
        // What SQL had when the claim before was released, SQL is asked for.
        retry(|| self.hot.claimed(name)).await?;
        for id in self.cold.users_named(name).await? {
            if id != me
                && let Some(user) = self.user(id).await?
                && has_name(&user, name)
            {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

/// True when this row has the name, and is not of an erased account.
pub(crate) fn has_name(user: &User, name: &Name) -> bool {
    !user.erased.happened()
        && name.folded
            == match name.kind {
                NameKind::Username => fold(&user.username),
                NameKind::Email => fold(&user.email),
                NameKind::External => user.external_id.clone(),
            }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_had_in_any_case_until_the_account_is_erased() {
        let mut user = User {
            id: UserId::new(),
            username: "Ann".into(),
            email: "Ann@Example.org".into(),
            external_id: "A".into(),
            display_name: String::new(),
            bio: String::new(),
            avatar: String::new(),
            password: String::new(),
            password_rev: Tick::NEVER,
            created: Tick(1),
            erased: Tick::NEVER,
            disabled: Tick::NEVER,
            found_by_email: false,
            metadata: None,
            rev: Tick(1),
        };
        let username = Name::new(NameKind::Username, "aNN");
        assert!(has_name(&user, &username));
        assert!(has_name(
            &user,
            &Name::new(NameKind::Email, "ann@example.org")
        ));
        assert!(!has_name(&user, &Name::new(NameKind::Email, "ann")));
        let external = |id| Name::new(NameKind::External, id);
        assert!(has_name(&user, &external("A")) && !has_name(&user, &external("a")));
        user.erased = Tick(2);
        assert!(!has_name(&user, &username));
    }
}
