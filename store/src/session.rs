//! Register, log in, be known by a token, log out.

use std::time::Duration;

use hot::{Known, Rate, UserChange, Verdict};
use model::{Name, NameKind, Partition, Session, SessionId, SessionView, Tick, Token, User, UserId};

use crate::{Envelope, Error, Result, Store, again::again, password::Check};

/// A chat with more members than this stays warm when one of them leaves.
const COOLED_UP_TO: usize = 20;

/// A session's last use is written down at most this often.
const SEEN_EVERY: Duration = Duration::from_secs(60);

/// Somebody who registered or logged in.
#[derive(Clone, Debug)]
pub struct Entered {
    /// Who.
    pub user: User,
    /// What they show from now on.
    pub token: Token,
    /// When it ends unless it is used.
    pub expires: Tick,
}

impl Store {
    /// Makes an account and opens its first session.
    ///
    /// # Errors
    /// [`Error::Taken`] when a name is another's.
    pub async fn register(&self, username: &str, email: &str, display_name: &str, password: &str, device: &str) -> Result<Entered> {
        self.check_room()?;
        let hash = self.passwords.hash(password).await?;
        let id = UserId::new();
        self.begin_account(id).await?;
        let names = [Name::new(NameKind::Username, username), Name::new(NameKind::Email, email)];
        let claims = self.claim_all(id, &names).await?;
        let change = UserChange {
            username: Some(username.to_owned()),
            email: Some(email.to_owned()),
            display_name: Some(display_name.to_owned()),
            bio: Some(String::new()),
            avatar: Some(String::new()),
            password: Some(hash),
            new_password: true,
            created: true,
            claims,
        };
        self.apply(id, &change).await?;
        let user = self.user(id).await?.ok_or(Error::NoUser)?;
        self.enter(user, device).await?.ok_or(Error::WrongPassword)
    }

    /// Opens a session. It takes as long whether or not there is such a user.
    ///
    /// # Errors
    /// [`Error::WrongPassword`]
    pub async fn login(&self, login: &str, password: &str, device: &str) -> Result<Entered> {
        let user = self.find(&Name::guess(login)).await?;
        let check = self.passwords.check(password, user.as_ref().map(|user| user.password.clone())).await?;
        let Some(user) = user.filter(|_| check != Check::Wrong) else { return Err(Error::WrongPassword) };
        if check == Check::Outdated {
            let hash = self.passwords.hash(password).await?;
            self.apply(user.id, &UserChange { password: Some(hash), ..UserChange::default() }).await?;
        }
        let entered = self.enter(user, device).await?.ok_or(Error::WrongPassword)?;
        if let Err(error) = self.hot.push_login(entered.user.id).await {
            tracing::debug!(%error, "a login was not announced; what it needs is loaded when it is asked for");
        }
        Ok(entered)
    }

