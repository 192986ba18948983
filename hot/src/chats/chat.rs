//! The chat's own row: view, change and delete it, and read what of a chat has changed.

use std::collections::{BTreeSet, HashMap};

use fred::types::Value;
use model::{Chat, ChatId, ChatKind, Draft, Member, Tick, UserId};

use super::{ChangeNotice, Membership, change_notice, read_members};
use crate::wire::{
    ChatKeys, Error, Hot, Millis, Refusal, Result, arg, ms, number, parse, refusal, text, verbs,
};

/// The outcome of a change of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatChange {
    /// The group was changed at this tick.
    Done(Tick, ChangeNotice),
    /// The group has these values already.
    Same,
    /// The group has changed since it was read.
    Stale,
    /// The actor's role is too low.
    Role,
    /// The chat is not a group.
    Direct,
}

/// The outcome of the deletion of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatDeletion {
    /// The group is deleted.
    Done,
    /// The actor's role is too low.
    Role,
    /// The chat is not a group.
    Direct,
}

/// The part of a chat that is newer than a tick, as far as Redis has it.
#[derive(Clone, Debug)]
pub struct HotChanges {
    /// The tick of the chat's last change.
    pub clock: Tick,
    /// True when members have left since of whom only SQL knows.
    pub more_gone: bool,
    /// True when SQL has nothing to add: the oldest hot message is the chat's first, or there is
    /// none at all, and all were looked at.
    pub complete: bool,
    /// The rev up to which these are all hot messages that changed; `None` when there are no more.
    pub upto: Option<Tick>,
    /// Members who changed, also those who left.
    pub members: HashMap<UserId, Member>,
    /// Records, cut, of other hot messages that these answer.
    pub answered: Vec<String>,
    /// Records of the hot messages that changed.
    pub messages: Vec<String>,
}

/// A chat and its members, as one of them may see it.
#[derive(Clone, Debug)]
pub struct HotView {
    /// The chat's row.
    pub chat: Chat,
    /// The tick of the chat's last change.
    pub clock: Tick,
    /// Present and former members.
    pub members: HashMap<UserId, Member>,
    /// The record of the newest message.
    pub last_message: Option<String>,
    /// The record, cut, of the hot message that it answers.
    pub answered: Vec<String>,
    /// The tick up to which all changes are in SQL.
    pub saved: Tick,
}

/// The ticks by which a chat has its place in lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowTicks {
    /// The tick of the last change.
    pub clock: Tick,
    /// The id of the newest message.
    pub last: Tick,
    /// True when the chat changes no more before its members are marked anew.
    pub is_at_rest: bool,
}

/// The number of messages that one call of `changes` looks at.
const LOOKED_AT: usize = 256;
/// The size of messages, in bytes of their records, after which what is read at once ends. A
/// longest body is 60 KB of JSON, so a number of messages bounds too little; and Redis needs about
/// a millisecond for so many bytes.
pub const ANSWER_BYTES: usize = 1 << 19;

