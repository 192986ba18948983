//! Messages: append, page, replace, and what is not saved yet.

use fred::{types::Value, util::sha1_hash};
use model::{
    ChatId, ChatKind, Draft, MAX_REACTIONS, MENTION_ALL_UP_TO, OtherReactor, StoredMessage, Tick,
    UserId,
};

use super::{
    ChangeNotice, Membership, change_notice,
    sent_key::{digest, may_be_forgotten, tells_age},
};
use crate::wire::{
    ChatKeys, Error, Hot, Millis, Refusal, Result, arg, keys, number, parse, refusal, text, verbs,
};

/// The outcome of an append; the JSON is what every member will read.
#[derive(Clone, Debug)]
pub enum AppendOutcome {
    /// The message is in the chat; `true` when its readers are notified.
    New(String, ChangeNotice, bool),
    /// The idempotency key was used before: the first message, still hot.
    Repeated(String),
    /// The idempotency key was used before: the id of the first message, which only SQL has by now.
    /// If it does not, the call is repeated with that.
    Saved(Tick, MissedKey),
    /// The idempotency key is too old for Redis to know whether it was used before: SQL is to be
    /// asked. If it has no message of the key, the call is repeated with that.
    Ask(MissedKey),
}

/// What SQL did not have: a message by its id, or any of a key; with the nonce with which something
/// had last left Redis before SQL was asked. The default stands for a question not asked yet.
#[derive(Clone, Debug, Default)]
pub struct MissedKey {
    id: Tick,
    dropped: String,
}

/// What there is of the message that is sent under an idempotency key, before it is appended.
#[derive(Clone, Debug)]
pub enum SentBefore {
    /// The key was not used.
    No,
    /// The first message of the key, still hot.
    Hot(String),
    /// The id of the first message of the key, which only SQL has by now.
    Saved(Tick),
    /// The key is too old for Redis to know: SQL is to be asked.
    Ask,
}

/// A message to append. A retry with the same `key` appends nothing.
#[derive(Clone, Debug)]
pub struct NewMessage<'a> {
    /// The chat, the sender and the content.
    pub draft: Draft<'a>,
    /// The idempotency key: the client's own id, or one that was made for the message.
    pub key: &'a str,
    /// True when the key may be so old that Redis has forgotten it.
    pub is_old: bool,
    /// The members as of a version of the roster: if it is the chat's, they are notified by Redis
    /// itself, in the same step.
    pub readers: Option<(Tick, Vec<UserId>)>,
}

/// An action on a message that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageAction {
    /// The text changes.
    Edit,
    /// The metadata changes, and nothing of the text: `edited_at` stays as it is.
    Annotate,
    /// The content is removed and only the place is left.
    Delete,
}

/// A reaction of a member to a message.
#[derive(Clone, Copy, Debug)]
pub struct MemberReaction<'a> {
    /// The chat and the member.
    pub own: Membership,
    /// The id of the message.
    pub id: Tick,
    /// The emoji, in its canonical form.
    pub emoji: &'a str,
    /// True to add the reaction, false to take it back.
    pub on: bool,
}

/// The outcome of a reaction.
#[derive(Clone, Debug)]
pub enum ReactOutcome {
    /// The message is this record now; it answers these, as far as they are hot.
    Done(String, ChangeNotice, Vec<String>),
    /// The member had reacted so, or had not.
    Same,
    /// Redis does not have the message: retry with what SQL has, and with this version.
    Saved(RecordVersion),
    /// The message was deleted.
    Deleted,
    /// The message has as many kinds of reaction as it may.
    Many,
    /// Too many older messages have changed and are not saved yet: retry later.
    Full,
}

/// A new version of a message.
#[derive(Clone, Debug)]
pub struct Replacement<'a> {
    /// The new version; the script makes its rev and the time of its edit.
    pub stored: &'a StoredMessage,
    /// The action that makes it.
    pub action: MessageAction,
    /// The member who makes it.
    pub actor: UserId,
    /// The members whom the message named before, and names no longer.
    pub gone: &'a [UserId],
    /// The members whom it did not name before, and names now.
    pub come: &'a [UserId],
    /// True when it did not mention all before and does now, false when it no longer does; `None`
    /// when that stays.
    pub all: Option<bool>,
    /// The version that the new one was made from.
    pub seen: &'a RecordVersion,
}

