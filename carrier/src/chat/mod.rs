//! `carrier chat`: a client for the terminal, and the example of how to use the protocol well.
//!
//! [`remote`] asks, [`link`] listens and says, for as long as it takes, and [`book`] keeps what is known: rows are taken by their `rev`, so whatever comes
//! twice, late or in another order does no harm.

mod book;
mod link;
mod remote;

use anyhow::{Context, Result, bail};
use model::{ChatId, ServerEvent, UserId};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};
use tokio_util::sync::CancellationToken;

use book::Book;
use link::{Link, Told};
use remote::Remote;

const HELP: &str = "\
/chats              list my chats
/open N|NAME        go to a chat of the list, or to the direct chat with somebody
/group NAME WHO...  make a group
/more               older messages
/search WORDS       in all my chats
/who                who is here, and who is online
/quit               log out
anything else is sent to the chat that is open";

/// How many messages are shown at a time.
const PAGE: usize = 20;

/// Settings of `carrier chat`.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Settings {
    /// Where the API is
    #[arg(long, env = "CARRIER_URL", default_value = "http://127.0.0.1:8080")]
    url: url::Url,
    /// Username or e-mail address
    #[arg(long, short, env = "CARRIER_LOGIN")]
    login: String,
    /// Make the account first; its username is the login
    #[arg(long)]
    register: bool,
    /// The password; asked for when it is not set
    #[arg(long, env = "CARRIER_PASSWORD", hide_env_values = true)]
    password: Option<String>,
}

pub(crate) async fn run(settings: Settings, shutdown: CancellationToken) -> Result<()> {
    files::install_tls();
    let password = match settings.password {
        Some(password) => password,
        None => rpassword::prompt_password(format!("Password of {}: ", settings.login)).context("no password")?,
    };
    let remote = Remote::enter(settings.url, &settings.login, &password, settings.register).await?;
    // The cursor first: whatever happens while the chats are listed is told by what comes after it.
    let cursor = remote.cursor().await?;
    let mut book = Book::new(remote.me.id);
    for chat in remote.chats().await? {
        book.put(chat);
    }
    let everybody = book.everybody();
    meet(&remote, &mut book, everybody).await;
    println!("Hello {}. /help tells what can be done here.", remote.me.display_name);
    println!("{}", book.list());
    let (link, mut told) = Link::start(remote.clone(), cursor);
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut open: Option<ChatId> = None;
    loop {
        tokio::select! {
            told = told.recv() => match told.context("the connection is gone for good")? {
                Told::Event(event) => {
                    if let ServerEvent::MessageCreated(created) = &*event {
                        meet(&remote, &mut book, [created.message.sender_id]).await;
                    }
                    show(&mut book, &event, open, &link);
                }
                Told::Online => println!("-- connected"),
                Told::Offline(why) => println!("-- not connected ({why}); what you write is sent when we are back"),
                Told::LoggedOut => bail!("this session has ended; log in again"),
            },
            line = next(&mut lines) => {
                let Some(line) = line? else { break };
                let quits = line.trim() == "/quit";
                if quits {
                    break;
                }
                if let Err(error) = obey(line.trim(), &remote, &mut book, &link, &mut open).await {
                    println!("-- {error:#}");
                }
            }
            () = shutdown.cancelled() => break,
        }
    }
    link.finish().await;
    remote.leave().await
}

async fn next(lines: &mut Lines<BufReader<Stdin>>) -> Result<Option<String>> {
    lines.next_line().await.context("the terminal is gone")
}

