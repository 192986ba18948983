//! Private rows and the list of chats of a user, wherever they are.

use hot::{ListedChat, PrivateChange};
use model::{ERASED_ROWS, MAX_BLOCKS, MAX_KEYS, MAX_WEBHOOKS, PrivateKey, Tick, UserId};

use crate::{Error, Result, Store, residency::retry};

impl Store {
    /// Returns a user's list of chats, also of those that the user has left.
    pub(crate) async fn listed(&self, user: UserId) -> Result<Vec<ListedChat>> {
        loop {
            match retry(|| self.hot.chats_of(user)).await? {
                Ok(listed) => return Ok(listed),
                Err(_) if self.hydrate_user(user).await? => {}
                Err(_) => return Err(Error::NoUser),
            }
        }
    }

    /// Returns a user's settings for chats.
    pub(crate) async fn settings_of_chats(&self, user: UserId) -> Result<Vec<model::PrivateRow>> {
        loop {
            match retry(|| self.hot.settings_of_chats(user)).await? {
                Ok(rows) => return Ok(rows),
                Err(_) if self.hydrate_user(user).await? => {}
                Err(_) => return Err(Error::NoUser),
            }
        }
    }

    /// Returns a user's blocks, also those that have ended.
    pub(crate) async fn blocks_of(&self, user: UserId) -> Result<Vec<model::PrivateRow>> {
        loop {
            match retry(|| self.hot.blocks(user)).await? {
                Ok(rows) => return Ok(rows),
                Err(_) if self.hydrate_user(user).await? => {}
                Err(_) => return Err(Error::NoUser),
            }
        }
    }

    /// Returns the rev and the value of a private row.
    pub(crate) async fn private_row(
        &self,
        user: UserId,
        about: PrivateKey,
    ) -> Result<(Tick, String)> {
        loop {
            match retry(|| self.hot.private_row(user, about)).await? {
                Ok(mine) => return Ok((mine.rev, mine.value)),
                Err(_) if self.hydrate_user(user).await? => {}
                Err(_) => return Err(Error::NoUser),
            }
        }
    }

    /// Changes a private row, and returns its new rev; `None` when it has changed since it was
    /// read. A block is refused to a user who has [`MAX_BLOCKS`] private rows, a key to a server
    /// whose rows are as many as keys, webhooks and erased users may have; a chat's settings never
    /// are, since the chats bound them, nor is one of the few rows of ended tokens. Webhooks are
    /// counted before.
    pub(crate) async fn change_private_row(
        &self,
        user: UserId,
        about: PrivateKey,
        seen: &str,
        value: &str,
    ) -> Result<Option<Tick>> {
        let max_rows = match about {
            PrivateKey::Chat(_) | PrivateKey::Ended(_) | PrivateKey::Webhook(_) => usize::MAX,
            PrivateKey::Block(_) => MAX_BLOCKS,
            PrivateKey::Key(_) => MAX_KEYS + usize::from(ERASED_ROWS) + MAX_WEBHOOKS + 1,
        };
        let change = || {
            self.hot
                .change_private_row(user, about, seen, value, max_rows)
        };
        loop {
            match retry(change).await? {
                Ok(PrivateChange::Done(rev)) => return Ok(Some(rev)),
                Ok(PrivateChange::Stale) => return Ok(None),
                Ok(PrivateChange::Many) => {
                    return Err(match about {
                        PrivateKey::Key(_) => Error::TooManyKeys,
                        PrivateKey::Chat(_)
                        | PrivateKey::Block(_)
                        | PrivateKey::Ended(_)
                        | PrivateKey::Webhook(_) => Error::TooManyBlocks,
                    });
                }
                Err(_) if self.hydrate_user(user).await? => {}
                Err(_) => return Err(Error::NoUser),
            }
        }
    }
}
