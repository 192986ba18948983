//! The connection on which everything is told and said. It comes back by itself, and nothing is lost meanwhile: what is told goes on from the last cursor,
//! and what was said without an answer is said again, under the same id.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use futures_util::{SinkExt, StreamExt};
use model::{ChatId, ServerEvent, Tick, UserId};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::mpsc, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};
use uuid::Uuid;

use super::remote::Remote;

/// The first wait before a new try; it doubles, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// How long what was said last may take to be answered when we leave.
const FAREWELL: Duration = Duration::from_secs(3);
const LOG_IN_AGAIN: u16 = 4401;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What the link tells.
pub(super) enum Told {
    Event(Box<ServerEvent>),
    Online,
    Offline(String),
    /// The session has ended.
    LoggedOut,
}

/// What is said on it.
enum Say {
    /// Said again until it is answered.
    Send(ChatId, String),
    /// Of these only the last counts.
    Read(ChatId, Tick),
    Watch(Vec<UserId>),
    Finish,
}

pub(super) struct Link {
    say: mpsc::UnboundedSender<Say>,
    task: tokio::task::JoinHandle<()>,
}

impl Link {
    pub(super) fn start(remote: Remote, cursor: String) -> (Self, mpsc::Receiver<Told>) {
        let ((say, said), (tell, told)) = (mpsc::unbounded_channel(), mpsc::channel(256));
        let task =
            tokio::spawn(Keeper { remote, cursor, said, tell, unanswered: BTreeMap::new(), watched: Vec::new(), leaving: false }.keep());
        (Self { say, task }, told)
    }

    pub(super) fn send(&self, chat: ChatId, text: &str) {
        self.say(Say::Send(chat, text.to_owned()));
    }

    pub(super) fn read(&self, chat: ChatId, id: Tick) {
        self.say(Say::Read(chat, id));
    }

    pub(super) fn watch(&self, people: Vec<UserId>) {
        self.say(Say::Watch(people));
    }

    /// Waits for the answers to what was said, for a while.
    pub(super) async fn finish(self) {
        self.say(Say::Finish);
        timeout(FAREWELL, self.task).await.ok();
    }

    fn say(&self, say: Say) {
        // Whoever is told that the link is gone ends.
        self.say.send(say).ok();
    }
}

struct Keeper {
    remote: Remote,
    cursor: String,
    said: mpsc::UnboundedReceiver<Say>,
    tell: mpsc::Sender<Told>,
    /// By the id of the message, which is its time: so they are said again in their order.
    unanswered: BTreeMap<String, Value>,
    watched: Vec<UserId>,
    leaving: bool,
}

/// How a connection ended.
enum End {
    /// Come back after a while.
    Back(Option<Duration>),
    /// For good.
    Done,
}

impl Keeper {
    async fn keep(mut self) {
        let mut wait = FIRST_WAIT;
        loop {
            let after = match self.connect().await {
                Ok(mut socket) => {
                    wait = FIRST_WAIT;
                    self.tell(Told::Online).await;
                    match self.converse(&mut socket).await {
                        Ok(End::Done) => return,
                        Ok(End::Back(after)) => after,
                        Err(error) => {
                            self.tell(Told::Offline(error.to_string())).await;
                            None
                        }
                    }
                }
                Err(error) => {
                    if wait == FIRST_WAIT {
                        self.tell(Told::Offline(error.to_string())).await;
                    }
                    None
                }
            };
            if self.leaving {
                return;
            }
            // Not all who were cut off together come back together.
            let spread = 0.5 + (Uuid::now_v7().as_u128() % 512) as f64 / 1024.0;
            tokio::time::sleep(after.unwrap_or_else(|| wait.mul_f64(spread))).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn connect(&self) -> Result<Socket> {
        let (url, token) = self.remote.socket(&self.cursor)?;
        let mut request = url.as_str().into_client_request()?;
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
        Ok(connect_async(request).await?.0)
    }

    async fn converse(&mut self, socket: &mut Socket) -> Result<End> {
        let mut silence = Duration::from_secs(60);
        if !self.watched.is_empty() {
            say(socket, &json!({ "type": "watch", "user_ids": self.watched })).await?;
        }
        for command in self.unanswered.values() {
            say(socket, command).await?;
        }
        loop {
            if self.leaving && self.unanswered.is_empty() {
                socket.close(None).await.ok();
                return Ok(End::Done);
            }
            tokio::select! {
                frame = timeout(silence, socket.next()) => match frame? {
                    Some(Ok(Message::Text(text))) => {
                        // What a newer server tells that this client does not know, it can do without.
                        let Ok(event) = text.parse::<ServerEvent>() else { continue };
                        match &event {
                            ServerEvent::Hello(hello) => {
                                silence = Duration::from_millis(u64::from(hello.heartbeat_ms) * 5 / 2);
                                if !hello.resumed {
                                    self.catch_up().await?;
                                }
                            }
                            ServerEvent::Heartbeat(beat) => self.cursor.clone_from(&beat.cursor),
                            ServerEvent::Ack(ack) => drop(ack.reference.as_ref().and_then(|id| self.unanswered.remove(id))),
                            ServerEvent::Error(refused) => drop(refused.reference.as_ref().and_then(|id| self.unanswered.remove(id))),
                            ServerEvent::Reconnect(reconnect) => return Ok(End::Back(Some(Duration::from_millis(reconnect.after_ms.into())))),
                            _ => {}
                        }
                        self.tell(Told::Event(Box::new(event))).await;
                    }
                    Some(Ok(Message::Close(Some(close)))) if u16::from(close.code) == LOG_IN_AGAIN => {
                        self.tell(Told::LoggedOut).await;
                        return Ok(End::Done);
                    }
                    Some(Ok(Message::Close(_))) | None => return Ok(End::Back(None)),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error.into()),
                },
                said = self.said.recv() => self.say(socket, said.unwrap_or(Say::Finish)).await?,
            }
        }
    }

    async fn say(&mut self, socket: &mut Socket, what: Say) -> Result<()> {
        match what {
            Say::Send(chat, text) => {
                // A UUIDv7 is good for ever: an older one is looked up in SQL.
                let id = Uuid::now_v7().to_string();
                let command = json!({ "type": "send", "ref": id, "chat_id": chat, "message": { "body": text, "client_id": id } });
                self.unanswered.insert(id, command.clone());
                say(socket, &command).await
            }
            Say::Read(chat, id) => say(socket, &json!({ "type": "receipt", "chat_id": chat, "read": id })).await,
            Say::Watch(people) => {
                self.watched = people;
                say(socket, &json!({ "type": "watch", "user_ids": self.watched })).await
            }
            Say::Finish => {
                self.leaving = true;
                Ok(())
            }
        }
    }

    /// Too much has changed to be sent on the connection.
    async fn catch_up(&mut self) -> Result<()> {
        loop {
            let changes = self.remote.sync(&self.cursor).await?;
            self.cursor = changes.cursor;
            for event in changes.events {
                self.tell(Told::Event(Box::new(event))).await;
            }
            if !changes.more {
                return Ok(());
            }
        }
    }

    async fn tell(&self, told: Told) {
        self.tell.send(told).await.ok();
    }
}

async fn say(socket: &mut Socket, command: &Value) -> Result<()> {
    Ok(socket.send(Message::text(command.to_string())).await?)
}
