//! What passes: who is online, and who is typing. Nothing of it is kept.

use hot::{Own, Presence};
use model::{ChatId, ChatKind, PresenceUpdated, ServerEvent, Typing, UserId};

use crate::{Envelope, Error, Result, Store, again::again, tell::Job};

impl Store {
    /// Who of these is online, for one who asks: of those with whom they share a chat, and where neither blocks the other.
    pub async fn presences(&self, asks: UserId, users: &[UserId]) -> Result<Vec<PresenceUpdated>> {
        let visible = futures_util::future::try_join_all(
            users.iter().map(async |user| Ok::<_, Error>(self.may_see(asks, *user).await?.then_some(*user))),
        );
        let visible: Vec<UserId> = visible.await?.into_iter().flatten().collect();
        let found = again(|| self.hot.presences(&visible)).await?;
        Ok(visible.into_iter().zip(found).map(|(user, presence)| shown(user, presence)).collect())
    }

    /// May one know of another when they are online?
    pub async fn may_see(&self, asks: UserId, other: UserId) -> Result<bool> {
        if asks == other {
            return Ok(true);
        }
        let blocks = futures_util::future::try_join(self.blocked_since(other, asks), self.blocked_since(asks, other)).await;
        match blocks {
            Ok((None, None)) => {}
            Ok(_) | Err(Error::NoUser) => return Ok(false),
            Err(error) => return Err(error),
        }
        let (mine, theirs) = (again(|| self.hot.chats_of(asks)).await?, again(|| self.hot.chats_of(other)).await?);
        let is_in = |chat: &ChatId| mine.iter().any(|listed| listed.chat == *chat && !listed.left.happened());
        Ok(theirs.iter().any(|listed| !listed.left.happened() && is_in(&listed.chat)))
    }

    /// A member is typing in a chat, or has stopped; the others are told, unless one of a direct chat blocks the other.
    ///
    /// # Errors
    /// [`Error::NoChat`]
    pub async fn typing(&self, own: Own, expires_ms: u32) -> Result<()> {
        let view = self.view_row(own).await?;
        if view.chat.kind == ChatKind::Direct && view.chat.blocks.contains(":1") {
            return Ok(());
        }
        let others = view.members.iter().filter(|(user, member)| **user != own.user && member.is_in()).map(|(user, _)| *user).collect();
        let event = ServerEvent::Typing(Typing { chat_id: own.chat, user_id: own.user, expires_ms }).to_string();
        self.teller.job(own.chat, Job::Users(others, Envelope::Event(event.into())));
        Ok(())
    }
}

fn shown(user_id: UserId, presence: Presence) -> PresenceUpdated {
    let last_seen_at = presence.last_seen.happened().then(|| presence.last_seen.rfc3339());
    PresenceUpdated { user_id, online: presence.online, last_seen_at }
}
