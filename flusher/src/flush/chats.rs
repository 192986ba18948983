//! Chats: their rows, members and messages go to SQL; members' lists learn who came and went.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt,
    future::{join_all, join3},
};
use hot::{
    ChatSnapshot, CommitMark, CommittedChat, DirtyEntry, DirtyRow, Kind, ListedChat, RedisEpoch,
    SettleOutcome, SnapshotBounds,
};
use model::{ChatId, Tick};

use super::{Flusher, MAX_BYTES, MAX_ROWS, RETRY_AFTER, each, each_of_groups};
use crate::{
    Error,
    commit::{Outcome, Rejected, commit, place, sweep_piece},
    row::{Owner, SqlRow},
    writer::{Commit, Stamp},
};

/// The number of pieces of deleted chats that one pass sweeps: other chats wait meanwhile.
const SWEEP_PIECES: usize = 4;
/// The number of rows, and of their bytes in SQL, from which on no other chats join a transaction.
const GROUP_ROWS: usize = 16 * 1024;
const GROUP_BYTES: usize = 16 * 1024 * 1024;
/// The time for which a pass goes on to other chats that are due, while users wait.
const LONGEST_TURN: Duration = Duration::from_secs(2);

/// The rows that a transaction has so far, and their bytes in SQL.
#[derive(Default)]
struct Room {
    rows: AtomicUsize,
    bytes: AtomicUsize,
}

