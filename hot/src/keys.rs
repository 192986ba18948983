//! The names of all keys. Whatever one script touches has one hash tag, so it is in one slot of a Redis Cluster.

use model::{ChatId, Name, Partition, UserId};

/// The keys of one chat.
pub(crate) struct ChatKeys {
    prefix: String,
    partition: Partition,
}

impl ChatKeys {
    pub(crate) fn new(id: ChatId) -> Self {
        let partition = id.partition();
        Self { prefix: format!("chat:{{c{partition}}}:{id}"), partition }
    }
    pub(crate) fn row(&self) -> String {
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
    pub(crate) fn hydrating(&self) -> String {
        self.of("hydrating")
    }
    pub(crate) fn parked(&self) -> String {
        self.of("parked")
    }
    pub(crate) fn changed(&self) -> String {
        self.of("changed")
    }
    /// What a script needs that changes something of a chat: chat token messages members dirty due changed.
    pub(crate) fn to_change(&self) -> Vec<String> {
        vec![self.row(), self.token(), self.messages(), self.members(), self.dirty(), self.due(), self.changed()]
    }
    pub(crate) fn due(&self) -> String {
        due(Kind::Chat, self.partition)
    }
    pub(crate) fn dead(&self) -> String {
        dead(Kind::Chat, self.partition)
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
        Self { prefix: format!("user:{{u{partition}}}:{id}"), partition }
    }
    pub(crate) fn row(&self) -> String {
        self.prefix.clone()
    }
    pub(crate) fn chats(&self) -> String {
        self.of("chats")
    }
    pub(crate) fn dirty(&self) -> String {
        self.of("dirty")
    }
    pub(crate) fn mine(&self) -> String {
        self.of("mine")
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
    fn of(&self, what: &str) -> String {
        format!("{}:{what}", self.prefix)
    }
}

/// The two kinds of thing that are flushed.
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

/// How the keys of the users of this partition begin.
pub(crate) fn user_prefix(partition: Partition) -> String {
    format!("user:{{u{partition}}}:")
}

pub(crate) fn session(partition: Partition, hash: &str) -> String {
    format!("session:{{u{partition}}}:{hash}")
}

pub(crate) fn claim(name: &Name) -> String {
    format!("claim:{{n{}}}:{}:{}", Partition::of_text(&name.folded), name.kind, name.folded)
}

/// What is written only to wait for it.
pub(crate) fn fence(partition: Partition) -> String {
    format!("fence:{{c{partition}}}")
}

/// Users who changed their names and are not saved yet.
pub(crate) const FRESH: &str = "fresh";
/// How often an address or a name did something.
pub(crate) fn limit(what: &str, who: &str) -> String {
    format!("limit:{{l{}}}:{what}:{who}", Partition::of_text(who))
}

/// How the keys begin that say how often a user of this partition did something; the user's id is what follows.
pub(crate) fn user_limit(partition: Partition, what: &str) -> String {
    format!("limit:{{u{partition}}}:{what}:")
}

/// Users who just logged in: a hint for the flusher.
pub(crate) const HYDRATE: &str = "hydrate";

/// The incarnation of SQL that this Redis belongs to, and the version of the format of all keys.
pub(crate) const META: &str = "carrier";

/// The channel on which a user is told what happens.
pub(crate) fn inbox(user: UserId) -> String {
    format!("inbox:{{u{}}}:{user}", user.partition())
}

pub(crate) fn inbox_of(channel: &str) -> Option<UserId> {
    channel.strip_prefix("inbox:{u")?.split_once("}:")?.1.parse().ok()
}

/// The channel on which others are told that a user comes or goes.
pub(crate) fn watched(user: UserId) -> String {
    format!("watch:{{u{}}}:{user}", user.partition())
}

pub(crate) fn watched_of(channel: &str) -> Option<UserId> {
    channel.strip_prefix("watch:{u")?.split_once("}:")?.1.parse().ok()
}

/// Until when which API serves a user.
pub(crate) fn presence(user: UserId) -> String {
    format!("presence:{{u{}}}:{user}", user.partition())
}

pub(crate) fn ticket(partition: Partition, hash: &str) -> String {
    format!("ticket:{{u{partition}}}:{hash}")
}

/// What an expired key was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// The token of a chat: it is no longer warm.
    Chat(ChatId),
    /// A session of somebody in this partition.
    Session(Partition),
}

/// Reads the name of an expired key; `None` for keys that need nothing.
pub(crate) fn expired(key: &str) -> Option<Expired> {
    if let Some(rest) = key.strip_prefix("chat:{c") {
        let (_, rest) = rest.split_once("}:")?;
        return rest.strip_suffix(":token")?.parse().ok().map(Expired::Chat);
    }
    let (partition, _) = key.strip_prefix("session:{u")?.split_once('}')?;
    partition.parse().ok().map(|number| Expired::Session(Partition(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_key_is_known_again() {
        let chat = ChatId::new();
        assert_eq!(expired(&ChatKeys::new(chat).token()), Some(Expired::Chat(chat)));
        assert_eq!(expired(&ChatKeys::new(chat).hydrating()), None);
        assert_eq!(expired(&session(Partition(203), "ab")), Some(Expired::Session(Partition(203))));
        assert_eq!(expired("claim:{n3}:username:bob"), None);
        assert_eq!(expired(&limit("login", "bob")), None);
    }

    #[test]
    fn a_channel_tells_whose_it_is() {
        let user = UserId::new();
        assert_eq!(inbox_of(&inbox(user)), Some(user));
        assert_eq!(watched_of(&watched(user)), Some(user));
        assert_eq!((inbox_of(&watched(user)), watched_of(&inbox(user))), (None, None));
    }
}
