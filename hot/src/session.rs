//! Sessions.

use fred::types::Value;
use model::{Partition, Session, Tick, Token, UserId};

use crate::{
    Hot, Rate, Refusal, Result, Verb, Verdict,
    client::{arg, ms},
    keys::{self, UserKeys},
    reply::{Reply, number, parse, text},
};

/// A session that was opened.
#[derive(Clone, Copy, Debug)]
pub struct Opened {
    /// When it ends unless it is used.
    pub expires: Tick,
}

/// A session, as it was found.
#[derive(Clone, Debug)]
pub struct Known {
    /// The session.
    pub session: Session,
    /// The rev of its user's password as it is now; `None` when the user is not resident. It must be the session's own.
    pub password_rev: Option<Tick>,
    /// How the user stands to the limit that was asked for; `None` when nothing was counted.
    pub verdict: Option<Verdict>,
}

impl Hot {
    /// Opens a session. `Ok(None)`: the password is no longer the one of `password_rev`.
    pub async fn open_session(
        &self,
        user: UserId,
        token: &Token,
        device: &str,
        password_rev: Tick,
    ) -> Result<std::result::Result<Option<Opened>, Refusal>> {
        let (hash, keys) = (token.hash(), UserKeys::new(user));
        let mut reply = self
            .run(
                Verb::OpenSession,
                vec![keys.row(), keys::session(user.partition(), &hash), keys.sessions()],
                vec![arg(&hash), arg(user), arg(device), ms(self.options.session_ttl), arg(password_rev)],
            )
            .await?;
        match reply.word() {
            "OK" => Ok(Ok(Some(Opened { expires: Tick(reply.number(2)? * 1000) }))),
            "STALE" => Ok(Ok(None)),
            "COLD" => Ok(Err(Refusal::Cold)),
            _ => Err(reply.unexpected()),
        }
    }

    /// The session of a token; `None`: there is none.
    pub async fn authenticate(&self, partition: Partition, hash: &str) -> Result<Option<Known>> {
        let reply = self.run(Verb::Authenticate, vec![keys::session(partition, hash)], vec![arg(keys::user_prefix(partition))]).await?;
        self.known(hash, reply)
    }

    /// The same, and if the session is good its user does `what` once more.
    pub async fn admit(&self, partition: Partition, hash: &str, what: &str, rate: Rate) -> Result<Option<Known>> {
        let mut args = vec![arg(keys::user_prefix(partition)), arg(keys::user_limit(partition, what))];
        args.extend(rate.args());
        let reply = self.run(Verb::Admit, vec![keys::session(partition, hash)], args).await?;
        self.known(hash, reply)
    }

    fn known(&self, hash: &str, reply: Reply) -> Result<Option<Known>> {
        let mut row: Vec<Value> = reply.rest(0).collect();
        let verdict = Verdict::of(row.split_off(row.len().min(6)).into_iter())?;
        let password_rev = row.pop().and_then(|rev| rev.as_i64()).map(Tick);
        Ok(session_of(hash, row, self.options.session_ttl)?.map(|session| Known { session, password_rev, verdict }))
    }

    async fn session(&self, partition: Partition, hash: &str) -> Result<Option<Session>> {
        let fields = ["user", "device", "created", "seen", "password_rev"];
        let args = std::iter::once(arg(keys::session(partition, hash))).chain(fields.map(arg)).collect();
        let row = self.command("HMGET", args).await?.into_array();
        session_of(hash, row, self.options.session_ttl)
    }

    /// A session was used: its end moves on.
    pub async fn touch_session(&self, user: UserId, hash: &str) -> Result<()> {
        let keys = vec![keys::session(user.partition(), hash), UserKeys::new(user).sessions()];
        self.run(Verb::TouchSession, keys, vec![arg(hash), ms(self.options.session_ttl)]).await.map(drop)
    }

    /// The session that changed the password goes on.
    pub async fn renew_session(&self, user: UserId, hash: &str) -> Result<()> {
        let keys = vec![UserKeys::new(user).row(), keys::session(user.partition(), hash)];
        self.run(Verb::RenewSession, keys, vec![]).await.map(drop)
    }

    /// Ends a session; how many the user has left.
    pub async fn close_session(&self, user: UserId, hash: &str) -> Result<i64> {
        let keys = UserKeys::new(user);
        let keys = vec![keys::session(user.partition(), hash), keys.sessions(), keys.due()];
        self.run(Verb::CloseSession, keys, vec![arg(hash), arg(user)]).await?.number(0)
    }

    /// The open sessions of a user, newest last.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Session>> {
        let now = Tick::now().0 / 1000;
        let args = vec![arg(UserKeys::new(user).sessions()), arg(format_args!("({now}")), arg("+inf")];
        let hashes = self.command("ZRANGEBYSCORE", args).await?.into_array();
        let hashes: Vec<String> = hashes.into_iter().map(text).collect();
        let all = hashes.iter().map(|hash| self.session(user.partition(), hash));
        let mut found: Vec<_> = futures_util::future::try_join_all(all).await?.into_iter().flatten().collect();
        found.sort_by_key(|session| session.created);
        Ok(found)
    }

    /// How many open sessions each of these users has.
    pub async fn session_counts(&self, users: &[UserId]) -> Result<Vec<i64>> {
        let now = Tick::now().0 / 1000;
        let count = |user: &UserId| {
            let args = vec![arg(UserKeys::new(*user).sessions()), arg(format_args!("({now}")), arg("+inf")];
            self.command("ZCOUNT", args)
        };
        let counts = futures_util::future::try_join_all(users.iter().map(count)).await?;
        counts.iter().map(|count| number("a count of sessions", count)).collect()
    }
}

fn session_of(hash: &str, row: Vec<Value>, ttl: std::time::Duration) -> Result<Option<Session>> {
    let mut row = row.into_iter();
    let mut next = || row.next().unwrap_or(Value::Null);
    let user = next();
    if user.is_null() {
        return Ok(None);
    }
    let user = parse("a session's user", &text(user))?;
    let device = text(next());
    let mut tick = |what| number(what, &next()).map(Tick);
    let (created, seen, password_rev) = (tick("when a session began")?, tick("when a session was seen")?, tick("a session's password")?);
    let expires = Tick(seen.0 + ttl.as_micros() as i64);
    Ok(Some(Session { hash: hash.to_owned(), user, device, created, seen, password_rev, expires }))
}
