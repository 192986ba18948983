//! The shard key of each table: the rows of a chat are together, and so are those of a user.

/// A column by whose value the rows of a table are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The table.
    pub table: &'static str,
    /// The column, which is the first of the primary key.
    pub column: &'static str,
    /// `chat` or `user`: rows of two tables are together if their keys are the id of the same one.
    pub of: &'static str,
}

/// The tables whose rows are divided.
pub const KEYED: &[Key] = &[
    key("chats", "id", "chat"),
    key("members", "chat_id", "chat"),
    key("messages", "chat_id", "chat"),
    key("postings", "chat_id", "chat"),
    key("spans", "chat_id", "chat"),
    key("span_parts", "chat_id", "chat"),
    key("attachments", "chat_id", "chat"),
    key("webhook_cursors", "chat_id", "chat"),
    key("mine", "user_id", "user"),
];

/// The tables that are in one place: users are found by name, and the others have few rows.
pub const GLOBAL: &[&str] = &["users", "commits", "meta"];

const fn key(table: &'static str, column: &'static str, of: &'static str) -> Key {
    Key { table, column, of }
}

/// Returns the key of a table; `None` if its rows are not divided.
pub(super) fn key_of(table: &str) -> Option<Key> {
    KEYED.iter().find(|key| key.table == table).copied()
}

#[cfg(test)]
mod tests {
    use entity::{
        attachment, chat, commit, member, message, meta, postings, private_row, span, span_part,
        user, webhook_cursor,
    };
    use sea_orm::{EntityName, EntityTrait, Iterable, sea_query::Iden};

    use super::*;

    fn first_of_key<E: EntityTrait + EntityName>(entity: E) -> (String, String) {
        let first = E::PrimaryKey::iter().next().expect("a primary key");
        (entity.table_name().to_owned(), first.to_string())
    }

    #[test]
    fn a_shard_key_is_the_first_column_of_the_primary_key() {
        let first = [
            first_of_key(chat::Entity),
            first_of_key(member::Entity),
            first_of_key(message::Entity),
            first_of_key(postings::Entity),
            first_of_key(span::Entity),
            first_of_key(span_part::Entity),
            first_of_key(attachment::Entity),
            first_of_key(webhook_cursor::Entity),
            first_of_key(private_row::Entity),
        ];
        let keys = KEYED
            .iter()
            .map(|key| (key.table.into(), key.column.into()));
        assert_eq!(first.to_vec(), keys.collect::<Vec<_>>());
    }

    #[test]
    fn the_other_tables_are_in_one_place() {
        let others = [
            user::Entity.table_name(),
            commit::Entity.table_name(),
            meta::Entity.table_name(),
        ];
        assert_eq!(others, GLOBAL);
    }
}
