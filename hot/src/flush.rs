//! What a flusher does with Redis: claim, snapshot, wait until it is durable, settle, park.

use std::time::Duration;

use fred::types::Value;
use model::{Chat, ChatId, Member, Mine, Name, Partition, Stored, Tick, User, UserId};
use uuid::Uuid;

use crate::{
    Hot, Result, Telling, Verb,
    chat::chat,
    client::{arg, ms, us},
    keys::{ChatKeys, Kind, UserKeys, dead, due},
    member::member,
    mine::mine_of,
    reply::{number, parse, text},
    user::{claims_of, user_of},
};

/// A dirty entry of a chat, with the row it stands for.
#[derive(Clone, Debug)]
pub struct ChatRow {
    /// Its name in `dirty`.
    pub entry: String,
    /// The rev it is dirty with.
    pub rev: Tick,
    /// The row.
    pub row: Row,
}

/// What a dirty entry stands for.
#[derive(Clone, Debug)]
pub enum Row {
    /// The chat's own row.
    Chat(Chat),
    /// A member's row.
    Member(MemberRow),
    /// A membership that the member's own list of chats must learn of, once its row is saved.
    Listed(MemberRow),
    /// A message.
    Message(Box<Stored>),
    /// Nothing: a script was stopped between the mark and the data.
    Ghost,
    /// Something that cannot be read, and why.
    Unreadable(String),
}

/// A member's row.
#[derive(Clone, Debug)]
pub struct MemberRow {
    /// Whose.
    pub user: UserId,
    /// The row.
    pub member: Member,
}

/// The oldest unsaved rows of a chat.
#[derive(Clone, Debug)]
pub struct ChatSnapshot {
    /// Which chat.
    pub chat: ChatId,
    /// All changes up to here are among the rows, or saved already.
    pub saved: Tick,
    /// The last change that its members were told of, and who they are.
    pub told: Telling,
    /// Oldest first.
    pub rows: Vec<ChatRow>,
}

/// A user who was claimed, and what of them SQL does not have.
#[derive(Clone, Debug)]
pub struct UserSnapshot {
    /// Which user.
    pub user: UserId,
    /// Their row; `None` when SQL has it.
    pub row: Option<User>,
    /// The names that are to be released once the row is saved.
    pub names: Vec<(Name, String)>,
    /// The names, as they were read.
    pub claims: String,
    /// What is theirs alone, each with its dirty entry and the rev it is dirty with; without a row: a script was stopped before it wrote one.
    pub mine: Vec<(String, Tick, Option<Mine>)>,
}

/// What is left of a chat or a user after a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It had left before.
    Gone,
    /// There is more to save.
    Dirty,
    /// Saved, and in use.
    Warm,
    /// Some of it cannot be saved, so it stays.
    Parked,
    /// A user who may leave.
    Idle,
    /// Saved, and gone from Redis.
    Evicted,
}

/// A row that SQL refused.
#[derive(Clone, Debug)]
pub struct Dead {
    /// Chat or user.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// The dirty entry.
    pub entry: String,
    /// How often it was tried.
    pub tries: u32,
    /// What SQL said.
    pub error: String,
}

impl Hot {
    /// The score of the first in each partition's due set, in ms: who has something due.
    pub async fn first_due(&self, kind: Kind) -> Result<Vec<(Partition, i64)>> {
        let ask = Partition::all().map(|partition| async move {
            let args = vec![arg(due(kind, partition)), arg(0), arg(0), arg("WITHSCORES")];
            let found = self.command("ZRANGE", args).await?.into_array();
            Ok::<_, crate::Error>(found.get(1).and_then(Value::as_f64).map(|score| (partition, score as i64)))
        });
        Ok(futures_util::future::try_join_all(ask).await?.into_iter().flatten().collect())
    }

    /// Takes up to `count` of what is due in a partition, for as long as the lease.
    pub async fn claim_due(&self, kind: Kind, partition: Partition, count: usize, lease: Duration) -> Result<Vec<String>> {
        let reply = self.run(Verb::Claim, vec![due(kind, partition)], vec![arg(count), ms(lease)]).await?;
        Ok(reply.rest(0).map(text).collect())
    }

    /// The token of a chat has expired: it is due now.
    pub async fn hasten(&self, chat: ChatId) -> Result<()> {
        let args = vec![arg(ChatKeys::new(chat).due()), arg("XX"), arg("LT"), arg(Tick::now().0 / 1000), arg(chat)];
        self.command("ZADD", args).await.map(drop)
    }

