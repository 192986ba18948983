//! What is a user's alone: how they keep their chats, what they deleted for themselves, whom they block.

use std::collections::HashMap;

use hot::{Own, Refusal};
use model::{About, ChatId, MAX_HIDDEN, MessageKind, OwnChat, Preferences, Tick, User, UserId};

use crate::{Error, Result, Store, again::again};

/// What to change of how a chat is kept; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct PreferenceChange {
    /// Put away.
    pub archived: Option<bool>,
    /// Shown before the others.
    pub pinned: Option<bool>,
    /// No notifications until then; `Some(NEVER)`: they come again.
    pub muted_until: Option<Tick>,
    /// Marked as unread, until they read on.
    pub marked_unread: Option<bool>,
}

impl Store {
    /// Changes how a member keeps a chat.
    pub async fn prefer(&self, own: Own, change: &PreferenceChange) -> Result<Preferences> {
        let read = self.view_row(own).await?.members.get(&own.user).ok_or(Error::NoChat)?.read;
        let kept = self
            .change_own_chat(own, |kept| {
                kept.archived = change.archived.unwrap_or(kept.archived);
                kept.pinned = change.pinned.unwrap_or(kept.pinned);
                kept.muted_until = change.muted_until.unwrap_or(kept.muted_until);
                kept.marked_unread = match change.marked_unread {
                    Some(marked) => marked.then_some(read),
                    None => kept.marked_unread,
                };
                Ok(())
            })
            .await?;
        Ok(kept.preferences(read))
    }

    /// Deletes a text from the view of one member alone. Again is no error.
    ///
    /// # Errors
    /// [`Error::NoMessage`]; [`Error::RoleTooLow`] for a system message; [`Error::TooManyHidden`]
    pub async fn hide(&self, own: Own, message: Tick) -> Result<()> {
        if self.read_message(own, message).await?.0.message.kind == MessageKind::System {
            return Err(Error::RoleTooLow);
        }
        let hide = |kept: &mut OwnChat| {
            if kept.shows(message) {
                if kept.hidden.len() >= MAX_HIDDEN {
                    return Err(Error::TooManyHidden);
                }
                let place = kept.hidden.partition_point(|id| *id < message);
                kept.hidden.insert(place, message);
            }
            Ok(())
        };
        self.change_own_chat(own, hide).await.map(drop)
    }

    /// Deletes all messages before an id from the view of one member alone; they count as read.
    pub async fn clear(&self, own: Own, before: Tick) -> Result<()> {
        let last = self.view_row(own).await?.chat.last;
        let cleared = Tick(before.0 - 1).min(last);
        let clear = |kept: &mut OwnChat| {
            kept.cleared = kept.cleared.max(cleared);
            kept.hidden.retain(|id| *id > cleared);
            Ok(())
        };
        self.change_own_chat(own, clear).await?;
        self.mark(own, cleared, Tick::NEVER).await
    }

    /// Leaves a direct chat out of one person's list until it has a newer message.
    ///
    /// # Errors
    /// [`Error::NoChat`]
    pub(crate) async fn put_out_of_sight(&self, own: Own) -> Result<()> {
        let last = self.view_row(own).await?.chat.last;
        let hide = |kept: &mut OwnChat| {
            kept.hidden_until = kept.hidden_until.max(last);
            Ok(())
        };
        self.change_own_chat(own, hide).await.map(drop)
    }

    /// What a user keeps of a chat.
    pub(crate) async fn own_chat(&self, own: Own) -> Result<OwnChat> {
        let (_, value) = self.read_mine(own.user, About::Chat(own.chat)).await?;
        read(&value)
    }

    /// What a user keeps of each of their chats, where there is anything.
    pub(crate) async fn own_chats(&self, user: UserId) -> Result<HashMap<ChatId, OwnChat>> {
        let of_chats = self.all_mine(user).await?.into_iter().filter_map(|mine| match mine.about {
            About::Chat(chat) => Some(read(&mine.value).map(|kept| (chat, kept))),
            About::Block(_) => None,
        });
        of_chats.collect()
    }

    async fn change_own_chat(&self, own: Own, change: impl Fn(&mut OwnChat) -> Result<()>) -> Result<OwnChat> {
        let about = About::Chat(own.chat);
        loop {
            let (_, seen) = self.read_mine(own.user, about).await?;
            let mut kept = read(&seen)?;
            change(&mut kept)?;
            if let Some(rev) = self.change_mine(own.user, about, &seen, &kept.value()).await? {
                self.tell_own(own.user, rev, rev);
                return Ok(kept);
            }
        }
    }

