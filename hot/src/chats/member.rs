//! Members: how far they have read, and who comes and goes.

use std::collections::HashMap;

use fred::types::Value;
use model::{ChatId, Draft, Member, Role, Tick, UserId};

use super::{ChangeNotice, Membership, change_notice};
use crate::wire::{
    ChatKeys, Error, Hot, Millis, Refusal, Result, arg, parse, refusal, text, verbs,
};

/// The size of a chat above which members are not notified of how far the others have read.
pub const NOTIFY_UP_TO: usize = 64;

/// The outcome of moving a read mark.
#[derive(Clone, Debug)]
pub enum MarkOutcome {
    /// The mark was moved.
    Done(MovedMark),
    /// The mark was there already, or further.
    Same,
    /// The number of texts that SQL has after the mark is needed; retry with it.
    Count(SavedTexts),
}

/// The texts that SQL has between a mark and the list of Redis.
#[derive(Clone, Debug, Default)]
pub struct SavedTexts {
    /// The id that they are before.
    pub below: Tick,
    /// What `dropped` was before they were counted.
    pub dropped: String,
    /// Those that are not counted: they were deleted, and SQL may know of it or not.
    pub left_out: Vec<Tick>,
    /// Their number.
    pub count: i64,
}

/// A mark that was moved.
#[derive(Clone, Debug)]
pub struct MovedMark {
    /// The member's row.
    pub member: Member,
    /// The number of texts that the member has not read.
    pub unread: i64,
    /// The values of the notification; `None` when the chat is too large to notify its members of
    /// marks.
    pub notice: Option<ChangeNotice>,
}

/// An action on a member of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberAction<'a> {
    /// The user is added.
    Add,
    /// The user joins by the invitation whose token has this SHA-256.
    Join(&'a str),
    /// The member is removed, or leaves.
    Remove,
    /// The member gets this role.
    Become(Role),
}

/// The outcome of a change of membership.
#[derive(Clone, Debug)]
pub enum MemberChange {
    /// The membership changed.
    Done(Member, ChangeNotice),
    /// The user is a member already, or one of that role.
    AlreadyIn(Member),
    /// No such member exists.
    Absent,
    /// The group has as many members as it may.
    Full,
    /// The actor's role is too low.
    Role,
    /// The owner cannot leave others behind.
    Owner,
    /// The chat is not a group.
    Direct,
    /// No such invitation exists, or it holds no more.
    Ended,
}

impl Hot {
    /// Moves the marks of a member who has read up to `read` and received up to `delivered`.
    /// `saved` answers [`MarkOutcome::Count`]; the default at the first try.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Skewed` when clocks disagree: nothing was
    /// done.
    pub async fn mark_read(
        &self,
        own: Membership,
        read: Tick,
        delivered: Tick,
        saved: &SavedTexts,
    ) -> Result<std::result::Result<MarkOutcome, Refusal>> {
        let mut reply = self
            .run(verbs::MarkRead {
                chat: own.chat,
                caller_clock: Tick::now(),
                reader: own.user,
                read,
                delivered,
                ttl: Millis(self.options.chat_ttl),
                flush_after: Millis(self.options.flush_after),
                below: saved.below,
                texts_below: saved.count,
                seen: arg(&saved.dropped),
                notify_up_to: NOTIFY_UP_TO,
                left_out: saved.left_out.iter().map(arg).collect(),
            })
            .await?;
        Ok(Ok(match reply.word() {
            "OK" => {
                let member = read_member(&reply.text(1)?)?;
                let (unread, told) = (reply.number(2)?, reply.text(3)?);
                let notice = match told.is_empty() {
                    true => None,
                    false => Some(ChangeNotice {
                        prev: Tick(parse("the last notified change", &told)?),
                        roster_version: reply.tick(4)?,
                    }),
                };
                MarkOutcome::Done(MovedMark {
                    member,
                    unread,
                    notice,
                })
            }
            "SAME" => MarkOutcome::Same,
            "COUNT" => {
                let (below, dropped) = (reply.tick(1)?, reply.text(2)?);
                let ids = reply.rest(3).map(|id| parse("a text", &text(id)).map(Tick));
                MarkOutcome::Count(SavedTexts {
                    below,
                    dropped,
                    left_out: ids.collect::<Result<_>>()?,
                    count: 0,
                })
            }
            _ => return refusal(&reply),
        }))
    }

