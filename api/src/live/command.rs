//! What a client may say on a WebSocket. Each command runs the code of the REST call of its name.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use model::{Ack, ChatId, Refused, ServerEvent, Tick, UserId};
use poem_openapi::{Object, OpenApi, Union, payload::Json, types::ParseFromJSON};
use serde_json::Value;
use store::Own;
use tokio::time::Instant;
use uuid::Uuid;

use super::{connection::Connection, outbox::Outbox};
use crate::{
    State,
    auth::Caller,
    message::{self, NewMessage},
    problem::Problem,
    quota::{self, Quota, Sends},
    receipt,
    safe::not_durable,
};

/// For how long a typing holds that is not said again.
const TYPING: Duration = Duration::from_secs(6);
/// Others are told again at most as often.
const TYPING_AGAIN: Duration = Duration::from_secs(2);
/// How many people one can watch.
const WATCHED: usize = 100;

/// Is the connection alive? Answered with `ack`.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct PingCommand {
    /// The answer has the same.
    #[oai(rename = "ref")]
    reference: Option<String>,
}

/// Send a message, as `POST /v1/chats/{chat_id}/messages` does. `ack` has the message.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct SendCommand {
    /// The answer has the same.
    #[oai(rename = "ref")]
    reference: Option<String>,
    /// To which chat.
    chat_id: ChatId,
    /// With a `client_id` it may be sent again until it is answered.
    message: NewMessage,
}

/// Tell how far I am, as `PUT /v1/chats/{chat_id}/receipts` does.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct ReceiptCommand {
    /// The answer has the same.
    #[oai(rename = "ref")]
    reference: Option<String>,
    /// In which chat.
    chat_id: ChatId,
    /// The id of the newest message I have read.
    read: Option<Tick>,
    /// The id of the newest message that reached me.
    delivered: Option<Tick>,
}

/// I am typing. Say it again every few seconds; it ends by itself.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct TypingCommand {
    /// The answer has the same.
    #[oai(rename = "ref")]
    reference: Option<String>,
    /// In which chat.
    chat_id: ChatId,
    /// False: I have stopped. True when it is absent.
    typing: Option<bool>,
}

/// Tell me whether these are online, now and when it changes: the people on screen. It takes the place of those before.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct WatchCommand {
    /// The answer has the same.
    #[oai(rename = "ref")]
    reference: Option<String>,
    /// Up to 100; of those with whom I share a chat I am told.
    user_ids: Vec<UserId>,
}

/// What a client may say.
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

/// Frames as if they were an operation, by which the OpenAPI document gets their schemas.
pub(crate) struct Frames;

#[OpenApi]
impl Frames {
    #[oai(path = "/frames", method = "post")]
    async fn frames(&self, _command: Json<ClientCommand>) -> Json<ServerEvent> {
        unreachable!("it is never routed")
    }
}

impl ClientCommand {
    /// The type chooses the schema, which knows all fields but the type.
    fn read(mut value: Value) -> Result<Self, String> {
        fn fields<T: ParseFromJSON>(value: Value) -> Result<T, String> {
            T::parse_from_json(Some(value)).map_err(|error| error.into_message())
        }
        let kind = value.as_object_mut().and_then(|object| object.remove("type"));
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
    user: UserId,
    outbox: Arc<Outbox>,
    typing: Arc<Mutex<Option<Typing>>>,
}

/// Where somebody is typing.
#[derive(Clone, Copy)]
struct Typing {
    chat: ChatId,
    told: Instant,
    until: Instant,
}

impl Commands {
    pub(crate) fn new(state: Arc<State>, connection: &Connection) -> Self {
        Self { state, user: connection.inbox.user, outbox: Arc::clone(&connection.outbox), typing: Arc::default() }
    }

