//! Requests with a key of the API: those of a product's backend, for itself or in the name of one
//! of its users.
//!
//! Redis is asked for the key of each request, so one that is revoked is refused at once. What is
//! done in a user's name counts against the limit of the key, and not against those of the user.

use std::sync::Arc;

use model::{ApiKey, KeyId, KeyRecord, ProblemCode, Scope, Session, Tick, User, is_external_id};
use poem::{Request, RequestBody, http::header};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};

use crate::{
    request::{asker::Asker, auth::Caller, rate_limits},
    response::problem::Problem,
    state::State,
};

/// The header that names the user in whose name a key is used.
const ON_BEHALF_OF: &str = "carrier-user";
/// The name of the scheme of security in the document.
const SCHEME: &str = "key";
/// The name of the limit, in problems and in Redis.
const LIMIT: &str = "key";

/// A backend that asks for itself, with a key for users: `caller: Backend`.
pub(crate) struct Backend {
    /// The stores and the settings.
    pub(crate) state: Arc<State>,
}

impl<'a> ApiExtractor<'a> for Backend {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_scheme(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let state = admit_backend(request, Scope::Users).await?;
        Ok(Self { state })
    }
}

/// A backend that asks for itself, with a key for webhooks: `caller: WebhookBackend`.
pub(crate) struct WebhookBackend {
    /// The stores and the settings.
    pub(crate) state: Arc<State>,
}

impl<'a> ApiExtractor<'a> for WebhookBackend {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_scheme(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let state = admit_backend(request, Scope::Webhooks).await?;
        Ok(Self { state })
    }
}

fn register_scheme(registry: &mut Registry) {
    let scheme = MetaSecurityScheme {
        ty: "http",
        description: Some("A key that `carrier admin key create` printed."),
        name: None,
        key_in: None,
        scheme: Some("bearer"),
        bearer_format: Some("ck_"),
        flows: None,
        openid_connect_url: None,
    };
    registry.create_security_scheme(SCHEME, scheme);
}

/// Returns the state of a request with a good key that has this scope.
async fn admit_backend(request: &Request, scope: Scope) -> Result<Arc<State>, Problem> {
    let state = State::of(request);
    let key = key_of(request).ok_or_else(no_key)??;
    let record = admit(request, &state, &key).await?;
    check_scope(&record, scope)?;
    Ok(state)
}

/// Returns the user in whose name a request with a key is made, as if they asked themselves; `None`
/// for a request without a key.
///
/// # Errors
/// 401 for a key that is not good; 403 for one without the scope, and for what only a session of
/// the user may do; 429 when the limit of the key is used up.
pub(crate) async fn caller(request: &Request) -> Result<Option<Caller>, Problem> {
    let Some(key) = key_of(request) else {
        return Ok(None);
    };
    let (state, key) = (State::of(request), key?);
    let record = admit(request, &state, &key).await?;
    let scope = scope_of(request.original_uri().path()).ok_or_else(|| {
        Problem::new(
            ProblemCode::ScopeMissing,
            "No key may be used for this: only a session of the user. Open one with POST \
             /v1/admin/users/{external_id}/tokens.",
        )
    })?;
    check_scope(&record, scope)?;
    let user = user_of(request, &state).await?;
    tracing::debug!(
        key.id = %key.id, key.name = record.name, user.id = %user.id,
        "a key is used in the name of a user"
    );
    let asker = Asker::enter(request, user.id)?;
    Ok(Some(Caller {
        session: Arc::new(session_of(key.id, &record, &user)),
        state,
        asker,
    }))
}

/// Returns the key of a request; `None` when it has none, or the token of a session.
fn key_of(request: &Request) -> Option<Result<ApiKey, Problem>> {
    let (scheme, text) = request.header(header::AUTHORIZATION)?.split_once(' ')?;
    let text = text.trim();
    let is_meant = scheme.eq_ignore_ascii_case("bearer") && ApiKey::is_meant(text);
    is_meant.then(|| text.parse().map_err(|_| wrong_key()))
}

/// Checks that a key is good, and counts the request against its limit.
async fn admit(request: &Request, state: &State, key: &ApiKey) -> Result<KeyRecord, Problem> {
    let found = state.store.find_key(key).await?;
    let record = found.ok_or_else(wrong_key)?;
    let limit = state.config.limit_key;
    rate_limits::by(request, LIMIT, &key.id.to_string(), limit).await?;
    Ok(record)
}

fn check_scope(record: &KeyRecord, scope: Scope) -> Result<(), Problem> {
    if record.scopes.contains(&scope) {
        return Ok(());
    }
    let has: Vec<_> = record.scopes.iter().map(ToString::to_string).collect();
    let detail = format!(
        "The key {:?} has no scope `{scope}`, only `{}`. Make one with `carrier admin key create \
         --scope {scope}`.",
        record.name,
        has.join("`, `")
    );
    Err(Problem::new(ProblemCode::ScopeMissing, detail))
}

