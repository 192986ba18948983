//! Webhooks: a product's backend says, with a key, which of its servers is told of what.

use std::time::Duration;

use model::{
    ChatId, FieldErrorCode, MAX_WEBHOOK_CHATS, ProblemCode, Tick, WebhookEvent, WebhookId,
    WebhookRecord,
};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use store::{NewWebhook, ParkedChat};
use webhook::Reach;

use crate::{
    request::{api_key::WebhookBackend, validate::Rules},
    response::{
        durable::{Acknowledged, Permanent},
        no_content::NoContent,
        problem::Problem,
    },
};

/// The chats of a page of those that are parked.
const PAGE: u64 = 100;
/// The seconds for which the secret before is good when the request does not say how many.
const KEEP: u32 = 24 * 3600;
/// The most seconds for which it is.
const LONGEST: u32 = 7 * 24 * 3600;

/// Operations on webhooks.
pub(crate) struct AdminWebhookApi;

/// A webhook that is to be made.
#[derive(Object)]
#[oai(rename = "NewWebhook", deny_unknown_fields)]
struct WebhookRequest {
    /// The address that is told: https, of up to 2048 bytes, on the Internet. (An operator may
    /// allow others.)
    url: String,
    /// The kinds of events, each once: `message.created`, `message.updated`, `message.deleted`.
    events: Vec<String>,
    /// Up to 100 chats that it is told of; absent: all.
    chats: Option<Vec<ChatId>>,
}

/// A webhook.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Webhook {
    /// The webhook's id.
    id: WebhookId,
    /// The address that is told.
    url: String,
    /// The kinds of events that it is told of.
    events: Vec<WebhookEvent>,
    /// The chats that it is told of; absent: all.
    chats: Option<Vec<ChatId>>,
    /// The time when it was made, RFC 3339 in UTC; later changes count.
    created_at: String,
    /// The time until which requests are signed with the secret before, too: RFC 3339 in UTC;
    /// absent when there is none.
    old_secret_until: Option<String>,
}

/// A webhook and its secret.
#[derive(Object)]
struct WebhookWithSecret {
    /// The webhook.
    #[oai(flatten)]
    webhook: Webhook,
    /// The secret with which requests are signed, shown only here: `whsec_` and base64.
    secret: String,
}

/// The webhooks of a server.
#[derive(Object)]
struct WebhookList {
    /// All webhooks, the oldest first.
    items: Vec<Webhook>,
}

/// The rotation of a secret.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Rotation {
    /// The seconds for which the secret before is good: 0 to 604800 (seven days); 86400 when it is
    /// absent.
    keep_for: Option<u32>,
}

/// A chat of which a webhook is told no more.
#[derive(Object)]
struct Parked {
    /// The chat's id.
    chat_id: ChatId,
    /// The tick of the chat's clock up to which the receiver has been told.
    told: Tick,
    /// The time of the first failure, RFC 3339 in UTC.
    failing_since: String,
    /// The number of failures.
    failures: i64,
    /// The reason of the last one, in words.
    reason: String,
}

/// A page of chats of which a webhook is told no more.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct ParkedPage {
    /// The chats, by id.
    items: Vec<Parked>,
    /// The chat to ask on from, as `after`; absent when these were the last.
    next: Option<ChatId>,
}

/// The answer to a new webhook.
#[derive(ApiResponse)]
enum Made {
    /// The webhook was made, and is told of each change that is made from now on.
    #[oai(status = 201)]
    Done(Json<WebhookWithSecret>),
}

/// The answer to a rotation.
#[derive(ApiResponse)]
enum Rotated {
    /// The webhook has another secret.
    #[oai(status = 200)]
    Done(Json<WebhookWithSecret>),
}

/// The answer to a request to try again.
#[derive(ApiResponse)]
enum Retried {
    /// What is parked is tried again.
    #[oai(status = 200)]
    Done(Json<Webhook>),
}

