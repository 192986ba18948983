//! News to members that are never stored: typing, and events of a product's own.

use std::collections::BTreeMap;

use hot::Membership;
use model::{CustomEvent, ServerEvent, Tick, Typing};
use serde_json::Value;

use crate::{
    Result, Store,
    notify::{Job, Notification},
};

impl Store {
    /// Notifies the other members that one of them is typing in a chat, or has stopped; not in a
    /// direct chat in which one blocks the other.
    ///
    /// # Errors
    /// [`Error::NoChat`](crate::Error::NoChat) when the user is not a member.
    pub async fn typing(&self, membership: Membership, expires_ms: u32) -> Result<()> {
        let event = ServerEvent::Typing(Typing {
            chat_id: membership.chat,
            user_id: membership.user,
            expires_ms,
        });
        self.tell_others(membership, &event).await
    }

    /// Sends an event of a product's own to the other members who are connected; not in a direct
    /// chat in which one blocks the other.
    ///
    /// # Errors
    /// [`Error::NoChat`](crate::Error::NoChat) when the user is not a member.
    pub async fn custom_event(
        &self,
        membership: Membership,
        event_type: String,
        data: BTreeMap<String, Value>,
    ) -> Result<()> {
        let event = ServerEvent::Custom(CustomEvent {
            chat_id: membership.chat,
            sender_id: membership.user,
            event_type,
            data,
            at: Tick::now().rfc3339(),
        });
        self.tell_others(membership, &event).await
    }

    /// Checks that a user is a member of a chat.
    ///
    /// # Errors
    /// [`Error::NoChat`](crate::Error::NoChat) when they are not.
    pub async fn check_member(&self, own: Membership) -> Result<()> {
        self.find_sent(own, None).await.map(drop)
    }

    async fn tell_others(&self, membership: Membership, event: &ServerEvent) -> Result<()> {
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
        let notification = Notification::Event(event.to_string().into());
        self.notifier
            .job(membership.chat, Job::Users(others, notification));
        Ok(())
    }
}
