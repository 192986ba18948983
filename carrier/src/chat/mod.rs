//! `carrier chat`: a client for the terminal, and an example of how to use the protocol well.
//!
//! The HTTP calls are in [`api_client`], the WebSocket is in [`link`], and the chats that were
//! received are in [`state`]: it takes rows by `rev`, so a row that comes twice, late or out of
//! order does no harm.

/// The calls of the HTTP API.
mod api_client;
/// The WebSocket, which reconnects by itself. Uses `api_client` for its address, and to catch up.
mod link;
/// The chats, messages and people that were received. Pure: no I/O.
mod state;

use anyhow::{Context, Result, bail};
use model::{ChatId, ServerEvent, UserId, names_all};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, Split, Stdin};
use tokio_util::sync::CancellationToken;

use api_client::ApiClient;
use link::{Link, LinkEvent};
use state::LocalState;

use crate::terminal::one_line;

const HELP: &str = "\
/chats              list my chats
/open N|NAME        open a chat of the list, or the direct chat with NAME
/group NAME WHO...  create a group
/more               show older messages
/search WORDS       search all my chats
/who                list the members, and who is online
/quit               log out
anything else is sent to the open chat; @all mentions all members, where you may";

/// The number of messages that are shown at a time.
const PAGE: usize = 20;

/// Settings of `carrier chat`.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Settings {
    /// URL of the API
    #[arg(long, env = "CARRIER_URL", default_value = "http://127.0.0.1:8080")]
    url: url::Url,
    /// Username or e-mail address
    #[arg(long, short, env = "CARRIER_LOGIN")]
    login: String,
    /// Create the account first; its username is the login
    #[arg(long)]
    register: bool,
    /// Password; asked for when it is not set
    #[arg(long, env = "CARRIER_PASSWORD", hide_env_values = true)]
    password: Option<String>,
}

/// Runs the client until the user quits or `shutdown` is cancelled.
pub(crate) async fn run(settings: Settings, shutdown: CancellationToken) -> Result<()> {
    files::install_tls();
    let password = match settings.password {
        Some(password) => password,
        None => rpassword::prompt_password(format!("Password of {}: ", settings.login))
            .context("could not read the password")?,
    };
    let api =
        ApiClient::log_in(settings.url, &settings.login, &password, settings.register).await?;
    // The cursor comes first, so that what happens while the chats are listed is after it.
    let cursor = api.cursor().await?;
    let mut state = LocalState::new(api.me.id);
    for chat in api.chats().await? {
        state.put_chat(chat);
    }
    let members = state.all_members();
    learn_names(&api, &mut state, members).await;
    say!(
        "Hello {}. /help lists the commands.",
        one_line(&api.me.display_name)
    );
    say!("{}", state.chat_list());
    let (link, mut events) = Link::start(api.clone(), cursor);
    let mut lines = BufReader::new(tokio::io::stdin()).split(b'\n');
    let mut open: Option<ChatId> = None;
    loop {
        tokio::select! {
            event = events.recv() => match event.context("the connection was lost for good")? {
                LinkEvent::Server(event) => {
                    if let ServerEvent::MessageCreated(created) = &*event {
                        learn_names(&api, &mut state, [created.message.sender_id]).await;
                    }
                    show(&mut state, &event, open, &link);
                }
                LinkEvent::Connected => say!("-- connected"),
                LinkEvent::Disconnected(reason) => {
                    let reason = one_line(&reason);
                    say!("-- not connected ({reason}); what you write is sent later");
                }
                LinkEvent::LoggedOut => bail!("this session has ended; log in again"),
            },
            line = next(&mut lines) => {
                let Some(line) = line? else { break };
                if line.trim() == "/quit" {
                    break;
                }
                let done = run_command(line.trim(), &api, &mut state, &link, &mut open).await;
                if let Err(error) = done {
                    say!("-- {}", one_line(&format!("{error:#}")));
                }
            }
            () = shutdown.cancelled() => break,
        }
    }
    link.finish().await;
    api.log_out().await
}

/// Returns the next line that was typed. What is no UTF-8, as a terminal leaves behind that takes
/// half a letter back, becomes the sign for what cannot be read; a mark of byte order is no text.
async fn next(lines: &mut Split<BufReader<Stdin>>) -> Result<Option<String>> {
    let line = lines
        .next_segment()
        .await
        .context("could not read from the terminal")?;
    Ok(line.map(|line| {
        let text = String::from_utf8_lossy(&line);
        text.trim_start_matches('\u{feff}').to_owned()
    }))
}

