//! Reactions to a message, and the record in which a message is stored with them.

use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use crate::{Message, UserId};

/// How many kinds of reaction one message has at the most.
pub const MAX_REACTIONS: usize = 20;

/// How many of those who reacted are named in the message itself.
const NAMED: usize = 20;

/// All who reacted in one way, in the order in which they did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reactors {
    /// One emoji, in its canonical form.
    pub emoji: String,
    /// Who.
    pub users: Vec<UserId>,
}

/// A kind of reaction to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Object)]
pub struct Reaction {
    /// One emoji.
    pub emoji: String,
    /// How many reacted with it.
    pub count: i64,
    /// The first 20 of them.
    pub user_ids: Vec<UserId>,
}

/// A message as it is stored: its JSON, which is the same for every reader, and beside it, after a line break (JSON has none), all who reacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What everybody reads.
    pub message: Message,
    /// All who reacted, by the first of each kind.
    pub reactors: Vec<Reactors>,
}

impl Stored {
    /// Reads a record.
    ///
    /// # Errors
    /// When it is none of ours.
    pub fn read(record: &str) -> serde_json::Result<Self> {
        let (json, beside) = split(record);
        Ok(Self {
            message: serde_json::from_str(json)?,
            reactors: if beside.is_empty() { Vec::new() } else { serde_json::from_str(beside)? },
        })
    }

    /// A message with these reactions, as SQL has them apart.
    pub fn new(message: Message, reactors: Vec<Reactors>) -> Self {
        let mut stored = Self { message, reactors };
        stored.show();
        stored
    }

    /// The record: byte for byte what the scripts wrote to Redis.
    pub fn record(&self) -> String {
        self.message.json() + &self.beside()
    }

    /// What stands beside the JSON.
    pub fn beside(&self) -> String {
        match self.reactors.is_empty() {
            true => String::new(),
            false => format!("\n{}", serde_json::to_string(&self.reactors).expect("words and ids")),
        }
    }

    /// Somebody reacts, or takes it back; false when nothing changes.
    pub fn react(&mut self, user: UserId, emoji: &str, on: bool) -> bool {
        let at = self.reactors.iter().position(|one| one.emoji == emoji);
        match (at, on) {
            (Some(at), true) if !self.reactors[at].users.contains(&user) => self.reactors[at].users.push(user),
            (None, true) => self.reactors.push(Reactors { emoji: emoji.to_owned(), users: vec![user] }),
            (Some(at), false) if self.reactors[at].users.contains(&user) => {
                self.reactors[at].users.retain(|one| *one != user);
                self.reactors.retain(|one| !one.users.is_empty());
            }
            _ => return false,
        }
        self.show();
        true
    }

    fn show(&mut self) {
        let shown = self.reactors.iter().map(|one| Reaction {
            emoji: one.emoji.clone(),
            count: one.users.len() as i64,
            user_ids: one.users.iter().take(NAMED).copied().collect(),
        });
        self.message.reactions = (!self.reactors.is_empty()).then(|| shown.collect());
    }
}

/// The JSON of a record, and what stands beside it.
pub fn split(record: &str) -> (&str, &str) {
    record.split_once('\n').unwrap_or((record, ""))
}

/// With what this user reacted, of what stands beside a message.
pub fn reactions_of(user: UserId, beside: &str) -> Vec<String> {
    let reactors: Vec<Reactors> = serde_json::from_str(beside).unwrap_or_default();
    reactors.into_iter().filter(|one| one.users.contains(&user)).map(|one| one.emoji).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChatId, MessageKind, Tick};

    #[test]
    fn a_record_is_what_it_is_read_from() {
        let message = Message {
            id: Tick(1_763_668_800_123_457),
            seq: 1,
            rev: Tick(1_763_668_800_123_457),
            created_at: Tick(1_763_668_800_123_457).rfc3339(),
            chat_id: ChatId::new(),
            sender_id: UserId::new(),
            kind: MessageKind::Text,
            subject: None,
            body: "two\nlines".into(),
            client_id: None,
            system: None,
            reply_to: None,
            mentions: None,
            attachments: None,
            reactions: None,
            edited_at: None,
            deleted: None,
        };
        let mut stored = Stored::new(message, Vec::new());
        assert_eq!(Stored::read(&stored.record()).expect("our own"), stored);
        let users: Vec<_> = (0..25).map(|_| UserId::new()).collect();
        assert!(users.iter().all(|user| stored.react(*user, "👍", true)));
        assert!(stored.react(users[0], "❤️", true) && !stored.react(users[0], "❤️", true) && !stored.react(users[1], "❤️", false));
        assert_eq!(Stored::read(&stored.record()).expect("our own"), stored);
        let shown = stored.message.reactions.clone().expect("reactions");
        assert_eq!(shown.iter().map(|one| (one.count, one.user_ids.len())).collect::<Vec<_>>(), [(25, 20), (1, 1)]);
        let record = stored.record();
        assert_eq!(reactions_of(users[0], split(&record).1), ["👍", "❤️"]);
        assert!(stored.react(users[0], "❤️", false));
        assert_eq!(stored.message.reactions.as_ref().map(Vec::len), Some(1));
    }
}
