//! Webhooks: the subscriptions by which other servers are told of what happens in chats.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{ChatId, ParseError, Tick};

/// The most webhooks that a server has.
pub const MAX_WEBHOOKS: usize = 1000;
/// The most webhooks of one chat: those of all chats, and those that name it, each.
pub const MAX_WEBHOOKS_OF_CHAT: usize = 10;
/// The most chats that a webhook names.
pub const MAX_WEBHOOK_CHATS: usize = 100;

/// A kind of event that a webhook may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Enum))]
pub enum WebhookEvent {
    /// A new message.
    #[serde(rename = "message.created")]
    #[cfg_attr(feature = "openapi", oai(rename = "message.created"))]
    MessageCreated,
    /// A message that was edited or reacted to.
    #[serde(rename = "message.updated")]
    #[cfg_attr(feature = "openapi", oai(rename = "message.updated"))]
    MessageUpdated,
    /// A message that was deleted for everyone.
    #[serde(rename = "message.deleted")]
    #[cfg_attr(feature = "openapi", oai(rename = "message.deleted"))]
    MessageDeleted,
}

impl WebhookEvent {
    /// All kinds of events.
    pub const ALL: [Self; 3] = [
        Self::MessageCreated,
        Self::MessageUpdated,
        Self::MessageDeleted,
    ];

    /// Returns the word that stands for the kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MessageCreated => "message.created",
            Self::MessageUpdated => "message.updated",
            Self::MessageDeleted => "message.deleted",
        }
    }
}

impl fmt::Display for WebhookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for WebhookEvent {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let found = Self::ALL.into_iter().find(|event| event.as_str() == text);
        found.ok_or(ParseError(
            "`message.created`, `message.updated` or `message.deleted`",
        ))
    }
}

/// A secret that was replaced, and is good for a while yet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldSecret {
    /// The secret.
    pub secret: String,
    /// The tick until which requests are signed with it, too.
    pub until: Tick,
}

/// A webhook, as both stores hold it: the value of a private row of [`crate::UserId::SERVER`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookRecord {
    /// The address that is told.
    pub url: String,
    /// The kinds of events that it is told of, in order.
    pub events: Vec<WebhookEvent>,
    /// The chats that it is told of, in order; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chats: Option<Vec<ChatId>>,
    /// The secret with which requests are signed: `whsec_` and base64.
    pub secret: String,
    /// The one before, while it is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_secret: Option<OldSecret>,
    /// The tick after which changes count.
    pub from: Tick,
    /// The tick at which an operator last had what is parked tried again, or `NEVER`.
    #[serde(default)]
    pub retried: Tick,
}

impl WebhookRecord {
    /// Returns the secrets that are good at a tick, the newest first.
    pub fn secrets(&self, now: Tick) -> impl Iterator<Item = &str> {
        let old = self.old_secret.iter().filter(move |old| now < old.until);
        std::iter::once(self.secret.as_str()).chain(old.map(|old| old.secret.as_str()))
    }
}

/// Without the secrets.
impl fmt::Debug for WebhookRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookRecord")
            .field("url", &self.url)
            .field("events", &self.events)
            .field("chats", &self.chats)
            .field("from", &self.from)
            .field("retried", &self.retried)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> WebhookRecord {
        WebhookRecord {
            url: "https://example.org/".into(),
            events: vec![WebhookEvent::MessageCreated],
            chats: None,
            secret: "whsec_new".into(),
            old_secret: Some(OldSecret {
                secret: "whsec_old".into(),
                until: Tick(9),
            }),
            from: Tick(1),
            retried: Tick::NEVER,
        }
    }

    #[test]
    fn an_old_secret_is_good_until_its_time_is_over() {
        let record = record();
        let at = |tick| record.secrets(Tick(tick)).collect::<Vec<_>>();
        assert_eq!(at(8), ["whsec_new", "whsec_old"]);
        assert_eq!(at(9), ["whsec_new"]);
    }

    #[test]
    fn a_record_comes_back_as_it_was_written_and_shows_no_secret() {
        let record = record();
        let json = serde_json::to_string(&record).expect("words and numbers");
        let read: WebhookRecord = serde_json::from_str(&json).expect("our own");
        assert_eq!(read, record);
        assert!(!format!("{record:?}").contains("whsec_"));
    }

    #[test]
    fn an_event_is_read_as_it_is_written() {
        for event in WebhookEvent::ALL {
            assert_eq!(event.to_string().parse(), Ok(event));
            let json = serde_json::to_string(&event).expect("a word");
            assert_eq!(json, format!("\"{event}\""));
        }
        assert!("message.read".parse::<WebhookEvent>().is_err());
    }
}
