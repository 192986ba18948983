//! The kinds of attack. Each is made from an address and an account of its own, at a bounded rate:
//! the machine of a drill is also that of the people.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::{
    super::system::System,
    caller::{Caller, Refused, text},
};

/// The loops of one attack.
pub(super) const LOOPS: usize = 4;
/// The pause of a loop between two strikes.
const PAUSE: Duration = Duration::from_millis(100);
/// The same for strikes of many requests at once.
const LONG_PAUSE: Duration = Duration::from_secs(1);
/// Accounts that one address registers: fewer than the limit by address.
const PER_ADDRESS: usize = 15;
/// The time between two expiries of the chat that is not in Redis.
const CHILL: Duration = Duration::from_millis(500);
/// The cursor of the beginning of time.
pub(super) const BEGINNING: &str = "MA";
/// Addresses of an attack from many.
const CROWD: usize = 500;
/// The number of the first address that registrations come from.
const REGISTRARS: usize = 60_000;
/// The number of the first address that guesses come from.
const GUESSERS: usize = 30_000;
/// The owners of the large groups that are listed from the beginning, and how many each makes: what
/// a budget pays for at once, but for the first.
const OWNERS: usize = 30;
const GROUPS_EACH: usize = 3;
/// The number of the first address that those owners come from.
const OWNERS_FROM: usize = 40_000;
/// The large groups that are made meanwhile.
const NEW_GROUPS: usize = 12;

/// A kind of attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Attack {
    /// Types in a group, in turns with not typing
    Typing,
    /// Edits one message of a group
    Edits,
    /// Sends to a group, and deletes for everyone
    Deletes,
    /// Reacts and takes it back, with each emoji in turn
    Reactions,
    /// Changes the own display name, which everybody hears of
    Renames,
    /// Creates groups of many members
    Groups,
    /// Reads one chat that is not in Redis, many at once
    ColdChat,
    /// Watches the presence of everybody
    Watch,
    /// Registers without end, with long passwords
    Registrations,
    /// The same from many addresses, so that passwords are looked at
    CrowdRegistrations,
    /// Guesses the password of somebody else
    Guesses,
    /// Guesses the passwords of many, from many addresses
    CrowdGuesses,
    /// Guesses the own password, with a stolen session
    StolenSession,
    /// The same, with a long new password at each guess
    StolenPassword,
    /// Searches for many words of one letter, and for more than a search takes
    Searches,
    /// Syncs from the beginning of time
    Syncs,
    /// Exports the account
    Exports,
    /// Resumes event streams and sockets from the beginning of time
    Replays,
    /// Lists a hundred large groups
    ChatLists,
    /// Uploads files without end
    Uploads,
    /// Uploads small pictures of enormous dimensions, as avatars and as attachments
    Pictures,
    /// Opens hundreds of streams on one HTTP/2 connection, with large bodies
    Streams,
    /// Sends half of a request, and waits
    HalfRequests,
    /// Sends a part of a large body from each of many addresses, and waits
    HalfBodies,
    /// Asks for pages over HTTP/1, and reads no answer
    UnreadAnswers,
    /// The same over HTTP/2, with a window of one byte
    UnreadStreams,
    /// Sends frames on a WebSocket that are as large as may be, and mean nothing
    Frames,
    /// Sends pings on a WebSocket, a hundred at once, and never reads
    Pings,
}

/// Returns a registration under a name.
fn registration(name: &str, strike: usize) -> Value {
    json!({
        "username": name,
        "email": format!("{name}@example.org"),
        "password": long_password(strike),
    })
}

/// Returns a password that takes long to judge: one that is common, and one that is not, in turns.
fn long_password(strike: usize) -> String {
    match strike % 2 {
        0 => "qwertyuiop".repeat(12),
        _ => (0..200)
            .map(|at| char::from(b'!' + u8::try_from((at * at + strike) % 90).unwrap_or(0)))
            .collect(),
    }
}

/// What all attacks are aimed at.
pub(super) struct Scene {
    /// The owner of the group.
    owner: Caller,
    /// The big group.
    group: String,
    /// Members of the group, who do nothing.
    members: Vec<String>,
}

/// How often an attack struck, and how that was answered.
#[derive(Default)]
pub(super) struct Strikes {
    tried: AtomicU64,
    /// The refusals because of what was asked.
    refused: AtomicU64,
    /// The refusals because of how often it was asked.
    too_often: AtomicU64,
    unanswered: AtomicU64,
}