/// Runs a command, or sends a message, that the user typed.
async fn run_command(
    line: &str,
    api: &ApiClient,
    state: &mut LocalState,
    link: &Link,
    open: &mut Option<ChatId>,
) -> Result<()> {
    let (word, rest) = line
        .split_once(' ')
        .map_or((line, ""), |(word, rest)| (word, rest.trim()));
    match word {
        "" => {}
        "/help" => say!("{HELP}"),
        "/chats" => say!("{}", state.chat_list()),
        "/open" => {
            let chat = match state.find(rest) {
                Some(chat) => chat,
                None => state.put_chat(
                    api.create(&json!({ "kind": "direct", "members": [rest] }))
                        .await?,
                ),
            };
            *open = Some(chat);
            say!("-- {}", state.name(chat));
            show_page(api, state, link, chat, None).await?;
            link.watch(state.others(chat));
        }
        "/group" => {
            let mut words = rest.split_whitespace();
            let (name, members) = (
                words.next().context("/group NAME WHO...")?,
                words.collect::<Vec<_>>(),
            );
            let chat = state.put_chat(
                api.create(&json!({ "kind": "group", "name": name, "members": members }))
                    .await?,
            );
            *open = Some(chat);
            say!("-- {}", state.name(chat));
        }
        "/more" => {
            let chat = open.context("/open a chat first")?;
            show_page(api, state, link, chat, state.oldest(chat)).await?;
        }
        "/search" => {
            for hit in api.search(rest).await? {
                say!("{}", state.line(&hit, true));
            }
        }
        "/who" => say!("{}", state.member_list(open.context("/open a chat first")?)),
        _ if word.starts_with('/') => bail!("there is no command {word}; /help lists the commands"),
        _ => {
            let chat = open.context("/open a chat first")?;
            let mentions_all = names_all(line) && state.may_mention_all(chat);
            link.send(chat, line, mentions_all);
        }
    }
    Ok(())
}

/// Shows a page of a chat, and marks the chat as read if it is the newest page.
async fn show_page(
    api: &ApiClient,
    state: &mut LocalState,
    link: &Link,
    chat: ChatId,
    before: Option<model::Tick>,
) -> Result<()> {
    let page = api.page(chat, before, PAGE).await?;
    if page.is_empty() {
        say!(
            "-- no {}",
            match before {
                Some(_) => "older messages",
                None => "messages here yet",
            }
        );
    }
    learn_names(api, state, page.iter().map(|message| message.sender_id)).await;
    for message in &page {
        state.put_message(message);
        say!("{}", state.line(message, false));
    }
    if let (Some(last), None) = (page.last(), before) {
        link.read(chat, last.id);
        state.mark_read(chat);
    }
    Ok(())
}

/// Looks up the names of users. The client can go on without them, so errors are ignored.
async fn learn_names(
    api: &ApiClient,
    state: &mut LocalState,
    users: impl IntoIterator<Item = UserId>,
) {
    let unknown = state.unknown(users);
    if !unknown.is_empty()
        && let Ok(people) = api.people(&unknown).await
    {
        people.iter().for_each(|person| state.put_person(person));
    }
}

/// Prints an event, if it is worth a line.
fn show(state: &mut LocalState, event: &ServerEvent, open: Option<ChatId>, link: &Link) {
    match event {
        ServerEvent::MessageCreated(created) if state.put_message(&created.message) => {
            let here = open == Some(created.chat_id);
            say!("{}", state.line(&created.message, !here));
            if here {
                link.read(created.chat_id, created.message.id);
                state.mark_read(created.chat_id);
            }
        }
        ServerEvent::MessageUpdated(updated)
            if state.put_message(&updated.message) && open == Some(updated.chat_id) =>
        {
            say!("{}", state.line(&updated.message, false));
        }
        ServerEvent::Reaction(reaction)
            if state.put_message(&reaction.message)
                && open == Some(reaction.chat_id)
                && reaction.added =>
        {
            say!(
                "   {} {} {}",
                state.person(reaction.user_id),
                one_line(&reaction.emoji),
                state.line(&reaction.message, false)
            );
        }
        ServerEvent::Typing(typing) if open == Some(typing.chat_id) && typing.expires_ms > 0 => {
            say!("   {} is typing", state.person(typing.user_id));
        }
        ServerEvent::Presence(presence)
            if state.put_presence(presence.user_id, presence.online) =>
        {
            say!(
                "   {} is {}",
                state.person(presence.user_id),
                if presence.online { "online" } else { "offline" }
            );
        }
        ServerEvent::ChatCreated(created) => {
            state.put_chat(created.chat.clone());
            say!("-- you are in {}", state.name(created.chat_id));
        }
        ServerEvent::ChatUpdated(updated) => drop(state.put_chat(updated.chat.clone())),
        ServerEvent::ChatRemoved(removed) => {
            say!("-- you are no longer in {}", state.name(removed.chat_id));
            state.remove_chat(removed.chat_id);
        }
        ServerEvent::UserUpdated(updated) => state.put_person(&updated.user),
        ServerEvent::Error(refused) => {
            say!("-- refused: {}", one_line(&refused.problem.detail));
        }
        _ => {}
    }
}