impl Hot {
    /// Reads what of a chat has a rev above `since`, of a long list only the first unsaved
    /// messages.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn changes(
        &self,
        own: Membership,
        since: Tick,
        with_members: bool,
    ) -> Result<std::result::Result<HotChanges, Refusal>> {
        let mut reply = self
            .run(verbs::Changes {
                chat: own.chat,
                reader: own.user,
                since,
                with_members,
                limit: LOOKED_AT,
                bytes: ANSWER_BYTES,
            })
            .await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        let (clock, more_gone) = (reply.tick(1)?, reply.number(2)? == 1);
        let complete = reply.number(3)? == 1;
        let upto = reply.text(4)?.parse().ok().map(Tick);
        let members = read_members(reply.list(5))?;
        let answered = reply.list(6).into_iter().map(text).collect();
        Ok(Ok(HotChanges {
            clock,
            more_gone,
            complete,
            upto,
            members,
            answered,
            messages: reply.rest(7).map(text).collect(),
        }))
    }

    /// Reads the rev of each of these messages of a chat that SQL does not have as it is; `NEVER`
    /// for one that it has. A script that was stopped may have left a rev that no message has.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn unsaved_revs(&self, chat: ChatId, ids: &[Tick]) -> Result<Vec<Tick>> {
        let keys = ChatKeys::new(chat);
        let mut newest = vec![Tick::NEVER; ids.len()];
        for entries in [keys.dirty(), keys.parked()] {
            let entry = |id| arg(format_args!("message:{id}"));
            let args = std::iter::once(arg(entries)).chain(ids.iter().map(entry));
            let scores = self.command("ZMSCORE", args.collect()).await?.into_array();
            for (rev, score) in newest.iter_mut().zip(scores) {
                if !score.is_null() {
                    *rev = (*rev).max(Tick(number("the rev of a message", &score)?));
                }
            }
        }
        Ok(newest)
    }

    /// Reads the ticks of each of these chats; `None` for a chat that is not resident. SQL is asked
    /// for such a chat next, and must have what it had when the chat left. `puts_at_rest`: chats
    /// that have not changed for a minute come to rest, where all orders are in the same Redis.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn row_ticks(
        &self,
        chats: &[ChatId],
        puts_at_rest: bool,
    ) -> Result<Vec<Option<RowTicks>>> {
        let chats_of = || chats.iter().copied();
        let ticks = match puts_at_rest && !self.is_cluster() {
            true => {
                let calls = chats_of().map(|chat| verbs::Rest { chat });
                self.run_each(calls.collect()).await?
            }
            false => {
                let calls = chats_of().map(|chat| verbs::RowTicks { chat });
                self.run_each(calls.collect()).await?
            }
        };
        let ticks: Vec<_> = ticks.into_iter().map(read_ticks).collect::<Result<_>>()?;
        let left = chats.iter().zip(&ticks).filter(|(_, tick)| tick.is_none());
        let marks: BTreeSet<_> = left
            .map(|(chat, _)| ChatKeys::new(*chat).commits())
            .collect();
        let ask = marks.into_iter().map(|marks| vec![arg(marks)]).collect();
        for marks in self.commands("HGETALL", ask).await? {
            self.settled.note(&marks.into_array());
        }
        Ok(ticks)
    }

    /// Sets a group's name, description and picture to those of `new`, if they still are those of
    /// `old`. `system_message` tells of a new name.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Skewed` when clocks disagree: nothing was
    /// done.
    pub async fn change_chat(
        &self,
        own: Membership,
        old: &Chat,
        new: &Chat,
        system_message: Option<&Draft<'_>>,
    ) -> Result<std::result::Result<ChatChange, Refusal>> {
        let mut reply = self
            .run(verbs::ChangeChat {
                chat: own.chat,
                caller_clock: Tick::now(),
                actor: own.user,
                seen_name: arg(&old.name),
                name: arg(&new.name),
                seen_description: arg(&old.description),
                description: arg(&new.description),
                seen_avatar: arg(&old.avatar),
                avatar: arg(&new.avatar),
                tail: arg(system_message.map(Draft::tail).unwrap_or_default()),
                ttl: Millis(self.options.chat_ttl),
                flush_after: Millis(self.options.flush_after),
            })
            .await?;
        Ok(Ok(match reply.word() {
            "OK" => ChatChange::Done(reply.tick(1)?, change_notice(&mut reply, 2)?),
            "SAME" => ChatChange::Same,
            "STALE" => ChatChange::Stale,
            "ROLE" => ChatChange::Role,
            "DIRECT" => ChatChange::Direct,
            _ => return refusal(&reply),
        }))
    }

    /// Deletes a group, if `own.user` owns it.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Skewed` when clocks disagree: nothing was
    /// done.
    pub async fn delete_chat(
        &self,
        own: Membership,
    ) -> Result<std::result::Result<ChatDeletion, Refusal>> {
        let reply = self
            .run(verbs::DeleteChat {
                chat: own.chat,
                caller_clock: Tick::now(),
                actor: own.user,
                flush_after: Millis(self.options.flush_after),
            })
            .await?;
        Ok(Ok(match reply.word() {
            "OK" => ChatDeletion::Done,
            "ROLE" => ChatDeletion::Role,
            "DIRECT" => ChatDeletion::Direct,
            _ => return refusal(&reply),
        }))
    }

    /// Reads the members of a chat and the version of the roster; `None` when the chat is not
    /// resident.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn roster(&self, chat: ChatId) -> Result<Option<(Tick, Vec<UserId>)>> {
        let mut reply = self.run(verbs::Roster { chat }).await?;
        if reply.word() != "OK" {
            return Ok(None);
        }
        let since = reply.tick(1)?;
        let users = reply
            .rest(2)
            .map(|user| parse("a member's id", &text(user)));
        Ok(Some((since, users.collect::<Result<_>>()?)))
    }

    /// Reads a chat as one of its members sees it, and keeps it warm.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn view(&self, own: Membership) -> Result<std::result::Result<HotView, Refusal>> {
        let mut reply = self
            .run(verbs::View {
                chat: own.chat,
                reader: own.user,
            })
            .await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        self.stay_warm(own.chat, reply.number(1)?);
        let mut row = reply.list(2);
        let clock = Tick(number("a chat's clock", &row.pop().unwrap_or(Value::Null))?);
        row.push(Value::Null); // the invitations, which no view shows
        let chat = read_chat(own.chat, row)?;
        let members = read_members(reply.list(3))?;
        let (newest, saved) = (reply.text(4)?, reply.tick(5)?);
        let answered = reply.list(6).into_iter().map(text).collect();
        Ok(Ok(HotView {
            chat,
            clock,
            members,
            last_message: (!newest.is_empty()).then_some(newest),
            answered,
            saved,
        }))
    }

    /// Prolongs the token of a chat, since readers keep a chat warm too. It is only a hint, so the
    /// caller does not wait for it; and a token that has expired stays so.
    pub(crate) fn stay_warm(&self, chat: ChatId, life_ms: i64) {
        let ttl = self.options.chat_ttl;
        if life_ms > 0 && life_ms < ttl.as_millis() as i64 / 2 {
            let hot = self.clone();
            tokio::spawn(async move {
                if let Err(error) = hot
                    .command("PEXPIRE", vec![arg(ChatKeys::new(chat).token()), ms(ttl)])
                    .await
                {
                    tracing::debug!(%error, chat.id = %chat, "could not keep a chat warm");
                }
            });
        }
    }
}

