//! The cursors of webhooks that are due by what is saved: they are written in the same transaction,
//! so no message is in SQL of which a webhook would not be told.
//!
//! A cursor is a key of the chat's clock; that of a message which SQL did not have is its id, and
//! that of a change of one which it had is its rev. What is saved is in the order of its revs but
//! for rows that were parked, or read by two flushers: so the lowest key goes along (`low`), and
//! the cursor goes back there.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use entity::{message, webhook_cursor};
use model::{ChatId, StoredMessage, Tick, WebhookId};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, DbBackend, DbErr, EntityTrait, QueryFilter,
    QuerySelect,
    prelude::Uuid,
    sea_query::{Expr, ExprTrait as _, OnConflict},
};

use super::upsert::insert;
use crate::{row::SqlRow, webhooks::Webhooks};

/// The most messages that SQL is asked for at once.
const ASKED: usize = 1000;

/// The lowest and the highest key of what is saved of a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Keys {
    low: Tick,
    high: Tick,
}

/// The cursors that are due by the rows of a transaction.
#[derive(Default)]
pub(super) struct Due {
    chats: BTreeMap<ChatId, Keys>,
}

impl Due {
    /// Finds what webhooks are to be told of these rows, before they are written. The chats are
    /// locked.
    pub(super) async fn find(
        transaction: &DatabaseTransaction,
        rows: &[SqlRow],
        deleted: &HashSet<ChatId>,
        webhooks: &Webhooks,
    ) -> Result<Self, DbErr> {
        let mut due = Self::default();
        if webhooks.is_empty() {
            return Ok(due);
        }
        let mut has_webhooks = HashMap::new();
        let told = rows.iter().filter_map(|row| match row {
            SqlRow::Message(row) => Some(row),
            _ => None,
        });
        let mut is_told = |row: &&Arc<StoredMessage>| {
            let chat = row.message.chat_id;
            let has = || webhooks.of(chat).next().is_some() && !deleted.contains(&chat);
            *has_webhooks.entry(chat).or_insert_with(has)
        };
        let told: Vec<_> = told.filter(|row| is_told(row)).collect();
        let changed = told.iter().map(|row| &row.message);
        let changed: Vec<_> = changed
            .filter(|message| message.rev != message.id)
            .map(|message| (message.chat_id, message.id))
            .collect();
        let there = there_of(transaction, &changed).await?;
        for row in told {
            let message = &row.message;
            let is_there = there.contains(&(message.chat_id, message.id));
            let key = if is_there { message.rev } else { message.id };
            due.add(message.chat_id, key, message.rev);
        }
        Ok(due)
    }

    fn add(&mut self, chat: ChatId, low: Tick, high: Tick) {
        let keys = self.chats.entry(chat).or_insert(Keys { low, high });
        keys.low = Ord::min(keys.low, low);
        keys.high = Ord::max(keys.high, high);
    }

    /// Writes the cursors, and returns the webhooks that have something to tell.
    pub(super) async fn write(
        self,
        transaction: &DatabaseTransaction,
        webhooks: &Webhooks,
    ) -> Result<HashSet<WebhookId>, DbErr> {
        let (now, mut given) = (Tick::now(), HashSet::new());
        let mut rows = Vec::new();
        for (chat, keys) in self.chats {
            let mut of_chat: Vec<_> = webhooks.of(chat).collect();
            of_chat.sort_by_key(|webhook| webhook.id);
            for webhook in of_chat {
                let from = webhook.record.from;
                if keys.high > from {
                    given.insert(webhook.id);
                    let row = webhook_cursor::to_row(chat, webhook.id, from, keys.low, now);
                    rows.push(Ok(row));
                }
            }
        }
        insert::<webhook_cursor::Entity, _>(transaction, rows, go_back).await?;
        Ok(given)
    }
}

/// Returns which of these messages SQL has.
async fn there_of(
    transaction: &DatabaseTransaction,
    messages: &[(ChatId, Tick)],
) -> Result<HashSet<(ChatId, Tick)>, DbErr> {
    use message::Column::{ChatId as Chat, Id};
    let mut there = HashSet::new();
    for some in messages.chunks(ASKED) {
        let mut of_chats = BTreeMap::<ChatId, Vec<i64>>::new();
        for (chat, id) in some {
            of_chats.entry(*chat).or_default().push(id.0);
        }
        let of_chat = |(chat, ids): (ChatId, Vec<i64>)| Chat.eq(chat.0).and(Id.is_in(ids));
        let any = of_chats.into_iter().map(of_chat);
        let found: Vec<(Uuid, i64)> = message::Entity::find()
            .select_only()
            .columns([Chat, Id])
            .filter(any.fold(Condition::any(), Condition::add))
            .into_tuple()
            .all(transaction)
            .await?;
        there.extend(found.into_iter().map(|(chat, id)| (ChatId(chat), Tick(id))));
    }
    Ok(there)
}

/// Returns the clause for a cursor that is there: it goes back to what is saved late, and is due
/// now unless it is claimed, or waits after a failure. (MySQL assigns from left to right.)
fn go_back(backend: DbBackend) -> OnConflict {
    use webhook_cursor::Column::{ChatId, Due, Low, WebhookId};
    let is_free = "claim = 0 AND failing_since = 0";
    let (due, low) = match backend {
        DbBackend::MySql => (
            format!("IF({is_free}, LEAST(due, VALUES(due)), due)"),
            "LEAST(low, VALUES(low))".to_owned(),
        ),
        _ => (
            format!("CASE WHEN {is_free} THEN MIN(due, excluded.due) ELSE due END"),
            "MIN(low, excluded.low)".to_owned(),
        ),
    };
    OnConflict::columns([ChatId, WebhookId])
        .value(Due, Expr::cust(due))
        .value(Low, Expr::cust(low))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_key_of_a_chat_is_kept() {
        let (chat, mut due) = (ChatId::new(), Due::default());
        for (low, high) in [(7, 7), (5, 9), (8, 8)] {
            due.add(chat, Tick(low), Tick(high));
        }
        let keys = Keys {
            low: Tick(5),
            high: Tick(9),
        };
        assert_eq!(due.chats, BTreeMap::from([(chat, keys)]));
    }
}