impl Strikes {
    pub(super) fn take(&self, answer: Result<StatusCode>) {
        self.tried.fetch_add(1, Relaxed);
        let status = answer.or_else(|error| error.downcast().map(|Refused(status)| status));
        let count = match status {
            Ok(status) if status.is_success() => return,
            Ok(StatusCode::TOO_MANY_REQUESTS) => &self.too_often,
            Ok(_) => &self.refused,
            Err(_) => &self.unanswered,
        };
        count.fetch_add(1, Relaxed);
    }

    /// Prints the head of the lines of the report.
    pub(super) fn print_head() {
        say!(
            "{:20} {:>9} {:>9} {:>9} {:>9}",
            "attack",
            "tried",
            "refused",
            "too often",
            "no answer"
        );
    }

    /// Prints a line of the report.
    pub(super) fn print(&self, name: &str) {
        let counts = [
            &self.tried,
            &self.refused,
            &self.too_often,
            &self.unanswered,
        ];
        let [tried, refused, too_often, unanswered] = counts.map(|count| count.load(Relaxed));
        say!("{name:20} {tried:>9} {refused:>9} {too_often:>9} {unanswered:>9}");
    }
}

impl Scene {
    /// Registers the members of the big group, and creates it.
    pub(super) async fn set(system: &System, count: usize) -> Result<Self> {
        let members = stream::iter(0..count)
            .map(|at| async move {
                let address = 20_000 + at / PER_ADDRESS;
                let caller = Caller::anonymous(system, address)?;
                anyhow::Ok(caller.register(&format!("member{at}")).await?.id)
            })
            .buffer_unordered(LOOPS)
            .try_collect::<Vec<_>>()
            .await?;
        let owner = Caller::anonymous(system, 0)?.register("owner").await?;
        let body = json!({ "kind": "group", "name": "everybody", "members": members });
        let (status, made) = owner.ask(Method::POST, "/chats", Some(body)).await?;
        ensure!(
            status.is_success(),
            "a group is answered with {status}: {made}"
        );
        Ok(Self {
            group: text(&made["id"]),
            owner,
            members,
        })
    }

    /// Makes large groups that somebody is in.
    async fn found_large_groups(&self, system: &System, guest: &Caller) -> Result<()> {
        for at in 0..OWNERS {
            let owner = Caller::anonymous(system, OWNERS_FROM + at)?;
            let owner = owner.register(&format!("founder{at}")).await?;
            let members: Vec<&String> = self.members.iter().chain([&guest.id]).collect();
            let body = json!({ "kind": "group", "name": "large", "members": members });
            for _ in 0..GROUPS_EACH {
                owner
                    .insist(Method::POST, "/chats", Some(body.clone()))
                    .await?;
            }
        }
        Ok(())
    }

    /// Adds somebody to the group.
    async fn add(&self, member: &str) -> Result<()> {
        let path = format!("/chats/{}/members/{member}", self.group);
        self.owner.insist(Method::PUT, &path, None).await
    }
}

/// One attacker at work.
#[derive(Clone)]
pub(super) struct Attacker {
    pub(super) attack: Attack,
    pub(super) me: Caller,
    /// The chat that is attacked.
    pub(super) chat: String,
    scene: Arc<Scene>,
    pub(super) strikes: Arc<Strikes>,
    ended: Arc<AtomicBool>,
}

impl Attack {
    /// Registers the attacker of this kind at the address number `at`.
    pub(super) async fn prepare(
        self,
        at: usize,
        system: &System,
        scene: &Arc<Scene>,
        ended: &Arc<AtomicBool>,
    ) -> Result<Attacker> {
        let caller = Caller::anonymous(system, 1 + at)?;
        let me = caller.register(&format!("mallory{at}")).await?;
        scene.add(&me.id).await?;
        let chat = match self {
            Attack::ColdChat => keep_cold(system, &me, ended).await?,
            Attack::ChatLists => {
                scene.found_large_groups(system, &me).await?;
                scene.group.clone()
            }
            _ => scene.group.clone(),
        };
        Ok(Attacker {
            attack: self,
            me,
            chat,
            scene: Arc::clone(scene),
            strikes: Arc::default(),
            ended: Arc::clone(ended),
        })
    }
}

impl Attack {
    /// Returns the pause of a loop between two strikes.
    fn pause(self) -> Duration {
        match self {
            // Many requests at once.
            Attack::ColdChat | Attack::Streams | Attack::Edits | Attack::Reactions => LONG_PAUSE,
            // Each takes some hundredths of a second of a processor, which the drill shares.
            Attack::CrowdRegistrations | Attack::CrowdGuesses | Attack::Pictures => LONG_PAUSE,
            // Large ones.
            Attack::Frames | Attack::Replays => LONG_PAUSE / 4,
            _ => PAUSE,
        }
    }
}

