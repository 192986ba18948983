//! The account of the caller, and the profiles of others.

use model::{Account, FieldError, FieldErrorCode, Profile, User, UserId};
use poem::{Request, http::header};
use poem_openapi::{
    ApiResponse, Object, OpenApi, param::Path, payload::Json, types::MaybeUndefined,
};
use store::{Error, UserChange};

use crate::{
    operations::sessions::{LoggedOut, OpenedSession},
    request::{
        auth::{Caller, Limited},
        budget,
        characters::tidy_name,
        metadata::{GivenMetadata, metadata_patch},
        patch::not_null,
        rate_limits::{self, LimitedAction, Logins},
        validate::{self, Rules},
    },
    response::{cookie::cookie, durable::Permanent, problem::Problem},
};

/// Operations on users.
pub(crate) struct UserApi;

/// Changes of the account; an absent field stays as it is.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct PatchAccount {
    /// A name of 3 to 32 of `a-z A-Z 0-9 _ . -`, unique in any case.
    #[oai(nullable)]
    username: MaybeUndefined<String>,
    /// An address, unique in any case.
    #[oai(nullable)]
    email: MaybeUndefined<String>,
    /// The name that others see, 1 to 64 characters.
    #[oai(nullable)]
    display_name: MaybeUndefined<String>,
    /// A text about the user, up to 1000 characters; null clears it.
    #[oai(nullable)]
    bio: MaybeUndefined<String>,
    /// True when others may find this account by its e-mail address.
    found_by_email: Option<bool>,
    /// Changes of the metadata, a merge patch too: a key with null is taken out, and null takes all
    /// of it. An object of at most 4 KiB as JSON, in which at most 16 objects and arrays are in
    /// each other. Whoever sees the profile sees it.
    #[oai(nullable)]
    metadata: MaybeUndefined<GivenMetadata>,
    /// The password until now, which a new username or e-mail address needs.
    current_password: Option<String>,
}

/// The account as it is now.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct ChangedAccount {
    /// The account.
    #[oai(flatten)]
    account: Account,
    /// The token of the session that took the place of all others, when the username or the e-mail
    /// address was changed with a bearer token.
    token: Option<String>,
}

/// The answer to changes of the account.
#[derive(ApiResponse)]
enum AccountAnswer {
    /// The account is changed. A new username or e-mail address ends all sessions and opens
    /// another one, which a page has as its cookie.
    #[oai(status = 200)]
    Changed(
        Json<ChangedAccount>,
        #[oai(header = "Set-Cookie")] Option<String>,
    ),
}

/// The answer to a new password.
#[derive(ApiResponse)]
enum PasswordAnswer {
    /// The password is changed, and this is the session that took the place of all others. Answers
    /// a request with a bearer token.
    #[oai(status = 200)]
    Token(
        Json<Box<OpenedSession>>,
        #[oai(header = "Set-Cookie")] String,
    ),
    /// The same, for a page: the session that took the place of all others is its cookie.
    #[oai(status = 204)]
    Cookie(#[oai(header = "Set-Cookie")] String),
}

/// The proof that the account's owner wants it erased.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Erase {
    /// The password of the account.
    password: String,
}

/// A new password.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct NewPassword {
    /// The password until now.
    current_password: String,
    /// A password of 8 to 256 characters that is not easy to guess.
    new_password: String,
}

/// A profile, with the presence of the user for those who share a chat with them.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Person {
    /// The public part.
    #[oai(flatten)]
    profile: Profile,
    /// True while the user is connected; absent for strangers, and where one of the two blocks the
    /// other.
    online: Option<bool>,
    /// The time the user was last connected, RFC 3339 in UTC; absent also when it is forgotten.
    last_seen_at: Option<String>,
}

#[OpenApi(tag = "crate::operations::Tags::Users")]
impl UserApi {
    /// Get your account
    #[oai(path = "/users/me", method = "get", operation_id = "getMe")]
    async fn me(&self, caller: Caller) -> Result<Json<Account>, Problem> {
        let me = caller
            .state
            .store
            .user(caller.user())
            .await?
            .ok_or_else(Problem::unauthorized)?;
        Ok(Json(me.into()))
    }

    /// Change your account
    ///
    /// A merge patch: an absent field stays as it is. A new name holds at once; the id never
    /// changes. A new username or e-mail address needs the password, and ends all sessions: the
    /// answer opens another one.
    #[oai(path = "/users/me", method = "patch", operation_id = "updateMe")]
    async fn patch(
        &self,
        request: &Request,
        caller: Caller,
        body: Json<PatchAccount>,
    ) -> Result<Permanent<AccountAnswer>, Problem> {
        let password = body.0.current_password.clone();
        let store = &caller.state.store;
        let me = store.user(caller.user()).await?;
        let change = read_change(body.0, &me.ok_or_else(Problem::unauthorized)?)?;
        if change.username.is_none() && change.email.is_none() {
            let account = store.change_user(caller.user(), change).await?.into();
            return Ok(Permanent(changed(account, None, None)));
        }
        let password = password.ok_or_else(needs_password)?;
        count_guess(request, &caller).await?;
        let opened = store
            .change_credentials(&caller.session, &password, None, change)
            .await;
        let opened = password_error(opened, "current_password")?;
        let cookie = cookie(&caller.state, Some(opened.token.reveal()));
        let token = has_bearer(request).then(|| opened.token.reveal().to_owned());
        Ok(Permanent(changed(opened.user.into(), token, Some(cookie))))
    }

