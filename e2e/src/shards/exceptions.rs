//! The statements that the rule does not hold for. `docs/scale.md` has the same table.

use std::collections::BTreeSet;

use super::Breach;

/// A statement that may break the rule.
#[derive(Debug)]
pub struct Exception {
    /// The statement; `…` stands for anything, and `?` for any number of values.
    pub statement: &'static str,
    /// The reasons for which it is wrong.
    pub breach: &'static str,
    /// The reason for which it is made.
    pub why: &'static str,
    /// The price on an SQL that divides its rows.
    pub cost: &'static str,
}

/// All exceptions.
pub const EXCEPTIONS: &[Exception] = &[
    Exception {
        statement: "SELECT … FROM members WHERE members.user_id = ?",
        breach: "members without chat_id",
        why: "a user who comes back is loaded with the list of their chats",
        cost: "every shard looks in an index, once for each user that is loaded",
    },
    Exception {
        statement: "SELECT … FROM users WHERE … IN (SELECT user_id FROM members WHERE … IN (SELECT \
                    chat_id FROM members WHERE members.user_id = ?…",
        breach: "members with members with users, members without chat_id",
        why: "sync asks who of a user's companions changed their name or picture",
        cost: "every shard twice, once for each sync of a client that was away",
    },
    Exception {
        statement: "SELECT members.chat_id, members.user_id FROM members WHERE members.user_id IN \
                    (?) AND members.left_at = ?",
        breach: "members without chat_id",
        why: "sync asks in which chats those few are who changed since",
        cost: "every shard looks in an index, once for each sync while few change",
    },
    Exception {
        statement: "SELECT … FROM messages WHERE …(SELECT COUNT(*) FROM commits WHERE …",
        breach: "commits with messages",
        why: "a node that lags is not believed: it must have what left Redis",
        cost: "one more hop to the shard of `commits`, for each read of older messages",
    },
    Exception {
        statement: "SELECT … FROM messages WHERE messages.chat_id > ? ORDER BY messages.chat_id \
                    ASC, messages.id ASC LIMIT ?",
        breach: "messages without chat_id",
        why: "a flusher makes the index of search anew, chat by chat",
        cost: "every shard returns a piece that one of them is enough for; in the background, once \
               after an upgrade that folds words by another rule",
    },
    Exception {
        statement: "SELECT chats.id FROM chats …ORDER BY chats.id ASC LIMIT ?",
        breach: "chats without id",
        why: "`carrier verify` walks through all chats, and a flusher once after an upgrade",
        cost: "every shard, once for each page of it; in the background, or while an operator \
               looks",
    },
    Exception {
        statement: "SELECT COUNT(*) … FROM chats WHERE chats.avatar = ? LIMIT ?…",
        breach: "chats without id",
        why: "an old file is collected only if it is nobody's picture",
        cost: "every shard looks in an index, once for each file that may be collected",
    },
    Exception {
        statement: "SELECT … FROM webhook_cursors WHERE webhook_cursors.webhook_id = ? \
                     …LIMIT ?",
        breach: "webhook_cursors without chat_id",
        why: "a flusher looks for the chats of which a webhook is to be told, and an \
                     operator for those that are parked",
        cost: "every shard looks in an index, twice a second for each webhook, of up \
                     to 64 at once; nothing without webhooks",
    },
    Exception {
        statement: "SELECT webhook_cursors.webhook_id FROM webhook_cursors WHERE \
                     webhook_cursors.webhook_id > ? ORDER BY webhook_cursors.webhook_id ASC \
                     LIMIT ?",
        breach: "webhook_cursors without chat_id",
        why: "a flusher looks for cursors of webhooks that were deleted",
        cost: "every shard looks in an index, once a minute for each webhook",
    },
];

impl Exception {
    /// Returns the exception for a statement that breaks the rule in this way.
    pub(super) fn find(sql: &str, breaches: &BTreeSet<Breach>) -> Option<&'static Self> {
        let (shape, breach) = (shape(sql), said(breaches));
        EXCEPTIONS
            .iter()
            .find(|known| known.breach == breach && fits(known.statement, &shape))
    }
}

/// Returns what is wrong, in words.
pub(super) fn said(breaches: &BTreeSet<Breach>) -> String {
    let said: BTreeSet<_> = breaches.iter().map(ToString::to_string).collect();
    said.into_iter().collect::<Vec<_>>().join(", ")
}

/// Returns a statement without quotes, and with one value for any number of them.
fn shape(sql: &str) -> String {
    let bare = sql.replace(['`', '"'], "");
    let mut shape = bare.split_whitespace().collect::<Vec<_>>().join(" ");
    for (many, one) in [("?, ?", "?"), ("(?), (?)", "(?)")] {
        while shape.contains(many) {
            shape = shape.replace(many, one);
        }
    }
    shape
}

/// Tells whether a statement has the parts of a pattern, in their order.
fn fits(pattern: &str, shape: &str) -> bool {
    let Some((begin, others)) = pattern.split_once('…') else {
        return pattern == shape;
    };
    let Some(mut rest) = shape.strip_prefix(begin) else {
        return false;
    };
    let (middle, end) = others.rsplit_once('…').unwrap_or(("", others));
    for part in middle.split('…') {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(end)
}

#[cfg(test)]
mod tests {
    use sea_orm::DbBackend;

    use super::*;
    use crate::shards::breaches;

    #[test]
    fn the_page_on_scale_has_the_same_table() {
        let page = include_str!("../../../docs/scale.md");
        let in_page: BTreeSet<_> = page
            .lines()
            .filter(|line| line.starts_with("| `SELECT "))
            .map(str::to_owned)
            .collect();
        let here = EXCEPTIONS.iter().map(|known| {
            format!(
                "| `{}` | {} | {} | {} |",
                known.statement, known.breach, known.why, known.cost
            )
        });
        assert_eq!(in_page, here.collect::<BTreeSet<_>>());
    }

    #[test]
    fn a_pattern_fits_what_has_its_parts_in_their_order() {
        let shape = "SELECT a, b FROM t WHERE c = ? LIMIT ?";
        for pattern in [
            shape,
            "SELECT … FROM t WHERE c = ? LIMIT ?",
            "SELECT … WHERE … = ? …",
            "… LIMIT ?",
            "SELECT a…",
        ] {
            assert!(fits(pattern, shape), "{pattern}");
        }
        for pattern in ["SELECT … LIMIT", "… WHERE … FROM …", "a…", "SELECT"] {
            assert!(!fits(pattern, shape), "{pattern}");
        }
    }

    #[test]
    fn any_number_of_values_has_one_shape() {
        let sql = "INSERT INTO `t` (`a`, `b`) VALUES (?, ?), (?, ?),\n (?, ?)";
        assert_eq!(shape(sql), "INSERT INTO t (a, b) VALUES (?)");
    }

    #[test]
    fn an_exception_excuses_only_its_own_breach() {
        let find = |sql: &str| Exception::find(sql, &breaches(DbBackend::MySql, sql));
        let floor = "((SELECT COUNT(*) FROM commits WHERE (writer = ? AND number >= ?)) = 1)";
        let keyed = format!("SELECT body FROM messages WHERE chat_id = ? AND {floor}");
        assert!(find(&keyed).is_some());
        let without_key = format!("SELECT body FROM messages WHERE id = ? AND {floor}");
        assert!(find(&without_key).is_none());
    }
}
