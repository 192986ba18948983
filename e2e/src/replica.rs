//! The state of a client that does nothing but take rows by their `rev`, as the documentation
//! tells clients to.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::Client;

/// The chats of a user, as events and answers told of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replica {
    /// The chats, by id.
    pub chats: BTreeMap<String, ChatReplica>,
    /// The cursor to go on from.
    pub cursor: Option<String>,
}

/// A chat, as events and answers told of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatReplica {
    /// Name and description, with the clock of the event that had them.
    row: (i64, Value),
    /// The messages by id, with their rev.
    messages: BTreeMap<i64, (i64, Value)>,
    /// The members' roles and marks by user, with their rev.
    members: BTreeMap<String, (i64, Value)>,
}

impl Replica {
    /// Takes an event.
    pub fn take(&mut self, event: &Value) {
        let chat = event["chat_id"].as_str().unwrap_or_default().to_owned();
        let clock = event["clock"].as_i64().unwrap_or_default();
        match event["type"].as_str().expect("an event has a type") {
            "heartbeat" => self.cursor = event["cursor"].as_str().map(str::to_owned),
            "message.created" | "message.updated" | "reaction" => self
                .chats
                .entry(chat)
                .or_default()
                .message(&event["message"]),
            "chat.created" | "chat.updated" => {
                let known = self.chats.entry(chat).or_default();
                let row = (
                    clock,
                    json!([event["chat"]["name"], event["chat"]["description"]]),
                );
                if row.0 >= known.row.0 {
                    known.row = row;
                }
            }
            "chat.removed" => drop(self.chats.remove(&chat)),
            "member.updated" => {
                let member = &event["member"];
                let member = json!([member["role"], member["read"], member["delivered"]]);
                self.chats
                    .entry(chat)
                    .or_default()
                    .member(&event["user_id"], clock, |_| member.clone());
            }
            "receipt.updated" => {
                let (read, delivered) = (&event["read"], &event["delivered"]);
                self.chats
                    .entry(chat)
                    .or_default()
                    .member(&event["user_id"], clock, |old| {
                        json!([old[0], read, delivered])
                    });
            }
            _ => {}
        }
    }

    /// Pages through all that changed since the cursor, as a client must when a connection was
    /// not resumed.
    pub async fn catch_up(&mut self, client: &Client) {
        loop {
            let page = client
                .get(&format!(
                    "/v1/sync?since={}",
                    self.cursor.as_deref().expect("a cursor")
                ))
                .await
                .expect(200);
            page["changes"]
                .as_array()
                .expect("changes")
                .iter()
                .for_each(|event| self.take(event));
            self.cursor = page["cursor"].as_str().map(str::to_owned);
            if page["more"] == false {
                return;
            }
        }
    }

    /// Reads the whole state from the API.
    pub async fn ask(client: &Client) -> Self {
        let mut all = Self::default();
        for chat in client.chats().await {
            let id = chat["id"].as_str().expect("an id").to_owned();
            let known = all.chats.entry(id.clone()).or_default();
            known.row = (0, json!([chat["name"], chat["description"]]));
            for message in client.history(&id, 200, false).await {
                known.message(&message);
            }
            for member in client.members(&id).await.expect(200)["items"]
                .as_array()
                .expect("members")
            {
                let marks = json!([member["role"], member["read"], member["delivered"]]);
                known.members.insert(
                    member["user_id"].as_str().expect("an id").to_owned(),
                    (0, marks),
                );
            }
        }
        all
    }

    /// Returns the state without its clocks, to be compared. Members who have left are not in it.
    pub fn state(&self) -> Value {
        let chat = |chat: &ChatReplica| {
            let messages: Vec<_> = chat.messages.values().map(|(_, message)| message).collect();
            let members: BTreeMap<_, _> = chat
                .members
                .iter()
                .filter(|(_, (_, member))| !member[0].is_null())
                .map(|(user, (_, member))| (user, member))
                .collect();
            json!({ "row": chat.row.1, "messages": messages, "members": members })
        };
        self.chats
            .iter()
            .map(|(id, known)| (id.clone(), chat(known)))
            .collect()
    }
}

impl ChatReplica {
    fn message(&mut self, message: &Value) {
        let (id, rev) = (
            message["id"].as_i64().expect("an id"),
            message["rev"].as_i64().expect("a rev"),
        );
        if self.messages.get(&id).is_none_or(|(known, _)| rev > *known) {
            self.messages.insert(id, (rev, message.clone()));
        }
        // A send and a deletion move the marks of the sender, or of all members; the members' own
        // events have them.
        if message["kind"] == "text" && id == rev {
            let sender = message["sender_id"].clone();
            self.member(&sender, id, |old| json!([old[0], id, id]));
        }
    }

    fn member(&mut self, user: &Value, clock: i64, new: impl Fn(&Value) -> Value) {
        let user = user.as_str().expect("an id").to_owned();
        let old = self.members.get(&user).cloned().unwrap_or((0, Value::Null));
        if clock > old.0 {
            self.members.insert(user, (clock, new(&old.1)));
        }
    }
}
