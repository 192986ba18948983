//! The changes since a cursor, as far back as history goes.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use cold::ChatTicks;
use futures_util::future::try_join;
use hot::{ANSWER_BYTES, HotChanges, HotView, ListedChat, Membership, OrderedChat, UserRecord};
use model::{
    ChatCreated, ChatId, ChatKind, ChatRemoved, ChatSettings, ChatUpdated, ChatView, MeUpdated,
    MemberUpdated, MemberView, Message, MessageCreated, MessageRemoved, MessageUpdated,
    ServerEvent, StoredMessage, Tick, User, UserId, UserUpdated,
};

use crate::{
    Error, Result, Store,
    chats::{order::of_saved, quote::previews_of, read_record},
    people::FRESH,
    residency::retry,
    safety::SqlReads,
};

/// The number of changes, about, in one answer. It ends earlier when they have [`ANSWER_BYTES`].
const CHANGES: usize = 500;
/// The number of changed messages that SQL is asked for at once.
const STEP: usize = 100;
/// The most of one chat's former members that one answer tells of.
const GONE: u64 = 5_000;
/// The longest time for which a change may be under way after its tick was taken, and by which the
/// clocks of Redis' nodes may differ.
pub const CHANGE_MARGIN: Duration = Duration::from_secs(60);

/// The position of a client in the changes of its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncCursor {
    /// The tick up to which the client has all changes.
    pub since: Tick,
    /// The position inside an unfinished round of pages.
    pub resume: Option<ResumePoint>,
}

/// A position in the middle of a round of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumePoint {
    /// The tick at which the round began; the next round goes on from it. `NEVER` when changes may
    /// be missing: then the next round begins where this one did.
    pub began: Tick,
    /// The chat that comes next.
    pub chat: ChatId,
    /// The rev up to which changes of that chat were returned.
    pub rev: Tick,
}

/// A page of changes.
#[derive(Clone, Debug)]
pub struct SyncPage {
    /// The changes, by chat, and in each chat by tick.
    pub changes: Vec<ServerEvent>,
    /// The clock of each chat whose changes were returned to their end.
    pub clocks: HashMap<ChatId, Tick>,
    /// The cursor of the next page.
    pub cursor: SyncCursor,
    /// True when there is more already.
    pub more: bool,
    /// True when SQL did not answer on this or an earlier page of the round, so that changes may be
    /// missing: the cursor after the round is the one before it.
    pub partial: bool,
}

impl Store {
    /// Returns the present cursor.
    ///
    /// # Errors
    /// [`Error::Hot`] when Redis does not answer; retry later.
    pub async fn current_cursor(&self) -> Result<SyncCursor> {
        Ok(SyncCursor {
            since: retry(|| self.hot.now()).await?.earlier(CHANGE_MARGIN),
            resume: None,
        })
    }

