//! Settings of one member for a chat: archived, pinned, muted, and messages deleted for oneself.

use std::collections::HashMap;

use hot::{Membership, OrderedChat};
use model::{ChatId, ChatSettings, MAX_HIDDEN, MessageKind, Preferences, PrivateKey, Tick, UserId};

use crate::{Error, Result, Store, residency::retry};

/// The number of messages that one script counts: it seeks each, and they may be long.
const COUNTED_AT_ONCE: usize = 5;

/// A change of how a member keeps a chat; a value of `None` stays.
#[derive(Clone, Debug, Default)]
pub struct PreferenceChange {
    /// True to archive the chat.
    pub archived: Option<bool>,
    /// True to show the chat before the others.
    pub pinned: Option<bool>,
    /// The end of the time without notifications; `Some(NEVER)` ends it now.
    pub muted_until: Option<Tick>,
    /// True to mark the chat as unread, until its member reads on.
    pub marked_unread: Option<bool>,
}

impl Store {
    /// Changes how a member keeps a chat, and returns the result.
    ///
    /// # Errors
    /// [`Error::NoChat`] when the user is not a member.
    pub async fn change_preferences(
        &self,
        membership: Membership,
        change: &PreferenceChange,
    ) -> Result<Preferences> {
        let read = self
            .view_row(membership)
            .await?
            .members
            .get(&membership.user)
            .ok_or(Error::NoChat)?
            .read;
        let settings = self
            .change_chat_settings(membership, |settings| {
                settings.archived = change.archived.unwrap_or(settings.archived);
                settings.pinned = change.pinned.unwrap_or(settings.pinned);
                settings.muted_until = change.muted_until.unwrap_or(settings.muted_until);
                settings.marked_unread = match change.marked_unread {
                    Some(marked) => marked.then_some(read),
                    None => settings.marked_unread,
                };
                Ok(())
            })
            .await?;
        Ok(settings.preferences(read))
    }

    /// Deletes a text from the view of one member alone. A repetition is no error.
    ///
    /// # Errors
    /// [`Error::NoMessage`]; [`Error::RoleTooLow`] for a system message; [`Error::TooManyHidden`];
    /// [`Error::NoChat`].
    pub async fn hide_message(&self, membership: Membership, message: Tick) -> Result<()> {
        if self.read_message(membership, message).await?.0.message.kind == MessageKind::System {
            return Err(Error::RoleTooLow);
        }
        let hide = |settings: &mut ChatSettings| {
            if settings.shows(message) {
                if settings.hidden.len() >= MAX_HIDDEN {
                    return Err(Error::TooManyHidden);
                }
                let place = settings.hidden.partition_point(|id| *id < message);
                settings.hidden.insert(place, message);
            }
            Ok(())
        };
        self.change_chat_settings(membership, hide).await.map(drop)
    }

    /// Deletes all messages before an id from the view of one member alone; they count as read.
    ///
    /// # Errors
    /// [`Error::NoChat`] when the user is not a member.
    pub async fn clear_history(&self, membership: Membership, before: Tick) -> Result<()> {
        let last = self.view_row(membership).await?.chat.last;
        let cleared = Tick(before.0 - 1).min(last);
        let clear = |settings: &mut ChatSettings| {
            settings.cleared = settings.cleared.max(cleared);
            settings.hidden.retain(|id| *id > cleared);
            Ok(())
        };
        self.change_chat_settings(membership, clear).await?;
        self.mark(membership, cleared, Tick::NEVER).await
    }

    /// Leaves a direct chat out of one member's list until it has a newer message.
    pub(crate) async fn hide_chat(&self, membership: Membership) -> Result<()> {
        let last = self.view_row(membership).await?.chat.last;
        let hide = |settings: &mut ChatSettings| {
            settings.hidden_until = settings.hidden_until.max(last);
            Ok(())
        };
        self.change_chat_settings(membership, hide).await.map(drop)
    }

    /// Returns the settings of a member for a chat.
    pub(crate) async fn chat_settings(&self, membership: Membership) -> Result<ChatSettings> {
        let (_, value) = self
            .private_row(membership.user, PrivateKey::Chat(membership.chat))
            .await?;
        read_settings(&value)
    }

    /// Returns the settings of a user for each chat that has any.
    pub(crate) async fn all_chat_settings(
        &self,
        user: UserId,
    ) -> Result<HashMap<ChatId, ChatSettings>> {
        let of_chats =
            self.settings_of_chats(user)
                .await?
                .into_iter()
                .filter_map(|mine| match mine.key {
                    PrivateKey::Chat(chat) => {
                        Some(read_settings(&mine.value).map(|settings| (chat, settings)))
                    }
                    PrivateKey::Block(_)
                    | PrivateKey::Key(_)
                    | PrivateKey::Ended(_)
                    | PrivateKey::Webhook(_) => None,
                });
        of_chats.collect()
    }

    /// Returns the number of unread texts without those that the reader, who has read up to `read`,
    /// deleted for themselves. Those that were deleted for everyone count no more as it is.
    pub(super) async fn unread_shown(
        &self,
        membership: Membership,
        unread: i64,
        settings: &ChatSettings,
        read: Tick,
    ) -> Result<i64> {
        let mut shown = unread;
        for some in settings.unread_hidden(read).chunks(COUNTED_AT_ONCE) {
            let (hot, elsewhere) = loop {
                match retry(|| self.hot.texts(membership, some)).await? {
                    Ok(counted) => break counted,
                    Err(refusal) => self.resolve(membership.chat, refusal).await?,
                }
            };
            shown -= hot;
            if !elsewhere.is_empty() {
                let cold = self.cold.count_texts_among(membership.chat, &elsewhere);
                shown -= cold.await?;
            }
        }
        Ok(shown.max(0))
    }

    /// Changes the settings of a member for a chat and notifies their other sessions.
    async fn change_chat_settings(
        &self,
        membership: Membership,
        change: impl Fn(&mut ChatSettings) -> Result<()>,
    ) -> Result<ChatSettings> {
        let about = PrivateKey::Chat(membership.chat);
        loop {
            let (_, seen) = self.private_row(membership.user, about).await?;
            let mut settings = read_settings(&seen)?;
            change(&mut settings)?;
            if let Some(rev) = self
                .change_private_row(membership.user, about, &seen, &settings.value())
                .await?
            {
                self.notifier.private_changed(membership.user, rev, rev);
                return Ok(settings);
            }
        }
    }
}

/// Decodes the settings of those of these chats that have any.
pub(super) fn settings_of(chats: &[OrderedChat]) -> Result<HashMap<ChatId, ChatSettings>> {
    let any = chats.iter().filter(|chat| !chat.settings.value.is_empty());
    any.map(|chat| Ok((chat.listed.chat, read_settings(&chat.settings.value)?)))
        .collect()
}

/// Decodes settings.
pub(super) fn read_settings(value: &str) -> Result<ChatSettings> {
    Ok(
        ChatSettings::parse(value).map_err(|error| hot::Error::Corrupt {
            what: "what is kept of a chat",
            detail: error.to_string(),
        })?,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_no_settings_are_corrupt() {
        assert_eq!(
            read_settings("").expect("none yet"),
            ChatSettings::default()
        );
        assert!(matches!(
            read_settings("{"),
            Err(Error::Hot(hot::Error::Corrupt { .. }))
        ));
    }
}
