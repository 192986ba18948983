//! The speed of the page: a history of many messages is scrolled through in a real browser, both
//! ways, and its frames are counted. Then the page jumps, goes from chat to chat, and is opened.

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::process::Command;

use crate::{http::Connection, server::Server};

/// The password of every user.
const PASSWORD: &str = "tugboat-salad-7";
const CONNECTIONS: usize = 16;
/// The texts of the messages: one line, several, with and without Markdown.
const TEXTS: [&str; 6] = [
    "Did the boat get in?",
    "An hour ago. Everyone is dry, and hungry, and nobody wants to hear about the fog any more.",
    "High water is at **09:42**, so we leave the harbour at *nine sharp*.",
    "Then breakfast is on me:\n\n- coffee, lots of it\n- rolls\n- the good marmalade",
    "👍",
    "It blew from the north all night, and in the morning there was ice on the ropes. We stayed \
     in, mended what was torn, and read the almanac aloud until \
     somebody laughed. The harbour master came by with his dog and said that it would turn by \
     noon; it did not.",
];

/// Scrolls through so many messages.
pub(crate) async fn scroll(messages: usize, seconds: u64) -> Result<()> {
    let carrier = Server::carrier("everysec", None).await?;
    let mut connection = Connection::open(&carrier.address).await?;
    let tokens = [
        register(&mut connection, "ann").await?,
        register(&mut connection, "bob").await?,
    ];
    let new = json!({ "kind": "direct", "members": ["bob"] });
    let chat = connection.call("/v1/chats", &tokens[0], &new).await?;
    let chat = chat["id"].as_str().context("no chat")?;
    let path = format!("/v1/chats/{chat}/messages");
    try_join_all(
        (0..CONNECTIONS).map(|first| write(&carrier.address, &path, &tokens, first, messages)),
    )
    .await?;

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/page/scroll.mjs");
    let measured = Command::new("node")
        .args([
            script,
            &format!("http://{}", carrier.address),
            chat,
            PASSWORD,
            &messages.to_string(),
            &seconds.to_string(),
        ])
        .status()
        .await
        .context("node is not installed; run scripts/setup --tests")?;
    ensure!(measured.success(), "the page was not measured");
    carrier.stop().await
}

/// Sends every sixteenth message over one connection; each of the two sends three in turn.
async fn write(
    address: &str,
    path: &str,
    tokens: &[String],
    first: usize,
    messages: usize,
) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    for at in (first..messages).step_by(CONNECTIONS) {
        let body = json!({ "body": format!("{at}: {}", TEXTS[at * 7 % TEXTS.len()]) });
        connection.call(path, &tokens[at / 3 % 2], &body).await?;
    }
    Ok(())
}

/// Registers a new user, and returns their token.
async fn register(connection: &mut Connection, name: &str) -> Result<String> {
    let body =
        json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
    let answer = connection.call("/v1/auth/register", "", &body).await?;
    Ok(answer["token"].as_str().context("no token")?.to_owned())
}
