//! Creating chats, and showing one.

use std::cmp::Reverse;

use hot::{ChatChange, ChatDeletion, ChatRows, HotView, Listed, Own, Telling};
use model::{
    Chat, ChatId, ChatKind, ChatView, Draft, Member, MemberView, Message, MessageKind, OtherMarks, Own as OwnView, OwnChat, Profile, Role,
    System, SystemEvent, Tick, UserId,
};

use crate::{Error, Result, Store, again::again, hydrate::Outcome, message::read_record};

impl Store {
    /// The direct chat of two people, and whether it is new: it is the same one whoever opens it, and whenever.
    pub async fn open_direct(&self, me: UserId, peer: UserId) -> Result<(ChatId, bool)> {
        let id = ChatId::direct(me, peer);
        // Who is blocked opens nothing; what there is already, they may go on reading.
        if self.blocked_since(peer, me).await?.is_some() && self.hot.members(id).await?.is_empty() && !self.hydrate_chat(id).await? {
            return Err(Error::NotAccepted);
        }
        let new = self.create(id, ChatKind::Direct, "", me, &[(me, Role::Member), (peer, Role::Member)]).await?;
        // A block of one that came while there was no chat to tell it to.
        for (user, other) in [(me, peer), (peer, me)].into_iter().filter(|_| new) {
            if let Some(since) = self.blocked_since(user, other).await? {
                self.tell_block(user, other, since, true).await?;
            }
        }
        Ok((id, new))
    }

    /// A new group; its creator owns it. The same `id` again is the same group.
    pub async fn create_group(&self, id: ChatId, me: UserId, name: &str, others: &[UserId]) -> Result<bool> {
        let others = others.iter().filter(|user| **user != me).map(|user| (*user, Role::Member));
        let members: Vec<_> = std::iter::once((me, Role::Owner)).chain(others).collect();
        self.create(id, ChatKind::Group, name, me, &members).await
    }

    async fn create(&self, id: ChatId, kind: ChatKind, name: &str, creator: UserId, members: &[(UserId, Role)]) -> Result<bool> {
        self.check_room()?;
        let rows = |tick: Tick| ChatRows {
            chat: Chat {
                id,
                kind,
                name: name.to_owned(),
                description: String::new(),
                avatar: String::new(),
                blocks: String::new(),
                deleted: Tick::NEVER,
                creator,
                created: tick,
                last: tick,
                seq: 0,
                texts: 0,
                rev: tick,
            },
            members: members.iter().map(|(user, role)| (*user, Member::joining(*role, tick, 0))).collect(),
            messages: Vec::new(),
            sent: Vec::new(),
            new: true,
        };
        let new = self.load_chat(id, |tick| Some(rows(tick))).await? == Outcome::Created;
        // Whatever of this a crash leaves undone, the flusher does when it saves the memberships.
        for some in members.chunks(16) {
            futures_util::future::try_join_all(some.iter().map(|(user, _)| self.enlist_as_is(id, *user))).await?;
        }
        if new && let Some((roster, _)) = self.hot.roster(id).await? {
            self.teller.members(id, Telling { prev: Tick(roster.0 - 1), roster }, roster, "");
        }
        Ok(new)
    }

    /// Puts a chat into a member's list as the chat's own rows have it.
    async fn enlist_as_is(&self, chat: ChatId, user: UserId) -> Result<()> {
        match self.hot.members(chat).await?.get(&user) {
            Some(member) => self.enlist(user, Listed { chat, rev: member.rev, left: member.left }).await,
            None => Ok(()), // evicted meanwhile, so SQL has it
        }
    }

    pub(crate) async fn enlist(&self, user: UserId, listed: Listed) -> Result<()> {
        while again(|| self.hot.enlist(user, listed)).await?.is_err() {
            if !self.hydrate_user(user).await? {
                return Err(Error::NoUser);
            }
        }
        Ok(())
    }

    /// A chat as one of its members sees it.
    ///
    /// # Errors
    /// [`Error::NoChat`] when there is none, or it is not theirs.
    pub async fn view(&self, own: Own) -> Result<ChatView> {
        let kept = self.own_chat(own).await?;
        self.view_as(own, &kept).await
    }

