//! The rows that SQL does not have.

use std::{sync::Arc, time::Duration};

use fred::types::Value;
use model::{Chat, ChatId, Member, Name, PrivateRow, StoredMessage, Tick, User, UserId};

use super::marks::check_forgotten;
use crate::{
    chats::{ChangeNotice, change_notice, read_chat, read_member, read_others},
    people::{read_claims, read_private_row, read_user},
    wire::{CommitMark, Error, Hot, Millis, Reply, Result, arg, number, parse, text, verbs},
};

/// A dirty entry of a chat, with the row it stands for.
#[derive(Clone, Debug)]
pub struct DirtyEntry {
    /// The name in `dirty`.
    pub entry: String,
    /// The rev that the entry is dirty with.
    pub rev: Tick,
    /// The row.
    pub row: DirtyRow,
}

/// The row of a dirty entry.
#[derive(Clone, Debug)]
pub enum DirtyRow {
    /// The chat's own row.
    Chat(Chat),
    /// A member's row.
    Member(MemberRow),
    /// A membership that the member's own list of chats must learn of, once its row is saved.
    ListedChat(MemberRow),
    /// A message.
    Message(Arc<StoredMessage>),
    /// No row: a script was stopped between the mark and the data.
    StaleMark,
    /// A row that cannot be read, and why.
    Unreadable(String),
}

/// A member's row.
#[derive(Clone, Debug)]
pub struct MemberRow {
    /// The member.
    pub user: UserId,
    /// The row.
    pub member: Member,
}

/// The oldest unsaved rows of a chat.
#[derive(Clone, Debug)]
pub struct ChatSnapshot {
    /// The chat.
    pub chat: ChatId,
    /// The tick up to which all changes are among the rows, or saved already.
    pub saved: Tick,
    /// The last change that the members were notified of, and the version of the roster.
    pub notice: ChangeNotice,
    /// The chat's own row as it is now, be it unsaved or not; `None` if it cannot be read.
    pub chat_row: Option<Chat>,
    /// The rows, oldest first.
    pub rows: Vec<DirtyEntry>,
}

/// The bounds of a snapshot of a chat.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotBounds {
    /// The most rows.
    pub rows: usize,
    /// The size of messages, in bytes, after which no more rows are added.
    pub bytes: usize,
    /// The tick after which rows are left for later.
    pub newest: Tick,
    /// The time by which the lease is renewed.
    pub lease: Duration,
}

/// A leased user, with the rows that SQL does not have.
#[derive(Clone, Debug)]
pub struct UserSnapshot {
    /// The user.
    pub user: UserId,
    /// The user's row; `None` when SQL has it.
    pub row: Option<User>,
    /// The names that are to be released once the row is saved.
    pub names: Vec<(Name, String)>,
    /// The names, as they were read.
    pub claims: String,
    /// Private rows, each with its dirty entry and the rev it is dirty with; without a row where a
    /// script was stopped before it wrote one.
    pub private_rows: Vec<(String, Tick, Option<PrivateRow>)>,
}

impl Hot {
    /// Reads the oldest unsaved rows of a chat; `None`: not resident.
    ///
    /// # Errors
    /// As [`snapshot_chats`](Self::snapshot_chats) says.
    pub async fn snapshot_chat(
        &self,
        chat: ChatId,
        rows: usize,
        bytes: usize,
        newest: Tick,
        lease: Duration,
        mark: CommitMark<'_>,
    ) -> Result<Option<ChatSnapshot>> {
        let bounds = SnapshotBounds {
            rows,
            bytes,
            newest,
            lease,
        };
        let mut read = self.snapshot_chats(&[(chat, mark)], bounds).await;
        read.pop().map_or(Ok(None), |(_, snapshot)| snapshot)
    }

