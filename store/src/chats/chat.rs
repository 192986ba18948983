//! Creates, shows, changes and deletes chats.

use futures_util::FutureExt;
use hot::{
    ChangeNotice, ChatChange, ChatDeletion, ChatRows, CommitMark, HotView, ListedChat, Membership,
};
use model::{
    Blocks, COUNTED_MENTIONS, Chat, ChatId, ChatKind, ChatSettings, ChatView, Draft, Invites,
    Member, MemberView, MentionsOfAll, Message, MessageKind, MyMarks, OtherMarks, Pins, Profile,
    Role, System, SystemEvent, Tick, UserId,
};

use crate::{
    Error, Result, Store,
    chats::{quote::previews_of, read_record},
    residency::{HydrationOutcome, retry},
};

/// The number of members whose lists a chat is written into at once.
const ENLISTED_AT_ONCE: usize = 16;

impl Store {
    /// Opens the direct chat of two people, and returns true when it is new. Its id follows from
    /// the two users, so that both find the same chat.
    ///
    /// # Errors
    /// [`Error::NotAccepted`] when the peer blocks the user and there is no chat yet;
    /// [`Error::NoRoom`]; [`Error::NoUser`].
    pub async fn open_direct(&self, me: UserId, peer: UserId) -> Result<(ChatId, bool)> {
        let id = ChatId::direct(me, peer);
        // A blocked user opens no chat, and may go on to read an existing one.
        if self.blocked_since(peer, me).await?.is_some()
            && self.hot.members(id).await?.is_empty()
            && !self.hydrate_chat(id).await?
        {
            return Err(Error::NotAccepted);
        }
        let open = |before| {
            let open = async move {
                let members = [(me, Role::Member), (peer, Role::Member)];
                let made = self.create(id, ChatKind::Direct, "", me, &members);
                let new = made.await? || before == Some(true);
                // A block may have come while there was no chat to propagate it to.
                for (user, other) in [(me, peer), (peer, me)].into_iter().filter(|_| new) {
                    if let Some(since) = self.blocked_since(user, other).await? {
                        self.propagate_block(user, other, since, true).await?;
                    }
                }
                Ok(new)
            };
            open.boxed()
        };
        Ok((id, self.in_one_life(open).await?))
    }

    /// Creates a group that the user owns; false when the group with this `id` exists already.
    ///
    /// # Errors
    /// [`Error::NoRoom`]; [`Error::NoUser`] when a member does not exist; [`Error::NotAccepted`]
    /// when one blocks the user. Whoever does so meanwhile is taken out again.
    pub async fn create_group(
        &self,
        id: ChatId,
        me: UserId,
        name: &str,
        others: &[UserId],
    ) -> Result<bool> {
        self.check_accept(others, me).await?;
        let rows = others
            .iter()
            .filter(|user| **user != me)
            .map(|user| (*user, Role::Member));
        let members: Vec<_> = std::iter::once((me, Role::Owner)).chain(rows).collect();
        let new = self.create(id, ChatKind::Group, name, me, &members).await?;
        // A block may have come between the question and the group.
        if new {
            for user in self.who_blocks(others, me).await? {
                self.take_out(id, user).await?;
            }
        }
        Ok(new)
    }

    async fn create(
        &self,
        id: ChatId,
        kind: ChatKind,
        name: &str,
        creator: UserId,
        members: &[(UserId, Role)],
    ) -> Result<bool> {
        self.back_pressure.check_room()?;
        let create = |before| {
            let new = self.create_once(id, kind, name, creator, members);
            async move { Ok(new.await? || before == Some(true)) }.boxed()
        };
        self.in_one_life(create).await
    }

    async fn create_once(
        &self,
        id: ChatId,
        kind: ChatKind,
        name: &str,
        creator: UserId,
        members: &[(UserId, Role)],
    ) -> Result<bool> {
        let rows = |tick: Tick| ChatRows {
            chat: Chat {
                id,
                kind,
                name: name.to_owned(),
                description: String::new(),
                avatar: String::new(),
                blocks: Blocks::default(),
                deleted: Tick::NEVER,
                mentions_all: MentionsOfAll::default(),
                pins: Pins::default(),
                invites: Invites::default(),
                creator,
                created: tick,
                last: tick,
                seq: 0,
                texts: 0,
                rev: tick,
            },
            members: members
                .iter()
                .map(|(user, role)| (*user, Member::joining(*role, tick, 0)))
                .collect(),
            gone: Tick::NEVER,
            messages: Vec::new(),
            sent: Vec::new(),
            new: true,
        };
        let new = self.load_chat(id, |tick| Some(rows(tick))).await? == HydrationOutcome::Created;
        // The flusher finishes what a crash leaves undone when it saves the memberships.
        let users: Vec<UserId> = members.iter().map(|(user, _)| *user).collect();
        self.enlist_as_is(id, &users).await?;
        if new && let Some((roster, _)) = self.hot.roster(id).await? {
            self.notifier.members(
                id,
                ChangeNotice {
                    prev: Tick(roster.0 - 1),
                    roster_version: roster,
                },
                roster,
                "",
            );
        }
        Ok(new)
    }

