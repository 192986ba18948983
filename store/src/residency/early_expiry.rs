//! Early expiry of chats that no user with a session is in.

use model::UserId;

use crate::{Result, Store};

/// The largest number of other members of a chat that expires early.
const MAX_OTHERS: usize = 20;

impl Store {
    /// Expires the chats of a user who has no session any more early: those, unless large, in which
    /// no other member has one.
    ///
    /// # Errors
    /// [`crate::Error::Hot`] when Redis does not answer; retry later.
    pub async fn expire_chats_early(&self, user: UserId) -> Result<()> {
        for listed in self.hot.chats_of(user).await?.unwrap_or_default() {
            let members = self.hot.members(listed.chat).await?;
            let others: Vec<UserId> = members
                .iter()
                .filter(|(id, member)| **id != user && member.is_in())
                .map(|(id, _)| *id)
                .collect();
            if members.is_empty() || others.len() >= MAX_OTHERS {
                continue;
            }
            if self
                .hot
                .session_counts(&others)
                .await?
                .iter()
                .all(|count| *count == 0)
            {
                self.hot.expire_early(listed.chat).await?;
            }
        }
        Ok(())
    }
}
