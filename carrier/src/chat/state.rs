//! The chats, messages and people that the client has seen. What it returns of them is safe for a
//! terminal.

use std::collections::{BTreeMap, HashMap, HashSet};

use model::{ChatId, ChatView, Message, MessageKind, Profile, Tick, UserId};

use crate::terminal::{indented, one_line};

/// The client's copy of its user's chats.
pub(super) struct LocalState {
    me: UserId,
    chats: HashMap<ChatId, ChatView>,
    /// The revs of the messages that were shown, by chat and id.
    messages: HashMap<ChatId, BTreeMap<Tick, Tick>>,
    /// The display names of users, as they are shown.
    people: HashMap<UserId, String>,
    online: HashSet<UserId>,
}

impl LocalState {
    /// Returns the state of a user without chats.
    pub(super) fn new(me: UserId) -> Self {
        let people = HashMap::from([(me, "you".to_owned())]);
        Self {
            me,
            chats: HashMap::new(),
            messages: HashMap::new(),
            people,
            online: HashSet::new(),
        }
    }

    /// Stores a chat, unless a later version of it is known.
    pub(super) fn put_chat(&mut self, chat: ChatView) -> ChatId {
        let id = chat.id;
        if let Some(peer) = &chat.peer {
            self.put_person(peer);
        }
        if self
            .chats
            .get(&id)
            .is_none_or(|known| known.clock <= chat.clock)
        {
            self.chats.insert(id, chat);
        }
        id
    }

    /// Removes a chat.
    pub(super) fn remove_chat(&mut self, chat: ChatId) {
        self.chats.remove(&chat);
    }

    /// Stores the name of a user.
    pub(super) fn put_person(&mut self, person: &Profile) {
        if person.id != self.me {
            self.people
                .insert(person.id, one_line(&person.display_name));
        }
    }

