//! Users: their rows and private rows go to SQL; names, blocks and erasures are finished elsewhere.

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;
use hot::{CommitMark, Kind, RedisEpoch, SettleOutcome, UserExit, UserSnapshot};
use model::{PrivateKey, PrivateRow, User, UserId};

use super::{Flusher, MAX_ROWS, RETRY_AFTER, each};
use crate::{
    Error,
    commit::{Places, commit},
    row::{Owner, RowKey, SqlRow},
    webhooks::Webhooks,
};

impl Flusher {
    /// Saves these users, and returns the outcome of each who is resident.
    pub(super) async fn flush_users(
        &self,
        users: &[UserId],
    ) -> Result<Vec<(UserId, SettleOutcome)>, Error> {
        let (epoch, newest) = (self.durable.epoch(), self.newest().await?);
        let (lease, mark) = (self.config.lease, self.begin().await?);
        let partitions = || users.iter().map(|user| (Kind::User, user.partition()));
        let snapshots = users.iter().zip(partitions()).map(|(user, partition)| {
            let mark = mark.mark(self.writer.known(partition));
            self.hot.snapshot_user(*user, MAX_ROWS, newest, lease, mark)
        });
        let snapshots = each(users, snapshots).await?;
        let mut snapshots: Vec<UserSnapshot> = snapshots.into_iter().flatten().collect();
        self.durable.wait(epoch).await?;
        let told = snapshots.iter().map(|snapshot| snapshot.user.partition());
        self.note_told(&mark, told.map(|at| (Kind::User, at)))
            .await?;

        let rows = snapshots.iter().flat_map(user_rows).collect();
        let stamp = self.writer.stamp(mark.number(), newest);
        let outcome = commit(
            &self.sql,
            &self.writer,
            &stamp,
            rows,
            &Places::new(),
            &Webhooks::default(),
        )
        .await?;
        let errors: HashMap<_, _> = outcome
            .rejected
            .iter()
            .map(|rejected| (rejected.row.key(), rejected.error.as_str()))
            .collect();
        let (mut late, mut locked) = (Vec::new(), Vec::new());
        snapshots.retain(|UserSnapshot { user, .. }| {
            let owner = Owner::User(*user);
            late.extend(outcome.late.contains(&owner).then_some(*user));
            locked.extend(outcome.locked.contains(&owner).then_some(*user));
            !outcome.late.contains(&owner) && !outcome.locked.contains(&owner)
        });
        let ids: Vec<_> = snapshots.iter().map(|snapshot| snapshot.user).collect();
        let mark = mark.mark(self.writer.saved());
        let settle = snapshots
            .iter_mut()
            .map(|snapshot| self.settle_user(snapshot, &errors, mark, epoch));
        let mut settled = each(&ids, settle).await?;
        self.give_back_users(&late, RETRY_AFTER).await?;
        let unsaved = late.into_iter().chain(locked);
        settled.extend(unsaved.map(|user| (user, SettleOutcome::Dirty)));
        Ok(settled)
    }

    /// Finishes what hangs on the saved rows of a user, marks them as saved, and evicts a user who
    /// is not at work. SQL, which has just made a commit, can bring back one with a session.
    async fn settle_user(
        &self,
        snapshot: &mut UserSnapshot,
        errors: &HashMap<RowKey, &str>,
        mark: CommitMark<'_>,
        epoch: RedisEpoch,
    ) -> Result<(UserId, SettleOutcome), Error> {
        let id = snapshot.user;
        self.park_user_rows(snapshot, errors).await?;
        if self.propagate_user(snapshot).await {
            // As for members' lists: chats must not forget what this user's rows may forget next.
            self.durable.wait(epoch).await?;
        }
        let mut committed: Vec<_> = snapshot
            .private_rows
            .iter()
            .map(|(entry, rev, _)| (entry.clone(), *rev))
            .collect();
        let next_flush = self.next_flush_in(committed.len());
        if let Some(user) = &snapshot.row {
            // The names are in SQL: from now on SQL shows that they are taken, and that the old
            // ones are free.
            for (name, nonce) in &snapshot.names {
                self.hot.note_saved(name, mark).await?;
                self.hot.release_name(name, id, nonce).await?;
            }
            self.hot.forget_rename(id, user.rev).await?;
            committed.push(("user".into(), user.rev));
            if !user.erased.happened() {
                self.store.notify_profile_changed(user.clone());
            }
        } else {
            snapshot.claims.clear();
        }
        let mut settled = self
            .hot
            .settle_user(
                id,
                &committed,
                &snapshot.claims,
                next_flush,
                self.exit(),
                mark,
            )
            .await?;
        let revs = || committed.iter().map(|(_, rev)| *rev);
        if let (Some(newest), Some(oldest)) = (revs().max(), revs().min()) {
            self.store.notify_private_changed(id, newest, oldest);
        }
        if settled == SettleOutcome::Idle {
            self.store.expire_chats_early(id).await?;
        }
        if matches!(settled, SettleOutcome::Idle | SettleOutcome::Away) {
            settled = self
                .hot
                .settle_user(id, &[], "", next_flush, UserExit::Evict, mark)
                .await?;
        }
        tracing::debug!(
            user.id = %id, rows = committed.len(), outcome = ?settled,
            "flushed a user"
        );
        Ok((id, settled))
    }

