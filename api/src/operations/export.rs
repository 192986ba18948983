//! The export of an account.

use std::io;

use async_stream::try_stream;
use futures_util::Stream;
use model::{Account, ChatId, ChatView, Message, Profile, SessionView, Tick, UserId};
use poem::{Body, IntoResponse, Response, http::header};
use poem_openapi::{
    ApiResponse, Object, OpenApi, Union,
    param::Query,
    payload::Payload,
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::{ToJSON, Type},
};
use store::{ChatFilter, Membership};

use crate::{
    bounds::turns::{Turn, Work},
    request::{auth::Caller, ids::place},
    response::problem::Problem,
};

/// The operation that exports an account.
pub(crate) struct ExportApi;

/// The number of rows that are read at once of all that comes in pages.
const PAGE: usize = 100;

/// The account itself.
#[derive(Object)]
struct AccountLine {
    /// The account.
    account: Account,
    /// The open sessions of the account.
    sessions: Vec<SessionView>,
}

/// A user whom the account blocks.
#[derive(Object)]
struct BlockLine {
    /// The user.
    user: Profile,
}

/// A chat of the account.
#[derive(Object)]
struct ChatLine {
    /// The chat as the account sees it.
    chat: ChatView,
}

/// A message: of the account, or of the one chat that was asked for.
#[derive(Object)]
struct MessageLine {
    /// The message as every member sees it.
    message: Message,
}

/// The last line. An export without it is not whole.
#[derive(Object)]
struct EndLine {
    /// The number of messages in the export.
    messages: i64,
}

/// A line of an export.
#[allow(clippy::large_enum_variant)] // only one exists at a time
#[derive(Union)]
#[oai(discriminator_name = "type", rename_all = "snake_case")]
enum ExportLine {
    #[oai(mapping = "account")]
    Account(AccountLine),
    #[oai(mapping = "block")]
    Block(BlockLine),
    #[oai(mapping = "chat")]
    Chat(ChatLine),
    #[oai(mapping = "message")]
    Message(MessageLine),
    #[oai(mapping = "end")]
    End(EndLine),
}

#[OpenApi(tag = "crate::operations::Tags::Users")]
impl ExportApi {
    /// Export your account
    ///
    /// JSON lines: your account and the users you block, then each of your chats with
    /// the messages that you wrote in it. With `chat_id`: that chat alone, with every
    /// message that you see of it. `after` and `before` are ids of messages, or points
    /// in time in microseconds. The last line has the type `end`; an export without it
    /// is not whole.
    #[oai(path = "/users/me/export", method = "get", operation_id = "exportMe")]
    async fn export(
        &self,
        caller: Caller,
        /// The only chat to export.
        chat_id: Query<Option<ChatId>>,
        /// Messages are later than this id, or point in time in microseconds.
        after: Query<Option<Tick>>,
        /// Messages are earlier than this id, or point in time in microseconds.
        before: Query<Option<Tick>>,
    ) -> Result<Lines, Problem> {
        let (after, before) = (place(after.0)?, place(before.0)?);
        if let Some(chat) = chat_id.0 {
            // A 404 can be sent only before the first line.
            caller.state.store.view(caller.own(chat)).await?;
        }
        let turn = caller.turn(Work::Export).await?;
        Ok(Lines(Body::from_bytes_stream(lines(
            caller, turn, chat_id.0, after, before,
        ))))
    }
}

