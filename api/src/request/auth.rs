//! Authentication of a request: a bearer token, or the cookie of our own page.

use std::{marker::PhantomData, ops::Deref, sync::Arc};

use files::Files;
use model::{ChatId, Session, UserId};
use poem::{
    Request, RequestBody,
    http::{Method, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use store::{Membership, Rate};

use crate::{
    bounds::turns::{TooMuch, Turn, Work},
    identity::Provider,
    request::{
        api_key,
        asker::Asker,
        budget::{self, Admitted},
        client_address,
        credential::{self, Credential},
        rate_limits::{self, LimitedAction},
    },
    response::{cookie::COOKIE, problem::Problem},
    state::State,
};

/// The session of a request, and the state.
pub(crate) struct Caller {
    /// The session.
    pub(crate) session: Arc<Session>,
    /// The stores and the settings.
    pub(crate) state: Arc<State>,
    /// What is held on behalf of the request.
    pub(crate) asker: Asker,
}

impl Caller {
    /// Returns the id of the account.
    pub(crate) fn user(&self) -> UserId {
        self.session.user
    }

    /// Returns the files, with the turns of the account.
    pub(crate) fn files(&self) -> Files {
        self.state.files.for_account(&self.user().to_string())
    }

    /// Waits until the account may have some costly work done.
    ///
    /// # Errors
    /// 429 when too much of it waits already.
    pub(crate) async fn turn(&self, work: Work) -> Result<Turn, Problem> {
        turn(&self.state, self.user(), work).await
    }

    /// Waits as [`Self::turn`] does, and has the turn until the answer is made: then its bytes are
    /// counted instead.
    ///
    /// # Errors
    /// 429 when too much of it waits already.
    pub(crate) async fn turn_until_answered(&self, work: Work) -> Result<(), Problem> {
        self.asker.keep(self.turn(work).await?);
        Ok(())
    }

    pub(crate) fn own(&self, chat: ChatId) -> Membership {
        Membership {
            chat,
            user: self.session.user,
        }
    }
}

/// Waits until an account may have changes looked up.
///
/// # Errors
/// 429 when too much of it waits already.
pub(crate) async fn turn_to_sync(state: &State, user: UserId) -> Result<Turn, Problem> {
    turn(state, user, Work::Sync).await
}

async fn turn(state: &State, user: UserId, work: Work) -> Result<Turn, Problem> {
    let turn = state.turns.wait(user, work).await;
    turn.map_err(|TooMuch(work)| {
        let what = match work {
            Work::Export => "An export of yours is under way",
            Work::Page => "Too many lists of yours wait",
            Work::Search => "Too many searches of yours wait",
            Work::Sync => "Too many syncs of yours wait",
            Work::Upload => "Too many uploads of yours wait",
        };
        Problem::rate_limited(format!("{what}. Try again when it is done."), 5)
    })
}

/// The [`Caller`] of an operation with a rate limit for each account, as in `caller:
/// Limited<Sends>`. The session is checked and the request counted in one round trip.
pub(crate) struct Limited<A> {
    caller: Caller,
    action: PhantomData<A>,
}

impl<A> Deref for Limited<A> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<'a> ApiExtractor<'a> for Caller {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = |ty, description, name, key_in, scheme| MetaSecurityScheme {
            ty,
            description: Some(description),
            name,
            key_in,
            scheme,
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        let bearer = scheme(
            "http",
            "The token that register and login answer with, or one (JWT) of the identity provider.",
            None,
            None,
            Some("bearer"),
        );
        let cookie = scheme(
            "apiKey",
            "Set by register and login, for pages of our own origin.",
            Some(COOKIE),
            Some("cookie"),
            None,
        );
        registry.create_security_scheme("bearer", bearer);
        registry.create_security_scheme("cookie", cookie);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec!["bearer", "cookie"]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if let Some(caller) = api_key::caller(request).await? {
            return Ok(caller);
        }
        let state = State::of(request);
        let admitted = admit(request, &state, None).await?;
        let asker = Asker::enter(request, admitted.session.user)?;
        Ok(Self {
            session: admitted.session,
            state,
            asker,
        })
    }
}

impl<'a, A: LimitedAction> ApiExtractor<'a> for Limited<A> {
    const TYPES: &'static [ApiExtractorType] = Caller::TYPES;
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Caller::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Caller::security_schemes()
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if let Some(caller) = api_key::caller(request).await? {
            return Ok(Self {
                caller,
                action: PhantomData,
            });
        }
        let state = State::of(request);
        let limit = budget::limit_of::<A>(&state);
        let admitted = admit(request, &state, limit).await?;
        let asker = Asker::enter(request, admitted.session.user)?;
        if let Some((rate, verdict)) = admitted.limit {
            rate_limits::record(request, A::NAME, rate, Some(verdict))?;
        }
        Ok(Self {
            caller: Caller {
                session: admitted.session,
                state,
                asker,
            },
            action: PhantomData,
        })
    }
}

/// The requests whose cookie counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum CookieFrom {
    /// Those of our own pages, and those that read: another page cannot see what is answered.
    Reads,
    /// Those of our own pages alone: what comes over a WebSocket, any page can see.
    OurPages,
}

