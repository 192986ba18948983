//! The directory: people by the beginning of a name, or by their ids.

use std::collections::{HashMap, HashSet};

use futures_util::future::join;
use hot::UserRecord;
use model::{User, UserId, fold};

use crate::{Result, Store, again::again};

/// How many of those whom SQL does not know by their names yet are looked at.
pub(crate) const FRESH: usize = 1000;

/// Where a page of the directory ends: by folded username, then id.
pub type DirectoryPlace = (String, UserId);

impl Store {
    /// Up to `limit` people whose username or display name begins with `prefix` whatever its case, in the order of their usernames, after the place
    /// where the last page ended; and where this one does.
    pub async fn directory(
        &self,
        prefix: &str,
        after: Option<DirectoryPlace>,
        limit: usize,
    ) -> Result<(Vec<User>, Option<DirectoryPlace>)> {
        let prefix = fold(prefix);
        // Fresh first: whoever is saved between the two reads is in one of them.
        let fresh = again(|| self.hot.fresh(FRESH)).await?;
        let place_of = after.as_ref().map(|(name, id)| (name.as_str(), *id));
        let (fresh, cold) = join(self.hot.users(&fresh), self.cold.directory(&prefix, place_of, limit as u64 + 1)).await;
        let (fresh, cold) = (fresh?, cold?);
        let newer: HashMap<UserId, User> = fresh.into_iter().filter_map(known).map(|user| (user.id, user)).collect();
        let finds = |user: &User| {
            !user.erased.happened() && (fold(&user.username).starts_with(&prefix) || fold(&user.display_name).starts_with(&prefix))
        };
        let more = cold.len() > limit;
        // When SQL has more, whoever sorts behind its last is for the next page.
        let end = cold.last().filter(|_| more).map(place);
        let mut found: Vec<User> = cold.into_iter().filter(|user| !newer.contains_key(&user.id)).collect();
        let in_range =
            |user: &User| after.as_ref().is_none_or(|after| place(user) > *after) && end.as_ref().is_none_or(|end| place(user) <= *end);
        found.extend(newer.into_values().filter(|user| finds(user) && in_range(user)));
        found.sort_by_key(place);
        let cut = found.len() > limit;
        found.truncate(limit);
        let next = match cut {
            true => found.last().map(place),
            false => end,
        };
        Ok((found, next))
    }

    /// These people, in this order, without those who do not exist.
    pub async fn users(&self, ids: &[UserId]) -> Result<Vec<User>> {
        let hot = again(|| self.hot.users(ids)).await?;
        let mut found: HashMap<UserId, User> = hot.into_iter().filter_map(known).map(|user| (user.id, user)).collect();
        let cold: Vec<UserId> = ids.iter().filter(|id| !found.contains_key(id)).copied().collect();
        if !cold.is_empty() {
            found.extend(self.cold.users(&cold).await?.into_iter().map(|user| (user.id, user)));
        }
        let mut seen = HashSet::new();
        let there = ids.iter().filter(|id| seen.insert(**id)).filter_map(|id| found.get(id));
        Ok(there.filter(|user| !user.erased.happened()).cloned().collect())
    }
}

fn known(record: UserRecord) -> Option<User> {
    match record {
        UserRecord::Known(user) => Some(*user),
        UserRecord::Cold | UserRecord::Nameless => None,
    }
}

fn place(user: &User) -> DirectoryPlace {
    (fold(&user.username), user.id)
}
