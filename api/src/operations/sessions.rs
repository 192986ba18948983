//! Registration, login, logout, and the list of sessions.

use model::{Account, FieldErrorCode, ProblemCode, SessionId, SessionView, fold};
use poem::Request;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};
use store::{Error, IssuedToken};

use crate::{
    config::Registration,
    request::{
        asker::Asker,
        auth::Caller,
        characters::tidy_name,
        client_address,
        device::Device,
        rate_limits,
        validate::{self, Rules},
    },
    response::{
        cookie::{WithDevice, cookie},
        durable::{Acknowledged, Permanent},
        no_content::NoContent,
        problem::Problem,
    },
    state::State,
};

/// Operations on sessions.
pub(crate) struct SessionApi;

/// A new account.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Register {
    /// A name of 3 to 32 of `a-z A-Z 0-9 _ . -`, unique in any case.
    username: String,
    /// An address, unique in any case.
    email: String,
    /// A password of 8 to 256 characters that is not easy to guess.
    password: String,
    /// The name that others see, 1 to 64 characters; the username when it is absent.
    display_name: Option<String>,
    /// The name of this session in the list of sessions, up to 100 characters.
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
    /// The name of this session in the list of sessions, up to 100 characters.
    device: Option<String>,
}

/// A session that was opened.
#[derive(Object)]
#[oai(rename = "Opened")]
pub(crate) struct OpenedSession {
    /// The account of the session.
    user: Account,
    /// The token, to be sent as `Authorization: Bearer`; shown only here.
    token: String,
    /// The end of the session, RFC 3339 in UTC; every use moves it on.
    expires_at: String,
}

/// The answer to a registration.
#[derive(ApiResponse)]
enum Registered {
    /// The account exists, and its first session is open.
    #[oai(status = 201)]
    Created(Json<OpenedSession>, #[oai(header = "Set-Cookie")] String),
}

/// The answer to a login.
#[derive(ApiResponse)]
enum LoggedIn {
    /// The session is open.
    #[oai(status = 200)]
    Ok(Json<OpenedSession>, #[oai(header = "Set-Cookie")] String),
}

/// The answer to the end of the session that asks.
#[derive(ApiResponse)]
pub(crate) enum LoggedOut {
    /// The session has ended.
    #[oai(status = 204)]
    Done(
        #[oai(header = "Set-Cookie")] String,
        #[oai(header = "Clear-Site-Data")] String,
    ),
}

impl LoggedOut {
    /// Clears the cookie, and all that the browser has kept of the account's files.
    pub(crate) fn new(state: &State) -> Self {
        Self::Done(cookie(state, None), r#""cache""#.to_owned())
    }
}

/// Open sessions.
#[derive(Object)]
struct Sessions {
    /// Sessions, the oldest first.
    items: Vec<SessionView>,
}

#[OpenApi(tag = "crate::operations::Tags::Sessions")]
impl SessionApi {
    /// Create an account
    ///
    /// A session is opened too, and its cookie is set for pages of the server's own origin.
    #[oai(path = "/auth/register", method = "post", operation_id = "register")]
    async fn register(
        &self,
        request: &Request,
        body: Json<Register>,
    ) -> Result<Acknowledged<WithDevice<Registered>>, Problem> {
        let (state, body) = (State::of(request), body.0);
        let refusal = match state.config.registration {
            Registration::Open => None,
            Registration::Closed => Some("Registration is closed on this server."),
            Registration::External => Some(
                "This server has no accounts of its own: its users come with a token of the \
                 product that it is a part of.",
            ),
        };
        if let Some(refusal) = refusal {
            return Err(Problem::new(ProblemCode::RegistrationClosed, refusal));
        }
        rate_limits::by_address(request, "register", state.config.limit_register).await?;
        let from = client_address::of(request, &state.config.trusted_proxies);
        let common = validate::is_common(&state.store, &from, &body.password).await?;
        let display_name = tidy_name(body.display_name.as_deref().unwrap_or(&body.username));
        let device = tidy_name(body.device.as_deref().unwrap_or_default());
        let mut rules = Rules::default();
        rules.username(&body.username);
        rules.email(&body.email);
        rules.password("password", &body.password, common);
        if body.display_name.is_some() {
            rules.display_name(&display_name);
        }
        rules.device(&device);
        rules.done()?;
        let entered = state
            .store
            .register(
                &body.username,
                &body.email,
                &display_name,
                &body.password,
                &device,
                &from,
            )
            .await?;
        let browser = Device::of(request);
        let places = browser.places(&from);
        state.store.note_origins(&entered.user, &places).await;
        let cookie = cookie(&state, Some(entered.token.reveal()));
        let answer = Registered::Created(Json(entered.into()), cookie);
        Ok(Acknowledged(WithDevice(answer, browser.cookie(&state))))
    }

