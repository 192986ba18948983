//! Both stores as one.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use cold::Cold;
use fair::Turns;
use hot::{ChangeNotice, Deliveries, Hot, Inboxes, Kind, ServerWatch};
use model::{ChatId, Durability, Partition, Tick, User, UserId};

use crate::{
    Error, Result,
    flights::Flights,
    known_sessions::KnownSessions,
    notify::Notifier,
    password::Passwords,
    safety::{
        self, AckLevel, BackPressure, Health, SavingWatch, SqlOutage, Standing, StepWatch,
        WriteDurability, WriteToken,
    },
    walks::Walks,
};

/// Both stores as one. Clones share connections and queues.
#[derive(Clone)]
pub struct Store {
    /// Redis, the truth about resident rows.
    pub(crate) hot: Hot,
    /// SQL, only to read from.
    pub(crate) cold: Cold,
    /// The present settings of Redis.
    pub(crate) server: ServerWatch,
    pub(crate) writes: WriteDurability,
    pub(crate) passwords: Arc<Passwords>,
    /// The turns at all that is computed.
    turns: Turns,
    /// The chats that are being hydrated.
    pub(crate) chat_flights: Flights<ChatId>,
    /// The users who are being hydrated.
    pub(crate) user_flights: Flights<UserId>,
    pub(crate) notifier: Notifier,
    pub(crate) known_sessions: KnownSessions,
    /// The time at which neither store had the server's own account: it has no keys.
    pub(crate) keyless: Arc<Mutex<Option<Instant>>>,
    pub(crate) back_pressure: BackPressure,
    pub(crate) saving: SavingWatch,
    pub(crate) sql_outage: SqlOutage,
    pub(crate) step: StepWatch,
    /// The orders of chats that users go through.
    pub(crate) walks: Walks,
    /// The time from which on the orders of chats in Redis can be relied upon.
    pub(crate) ordered_from: Tick,
}

impl Store {
    /// Joins both stores, if they belong together.
    ///
    /// # Errors
    /// [`Error::Unmigrated`] before the first migration; [`Error::Mismatched`] when Redis belongs
    /// to another database; [`Error::Format`] when another version wrote it;
    /// [`Error::SqlWentBack`]; [`Error::CannotAck`] for an `ack` that asks for more than this Redis
    /// can do.
    pub async fn open(hot: Hot, cold: Cold, ack: AckLevel) -> Result<Self> {
        let settled = hot.clone();
        let cold = cold
            .observed(|_, elapsed| hot::charge(units_of_sql(elapsed)))
            .not_below(move || settled.settled());
        let incarnation = cold
            .incarnation()
            .await
            .map_err(|error| Error::Unmigrated(error.to_string()))?;
        let incarnation = incarnation.ok_or_else(|| Error::Unmigrated("no incarnation".into()))?;
        let mut belongs = hot.pairing(&incarnation).await?;
        if belongs == hot::Pairing::Unpaired {
            belongs = hot.adopt(&incarnation).await?;
        }
        match belongs {
            hot::Pairing::Matches | hot::Pairing::Unpaired => {}
            hot::Pairing::Other(redis) => {
                return Err(Error::Mismatched {
                    redis,
                    sql: incarnation,
                });
            }
            hot::Pairing::Format(found) => return Err(Error::Format(found)),
        }
        let ordered_from = hot.ordered_from().await?;
        let step = StepWatch::start(&hot, &cold).await?;
        let server = ServerWatch::start(&hot).await?;
        let writes = WriteDurability::open(&hot, &server, ack).await?;
        let notifier = Notifier::start(&hot, &cold);
        let turns = Turns::default();
        let known_sessions = KnownSessions::new(hot.options().seen_every());
        Ok(Self {
            hot,
            cold,
            server,
            writes,
            passwords: Arc::new(Passwords::new(turns.clone())),
            turns,
            chat_flights: Flights::default(),
            user_flights: Flights::default(),
            notifier,
            known_sessions,
            keyless: Arc::default(),
            back_pressure: Default::default(),
            saving: Default::default(),
            sql_outage: Default::default(),
            step,
            walks: Walks::default(),
            ordered_from,
        })
    }

