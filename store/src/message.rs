//! Sending, paging and marking as read.

use std::collections::HashMap;

use futures_util::future::try_join;
use hot::{Appended, Counted, HotPage, Marked, NewMessage, Own, Refusal, Telling};
use model::{ChatId, Draft, ServerEvent, Stored, Tick, UserId, reactions_of, split};
use uuid::Uuid;

use crate::{Envelope, Error, Result, Store, again::again, hydrate::SENT_AGE, tell::Job};

/// A message that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its JSON.
    pub json: String,
    /// The same was sent before under this key: this is that one.
    pub replayed: bool,
}

/// A page of messages.
#[derive(Clone, Debug, Default)]
pub struct MessagePage {
    /// JSON, oldest first.
    pub items: Vec<String>,
    /// Older messages come before this id.
    pub prev: Option<Tick>,
    /// Newer messages follow this id.
    pub next: Option<Tick>,
    /// With what the reader reacted to those of them that they did react to.
    pub my_reactions: Vec<(Tick, Vec<String>)>,
}

impl Store {
    /// Sends a message, once: whatever is sent again under the same `client_id` is answered with the first.
    ///
    /// # Errors
    /// [`Error::NoRoom`]; [`Error::NoChat`] when the sender is not a member, [`Error::KeyReused`] when the key was used for another message.
    pub async fn send(&self, mut draft: Draft<'_>) -> Result<Sent> {
        self.check_room()?;
        let made;
        let key = match draft.client_id {
            Some(key) => {
                if is_older_than_an_hour(key)
                    && let Some(first) = self.cold.sent_as(draft.chat_id, draft.sender_id, key).await?
                    && self.is_member(draft.chat_id, draft.sender_id).await?
                {
                    return replay(&draft, first.record());
                }
                key
            }
            None => {
                made = Uuid::now_v7().to_string();
                &made
            }
        };
        draft.client_id = Some(key);
        let message = NewMessage { draft, key };
        let mut forget = false;
        loop {
            match again(|| self.hot.append(&message, forget)).await? {
                Ok(Appended::New(json, telling)) => {
                    let (chat, clock) = (message.draft.chat_id, head(&json).map(|(id, _)| id).unwrap_or_default());
                    let event = ServerEvent::json("message.created", chat, clock, telling.prev, &format!(r#""message":{json}"#));
                    self.teller.members(chat, telling, clock, event);
                    return Ok(Sent { json, replayed: false });
                }
                Ok(Appended::Again(record)) => return replay(&message.draft, record),
                Ok(Appended::Saved(id)) => match self.cold.message(message.draft.chat_id, id).await? {
                    Some(first) => return replay(&message.draft, first.record()),
                    None => forget = true, // that call was stopped before it wrote the message
                },
                Err(refusal) => self.resolve(message.draft.chat_id, refusal).await?,
            }
        }
    }

    /// A page of a chat, across hot and cold with no seam: hot first, then a fresh read of SQL for what is older. What was trimmed between the
    /// two reads was in SQL before it was trimmed.
    pub async fn page(&self, own: Own, before: Tick, after: Tick, limit: usize) -> Result<MessagePage> {
        let (hot, kept) = try_join(self.hot_page(own, before, after, limit), self.own_chat(own)).await?;
        // What changed since SQL was told.
        let changed: HashMap<Tick, String> = hot.changed.into_iter().filter_map(|record| Some((head(&record)?.0, record))).collect();
        let newest = |stored: &Stored| changed.get(&stored.message.id).cloned().unwrap_or_else(|| stored.record());
        let mut items;
        if after.happened() {
            items = Vec::new();
            if !hot.complete && after < hot.oldest {
                let cold = self.cold.messages_between(own.chat, after, hot.oldest, limit as u64).await?;
                items.extend(cold.iter().map(newest));
            }
            let room = limit - items.len();
            items.extend(hot.messages.into_iter().take(room));
        } else if hot.complete || hot.messages.len() >= limit {
            items = hot.messages;
        } else {
            let older = if before.happened() { before.min(hot.oldest) } else { hot.oldest };
            let cold = self.cold.messages_before(own.chat, older, (limit - hot.messages.len()) as u64).await?;
            items = cold.iter().map(newest).collect();
            items.extend(hot.messages);
        }
        let first = items.first().and_then(|json| head(json)).filter(|(id, seq)| *seq > 1 && *id > kept.cleared);
        let last = items.last().and_then(|json| head(json)).filter(|(_, seq)| *seq < hot.seq);
        let (prev, next) = (first.map(|(id, _)| id), last.map(|(id, _)| id));
        if kept.cleared.happened() || !kept.hidden.is_empty() {
            items.retain(|json| head(json).is_none_or(|(id, _)| kept.shows(id)));
        }
        let my_reactions = items.iter_mut().filter_map(|record| take_reactions(own.user, record)).collect();
        Ok(MessagePage { items, prev, next, my_reactions })
    }

    async fn hot_page(&self, own: Own, before: Tick, after: Tick, limit: usize) -> Result<HotPage> {
        loop {
            match again(|| self.hot.page(own, before, after, limit)).await? {
                Ok(page) => return Ok(page),
                Err(refusal) => self.resolve(own.chat, refusal).await?,
            }
        }
    }

    /// A page around an id or a point in time, which is in it if it is there.
    pub async fn page_around(&self, own: Own, around: Tick, limit: usize) -> Result<MessagePage> {
        let older = match limit / 2 {
            0 => MessagePage::default(),
            half => self.page(own, around, Tick::NEVER, half).await?,
        };
        let newer = self.page(own, Tick::NEVER, Tick((around.0 - 1).max(1)), limit - limit / 2).await?;
        let prev = if limit / 2 == 0 { newer.prev } else { older.prev };
        let my_reactions = older.my_reactions.into_iter().chain(newer.my_reactions).collect();
        Ok(MessagePage { prev, next: newer.next, items: older.items.into_iter().chain(newer.items).collect(), my_reactions })
    }

    /// A member has read up to `read` and received up to `delivered`; only ever forward.
    pub async fn mark(&self, own: Own, read: Tick, delivered: Tick) -> Result<()> {
        let mut counted = (Tick::NEVER, 0);
        loop {
            match again(|| self.hot.mark_read(own, read, delivered, counted)).await? {
                Ok(Counted::Done(marked)) => {
                    self.tell_mark(own, marked);
                    return Ok(());
                }
                Ok(Counted::Same) => return Ok(()),
                Ok(Counted::Count(below)) => counted = (below, self.cold.count_texts(own.chat, read, below).await?),
                Err(refusal) => self.resolve(own.chat, refusal).await?,
            }
        }
    }

    /// Tells how far a member is; themselves, how many texts they have not read now.
    fn tell_mark(&self, own: Own, Marked { member, unread, telling }: Marked) {
        let store = self.clone();
        tokio::spawn(async move {
            let Own { chat, user } = own;
            let (clock, marks) = (member.rev, format!(r#""user_id":"{user}","read":{},"delivered":{}"#, member.read, member.delivered));
            let kept = store.own_chat(own).await.unwrap_or_default();
            let unread = (unread - kept.unread_hidden(member.read)).max(0);
            let mine = format!(r#"{marks},"unread_count":{unread}"#);
            let Some(Telling { prev, roster }) = telling else {
                let event = format!(r#"{{"type":"receipt.updated","chat_id":"{chat}","clock":{clock},{mine}}}"#);
                return store.teller.user(user, Envelope::Event(event.into()));
            };
            let changed = |rest: &str| {
                let event = ServerEvent::json("receipt.updated", chat, clock, prev, rest).into();
                Envelope::Changed { chat, prev, clock, event }
            };
            store.teller.job(chat, Job::Members { chat, roster, envelope: changed(&marks), but: Some((user, changed(&mine))) });
        });
    }

    /// A chat that is only in SQL is made hot, so that the caller tries again; one that is not there, or not the user's, is an error.
    pub(crate) async fn resolve(&self, chat: ChatId, refusal: Refusal) -> Result<()> {
        match refusal {
            Refusal::Cold if self.hydrate_chat(chat).await? => Ok(()),
            Refusal::Cold | Refusal::Forbidden => Err(Error::NoChat),
            Refusal::Blocked => Err(Error::NotAccepted),
        }
    }

    async fn is_member(&self, chat: ChatId, user: UserId) -> Result<bool> {
        self.view_row(Own { chat, user }).await.map(|_| true)
    }
}

fn replay(draft: &Draft<'_>, mut record: String) -> Result<Sent> {
    let first = read_record(&record)?.message;
    let since_changed = first.edited_at.is_some() || first.deleted == Some(true);
    if !since_changed && (first.body != draft.body || first.subject.as_deref() != draft.subject) {
        return Err(Error::KeyReused);
    }
    record.truncate(split(&record).0.len());
    Ok(Sent { json: record, replayed: true })
}

/// A UUIDv7 tells when it was made; older than what Redis remembers, SQL must be asked.
fn is_older_than_an_hour(key: &str) -> bool {
    let Some(made) = key.parse::<Uuid>().ok().and_then(|id| id.get_timestamp()) else { return false };
    let (seconds, _) = made.to_unix();
    (seconds as i64) * 1_000_000 < Tick::now().earlier(SENT_AGE).0
}

/// A record that Redis holds.
pub(crate) fn read_record(record: &str) -> Result<Stored> {
    Ok(Stored::read(record).map_err(|error| hot::Error::Corrupt { what: "a message", detail: error.to_string() })?)
}

/// Takes what stands beside a message off its JSON; what of it is the reader's own.
fn take_reactions(reader: UserId, record: &mut String) -> Option<(Tick, Vec<String>)> {
    let (json, beside) = split(record);
    if beside.is_empty() {
        return None;
    }
    let (id, mine, length) = (head(json)?.0, reactions_of(reader, beside), json.len());
    record.truncate(length);
    (!mine.is_empty()).then_some((id, mine))
}

/// Id and seq, with which every message's JSON begins.
fn head(json: &str) -> Option<(Tick, i64)> {
    let (id, rest) = json.strip_prefix(r#"{"id":"#)?.split_once(',')?;
    let (seq, _) = rest.strip_prefix(r#""seq":"#)?.split_once(',')?;
    Some((Tick(id.parse().ok()?), seq.parse().ok()?))
}
