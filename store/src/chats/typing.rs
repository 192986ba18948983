//! Notifications that a member is typing. They are never stored.

use hot::Membership;
use model::{ServerEvent, Typing};

use crate::{
    Result, Store,
    notify::{Job, Notification},
};

impl Store {
    /// Notifies the other members that one of them is typing in a chat, or has stopped; not in a
    /// direct chat in which one blocks the other.
    ///
    /// # Errors
    /// [`Error::NoChat`] when the user is not a member.
    pub async fn typing(&self, membership: Membership, expires_ms: u32) -> Result<()> {
        let view = self.view_row(membership).await?;
        if view.chat.blocks.any_active() {
            return Ok(());
        }
        let others = view
            .members
            .iter()
            .filter(|(user, member)| **user != membership.user && member.is_in())
            .map(|(user, _)| *user)
            .collect();
        let event = ServerEvent::Typing(Typing {
            chat_id: membership.chat,
            user_id: membership.user,
            expires_ms,
        })
        .to_string();
        self.notifier.job(
            membership.chat,
            Job::Users(others, Notification::Event(event.into())),
        );
        Ok(())
    }
}
