//! News to members that nobody stores, over REST: typing, and events of a product's own.

use std::{collections::BTreeMap, time::Duration};

use model::{ChatId, UserId};
use poem::Request;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use serde_json::Value;
use store::{Membership, Meter, Store};
use tokio::time::{Instant, sleep_until};

use super::{
    Hub,
    typing::{TypingState, expires_ms},
};
use crate::{
    request::{
        auth::{Caller, Limited},
        rate_limits::Events,
        validate::Rules,
    },
    response::{no_content::NoContent, problem::Problem},
};

/// The time after which a state that somebody is about to change is looked at again.
const AGAIN: Duration = Duration::from_millis(100);

/// Operations on what is not stored.
pub(crate) struct EphemeralApi;

/// The typing of the caller in a chat.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct NewTyping {
    /// False when I have stopped. True when it is absent.
    typing: Option<bool>,
}

/// An event of a kind of its own.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct NewEvent {
    /// The kind of the event: 3 to 64 characters, words of `a-z 0-9 _ -`, each begun by a letter,
    /// with dots between them, as in `myapp.cursor`. The first words of the server's own events
    /// (`message`, `chat`, `carrier` and the like) are reserved.
    #[oai(rename = "type")]
    event_type: String,
    /// The content: an object of at most 4 KiB as JSON, in which at most 16 objects and arrays are
    /// in each other.
    data: BTreeMap<String, Value>,
}

#[OpenApi(tag = "crate::operations::Tags::Live")]
impl EphemeralApi {
    /// Show that I am typing
    ///
    /// As the command `typing` of the WebSocket does: the other members get a `typing`. Repeat it
    /// every few seconds; it ends by itself. A repetition soon after is not sent to them.
    #[oai(
        path = "/chats/:chat_id/typing",
        method = "post",
        operation_id = "setTyping"
    )]
    async fn typing(
        &self,
        request: &Request,
        caller: Caller,
        chat_id: Path<ChatId>,
        body: Json<NewTyping>,
    ) -> Result<NoContent, Problem> {
        let (hub, on) = (Hub::of(request), body.0.typing.unwrap_or(true));
        let (store, own) = (&caller.state.store, caller.own(chat_id.0));
        let typing = hub.typing_of(own.user, store);
        let done = if typing.change(own.chat, on, Instant::now()) {
            store.typing(own, expires_ms(on)).await
        } else if typing.is_told_in(own.chat) {
            Ok(()) // a moment ago, as of a member
        } else {
            store.check_member(own).await
        };
        done.inspect_err(|_| typing.forget())?;
        Ok(NoContent::Done)
    }

    /// Send an event of your own
    ///
    /// The other members who are connected get a `chat.event`, over WebSocket and SSE. It is stored
    /// nowhere and sent once: whoever is not connected misses it. In a direct chat in which one
    /// blocks the other nobody gets it.
    #[oai(
        path = "/chats/:chat_id/events",
        method = "post",
        operation_id = "sendEvent"
    )]
    async fn event(
        &self,
        caller: Limited<Events>,
        chat_id: Path<ChatId>,
        body: Json<NewEvent>,
    ) -> Result<NoContent, Problem> {
        let NewEvent { event_type, data } = body.0;
        let (store, own) = (&caller.state.store, caller.own(chat_id.0));
        let mut rules = Rules::default();
        rules.custom_type(&event_type);
        rules.event_data(&data);
        rules.done()?;
        store.custom_event(own, event_type, data).await?;
        Ok(NoContent::Done)
    }
}

impl Hub {
    /// Returns the typing of a user over REST. Its end is told without another request.
    fn typing_of(&self, user: UserId, store: &Store) -> TypingState {
        let (typing, is_new) = self.0.typists.enter(user);
        if is_new {
            let (hub, store, typing) = (self.clone(), store.clone(), typing.clone());
            let ends = async move { hub.end_typing(user, &store, typing).await };
            // At the cost of whoever pays for this request.
            tokio::spawn(Meter::carry(ends));
        }
        typing
    }

    /// Notifies members when a user has not repeated their typing for too long, and forgets it once
    /// it does not count any more.
    async fn end_typing(&self, user: UserId, store: &Store, typing: TypingState) {
        loop {
            let now = Instant::now();
            if let Some(chat) = typing.stop_if_over(now) {
                let stopped = store.typing(Membership { chat, user }, 0);
                if let Err(error) = stopped.await {
                    tracing::debug!(%error, "could not notify that typing stopped");
                }
            }
            if self.0.typists.leave(user, &typing, now) {
                return;
            }
            // Otherwise a request is about to change it.
            let over = typing.busy_until(now).unwrap_or(now + AGAIN);
            sleep_until(over).await;
        }
    }
}