    /// The oldest unsaved rows of a chat, at most so many rows and about so many bytes, none after `newest`. `None`: not resident.
    pub async fn snapshot_chat(
        &self,
        id: ChatId,
        rows: usize,
        bytes: usize,
        newest: Tick,
        lease: Duration,
    ) -> Result<Option<ChatSnapshot>> {
        let keys = ChatKeys::new(id);
        let mut reply = self
            .run(
                Verb::SnapshotChat,
                vec![keys.row(), keys.messages(), keys.members(), keys.dirty(), keys.due(), keys.changed(), keys.parked()],
                vec![arg(id), arg(rows), arg(bytes), arg(newest), ms(lease)],
            )
            .await?;
        if reply.word() == "GONE" {
            return Ok(None);
        }
        let row = |value: Value| {
            let mut parts = value.into_array().into_iter();
            let mut next = || parts.next().unwrap_or(Value::Null);
            let entry = text(next());
            let rev = Tick(number("a dirty entry's rev", &next())?);
            let row = read_row(id, &entry, next());
            Ok(ChatRow { entry, rev, row })
        };
        let (saved, told) = (reply.tick(1)?, reply.telling(2)?);
        Ok(Some(ChatSnapshot { chat: id, saved, told, rows: reply.rest(4).map(row).collect::<Result<_>>()? }))
    }

    /// A user's unsaved rows, at most so many, none after `newest`. `None`: not resident.
    pub async fn snapshot_user(&self, id: UserId, rows: usize, newest: Tick, lease: Duration) -> Result<Option<UserSnapshot>> {
        let keys = UserKeys::new(id);
        let args = vec![arg(id), arg(rows), arg(newest), ms(lease)];
        let mut reply = self.run(Verb::SnapshotUser, vec![keys.row(), keys.dirty(), keys.due(), keys.mine()], args).await?;
        if reply.word() == "GONE" {
            return Ok(None);
        }
        let mut snapshot = UserSnapshot { user: id, row: None, names: Vec::new(), claims: String::new(), mine: Vec::new() };
        let (rev, mut row, claims) = (reply.number(1), reply.list(2), reply.text(3)?);
        // Without a name they are nobody yet: a mark without its row.
        if let (Ok(rev), false) = (rev, row.first().is_none_or(Value::is_null)) {
            row.push(arg(rev));
            snapshot.row = Some(user_of(id, row)?);
            snapshot.names = claims_of(&claims)?;
            snapshot.claims = claims;
        }
        for value in reply.rest(4) {
            let mut parts = value.into_array().into_iter();
            let mut next = || parts.next().unwrap_or(Value::Null);
            let (entry, rev, row) = (text(next()), Tick(number("a dirty entry's rev", &next())?), text(next()));
            let about = parse("what a row is about", entry.strip_prefix("mine:").unwrap_or(&entry))?;
            let mine = if row.is_empty() { None } else { Some(mine_of(about, &row)?) };
            snapshot.mine.push((entry, rev, mine));
        }
        Ok(Some(snapshot))
    }

    /// These rows of a chat are in SQL; what is clean may leave Redis. `soon`: when to come back if it is still dirty.
    pub async fn settle_chat(&self, chat: ChatId, committed: &[(String, Tick)], soon: Duration) -> Result<Settled> {
        let keys = ChatKeys::new(chat);
        let mut args =
            vec![arg(chat), arg(self.options.hot_messages), ms(soon), ms(self.options.chat_ttl), us(SENT_AGE), arg(Uuid::now_v7())];
        args.extend(committed.iter().flat_map(|(entry, rev)| [arg(entry), arg(rev)]));
        let keys = vec![
            keys.row(),
            keys.token(),
            keys.messages(),
            keys.members(),
            keys.dirty(),
            keys.sent(),
            keys.hydrating(),
            keys.due(),
            keys.parked(),
            keys.dead(),
            keys.changed(),
        ];
        settled(self.run(Verb::SettleChat, keys, args).await?)
    }

    /// These rows of a user are in SQL, and with theirs the names of `claims`. `evict`: they may leave if they are clean and have no session.
    pub async fn settle_user(
        &self,
        user: UserId,
        committed: &[(String, Tick)],
        claims: &str,
        soon: Duration,
        evict: bool,
    ) -> Result<Settled> {
        let keys = UserKeys::new(user);
        let mut args = vec![arg(user), ms(soon), ms(self.options.chat_ttl), arg(claims), arg(u8::from(evict))];
        args.extend(committed.iter().flat_map(|(entry, rev)| [arg(entry), arg(rev)]));
        let keys = vec![
            keys.row(),
            keys.chats(),
            keys.dirty(),
            keys.sessions(),
            keys.hydrating(),
            keys.due(),
            keys.parked(),
            keys.dead(),
            keys.mine(),
        ];
        settled(self.run(Verb::SettleUser, keys, args).await?)
    }