impl Replacement<'_> {
    fn named(&self) -> String {
        let gone = self.gone.iter().map(|user| format!(" -{user}"));
        let come = self.come.iter().map(|user| format!(" +{user}"));
        let all = self.all.map(|comes| if comes { " +all" } else { " -all" });
        gone.chain(come).chain(all.map(str::to_owned)).collect()
    }
}

/// The version of a message that a replacement is compared with: the SHA-1 of the record that was
/// read; or, when only SQL had it, the nonce with which a row had last left Redis before SQL was
/// asked.
#[derive(Clone, Debug)]
pub struct RecordVersion(String);

impl RecordVersion {
    pub(super) fn new(version: String) -> Self {
        Self(version)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The outcome of a replacement.
#[derive(Clone, Debug)]
pub enum ReplaceOutcome {
    /// The message was replaced; this is its record now.
    Done(String, ChangeNotice),
    /// The message has changed since it was read: read it and retry.
    Stale,
    /// The actor may not.
    Role,
    /// Too many older messages have changed and are not saved yet: retry later.
    Full,
}

/// A message, as far as it is hot.
#[derive(Clone, Debug)]
pub struct HotMessage {
    /// The version to compare when the message is replaced.
    pub version: RecordVersion,
    /// The record; `None` when it is only in SQL, or nowhere.
    pub record: Option<String>,
    /// The record, cut, of the hot message that it answers.
    pub answered: Vec<String>,
}

/// The hot part of a page of messages.
#[derive(Clone, Debug)]
pub struct HotPage {
    /// Records of messages, oldest first.
    pub messages: Vec<String>,
    /// Records of older messages that SQL does not have as they are.
    pub changed: Vec<String>,
    /// Records, cut, of other hot messages that these answer.
    pub answered: Vec<String>,
    /// The reader's own reactions, by message, of those that do not name the reader for them.
    pub my_others: Vec<(Tick, Vec<String>)>,
    /// The value of the reader's row of settings for the chat, empty when there is none; `None`
    /// when it is to be read elsewhere.
    pub settings: Option<String>,
    /// The chat's newest seq.
    pub seq: i64,
    /// The id of the oldest message that is hot; `NEVER` when there is none.
    pub oldest: Tick,
    /// True when SQL has nothing to add: the oldest hot message is the chat's first, or there is
    /// none at all, or the page ends before the oldest since it has as many bytes as it may.
    pub complete: bool,
}

impl Hot {
    /// Appends a message to a chat. `missed`: what SQL did not have of this key.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Skewed` when clocks disagree: nothing was
    /// done.
    pub async fn append(
        &self,
        message: &NewMessage<'_>,
        missed: &MissedKey,
    ) -> Result<std::result::Result<AppendOutcome, Refusal>> {
        // In a cluster, each inbox is on a node of its own.
        let readers = message.readers.as_ref().filter(|_| !self.is_cluster());
        let inbox = |user: &UserId| arg(keys::inbox(*user));
        let now = Tick::now();
        let mut reply = self
            .run_together(verbs::Append {
                chat: message.draft.chat_id,
                caller_clock: now,
                sender: message.draft.sender_id,
                client_id: arg(message.key),
                digest: digest(message.draft.sender_id, message.key),
                tells_age: tells_age(message.key, now),
                tail: arg(message.draft.tail()),
                ttl: Millis(self.options.chat_ttl),
                flush_after: Millis(self.options.flush_after),
                all_up_to: MENTION_ALL_UP_TO,
                is_old: message.is_old,
                missing: missed.id,
                seen: arg(&missed.dropped),
                readers: readers.map_or(Tick::NEVER, |(version, _)| *version),
                inboxes: readers
                    .map_or_else(Vec::new, |(_, users)| users.iter().map(inbox).collect()),
            })
            .await?;
        Ok(Ok(match reply.word() {
            "OK" => {
                let (json, change) = (reply.text(1)?, change_notice(&mut reply, 2)?);
                AppendOutcome::New(json, change, reply.number(4)? == 1)
            }
            "REPEATED" => AppendOutcome::Repeated(reply.text(1)?),
            "SAVED" => {
                let (id, dropped) = (reply.tick(1)?, reply.text(2)?);
                AppendOutcome::Saved(id, MissedKey { id, dropped })
            }
            "ASK" => AppendOutcome::Ask(MissedKey {
                dropped: reply.text(1)?,
                ..MissedKey::default()
            }),
            _ => return refusal(&reply),
        }))
    }

    /// Looks for the message that a member has sent under an idempotency key, and returns the kind
    /// of the chat beside it. No message is there under an empty key.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn find_sent(
        &self,
        own: Membership,
        key: &str,
    ) -> Result<std::result::Result<(ChatKind, SentBefore), Refusal>> {
        let mut reply = self
            .run(verbs::FindSent {
                chat: own.chat,
                sender: own.user,
                client_id: arg(key),
                digest: digest(own.user, key),
                is_old: may_be_forgotten(key),
            })
            .await?;
        let before = match reply.word() {
            "NEW" => SentBefore::No,
            "REPEATED" => SentBefore::Hot(reply.text(2)?),
            "SAVED" => SentBefore::Saved(reply.tick(2)?),
            "ASK" => SentBefore::Ask,
            _ => return refusal(&reply),
        };
        let kind = reply.text(1)?;
        let kind = ChatKind::parse(&kind).ok_or_else(|| Error::corrupt("a chat's kind", &kind))?;
        Ok(Ok((kind, before)))
    }

    /// Reads the hot messages before an id, after one, or (both `NEVER`) the newest, at most
    /// `limit`, until they have so many bytes; and keeps the chat warm.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn page(
        &self,
        own: Membership,
        before: Tick,
        after: Tick,
        limit: usize,
        bytes: usize,
    ) -> Result<std::result::Result<HotPage, Refusal>> {
        let mut reply = self
            .run(verbs::Page {
                chat: own.chat,
                reader: own.user,
                before,
                after,
                limit,
                bytes,
                with_settings: !self.is_cluster(),
            })
            .await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        self.stay_warm(own.chat, reply.number(1)?);
        let (seq, oldest, complete) = (reply.number(2)?, reply.tick(3)?, reply.number(4)? == 1);
        let changed = reply.number(5)? as usize;
        let answered = reply.list(6).into_iter().map(text).collect();
        let my_others = read_reactions(reply.list(7))?;
        let settings = reply.list(8).into_iter().next().map(text);
        let settings = settings.map(|row| row.split_once(' ').unwrap_or_default().1.to_owned());
        let mut rest = reply.rest(9).map(text);
        let changed = rest.by_ref().take(changed).collect();
        Ok(Ok(HotPage {
            seq,
            oldest,
            complete,
            changed,
            answered,
            my_others,
            settings,
            messages: rest.collect(),
        }))
    }

