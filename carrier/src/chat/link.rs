//! The WebSocket, which reconnects by itself without losing anything: events resume from the last
//! cursor, and messages without an answer are sent again under the same id.

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

use super::api_client::ApiClient;

/// The wait before the first attempt to reconnect. It doubles with each, up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// The time between two questions for changes that the API could not read.
const PARTIAL_WAIT: Duration = Duration::from_secs(5);
/// The longest time to wait for the last answers before leaving.
const FINISH_TIMEOUT: Duration = Duration::from_secs(3);
/// The close code of a session that has ended.
const LOG_IN_AGAIN: u16 = 4401;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Events of the link.
pub(super) enum LinkEvent {
    /// An event of the server.
    Server(Box<ServerEvent>),
    Connected,
    /// The connection was lost, for this reason; the link reconnects.
    Disconnected(String),
    /// The session has ended; the link has, too.
    LoggedOut,
}

/// Commands to the link.
enum LinkCommand {
    /// Sends a message, again and again until it is answered.
    Send(ChatId, String, bool),
    /// Marks a chat as read up to a message.
    Read(ChatId, Tick),
    /// Watches the presence of these users.
    Watch(Vec<UserId>),
    /// Ends the link once everything is answered.
    Finish,
}

/// A handle of the task that keeps the connection.
pub(super) struct Link {
    commands: mpsc::UnboundedSender<LinkCommand>,
    task: tokio::task::JoinHandle<()>,
}

impl Link {
    /// Starts a link that resumes from a cursor, and returns it with its events.
    pub(super) fn start(api: ApiClient, cursor: String) -> (Self, mpsc::Receiver<LinkEvent>) {
        let (commands, commands_in) = mpsc::unbounded_channel();
        let (events_out, events) = mpsc::channel(256);
        let task = tokio::spawn(
            LinkTask {
                api,
                cursor,
                commands: commands_in,
                events: events_out,
                unanswered: BTreeMap::new(),
                watched: Vec::new(),
                leaving: false,
            }
            .run(),
        );
        (Self { commands, task }, events)
    }

    /// Sends a message; one that mentions all members if `mentions_all` is true.
    pub(super) fn send(&self, chat: ChatId, text: &str, mentions_all: bool) {
        self.command(LinkCommand::Send(chat, text.to_owned(), mentions_all));
    }

    /// Marks a chat as read up to a message.
    pub(super) fn read(&self, chat: ChatId, id: Tick) {
        self.command(LinkCommand::Read(chat, id));
    }

    /// Watches the presence of these users, and of no others.
    pub(super) fn watch(&self, people: Vec<UserId>) {
        self.command(LinkCommand::Watch(people));
    }

    /// Waits a while until everything is answered, and ends the link.
    pub(super) async fn finish(self) {
        self.command(LinkCommand::Finish);
        timeout(FINISH_TIMEOUT, self.task).await.ok();
    }

    fn command(&self, command: LinkCommand) {
        // It fails only when the link has ended, which the client learns from its events.
        self.commands.send(command).ok();
    }
}

/// The task that keeps the connection.
struct LinkTask {
    api: ApiClient,
    /// The cursor to resume from.
    cursor: String,
    commands: mpsc::UnboundedReceiver<LinkCommand>,
    events: mpsc::Sender<LinkEvent>,
    /// The sends without an answer, by the id of the message. The ids are ordered by time, so they
    /// are sent again in their order.
    unanswered: BTreeMap<String, Value>,
    watched: Vec<UserId>,
    /// True when the link ends once everything is answered.
    leaving: bool,
}

/// The continuation after the end of a connection.
enum AfterEnd {
    /// A new connection, after this time if the server gave one.
    Reconnect(Option<Duration>),
    /// The end of the link.
    Finish,
}

