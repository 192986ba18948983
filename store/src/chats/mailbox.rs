//! The messages of all of a user's chats, newest first.

use std::collections::{BinaryHeap, HashMap};

use hot::{ANSWER_BYTES, Membership};
use model::{ChatId, MessageKind, Tick, UserId};

use crate::{Error, Result, Store, chats::read_record};

/// The number of pages of chats that one request reads before it ends with a short page, once each
/// chat was looked at that has messages on both sides of the place where it began: without a look
/// at all of those, it is not known which message is next.
const PAGES: usize = 40;
/// The most messages in each of those pages, and the size after which one ends.
const PAGE: usize = 50;
const PAGE_BYTES: usize = ANSWER_BYTES / 4;
/// The bytes of messages that are held at once; what is beyond is read again when its turn comes.
const HELD_BYTES: usize = 4 * ANSWER_BYTES;

/// A kind of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mailbox {
    /// Texts of other senders.
    Received,
    /// The user's own texts.
    Sent,
}

/// The place of a message among those of all chats.
pub type MailboxPlace = (Tick, ChatId);

/// An entry of the merge of all chats; the highest comes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Next {
    place: MailboxPlace,
    /// The JSON of a message; `None` when the messages of the chat up to this place are still to be
    /// read.
    json: Option<String>,
}

impl Store {
    /// Returns up to `limit` texts of a mailbox as JSON, newest first, before the place where the
    /// previous page ended; and the place where this page ends. It ends early when the texts have
    /// [`ANSWER_BYTES`]. A short page is not the end: an absent place is.
    ///
    /// # Errors
    /// [`Error::NoUser`] when the user does not exist.
    pub async fn mailbox(
        &self,
        user: UserId,
        which: Mailbox,
        before: Option<MailboxPlace>,
        limit: usize,
    ) -> Result<(Vec<String>, Option<MailboxPlace>)> {
        let mut next: BinaryHeap<Next> = self
            .newest_chats(user, None)
            .await?
            .into_iter()
            .map(|(last, chat)| Next {
                place: (last.min(Tick(first_unseen(before, chat).0 - 1)), chat),
                json: None,
            })
            .collect();
        let began = before.map_or(Tick(i64::MAX), |(id, _)| Tick(id.0 - 1));
        let looked_at = next.iter().filter(|one| one.place.0 >= began).count();
        // Of many chats a few messages each are enough.
        let page_size = (2 * limit / looked_at.max(1)).clamp(2, PAGE);
        let (mut items, mut pages, mut bytes, mut held) = (Vec::new(), 0, 0, 0);
        while let Some(Next {
            place: (id, chat),
            json,
        }) = next.pop()
        {
            if let Some(json) = json {
                bytes += json.len();
                held -= json.len();
                items.push(json);
                if items.len() == limit || bytes >= ANSWER_BYTES {
                    return Ok((items, (!next.is_empty()).then_some((id, chat))));
                }
                continue;
            }
            if pages >= PAGES && id < began {
                return Ok((items, Some((Tick(id.0 + 1), ChatId::LOWEST))));
            }
            pages += 1;
            let (membership, before) = (Membership { chat, user }, Tick(id.0 + 1));
            let page = match self
                .page_within(membership, before, Tick::NEVER, page_size, PAGE_BYTES)
                .await
            {
                Err(Error::NoChat) => continue, // The user left it meanwhile.
                page => page?,
            };
            for json in page.items {
                let message = read_record(&json)?.message;
                let mine = message.sender_id == user;
                if message.kind == MessageKind::Text
                    && message.deleted.is_none()
                    && mine == (which == Mailbox::Sent)
                {
                    held += json.len();
                    next.push(Next {
                        place: (message.id, chat),
                        json: Some(json),
                    });
                }
            }
            next.extend(page.prev.map(|prev| Next {
                place: (Tick(prev.0 - 1), chat),
                json: None,
            }));
            if held > HELD_BYTES {
                next = without_the_oldest(next, &mut held);
            }
        }
        Ok((items, None))
    }
}

/// Forgets the oldest of the messages that are held, down to half of [`HELD_BYTES`], and notes of
/// each of their chats up to where it is to be read again.
fn without_the_oldest(next: BinaryHeap<Next>, held: &mut usize) -> BinaryHeap<Next> {
    let mut kept = next.into_sorted_vec();
    let is_enough = |one: &Next| {
        *held -= one.json.as_ref().map_or(0, String::len);
        *held <= HELD_BYTES / 2
    };
    let last = kept.iter().position(is_enough).unwrap_or(kept.len() - 1);
    let mut again = HashMap::new();
    for Next {
        place: (id, chat), ..
    } in kept.drain(..=last)
    {
        again.insert(chat, id); // the newest comes last
    }
    let again = again.into_iter().map(|(chat, id)| Next {
        place: (id, chat),
        json: None,
    });
    kept.into_iter().chain(again).collect()
}

/// Returns the tick below which a chat's messages come after this place.
fn first_unseen(before: Option<MailboxPlace>, chat: ChatId) -> Tick {
    before.map_or(Tick(i64::MAX), |(id, last)| {
        if chat < last { Tick(id.0 + 1) } else { id }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_below_its_place() {
        let (low, high) = (ChatId::LOWEST, ChatId::new());
        assert_eq!(first_unseen(None, low), Tick(i64::MAX));
        // The order is by id, then chat: of lower chats the message of the same tick is to come.
        assert_eq!(first_unseen(Some((Tick(7), high)), low), Tick(8));
        assert_eq!(first_unseen(Some((Tick(7), high)), high), Tick(7));
        assert_eq!(first_unseen(Some((Tick(7), low)), high), Tick(7));
    }

    #[test]
    fn of_too_much_the_newest_is_held_and_the_rest_is_read_again() {
        let (low, high) = (ChatId::LOWEST, ChatId::new());
        let long = "x".repeat(HELD_BYTES / 4);
        let entry = |tick, chat, json: Option<&String>| Next {
            place: (Tick(tick), chat),
            json: json.cloned(),
        };
        let heap = BinaryHeap::from([
            entry(9, high, Some(&long)),
            entry(8, low, Some(&long)),
            entry(7, low, Some(&long)),
            entry(6, high, Some(&long)),
            entry(5, high, Some(&long)),
            entry(4, high, None),
            entry(3, low, None),
        ]);
        let mut held = 5 * long.len();
        let mut heap = without_the_oldest(heap, &mut held);
        assert_eq!(held, 2 * long.len());
        let left: Vec<_> = std::iter::from_fn(|| heap.pop())
            .map(|one| (one.place, one.json.is_some()))
            .collect();
        assert_eq!(
            left,
            [
                ((Tick(9), high), true),
                ((Tick(8), low), true),
                ((Tick(7), low), false),
                ((Tick(6), high), false),
            ]
        );
    }

    #[test]
    fn the_merge_takes_the_newest_message_of_all_chats() {
        let (low, high) = (ChatId::LOWEST, ChatId::new());
        let entry = |tick, chat, json: Option<&str>| Next {
            place: (Tick(tick), chat),
            json: json.map(str::to_owned),
        };
        let mut heap = BinaryHeap::from([
            entry(1, high, Some("old")),
            entry(3, low, None),
            entry(3, high, Some("new")),
            entry(2, low, Some("middle")),
        ]);
        let places: Vec<_> = std::iter::from_fn(|| heap.pop().map(|next| next.place)).collect();
        assert_eq!(
            places,
            [
                (Tick(3), high),
                (Tick(3), low),
                (Tick(2), low),
                (Tick(1), high)
            ]
        );
    }
}
