//! Sessions.

use std::{sync::Arc, time::Duration};

use fred::{types::Value, util::sha1_hash};
use model::{Partition, PrivateKey, Session, Tick, Token, UserId};

use super::{Rate, RateVerdict};
use crate::wire::{
    Hot, Micros, Millis, Refusal, Reply, Result, UserKeys, arg, keys, number, parse, text, verbs,
};

/// The name of the limit that is an account's budget of cost.
const BUDGET: &str = "cost";

/// The number of sessions that a user has at the most.
pub const MAX_SESSIONS: usize = 100;

/// A session that was opened.
#[derive(Clone, Debug)]
pub struct OpenedSession {
    /// The tick at which the session ends unless it is used.
    pub expires: Tick,
    /// The hashes of the sessions that ended for it: those used longest ago.
    pub ended: Vec<String>,
}

/// A session that the token of an identity provider opens.
#[derive(Clone, Copy, Debug)]
pub struct TokenSession<'a> {
    /// The SHA-256 of the token, in hex.
    pub hash: &'a str,
    /// The name of the session in the list of sessions.
    pub device: &'a str,
    /// The time for which it lives.
    pub life: Duration,
    /// The tick at which the token was issued.
    pub issued: Tick,
    /// The value of the private row of ended tokens, which does not have this one.
    pub ended: &'a str,
}

/// The private row of a user with the tokens that have ended.
const ENDED: PrivateKey = PrivateKey::Ended(Partition(0));

/// A session and what decides whether it is good.
#[derive(Clone, Debug)]
pub struct SessionState {
    /// The session.
    pub session: Arc<Session>,
    /// The rev of the user's password as it is now; `None` when the user is not resident. A good
    /// session has the same.
    pub password_rev: Option<Tick>,
    /// The verdict of the limit that was asked for; `None` when nothing was counted.
    pub verdict: Option<RateVerdict>,
    /// The verdict of the budget; `None` when nothing was charged.
    pub budget: Option<RateVerdict>,
}

/// What to count for the user of a session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Admission<'a> {
    /// The name of a limit and its rate, and how many are wanted at once.
    pub limit: Option<(&'a str, Rate, u32)>,
    /// The budget of the user, and the units that are to be charged to it.
    pub budget: Option<(Rate, u32)>,
}

