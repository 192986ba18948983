//! One pass over what is due: claim, snapshot, durable, commit, heal, settle.

use std::{collections::HashMap, fmt::Display, sync::Arc, time::Duration};

use futures_util::future::{join_all, try_join_all};
use hot::{ChatSnapshot, Hot, Kind, Listed, Row, Settled, UserSnapshot};
use model::{About, ChatId, Mine, Tick, UserId};
use sea_orm::DbErr;
use store::Store;
use tokio::sync::Semaphore;

use crate::{
    Config, Error,
    commit::{Rejected, SqlRow, commit, sweep_messages},
    durable::Durable,
    sql::Sql,
};

/// How many chats, or users, share one transaction.
const GROUP: usize = 128;
/// How many scripts Redis is given at once.
const AT_ONCE: usize = 2;
/// How many rows of one chat.
const ROWS: usize = 512;
/// About how many bytes of messages of one chat; so a transaction holds at most 32 MiB.
const BYTES: usize = 256 * 1024;

/// From which part of `maxmemory` on chats leave before their time: before anything is refused.
const CROWDED: f64 = 0.85;
/// How many of each partition at once.
const IDLE: usize = 2;

pub(crate) struct Flusher {
    /// The connection on which snapshots are made and waited for.
    pub(crate) hot: Hot,
    pub(crate) store: Store,
    pub(crate) sql: Sql,
    pub(crate) config: Config,
    pub(crate) durable: Durable,
}

impl Flusher {
    /// Takes what is due, up to a group of users and one of chats, and saves it; false when nothing was.
    pub(crate) async fn pass(&self) -> Result<bool, Error> {
        let users: Vec<UserId> = self.claim(Kind::User).await?;
        let chats: Vec<ChatId> = self.claim(Kind::Chat).await?;
        // Neither waits for what holds up the other.
        let flushed_users = if users.is_empty() { Ok(()) } else { self.flush_users(&users).await };
        let flushed_chats = if chats.is_empty() { Ok(()) } else { self.flush_chats(&chats).await };
        flushed_users.and(flushed_chats)?;
        Ok(!users.is_empty() || !chats.is_empty())
    }

    /// When Redis nears its limit, chats that are warm and clean leave before their time, those first that would leave first.
    pub(crate) async fn make_room(&self) -> Result<(), Error> {
        if self.hot.memory().await?.share() < CROWDED {
            return Ok(());
        }
        let idle = self.hot.idle_chats(IDLE, self.config.lease).await?;
        tracing::warn!(chats = idle.len(), "Redis is nearly full: chats leave before their time");
        few_at_once(idle.iter().map(|chat| self.hot.cool(*chat))).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(())
    }

    async fn claim<T: std::str::FromStr>(&self, kind: Kind) -> Result<Vec<T>, Error> {
        // The scores are of Redis' clock; a second more asks for a partition too many, and claims nothing there.
        let soon = Tick::now().0 / 1000 + 1000;
        let mut due = self.hot.first_due(kind).await?;
        due.retain(|(_, score)| *score <= soon);
        let each = (GROUP / due.len().max(1)).max(1);
        let claims = due.iter().take(GROUP).map(|(partition, _)| self.hot.claim_due(kind, *partition, each, self.config.lease));
        Ok(try_join_all(claims).await?.iter().flatten().filter_map(|id| id.parse().ok()).collect())
    }

