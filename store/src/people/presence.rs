//! Presence: users who are online. It is never saved.

use std::{collections::HashSet, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use hot::{ListedChat, Presence};
use model::{ChatId, PresenceUpdated, Tick, UserId};

use crate::{Error, Result, Store, residency::retry};

/// The number of users of whom it is asked at the same time whether they may be seen.
const ASKED_AT_ONCE: usize = 16;

impl Store {
    /// Returns the presence of those of these users that `asks` may see.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn presences(&self, asks: UserId, users: &[UserId]) -> Result<Vec<PresenceUpdated>> {
        let visible = self.seen_by(asks, users).await?;
        let found = self.presences_unchecked(&visible).await?;
        Ok(found.into_iter().map(|(presence, _)| presence).collect())
    }

    /// Returns the presence of these users with the tick until which it holds at least while they
    /// are online, without a check of who may know.
    ///
    /// # Errors
    /// [`Error::Hot`] when Redis does not answer; retry later.
    pub async fn presences_unchecked(
        &self,
        users: &[UserId],
    ) -> Result<Vec<(PresenceUpdated, Tick)>> {
        let found = retry(|| self.hot.presences(users)).await?;
        let shown = |(user, found): (&UserId, Presence)| (shown(*user, found), found.until);
        Ok(users.iter().zip(found).map(shown).collect())
    }

    /// Writes down that an API process, `instance`, serves a user, for as long as `life`.
    ///
    /// # Errors
    /// [`Error::Hot`] when Redis does not answer; retry later.
    pub async fn mark_online(&self, user: UserId, instance: UserId, life: Duration) -> Result<()> {
        Ok(self.hot.heartbeat(user, instance, life).await?)
    }

    /// Writes down that an API process, `instance`, serves a user no more.
    ///
    /// # Errors
    /// [`Error::Hot`] when Redis does not answer; retry later.
    pub async fn mark_offline(&self, user: UserId, instance: UserId) -> Result<()> {
        Ok(self.hot.leave(user, instance).await?)
    }

    /// Returns those of these users of whom one may know whether they are online, and who may know
    /// it of the one: they share a chat, and neither blocks the other.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn seen_by(&self, one: UserId, others: &[UserId]) -> Result<Vec<UserId>> {
        let chats: HashSet<ChatId> = present(self.listed(one).await?).collect();
        let may_see = async |other: UserId| {
            let sees = other == one
                || self.blocked_since(one, other).await?.is_none()
                    && self.is_companion(one, &chats, other).await?;
            Ok::<_, Error>(sees.then_some(other))
        };
        let seen: Vec<_> = stream::iter(others.iter().copied().map(may_see))
            .buffered(ASKED_AT_ONCE)
            .try_collect()
            .await?;
        Ok(seen.into_iter().flatten().collect())
    }

    /// Returns true when another user shares one of these chats of a user, and does not block them.
    async fn is_companion(
        &self,
        one: UserId,
        chats: &HashSet<ChatId>,
        other: UserId,
    ) -> Result<bool> {
        match self.blocked_since(other, one).await {
            Ok(None) => {}
            Ok(Some(_)) | Err(Error::NoUser) => return Ok(false),
            Err(error) => return Err(error),
        }
        // Nobody leaves a direct chat; of a list of chats this needs none.
        if chats.contains(&ChatId::direct(one, other)) {
            return Ok(true);
        }
        let theirs = self.listed(other).await?;
        Ok(present(theirs).any(|chat| chats.contains(&chat)))
    }
}

/// Returns the chats of a list that its user has not left.
fn present(listed: Vec<ListedChat>) -> impl Iterator<Item = ChatId> {
    let present = listed.into_iter().filter(|listed| !listed.left.happened());
    present.map(|listed| listed.chat)
}

fn shown(user_id: UserId, presence: Presence) -> PresenceUpdated {
    let last_seen_at = presence
        .last_seen
        .happened()
        .then(|| presence.last_seen.rfc3339());
    PresenceUpdated {
        user_id,
        online: presence.online,
        last_seen_at,
    }
}
