//! A chat or a user as Redis has it, with everything that belongs to it; for `carrier verify`, to
//! look at and not to touch.

use std::collections::{HashMap, HashSet};

use fred::types::Value;
use model::{Chat, ChatId, Member, Name, PrivateRow, StoredMessage, Tick, UserId};

use crate::{
    chats::{read_chat, read_member, read_members},
    people::{ListedChat, read_claims, read_listed, read_private_row},
    wire::{ChatKeys, Error, Hot, Kind, Result, UserKeys, arg, number, parse, text, verbs},
};

/// A resident chat.
#[derive(Clone, Debug)]
pub struct ChatAudit {
    /// The chat's row.
    pub chat: Chat,
    /// The tick of the chat's last change.
    pub clock: Tick,
    /// True when a flusher will look at the chat.
    pub due: bool,
    /// The list of messages, oldest first.
    pub list: Vec<StoredMessage>,
    /// Older messages that were changed and are not saved yet.
    pub changed: Vec<StoredMessage>,
    /// Present and former members.
    pub members: HashMap<UserId, Member>,
    /// The entries that SQL does not have, with their revs.
    pub dirty: HashMap<String, Tick>,
    /// The entries that SQL refuses.
    pub parked: HashSet<String>,
}

/// A resident user.
#[derive(Clone, Debug)]
pub struct UserAudit {
    /// The tick of the user's last change.
    pub clock: Tick,
    /// The rev of the user's row; `NEVER` without a name.
    pub rev: Tick,
    /// Names in use that are not saved yet, with the nonces of their claims.
    pub claims: Vec<(Name, String)>,
    /// True when a flusher will look at the user.
    pub due: bool,
    /// The entries that SQL does not have, with their revs.
    pub dirty: HashMap<String, Tick>,
    /// The private rows.
    pub private_rows: Vec<PrivateRow>,
    /// The entries that SQL refuses.
    pub parked: HashSet<String>,
    /// The order of the chats, with its scores; `None` when it cannot be relied upon.
    pub order: Option<HashMap<ChatId, Tick>>,
}