    /// `None`: the password was changed meanwhile.
    async fn enter(&self, user: User, device: &str) -> Result<Option<Entered>> {
        let token = Token::new(user.id, random());
        loop {
            match again(|| self.hot.open_session(user.id, &token, device, user.password_rev)).await? {
                Ok(opened) => return Ok(opened.map(|opened| Entered { user, token, expires: opened.expires })),
                Err(_) if self.hydrate_user(user.id).await? => {}
                Err(_) => return Err(Error::NoUser),
            }
        }
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// [`Error::NoSession`] when it has ended, or the password was changed since.
    pub async fn authenticate(&self, token: &Token) -> Result<Session> {
        let hash = token.hash();
        Ok(self.good(|| self.hot.authenticate(token.partition(), &hash)).await?.session)
    }

    /// Whose token this is, and they do `what` once more. No verdict: it was not counted, since Redis takes no writes, or only the limiter is broken. That
    /// must not keep anybody from reading; what they write is refused by itself.
    ///
    /// # Errors
    /// [`Error::NoSession`] as in [`Store::authenticate`]; then nothing is counted.
    pub async fn admit(&self, token: &Token, what: &str, rate: Rate) -> Result<(Session, Option<Verdict>)> {
        self.admit_hash(token.partition(), &token.hash(), what, rate).await
    }

    async fn admit_hash(&self, partition: Partition, hash: &str, what: &str, rate: Rate) -> Result<(Session, Option<Verdict>)> {
        // What is tried again for a lost answer may count twice, which costs less than to remember what was counted.
        let admit = || async {
            match self.hot.admit(partition, hash, what, rate).await {
                Err(error) if error.refuses_writes() || !error.is_outage() => {
                    tracing::warn!(%error, limit = what, "not limited");
                    self.hot.authenticate(partition, hash).await
                }
                other => other,
            }
        };
        let known = self.good(admit).await?;
        Ok((known.session, known.verdict))
    }

    /// The session that `ask` finds, if it is good.
    async fn good<F: Future<Output = hot::Result<Option<Known>>>>(&self, ask: impl Fn() -> F) -> Result<Known> {
        let mut known = again(&ask).await?.ok_or(Error::NoSession)?;
        if known.password_rev.is_none() && self.hydrate_user(known.session.user).await? {
            known = again(&ask).await?.ok_or(Error::NoSession)?;
        }
        let session = &known.session;
        if known.password_rev != Some(session.password_rev) {
            return Err(Error::NoSession);
        }
        if session.seen < Tick::now().earlier(SEEN_EVERY.min(self.hot.options().session_ttl / 4)) {
            let (hot, session) = (self.hot.clone(), session.clone());
            tokio::spawn(async move {
                if let Err(error) = hot.touch_session(session.user, &session.hash).await {
                    tracing::debug!(%error, "a session's use was not written down");
                }
            });
        }
        Ok(known)
    }

    /// Is this session still good? It counts as used.
    ///
    /// # Errors
    /// [`Error::NoSession`]
    pub async fn check_session(&self, user: UserId, hash: &str) -> Result<Session> {
        Ok(self.good(|| self.hot.authenticate(user.partition(), hash)).await?.session)
    }

    /// The same, and they do `what` once more.
    ///
    /// # Errors
    /// [`Error::NoSession`]
    pub async fn admit_session(&self, user: UserId, hash: &str, what: &str, rate: Rate) -> Result<(Session, Option<Verdict>)> {
        self.admit_hash(user.partition(), hash, what, rate).await
    }

    /// A ticket that stands for a session, once and for a short time.
    pub async fn issue_ticket(&self, session: &Session) -> Result<Token> {
        let ticket = Token::new(session.user, random());
        again(|| self.hot.issue_ticket(session.user, &ticket, &session.hash)).await?;
        Ok(ticket)
    }

    /// The session that a ticket stands for; it is used up.
    ///
    /// # Errors
    /// [`Error::NoSession`] when it was used before, or is too old.
    pub async fn use_ticket(&self, ticket: &Token) -> Result<Session> {
        let hash = self.hot.use_ticket(ticket.partition(), &ticket.hash()).await?.ok_or(Error::NoSession)?;
        Ok(self.good(|| self.hot.authenticate(ticket.partition(), &hash)).await?.session)
    }

    /// Sets a new password; every other session ends.
    ///
    /// # Errors
    /// [`Error::WrongPassword`] when `current` is not the one that holds.
    pub async fn change_password(&self, session: &Session, current: &str, new: &str) -> Result<()> {
        let user = self.user(session.user).await?.ok_or(Error::NoUser)?;
        if self.passwords.check(current, Some(user.password)).await? == Check::Wrong {
            return Err(Error::WrongPassword);
        }
        let password = Some(self.passwords.hash(new).await?);
        self.apply(user.id, &UserChange { password, new_password: true, ..UserChange::default() }).await?;
        again(|| self.hot.renew_session(user.id, &session.hash)).await?;
        self.revoke_others(user.id, &session.hash).await
    }

    /// Ends a session. With a user's last one their chats may cool.
    pub async fn logout(&self, user: UserId, hash: &str) -> Result<()> {
        let left = again(|| self.hot.close_session(user, hash)).await?;
        self.teller.user(user, Envelope::Ended { session: hash.to_owned() });
        if left == 0 {
            let store = self.clone();
            tokio::spawn(async move {
                if let Err(error) = store.cool_chats(user).await {
                    tracing::debug!(%error, user.id = %user, "chats stay warm until their tokens expire");
                }
            });
        }
        Ok(())
    }

    /// A user's open sessions; `current` is the hash of the token that asks.
    pub async fn sessions(&self, user: UserId, current: &str) -> Result<Vec<SessionView>> {
        let sessions = self.hot.sessions(user).await?;
        Ok(sessions.into_iter().map(|session| SessionView::new(session, current)).collect())
    }

    /// Ends one of a user's sessions.
    ///
    /// # Errors
    /// [`Error::NoSession`] when they have no such one.
    pub async fn revoke(&self, user: UserId, id: SessionId) -> Result<()> {
        let sessions = self.hot.sessions(user).await?;
        let session = sessions.iter().find(|session| session.id() == id).ok_or(Error::NoSession)?;
        self.logout(user, &session.hash).await
    }

    /// Ends all of a user's sessions but the one with this hash.
    pub async fn revoke_others(&self, user: UserId, current: &str) -> Result<()> {
        for session in self.hot.sessions(user).await? {
            if session.hash != current {
                self.logout(user, &session.hash).await?;
            }
        }
        Ok(())
    }

    /// A user has no session any more: their chats, unless large, in which nobody else has one need not stay warm.
    pub async fn cool_chats(&self, user: UserId) -> Result<()> {
        for listed in self.hot.chats_of(user).await? {
            let members = self.hot.members(listed.chat).await?;
            let others: Vec<UserId> = members.iter().filter(|(id, member)| **id != user && member.is_in()).map(|(id, _)| *id).collect();
            if members.is_empty() || others.len() >= COOLED_UP_TO {
                continue;
            }
            if self.hot.session_counts(&others).await?.iter().all(|count| *count == 0) {
                self.hot.cool(listed.chat).await?;
            }
        }
        Ok(())
    }
}

fn random() -> [u8; 32] {
    use argon2::password_hash::rand_core::{OsRng, RngCore};
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    bytes
}
