//! All there is in Redis, to be looked at and not touched: for `carrier verify`.

use std::collections::{HashMap, HashSet};

use fred::types::Value;
use model::{Chat, ChatId, Member, Mine, Name, Stored, Tick, UserId};

use crate::{
    Error, Hot, Listed, Result, Verb,
    chat::chat,
    client::arg,
    keys::{ChatKeys, Kind, UserKeys},
    member::{member, members},
    mine::mine_of,
    reply::{number, parse, text},
    user::{claims_of, listed},
};

/// A resident chat.
#[derive(Clone, Debug)]
pub struct ChatAudit {
    /// Its row.
    pub chat: Chat,
    /// The tick of its last change.
    pub clock: Tick,
    /// A flusher will look at it.
    pub due: bool,
    /// The list, oldest first.
    pub list: Vec<Stored>,
    /// Older messages that were changed and are not saved yet.
    pub changed: Vec<Stored>,
    /// All who are or were members.
    pub members: HashMap<UserId, Member>,
    /// What SQL does not have.
    pub dirty: HashMap<String, Tick>,
    /// What of it SQL refuses.
    pub parked: HashSet<String>,
}

/// A resident user.
#[derive(Clone, Debug)]
pub struct UserAudit {
    /// The tick of their last change.
    pub clock: Tick,
    /// The rev of their row; `NEVER` while they have no name.
    pub rev: Tick,
    /// Names they use that are not saved yet, with the nonces of their claims.
    pub claims: Vec<(Name, String)>,
    /// A flusher will look at them.
    pub due: bool,
    /// What SQL does not have.
    pub dirty: HashMap<String, Tick>,
    /// What is theirs alone.
    pub mine: Vec<Mine>,
    /// What of it SQL refuses.
    pub parked: HashSet<String>,
}

impl Hot {
    /// All there is of a chat at one moment; `None` when it is not resident.
    pub async fn audit_chat(&self, id: ChatId) -> Result<Option<ChatAudit>> {
        let keys = ChatKeys::new(id);
        let keys = vec![keys.row(), keys.messages(), keys.members(), keys.dirty(), keys.due(), keys.changed(), keys.parked()];
        let mut reply = self.run(Verb::AuditChat, keys, vec![arg(id)]).await?;
        if reply.word() == "GONE" {
            return Ok(None);
        }
        let mut row = reply.list(1);
        let clock = Tick(number("a chat's clock", &row.pop().unwrap_or(Value::Null))?);
        let due = !reply.text(2)?.is_empty();
        Ok(Some(ChatAudit {
            chat: chat(id, row)?,
            clock,
            due,
            list: reply.list(3).into_iter().map(stored).collect::<Result<_>>()?,
            changed: reply.list(4).into_iter().skip(1).step_by(2).map(stored).collect::<Result<_>>()?,
            members: members(reply.list(5))?,
            dirty: marks(reply.list(6))?,
            parked: reply.list(7).into_iter().map(text).collect(),
        }))
    }

    /// All there is of a user at one moment; `None` when they are not resident.
    pub async fn audit_user(&self, id: UserId) -> Result<Option<UserAudit>> {
        let keys = UserKeys::new(id);
        let mut reply =
            self.run(Verb::AuditUser, vec![keys.row(), keys.dirty(), keys.due(), keys.mine(), keys.parked()], vec![arg(id)]).await?;
        if reply.word() == "GONE" {
            return Ok(None);
        }
        let (clock, rev, claims) = (reply.tick(1)?, reply.text(2)?, reply.text(3)?);
        let due = !reply.text(4)?.is_empty();
        let dirty = marks(reply.list(5))?;
        let mut rows = reply.list(6).into_iter().map(text);
        let mut mine = Vec::new();
        while let (Some(about), Some(row)) = (rows.next(), rows.next()) {
            mine.push(mine_of(parse("what a row is about", &about)?, &row)?);
        }
        let rev = if rev.is_empty() { Tick::NEVER } else { Tick(parse("a user's rev", &rev)?) };
        let parked = reply.list(7).into_iter().map(text).collect();
        Ok(Some(UserAudit { clock, rev, claims: claims_of(&claims)?, due, dirty, mine, parked }))
    }

    /// Who of a chat's members it is that a user is. `None`: the chat is not resident; `Some(None)`: they are and were none.
    pub async fn member_of(&self, chat: ChatId, user: UserId) -> Result<Option<Option<Member>>> {
        let keys = ChatKeys::new(chat);
        let (resident, record) = futures_util::future::try_join(
            self.command("EXISTS", vec![arg(keys.row())]),
            self.command("HGET", vec![arg(keys.members()), arg(user)]),
        )
        .await?;
        if resident.as_i64() != Some(1) {
            return Ok(None);
        }
        let record = text(record);
        Ok(Some(if record.is_empty() { None } else { Some(member(&record)?) }))
    }

    /// A chat as it is in a user's list. `None`: the user is not resident; `Some(None)`: it is not in it.
    pub async fn listed_by(&self, user: UserId, chat: ChatId) -> Result<Option<Option<Listed>>> {
        let keys = UserKeys::new(user);
        let (resident, entry) = futures_util::future::try_join(
            self.command("EXISTS", vec![arg(keys.row())]),
            self.command("HGET", vec![arg(keys.chats()), arg(chat)]),
        )
        .await?;
        if resident.as_i64() != Some(1) {
            return Ok(None);
        }
        let entry = text(entry);
        Ok(Some(if entry.is_empty() { None } else { Some(listed(chat, &entry)?) }))
    }

    /// The ids of all that is resident of a kind. It scans every key, so it takes as long as there are keys; what comes or goes meanwhile may be among them.
    pub async fn resident(&self, kind: Kind) -> Result<Vec<String>> {
        let pattern = match kind {
            Kind::Chat => "chat:{c*",
            Kind::User => "user:{u*",
        };
        let mut found = HashSet::new();
        let nodes = self.primaries().map_or_else(|| vec![None], |nodes| nodes.into_iter().map(Some).collect());
        for node in nodes {
            let mut cursor = "0".to_owned();
            loop {
                let args = [arg(&cursor), arg("MATCH"), arg(pattern), arg("COUNT"), arg(1000), arg("TYPE"), arg("hash")];
                let mut answer = self.command_on(node.clone(), "SCAN", args.to_vec()).await?.into_array().into_iter();
                cursor = text(answer.next().unwrap_or(Value::Null));
                let keys = answer.next().map(Value::into_array).unwrap_or_default().into_iter().map(text);
                // `chat:{c17}:ID` itself, not what belongs to it.
                found.extend(keys.filter_map(|key| Some(key.split_once("}:")?.1.to_owned()).filter(|id| !id.contains(':'))));
                if cursor == "0" || cursor.is_empty() {
                    break;
                }
            }
        }
        Ok(found.into_iter().collect())
    }
}

fn stored(record: Value) -> Result<Stored> {
    Stored::read(&text(record)).map_err(|error| Error::corrupt("a message", error))
}

fn marks(flat: Vec<Value>) -> Result<HashMap<String, Tick>> {
    let mut values = flat.into_iter();
    let mut found = HashMap::new();
    while let (Some(entry), Some(rev)) = (values.next(), values.next()) {
        found.insert(text(entry), Tick(number("a dirty entry's rev", &rev)?));
    }
    Ok(found)
}
