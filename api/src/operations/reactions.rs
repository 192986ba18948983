//! Reactions to messages.

use model::{ChatId, FieldErrorCode, Tick, UserId};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use crate::{
    request::{auth::Caller, cursor, validate::Rules},
    response::{
        durable::{Acknowledged, Permanent},
        no_content::NoContent,
        problem::Problem,
    },
};

/// Operations on reactions.
pub(crate) struct ReactionApi;

/// The reaction of one user.
#[derive(Object)]
struct OneReaction {
    /// The emoji.
    emoji: String,
    /// The user who reacted.
    user_id: UserId,
}

/// A page of reactions.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Reactions {
    /// Reactions, grouped by emoji in the order of their first use; of each the first 20 by time.
    items: Vec<OneReaction>,
    /// The `cursor` of the next page; absent on the last one.
    next: Option<String>,
}

#[OpenApi(tag = "crate::operations::Tags::Messages")]
impl ReactionApi {
    /// React to a message
    ///
    /// With one emoji, percent-encoded in the path. A message has at most 20 different ones.
    #[oai(
        path = "/chats/:chat_id/messages/:message_id/reactions/:emoji",
        method = "put",
        operation_id = "addReaction"
    )]
    async fn add(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        message_id: Path<Tick>,
        emoji: Path<String>,
    ) -> Result<Acknowledged<NoContent>, Problem> {
        caller
            .state
            .store
            .react(
                caller.own(chat_id.0),
                message_id.0,
                canonical(&emoji.0)?,
                true,
            )
            .await?;
        Ok(Acknowledged(NoContent::Done))
    }

    /// Remove your reaction
    #[oai(
        path = "/chats/:chat_id/messages/:message_id/reactions/:emoji",
        method = "delete",
        operation_id = "removeReaction"
    )]
    async fn remove(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        message_id: Path<Tick>,
        emoji: Path<String>,
    ) -> Result<Permanent<NoContent>, Problem> {
        caller
            .state
            .store
            .react(
                caller.own(chat_id.0),
                message_id.0,
                canonical(&emoji.0)?,
                false,
            )
            .await?;
        Ok(Permanent(NoContent::Done))
    }

    /// List the reactions to a message
    #[oai(
        path = "/chats/:chat_id/messages/:message_id/reactions",
        method = "get",
        operation_id = "listReactions"
    )]
    async fn list(
        &self,
        caller: Caller,
        chat_id: Path<ChatId>,
        message_id: Path<Tick>,
        /// The only emoji to list.
        emoji: Query<Option<String>>,
        /// The `next` of the previous page.
        cursor: Query<Option<String>>,
        /// 1 to 100; 50 when absent.
        limit: Query<Option<usize>>,
    ) -> Result<Json<Reactions>, Problem> {
        let emoji = emoji.0.as_deref().map(canonical).transpose()?;
        let start = cursor
            .0
            .as_deref()
            .map(|text| cursor::read(text, |at| at.parse().ok()))
            .transpose()?
            .unwrap_or(0);
        let limit = cursor::limit(limit.0)?;
        let reactors = caller
            .state
            .store
            .reactors(caller.own(chat_id.0), message_id.0)
            .await?;
        let all = reactors
            .into_iter()
            .filter(|one| emoji.is_none_or(|emoji| one.emoji == emoji))
            .flat_map(|one| {
                let emoji = one.emoji;
                one.users.into_iter().map(move |user_id| OneReaction {
                    emoji: emoji.clone(),
                    user_id,
                })
            });
        let mut items: Vec<_> = all.skip(start).take(limit + 1).collect();
        let next = (items.len() > limit).then(|| cursor::write(&(start + limit).to_string()));
        items.truncate(limit);
        Ok(Json(Reactions { items, next }))
    }
}

/// Returns an emoji as Unicode's emoji-test.txt has it: with its variation selectors, so that two
/// ways to write one are one reaction.
///
/// # Errors
/// 422 when the text is not exactly one emoji.
fn canonical(text: &str) -> Result<&'static str, Problem> {
    let mut rules = Rules::default();
    let found = emojis::get(text);
    rules.require(
        found.is_some(),
        "emoji",
        FieldErrorCode::Emoji,
        "must be exactly one emoji, as in 👍",
    );
    rules.done()?;
    Ok(found.map_or("", emojis::Emoji::as_str))
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn one_emoji_has_one_form() {
        for (written, form) in [
            ("❤", "❤️"),
            ("❤\u{fe0f}", "❤️"),
            ("👍", "👍"),
            ("👍🏽", "👍🏽"),
            ("👨‍👩‍👧", "👨‍👩‍👧"),
            ("🇩🇪", "🇩🇪"),
        ] {
            assert_eq!(canonical(written).expect(written), form, "{written}");
        }
        for nothing in ["", "a", "👍👍", "👍a", ":)", "\u{fe0f}", "🇩"] {
            canonical(nothing).expect_err(nothing);
        }
    }
}