impl LinkTask {
    async fn run(mut self) {
        let mut wait = FIRST_WAIT;
        loop {
            let after = match self.connect().await {
                Ok(mut socket) => {
                    wait = FIRST_WAIT;
                    self.emit(LinkEvent::Connected).await;
                    match self.converse(&mut socket).await {
                        Ok(AfterEnd::Finish) => return,
                        Ok(AfterEnd::Reconnect(after)) => after,
                        Err(error) => {
                            self.emit(LinkEvent::Disconnected(error.to_string())).await;
                            None
                        }
                    }
                }
                Err(error) => {
                    if wait == FIRST_WAIT {
                        self.emit(LinkEvent::Disconnected(error.to_string())).await;
                    }
                    None
                }
            };
            if self.leaving {
                return;
            }
            // Clients that were cut off together should not reconnect together.
            let spread = 0.5 + fastrand::f64() / 2.0;
            tokio::time::sleep(after.unwrap_or_else(|| wait.mul_f64(spread))).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn connect(&self) -> Result<Socket> {
        let (url, token) = self.api.socket(&self.cursor)?;
        let mut request = url.as_str().into_client_request()?;
        request
            .headers_mut()
            .insert("authorization", format!("Bearer {token}").parse()?);
        Ok(connect_async(request).await?.0)
    }

    /// Sends commands and emits events until the connection ends.
    async fn converse(&mut self, socket: &mut Socket) -> Result<AfterEnd> {
        let mut silence = Duration::from_secs(60);
        if !self.watched.is_empty() {
            write(
                socket,
                &json!({ "type": "watch", "user_ids": self.watched }),
            )
            .await?;
        }
        for command in self.unanswered.values() {
            write(socket, command).await?;
        }
        loop {
            if self.leaving && self.unanswered.is_empty() {
                socket.close(None).await.ok();
                return Ok(AfterEnd::Finish);
            }
            tokio::select! {
                frame = timeout(silence, socket.next()) => match frame? {
                    Some(Ok(Message::Text(text))) => {
                        // A newer server may send events that this client does not know, and can do
                        // without.
                        let Ok(event) = text.parse::<ServerEvent>() else { continue };
                        match &event {
                            ServerEvent::Hello(hello) => {
                                let heartbeat_ms = u64::from(hello.heartbeat_ms);
                                silence = Duration::from_millis(heartbeat_ms * 5 / 2);
                                if !hello.resumed {
                                    self.catch_up().await?;
                                }
                            }
                            ServerEvent::Heartbeat(beat) => self.cursor.clone_from(&beat.cursor),
                            ServerEvent::Ack(ack) => self.answered(ack.reference.as_deref()),
                            ServerEvent::Error(refused) => {
                                self.answered(refused.reference.as_deref());
                            }
                            ServerEvent::Reconnect(reconnect) => {
                                let after = Duration::from_millis(reconnect.after_ms.into());
                                return Ok(AfterEnd::Reconnect(Some(after)));
                            }
                            _ => {}
                        }
                        self.emit(LinkEvent::Server(Box::new(event))).await;
                    }
                    Some(Ok(Message::Close(Some(close))))
                        if u16::from(close.code) == LOG_IN_AGAIN =>
                    {
                        self.emit(LinkEvent::LoggedOut).await;
                        return Ok(AfterEnd::Finish);
                    }
                    Some(Ok(Message::Close(_))) | None => return Ok(AfterEnd::Reconnect(None)),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error.into()),
                },
                command = self.commands.recv() => {
                    self.carry_out(socket, command.unwrap_or(LinkCommand::Finish)).await?;
                }
            }
        }
    }

    async fn carry_out(&mut self, socket: &mut Socket, command: LinkCommand) -> Result<()> {
        match command {
            LinkCommand::Send(chat, text, mentions_all) => {
                // A message with a UUIDv7 may be sent again at any time: an old one is looked up in
                // SQL.
                let id = Uuid::now_v7().to_string();
                let mut command = json!({
                    "type": "send",
                    "ref": id,
                    "chat_id": chat,
                    "message": { "body": text, "client_id": id },
                });
                if mentions_all {
                    command["message"]["mentions_all"] = true.into();
                }
                self.unanswered.insert(id, command.clone());
                write(socket, &command).await
            }
            LinkCommand::Read(chat, id) => {
                write(
                    socket,
                    &json!({ "type": "receipt", "chat_id": chat, "read": id }),
                )
                .await
            }
            LinkCommand::Watch(people) => {
                self.watched = people;
                write(
                    socket,
                    &json!({ "type": "watch", "user_ids": self.watched }),
                )
                .await
            }
            LinkCommand::Finish => {
                self.leaving = true;
                Ok(())
            }
        }
    }

    /// Reads the changes by HTTP when there are too many to be sent on the connection.
    async fn catch_up(&mut self) -> Result<()> {
        loop {
            let changes = self.api.sync(&self.cursor).await?;
            self.cursor = changes.cursor;
            for event in changes.events {
                self.emit(LinkEvent::Server(Box::new(event))).await;
            }
            match (changes.more, changes.partial) {
                (true, _) => {}
                (false, false) => return Ok(()),
                (false, true) => tokio::time::sleep(PARTIAL_WAIT).await,
            }
        }
    }

    /// Forgets a send that was answered, so that it is not sent again.
    fn answered(&mut self, reference: Option<&str>) {
        if let Some(id) = reference {
            self.unanswered.remove(id);
        }
    }

    async fn emit(&self, event: LinkEvent) {
        self.events.send(event).await.ok();
    }
}

async fn write(socket: &mut Socket, command: &Value) -> Result<()> {
    Ok(socket.send(Message::text(command.to_string())).await?)
}