    /// Returns whether a user leaves at once.
    fn exit(&self) -> UserExit {
        match self.refreshes {
            true => UserExit::WithSessions,
            false => UserExit::None,
        }
    }

    /// Counts the rows that SQL refused and takes them out of the snapshot, so that they are not
    /// settled.
    async fn park_user_rows(
        &self,
        snapshot: &mut UserSnapshot,
        errors: &HashMap<RowKey, &str>,
    ) -> Result<(), Error> {
        let id = snapshot.user;
        let mut refused = Vec::new();
        let error_of = |row: SqlRow| errors.get(&row.key()).map(|error| (*error).to_owned());
        if let Some(row) = snapshot.row.take() {
            match error_of(SqlRow::User(Box::new(row.clone()))) {
                Some(error) => refused.push(("user".to_owned(), row.rev, error)),
                None => snapshot.row = Some(row),
            }
        }
        snapshot.private_rows.retain(|(entry, rev, row)| {
            let error = row
                .as_ref()
                .and_then(|row| error_of(SqlRow::Private(id, row.clone())));
            refused.extend(error.clone().map(|error| (entry.clone(), *rev, error)));
            error.is_none()
        });
        for (entry, rev, error) in refused {
            let tries = self
                .hot
                .park_user_row(id, &entry, rev, self.config.park_after, &error)
                .await?;
            tracing::error!(
                user.id = %id, entry, tries, error,
                "SQL refused a row of a user; it stays in Redis"
            );
        }
        Ok(())
    }

    /// Brings what the saved rows of a user mean for chats to these, and returns true when they
    /// mean something.
    async fn propagate_user(&self, snapshot: &mut UserSnapshot) -> bool {
        let is_block = |row: &Option<PrivateRow>| {
            matches!(
                row,
                Some(PrivateRow {
                    key: PrivateKey::Block(_),
                    ..
                })
            )
        };
        let has_blocks = snapshot
            .private_rows
            .iter()
            .any(|(_, _, row)| is_block(row));
        let is_erased = |user: &User| user.erased.happened();
        let erases = snapshot.row.as_ref().is_some_and(is_erased);
        if has_blocks {
            self.propagate_blocks(snapshot).await;
        }
        if erases {
            self.finish_erasure(snapshot).await;
        }
        has_blocks || erases
    }

    /// Brings each block to the direct chat that the two users have. A block whose chat could not
    /// be reached stays dirty.
    async fn propagate_blocks(&self, snapshot: &mut UserSnapshot) {
        let user = snapshot.user;
        let propagate = snapshot.private_rows.iter().map(|(_, _, row)| async move {
            let Some(PrivateRow {
                key: PrivateKey::Block(other),
                value,
                rev,
            }) = row
            else {
                return true;
            };
            let blocks = !value.is_empty();
            let outcome = self.store.propagate_block(user, *other, *rev, blocks).await;
            if let Err(error) = &outcome {
                tracing::debug!(
                    %error, user.id = %user,
                    "could not bring a block to its chat; retrying at the next flush"
                );
            }
            outcome.is_ok()
        });
        let mut propagated = join_all(propagate).await.into_iter();
        snapshot
            .private_rows
            .retain(|_| propagated.next().unwrap_or(true));
    }

    /// Takes an erased user out of all that is left of them. If that fails, their row stays dirty.
    async fn finish_erasure(&self, snapshot: &mut UserSnapshot) {
        if let Err(error) = self.store.finish_erasure(snapshot.user).await {
            tracing::debug!(
                %error, user.id = %snapshot.user,
                "could not finish an erasure; retrying at the next flush"
            );
            snapshot.row = None;
        }
    }

    /// Makes users due again soon, without waiting for their leases to end.
    pub(super) async fn give_back_users(
        &self,
        users: &[UserId],
        after: Duration,
    ) -> Result<(), Error> {
        let given_back = users
            .iter()
            .map(|user| self.hot.give_back_user(*user, after));
        each(users, given_back).await.map(drop)
    }
}

/// Returns the rows of a snapshot: the user's own, then the private ones that have content.
fn user_rows(snapshot: &UserSnapshot) -> Vec<SqlRow> {
    let private = snapshot
        .private_rows
        .iter()
        .filter_map(|(_, _, row)| Some(SqlRow::Private(snapshot.user, row.clone()?)));
    snapshot
        .row
        .iter()
        .map(|user| SqlRow::User(Box::new(user.clone())))
        .chain(private)
        .collect()
}
