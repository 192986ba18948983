//! The directory: people by the beginning of a name, or by their ids.

use std::collections::{HashMap, HashSet};

use futures_util::future::join;
use hot::UserRecord;
use model::{User, UserId, fold, fold_shown};

use crate::{Result, Store, residency::retry};

/// The number of users that are looked at of those whose present names SQL does not have yet.
pub(crate) const FRESH: usize = 1000;

/// The end of a page of the directory: the folded username, then the id.
pub type DirectoryPlace = (String, UserId);

impl Store {
    /// Returns up to `limit` people whose username or display name begins with `prefix`, as
    /// the words of a text are compared, in the order of their usernames, after the place where the
    /// previous page ended; and the place where this page ends.
    ///
    /// # Errors
    /// [`crate::Error::Hot`] or [`crate::Error::Cold`] when a store does not answer; retry later.
    pub async fn directory(
        &self,
        prefix: &str,
        after: Option<DirectoryPlace>,
        limit: usize,
    ) -> Result<(Vec<User>, Option<DirectoryPlace>)> {
        let prefix = fold_shown(prefix);
        // Redis is read first: a user who is saved between the two reads is in one of them.
        let fresh = retry(|| self.hot.recent_renames(FRESH)).await?;
        let place_of = after.as_ref().map(|(name, id)| (name.as_str(), *id));
        let (fresh, cold) = join(
            self.hot.users(&fresh),
            self.cold.directory(&prefix, place_of, limit as u64 + 1),
        )
        .await;
        let (fresh, cold) = (fresh?, cold?);
        let newer: HashMap<UserId, User> = fresh
            .into_iter()
            .filter_map(known)
            .map(|user| (user.id, user))
            .collect();
        let finds = |user: &User| {
            !user.erased.happened()
                && (fold(&user.username).starts_with(&prefix)
                    || fold_shown(&user.display_name).starts_with(&prefix))
        };
        let more = cold.len() > limit;
        // When SQL has more, users who sort after its last belong to the next page.
        let end = cold.last().filter(|_| more).map(place);
        let mut found: Vec<User> = cold
            .into_iter()
            .filter(|user| !newer.contains_key(&user.id))
            .collect();
        let in_range = |user: &User| {
            after.as_ref().is_none_or(|after| place(user) > *after)
                && end.as_ref().is_none_or(|end| place(user) <= *end)
        };
        found.extend(
            newer
                .into_values()
                .filter(|user| finds(user) && in_range(user)),
        );
        found.sort_by_key(place);
        let cut = found.len() > limit;
        found.truncate(limit);
        let next = match cut {
            true => found.last().map(place),
            false => end,
        };
        Ok((found, next))
    }

    /// Returns these users in this order, without those who do not exist.
    ///
    /// # Errors
    /// [`crate::Error::Hot`] or [`crate::Error::Cold`] when a store does not answer; retry later.
    pub async fn users(&self, ids: &[UserId]) -> Result<Vec<User>> {
        let hot = retry(|| self.hot.users(ids)).await?;
        let mut found: HashMap<UserId, User> = hot
            .into_iter()
            .filter_map(known)
            .map(|user| (user.id, user))
            .collect();
        let cold: Vec<UserId> = ids
            .iter()
            .filter(|id| !found.contains_key(id))
            .copied()
            .collect();
        if !cold.is_empty() {
            found.extend(
                self.cold
                    .users(&cold)
                    .await?
                    .into_iter()
                    .map(|user| (user.id, user)),
            );
        }
        let mut seen = HashSet::new();
        let there = ids
            .iter()
            .filter(|id| seen.insert(**id))
            .filter_map(|id| found.get(id));
        Ok(there
            .filter(|user| !user.erased.happened())
            .cloned()
            .collect())
    }
}

fn known(record: UserRecord) -> Option<User> {
    match record {
        UserRecord::Named(user) => Some(*user),
        UserRecord::Cold | UserRecord::Nameless => None,
    }
}

fn place(user: &User) -> DirectoryPlace {
    (fold(&user.username), user.id)
}