    /// Computes off the async threads, when it is the turn of `who`, an account or an address.
    ///
    /// # Errors
    /// [`Error::Busy`] when too much waits already; [`Error::Failed`].
    pub async fn compute<T: Send + 'static>(
        &self,
        who: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        Ok(self.turns.run(who, work).await?)
    }

    /// Notes that what is published to all APIs may be lost, until [`Store::hear_all`]: Redis is
    /// asked for each session, and notified of each member.
    pub fn hear_nothing(&self) {
        self.known_sessions.lose();
        self.notifier.served.lose();
    }

    /// Notes that all is listened to that is published to all APIs.
    pub fn hear_all(&self) {
        self.known_sessions.listen();
        self.notifier.served.listen();
    }

    /// Notes that all was heard that was published before a moment.
    pub fn prove_hearing(&self, asked: tokio::time::Instant) {
        self.known_sessions.prove(asked);
        self.notifier.served.prove(asked);
    }

    /// Notes that an API begins to serve a user.
    pub fn note_served(&self, user: UserId, api: UserId) {
        self.notifier.served.note(user, api);
    }

    /// Returns whether Redis and SQL were in step at the last look.
    pub fn standing(&self) -> Standing {
        self.step.standing()
    }

    /// Compares Redis with SQL now.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer.
    pub async fn compare(&self) -> Result<Standing> {
        self.step.judge().await
    }

    /// Takes all that SQL has for known to these partitions of the Redis with this identity, in
    /// which nothing older is left.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer.
    pub async fn accept_commits(&self, redis: &str, of: &[(Kind, Partition)]) -> Result<()> {
        self.step.accept(redis, of).await
    }

    /// Returns this store as it is for one who brings a Redis up to date that went back in time,
    /// the one with this identity.
    pub fn beyond_fence(&self, redis: &str) -> Self {
        Self {
            hot: self.hot.beyond_fence(redis),
            chat_flights: Flights::default(),
            user_flights: Flights::default(),
            ..self.clone()
        }
    }

    /// Closes the connections to Redis.
    pub async fn close(&self) {
        self.hot.close().await;
    }

    /// Asks both stores how they are, and how far saving is.
    pub async fn health(&self) -> Health {
        Health::ask(&self.hot, &self.cold, &self.server, &self.saving).await
    }

    /// Returns the watch on the settings of Redis.
    pub fn server(&self) -> &ServerWatch {
        &self.server
    }

    /// True when SQL answers; false at once while it did not a moment ago.
    pub async fn sql_answers(&self) -> bool {
        if self.sql_outage.is_on() {
            return false;
        }
        let answers = self.cold.ping().await.is_ok();
        self.sql_outage.note(answers);
        answers
    }

    /// Returns the present time by Redis' clock.
    ///
    /// # Errors
    /// [`Error::Hot`] when Redis does not answer.
    pub async fn now(&self) -> Result<Tick> {
        Ok(self.hot.now().await?)
    }

    /// Returns how long a session lives after its last use.
    pub fn session_ttl(&self) -> Duration {
        self.hot.options().session_ttl
    }

    /// Opens a connection of its own for the inboxes of the users that a process serves.
    ///
    /// # Errors
    /// [`Error::Hot`] when Redis does not answer.
    pub async fn connect_inboxes(&self) -> Result<(Inboxes, Deliveries)> {
        Ok(Inboxes::connect(self.hot.options()).await?)
    }

    /// Publishes a payload to one inbox, past the queue of notifications.
    ///
    /// # Errors
    /// [`Error::Hot`] when Redis does not answer.
    pub async fn publish(&self, user: UserId, payload: Bytes) -> Result<()> {
        Ok(self.hot.publish(&[(user, payload)]).await?)
    }

    /// Returns the durability of an acknowledged message under the present settings of Redis.
    pub fn durability(&self) -> Durability {
        self.writes.reached()
    }

    /// Marks the beginning of a write that is to be waited for.
    pub fn begin_write(&self) -> WriteToken {
        self.writes.begin()
    }

    /// Waits as CARRIER_ACK asks for what was written to a chat, and returns how durable it is. The
    /// write itself has happened in any case.
    pub async fn acknowledge(&self, began: WriteToken, chat: ChatId) -> Durability {
        self.writes.wait_for_chat(began, chat).await
    }

    /// Waits as CARRIER_ACK asks for all that was written; false when it is not that durable.
    pub async fn is_acknowledged(&self, began: WriteToken) -> bool {
        self.writes.wait_for_all(began).await
    }

    /// Waits for all that was written as far as Redis can; false when it is not that durable.
    pub async fn is_as_durable_as_possible(&self, began: WriteToken) -> bool {
        self.writes.wait_for_best(began).await
    }

    /// True when Redis is nearly full or evicts, or too much is unsaved.
    pub fn is_full(&self) -> bool {
        self.back_pressure.is_full()
    }

    /// Watches how full Redis is, and that at most about `max_unsaved` rows (zero: any number) are
    /// only in Redis. Never returns.
    pub async fn watch_room(self, max_unsaved: u64) {
        self.back_pressure
            .watch(&self.hot, &self.server, max_unsaved)
            .await;
    }

    /// True when SQL answers, and nothing has been due to be saved for longer than `behind`, as of
    /// `now` by Redis' clock.
    ///
    /// # Errors
    /// [`Error::Cold`] when SQL does not answer, [`Error::Hot`] when Redis does not.
    pub async fn is_saving(&self, now: Tick, behind: Duration) -> Result<bool> {
        safety::is_saving(&self.hot, &self.cold, now, behind).await
    }

    /// Waits until all notifications so far have been published.
    pub async fn flush_notifications(&self) {
        self.notifier.finish().await;
    }

    /// Notifies a user that private rows of theirs changed: the newest at `rev`, the oldest at
    /// `from`.
    pub fn notify_private_changed(&self, user: UserId, rev: Tick, from: Tick) {
        self.notifier.private_changed(user, rev, from);
    }

    /// Notifies users that they are no longer in a chat.
    pub fn notify_removed(&self, chat: ChatId, users: Vec<UserId>) {
        self.notifier.removed(chat, users);
    }

    /// Notifies a chat's members that all its changes up to `saved` are in SQL. The oldest change
    /// of the last commit is of `from`.
    pub fn notify_saved(&self, chat: ChatId, change: ChangeNotice, saved: Tick, from: Tick) {
        self.notifier.saved(chat, change, saved, from);
    }

    /// Notifies each user who shares a chat with this one that the public profile changed, one
    /// chat after the other.
    pub fn notify_profile_changed(&self, user: User) {
        self.notifier.companions(user);
    }
}

/// Returns what a statement costs, in the units of [`hot::Meter`]: some for itself, and one for
/// each 100 microseconds; so many at most, since others may have kept SQL busy.
fn units_of_sql(elapsed: Duration) -> u32 {
    4 + u32::try_from(elapsed.as_micros() / 100).map_or(46, |units| units.min(46))
}