    /// A user blocks another, or no longer does. Again is no error.
    ///
    /// # Errors
    /// [`Error::NoUser`]
    pub async fn block(&self, user: UserId, other: UserId, blocks: bool) -> Result<()> {
        if blocks && self.user(other).await?.is_none() {
            return Err(Error::NoUser);
        }
        let about = About::Block(other);
        let since = loop {
            let (_, seen) = self.read_mine(user, about).await?;
            if let Some(rev) = self.change_mine(user, about, &seen, if blocks { "1" } else { "" }).await? {
                self.tell_own(user, rev, rev);
                break rev;
            }
        };
        if since.happened() { self.tell_block(user, other, since, blocks).await } else { Ok(()) }
    }

    /// What a row of a user's own, of the rev `since`, says about a block is told to the direct chat of the two, if there is one.
    pub async fn tell_block(&self, user: UserId, other: UserId, since: Tick, blocks: bool) -> Result<()> {
        let own = Own { chat: ChatId::direct(user, other), user };
        loop {
            match again(|| self.hot.block(own, since, blocks)).await? {
                Ok(()) => return Ok(()),
                // A chat that left after it was told need not come back for it.
                Err(Refusal::Cold) if self.cold.chat(own.chat).await?.is_none_or(|cold| cold.chat.knows_block(user, since)) => {
                    return Ok(());
                }
                Err(refusal) => match self.resolve(own.chat, refusal).await {
                    Err(Error::NoChat) => return Ok(()),
                    other => other?,
                },
            }
        }
    }

    /// The rev of the row by which a user blocks another, if they do.
    pub(crate) async fn blocked_since(&self, user: UserId, other: UserId) -> Result<Option<Tick>> {
        let (rev, value) = self.read_mine(user, About::Block(other)).await?;
        Ok((!value.is_empty()).then_some(rev))
    }

    /// Up to `limit` of those whom a user blocks, the latest first, after the rev where the last page ended; and where this one does.
    pub async fn blocked(&self, user: UserId, after: Option<Tick>, limit: usize) -> Result<(Vec<User>, Option<Tick>)> {
        let mut blocks: Vec<_> = self.all_mine(user).await?.into_iter().filter(|mine| !mine.value.is_empty()).collect();
        blocks.retain(|mine| matches!(mine.about, About::Block(_)) && after.is_none_or(|after| mine.rev < after));
        blocks.sort_by_key(|mine| std::cmp::Reverse(mine.rev));
        let next = (blocks.len() > limit).then(|| blocks[limit - 1].rev);
        blocks.truncate(limit);
        let of = |about| match about {
            About::Block(other) => Some(self.user(other)),
            About::Chat(_) => None,
        };
        let users = futures_util::future::try_join_all(blocks.into_iter().filter_map(|mine| of(mine.about))).await?;
        Ok((users.into_iter().flatten().collect(), next))
    }

    pub(crate) async fn all_mine(&self, user: UserId) -> Result<Vec<model::Mine>> {
        loop {
            match again(|| self.hot.all_mine(user)).await? {
                Ok(rows) => return Ok(rows),
                Err(_) if self.hydrate_user(user).await? => {}
                Err(_) => return Err(Error::NoUser),
            }
        }
    }

    async fn read_mine(&self, user: UserId, about: About) -> Result<(Tick, String)> {
        loop {
            match again(|| self.hot.mine(user, about)).await? {
                Ok(mine) => return Ok((mine.rev, mine.value)),
                Err(_) if self.hydrate_user(user).await? => {}
                Err(_) => return Err(Error::NoUser),
            }
        }
    }

    /// `None`: it has changed since it was read.
    async fn change_mine(&self, user: UserId, about: About, seen: &str, value: &str) -> Result<Option<Tick>> {
        loop {
            match again(|| self.hot.change_mine(user, about, seen, value)).await? {
                Ok(changed) => return Ok(changed),
                Err(_) if self.hydrate_user(user).await? => {}
                Err(_) => return Err(Error::NoUser),
            }
        }
    }
}

fn read(value: &str) -> Result<OwnChat> {
    Ok(OwnChat::read(value).map_err(|error| hot::Error::Corrupt { what: "what is kept of a chat", detail: error.to_string() })?)
}
