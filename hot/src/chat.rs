//! Chats: see one, change it, delete it, what changed, load.

use std::collections::HashMap;

use fred::types::Value;
use model::{Chat, ChatId, ChatKind, Draft, Member, Tick, UserId};

use crate::{
    Error, Hot, Loaded, Result, Verb,
    client::{arg, ms},
    keys::ChatKeys,
    member::members,
    reply::{Reply, number, parse, text},
};

/// Why a chat's script did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The chat is not resident: hydrate it and try again.
    Cold,
    /// The user is not a member.
    Forbidden,
    /// The other of a direct chat blocks them.
    Blocked,
}

/// How a change of a group went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatChange {
    /// Done; the tick of it.
    Done(Tick, Telling),
    /// It is so already.
    Same,
    /// It has changed since it was read.
    Stale,
    /// The actor's role is too low.
    Role,
    /// Not a group.
    Direct,
}

/// How the deletion of a group went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatDeletion {
    /// Done.
    Done,
    /// The actor's role is too low.
    Role,
    /// Not a group.
    Direct,
}

/// By what those who listen to a chat are told of a change: each change that is told names the one before it, so that none can be missed unnoticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Telling {
    /// The tick of the change before that they were told of.
    pub prev: Tick,
    /// Who is in: it is another number whenever somebody comes or goes.
    pub roster: Tick,
}

/// What of a chat is newer than somebody knows.
#[derive(Clone, Debug)]
pub struct HotChanges {
    /// The tick of the chat's last change.
    pub clock: Tick,
    /// The id of the oldest message in the list; `NEVER` when there is none.
    pub oldest: Tick,
    /// The oldest hot message is the chat's first, or there is none at all: SQL has nothing to add.
    pub complete: bool,
    /// All members who changed, those who left too.
    pub members: HashMap<UserId, Member>,
    /// Records of the hot messages that changed.
    pub messages: Vec<String>,
}

/// A chat and its members, as one of them may see it.
#[derive(Clone, Debug)]
pub struct HotView {
    /// The row.
    pub chat: Chat,
    /// The tick of the chat's last change.
    pub clock: Tick,
    /// All who are or were members.
    pub members: HashMap<UserId, Member>,
    /// The record of the newest message.
    pub last_message: Option<String>,
    /// All changes up to here are in SQL.
    pub saved: Tick,
}

/// Whose mark, and where.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// In which chat.
    pub chat: ChatId,
    /// Whose.
    pub user: UserId,
}

/// All rows of a chat that becomes resident.
#[derive(Clone, Debug)]
pub struct ChatRows {
    /// Its row.
    pub chat: Chat,
    /// All who are or were members.
    pub members: Vec<(UserId, Member)>,
    /// Records of its newest messages, oldest first.
    pub messages: Vec<String>,
    /// Keys of the last hour's messages: sender, key, id.
    pub sent: Vec<(UserId, String, Tick)>,
    /// A chat that SQL does not have yet: all its rows are dirty.
    pub new: bool,
}

impl Hot {
    /// What of a chat has a rev above `since`.
    pub async fn changes(&self, own: Own, since: Tick) -> Result<std::result::Result<HotChanges, Refusal>> {
        let keys = ChatKeys::new(own.chat);
        let keys = vec![keys.row(), keys.messages(), keys.members(), keys.changed()];
        let mut reply = self.run(Verb::Changes, keys, vec![arg(own.user), arg(since)]).await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        let (clock, oldest, complete) = (reply.tick(1)?, reply.tick(2)?, reply.number(3)? == 1);
        let members = members(reply.list(4))?;
        Ok(Ok(HotChanges { clock, oldest, complete, members, messages: reply.rest(5).map(text).collect() }))
    }

    /// The clock of each of these chats; `None` for one that is not resident.
    pub async fn clocks(&self, chats: &[ChatId]) -> Result<Vec<Option<Tick>>> {
        let ask = chats.iter().map(|chat| self.command("HGET", vec![arg(ChatKeys::new(*chat).row()), arg("clock")]));
        let answers = futures_util::future::try_join_all(ask).await?;
        Ok(answers.into_iter().map(|value| value.as_i64().map(Tick)).collect())
    }

