//! Presence: who is online, sent to the connections that have them on screen.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::try_join_all;
use model::{PresenceUpdated, ServerEvent, Tick, UserId};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};

use super::{Hub, send_queue::SendQueue};
use crate::{
    request::{auth::Caller, ids::read_user_ids, validate::MAX_WATCHED},
    response::problem::Problem,
};

/// The operation that lists presences.
pub(crate) struct PresenceApi;

/// The presence of users.
#[derive(Object)]
struct Presences {
    /// The users whose presence I may see, in the order asked for.
    items: Vec<PresenceUpdated>,
}

#[OpenApi(tag = "crate::operations::Tags::Live")]
impl PresenceApi {
    /// See who is online
    ///
    /// Only users with whom I share a chat, and where neither of us blocks the other; the others
    /// are left out.
    #[oai(path = "/presence", method = "get", operation_id = "listPresence")]
    async fn list(
        &self,
        caller: Caller,
        /// Up to 100 ids, separated by commas.
        user_ids: Query<String>,
    ) -> Result<Json<Presences>, Problem> {
        let items = caller
            .state
            .store
            .presences(caller.user(), &read_user_ids("user_ids", &user_ids.0)?)
            .await?;
        Ok(Json(Presences { items }))
    }
}

/// The most people whom an account watches over all its connections to one API: ten screens full.
const MAX_WATCHED_BY_ACCOUNT: usize = 10 * MAX_WATCHED;
/// The shortest time between two announcements of one user's presence.
const PACE: Duration = Duration::from_secs(1);
/// The time after which an offline user is looked at, should nobody have told that they came.
const LOOK: Duration = Duration::from_secs(60);

/// The users whose presence is watched, and the connections that watch each. Every change costs as
/// much as the connection watches, or as many as watch the user.
#[derive(Default)]
pub(super) struct WatchList(Mutex<Watches>);

#[derive(Default)]
struct Watches {
    watched: HashMap<UserId, Watched>,
    /// The account of each connection that watches, and whom it watches.
    connections: HashMap<ConnectionKey, (UserId, Vec<UserId>)>,
    /// The number of people whom each account watches, over all its connections.
    counts: HashMap<UserId, usize>,
}

/// The identity of a connection: the address of its queue, which lives while it is in the list.
type ConnectionKey = usize;

#[derive(Default)]
struct Watched {
    /// The watching users with their connections.
    by: HashMap<ConnectionKey, (UserId, Arc<SendQueue>)>,
    /// The presence when it was last looked at.
    online: Option<bool>,
    /// The tick at which it is looked at again, though nobody told of a change.
    look_at: Tick,
    announcing: Announcing,
}

/// The announcement of a change of presence.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Announcing {
    #[default]
    Not,
    Now,
    /// There was another change meanwhile.
    Again,
}

impl WatchList {
    /// Returns all users who are watched.
    pub(super) fn users(&self) -> Vec<UserId> {
        self.lock().watched.keys().copied().collect()
    }

    /// Makes a connection watch these users and no others. Returns the users who had no watcher
    /// before, and those who have none now; `None`, and nothing is changed, when the account would
    /// watch too many.
    fn set(
        &self,
        reader: UserId,
        queue: &Arc<SendQueue>,
        users: &HashSet<UserId>,
    ) -> Option<(Vec<UserId>, Vec<UserId>)> {
        let mut all = self.lock();
        let key = key_of(queue);
        let before = all
            .connections
            .get(&key)
            .map_or(0, |(_, users)| users.len());
        let count = all.counts.get(&reader).map_or(0, |count| count - before);
        if count + users.len() > MAX_WATCHED_BY_ACCOUNT {
            return None;
        }
        let mut new = Vec::new();
        for user in users {
            let watched = all.watched.entry(*user).or_insert_with(|| {
                new.push(*user);
                Watched::default()
            });
            watched.by.insert(key, (reader, Arc::clone(queue)));
        }
        let gone = all.leave(key, users);
        if !users.is_empty() {
            let list = users.iter().copied().collect();
            all.connections.insert(key, (reader, list));
            all.counts.insert(reader, count + users.len());
        }
        Some((new, gone))
    }

    /// Forgets a connection that has ended, and returns the users who have no watcher left.
    pub(super) fn forget(&self, queue: &Arc<SendQueue>) -> Vec<UserId> {
        self.lock().leave(key_of(queue), &HashSet::new())
    }

    /// Returns the connections that watch a user, by the watching user.
    fn watchers(&self, user: UserId) -> HashMap<UserId, Vec<Arc<SendQueue>>> {
        let mut watchers: HashMap<_, Vec<_>> = HashMap::new();
        if let Some(watched) = self.lock().watched.get(&user) {
            for (reader, queue) in watched.by.values() {
                watchers.entry(*reader).or_default().push(Arc::clone(queue));
            }
        }
        watchers
    }

    fn is_watched(&self, user: UserId) -> bool {
        self.lock().watched.contains_key(&user)
    }

    /// Returns the users who are to be looked at by now.
    fn due(&self, now: Tick) -> Vec<UserId> {
        let all = self.lock();
        let due = all.watched.iter().filter(|(_, one)| one.look_at <= now);
        due.map(|(user, _)| *user).collect()
    }

