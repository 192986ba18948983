//! What is mine, to take along.

use std::io;

use async_stream::try_stream;
use futures_util::Stream;
use model::{Account, ChatId, ChatView, Message, Profile, SessionView, Tick};
use poem::{Body, IntoResponse, Response, http::header};
use poem_openapi::{
    ApiResponse, Object, OpenApi, Union,
    param::Query,
    payload::Payload,
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::{ToJSON, Type},
};
use store::{Filter, Own};

use crate::{auth::Caller, message::place, problem::Problem};

pub(crate) struct ExportApi;

/// How many of what comes in pages are read at once.
const PAGE: usize = 100;

/// My account.
#[derive(Object)]
struct AccountLine {
    /// My account.
    account: Account,
    /// My sessions.
    sessions: Vec<SessionView>,
}

/// Somebody whom I block.
#[derive(Object)]
struct BlockLine {
    /// Whom.
    user: Profile,
}

/// One of my chats.
#[derive(Object)]
struct ChatLine {
    /// As I see it.
    chat: ChatView,
}

/// A message: mine, or of the one chat that was asked for.
#[derive(Object)]
struct MessageLine {
    /// As everybody sees it.
    message: Message,
}

/// The last line: without it, the export is not whole.
#[derive(Object)]
struct EndLine {
    /// How many messages there were.
    messages: i64,
}

/// A line of an export.
#[allow(clippy::large_enum_variant)] // there is one at a time
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

#[OpenApi(tag = "crate::problem::Tags::Users")]
impl ExportApi {
    /// Take along what is mine
    ///
    /// JSON lines: my account and whom I block, then each of my chats with what I wrote in it. With `chat_id`: that chat alone, with all that I see of it. `after` and
    /// `before` are ids, or points in time in microseconds. The last line has the type `end`; without it, the export broke off.
    #[oai(path = "/users/me/export", method = "get", operation_id = "exportMe")]
    async fn export(
        &self,
        caller: Caller,
        /// Only this chat.
        chat_id: Query<Option<ChatId>>,
        /// Only what is later.
        after: Query<Option<Tick>>,
        /// Only what is earlier.
        before: Query<Option<Tick>>,
    ) -> Result<Lines, Problem> {
        let (after, before) = (place(after.0)?, place(before.0)?);
        if let Some(chat) = chat_id.0 {
            caller.state.store.view(caller.own(chat)).await?; // a 404 while there can be one
        }
        Ok(Lines(Body::from_bytes_stream(lines(caller, chat_id.0, after, before))))
    }
}

/// Page by page, as quickly as the reader takes them.
fn lines(caller: Caller, only: Option<ChatId>, after: Tick, before: Tick) -> impl Stream<Item = io::Result<Vec<u8>>> {
    try_stream! {
        let (store, me) = (&caller.state.store, caller.user());
        let mut chats = Vec::new();
        if let Some(chat) = only {
            chats.push(store.view(caller.own(chat)).await.map_err(broken)?);
        } else {
            let account = store.user(me).await.map_err(broken)?.ok_or_else(|| io::Error::other("the account is gone"))?;
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
                let (some, next) = store.list(me, Filter::default(), last, PAGE).await.map_err(broken)?;
                chats.extend(some);
                let Some(next) = next else { break };
                last = Some(next);
            }
        }
        let mut messages = 0;
        for chat in chats {
            let own = Own { chat: chat.id, user: me };
            yield line(&ExportLine::Chat(ChatLine { chat }));
            let mut from = Tick(after.0.max(1));
            loop {
                let page = match store.page(own, Tick::NEVER, from, PAGE).await {
                    Err(store::Error::NoChat) => break, // left while it was read
                    page => page.map_err(broken)?,
                };
                for json in page.items {
                    let message: Message = serde_json::from_str(&json).map_err(io::Error::other)?;
                    let asked = (!before.happened() || message.id < before) && (only.is_some() || message.sender_id == me);
                    if asked {
                        messages += 1;
                        yield line(&ExportLine::Message(MessageLine { message }));
                    }
                }
                match page.next.filter(|next| !before.happened() || *next < before) {
                    Some(next) => from = next,
                    None => break,
                }
            }
        }
        yield line(&ExportLine::End(EndLine { messages }));
    }
}

fn line(line: &ExportLine) -> Vec<u8> {
    let mut json = line.to_json_string();
    json.push('\n');
    json.into_bytes()
}

/// The answer has begun, so all that can be done is to break it off.
fn broken(error: store::Error) -> io::Error {
    tracing::warn!(%error, "an export broke off");
    io::Error::other(error)
}

/// JSON lines, as they are made.
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
        Response::builder().header(header::CONTENT_TYPE, Self::CONTENT_TYPE).header(header::CONTENT_DISPOSITION, named).body(self.0)
    }
}

impl ApiResponse for Lines {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: Self::CONTENT_TYPE, schema: Self::schema_ref() }];
        let ok = MetaResponse {
            description: "Lines of JSON, each of this form.",
            status: Some(200),
            status_range: None,
            content,
            headers: vec![],
        };
        MetaResponses { responses: vec![ok] }
    }

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }
}