    /// A group's name, description and picture become what `new` has, if they still are what `old` has. `notice` tells of a new name.
    pub async fn change_chat(
        &self,
        own: Own,
        old: &Chat,
        new: &Chat,
        notice: Option<&Draft<'_>>,
    ) -> Result<std::result::Result<ChatChange, Refusal>> {
        let keys = ChatKeys::new(own.chat);
        let mut reply = self
            .run(
                Verb::ChangeChat,
                keys.to_change(),
                vec![
                    arg(Tick::now()),
                    arg(own.chat),
                    arg(own.user),
                    arg(&old.name),
                    arg(&new.name),
                    arg(&old.description),
                    arg(&new.description),
                    arg(&old.avatar),
                    arg(&new.avatar),
                    arg(notice.map(Draft::tail).unwrap_or_default()),
                    ms(self.options.chat_ttl),
                    ms(self.options.flush_after),
                ],
            )
            .await?;
        Ok(Ok(match reply.word() {
            "OK" => ChatChange::Done(reply.tick(1)?, reply.telling(2)?),
            "SAME" => ChatChange::Same,
            "STALE" => ChatChange::Stale,
            "ROLE" => ChatChange::Role,
            "DIRECT" => ChatChange::Direct,
            _ => return refusal(&reply),
        }))
    }

    /// Deletes a group, if `own.user` owns it.
    pub async fn delete_chat(&self, own: Own) -> Result<std::result::Result<ChatDeletion, Refusal>> {
        let keys = ChatKeys::new(own.chat);
        let keys = vec![keys.row(), keys.token(), keys.messages(), keys.members(), keys.dirty(), keys.due(), keys.changed(), keys.sent()];
        let reply =
            self.run(Verb::DeleteChat, keys, vec![arg(Tick::now()), arg(own.chat), arg(own.user), ms(self.options.flush_after)]).await?;
        Ok(Ok(match reply.word() {
            "OK" => ChatDeletion::Done,
            "ROLE" => ChatDeletion::Role,
            "DIRECT" => ChatDeletion::Direct,
            _ => return refusal(&reply),
        }))
    }

    /// Who is in a chat, and since when they are; `None`: not resident.
    pub async fn roster(&self, chat: ChatId) -> Result<Option<(Tick, Vec<UserId>)>> {
        let keys = ChatKeys::new(chat);
        let mut reply = self.run(Verb::Roster, vec![keys.row(), keys.members()], vec![]).await?;
        if reply.word() != "OK" {
            return Ok(None);
        }
        let since = reply.tick(1)?;
        let users = reply.rest(2).map(|user| parse("a member's id", &text(user)));
        Ok(Some((since, users.collect::<Result<_>>()?)))
    }

    /// A chat as one of its members sees it.
    pub async fn view(&self, own: Own) -> Result<std::result::Result<HotView, Refusal>> {
        let keys = ChatKeys::new(own.chat);
        let named = vec![keys.row(), keys.token(), keys.messages(), keys.members(), keys.dirty(), keys.parked()];
        let mut reply = self.run(Verb::View, named, vec![arg(own.user)]).await?;
        if reply.word() != "OK" {
            return refusal(&reply);
        }
        self.stay_warm(own.chat, reply.number(1)?);
        let mut row = reply.list(2);
        let clock = Tick(number("a chat's clock", &row.pop().unwrap_or(Value::Null))?);
        let chat = chat(own.chat, row)?;
        let members = members(reply.list(3))?;
        let (newest, saved) = (reply.text(4)?, reply.tick(5)?);
        Ok(Ok(HotView { chat, clock, members, last_message: (!newest.is_empty()).then_some(newest), saved }))
    }

    /// When each chat last had a message; `None` for one that is not resident.
    pub async fn last_activity(&self, chats: &[ChatId]) -> Result<Vec<Option<Tick>>> {
        let ask = chats.iter().map(|chat| self.command("HGET", vec![arg(ChatKeys::new(*chat).row()), arg("last")]));
        let answers = futures_util::future::try_join_all(ask).await?;
        Ok(answers.into_iter().map(|value| value.as_i64().map(Tick)).collect())
    }