/// Returns the user whom a request names.
async fn user_of(request: &Request, state: &State) -> Result<User, Problem> {
    let Some(id) = request.header(ON_BEHALF_OF) else {
        return Err(Problem::malformed(
            "A request with a key says in whose name it is made: `Carrier-User: ` and the external \
             id of the user.",
        ));
    };
    if !is_external_id(id) {
        return Err(Problem::malformed(format!(
            "`Carrier-User` is no external id: {EXTERNAL_ID}."
        )));
    }
    let user = state.store.find_external(id).await?.ok_or_else(|| {
        Problem::not_found(&format!(
            "There is no user with the external id {id:?}. Make one with PUT /v1/admin/users/{id}."
        ))
    })?;
    match user.disabled.happened() {
        true => Err(Problem::from(store::Error::Disabled)),
        false => Ok(user),
    }
}

/// The rule of external ids, in problems.
pub(crate) const EXTERNAL_ID: &str = "1 to 128 of a-z A-Z 0-9 . _ : @ | + = ~ and -";

/// Returns what stands for the session in a request with a key. It is in no store, so whatever asks
/// for it there finds none.
fn session_of(key: KeyId, record: &KeyRecord, user: &User) -> Session {
    Session {
        hash: format!("key {key} {}", user.id),
        user: user.id,
        device: record.name.clone(),
        created: record.created,
        seen: Tick::now(),
        password_rev: user.password_rev,
        expires: Tick::LAST,
        issued: Tick::NEVER,
    }
}

/// Returns the scope that a key needs for a path; `None` where only a session will do: what changes
/// how a user logs in, what ends or opens sessions, and live connections.
fn scope_of(path: &str) -> Option<Scope> {
    let mut parts = path.trim_start_matches("/v1/").split('/');
    let (first, _, third) = (parts.next()?, parts.next(), parts.next());
    match (first, path.trim_start_matches("/v1/")) {
        (_, "users/me/password" | "users/me/erase") => None,
        ("users" | "presence", _) => Some(Scope::Users),
        ("chats", _) => Some(match third {
            Some("messages" | "pins" | "receipts" | "attachments" | "typing" | "events") => {
                Scope::Messages
            }
            _ => Scope::Chats,
        }),
        ("invites", _) => Some(Scope::Chats),
        ("messages" | "receipts" | "search" | "sync", _) => Some(Scope::Messages),
        _ => None,
    }
}

fn no_key() -> Problem {
    Problem::new(
        ProblemCode::Unauthorized,
        "This needs a key of the API, as `Authorization: Bearer ck_…`. Make one with `carrier \
         admin key create`.",
    )
}

fn wrong_key() -> Problem {
    Problem::new(
        ProblemCode::Unauthorized,
        "This is no key of this server, or it was revoked. `carrier admin key list` shows those \
         that there are.",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn each_operation_has_a_scope_or_needs_a_session() {
        let document: Value = serde_json::from_str(&crate::openapi()).expect("it is JSON");
        let paths = document["paths"].as_object().expect("it has paths");
        let of = |scope| {
            let paths = paths.keys().filter(|path| !path.starts_with("/admin"));
            let found = paths.filter(|path| scope_of(&format!("/v1{path}")) == scope);
            found.map(String::as_str).collect::<Vec<_>>()
        };
        assert_eq!(
            of(None),
            [
                "/auth/login",
                "/auth/logout",
                "/auth/register",
                "/auth/sessions",
                "/auth/sessions/{session_id}",
                "/events",
                "/events/tickets",
                "/meta",
                "/socket",
                "/users/me/erase",
                "/users/me/password",
            ]
        );
        assert!(of(Some(Scope::Users)).contains(&"/users/me/blocks/{user_id}"));
        assert!(of(Some(Scope::Chats)).contains(&"/chats/{chat_id}/members/{user_id}"));
        for path in ["messages", "typing", "events"] {
            let path = format!("/chats/{{chat_id}}/{path}");
            assert!(of(Some(Scope::Messages)).contains(&path.as_str()));
        }
    }

    #[test]
    fn a_key_is_told_from_a_token() {
        let key = ApiKey::new([7; 32]);
        let with = |value: String| {
            let request = Request::builder().header("authorization", value).finish();
            key_of(&request).map(|key| key.map(|key| key.id).ok())
        };
        assert_eq!(with(format!("Bearer {}", key.reveal())), Some(Some(key.id)));
        assert_eq!(with("Bearer ck_1".into()), Some(None));
        assert_eq!(with(format!("Basic {}", key.reveal())), None);
        assert_eq!(with("Bearer 00ff".into()), None);
    }
}
