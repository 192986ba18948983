//! Register, log in, log out, and what sessions there are.

use std::sync::Arc;

use model::{Account, SessionId, SessionView, fold};
use poem::Request;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};
use store::{Entered, Error};

use crate::{
    Registration, State,
    auth::{COOKIE, Caller, state},
    problem::Problem,
    quota,
    validate::Rules,
};

pub(crate) struct SessionApi;

/// A new account.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Register {
    /// 3 to 32 of `a-z A-Z 0-9 _ . -`; unique whatever its case.
    username: String,
    /// Unique whatever its case.
    email: String,
    /// 8 to 256 characters, not among the commonest.
    password: String,
    /// What others see, 1 to 64 characters; the username when it is absent.
    display_name: Option<String>,
    /// What to call this session in the list of sessions.
    device: Option<String>,
}

/// A login.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Login {
    /// Username or e-mail address.
    login: String,
    /// The password.
    password: String,
    /// What to call this session in the list of sessions.
    device: Option<String>,
}

/// A session that was opened.
#[derive(Object)]
struct Opened {
    /// Whose it is.
    user: Account,
    /// To be sent as `Authorization: Bearer`; shown only here.
    token: String,
    /// RFC 3339 in UTC; slides with use.
    expires_at: String,
}

#[derive(ApiResponse)]
enum Registered {
    /// The account is made and its first session open.
    #[oai(status = 201)]
    Created(Json<Opened>, #[oai(header = "Set-Cookie")] String),
}

#[derive(ApiResponse)]
enum LoggedIn {
    /// The session is open.
    #[oai(status = 200)]
    Ok(Json<Opened>, #[oai(header = "Set-Cookie")] String),
}

#[derive(ApiResponse)]
pub(crate) enum LoggedOut {
    /// The session has ended.
    #[oai(status = 204)]
    Done(#[oai(header = "Set-Cookie")] String),
}

#[derive(ApiResponse)]
pub(crate) enum Done {
    /// Done.
    #[oai(status = 204)]
    Done,
}

/// Open sessions.
#[derive(Object)]
struct Sessions {
    /// The oldest first.
    items: Vec<SessionView>,
}

/// What this server allows.
#[derive(Object)]
struct Meta {
    /// The version of Carrier.
    version: String,
    /// `open`, or `closed`: nobody can register.
    registration: String,
    /// The bounds of what can be sent.
    limits: Limits,
}

/// Bounds.
#[derive(Object)]
struct Limits {
    /// Characters of a message's body.
    body: usize,
    /// Characters of a message's subject.
    subject: usize,
    /// Members of a group.
    members: usize,
}

#[OpenApi(tag = "crate::problem::Tags::Sessions")]
impl SessionApi {
    /// Make an account
    ///
    /// It also opens a session, and sets its cookie for pages of our own origin.
    #[oai(path = "/auth/register", method = "post", operation_id = "register")]
    async fn register(&self, request: &Request, body: Json<Register>) -> Result<Registered, Problem> {
        let (state, body) = (state(request), body.0);
        if state.config.registration == Registration::Closed {
            return Err(Problem::new(poem::http::StatusCode::FORBIDDEN, "registration_closed", "Nobody can register here."));
        }
        quota::by_address(request, "register", state.config.limit_register).await?;
        let display_name = body.display_name.as_deref().unwrap_or(&body.username).trim();
        let device = body.device.as_deref().unwrap_or_default();
        let mut rules = Rules::default();
        rules.username(&body.username);
        rules.email(&body.email);
        rules.password("password", &body.password);
        if body.display_name.is_some() {
            rules.display_name(display_name);
        }
        rules.device(device);
        rules.done()?;
        let entered = state.store.register(&body.username, &body.email, display_name, &body.password, device).await?;
        let cookie = cookie(request, &state, Some(entered.token.reveal()));
        Ok(Registered::Created(Json(opened(entered)), cookie))
    }

