//! Full-text search over the messages of one user.

use model::{ChatId, Message, Segment, Terms, Tick, UserId};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use store::SearchQuery;

use crate::{
    bounds::turns::Work,
    operations::mailboxes,
    request::{auth::Limited, cursor, ids::place, rate_limits::Searches, validate::MAX_SEARCH},
    response::problem::Problem,
};

/// The operation that searches.
pub(crate) struct SearchApi;

/// A message that was found.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Hit {
    /// The message as it is now.
    message: Message,
    /// The body, or the part of it around the first hit, in pieces of plain text without HTML. None
    /// is a hit when only the subject or the name of a file has one.
    segments: Vec<Segment>,
    /// Emoji with which the caller reacted to the message.
    my_reactions: Option<Vec<String>>,
}

/// Messages that were found.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Hits {
    /// Hits, newest first.
    items: Vec<Hit>,
    /// The `cursor` of the next page; absent on the last one.
    next: Option<String>,
    /// True while the index of older messages is made anew after an upgrade: some of them may be
    /// missing.
    partial: bool,
}

#[OpenApi(tag = "crate::operations::Tags::Messages")]
#[allow(clippy::too_many_arguments)] // one for each parameter of the query
impl SearchApi {
    /// Search your messages
    ///
    /// In the whole history of your chats: bodies, subjects and names of files that have all the
    /// words, each as the beginning of a word, in any case, with or without the accents, strokes,
    /// vowel points and other marks that people leave out. Words that signs join (`3.14`, `C++`,
    /// `ann@example.org`) are found as they stand, and so is what stands in quotes. In Chinese,
    /// Japanese and other scripts without spaces any part of a text is found. A short page is not
    /// the last one; a page without `next` is.
    #[oai(path = "/search", method = "get", operation_id = "searchMessages")]
    async fn search(
        &self,
        caller: Limited<Searches>,
        /// The words to look for, at most 10; 1 to 200 characters with a letter or a digit among
        /// them.
        q: Query<String>,
        /// The only chat to search.
        chat_id: Query<Option<ChatId>>,
        /// The only sender to search.
        from: Query<Option<UserId>>,
        /// Hits are later than this id, or point in time in microseconds.
        after: Query<Option<Tick>>,
        /// Hits are earlier than this id, or point in time in microseconds.
        before: Query<Option<Tick>>,
        /// The `next` of the previous page.
        cursor: Query<Option<String>>,
        /// 1 to 100; 50 when absent.
        limit: Query<Option<usize>>,
    ) -> Result<Json<Hits>, Problem> {
        if q.0.chars().count() > MAX_SEARCH {
            let detail = format!("q must have at most {MAX_SEARCH} characters");
            return Err(Problem::malformed(detail));
        }
        let terms = Terms::of(&q.0)
            .ok_or_else(|| Problem::malformed("q must have a letter or a digit to look for"))?;
        if terms.len() > Terms::MAX {
            let detail = format!("q must have at most {} different words", Terms::MAX);
            return Err(Problem::malformed(detail));
        }
        let (after, before) = (place(after.0)?, place(before.0)?);
        let search = SearchQuery {
            terms,
            chat: chat_id.0,
            from: from.0,
            after,
            before,
        };
        let last = cursor
            .0
            .as_deref()
            .map(|text| cursor::read(text, mailboxes::read_place))
            .transpose()?;
        caller.turn_until_answered(Work::Search).await?;
        let page = caller
            .state
            .store
            .search(caller.user(), &search, last, cursor::limit(limit.0)?)
            .await?;
        let item = |hit: store::SearchHit| Hit {
            message: hit.message,
            segments: hit.segments,
            my_reactions: (!hit.my_reactions.is_empty()).then_some(hit.my_reactions),
        };
        Ok(Json(Hits {
            items: page.hits.into_iter().map(item).collect(),
            next: page.next.map(mailboxes::write_place),
            partial: page.partial,
        }))
    }
}