impl Hot {
    /// Opens a session; beyond [`MAX_SESSIONS`] the one that was used longest ago ends. It lives as
    /// long as it is used, or for `life`. `Ok(None)`: the password is no longer the one of
    /// `password_rev`.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn open_session(
        &self,
        user: UserId,
        token: &Token,
        device: &str,
        password_rev: Tick,
        life: Option<Duration>,
    ) -> Result<std::result::Result<Option<OpenedSession>, Refusal>> {
        let session = TokenSession {
            hash: &token.hash(),
            device,
            life: life.unwrap_or(self.options.session_ttl),
            issued: Tick::NEVER,
            ended: "",
        };
        self.open(user, session, life.is_some(), password_rev).await
    }

    /// Opens a session with the token of an identity provider, or finds that it is open. It ends
    /// after its life. `Ok(None)`: the password is no longer the one of `password_rev`, or another
    /// token has ended since.
    ///
    /// # Errors
    /// As [`Self::open_session`].
    pub async fn open_token_session(
        &self,
        user: UserId,
        session: TokenSession<'_>,
        password_rev: Tick,
    ) -> Result<std::result::Result<Option<OpenedSession>, Refusal>> {
        self.open(user, session, true, password_rev).await
    }

    async fn open(
        &self,
        user: UserId,
        session: TokenSession<'_>,
        is_fixed: bool,
        password_rev: Tick,
    ) -> Result<std::result::Result<Option<OpenedSession>, Refusal>> {
        let mut reply = self
            .run(verbs::OpenSession {
                user,
                session: keys::session(user.partition(), session.hash),
                hash: arg(session.hash),
                device: arg(session.device),
                issued: session.issued,
                ended_row: arg(ENDED),
                ended_seen: arg(sha1_hash(session.ended)),
                ttl: Millis(session.life),
                is_fixed,
                password_rev,
                session_prefix: arg(keys::session(user.partition(), "")),
                ended_channel: arg(keys::ended(user.partition())),
                max_sessions: MAX_SESSIONS,
            })
            .await?;
        match reply.word() {
            "OK" => Ok(Ok(Some(OpenedSession {
                expires: Tick(reply.number(2)? * 1000),
                ended: reply.rest(3).map(text).collect(),
            }))),
            "STALE" => Ok(Ok(None)),
            "COLD" => Ok(Err(Refusal::Cold)),
            _ => Err(reply.unexpected()),
        }
    }

    /// Reads the session of a token; `None` when there is none.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn authenticate(
        &self,
        partition: Partition,
        hash: &str,
    ) -> Result<Option<SessionState>> {
        let reply = self
            .run(verbs::Authenticate {
                session: keys::session(partition, hash),
                user_prefix: arg(keys::user_prefix(partition)),
            })
            .await?;
        self.known(hash, reply)
    }

    /// Reads the session of a token and, if it is good, charges the budget of its user and counts
    /// against a limit.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn admit(
        &self,
        partition: Partition,
        hash: &str,
        admission: Admission<'_>,
    ) -> Result<Option<SessionState>> {
        let (what, rate, wanted) = admission.limit.unwrap_or(("", Rate::NONE, 0));
        let (budget, owed) = admission.budget.unwrap_or((Rate::NONE, 0));
        let reply = self
            .run(verbs::Admit {
                session: keys::session(partition, hash),
                user_prefix: arg(keys::user_prefix(partition)),
                limit_prefix: arg(keys::user_limit(partition, what)),
                most: rate.most,
                wanted,
                period: Micros(rate.period),
                budget_prefix: arg(keys::user_limit(partition, BUDGET)),
                budget: budget.most,
                budget_period: Micros(budget.period),
                owed,
            })
            .await?;
        self.known(hash, reply)
    }

    fn known(&self, hash: &str, reply: Reply) -> Result<Option<SessionState>> {
        let mut row: Vec<Value> = reply.rest(0).collect();
        let mut verdicts = row.split_off(row.len().min(8));
        let limit = verdicts.split_off(verdicts.len().min(3));
        let password_rev = row.pop().and_then(|rev| rev.as_i64()).map(Tick);
        let Some(session) = session_of(hash, row, self.options.session_ttl)? else {
            return Ok(None);
        };
        Ok(Some(SessionState {
            session: Arc::new(session),
            password_rev,
            verdict: RateVerdict::of(limit.into_iter())?,
            budget: RateVerdict::of(verdicts.into_iter())?,
        }))
    }

    /// Reads a session, whether it is good or not; `None` when there is none.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn session(&self, partition: Partition, hash: &str) -> Result<Option<Session>> {
        let fields = [
            "user",
            "device",
            "created",
            "seen",
            "password_rev",
            "ends",
            "issued",
        ];
        let args = std::iter::once(arg(keys::session(partition, hash)))
            .chain(fields.map(arg))
            .collect();
        let row = self.command("HMGET", args).await?.into_array();
        session_of(hash, row, self.options.session_ttl)
    }

    /// Moves the end of a session that was used.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn touch_session(&self, user: UserId, hash: &str) -> Result<()> {
        self.run(verbs::TouchSession {
            user,
            session: keys::session(user.partition(), hash),
            hash: arg(hash),
            ttl: Millis(self.options.session_ttl),
        })
        .await
        .map(drop)
    }

    /// Ends a session, and returns how many the user has left.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn close_session(&self, user: UserId, hash: &str) -> Result<i64> {
        self.run(verbs::CloseSession {
            user,
            session: keys::session(user.partition(), hash),
            hash: arg(hash),
            ended_channel: arg(keys::ended(user.partition())),
        })
        .await?
        .number(0)
    }

    /// Reads the open sessions of a user, newest last.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Session>> {
        let now = Tick::now().0 / 1000;
        let args = vec![
            arg(UserKeys::new(user).sessions()),
            arg(format_args!("({now}")),
            arg("+inf"),
        ];
        let hashes = self.command("ZRANGEBYSCORE", args).await?.into_array();
        let hashes: Vec<String> = hashes.into_iter().map(text).collect();
        let all = hashes
            .iter()
            .map(|hash| self.session(user.partition(), hash));
        let mut found: Vec<_> = futures_util::future::try_join_all(all)
            .await?
            .into_iter()
            .flatten()
            .collect();
        found.sort_by_key(|session| session.created);
        Ok(found)
    }

    /// Counts the open sessions of each of these users.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn session_counts(&self, users: &[UserId]) -> Result<Vec<i64>> {
        let now = Tick::now().0 / 1000;
        let count = |user: &UserId| {
            let args = vec![
                arg(UserKeys::new(*user).sessions()),
                arg(format_args!("({now}")),
                arg("+inf"),
            ];
            self.command("ZCOUNT", args)
        };
        let counts = futures_util::future::try_join_all(users.iter().map(count)).await?;
        counts
            .iter()
            .map(|count| number("a count of sessions", count))
            .collect()
    }
}

fn session_of(hash: &str, row: Vec<Value>, ttl: Duration) -> Result<Option<Session>> {
    let mut row = row.into_iter();
    let mut next = || row.next().unwrap_or(Value::Null);
    let user = next();
    if user.is_null() {
        return Ok(None);
    }
    let user = parse("a session's user", &text(user))?;
    let device = text(next());
    let mut tick = |what| number(what, &next()).map(Tick);
    let (created, seen, password_rev) = (
        tick("when a session began")?,
        tick("when a session was seen")?,
        tick("a session's password")?,
    );
    let unused = Tick(seen.0 + ttl.as_micros() as i64);
    let ends = next().as_i64().map(Tick);
    let issued = next().as_i64().map_or(Tick::NEVER, Tick);
    let expires = ends.map_or(unused, |ends| ends.min(unused));
    Ok(Some(Session {
        hash: hash.to_owned(),
        user,
        device,
        created,
        seen,
        password_rev,
        expires,
        issued,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_its_life_after_it_was_seen() {
        let user = UserId::new();
        let of = |user: Value, ends: &str| {
            let row = vec![
                user,
                "phone".into(),
                "1".into(),
                "2000000".into(),
                "3".into(),
                ends.into(),
                "7".into(),
            ];
            session_of("hash", row, Duration::from_secs(5)).expect("a session")
        };
        let session = of(user.to_string().into(), "").expect("one");
        assert_eq!((session.user, session.device.as_str()), (user, "phone"));
        assert_eq!((session.created, session.password_rev), (Tick(1), Tick(3)));
        assert_eq!(
            (session.expires, session.issued),
            (Tick(7_000_000), Tick(7))
        );
        let fixed = |ends| of(user.to_string().into(), ends).expect("one").expires;
        assert_eq!(fixed("6500000"), Tick(6_500_000));
        assert_eq!(fixed("9000000"), Tick(7_000_000));
        assert!(of(Value::Null, "").is_none());
    }
}