#[OpenApi(tag = "crate::operations::Tags::Admin", prefix_path = "/admin")]
impl AdminWebhookApi {
    /// Make a webhook
    ///
    /// From now on a POST (Standard Webhooks) tells its address of each event: at least once, and
    /// in order for each chat. What it does not take is told again for three days, and then parked.
    #[oai(path = "/webhooks", method = "post", operation_id = "createWebhook")]
    async fn create(
        &self,
        caller: WebhookBackend,
        body: Json<WebhookRequest>,
    ) -> Result<Acknowledged<Made>, Problem> {
        let WebhookRequest { url, events, chats } = body.0;
        let events = read_events(&events)?;
        let mut rules = Rules::default();
        if let Some(chats) = &chats {
            let holds = (1..=MAX_WEBHOOK_CHATS).contains(&chats.len());
            let detail = "must have 1 to 100 chats; without it all chats are meant";
            rules.require(holds, "chats", FieldErrorCode::Length, detail);
        }
        rules.done()?;
        let reach = match caller.state.config.webhook_private {
            true => Reach::Private,
            false => Reach::Public,
        };
        let new = NewWebhook {
            url,
            events,
            chats,
            reach,
        };
        let made = caller.state.store.create_webhook(new).await?;
        Ok(Acknowledged(Made::Done(Json(with_secret(made)))))
    }

    /// List the webhooks
    #[oai(path = "/webhooks", method = "get", operation_id = "listWebhooks")]
    async fn list(&self, caller: WebhookBackend) -> Result<Json<WebhookList>, Problem> {
        let webhooks = caller.state.store.webhooks().await?;
        let items = webhooks.into_iter().map(Webhook::from).collect();
        Ok(Json(WebhookList { items }))
    }

    /// Show a webhook
    #[oai(
        path = "/webhooks/:webhook_id",
        method = "get",
        operation_id = "showWebhook"
    )]
    async fn show(
        &self,
        caller: WebhookBackend,
        webhook_id: Path<WebhookId>,
    ) -> Result<Json<Webhook>, Problem> {
        let id = webhook_id.0;
        let found = caller.state.store.webhook(id).await?;
        let record = found.ok_or_else(no_webhook)?;
        Ok(Json((id, record).into()))
    }

    /// Delete a webhook
    ///
    /// It is told of nothing more, also of what it was not told yet.
    #[oai(
        path = "/webhooks/:webhook_id",
        method = "delete",
        operation_id = "deleteWebhook"
    )]
    async fn delete(
        &self,
        caller: WebhookBackend,
        webhook_id: Path<WebhookId>,
    ) -> Result<Permanent<NoContent>, Problem> {
        let id = webhook_id.0;
        match caller.state.store.delete_webhook(id).await? {
            true => Ok(Permanent(NoContent::Done)),
            false => Err(no_webhook()),
        }
    }

    /// Give a webhook another secret
    ///
    /// Requests are signed with both, the new one first, until the time of the one before is over.
    #[oai(
        path = "/webhooks/:webhook_id/secret",
        method = "post",
        operation_id = "rotateWebhookSecret"
    )]
    async fn rotate(
        &self,
        caller: WebhookBackend,
        webhook_id: Path<WebhookId>,
        body: Json<Rotation>,
    ) -> Result<Permanent<Rotated>, Problem> {
        let keep = body.0.keep_for.unwrap_or(KEEP);
        let mut rules = Rules::default();
        let detail = "must be 0 to 604800 seconds";
        rules.require(keep <= LONGEST, "keep_for", FieldErrorCode::Range, detail);
        rules.done()?;
        let (id, keep) = (webhook_id.0, Duration::from_secs(keep.into()));
        let changed = caller.state.store.rotate_webhook(id, keep).await?;
        let record = changed.ok_or_else(no_webhook)?;
        Ok(Permanent(Rotated::Done(Json(with_secret((id, record))))))
    }

    /// List the chats of which a webhook is told no more
    ///
    /// Its receiver took nothing of them for as long as is tried. What they have is kept, and told
    /// once you have it tried again.
    #[oai(
        path = "/webhooks/:webhook_id/parked",
        method = "get",
        operation_id = "listParkedChats"
    )]
    async fn parked(
        &self,
        caller: WebhookBackend,
        webhook_id: Path<WebhookId>,
        /// The `next` of the page before.
        after: Query<Option<ChatId>>,
    ) -> Result<Json<ParkedPage>, Problem> {
        let (id, store) = (webhook_id.0, &caller.state.store);
        store.webhook(id).await?.ok_or_else(no_webhook)?;
        let after = after.0.unwrap_or(ChatId::LOWEST);
        let chats = store.parked_chats(id, after, PAGE).await?;
        let is_full = chats.len() as u64 == PAGE;
        let next = chats.last().map(|last| last.chat).filter(|_| is_full);
        let items = chats.into_iter().map(Parked::from).collect();
        Ok(Json(ParkedPage { items, next }))
    }

    /// Have what is parked for a webhook tried again
    #[oai(
        path = "/webhooks/:webhook_id/retry",
        method = "post",
        operation_id = "retryWebhook"
    )]
    async fn retry(
        &self,
        caller: WebhookBackend,
        webhook_id: Path<WebhookId>,
    ) -> Result<Acknowledged<Retried>, Problem> {
        let id = webhook_id.0;
        let changed = caller.state.store.retry_webhook(id).await?;
        let record = changed.ok_or_else(no_webhook)?;
        Ok(Acknowledged(Retried::Done(Json((id, record).into()))))
    }
}

