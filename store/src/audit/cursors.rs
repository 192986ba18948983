//! Cursors of webhooks: each chat has one of each webhook that is told of it, from the first
//! message on that counts; none rests before the last message; none is left behind.

use std::collections::HashMap;

use cold::{Head, webhook_cursor};
use model::{ChatId, Tick, WebhookId, WebhookRecord};
use webhook_cursor::{IDLE, Model};

/// The parts of a chat that are compared.
pub(super) struct Compared<'a> {
    pub(super) chat: ChatId,
    /// True unless there is no such chat any more.
    pub(super) is_there: bool,
    /// The messages that SQL has; read before the cursors.
    pub(super) heads: &'a [Head],
    pub(super) cursors: &'a [Model],
    /// The webhooks; read after the cursors.
    pub(super) webhooks: &'a [(WebhookId, WebhookRecord)],
}

/// Adds what is wrong with the cursors of a chat.
pub(super) fn compare(compared: &Compared<'_>, faults: &mut Vec<String>) {
    let cursors = compared.cursors.iter();
    let cursors: HashMap<_, _> = cursors
        .map(|row| (WebhookId(row.webhook_id), row))
        .collect();
    if !compared.is_there {
        if !cursors.is_empty() {
            let many = cursors.len();
            faults.push(format!("it is no more, and has cursors of {many} webhooks"));
        }
        return;
    }
    for id in cursors.keys() {
        if !compared.webhooks.iter().any(|(other, _)| other == id) {
            faults.push(format!(
                "it has a cursor of the webhook {id}, which is no more"
            ));
        }
    }
    let last = compared.heads.last().map_or(Tick::NEVER, |head| head.id);
    let revs = compared.heads.iter().map(|head| head.rev);
    let newest = revs.max().unwrap_or(Tick::NEVER);
    for (id, record) in compared.webhooks {
        let chats = record.chats.as_ref();
        let is_told = chats.is_none_or(|chats| chats.contains(&compared.chat));
        if !is_told {
            continue;
        }
        match cursors.get(id) {
            None if last > record.from => faults.push(format!(
                "message {last} is in SQL, and the webhook {id} has no cursor to be told of it"
            )),
            Some(row) if row.due == IDLE && row.told() < last.0 => faults.push(format!(
                "the webhook {id} rests at {}, and message {last} is in SQL",
                row.told()
            )),
            Some(row) if row.position > newest.max(record.from).0 => faults.push(format!(
                "the webhook {id} was told up to {}, which is more than there is",
                row.position
            )),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use webhook_cursor::NOTHING;

    use super::*;

    fn faults(
        is_there: bool,
        cursor: Option<Model>,
        webhooks: &[(WebhookId, WebhookRecord)],
    ) -> String {
        let head = |id| Head {
            id: Tick(id),
            seq: 1,
            rev: Tick(id),
            is_text: true,
        };
        let cursors: Vec<_> = cursor.into_iter().collect();
        let mut faults = Vec::new();
        let compared = Compared {
            chat: ChatId::LOWEST,
            is_there,
            heads: &[head(7), head(9)],
            cursors: &cursors,
            webhooks,
        };
        compare(&compared, &mut faults);
        faults.join("; ")
    }

    #[test]
    fn a_cursor_is_there_and_is_not_at_rest_before_the_last_message() {
        let record = |from| WebhookRecord {
            url: String::new(),
            events: Vec::new(),
            chats: None,
            secret: String::new(),
            old_secret: None,
            from: Tick(from),
            retried: Tick::NEVER,
        };
        let id = WebhookId::new();
        let cursor = |position, due| Model {
            chat_id: ChatId::LOWEST.0,
            webhook_id: id.0,
            position,
            low: NOTHING,
            due,
            claim: 0,
            failing_since: 0,
            failures: 0,
            failure: String::new(),
        };
        let early = [(id, record(8))];
        assert!(faults(true, None, &early).contains("has no cursor"));
        assert_eq!(faults(true, None, &[(id, record(9))]), "");
        assert_eq!(faults(true, Some(cursor(9, IDLE)), &early), "");
        assert_eq!(faults(true, Some(cursor(8, 1)), &early), "");
        assert!(faults(true, Some(cursor(8, IDLE)), &early).contains("rests at 8"));
        assert!(faults(true, Some(cursor(10, IDLE)), &early).contains("more than there is"));
        assert!(faults(true, Some(cursor(9, IDLE)), &[]).contains("which is no more"));
        assert!(faults(false, Some(cursor(9, IDLE)), &early).contains("it is no more"));
        assert_eq!(faults(false, None, &early), "");
    }
}
