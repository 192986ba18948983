//! Finding people.

use model::{Profile, UserId};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};

use crate::{auth::Caller, cursor, problem::Problem};

pub(crate) struct DirectoryApi;

/// People.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Profiles {
    /// In the order of their usernames; those asked for by id in the order of the ids, without those who do not exist.
    items: Vec<Profile>,
    /// For `cursor`: more follow.
    next: Option<String>,
}

#[OpenApi(tag = "crate::problem::Tags::Users")]
impl DirectoryApi {
    /// Find people
    ///
    /// By the beginning of their username or display name, whatever its case; or up to 100 by their ids; all when neither is given.
    #[oai(path = "/users", method = "get", operation_id = "listUsers")]
    async fn list(
        &self,
        caller: Caller,
        /// How the name begins, up to 64 characters.
        query: Query<Option<String>>,
        /// Up to 100 ids, with commas between them.
        ids: Query<Option<String>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
        /// 1 to 100; 50 when absent.
        limit: Query<Option<usize>>,
    ) -> Result<Json<Profiles>, Problem> {
        let store = &caller.state.store;
        if let Some(ids) = ids.0 {
            if query.0.is_some() || cursor.0.is_some() {
                return Err(Problem::malformed("give `ids` alone"));
            }
            let items = store.users(&read_ids("ids", &ids)?).await?.into_iter().map(Into::into).collect();
            return Ok(Json(Profiles { items, next: None }));
        }
        let prefix = query.0.unwrap_or_default();
        if prefix.chars().count() > 64 {
            return Err(Problem::malformed("query must have at most 64 characters"));
        }
        let after = cursor.0.as_deref().map(|text| {
            cursor::read(text, |place| {
                let (id, name) = place.split_once(' ')?;
                Some((name.to_owned(), id.parse().ok()?))
            })
        });
        let (users, next) = store.directory(prefix.trim(), after.transpose()?, cursor::limit(limit.0)?).await?;
        let next = next.map(|(name, id)| cursor::write(&format!("{id} {name}")));
        Ok(Json(Profiles { items: users.into_iter().map(Into::into).collect(), next }))
    }
}

/// Up to 100 ids with commas between them.
pub(crate) fn read_ids(name: &str, text: &str) -> Result<Vec<UserId>, Problem> {
    let ids = text.split(',').map(str::parse).collect::<Result<Vec<UserId>, _>>();
    ids.ok()
        .filter(|ids| ids.len() <= 100)
        .ok_or_else(|| Problem::malformed(format!("{name} must be 1 to 100 UUIDs with commas between them")))
}
