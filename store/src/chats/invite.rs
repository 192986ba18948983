//! Invitations to a group by a link: made, listed, revoked, shown, and followed.

use futures_util::FutureExt;
use hot::{InviteChange, InvitedChat, MemberAction, MemberChange, Membership, Refusal};
use model::{
    Invite, InvitePreview, InviteToken, Invites, MemberView, System, SystemEvent, Tick, UserId,
    avatar_url,
};

use crate::{Error, Result, Store, people::random, residency::retry};

impl Store {
    /// Makes an invitation to a group, until a tick (or `NEVER`) and for so many people (0: any
    /// number). Its token is shown only here.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`]; [`Error::TooManyInvites`]; [`Error::DirectChat`]; [`Error::NoRoom`];
    /// [`Error::NoChat`] when the user is not a member.
    pub async fn invite(
        &self,
        membership: Membership,
        expires: Tick,
        max_uses: i64,
    ) -> Result<(Invite, InviteToken)> {
        self.back_pressure.check_room()?;
        let [bits, _] = halves(random());
        let token = InviteToken::new(membership.chat, bits);
        let hash = token.hash();
        loop {
            let made = retry(|| self.hot.invite(membership, &hash, expires, max_uses)).await?;
            match self.granted(membership, made).await? {
                Some(InviteChange::Done(invite)) => return Ok((invite, token)),
                Some(other) => return Err(refused(&other)),
                None => {}
            }
        }
    }

    /// Returns the invitations to a group that have not ended.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`]; [`Error::DirectChat`]; [`Error::NoChat`] when the user is not a
    /// member.
    pub async fn invites(&self, membership: Membership) -> Result<Invites> {
        loop {
            let read = retry(|| self.hot.invites(membership)).await?;
            match self.granted(membership, read).await? {
                Some(InviteChange::Done(invites)) => return Ok(invites),
                Some(other) => return Err(refused(&other)),
                None => {}
            }
        }
    }

    /// Revokes an invitation to a group. A repetition is no error.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`]; [`Error::DirectChat`]; [`Error::NoChat`] when the user is not a
    /// member.
    pub async fn revoke_invite(&self, membership: Membership, id: Tick) -> Result<()> {
        loop {
            let revoked = retry(|| self.hot.revoke_invite(membership, id)).await?;
            match self.granted(membership, revoked).await? {
                Some(InviteChange::Done(_) | InviteChange::Same) => return Ok(()),
                Some(other) => return Err(refused(&other)),
                None => {}
            }
        }
    }

    /// Returns the group to which an invitation leads, and the name of its picture.
    ///
    /// # Errors
    /// [`Error::InviteEnded`] when there is no such invitation, or it holds no more.
    pub async fn invited(
        &self,
        token: &InviteToken,
        user: UserId,
    ) -> Result<(InvitePreview, String)> {
        let found = self.invited_chat(token, user).await?;
        let path = format!("/v1/invites/{}", token.reveal());
        let preview = InvitePreview {
            chat_id: token.chat,
            name: found.name,
            description: (!found.description.is_empty()).then_some(found.description),
            avatar_url: avatar_url(&path, &found.avatar),
            member_count: found.member_count,
            is_member: found.is_member,
        };
        Ok((preview, found.avatar))
    }

    /// Lets a user join a group by an invitation; false when the user is a member already.
    ///
    /// # Errors
    /// [`Error::InviteEnded`] when there is no such invitation, or it holds no more;
    /// [`Error::GroupFull`]; [`Error::NotAccepted`] when whoever made it blocks the user;
    /// [`Error::NoUser`].
    pub async fn join(&self, token: &InviteToken, user: UserId) -> Result<(MemberView, bool)> {
        let join = |before| self.join_once(token, user, before).boxed();
        self.in_one_life(join).await
    }

    /// Lets a user join a group. `before`: the result of an earlier time, which Redis may have
    /// forgotten.
    async fn join_once(
        &self,
        token: &InviteToken,
        user: UserId,
        before: Option<(MemberView, bool)>,
    ) -> Result<(MemberView, bool)> {
        let membership = Membership {
            chat: token.chat,
            user,
        };
        let creator = self.invited_chat(token, user).await?.creator;
        self.check_accept(&[creator], user).await?;
        let event = System {
            user_id: Some(user),
            ..System::new(SystemEvent::MemberAdded, user)
        };
        let hash = token.hash();
        let change = self
            .change_member(membership, user, MemberAction::Join(&hash), &event)
            .await;
        let (member, change) = match change {
            Ok(MemberChange::Done(member, change)) => (member, Some(change)),
            Ok(MemberChange::AlreadyIn(member)) => (member, None),
            Ok(other) => return Err(super::member::refused(&other)),
            Err(Error::NoChat) => return Err(Error::InviteEnded),
            Err(error) => return Err(error),
        };
        self.came_in(membership, (creator, user), (member, change), before)
            .await
    }

    async fn invited_chat(&self, token: &InviteToken, user: UserId) -> Result<InvitedChat> {
        let (chat, hash) = (token.chat, token.hash());
        let membership = Membership { chat, user };
        loop {
            match retry(|| self.hot.invited(membership, &hash)).await? {
                Ok(found) => return found.ok_or(Error::InviteEnded),
                Err(refusal) => match self.resolve(chat, refusal).await {
                    Err(Error::NoChat) => return Err(Error::InviteEnded),
                    resolved => resolved?,
                },
            }
        }
    }

    /// Returns the outcome of a call, or `None` when it is to be repeated.
    async fn granted<T>(
        &self,
        membership: Membership,
        outcome: std::result::Result<InviteChange<T>, Refusal>,
    ) -> Result<Option<InviteChange<T>>> {
        match outcome {
            Ok(change) => Ok(Some(change)),
            Err(refusal) => self.resolve(membership.chat, refusal).await.map(|()| None),
        }
    }
}

/// Cuts 32 bytes in two.
fn halves(bytes: [u8; 32]) -> [[u8; 16]; 2] {
    let mut halves = [[0; 16]; 2];
    for (byte, place) in bytes.into_iter().zip(halves.as_flattened_mut()) {
        *place = byte;
    }
    halves
}

/// Returns the error for a change that was refused.
fn refused<T>(change: &InviteChange<T>) -> Error {
    match change {
        InviteChange::Many => Error::TooManyInvites,
        InviteChange::Direct => Error::DirectChat,
        InviteChange::Role => Error::RoleTooLow,
        InviteChange::Done(_) | InviteChange::Same => Error::InviteEnded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_of_redis_has_its_error() {
        let refused = |change: InviteChange<()>| refused(&change);
        assert!(matches!(refused(InviteChange::Many), Error::TooManyInvites));
        assert!(matches!(refused(InviteChange::Direct), Error::DirectChat));
        assert!(matches!(refused(InviteChange::Role), Error::RoleTooLow));
        assert!(matches!(refused(InviteChange::Same), Error::InviteEnded));
    }
}
