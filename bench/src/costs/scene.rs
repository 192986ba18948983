//! The people, chats and messages that rows are measured on, and the room that they take.

use anyhow::{Context, Result};
use serde_json::json;

use super::deployment::Deployment;
use crate::{
    http::{Request, ask_all},
    people::{self, Person},
};

/// A word that each message of a history has, and no other message: however many messages the rows
/// send, a search for it costs the same.
pub(crate) const COMMON_WORD: &str = "harbour";
/// The characters of a message.
const LENGTH: usize = 100;
/// The messages of a chat that has a history: most of them are in SQL alone.
const HISTORY: usize = 1000;
/// The distance between two messages of a history at which pages begin.
const PAGES: usize = 50;
/// The newest messages of a history at which no page begins: they, or what is before them, are in
/// Redis.
const NEWEST: usize = 150;
/// The chats, at the most, and the messages of each by which the size of a message in Redis is
/// measured: fewer than stay there when they are saved.
const HOT_CHATS: usize = 1000;
const HOT_EACH: usize = 20;

/// The size of a scene.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// The direct chats of two people who have no other.
    pub(crate) chats: usize,
    /// The messages of histories, in the first of these chats.
    pub(crate) messages: usize,
    /// The chats of one busy user.
    pub(crate) listed: usize,
    /// The members of a group.
    pub(crate) group: usize,
}

impl Size {
    /// Returns the size with at least as many chats as histories and this many senders need.
    pub(crate) fn with_room_for(self, senders: usize) -> Self {
        let needed = self.messages / HISTORY + senders;
        Self {
            chats: self.chats.max(needed),
            ..self
        }
    }
}

/// A direct chat of two people who have no other.
pub(crate) struct Direct {
    pub(crate) chat: String,
    pub(crate) people: [Person; 2],
}

impl Direct {
    /// Returns the path of the chat's messages.
    pub(crate) fn messages(&self) -> String {
        format!("/v1/chats/{}/messages", self.chat)
    }

    /// Returns a request by which the first of the two sends a message.
    pub(crate) fn send(&self, number: usize) -> Request {
        send(&self.chat, &self.people[0], text(number, None))
    }
}

/// People, chats and messages, all of them saved.
pub(crate) struct Scene {
    directs: Vec<Direct>,
    histories: usize,
    /// Messages at which pages begin that are in SQL alone, each with the number of its chat.
    pub(crate) old: Vec<(usize, String)>,
    /// A user of many chats.
    pub(crate) busy: Person,
    /// A user without any chat.
    pub(crate) stranger: Person,
    /// The chat of a group.
    pub(crate) group: String,
    /// The group's members.
    pub(crate) members: Vec<Person>,
    /// The bytes of Redis that a chat takes with its two members, saved and without a message.
    pub(crate) redis_chat: f64,
    /// The bytes of Redis that a message takes.
    pub(crate) redis_message: f64,
    /// The bytes of SQL that a message takes.
    pub(crate) sql_message: f64,
}

impl Scene {
    /// Makes a scene. Redis is measured within the first minute, in which no user leaves it.
    pub(crate) async fn make(on: &Deployment, size: Size, connections: usize) -> Result<Self> {
        let mut cast = people::make(&on.hot, 2 * size.chats + size.listed + size.group + 2)
            .await
            .context("the users could not be made")?
            .into_iter();
        let mut next = || cast.next().expect("two are made beside the others");
        let (busy, stranger) = (next(), next());
        let companions: Vec<_> = cast.by_ref().take(size.listed).collect();
        let members: Vec<_> = cast.by_ref().take(size.group).collect();
        let cast: Vec<_> = cast.collect();
        let maker = Maker { on, connections };

        let listed = maker.open(companions.len(), |at| direct(&companions[at], &busy));
        let listed = listed.await.context("a user of many chats")?;
        let greeted = maker.send(listed.len(), |at| {
            send(&listed[at], &companions[at], text(at, None))
        });
        greeted.await.context("a message in each of many chats")?;
        let group = match members.split_first() {
            None => String::new(),
            Some((owner, others)) => {
                let made = maker.open(1, |_| group(owner, others));
                let made = made.await.context("a group")?;
                made.into_iter().next().context("a group has an id")?
            }
        };
        on.until_all_saved().await?;

        let empty = on.redis_bytes().await?;
        let chats = maker.open(size.chats, |at| direct(&cast[2 * at], &cast[2 * at + 1]));
        let chats = chats.await.context("direct chats")?;
        on.until_all_saved().await?;
        let idle = on.redis_bytes().await?;
        let directs: Vec<_> = chats
            .into_iter()
            .zip(cast.as_chunks().0)
            .map(|(chat, people)| Direct {
                chat,
                people: people.clone(),
            })
            .collect();

        let hot_chats = directs.len().min(HOT_CHATS);
        let hot = hot_chats * HOT_EACH;
        let sent = maker.send(hot, |at| directs[at % hot_chats].send(at));
        sent.await.context("messages that stay in Redis")?;
        on.until_all_saved().await?;
        let warm = on.redis_bytes().await?;

        let histories = (size.messages / HISTORY).max(1);
        let before = on.server.sql_bytes().await?;
        let old = maker.histories(&directs[..histories], size.messages).await;
        let old = old.context("histories")?;
        on.until_all_saved().await?;
        let after = on.server.sql_bytes().await?;
        Ok(Self {
            redis_chat: (idle - empty) / directs.len() as f64,
            redis_message: (warm - idle) / hot as f64,
            sql_message: (after - before) / size.messages as f64,
            directs,
            histories,
            old,
            busy,
            stranger,
            group,
            members,
        })
    }

