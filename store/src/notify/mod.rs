//! Notifications to users' inboxes. May read both stores; uses no other wing.

/// The messages that are published to an inbox, and their encoding.
mod notification;
/// The tasks that publish to the members of a chat.
mod notifier;
/// The APIs that serve the members of a chat.
mod served;

pub use notification::{Notification, SharedNotification};
pub(crate) use notifier::{Job, Notifier};
