//! Full-text search, over the index of terms that each message's row has.

use entity::{
    message,
    meta::{self, REINDEX, Reindex},
};
use model::{ChatId, StoredMessage, Terms, Tick, UserId};
use sea_orm::{
    ColumnTrait, Condition, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

use crate::{Cold, Result};

/// A restriction of a search to a sender and a time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SearchFilter {
    /// The sender; `None` for messages of all senders.
    pub from: Option<UserId>,
    /// The tick that hits are later than; `NEVER` for no bound.
    pub after: Tick,
    /// The tick that hits are earlier than; `NEVER` for no bound.
    pub before: Tick,
}

impl Cold {
    /// Returns how far the index has been made anew; `None` when it is complete. What a search
    /// finds is complete if the index was so before.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn reindex(&self) -> Result<Option<Reindex>> {
        let fact = meta::Entity::find_by_id(REINDEX).one(&self.db).await?;
        Ok(fact.map(|fact| Reindex::read(&fact.value)))
    }

    /// Loads the newest `limit` messages of these chats that may have all the terms, by id and then
    /// chat, before the place `last`.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query, or holds a row that cannot be read.
    pub async fn search(
        &self,
        terms: &Terms,
        chats: &[ChatId],
        filter: SearchFilter,
        last: Option<(Tick, ChatId)>,
        limit: u64,
    ) -> Result<Vec<StoredMessage>> {
        use message::Column::{ChatId as Chat, Deleted, Id, SenderId};
        // An empty list would name no shard, and find nothing on all of them.
        if chats.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = message::Entity::find()
            .filter(has_all(self.backend(), terms))
            .filter(Chat.is_in(chats.iter().map(|chat| chat.0)))
            .filter(Deleted.eq(false));
        if let Some(from) = filter.from {
            query = query.filter(SenderId.eq(from.0));
        }
        if filter.after.happened() {
            query = query.filter(Id.gt(filter.after.0));
        }
        if filter.before.happened() {
            query = query.filter(Id.lt(filter.before.0));
        }
        if let Some((id, chat)) = last {
            query = query.filter(
                Condition::any()
                    .add(Id.lt(id.0))
                    .add(Condition::all().add(Id.eq(id.0)).add(Chat.lt(chat.0))),
            );
        }
        let query = query.order_by_desc(Id).order_by_desc(Chat).limit(limit);
        let rows = self.messages(query).await?;
        rows.into_iter().map(message::from_row).collect()
    }
}

/// Returns the condition that a message has all terms, by the index of each database.
fn has_all(backend: DbBackend, terms: &Terms) -> Expr {
    if backend == DbBackend::MySql {
        return Expr::cust_with_values(
            "MATCH (`messages`.`terms`) AGAINST (? IN BOOLEAN MODE)",
            [boolean_query(terms)],
        );
    }
    Expr::cust_with_values(
        "(chat_id, id) IN (SELECT r.chat_id, r.message_id FROM message_terms \
         JOIN message_rows r ON r.rowid = message_terms.rowid WHERE message_terms MATCH ?)",
        [fts5_query(terms)],
    )
}

/// Returns the terms in the language of MySQL's boolean mode. The terms are of `a-z0-9`, so nothing
/// in them needs to be escaped.
fn boolean_query(terms: &Terms) -> String {
    let all = terms.for_sql().into_iter();
    all.map(|(term, prefix)| format!("+{term}{}", if prefix { "*" } else { "" }))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns the terms in the language of SQLite's FTS5, where terms side by side must all be there.
fn fts5_query(terms: &Terms) -> String {
    let all = terms.for_sql().into_iter();
    all.map(|(term, prefix)| format!("\"{term}\"{}", if prefix { "*" } else { "" }))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(query: &str) -> (Terms, Vec<(String, bool)>) {
        let terms = Terms::of(query).expect("it has a letter");
        let encoded = terms.for_sql();
        (terms, encoded)
    }

    #[test]
    fn words_are_prefixes_and_all_must_be_there() {
        let (terms, encoded) = encoded("Boat row");
        let [(first, true), (second, true)] = &encoded[..] else {
            panic!("two words: {encoded:?}");
        };
        assert_eq!(boolean_query(&terms), format!("+{first}* +{second}*"));
        assert_eq!(fts5_query(&terms), format!("\"{first}\"* \"{second}\"*"));
    }

    #[test]
    fn neighbours_of_a_script_without_spaces_are_whole_terms() {
        let (terms, encoded) = encoded("東京");
        let [(only, false)] = &encoded[..] else {
            panic!("one pair: {encoded:?}");
        };
        assert_eq!(boolean_query(&terms), format!("+{only}"));
        assert_eq!(fts5_query(&terms), format!("\"{only}\""));
    }

    #[test]
    fn the_operators_of_both_languages_are_not_in_a_query() {
        let (terms, _) = encoded(r#"a" OR b* NEAR(c) -d +e ~f @g ' \ %"#);
        for query in [boolean_query(&terms), fts5_query(&terms)] {
            for term in query.split(' ') {
                let term = term.trim_start_matches('+').trim_end_matches('*');
                let term = term.trim_matches('"');
                assert!(
                    term.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                    "{query}"
                );
            }
        }
    }
}