    async fn flush_chats(&self, chats: &[ChatId]) -> Result<(), Error> {
        let (mark, newest) = (self.durable.mark(), self.durable.newest());
        let snapshots = chats.iter().map(|chat| self.hot.snapshot_chat(*chat, ROWS, BYTES, newest, self.config.lease));
        let mut snapshots: Vec<ChatSnapshot> = whole(chats, few_at_once(snapshots).await)?.into_iter().flatten().collect();
        self.durable.wait(mark).await?;

        let rows = snapshots.iter().flat_map(|snapshot| {
            let row = |row: &hot::ChatRow| SqlRow::of(snapshot.chat, &row.row);
            snapshot.rows.iter().filter_map(row).collect::<Vec<_>>()
        });
        let rejected = match commit(&self.sql, rows.collect()).await {
            Ok(rejected) => rejected,
            Err(error) => {
                self.give_back(snapshots.iter().map(|snapshot| snapshot.chat)).await;
                return Err(error.into());
            }
        };
        self.park_chat_rows(&mut snapshots, &rejected).await?;
        join_all(snapshots.iter_mut().map(|snapshot| self.sweep_chat(snapshot))).await;
        // SQL has them, so nobody who reads it from now on can miss what other slots are told of.
        few_at_once(snapshots.iter_mut().map(|snapshot| self.heal_chat(snapshot))).await;

        // Members' lists may be on other nodes: what they were told must be safe there before it is forgotten here that they are to be told.
        if self.hot.is_cluster() && snapshots.iter().any(|snapshot| snapshot.rows.iter().any(|row| matches!(row.row, Row::Listed(_)))) {
            self.durable.wait(mark).await?;
        }

        let settle = snapshots.iter().map(async |snapshot| {
            let soon = if snapshot.rows.len() >= ROWS { Duration::ZERO } else { self.hot.options().flush_after };
            let committed: Vec<_> = snapshot.rows.iter().map(|row| (row.entry.clone(), row.rev)).collect();
            let settled = self.hot.settle_chat(snapshot.chat, &committed, soon).await?;
            tracing::debug!(chat.id = %snapshot.chat, rows = snapshot.rows.len(), outcome = ?settled, "flushed");
            if let Some(oldest) = snapshot.rows.first() {
                self.store.tell_saved(snapshot.chat, snapshot.told, snapshot.saved, oldest.rev);
            }
            Ok::<_, Error>(())
        });
        let ids: Vec<_> = snapshots.iter().map(|snapshot| snapshot.chat).collect();
        whole(&ids, few_at_once(settle).await).map(drop)
    }

    /// Rows that SQL refused, or that cannot be read, are counted and not settled.
    async fn park_chat_rows(&self, snapshots: &mut [ChatSnapshot], rejected: &[Rejected]) -> Result<(), Error> {
        let errors: HashMap<_, _> = rejected.iter().map(|rejected| (rejected.row.key(), &rejected.error)).collect();
        for snapshot in snapshots {
            let chat = snapshot.chat;
            let mut refused = Vec::new();
            snapshot.rows.retain(|row| {
                let error = match (&row.row, SqlRow::of(chat, &row.row)) {
                    (Row::Unreadable(error), _) => Some(error),
                    (_, Some(sql)) => errors.get(&sql.key()).copied(),
                    (_, None) => None,
                };
                refused.extend(error.map(|error| (row.entry.clone(), row.rev, error.clone())));
                error.is_none()
            });
            for (entry, rev, error) in refused {
                snapshot.saved = snapshot.saved.min(Tick(rev.0 - 1));
                let tries = self.hot.park_chat_row(chat, &entry, rev, self.config.park_after, &error).await?;
                tracing::error!(chat.id = %chat, entry, tries, error, "SQL refuses a row; it stays in Redis");
            }
        }
        Ok(())
    }

    /// The chat in the lists of members who came or went. Whoever could not be told stays dirty.
    async fn heal_chat(&self, snapshot: &mut ChatSnapshot) {
        let chat = snapshot.chat;
        let tell = snapshot.rows.iter().map(|row| async move {
            let Row::Listed(member) = &row.row else { return true };
            let listed = Listed { chat, rev: member.member.rev, left: member.member.left };
            // Not resident: their hydration under way, which may have read SQL too early, is ended; the next one finds the row.
            let told = self.hot.enlist(member.user, listed).await;
            if !member.member.is_in() {
                self.store.tell_removed(chat, vec![member.user]);
            }
            told.inspect_err(|error| tracing::debug!(%error, chat.id = %chat, "a member's list is healed at the next flush")).is_ok()
        });
        let mut told = join_all(tell).await.into_iter();
        snapshot.rows.retain(|_| told.next().unwrap_or(true));
    }

