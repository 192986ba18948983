//! The names of all keys and channels. All keys that one script touches have one hash tag, so they
//! are in one slot of a Redis Cluster.

use model::{ChatId, Name, Partition, Tick, UserId};

/// The keys of one chat.
pub(crate) struct ChatKeys {
    prefix: String,
    partition: Partition,
}

impl ChatKeys {
    pub(crate) fn new(id: ChatId) -> Self {
        let partition = id.partition();
        Self {
            prefix: format!("chat:{{c{partition}}}:{id}"),
            partition,
        }
    }
    pub(crate) fn chat(&self) -> String {
        self.prefix.clone()
    }
    pub(crate) fn token(&self) -> String {
        self.of("token")
    }
    pub(crate) fn messages(&self) -> String {
        self.of("messages")
    }
    pub(crate) fn members(&self) -> String {
        self.of("members")
    }
    pub(crate) fn dirty(&self) -> String {
        self.of("dirty")
    }
    pub(crate) fn sent(&self) -> String {
        self.of("sent")
    }
    pub(crate) fn recent(&self) -> String {
        self.of("recent")
    }
    pub(crate) fn hydrating(&self) -> String {
        self.of("hydrating")
    }
    pub(crate) fn parked(&self) -> String {
        self.of("parked")
    }
    pub(crate) fn changed(&self) -> String {
        self.of("changed")
    }
    pub(crate) fn reactors(&self, message: Tick) -> String {
        self.of(&format!("reactors:{message}"))
    }
    pub(crate) fn silent(&self) -> String {
        self.of("silent")
    }
    pub(crate) fn files(&self) -> String {
        self.of("files")
    }
    pub(crate) fn due(&self) -> String {
        due(Kind::Chat, self.partition)
    }
    pub(crate) fn dead(&self) -> String {
        dead(Kind::Chat, self.partition)
    }
    pub(crate) fn commits(&self) -> String {
        commits(Kind::Chat, self.partition)
    }
    fn of(&self, what: &str) -> String {
        format!("{}:{what}", self.prefix)
    }
}

/// The keys of one user.
pub(crate) struct UserKeys {
    prefix: String,
    partition: Partition,
}

impl UserKeys {
    pub(crate) fn new(id: UserId) -> Self {
        let partition = id.partition();
        Self {
            prefix: format!("user:{{u{partition}}}:{id}"),
            partition,
        }
    }
    pub(crate) fn user(&self) -> String {
        self.prefix.clone()
    }
    pub(crate) fn chats(&self) -> String {
        self.of("chats")
    }
    pub(crate) fn dirty(&self) -> String {
        self.of("dirty")
    }
    pub(crate) fn private_rows(&self) -> String {
        self.of("mine")
    }
    pub(crate) fn order(&self) -> String {
        self.of("order")
    }
    pub(crate) fn pinned(&self) -> String {
        self.of("pinned")
    }
    pub(crate) fn sessions(&self) -> String {
        self.of("sessions")
    }
    pub(crate) fn hydrating(&self) -> String {
        self.of("hydrating")
    }
    pub(crate) fn parked(&self) -> String {
        self.of("parked")
    }
    pub(crate) fn due(&self) -> String {
        due(Kind::User, self.partition)
    }
    pub(crate) fn dead(&self) -> String {
        dead(Kind::User, self.partition)
    }
    pub(crate) fn commits(&self) -> String {
        commits(Kind::User, self.partition)
    }
    fn of(&self, what: &str) -> String {
        format!("{}:{what}", self.prefix)
    }
}

/// The two kinds of owner of rows that are flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Chats, in partitions `{c0}` to `{c255}`.
    Chat,
    /// Users, in partitions `{u0}` to `{u255}`.
    User,
}

impl Kind {
    fn tag(self) -> char {
        match self {
            Self::Chat => 'c',
            Self::User => 'u',
        }
    }
}

pub(crate) fn due(kind: Kind, partition: Partition) -> String {
    format!("due:{{{}{partition}}}", kind.tag())
}

