//! Users: their row, their list of chats, and how anything begins to be resident.

use fred::types::Value;
use model::{ChatId, Mine, Name, NameKind, Tick, User, UserId};

use crate::{
    Hot, Refusal, Result, Verb,
    client::{arg, ms},
    keys::{ChatKeys, HYDRATE, UserKeys},
    reply::{Reply, number, parse, text},
};

/// A user's row as it is in Redis.
#[derive(Clone, Debug)]
pub enum UserRecord {
    /// Not resident.
    Cold,
    /// Somebody who is registering and has no name yet.
    Nameless,
    /// The row.
    Known(Box<User>),
}

/// How a hydration, or a creation, began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Nothing to do.
    Resident,
    /// Another is at it.
    Taken,
    /// Go on; it is now this late.
    Begun(Tick),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// It is resident now.
    Done,
    /// Another was first.
    Resident,
    /// The nonce is not the current one: what was read may be old.
    Fenced,
}

impl Loaded {
    pub(crate) fn of(reply: &Reply) -> Result<Self> {
        match reply.word() {
            "OK" => Ok(Self::Done),
            "RESIDENT" => Ok(Self::Resident),
            "FENCED" => Ok(Self::Fenced),
            _ => Err(reply.unexpected()),
        }
    }
}

/// A chat in a user's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which chat.
    pub chat: ChatId,
    /// The tick of the membership's last change.
    pub rev: Tick,
    /// When they left it, or `NEVER`.
    pub left: Tick,
}

/// A change of a user's row; `None` keeps a field.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// Needs a claim.
    pub username: Option<String>,
    /// Needs a claim.
    pub email: Option<String>,
    /// 1..=64 characters.
    pub display_name: Option<String>,
    /// Empty clears it.
    pub bio: Option<String>,
    /// The hash of a picture; empty clears it.
    pub avatar: Option<String>,
    /// A hash; with `new_password` it ends every session that was opened with the old one.
    pub password: Option<String>,
    /// The password itself is another, not only the way it is hashed.
    pub new_password: bool,
    /// The account is made with this change.
    pub created: bool,
    /// The names that are claimed for it, each with the nonce of its claim.
    pub claims: Vec<(Name, String)>,
}

const FIELDS: [&str; 10] = ["username", "email", "display_name", "bio", "avatar", "password", "password_rev", "created", "erased", "rev"];

/// How long somebody who is being registered stays without a name, at the least; who has none by then is nobody.
const NAMELESS_LIFE: std::time::Duration = std::time::Duration::from_secs(60);

impl Hot {
    /// A user's row.
    pub async fn user(&self, user: UserId) -> Result<UserRecord> {
        let row = self.command("HMGET", [arg(UserKeys::new(user).row()), arg("id")].into_iter().chain(FIELDS.map(arg)).collect()).await?;
        let mut row = row.into_array();
        match (row.first(), row.get(1)) {
            (None | Some(Value::Null), _) => Ok(UserRecord::Cold),
            (_, None | Some(Value::Null)) => Ok(UserRecord::Nameless),
            _ => user_of(user, row.split_off(1)).map(|user| UserRecord::Known(Box::new(user))),
        }
    }

    /// The chats of a user, those they left too; empty when the user is not resident.
    pub async fn chats_of(&self, user: UserId) -> Result<Vec<Listed>> {
        let flat = self.command("HGETALL", vec![arg(UserKeys::new(user).chats())]).await?.into_array();
        let mut values = flat.into_iter().map(text);
        let mut chats = Vec::new();
        while let (Some(chat), Some(entry)) = (values.next(), values.next()) {
            chats.push(listed(parse("a listed chat", &chat)?, &entry)?);
        }
        Ok(chats)
    }

    /// Begins to hydrate a user.
    pub async fn begin_user(&self, user: UserId, nonce: &str) -> Result<Begun> {
        let keys = UserKeys::new(user);
        self.begin(keys.row(), keys.hydrating(), nonce).await
    }

    /// Begins to hydrate, or to create, a chat.
    pub async fn begin_chat(&self, chat: ChatId, nonce: &str) -> Result<Begun> {
        let keys = ChatKeys::new(chat);
        self.begin(keys.row(), keys.hydrating(), nonce).await
    }

    async fn begin(&self, row: String, hydrating: String, nonce: &str) -> Result<Begun> {
        let mut reply = self.run(Verb::Begin, vec![row, hydrating], vec![arg(nonce), ms(self.options.hydrate_lease)]).await?;
        Ok(match reply.word() {
            "RESIDENT" => Begun::Resident,
            "TAKEN" => Begun::Taken,
            "BEGUN" => Begun::Begun(reply.tick(1)?),
            _ => return Err(reply.unexpected()),
        })
    }

