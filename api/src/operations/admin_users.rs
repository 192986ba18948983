//! Users of a product's own: its backend makes, changes, disables and erases them with a key, and
//! opens sessions for them.

use std::{collections::HashSet, time::Duration};

use futures_util::{StreamExt, stream};
use model::{Account, FieldError, FieldErrorCode, ProblemCode, User, is_external_id};
use poem_openapi::{
    ApiResponse, Object, OpenApi, param::Path, payload::Json, types::MaybeUndefined,
};
use store::ExternalProfile;

use crate::{
    operations::sessions::OpenedSession,
    request::{
        api_key::{Backend, EXTERNAL_ID},
        characters::tidy_name,
        metadata::{GivenMetadata, metadata_patch},
        validate::Rules,
    },
    response::{
        durable::{Acknowledged, Permanent},
        no_content::NoContent,
        problem::Problem,
    },
};

/// The most users in one request.
const MOST: usize = 100;
/// The users of a request that are made at once.
const AT_ONCE: usize = 8;
/// The seconds that a token lives when the request does not say how many.
const LIFE: u32 = 3600;
/// The fewest and the most seconds that a token lives: a minute, and thirty days.
const LIVES: std::ops::RangeInclusive<u32> = 60..=30 * 24 * 3600;

/// Operations on users of a product's own.
pub(crate) struct AdminUserApi;

/// The profile of a user as their product has it; an absent field stays as it is.
#[derive(Default, Object)]
#[oai(deny_unknown_fields)]
struct UserProfile {
    /// A name of 3 to 32 of `a-z A-Z 0-9 _ . -`, unique in any case; a new user without one gets
    /// one that nobody else has.
    username: Option<String>,
    /// An address, unique in any case; empty for none.
    email: Option<String>,
    /// The name that others see, 1 to 64 characters; that of a new user is the external id when it
    /// is absent.
    display_name: Option<String>,
    /// A text about the user, up to 1000 characters; empty for none.
    bio: Option<String>,
    /// Changes of the metadata, a merge patch: a key with null is taken out, and null takes all of
    /// it. An object of at most 4 KiB as JSON, in which at most 16 objects and arrays are in each
    /// other. Whoever sees the profile sees it.
    #[oai(nullable)]
    metadata: MaybeUndefined<GivenMetadata>,
}

/// A user of a list, with the id that they have in the product.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct ListedUser {
    /// The id of the user in the product: 1 to 128 of `a-z A-Z 0-9 . _ : @ | + = ~ -`.
    external_id: String,
    /// The profile as the product has it.
    #[oai(default)]
    profile: UserProfile,
}

/// Users to be made or changed.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct UserList {
    /// 1 to 100 users, each once.
    items: Vec<ListedUser>,
}

/// A user, as the product's backend sees them.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct ManagedUser {
    /// The account.
    #[oai(flatten)]
    account: Account,
    /// The time at which the account was disabled, RFC 3339 in UTC; absent when it is not.
    disabled_at: Option<String>,
}

/// The outcome for one user of a list.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct UserOutcome {
    /// The id of the user in the product.
    external_id: String,
    /// The user, if they were made or changed.
    user: Option<ManagedUser>,
    /// The reason, if they were not.
    problem: Option<Failure>,
}

/// The reason for which a user of a list was not made or changed.
#[derive(Object)]
#[oai(rename = "UserFailure", skip_serializing_if_is_none)]
struct Failure {
    /// The kind of problem, as a stable word to branch on.
    code: ProblemCode,
    /// A sentence that says what went wrong, and what would be right.
    detail: String,
    /// The fields that break a rule; absent unless the item is invalid.
    errors: Option<Vec<FieldError>>,
}

/// The outcomes for the users of a list.
#[derive(Object)]
struct UserOutcomes {
    /// One for each user, in the order of the request.
    items: Vec<UserOutcome>,
}

/// The token that is wanted for a user.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct NewToken {
    /// The seconds after which the session ends, however it is used: 60 to 2592000 (thirty days);
    /// 3600 when it is absent.
    expires_in: Option<u32>,
    /// The name of the session in the user's list of sessions, up to 100 characters.
    device: Option<String>,
}

