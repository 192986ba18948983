//! Invitations to a group.

use model::{Invite, Invites, MAX_INVITES, Tick, UserId};

use super::Membership;
use crate::wire::{Hot, Millis, Refusal, Result, arg, parse, refusal, verbs};

/// The outcome of a change of a group's invitations.
#[derive(Clone, Debug)]
pub enum InviteChange<T> {
    /// The change was made.
    Done(T),
    /// No such invitation exists.
    Same,
    /// The group has as many invitations as it may.
    Many,
    /// The actor's role is too low.
    Role,
    /// The chat is not a group.
    Direct,
}

/// A group, as an invitation shows it.
#[derive(Clone, Debug)]
pub struct InvitedChat {
    /// The member who made the invitation; the user who asks when it holds no more.
    pub creator: UserId,
    /// The name of the group.
    pub name: String,
    /// The description of the group; empty when none was given.
    pub description: String,
    /// The name of the group's picture; empty when it has none.
    pub avatar: String,
    /// The number of members.
    pub member_count: i64,
    /// True when the user who asks is one of them.
    pub is_member: bool,
}

impl Hot {
    /// Makes an invitation to a group: for a token with this SHA-256, until a tick (or `NEVER`),
    /// for so many people (0: any number).
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Skewed` when clocks disagree: nothing was
    /// done.
    pub async fn invite(
        &self,
        own: Membership,
        hash: &str,
        expires: Tick,
        max_uses: i64,
    ) -> Result<std::result::Result<InviteChange<Invite>, Refusal>> {
        self.change_invites(own, Tick::NEVER, hash, expires, max_uses)
            .await
    }

    /// Revokes an invitation to a group.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: the call may have been done.
    /// `Error::Full` when Redis has no room, `Error::Skewed` when clocks disagree: nothing was
    /// done.
    pub async fn revoke_invite(
        &self,
        own: Membership,
        id: Tick,
    ) -> Result<std::result::Result<InviteChange<Invite>, Refusal>> {
        self.change_invites(own, id, "", Tick::NEVER, 0).await
    }

    async fn change_invites(
        &self,
        own: Membership,
        id: Tick,
        hash: &str,
        ends: Tick,
        max_uses: i64,
    ) -> Result<std::result::Result<InviteChange<Invite>, Refusal>> {
        let mut reply = self
            .run(verbs::ChangeInvites {
                chat: own.chat,
                caller_clock: Tick::now(),
                actor: own.user,
                id,
                token_hash: arg(hash),
                ends,
                max_uses,
                max_invites: MAX_INVITES,
                ttl: Millis(self.options.chat_ttl),
                flush_after: Millis(self.options.flush_after),
            })
            .await?;
        Ok(Ok(match reply.word() {
            "OK" => InviteChange::Done(parse("an invitation", &reply.text(1)?)?),
            "SAME" => InviteChange::Same,
            "MANY" => InviteChange::Many,
            "ROLE" => InviteChange::Role,
            "DIRECT" => InviteChange::Direct,
            _ => return refusal(&reply),
        }))
    }

    /// Reads the invitations to a group that have not ended, for one who manages it.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn invites(
        &self,
        own: Membership,
    ) -> Result<std::result::Result<InviteChange<Invites>, Refusal>> {
        let mut reply = self
            .run(verbs::Invites {
                chat: own.chat,
                reader: own.user,
            })
            .await?;
        Ok(Ok(match reply.word() {
            "OK" => InviteChange::Done(parse("invitations", &reply.text(1)?)?),
            "ROLE" => InviteChange::Role,
            "DIRECT" => InviteChange::Direct,
            _ => return refusal(&reply),
        }))
    }

    /// Reads a group, as the invitation whose token has this SHA-256 shows it to a user; `None`
    /// when there is no such invitation, or it holds no more, and the user is no member.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn invited(
        &self,
        own: Membership,
        hash: &str,
    ) -> Result<std::result::Result<Option<InvitedChat>, Refusal>> {
        let mut reply = self
            .run(verbs::Invited {
                chat: own.chat,
                reader: own.user,
                token_hash: arg(hash),
            })
            .await?;
        Ok(Ok(match reply.word() {
            "OK" => Some(InvitedChat {
                creator: parse("the creator of an invitation", &reply.text(1)?)?,
                name: reply.text(2)?,
                description: reply.text(3)?,
                avatar: reply.text(4)?,
                member_count: reply.number(5)?,
                is_member: reply.number(6)? == 1,
            }),
            "ENDED" => None,
            _ => return refusal(&reply),
        }))
    }
}