/// Reads the kinds of events of a request.
fn read_events(words: &[String]) -> Result<Vec<WebhookEvent>, Problem> {
    let all: Vec<_> = WebhookEvent::ALL.iter().map(|one| one.as_str()).collect();
    let wrong = |what: String| {
        let detail = format!("{what}; `events` must name some of `{}`.", all.join("`, `"));
        Problem::new(ProblemCode::WebhookEvents, detail)
    };
    if words.is_empty() {
        return Err(wrong("A webhook without events is told nothing".into()));
    }
    let read = words.iter().map(|word| {
        let unknown = |_| wrong(format!("There is no event {word:?}"));
        word.parse().map_err(unknown)
    });
    read.collect()
}

fn no_webhook() -> Problem {
    Problem::not_found(
        "There is no such webhook. GET /v1/admin/webhooks lists those that there are.",
    )
}

fn with_secret((id, record): (WebhookId, WebhookRecord)) -> WebhookWithSecret {
    let secret = record.secret.clone();
    WebhookWithSecret {
        webhook: (id, record).into(),
        secret,
    }
}

impl From<(WebhookId, WebhookRecord)> for Webhook {
    fn from((id, record): (WebhookId, WebhookRecord)) -> Self {
        let old = record.old_secret.filter(|old| Tick::now() < old.until);
        Self {
            id,
            url: record.url,
            events: record.events,
            chats: record.chats,
            created_at: record.from.rfc3339(),
            old_secret_until: old.map(|old| old.until.rfc3339()),
        }
    }
}

impl From<ParkedChat> for Parked {
    fn from(parked: ParkedChat) -> Self {
        Self {
            chat_id: parked.chat,
            told: parked.told,
            failing_since: parked.since.rfc3339(),
            failures: parked.failures,
            reason: parked.failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_or_those_that_there_are_are_named() {
        let read = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
            read_events(&words)
        };
        let read_well = read(&["message.deleted", "message.created"]);
        assert_eq!(read_well.expect("events").len(), 2);
        for wrong in [&[][..], &["message.read"], &["message.created", ""]] {
            let problem = read(wrong).expect_err("no events").to_string();
            assert!(problem.starts_with("webhook_events"), "{problem}");
            assert!(problem.contains("`message.updated`"), "{problem}");
        }
    }
}