    /// Change your password
    ///
    /// All sessions end, this one too: the answer opens another one. It counts as a login.
    #[oai(
        path = "/users/me/password",
        method = "put",
        operation_id = "changePassword"
    )]
    async fn password(
        &self,
        request: &Request,
        caller: Limited<Logins>,
        body: Json<NewPassword>,
    ) -> Result<Permanent<PasswordAnswer>, Problem> {
        let (new, who) = (&body.0.new_password, caller.user().to_string());
        let common = validate::is_common(&caller.state.store, &who, new).await?;
        let mut rules = Rules::default();
        rules.current_password("current_password", &body.0.current_password);
        rules.password("new_password", new, common);
        rules.done()?;
        let opened = caller
            .state
            .store
            .change_credentials(
                &caller.session,
                &body.0.current_password,
                Some(new),
                UserChange::default(),
            )
            .await;
        let opened = password_error(opened, "current_password")?;
        let cookie = cookie(&caller.state, Some(opened.token.reveal()));
        Ok(Permanent(match has_bearer(request) {
            true => PasswordAnswer::Token(Json(Box::new(opened.into())), cookie),
            false => PasswordAnswer::Cookie(cookie),
        }))
    }

    /// Erase your account
    ///
    /// For good: your data is gone, your names are free, your groups are handed over, and your
    /// messages are those of a deleted user. It counts as a login.
    #[oai(path = "/users/me/erase", method = "post", operation_id = "eraseMe")]
    async fn erase(
        &self,
        caller: Limited<Logins>,
        body: Json<Erase>,
    ) -> Result<Permanent<LoggedOut>, Problem> {
        let mut rules = Rules::default();
        rules.current_password("password", &body.0.password);
        rules.done()?;
        let erased = caller
            .state
            .store
            .erase(&caller.session, &body.0.password)
            .await;
        password_error(erased, "password")?;
        Ok(Permanent(LoggedOut::new(&caller.state)))
    }

    /// Get the profile of a user
    #[oai(path = "/users/:user_id", method = "get", operation_id = "getUser")]
    async fn get(&self, caller: Caller, user_id: Path<UserId>) -> Result<Json<Person>, Problem> {
        let store = &caller.state.store;
        let user = store
            .user(user_id.0)
            .await?
            .ok_or_else(|| Problem::not_found("There is no such user."))?;
        let presence = store.presences(caller.user(), &[user.id]).await?.pop();
        let online = presence.as_ref().map(|presence| presence.online);
        Ok(Json(Person {
            profile: user.into(),
            online,
            last_seen_at: presence.and_then(|presence| presence.last_seen_at),
        }))
    }
}

/// Reads the changes of an account. A name that it has already is none.
///
/// # Errors
/// 422 with all rules that are broken.
fn read_change(body: PatchAccount, me: &User) -> Result<UserChange, Problem> {
    let change = UserChange {
        username: not_null(body.username, "username")?.filter(|new| *new != me.username),
        email: not_null(body.email, "email")?.filter(|new| *new != me.email),
        display_name: not_null(body.display_name, "display_name")?.map(|name| tidy_name(&name)),
        bio: match body.bio {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(String::new()),
            MaybeUndefined::Value(bio) => Some(bio),
        },
        found_by_email: body.found_by_email,
        metadata: metadata_patch(body.metadata)?,
        ..UserChange::default()
    };
    let mut rules = Rules::default();
    change.username.iter().for_each(|text| rules.username(text));
    change.email.iter().for_each(|text| rules.email(text));
    change
        .display_name
        .iter()
        .for_each(|text| rules.display_name(text));
    change.bio.iter().for_each(|text| rules.bio(text));
    body.current_password
        .iter()
        .for_each(|text| rules.current_password("current_password", text));
    rules.done()?;
    Ok(change)
}

fn changed(account: Account, token: Option<String>, cookie: Option<String>) -> AccountAnswer {
    AccountAnswer::Changed(Json(ChangedAccount { account, token }), cookie)
}

/// Returns true when a request shows a token, which its answer may then replace. A page never sees
/// one.
fn has_bearer(request: &Request) -> bool {
    request.header(header::AUTHORIZATION).is_some()
}

/// Counts a guess of the caller's password as a login.
async fn count_guess(request: &Request, caller: &Caller) -> Result<(), Problem> {
    let (partition, hash) = (caller.user().partition(), &caller.session.hash);
    let limit = budget::limit_of::<Logins>(&caller.state);
    let admitted = budget::admit(&caller.state, partition, hash, limit).await?;
    admitted.limit.map_or(Ok(()), |(rate, verdict)| {
        rate_limits::record(request, Logins::NAME, rate, Some(verdict))
    })
}

fn needs_password() -> Problem {
    Problem::invalid(vec![FieldError {
        field: "current_password".into(),
        code: FieldErrorCode::Required,
        detail: "is needed for a new username or e-mail address".into(),
    }])
}

/// Turns a wrong password into a field that breaks a rule: the session itself is good.
fn password_error<T>(outcome: store::Result<T>, field: &str) -> Result<T, Problem> {
    outcome.map_err(|error| match error {
        Error::WrongPassword => Problem::invalid(vec![FieldError {
            field: field.into(),
            code: FieldErrorCode::Wrong,
            detail: "is not your password".into(),
        }]),
        other => other.into(),
    })
}