    /// A chat as a member sees it who keeps it so.
    pub(crate) async fn view_as(&self, own: Own, kept: &OwnChat) -> Result<ChatView> {
        let view = self.view_row(own).await?;
        let peer = match view.chat.kind {
            ChatKind::Direct => view.members.keys().find(|user| **user != own.user),
            ChatKind::Group => None,
        };
        let peer = match peer {
            Some(peer) => self.user(*peer).await?.map(Profile::from),
            None => None,
        };
        let mut last_message = view.last_message.as_deref().map(read_record).transpose()?.map(|stored| stored.message);
        if last_message.as_ref().is_some_and(|message| !kept.shows(message.id)) {
            last_message = self.newest_shown(own).await?;
        }
        let mine = view.members.get(&own.user).ok_or(Error::NoChat)?;
        // What was deleted for oneself is not unread; one's own texts never were.
        let unread_hidden = kept.unread_hidden(mine.read);
        let others = || view.members.iter().filter(|(user, member)| **user != own.user && member.is_in());
        Ok(ChatView {
            id: own.chat,
            kind: view.chat.kind,
            name: (view.chat.kind == ChatKind::Group).then(|| view.chat.name.clone()),
            description: (!view.chat.description.is_empty()).then(|| view.chat.description.clone()),
            avatar_url: view.chat.avatar_url(),
            clock: view.clock,
            saved: view.saved,
            last_message,
            unread_count: (view.chat.texts - mine.counted - unread_hidden).max(0),
            unread_mentions: mine.mentions.iter().filter(|id| kept.shows(**id)).count() as i64,
            peer,
            members: oldest_members(&view).take(5).collect(),
            member_count: view.members.values().filter(|member| member.is_in()).count() as i64,
            my: OwnView { role: mine.role, read: mine.read, delivered: mine.delivered },
            others: OtherMarks {
                read_min: others().map(|(_, member)| member.read).min().unwrap_or_default(),
                delivered_min: others().map(|(_, member)| member.delivered).min().unwrap_or_default(),
            },
            preferences: kept.preferences(mine.read),
            created_at: view.chat.created.rfc3339(),
        })
    }

    /// The newest message that one has not deleted for oneself.
    async fn newest_shown(&self, own: Own) -> Result<Option<Message>> {
        let mut before = Tick::NEVER;
        loop {
            let page = self.page(own, before, Tick::NEVER, 50).await?;
            match (page.items.last(), page.prev) {
                (Some(json), _) => return Ok(Some(read_record(json)?.message)),
                (None, Some(prev)) => before = prev,
                (None, None) => return Ok(None),
            }
        }
    }

    /// Changes a group's name, description or picture; what is `None` stays.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`], [`Error::DirectChat`]
    pub async fn change_chat(&self, own: Own, name: Option<&str>, description: Option<&str>, avatar: Option<&str>) -> Result<()> {
        loop {
            let old = self.view_row(own).await?.chat;
            let mut new = old.clone();
            name.unwrap_or(&old.name).clone_into(&mut new.name);
            description.unwrap_or(&old.description).clone_into(&mut new.description);
            avatar.unwrap_or(&old.avatar).clone_into(&mut new.avatar);
            let event =
                System { old: Some(old.name.clone()), new: Some(new.name.clone()), ..System::new(SystemEvent::ChatRenamed, own.user) };
            let notice = Draft { system: Some(&event), ..Draft::new(own.chat, own.user, MessageKind::System, "") };
            let notice = (new.name != old.name).then_some(&notice);
            match again(|| self.hot.change_chat(own, &old, &new, notice)).await? {
                Ok(ChatChange::Done(clock, telling)) => {
                    self.teller.members(own.chat, telling, clock, "");
                    return Ok(());
                }
                Ok(ChatChange::Same) => return Ok(()),
                Ok(ChatChange::Stale) => {}
                Ok(ChatChange::Role) => return Err(Error::RoleTooLow),
                Ok(ChatChange::Direct) => return Err(Error::DirectChat),
                Err(refusal) => self.resolve(own.chat, refusal).await?,
            }
        }
    }

