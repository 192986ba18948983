//! Who asks: a bearer token, or the cookie of our own page.

use std::{marker::PhantomData, ops::Deref, sync::Arc};

use model::{ChatId, Session, Token, UserId};
use poem::{
    Request, RequestBody,
    http::{Method, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use store::Own;

use crate::{
    State,
    problem::Problem,
    quota::{self, Quota},
};

/// The name of the cookie that register and login set.
pub(crate) const COOKIE: &str = "carrier_session";

/// The session that a request came with.
pub(crate) struct Caller {
    pub(crate) session: Session,
    pub(crate) state: Arc<State>,
}

impl Caller {
    pub(crate) fn user(&self) -> UserId {
        self.session.user
    }

    pub(crate) fn own(&self, chat: ChatId) -> Own {
        Own { chat, user: self.session.user }
    }
}

/// The same of an operation that an account may ask for only so often: `caller: Limited<Sends>`.
pub(crate) struct Limited<Q> {
    caller: Caller,
    quota: PhantomData<Q>,
}

impl<Q> Deref for Limited<Q> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

/// The state, for the operations that need no session.
pub(crate) fn state(request: &Request) -> Arc<State> {
    Arc::clone(request.data::<Arc<State>>().expect("the endpoint carries its state"))
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
        let bearer = scheme("http", "The token that register and login answer with.", None, None, Some("bearer"));
        let cookie = scheme("apiKey", "Set by register and login, for pages of our own origin.", Some(COOKIE), Some("cookie"), None);
        registry.create_security_scheme("bearer", bearer);
        registry.create_security_scheme("cookie", cookie);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec!["bearer", "cookie"]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let state = state(request);
        let token = token(request).ok_or_else(Problem::unauthorized)?;
        let session = state.store.authenticate(&token).await.map_err(Problem::from)?;
        Ok(Self { session, state })
    }
}

impl<'a, Q: Quota> ApiExtractor<'a> for Limited<Q> {
    const TYPES: &'static [ApiExtractorType] = Caller::TYPES;
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Caller::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Caller::security_schemes()
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, options: ExtractParamOptions<()>) -> poem::Result<Self> {
        let state = state(request);
        let Some(rate) = Q::limit(&state.config).rate() else {
            return Ok(Self { caller: Caller::from_request(request, body, options).await?, quota: PhantomData });
        };
        let token = token(request).ok_or_else(Problem::unauthorized)?;
        let (session, verdict) = state.store.admit(&token, Q::NAME, rate).await.map_err(Problem::from)?;
        quota::tell(request, Q::NAME, rate, verdict)?;
        Ok(Self { caller: Caller { session, state }, quota: PhantomData })
    }
}

/// The token that a request shows.
pub(crate) fn token(request: &Request) -> Option<Token> {
    if let Some(value) = request.header(header::AUTHORIZATION) {
        let (scheme, token) = value.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().parse().ok())?;
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let cookie = request.cookie().get(COOKIE)?;
    (reads || is_our_own_page(request)).then(|| cookie.value_str().parse().ok())?
}

/// A browser sends the cookie with whatever any page makes it send; only our own may change something with it.
pub(crate) fn is_our_own_page(request: &Request) -> bool {
    if let Some(site) = request.header("sec-fetch-site") {
        return site == "same-origin";
    }
    let host = request.header(header::HOST);
    let origin = request.header(header::ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    origin.is_some() && origin == host
}
