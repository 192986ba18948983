//! Users: find one, change oneself.

use hot::{UserChange, UserRecord};
use model::{Name, NameKind, User, UserId, fold};

use crate::{Error, Result, Store, again::again};

impl Store {
    /// A user's newest row.
    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        loop {
            match again(|| self.hot.user(id)).await? {
                UserRecord::Known(user) => return Ok((!user.erased.happened()).then_some(*user)),
                UserRecord::Nameless => return Ok(None),
                UserRecord::Cold if self.hydrate_user(id).await? => {}
                UserRecord::Cold => return Ok(None),
            }
        }
    }

    /// Who is meant by an id, a username or an e-mail address.
    pub async fn find_any(&self, text: &str) -> Result<Option<User>> {
        match text.parse() {
            Ok(id) => self.user(id).await,
            Err(_) => self.find(&Name::guess(text)).await,
        }
    }

    /// Changes a user's own row; a new name is claimed first. The row as it is then.
    ///
    /// # Errors
    /// [`Error::Taken`] when a name is another's.
    pub async fn change_user(&self, id: UserId, mut change: UserChange) -> Result<User> {
        let before = self.user(id).await?.ok_or(Error::NoUser)?;
        let names = [(NameKind::Username, &change.username, &before.username), (NameKind::Email, &change.email, &before.email)];
        let wanted = names.into_iter().filter_map(|(kind, new, old)| {
            let new = new.as_ref()?;
            (fold(new) != fold(old)).then(|| Name::new(kind, new))
        });
        let wanted: Vec<Name> = wanted.collect();
        change.claims = self.claim_all(id, &wanted).await?;
        self.apply(id, &change).await?;
        let user = self.user(id).await?.ok_or(Error::NoUser)?;
        self.tell_companions(user.clone());
        Ok(user)
    }

    /// Claims all of these names or none.
    pub(crate) async fn claim_all(&self, id: UserId, names: &[Name]) -> Result<Vec<(Name, String)>> {
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

    /// Makes a change whose names are claimed.
    pub(crate) async fn apply(&self, id: UserId, change: &UserChange) -> Result<()> {
        if change.username.is_some() || change.display_name.is_some() || change.bio.is_some() || change.avatar.is_some() {
            again(|| self.hot.announce(id)).await?;
        }
        loop {
            match again(|| self.hot.change_user(id, change)).await? {
                Ok(Some(rev)) => {
                    self.tell_own(id, rev, rev);
                    return Ok(());
                }
                // Our first try may have run although its answer was lost; else the claim was taken over while we slept.
                Ok(None) => {
                    let now = self.user(id).await?;
                    let stands = |new: &Option<String>, old: &dyn Fn(&User) -> String| {
                        new.as_ref().is_none_or(|new| now.as_ref().is_some_and(|now| old(now) == *new))
                    };
                    if stands(&change.username, &|user| user.username.clone()) && stands(&change.email, &|user| user.email.clone()) {
                        return Ok(());
                    }
                    let kind = change.claims.first().map_or(NameKind::Username, |(name, _)| name.kind);
                    return Err(Error::Taken(kind));
                }
                Err(_) if self.hydrate_user(id).await? => {}
                Err(_) => return Err(Error::NoUser),
            }
        }
    }
}
