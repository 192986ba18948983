//! The token of a request: that of a session, or one of the identity provider, which opens a
//! session when it comes for the first time.

use std::time::Duration;

use model::{Partition, ProblemCode, Token, UserId};
use store::{ProviderToken, Rate};

use crate::{
    identity::{Jwt, Provider, Refusal},
    request::{
        budget::{self, Admitted},
        characters::tidy_name,
        rate_limits, refusals,
        validate::DISPLAY_NAME,
    },
    response::problem::Problem,
    state::State,
};

/// The limit that failures count against, beside logins of the same address.
const LIMIT: &str = "login-address";

/// The token of a request.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    /// The token of a session, which this server has made.
    Session(Token),
    /// A token of the identity provider.
    Provider(Jwt),
}

impl Credential {
    /// Reads the text of a token.
    pub(crate) fn read(text: &str, provider: Option<&Provider>) -> Option<Self> {
        match text.parse() {
            Ok(token) => Some(Self::Session(token)),
            Err(_) => provider?.read(text).map(Self::Provider),
        }
    }

    /// Returns the partition of its session.
    pub(crate) fn partition(&self) -> Partition {
        match self {
            Self::Session(token) => token.partition(),
            Self::Provider(token) => token.partition(),
        }
    }

    /// Returns the hash by which its session is known.
    pub(crate) fn hash(&self) -> String {
        match self {
            Self::Session(token) => token.hash(),
            Self::Provider(token) => token.hash(),
        }
    }
}

/// Checks the session of a token as [`budget::admit`] does. Where there is none for a token of the
/// identity provider, it is opened. `address` is that of the client.
///
/// # Errors
/// 401 for a token that is not good, 429 when a limit is used up.
pub(crate) async fn admit(
    state: &State,
    credential: &Credential,
    address: impl FnOnce() -> String,
    limit: Option<(&'static str, Rate)>,
) -> Result<Admitted, Problem> {
    let hash = credential.hash();
    let admitted = budget::admit(state, credential.partition(), &hash, limit).await;
    match (credential, admitted) {
        (Credential::Provider(token), Err(problem)) if problem.is_unauthorized() => {
            Box::pin(admit_new(state, token, &hash, &address(), limit)).await
        }
        (_, admitted) => admitted,
    }
}

/// Checks the session of a token as [`admit`] does, by Redis.
///
/// # Errors
/// As [`admit`].
pub(crate) async fn admit_by_redis(
    state: &State,
    credential: &Credential,
    address: &str,
) -> Result<Admitted, Problem> {
    let hash = credential.hash();
    let admitted = budget::admit_by_redis(state, credential.partition(), &hash, None).await;
    match (credential, admitted) {
        (Credential::Provider(token), Err(problem)) if problem.is_unauthorized() => {
            Box::pin(admit_new(state, token, &hash, address, None)).await
        }
        (_, admitted) => admitted,
    }
}

/// Opens the session of a token of the identity provider, and checks it.
async fn admit_new(
    state: &State,
    token: &Jwt,
    hash: &str,
    address: &str,
    limit: Option<(&'static str, Rate)>,
) -> Result<Admitted, Problem> {
    let Some(provider) = &state.provider else {
        return Err(Problem::unauthorized());
    };
    if let Some(time) = provider.refused_for(address) {
        return Err(too_often(time));
    }
    // Many requests come at once with a new token.
    let _alone = provider.alone_with(hash).await;
    let again = budget::admit_by_redis(state, token.partition(), hash, limit).await;
    if !matches!(&again, Err(problem) if problem.is_unauthorized()) {
        return again;
    }
    let user = match open(state, provider, token, hash, address).await {
        Err(problem) if is_failure(&problem) => {
            count_failure(state, provider, address).await?;
            refusals::note(problem.code(), "none", address);
            return Err(problem);
        }
        user => user?,
    };
    budget::admit_by_redis(state, user.partition(), hash, limit).await
}

/// Verifies a token and opens its session; returns its user, who is made when they are new.
async fn open(
    state: &State,
    provider: &Provider,
    token: &Jwt,
    hash: &str,
    address: &str,
) -> Result<UserId, Problem> {
    let claims = provider.verify(token, address).await?;
    let shown = claims.display_name.as_deref().map(tidy_name);
    let shown = shown.filter(|name| DISPLAY_NAME.contains(&name.chars().count()));
    let token = ProviderToken {
        hash,
        subject: &claims.subject,
        display_name: shown.as_deref(),
        device: provider.device(),
        issued: claims.issued,
        expires: claims.expires,
    };
    let user = state.store.open_token_session(token).await?;
    tracing::debug!(user.id = %user, "a token of the identity provider has opened a session");
    Ok(user)
}

/// True for a token that is refused for what it is. One that has expired costs nothing, and comes
/// from every page that was asleep.
fn is_failure(problem: &Problem) -> bool {
    matches!(
        problem.code(),
        ProblemCode::Unauthorized | ProblemCode::AccountDisabled
    )
}

/// Counts a failure of an address, as that of a login.
async fn count_failure(state: &State, provider: &Provider, address: &str) -> Result<(), Problem> {
    let Some(rate) = state.config.limit_login.times(10).rate() else {
        return Ok(());
    };
    let Some(verdict) = state.store.limit(LIMIT, address, rate).await? else {
        return Ok(());
    };
    if verdict.left == 0 {
        provider.refuse_for(address, Duration::from_secs(verdict.seconds.into()));
    }
    rate_limits::check(LIMIT, rate, verdict)
}

fn too_often(time: Duration) -> Problem {
    let seconds = u32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
    let detail =
        format!("Too many tokens from your address were refused. Try again in {seconds} s.");
    Problem::rate_limited(detail, seconds)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Expired => Self::new(
                ProblemCode::TokenExpired,
                "The token of your identity provider has expired. Get a new one.",
            ),
            Refusal::Unavailable => Self::unavailable(
                ProblemCode::ProviderUnavailable,
                "The keys of your identity provider cannot be fetched now. Try again in a moment.",
                5,
            ),
            Refusal::Busy => Self::from(store::Error::Busy),
            refusal => Self::new(
                ProblemCode::Unauthorized,
                format!("The token is not accepted: {refusal}."),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_token_counts_and_what_is_wrong_with_the_time_or_the_server_does_not() {
        let counts = |refusal: Refusal| is_failure(&Problem::from(refusal));
        for refusal in [
            Refusal::Signature,
            Refusal::Key,
            Refusal::Algorithm,
            Refusal::Life,
        ] {
            assert!(counts(refusal));
        }
        for refusal in [Refusal::Expired, Refusal::Unavailable, Refusal::Busy] {
            assert!(!counts(refusal));
        }
        assert!(is_failure(&Problem::from(store::Error::TokenEnded)));
        assert!(is_failure(&Problem::from(store::Error::Disabled)));
        assert!(!is_failure(&Problem::from(store::Error::NoRoom)));
    }
}