/// Reads the ticks of a chat; `None` when it is not resident.
fn read_ticks(value: Value) -> Result<Option<RowTicks>> {
    if value.is_null() {
        return Ok(None);
    }
    let values = value.into_array();
    let tick = |at: usize| number("a tick of a chat", values.get(at).unwrap_or(&Value::Null));
    Ok(Some(RowTicks {
        clock: Tick(tick(0)?),
        last: Tick(tick(1)?),
        is_at_rest: tick(2)? == 1,
    }))
}

/// Reads a chat of its fields: kind, name, creator, created, last, seq, texts, rev, description,
/// avatar, blocks, deleted, the texts that mention all, the pinned messages, the invitations (these
/// absent in chats that a process loaded which knew none).
pub(crate) fn read_chat(id: ChatId, row: Vec<Value>) -> Result<Chat> {
    let [
        kind,
        name,
        creator,
        created,
        last,
        seq,
        texts,
        rev,
        description,
        avatar,
        blocks,
        deleted,
        mentions_all,
        pins,
        invites,
    ]: [Value; 15] = row
        .try_into()
        .map_err(|row: Vec<Value>| Error::corrupt("a chat", format!("{} fields", row.len())))?;
    let kind = text(kind);
    Ok(Chat {
        id,
        kind: ChatKind::parse(&kind).ok_or_else(|| Error::corrupt("a chat's kind", &kind))?,
        name: text(name),
        creator: parse("a chat's creator", &text(creator))?,
        created: Tick(number("when a chat was made", &created)?),
        last: Tick(number("a chat's last message", &last)?),
        seq: number("a chat's seq", &seq)?,
        texts: number("a chat's texts", &texts)?,
        rev: Tick(number("a chat's rev", &rev)?),
        description: text(description),
        avatar: text(avatar),
        blocks: parse("a chat's blocks", &text(blocks))?,
        deleted: Tick(number("when a chat was deleted", &deleted)?),
        mentions_all: parse("a chat's mentions of all", &text(mentions_all))?,
        pins: parse("a chat's pins", &text(pins))?,
        invites: parse("a chat's invitations", &text(invites))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(creator: UserId) -> Vec<Value> {
        let creator = creator.to_string();
        let fields = [
            "group", "Friends", &creator, "1", "2", "3", "4", "5", "about", "", "", "0", "6,7",
            "9,8", "",
        ];
        fields.map(Value::from).to_vec()
    }

    #[test]
    fn a_chat_is_read_of_its_fifteen_fields() {
        let (id, creator) = (ChatId::new(), UserId::new());
        let chat = read_chat(id, row(creator)).expect("fifteen fields");
        assert_eq!(
            (chat.id, chat.creator, chat.kind),
            (id, creator, ChatKind::Group)
        );
        assert_eq!(
            (chat.created, chat.last, chat.rev),
            (Tick(1), Tick(2), Tick(5))
        );
        assert_eq!((chat.seq, chat.texts), (3, 4));
        assert_eq!(chat.description, "about");
        assert!(!chat.deleted.happened());
        assert_eq!(chat.mentions_all.to_string(), "6,7");
        assert_eq!(chat.pins.to_string(), "9,8");
    }

    #[test]
    fn ticks_of_a_chat_are_three_numbers_or_nil() {
        let ticks = |values: &[&str]| {
            let values = values.iter().map(|value| Value::from(*value));
            read_ticks(Value::Array(values.collect()))
        };
        let expected = RowTicks {
            clock: Tick(9),
            last: Tick(7),
            is_at_rest: true,
        };
        assert_eq!(ticks(&["9", "7", "1"]).expect("numbers"), Some(expected));
        assert_eq!(read_ticks(Value::Null).expect("nil"), None);
        assert!(ticks(&["9", "seven", "1"]).is_err());
    }

    #[test]
    fn a_chat_of_too_few_fields_or_of_no_known_kind_is_corrupt() {
        let (id, creator) = (ChatId::new(), UserId::new());
        assert!(read_chat(id, row(creator)[1..].to_vec()).is_err());
        let mut unknown = row(creator);
        unknown[0] = "crowd".into();
        assert!(read_chat(id, unknown).is_err());
    }
}