impl Room {
    fn take(&self, snapshot: &ChatSnapshot) {
        let bytes = sql_rows(snapshot).map(|row| row.bytes()).sum();
        self.rows.fetch_add(snapshot.rows.len(), Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    fn is_full(&self) -> bool {
        self.rows.load(Relaxed) >= GROUP_ROWS || self.bytes.load(Relaxed) >= GROUP_BYTES
    }
}

/// Chats whose unsaved rows were read, which Redis cannot forget any more.
pub(super) struct ReadChats {
    /// Those that are leased.
    chats: Vec<ChatId>,
    epoch: RedisEpoch,
    newest: Tick,
    mark: Commit,
    snapshots: Vec<ChatSnapshot>,
    /// Those that were given back.
    unread: Vec<ChatId>,
}

/// Chats whose rows SQL has; those that it does not have are in no snapshot.
pub(super) struct SavedChats {
    chats: Vec<ChatId>,
    epoch: RedisEpoch,
    mark: Commit,
    snapshots: Vec<ChatSnapshot>,
    /// Deleted chats of which more is to be swept.
    unswept: HashSet<ChatId>,
    /// Those that were not read, or not written.
    unsaved: Vec<ChatId>,
}

impl Flusher {
    /// Saves these chats, and returns the outcome of each that is resident.
    pub(super) async fn flush_chats(
        &self,
        chats: &[ChatId],
    ) -> Result<Vec<(ChatId, SettleOutcome)>, Error> {
        let read = self.read_chats(chats).await?;
        let saved = self.save_chats(read).await?;
        self.settle_chats(saved).await
    }

    /// Saves these chats, and then others that are due, for a while. While SQL takes the rows of
    /// some, those of the next are read in Redis, and the ones before are settled there. Of each
    /// chat, one follows the other.
    pub(super) async fn flush_due_chats(&self, first: &[ChatId]) -> Result<(), Error> {
        let end = Instant::now() + LONGEST_TURN;
        let (mut read, mut saved) = (self.read_chats(first).await?, None);
        loop {
            let before = saved.take();
            let settle = async {
                match before {
                    Some(before) => self.settle_chats(before).await.map(drop),
                    None => Ok(()),
                }
            };
            let next = async {
                // Another name for the writer is taken only when no commit is under way.
                if Instant::now() >= end || self.writer.is_exhausted() {
                    return Ok(None);
                }
                let due: Vec<ChatId> = self.lease(Kind::Chat, &self.chat_group).await?;
                match due.as_slice() {
                    [] => Ok(None),
                    due => self.read_chats(due).await.map(Some),
                }
            };
            let save = self.save_chats(read).boxed();
            let (settled, just_saved, next) = join3(settle.boxed(), save, next.boxed()).await;
            settled?;
            saved = Some(just_saved?);
            match next? {
                Some(next) => read = next,
                None => break,
            }
        }
        match saved {
            Some(last) => self.settle_chats(last).await.map(drop),
            None => Ok(()),
        }
    }

    /// Reads the unsaved rows of these chats, as many as one transaction should have, and waits
    /// until Redis cannot forget them. The other chats are given back.
    async fn read_chats(&self, chats: &[ChatId]) -> Result<ReadChats, Error> {
        let (epoch, newest) = (self.durable.epoch(), self.newest().await?);
        let mark = self.begin().await?;
        let bounds = SnapshotBounds {
            rows: MAX_ROWS,
            bytes: MAX_BYTES,
            newest,
            lease: self.config.lease,
        };
        let (room, unread) = (Room::default(), Mutex::new(Vec::new()));
        let with_mark = |chat: &ChatId| {
            let known = self.writer.known((Kind::Chat, chat.partition()));
            (*chat, mark.mark(known))
        };
        let with_marks = chats.iter().map(with_mark);
        let groups = self.hot.groups_of_chats(with_marks, |(chat, _)| (*chat, 0));
        // One script at a time: the chats before these are settled meanwhile.
        let read = groups
            .iter()
            .map(|group| self.read_group(group, bounds, &room, &unread).boxed());
        let snapshots = each_of_groups(read, 1).await?;
        let snapshots: Vec<ChatSnapshot> = snapshots.into_iter().flatten().collect();
        let unread = unread.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.give_back_chats(&unread, Duration::ZERO).await?;
        self.claims.release(Kind::Chat, &unread);
        let mut chats = chats.to_vec();
        if !unread.is_empty() {
            chats.retain(|chat| !unread.contains(chat));
            self.chat_group.shrink(chats.len());
        }
        self.durable.wait(epoch).await?;
        let told = snapshots.iter().map(|snapshot| snapshot.chat.partition());
        self.note_told(&mark, told.map(|at| (Kind::Chat, at)))
            .await?;
        Ok(ReadChats {
            chats,
            epoch,
            newest,
            mark,
            snapshots,
            unread,
        })
    }

    /// Reads the unsaved rows of these chats, if there still is room in the transaction.
    async fn read_group(
        &self,
        group: &[(ChatId, CommitMark<'_>)],
        bounds: SnapshotBounds,
        room: &Room,
        unread: &Mutex<Vec<ChatId>>,
    ) -> Vec<(ChatId, hot::Result<Option<ChatSnapshot>>)> {
        if room.is_full() {
            let mut unread = unread.lock().unwrap_or_else(PoisonError::into_inner);
            unread.extend(group.iter().map(|(chat, _)| *chat));
            return Vec::new();
        }
        let read = self.hot.snapshot_chats(group, bounds).await;
        for (_, snapshot) in &read {
            if let Ok(Some(snapshot)) = snapshot {
                room.take(snapshot);
            }
        }
        read
    }

    /// Writes what was read to SQL.
    async fn save_chats(&self, read: ReadChats) -> Result<SavedChats, Error> {
        let mut snapshots = read.snapshots;
        let stamp = self.writer.stamp(read.mark.number(), read.newest);
        let outcome = self.commit_chats(&stamp, &snapshots).await;
        self.chat_group.learn(read.chats.len(), &outcome);
        let outcome = outcome?;
        // What is locked is due again when its lease ends.
        let locked = take_out(&mut snapshots, &outcome.locked);
        let late = take_out(&mut snapshots, &outcome.late);
        self.give_back_chats(&late, RETRY_AFTER).await?;
        self.park_chat_rows(&mut snapshots, &outcome.rejected)
            .await?;
        let unswept = self.sweep_chats(&mut snapshots).await;
        Ok(SavedChats {
            chats: read.chats,
            epoch: read.epoch,
            mark: read.mark,
            snapshots,
            unswept,
            unsaved: [read.unread, locked, late].concat(),
        })
    }

    /// Tells others what SQL has now, and marks it as saved; returns the outcome of each chat.
    async fn settle_chats(&self, saved: SavedChats) -> Result<Vec<(ChatId, SettleOutcome)>, Error> {
        let (mut snapshots, unswept) = (saved.snapshots, saved.unswept);
        let mark = saved.mark.mark(self.writer.saved());
        // SQL has the rows, so no reader of SQL from now on can miss what other slots learn here.
        let listed = snapshots.iter().filter(|snapshot| has_listed(snapshot));
        let ids: Vec<_> = listed.map(|snapshot| snapshot.chat).collect();
        let listed = snapshots.iter_mut().filter(|snapshot| has_listed(snapshot));
        let propagate = listed.map(|snapshot| self.propagate_chat(snapshot, mark));
        each(&ids, propagate).await?;

        // The lists must not be forgotten any more before it is forgotten here that they still have
        // to learn of the chat: Redis, or the node that has them, may go back in between.
        if snapshots.iter().any(has_listed) {
            self.durable.wait(saved.epoch).await?;
        }

        let groups = self
            .hot
            .groups_of_chats(&snapshots, |snapshot| (snapshot.chat, snapshot.rows.len()));
        let settle = groups
            .iter()
            .map(|group| self.settle_group(group, &unswept, mark).boxed());
        let mut settled = each_of_groups(settle, 1).await?;
        self.claims.release(Kind::Chat, &saved.chats);
        let unsaved = saved.unsaved.into_iter();
        settled.extend(unsaved.map(|chat| (chat, SettleOutcome::Dirty)));
        Ok(settled)
    }

    async fn commit_chats(
        &self,
        stamp: &Stamp,
        snapshots: &[ChatSnapshot],
    ) -> Result<Outcome, Error> {
        let rows = snapshots.iter().flat_map(sql_rows).collect();
        let places = snapshots
            .iter()
            .filter_map(|snapshot| Some((snapshot.chat, place(snapshot.chat_row.as_ref()?))))
            .collect();
        let revs = snapshots.iter().flat_map(|snapshot| &snapshot.rows);
        let newest = revs.map(|row| row.rev).max().unwrap_or(Tick::NEVER);
        let webhooks = self.webhooks.at(newest, &self.store).await?;
        let outcome = commit(&self.sql, &self.writer, stamp, rows, &places, &webhooks).await?;
        self.webhooks.give(outcome.given.iter().copied());
        Ok(outcome)
    }

    /// Marks the rows that are still in the snapshots as saved, and notifies the members. A chat of
    /// which more is to be swept is due at once.
    async fn settle_group(
        &self,
        group: &[&ChatSnapshot],
        unswept: &HashSet<ChatId>,
        mark: CommitMark<'_>,
    ) -> Vec<(ChatId, hot::Result<(ChatId, SettleOutcome)>)> {
        let committed = group.iter().map(|snapshot| {
            let rows = snapshot.rows.iter();
            let rows: Vec<_> = rows.map(|row| (row.entry.clone(), row.rev)).collect();
            CommittedChat {
                chat: snapshot.chat,
                soon: match unswept.contains(&snapshot.chat) {
                    true => Duration::ZERO,
                    false => self.next_flush_in(rows.len()),
                },
                rows,
            }
        });
        let settle = self
            .hot
            .settle_chats(committed.collect(), mark, self.refreshes);
        let settled = settle.await;
        for ((chat, outcome), snapshot) in settled.iter().zip(group) {
            let Ok(outcome) = outcome else { continue };
            let rows = snapshot.rows.len();
            tracing::debug!(chat.id = %chat, rows, ?outcome, "flushed a chat");
            if let Some(oldest) = snapshot.rows.first() {
                self.store
                    .notify_saved(snapshot.chat, snapshot.notice, snapshot.saved, oldest.rev);
            }
        }
        let with_chat = |(chat, settled): (ChatId, hot::Result<SettleOutcome>)| {
            (chat, settled.map(|outcome| (chat, outcome)))
        };
        settled.into_iter().map(with_chat).collect()
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

/// Returns the rows of a snapshot, as far as they can be read.
fn sql_rows(snapshot: &ChatSnapshot) -> impl Iterator<Item = SqlRow> {
    let row = |row: &DirtyEntry| SqlRow::of(snapshot.chat, &row.row);
    snapshot.rows.iter().filter_map(row)
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