/// Does what was typed.
async fn obey(line: &str, remote: &Remote, book: &mut Book, link: &Link, open: &mut Option<ChatId>) -> Result<()> {
    let (word, rest) = line.split_once(' ').map_or((line, ""), |(word, rest)| (word, rest.trim()));
    match word {
        "" => {}
        "/help" => println!("{HELP}"),
        "/chats" => println!("{}", book.list()),
        "/open" => {
            let chat = match book.find(rest) {
                Some(chat) => chat,
                None => book.put(remote.create(&json!({ "kind": "direct", "members": [rest] })).await?),
            };
            *open = Some(chat);
            println!("-- {}", book.name(chat));
            turn_page(remote, book, link, chat, None).await?;
            link.watch(book.people(chat));
        }
        "/group" => {
            let mut words = rest.split_whitespace();
            let (name, members) = (words.next().context("/group NAME WHO...")?, words.collect::<Vec<_>>());
            let chat = book.put(remote.create(&json!({ "kind": "group", "name": name, "members": members })).await?);
            *open = Some(chat);
            println!("-- {}", book.name(chat));
        }
        "/more" => {
            let chat = open.context("/open a chat first")?;
            turn_page(remote, book, link, chat, book.oldest(chat)).await?;
        }
        "/search" => {
            for hit in remote.search(rest).await? {
                println!("{}", book.line(&hit, true));
            }
        }
        "/who" => println!("{}", book.who(open.context("/open a chat first")?)),
        _ if word.starts_with('/') => bail!("there is no {word}; /help tells what there is"),
        _ => link.send(open.context("/open a chat first")?, line),
    }
    Ok(())
}

/// Shows a page of a chat, which is read then.
async fn turn_page(remote: &Remote, book: &mut Book, link: &Link, chat: ChatId, before: Option<model::Tick>) -> Result<()> {
    let page = remote.page(chat, before, PAGE).await?;
    if page.is_empty() {
        println!("-- there is nothing{}", if before.is_some() { " older" } else { " here yet" });
    }
    meet(remote, book, page.iter().map(|message| message.sender_id)).await;
    for message in &page {
        book.take(message);
        println!("{}", book.line(message, false));
    }
    if let (Some(last), None) = (page.last(), before) {
        link.read(chat, last.id);
        book.read(chat);
    }
    Ok(())
}

/// Learns the names of these; without them it goes on too.
async fn meet(remote: &Remote, book: &mut Book, users: impl IntoIterator<Item = UserId>) {
    let strangers = book.strangers(users);
    if !strangers.is_empty()
        && let Ok(people) = remote.people(&strangers).await
    {
        people.iter().for_each(|person| book.meet(person));
    }
}

/// Tells what happened, if it is worth a line.
fn show(book: &mut Book, event: &ServerEvent, open: Option<ChatId>, link: &Link) {
    match event {
        ServerEvent::MessageCreated(created) if book.take(&created.message) => {
            let here = open == Some(created.chat_id);
            println!("{}", book.line(&created.message, !here));
            if here {
                link.read(created.chat_id, created.message.id);
                book.read(created.chat_id);
            }
        }
        ServerEvent::MessageUpdated(updated) if book.take(&updated.message) && open == Some(updated.chat_id) => {
            println!("{}", book.line(&updated.message, false));
        }
        ServerEvent::Reaction(reaction) if book.take(&reaction.message) && open == Some(reaction.chat_id) && reaction.added => {
            println!("   {} {} {}", book.person(reaction.user_id), reaction.emoji, book.line(&reaction.message, false));
        }
        ServerEvent::Typing(typing) if open == Some(typing.chat_id) && typing.expires_ms > 0 => {
            println!("   {} is typing", book.person(typing.user_id));
        }
        ServerEvent::Presence(presence) if book.is_online(presence.user_id, presence.online) => {
            println!("   {} is {}", book.person(presence.user_id), if presence.online { "online" } else { "offline" });
        }
        ServerEvent::ChatCreated(created) => {
            book.put(created.chat.clone());
            println!("-- you are in {}", book.name(created.chat_id));
        }
        ServerEvent::ChatUpdated(updated) => drop(book.put(updated.chat.clone())),
        ServerEvent::ChatRemoved(removed) => {
            println!("-- you are no longer in {}", book.name(removed.chat_id));
            book.forget(removed.chat_id);
        }
        ServerEvent::UserUpdated(updated) => book.meet(&updated.user),
        ServerEvent::Error(refused) => println!("-- refused: {}", refused.problem.detail),
        _ => {}
    }
}
