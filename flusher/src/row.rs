//! A row on its way from Redis to SQL: its table, its primary key and its size.

use std::sync::Arc;

use hot::DirtyRow;
use model::{
    Chat, ChatId, Member, Metadata, PrivateKey, PrivateRow, StoredMessage, Tick, User, UserId,
    metadata_json,
};

/// A row on its way to SQL.
#[derive(Clone, Debug)]
pub(crate) enum SqlRow {
    /// A row of `users`.
    User(Box<User>),
    /// A row of `chats`.
    Chat(Chat),
    /// A row of `members`.
    Member(ChatId, UserId, Member),
    /// A row of `messages`, with those of its files in `attachments`.
    Message(Arc<StoredMessage>),
    /// A row of `mine`.
    Private(UserId, PrivateRow),
}

/// Table and primary key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RowKey {
    User(UserId),
    Chat(ChatId),
    Member(ChatId, UserId),
    Message(ChatId, Tick),
    Private(UserId, PrivateKey),
}

/// The chat or the user that a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Owner {
    User(UserId),
    Chat(ChatId),
}

impl Owner {
    /// Returns the chat, unless the owner is a user.
    pub(crate) fn chat(self) -> Option<ChatId> {
        match self {
            Self::Chat(chat) => Some(chat),
            Self::User(_) => None,
        }
    }
}

impl SqlRow {
    /// Returns whose the row is.
    pub(crate) fn owner(&self) -> Owner {
        match self {
            Self::User(row) => Owner::User(row.id),
            Self::Private(user, _) => Owner::User(*user),
            Self::Chat(row) => Owner::Chat(row.id),
            Self::Member(chat, ..) => Owner::Chat(*chat),
            Self::Message(row) => Owner::Chat(row.message.chat_id),
        }
    }

    /// Returns the row of a dirty entry, if it has one.
    pub(crate) fn of(chat: ChatId, row: &DirtyRow) -> Option<Self> {
        Some(match row {
            DirtyRow::Chat(row) => Self::Chat(row.clone()),
            // A member's list learns of the chat only with the membership in SQL, so both entries
            // bring the row.
            DirtyRow::Member(row) | DirtyRow::ListedChat(row) => {
                Self::Member(chat, row.user, row.member.clone())
            }
            DirtyRow::Message(row) => Self::Message(Arc::clone(row)),
            DirtyRow::StaleMark | DirtyRow::Unreadable(_) => return None,
        })
    }

    /// Returns table and primary key: the order in which rows are written, so that two flushers
    /// never lock each other's rows.
    pub(crate) fn key(&self) -> RowKey {
        match self {
            Self::User(row) => RowKey::User(row.id),
            Self::Chat(row) => RowKey::Chat(row.id),
            Self::Member(chat, user, _) => RowKey::Member(*chat, *user),
            Self::Message(row) => RowKey::Message(row.message.chat_id, row.message.id),
            Self::Private(user, row) => RowKey::Private(*user, row.key),
        }
    }

    /// Returns about how many bytes the row takes in a statement.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Message(row) => {
                let reactors = row
                    .reactors
                    .iter()
                    .map(|one| 50 + one.users.len() * 40)
                    .sum::<usize>();
                // The body and its postings.
                3 * row.message.body.len()
                    + row.message.subject.as_ref().map_or(0, String::len)
                    + row.message.metadata.as_ref().map_or(0, bytes_of)
                    + reactors
                    + 100
            }
            Self::Private(_, row) => row.value.len() + 100,
            Self::User(row) => 500 + row.metadata.as_ref().map_or(0, bytes_of),
            _ => 500,
        }
    }
}

fn bytes_of(metadata: &Metadata) -> usize {
    metadata_json(metadata).len()
}

#[cfg(test)]
pub(crate) mod tests {
    use model::{Message, MessageKind, PrivateKey, Reactors, Role, Tick};

    use super::*;

    /// Makes a text with this id and body.
    pub(crate) fn message(chat: ChatId, id: i64, body: &str) -> SqlRow {
        let message = Message {
            id: Tick(id),
            seq: 1,
            rev: Tick(id),
            created_at: Tick(id).rfc3339(),
            chat_id: chat,
            sender_id: UserId::new(),
            kind: MessageKind::Text,
            subject: None,
            body: body.into(),
            client_id: None,
            system: None,
            reply_to: None,
            mentions: None,
            mentions_all: None,
            attachments: None,
            custom_type: None,
            metadata: None,
            reactions: None,
            edited_at: None,
            deleted: None,
        };
        SqlRow::Message(Arc::new(StoredMessage::new(message, Vec::new())))
    }

    fn private(user: UserId, value: &str) -> SqlRow {
        let row = PrivateRow {
            key: PrivateKey::Block(UserId::new()),
            value: value.into(),
            rev: Tick(1),
        };
        SqlRow::Private(user, row)
    }

    #[test]
    fn rows_are_in_the_order_of_table_and_primary_key() {
        let (chat, user) = (ChatId::new(), UserId::new());
        let member = Member::joining(Role::Member, Tick(1), 0);
        let rows = [
            SqlRow::Member(chat, user, member),
            message(chat, 9, ""),
            message(chat, 10, ""),
            message(chat, 1_763_668_800_123_457, ""),
            private(user, "1"),
        ];
        let keys: Vec<_> = rows.iter().map(SqlRow::key).collect();
        assert!(keys.is_sorted(), "{keys:?}");
    }

    #[test]
    fn a_message_is_as_large_as_its_body_and_those_who_reacted() {
        let short = message(ChatId::new(), 1, "a");
        assert!(short.bytes() < 500);
        let long = message(ChatId::new(), 1, &"a".repeat(10_000));
        assert!(long.bytes() > 20_000);
        let SqlRow::Message(mut row) = short else {
            panic!("a message");
        };
        let text = "a".repeat(1000).into();
        Arc::make_mut(&mut row).message.metadata = Some([("a".to_owned(), text)].into());
        assert!(SqlRow::Message(Arc::clone(&row)).bytes() > 1000);
        Arc::make_mut(&mut row).reactors.push(Reactors {
            emoji: "👍".into(),
            users: vec![UserId::new(); 1000],
        });
        assert!(SqlRow::Message(row).bytes() > 36 * 1000);
        assert!(private(UserId::new(), &"a".repeat(1000)).bytes() > 1000);
    }

    #[test]
    fn an_entry_that_is_a_stale_mark_or_unreadable_has_no_row() {
        let chat = ChatId::new();
        assert!(SqlRow::of(chat, &DirtyRow::StaleMark).is_none());
        assert!(SqlRow::of(chat, &DirtyRow::Unreadable("no id".into())).is_none());
    }
}