    /// Returns all direct chats of two people who have no other.
    pub(crate) fn directs(&self) -> &[Direct] {
        &self.directs
    }

    /// Returns those with a history.
    pub(crate) fn histories(&self) -> &[Direct] {
        &self.directs[..self.histories]
    }

    /// Returns those without one.
    pub(crate) fn senders(&self) -> &[Direct] {
        &self.directs[self.histories..]
    }
}

/// A maker of many things at once.
struct Maker<'a> {
    on: &'a Deployment,
    connections: usize,
}

impl Maker<'_> {
    /// Opens so many chats, and returns their ids.
    async fn open(&self, count: usize, open: impl Fn(usize) -> Request) -> Result<Vec<String>> {
        let address = &self.on.server.address;
        ask_all(address, self.connections, count, open, |_, body| id(body)).await
    }

    /// Sends so many messages.
    async fn send(&self, count: usize, send: impl Fn(usize) -> Request) -> Result<()> {
        let address = &self.on.server.address;
        let sent = ask_all(address, self.connections, count, send, |_, _| Ok(()));
        sent.await.map(drop)
    }

    /// Writes so many messages into some chats, and returns old ones at which pages begin.
    async fn histories(&self, chats: &[Direct], count: usize) -> Result<Vec<(usize, String)>> {
        let each = count / chats.len();
        let write = |at: usize| {
            let (chat, number) = (&chats[at % chats.len()], at / chats.len());
            send(&chat.chat, &chat.people[number % 2], text(at, Some(at % 8)))
        };
        let remember = |at: usize, body: &[u8]| {
            let number = at / chats.len();
            let begins = number % PAGES == PAGES - 1 && number + NEWEST < each;
            let begins = begins.then(|| id(body)).transpose()?;
            Ok::<_, anyhow::Error>(begins.map(|id| (at % chats.len(), id)))
        };
        let address = &self.on.server.address;
        let sent = ask_all(address, self.connections, count, write, remember).await?;
        Ok(sent.into_iter().flatten().collect())
    }
}

fn direct(one: &Person, other: &Person) -> Request {
    let new = json!({ "kind": "direct", "members": [other.id.to_string()] });
    Request::post("/v1/chats", &one.token, &new)
}

fn group(owner: &Person, others: &[Person]) -> Request {
    let others: Vec<_> = others.iter().map(|person| person.id.to_string()).collect();
    let new = json!({ "kind": "group", "name": "The whole port", "members": others });
    Request::post("/v1/chats", &owner.token, &new)
}

/// Returns a request by which somebody sends a text.
pub(crate) fn send(chat: &str, sender: &Person, text: String) -> Request {
    let path = format!("/v1/chats/{chat}/messages");
    Request::post(&path, &sender.token, &json!({ "body": text }))
}

/// Returns the id of a chat or a message.
fn id(body: &[u8]) -> Result<String> {
    let answer: serde_json::Value = serde_json::from_slice(body)?;
    match &answer["id"] {
        serde_json::Value::String(id) => Ok(id.clone()),
        serde_json::Value::Number(id) => Ok(id.to_string()),
        _ => anyhow::bail!("an answer has no id: {answer}"),
    }
}

/// Returns the text of a number: a hundred characters of some of these words, with [`COMMON_WORD`]
/// at one of the first eight places, or without it.
pub(crate) fn text(number: usize, place: Option<usize>) -> String {
    const WORDS: [&str; 32] = [
        "anchor", "at", "barge", "before", "boat", "bring", "buoy", "coffee", "crew", "deck",
        "engine", "fog", "from", "galley", "high", "keel", "lantern", "morning", "north", "of",
        "pilot", "quay", "ropes", "sail", "the", "tide", "towards", "tugboat", "under", "water",
        "wind", "with",
    ];
    let mut text = String::new();
    // A linear congruential generator, by Knuth's constants: the same text in every run.
    let mut dice = number as u64;
    let mut count = 0;
    while text.len() < LENGTH {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let word = match place == Some(count) {
            true => COMMON_WORD,
            false => WORDS[(dice >> 59) as usize],
        };
        text.push_str(word);
        text.push(' ');
        count += 1;
    }
    text.truncate(LENGTH - 1);
    text + "."
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn texts_have_a_hundred_characters_and_the_common_word_and_differ() {
        let texts: HashSet<_> = (0..1000).map(|at| text(at, Some(at % 8))).collect();
        assert!(texts.len() > 990, "{}", texts.len());
        for text in texts {
            assert_eq!(text.chars().count(), LENGTH, "{text}");
            assert!(text.contains(COMMON_WORD), "{text}");
        }
        assert!((0..1000).all(|at| !text(at, None).contains(COMMON_WORD)));
    }

    #[test]
    fn an_id_is_a_text_or_a_number() {
        assert_eq!(id(br#"{"id":"x"}"#).expect("an id"), "x");
        assert_eq!(id(br#"{"id":7}"#).expect("an id"), "7");
        id(b"{}").expect_err("no id");
    }

    #[test]
    fn a_scene_has_room_for_its_histories_and_senders() {
        let size = Size {
            chats: 10,
            messages: 100_000,
            listed: 0,
            group: 0,
        };
        assert_eq!(size.with_room_for(32).chats, 132);
        let wide = Size {
            chats: 1000,
            ..size
        };
        assert_eq!(wide.with_room_for(32).chats, 1000);
    }
}
