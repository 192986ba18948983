//! The previews of messages that others answer, made of these as they are now.

use std::collections::{HashMap, HashSet};

use model::{ChatId, Message, answered, preview_of, quote};

use crate::{
    Result, Store,
    chats::{MailboxPlace, message::head},
    residency::retry,
};

/// The previews of messages.
pub(super) type Previews = HashMap<MailboxPlace, String>;

impl Store {
    /// Writes into each of these JSON messages of a chat the preview of the one that it answers.
    /// `hot`: records, perhaps cut, of those that Redis has.
    pub(crate) async fn quote(&self, chat: ChatId, items: &mut [String], hot: &[String]) {
        let wanted: HashSet<_> = items
            .iter()
            .filter_map(|json| Some((answered(json)?, chat)))
            .collect();
        if wanted.is_empty() {
            return;
        }
        let known = previews_of(chat, hot.iter().chain(items.iter()), &wanted);
        let previews = self.previews(wanted, known).await;
        for json in items {
            quote(json, |id| {
                previews.get(&(id, chat)).cloned().unwrap_or_default()
            });
        }
    }

    /// Writes into each of these messages, of any chats, the preview of the one that it answers.
    /// `hot` returns the previews of those that Redis has.
    pub(crate) async fn quote_all<'a>(
        &self,
        messages: impl Iterator<Item = &'a mut Message>,
        hot: impl FnOnce(&HashSet<MailboxPlace>) -> Previews,
    ) {
        let messages: Vec<_> = messages.collect();
        let answered = |message: &Message| Some((message.reply_to.as_ref()?.id, message.chat_id));
        let wanted: HashSet<_> = messages
            .iter()
            .filter_map(|message| answered(message))
            .collect();
        if wanted.is_empty() {
            return;
        }
        let mut known = hot(&wanted);
        known.extend(messages.iter().filter_map(|message| {
            let place = (message.id, message.chat_id);
            wanted.contains(&place).then(|| (place, message.preview()))
        }));
        let previews = self.previews(wanted, known).await;
        for message in messages {
            let chat = message.chat_id;
            if let Some(reply) = &mut message.reply_to {
                let found = previews.get(&(reply.id, chat));
                reply.preview = found.cloned().unwrap_or_default();
            }
        }
    }

    /// Adds to the known previews those of the messages that only SQL has. Redis was read before:
    /// what it does not have is in SQL as it is. A page is not refused because SQL does not answer.
    async fn previews(&self, wanted: HashSet<MailboxPlace>, mut known: Previews) -> Previews {
        let missing: Vec<_> = wanted
            .into_iter()
            .filter(|place| !known.contains_key(place))
            .collect();
        if !missing.is_empty() {
            match self.old_previews(&missing).await {
                Ok(found) => known.extend(found),
                Err(error) => tracing::warn!(%error, "answers are shown without what they quote"),
            }
        }
        known
    }

    /// Returns the previews of messages that are older than the lists of Redis: as they changed and
    /// are not saved yet, or else as SQL has them.
    async fn old_previews(&self, places: &[MailboxPlace]) -> Result<Previews> {
        let changed = retry(|| self.hot.changed(places)).await?;
        let changed: Vec<_> = places.iter().zip(changed).collect();
        let missing = changed.iter().filter(|(_, record)| record.is_none());
        let missing: Vec<_> = missing.map(|(place, _)| **place).collect();
        let mut found = match missing.is_empty() {
            true => Previews::new(),
            false => self.cold.previews(&missing).await?,
        };
        found.extend(
            changed
                .into_iter()
                .filter_map(|(place, record)| Some((*place, preview_of(&record?)))),
        );
        Ok(found)
    }
}

/// Returns the previews of those wanted among these records of a chat.
pub(super) fn previews_of<'a>(
    chat: ChatId,
    records: impl Iterator<Item = &'a String>,
    wanted: &HashSet<MailboxPlace>,
) -> Previews {
    records
        .filter_map(|record| {
            let place = (head(record)?.0, chat);
            wanted.contains(&place).then(|| (place, preview_of(record)))
        })
        .collect()
}