/// Checks the session of a request, and counts an action against its limit, if there is one.
async fn admit(
    request: &Request,
    state: &State,
    limit: Option<(&'static str, Rate)>,
) -> Result<Admitted, Problem> {
    let token = token(request, CookieFrom::Reads, state.provider.as_ref());
    let token = token.ok_or_else(Problem::unauthorized)?;
    let address = || client_address::of(request, &state.config.trusted_proxies);
    credential::admit(state, &token, address, limit).await
}

/// Returns the token of a request, from the header or from the cookie. One of an identity provider
/// comes in the header alone.
pub(crate) fn token(
    request: &Request,
    from: CookieFrom,
    provider: Option<&Provider>,
) -> Option<Credential> {
    if let Some(value) = request.header(header::AUTHORIZATION) {
        let (scheme, token) = value.split_once(' ')?;
        return scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| Credential::read(token.trim(), provider))?;
    }
    let reads =
        from == CookieFrom::Reads && matches!(*request.method(), Method::GET | Method::HEAD);
    let cookie = request.cookie().get(COOKIE)?;
    (reads || is_our_own_page(request)).then(|| Credential::read(cookie.value_str(), None))?
}

/// Returns true when a request comes from a page of our own origin. A browser sends the cookie with
/// the requests of every page, and only our own page may change something with it.
pub(crate) fn is_our_own_page(request: &Request) -> bool {
    if let Some(site) = request.header("sec-fetch-site") {
        return site == "same-origin";
    }
    let host = request.header(header::HOST);
    let origin = request
        .header(header::ORIGIN)
        .and_then(|origin| origin.split_once("://"))
        .map(|(_, host)| host);
    origin.is_some() && origin == host
}

#[cfg(test)]
mod tests {
    use model::Token;

    use super::*;

    fn request(method: Method, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.finish()
    }

    #[test]
    fn a_page_is_our_own_by_what_the_browser_says() {
        let is_ours = |headers: &[(&str, &str)]| is_our_own_page(&request(Method::POST, headers));
        assert!(is_ours(&[("sec-fetch-site", "same-origin")]));
        let own = [("host", "c.example"), ("origin", "https://c.example")];
        assert!(is_ours(&own));
        assert!(
            !is_ours(&[&own[..], &[("sec-fetch-site", "same-site")]].concat()),
            "the browser's own word counts more"
        );
        assert!(!is_ours(&[
            ("host", "c.example"),
            ("origin", "https://d.example")
        ]));
        assert!(!is_ours(&[("host", "c.example")]));
        assert!(!is_ours(&[]), "a client that is no browser has no page");
    }

    #[test]
    fn a_bearer_token_goes_before_the_cookie() {
        let token = Token::new(UserId::new(), [7; 32]);
        let bearer = format!("bEaReR  {} ", token.reveal());
        let shown = |value: &str| {
            let request = request(Method::POST, &[("authorization", value)]);
            match super::token(&request, CookieFrom::Reads, None)? {
                Credential::Session(token) => Some(token.reveal().to_owned()),
                Credential::Provider(_) => None,
            }
        };
        assert_eq!(shown(&bearer), Some(token.reveal().to_owned()));
        assert_eq!(shown(&format!("Basic {}", token.reveal())), None);
        assert_eq!(shown("Bearer"), None);
        let cookie = format!("{COOKIE}={}", token.reveal());
        let both = [("authorization", "Bearer x"), ("cookie", cookie.as_str())];
        let both = super::token(&request(Method::GET, &both), CookieFrom::Reads, None);
        assert!(both.is_none());
    }
}
