//! Reactions to a message, and the record in which a message is stored with them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Message, UserId};

/// The most kinds of reaction that one message may have.
pub const MAX_REACTIONS: usize = 20;

/// The most users of each reaction that are named in the message itself.
const NAMED: usize = 20;

/// The second line of a record of a message to which others reacted than it names.
const OTHERS: &str = "+";

/// A user who reacted to a message that does not name them, with the emojis of these reactions.
pub type OtherReactor = (UserId, Vec<String>);

/// The users who reacted with one emoji, in the order in which they did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reactors {
    /// The emoji, in its canonical form.
    pub emoji: String,
    /// The users.
    pub users: Vec<UserId>,
}

/// A kind of reaction to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// The number of users who reacted with it.
    pub count: i64,
    /// The first of the users, at most 20.
    pub user_ids: Vec<UserId>,
}

/// A message as it is stored: its JSON, which is the same for every reader, and after a line break
/// (JSON has none) the JSON of all who reacted, or `+` when others did than the message names.
/// Redis has those beside it, SQL has all in one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// The message, as every member reads it.
    pub message: Message,
    /// The users who reacted, by emoji, in the order of the first of each: all of them, or of a
    /// record those that it names.
    pub reactors: Vec<Reactors>,
}

impl StoredMessage {
    /// Reads a record.
    ///
    /// # Errors
    /// An error of JSON when the text is not a record.
    pub fn read(record: &str) -> serde_json::Result<Self> {
        let (json, reactors) = split_record(record);
        let mut message: Message = serde_json::from_str(json)?;
        if let Some(reply) = &mut message.reply_to {
            reply.preview.clear(); // An older record has one.
        }
        let reactors = match reactors {
            "" => Vec::new(),
            OTHERS => named(message.reactions.as_deref().unwrap_or_default()),
            all => serde_json::from_str(all)?,
        };
        Ok(Self { message, reactors })
    }

    /// Joins a message and its reactions, which SQL has in different columns.
    pub fn new(message: Message, reactors: Vec<Reactors>) -> Self {
        let mut stored = Self { message, reactors };
        stored.show();
        stored
    }

    /// Returns the record: byte for byte what the scripts wrote to Redis.
    pub fn record(&self) -> String {
        self.message.json() + &self.reactors_line()
    }

    /// Returns the second line of the record with the line break before it; empty without
    /// reactions.
    pub fn reactors_line(&self) -> String {
        let is_long = |one: &Reactors| one.users.len() > NAMED;
        if self.reactors.is_empty() {
            String::new()
        } else if self.has_others() || self.reactors.iter().any(is_long) {
            format!("\n{OTHERS}")
        } else {
            let all = serde_json::to_string(&self.reactors).expect("words and ids");
            format!("\n{all}")
        }
    }

    /// Returns those who reacted and are not named in the record.
    pub fn others(&self) -> Vec<OtherReactor> {
        let mut others: BTreeMap<UserId, Vec<String>> = BTreeMap::new();
        for one in &self.reactors {
            for user in one.users.iter().skip(NAMED) {
                others.entry(*user).or_default().push(one.emoji.clone());
            }
        }
        others.into_iter().collect()
    }

    /// Adds those who reacted and are not named in the record that was read.
    pub fn add_others(&mut self, others: &[OtherReactor]) {
        for one in &mut self.reactors {
            // A record of the first release may have them too.
            let known = one.users.clone();
            let of_one = others
                .iter()
                .filter(|(_, emojis)| emojis.contains(&one.emoji));
            let users = of_one.map(|(user, _)| *user);
            one.users.extend(users.filter(|user| !known.contains(user)));
        }
    }

    /// True for a record of which others reacted than it names.
    pub fn has_others(&self) -> bool {
        let counted = self.message.reactions.iter().flatten().map(|one| one.count);
        let known = self.reactors.iter().map(|one| one.users.len() as i64);
        counted.sum::<i64>() > known.sum()
    }

    /// Returns the emojis with which a user reacted, as far as the users are known.
    pub fn reactions_of(&self, user: UserId) -> Vec<String> {
        let of_user = |one: &&Reactors| one.users.contains(&user);
        let theirs = self.reactors.iter().filter(of_user);
        theirs.map(|one| one.emoji.clone()).collect()
    }

    /// Writes the reactions that the message shows anew.
    fn show(&mut self) {
        let shown = self.reactors.iter().map(|one| Reaction {
            emoji: one.emoji.clone(),
            count: one.users.len() as i64,
            user_ids: one.users.iter().take(NAMED).copied().collect(),
        });
        self.message.reactions = (!self.reactors.is_empty()).then(|| shown.collect());
    }
}

/// Returns the users whom a message names.
fn named(reactions: &[Reaction]) -> Vec<Reactors> {
    let named = reactions.iter().map(|one| Reactors {
        emoji: one.emoji.clone(),
        users: one.user_ids.clone(),
    });
    named.collect()
}

/// Splits a record into the JSON of the message and the JSON of those who reacted.
pub fn split_record(record: &str) -> (&str, &str) {
    record.split_once('\n').unwrap_or((record, ""))
}

/// Returns the emojis with which a user reacted, given both lines of a record, as far as it names
/// the user.
pub fn reactions_of(user: UserId, json: &str, reactors: &str) -> Vec<String> {
    let reactors: Vec<Reactors> = match reactors {
        OTHERS => named(&reactions_in(json).unwrap_or_default()),
        all => serde_json::from_str(all).unwrap_or_default(),
    };
    reactors
        .into_iter()
        .filter(|one| one.users.contains(&user))
        .map(|one| one.emoji)
        .collect()
}

/// Returns the reactions in the JSON of a message; a text cannot contain their name unescaped.
fn reactions_in(json: &str) -> Option<Vec<Reaction>> {
    let (_, rest) = json.split_once(r#","reactions":"#)?;
    let mut values = serde_json::Deserializer::from_str(rest).into_iter();
    values.next()?.ok()
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
            mentions_all: None,
            attachments: None,
            custom_type: None,
            metadata: None,
            reactions: None,
            edited_at: None,
            deleted: None,
        };
        let stored = StoredMessage::new(message, Vec::new());
        assert_eq!(
            StoredMessage::read(&stored.record()).expect("our own"),
            stored
        );
        let users: Vec<_> = (0..25).map(|_| UserId::new()).collect();
        let reactors = |emoji: &str, users: &[UserId]| Reactors {
            emoji: emoji.into(),
            users: users.to_vec(),
        };
        let all = vec![reactors("👍", &users), reactors("❤️", &users[..1])];
        let stored = StoredMessage::new(stored.message, all);
        let mut read = StoredMessage::read(&stored.record()).expect("our own");
        assert_eq!(read.record(), stored.record());
        assert!(read.has_others() && !stored.has_others());
        read.add_others(&stored.others());
        let sorted = |mut stored: StoredMessage| {
            stored.reactors[0].users.sort();
            stored
        };
        assert_eq!(sorted(read), sorted(stored.clone()));
        let shown = stored.message.reactions.clone().expect("reactions");
        assert_eq!(
            shown
                .iter()
                .map(|one| (one.count, one.user_ids.len()))
                .collect::<Vec<_>>(),
            [(25, 20), (1, 1)]
        );
        let record = stored.record();
        for of_one in [
            reactions_of(users[0], split_record(&record).0, split_record(&record).1),
            stored.reactions_of(users[0]),
        ] {
            assert_eq!(of_one, ["👍", "❤️"]);
        }
        assert_eq!(stored.others().len(), 5);
        assert_eq!(stored.reactions_of(users[24]), ["👍"]);
    }
}