    /// Log in
    ///
    /// With the username or the e-mail address. The answer takes as long for a user who does not
    /// exist. An address or a browser that has logged in with the name before has a limit of its
    /// own, so that guesses from elsewhere do not lock its owner out.
    #[oai(path = "/auth/login", method = "post", operation_id = "login")]
    async fn login(
        &self,
        request: &Request,
        body: Json<Login>,
    ) -> Result<Acknowledged<WithDevice<LoggedIn>>, Problem> {
        let (state, body) = (State::of(request), body.0);
        if state.config.registration == Registration::External {
            return Err(Problem::new(
                ProblemCode::PasswordsOff,
                "Nobody logs in with a password on this server: its users come with a token of \
                 the product that it is a part of.",
            ));
        }
        rate_limits::by_address(request, "login-address", state.config.limit_login.times(10))
            .await?;
        let device = tidy_name(body.device.as_deref().unwrap_or_default());
        let mut rules = Rules::default();
        rules.device(&device);
        let detail = "is longer than any username or e-mail address";
        rules.require(
            body.login.len() <= validate::MAX_EMAIL,
            "login",
            FieldErrorCode::Length,
            detail,
        );
        rules.current_password("password", &body.password);
        rules.done()?;
        Asker::note(request, fold(&body.login));
        let from = client_address::of(request, &state.config.trusted_proxies);
        let browser = Device::of(request);
        let places = browser.places(&from);
        rate_limits::by_login(request, &body.login, &places).await?;
        let entered = state
            .store
            .login(&body.login, &body.password, &device, &from)
            .await
            .inspect_err(|error| note_account(request, error))?;
        state.store.note_origins(&entered.user, &places).await;
        let cookie = cookie(&state, Some(entered.token.reveal()));
        let answer = LoggedIn::Ok(Json(entered.into()), cookie);
        Ok(Acknowledged(WithDevice(answer, browser.cookie(&state))))
    }

    /// Log out
    ///
    /// Ends the session that asks.
    #[oai(path = "/auth/logout", method = "post", operation_id = "logout")]
    async fn logout(&self, caller: Caller) -> Result<Permanent<LoggedOut>, Problem> {
        caller
            .state
            .store
            .logout(caller.user(), &caller.session.hash)
            .await?;
        Ok(Permanent(LoggedOut::new(&caller.state)))
    }

    /// List your sessions
    #[oai(path = "/auth/sessions", method = "get", operation_id = "listSessions")]
    async fn list(&self, caller: Caller) -> Result<Json<Sessions>, Problem> {
        let items = caller
            .state
            .store
            .sessions(caller.user(), &caller.session.hash)
            .await?;
        Ok(Json(Sessions { items }))
    }

    /// End one of your sessions
    #[oai(
        path = "/auth/sessions/:session_id",
        method = "delete",
        operation_id = "revokeSession"
    )]
    async fn revoke(
        &self,
        caller: Caller,
        session_id: Path<SessionId>,
    ) -> Result<Permanent<NoContent>, Problem> {
        match caller.state.store.revoke(caller.user(), session_id.0).await {
            Err(Error::NoSession) => Err(Problem::not_found("You have no such session.")),
            other => Ok(other.map(|()| Permanent(NoContent::Done))?),
        }
    }

    /// End all your other sessions
    #[oai(
        path = "/auth/sessions",
        method = "delete",
        operation_id = "revokeOtherSessions"
    )]
    async fn revoke_others(&self, caller: Caller) -> Result<Permanent<NoContent>, Problem> {
        caller
            .state
            .store
            .revoke_others(caller.user(), &caller.session.hash)
            .await?;
        Ok(Permanent(NoContent::Done))
    }
}

/// Notes whose login has failed, for the log. A name of no account may be a password that was typed
/// in the wrong field.
fn note_account(request: &Request, error: &Error) {
    if let Error::WrongLogin { account } = error {
        let account = account.map(|account| account.to_string());
        Asker::note(request, account.as_deref().unwrap_or("none"));
    }
}

impl From<IssuedToken> for OpenedSession {
    fn from(opened: IssuedToken) -> Self {
        Self {
            expires_at: opened.expires.rfc3339(),
            token: opened.token.reveal().to_owned(),
            user: opened.user.into(),
        }
    }
}
