//! Everything that changed since, as far back as history goes.

use std::collections::{BTreeSet, HashMap};

use futures_util::future::{try_join, try_join3};
use hot::{HotChanges, Own, UserRecord};
use model::{
    About, ChatCreated, ChatId, ChatRemoved, ChatUpdated, ChatView, MeUpdated, MemberUpdated, MemberView, MessageCreated, MessageRemoved,
    MessageUpdated, OwnChat, ServerEvent, Stored, Tick, UserId, UserUpdated,
};

use crate::{Error, Result, Store, again::again, directory::FRESH, message::read_record};

/// About how many changes one answer has.
const CHANGES: usize = 500;
/// A change may be under way for so long after its tick was taken; and the clocks of Redis' nodes may differ.
const MARGIN: std::time::Duration = std::time::Duration::from_secs(60);

/// How far somebody has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// All changes up to here.
    pub since: Tick,
    /// In the middle of telling: where the next round begins, and from which chat and which rev on this one goes on.
    pub within: Option<Within>,
}

/// A place in the middle of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Within {
    /// When the round began.
    pub began: Tick,
    /// The chat that comes next.
    pub chat: ChatId,
    /// Its changes up to here were told.
    pub rev: Tick,
}

/// What changed.
#[derive(Clone, Debug)]
pub struct Changes {
    /// By chat, and in each by the tick of the change.
    pub changes: Vec<ServerEvent>,
    /// The clock of each chat that is told to its end.
    pub clocks: HashMap<ChatId, Tick>,
    /// Where to go on.
    pub cursor: Cursor,
    /// There is more already.
    pub more: bool,
}

impl Store {
    /// The present cursor.
    pub async fn sync_now(&self) -> Result<Cursor> {
        Ok(Cursor { since: again(|| self.hot.now()).await?.earlier(MARGIN), within: None })
    }

    /// What a user has to be told since this cursor, of all their chats or of one.
    pub async fn sync(&self, user: UserId, cursor: Cursor, only: Option<ChatId>) -> Result<Changes> {
        // Before anything else: what changes from now on has a later tick.
        let began = match cursor.within {
            Some(within) => within.began,
            None => self.sync_now().await?.since.max(cursor.since),
        };
        let since = cursor.since;
        let (listed, mine, account) = try_join3(self.listed(user), self.all_mine(user), self.user(user)).await?;
        let mut changes = Vec::new();
        let first_page = cursor.within.is_none();
        if first_page && only.is_none() {
            let account = account.filter(|account| account.rev > since);
            changes.extend(account.map(|account| ServerEvent::MeUpdated(MeUpdated { account: account.into() })));
        }
        if first_page && only.is_none() {
            changes.extend(self.changed_companions(user, since, &listed).await?);
        }
        let (mut chats, mut touched) = (Vec::new(), BTreeSet::new());
        for listed in listed.into_iter().filter(|listed| only.is_none_or(|only| only == listed.chat)) {
            if !listed.left.happened() {
                chats.push(listed.chat);
            } else if first_page && listed.left > since {
                changes.push(ServerEvent::ChatRemoved(ChatRemoved { chat_id: listed.chat }));
            }
        }
        let mut kept = HashMap::new();
        for row in mine {
            if let About::Chat(chat) = row.about {
                if row.rev > since && chats.contains(&chat) {
                    touched.insert(chat);
                }
                kept.insert(chat, (row.rev, OwnChat::read(&row.value).unwrap_or_default()));
            }
        }
        touched.extend(self.touched(&chats, since).await?);
        if let Some(within) = cursor.within {
            touched.retain(|chat| *chat >= within.chat);
        }

        let mut clocks = HashMap::new();
        let mut todo = touched.into_iter().peekable();
        while let Some(chat) = todo.next() {
            let own = Own { chat, user };
            let from = cursor.within.filter(|within| within.chat == chat).map_or(since, |within| within.rev);
            let (own_rev, kept) = kept.remove(&chat).unwrap_or_default();
            let told = match self.chat_changes(own, since, from, &kept, own_rev > since, CHANGES.saturating_sub(changes.len())).await {
                Err(Error::NoChat) => continue, // left while we looked: the next round tells
                told => told?,
            };
            changes.extend(told.changes);
            if let Some(rev) = told.stopped_at {
                return Ok(Changes { changes, clocks, cursor: Cursor { since, within: Some(Within { began, chat, rev }) }, more: true });
            }
            clocks.insert(chat, told.clock);
            if let (true, Some(next)) = (changes.len() >= CHANGES, todo.peek()) {
                let within = Within { began, chat: *next, rev: since };
                return Ok(Changes { changes, clocks, cursor: Cursor { since, within: Some(within) }, more: true });
            }
        }
        Ok(Changes { changes, clocks, cursor: Cursor { since: began, within: None }, more: false })
    }

