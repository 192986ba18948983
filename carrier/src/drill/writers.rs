//! The people who write. Each sends, edits, deletes, reacts, reads, renames groups, and adds and
//! removes a guest, and keeps a journal of what was acknowledged.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
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
    journal::{Journal, MessageState, Versions},
    system::System,
};

/// The time between two changes of a person.
const PAUSE: Duration = Duration::from_millis(30);
/// The longest time that a request may take; then the other API is asked.
const TIMEOUT: Duration = Duration::from_secs(4);
/// The number of groups that each person creates; everybody is a member of all.
const GROUPS: usize = 2;
const PASSWORD: &str = "a long enough password";

/// A person with a session, and the APIs to ask.
#[derive(Clone)]
pub(crate) struct Person {
    http: reqwest::Client,
    urls: Vec<String>,
    pub(crate) id: String,
    name: String,
    token: Arc<Mutex<String>>,
    /// True once sessions may have ended that were not closed.
    may_log_in: Arc<AtomicBool>,
}

/// An answer of an API.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) json: Value,
    /// True when an earlier attempt of the same request may still be carried out.
    doubtful: bool,
}

impl Person {
    async fn register(system: &System, name: &str) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        let mut person = Self {
            http,
            urls: system.urls.clone(),
            id: String::new(),
            name: name.to_owned(),
            token: Arc::default(),
            may_log_in: Arc::default(),
        };
        let account = json!({
            "username": name,
            "email": format!("{name}@example.org"),
            "password": PASSWORD,
        });
        let answer = person
            .ask(Method::POST, "/v1/auth/register", Some(account))
            .await;
        ensure!(
            answer.status == StatusCode::CREATED,
            "a registration is answered with {}: {}",
            answer.status,
            answer.json
        );
        person.enter(&answer.json);
        person.id = text(&answer.json["user"]["id"]);
        Ok(person)
    }

    fn enter(&self, answer: &Value) {
        *self.token() = text(&answer["token"]);
    }

    fn token(&self) -> std::sync::MutexGuard<'_, String> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request until it is answered; with another session if this one may have ended.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        loop {
            let answer = self.ask_once(method.clone(), path, body.clone()).await;
            if answer.status != StatusCode::UNAUTHORIZED || !self.may_log_in.load(Relaxed) {
                return answer;
            }
            let login = json!({ "login": self.name, "password": PASSWORD });
            let path = "/v1/auth/login";
            let login = self.ask_once(Method::POST, path, Some(login)).await;
            self.enter(&login.json);
        }
    }

    /// Sends a request until it is answered. When an API does not answer, or asks to retry, the
    /// request goes to the next.
    async fn ask_once(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut doubtful = false;
        for turn in fastrand::usize(..self.urls.len()).. {
            let mut request = self.http.request(
                method.clone(),
                format!("{}{path}", self.urls[turn % self.urls.len()]),
            );
            let token = self.token().clone();
            if !token.is_empty() {
                request = request.bearer_auth(token);
            }
            if let Some(body) = &body {
                request = request.json(body);
            }
            match request.send().await {
                Ok(answer) if answer.status() != StatusCode::SERVICE_UNAVAILABLE => {
                    let status = answer.status();
                    // An answer that breaks off counts: its status came.
                    return Answer {
                        status,
                        json: answer.json().await.unwrap_or_default(),
                        doubtful,
                    };
                }
                Ok(_) => doubtful = true,
                Err(error) => doubtful |= !error.is_connect(),
            }
            sleep(Duration::from_millis(50)).await;
        }
        unreachable!("the loop ends with an answer")
    }

    /// Sends a GET, and returns the JSON of the answer.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.ask(Method::GET, path, None).await;
        ensure!(
            answer.status.is_success(),
            "GET {path} is answered with {}: {}",
            answer.status,
            answer.json
        );
        Ok(answer.json)
    }
}

/// The people who write.
pub(crate) struct Writers {
    people: Vec<Person>,
    work: Vec<JoinHandle<Result<Journal>>>,
    shared: Arc<Shared>,
    seed: u64,
}

/// The state that all people share.
#[derive(Default)]
struct Shared {
    /// The number of changes that were acknowledged.
    acknowledged: AtomicUsize,
    /// True when the people are to finish.
    ended: AtomicBool,
    /// The times between which changes may have been lost although they were acknowledged.
    excused: std::sync::Mutex<Vec<(model::Tick, model::Tick)>>,
}