    /// What was written in a chat that is deleted. If it cannot be swept now, its row stays dirty.
    async fn sweep_chat(&self, snapshot: &mut ChatSnapshot) {
        let is_deleted = |row: &hot::ChatRow| matches!(&row.row, Row::Chat(chat) if chat.deleted.happened());
        if snapshot.rows.iter().any(is_deleted)
            && let Err(error) = self.sweep_messages(snapshot.chat).await
        {
            tracing::debug!(%error, chat.id = %snapshot.chat, "a deleted chat is swept at the next flush");
            snapshot.rows.retain(|row| !is_deleted(row));
        }
    }

    async fn sweep_messages(&self, chat: ChatId) -> Result<(), DbErr> {
        sweep_messages(&self.sql.pool().await?, chat).await
    }

    /// What could not be saved is due again soon, without waiting for the lease to end.
    async fn give_back(&self, chats: impl Iterator<Item = ChatId>) {
        let soon = Duration::from_secs(1);
        for outcome in join_all(chats.map(|chat| self.hot.settle_chat(chat, &[], soon))).await {
            if let Err(error) = outcome {
                tracing::debug!(%error, "a claim was not given back; its lease ends by itself");
            }
        }
    }

    async fn flush_users(&self, users: &[UserId]) -> Result<(), Error> {
        let (mark, newest) = (self.durable.mark(), self.durable.newest());
        let snapshots = users.iter().map(|user| self.hot.snapshot_user(*user, ROWS, newest, self.config.lease));
        let mut snapshots: Vec<UserSnapshot> = whole(users, few_at_once(snapshots).await)?.into_iter().flatten().collect();
        self.durable.wait(mark).await?;
        let rejected = match commit(&self.sql, snapshots.iter().flat_map(user_rows).collect()).await {
            Ok(rejected) => rejected,
            Err(error) => {
                let soon = Duration::from_secs(1);
                join_all(snapshots.iter().map(|snapshot| self.hot.settle_user(snapshot.user, &[], "", soon, false))).await;
                return Err(error.into());
            }
        };
        let errors: HashMap<_, _> = rejected.iter().map(|rejected| (rejected.row.key(), rejected.error.as_str())).collect();
        let ids: Vec<_> = snapshots.iter().map(|snapshot| snapshot.user).collect();
        let settle = snapshots.iter_mut().map(|snapshot| self.settle_user(snapshot, &errors));
        whole(&ids, few_at_once(settle).await).map(drop)
    }

    async fn settle_user(&self, snapshot: &mut UserSnapshot, errors: &HashMap<String, &str>) -> Result<(), Error> {
        let id = snapshot.user;
        self.park_user_rows(snapshot, errors).await?;
        self.heal_user(snapshot).await;
        if snapshot.row.as_ref().is_some_and(|user| user.erased.happened())
            && let Err(error) = self.store.finish_erasure(id).await
        {
            tracing::debug!(%error, user.id = %id, "an erasure is finished at the next flush");
            snapshot.row = None;
        }
        let mut committed: Vec<_> = snapshot.mine.iter().map(|(entry, rev, _)| (entry.clone(), *rev)).collect();
        if let Some(user) = &snapshot.row {
            // The names are in SQL: from now on it tells that they are taken, and the old ones that they are free.
            for (name, nonce) in &snapshot.names {
                self.hot.release_name(name, id, nonce).await?;
            }
            self.hot.forget(id, user.rev).await?;
            committed.push(("user".into(), user.rev));
            if !user.erased.happened() {
                self.store.tell_companions(user.clone());
            }
        } else {
            snapshot.claims.clear();
        }
        let soon = if snapshot.mine.len() >= ROWS { Duration::ZERO } else { self.hot.options().flush_after };
        let mut settled = self.hot.settle_user(id, &committed, &snapshot.claims, soon, false).await?;
        let revs = || committed.iter().map(|(_, rev)| *rev);
        if let (Some(newest), Some(oldest)) = (revs().max(), revs().min()) {
            self.store.tell_own(id, newest, oldest);
        }
        if settled == Settled::Idle {
            self.store.cool_chats(id).await?;
            settled = self.hot.settle_user(id, &[], "", soon, true).await?;
        }
        tracing::debug!(user.id = %id, rows = committed.len(), outcome = ?settled, "flushed");
        Ok(())
    }

