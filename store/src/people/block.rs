//! Blocks between two users.

use futures_util::{FutureExt, future::try_join_all};
use hot::{Membership, Refusal};
use model::{ChatId, PrivateKey, Tick, User, UserId};

use crate::{Error, Result, Store, residency::retry};

/// The number of users whose blocks are looked at together.
const AT_ONCE: usize = 256;

impl Store {
    /// Makes a user block another, or ends the block. A repetition is no error.
    ///
    /// # Errors
    /// [`Error::NoUser`] when the other does not exist; [`Error::TooManyBlocks`].
    pub async fn block(&self, user: UserId, other: UserId, blocks: bool) -> Result<()> {
        if blocks && self.user(other).await?.is_none() {
            return Err(Error::NoUser);
        }
        let block = |_| self.block_once(user, other, blocks).boxed();
        self.in_one_life(block).await
    }

    async fn block_once(&self, user: UserId, other: UserId, blocks: bool) -> Result<()> {
        let about = PrivateKey::Block(other);
        let since = loop {
            let (_, seen) = self.private_row(user, about).await?;
            if let Some(rev) = self
                .change_private_row(user, about, &seen, if blocks { "1" } else { "" })
                .await?
            {
                self.notifier.private_changed(user, rev, rev);
                break rev;
            }
        };
        if since.happened() {
            self.propagate_block(user, other, since, blocks).await
        } else {
            Ok(())
        }
    }

    /// Writes a block, or its end, into the direct chat of the two users, if there is one. `since`
    /// is the rev of the private row that says so.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; the flusher repeats it.
    pub async fn propagate_block(
        &self,
        user: UserId,
        other: UserId,
        since: Tick,
        blocks: bool,
    ) -> Result<()> {
        let membership = Membership {
            chat: ChatId::direct(user, other),
            user,
        };
        loop {
            match retry(|| self.hot.block(membership, since, blocks)).await? {
                Ok(()) => return Ok(()),
                // An evicted chat that knows of the block already need not be hydrated for it.
                Err(Refusal::Cold)
                    if self
                        .cold
                        .chat(membership.chat)
                        .await?
                        .is_none_or(|cold| cold.chat.blocks.is_known(user, since)) =>
                {
                    return Ok(());
                }
                Err(refusal) => match self.resolve(membership.chat, refusal).await {
                    Err(Error::NoChat) => return Ok(()),
                    other => other?,
                },
            }
        }
    }

    /// Checks that none of these people blocks a user who puts them into a chat. A block may come
    /// before they are in it: whoever puts them there asks again, with [`Store::who_blocks`].
    pub(crate) async fn check_accept(&self, people: &[UserId], by: UserId) -> Result<()> {
        match self.who_blocks(people, by).await?.is_empty() {
            true => Ok(()),
            false => Err(Error::NotAccepted),
        }
    }

    /// Returns those of these people who block a user.
    pub(crate) async fn who_blocks(&self, people: &[UserId], by: UserId) -> Result<Vec<UserId>> {
        let about = PrivateKey::Block(by);
        let (mut found, mut cold) = (Vec::new(), Vec::new());
        for some in people.chunks(AT_ONCE) {
            let read = async |user: &UserId| retry(|| self.hot.private_row(*user, about)).await;
            let rows = try_join_all(some.iter().map(read)).await?;
            for (user, row) in some.iter().zip(rows) {
                match row {
                    Ok(row) if row.value.is_empty() => {}
                    Ok(_) => found.push(*user),
                    Err(_) => cold.push(*user),
                }
            }
        }
        // Nobody's lists are loaded for it.
        if !cold.is_empty() {
            retry(|| self.hot.note_settled(&cold)).await?;
        }
        for some in cold.chunks(AT_ONCE) {
            found.extend(self.cold.who_blocks(some, by).await?);
        }
        Ok(found)
    }

    /// Returns the rev of the row by which a user blocks another; `None` without a block.
    pub(crate) async fn blocked_since(&self, user: UserId, other: UserId) -> Result<Option<Tick>> {
        let (rev, value) = self.private_row(user, PrivateKey::Block(other)).await?;
        Ok((!value.is_empty()).then_some(rev))
    }

    /// Returns up to `limit` of the users that a user blocks, the latest first, after the rev where
    /// the previous page ended; and the rev where this page ends.
    ///
    /// # Errors
    /// [`Error::NoUser`] when the user does not exist.
    pub async fn blocked(
        &self,
        user: UserId,
        after: Option<Tick>,
        limit: usize,
    ) -> Result<(Vec<User>, Option<Tick>)> {
        let mut blocks: Vec<_> = self
            .blocks_of(user)
            .await?
            .into_iter()
            .filter(|mine| !mine.value.is_empty())
            .collect();
        blocks.retain(|mine| after.is_none_or(|after| mine.rev < after));
        blocks.sort_by_key(|mine| std::cmp::Reverse(mine.rev));
        let next = (blocks.len() > limit).then(|| blocks[limit - 1].rev);
        blocks.truncate(limit);
        let of = |about| match about {
            PrivateKey::Block(other) => Some(self.user(other)),
            PrivateKey::Chat(_)
            | PrivateKey::Key(_)
            | PrivateKey::Ended(_)
            | PrivateKey::Webhook(_) => None,
        };
        let users = try_join_all(blocks.into_iter().filter_map(|mine| of(mine.key))).await?;
        Ok((users.into_iter().flatten().collect(), next))
    }
}
