//! Search.

use model::{ChatId, Message, Segment, Terms, Tick, UserId};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use store::Search;

use crate::{auth::Limited, boxes, cursor, message, problem::Problem, quota::Searches};

pub(crate) struct SearchApi;

/// A message that was found.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Hit {
    /// As it is now.
    message: Message,
    /// Its body, or the part of it around the first hit, in pieces; plain text, no HTML. It has no hit when only the subject or a file's name has one.
    segments: Vec<Segment>,
    /// With what I reacted to it.
    my_reactions: Option<Vec<String>>,
}

/// Messages that were found.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Hits {
    /// Newest first.
    items: Vec<Hit>,
    /// For `cursor`: more follow.
    next: Option<String>,
}

#[OpenApi(tag = "crate::problem::Tags::Messages")]
#[allow(clippy::too_many_arguments)] // one for each parameter of the query
impl SearchApi {
    /// Search my messages
    ///
    /// In the whole history of my chats: bodies, subjects and names of files that have all the words, each as the beginning of a word, whatever their case and accents. In
    /// Chinese, Japanese and other scripts without spaces any part of a text is found. A short page is not the end, an absent `next` is.
    #[oai(path = "/search", method = "get", operation_id = "searchMessages")]
    async fn search(
        &self,
        caller: Limited<Searches>,
        /// What to look for, 1 to 200 characters with a letter or a digit among them.
        q: Query<String>,
        /// Only in this chat.
        chat_id: Query<Option<ChatId>>,
        /// Only what this user wrote.
        from: Query<Option<UserId>>,
        /// Only what is later than this id, or point in time in microseconds.
        after: Query<Option<Tick>>,
        /// Only what is earlier.
        before: Query<Option<Tick>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
        /// 1 to 100; 50 when absent.
        limit: Query<Option<usize>>,
    ) -> Result<Json<Hits>, Problem> {
        if q.0.chars().count() > 200 {
            return Err(Problem::malformed("q must have at most 200 characters"));
        }
        let terms = Terms::of(&q.0).ok_or_else(|| Problem::malformed("q must have a letter or a digit to look for"))?;
        let (after, before) = (message::place(after.0)?, message::place(before.0)?);
        let search = Search { terms, chat: chat_id.0, from: from.0, after, before };
        let last = cursor.0.as_deref().map(|text| cursor::read(text, boxes::read_place)).transpose()?;
        let (hits, next) = caller.state.store.search(caller.user(), &search, last, cursor::limit(limit.0)?).await?;
        let item = |hit: store::Hit| Hit {
            message: hit.message,
            segments: hit.segments,
            my_reactions: (!hit.my_reactions.is_empty()).then_some(hit.my_reactions),
        };
        Ok(Json(Hits { items: hits.into_iter().map(item).collect(), next: next.map(boxes::write_place) }))
    }
}