    /// Rows that SQL refused are counted and not settled.
    async fn park_user_rows(&self, snapshot: &mut UserSnapshot, errors: &HashMap<String, &str>) -> Result<(), Error> {
        let id = snapshot.user;
        let mut refused = Vec::new();
        let error_of = |row: SqlRow| errors.get(&row.key()).map(|error| (*error).to_owned());
        if let Some(row) = snapshot.row.take() {
            match error_of(SqlRow::User(Box::new(row.clone()))) {
                Some(error) => refused.push(("user".to_owned(), row.rev, error)),
                None => snapshot.row = Some(row),
            }
        }
        snapshot.mine.retain(|(entry, rev, mine)| {
            let error = mine.as_ref().and_then(|mine| error_of(SqlRow::Mine(id, mine.clone())));
            refused.extend(error.clone().map(|error| (entry.clone(), *rev, error)));
            error.is_none()
        });
        for (entry, rev, error) in refused {
            let tries = self.hot.park_user_row(id, &entry, rev, self.config.park_after, &error).await?;
            tracing::error!(user.id = %id, entry, tries, error, "SQL refuses a row of a user; it stays in Redis");
        }
        Ok(())
    }

    /// A block, in the direct chat that the two have. What could not be told stays dirty.
    async fn heal_user(&self, snapshot: &mut UserSnapshot) {
        let user = snapshot.user;
        let tell = snapshot.mine.iter().map(|(_, _, mine)| async move {
            let Some(Mine { about: About::Block(other), value, rev }) = mine else { return true };
            let told = self.store.tell_block(user, *other, *rev, !value.is_empty()).await;
            told.inspect_err(|error| tracing::debug!(%error, user.id = %user, "a block is told again at the next flush")).is_ok()
        });
        let mut told = join_all(tell).await.into_iter();
        snapshot.mine.retain(|_| told.next().unwrap_or(true));
    }
}

/// All of these, in their order. Redis runs whatever waits on one connection before it looks at the next, so many scripts at once would hold up everybody.
fn few_at_once<F: Future>(work: impl Iterator<Item = F>) -> impl Future<Output = Vec<F::Output>> {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    join_all(work.map(|one| {
        let room = Arc::clone(&room);
        async move {
            let _room = room.acquire_owned().await.expect("it is never closed");
            one.await
        }
    }))
}

fn user_rows(snapshot: &UserSnapshot) -> Vec<SqlRow> {
    let mine = snapshot.mine.iter().filter_map(|(_, _, mine)| Some(SqlRow::Mine(snapshot.user, mine.clone()?)));
    snapshot.row.iter().map(|user| SqlRow::User(Box::new(user.clone()))).chain(mine).collect()
}

/// What went well of the work on each of these, unless nothing can go well now. What Redis refuses, or nobody can read, holds up nobody else: it is
/// due again when its lease ends.
fn whole<I: Display, T, E: Into<Error>>(ids: &[I], outcomes: Vec<Result<T, E>>) -> Result<Vec<T>, Error> {
    let mut good = Vec::with_capacity(outcomes.len());
    for (id, outcome) in ids.iter().zip(outcomes) {
        match outcome.map_err(Into::into) {
            Ok(value) => good.push(value),
            Err(Error::Store(store::Error::Hot(error))) if !error.is_outage() => {
                tracing::error!(%id, %error, "left in Redis as it is; tried again when its lease ends");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(good)
}