    /// Deletes a group for everyone, for its owner; a direct chat is hidden from one's own list until it has a newer message.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`]
    pub async fn delete_chat(&self, own: Own) -> Result<()> {
        let members = self.view_row(own).await?.members;
        loop {
            match again(|| self.hot.delete_chat(own)).await? {
                Ok(ChatDeletion::Direct) => return self.put_out_of_sight(own).await,
                Ok(ChatDeletion::Role) => return Err(Error::RoleTooLow),
                Ok(ChatDeletion::Done) => break,
                Err(refusal) => self.resolve(own.chat, refusal).await?,
            }
        }
        // Whatever of this a crash leaves undone, the flusher does when it saves the memberships.
        for some in members.keys().collect::<Vec<_>>().chunks(16) {
            futures_util::future::try_join_all(some.iter().map(|user| self.enlist_as_is(own.chat, **user))).await?;
        }
        self.tell_removed(own.chat, members.into_iter().filter(|(_, member)| member.is_in()).map(|(user, _)| user).collect());
        Ok(())
    }

    /// May this member change the group?
    ///
    /// # Errors
    /// [`Error::RoleTooLow`], [`Error::DirectChat`]
    pub async fn may_manage(&self, own: Own) -> Result<()> {
        let view = self.view_row(own).await?;
        match view.members.get(&own.user) {
            _ if view.chat.kind == ChatKind::Direct => Err(Error::DirectChat),
            Some(member) if member.role.manages() => Ok(()),
            _ => Err(Error::RoleTooLow),
        }
    }

    /// The name of a chat's picture, for its members; empty when it has none.
    pub async fn chat_avatar(&self, own: Own) -> Result<String> {
        Ok(self.view_row(own).await?.chat.avatar)
    }

    /// All who are in a chat, by the time they joined.
    pub async fn members(&self, own: Own) -> Result<Vec<MemberView>> {
        Ok(oldest_members(&self.view_row(own).await?).collect())
    }

    pub(crate) async fn view_row(&self, own: Own) -> Result<HotView> {
        loop {
            match again(|| self.hot.view(own)).await? {
                Ok(view) => return Ok(view),
                Err(refusal) => self.resolve(own.chat, refusal).await?,
            }
        }
    }

    /// A user's chats with the tick of their newest activity, newest first.
    pub(crate) async fn newest_chats(&self, user: UserId) -> Result<Vec<(Tick, ChatId)>> {
        let listed = loop {
            let listed = self.hot.chats_of(user).await?;
            if !listed.is_empty() || matches!(self.hot.user(user).await?, hot::UserRecord::Known(_)) {
                break listed;
            }
            if !self.hydrate_user(user).await? {
                return Err(Error::NoUser);
            }
        };
        let chats: Vec<ChatId> = listed.iter().filter(|listed| !listed.left.happened()).map(|listed| listed.chat).collect();
        let hot = self.hot.last_activity(&chats).await?;
        let cold: Vec<ChatId> = chats.iter().zip(&hot).filter(|(_, last)| last.is_none()).map(|(chat, _)| *chat).collect();
        let cold = if cold.is_empty() { Default::default() } else { self.cold.last_activity(&cold).await? };
        let last = |(chat, hot): (&ChatId, Option<Tick>)| (hot.or_else(|| cold.get(chat).copied()).unwrap_or_default(), *chat);
        let mut newest: Vec<_> = chats.iter().zip(hot).map(last).collect();
        newest.sort_by_key(|entry| Reverse(*entry));
        Ok(newest)
    }
}

fn oldest_members(view: &HotView) -> impl Iterator<Item = MemberView> + use<> {
    let mut members: Vec<_> = view.members.iter().filter(|(_, member)| member.is_in()).collect();
    members.sort_by_key(|(user, member)| (member.joined, **user));
    let views: Vec<_> = members.into_iter().map(|(user, member)| MemberView::new(*user, member)).collect();
    views.into_iter()
}