    /// A chat becomes resident, if `nonce` still holds.
    pub async fn load_chat(&self, nonce: &str, rows: &ChatRows) -> Result<Loaded> {
        let chat = &rows.chat;
        let keys = ChatKeys::new(chat.id);
        let wait = if rows.new { self.options.flush_after } else { self.options.chat_ttl };
        let newest_member = rows.members.iter().map(|(_, member)| member.rev).max().unwrap_or_default();
        let clock = chat.rev.max(chat.last).max(newest_member);
        let fields = [
            ("kind", arg(chat.kind.as_str())),
            ("name", arg(&chat.name)),
            ("creator", arg(chat.creator)),
            ("created", arg(chat.created)),
            ("last", arg(chat.last)),
            ("seq", arg(chat.seq)),
            ("texts", arg(chat.texts)),
            ("rev", arg(chat.rev)),
            ("description", arg(&chat.description)),
            ("avatar", arg(&chat.avatar)),
            ("blocks", arg(&chat.blocks)),
            ("deleted", arg(chat.deleted)),
            ("clock", arg(clock)),
            ("told", arg(clock)),
            ("roster", arg(clock)),
            ("dropped", arg(nonce)),
        ];
        let mut args = vec![arg(nonce), arg(chat.id), ms(self.options.chat_ttl), ms(wait)];
        let mut list = |values: Vec<Value>| {
            args.push(arg(values.len()));
            args.extend(values);
        };
        list(fields.into_iter().flat_map(|(field, value)| [arg(field), value]).collect());
        list(rows.members.iter().flat_map(|(user, member)| [arg(user), arg(member.record())]).collect());
        list(rows.messages.iter().map(arg).collect());
        list(rows.sent.iter().flat_map(|(sender, key, id)| [arg(id), arg(format_args!("{sender}:{key}"))]).collect());
        let mut dirty = Vec::new();
        if rows.new {
            dirty.extend([arg(chat.rev), arg("chat")]);
            for (user, member) in &rows.members {
                dirty.extend([arg(member.rev), arg(format_args!("member:{user}")), arg(member.rev), arg(format_args!("list:{user}"))]);
            }
        }
        list(dirty);
        let keys = vec![
            keys.row(),
            keys.token(),
            keys.messages(),
            keys.members(),
            keys.dirty(),
            keys.sent(),
            keys.hydrating(),
            keys.due(),
            keys.changed(),
        ];
        Loaded::of(&self.run(Verb::LoadChat, keys, args).await?)
    }

    /// The chat need not stay warm: nobody who would read it is here.
    pub async fn cool(&self, chat: ChatId) -> Result<()> {
        let keys = ChatKeys::new(chat);
        self.run(Verb::Cool, vec![keys.row(), keys.token(), keys.due()], vec![arg(chat)]).await.map(drop)
    }

    /// A reader keeps a chat warm too. It is only a hint, so nobody waits for it; and a token that has expired stays so.
    pub(crate) fn stay_warm(&self, chat: ChatId, life_ms: i64) {
        let ttl = self.options.chat_ttl;
        if life_ms > 0 && life_ms < ttl.as_millis() as i64 / 2 {
            let hot = self.clone();
            tokio::spawn(async move {
                if let Err(error) = hot.command("PEXPIRE", vec![arg(ChatKeys::new(chat).token()), ms(ttl)]).await {
                    tracing::debug!(%error, chat.id = %chat, "a chat could not be kept warm");
                }
            });
        }
    }
}

pub(crate) fn refusal<T>(reply: &Reply) -> Result<std::result::Result<T, Refusal>> {
    match reply.word() {
        "COLD" => Ok(Err(Refusal::Cold)),
        "FORBIDDEN" => Ok(Err(Refusal::Forbidden)),
        "BLOCKED" => Ok(Err(Refusal::Blocked)),
        "SKEW" => Err(Error::Skewed),
        _ => Err(reply.unexpected()),
    }
}

/// kind name creator created last seq texts rev description avatar blocks deleted
pub(crate) fn chat(id: ChatId, row: Vec<Value>) -> Result<Chat> {
    let [kind, name, creator, created, last, seq, texts, rev, description, avatar, blocks, deleted]: [Value; 12] =
        row.try_into().map_err(|row: Vec<Value>| Error::corrupt("a chat", format!("{} fields", row.len())))?;
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
        blocks: text(blocks),
        deleted: Tick(number("when a chat was deleted", &deleted)?),
    })
}
