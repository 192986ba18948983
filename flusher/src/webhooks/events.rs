//! Events of a chat for a receiver: read in SQL from the cursor on, in the order of keys.

use entity::message::{
    self,
    Column::{ChatId as Chat, Id, Rev},
};
use model::{ChatId, Message, MessageCreated, MessageUpdated, Tick, WebhookEvent, WebhookId};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use serde::Serialize;

use super::known::Webhook;
use crate::{Error, commit::within, sql::Sql};

/// The most messages that are read at once: some of the longest have a megabyte.
const BATCH: u64 = 16;

/// An event for a receiver.
#[derive(Debug)]
pub(super) struct Event {
    /// The place in the chat's clock.
    pub(super) key: i64,
    pub(super) kind: WebhookEvent,
    message: Message,
}

/// The events that are read of a chat at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The events, in order.
    pub(super) events: Vec<Event>,
    /// The last key that needs not be told once they are.
    pub(super) end: i64,
    /// True when more was there.
    pub(super) more: bool,
}

/// An event as it is sent (Standard Webhooks).
#[derive(Serialize)]
struct Payload<T> {
    r#type: WebhookEvent,
    timestamp: String,
    data: T,
}

/// Reads what a webhook is to be told of a chat after this key.
pub(super) async fn read(
    sql: &Sql,
    webhook: &Webhook,
    chat: ChatId,
    told: i64,
) -> Result<Batch, Error> {
    let read = async {
        let sql = sql.pool().await?;
        let of_chat = || message::Entity::find().filter(Chat.eq(chat.0)).limit(BATCH);
        let new = of_chat().filter(Id.gt(told)).order_by_asc(Id);
        let new = rows(new.all(&sql).await?)?;
        let is_full = new.len() as u64 == BATCH;
        let bound = match new.last() {
            Some(last) if is_full => last.id.0,
            _ => Tick::LAST.0,
        };
        let wanted = &webhook.record.events;
        let wants_changes = wanted
            .iter()
            .any(|kind| *kind != WebhookEvent::MessageCreated);
        let changed = match wants_changes {
            false => Vec::new(),
            true => {
                let changed = of_chat()
                    .filter(Rev.gt(told))
                    .filter(Rev.lte(bound))
                    .filter(Id.lte(told))
                    .filter(Expr::col(Rev).gt(Expr::col(Id)))
                    .order_by_asc(Rev);
                rows(changed.all(&sql).await?)?
            }
        };
        let mut batch = merge(new, changed, bound);
        batch.events.retain(|event| wanted.contains(&event.kind));
        batch.end = Ord::max(batch.end, told);
        Ok(batch)
    };
    within(sql, read).await
}

fn rows(rows: Vec<message::Model>) -> Result<Vec<Message>, DbErr> {
    let rows = rows.into_iter().map(message::from_row);
    rows.map(|row| row.map(|stored| stored.message)).collect()
}

/// Puts new messages up to a bound, and changes of others up to it, in order. Where there may be
/// more of one, nothing is told that is after the last of it.
fn merge(new: Vec<Message>, changed: Vec<Message>, bound: i64) -> Batch {
    let mut end = bound;
    let mut more = bound != Tick::LAST.0;
    if changed.len() as u64 == BATCH
        && let Some(last) = changed.last()
    {
        end = last.rev.0;
        more = true;
    }
    if !more {
        // All that is there is read; a new message that was changed is told as it is.
        let revs = new.iter().chain(&changed).map(|message| message.rev.0);
        end = revs.max().unwrap_or(0);
    }
    let created = new.into_iter().map(|message| Event {
        key: message.id.0,
        kind: kind_of(&message, WebhookEvent::MessageCreated),
        message,
    });
    let updated = changed.into_iter().map(|message| Event {
        key: message.rev.0,
        kind: kind_of(&message, WebhookEvent::MessageUpdated),
        message,
    });
    let mut events: Vec<_> = created.chain(updated).collect();
    events.retain(|event| event.key <= end);
    events.sort_by_key(|event| event.key);
    Batch { events, end, more }
}

