//! The messages that are published to a user's inbox: a line with kind and numbers, then the event
//! as its reader gets it, if it is the same for all readers. One that is published to an API, for
//! the users whom it serves, has a line with their number and 16 bytes for each before that.

use std::fmt::Write;

use bytes::Bytes;
use model::{ChatId, Tick, UserId};
use uuid::Uuid;

/// A message to one inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    /// A chat changed at `clock`. Without an event, each process that serves a user looks
    /// up what there is for this reader.
    Changed {
        /// The chat.
        chat: ChatId,
        /// The tick of the previous change that members were notified of.
        prev: Tick,
        /// The tick of the change.
        clock: Tick,
        /// The event, as it is sent.
        event: Bytes,
    },
    /// A chat's changes up to `saved` are in SQL.
    Saved {
        /// The chat.
        chat: ChatId,
        /// The tick up to which all changes are in SQL.
        saved: Tick,
        /// The tick of the last change that members were notified of.
        notified: Tick,
        /// The tick of the oldest change of the last commit.
        from: Tick,
    },
    /// Private rows of the user changed: the account, or the settings for a chat.
    PrivateChanged {
        /// The rev of the newest of them.
        rev: Tick,
        /// The rev of the oldest of them.
        from: Tick,
    },
    /// A session has ended, or all sessions of the user.
    SessionEnded {
        /// The hash of the token; empty for all sessions.
        session: String,
    },
    /// An event without consequences when it is lost.
    Event(Bytes),
}

impl Notification {
    /// Encodes the notification.
    pub fn encode(&self) -> Bytes {
        let mut line = String::with_capacity(128);
        let mut event: &[u8] = &[];
        match self {
            Self::Changed {
                chat,
                prev,
                clock,
                event: its,
            } => {
                write!(line, "c {chat} {prev} {clock}")
                    .expect("a string takes all that is written to it");
                event = its;
            }
            Self::Saved {
                chat,
                saved,
                notified,
                from,
            } => {
                write!(line, "s {chat} {saved} {notified} {from}")
                    .expect("a string takes all that is written to it");
            }
            Self::PrivateChanged { rev, from } => {
                write!(line, "o {rev} {from}").expect("a string takes all that is written to it")
            }
            Self::SessionEnded { session } => {
                write!(line, "x {session}").expect("a string takes all that is written to it")
            }
            Self::Event(its) => {
                line.push('e');
                event = its;
            }
        }
        let mut bytes = Vec::with_capacity(line.len() + 1 + event.len());
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(event);
        bytes.into()
    }

    /// Decodes a notification; the event shares its bytes. Returns `None` for the encoding of
    /// another version of Carrier.
    pub fn decode(bytes: &Bytes) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let event = bytes.slice(end + 1..);
        let mut words = std::str::from_utf8(&bytes[..end]).ok()?.split(' ');
        let kind = words.next()?;
        let mut next = || words.next();
        let tick = |word: Option<&str>| word?.parse().ok().map(Tick);
        Some(match kind {
            "c" => Self::Changed {
                chat: next()?.parse().ok()?,
                prev: tick(next())?,
                clock: tick(next())?,
                event,
            },
            "s" => Self::Saved {
                chat: next()?.parse().ok()?,
                saved: tick(next())?,
                notified: tick(next())?,
                from: tick(next())?,
            },
            "o" => Self::PrivateChanged {
                rev: tick(next())?,
                from: tick(next())?,
            },
            "x" => Self::SessionEnded {
                session: next()?.to_owned(),
            },
            "e" => Self::Event(event),
            _ => return None,
        })
    }
}

/// A message to the inboxes of several users whom one API serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedNotification {
    /// The users.
    pub users: Vec<UserId>,
    /// The message to each, encoded.
    pub payload: Bytes,
}

impl SharedNotification {
    /// Encodes a message to these users.
    pub(crate) fn encode(users: &[UserId], payload: &[u8]) -> Bytes {
        let line = format!("m {}\n", users.len());
        let mut bytes = Vec::with_capacity(line.len() + users.len() * 16 + payload.len());
        bytes.extend_from_slice(line.as_bytes());
        for user in users {
            bytes.extend_from_slice(user.0.as_bytes());
        }
        bytes.extend_from_slice(payload);
        bytes.into()
    }

    /// Decodes a message; the payload shares its bytes. Returns `None` for anything else.
    pub fn decode(bytes: &Bytes) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let count = std::str::from_utf8(&bytes[..end])
            .ok()?
            .strip_prefix("m ")?;
        let size = count.parse::<usize>().ok()?.checked_mul(16)?;
        let ids = bytes.get(end + 1..)?.get(..size)?.chunks_exact(16);
        Some(Self {
            users: ids
                .map(|id| Uuid::from_slice(id).map(UserId))
                .collect::<Result<_, _>>()
                .ok()?,
            payload: bytes.slice(end + 1 + size..),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_read_as_it_was_written() {
        let (chat, event) = (ChatId::new(), Bytes::from_static(b"{\"type\":\"x\"}\nmore"));
        for notification in [
            Notification::Changed {
                chat,
                prev: Tick(1),
                clock: Tick(2),
                event: event.clone(),
            },
            Notification::Changed {
                chat,
                prev: Tick(1),
                clock: Tick(2),
                event: Bytes::new(),
            },
            Notification::Saved {
                chat,
                saved: Tick(3),
                notified: Tick(2),
                from: Tick(1),
            },
            Notification::PrivateChanged {
                rev: Tick(7),
                from: Tick(6),
            },
            Notification::SessionEnded {
                session: "ab".into(),
            },
            Notification::SessionEnded {
                session: String::new(),
            },
            Notification::Event(event),
        ] {
            assert_eq!(
                Notification::decode(&notification.encode()),
                Some(notification)
            );
        }
        for other in [
            "",
            "\n",
            "c",
            "z 1\n",
            "c x 1 2\n",
            "s\n",
            "o\n",
            "o 1\n",
            "o 1 x\n",
            "x\n",
            "E\n{}",
        ] {
            assert_eq!(
                Notification::decode(&Bytes::from_static(other.as_bytes())),
                None,
                "{other:?}"
            );
        }
    }

    #[test]
    fn a_message_to_several_users_is_read_as_it_was_written() {
        for count in [0, 1, 3] {
            let users: Vec<_> = (0..count).map(|_| UserId::new()).collect();
            let payload = Bytes::from_static(b"e\n{}");
            let encoded = SharedNotification::encode(&users, &payload);
            let shared = SharedNotification { users, payload };
            assert_eq!(SharedNotification::decode(&encoded), Some(shared));
        }
        for other in [
            "",
            "m",
            "m 1\n",
            "m x\n",
            "m 18446744073709551615\n",
            "e\n",
            "17",
        ] {
            let other = Bytes::from_static(other.as_bytes());
            assert_eq!(SharedNotification::decode(&other), None, "{other:?}");
        }
    }
}