    /// Reads one message, if it is hot, with the one it answers; and the version to compare when it
    /// is replaced.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn message(
        &self,
        own: Membership,
        id: Tick,
    ) -> Result<std::result::Result<HotMessage, Refusal>> {
        let mut reply = self
            .run(verbs::Message {
                chat: own.chat,
                reader: own.user,
                id,
            })
            .await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        let (dropped, record) = (reply.text(1)?, reply.text(2)?);
        let answered = reply.list(3).into_iter().map(text).collect();
        let (version, record) = if record.is_empty() {
            (dropped, None)
        } else {
            (sha1_hash(&record), Some(record))
        };
        Ok(Ok(HotMessage {
            version: RecordVersion(version),
            record,
            answered,
        }))
    }

    /// Returns the record of each of these messages, given by id and chat, that changed and is not
    /// in the list of its chat.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer.
    pub async fn changed(&self, places: &[(Tick, ChatId)]) -> Result<Vec<Option<String>>> {
        let ask = places
            .iter()
            .map(|(id, chat)| vec![arg(ChatKeys::new(*chat).changed()), arg(id)])
            .collect();
        let answers = self.commands("HGET", ask).await?;
        Ok(answers.into_iter().map(Value::into_string).collect())
    }

    /// Returns how many of these messages are texts and not deleted, and those that only SQL has.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn texts(
        &self,
        own: Membership,
        ids: &[Tick],
    ) -> Result<std::result::Result<(i64, Vec<Tick>), Refusal>> {
        let mut reply = self
            .run(verbs::Texts {
                chat: own.chat,
                reader: own.user,
                ids: ids.iter().map(arg).collect(),
            })
            .await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        let count = reply.number(1)?;
        let elsewhere = reply
            .rest(2)
            .map(|id| number("the id of a message", &id).map(Tick));
        Ok(Ok((count, elsewhere.collect::<Result<_>>()?)))
    }

    /// Reads the messages before `before` (`NEVER`: all) that SQL does not have as they are, newest
    /// first, at most `limit`, until they have so many bytes: at least one. Returns also the id
    /// before which there may be more, or `NEVER`.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn unsaved(
        &self,
        own: Membership,
        before: Tick,
        limit: usize,
        bytes: usize,
    ) -> Result<std::result::Result<(Vec<String>, Tick), Refusal>> {
        let mut reply = self
            .run(verbs::Unsaved {
                chat: own.chat,
                reader: own.user,
                before,
                limit,
                bytes,
            })
            .await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        let more = reply.tick(1)?;
        Ok(Ok((reply.rest(2).map(text).collect(), more)))
    }

    /// Reads the record of a hot message to which a file is attached. Without a `user` the caller
    /// is refused nothing.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn attached(
        &self,
        chat: ChatId,
        user: Option<UserId>,
        hash: &str,
    ) -> Result<std::result::Result<Option<String>, Refusal>> {
        let mut reply = self
            .run(verbs::Attached {
                chat,
                reader: user.map_or_else(|| arg(""), arg),
                hash: arg(hash),
            })
            .await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        let record = reply.text(1)?;
        Ok(Ok((!record.is_empty()).then_some(record)))
    }

    /// Lets a member react to a message, or take that back. `saved`: the message as SQL has it, and
    /// the version from before it was read there, where Redis does not have it.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Skewed` when clocks disagree: nothing was
    /// done.
    pub async fn react(
        &self,
        reaction: MemberReaction<'_>,
        saved: Option<&(StoredMessage, RecordVersion)>,
    ) -> Result<std::result::Result<ReactOutcome, Refusal>> {
        let stored = saved.map(|(stored, _)| stored);
        let mut reply = self
            .run(verbs::React {
                chat: reaction.own.chat,
                caller_clock: Tick::now(),
                actor: reaction.own.user,
                id: reaction.id,
                emoji: arg(reaction.emoji),
                on: reaction.on,
                max_kinds: MAX_REACTIONS,
                record: arg(stored.map(StoredMessage::record).unwrap_or_default()),
                seen: arg(saved.map_or("", |(_, version)| &version.0)),
                ttl: Millis(self.options.chat_ttl),
                flush_after: Millis(self.options.flush_after),
                saved_others: other_list(&stored.map(StoredMessage::others).unwrap_or_default()),
            })
            .await?;
        Ok(Ok(match reply.word() {
            "OK" => {
                let (record, notice) = (reply.text(1)?, change_notice(&mut reply, 2)?);
                let answered = reply.list(4).into_iter().map(text).collect();
                ReactOutcome::Done(record, notice, answered)
            }
            "SAME" => ReactOutcome::Same,
            "SAVED" => ReactOutcome::Saved(RecordVersion(reply.text(1)?)),
            "DELETED" => ReactOutcome::Deleted,
            "MANY" => ReactOutcome::Many,
            "FULL" => ReactOutcome::Full,
            _ => return refusal(&reply),
        }))
    }

    /// Reads who reacted to a hot message beyond those whom it names.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn other_reactors(&self, chat: ChatId, id: Tick) -> Result<Vec<OtherReactor>> {
        let key = arg(ChatKeys::new(chat).reactors(id));
        read_others(self.command("HGETALL", vec![key]).await?.into_array())
    }

    /// Reads the emojis with which a user reacted to these hot messages, given by id and chat, that
    /// do not name the user for them.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer.
    pub async fn other_reactions_of(
        &self,
        user: UserId,
        places: &[(Tick, ChatId)],
    ) -> Result<Vec<Vec<String>>> {
        let ask = places.iter().map(|(id, chat)| {
            let key = arg(ChatKeys::new(*chat).reactors(*id));
            vec![key, arg(user)]
        });
        let answers = self.commands("HGET", ask.collect()).await?;
        Ok(answers
            .into_iter()
            .map(|value| emojis(&text(value)))
            .collect())
    }

    /// Replaces a message, if it is still as it was seen.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Skewed` when clocks disagree: nothing was
    /// done.
    pub async fn replace(
        &self,
        new: &Replacement<'_>,
    ) -> Result<std::result::Result<ReplaceOutcome, Refusal>> {
        let message = &new.stored.message;
        let (head, tail) = message.split_at_rev();
        let mut reply = self
            .run(verbs::Replace {
                chat: message.chat_id,
                caller_clock: Tick::now(),
                actor: new.actor,
                author: message.sender_id,
                id: message.id,
                seen: arg(&new.seen.0),
                head: arg(head),
                tail: arg(tail),
                action: arg(match new.action {
                    MessageAction::Edit => "edit",
                    MessageAction::Annotate => "annotate",
                    MessageAction::Delete => "delete",
                }),
                named: arg(new.named()),
                all_up_to: MENTION_ALL_UP_TO,
                reactors: arg(new.stored.reactors_line()),
                ttl: Millis(self.options.chat_ttl),
                flush_after: Millis(self.options.flush_after),
                others: other_list(&new.stored.others()),
            })
            .await?;
        Ok(Ok(match reply.word() {
            "OK" => {
                let (record, notice) = (reply.text(1)?, change_notice(&mut reply, 2)?);
                if reply.number(4)? == 1 {
                    // If this fails, the next change of the chat, or a flusher, goes on.
                    self.finish_deletion(message.chat_id).await.ok();
                }
                ReplaceOutcome::Done(record, notice)
            }
            "BUSY" => {
                self.finish_deletion(message.chat_id).await?;
                ReplaceOutcome::Stale
            }
            "STALE" => ReplaceOutcome::Stale,
            "ROLE" => ReplaceOutcome::Role,
            "FULL" => ReplaceOutcome::Full,
            _ => return refusal(&reply),
        }))
    }

    /// Takes a text that was deleted off the unread count of each member, of some at a time.
    async fn finish_deletion(&self, chat: ChatId) -> Result<()> {
        loop {
            let mut reply = self.run(verbs::Uncount { chat }).await?;
            if reply.word() != "OK" || reply.number(1)? == 0 {
                return Ok(());
            }
        }
    }
}

