//! Members who come and go.

use hot::{Listed, MemberChange};
use model::{Draft, Member, MemberView, MessageKind, System, SystemEvent, UserId};

use crate::{Error, MAX_MEMBERS, Own, Result, Store, again::again};

impl Store {
    /// Adds somebody to a group; false when they are in already.
    pub async fn add_member(&self, own: Own, user: UserId) -> Result<(MemberView, bool)> {
        let event = System { event: SystemEvent::MemberAdded, actor_id: own.user, user_id: Some(user) };
        let (member, new) = match self.change_member(own, user, true, &event).await? {
            MemberChange::Done(member) => (member, true),
            MemberChange::AlreadyIn(member) => (member, false),
            other => return Err(refused(&other)),
        };
        self.enlist_member(own, user, &member).await?;
        Ok((MemberView::new(user, &member), new))
    }

    /// Removes somebody from a group, or leaves it.
    pub async fn remove_member(&self, own: Own, user: UserId) -> Result<()> {
        let event = if own.user == user {
            System { event: SystemEvent::MemberLeft, actor_id: own.user, user_id: None }
        } else {
            System { event: SystemEvent::MemberRemoved, actor_id: own.user, user_id: Some(user) }
        };
        match self.change_member(own, user, false, &event).await? {
            MemberChange::Done(member) => self.enlist_member(own, user, &member).await,
            other => Err(refused(&other)),
        }
    }

    async fn change_member(&self, own: Own, user: UserId, add: bool, event: &System) -> Result<MemberChange> {
        let notice = Draft { system: Some(event), ..Draft::new(own.chat, own.user, MessageKind::System, "") };
        loop {
            match again(|| self.hot.change_member(own, user, add, &notice, MAX_MEMBERS)).await? {
                Ok(change) => return Ok(change),
                Err(refusal) => self.resolve(own.chat, refusal).await?,
            }
        }
    }

    async fn enlist_member(&self, own: Own, user: UserId, member: &Member) -> Result<()> {
        self.enlist(user, Listed { chat: own.chat, rev: member.rev, left: member.left }).await
    }
}

fn refused(change: &MemberChange) -> Error {
    match change {
        MemberChange::Full => Error::GroupFull,
        MemberChange::Role => Error::RoleTooLow,
        MemberChange::Owner => Error::LastOwner,
        MemberChange::Direct => Error::DirectChat,
        MemberChange::Absent | MemberChange::Done(_) | MemberChange::AlreadyIn(_) => Error::NoMember,
    }
}