    /// What changed of what is a user's alone since a tick: their account, and chats that they keep otherwise.
    pub async fn sync_own(&self, user: UserId, since: Tick) -> Result<Vec<ServerEvent>> {
        let (listed, mine, account) = try_join3(self.listed(user), self.all_mine(user), self.user(user)).await?;
        let account = account.filter(|account| account.rev > since);
        let mut changes: Vec<_> =
            account.map(|account| ServerEvent::MeUpdated(MeUpdated { account: account.into() })).into_iter().collect();
        for row in mine.into_iter().filter(|row| row.rev > since) {
            let About::Chat(chat_id) = row.about else { continue };
            if !listed.iter().any(|listed| listed.chat == chat_id && !listed.left.happened()) {
                continue;
            }
            let kept = OwnChat::read(&row.value).unwrap_or_default();
            changes.extend(removed(chat_id, &kept));
            let own = Own { chat: chat_id, user };
            match try_join(self.view_as(own, &kept), self.view_row(own)).await {
                Ok((chat, row)) => changes.push(seen(chat, kept.is_listed(row.chat.last), false)),
                Err(Error::NoChat) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(changes)
    }

    /// The profiles that changed of people with whom a user shares a chat: of those who are not saved yet, and of those who are.
    async fn changed_companions(&self, user: UserId, since: Tick, listed: &[hot::Listed]) -> Result<Vec<ServerEvent>> {
        let mine: BTreeSet<ChatId> = listed.iter().filter(|listed| !listed.left.happened()).map(|listed| listed.chat).collect();
        let fresh = again(|| self.hot.fresh(FRESH)).await?;
        let mut found = HashMap::new();
        for record in again(|| self.hot.users(&fresh)).await? {
            let UserRecord::Known(other) = record else { continue };
            if other.rev > since && other.id != user && !other.erased.happened() {
                let theirs = again(|| self.hot.chats_of(other.id)).await?;
                if theirs.iter().any(|listed| !listed.left.happened() && mine.contains(&listed.chat)) {
                    found.insert(other.id, *other);
                }
            }
        }
        for other in self.cold.changed_companions(user, since, FRESH as u64).await? {
            found.entry(other.id).or_insert(other);
        }
        Ok(found.into_values().map(|user| ServerEvent::UserUpdated(UserUpdated { user: user.into() })).collect())
    }

    async fn listed(&self, user: UserId) -> Result<Vec<hot::Listed>> {
        self.all_mine(user).await?; // makes them resident
        Ok(again(|| self.hot.chats_of(user)).await?)
    }

    /// Which of these chats have changed since; hot first, so that what is saved between the two reads is in one of them.
    async fn touched(&self, chats: &[ChatId], since: Tick) -> Result<Vec<ChatId>> {
        let clocks = again(|| self.hot.clocks(chats)).await?;
        let cold: Vec<ChatId> = chats.iter().zip(&clocks).filter(|(_, clock)| clock.is_none()).map(|(chat, _)| *chat).collect();
        let mut touched: Vec<ChatId> =
            chats.iter().zip(&clocks).filter(|(_, clock)| clock.is_some_and(|clock| clock > since)).map(|(chat, _)| *chat).collect();
        if !cold.is_empty() {
            touched.extend(self.cold.changed_since(&cold, since).await?);
        }
        Ok(touched)
    }

    /// The changes of one chat with a rev above `from`, oldest first, about `room` of them; members with those above `since`, once.
    async fn chat_changes(
        &self,
        own: Own,
        since: Tick,
        from: Tick,
        kept: &OwnChat,
        kept_changed: bool,
        room: usize,
    ) -> Result<ChatChanges> {
        let chat_id = own.chat;
        let hot = loop {
            match again(|| self.hot.changes(own, from)).await? {
                Ok(hot) => break hot,
                Err(refusal) => self.resolve(chat_id, refusal).await?,
            }
        };
        let (messages, stopped_at) = self.changed_messages(own, &hot, from, room.max(1)).await?;
        let mut changes = Vec::new();
        if from == since {
            for (user_id, member) in hot.members {
                let clock = member.rev;
                let member = member.is_in().then(|| MemberView::new(user_id, &member));
                changes.push(ServerEvent::MemberUpdated(MemberUpdated { chat_id, clock, prev: None, user_id, member }));
            }
            if kept_changed {
                changes.extend(removed(chat_id, kept));
            }
        }
        for message in messages.into_iter().map(|stored| stored.message).filter(|message| kept.shows(message.id)) {
            let clock = message.rev;
            changes.push(match message.id > since {
                true => ServerEvent::MessageCreated(MessageCreated { chat_id, clock, prev: None, message }),
                false => ServerEvent::MessageUpdated(MessageUpdated { chat_id, clock, prev: None, message }),
            });
        }
        if stopped_at.is_none() {
            let (chat, view) = try_join(self.view_as(own, kept), self.view_row(own)).await?;
            let is_new = view.members.get(&own.user).is_some_and(|member| member.joined > since);
            changes.push(seen(chat, kept.is_listed(view.chat.last), is_new));
        }
        Ok(ChatChanges { changes, clock: hot.clock, stopped_at })
    }

    /// Messages with a rev above `from`, by rev, about `room`; and the rev of the last one if there are more.
    async fn changed_messages(&self, own: Own, hot: &HotChanges, from: Tick, room: usize) -> Result<(Vec<Stored>, Option<Tick>)> {
        let mut found: HashMap<Tick, Stored> = HashMap::new();
        let mut end = None;
        if !hot.complete {
            let cold = self.cold.messages_changed(own.chat, from, room as u64 + 1).await?;
            if cold.len() > room {
                end = cold.get(room - 1).map(|stored| stored.message.rev);
            }
            found.extend(cold.into_iter().take(room).map(|stored| (stored.message.id, stored)));
        }
        for record in &hot.messages {
            let stored = read_record(record)?;
            found.insert(stored.message.id, stored); // newer than what SQL says, or the same
        }
        let mut messages: Vec<Stored> = found.into_values().collect();
        messages.sort_by_key(|stored| stored.message.rev);
        if let Some(end) = end {
            messages.retain(|stored| stored.message.rev <= end);
        }
        if messages.len() > room {
            messages.truncate(room);
            end = messages.last().map(|stored| stored.message.rev);
        }
        Ok((messages, end))
    }
}

/// A chat as it is in its user's list; or that it is not there, since they hid it.
fn seen(chat: ChatView, is_listed: bool, is_new: bool) -> ServerEvent {
    let (chat_id, clock) = (chat.id, chat.clock);
    match (is_listed, is_new) {
        (false, _) => ServerEvent::ChatRemoved(ChatRemoved { chat_id }),
        (true, true) => ServerEvent::ChatCreated(ChatCreated { chat_id, clock, chat }),
        (true, false) => ServerEvent::ChatUpdated(ChatUpdated { chat_id, clock, chat }),
    }
}

/// What somebody deleted for themselves in a chat, if there is any.
fn removed(chat_id: ChatId, kept: &OwnChat) -> Option<ServerEvent> {
    let up_to = kept.cleared.happened().then_some(kept.cleared);
    let any = up_to.is_some() || !kept.hidden.is_empty();
    any.then(|| ServerEvent::MessageRemoved(MessageRemoved { chat_id, message_ids: kept.hidden.clone(), up_to }))
}

struct ChatChanges {
    changes: Vec<ServerEvent>,
    clock: Tick,
    /// There are more after this rev.
    stopped_at: Option<Tick>,
}