impl Writers {
    /// Registers people, creates their groups, and lets them begin.
    pub(crate) async fn start(system: &System, count: usize, seed: u64) -> Result<Self> {
        let mut people = Vec::new();
        for at in 0..count {
            people.push(Person::register(system, &format!("writer{at}")).await?);
        }
        let guest = Person::register(system, "guest").await?;
        let mut chats = Vec::new();
        for (at, person) in people.iter().enumerate() {
            for group in 0..GROUPS {
                let members: Vec<_> = people
                    .iter()
                    .filter(|other| other.id != person.id)
                    .map(|other| other.id.clone())
                    .collect();
                let name = format!("group {group} of {at}");
                let body = json!({ "kind": "group", "name": name, "members": members });
                let made = person.ask(Method::POST, "/v1/chats", Some(body)).await;
                ensure!(
                    made.status.is_success(),
                    "a group is answered with {}: {}",
                    made.status,
                    made.json
                );
                chats.push((text(&made.json["id"]), at));
            }
        }
        let shared = Arc::new(Shared::default());
        let work = people.iter().enumerate().map(|(at, person)| {
            let own_chats: Vec<String> = chats
                .iter()
                .filter(|(_, owner)| *owner == at)
                .map(|(chat, _)| chat.clone())
                .collect();
            let writer = Writer {
                name: at,
                person: person.clone(),
                guest: guest.id.clone(),
                chats: chats.iter().map(|(chat, _)| chat.clone()).collect(),
                own_chats,
                random: Rng::with_seed(seed.wrapping_mul(1000).wrapping_add(at as u64)),
                journal: Journal::new(person.clone()),
                shared: Arc::clone(&shared),
            };
            tokio::spawn(writer.work())
        });
        Ok(Self {
            work: work.collect(),
            people,
            shared: shared.clone(),
            seed,
        })
    }

    /// Returns the number of changes that were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.shared.acknowledged.load(Relaxed)
    }

    /// Waits until the people's requests are answered again.
    pub(crate) async fn wait_for_more(&self) {
        let enough = self.acknowledged() + 2 * self.people.len();
        eventually(
            Duration::from_secs(120),
            "requests are answered again",
            async || self.acknowledged() >= enough,
        )
        .await;
    }

    /// Permits the loss of changes that were acknowledged between two times.
    pub(crate) fn excuse(&self, since: model::Tick, until: model::Tick) {
        self.shared
            .excused
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push((since, until));
    }

    /// Permits that sessions have ended.
    pub(crate) fn excuse_sessions(&self) {
        for person in &self.people {
            person.may_log_in.store(true, Relaxed);
        }
    }

    /// Picks one of `count`, by the seed and by the number of changes so far.
    pub(crate) fn pick(&self, count: usize) -> usize {
        Rng::with_seed(self.seed ^ self.acknowledged() as u64).usize(..count)
    }

    /// Creates chats that stay empty.
    pub(crate) async fn open_chats(&self, count: usize) -> Result<()> {
        use futures_util::{StreamExt, TryStreamExt};
        let open = (0..count).map(|at| async move {
            let person = &self.people[at % self.people.len()];
            let body = json!({ "kind": "group", "name": format!("storm {at}"), "members": [] });
            let made = person.ask(Method::POST, "/v1/chats", Some(body)).await;
            ensure!(
                made.status.is_success(),
                "a group is answered with {}: {}",
                made.status,
                made.json
            );
            Ok(())
        });
        futures_util::stream::iter(open)
            .buffer_unordered(32)
            .try_collect()
            .await
    }

    /// Lets the people finish their requests, and returns their journals.
    pub(crate) async fn finish(self) -> Result<Vec<Journal>> {
        self.shared.ended.store(true, Relaxed);
        let mut journals = Vec::new();
        for work in self.work {
            journals.push(work.await.context("a person who writes failed")??);
        }
        let excused = self
            .shared
            .excused
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        for journal in &mut journals {
            journal.excused.clone_from(&excused);
        }
        Ok(journals)
    }
}

/// A person who writes.
struct Writer {
    /// The number of the person.
    name: usize,
    person: Person,
    /// The id of the guest.
    guest: String,
    /// The groups of all people.
    chats: Vec<String>,
    /// The groups that this person created.
    own_chats: Vec<String>,
    random: Rng,
    journal: Journal,
    shared: Arc<Shared>,
}

