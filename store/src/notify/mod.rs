//! Notifications to users' inboxes. May read both stores; uses no other wing.

/// The messages that are published to an inbox, and their encoding.
mod notification;
/// The tasks that publish to the members of a chat.
mod notifier;

pub use notification::Notification;
pub(crate) use notifier::{Job, Notifier};