/// The answer to a profile.
#[derive(ApiResponse)]
enum Put {
    /// The user was there, and is as the request says.
    #[oai(status = 200)]
    Changed(Json<ManagedUser>),
    /// The user was made.
    #[oai(status = 201)]
    Made(Json<ManagedUser>),
}

/// The answer to a list of users.
#[derive(ApiResponse)]
enum PutAll {
    /// The outcome for each; some may have failed.
    #[oai(status = 200)]
    Done(Json<UserOutcomes>),
}

/// The answer to the change of an account.
#[derive(ApiResponse)]
enum Switched {
    /// The account is as it should be.
    #[oai(status = 200)]
    Done(Json<ManagedUser>),
}

/// The answer to a request for a token.
#[derive(ApiResponse)]
enum Issued {
    /// The session is open.
    #[oai(status = 201)]
    Opened(Json<OpenedSession>),
}

#[OpenApi(tag = "crate::operations::Tags::Admin", prefix_path = "/admin")]
impl AdminUserApi {
    /// Make or change a user of your own
    ///
    /// The user needs no address and no password. The same request twice does it once.
    #[oai(
        path = "/users/:external_id",
        method = "put",
        operation_id = "putExternalUser"
    )]
    async fn put(
        &self,
        caller: Backend,
        external_id: Path<String>,
        body: Json<UserProfile>,
    ) -> Result<Acknowledged<Put>, Problem> {
        let (user, is_new) = put(&caller, &external_id.0, body.0).await?;
        let user = Json(user.into());
        Ok(Acknowledged(match is_new {
            true => Put::Made(user),
            false => Put::Changed(user),
        }))
    }

    /// Make or change many users of your own
    ///
    /// Each is made or changed by itself: where one fails, the others do not.
    #[oai(path = "/users", method = "post", operation_id = "putExternalUsers")]
    async fn put_all(
        &self,
        caller: Backend,
        body: Json<UserList>,
    ) -> Result<Acknowledged<PutAll>, Problem> {
        let users = body.0.items;
        let mut rules = Rules::default();
        let detail = "must have 1 to 100 users";
        let holds = (1..=MOST).contains(&users.len());
        rules.require(holds, "items", FieldErrorCode::Length, detail);
        let mut seen = HashSet::new();
        let detail = "is named twice";
        for (at, user) in users.iter().enumerate() {
            let field = format!("items[{at}].external_id");
            let is_new = seen.insert(&user.external_id);
            rules.require(is_new, &field, FieldErrorCode::Twice, detail);
        }
        rules.done()?;
        let made = users.into_iter().map(|user| {
            let caller = &caller;
            async move {
                let done = put(caller, &user.external_id, user.profile).await;
                let (user_made, problem) = match done {
                    Ok((made, _)) => (Some(made.into()), None),
                    Err(problem) => (None, Some(problem.into())),
                };
                UserOutcome {
                    external_id: user.external_id,
                    user: user_made,
                    problem,
                }
            }
        });
        let made: Vec<_> = made.collect();
        let items = stream::iter(made).buffered(AT_ONCE).collect().await;
        Ok(Acknowledged(PutAll::Done(Json(UserOutcomes { items }))))
    }

    /// Show a user of your own
    #[oai(
        path = "/users/:external_id",
        method = "get",
        operation_id = "showExternalUser"
    )]
    async fn show(
        &self,
        caller: Backend,
        external_id: Path<String>,
    ) -> Result<Json<ManagedUser>, Problem> {
        Ok(Json(find(&caller, &external_id.0).await?.into()))
    }

    /// Erase a user of your own
    ///
    /// As when they erase their account themselves: their groups are handed over, and their
    /// messages become those of a user who is no more.
    #[oai(
        path = "/users/:external_id",
        method = "delete",
        operation_id = "eraseExternalUser"
    )]
    async fn erase(
        &self,
        caller: Backend,
        external_id: Path<String>,
    ) -> Result<Permanent<NoContent>, Problem> {
        let user = find(&caller, &external_id.0).await?;
        caller.state.store.erase_account(&user).await?;
        Ok(Permanent(NoContent::Done))
    }

    /// Disable a user of your own
    ///
    /// All their sessions end at once, and none can be opened until they are enabled again. Their
    /// chats and messages stay.
    #[oai(
        path = "/users/:external_id/disabled",
        method = "put",
        operation_id = "disableExternalUser"
    )]
    async fn disable(
        &self,
        caller: Backend,
        external_id: Path<String>,
    ) -> Result<Permanent<Switched>, Problem> {
        switch(&caller, &external_id.0, true).await
    }

    /// Enable a user of your own
    #[oai(
        path = "/users/:external_id/disabled",
        method = "delete",
        operation_id = "enableExternalUser"
    )]
    async fn enable(
        &self,
        caller: Backend,
        external_id: Path<String>,
    ) -> Result<Permanent<Switched>, Problem> {
        switch(&caller, &external_id.0, false).await
    }

    /// Open a session for a user of your own
    ///
    /// Give the token to the user's browser or app, which sends it as `Authorization: Bearer`. The
    /// session ends after the time that you ask for, or when the user is disabled or erased.
    #[oai(
        path = "/users/:external_id/tokens",
        method = "post",
        operation_id = "openExternalSession"
    )]
    async fn open(
        &self,
        caller: Backend,
        external_id: Path<String>,
        body: Json<NewToken>,
    ) -> Result<Acknowledged<Issued>, Problem> {
        let life = body.0.expires_in.unwrap_or(LIFE);
        let device = tidy_name(body.0.device.as_deref().unwrap_or_default());
        let mut rules = Rules::default();
        let detail = "must be 60 to 2592000 seconds";
        let holds = LIVES.contains(&life);
        rules.require(holds, "expires_in", FieldErrorCode::Range, detail);
        rules.device(&device);
        rules.done()?;
        let user = find(&caller, &external_id.0).await?;
        let life = Duration::from_secs(life.into());
        let store = &caller.state.store;
        let opened = store.open_session_for(user, &device, life).await?;
        Ok(Acknowledged(Issued::Opened(Json(opened.into()))))
    }
}