pub(crate) fn dead(kind: Kind, partition: Partition) -> String {
    format!("dead:{{{}{partition}}}", kind.tag())
}

/// Returns the key of the marks of commits with rows of a partition.
pub(crate) fn commits(kind: Kind, partition: Partition) -> String {
    format!("commits:{{{}{partition}}}", kind.tag())
}

/// Returns the key of the marks of commits after which names of a partition were released.
pub(crate) fn commits_of_names(partition: Partition) -> String {
    format!("commits:{{n{partition}}}")
}

/// Returns the prefix of the keys of this partition's users.
pub(crate) fn user_prefix(partition: Partition) -> String {
    format!("user:{{u{partition}}}:")
}

pub(crate) fn session(partition: Partition, hash: &str) -> String {
    format!("session:{{u{partition}}}:{hash}")
}

pub(crate) fn claim(name: &Name) -> String {
    format!(
        "claim:{{n{}}}:{}:{}",
        Partition::of_text(&name.folded),
        name.kind,
        name.folded
    )
}

/// Returns the key of the user who last logged in by a name.
pub(crate) fn login(name: &Name) -> String {
    format!(
        "login:{{n{}}}:{}:{}",
        Partition::of_text(&name.folded),
        name.kind,
        name.folded
    )
}

/// Returns the key that is written only to be waited for.
pub(crate) fn fence(partition: Partition) -> String {
    format!("fence:{{c{partition}}}")
}

/// The key of users who changed their names and are not saved yet.
pub(crate) const FRESH: &str = "fresh";
/// Returns the key of the limit of an address or a name.
pub(crate) fn limit(what: &str, who: &str) -> String {
    format!("limit:{{l{}}}:{what}:{who}", Partition::of_text(who))
}

/// Returns the key of the places from which a login name is known.
pub(crate) fn origins(name: &str) -> String {
    format!("origins:{{l{}}}:{name}", Partition::of_text(name))
}

/// Returns the prefix of the limits of this partition's users; the user's id follows it.
pub(crate) fn user_limit(partition: Partition, what: &str) -> String {
    format!("limit:{{u{partition}}}:{what}:")
}

/// The key of users who just logged in: a hint for the flusher.
pub(crate) const HYDRATE: &str = "hydrate";

/// The key of the incarnation of SQL that this Redis belongs to, and of the format of all keys.
pub(crate) const META: &str = "carrier";

/// Returns the channel of the notifications to a user.
pub(crate) fn inbox(user: UserId) -> String {
    format!("inbox:{{u{}}}:{user}", user.partition())
}

pub(crate) fn inbox_of(channel: &str) -> Option<UserId> {
    channel
        .strip_prefix("inbox:{u")?
        .split_once("}:")?
        .1
        .parse()
        .ok()
}

/// Returns the channel of the sessions of a partition's users that end.
pub(crate) fn ended(partition: Partition) -> String {
    format!("ended:{{u{partition}}}")
}

pub(crate) fn is_ended(channel: &str) -> bool {
    channel.starts_with("ended:{u")
}

/// Returns the channel of a partition's users whom an API begins to serve.
pub(crate) fn served(partition: Partition) -> String {
    format!("served:{{u{partition}}}")
}

pub(crate) fn is_served(channel: &str) -> bool {
    channel.starts_with("served:{u")
}

/// Returns the channel of a user's coming and going.
pub(crate) fn watched(user: UserId) -> String {
    format!("watch:{{u{}}}:{user}", user.partition())
}

pub(crate) fn watched_of(channel: &str) -> Option<UserId> {
    channel
        .strip_prefix("watch:{u")?
        .split_once("}:")?
        .1
        .parse()
        .ok()
}

/// Returns the key of the APIs that serve a user, and until when.
pub(crate) fn presence(user: UserId) -> String {
    format!("presence:{{u{}}}:{user}", user.partition())
}

pub(crate) fn ticket(partition: Partition, hash: &str) -> String {
    format!("ticket:{{u{partition}}}:{hash}")
}