    /// Writes a chat into these members' lists as the chat's own rows have it. They are read once:
    /// of two changes of a list the later one wins.
    async fn enlist_as_is(&self, chat: ChatId, users: &[UserId]) -> Result<()> {
        // It is empty if the chat was evicted meanwhile, so SQL has it.
        let members = retry(|| self.hot.members(chat)).await?;
        for some in users.chunks(ENLISTED_AT_ONCE) {
            let listed = some.iter().filter_map(|user| {
                let &Member { rev, left, .. } = members.get(user)?;
                Some(self.enlist(*user, ListedChat { chat, rev, left }))
            });
            futures_util::future::try_join_all(listed).await?;
        }
        Ok(())
    }

    /// Writes a chat into a user's list; hydrates the user first where that is needed.
    pub(crate) async fn enlist(&self, user: UserId, listed: ListedChat) -> Result<()> {
        while retry(|| self.hot.enlist(user, listed, CommitMark::default()))
            .await?
            .is_err()
        {
            if !self.hydrate_user(user).await? {
                return Err(Error::NoUser);
            }
        }
        Ok(())
    }

    /// Returns a chat as one of its members sees it.
    ///
    /// # Errors
    /// [`Error::NoChat`] when the user is not a member.
    pub async fn view(&self, membership: Membership) -> Result<ChatView> {
        let settings = self.chat_settings(membership).await?;
        self.view_as(membership, &settings).await
    }

    /// Returns a chat as a member with these settings sees it.
    pub(crate) async fn view_as(
        &self,
        membership: Membership,
        settings: &ChatSettings,
    ) -> Result<ChatView> {
        let view = self.view_row(membership).await?;
        let peer = match view.chat.kind {
            ChatKind::Direct => view.members.keys().find(|user| **user != membership.user),
            ChatKind::Group => None,
        };
        let peer = match peer {
            Some(peer) => self.user(*peer).await?.map(Profile::from),
            None => None,
        };
        let mut last_message = view
            .last_message
            .as_deref()
            .map(read_record)
            .transpose()?
            .map(|stored| stored.message);
        if last_message
            .as_ref()
            .is_some_and(|message| !settings.shows(message.id))
        {
            last_message = self.newest_shown(membership).await?;
        } else {
            self.quote_all(last_message.iter_mut(), |wanted| {
                previews_of(membership.chat, view.answered.iter(), wanted)
            })
            .await;
        }
        let mine = view.members.get(&membership.user).ok_or(Error::NoChat)?;
        let unread = view.chat.texts - mine.counted;
        let unread_count = self
            .unread_shown(membership, unread, settings, mine.read)
            .await?;
        let others = || {
            view.members
                .iter()
                .filter(|(user, member)| **user != membership.user && member.is_in())
        };
        Ok(ChatView {
            id: membership.chat,
            kind: view.chat.kind,
            name: (view.chat.kind == ChatKind::Group).then(|| view.chat.name.clone()),
            description: (!view.chat.description.is_empty()).then(|| view.chat.description.clone()),
            avatar_url: view.chat.avatar_url(),
            clock: view.clock,
            saved: view.saved,
            last_message,
            pinned_ids: view
                .chat
                .pins
                .iter()
                .filter(|id| settings.shows(*id))
                .collect(),
            unread_count,
            unread_mentions: view
                .chat
                .mentions_all
                .unread(mine)
                .into_iter()
                .filter(|id| settings.shows(*id))
                .take(COUNTED_MENTIONS)
                .count() as i64,
            peer,
            members: oldest_members(&view).take(5).collect(),
            member_count: view
                .members
                .values()
                .filter(|member| member.is_in())
                .count() as i64,
            my: MyMarks {
                role: mine.role,
                read: mine.read,
                delivered: mine.delivered,
            },
            others: OtherMarks {
                read_min: others()
                    .map(|(_, member)| member.read)
                    .min()
                    .unwrap_or_default(),
                delivered_min: others()
                    .map(|(_, member)| member.delivered)
                    .min()
                    .unwrap_or_default(),
            },
            preferences: settings.preferences(mine.read),
            created_at: view.chat.created.rfc3339(),
        })
    }

    /// Returns the newest message that the user has not deleted for themselves.
    async fn newest_shown(&self, membership: Membership) -> Result<Option<Message>> {
        let mut before = Tick::NEVER;
        loop {
            let page = self.page(membership, before, Tick::NEVER, 50).await?;
            match (page.items.last(), page.prev) {
                (Some(json), _) => return Ok(Some(read_record(json)?.message)),
                (None, Some(prev)) => before = prev,
                (None, None) => return Ok(None),
            }
        }
    }

