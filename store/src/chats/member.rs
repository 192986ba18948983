//! Members who join, leave and change roles.

use futures_util::FutureExt;
use hot::{ChangeNotice, ListedChat, MemberAction, MemberChange, Membership};
use model::{ChatId, Draft, Member, MemberView, MessageKind, Role, System, SystemEvent, UserId};

use crate::{Error, Result, Store, residency::retry};

/// The number of members in the largest group.
pub const MAX_MEMBERS: usize = 1000;

impl Store {
    /// Adds a user to a group; false when the user is a member already.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`], [`Error::GroupFull`], [`Error::DirectChat`]; [`Error::NoUser`];
    /// [`Error::NoChat`]; [`Error::NotAccepted`] when the one to be added blocks the user.
    pub async fn add_member(
        &self,
        membership: Membership,
        user: UserId,
    ) -> Result<(MemberView, bool)> {
        let add = |before| self.add_once(membership, user, before).boxed();
        self.in_one_life(add).await
    }

    /// Adds a user to a group. `before`: the result of an earlier time, which Redis may have
    /// forgotten.
    async fn add_once(
        &self,
        membership: Membership,
        user: UserId,
        before: Option<(MemberView, bool)>,
    ) -> Result<(MemberView, bool)> {
        self.may_manage(membership).await?; // others do not learn who blocks them
        self.check_accept(&[user], membership.user).await?;
        let event = System {
            user_id: Some(user),
            ..System::new(SystemEvent::MemberAdded, membership.user)
        };
        let (member, change) = match self
            .change_member(membership, user, MemberAction::Add, &event)
            .await?
        {
            MemberChange::Done(member, change) => (member, Some(change)),
            MemberChange::AlreadyIn(member) => (member, None),
            other => return Err(refused(&other)),
        };
        self.came_in(
            Membership { user, ..membership },
            (user, membership.user),
            (member, change),
            before,
        )
        .await
    }

    /// Does what follows when somebody has come into a group, or is in it already: it is in their
    /// list, and the members are notified. `blocker` must accept `blocked`.
    pub(super) async fn came_in(
        &self,
        membership: Membership,
        (blocker, blocked): (UserId, UserId),
        (member, change): (Member, Option<ChangeNotice>),
        before: Option<(MemberView, bool)>,
    ) -> Result<(MemberView, bool)> {
        let Membership { chat, user } = membership;
        let new = change.is_some();
        // A block may have come between the question and the change.
        if new && !self.who_blocks(&[blocker], blocked).await?.is_empty() {
            self.take_out(chat, user).await?;
            return Err(Error::NotAccepted);
        }
        self.enlist_member(membership, user, &member).await?;
        // Members are notified after the chat is in the new member's list, since that is where its
        // readers look for it.
        change
            .into_iter()
            .for_each(|change| self.notifier.members(chat, change, member.rev, ""));
        let was_new = before.is_some_and(|(_, new)| new);
        Ok((MemberView::new(user, &member), new || was_new))
    }

