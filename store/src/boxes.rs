//! All my messages over all my chats, newest first.

use std::collections::BinaryHeap;

use hot::Own;
use model::{ChatId, MessageKind, Tick, UserId};

use crate::{Error, Result, Store, message::read_record};

/// How many pages of chats one request reads. Who looks for few among many gets a short page, and goes on from there.
const PAGES: usize = 40;
/// How long each is.
const PAGE: usize = 50;

/// Which messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageBox {
    /// Texts of others.
    Received,
    /// My own texts.
    Sent,
}

/// A message's place among those of all chats.
pub type BoxPlace = (Tick, ChatId);

/// What is next in the merge of all chats: the highest first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Next {
    place: BoxPlace,
    /// A message's JSON; `None`: the chat's messages up to this place are still to be read.
    json: Option<String>,
}

impl Store {
    /// Up to `limit` texts of a box as JSON, newest first, before the place where the last page ended; and where this one does. A short page is not the
    /// end: an absent place is.
    pub async fn message_box(
        &self,
        user: UserId,
        which: MessageBox,
        before: Option<BoxPlace>,
        limit: usize,
    ) -> Result<(Vec<String>, Option<BoxPlace>)> {
        let below = |chat: ChatId| before.map_or(Tick(i64::MAX), |(id, last)| if chat < last { Tick(id.0 + 1) } else { id });
        let mut next: BinaryHeap<Next> = self
            .newest_chats(user)
            .await?
            .into_iter()
            .map(|(last, chat)| Next { place: (last.min(Tick(below(chat).0 - 1)), chat), json: None })
            .collect();
        let (mut items, mut pages) = (Vec::new(), 0);
        while let Some(Next { place: (id, chat), json }) = next.pop() {
            if let Some(json) = json {
                items.push(json);
                if items.len() == limit {
                    return Ok((items, (!next.is_empty()).then_some((id, chat))));
                }
                continue;
            }
            if pages == PAGES {
                return Ok((items, Some((Tick(id.0 + 1), ChatId::LOWEST))));
            }
            pages += 1;
            let page = match self.page(Own { chat, user }, Tick(id.0 + 1), Tick::NEVER, PAGE).await {
                Err(Error::NoChat) => continue, // left while we looked
                page => page?,
            };
            for json in page.items {
                let message = read_record(&json)?.message;
                let mine = message.sender_id == user;
                if message.kind == MessageKind::Text && message.deleted.is_none() && mine == (which == MessageBox::Sent) {
                    next.push(Next { place: (message.id, chat), json: Some(json) });
                }
            }
            next.extend(page.prev.map(|prev| Next { place: (Tick(prev.0 - 1), chat), json: None }));
        }
        Ok((items, None))
    }
}