    /// Reads the oldest unsaved rows of each of these chats, which one script may have as keys;
    /// renews their leases, and marks the commit of the rows as begun. `None`: not resident.
    ///
    /// # Errors
    /// Of each chat: `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Forgot` when it went back: nothing was done.
    pub async fn snapshot_chats(
        &self,
        chats: &[(ChatId, CommitMark<'_>)],
        bounds: SnapshotBounds,
    ) -> Vec<(ChatId, Result<Option<ChatSnapshot>>)> {
        let (mut waiting, mut read) = (chats.to_vec(), Vec::with_capacity(chats.len()));
        while !waiting.is_empty() {
            let call = |(chat, mark): &(ChatId, CommitMark<'_>)| verbs::SnapshotChat {
                chat: *chat,
                rows: bounds.rows,
                bytes: bounds.bytes,
                newest: bounds.newest,
                lease: Millis(bounds.lease),
                writer: arg(mark.writer),
                commit: mark.commit,
                known: mark.saved,
            };
            let replies = self.run_as_one(waiting.iter().map(call).collect()).await;
            // Those for which the script had no time left; the first is never one of them.
            let mut later = Vec::new();
            for (chat, reply) in waiting.into_iter().zip(replies) {
                match reply {
                    Ok(reply) if reply.word() == "LATER" => later.push(chat),
                    reply => {
                        let snapshot = reply.and_then(|reply| read_snapshot(chat.0, reply));
                        read.push((chat.0, snapshot));
                    }
                }
            }
            waiting = later;
        }
        read
    }

    /// Reads a user's unsaved rows, at most so many, none after `newest`; renews the lease, and
    /// marks the commit of the rows as begun. `None`: not resident.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Forgot` when it went back: nothing was done.
    pub async fn snapshot_user(
        &self,
        id: UserId,
        rows: usize,
        newest: Tick,
        lease: Duration,
        mark: CommitMark<'_>,
    ) -> Result<Option<UserSnapshot>> {
        let mut reply = self
            .run(verbs::SnapshotUser {
                user: id,
                rows,
                newest,
                lease: Millis(lease),
                writer: arg(mark.writer),
                commit: mark.commit,
                known: mark.saved,
            })
            .await?;
        check_forgotten(&reply)?;
        if reply.word() == "GONE" {
            return Ok(None);
        }
        let mut snapshot = UserSnapshot {
            user: id,
            row: None,
            names: Vec::new(),
            claims: String::new(),
            private_rows: Vec::new(),
        };
        let (rev, mut row, claims) = (reply.number(1), reply.list(2), reply.text(3)?);
        // A user without a name does not exist yet: a mark without its row.
        if let (Ok(rev), false) = (rev, row.first().is_none_or(Value::is_null)) {
            row.push(arg(rev));
            snapshot.row = Some(read_user(id, row)?);
            snapshot.names = read_claims(&claims)?;
            snapshot.claims = claims;
        }
        for value in reply.rest(4) {
            let mut parts = value.into_array().into_iter();
            let mut next = || parts.next().unwrap_or(Value::Null);
            let (entry, rev, row) = (
                text(next()),
                Tick(number("a dirty entry's rev", &next())?),
                text(next()),
            );
            let about = parse(
                "what a row is about",
                entry.strip_prefix("mine:").unwrap_or(&entry),
            )?;
            let row = if row.is_empty() {
                None
            } else {
                Some(read_private_row(about, &row)?)
            };
            snapshot.private_rows.push((entry, rev, row));
        }
        Ok(Some(snapshot))
    }
}

fn read_snapshot(id: ChatId, mut reply: Reply) -> Result<Option<ChatSnapshot>> {
    check_forgotten(&reply)?;
    if reply.word() == "GONE" {
        return Ok(None);
    }
    let (saved, notice) = (reply.tick(1)?, change_notice(&mut reply, 2)?);
    let chat = read_chat(id, reply.list(4));
    let others = reply.list(5);
    let mut values = reply.rest(6);
    let mut rows = Vec::new();
    while let (Some(entry), Some(rev), Some(row)) = (values.next(), values.next(), values.next()) {
        let entry = text(entry);
        let rev = Tick(number("a dirty entry's rev", &rev)?);
        let row = read_row(&chat, &entry, row);
        rows.push(DirtyEntry { entry, rev, row });
    }
    let mut others = others.into_iter();
    while let (Some(at), Some(of_one)) = (others.next(), others.next()) {
        let at = number("the number of a row", &at)?;
        let row = usize::try_from(at - 1).ok().and_then(|at| rows.get_mut(at));
        if let Some(DirtyRow::Message(stored)) = row.map(|row| &mut row.row) {
            Arc::make_mut(stored).add_others(&read_others(of_one.into_array())?);
        }
    }
    Ok(Some(ChatSnapshot {
        chat: id,
        saved,
        notice,
        chat_row: chat.ok(),
        rows,
    }))
}

/// Reads the row of a dirty entry; that of `chat` was read before.
fn read_row(chat: &Result<Chat>, entry: &str, value: Value) -> DirtyRow {
    if entry == "chat" {
        return match chat {
            Ok(chat) => DirtyRow::Chat(chat.clone()),
            Err(error) => DirtyRow::Unreadable(error.to_string()),
        };
    }
    if value.as_bytes().is_some_and(<[u8]>::is_empty) {
        return DirtyRow::StaleMark;
    }
    let (kind, of) = entry.split_once(':').unwrap_or((entry, ""));
    let member_row = |value| {
        Ok(MemberRow {
            user: parse("a member's id", of)?,
            member: read_member(&text(value))?,
        })
    };
    let row = match kind {
        "member" => member_row(value).map(DirtyRow::Member),
        "list" => member_row(value).map(DirtyRow::ListedChat),
        "message" => StoredMessage::read(&text(value))
            .map(|message| DirtyRow::Message(Arc::new(message)))
            .map_err(|error| Error::corrupt("a message", error)),
        _ => Err(Error::corrupt("a dirty entry", entry)),
    };
    row.unwrap_or_else(|error| DirtyRow::Unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBER: &str = concat!(
        r#"{"role":"member","joined":1,"left":0,"read":1,"counted":0,"delivered":1,"#,
        r#""mentions":[],"rev":2}"#,
    );

    #[test]
    fn the_name_of_a_dirty_entry_tells_its_row() {
        let user = UserId::new();
        let read = |entry: &str, value: &str| {
            read_row(
                &Err(Error::corrupt("a chat", "no kind")),
                entry,
                value.into(),
            )
        };
        let entry = |kind| format!("{kind}:{user}");
        let is_user = |row: &MemberRow| row.user == user;
        assert!(matches!(read(&entry("member"), MEMBER), DirtyRow::Member(row) if is_user(&row)));
        assert!(matches!(read(&entry("list"), MEMBER), DirtyRow::ListedChat(row) if is_user(&row)));
    }

    #[test]
    fn an_empty_row_is_a_stale_mark_and_any_other_that_cannot_be_read_is_kept() {
        let read = |entry, value: &'static [u8]| {
            let no_chat = Err(Error::corrupt("a chat", "no kind"));
            read_row(&no_chat, entry, Value::Bytes(value.into()))
        };
        assert!(matches!(read("message:5", b""), DirtyRow::StaleMark));
        for (entry, value) in [
            ("message:5", "{".as_bytes()),
            ("member:nobody", MEMBER.as_bytes()),
            ("poll:5", b"{}"),
            ("chat", b""),
        ] {
            assert!(
                matches!(read(entry, value), DirtyRow::Unreadable(_)),
                "{entry}"
            );
        }
    }
}