    /// Changes a group's name, description or picture; a value of `None` stays.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`]; [`Error::DirectChat`]; [`Error::NoChat`] when the user is not a
    /// member.
    pub async fn change_chat(
        &self,
        membership: Membership,
        name: Option<&str>,
        description: Option<&str>,
        avatar: Option<&str>,
    ) -> Result<()> {
        loop {
            let old = self.view_row(membership).await?.chat;
            let mut new = old.clone();
            name.unwrap_or(&old.name).clone_into(&mut new.name);
            description
                .unwrap_or(&old.description)
                .clone_into(&mut new.description);
            avatar.unwrap_or(&old.avatar).clone_into(&mut new.avatar);
            let event = System {
                old: Some(old.name.clone()),
                new: Some(new.name.clone()),
                ..System::new(SystemEvent::ChatRenamed, membership.user)
            };
            let notice = Draft {
                system: Some(&event),
                ..Draft::new(membership.chat, membership.user, MessageKind::System, "")
            };
            let notice = (new.name != old.name).then_some(&notice);
            match retry(|| self.hot.change_chat(membership, &old, &new, notice)).await? {
                Ok(ChatChange::Done(clock, change)) => {
                    self.notifier.members(membership.chat, change, clock, "");
                    return Ok(());
                }
                Ok(ChatChange::Same) => return Ok(()),
                Ok(ChatChange::Stale) => {}
                Ok(ChatChange::Role) => return Err(Error::RoleTooLow),
                Ok(ChatChange::Direct) => return Err(Error::DirectChat),
                Err(refusal) => self.resolve(membership.chat, refusal).await?,
            }
        }
    }

    /// Deletes a group for everyone, when its owner asks. A direct chat is hidden from the user's
    /// own list until it has a newer message.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`] for all but the owner; [`Error::NoChat`] when the user is not a
    /// member.
    pub async fn delete_chat(&self, membership: Membership) -> Result<()> {
        let delete = |before: Option<()>| {
            async move {
                match self.delete_once(membership).await {
                    // The chat has not forgotten it; for the lists there is the flusher.
                    Err(Error::NoChat) if before.is_some() => Ok(()),
                    done => done,
                }
            }
            .boxed()
        };
        self.in_one_life(delete).await
    }

    async fn delete_once(&self, membership: Membership) -> Result<()> {
        let members = self.view_row(membership).await?.members;
        loop {
            match retry(|| self.hot.delete_chat(membership)).await? {
                Ok(ChatDeletion::Direct) => return self.hide_chat(membership).await,
                Ok(ChatDeletion::Role) => return Err(Error::RoleTooLow),
                Ok(ChatDeletion::Done) => break,
                Err(refusal) => self.resolve(membership.chat, refusal).await?,
            }
        }
        // The flusher finishes what a crash leaves undone when it saves the memberships.
        let users: Vec<UserId> = members.keys().copied().collect();
        self.enlist_as_is(membership.chat, &users).await?;
        self.notifier.removed(
            membership.chat,
            members
                .into_iter()
                .filter(|(_, member)| member.is_in())
                .map(|(user, _)| user)
                .collect(),
        );
        Ok(())
    }

    /// Checks that a member may change the group.
    ///
    /// # Errors
    /// [`Error::RoleTooLow`]; [`Error::DirectChat`]; [`Error::NoChat`] when the user is not a
    /// member.
    pub async fn may_manage(&self, membership: Membership) -> Result<()> {
        let view = self.view_row(membership).await?;
        match view.members.get(&membership.user) {
            _ if view.chat.kind == ChatKind::Direct => Err(Error::DirectChat),
            Some(member) if member.role.manages() => Ok(()),
            _ => Err(Error::RoleTooLow),
        }
    }

    /// Returns the name of a chat's picture; empty when it has none.
    ///
    /// # Errors
    /// [`Error::NoChat`] when the user is not a member.
    pub async fn chat_avatar(&self, membership: Membership) -> Result<String> {
        Ok(self.view_row(membership).await?.chat.avatar)
    }

    /// Returns the members of a chat in the order in which they joined.
    ///
    /// # Errors
    /// [`Error::NoChat`] when the user is not a member.
    pub async fn members(&self, membership: Membership) -> Result<Vec<MemberView>> {
        Ok(oldest_members(&self.view_row(membership).await?).collect())
    }

    /// Returns a chat's rows; hydrates the chat first where that is needed.
    pub(crate) async fn view_row(&self, membership: Membership) -> Result<HotView> {
        loop {
            match retry(|| self.hot.view(membership)).await? {
                Ok(view) => return Ok(view),
                Err(refusal) => self.resolve(membership.chat, refusal).await?,
            }
        }
    }
}

fn oldest_members(view: &HotView) -> impl Iterator<Item = MemberView> + use<> {
    let mut members: Vec<_> = view
        .members
        .iter()
        .filter(|(_, member)| member.is_in())
        .collect();
    members.sort_by_key(|(user, member)| (member.joined, **user));
    let views: Vec<_> = members
        .into_iter()
        .map(|(user, member)| MemberView::new(*user, member))
        .collect();
    views.into_iter()
}