/// Creates a chat of `me` that leaves Redis whenever it came, and returns its id.
async fn keep_cold(system: &System, me: &Caller, ended: &Arc<AtomicBool>) -> Result<String> {
    let body = json!({ "kind": "group", "name": "cold", "members": [] });
    let (_, made) = me.ask(Method::POST, "/chats", Some(body)).await?;
    let chat = text(&made["id"]);
    for at in 0..50 {
        let body = json!({ "body": format!("Cold {at}") });
        let path = format!("/chats/{chat}/messages");
        me.ask(Method::POST, &path, Some(body)).await?;
    }
    let (hot, id, ended) = (system.hot().await?, chat.parse()?, Arc::clone(ended));
    tokio::spawn(async move {
        while !ended.load(Relaxed) {
            if let Err(error) = hot.expire_early(id).await {
                tracing::warn!("a chat stays in Redis: {error}");
            }
            sleep(CHILL).await;
        }
    });
    Ok(chat)
}

impl Attacker {
    /// Begins the attack, which goes on until it is ended.
    pub(super) fn start(&self) {
        for turn in 0..LOOPS {
            tokio::spawn(self.clone().strike_until_ended(turn));
        }
    }

    async fn strike_until_ended(self, turn: usize) {
        let pause = self.attack.pause();
        for strike in 0.. {
            if self.ended.load(Relaxed) {
                return;
            }
            if let Err(error) = self.strike(turn, strike).await {
                self.strikes.take(Err(error));
            }
            sleep(pause).await;
        }
    }

    async fn strike(&self, turn: usize, strike: usize) -> Result<()> {
        let group = &self.chat;
        let number = strike * LOOPS + turn;
        let anybody = &self.scene.members[number % self.scene.members.len()];
        match self.attack {
            Attack::Typing => self.type_in_turns().await?,
            Attack::Edits => {
                let id = self.send().await?;
                for at in 0..100 {
                    let body = json!({ "body": format!("edit {at}") });
                    self.try_once(
                        Method::PATCH,
                        &format!("/chats/{group}/messages/{id}"),
                        Some(body),
                    )
                    .await;
                }
            }
            Attack::Deletes => {
                let id = self.send().await?;
                let path = format!("/chats/{group}/messages/{id}?for=everyone");
                self.try_once(Method::DELETE, &path, None).await;
            }
            Attack::Reactions => {
                let id = self.send().await?;
                for emoji in ["👍", "🎉", "😀", "❤️"].repeat(25) {
                    let path = format!("/chats/{group}/messages/{id}/reactions/{emoji}");
                    self.try_once(Method::PUT, &path, None).await;
                    self.try_once(Method::DELETE, &path, None).await;
                }
            }
            Attack::Renames => {
                let body = json!({ "display_name": format!("Mallory {turn} {strike}") });
                self.try_once(Method::PATCH, "/users/me", Some(body)).await;
            }
            Attack::Groups => {
                let members = &self.scene.members[..self.scene.members.len().min(100)];
                let body = json!({ "kind": "group", "name": "spam", "members": members });
                self.try_once(Method::POST, "/chats", Some(body)).await;
            }
            Attack::ColdChat => {
                let path = format!("/chats/{group}/messages?limit=50");
                let reads = (0..50).map(|_| self.try_once(Method::GET, &path, None));
                futures_util::future::join_all(reads).await;
            }
            Attack::Watch => self.watch().await?,
            Attack::Registrations => {
                let body = registration(&format!("spam{turn}x{strike}"), strike);
                self.try_once(Method::POST, "/auth/register", Some(body))
                    .await;
            }
            Attack::CrowdRegistrations => {
                let stranger = self.me.stranger(REGISTRARS + number / PER_ADDRESS)?;
                let body = registration(&format!("crowd{number}"), strike);
                let answer = stranger.ask(Method::POST, "/auth/register", Some(body));
                self.strikes.take(answer.await.map(|(status, _)| status));
            }
            Attack::CrowdGuesses => {
                let stranger = self.me.stranger(GUESSERS + number % CROWD)?;
                let login = format!("member{}", number % self.scene.members.len());
                let body = json!({ "login": login, "password": format!("guess {strike}") });
                let answer = stranger.ask(Method::POST, "/auth/login", Some(body));
                self.strikes.take(answer.await.map(|(status, _)| status));
            }
            Attack::Guesses => {
                let body = json!({ "login": "citizen0", "password": format!("guess {strike}") });
                self.try_once(Method::POST, "/auth/login", Some(body)).await;
            }
            Attack::StolenSession => {
                let body = json!({ "password": format!("guess {strike}") });
                self.try_once(Method::POST, "/users/me/erase", Some(body))
                    .await;
            }
            Attack::StolenPassword => {
                let body = json!({
                    "current_password": format!("guess {strike}"),
                    "new_password": long_password(strike),
                });
                self.try_once(Method::PUT, "/users/me/password", Some(body))
                    .await;
            }
            Attack::Searches => {
                let words = ('a'..='z')
                    .cycle()
                    .take(if strike.is_multiple_of(2) { 10 } else { 100 })
                    .map(|letter| format!("{letter}+"));
                let path = format!("/search?q={}", words.collect::<String>());
                self.try_once(Method::GET, &path, None).await;
            }
            Attack::Syncs => {
                let path = format!("/sync?since={BEGINNING}");
                self.try_once(Method::GET, &path, None).await;
            }
            Attack::Exports => self.try_once(Method::GET, "/users/me/export", None).await,
            Attack::Uploads => self.upload(anybody).await?,
            Attack::Replays => self.replay(number).await?,
            Attack::ChatLists => self.list_large_groups(strike).await,
            Attack::Pictures => self.upload_bomb(strike).await?,
            Attack::Streams => self.open_streams().await?,
            Attack::HalfRequests => self.hold_half_requests().await?,
            Attack::HalfBodies => self.hold_half_bodies(turn).await?,
            Attack::UnreadAnswers => self.leave_answers_unread().await?,
            Attack::UnreadStreams => self.leave_streams_unread().await?,
            Attack::Frames => self.send_frames().await?,
            Attack::Pings => self.ping_unread().await?,
        }
        Ok(())
    }