    /// Log in
    ///
    /// With the username or the e-mail address. It takes as long whether or not there is such a user.
    #[oai(path = "/auth/login", method = "post", operation_id = "login")]
    async fn login(&self, request: &Request, body: Json<Login>) -> Result<LoggedIn, Problem> {
        let (state, body) = (state(request), body.0);
        quota::by_address(request, "login-address", state.config.limit_login.times(10)).await?;
        let device = body.device.as_deref().unwrap_or_default();
        let mut rules = Rules::default();
        rules.device(device);
        rules.require(body.login.len() <= 254, "login", "length", "is longer than any username or e-mail address");
        rules.require(body.password.chars().count() <= 256, "password", "length", "must have at most 256 characters");
        rules.done()?;
        quota::by(request, "login", &fold(&body.login), state.config.limit_login).await?;
        let entered = state.store.login(&body.login, &body.password, device).await?;
        let cookie = cookie(request, &state, Some(entered.token.reveal()));
        Ok(LoggedIn::Ok(Json(opened(entered)), cookie))
    }

    /// Log out
    ///
    /// Ends the session that asks.
    #[oai(path = "/auth/logout", method = "post", operation_id = "logout")]
    async fn logout(&self, request: &Request, caller: Caller) -> Result<LoggedOut, Problem> {
        caller.state.store.logout(caller.user(), &caller.session.hash).await?;
        Ok(LoggedOut::Done(cookie(request, &caller.state, None)))
    }

    /// List my sessions
    #[oai(path = "/auth/sessions", method = "get", operation_id = "listSessions")]
    async fn list(&self, caller: Caller) -> Result<Json<Sessions>, Problem> {
        let items = caller.state.store.sessions(caller.user(), &caller.session.hash).await?;
        Ok(Json(Sessions { items }))
    }

    /// End one of my sessions
    #[oai(path = "/auth/sessions/:session_id", method = "delete", operation_id = "revokeSession")]
    async fn revoke(&self, caller: Caller, session_id: Path<SessionId>) -> Result<Done, Problem> {
        match caller.state.store.revoke(caller.user(), session_id.0).await {
            Err(Error::NoSession) => Err(Problem::not_found("You have no such session.")),
            other => Ok(other.map(|()| Done::Done)?),
        }
    }

    /// End all my other sessions
    #[oai(path = "/auth/sessions", method = "delete", operation_id = "revokeOtherSessions")]
    async fn revoke_others(&self, caller: Caller) -> Result<Done, Problem> {
        caller.state.store.revoke_others(caller.user(), &caller.session.hash).await?;
        Ok(Done::Done)
    }

    /// What this server allows
    #[oai(path = "/meta", method = "get", operation_id = "getMeta")]
    async fn meta(&self, request: &Request) -> Result<Json<Meta>, Problem> {
        let open = state(request).config.registration == Registration::Open;
        Ok(Json(Meta {
            version: env!("CARGO_PKG_VERSION").into(),
            registration: if open { "open" } else { "closed" }.into(),
            limits: Limits { body: model::MAX_BODY, subject: model::MAX_SUBJECT, members: store::MAX_MEMBERS },
        }))
    }
}

fn opened(entered: Entered) -> Opened {
    Opened { expires_at: entered.expires.rfc3339(), token: entered.token.reveal().to_owned(), user: entered.user.into() }
}

/// The cookie of our own page: no script reads it, no other site sends it. Without a token: it is cleared.
pub(crate) fn cookie(request: &Request, state: &Arc<State>, token: Option<&str>) -> String {
    let host = request.header("host").unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let local = ["localhost", "127.0.0.1", "[::1]"].contains(&name) || name.ends_with(".localhost");
    let age = token.map_or(0, |_| state.store.hot.options().session_ttl.as_secs());
    let secure = if local { "" } else { "; Secure" };
    format!("{COOKIE}={}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}", token.unwrap_or_default())
}
