//! People who write: each sends, edits, deletes, reacts, reads, renames a group and lets a guest come and go, and remembers what was acknowledged.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use reqwest::{Method, StatusCode};
use rig::eventually;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::sleep};

use super::{
    journal::{Journal, Known, Versions},
    stage::Stage,
};

/// Between two acts of one person.
const PAUSE: Duration = Duration::from_millis(30);
/// How long a request may take; then another API is asked.
const TIMEOUT: Duration = Duration::from_secs(4);
/// A person has this many groups of their own, in which all are.
const GROUPS: usize = 2;
const PASSWORD: &str = "a long enough password";

/// Somebody with a session, and the APIs to ask.
#[derive(Clone)]
pub(crate) struct Person {
    http: reqwest::Client,
    urls: Vec<String>,
    pub(crate) id: String,
    token: String,
}

/// An answer, and whether an earlier try of the same request may still be carried out.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) json: Value,
    doubtful: bool,
}

impl Person {
    async fn register(stage: &Stage, name: &str) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        let mut person = Self { http, urls: stage.urls.clone(), id: String::new(), token: String::new() };
        let account = json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
        let answer = person.ask(Method::POST, "/v1/auth/register", Some(account)).await;
        ensure!(answer.status == StatusCode::CREATED, "a registration is answered with {}: {}", answer.status, answer.json);
        person.token = text(&answer.json["token"]);
        person.id = text(&answer.json["user"]["id"]);
        Ok(person)
    }

    /// Asks until there is an answer that is one: whoever is told to come back, or not at all, asks the next API for the same.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut doubtful = false;
        for turn in fastrand::usize(..self.urls.len()).. {
            let mut request = self.http.request(method.clone(), format!("{}{path}", self.urls[turn % self.urls.len()]));
            if !self.token.is_empty() {
                request = request.bearer_auth(&self.token);
            }
            if let Some(body) = &body {
                request = request.json(body);
            }
            match request.send().await {
                Ok(answer) if answer.status() != StatusCode::SERVICE_UNAVAILABLE => {
                    let status = answer.status();
                    // An answer that breaks off in its middle was one.
                    return Answer { status, json: answer.json().await.unwrap_or_default(), doubtful };
                }
                Ok(_) => doubtful = true,
                Err(error) => doubtful |= !error.is_connect(),
            }
            sleep(Duration::from_millis(50)).await;
        }
        unreachable!("it asks until it is answered")
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.ask(Method::GET, path, None).await;
        ensure!(answer.status.is_success(), "GET {path} is answered with {}: {}", answer.status, answer.json);
        Ok(answer.json)
    }
}

/// All who write.
pub(crate) struct People {
    all: Vec<Person>,
    work: Vec<JoinHandle<Result<Journal>>>,
    shared: Arc<Shared>,
    seed: u64,
}

#[derive(Default)]
struct Shared {
    acknowledged: AtomicUsize,
    ended: AtomicBool,
    /// What was acknowledged in these times may be lost.
    excused: std::sync::Mutex<Vec<(model::Tick, model::Tick)>>,
}

/// Makes so many people, and their groups, and lets them begin.
pub(crate) async fn gather(stage: &Stage, people: usize, seed: u64) -> Result<People> {
    let mut all = Vec::new();
    for at in 0..people {
        all.push(Person::register(stage, &format!("writer{at}")).await?);
    }
    let guest = Person::register(stage, "guest").await?;
    let mut chats = Vec::new();
    for (at, person) in all.iter().enumerate() {
        for group in 0..GROUPS {
            let members: Vec<_> = all.iter().filter(|other| other.id != person.id).map(|other| other.id.clone()).collect();
            let body = json!({ "kind": "group", "name": format!("group {group} of {at}"), "members": members });
            let made = person.ask(Method::POST, "/v1/chats", Some(body)).await;
            ensure!(made.status.is_success(), "a group is answered with {}: {}", made.status, made.json);
            chats.push((text(&made.json["id"]), at));
        }
    }
    let shared = Arc::new(Shared::default());
    let work = all.iter().enumerate().map(|(at, person)| {
        let mine: Vec<String> = chats.iter().filter(|(_, owner)| *owner == at).map(|(chat, _)| chat.clone()).collect();
        let writer = Writer {
            name: at,
            person: person.clone(),
            guest: guest.id.clone(),
            chats: chats.iter().map(|(chat, _)| chat.clone()).collect(),
            mine,
            random: Rng::with_seed(seed.wrapping_mul(1000).wrapping_add(at as u64)),
            journal: Journal::new(person.clone()),
            shared: Arc::clone(&shared),
        };
        tokio::spawn(writer.work())
    });
    Ok(People { work: work.collect(), all, shared: shared.clone(), seed })
}

