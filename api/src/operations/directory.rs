//! The directory: finding people.

use model::{Name, NameKind, Profile};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};

use crate::{
    config::Directory,
    request::{
        auth::Caller, characters::tidy_name, cursor, ids::read_user_ids,
        validate::MAX_PEOPLE_SEARCH,
    },
    response::problem::Problem,
};

/// The operation of the directory.
pub(crate) struct DirectoryApi;

/// A page of people.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Profiles {
    /// People by their usernames; when they are asked for by id, those who exist, in the order of
    /// the ids.
    items: Vec<Profile>,
    /// The `cursor` of the next page; absent on the last one.
    next: Option<String>,
}

#[OpenApi(tag = "crate::operations::Tags::Users")]
impl DirectoryApi {
    /// Find people
    ///
    /// By the beginning of the username or display name, in any case, with or without accents and
    /// strokes; or up to 100 by their ids; all people when neither is given. A server with a closed
    /// directory finds one person, by the whole username.
    #[oai(path = "/users", method = "get", operation_id = "listUsers")]
    async fn list(
        &self,
        caller: Caller,
        /// The beginning of the name, up to 64 characters.
        query: Query<Option<String>>,
        /// Up to 100 ids, with commas between them.
        ids: Query<Option<String>>,
        /// The `next` of the previous page.
        cursor: Query<Option<String>>,
        /// 1 to 100; 50 when absent.
        limit: Query<Option<usize>>,
    ) -> Result<Json<Profiles>, Problem> {
        let store = &caller.state.store;
        if let Some(ids) = ids.0 {
            if query.0.is_some() || cursor.0.is_some() {
                return Err(Problem::malformed("give `ids` alone"));
            }
            let items = store
                .users(&read_user_ids("ids", &ids)?)
                .await?
                .into_iter()
                .map(Into::into)
                .collect();
            return Ok(Json(Profiles { items, next: None }));
        }
        let prefix = tidy_name(&query.0.unwrap_or_default());
        if prefix.chars().count() > MAX_PEOPLE_SEARCH {
            let detail = format!("query must have at most {MAX_PEOPLE_SEARCH} characters");
            return Err(Problem::malformed(detail));
        }
        if caller.state.config.directory == Directory::Closed {
            let found = store.find(&Name::new(NameKind::Username, &prefix)).await?;
            let items = found.into_iter().map(Into::into).collect();
            return Ok(Json(Profiles { items, next: None }));
        }
        let after = cursor.0.as_deref().map(|text| {
            cursor::read(text, |place| {
                let (id, name) = place.split_once(' ')?;
                Some((name.to_owned(), id.parse().ok()?))
            })
        });
        let (users, next) = store
            .directory(&prefix, after.transpose()?, cursor::limit(limit.0)?)
            .await?;
        let next = next.map(|(name, id)| cursor::write(&format!("{id} {name}")));
        Ok(Json(Profiles {
            items: users.into_iter().map(Into::into).collect(),
            next,
        }))
    }
}