    /// Gives up what was begun, so that nobody waits for the lease to end.
    pub async fn abandon_user(&self, user: UserId, nonce: &str) -> Result<()> {
        self.run(Verb::Swap, vec![UserKeys::new(user).hydrating()], vec![arg(nonce), arg("")]).await.map(drop)
    }

    /// The same for a chat.
    pub async fn abandon_chat(&self, chat: ChatId, nonce: &str) -> Result<()> {
        self.run(Verb::Swap, vec![ChatKeys::new(chat).hydrating()], vec![arg(nonce), arg("")]).await.map(drop)
    }

    /// A user becomes resident with this row, these chats and what is theirs alone, if `nonce` still holds. Without a row: a new user, who has no
    /// name yet.
    pub async fn load_user(&self, id: UserId, nonce: &str, row: Option<&User>, chats: &[Listed], mine: &[Mine]) -> Result<Loaded> {
        let keys = UserKeys::new(id);
        let clock = mine.iter().map(|mine| mine.rev).chain(row.map(|user| user.rev)).max().unwrap_or_default();
        let mut fields = vec![arg("id"), arg(id), arg("clock"), arg(clock)];
        if let Some(user) = row {
            let values = [
                arg(&user.username),
                arg(&user.email),
                arg(&user.display_name),
                arg(&user.bio),
                arg(&user.avatar),
                arg(&user.password),
                arg(user.password_rev),
                arg(user.created),
                arg(user.erased),
                arg(user.rev),
            ];
            fields.extend(FIELDS.into_iter().zip(values).flat_map(|(field, value)| [arg(field), value]));
        }
        let wait = if row.is_some() { self.options.chat_ttl } else { self.options.chat_ttl.max(NAMELESS_LIFE) };
        let mut args = vec![arg(nonce), arg(id), ms(wait)];
        let mut list = |values: Vec<Value>| {
            args.push(arg(values.len()));
            args.extend(values);
        };
        list(fields);
        list(chats.iter().flat_map(|listed| [arg(listed.chat), arg(format_args!("{} {}", listed.rev, listed.left))]).collect());
        let kept = mine.iter().filter(|mine| !mine.value.is_empty());
        list(kept.flat_map(|mine| [arg(mine.about), arg(format_args!("{} {}", mine.rev, mine.value))]).collect());
        let keys = vec![keys.row(), keys.chats(), keys.dirty(), keys.hydrating(), keys.due(), keys.mine()];
        Loaded::of(&self.run(Verb::LoadUser, keys, args).await?)
    }

    /// A chat in a user's list, or out of it. `Cold`: the user is not resident, and any hydration of theirs under way is ended.
    pub async fn enlist(&self, user: UserId, listed: Listed) -> Result<std::result::Result<(), Refusal>> {
        let keys = UserKeys::new(user);
        let args = vec![arg(listed.chat), arg(listed.rev), arg(listed.left)];
        let reply = self.run(Verb::Enlist, vec![keys.row(), keys.chats(), keys.hydrating()], args).await?;
        Ok(if reply.word() == "OK" { Ok(()) } else { Err(Refusal::Cold) })
    }

    /// Changes a user's row. `Ok(None)`: a name in it is no longer wanted under its nonce.
    pub async fn change_user(&self, user: UserId, change: &UserChange) -> Result<std::result::Result<Option<Tick>, Refusal>> {
        let keys = UserKeys::new(user);
        let mut args = vec![arg(Tick::now()), arg(user), ms(self.options.flush_after)];
        let mut list = |values: Vec<Value>| {
            args.push(arg(values.len()));
            args.extend(values);
        };
        let fields = [
            ("username", &change.username),
            ("email", &change.email),
            ("display_name", &change.display_name),
            ("bio", &change.bio),
            ("avatar", &change.avatar),
            ("password", &change.password),
        ];
        list(fields.into_iter().filter_map(|(field, value)| Some([arg(field), arg(value.as_ref()?)])).flatten().collect());
        let stamps = [("password_rev", change.new_password), ("created", change.created)];
        list(stamps.into_iter().filter(|(_, set)| *set).map(|(field, _)| arg(field)).collect());
        list(change.claims.iter().flat_map(|(name, nonce)| [arg(name.kind), arg(&name.folded), arg(nonce)]).collect());
        let mut reply = self.run(Verb::ChangeUser, vec![keys.row(), keys.dirty(), keys.due()], args).await?;
        match reply.word() {
            "OK" => Ok(Ok(Some(reply.tick(1)?))),
            "STALE" => Ok(Ok(None)),
            "COLD" => Ok(Err(Refusal::Cold)),
            "SKEW" => Err(crate::Error::Skewed),
            _ => Err(reply.unexpected()),
        }
    }