    /// Makes all users be looked at: changes may have been missed.
    pub(super) fn look_at_all(&self) {
        let mut all = self.lock();
        let watched = all.watched.values_mut();
        watched.for_each(|watched| watched.look_at = Tick::NEVER);
    }

    /// Records the presence of a watched user, which holds until a tick if they are online. Returns
    /// true when it changed.
    fn record(&self, user: UserId, online: bool, until: Tick) -> bool {
        self.lock().watched.get_mut(&user).is_some_and(|watched| {
            watched.look_at = match online {
                true => until,
                false => Tick::now().later(LOOK),
            };
            watched.online.replace(online) != Some(online)
        })
    }

    /// Returns true when the caller is to announce a user's presence; else it is being announced,
    /// and will be again.
    fn begin(&self, user: UserId) -> bool {
        self.lock().watched.get_mut(&user).is_some_and(|watched| {
            let was = watched.announcing;
            watched.announcing = match was {
                Announcing::Not => Announcing::Now,
                Announcing::Now | Announcing::Again => Announcing::Again,
            };
            was == Announcing::Not
        })
    }

    /// Ends an announcement; true when the presence has changed meanwhile and is to be announced
    /// again.
    fn end(&self, user: UserId) -> bool {
        self.lock().watched.get_mut(&user).is_some_and(|watched| {
            let again = watched.announcing == Announcing::Again;
            watched.announcing = if again {
                Announcing::Now
            } else {
                Announcing::Not
            };
            again
        })
    }

    fn lock(&self) -> MutexGuard<'_, Watches> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watches {
    /// Takes a connection from those that it watches and that are not in `but`. Returns the users
    /// who have no watcher left.
    fn leave(&mut self, key: ConnectionKey, but: &HashSet<UserId>) -> Vec<UserId> {
        let Some((reader, users)) = self.connections.remove(&key) else {
            return Vec::new();
        };
        if let Some(count) = self.counts.get_mut(&reader) {
            *count -= users.len();
            if *count == 0 {
                self.counts.remove(&reader);
            }
        }
        let mut gone = Vec::new();
        for user in users.into_iter().filter(|user| !but.contains(user)) {
            if let Some(watched) = self.watched.get_mut(&user) {
                watched.by.remove(&key);
                if watched.by.is_empty() {
                    self.watched.remove(&user);
                    gone.push(user);
                }
            }
        }
        gone
    }
}

/// Returns the identity of a connection.
fn key_of(queue: &Arc<SendQueue>) -> ConnectionKey {
    Arc::as_ptr(queue).addr()
}

impl Hub {
    /// Sends the presence of these users to a connection, now and whenever it changes: of those
    /// whom the reader may see.
    ///
    /// # Errors
    /// 429 when the account watches too many people.
    pub(super) async fn watch(
        &self,
        reader: UserId,
        queue: &Arc<SendQueue>,
        users: &[UserId],
    ) -> Result<(), Problem> {
        let store = &self.0.store;
        let visible = store.seen_by(reader, users).await?;
        let wanted: HashSet<UserId> = visible.iter().copied().collect();
        let Some((new, gone)) = self.0.watch_list.set(reader, queue, &wanted) else {
            return Err(Problem::rate_limited(
                format!(
                    "An account watches at most {MAX_WATCHED_BY_ACCOUNT} people over all its \
                     connections to an API: watch those on screen."
                ),
                60,
            ));
        };
        let subscribed = try_join_all(new.into_iter().map(|user| self.0.inboxes.watch(user)));
        if let Err(error) = subscribed.await {
            // Or the next list would take them for watched.
            self.0.watch_list.forget(queue);
            return Err(store::Error::from(error).into());
        }
        self.unwatch(gone).await?;
        let visible: Vec<UserId> = wanted.into_iter().collect();
        for (presence, until) in store.presences_unchecked(&visible).await? {
            self.0
                .watch_list
                .record(presence.user_id, presence.online, until);
            queue.push(frame(presence));
        }
        Ok(())
    }

    /// Stops listening for the coming and going of users whom nobody watches any more.
    pub(super) async fn unwatch(&self, gone: Vec<UserId>) -> store::Result<()> {
        try_join_all(gone.into_iter().map(async |user| {
            self.0.inboxes.unwatch(user).await?;
            // Somebody may have begun to watch meanwhile, and have listened before we stopped.
            match self.0.watch_list.is_watched(user) {
                true => self.0.inboxes.watch(user).await,
                false => Ok(()),
            }
        }))
        .await?;
        Ok(())
    }

    /// Sends the presence of a watched user, who went online or offline, to their watchers: at
    /// once, and then at a pace that a user who comes and goes all the time cannot raise.
    pub(super) fn presence_changed(&self, user: UserId) {
        if !self.0.watch_list.begin(user) {
            return;
        }
        let hub = self.clone();
        tokio::spawn(async move {
            loop {
                if let Err(error) = hub.send_presence(user).await {
                    tracing::debug!(
                        %error,
                        user.id = %user,
                        "could not look up a presence; retrying soon"
                    );
                }
                tokio::time::sleep(PACE).await;
                if !hub.0.watch_list.end(user) {
                    return;
                }
            }
        });
    }