async fn put(
    caller: &Backend,
    external_id: &str,
    profile: UserProfile,
) -> Result<(User, bool), Problem> {
    let mut rules = Rules::default();
    external(&mut rules, external_id);
    let shown = profile.display_name.as_deref().map(tidy_name);
    if let Some(username) = &profile.username {
        rules.username(username);
    }
    if let Some(email) = profile.email.as_ref().filter(|email| !email.is_empty()) {
        rules.email(email);
    }
    if let Some(shown) = &shown {
        rules.display_name(shown);
    }
    if let Some(bio) = &profile.bio {
        rules.bio(bio);
    }
    rules.done()?;
    let metadata = metadata_patch(profile.metadata)?;
    let profile = ExternalProfile {
        username: profile.username,
        email: profile.email,
        display_name: shown,
        bio: profile.bio,
        metadata,
    };
    let store = &caller.state.store;
    Ok(store.put_external(external_id, &profile).await?)
}

async fn switch(
    caller: &Backend,
    external_id: &str,
    disabled: bool,
) -> Result<Permanent<Switched>, Problem> {
    let user = find(caller, external_id).await?;
    let user = caller.state.store.set_disabled(&user, disabled).await?;
    Ok(Permanent(Switched::Done(Json(user.into()))))
}

async fn find(caller: &Backend, external_id: &str) -> Result<User, Problem> {
    let mut rules = Rules::default();
    external(&mut rules, external_id);
    rules.done()?;
    let user = caller.state.store.find_external(external_id).await?;
    user.ok_or_else(|| {
        Problem::not_found(&format!(
            "There is no user with the external id {external_id:?}."
        ))
    })
}

/// Requires an external id.
fn external(rules: &mut Rules, text: &str) {
    let holds = is_external_id(text);
    let detail = format!("must be {EXTERNAL_ID}");
    rules.require(holds, "external_id", FieldErrorCode::Characters, &detail);
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let body = problem.body("");
        Self {
            code: body.code,
            detail: body.detail,
            errors: body.errors,
        }
    }
}

impl From<User> for ManagedUser {
    fn from(user: User) -> Self {
        Self {
            disabled_at: user.disabled.happened().then(|| user.disabled.rfc3339()),
            account: user.into(),
        }
    }
}