impl Hot {
    /// Reads a chat with all its keys at one moment; `None` when it is not resident.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn audit_chat(&self, id: ChatId) -> Result<Option<ChatAudit>> {
        let mut reply = self.run(verbs::AuditChat { chat: id }).await?;
        if reply.word() == "GONE" {
            return Ok(None);
        }
        let mut row = reply.list(1);
        let clock = Tick(number("a chat's clock", &row.pop().unwrap_or(Value::Null))?);
        let due = !reply.text(2)?.is_empty();
        Ok(Some(ChatAudit {
            chat: read_chat(id, row)?,
            clock,
            due,
            list: reply
                .list(3)
                .into_iter()
                .map(stored)
                .collect::<Result<_>>()?,
            changed: reply
                .list(4)
                .into_iter()
                .skip(1)
                .step_by(2)
                .map(stored)
                .collect::<Result<_>>()?,
            members: read_members(reply.list(5))?,
            dirty: marks(reply.list(6))?,
            parked: reply.list(7).into_iter().map(text).collect(),
        }))
    }

    /// Reads a user with all their keys at one moment; `None` when the user is not resident.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn audit_user(&self, id: UserId) -> Result<Option<UserAudit>> {
        let from = self.noted_ordered_from().await?;
        let from = from.filter(|from| *from <= Tick::now());
        let mut reply = self
            .run(verbs::AuditUser {
                user: id,
                from: from.unwrap_or_default(),
            })
            .await?;
        if reply.word() == "GONE" {
            return Ok(None);
        }
        let (clock, rev, claims) = (reply.tick(1)?, reply.text(2)?, reply.text(3)?);
        let due = !reply.text(4)?.is_empty();
        let dirty = marks(reply.list(5))?;
        let mut rows = reply.list(6).into_iter().map(text);
        let mut private_rows = Vec::new();
        while let (Some(about), Some(row)) = (rows.next(), rows.next()) {
            private_rows.push(read_private_row(
                parse("what a row is about", &about)?,
                &row,
            )?);
        }
        let rev = if rev.is_empty() {
            Tick::NEVER
        } else {
            Tick(parse("a user's rev", &rev)?)
        };
        let parked = reply.list(7).into_iter().map(text).collect();
        let can_be_relied_upon = reply.number(8)? == 1 && from.is_some();
        let mut order = HashMap::new();
        for (chat, score) in marks(reply.list(9))? {
            order.insert(parse("an ordered chat", &chat)?, score);
        }
        Ok(Some(UserAudit {
            clock,
            rev,
            claims: read_claims(&claims)?,
            due,
            dirty,
            private_rows,
            parked,
            order: can_be_relied_upon.then_some(order),
        }))
    }

    /// Reads the membership of a user in a chat. `None`: the chat is not resident; `Some(None)`:
    /// the user is not and was not a member.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn member_of(&self, chat: ChatId, user: UserId) -> Result<Option<Option<Member>>> {
        let keys = ChatKeys::new(chat);
        let (resident, record) = futures_util::future::try_join(
            self.command("EXISTS", vec![arg(keys.chat())]),
            self.command("HGET", vec![arg(keys.members()), arg(user)]),
        )
        .await?;
        if resident.as_i64() != Some(1) {
            return Ok(None);
        }
        let record = text(record);
        Ok(Some(if record.is_empty() {
            None
        } else {
            Some(read_member(&record)?)
        }))
    }

    /// Reads a chat as it is in a user's list. `None`: the user is not resident; `Some(None)`: the
    /// chat is not in the list.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn listed_by(
        &self,
        user: UserId,
        chat: ChatId,
    ) -> Result<Option<Option<ListedChat>>> {
        let keys = UserKeys::new(user);
        let (resident, entry) = futures_util::future::try_join(
            self.command("EXISTS", vec![arg(keys.user())]),
            self.command("HGET", vec![arg(keys.chats()), arg(chat)]),
        )
        .await?;
        if resident.as_i64() != Some(1) {
            return Ok(None);
        }
        let entry = text(entry);
        Ok(Some(if entry.is_empty() {
            None
        } else {
            Some(read_listed(chat, &entry)?)
        }))
    }

    /// Lists the ids of all resident chats or users. It scans every key, so its time grows with
    /// their number. Rows that come or go meanwhile may be among them.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer; `Error::Corrupt` when it holds what cannot
    /// be read.
    pub async fn resident(&self, kind: Kind) -> Result<Vec<String>> {
        let pattern = match kind {
            Kind::Chat => "chat:{c*",
            Kind::User => "user:{u*",
        };
        let mut found = HashSet::new();
        let nodes = self
            .primaries()
            .map_or_else(|| vec![None], |nodes| nodes.into_iter().map(Some).collect());
        for node in nodes {
            let mut cursor = "0".to_owned();
            loop {
                let args = [
                    arg(&cursor),
                    arg("MATCH"),
                    arg(pattern),
                    arg("COUNT"),
                    arg(1000),
                    arg("TYPE"),
                    arg("hash"),
                ];
                let mut answer = self
                    .command_on(node.clone(), "SCAN", args.to_vec())
                    .await?
                    .into_array()
                    .into_iter();
                cursor = text(answer.next().unwrap_or(Value::Null));
                let keys = answer
                    .next()
                    .map(Value::into_array)
                    .unwrap_or_default()
                    .into_iter()
                    .map(text);
                // Only `chat:{c17}:ID` itself, not the keys that begin with it.
                found.extend(keys.filter_map(|key| {
                    Some(key.split_once("}:")?.1.to_owned()).filter(|id| !id.contains(':'))
                }));
                if cursor == "0" || cursor.is_empty() {
                    break;
                }
            }
        }
        Ok(found.into_iter().collect())
    }
}

fn stored(record: Value) -> Result<StoredMessage> {
    StoredMessage::read(&text(record)).map_err(|error| Error::corrupt("a message", error))
}

fn marks(flat: Vec<Value>) -> Result<HashMap<String, Tick>> {
    let mut values = flat.into_iter();
    let mut found = HashMap::new();
    while let (Some(entry), Some(rev)) = (values.next(), values.next()) {
        found.insert(text(entry), Tick(number("a dirty entry's rev", &rev)?));
    }
    Ok(found)
}