    async fn send_presence(&self, user: UserId) -> store::Result<()> {
        let store = &self.0.store;
        let mut watchers = self.0.watch_list.watchers(user);
        let readers: Vec<UserId> = watchers.keys().copied().collect();
        let readers = store.seen_by(user, &readers).await?;
        let Some((presence, until)) = store.presences_unchecked(&[user]).await?.pop() else {
            return Ok(());
        };
        self.0.watch_list.record(user, presence.online, until);
        let frame = frame(presence);
        for queue in readers
            .iter()
            .filter_map(|reader| watchers.remove(reader))
            .flatten()
        {
            queue.push(frame.clone());
        }
        Ok(())
    }

    /// Looks up the presence of watched users whose time is up. A user whose API died has gone
    /// offline without a notification.
    pub(super) async fn check_presences(&self) {
        let due = self.0.watch_list.due(Tick::now());
        match self.0.store.presences_unchecked(&due).await {
            Ok(found) => {
                for (presence, until) in found {
                    let (user, online) = (presence.user_id, presence.online);
                    if self.0.watch_list.record(user, online, until) {
                        self.presence_changed(user);
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "could not look up presences; retrying soon"),
        }
    }
}

fn frame(presence: PresenceUpdated) -> Bytes {
    ServerEvent::Presence(presence).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::send_queue::Budget;

    fn queue() -> Arc<SendQueue> {
        Arc::new(SendQueue::new("s".into(), Arc::new(Budget::new(1 << 30))))
    }

    fn people(count: usize) -> HashSet<UserId> {
        (0..count).map(|_| UserId::new()).collect()
    }

    #[test]
    fn a_list_takes_the_place_of_the_one_before_and_leaves_with_its_connection() {
        let (list, reader) = (WatchList::default(), UserId::new());
        let (one, two) = (queue(), queue());
        let [ann, bob, carl] = [UserId::new(), UserId::new(), UserId::new()];
        let sorted = |mut users: Vec<UserId>| {
            users.sort_unstable();
            users
        };
        let set = |queue, users: &[UserId]| {
            let changed = list.set(reader, queue, &users.iter().copied().collect());
            changed.map(|(new, gone)| (sorted(new), gone)).expect("few")
        };
        assert_eq!(set(&one, &[ann, bob]), (sorted(vec![ann, bob]), vec![]));
        assert_eq!(set(&two, &[bob]), (vec![], vec![]));
        assert_eq!(set(&one, &[bob, carl]), (vec![carl], vec![ann]));
        assert_eq!(list.watchers(bob)[&reader].len(), 2);
        assert!(list.watchers(ann).is_empty());
        assert_eq!(list.forget(&one), [carl]);
        assert_eq!(list.forget(&one), []);
        assert_eq!(set(&two, &[]), (vec![], vec![bob]));
        let all = list.lock();
        assert!(all.watched.is_empty() && all.connections.is_empty() && all.counts.is_empty());
    }

    #[test]
    fn an_account_watches_so_many_over_all_its_connections_and_no_more() {
        let (list, reader) = (WatchList::default(), UserId::new());
        let connections: Vec<_> = (0..10).map(|_| queue()).collect();
        for queue in &connections {
            assert!(list.set(reader, queue, &people(MAX_WATCHED)).is_some());
        }
        let (another, few) = (queue(), people(1));
        assert!(list.set(reader, &another, &few).is_none());
        assert!(list.set(UserId::new(), &another, &few).is_some());
        let other = people(MAX_WATCHED);
        assert!(list.set(reader, &connections[0], &other).is_some());
        list.forget(&connections[1]);
        assert!(list.set(reader, &queue(), &few).is_some());
    }

    #[test]
    fn who_is_online_is_looked_at_when_their_time_is_up_and_others_seldom() {
        let (list, ann) = (WatchList::default(), UserId::new());
        list.set(UserId::new(), &queue(), &HashSet::from([ann]));
        let now = Tick::now();
        assert_eq!(list.due(now), [ann], "nobody knows yet");
        let until = now.later(LOOK / 2);
        assert!(list.record(ann, true, until));
        assert_eq!(list.due(now), []);
        assert_eq!(list.due(until), [ann]);
        assert!(!list.record(ann, true, until) && list.record(ann, false, until));
        assert_eq!(list.due(until), []);
        list.look_at_all();
        assert_eq!(list.due(now), [ann]);
    }

    #[test]
    fn who_comes_and_goes_all_the_time_is_announced_one_time_after_the_other() {
        let (list, ann) = (WatchList::default(), UserId::new());
        assert!(!list.begin(ann), "nobody watches");
        list.set(UserId::new(), &queue(), &HashSet::from([ann]));
        assert!(list.begin(ann));
        assert!(!list.begin(ann) && !list.begin(ann));
        assert!(list.end(ann), "once more for both");
        assert!(!list.end(ann) && list.begin(ann));
    }
}
