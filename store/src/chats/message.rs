//! Sends messages, reads pages of them, and marks them as read.

use std::collections::HashMap;

use hot::{
    ANSWER_BYTES, AppendOutcome, ChangeNotice, HotPage, MarkOutcome, Membership, Meter, MissedKey,
    MovedMark, NewMessage, SavedTexts, SentBefore, charge_notifications, may_be_forgotten,
};
use model::{
    ChatKind, Draft, ServerEvent, StoredMessage, Tick, UserId, reactions_of, split_record,
};
use uuid::Uuid;

use super::settings::read_settings;
use crate::{
    Error, Result, Store,
    notify::{Job, Notification},
    residency::retry,
};

/// A message that was sent, now or before.
#[derive(Clone, Debug)]
pub struct SendOutcome {
    /// The JSON of the message.
    pub json: String,
    /// True when the message was sent before under the same key, and this is the first one.
    pub replayed: bool,
}

/// The number of messages that SQL is asked for at once: of long ones no more are held than a page
/// has room for, and so many.
const STEP: usize = 50;

/// A page of messages.
#[derive(Clone, Debug, Default)]
pub struct MessagePage {
    /// The JSON of each message, oldest first.
    pub items: Vec<String>,
    /// The id before which there are older messages.
    pub prev: Option<Tick>,
    /// The id after which there are newer messages.
    pub next: Option<Tick>,
    /// The reader's own reactions, by message.
    pub my_reactions: Vec<(Tick, Vec<String>)>,
}

