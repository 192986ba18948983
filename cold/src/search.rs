//! Full-text search, over the index of terms that each message's row has.

use entity::message;
use model::{ChatId, Stored, Terms, Tick, UserId};
use sea_orm::{ColumnTrait, Condition, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};

use crate::{Cold, Result, rows};

/// Where to look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Where {
    /// Only what this user wrote.
    pub from: Option<UserId>,
    /// Only what is later; `NEVER`: all.
    pub after: Tick,
    /// Only what is earlier; `NEVER`: all.
    pub before: Tick,
}

impl Cold {
    /// The newest `limit` messages of these chats that may have all the terms, by id and then chat, before this place.
    pub async fn search(
        &self,
        terms: &Terms,
        chats: &[ChatId],
        place: Where,
        last: Option<(Tick, ChatId)>,
        limit: u64,
    ) -> Result<Vec<Stored>> {
        use message::Column::{ChatId as Chat, Deleted, Id, SenderId};
        let mut query = message::Entity::find()
            .filter(self.has_all(terms))
            .filter(Chat.is_in(chats.iter().map(|chat| chat.0)))
            .filter(Deleted.eq(false));
        if let Some(from) = place.from {
            query = query.filter(SenderId.eq(from.0));
        }
        if place.after.happened() {
            query = query.filter(Id.gt(place.after.0));
        }
        if place.before.happened() {
            query = query.filter(Id.lt(place.before.0));
        }
        if let Some((id, chat)) = last {
            query = query.filter(Condition::any().add(Id.lt(id.0)).add(Condition::all().add(Id.eq(id.0)).add(Chat.lt(chat.0))));
        }
        let rows = query.order_by_desc(Id).order_by_desc(Chat).limit(limit).all(&self.db).await?;
        rows.into_iter().map(rows::message).collect()
    }

    /// The index of each database in its own language. The terms are of `a-z0-9`, so nothing in them needs to be escaped.
    fn has_all(&self, terms: &Terms) -> Expr {
        let terms = terms.for_sql();
        if self.backend() == DbBackend::MySql {
            let all = terms.iter().map(|(term, prefix)| format!("+{term}{}", if *prefix { "*" } else { "" }));
            return Expr::cust_with_values("MATCH (`messages`.`terms`) AGAINST (? IN BOOLEAN MODE)", [all.collect::<Vec<_>>().join(" ")]);
        }
        let all = terms.iter().map(|(term, prefix)| format!("\"{term}\"{}", if *prefix { "*" } else { "" }));
        let found = "(chat_id, id) IN (SELECT r.chat_id, r.message_id FROM message_terms JOIN message_rows r ON r.rowid = message_terms.rowid WHERE message_terms MATCH ?)";
        Expr::cust_with_values(found, [all.collect::<Vec<_>>().join(" ")])
    }
}
