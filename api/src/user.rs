//! My account, and others' profiles.

use model::{Account, FieldError, Profile, UserId};
use poem::Request;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json, types::MaybeUndefined};
use store::{Error, UserChange};

use crate::{
    auth::Caller,
    problem::Problem,
    session::{Done, LoggedOut, cookie},
    validate::Rules,
};

pub(crate) struct UserApi;

/// What to change of my account; what is absent stays.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct PatchAccount {
    /// 3 to 32 of `a-z A-Z 0-9 _ . -`; unique whatever its case.
    #[oai(nullable)]
    username: MaybeUndefined<String>,
    /// Unique whatever its case.
    #[oai(nullable)]
    email: MaybeUndefined<String>,
    /// 1 to 64 characters.
    #[oai(nullable)]
    display_name: MaybeUndefined<String>,
    /// Up to 1000 characters; null clears it.
    #[oai(nullable)]
    bio: MaybeUndefined<String>,
}

/// That it is really me.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Erase {
    /// My password.
    password: String,
}

/// A new password.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct NewPassword {
    /// The one that holds now.
    current_password: String,
    /// 8 to 256 characters, not among the commonest.
    new_password: String,
}

/// Somebody, with what only those may know with whom they share a chat.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Person {
    /// What everybody may know.
    #[oai(flatten)]
    profile: Profile,
    /// They are connected; absent for strangers, and where one of us blocks the other.
    online: Option<bool>,
    /// When they last were, RFC 3339 in UTC; absent as well when it is not known any more.
    last_seen_at: Option<String>,
}

#[OpenApi(tag = "crate::problem::Tags::Users")]
impl UserApi {
    /// My account
    #[oai(path = "/users/me", method = "get", operation_id = "getMe")]
    async fn me(&self, caller: Caller) -> Result<Json<Account>, Problem> {
        let me = caller.state.store.user(caller.user()).await?.ok_or_else(Problem::unauthorized)?;
        Ok(Json(me.into()))
    }

    /// Change my account
    ///
    /// A merge patch: what is absent stays. A new name holds at once; the id never changes.
    #[oai(path = "/users/me", method = "patch", operation_id = "updateMe")]
    async fn patch(&self, caller: Caller, body: Json<PatchAccount>) -> Result<Json<Account>, Problem> {
        let mut rules = Rules::default();
        let change = UserChange {
            username: kept(body.0.username, "username")?,
            email: kept(body.0.email, "email")?,
            display_name: kept(body.0.display_name, "display_name")?.map(|name| name.trim().to_owned()),
            bio: match body.0.bio {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(String::new()),
                MaybeUndefined::Value(bio) => Some(bio),
            },
            ..UserChange::default()
        };
        change.username.iter().for_each(|text| rules.username(text));
        change.email.iter().for_each(|text| rules.email(text));
        change.display_name.iter().for_each(|text| rules.display_name(text));
        change.bio.iter().for_each(|text| rules.bio(text));
        rules.done()?;
        Ok(Json(caller.state.store.change_user(caller.user(), change).await?.into()))
    }

    /// Change my password
    ///
    /// Every other session of mine ends.
    #[oai(path = "/users/me/password", method = "put", operation_id = "changePassword")]
    async fn password(&self, caller: Caller, body: Json<NewPassword>) -> Result<Done, Problem> {
        let mut rules = Rules::default();
        rules.require(body.0.current_password.chars().count() <= 256, "current_password", "length", "must have at most 256 characters");
        rules.password("new_password", &body.0.new_password);
        rules.done()?;
        let changed = caller.state.store.change_password(&caller.session, &body.0.current_password, &body.0.new_password).await;
        or_wrong(changed, "current_password")?;
        Ok(Done::Done)
    }

    /// Erase my account
    ///
    /// For good: my data is gone, my names are free, my groups are handed over, and my messages are those of a user who is no more.
    #[oai(path = "/users/me/erase", method = "post", operation_id = "eraseMe")]
    async fn erase(&self, request: &Request, caller: Caller, body: Json<Erase>) -> Result<LoggedOut, Problem> {
        let mut rules = Rules::default();
        rules.require(body.0.password.chars().count() <= 256, "password", "length", "must have at most 256 characters");
        rules.done()?;
        let erased = caller.state.store.erase(&caller.session, &body.0.password).await;
        or_wrong(erased, "password")?;
        Ok(LoggedOut::Done(cookie(request, &caller.state, None)))
    }

    /// Somebody's profile
    #[oai(path = "/users/:user_id", method = "get", operation_id = "getUser")]
    async fn get(&self, caller: Caller, user_id: Path<UserId>) -> Result<Json<Person>, Problem> {
        let store = &caller.state.store;
        let user = store.user(user_id.0).await?.ok_or_else(|| Problem::not_found("There is no such user."))?;
        let presence = store.presences(caller.user(), &[user.id]).await?.pop();
        let online = presence.as_ref().map(|presence| presence.online);
        Ok(Json(Person { profile: user.into(), online, last_seen_at: presence.and_then(|presence| presence.last_seen_at) }))
    }
}

/// A password that is not the one is a field that breaks a rule: the session itself is good.
fn or_wrong(outcome: store::Result<()>, field: &str) -> Result<(), Problem> {
    match outcome {
        Err(Error::WrongPassword) => {
            Err(Problem::invalid(vec![FieldError { field: field.into(), code: "wrong".into(), detail: "is not your password".into() }]))
        }
        other => Ok(other?),
    }
}

/// A field that can be changed and not cleared.
pub(crate) fn kept(value: MaybeUndefined<String>, field: &str) -> Result<Option<String>, Problem> {
    match value {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Value(value) => Ok(Some(value)),
        MaybeUndefined::Null => Err(Problem::invalid(vec![FieldError {
            field: field.into(),
            code: "not_nullable".into(),
            detail: "can be changed, not cleared".into(),
        }])),
    }
}