/// A key that has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiredKey {
    /// The token of a chat: it is no longer warm.
    Chat(ChatId),
    /// The session of a user in this partition.
    Session(Partition),
}

/// Reads the name of an expired key; `None` for keys that need nothing.
pub(crate) fn expired(key: &str) -> Option<ExpiredKey> {
    if let Some(rest) = key.strip_prefix("chat:{c") {
        let (_, rest) = rest.split_once("}:")?;
        return rest
            .strip_suffix(":token")?
            .parse()
            .ok()
            .map(ExpiredKey::Chat);
    }
    let (partition, _) = key.strip_prefix("session:{u")?.split_once('}')?;
    partition
        .parse()
        .ok()
        .map(|number| ExpiredKey::Session(Partition(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_key_is_known_again() {
        let chat = ChatId::new();
        assert_eq!(
            expired(&ChatKeys::new(chat).token()),
            Some(ExpiredKey::Chat(chat))
        );
        assert_eq!(expired(&ChatKeys::new(chat).hydrating()), None);
        assert_eq!(
            expired(&session(Partition(203), "ab")),
            Some(ExpiredKey::Session(Partition(203)))
        );
        assert_eq!(expired("claim:{n3}:username:bob"), None);
        assert_eq!(expired(&limit("login", "bob")), None);
    }

    #[test]
    fn a_channel_tells_whose_it_is() {
        let user = UserId::new();
        assert_eq!(inbox_of(&inbox(user)), Some(user));
        assert_eq!(watched_of(&watched(user)), Some(user));
        assert_eq!(
            (inbox_of(&watched(user)), watched_of(&inbox(user))),
            (None, None)
        );
        let ends = ended(user.partition());
        assert!(is_ended(&ends) && inbox_of(&ends).is_none() && watched_of(&ends).is_none());
        assert!(!is_ended(&inbox(user)) && !is_ended(&watched(user)));
        let serves = served(user.partition());
        assert!(is_served(&serves) && inbox_of(&serves).is_none() && watched_of(&serves).is_none());
        assert!(!is_served(&ends) && !is_ended(&serves));
    }

    #[test]
    fn all_keys_of_a_chat_and_of_a_user_are_in_one_slot_each() {
        let slot = |key: &str| fred::util::redis_keyslot(key.as_bytes());
        let (chat, user) = (ChatId::new(), UserId::new());
        let of = ChatKeys::new(chat);
        for key in [
            of.token(),
            of.messages(),
            of.members(),
            of.dirty(),
            of.sent(),
            of.recent(),
            of.hydrating(),
            of.parked(),
            of.changed(),
            of.due(),
            of.dead(),
            of.commits(),
            fence(chat.partition()),
        ] {
            assert_eq!(slot(&key), slot(&of.chat()), "{key}");
        }
        let of = UserKeys::new(user);
        for key in [
            of.chats(),
            of.dirty(),
            of.private_rows(),
            of.order(),
            of.pinned(),
            of.sessions(),
            of.hydrating(),
            of.parked(),
            of.due(),
            of.dead(),
            of.commits(),
            session(user.partition(), "ab"),
            ticket(user.partition(), "ab"),
            presence(user),
            watched(user),
            inbox(user),
            ended(user.partition()),
            served(user.partition()),
            user_prefix(user.partition()) + &user.to_string(),
            user_limit(user.partition(), "sends") + &user.to_string(),
        ] {
            assert_eq!(slot(&key), slot(&of.user()), "{key}");
        }
        assert_eq!(user_prefix(user.partition()) + &user.to_string(), of.user());
    }

    #[test]
    fn a_key_has_its_partition_as_its_hash_tag() {
        let chat = ChatId::new();
        let partition = chat.partition();
        let keys = ChatKeys::new(chat);
        assert_eq!(keys.chat(), format!("chat:{{c{partition}}}:{chat}"));
        assert_eq!(keys.due(), format!("due:{{c{partition}}}"));
        let who = Partition::of_text("bob");
        assert_eq!(limit("login", "bob"), format!("limit:{{l{who}}}:login:bob"));
    }
}