    /// True when the attack is over.
    pub(super) fn is_over(&self) -> bool {
        self.ended.load(Relaxed)
    }

    /// Tries a request.
    pub(super) async fn try_once(&self, method: Method, path: &str, body: Option<Value>) {
        let answer = self.me.ask(method, path, body).await;
        self.strikes.take(answer.map(|(status, _)| status));
    }

    /// Sends a message to the group, and returns its id.
    async fn send(&self) -> Result<i64> {
        let path = format!("/chats/{}/messages", self.chat);
        let body = json!({ "body": "Look at me" });
        let (status, sent) = self.me.ask(Method::POST, &path, Some(body)).await?;
        ensure!(status.is_success(), Refused(status));
        self.strikes.take(Ok(status));
        sent["id"].as_i64().context("a message has no id")
    }

    async fn type_in_turns(&self) -> Result<()> {
        let mut socket = self.me.open_socket().await?;
        for at in 0..1000 {
            let command = json!({ "type": "typing", "chat_id": self.chat, "typing": at % 2 == 0 });
            socket.send(Message::text(command.to_string())).await?;
            self.strikes.take(Ok(StatusCode::OK));
            while let Ok(Some(frame)) = timeout(Duration::from_millis(10), socket.next()).await {
                frame?;
            }
        }
        Ok(())
    }

    async fn watch(&self) -> Result<()> {
        let mut socket = self.me.open_socket().await?;
        for people in self.scene.members.chunks(100) {
            let command = json!({ "type": "watch", "user_ids": people });
            socket.send(Message::text(command.to_string())).await?;
            self.strikes.take(Ok(StatusCode::OK));
        }
        Ok(())
    }

    /// Lists groups of all members, of which there is another one now and then.
    async fn list_large_groups(&self, strike: usize) {
        if strike.is_multiple_of(5) && strike / 5 < NEW_GROUPS / LOOPS {
            let body = json!({ "kind": "group", "name": "large", "members": self.scene.members });
            self.try_once(Method::POST, "/chats", Some(body)).await;
        }
        let path = "/chats?limit=100";
        self.try_once(Method::GET, path, None).await;
    }

    async fn upload(&self, name: &str) -> Result<()> {
        let file: Vec<u8> = (0..256 << 10).map(|_| fastrand::u8(..)).collect();
        let path = format!("/chats/{}/attachments?name={name}.bin", self.chat);
        let request = self.me.request(Method::POST, &path).body(file);
        let answer = request.header("content-type", "application/octet-stream");
        self.strikes.take(Ok(answer.send().await?.status()));
        Ok(())
    }
}
