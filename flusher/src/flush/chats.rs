//! Chats: their rows, members and messages go to SQL; members' lists learn who came and went.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use futures_util::future::join_all;
use hot::{ChatSnapshot, CommitMark, DirtyEntry, DirtyRow, Kind, ListedChat, SettleOutcome};
use model::{ChatId, Tick};

use super::{Flusher, MAX_BYTES, MAX_ROWS, RETRY_AFTER, each};
use crate::{
    Error,
    commit::{Outcome, Rejected, commit, place, sweep_piece},
    row::{Owner, SqlRow},
    writer::Stamp,
};

/// The number of pieces of deleted chats that one pass sweeps: other chats wait meanwhile.
const SWEEP_PIECES: usize = 4;

impl Flusher {
    /// Saves these chats, and returns the outcome of each that is resident.
    pub(super) async fn flush_chats(
        &self,
        chats: &[ChatId],
    ) -> Result<Vec<(ChatId, SettleOutcome)>, Error> {
        let (epoch, newest) = (self.durable.epoch(), self.newest().await?);
        let (lease, mark) = (self.config.lease, self.begin().await?);
        let partitions = || chats.iter().map(|chat| (Kind::Chat, chat.partition()));
        let snapshots = chats.iter().zip(partitions()).map(|(chat, partition)| {
            let mark = mark.mark(self.writer.known(partition));
            self.hot
                .snapshot_chat(*chat, MAX_ROWS, MAX_BYTES, newest, lease, mark)
        });
        let snapshots = each(chats, snapshots).await?;
        let mut snapshots: Vec<ChatSnapshot> = snapshots.into_iter().flatten().collect();
        self.durable.wait(epoch).await?;

        let told = snapshots.iter().map(|snapshot| snapshot.chat.partition());
        self.note_told(&mark, told.map(|at| (Kind::Chat, at)))
            .await?;
        let stamp = self.writer.stamp(mark.number(), newest);
        let outcome = self.commit_chats(&stamp, &snapshots).await?;
        // What is locked is due again when its lease ends.
        let locked = take_out(&mut snapshots, &outcome.locked);
        let late = take_out(&mut snapshots, &outcome.late);
        self.park_chat_rows(&mut snapshots, &outcome.rejected)
            .await?;
        let unswept = self.sweep_chats(&mut snapshots).await;
        let mark = mark.mark(self.writer.saved());
        // SQL has the rows, so no reader of SQL from now on can miss what other slots learn here.
        let ids: Vec<_> = snapshots.iter().map(|snapshot| snapshot.chat).collect();
        let propagate = snapshots
            .iter_mut()
            .map(|snapshot| self.propagate_chat(snapshot, mark));
        each(&ids, propagate).await?;

        // Members' lists may be on other nodes: they must be durable there before it is forgotten
        // here that the lists still have to learn of the chat.
        if self.hot.is_cluster() && snapshots.iter().any(has_listed) {
            self.durable.wait(epoch).await?;
        }

        let settle = snapshots
            .iter()
            .map(|snapshot| self.settle_chat(snapshot, unswept.contains(&snapshot.chat), mark));
        let mut settled = each(&ids, settle).await?;
        self.give_back_chats(&late, RETRY_AFTER).await?;
        let unsaved = late.into_iter().chain(locked);
        settled.extend(unsaved.map(|chat| (chat, SettleOutcome::Dirty)));
        Ok(settled)
    }

    async fn commit_chats(
        &self,
        stamp: &Stamp,
        snapshots: &[ChatSnapshot],
    ) -> Result<Outcome, Error> {
        let rows = snapshots.iter().flat_map(|snapshot| {
            let row = |row: &DirtyEntry| SqlRow::of(snapshot.chat, &row.row);
            snapshot.rows.iter().filter_map(row).collect::<Vec<_>>()
        });
        let places = snapshots
            .iter()
            .filter_map(|snapshot| Some((snapshot.chat, place(snapshot.chat_row.as_ref()?))))
            .collect();
        commit(&self.sql, &self.writer, stamp, rows.collect(), &places).await
    }

    /// Marks the rows that are still in the snapshot as saved, and notifies the members. A chat of
    /// which more is to be swept is due at once.
    async fn settle_chat(
        &self,
        snapshot: &ChatSnapshot,
        is_unswept: bool,
        mark: CommitMark<'_>,
    ) -> Result<(ChatId, SettleOutcome), Error> {
        let committed: Vec<_> = snapshot
            .rows
            .iter()
            .map(|row| (row.entry.clone(), row.rev))
            .collect();
        let next_flush = if is_unswept {
            Duration::ZERO
        } else {
            self.next_flush_in(committed.len())
        };
        let settled = self
            .hot
            .settle_chat(snapshot.chat, &committed, next_flush, mark, self.refreshes)
            .await?;
        tracing::debug!(
            chat.id = %snapshot.chat, rows = committed.len(), outcome = ?settled,
            "flushed a chat"
        );
        if let Some(oldest) = snapshot.rows.first() {
            self.store
                .notify_saved(snapshot.chat, snapshot.notice, snapshot.saved, oldest.rev);
        }
        Ok((snapshot.chat, settled))
    }