    /// Erases a user; the tick at which they were.
    pub async fn erase_user(&self, user: UserId) -> Result<std::result::Result<Tick, Refusal>> {
        let keys = UserKeys::new(user);
        let keys = vec![keys.row(), keys.mine(), keys.dirty(), keys.due(), keys.sessions()];
        let sessions = arg(crate::keys::session(user.partition(), ""));
        let args = vec![arg(Tick::now()), arg(user), ms(self.options.flush_after), sessions];
        let mut reply = self.run(Verb::EraseUser, keys, args).await?;
        match reply.word() {
            "OK" => Ok(Ok(reply.tick(1)?)),
            "COLD" => Ok(Err(Refusal::Cold)),
            "SKEW" => Err(crate::Error::Skewed),
            _ => Err(reply.unexpected()),
        }
    }

    /// Writes down that a user wants a name, before it is claimed.
    pub async fn want(&self, user: UserId, name: &Name, nonce: &str) -> Result<std::result::Result<(), Refusal>> {
        let keys = UserKeys::new(user);
        let args = vec![arg(name.kind), arg(&name.folded), arg(nonce), arg(user), ms(self.options.chat_ttl.max(NAMELESS_LIFE))];
        let reply = self.run(Verb::Want, vec![keys.row(), keys.due()], args).await?;
        Ok(if reply.word() == "OK" { Ok(()) } else { Err(Refusal::Cold) })
    }

    /// Does the owner of a claim still stand by it? What they wanted more than `age` ago, they may no longer have.
    pub async fn disown(&self, owner: UserId, name: &Name, nonce: &str, age: std::time::Duration) -> Result<bool> {
        let args = vec![arg(name.kind), arg(&name.folded), arg(nonce), ms(age)];
        Ok(self.run(Verb::Disown, vec![UserKeys::new(owner).row()], args).await?.word() == "FREE")
    }

    /// Tells the flushers that a user logged in, so that their chats are warm when they ask for them.
    pub async fn push_login(&self, user: UserId) -> Result<()> {
        self.command("LPUSH", vec![arg(HYDRATE), arg(user)]).await?;
        self.command("LTRIM", vec![arg(HYDRATE), arg(0), arg(9_999)]).await.map(drop)
    }

    /// The next user who logged in; waits up to `wait` for one. It blocks its connection.
    pub async fn pop_login(&self, wait: std::time::Duration) -> Result<Option<UserId>> {
        let found = self.command("BRPOP", vec![arg(HYDRATE), arg(wait.as_secs_f64())]).await?.into_array();
        found.into_iter().nth(1).map(|user| parse("a login", &text(user))).transpose()
    }
}

/// The folded names of a row.
pub(crate) fn user_of(id: UserId, row: Vec<Value>) -> Result<User> {
    let mut row = row.into_iter();
    let mut next = || row.next().unwrap_or(Value::Null);
    let tick = |what, value: Value| number(what, &value).map(Tick);
    Ok(User {
        id,
        username: text(next()),
        email: text(next()),
        display_name: text(next()),
        bio: text(next()),
        avatar: text(next()),
        password: text(next()),
        password_rev: tick("when a password was set", next())?,
        created: tick("when a user was made", next())?,
        erased: Tick(next().as_i64().unwrap_or_default()),
        rev: tick("a user's rev", next())?,
    })
}

/// Reads `rev left`.
pub(crate) fn listed(chat: ChatId, entry: &str) -> Result<Listed> {
    let (rev, left) = entry.split_once(' ').unwrap_or((entry, "0"));
    Ok(Listed { chat, rev: Tick(parse("a listed chat's rev", rev)?), left: Tick(parse("when a chat was left", left)?) })
}

/// Reads `kind name nonce;…`: the names that a user uses and that are not saved yet.
pub(crate) fn claims_of(text: &str) -> Result<Vec<(Name, String)>> {
    let one = |claim: &str| {
        let mut words = claim.split(' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("username"), Some(name), Some(nonce), None) => Ok((Name::new(NameKind::Username, name), nonce.to_owned())),
            (Some("email"), Some(name), Some(nonce), None) => Ok((Name::new(NameKind::Email, name), nonce.to_owned())),
            _ => Err(crate::Error::corrupt("a claim", claim)),
        }
    };
    text.split_terminator(';').map(one).collect()
}
