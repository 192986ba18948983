//! Audits: every acknowledged message is there, once and in order.

use std::collections::HashMap;

use entity::message;
use model::{ChatId, Tick, UserId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::Value;
use store::{Membership, Store};

use crate::{Stack, say};

/// The messages of a chat that were acknowledged. Their bodies must differ, so that a message that
/// is there twice shows.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// The chat.
    pub chat: ChatId,
    /// A member, as whom an audit reads it.
    pub reader: UserId,
    /// Id and body of each text that was acknowledged.
    pub sent: Vec<(Tick, String)>,
}

impl Ledger {
    /// Returns a ledger with nothing in it.
    pub fn new(chat: ChatId, reader: UserId) -> Self {
        Self {
            chat,
            reader,
            sent: Vec::new(),
        }
    }

    /// Sends so many texts, all different, as the reader.
    pub async fn talk(&mut self, stack: &Stack, texts: usize) {
        for _ in 0..texts {
            let body = format!("text {}", self.sent.len());
            self.sent.push((
                say(&stack.store, self.chat, self.reader, &body, None)
                    .await
                    .expect("sent"),
                body,
            ));
        }
    }
}

/// Asserts of each chat that what a member pages through, backwards as forwards, is `seq` 1, 2, 3
/// ... with rising ids, and has every acknowledged text exactly once with its body.
pub async fn audit(stack: &Stack, ledgers: &[Ledger]) {
    for ledger in ledgers {
        let newest_first = history(&stack.store, ledger.chat, ledger.reader, false).await;
        let oldest_first = history(&stack.store, ledger.chat, ledger.reader, true).await;
        assert_eq!(
            newest_first, oldest_first,
            "chat {} is not the same from both ends",
            ledger.chat
        );
        check("what a member reads", ledger, &seen(&oldest_first));
    }
}

/// Strikes off the ledgers the messages that are lost, and returns their number. A power cut or a
/// failover may take the last ones that were acknowledged.
pub async fn forget_lost(stack: &Stack, ledgers: &mut [Ledger]) -> usize {
    let mut lost = 0;
    for ledger in ledgers {
        let there = seen(&history(&stack.store, ledger.chat, ledger.reader, true).await);
        let before = ledger.sent.len();
        ledger
            .sent
            .retain(|(id, body)| there.iter().any(|row| row.id == id.0 && row.body == *body));
        lost += before - ledger.sent.len();
    }
    lost
}

fn seen(messages: &[String]) -> Vec<Seen> {
    let rows = messages.iter().map(|json| {
        let message: Value = serde_json::from_str(json).expect("a message is JSON");
        Seen {
            id: message["id"].as_i64().expect("an id"),
            seq: message["seq"].as_i64().expect("a seq"),
            body: message["body"].as_str().expect("a body").to_owned(),
        }
    });
    rows.collect()
}

/// Waits until no key of these chats is in Redis, and then asserts the same of SQL alone.
pub async fn audit_sql(stack: &Stack, ledgers: &[Ledger]) {
    for ledger in ledgers {
        stack.evicted(ledger.chat).await;
        let found = message::Entity::find()
            .filter(message::Column::ChatId.eq(ledger.chat.0))
            .order_by_asc(message::Column::Id);
        let rows = found.all(&stack.db).await.expect("SQL answers");
        let rows: Vec<_> = rows
            .into_iter()
            .map(|row| Seen {
                id: row.id,
                seq: row.seq,
                body: row.body,
            })
            .collect();
        check("SQL", ledger, &rows);
        let chat = stack
            .cold
            .chat(ledger.chat)
            .await
            .expect("SQL answers")
            .expect("a chat that was acknowledged is in SQL");
        assert_eq!(
            chat.chat.seq,
            rows.len() as i64,
            "SQL's own count of the messages of chat {}",
            ledger.chat
        );
        assert!(
            chat.members.iter().any(|(user, _)| *user == ledger.reader),
            "a member of chat {} is not in SQL",
            ledger.chat
        );
    }
}

/// Pages through a chat's whole history as a member, and returns it oldest first, as JSON.
pub async fn history(store: &Store, chat: ChatId, reader: UserId, forwards: bool) -> Vec<String> {
    let (own, limit) = (Membership { chat, user: reader }, 37);
    let mut all: Vec<String> = Vec::new();
    let mut page = if forwards {
        store.page(own, Tick::NEVER, Tick(1), limit).await
    } else {
        store.page(own, Tick::NEVER, Tick::NEVER, limit).await
    };
    loop {
        let found = page.expect("a member reads their chat");
        assert!(
            found.items.len() <= limit,
            "a page is longer than was asked for"
        );
        if forwards {
            all.extend(found.items);
        } else {
            all.splice(0..0, found.items);
        }
        let (before, after) = match (forwards, found.prev, found.next) {
            (true, _, Some(next)) => (Tick::NEVER, next),
            (false, Some(prev), _) => (prev, Tick::NEVER),
            _ => return all,
        };
        page = store.page(own, before, after, limit).await;
    }
}

struct Seen {
    id: i64,
    seq: i64,
    body: String,
}

fn check(whose: &str, ledger: &Ledger, rows: &[Seen]) {
    let chat = ledger.chat;
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(
            row.seq,
            at as i64 + 1,
            "{whose}, chat {chat}: the seqs have a gap or come twice"
        );
        assert!(
            at == 0 || rows[at - 1].id < row.id,
            "{whose}, chat {chat}: ids do not rise"
        );
    }
    let found: HashMap<i64, &str> = rows.iter().map(|row| (row.id, row.body.as_str())).collect();
    let mut bodies: HashMap<&str, usize> = HashMap::new();
    for row in rows {
        *bodies.entry(&row.body).or_default() += 1;
    }
    for (id, body) in &ledger.sent {
        assert_eq!(
            found.get(&id.0),
            Some(&body.as_str()),
            "{whose}, chat {chat}: message {id} was acknowledged"
        );
        assert_eq!(
            bodies[body.as_str()],
            1,
            "{whose}, chat {chat}: {body:?} is there more than once"
        );
    }
}