impl Writer {
    /// Writes until the drill ends, and returns the journal.
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
        let answer = self
            .person
            .ask(
                Method::POST,
                &format!("/v1/chats/{chat}/messages"),
                Some(body),
            )
            .await;
        ensure!(
            answer.status.is_success(),
            "a send is answered with {}: {}",
            answer.status,
            answer.json
        );
        self.journal
            .sent(chat, answer.json["id"].as_i64().context("an id")?, key);
        Ok(())
    }

    /// Picks a message of this person: half of the time one of the newest.
    fn any_message(&mut self) -> Option<usize> {
        let all = self.journal.messages.len();
        let from = if self.random.bool() {
            all.saturating_sub(20)
        } else {
            0
        };
        (from < all)
            .then(|| self.random.usize(from..all))
            .filter(|at| self.journal.messages[*at].may_change())
    }

    async fn edit(&mut self) -> Result<()> {
        let Some(at) = self.any_message() else {
            return Ok(());
        };
        let message = &self.journal.messages[at];
        let body = format!("text {} for the {}th time", message.key, message.edits + 2);
        let path = message.path();
        let answer = self
            .person
            .ask(Method::PATCH, &path, Some(json!({ "body": body })))
            .await;
        self.journal.changed(at, &answer, MessageState::Text(body))
    }

    async fn delete(&mut self) -> Result<()> {
        let Some(at) = self.any_message() else {
            return Ok(());
        };
        let path = self.journal.messages[at].path();
        let answer = self
            .person
            .ask(Method::DELETE, &format!("{path}?for=everyone"), None)
            .await;
        self.journal.changed(at, &answer, MessageState::Deleted)
    }

    async fn react(&mut self) -> Result<()> {
        let Some(at) = self.any_message() else {
            return Ok(());
        };
        let message = &self.journal.messages[at];
        let method = if message.reacted {
            Method::DELETE
        } else {
            Method::PUT
        };
        let answer = self
            .person
            .ask(
                method,
                &format!("{}/reactions/%F0%9F%91%8D", message.path()),
                None,
            )
            .await;
        let reacted = !message.reacted;
        self.journal.reacted(at, &answer, reacted)
    }

    async fn read(&mut self) -> Result<()> {
        let Some(message) = self.journal.messages.last() else {
            return Ok(());
        };
        let (chat, id) = (message.chat.clone(), message.id);
        let answer = self
            .person
            .ask(
                Method::PUT,
                &format!("/v1/chats/{chat}/receipts"),
                Some(json!({ "read": id })),
            )
            .await;
        match answer.status {
            StatusCode::NO_CONTENT => self.journal.read(chat, id),
            // A power cut may have lost the message.
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::NOT_FOUND => {}
            status => bail!("a read is answered with {status}: {}", answer.json),
        }
        Ok(())
    }

    async fn rename(&mut self) -> Result<()> {
        let chat = self.own_chats[self.random.usize(..self.own_chats.len())].clone();
        if self
            .journal
            .names
            .get(&chat)
            .is_some_and(|name| !name.may_change())
        {
            return Ok(());
        }
        self.journal.renames += 1;
        let name = format!("name {} of {}", self.journal.renames, self.name);
        let answer = self
            .person
            .ask(
                Method::PATCH,
                &format!("/v1/chats/{chat}"),
                Some(json!({ "name": name })),
            )
            .await;
        ensure!(
            answer.status.is_success(),
            "a rename is answered with {}: {}",
            answer.status,
            answer.json
        );
        self.journal.named(chat, name, answer.is_doubtful());
        Ok(())
    }

    async fn guest(&mut self) -> Result<()> {
        let chat = self.own_chats[self.random.usize(..self.own_chats.len())].clone();
        let known = self.journal.guests.get(&chat);
        if known.is_some_and(|known| !known.may_change()) {
            return Ok(());
        }
        let comes = !known.and_then(Versions::last).copied().unwrap_or(false);
        let method = if comes { Method::PUT } else { Method::DELETE };
        let answer = self
            .person
            .ask(
                method,
                &format!("/v1/chats/{chat}/members/{}", self.guest),
                None,
            )
            .await;
        // The guest is gone already when an earlier attempt was carried out.
        let done = answer.status.is_success() || !comes && answer.status == StatusCode::NOT_FOUND;
        ensure!(
            done,
            "adding or removing the guest is answered with {}: {}",
            answer.status,
            answer.json
        );
        self.journal
            .guest(chat, self.guest.clone(), comes, answer.is_doubtful());
        Ok(())
    }
}

impl Answer {
    /// Returns true when an earlier attempt may still be carried out, by an API that sleeps.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubtful
    }
}

/// Returns the text of a JSON string, and an empty one of anything else.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