    /// Carries out what was said; what to answer.
    pub(crate) fn answer(&self, text: &str) -> BoxFuture<'static, Bytes> {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let reference = value["ref"].as_str().map(str::to_owned);
        let command = ClientCommand::read(value);
        let this =
            Self { state: Arc::clone(&self.state), user: self.user, outbox: Arc::clone(&self.outbox), typing: Arc::clone(&self.typing) };
        async move {
            let done = match command {
                Ok(command) => this.run(command).await,
                Err(error) => Err(Problem::malformed(format!("no command of ours: {error}"))),
            };
            match done {
                Ok(Some(message)) => {
                    // The message is JSON already.
                    let reference = reference.map(|text| format!(r#""ref":{},"#, Value::from(text))).unwrap_or_default();
                    format!(r#"{{"type":"ack",{reference}"message":{message}}}"#).into()
                }
                Ok(None) => ServerEvent::Ack(Ack { reference, message: None }).to_string().into(),
                Err(problem) => {
                    let problem = problem.body(&Uuid::now_v7().to_string());
                    ServerEvent::Error(Refused { reference, problem }).to_string().into()
                }
            }
        }
        .boxed()
    }

    /// The JSON of the message that was sent, if one was.
    async fn run(&self, command: ClientCommand) -> Result<Option<String>, Problem> {
        match command {
            ClientCommand::Ping(_) => {}
            ClientCommand::Send(send) => {
                let caller = self.caller_of::<Sends>().await?;
                return message::send(&caller, send.chat_id, send.message).await.map(|(json, _)| Some(json));
            }
            ClientCommand::Receipt(told) => {
                let began = self.state.store.begin_write();
                receipt::mark(&self.caller().await?, told.chat_id, told.read, told.delivered).await?;
                if !self.state.store.is_acknowledged(began).await {
                    return Err(not_durable());
                }
            }
            ClientCommand::Typing(typing) => self.typing(typing.chat_id, typing.typing.unwrap_or(true)).await?,
            ClientCommand::Watch(watch) => {
                if watch.user_ids.len() > WATCHED {
                    return Err(Problem::malformed(format!("watch at most {WATCHED} people: those on screen")));
                }
                self.caller().await?;
                self.state.live.watch(self.user, &self.outbox, watch.user_ids).await?;
            }
        }
        Ok(None)
    }

    async fn caller(&self) -> Result<Caller, Problem> {
        let session = self.state.store.check_session(self.user, &self.outbox.session).await?;
        Ok(Caller { session, state: Arc::clone(&self.state) })
    }

    async fn caller_of<Q: Quota>(&self) -> Result<Caller, Problem> {
        let Some(rate) = Q::limit(&self.state.config).rate() else { return self.caller().await };
        let (session, verdict) = self.state.store.admit_session(self.user, &self.outbox.session, Q::NAME, rate).await?;
        verdict.map_or(Ok(()), |verdict| quota::judge(Q::NAME, rate, verdict))?;
        Ok(Caller { session, state: Arc::clone(&self.state) })
    }

    async fn typing(&self, chat: ChatId, on: bool) -> Result<(), Problem> {
        let own = Own { chat, user: self.user };
        let (now, before) = (Instant::now(), self.known());
        if on && let Some(typing) = before.filter(|typing| typing.chat == chat && typing.told + TYPING_AGAIN > now) {
            self.know(Some(Typing { until: now + TYPING, ..typing }));
            return Ok(());
        }
        let caller = self.caller().await?;
        caller.state.store.typing(own, if on { TYPING.as_millis() as u32 } else { 0 }).await?;
        self.know(on.then_some(Typing { chat, told: now, until: now + TYPING }));
        Ok(())
    }

    /// Waits until a typing has not been said again for too long.
    pub(crate) async fn typing_ends(&self) {
        match self.known() {
            Some(typing) => tokio::time::sleep_until(typing.until).await,
            None => std::future::pending().await,
        }
    }

    /// They have stopped, without a word.
    pub(crate) fn stop_typing(&mut self) {
        let Some(typing) = self.known() else { return };
        self.know(None);
        let (store, own) = (self.state.store.clone(), Own { chat: typing.chat, user: self.user });
        tokio::spawn(async move {
            if let Err(error) = store.typing(own, 0).await {
                tracing::debug!(%error, "that somebody stopped typing was not told; it ends by itself");
            }
        });
    }

    fn known(&self) -> Option<Typing> {
        *self.typing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn know(&self, typing: Option<Typing>) {
        *self.typing.lock().unwrap_or_else(PoisonError::into_inner) = typing;
    }
}

impl Drop for Commands {
    fn drop(&mut self) {
        // Of the connection itself; each answer has a clone.
        if Arc::strong_count(&self.typing) == 1 {
            self.stop_typing();
        }
    }
}