impl People {
    /// How many acts were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.shared.acknowledged.load(Relaxed)
    }

    /// Waits until people are answered again.
    pub(crate) async fn wait_for_more(&self) {
        let enough = self.acknowledged() + 2 * self.all.len();
        eventually(Duration::from_secs(120), "people are answered again", async || self.acknowledged() >= enough).await;
    }

    /// What was acknowledged between these two moments may be lost.
    pub(crate) fn excuse(&self, since: model::Tick, until: model::Tick) {
        self.shared.excused.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((since, until));
    }

    /// One of so many, by the seed and by how far all is.
    pub(crate) fn any(&self, many: usize) -> usize {
        Rng::with_seed(self.seed ^ self.acknowledged() as u64).usize(..many)
    }

    /// Opens many chats, which nobody writes in.
    pub(crate) async fn open_chats(&self, many: usize) -> Result<()> {
        use futures_util::{StreamExt, TryStreamExt};
        let open = (0..many).map(|at| async move {
            let person = &self.all[at % self.all.len()];
            let body = json!({ "kind": "group", "name": format!("storm {at}"), "members": [] });
            let made = person.ask(Method::POST, "/v1/chats", Some(body)).await;
            ensure!(made.status.is_success(), "a group is answered with {}: {}", made.status, made.json);
            Ok(())
        });
        futures_util::stream::iter(open).buffer_unordered(32).try_collect().await
    }

    /// They finish what they are at, and hand over what they know.
    pub(crate) async fn end(self) -> Result<Vec<Journal>> {
        self.shared.ended.store(true, Relaxed);
        let mut journals = Vec::new();
        for work in self.work {
            journals.push(work.await.context("somebody who writes")??);
        }
        let excused = self.shared.excused.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        for journal in &mut journals {
            journal.excused.clone_from(&excused);
        }
        Ok(journals)
    }
}

/// One person at work.
struct Writer {
    name: usize,
    person: Person,
    guest: String,
    chats: Vec<String>,
    mine: Vec<String>,
    random: Rng,
    journal: Journal,
    shared: Arc<Shared>,
}

impl Writer {
    async fn work(mut self) -> Result<Journal> {
        while !self.shared.ended.load(Relaxed) {
            match self.random.u32(..100) {
                0..55 => self.send().await?,
                55..70 => self.edit().await?,
                70..75 => self.delete().await?,
                75..82 => self.react().await?,
                82..90 => self.read().await?,
                90..95 => self.rename().await?,
                _ => self.guest().await?,
            }
            self.shared.acknowledged.fetch_add(1, Relaxed);
            sleep(PAUSE).await;
        }
        Ok(self.journal)
    }

    async fn send(&mut self) -> Result<()> {
        let chat = self.chats[self.random.usize(..self.chats.len())].clone();
        let key = format!("{}-{}", self.name, self.journal.messages.len());
        let body = json!({ "body": format!("text {key}"), "client_id": key });
        let answer = self.person.ask(Method::POST, &format!("/v1/chats/{chat}/messages"), Some(body)).await;
        ensure!(answer.status.is_success(), "a send is answered with {}: {}", answer.status, answer.json);
        self.journal.sent(chat, answer.json["id"].as_i64().context("an id")?, key);
        Ok(())
    }