    /// Counts that SQL refused a row of a chat; after `max` times it is put aside. How many times it was.
    pub async fn park_chat_row(&self, chat: ChatId, entry: &str, rev: Tick, max: u32, error: &str) -> Result<i64> {
        let keys = ChatKeys::new(chat);
        let args = vec![arg(chat), arg(entry), arg(rev), arg(max), arg(error)];
        self.run(Verb::Park, vec![keys.dirty(), keys.parked(), keys.dead()], args).await?.number(0)
    }

    /// The same for a row of a user.
    pub async fn park_user_row(&self, user: UserId, entry: &str, rev: Tick, max: u32, error: &str) -> Result<i64> {
        let keys = UserKeys::new(user);
        let args = vec![arg(user), arg(entry), arg(rev), arg(max), arg(error)];
        self.run(Verb::Park, vec![keys.dirty(), keys.parked(), keys.dead()], args).await?.number(0)
    }

    /// Every row that SQL refused.
    pub async fn dead(&self) -> Result<Vec<Dead>> {
        let mut found = Vec::new();
        for kind in [Kind::Chat, Kind::User] {
            let ask = Partition::all().map(|partition| self.command("HGETALL", vec![arg(dead(kind, partition))]));
            for flat in futures_util::future::try_join_all(ask).await? {
                let mut values = flat.into_array().into_iter().map(text);
                while let (Some(field), Some(value)) = (values.next(), values.next()) {
                    let (id, entry) = field.split_once('/').unwrap_or((&field, ""));
                    let mut words = value.splitn(3, ' ');
                    let tries = words.next().and_then(|tries| tries.parse().ok()).unwrap_or_default();
                    let error = words.nth(1).unwrap_or_default().to_owned();
                    found.push(Dead { kind, id: id.to_owned(), entry: entry.to_owned(), tries, error });
                }
            }
        }
        Ok(found)
    }

    /// Tries again what was put aside of this chat or user; how many rows.
    pub async fn unpark(&self, kind: Kind, id: &str) -> Result<i64> {
        let keys = match kind {
            Kind::Chat => {
                let keys = ChatKeys::new(parse("a parked chat", id)?);
                [keys.row(), keys.dirty(), keys.parked(), keys.dead(), keys.due()]
            }
            Kind::User => {
                let keys = UserKeys::new(parse("a parked user", id)?);
                [keys.row(), keys.dirty(), keys.parked(), keys.dead(), keys.due()]
            }
        };
        self.run(Verb::Unpark, keys.to_vec(), vec![arg(id)]).await?.number(0)
    }
}

/// How long a key protects from a second append of the same message.
pub(crate) const SENT_AGE: Duration = Duration::from_secs(3600);

fn read_row(id: ChatId, entry: &str, value: Value) -> Row {
    if value.as_bytes().is_some_and(<[u8]>::is_empty) {
        return Row::Ghost;
    }
    let (kind, of) = entry.split_once(':').unwrap_or((entry, ""));
    let member_row = |value| Ok(MemberRow { user: parse("a member's id", of)?, member: member(&text(value))? });
    let row = match kind {
        "chat" => chat(id, value.into_array()).map(Row::Chat),
        "member" => member_row(value).map(Row::Member),
        "list" => member_row(value).map(Row::Listed),
        "message" => Stored::read(&text(value))
            .map(|message| Row::Message(Box::new(message)))
            .map_err(|error| crate::Error::corrupt("a message", error)),
        _ => Err(crate::Error::corrupt("a dirty entry", entry)),
    };
    row.unwrap_or_else(|error| Row::Unreadable(error.to_string()))
}

fn settled(reply: crate::reply::Reply) -> Result<Settled> {
    Ok(match reply.word() {
        "GONE" => Settled::Gone,
        "DIRTY" => Settled::Dirty,
        "WARM" => Settled::Warm,
        "PARKED" => Settled::Parked,
        "IDLE" => Settled::Idle,
        "EVICTED" => Settled::Evicted,
        _ => return Err(reply.unexpected()),
    })
}