/// Returns the arguments of those who reacted beyond those named: user, emojis.
pub(crate) fn other_list(others: &[OtherReactor]) -> Vec<Value> {
    let pairs = others.iter();
    pairs
        .flat_map(|(user, emojis)| [arg(user), arg(emojis.join(" "))])
        .collect()
}

/// Reads a flat list of users and their emojis, and returns it by user: Redis has no order for it.
pub(crate) fn read_others(flat: Vec<Value>) -> Result<Vec<OtherReactor>> {
    let mut values = flat.into_iter().map(text);
    let mut others = Vec::new();
    while let (Some(user), Some(theirs)) = (values.next(), values.next()) {
        others.push((parse("a user who reacted", &user)?, emojis(&theirs)));
    }
    others.sort();
    Ok(others)
}

/// Reads a flat list of messages' ids and the emojis of one who reacted to each.
pub(super) fn read_reactions(flat: Vec<Value>) -> Result<Vec<(Tick, Vec<String>)>> {
    let mut values = flat.into_iter();
    let mut reactions = Vec::new();
    while let (Some(id), Some(theirs)) = (values.next(), values.next()) {
        reactions.push((
            Tick(number("the id of a message", &id)?),
            emojis(&text(theirs)),
        ));
    }
    Ok(reactions)
}

