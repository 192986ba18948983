//! Members who come and go.

use hot::{Listed, MemberAct, MemberChange};
use model::{Draft, Member, MemberView, MessageKind, Role, System, SystemEvent, UserId};

use crate::{Error, MAX_MEMBERS, Own, Result, Store, again::again};

impl Store {
    /// Adds somebody to a group; false when they are in already.
    pub async fn add_member(&self, own: Own, user: UserId) -> Result<(MemberView, bool)> {
        let event = System { user_id: Some(user), ..System::new(SystemEvent::MemberAdded, own.user) };
        let (member, telling) = match self.change_member(own, user, MemberAct::Add, &event).await? {
            MemberChange::Done(member, telling) => (member, Some(telling)),
            MemberChange::AlreadyIn(member) => (member, None),
            other => return Err(refused(&other)),
        };
        self.enlist_member(own, user, &member).await?;
        let new = telling.is_some();
        // Not before it is in their list: who is told looks for it there.
        telling.into_iter().for_each(|telling| self.teller.members(own.chat, telling, member.rev, ""));
        Ok((MemberView::new(user, &member), new))
    }

    /// Removes somebody from a group, or leaves it.
    pub async fn remove_member(&self, own: Own, user: UserId) -> Result<()> {
        let event = if own.user == user {
            System::new(SystemEvent::MemberLeft, own.user)
        } else {
            System { user_id: Some(user), ..System::new(SystemEvent::MemberRemoved, own.user) }
        };
        match self.change_member(own, user, MemberAct::Remove, &event).await? {
            MemberChange::Done(member, telling) => {
                self.enlist_member(own, user, &member).await?;
                self.teller.members(own.chat, telling, member.rev, "");
                self.tell_removed(own.chat, vec![user]);
                Ok(())
            }
            other => Err(refused(&other)),
        }
    }

    /// Gives a member another role. Who makes another the owner is an admin from then on.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`] for all but the owner, and for the owner's own role.
    pub async fn change_role(&self, own: Own, user: UserId, role: Role) -> Result<MemberView> {
        let view = self.view_row(own).await?;
        let old = view.members.get(&user).filter(|member| member.is_in()).ok_or(Error::NoMember)?.role;
        let (old, new) = (Some(old.as_str().to_owned()), Some(role.as_str().to_owned()));
        let event = System { user_id: Some(user), old, new, ..System::new(SystemEvent::RoleChanged, own.user) };
        match self.change_member(own, user, MemberAct::Become(role), &event).await? {
            MemberChange::Done(member, telling) => {
                self.teller.members(own.chat, telling, member.rev, "");
                Ok(MemberView::new(user, &member))
            }
            MemberChange::AlreadyIn(member) => Ok(MemberView::new(user, &member)),
            other => Err(refused(&other)),
        }
    }

    async fn change_member(&self, own: Own, user: UserId, act: MemberAct, event: &System) -> Result<MemberChange> {
        let notice = Draft { system: Some(event), ..Draft::new(own.chat, own.user, MessageKind::System, "") };
        loop {
            match again(|| self.hot.change_member(own, user, act, &notice, MAX_MEMBERS)).await? {
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
        MemberChange::Absent | MemberChange::Done(..) | MemberChange::AlreadyIn(_) => Error::NoMember,
    }
}
