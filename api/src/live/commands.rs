//! The commands of a client on a WebSocket. Each runs the code of the REST operation of its name.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use model::{Ack, ChatId, Refused, ServerEvent, Tick, UserId};
use poem_openapi::{Object, Union, types::ParseFromJSON};
use serde_json::Value;
use store::{Membership, Meter, Rate, RateVerdict};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Hub,
    connection::Connection,
    send_queue::SendQueue,
    typing::{TypingState, expires_ms},
};
use crate::{
    operations::{
        messages::{self, NewMessage},
        receipts,
    },
    request::{
        asker::Asker,
        auth::Caller,
        budget,
        rate_limits::{self, LimitedAction, Sends},
        refusals,
        validate::MAX_WATCHED,
    },
    response::problem::Problem,
    state::State,
};

/// Checks that the connection is alive; `ack` answers.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct PingCommand {
    /// The answer has the same `ref`.
    #[oai(rename = "ref")]
    reference: Option<String>,
}

/// Sends a message, as `POST /v1/chats/{chat_id}/messages` does. `ack` has the message.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct SendCommand {
    /// The answer has the same `ref`.
    #[oai(rename = "ref")]
    reference: Option<String>,
    /// The chat to send to.
    chat_id: ChatId,
    /// The message; with a `client_id` it may be sent again until it is answered.
    message: NewMessage,
}

/// Marks how far I have read, as `PUT /v1/chats/{chat_id}/receipts` does.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct ReceiptCommand {
    /// The answer has the same `ref`.
    #[oai(rename = "ref")]
    reference: Option<String>,
    /// The chat of the messages.
    chat_id: ChatId,
    /// The id of the newest message I have read.
    read: Option<Tick>,
    /// The id of the newest message that reached me.
    delivered: Option<Tick>,
}

/// Shows to the other members that I am typing. Repeat it every few seconds; it ends by itself.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct TypingCommand {
    /// The answer has the same `ref`.
    #[oai(rename = "ref")]
    reference: Option<String>,
    /// The chat that I am typing in.
    chat_id: ChatId,
    /// False when I have stopped. True when it is absent.
    typing: Option<bool>,
}

/// Watches who is online, now and whenever it changes, among these users: those on screen. The new
/// list takes the place of the list before.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct WatchCommand {
    /// The answer has the same `ref`.
    #[oai(rename = "ref")]
    reference: Option<String>,
    /// Up to 100 users, and 1,000 over all connections of an account; only the presence of those
    /// with whom I share a chat is sent.
    user_ids: Vec<UserId>,
}

/// A command of a client.
#[derive(Union)]
#[oai(discriminator_name = "type")]
pub(crate) enum ClientCommand {
    #[oai(mapping = "ping")]
    Ping(PingCommand),
    #[oai(mapping = "send")]
    Send(SendCommand),
    #[oai(mapping = "receipt")]
    Receipt(ReceiptCommand),
    #[oai(mapping = "typing")]
    Typing(TypingCommand),
    #[oai(mapping = "watch")]
    Watch(WatchCommand),
}

impl ClientCommand {
    /// Parses a command: its `type` chooses the schema, which has all fields but the type.
    fn read(mut value: Value) -> Result<Self, String> {
        fn fields<T: ParseFromJSON>(value: Value) -> Result<T, String> {
            T::parse_from_json(Some(value)).map_err(|error| error.into_message())
        }
        let kind = value
            .as_object_mut()
            .and_then(|object| object.remove("type"));
        match kind.as_ref().and_then(Value::as_str) {
            Some("ping") => fields(value).map(Self::Ping),
            Some("send") => fields(value).map(Self::Send),
            Some("receipt") => fields(value).map(Self::Receipt),
            Some("typing") => fields(value).map(Self::Typing),
            Some("watch") => fields(value).map(Self::Watch),
            _ => Err("`type` must be ping, send, receipt, typing or watch".into()),
        }
    }
}

/// The commands of one connection.
pub(crate) struct Commands {
    state: Arc<State>,
    hub: Hub,
    user: UserId,
    address: Arc<str>,
    queue: Arc<SendQueue>,
    typing: TypingState,
    /// True once an account pays for the command that runs.
    is_paid: AtomicBool,
}

/// The answer to a command.
pub(crate) struct Answer {
    /// The frame of the answer.
    pub(crate) frame: Bytes,
    /// The bytes of the command, if no account pays for it.
    pub(crate) unpaid: Option<usize>,
}

impl Commands {
    /// Returns the commands of a connection; `address` is that of the client.
    pub(crate) fn new(state: Arc<State>, connection: &Connection, address: Arc<str>) -> Self {
        Self {
            state,
            hub: connection.hub().clone(),
            user: connection.inbox.user,
            address,
            queue: Arc::clone(&connection.queue),
            typing: TypingState::default(),
            is_paid: AtomicBool::new(false),
        }
    }