    /// Stores a message; returns false when it is known in this version or a newer one.
    pub(super) fn put_message(&mut self, message: &Message) -> bool {
        let known = self.messages.entry(message.chat_id).or_default();
        if known
            .get(&message.id)
            .is_some_and(|rev| *rev >= message.rev)
        {
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

    /// Marks a chat as read.
    pub(super) fn mark_read(&mut self, chat: ChatId) {
        if let Some(chat) = self.chats.get_mut(&chat) {
            chat.unread_count = 0;
        }
    }

    /// Stores the presence of a user; returns true when it changed.
    pub(super) fn put_presence(&mut self, user: UserId, online: bool) -> bool {
        if online {
            self.online.insert(user)
        } else {
            self.online.remove(&user)
        }
    }

    /// Returns the oldest message that was shown.
    pub(super) fn oldest(&self, chat: ChatId) -> Option<Tick> {
        self.messages.get(&chat)?.keys().next().copied()
    }

    /// Returns the chat with this number in the list, this name, or this username of the peer.
    pub(super) fn find(&self, text: &str) -> Option<ChatId> {
        let chats = self.sorted();
        if let Ok(number) = text.parse::<usize>() {
            return chats.get(number.checked_sub(1)?).map(|chat| chat.id);
        }
        let is_it = |chat: &&&ChatView| {
            self.name(chat.id) == text
                || chat.peer.as_ref().is_some_and(|peer| peer.username == text)
        };
        chats.iter().find(is_it).map(|chat| chat.id)
    }

    /// True where the user may mention all members.
    pub(super) fn may_mention_all(&self, chat: ChatId) -> bool {
        let view = self.chats.get(&chat);
        view.is_some_and(|view| {
            let members = usize::try_from(view.member_count).unwrap_or(usize::MAX);
            view.my.role.may_mention_all(view.kind, members)
        })
    }

    /// Returns the name of a chat.
    pub(super) fn name(&self, chat: ChatId) -> String {
        match self.chats.get(&chat) {
            Some(ChatView {
                name: Some(name), ..
            }) => one_line(name),
            Some(ChatView {
                peer: Some(peer), ..
            }) => one_line(&peer.display_name),
            _ => "a chat".to_owned(),
        }
    }

    /// Returns the name of a user.
    pub(super) fn person(&self, user: UserId) -> &str {
        self.people
            .get(&user)
            .map_or("an unknown user", String::as_str)
    }

    /// Returns the members of a chat, without the client's user.
    pub(super) fn others(&self, chat: ChatId) -> Vec<UserId> {
        let members = self.chats.get(&chat).map_or(&[][..], |chat| &chat.members);
        members
            .iter()
            .map(|member| member.user_id)
            .filter(|user| *user != self.me)
            .collect()
    }

    /// Lists the members of a chat, and who of them is online.
    pub(super) fn member_list(&self, chat: ChatId) -> String {
        let members = self.chats.get(&chat).map_or(&[][..], |chat| &chat.members);
        let line = |user: UserId| {
            format!(
                "  {}{}",
                self.person(user),
                if self.online.contains(&user) {
                    " (online)"
                } else {
                    ""
                }
            )
        };
        members
            .iter()
            .map(|member| line(member.user_id))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Returns those users whose names are not known yet.
    pub(super) fn unknown(&self, users: impl IntoIterator<Item = UserId>) -> Vec<UserId> {
        let unknown: HashSet<UserId> = users
            .into_iter()
            .filter(|user| !self.people.contains_key(user))
            .collect();
        unknown.into_iter().collect()
    }

    /// Returns the members of all chats.
    pub(super) fn all_members(&self) -> Vec<UserId> {
        self.chats
            .values()
            .flat_map(|chat| chat.members.iter().map(|member| member.user_id))
            .collect()
    }

    /// Lists the chats, the newest first.
    pub(super) fn chat_list(&self) -> String {
        let line = |(at, chat): (usize, &&ChatView)| {
            let unread = if chat.unread_count > 0 {
                format!(" ({} unread)", chat.unread_count)
            } else {
                String::new()
            };
            let last = chat
                .last_message
                .as_ref()
                .map(|last| format!(": {}", first_line(&last.body)))
                .unwrap_or_default();
            format!("{:3}  {}{unread}{last}", at + 1, self.name(chat.id))
        };
        let chats = self.sorted();
        if chats.is_empty() {
            "  no chats yet; /open NAME starts one".to_owned()
        } else {
            chats
                .iter()
                .enumerate()
                .map(line)
                .collect::<Vec<_>>()
                .join("\n")
        }
    }

    /// Formats a message as a line; with the name of its chat if that is not the open one.
    pub(super) fn line(&self, message: &Message, with_chat: bool) -> String {
        let time = one_line(message.created_at.get(11..16).unwrap_or_default());
        let place = if with_chat {
            format!(" in {}", self.name(message.chat_id))
        } else {
            String::new()
        };
        let text = match (message.kind, message.deleted, &message.system) {
            (_, Some(true), _) => "(deleted)".to_owned(),
            (MessageKind::System, _, Some(system)) => format!("({:?})", system.event),
            _ => indented(&message.body),
        };
        let edited = if message.edited_at.is_some() {
            " (edited)"
        } else {
            ""
        };
        format!(
            "{time} {}{place}: {text}{edited}",
            self.person(message.sender_id)
        )
    }

    /// Returns the chats, the newest first.
    fn sorted(&self) -> Vec<&ChatView> {
        let mut chats: Vec<&ChatView> = self.chats.values().collect();
        chats.sort_by_key(|chat| {
            std::cmp::Reverse((
                chat.last_message
                    .as_ref()
                    .map_or(chat.clock, |last| last.id),
                chat.id,
            ))
        });
        chats
    }
}

/// Returns the first line of a text, up to 60 characters.
fn first_line(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    one_line(&first.chars().take(60).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::terminal::tests::{HOSTILE, is_safe};

    /// Returns a group and a message in it, of which every text is this one.
    fn all_of(text: &str) -> (ChatView, Message, Profile) {
        let (chat, sender) = (ChatId::new(), UserId::new());
        let message = json!({
            "id": 2, "seq": 1, "rev": 2, "created_at": text, "chat_id": chat,
            "sender_id": sender, "kind": "text", "subject": text, "body": text,
        });
        let profile = json!({
            "id": sender, "username": text, "display_name": text, "bio": text, "created_at": text,
        });
        let view = json!({
            "id": chat, "kind": "group", "name": text, "description": text, "clock": 1, "saved": 1,
            "last_message": message, "unread_count": 1, "unread_mentions": 0, "peer": profile,
            "members": [{
                "user_id": sender, "role": "member", "joined_at": text, "read": 0, "delivered": 0,
            }],
            "member_count": 1, "my": { "role": "member", "read": 0, "delivered": 0 },
            "others": { "read_min": 0, "delivered_min": 0 },
            "preferences": { "archived": false, "pinned": false, "marked_unread": false },
            "created_at": text,
        });
        let read = |json: Value| serde_json::from_value(json).expect("a chat");
        let message = serde_json::from_value(message).expect("a message");
        (
            read(view),
            message,
            serde_json::from_value(profile).expect("a profile"),
        )
    }

    #[test]
    fn nothing_that_others_wrote_commands_the_terminal_or_forges_a_line() {
        for hostile in HOSTILE {
            let text = format!("x{hostile}\n12:00 bob: forged");
            let (view, message, profile) = all_of(&text);
            let (chat, direct, sender) = (view.id, ChatId::new(), profile.id);
            let mut state = LocalState::new(UserId::new());
            state.put_person(&profile);
            let of_two = ChatView {
                id: direct,
                name: None,
                ..view.clone()
            };
            state.put_chat(of_two);
            state.put_chat(view);
            let list = state.chat_list();
            assert_eq!(list.lines().count(), 2, "{list}");
            for one in [
                list,
                state.name(chat),
                state.name(direct),
                state.person(sender).to_owned(),
                state.member_list(chat),
                state.line(&message, true),
                state.line(&message, false),
            ] {
                assert!(is_safe(&one), "{one:?}");
                let is_forged = |line: &str| line.starts_with("12:00 bob");
                assert!(!one.lines().any(is_forged), "{one}");
            }
        }
    }

    #[test]
    fn presence_is_news_only_when_it_changes() {
        let (mut state, ann) = (LocalState::new(UserId::new()), UserId::new());
        assert!(!state.put_presence(ann, false));
        assert!(state.put_presence(ann, true));
        assert!(!state.put_presence(ann, true));
        assert!(state.put_presence(ann, false));
    }

    #[test]
    fn only_the_first_line_is_shown_and_not_all_of_it() {
        assert_eq!(first_line("one\ntwo"), "one");
        assert_eq!(first_line(""), "");
        assert_eq!(first_line(&"x".repeat(100)).len(), 60);
    }

    #[test]
    fn a_user_is_unknown_until_a_name_came() {
        let (me, ann) = (UserId::new(), UserId::new());
        let state = LocalState::new(me);
        assert_eq!(state.unknown([me, ann, ann]), [ann]);
        assert_eq!(state.person(me), "you");
        assert_eq!(state.person(ann), "an unknown user");
        assert_eq!(state.chat_list(), "  no chats yet; /open NAME starts one");
    }
}
