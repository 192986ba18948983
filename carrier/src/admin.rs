//! `carrier admin`: what an operator does to a server, over its stores. It may run beside a system
//! that serves.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use clap::Subcommand;
use model::{ChatId, KeyId, MAX_WEBHOOK_CHATS, Scope, WebhookEvent, WebhookId};
use store::{Config, NewWebhook, Store};
use webhook::Reach;

use crate::{own_redis::OwnRedis, start};

/// The parked chats that are read at once.
const PARKED_AT_ONCE: u64 = 500;
/// The most characters of the name of a key.
const MAX_NAME: usize = 64;

/// Settings of `carrier admin`.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Settings {
    #[command(flatten)]
    stores: Config,
    #[command(flatten)]
    data: start::Data,
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Subcommand)]
enum Subject {
    /// Keys of the API, which the backend of your product uses
    #[command(subcommand)]
    Key(KeyAction),
    /// Webhooks, which are told of what happens in chats
    #[command(subcommand)]
    Webhook(WebhookAction),
}

#[derive(Subcommand)]
enum WebhookAction {
    /// Make a webhook, and print its id and its secret, which is shown only this once
    Create {
        /// The address that is told; https, unless CARRIER_WEBHOOK_PRIVATE is set
        #[arg(long)]
        url: String,
        /// The kinds of events: message.created, message.updated, message.deleted
        #[arg(long, value_delimiter = ',', required = true)]
        event: Vec<WebhookEvent>,
        /// The chats that it is told of; all without it
        #[arg(long, value_delimiter = ',')]
        chat: Vec<ChatId>,
    },
    /// List the webhooks: id, events, the number of chats, the time they were made, and address
    List,
    /// Delete a webhook; it is told of nothing more
    Revoke {
        /// The id, as `list` shows it
        id: WebhookId,
    },
    /// Give a webhook another secret, and print it: it is shown only this once
    Rotate {
        /// The id, as `list` shows it
        id: WebhookId,
        /// The time for which the secret before is good
        #[arg(long, default_value = "1d", value_parser = humantime::parse_duration)]
        keep_for: Duration,
    },
    /// List the chats of which a webhook is told no more, since its receiver took nothing of them
    Parked {
        /// The id, as `list` shows it
        id: WebhookId,
    },
    /// Have what is parked for a webhook tried again
    Retry {
        /// The id, as `list` shows it
        id: WebhookId,
    },
}

#[derive(Subcommand)]
enum KeyAction {
    /// Make a key, and print it: it is shown only this once
    Create {
        /// The name by which you know it, as the service that uses it
        #[arg(long)]
        name: String,
        /// The parts of the API that it may use: users, chats, messages, webhooks
        #[arg(long, value_delimiter = ',', required = true)]
        scope: Vec<Scope>,
    },
    /// List the keys: id, scopes, the time they were made, and name
    List,
    /// Revoke a key; it is refused from then on
    Revoke {
        /// The id, as `list` shows it
        id: KeyId,
    },
}

/// Runs `carrier admin`.
pub(crate) async fn run(settings: Settings) -> Result<ExitCode> {
    let redis = start::redis_url(&settings.stores)?
        .unwrap_or_else(|| OwnRedis::url_in(&settings.data.data_dir));
    let sql = start::database_url(&settings.stores)?.unwrap_or_else(|| settings.data.sqlite_url());
    let (_, store) = start::open(&settings.stores, &redis, &sql).await?;
    let began = store.begin_write();
    match settings.subject {
        Subject::Webhook(action) => {
            let reach = match settings.stores.webhook_private {
                true => Reach::Private,
                false => Reach::Public,
            };
            act_on_webhook(&store, action, reach).await?;
        }
        Subject::Key(KeyAction::List) => {
            for (id, key) in store.keys().await? {
                let scopes: Vec<_> = key.scopes.iter().map(ToString::to_string).collect();
                let made = key.created.rfc3339();
                say!("{id}  {:21}  {made}  {}", scopes.join(","), key.name);
            }
            return Ok(ExitCode::SUCCESS);
        }
        Subject::Key(KeyAction::Create { name, scope }) => {
            let name = name.trim();
            let length = name.chars().count();
            ensure!(
                (1..=MAX_NAME).contains(&length) && !name.chars().any(char::is_control),
                "--name must have 1 to {MAX_NAME} characters that can be seen"
            );
            let key = store.create_key(name, &scope).await?;
            until_durable(&store, began).await?;
            say!("{}", key.reveal());
        }
        Subject::Key(KeyAction::Revoke { id }) => {
            if !store.revoke_key(id).await? {
                bail!("there is no key {id}; `carrier admin key list` shows those that there are");
            }
            until_durable(&store, began).await?;
            say!("revoked {id}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Does what an operator does to webhooks.
async fn act_on_webhook(store: &Store, action: WebhookAction, reach: Reach) -> Result<()> {
    let began = store.begin_write();
    let none = |id: WebhookId| {
        format!("there is no webhook {id}; `carrier admin webhook list` shows those that there are")
    };
    match action {
        WebhookAction::Create { url, event, chat } => {
            let chats = (!chat.is_empty()).then_some(chat);
            let many = chats.as_ref().map_or(0, Vec::len);
            ensure!(
                many <= MAX_WEBHOOK_CHATS,
                "--chat must have up to {MAX_WEBHOOK_CHATS} chats"
            );
            let new = NewWebhook {
                url,
                events: event,
                chats,
                reach,
            };
            let (id, webhook) = store.create_webhook(new).await?;
            until_durable(store, began).await?;
            say!("{id}  {}", webhook.secret);
        }
        WebhookAction::List => {
            for (id, webhook) in store.webhooks().await? {
                let events: Vec<_> = webhook.events.iter().map(ToString::to_string).collect();
                let chats = match &webhook.chats {
                    None => "all chats".to_owned(),
                    Some(chats) => format!("{} chats", chats.len()),
                };
                let (events, made) = (events.join(","), webhook.from.rfc3339());
                say!("{id}  {events}  {chats}  {made}  {}", webhook.url);
            }
        }
        WebhookAction::Revoke { id } => {
            ensure!(store.delete_webhook(id).await?, none(id));
            until_durable(store, began).await?;
            say!("revoked {id}");
        }
        WebhookAction::Rotate { id, keep_for } => {
            let changed = store.rotate_webhook(id, keep_for).await?;
            let webhook = changed.with_context(|| none(id))?;
            until_durable(store, began).await?;
            say!("{}", webhook.secret);
        }
        WebhookAction::Parked { id } => {
            store.webhook(id).await?.with_context(|| none(id))?;
            let mut after = ChatId::LOWEST;
            loop {
                let parked = store.parked_chats(id, after, PARKED_AT_ONCE).await?;
                for one in &parked {
                    let since = one.since.rfc3339();
                    say!(
                        "{}  {since}  {} failures  {}",
                        one.chat,
                        one.failures,
                        one.failure
                    );
                }
                match parked.last() {
                    Some(last) => after = last.chat,
                    None => break,
                }
            }
        }
        WebhookAction::Retry { id } => {
            store.retry_webhook(id).await?.with_context(|| none(id))?;
            until_durable(store, began).await?;
            say!("what is parked for {id} is tried again");
        }
    }
    Ok(())
}

/// Waits until what was written is as durable as Redis can make it.
async fn until_durable(store: &Store, began: store::WriteToken) -> Result<()> {
    ensure!(
        store.is_as_durable_as_possible(began).await,
        "it was written, but Redis could not make it durable in time; do it again"
    );
    Ok(())
}