    /// Counts the rows that SQL refused, or that cannot be read, and takes them out of the
    /// snapshots, so that they are not settled.
    async fn park_chat_rows(
        &self,
        snapshots: &mut [ChatSnapshot],
        rejected: &[Rejected],
    ) -> Result<(), Error> {
        let errors: HashMap<_, _> = rejected
            .iter()
            .map(|rejected| (rejected.row.key(), &rejected.error))
            .collect();
        for snapshot in snapshots {
            let chat = snapshot.chat;
            let mut refused = Vec::new();
            snapshot.rows.retain(|row| {
                let error = match (&row.row, SqlRow::of(chat, &row.row)) {
                    (DirtyRow::Unreadable(error), _) => Some(error),
                    (_, Some(sql)) => errors.get(&sql.key()).copied(),
                    (_, None) => None,
                };
                refused.extend(error.map(|error| (row.entry.clone(), row.rev, error.clone())));
                error.is_none()
            });
            for (entry, rev, error) in refused {
                snapshot.saved = snapshot.saved.min(Tick(rev.0 - 1));
                let tries = self
                    .hot
                    .park_chat_row(chat, &entry, rev, self.config.park_after, &error)
                    .await?;
                tracing::error!(
                    chat.id = %chat, entry, tries, error,
                    "SQL refused a row of a chat; it stays in Redis"
                );
            }
        }
        Ok(())
    }

    /// Puts the chat in, or takes it off, the lists of members who came or went. A membership whose
    /// list could not be reached stays dirty.
    ///
    /// # Errors
    /// An outage of Redis. (Of a cluster, only the node with that list may be away.)
    async fn propagate_chat(
        &self,
        snapshot: &mut ChatSnapshot,
        mark: CommitMark<'_>,
    ) -> Result<(), Error> {
        let chat = snapshot.chat;
        let propagate = snapshot.rows.iter().map(|row| async move {
            let DirtyRow::ListedChat(member) = &row.row else {
                return Ok(());
            };
            let listed = ListedChat {
                chat,
                rev: member.member.rev,
                left: member.member.left,
            };
            // A hydration of a member under way may have read SQL too early, so it is ended; the
            // next one finds the row.
            let enlisted = self.hot.enlist(member.user, listed, mark).await;
            if !member.member.is_in() {
                self.store.notify_removed(chat, vec![member.user]);
            }
            if let Err(error) = &enlisted {
                tracing::debug!(
                    %error, chat.id = %chat, user.id = %member.user,
                    "could not update a member's list; retrying at the next flush"
                );
            }
            enlisted.map(drop)
        });
        let mut outage = None;
        let mut propagated = join_all(propagate).await.into_iter();
        snapshot.rows.retain(|_| match propagated.next() {
            Some(Err(error)) => {
                outage = outage.take().or(error.is_outage().then_some(error));
                false
            }
            _ => true,
        });
        match outage {
            Some(error) if !self.hot.is_cluster() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Deletes what was written in deleted chats, as far as one pass may; returns the chats with
    /// more to delete. Their rows stay dirty, as do those of chats that could not be swept.
    async fn sweep_chats(&self, snapshots: &mut [ChatSnapshot]) -> HashSet<ChatId> {
        let (mut pieces, mut unswept) = (SWEEP_PIECES, HashSet::new());
        for snapshot in snapshots {
            if !snapshot.rows.iter().any(is_deletion) {
                continue;
            }
            match self.sweep_chat(snapshot.chat, &mut pieces).await {
                Ok(true) => continue,
                Ok(false) => drop(unswept.insert(snapshot.chat)),
                Err(error) => tracing::debug!(
                    %error, chat.id = %snapshot.chat,
                    "could not sweep a deleted chat; retrying at the next flush"
                ),
            }
            snapshot.rows.retain(|row| !is_deletion(row));
        }
        unswept
    }

    /// Sweeps a deleted chat with the pieces that are left; returns true when nothing of it is.
    async fn sweep_chat(&self, chat: ChatId, pieces: &mut usize) -> Result<bool, Error> {
        while *pieces > 0 {
            *pieces -= 1;
            if sweep_piece(&self.sql, chat).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes chats due again soon, without waiting for their leases to end.
    pub(super) async fn give_back_chats(
        &self,
        chats: &[ChatId],
        after: Duration,
    ) -> Result<(), Error> {
        let given_back = chats
            .iter()
            .map(|chat| self.hot.give_back_chat(*chat, after));
        each(chats, given_back).await.map(drop)
    }
}

/// Takes the chats out whose rows were not written, and returns them.
fn take_out(snapshots: &mut Vec<ChatSnapshot>, unwritten: &HashSet<Owner>) -> Vec<ChatId> {
    let is_out = |snapshot: &mut ChatSnapshot| unwritten.contains(&Owner::Chat(snapshot.chat));
    snapshots
        .extract_if(.., is_out)
        .map(|snapshot| snapshot.chat)
        .collect()
}

/// True for the row of a deleted chat.
fn is_deletion(row: &DirtyEntry) -> bool {
    matches!(&row.row, DirtyRow::Chat(chat) if chat.deleted.happened())
}

/// True when a member's own list has to learn of a membership in the snapshot.
fn has_listed(snapshot: &ChatSnapshot) -> bool {
    snapshot
        .rows
        .iter()
        .any(|row| matches!(row.row, DirtyRow::ListedChat(_)))
}