impl Store {
    /// Sends a message once: a repetition under the same `client_id` is answered with the first.
    ///
    /// # Errors
    /// [`Error::NoRoom`]; [`Error::NoChat`] when the sender is not a member;
    /// [`Error::NotAccepted`] when the peer blocks the sender; [`Error::MentionsAll`] when the
    /// sender may not mention all; [`Error::KeyReused`] when the key was used for another message.
    pub async fn send(&self, mut draft: Draft<'_>) -> Result<SendOutcome> {
        self.back_pressure.check_room()?;
        let made;
        let key = match draft.client_id {
            Some(key) => key,
            None => {
                made = Uuid::now_v7().to_string();
                &made
            }
        };
        draft.client_id = Some(key);
        let is_old = may_be_forgotten(key);
        // An answer shows what it answers, which Redis does not know.
        let readers = match draft.reply_to {
            None => self.notifier.readers(draft.chat_id),
            Some(_) => None,
        };
        let message = NewMessage {
            draft,
            key,
            is_old,
            readers,
        };
        let mut missed = MissedKey::default();
        loop {
            match retry(|| self.hot.append(&message, &missed)).await? {
                Ok(AppendOutcome::New(json, _, true)) => {
                    let readers = message.readers.as_ref();
                    charge_notifications(readers.map_or(0, |(_, users)| users.len()));
                    return Ok(SendOutcome {
                        json,
                        replayed: false,
                    });
                }
                Ok(AppendOutcome::New(mut json, change, false)) => {
                    if let Some(reply) = message.draft.reply_to {
                        model::quote(&mut json, |_| reply.preview.clone());
                    }
                    let (chat, clock) = (
                        message.draft.chat_id,
                        head(&json).map(|(id, _)| id).unwrap_or_default(),
                    );
                    let event = ServerEvent::json(
                        "message.created",
                        chat,
                        clock,
                        change.prev,
                        &format!(r#""message":{json}"#),
                    );
                    self.notifier.members(chat, change, clock, event);
                    return Ok(SendOutcome {
                        json,
                        replayed: false,
                    });
                }
                Ok(AppendOutcome::Repeated(record)) => {
                    return self.replay(&message.draft, record).await;
                }
                Ok(AppendOutcome::Saved(id, if_missed)) => {
                    match self.cold.message(message.draft.chat_id, id).await? {
                        Some(first) => return self.replay(&message.draft, first.record()).await,
                        // That call was stopped before it wrote the message.
                        None => missed = if_missed,
                    }
                }
                Ok(AppendOutcome::Ask(if_missed)) => {
                    let Draft {
                        chat_id, sender_id, ..
                    } = message.draft;
                    match self.cold.sent_as(chat_id, sender_id, key).await? {
                        Some(first) => return self.replay(&message.draft, first.record()).await,
                        None => missed = if_missed,
                    }
                }
                Err(refusal) => self.resolve(message.draft.chat_id, refusal).await?,
            }
        }
    }

    /// Returns the message that a member has sent under an idempotency key, whatever its text, and
    /// the kind of the chat. `None` stands for a key that nobody used.
    ///
    /// # Errors
    /// [`Error::NoChat`] when the user is not a member.
    pub async fn find_sent(
        &self,
        own: Membership,
        key: Option<&str>,
    ) -> Result<(ChatKind, Option<SendOutcome>)> {
        let key = key.unwrap_or_default();
        loop {
            let (kind, before) = match retry(|| self.hot.find_sent(own, key)).await? {
                Ok(found) => found,
                Err(refusal) => {
                    self.resolve(own.chat, refusal).await?;
                    continue;
                }
            };
            let record = match before {
                SentBefore::No => None,
                SentBefore::Hot(record) => Some(record),
                SentBefore::Saved(id) => {
                    let saved = self.cold.message(own.chat, id).await?;
                    saved.map(|first| first.record())
                }
                SentBefore::Ask => {
                    let saved = self.cold.sent_as(own.chat, own.user, key).await?;
                    saved.map(|first| first.record())
                }
            };
            let Some(record) = record else {
                return Ok((kind, None));
            };
            let first = self.quoted(own, replayed(record)).await?;
            return Ok((kind, Some(first)));
        }
    }

    /// Answers a repetition with the first message as it is now.
    async fn replay(&self, draft: &Draft<'_>, record: String) -> Result<SendOutcome> {
        let own = Membership {
            chat: draft.chat_id,
            user: draft.sender_id,
        };
        self.quoted(own, replay(draft, record)?).await
    }

    /// Writes into a message that was sent before the preview of the one that it answers.
    async fn quoted(&self, own: Membership, mut sent: SendOutcome) -> Result<SendOutcome> {
        let Some(answered) = model::answered(&sent.json) else {
            return Ok(sent);
        };
        let preview = match self.read_message(own, answered).await {
            Ok((stored, _)) => stored.message.preview(),
            Err(Error::NoMessage) => String::new(),
            Err(error) => return Err(error),
        };
        model::quote(&mut sent.json, |_| preview);
        Ok(sent)
    }

    /// Reads a page of a chat, across Redis and SQL with no seam: Redis first, then SQL for older
    /// messages. A message that was trimmed between the two reads was in SQL before. A page has at
    /// most `limit` messages, and ends early when these have [`ANSWER_BYTES`].
    ///
    /// # Errors
    /// [`Error::NoChat`] when the user is not a member.
    pub async fn page(
        &self,
        membership: Membership,
        before: Tick,
        after: Tick,
        limit: usize,
    ) -> Result<MessagePage> {
        self.page_within(membership, before, after, limit, ANSWER_BYTES)
            .await
    }

    /// Reads a page that ends when its messages have so many bytes; one is in it at least.
    pub(super) async fn page_within(
        &self,
        membership: Membership,
        before: Tick,
        after: Tick,
        limit: usize,
        bytes: usize,
    ) -> Result<MessagePage> {
        let hot = self
            .hot_page(membership, before, after, limit, bytes)
            .await?;
        let settings = match &hot.settings {
            Some(value) => read_settings(value)?,
            None => self.chat_settings(membership).await?,
        };
        // Changes that SQL does not have yet.
        let changed: HashMap<Tick, String> = hot
            .changed
            .into_iter()
            .filter_map(|record| Some((head(&record)?.0, record)))
            .collect();
        let mut my_others: HashMap<Tick, Vec<String>> = hot.my_others.into_iter().collect();
        let mut newest = |stored: &StoredMessage| {
            let id = stored.message.id;
            changed.get(&id).cloned().unwrap_or_else(|| {
                let others = stored.others().into_iter();
                let mine = others.filter(|(user, _)| *user == membership.user);
                my_others.extend(mine.map(|(_, emojis)| (id, emojis)));
                stored.record()
            })
        };
        let mut filling = Filling {
            items: Vec::new(),
            limit,
            room: bytes,
        };
        let chat = membership.chat;
        if after.happened() {
            if !hot.complete && after < hot.oldest {
                let mut from = after;
                while let Some(step) = filling.step() {
                    let cold = self.cold.messages_between(chat, from, hot.oldest, step);
                    let cold = cold.await?;
                    for stored in &cold {
                        from = stored.message.id;
                        filling.push(|| newest(stored));
                    }
                    if (cold.len() as u64) < step {
                        break;
                    }
                }
            }
            // When SQL has filled it, it ends before these.
            for record in hot.messages {
                filling.push(|| record);
            }
        } else {
            // Here it is filled from its end.
            for record in hot.messages.into_iter().rev() {
                filling.push(|| record);
            }
            let mut end = match before.happened() {
                true => before.min(hot.oldest),
                false => hot.oldest,
            };
            while let Some(step) = filling.step().filter(|_| !hot.complete) {
                let cold = self.cold.messages_before(chat, end, step).await?;
                for stored in cold.iter().rev() {
                    end = stored.message.id;
                    filling.push(|| newest(stored));
                }
                if (cold.len() as u64) < step {
                    break;
                }
            }
            filling.items.reverse();
        }
        let mut items = filling.items;
        let first = items
            .first()
            .and_then(|json| head(json))
            .filter(|(id, seq)| *seq > 1 && *id > settings.cleared);
        let last = items
            .last()
            .and_then(|json| head(json))
            .filter(|(_, seq)| *seq < hot.seq);
        let (prev, next) = (first.map(|(id, _)| id), last.map(|(id, _)| id));
        if settings.cleared.happened() || !settings.hidden.is_empty() {
            items.retain(|json| head(json).is_none_or(|(id, _)| settings.shows(id)));
        }
        let my_reactions = items
            .iter_mut()
            .filter_map(|record| take_reactions(membership.user, record, &mut my_others))
            .collect();
        let answered: Vec<String> = hot
            .answered
            .into_iter()
            .chain(changed.into_values())
            .collect();
        self.quote(membership.chat, &mut items, &answered).await;
        Ok(MessagePage {
            items,
            prev,
            next,
            my_reactions,
        })
    }

    /// Returns Redis' part of a page; hydrates the chat first where that is needed.
    async fn hot_page(
        &self,
        membership: Membership,
        before: Tick,
        after: Tick,
        limit: usize,
        bytes: usize,
    ) -> Result<HotPage> {
        loop {
            match retry(|| self.hot.page(membership, before, after, limit, bytes)).await? {
                Ok(page) => return Ok(page),
                Err(refusal) => self.resolve(membership.chat, refusal).await?,
            }
        }
    }

    /// Reads a page around an id or a point in time; the message with that id is in it.
    ///
    /// # Errors
    /// [`Error::NoChat`] when the user is not a member.
    pub async fn page_around(
        &self,
        membership: Membership,
        around: Tick,
        limit: usize,
    ) -> Result<MessagePage> {
        let older = match limit / 2 {
            0 => MessagePage::default(),
            half => {
                self.page_within(membership, around, Tick::NEVER, half, ANSWER_BYTES / 2)
                    .await?
            }
        };
        let newer = self
            .page_within(
                membership,
                Tick::NEVER,
                Tick((around.0 - 1).max(1)),
                limit - limit / 2,
                ANSWER_BYTES / 2,
            )
            .await?;
        let prev = if limit / 2 == 0 {
            newer.prev
        } else {
            older.prev
        };
        let my_reactions = older
            .my_reactions
            .into_iter()
            .chain(newer.my_reactions)
            .collect();
        Ok(MessagePage {
            prev,
            next: newer.next,
            items: older.items.into_iter().chain(newer.items).collect(),
            my_reactions,
        })
    }

    /// Marks a chat as read up to `read` and as received up to `delivered`; marks only move
    /// forward.
    ///
    /// # Errors
    /// [`Error::NoChat`] when the user is not a member.
    pub async fn mark(&self, membership: Membership, read: Tick, delivered: Tick) -> Result<()> {
        let mut saved = SavedTexts::default();
        loop {
            match retry(|| self.hot.mark_read(membership, read, delivered, &saved)).await? {
                Ok(MarkOutcome::Done(marked)) => {
                    self.notify_marks(membership, marked);
                    return Ok(());
                }
                Ok(MarkOutcome::Same) => return Ok(()),
                Ok(MarkOutcome::Count(texts)) => {
                    let (chat, below) = (membership.chat, texts.below);
                    let count = self.cold.count_texts(chat, read, below, &texts.left_out);
                    saved = SavedTexts {
                        count: count.await?,
                        ..texts
                    };
                }
                Err(refusal) => self.resolve(membership.chat, refusal).await?,
            }
        }
    }

    /// Notifies the members of the marks of one of them, and that member also of the number of
    /// unread texts.
    fn notify_marks(
        &self,
        membership: Membership,
        MovedMark {
            member,
            unread,
            notice,
        }: MovedMark,
    ) {
        let store = self.clone();
        tokio::spawn(Meter::carry(async move {
            let Membership { chat, user } = membership;
            let (clock, marks) = (
                member.rev,
                format!(
                    r#""user_id":"{user}","read":{},"delivered":{}"#,
                    member.read, member.delivered
                ),
            );
            let settings = store.chat_settings(membership).await.unwrap_or_default();
            let shown = store.unread_shown(membership, unread, &settings, member.read);
            let unread = shown.await.unwrap_or(unread);
            let mine = format!(r#"{marks},"unread_count":{unread}"#);
            let Some(ChangeNotice {
                prev,
                roster_version,
            }) = notice
            else {
                let event = format!(
                    r#"{{"type":"receipt.updated","chat_id":"{chat}","clock":{clock},{mine}}}"#
                );
                return store.notifier.user(user, Notification::Event(event.into()));
            };
            let changed = |rest: &str| {
                let event = ServerEvent::json("receipt.updated", chat, clock, prev, rest).into();
                Notification::Changed {
                    chat,
                    prev,
                    clock,
                    event,
                }
            };
            store.notifier.job(
                chat,
                Job::Members {
                    chat,
                    roster: roster_version,
                    notification: changed(&marks),
                    but: Some((user, changed(&mine))),
                },
            );
        }));
    }
}

/// A page that is being filled, from one of its ends.
struct Filling {
    items: Vec<String>,
    limit: usize,
    /// The bytes for which there is room; the last message may have more.
    room: usize,
}

impl Filling {
    /// Returns the number of messages to ask SQL for next; `None` when the page is full.
    fn step(&self) -> Option<u64> {
        let left = self.limit.saturating_sub(self.items.len());
        (left > 0 && self.room > 0).then_some(left.min(STEP) as u64)
    }

    /// Adds a message, unless the page is full.
    fn push(&mut self, record: impl FnOnce() -> String) {
        if self.step().is_some() {
            let record = record();
            self.room = self.room.saturating_sub(record.len());
            self.items.push(record);
        }
    }
}

/// Answers a repetition with the first message.
fn replay(draft: &Draft<'_>, record: String) -> Result<SendOutcome> {
    let first = read_record(&record)?.message;
    let since_changed = first.edited_at.is_some() || first.deleted == Some(true);
    let is_other_text = first.body != draft.body
        || first.subject.as_deref() != draft.subject
        || first.custom_type.as_deref() != draft.custom_type;
    // A change of the metadata alone leaves no time behind, but a later rev.
    let has_other_metadata = first.rev == first.id && first.metadata.as_ref() != draft.metadata;
    if !since_changed && (is_other_text || has_other_metadata) {
        return Err(Error::KeyReused);
    }
    Ok(replayed(record))
}

/// Returns the message of a record, as one that was sent before.
fn replayed(mut record: String) -> SendOutcome {
    record.truncate(split_record(&record).0.len());
    SendOutcome {
        json: record,
        replayed: true,
    }
}

/// Decodes a record of Redis.
pub(super) fn read_record(record: &str) -> Result<StoredMessage> {
    Ok(
        StoredMessage::read(record).map_err(|error| hot::Error::Corrupt {
            what: "a message",
            detail: error.to_string(),
        })?,
    )
}

/// Takes the reactions beside a message off its record, and returns the reader's own. `others` are
/// those of messages that do not name the reader.
pub(super) fn take_reactions(
    reader: UserId,
    record: &mut String,
    others: &mut HashMap<Tick, Vec<String>>,
) -> Option<(Tick, Vec<String>)> {
    let (json, beside) = split_record(record);
    if beside.is_empty() {
        return None;
    }
    let (id, length) = (head(json)?.0, json.len());
    let mut mine = reactions_of(reader, json, beside);
    mine.extend(others.remove(&id).unwrap_or_default());
    record.truncate(length);
    (!mine.is_empty()).then_some((id, mine))
}

/// Returns the id and the seq, with which every message's JSON begins.
pub(super) fn head(json: &str) -> Option<(Tick, i64)> {
    let (id, rest) = json.strip_prefix(r#"{"id":"#)?.split_once(',')?;
    let (seq, _) = rest.strip_prefix(r#""seq":"#)?.split_once(',')?;
    Some((Tick(id.parse().ok()?), seq.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::{ChatId, Message, MessageKind, Metadata};

    use super::*;

    fn text(body: &str) -> Message {
        let (chat, sender) = (ChatId::new(), UserId::new());
        let begin = r#"{"id":70,"seq":3,"rev":71,"created_at":"2026-01-01T00:00:00Z","#;
        let end =
            format!(r#""chat_id":"{chat}","sender_id":"{sender}","kind":"text","body":"{body}"}}"#);
        read_record(&format!("{begin}{end}"))
            .expect("a message")
            .message
    }

    fn record(message: Message) -> String {
        StoredMessage {
            message,
            reactors: Vec::new(),
        }
        .record()
    }

    #[test]
    fn a_record_begins_with_id_and_seq() {
        assert_eq!(head(&record(text("hi"))), Some((Tick(70), 3)));
        for garbage in ["", "{}", r#"{"id":x,"seq":1,"#, r#"{"id":1,"rev":1,"#] {
            assert_eq!(head(garbage), None, "{garbage:?}");
        }
    }

    #[test]
    fn a_repetition_is_answered_with_the_first_unless_it_says_something_else() {
        let first = text("hi");
        let draft = |body| Draft::new(first.chat_id, first.sender_id, MessageKind::Text, body);
        let again = replay(&draft("hi"), record(first.clone())).expect("the same message");
        assert!(again.replayed);
        assert_eq!(head(&again.json), Some((Tick(70), 3)));
        assert!(matches!(
            replay(&draft("ho"), record(first.clone())),
            Err(Error::KeyReused)
        ));
        let edited = Message {
            edited_at: Some("2026-01-01T00:00:00Z".into()),
            ..first.clone()
        };
        assert!(replay(&draft("ho"), record(edited)).is_ok());
    }

    #[test]
    fn a_repetition_with_other_metadata_or_another_type_says_something_else() {
        let metadata = |size: i64| BTreeMap::from([("size".to_owned(), size.into())]);
        let first = Message {
            rev: Tick(70),
            custom_type: Some("myapp.card".into()),
            metadata: Some(metadata(1)),
            ..text("hi")
        };
        let draft = |custom_type, size: Option<&Metadata>| {
            let draft = Draft {
                custom_type,
                metadata: size,
                ..Draft::new(first.chat_id, first.sender_id, MessageKind::Text, "hi")
            };
            replay(&draft, record(first.clone()))
        };
        let (one, two) = (metadata(1), metadata(2));
        assert!(draft(Some("myapp.card"), Some(&one)).is_ok());
        for (custom_type, size) in [
            (Some("myapp.card"), Some(&two)),
            (Some("myapp.card"), None),
            (Some("myapp.poll"), Some(&one)),
            (None, Some(&one)),
        ] {
            let again = draft(custom_type, size);
            assert!(
                matches!(again, Err(Error::KeyReused)),
                "{custom_type:?} {size:?}"
            );
        }
        let since = Message {
            rev: Tick(71),
            metadata: Some(two),
            ..first.clone()
        };
        let again = Draft {
            custom_type: Some("myapp.card"),
            metadata: Some(&one),
            ..Draft::new(first.chat_id, first.sender_id, MessageKind::Text, "hi")
        };
        assert!(
            replay(&again, record(since)).is_ok(),
            "its metadata has changed since"
        );
    }
}