    /// Returns the changes since a cursor, of all chats of a user or of `only` one. While SQL does
    /// not answer, those that Redis has, and the page says that it is partial.
    ///
    /// # Errors
    /// [`Error::Hot`] when Redis does not answer, [`Error::Cold`] when SQL does not and the user is
    /// not resident; retry later.
    pub async fn sync(
        &self,
        user: UserId,
        cursor: SyncCursor,
        only: Option<ChatId>,
    ) -> Result<SyncPage> {
        let sql = SqlReads::begin(&self.sql_outage);
        // The clock is read before anything else: later changes have a later tick.
        let began = match cursor.resume {
            Some(point) => point.began,
            None => self.current_cursor().await?.since.max(cursor.since),
        };
        let since = cursor.since;
        let own = self.chats_since(user, since, only);
        let (own, account) = try_join(own, self.user(user)).await?;
        let mut changes = Vec::new();
        let first_page = cursor.resume.is_none();
        let (about_people, mut people) = (first_page && only.is_none(), HashMap::new());
        if about_people {
            let account = account.filter(|account| account.rev > since);
            changes.extend(account.map(|account| {
                ServerEvent::MeUpdated(MeUpdated {
                    account: account.into(),
                })
            }));
            people = self.renamed_companions(user, since).await?;
        }
        let (mut chats, mut touched) = (Vec::new(), BTreeSet::new());
        let mut settings = HashMap::new();
        for OrderedChat {
            listed,
            settings: row,
            ..
        } in &own.chats
        {
            if !listed.left.happened() {
                chats.push(listed.chat);
                if row.rev > since {
                    touched.insert(listed.chat);
                }
                let kept = ChatSettings::parse(&row.value).unwrap_or_default();
                settings.insert(listed.chat, (row.rev, kept));
            } else if first_page && listed.left > since {
                changes.push(ServerEvent::ChatRemoved(ChatRemoved {
                    chat_id: listed.chat,
                }));
            }
        }
        // Redis was read first: a change that is saved between the two reads is in one of them.
        let (mut asked, elsewhere) = self.ask_resident(&chats, own.reading).await?;
        if about_people || !elsewhere.is_empty() {
            let saved = self.saved_changes(user, since, about_people, &elsewhere);
            let (others, chats) = sql.read(saved).await?.unwrap_or_default();
            for other in others {
                people.entry(other.id).or_insert(other);
            }
            asked.extend(chats.into_iter().map(of_saved));
        }
        if let Some(reading) = own.reading {
            self.repair(user, reading, &own.chats, &asked).await;
        }
        let changed = asked.iter().filter(|(_, ticks)| ticks.changed > since);
        touched.extend(changed.map(|(chat, _)| *chat));
        let updated = |user: User| ServerEvent::UserUpdated(UserUpdated { user: user.into() });
        changes.extend(people.into_values().map(updated));
        if let Some(point) = cursor.resume {
            touched.retain(|chat| *chat >= point.chat);
        }

        let mut bytes: usize = changes.iter().map(size_of).sum();
        let mut clocks = HashMap::new();
        let mut todo = touched.into_iter().peekable();
        while let Some(chat) = todo.next() {
            let membership = Membership { chat, user };
            let from = cursor
                .resume
                .filter(|point| point.chat == chat)
                .map_or(since, |point| point.rev);
            let room = Room {
                changes: CHANGES.saturating_sub(changes.len()).max(1),
                bytes: ANSWER_BYTES.saturating_sub(bytes).max(1),
            };
            let span = Span { since, from, room };
            let (own_rev, settings) = settings.remove(&chat).unwrap_or_default();
            let found = match self
                .chat_changes(membership, span, &settings, own_rev > since, &sql)
                .await
            {
                // The user left meanwhile; the next round says so.
                Err(Error::NoChat) => continue,
                found => found?,
            };
            bytes += found.changes.iter().map(size_of).sum::<usize>();
            changes.extend(found.changes);
            let is_full = changes.len() >= CHANGES || bytes >= ANSWER_BYTES;
            if let Some(rev) = found.stopped_at {
                let place = Some((chat, rev));
                return Ok(page_of(changes, clocks, cursor, began, place, &sql));
            }
            clocks.extend(found.clock.map(|clock| (chat, clock)));
            if let (true, Some(next)) = (is_full, todo.peek()) {
                let place = Some((*next, since));
                return Ok(page_of(changes, clocks, cursor, began, place, &sql));
            }
        }
        Ok(page_of(changes, clocks, cursor, began, None, &sql))
    }