    /// Takes out of a group whoever does not accept to be in it: they leave.
    pub(super) async fn take_out(&self, chat: ChatId, user: UserId) -> Result<()> {
        match self.remove_member(Membership { chat, user }, user).await {
            Ok(()) | Err(Error::NoChat | Error::NoMember) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes a member from a group, or leaves it when the member is the user.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`], [`Error::LastOwner`], [`Error::DirectChat`], [`Error::NoMember`];
    /// [`Error::NoChat`].
    pub async fn remove_member(&self, membership: Membership, user: UserId) -> Result<()> {
        let event = if membership.user == user {
            System::new(SystemEvent::MemberLeft, membership.user)
        } else {
            System {
                user_id: Some(user),
                ..System::new(SystemEvent::MemberRemoved, membership.user)
            }
        };
        let remove = |before: Option<()>| {
            let event = &event;
            async move {
                let remove = self.change_member(membership, user, MemberAction::Remove, event);
                match remove.await {
                    Ok(MemberChange::Done(member, change)) => {
                        self.enlist_member(membership, user, &member).await?;
                        self.notifier
                            .members(membership.chat, change, member.rev, "");
                        self.notifier.removed(membership.chat, vec![user]);
                        Ok(())
                    }
                    // The chat has not forgotten it; for the list there is the flusher. (Whoever
                    // has left is told that there is no such chat.)
                    Ok(MemberChange::Absent) | Err(Error::NoChat) if before.is_some() => Ok(()),
                    Ok(other) => Err(refused(&other)),
                    Err(error) => Err(error),
                }
            }
            .boxed()
        };
        self.in_one_life(remove).await
    }

    /// Gives a member another role. An owner who makes another member the owner becomes an admin.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`] for all but the owner, and for the owner's own role;
    /// [`Error::NoMember`]; [`Error::NoChat`].
    pub async fn change_role(
        &self,
        membership: Membership,
        user: UserId,
        role: Role,
    ) -> Result<MemberView> {
        let view = self.view_row(membership).await?;
        let old = view
            .members
            .get(&user)
            .filter(|member| member.is_in())
            .ok_or(Error::NoMember)?
            .role;
        let (old, new) = (
            Some(old.as_str().to_owned()),
            Some(role.as_str().to_owned()),
        );
        let event = System {
            user_id: Some(user),
            old,
            new,
            ..System::new(SystemEvent::RoleChanged, membership.user)
        };
        match self
            .change_member(membership, user, MemberAction::Become(role), &event)
            .await?
        {
            MemberChange::Done(member, change) => {
                self.notifier
                    .members(membership.chat, change, member.rev, "");
                Ok(MemberView::new(user, &member))
            }
            MemberChange::AlreadyIn(member) => Ok(MemberView::new(user, &member)),
            other => Err(refused(&other)),
        }
    }

    pub(super) async fn change_member(
        &self,
        membership: Membership,
        user: UserId,
        act: MemberAction<'_>,
        event: &System,
    ) -> Result<MemberChange> {
        let notice = Draft {
            system: Some(event),
            ..Draft::new(membership.chat, membership.user, MessageKind::System, "")
        };
        loop {
            match retry(|| {
                self.hot
                    .change_member(membership, user, act, &notice, MAX_MEMBERS)
            })
            .await?
            {
                Ok(change) => return Ok(change),
                Err(refusal) => self.resolve(membership.chat, refusal).await?,
            }
        }
    }

    async fn enlist_member(
        &self,
        membership: Membership,
        user: UserId,
        member: &Member,
    ) -> Result<()> {
        self.enlist(
            user,
            ListedChat {
                chat: membership.chat,
                rev: member.rev,
                left: member.left,
            },
        )
        .await
    }
}

/// Returns the error for a change that was refused.
pub(super) fn refused(change: &MemberChange) -> Error {
    match change {
        MemberChange::Full => Error::GroupFull,
        MemberChange::Role => Error::RoleTooLow,
        MemberChange::Owner => Error::LastOwner,
        MemberChange::Direct => Error::DirectChat,
        MemberChange::Ended => Error::InviteEnded,
        MemberChange::Absent | MemberChange::Done(..) | MemberChange::AlreadyIn(_) => {
            Error::NoMember
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_of_redis_has_its_error() {
        assert!(matches!(refused(&MemberChange::Full), Error::GroupFull));
        assert!(matches!(refused(&MemberChange::Role), Error::RoleTooLow));
        assert!(matches!(refused(&MemberChange::Owner), Error::LastOwner));
        assert!(matches!(refused(&MemberChange::Direct), Error::DirectChat));
        assert!(matches!(refused(&MemberChange::Ended), Error::InviteEnded));
        assert!(matches!(refused(&MemberChange::Absent), Error::NoMember));
    }
}