fn emojis(words: &str) -> Vec<String> {
    words.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use model::is_hidden_in_metadata;

    use super::*;

    /// Returns the text of each script and each part of one.
    fn scripts() -> Vec<String> {
        let lua = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lua");
        let wings = std::fs::read_dir(lua).expect("the folder of scripts");
        let files = wings.flat_map(|wing| {
            let wing = wing.expect("a wing").path();
            std::fs::read_dir(wing).expect("its scripts")
        });
        let read = |file: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(file.expect("a script").path()).expect("text")
        };
        files.map(read).collect()
    }

    #[test]
    fn no_script_finds_in_metadata_what_it_looks_for_in_a_message() {
        let mut words = std::collections::BTreeSet::new();
        for script in scripts() {
            let ends = script.match_indices("\":").map(|(end, _)| end);
            for end in ends {
                let word = script[..end].rsplit(|c: char| c != '_' && !c.is_ascii_lowercase());
                words.extend(word.take(1).map(str::to_owned));
            }
        }
        // These are written into events, or looked for where a record or an answer begins.
        for anchored in ["id", "type"] {
            assert!(words.remove(anchored), "{anchored}");
        }
        assert!(
            words.contains("mentions_all") && words.contains("hash"),
            "{words:?}"
        );
        for word in words {
            assert!(
                is_hidden_in_metadata(&word),
                "{word:?} is found in metadata"
            );
        }
    }

    #[test]
    fn others_are_read_as_they_are_written() {
        let mut others = vec![
            (UserId::new(), vec!["👍".to_owned(), "❤️".to_owned()]),
            (UserId::new(), vec!["👍".to_owned()]),
        ];
        let read = read_others(other_list(&others)).expect("our own");
        others.sort();
        assert_eq!(read, others);
        assert!(read_others(vec!["nobody".into(), "👍".into()]).is_err());
    }
}
