//! The member who asks, and the two values that go with the notification of a change.

use model::{ChatId, Tick, UserId};

use crate::wire::{Reply, Result};

/// The two values that go with each notification of a change. It names the previous change, so that
/// a lost notification is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeNotice {
    /// The tick of the previous change that members were notified of.
    pub prev: Tick,
    /// The version of the set of members; another number whenever a member comes or goes.
    pub roster_version: Tick,
}

/// A user in a chat: the member who asks, or the one a call is about.
#[derive(Clone, Copy, Debug)]
pub struct Membership {
    /// The chat.
    pub chat: ChatId,
    /// The user.
    pub user: UserId,
}

/// Reads two values of a reply: the tick of the previous notified change, and the roster version.
pub(crate) fn change_notice(reply: &mut Reply, at: usize) -> Result<ChangeNotice> {
    Ok(ChangeNotice {
        prev: reply.tick(at)?,
        roster_version: reply.tick(at + 1)?,
    })
}

#[cfg(test)]
mod tests {
    use fred::types::Value;

    use super::*;

    #[test]
    fn a_notice_is_two_ticks() {
        let values = vec!["OK".into(), "5".into(), "3".into()];
        let mut reply = Reply::new("append", Value::Array(values));
        let notice = change_notice(&mut reply, 1).expect("two ticks");
        let expected = ChangeNotice {
            prev: Tick(5),
            roster_version: Tick(3),
        };
        assert_eq!(notice, expected);
        assert!(change_notice(&mut reply, 2).is_err());
    }
}
