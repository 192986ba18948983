//! Logs in, authenticates by a token, logs out.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use hot::{Admission, EndedSessions, Meter, Rate, SessionState, UserChange};
use model::{Name, Partition, Session, SessionId, SessionView, Tick, Token, User, UserId};

use crate::{
    Error, Result, Store,
    notify::Notification,
    password::{PasswordCheck, random},
    residency::retry,
    safety::Standing,
};

/// The token of a session that was just opened.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The user who registered or logged in.
    pub user: User,
    /// The token of the session.
    pub token: Token,
    /// The time at which the session ends unless it is used.
    pub expires: Tick,
}

impl Store {
    /// Opens a session; beyond [`hot::MAX_SESSIONS`] the one that was used longest ago ends. A
    /// login that does not exist takes as long as any other. `from` is the address of the client.
    ///
    /// # Errors
    /// [`Error::WrongLogin`]; [`Error::Disabled`] when the account is; [`Error::Busy`] when too
    /// many passwords wait to be checked.
    pub async fn login(
        &self,
        login: &str,
        password: &str,
        device: &str,
        from: &str,
    ) -> Result<IssuedToken> {
        let user = self.find(&Name::guess(login)).await?;
        let hash = user.as_ref().map(|user| user.password.clone());
        let check = self.passwords.check(from, password, hash).await?;
        let account = user.as_ref().map(|user| user.id);
        let wrong = Error::WrongLogin { account };
        let Some(user) = user.filter(|_| check != PasswordCheck::Wrong) else {
            return Err(wrong);
        };
        if check == PasswordCheck::Outdated {
            let hash = self.passwords.hash(from, password).await?;
            self.apply(
                user.id,
                &UserChange {
                    password: Some(hash),
                    ..UserChange::default()
                },
            )
            .await?;
        }
        if user.disabled.happened() {
            return Err(Error::Disabled);
        }
        let opened = self.open_session(user, device, None).await?;
        let entered = opened.ok_or(wrong)?;
        if let Err(error) = self.hot.push_login(entered.user.id).await {
            tracing::debug!(%error, "could not announce a login; its chats are loaded on demand");
        }
        Ok(entered)
    }

    /// Opens a session, which lives as long as it is used, or for `life`; `None` when the password
    /// was changed meanwhile.
    pub(super) async fn open_session(
        &self,
        user: User,
        device: &str,
        life: Option<Duration>,
    ) -> Result<Option<IssuedToken>> {
        let token = Token::new(user.id, random());
        loop {
            match retry(|| {
                self.hot
                    .open_session(user.id, &token, device, user.password_rev, life)
            })
            .await?
            {
                Ok(opened) => {
                    self.remember_names(&user);
                    let ended = opened.as_ref().map(|opened| &opened.ended[..]);
                    self.tell_ended(user.id, ended.unwrap_or_default());
                    return Ok(opened.map(|opened| IssuedToken {
                        user,
                        token,
                        expires: opened.expires,
                    }));
                }
                Err(_) if self.hydrate_user(user.id).await? => {}
                Err(_) => return Err(Error::NoUser),
            }
        }
    }

    /// Tells that these sessions of a user have ended.
    pub(super) fn tell_ended(&self, user: UserId, sessions: &[String]) {
        for session in sessions.iter().cloned() {
            self.known_sessions.end(&EndedSessions::Of(session.clone()));
            self.notifier
                .user(user, Notification::SessionEnded { session });
        }
    }

    /// Returns the session of a token.
    ///
    /// # Errors
    /// [`Error::NoSession`] when it has ended, or the password was changed since.
    pub async fn authenticate(&self, token: &Token) -> Result<Arc<Session>> {
        let hash = token.hash();
        Ok(self
            .valid_session(|| self.hot.authenticate(token.partition(), &hash))
            .await?
            .session)
    }

