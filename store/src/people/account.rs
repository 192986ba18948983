//! An account: registration, its row, its password.

use std::collections::HashMap;

use futures_util::{FutureExt, future::try_join_all};
use hot::{EndedSessions, NewMetadata, UserChange, UserChanged, UserRecord};
use model::{Metadata, Name, NameKind, Session, User, UserId, fold, merge_metadata, metadata_json};

use crate::{Error, Result, Store, password::PasswordCheck, people::IssuedToken, residency::retry};

/// The number of users who are looked up at once, and of names.
const AT_ONCE: usize = 256;
const NAMES_AT_ONCE: usize = 16;
/// The beginning of a text that means a user by an external id.
const EXTERNAL: &str = "external:";

impl Store {
    /// Returns a user's newest row; `None` when the user does not exist or was erased, and for the
    /// server's own account, which is nobody's.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        if id == UserId::SERVER {
            return Ok(None);
        }
        loop {
            match retry(|| self.hot.user(id)).await? {
                UserRecord::Named(user) => return Ok((!user.erased.happened()).then_some(*user)),
                UserRecord::Nameless => return Ok(None),
                UserRecord::Cold if self.hydrate_user(id).await? => {}
                UserRecord::Cold => return Ok(None),
            }
        }
    }

    /// Returns the same as [`Store::user`], for somebody who may be a stranger: a user who is not
    /// resident is read in SQL and stays there, so that nobody loads the lists of whoever they
    /// name.
    pub(super) async fn look_up(&self, id: UserId) -> Result<Option<User>> {
        Ok(self.look_up_all(&[id]).await?.remove(&id))
    }

    /// Returns those of these users whom there are, as [`Store::look_up`] does.
    async fn look_up_all(&self, ids: &[UserId]) -> Result<HashMap<UserId, User>> {
        let (mut found, mut cold) = (Vec::new(), Vec::new());
        for some in ids.chunks(AT_ONCE) {
            for (id, record) in some.iter().zip(retry(|| self.hot.users(some)).await?) {
                match record {
                    UserRecord::Named(user) => found.push(*user),
                    UserRecord::Nameless => {}
                    UserRecord::Cold => cold.push(*id),
                }
            }
        }
        if !cold.is_empty() {
            retry(|| self.hot.note_settled(&cold)).await?;
        }
        for some in cold.chunks(AT_ONCE) {
            found.extend(self.cold.users(some).await?);
        }
        let is_somebody = |user: &User| !user.erased.happened() && user.id != UserId::SERVER;
        let users = found.into_iter().filter(is_somebody);
        Ok(users.map(|user| (user.id, user)).collect())
    }

    /// Finds users as [`Store::find_any`] does, those that are meant by ids all at once.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn find_all(&self, texts: &[String]) -> Result<Vec<Option<User>>> {
        let ids: Vec<UserId> = texts.iter().filter_map(|text| text.parse().ok()).collect();
        let known = self.look_up_all(&ids).await?;
        let find = async |text: &String| match text.parse() {
            Ok(id) => Ok(known.get(&id).cloned()),
            Err(_) => self.find_any(text).await,
        };
        let mut found = Vec::with_capacity(texts.len());
        for some in texts.chunks(NAMES_AT_ONCE) {
            found.extend(try_join_all(some.iter().map(find)).await?);
        }
        Ok(found)
    }

    /// Finds a user whom another one means by an id, a username, an e-mail address if its user
    /// allows that, or the id of another product behind `external:`, which no username has.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn find_any(&self, text: &str) -> Result<Option<User>> {
        match text.parse() {
            Ok(id) => self.look_up(id).await,
            Err(_) if text.starts_with(EXTERNAL) => {
                self.find_external(&text[EXTERNAL.len()..]).await
            }
            Err(_) => {
                let name = Name::guess(text);
                let found = self.find(&name).await?;
                Ok(found.filter(|user| name.kind == NameKind::Username || user.found_by_email))
            }
        }
    }

    /// Makes an account and opens its first session. `from` is the address of the client.
    ///
    /// # Errors
    /// [`Error::Taken`] when a name belongs to another user; [`Error::NoRoom`]; [`Error::Busy`].
    pub async fn register(
        &self,
        username: &str,
        email: &str,
        display_name: &str,
        password: &str,
        device: &str,
        from: &str,
    ) -> Result<IssuedToken> {
        self.back_pressure.check_room()?;
        let hash = self.passwords.hash(from, password).await?;
        let id = UserId::new();
        self.begin_account(id).await?;
        let names = [
            Name::new(NameKind::Username, username),
            Name::new(NameKind::Email, email),
        ];
        let change = UserChange {
            username: Some(username.to_owned()),
            email: Some(email.to_owned()),
            external_id: Some(String::new()),
            display_name: Some(display_name.to_owned()),
            bio: Some(String::new()),
            avatar: Some(String::new()),
            password: Some(hash),
            found_by_email: Some(false),
            disabled: Some(false),
            metadata: None,
            ends_sessions: true,
            created: true,
            claims: Vec::new(),
        };
        self.claim_and_apply(id, &names, &change).await?;
        let user = self.user(id).await?.ok_or(Error::NoUser)?;
        self.open_session(user, device, None)
            .await?
            .ok_or(Error::WrongPassword)
    }

    /// Changes a user's own row, and returns the result; a new name is claimed first. No session
    /// alone may change what its user logs in with: that is [`Store::change_credentials`].
    ///
    /// # Errors
    /// [`Error::Taken`] when a name belongs to another user; [`Error::Metadata`] when the metadata
    /// would break a rule; [`Error::NoUser`].
    pub async fn change_user(&self, id: UserId, change: UserChange) -> Result<User> {
        let before = self.user(id).await?.ok_or(Error::NoUser)?;
        self.claim_and_apply(id, &new_names(&before, &change), &change)
            .await?;
        let user = self.user(id).await?.ok_or(Error::NoUser)?;
        self.notifier.companions(user.clone());
        self.remember_names(&user);
        Ok(user)
    }

    /// Changes what a user logs in with: the names in `change`, which are claimed first, and the
    /// password. Every session ends, the one that asks too, and another one is opened in its place:
    /// whoever has got hold of a token has nothing any more.
    ///
    /// # Errors
    /// [`Error::WrongPassword`] when `current` is not the present password; [`Error::Taken`] when a
    /// name belongs to another user; [`Error::Busy`]; [`Error::NoUser`].
    pub async fn change_credentials(
        &self,
        session: &Session,
        current: &str,
        new_password: Option<&str>,
        mut change: UserChange,
    ) -> Result<IssuedToken> {
        let before = self.check_password(session, current).await?;
        if let Some(new) = new_password {
            change.password = Some(self.passwords.hash(&before.id.to_string(), new).await?);
        }
        change.ends_sessions = true;
        let change = |_| {
            let change = change.clone();
            async move {
                let user = self.change_user(before.id, change).await?;
                let opened = self.open_session(user, &session.device, None).await?;
                let opened = opened.ok_or(Error::WrongPassword)?;
                self.revoke_others(before.id, &opened.token.hash()).await?;
                Ok(opened)
            }
            .boxed()
        };
        self.in_one_life(change).await
    }

    /// Returns the user of a session whose present password is this one.
    pub(crate) async fn check_password(&self, session: &Session, password: &str) -> Result<User> {
        let user = self.user(session.user).await?.ok_or(Error::NoUser)?;
        let hash = Some(user.password.clone());
        let who = user.id.to_string();
        match self.passwords.check(&who, password, hash).await? {
            PasswordCheck::Wrong => Err(Error::WrongPassword),
            PasswordCheck::Right | PasswordCheck::Outdated => Ok(user),
        }
    }

    /// Claims the names of a change, and makes it.
    pub(super) async fn claim_and_apply(
        &self,
        id: UserId,
        names: &[Name],
        change: &UserChange,
    ) -> Result<()> {
        let apply = |_| {
            let mut change = change.clone();
            async move {
                change.claims = self.claim_all(id, names).await?;
                self.apply(id, &change).await
            }
            .boxed()
        };
        self.in_one_life(apply).await
    }

    /// Makes a change whose names are claimed.
    pub(crate) async fn apply(&self, id: UserId, change: &UserChange) -> Result<()> {
        if change.username.is_some()
            || change.display_name.is_some()
            || change.bio.is_some()
            || change.avatar.is_some()
            || change.metadata.is_some()
        {
            retry(|| self.hot.announce_rename(id)).await?;
        }
        loop {
            let metadata = match &change.metadata {
                Some(patch) => Some(self.new_metadata(id, patch.as_ref()).await?),
                None => None,
            };
            let changed = retry(|| self.hot.change_user(id, change, metadata.as_ref())).await?;
            if change.ends_sessions {
                self.known_sessions.end(&EndedSessions::OfUser(id));
            }
            match changed {
                Ok(UserChanged::Done(rev)) => {
                    self.notifier.private_changed(id, rev, rev);
                    return Ok(());
                }
                // The first try may have run although its answer was lost; else the claim was taken
                // over while this process slept.
                Ok(UserChanged::Stale) => {
                    let now = self.user(id).await?;
                    let stands = |new: &Option<String>, old: &dyn Fn(&User) -> String| {
                        new.as_ref()
                            .is_none_or(|new| now.as_ref().is_some_and(|now| old(now) == *new))
                    };
                    if stands(&change.username, &|user| user.username.clone())
                        && stands(&change.email, &|user| user.email.clone())
                    {
                        return Ok(());
                    }
                    let kind = change
                        .claims
                        .first()
                        .map_or(NameKind::Username, |(name, _)| name.kind);
                    return Err(Error::Taken(kind));
                }
                Ok(UserChanged::Moved) => {}
                Err(_) if self.hydrate_user(id).await? => {}
                Err(_) => return Err(Error::NoUser),
            }
        }
    }

    /// Returns what a merge patch makes of the metadata that a user has now.
    async fn new_metadata(&self, id: UserId, patch: Option<&Metadata>) -> Result<NewMetadata> {
        // A new account has no row yet.
        let user = self.user(id).await?;
        let before = user.as_ref().and_then(|user| user.metadata.as_ref());
        let after = merge_metadata(before, patch).map_err(Error::Metadata)?;
        let json = |metadata: Option<&Metadata>| metadata.map(metadata_json).unwrap_or_default();
        Ok(NewMetadata {
            before: json(before),
            after: json(after.as_ref()),
        })
    }
}

/// Returns the names that a change needs claims for.
fn new_names(before: &User, change: &UserChange) -> Vec<Name> {
    let names = [
        (NameKind::Username, &change.username, &before.username),
        (NameKind::Email, &change.email, &before.email),
    ];
    let is_new = |(kind, new, old): (NameKind, &Option<String>, &String)| {
        // Without an address there is none to claim.
        let is_claimed = |new: &&String| fold(new) != fold(old) && !new.is_empty();
        Some(Name::new(kind, new.as_ref().filter(is_claimed)?))
    };
    names.into_iter().filter_map(is_new).collect()
}