    /// Runs a command, and returns the answer.
    pub(crate) fn answer(&self, text: &str) -> BoxFuture<'static, Answer> {
        let bytes = text.len();
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let reference = value["ref"].as_str().map(str::to_owned);
        let command = ClientCommand::read(value);
        let this = Self {
            state: Arc::clone(&self.state),
            hub: self.hub.clone(),
            user: self.user,
            address: Arc::clone(&self.address),
            queue: Arc::clone(&self.queue),
            typing: self.typing.clone(),
            is_paid: AtomicBool::new(false),
        };
        async move {
            let result = match command {
                Ok(command) => Meter::default().measure(this.run(command)).await,
                Err(error) => Err(Problem::malformed(format!("not a valid command: {error}"))),
            };
            let frame = match result {
                Ok(Some(message)) => {
                    // The message is JSON already.
                    let reference = reference
                        .map(|text| format!(r#""ref":{},"#, Value::from(text)))
                        .unwrap_or_default();
                    format!(r#"{{"type":"ack",{reference}"message":{message}}}"#).into()
                }
                Ok(None) => ServerEvent::Ack(Ack {
                    reference,
                    message: None,
                })
                .to_string()
                .into(),
                Err(problem) => {
                    refusals::report(&problem, Some(this.user), &this.address);
                    let problem = problem.body(&Uuid::now_v7().to_string());
                    ServerEvent::Error(Refused { reference, problem })
                        .to_string()
                        .into()
                }
            };
            let unpaid = (!this.is_paid.load(Relaxed)).then_some(bytes);
            Answer { frame, unpaid }
        }
        .boxed()
    }

    /// Runs a command, and returns the JSON of the message if it sent one.
    async fn run(&self, command: ClientCommand) -> Result<Option<String>, Problem> {
        match command {
            ClientCommand::Ping(_) => {}
            ClientCommand::Send(send) => {
                let caller = self.caller_of::<Sends>().await?;
                return messages::send(&caller, send.chat_id, send.message)
                    .await
                    .map(|(json, _)| Some(json));
            }
            ClientCommand::Receipt(receipt) => {
                let began = self.state.store.begin_write();
                receipts::mark(
                    &self.caller().await?,
                    receipt.chat_id,
                    receipt.read,
                    receipt.delivered,
                )
                .await?;
                if !self.state.store.is_acknowledged(began).await {
                    return Err(Problem::not_durable());
                }
            }
            ClientCommand::Typing(typing) => {
                self.set_typing(typing.chat_id, typing.typing.unwrap_or(true))
                    .await?
            }
            ClientCommand::Watch(watch) => {
                if watch.user_ids.len() > MAX_WATCHED {
                    return Err(Problem::malformed(format!(
                        "watch at most {MAX_WATCHED} people: those on screen"
                    )));
                }
                self.caller().await?;
                self.hub
                    .watch(self.user, &self.queue, &watch.user_ids)
                    .await?;
            }
        }
        Ok(None)
    }

    /// Checks the session again, and returns its user as the caller.
    async fn caller(&self) -> Result<Caller, Problem> {
        self.admit(None).await.map(|(caller, _)| caller)
    }

    /// Returns the caller of a rate-limited operation, and counts the call.
    async fn caller_of<A: LimitedAction>(&self) -> Result<Caller, Problem> {
        let (caller, limit) = self.admit(budget::limit_of::<A>(&self.state)).await?;
        if let Some((rate, verdict)) = limit {
            rate_limits::check(A::NAME, rate, verdict)?;
        }
        Ok(caller)
    }

    async fn admit(
        &self,
        limit: Option<(&'static str, Rate)>,
    ) -> Result<(Caller, Option<(Rate, RateVerdict)>), Problem> {
        let (partition, hash) = (self.user.partition(), &self.queue.session);
        let admitted = budget::admit(&self.state, partition, hash, limit).await?;
        self.is_paid.store(true, Relaxed);
        let caller = Caller {
            session: admitted.session,
            state: Arc::clone(&self.state),
            asker: Asker::default(),
        };
        Ok((caller, admitted.limit))
    }

    /// Notifies the other members that the user is typing in a chat, or has stopped. A repetition
    /// soon after is not sent to them.
    async fn set_typing(&self, chat: ChatId, on: bool) -> Result<(), Problem> {
        let membership = Membership {
            chat,
            user: self.user,
        };
        if !self.typing.change(chat, on, Instant::now()) {
            return Ok(());
        }
        let caller = self.caller().await?;
        caller
            .state
            .store
            .typing(membership, expires_ms(on))
            .await
            .inspect_err(|_| self.typing.forget())?;
        Ok(())
    }

    /// Waits until a typing user has not repeated it for too long.
    pub(crate) async fn typing_ends(&self) {
        self.typing.ends().await;
    }

    /// Notifies the other members that the user has stopped typing, if they were.
    pub(crate) fn stop_typing(&mut self) {
        let Some(chat) = self.typing.stop(None, Instant::now()) else {
            return;
        };
        let membership = Membership {
            chat,
            user: self.user,
        };
        let (state, queue) = (Arc::clone(&self.state), Arc::clone(&self.queue));
        tokio::spawn(async move {
            let stopped = state.store.typing(membership, 0);
            if let Err(error) = budget::at_cost_of(&state, &queue.session, stopped).await {
                tracing::debug!(%error, "could not notify that typing stopped; it ends by itself");
            }
        });
    }
}

impl Drop for Commands {
    fn drop(&mut self) {
        // Each answer has a clone; the last to go is the connection's own.
        if self.typing.is_last() {
            self.stop_typing();
        }
    }
}