    /// Returns the session whose token has this hash, if this process knows it to be good, and
    /// counts against a limit. `None`: [`Store::admit`] asks Redis.
    pub fn admit_known(
        &self,
        hash: &str,
        limit: Option<(&'static str, Rate)>,
    ) -> Option<SessionState> {
        // Redis may be another one by now: a script looks before anything is read there.
        let is_proven = self.hot.is_certain() && self.step.standing() == Standing::InStep;
        match is_proven {
            true => self.known_sessions.find(hash, limit),
            false => None,
        }
    }

    /// Returns the session whose token has this hash, charges the budget of its user some units and
    /// counts against a limit. There is no verdict where nothing was counted, since Redis takes no
    /// writes or only the limiter is broken. That must not keep users from reading; writes are
    /// refused by Redis itself.
    ///
    /// # Errors
    /// [`Error::NoSession`] as in [`Store::authenticate`]; then nothing is counted.
    pub async fn admit(
        &self,
        partition: Partition,
        hash: &str,
        limit: Option<(&'static str, Rate)>,
        budget: Option<(Rate, u32)>,
    ) -> Result<SessionState> {
        let known = &self.known_sessions;
        let asked = known.ask();
        // What was taken before is used up first.
        let taken = limit.and_then(|limit| known.take_one(hash, limit));
        let limit = limit.filter(|_| taken.is_none());
        let mut admitted = if limit.is_none() && budget.is_none() {
            let ask = || self.hot.authenticate(partition, hash);
            self.valid_session(ask).await?
        } else {
            let limit = limit.map(|limit| (limit.0, limit.1, known.wanted(hash, limit)));
            let admission = Admission { limit, budget };
            self.admit_by_redis(partition, hash, admission).await?
        };
        known.remember(asked, &admitted, limit);
        if let Some(verdict) = &mut admitted.verdict {
            verdict.left += verdict.granted.saturating_sub(1); // This process has those.
        }
        if taken.is_some() && admitted.budget.is_none_or(|budget| budget.is_allowed()) {
            admitted.verdict = taken;
        }
        Ok(admitted)
    }

    async fn admit_by_redis(
        &self,
        partition: Partition,
        hash: &str,
        admission: Admission<'_>,
    ) -> Result<SessionState> {
        // A call that is repeated after a lost answer may count twice, which costs less than to
        // remember what was counted.
        let admit = || async {
            match self.hot.admit(partition, hash, admission).await {
                Err(error) if error.refuses_writes() || !error.is_outage() => {
                    tracing::warn!(%error, limit = ?admission.limit, "not limited");
                    self.hot.authenticate(partition, hash).await
                }
                other => other,
            }
        };
        self.valid_session(admit).await
    }

    /// Returns the session that `ask` finds, if it is still valid.
    async fn valid_session<F: Future<Output = hot::Result<Option<SessionState>>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<SessionState> {
        let mut known = retry(&ask).await?.ok_or(Error::NoSession)?;
        if known.password_rev.is_none() && self.hydrate_user(known.session.user).await? {
            known = retry(&ask).await?.ok_or(Error::NoSession)?;
        }
        let session = &known.session;
        if known.password_rev != Some(session.password_rev) {
            return Err(Error::NoSession);
        }
        if session.seen < Tick::now().earlier(self.hot.options().seen_every()) {
            let (store, session) = (self.clone(), Arc::clone(session));
            tokio::spawn(async move {
                if let Err(error) = store.touch(&session).await {
                    tracing::debug!(%error, "could not write down the use of a session");
                }
            });
        }
        Ok(known)
    }

    /// Writes down the use of a session, and some times in its life that its user has their names.
    async fn touch(&self, session: &Session) -> Result<()> {
        self.hot.touch_session(session.user, &session.hash).await?;
        let quarter = (self.session_ttl().as_micros() / 4).max(1) as i64;
        if session.seen.0 / quarter != Tick::now().0 / quarter
            && let Some(user) = self.user(session.user).await?
        {
            self.remember_names(&user);
        }
        Ok(())
    }

    /// Checks that a session is still valid; it counts as used.
    ///
    /// # Errors
    /// [`Error::NoSession`] when it has ended, or the password was changed since.
    pub async fn check_session(&self, user: UserId, hash: &str) -> Result<Arc<Session>> {
        let ask = || self.hot.authenticate(user.partition(), hash);
        Ok(self.valid_session(ask).await?.session)
    }

    /// Issues a ticket that stands for a session, once and for a short time.
    ///
    /// # Errors
    /// [`Error::Hot`] when Redis does not answer; retry later.
    pub async fn issue_ticket(&self, session: &Session) -> Result<Token> {
        let ticket = Token::new(session.user, random());
        retry(|| self.hot.issue_ticket(session.user, &ticket, &session.hash)).await?;
        Ok(ticket)
    }

    /// Returns the session that a ticket stands for, and uses the ticket up.
    ///
    /// # Errors
    /// [`Error::NoSession`] when it was used before, or is too old.
    pub async fn use_ticket(&self, ticket: &Token) -> Result<Arc<Session>> {
        let hash = self
            .hot
            .use_ticket(ticket.partition(), &ticket.hash())
            .await?
            .ok_or(Error::NoSession)?;
        Ok(self
            .valid_session(|| self.hot.authenticate(ticket.partition(), &hash))
            .await?
            .session)
    }

    /// Ends a session for good: its token opens none again. After a user's last session their chats
    /// may expire early.
    ///
    /// # Errors
    /// [`Error::Hot`] when Redis does not answer, or [`Error::Cold`] when SQL does not and a user
    /// of an identity provider is not resident; retry later.
    pub async fn logout(&self, user: UserId, hash: &str) -> Result<()> {
        let session = retry(|| self.hot.session(user.partition(), hash)).await?;
        let end = |_| {
            async {
                self.end_tokens(user, session.as_slice()).await?;
                self.end_session(user, hash).await
            }
            .boxed()
        };
        self.in_one_life(end).await
    }

    /// Ends a session.
    async fn end_session(&self, user: UserId, hash: &str) -> Result<()> {
        let left = retry(|| self.hot.close_session(user, hash)).await?;
        self.known_sessions.end(&EndedSessions::Of(hash.to_owned()));
        self.notifier.user(
            user,
            Notification::SessionEnded {
                session: hash.to_owned(),
            },
        );
        if left == 0 {
            let store = self.clone();
            tokio::spawn(Meter::carry(async move {
                if let Err(error) = store.expire_chats_early(user).await {
                    tracing::debug!(
                        %error,
                        user.id = %user,
                        "could not expire chats early; they stay until their time is up"
                    );
                }
            }));
        }
        Ok(())
    }

    /// Forgets sessions that have ended, elsewhere or here.
    pub fn forget_sessions(&self, ended: &EndedSessions) {
        self.known_sessions.end(ended);
    }

    /// Returns a user's open sessions; `current` is the hash of the asking session's token.
    ///
    /// # Errors
    /// [`Error::Hot`] when Redis does not answer; retry later.
    pub async fn sessions(&self, user: UserId, current: &str) -> Result<Vec<SessionView>> {
        let sessions = self.hot.sessions(user).await?;
        Ok(sessions
            .into_iter()
            .map(|session| SessionView::new(session, current))
            .collect())
    }

    /// Ends one of a user's sessions.
    ///
    /// # Errors
    /// [`Error::NoSession`] when the user has no such session.
    pub async fn revoke(&self, user: UserId, id: SessionId) -> Result<()> {
        let sessions = self.hot.sessions(user).await?;
        let session = sessions
            .iter()
            .find(|session| session.id() == id)
            .ok_or(Error::NoSession)?;
        self.logout(user, &session.hash).await
    }

    /// Ends all of a user's sessions but the one with this hash, for good.
    ///
    /// # Errors
    /// As [`Self::logout`].
    pub async fn revoke_others(&self, user: UserId, current: &str) -> Result<()> {
        let mut sessions = self.hot.sessions(user).await?;
        sessions.retain(|session| session.hash != current);
        let end = |_| {
            async {
                self.end_tokens(user, &sessions).await?;
                for session in &sessions {
                    self.end_session(user, &session.hash).await?;
                }
                Ok(())
            }
            .boxed()
        };
        self.in_one_life(end).await
    }

    /// Takes away the sessions of a user that are void since the user's row has changed: no token
    /// from before that opens one.
    ///
    /// # Errors
    /// [`Error::Hot`] when Redis does not answer; retry later.
    pub(super) async fn drop_void_sessions(&self, user: UserId) -> Result<()> {
        for session in self.hot.sessions(user).await? {
            self.end_session(user, &session.hash).await?;
        }
        Ok(())
    }
}