    /// Returns the changes of a user's private rows since a tick: the account, and the settings for
    /// chats.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn private_changes(&self, user: UserId, since: Tick) -> Result<Vec<ServerEvent>> {
        let own = self.chats_since(user, since, None);
        let (own, account) = try_join(own, self.user(user)).await?;
        let account = account.filter(|account| account.rev > since);
        let mut changes: Vec<_> = account
            .map(|account| {
                ServerEvent::MeUpdated(MeUpdated {
                    account: account.into(),
                })
            })
            .into_iter()
            .collect();
        for OrderedChat {
            listed,
            settings: row,
            ..
        } in own.chats
        {
            if row.rev <= since || listed.left.happened() {
                continue;
            }
            let chat_id = listed.chat;
            let settings = ChatSettings::parse(&row.value).unwrap_or_default();
            changes.extend(removed(chat_id, &settings));
            let membership = Membership {
                chat: chat_id,
                user,
            };
            match try_join(
                self.view_as(membership, &settings),
                self.view_row(membership),
            )
            .await
            {
                Ok((chat, row)) => {
                    changes.push(seen(chat, settings.is_listed(row.chat.last), false))
                }
                Err(Error::NoChat) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(changes)
    }

    /// Returns the people with whom a user shares a chat and whose profiles changed of late: SQL
    /// may not know of it yet.
    async fn renamed_companions(&self, user: UserId, since: Tick) -> Result<HashMap<UserId, User>> {
        // Both lists are read only if there is somebody to look for.
        let mut mine: Option<BTreeSet<ChatId>> = None;
        let fresh = retry(|| self.hot.recent_renames(FRESH)).await?;
        let mut found = HashMap::new();
        for record in retry(|| self.hot.users(&fresh)).await? {
            let UserRecord::Named(other) = record else {
                continue;
            };
            if other.rev > since && other.id != user && !other.erased.happened() {
                let theirs = retry(|| self.hot.chats_of(other.id)).await?;
                let mine = match &mut mine {
                    Some(mine) => mine,
                    none => none.insert(present(&self.listed(user).await?).collect()),
                };
                if present(&theirs.unwrap_or_default()).any(|chat| mine.contains(&chat)) {
                    found.insert(other.id, *other);
                }
            }
        }
        Ok(found)
    }

    /// Returns the people with whom a user shares a chat, if they are asked for, and the ticks of
    /// these chats, as far as SQL knows.
    async fn saved_changes(
        &self,
        user: UserId,
        since: Tick,
        about_people: bool,
        chats: &[ChatId],
    ) -> cold::Result<(Vec<User>, HashMap<ChatId, ChatTicks>)> {
        let cold = self.cold.together().await?;
        let people = match about_people {
            true => cold.changed_companions(user, since, FRESH as u64).await?,
            false => Vec::new(),
        };
        Ok((people, cold.chat_ticks(chats).await?))
    }

    /// Returns changes of one chat, oldest first.
    async fn chat_changes(
        &self,
        membership: Membership,
        Span { since, from, room }: Span,
        settings: &ChatSettings,
        kept_changed: bool,
        sql: &SqlReads<'_>,
    ) -> Result<ChatChanges> {
        let chat_id = membership.chat;
        let hot = async {
            loop {
                match retry(|| self.hot.changes(membership, from, from == since)).await? {
                    Ok(hot) => return Ok(hot),
                    Err(refusal) => self.resolve(chat_id, refusal).await?,
                }
            }
        };
        let Some(hot) = sql.attempt(hot).await? else {
            return Ok(ChatChanges::default());
        };
        let (messages, stopped_at) = self
            .changed_messages(membership, &hot, from, room, sql)
            .await?;
        let mut changes = Vec::new();
        if from == since {
            let gone = match hot.more_gone {
                true => {
                    sql.read(self.cold.members_gone(chat_id, since, GONE))
                        .await?
                }
                false => None,
            };
            // Redis may know of one who came back.
            let gone = gone.unwrap_or_default().into_iter();
            let gone = gone.filter(|(user, _)| !hot.members.contains_key(user));
            for (user_id, member) in gone.chain(hot.members.clone()) {
                let clock = member.rev;
                let member = member.is_in().then(|| MemberView::new(user_id, &member));
                changes.push(ServerEvent::MemberUpdated(MemberUpdated {
                    chat_id,
                    clock,
                    prev: None,
                    user_id,
                    member,
                }));
            }
            if kept_changed {
                changes.extend(removed(chat_id, settings));
            }
        }
        for message in messages
            .into_iter()
            .map(|stored| stored.message)
            .filter(|message| settings.shows(message.id))
        {
            let clock = message.rev;
            changes.push(match message.id > since {
                true => ServerEvent::MessageCreated(MessageCreated {
                    chat_id,
                    clock,
                    prev: None,
                    message,
                }),
                false => ServerEvent::MessageUpdated(MessageUpdated {
                    chat_id,
                    clock,
                    prev: None,
                    message,
                }),
            });
        }
        if stopped_at.is_none()
            && let Some((chat, view)) = self.seen_now(membership, settings, sql).await?
        {
            let is_new = view
                .members
                .get(&membership.user)
                .is_some_and(|member| member.joined > since);
            changes.push(seen(chat, settings.is_listed(view.chat.last), is_new));
        }
        Ok(ChatChanges {
            changes,
            clock: (!sql.is_away()).then_some(hot.clock),
            stopped_at,
        })
    }

    /// Returns a chat as a member sees it, with its rows; `None` when a part of it is in SQL, which
    /// does not answer.
    async fn seen_now(
        &self,
        membership: Membership,
        settings: &ChatSettings,
        sql: &SqlReads<'_>,
    ) -> Result<Option<(ChatView, HotView)>> {
        let view = async {
            let row = self.view_row(membership).await?;
            if sql.is_away() && row.chat.kind == ChatKind::Direct {
                self.check_resident(row.members.keys()).await?;
            }
            Ok((self.view_as(membership, settings).await?, row))
        };
        sql.attempt(view).await
    }

    /// Fails as a read from SQL does when one of these users is not resident.
    async fn check_resident(&self, users: impl Iterator<Item = &UserId>) -> Result<()> {
        for user in users {
            if matches!(retry(|| self.hot.user(*user)).await?, UserRecord::Cold) {
                return Err(cold::DbErr::Custom("a user is in SQL alone".into()).into());
            }
        }
        Ok(())
    }

    /// Returns messages with a rev above `from`, by rev, for which there is room, and the rev of
    /// the last one if there are more.
    async fn changed_messages(
        &self,
        membership: Membership,
        hot: &HotChanges,
        from: Tick,
        room: Room,
        sql: &SqlReads<'_>,
    ) -> Result<(Vec<StoredMessage>, Option<Tick>)> {
        let cold = match hot.complete {
            true => Changed::default(),
            false => {
                let saved = self.saved_messages(membership.chat, from, room);
                sql.read(saved).await?.unwrap_or_default()
            }
        };
        let sized = |record: &String| Ok((read_record(record)?, record.len()));
        let hot_part = Changed {
            messages: hot.messages.iter().map(sized).collect::<Result<_>>()?,
            end: hot.upto,
        };
        let (mut messages, end) = merge(cold, hot_part, room);
        if hot.upto.is_some() {
            self.leave_outdated(membership, &mut messages).await?;
        }
        self.quote_all(
            messages.iter_mut().map(|stored| &mut stored.message),
            |wanted| previews_of(membership.chat, hot.answered.iter(), wanted),
        )
        .await;
        Ok((messages, end))
    }

    /// Leaves out the messages of which Redis has a newer version, which comes on a later page: it
    /// may say that the text is deleted.
    async fn leave_outdated(
        &self,
        own: Membership,
        messages: &mut Vec<StoredMessage>,
    ) -> Result<()> {
        let ids: Vec<Tick> = messages.iter().map(|stored| stored.message.id).collect();
        let revs = retry(|| self.hot.unsaved_revs(own.chat, &ids)).await?;
        let mut outdated = BTreeSet::new();
        for (Message { id, rev, .. }, newest) in
            messages.iter().map(|stored| &stored.message).zip(revs)
        {
            if newest > *rev
                && let Ok(hot) = retry(|| self.hot.message(own, *id)).await?
                && let Some(record) = hot.record
                && read_record(&record)?.message.rev > *rev
            {
                outdated.insert(*id);
            }
        }
        messages.retain(|stored| !outdated.contains(&stored.message.id));
        Ok(())
    }

    /// Returns the messages that SQL has with a rev above `from`, for which there is room.
    async fn saved_messages(&self, chat: ChatId, from: Tick, room: Room) -> cold::Result<Changed> {
        let (mut found, mut bytes) = (Changed::default(), 0);
        loop {
            let last = found.messages.last();
            let since = last.map_or(from, |(stored, _)| stored.message.rev);
            let step = STEP.min(room.changes + 1 - found.messages.len()) as u64;
            let some = self.cold.messages_changed(chat, since, step).await?;
            let is_all = (some.len() as u64) < step;
            for stored in some {
                let last = found.messages.last();
                if found.messages.len() >= room.changes || bytes >= room.bytes {
                    found.end = last.map(|(stored, _)| stored.message.rev);
                    return Ok(found);
                }
                let size = size_of(&stored.message);
                bytes += size;
                found.messages.push((stored, size));
            }
            if is_all {
                return Ok(found);
            }
        }
    }
}

/// Returns the chats of a list that its user has not left.
fn present(listed: &[ListedChat]) -> impl Iterator<Item = ChatId> {
    let present = listed.iter().filter(|listed| !listed.left.happened());
    present.map(|listed| listed.chat)
}

/// Returns the length of what is sent of a value.
pub(super) fn size_of(value: &impl serde::Serialize) -> usize {
    struct Length(usize);
    impl std::io::Write for Length {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut length = Length(0);
    serde_json::to_writer(&mut length, value).expect("events are words and numbers");
    length.0
}

/// Makes a page of a round that began at a tick, and goes on at a chat and a rev, if it does. A
/// round in which changes may be missing does not move the cursor.
fn page_of(
    changes: Vec<ServerEvent>,
    clocks: HashMap<ChatId, Tick>,
    asked: SyncCursor,
    began: Tick,
    goes_on: Option<(ChatId, Tick)>,
    sql: &SqlReads<'_>,
) -> SyncPage {
    let partial = sql.is_away() || !began.happened();
    let began = if partial { Tick::NEVER } else { began };
    let resume = goes_on.map(|(chat, rev)| ResumePoint { began, chat, rev });
    let is_over = resume.is_none() && !partial;
    SyncPage {
        changes,
        clocks,
        more: resume.is_some(),
        cursor: SyncCursor {
            since: if is_over { began } else { asked.since },
            resume,
        },
        partial,
    }
}

/// Messages of one store that changed, each with its size.
#[derive(Default)]
struct Changed {
    messages: Vec<(StoredMessage, usize)>,
    /// The rev up to which these are all; `None` when there are no more.
    end: Option<Tick>,
}

/// Merges changed messages of both stores by rev, as many as there is room for, at least one; and
/// returns also the rev of the last one if there are more.
fn merge(cold: Changed, hot: Changed, room: Room) -> (Vec<StoredMessage>, Option<Tick>) {
    let mut end = cold.end.into_iter().chain(hot.end).min();
    let mut found: HashMap<Tick, (StoredMessage, usize)> = HashMap::new();
    // What Redis has is newer than what SQL says, or the same.
    for (stored, size) in cold.messages.into_iter().chain(hot.messages) {
        found.insert(stored.message.id, (stored, size));
    }
    let mut messages: Vec<_> = found.into_values().collect();
    messages.sort_by_key(|(stored, _)| stored.message.rev);
    if let Some(end) = end {
        messages.retain(|(stored, _)| stored.message.rev <= end);
    }
    let mut bytes = 0;
    let fitting = messages.iter().take(room.changes).take_while(|(_, size)| {
        let fits = bytes < room.bytes;
        bytes += size;
        fits
    });
    let fitting = fitting.count();
    if messages.len() > fitting {
        messages.truncate(fitting);
        end = messages.last().map(|(stored, _)| stored.message.rev);
    }
    (
        messages.into_iter().map(|(stored, _)| stored).collect(),
        end,
    )
}

/// Returns a chat as its user's list has it, or its removal when the user hid it.
fn seen(chat: ChatView, is_listed: bool, is_new: bool) -> ServerEvent {
    let (chat_id, clock) = (chat.id, chat.clock);
    match (is_listed, is_new) {
        (false, _) => ServerEvent::ChatRemoved(ChatRemoved { chat_id }),
        (true, true) => ServerEvent::ChatCreated(ChatCreated {
            chat_id,
            clock,
            chat,
        }),
        (true, false) => ServerEvent::ChatUpdated(ChatUpdated {
            chat_id,
            clock,
            chat,
        }),
    }
}

/// Returns the messages that a member deleted for themselves in a chat, if any.
fn removed(chat_id: ChatId, settings: &ChatSettings) -> Option<ServerEvent> {
    let up_to = settings.cleared.happened().then_some(settings.cleared);
    let any = up_to.is_some() || !settings.hidden.is_empty();
    any.then(|| {
        ServerEvent::MessageRemoved(MessageRemoved {
            chat_id,
            message_ids: settings.hidden.clone(),
            up_to,
        })
    })
}

/// The changes of a chat that are asked for.
#[derive(Clone, Copy)]
struct Span {
    /// The tick since which the client lacks changes; members changed since are returned once.
    since: Tick,
    /// The rev above which the next changes have theirs.
    from: Tick,
    /// The changes for which there is room, about.
    room: Room,
}

/// The room in an answer.
#[derive(Clone, Copy, Debug)]
struct Room {
    /// The number of changes, at least one.
    changes: usize,
    /// Their size, at least one byte.
    bytes: usize,
}

#[derive(Default)]
struct ChatChanges {
    changes: Vec<ServerEvent>,
    /// The chat's clock; `None` when changes may be missing.
    clock: Option<Tick>,
    /// The rev after which there are more changes.
    stopped_at: Option<Tick>,
}

#[cfg(test)]
mod tests {
    use model::UserId;

    use super::*;
    use crate::safety::SqlOutage;

    fn message(id: i64, rev: i64) -> StoredMessage {
        let (chat, sender) = (ChatId::LOWEST, UserId::new());
        let begin = format!(r#"{{"id":{id},"seq":{id},"rev":{rev},"created_at":"","#);
        let end = format!(r#""chat_id":"{chat}","sender_id":"{sender}","kind":"text","body":""}}"#);
        read_record(&format!("{begin}{end}")).expect("a message")
    }

    /// Rows of one store, of 10 bytes each.
    fn changed(rows: &[(i64, i64)], end: Option<i64>) -> Changed {
        let messages = rows.iter().map(|(id, rev)| (message(*id, *rev), 10));
        Changed {
            messages: messages.collect(),
            end: end.map(Tick),
        }
    }

    fn merged_within(cold: Changed, hot: Changed, room: Room) -> (Vec<i64>, Option<i64>) {
        let (messages, end) = merge(cold, hot, room);
        let revs = messages.iter().map(|stored| stored.message.rev.0);
        (revs.collect(), end.map(|end| end.0))
    }

    fn merged(cold: Changed, hot: &[(i64, i64)], changes: usize) -> (Vec<i64>, Option<i64>) {
        let bytes = 10_000;
        merged_within(cold, changed(hot, None), Room { changes, bytes })
    }

    #[test]
    fn a_round_in_which_changes_may_be_missing_does_not_move_the_cursor() {
        let (outage, chat) = (SqlOutage::default(), ChatId::LOWEST);
        let since = |since, resume| SyncCursor {
            since: Tick(since),
            resume,
        };
        let page = |asked: SyncCursor, began, goes_on| {
            let sql = SqlReads::begin(&outage);
            let page = page_of(vec![], HashMap::new(), asked, Tick(began), goes_on, &sql);
            (page.cursor, page.more, page.partial)
        };
        let at = |began| ResumePoint {
            began: Tick(began),
            chat,
            rev: Tick(5),
        };
        let more = Some((chat, Tick(5)));
        assert_eq!(
            page(since(3, None), 9, None),
            (since(9, None), false, false)
        );
        let whole = since(3, Some(at(9)));
        assert_eq!(page(since(3, None), 9, more), (whole, true, false));
        outage.note(false);
        assert_eq!(page(since(3, None), 9, None), (since(3, None), false, true));
        let partial = since(3, Some(at(0)));
        assert_eq!(page(whole, 9, more), (partial, true, true));
        // SQL is back before the round is over: what was missing on an earlier page still is.
        outage.note(true);
        assert_eq!(page(partial, 0, more), (partial, true, true));
        assert_eq!(page(partial, 0, None), (since(3, None), false, true));
    }

    #[test]
    fn changes_of_both_stores_come_by_rev() {
        assert_eq!(merged(changed(&[], None), &[], 3), (vec![], None));
        assert_eq!(
            merged(changed(&[(2, 5), (1, 8)], None), &[(3, 6)], 3),
            (vec![5, 6, 8], None)
        );
    }

    #[test]
    fn the_record_of_redis_counts_over_that_of_sql() {
        let cold = changed(&[(1, 5)], None);
        assert_eq!(merged(cold, &[(1, 9)], 3), (vec![9], None));
    }

    #[test]
    fn a_full_page_ends_where_either_store_has_more() {
        assert_eq!(
            merged(changed(&[(1, 5), (2, 6)], Some(6)), &[(9, 100)], 2),
            (vec![5, 6], Some(6)),
            "later ones are for the next page, though Redis has them"
        );
        let cold = || changed(&[(1, 5)], None);
        assert_eq!(merged(cold(), &[(2, 6), (3, 7)], 2), (vec![5, 6], Some(6)));
        assert_eq!(merged(cold(), &[(2, 6)], 2), (vec![5, 6], None));
    }

    #[test]
    fn nothing_is_returned_above_the_rev_up_to_which_redis_was_read() {
        let (cold, hot) = (
            changed(&[(1, 4), (2, 7)], None),
            changed(&[(3, 5), (4, 6)], Some(6)),
        );
        let room = Room {
            changes: 9,
            bytes: 10_000,
        };
        assert_eq!(merged_within(cold, hot, room), (vec![4, 5, 6], Some(6)));
    }

    #[test]
    fn a_page_ends_with_the_message_that_fills_it_and_has_one_at_least() {
        let within = |bytes| {
            let (cold, hot) = (changed(&[(1, 5)], None), changed(&[(2, 6), (3, 7)], None));
            merged_within(cold, hot, Room { changes: 9, bytes })
        };
        assert_eq!(within(1), (vec![5], Some(5)));
        assert_eq!(within(10), (vec![5], Some(5)));
        assert_eq!(within(11), (vec![5, 6], Some(6)));
        assert_eq!(within(30), (vec![5, 6, 7], None));
    }

    #[test]
    fn what_is_deleted_for_oneself_is_said_only_if_there_is_any() {
        let chat = ChatId::LOWEST;
        assert!(removed(chat, &ChatSettings::default()).is_none());
        let settings = ChatSettings {
            cleared: Tick(4),
            hidden: vec![Tick(7)],
            ..ChatSettings::default()
        };
        let Some(ServerEvent::MessageRemoved(event)) = removed(chat, &settings) else {
            panic!("an event that removes messages");
        };
        assert_eq!(
            (event.up_to, event.message_ids),
            (Some(Tick(4)), vec![Tick(7)])
        );
    }
}