/// Reads the lines of an export page by page, as quickly as the client takes them.
fn lines(
    caller: Caller,
    turn: Turn,
    only: Option<ChatId>,
    after: Tick,
    before: Tick,
) -> impl Stream<Item = io::Result<Vec<u8>>> {
    try_stream! {
        let _turn = turn;
        let (store, me) = (&caller.state.store, caller.user());
        let who = me.to_string();
        let mut chats = Vec::new();
        if let Some(chat) = only {
            chats.push(store.view(caller.own(chat)).await.map_err(broken)?);
        } else {
            let account = store
                .user(me)
                .await
                .map_err(broken)?
                .ok_or_else(|| io::Error::other("the account is gone"))?;
            let sessions = store.sessions(me, &caller.session.hash).await.map_err(broken)?;
            yield line(&ExportLine::Account(AccountLine { account: account.into(), sessions }));
            let mut last = None;
            loop {
                let (users, next) = store.blocked(me, last, PAGE).await.map_err(broken)?;
                for user in users {
                    yield line(&ExportLine::Block(BlockLine { user: user.into() }));
                }
                let Some(next) = next else { break };
                last = Some(next);
            }
            let mut last = None;
            loop {
                let page = store.list(me, ChatFilter::default(), last, PAGE).await;
                let (some, next) = page.map_err(broken)?;
                chats.extend(some);
                let Some(next) = next else { break };
                last = Some(next);
            }
        }
        let mut messages = 0;
        for chat in chats {
            let own = Membership { chat: chat.id, user: me };
            yield line(&ExportLine::Chat(ChatLine { chat }));
            let mut from = Tick(after.0.max(1));
            loop {
                let page = match store.page(own, Tick::NEVER, from, PAGE).await {
                    Err(store::Error::NoChat) => break, // left while it was read
                    page => page.map_err(broken)?,
                };
                let (items, author) = (page.items, only.is_none().then_some(me));
                let texts = store.compute(&who, move || message_lines(&items, before, author));
                let (count, text) = texts.await.map_err(broken)??;
                messages += count;
                yield text;
                match page.next.filter(|next| !before.happened() || *next < before) {
                    Some(next) => from = next,
                    None => break,
                }
            }
        }
        yield line(&ExportLine::End(EndLine { messages }));
    }
}

/// Returns the lines of messages, and how many there are: of those before a tick, and of an author
/// unless it is anybody.
fn message_lines(
    items: &[String],
    before: Tick,
    author: Option<UserId>,
) -> io::Result<(i64, Vec<u8>)> {
    let (mut count, mut lines) = (0, Vec::new());
    for json in items {
        let message: Message = serde_json::from_str(json).map_err(io::Error::other)?;
        let is_early = !before.happened() || message.id < before;
        if is_early && author.is_none_or(|author| author == message.sender_id) {
            count += 1;
            lines.extend(line(&ExportLine::Message(MessageLine { message })));
        }
    }
    Ok((count, lines))
}

/// Returns the text of a line.
fn line(line: &ExportLine) -> Vec<u8> {
    let mut json = line.to_json_string();
    json.push('\n');
    json.into_bytes()
}

/// Turns an error into the end of the body: the answer has begun, so its status is sent already.
fn broken(error: store::Error) -> io::Error {
    tracing::warn!(%error, "an export ended early: a store did not answer");
    io::Error::other(error)
}

/// The lines of an export, sent as they are read.
struct Lines(Body);

impl Payload for Lines {
    const CONTENT_TYPE: &'static str = "application/x-ndjson";

    fn schema_ref() -> MetaSchemaRef {
        ExportLine::schema_ref()
    }

    fn register(registry: &mut Registry) {
        ExportLine::register(registry);
    }
}

impl IntoResponse for Lines {
    fn into_response(self) -> Response {
        let named = "attachment; filename=\"carrier-export.ndjson\"";
        Response::builder()
            .header(header::CONTENT_TYPE, Self::CONTENT_TYPE)
            .header(header::CONTENT_DISPOSITION, named)
            .body(self.0)
    }
}

impl ApiResponse for Lines {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType {
            content_type: Self::CONTENT_TYPE,
            schema: Self::schema_ref(),
        }];
        let ok = MetaResponse {
            description: "Lines of JSON, each of this form.",
            status: Some(200),
            status_range: None,
            content,
            headers: vec![],
        };
        MetaResponses {
            responses: vec![ok],
        }
    }

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }
}
