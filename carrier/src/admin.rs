//! `carrier admin`: what an operator does to a server, over its stores. It may run beside a system
//! that serves.

use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use clap::Subcommand;
use model::{KeyId, Scope};
use store::{Config, Store};

use crate::{own_redis::OwnRedis, start};

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
}

#[derive(Subcommand)]
enum KeyAction {
    /// Make a key, and print it: it is shown only this once
    Create {
        /// The name by which you know it, as the service that uses it
        #[arg(long)]
        name: String,
        /// The parts of the API that it may use: users, chats, messages
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

/// Waits until what was written is as durable as Redis can make it.
async fn until_durable(store: &Store, began: store::WriteToken) -> Result<()> {
    ensure!(
        store.is_as_durable_as_possible(began).await,
        "it was written, but Redis could not make it durable in time; do it again"
    );
    Ok(())
}
