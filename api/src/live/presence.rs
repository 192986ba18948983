//! Who is online, told to those who have them on screen.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use model::{PresenceUpdated, ServerEvent, UserId};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};

use super::{Live, outbox::Outbox};
use crate::{auth::Caller, directory::read_ids, problem::Problem};

pub(crate) struct PresenceApi;

/// Who is online.
#[derive(Object)]
struct Presences {
    /// Those of whom I may know it, in the order asked for.
    items: Vec<PresenceUpdated>,
}

#[OpenApi(tag = "crate::problem::Tags::Live")]
impl PresenceApi {
    /// Who is online
    ///
    /// Of those with whom I share a chat, and where neither of us blocks the other; the others are left out.
    #[oai(path = "/presence", method = "get", operation_id = "listPresence")]
    async fn list(
        &self,
        caller: Caller,
        /// Up to 100 ids, separated by commas.
        user_ids: Query<String>,
    ) -> Result<Json<Presences>, Problem> {
        let items = caller.state.store.presences(caller.user(), &read_ids("user_ids", &user_ids.0)?).await?;
        Ok(Json(Presences { items }))
    }
}

/// Who is watched, and by whom.
#[derive(Default)]
pub(super) struct Watch(Mutex<HashMap<UserId, Watched>>);

#[derive(Default)]
struct Watched {
    by: Vec<(UserId, Weak<Outbox>)>,
    /// As they were when it was last looked at.
    online: Option<bool>,
}

impl Watch {
    pub(super) fn users(&self) -> Vec<UserId> {
        self.lock().keys().copied().collect()
    }

    /// This connection watches these and no others; those whom nobody watched before, and those whom nobody does now.
    fn set(&self, asks: UserId, outbox: &Arc<Outbox>, users: &[UserId]) -> (Vec<UserId>, Vec<UserId>) {
        let wanted: HashSet<UserId> = users.iter().copied().collect();
        let mut all = self.lock();
        let mine = Arc::downgrade(outbox);
        for watched in all.values_mut() {
            watched.by.retain(|(_, other)| !other.ptr_eq(&mine) && other.strong_count() > 0);
        }
        let mut new = Vec::new();
        for user in wanted {
            let watched = all.entry(user).or_insert_with(|| {
                new.push(user);
                Watched::default()
            });
            watched.by.push((asks, Weak::clone(&mine)));
        }
        let gone: Vec<UserId> = all.iter().filter(|(_, watched)| watched.by.is_empty()).map(|(user, _)| *user).collect();
        gone.iter().for_each(|user| drop(all.remove(user)));
        (new, gone)
    }

    /// A connection is gone; its entries are swept with the next change.
    pub(super) fn forget(&self, outbox: &Arc<Outbox>) {
        let gone = Arc::downgrade(outbox);
        for watched in self.lock().values_mut() {
            watched.by.retain(|(_, other)| !other.ptr_eq(&gone));
        }
    }

    fn watchers(&self, user: UserId) -> Vec<(UserId, Arc<Outbox>)> {
        let all = self.lock();
        let by = all.get(&user).map_or(&[][..], |watched| &watched.by);
        by.iter().filter_map(|(asks, outbox)| Some((*asks, outbox.upgrade()?))).collect()
    }

    /// Is that news?
    fn notes(&self, user: UserId, online: bool) -> bool {
        self.lock().get_mut(&user).is_some_and(|watched| watched.online.replace(online) != Some(online))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// A connection is told of these from now on, and how they are now.
    pub(super) async fn watch(&self, asks: UserId, outbox: &Arc<Outbox>, users: Vec<UserId>) -> store::Result<()> {
        let (new, gone) = self.0.watch.set(asks, outbox, &users);
        for user in new {
            self.0.inboxes.watch(user).await?;
        }
        for user in gone {
            self.0.inboxes.unwatch(user).await?;
        }
        for presence in self.0.store.presences(asks, &users).await? {
            self.0.watch.notes(presence.user_id, presence.online);
            outbox.push(frame(presence));
        }
        Ok(())
    }

    /// Somebody who is watched came or went.
    pub(super) fn came_or_went(&self, user: UserId) {
        let live = self.clone();
        tokio::spawn(async move {
            if let Err(error) = live.tell_of(user).await {
                tracing::debug!(%error, user.id = %user, "whether they are online is looked at again soon");
            }
        });
    }

    async fn tell_of(&self, user: UserId) -> store::Result<()> {
        for (asks, outbox) in self.0.watch.watchers(user) {
            for presence in self.0.store.presences(asks, &[user]).await? {
                self.0.watch.notes(user, presence.online);
                outbox.push(frame(presence));
            }
        }
        Ok(())
    }

    /// Whoever was served by an API that died is not online any more, and nobody says so.
    pub(super) async fn look_who_is_online(&self) {
        let watched = self.0.watch.users();
        match self.0.store.hot.presences(&watched).await {
            Ok(found) => {
                for (user, presence) in watched.into_iter().zip(found) {
                    if self.0.watch.notes(user, presence.online) {
                        self.came_or_went(user);
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "who is online is looked at again soon"),
        }
    }
}

fn frame(presence: PresenceUpdated) -> bytes::Bytes {
    ServerEvent::Presence(presence).to_string().into()
}
