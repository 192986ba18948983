//! The rows that SQL does not have.

use std::time::Duration;

use fred::types::Value;
use model::{Chat, ChatId, Member, Name, PrivateRow, StoredMessage, Tick, User, UserId};

use super::marks::check_forgotten;
use crate::{
    chats::{ChangeNotice, change_notice, read_chat, read_member, read_others},
    people::{read_claims, read_private_row, read_user},
    wire::{CommitMark, Error, Hot, Millis, Result, arg, number, parse, text, verbs},
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
    Message(Box<StoredMessage>),
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
    /// Reads the oldest unsaved rows of a chat, at most so many rows and about so many bytes, none
    /// after `newest`; renews the lease, and marks the commit of the rows as begun. `None`: not
    /// resident.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Forgot` when it went back: nothing was done.
    pub async fn snapshot_chat(
        &self,
        id: ChatId,
        rows: usize,
        bytes: usize,
        newest: Tick,
        lease: Duration,
        mark: CommitMark<'_>,
    ) -> Result<Option<ChatSnapshot>> {
        let mut reply = self
            .run(verbs::SnapshotChat {
                chat: id,
                rows,
                bytes,
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
        let (saved, notice) = (reply.tick(1)?, change_notice(&mut reply, 2)?);
        let chat = read_chat(id, reply.list(4));
        let row = |value: Value| {
            let mut parts = value.into_array().into_iter();
            let mut next = || parts.next().unwrap_or(Value::Null);
            let entry = text(next());
            let rev = Tick(number("a dirty entry's rev", &next())?);
            let mut row = read_row(&chat, &entry, next());
            if let DirtyRow::Message(stored) = &mut row {
                stored.add_others(&read_others(next().into_array())?);
            }
            Ok(DirtyEntry { entry, rev, row })
        };
        let rows = reply.rest(5).map(row).collect::<Result<_>>()?;
        Ok(Some(ChatSnapshot {
            chat: id,
            saved,
            notice,
            chat_row: chat.ok(),
            rows,
        }))
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
            .map(|message| DirtyRow::Message(Box::new(message)))
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
