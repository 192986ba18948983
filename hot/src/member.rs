//! Members: who is in, how far they have read, and who comes and goes.

use std::collections::HashMap;

use fred::types::Value;
use model::{ChatId, Draft, Member, Role, Tick, UserId};

use crate::{
    Error, Hot, Own, Refusal, Result, Telling, Verb,
    chat::refusal,
    client::{arg, ms},
    keys::ChatKeys,
    reply::{parse, text},
};

/// In a larger chat nobody is told how far the others have read.
const TOLD_UP_TO: usize = 64;

/// How a mark went.
#[derive(Clone, Debug)]
pub enum Counted {
    /// It stands.
    Done(Marked),
    /// It stood, or something further did.
    Same,
    /// How many texts SQL has after the mark and before this id must be told.
    Count(Tick),
}

/// A mark that was moved.
#[derive(Clone, Debug)]
pub struct Marked {
    /// The member's row.
    pub member: Member,
    /// How many texts they have not read.
    pub unread: i64,
    /// `None`: the chat is too large to tell its members of marks.
    pub telling: Option<Telling>,
}

/// What is done about a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberAct {
    /// They come.
    Add,
    /// They are removed, or leave.
    Remove,
    /// They get this role.
    Become(Role),
}

/// How a change of membership went.
#[derive(Clone, Debug)]
pub enum MemberChange {
    /// Done.
    Done(Member, Telling),
    /// Already a member, or one of that role.
    AlreadyIn(Member),
    /// No such member.
    Absent,
    /// The group has as many as it may.
    Full,
    /// The actor's role is too low.
    Role,
    /// The owner cannot leave others behind.
    Owner,
    /// Not a group.
    Direct,
}

impl Hot {
    /// A member has read up to `read`, and received up to `delivered`. `below` and `texts_below`: what [`Counted::Count`] asked for.
    pub async fn mark_read(
        &self,
        own: Own,
        read: Tick,
        delivered: Tick,
        (below, texts_below): (Tick, i64),
    ) -> Result<std::result::Result<Counted, Refusal>> {
        let keys = ChatKeys::new(own.chat);
        let mut reply = self
            .run(
                Verb::MarkRead,
                keys.to_change(),
                vec![
                    arg(Tick::now()),
                    arg(own.chat),
                    arg(own.user),
                    arg(read),
                    arg(delivered),
                    ms(self.options.chat_ttl),
                    ms(self.options.flush_after),
                    arg(below),
                    arg(texts_below),
                    arg(TOLD_UP_TO),
                ],
            )
            .await?;
        Ok(Ok(match reply.word() {
            "OK" => {
                let member = member(&reply.text(1)?)?;
                let (unread, told) = (reply.number(2)?, reply.text(3)?);
                let telling = match told.is_empty() {
                    true => None,
                    false => Some(Telling { prev: Tick(parse("what was told", &told)?), roster: reply.tick(4)? }),
                };
                Counted::Done(Marked { member, unread, telling })
            }
            "SAME" => Counted::Same,
            "COUNT" => Counted::Count(reply.tick(1)?),
            _ => return refusal(&reply),
        }))
    }

    /// What `own.user` does about a member of a group, or about themselves. `notice` is the system message that tells of it.
    pub async fn change_member(
        &self,
        own: Own,
        user: UserId,
        act: MemberAct,
        notice: &Draft<'_>,
        max_members: usize,
    ) -> Result<std::result::Result<MemberChange, Refusal>> {
        let keys = ChatKeys::new(own.chat);
        let mut reply = self
            .run(
                Verb::ChangeMember,
                keys.to_change(),
                vec![
                    arg(Tick::now()),
                    arg(own.chat),
                    arg(own.user),
                    arg(user),
                    arg(match act {
                        MemberAct::Add => "add",
                        MemberAct::Remove => "remove",
                        MemberAct::Become(role) => role.as_str(),
                    }),
                    arg(notice.tail()),
                    arg(max_members),
                    ms(self.options.chat_ttl),
                    ms(self.options.flush_after),
                ],
            )
            .await?;
        Ok(Ok(match reply.word() {
            "OK" => MemberChange::Done(member(&reply.text(1)?)?, reply.telling(2)?),
            "IN" => MemberChange::AlreadyIn(member(&reply.text(1)?)?),
            "ABSENT" => MemberChange::Absent,
            "FULL" => MemberChange::Full,
            "ROLE" => MemberChange::Role,
            "OWNER" => MemberChange::Owner,
            "DIRECT" => MemberChange::Direct,
            _ => return refusal(&reply),
        }))
    }

    /// All who are or were members; empty when the chat is not resident.
    pub async fn members(&self, chat: ChatId) -> Result<HashMap<UserId, Member>> {
        members(self.command("HGETALL", vec![arg(ChatKeys::new(chat).members())]).await?.into_array())
    }
}

pub(crate) fn member(record: &str) -> Result<Member> {
    serde_json::from_str(record).map_err(|error| Error::corrupt("a member", error))
}

pub(crate) fn members(flat: Vec<Value>) -> Result<HashMap<UserId, Member>> {
    let mut values = flat.into_iter().map(text);
    let mut members = HashMap::new();
    while let (Some(user), Some(record)) = (values.next(), values.next()) {
        members.insert(parse("a member's id", &user)?, member(&record)?);
    }
    Ok(members)
}