    /// One of my messages: one of the newest, or any.
    fn any_message(&mut self) -> Option<usize> {
        let all = self.journal.messages.len();
        let from = if self.random.bool() { all.saturating_sub(20) } else { 0 };
        (from < all).then(|| self.random.usize(from..all)).filter(|at| self.journal.messages[*at].may_change())
    }

    async fn edit(&mut self) -> Result<()> {
        let Some(at) = self.any_message() else { return Ok(()) };
        let message = &self.journal.messages[at];
        let body = format!("text {} for the {}th time", message.key, message.edits + 2);
        let path = message.path();
        let answer = self.person.ask(Method::PATCH, &path, Some(json!({ "body": body }))).await;
        self.journal.changed(at, &answer, Known::Text(body))
    }

    async fn delete(&mut self) -> Result<()> {
        let Some(at) = self.any_message() else { return Ok(()) };
        let path = self.journal.messages[at].path();
        let answer = self.person.ask(Method::DELETE, &format!("{path}?for=everyone"), None).await;
        self.journal.changed(at, &answer, Known::Deleted)
    }

    async fn react(&mut self) -> Result<()> {
        let Some(at) = self.any_message() else { return Ok(()) };
        let message = &self.journal.messages[at];
        let method = if message.reacted { Method::DELETE } else { Method::PUT };
        let answer = self.person.ask(method, &format!("{}/reactions/%F0%9F%91%8D", message.path()), None).await;
        let reacted = !message.reacted;
        self.journal.reacted(at, &answer, reacted)
    }

    async fn read(&mut self) -> Result<()> {
        let Some(message) = self.journal.messages.last() else { return Ok(()) };
        let (chat, id) = (message.chat.clone(), message.id);
        let answer = self.person.ask(Method::PUT, &format!("/v1/chats/{chat}/receipts"), Some(json!({ "read": id }))).await;
        match answer.status {
            StatusCode::NO_CONTENT => self.journal.read(chat, id),
            // A power cut may have taken the message.
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::NOT_FOUND => {}
            status => bail!("a read is answered with {status}: {}", answer.json),
        }
        Ok(())
    }

    async fn rename(&mut self) -> Result<()> {
        let chat = self.mine[self.random.usize(..self.mine.len())].clone();
        if self.journal.names.get(&chat).is_some_and(|name| !name.may_change()) {
            return Ok(());
        }
        self.journal.renames += 1;
        let name = format!("name {} of {}", self.journal.renames, self.name);
        let answer = self.person.ask(Method::PATCH, &format!("/v1/chats/{chat}"), Some(json!({ "name": name }))).await;
        ensure!(answer.status.is_success(), "a rename is answered with {}: {}", answer.status, answer.json);
        self.journal.named(chat, name, answer.is_doubtful());
        Ok(())
    }

    async fn guest(&mut self) -> Result<()> {
        let chat = self.mine[self.random.usize(..self.mine.len())].clone();
        let known = self.journal.guests.get(&chat);
        if known.is_some_and(|known| !known.may_change()) {
            return Ok(());
        }
        let comes = !known.and_then(Versions::last).copied().unwrap_or(false);
        let method = if comes { Method::PUT } else { Method::DELETE };
        let answer = self.person.ask(method, &format!("/v1/chats/{chat}/members/{}", self.guest), None).await;
        // Gone already: an earlier try was carried out.
        let done = answer.status.is_success() || !comes && answer.status == StatusCode::NOT_FOUND;
        ensure!(done, "a guest's coming or going is answered with {}: {}", answer.status, answer.json);
        self.journal.guest(chat, self.guest.clone(), comes, answer.is_doubtful());
        Ok(())
    }
}

impl Answer {
    /// An earlier try of the same may still be carried out, by an API that sleeps.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubtful
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