    /// Lets `own.user` add, remove or promote a member of a group, or leave it. `system_message`
    /// tells of it.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Skewed` when clocks disagree: nothing was
    /// done.
    pub async fn change_member(
        &self,
        own: Membership,
        user: UserId,
        action: MemberAction<'_>,
        system_message: &Draft<'_>,
        max_members: usize,
    ) -> Result<std::result::Result<MemberChange, Refusal>> {
        let mut reply = self
            .run(verbs::ChangeMember {
                chat: own.chat,
                caller_clock: Tick::now(),
                actor: own.user,
                user,
                action: arg(match action {
                    MemberAction::Add => "add",
                    MemberAction::Join(_) => "join",
                    MemberAction::Remove => "remove",
                    MemberAction::Become(role) => role.as_str(),
                }),
                token_hash: arg(match action {
                    MemberAction::Join(hash) => hash,
                    _ => "",
                }),
                tail: arg(system_message.tail()),
                max_members,
                ttl: Millis(self.options.chat_ttl),
                flush_after: Millis(self.options.flush_after),
            })
            .await?;
        Ok(Ok(match reply.word() {
            "OK" => {
                MemberChange::Done(read_member(&reply.text(1)?)?, change_notice(&mut reply, 2)?)
            }
            "IN" => MemberChange::AlreadyIn(read_member(&reply.text(1)?)?),
            "ABSENT" => MemberChange::Absent,
            "FULL" => MemberChange::Full,
            "ROLE" => MemberChange::Role,
            "OWNER" => MemberChange::Owner,
            "DIRECT" => MemberChange::Direct,
            "ENDED" => MemberChange::Ended,
            _ => return refusal(&reply),
        }))
    }

    /// Reads present and former members; empty when the chat is not resident.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn members(&self, chat: ChatId) -> Result<HashMap<UserId, Member>> {
        read_members(
            self.command("HGETALL", vec![arg(ChatKeys::new(chat).members())])
                .await?
                .into_array(),
        )
    }
}

/// Reads the record of a member.
pub(crate) fn read_member(record: &str) -> Result<Member> {
    serde_json::from_str(record).map_err(|error| Error::corrupt("a member", error))
}

/// Reads a flat list of user ids and records.
pub(crate) fn read_members(flat: Vec<Value>) -> Result<HashMap<UserId, Member>> {
    let mut values = flat.into_iter().map(text);
    let mut members = HashMap::new();
    while let (Some(user), Some(record)) = (values.next(), values.next()) {
        members.insert(parse("a member's id", &user)?, read_member(&record)?);
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = concat!(
        r#"{"role":"admin","joined":1,"left":0,"read":4,"counted":2,"delivered":5,"#,
        r#""mentions":[3,4],"rev":6}"#,
    );

    #[test]
    fn the_record_of_a_member_is_read_and_written_alike() {
        let member = read_member(RECORD).expect("a record");
        assert_eq!(member.role, Role::Admin);
        assert_eq!((member.read, member.delivered), (Tick(4), Tick(5)));
        assert_eq!(member.record(), RECORD);
        assert!(read_member("{}").is_err());
    }

    #[test]
    fn members_are_a_flat_list_of_ids_and_records() {
        let user = UserId::new();
        let flat = vec![user.to_string().into(), RECORD.into()];
        let members = read_members(flat).expect("one member");
        assert_eq!(members.len(), 1);
        assert_eq!(members[&user].rev, Tick(6));
        assert!(read_members(vec!["nobody".into(), RECORD.into()]).is_err());
    }
}