fn kind_of(message: &Message, otherwise: WebhookEvent) -> WebhookEvent {
    match message.deleted {
        Some(true) => WebhookEvent::MessageDeleted,
        _ => otherwise,
    }
}

impl Event {
    /// Returns the id by which a receiver knows a repetition: the same for the same state of the
    /// same message, whoever tells it, and however often.
    pub(super) fn id(&self, webhook: WebhookId) -> String {
        let Message {
            chat_id, id, rev, ..
        } = &self.message;
        let (webhook, chat) = (webhook.0.simple(), chat_id.0.simple());
        format!("msg_{webhook}_{chat}_{id}_{rev}")
    }

    /// Returns the event as it is sent.
    pub(super) fn json(&self) -> String {
        let message = self.message.clone();
        let (chat_id, clock) = (message.chat_id, message.rev);
        let (r#type, timestamp) = (self.kind, message.rev.rfc3339());
        let json = match self.kind {
            WebhookEvent::MessageCreated => serde_json::to_string(&Payload {
                r#type,
                timestamp,
                data: MessageCreated {
                    chat_id,
                    clock,
                    prev: None,
                    message,
                },
            }),
            WebhookEvent::MessageUpdated | WebhookEvent::MessageDeleted => {
                serde_json::to_string(&Payload {
                    r#type,
                    timestamp,
                    data: MessageUpdated {
                        chat_id,
                        clock,
                        prev: None,
                        message,
                    },
                })
            }
        };
        json.expect("texts, numbers and ids")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{SqlRow, tests::message};

    fn at(id: i64, rev: i64) -> Message {
        let SqlRow::Message(row) = message(ChatId::LOWEST, id, "a") else {
            panic!("a message");
        };
        let mut message = row.message.clone();
        message.rev = Tick(rev);
        message
    }

    fn keys(batch: &Batch) -> Vec<(i64, &str)> {
        let told = batch.events.iter();
        told.map(|event| (event.key, event.kind.as_str())).collect()
    }

    #[test]
    fn all_is_told_in_the_order_of_the_chat() {
        let new = vec![at(5, 9), at(7, 7)];
        let batch = merge(new, vec![at(2, 6)], Tick::LAST.0);
        assert_eq!(
            keys(&batch),
            [
                (5, "message.created"),
                (6, "message.updated"),
                (7, "message.created")
            ]
        );
        assert_eq!((batch.end, batch.more), (9, false));
    }

    #[test]
    fn where_more_is_there_nothing_is_told_after_the_last_that_was_read() {
        let new = || (100..116).map(|id| at(id, id)).collect::<Vec<_>>();
        let batch = merge(new(), vec![at(2, 103)], 115);
        assert_eq!((batch.events.len(), batch.end, batch.more), (17, 115, true));
        let changed = (90..106).map(|rev| at(rev - 80, rev)).collect();
        let batch = merge(new(), changed, 115);
        assert_eq!((batch.events.len(), batch.end, batch.more), (22, 105, true));
        let batch = merge(Vec::new(), Vec::new(), Tick::LAST.0);
        assert_eq!((batch.events.len(), batch.end, batch.more), (0, 0, false));
    }

    #[test]
    fn an_event_has_the_same_id_and_shape_each_time() {
        let mut message = at(5, 9);
        message.deleted = Some(true);
        let batch = merge(vec![message], Vec::new(), Tick::LAST.0);
        let webhook = WebhookId::LOWEST;
        let id = batch.events[0].id(webhook);
        let zeros = "0".repeat(32);
        assert_eq!(id, format!("msg_{zeros}_{zeros}_5_9"));
        let json: serde_json::Value =
            serde_json::from_str(&batch.events[0].json()).expect("it is JSON");
        assert_eq!(json["type"], "message.deleted");
        assert_eq!(json["timestamp"], "1970-01-01T00:00:00.000Z");
        assert_eq!(
            (&json["data"]["clock"], &json["data"]["message"]["id"]),
            (&9.into(), &5.into())
        );
    }
}
