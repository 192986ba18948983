//! What is known of chats and people.

use std::collections::{BTreeMap, HashMap, HashSet};

use model::{ChatId, ChatView, Message, MessageKind, Profile, Tick, UserId};

pub(super) struct Book {
    me: UserId,
    chats: HashMap<ChatId, ChatView>,
    /// The revs of the messages that were shown, by chat and id.
    messages: HashMap<ChatId, BTreeMap<Tick, Tick>>,
    people: HashMap<UserId, String>,
    online: HashSet<UserId>,
}

impl Book {
    pub(super) fn new(me: UserId) -> Self {
        let people = HashMap::from([(me, "you".to_owned())]);
        Self { me, chats: HashMap::new(), messages: HashMap::new(), people, online: HashSet::new() }
    }

    /// A chat as it is now, unless a later one is known.
    pub(super) fn put(&mut self, chat: ChatView) -> ChatId {
        let id = chat.id;
        if let Some(peer) = &chat.peer {
            self.meet(peer);
        }
        if self.chats.get(&id).is_none_or(|known| known.clock <= chat.clock) {
            self.chats.insert(id, chat);
        }
        id
    }

    pub(super) fn forget(&mut self, chat: ChatId) {
        self.chats.remove(&chat);
    }

    pub(super) fn meet(&mut self, person: &Profile) {
        if person.id != self.me {
            self.people.insert(person.id, person.display_name.clone());
        }
    }

    /// A message; false: it is known as it is, or newer.
    pub(super) fn take(&mut self, message: &Message) -> bool {
        let known = self.messages.entry(message.chat_id).or_default();
        if known.get(&message.id).is_some_and(|rev| *rev >= message.rev) {
            return false;
        }
        let new = known.insert(message.id, message.rev).is_none();
        if let Some(chat) = self.chats.get_mut(&message.chat_id)
            && new
            && message.kind == MessageKind::Text
            && message.sender_id != self.me
            && message.id > chat.my.read
        {
            chat.unread_count += 1;
        }
        true
    }

    pub(super) fn read(&mut self, chat: ChatId) {
        if let Some(chat) = self.chats.get_mut(&chat) {
            chat.unread_count = 0;
        }
    }

    /// True: that is news.
    pub(super) fn is_online(&mut self, user: UserId, online: bool) -> bool {
        if online { self.online.insert(user) } else { self.online.remove(&user) }
    }

    /// The oldest message that was shown.
    pub(super) fn oldest(&self, chat: ChatId) -> Option<Tick> {
        self.messages.get(&chat)?.keys().next().copied()
    }

    /// A chat by its number in the list, its name, or that of the other person.
    pub(super) fn find(&self, text: &str) -> Option<ChatId> {
        let chats = self.sorted();
        if let Ok(number) = text.parse::<usize>() {
            return chats.get(number.checked_sub(1)?).map(|chat| chat.id);
        }
        let is_it = |chat: &&&ChatView| self.name(chat.id) == text || chat.peer.as_ref().is_some_and(|peer| peer.username == text);
        chats.iter().find(is_it).map(|chat| chat.id)
    }

    pub(super) fn name(&self, chat: ChatId) -> String {
        match self.chats.get(&chat) {
            Some(ChatView { name: Some(name), .. }) => name.clone(),
            Some(ChatView { peer: Some(peer), .. }) => peer.display_name.clone(),
            _ => "a chat".to_owned(),
        }
    }

    pub(super) fn person(&self, user: UserId) -> &str {
        self.people.get(&user).map_or("somebody", String::as_str)
    }

    /// Those of a chat whose coming and going one wants to know.
    pub(super) fn people(&self, chat: ChatId) -> Vec<UserId> {
        let members = self.chats.get(&chat).map_or(&[][..], |chat| &chat.members);
        members.iter().map(|member| member.user_id).filter(|user| *user != self.me).collect()
    }

    pub(super) fn who(&self, chat: ChatId) -> String {
        let members = self.chats.get(&chat).map_or(&[][..], |chat| &chat.members);
        let line = |user: UserId| format!("  {}{}", self.person(user), if self.online.contains(&user) { " (online)" } else { "" });
        members.iter().map(|member| line(member.user_id)).collect::<Vec<_>>().join("\n")
    }

    /// Those of these who have no name yet.
    pub(super) fn strangers(&self, users: impl IntoIterator<Item = UserId>) -> Vec<UserId> {
        let strangers: HashSet<UserId> = users.into_iter().filter(|user| !self.people.contains_key(user)).collect();
        strangers.into_iter().collect()
    }

    /// All who are seen in the list of chats.
    pub(super) fn everybody(&self) -> Vec<UserId> {
        self.chats.values().flat_map(|chat| chat.members.iter().map(|member| member.user_id)).collect()
    }

    /// All chats, the newest first.
    pub(super) fn list(&self) -> String {
        let line = |(at, chat): (usize, &&ChatView)| {
            let unread = if chat.unread_count > 0 { format!(" ({} unread)", chat.unread_count) } else { String::new() };
            let last = chat.last_message.as_ref().map(|last| format!(": {}", first_line(&last.body))).unwrap_or_default();
            format!("{:3}  {}{unread}{last}", at + 1, self.name(chat.id))
        };
        let chats = self.sorted();
        if chats.is_empty() {
            "  no chats yet; /open NAME begins one".to_owned()
        } else {
            chats.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
        }
    }

    /// A message as a line; with its chat if it is not the one that is open.
    pub(super) fn line(&self, message: &Message, with_chat: bool) -> String {
        let time = message.created_at.get(11..16).unwrap_or_default();
        let place = if with_chat { format!(" in {}", self.name(message.chat_id)) } else { String::new() };
        let text = match (message.kind, message.deleted, &message.system) {
            (_, Some(true), _) => "(deleted)".to_owned(),
            (MessageKind::System, _, Some(system)) => format!("({:?})", system.event),
            _ => message.body.clone(),
        };
        let edited = if message.edited_at.is_some() { " (edited)" } else { "" };
        format!("{time} {}{place}: {text}{edited}", self.person(message.sender_id))
    }

    fn sorted(&self) -> Vec<&ChatView> {
        let mut chats: Vec<&ChatView> = self.chats.values().collect();
        chats.sort_by_key(|chat| std::cmp::Reverse((chat.last_message.as_ref().map_or(chat.clock, |last| last.id), chat.id)));
        chats
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(60).collect()
}
