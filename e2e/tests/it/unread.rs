//! What is unread, against a naive recount after each of many random acts: hot, cold, and on the
//! seam between.

use e2e::{Options, Sql, Stack, eventually, on_both, say};
use fastrand::Rng;
use hot::{CommitMark, Kind, MarkOutcome, SavedTexts, SettleOutcome, Verb};
use model::{ChatId, Draft, MessageKind, Role, Tick, UserId};
use sea_orm::ConnectionTrait;
use store::{Error, Membership, MessageEdit, PreferenceChange};

use crate::{gaps::seed, stops::insist};

const SOON: std::time::Duration = std::time::Duration::from_secs(30);

/// A text, as the recount knows it.
struct Text {
    id: Tick,
    sender: UserId,
    mentions: Vec<UserId>,
    mentions_all: bool,
    deleted: bool,
    hidden_by: Vec<UserId>,
}

/// A group, and all that was done in it.
struct Group {
    chat: ChatId,
    members: Vec<UserId>,
    /// The message up to which each member has read or had joined, and the one up to which they
    /// cleared.
    marks: Vec<(Tick, Tick)>,
    texts: Vec<Text>,
}

impl Group {
    fn own(&self, at: usize) -> Membership {
        Membership {
            chat: self.chat,
            user: self.members[at],
        }
    }

    /// Counts what a member has not read: texts, and those that mention them.
    fn recount(&self, at: usize) -> (i64, i64) {
        let (user, (read, cleared)) = (self.members[at], self.marks[at]);
        let unread: Vec<_> = self
            .texts
            .iter()
            .filter(|text| text.id > read && text.id > cleared)
            .filter(|text| !text.deleted && !text.hidden_by.contains(&user))
            .collect();
        let mentions = unread.iter().filter(|text| {
            let with_all = text.mentions_all && text.sender != user;
            with_all || text.mentions.contains(&user)
        });
        (unread.len() as i64, mentions.count() as i64)
    }

    fn some_members(&self, dice: &mut Rng) -> Vec<UserId> {
        let count = dice.usize(..3);
        let one = |_| self.members[dice.usize(..self.members.len())];
        (0..count).map(one).collect()
    }

    /// Returns the place of one of the first texts that a member has not read, or of the newest.
    fn next_unread(&self, who: usize, dice: &mut Rng) -> usize {
        let read = self.marks[who].0;
        let first = self.texts.partition_point(|text| text.id <= read);
        (first + dice.usize(..4)).min(self.texts.len() - 1)
    }

    async fn act(&mut self, stack: &Stack, dice: &mut Rng) -> String {
        let (store, who) = (&stack.store, dice.usize(..self.members.len()));
        let texts = self.texts.len();
        // The newest ones more often: those that somebody has not read.
        let chosen = |dice: &mut Rng| texts - 1 - dice.usize(..texts).min(dice.usize(..texts));
        let act = if texts == 0 { 0 } else { dice.usize(..100) };
        // Who sends has read all, so one sends most.
        let who = if act < 48 && dice.usize(..8) > 0 {
            0
        } else {
            who
        };
        let (own, user) = (self.own(who), self.members[who]);
        match act {
            0..38 => {
                let (mentions, mentions_all) = (self.some_members(dice), dice.usize(..4) == 0);
                let draft = Draft {
                    mentions: &mentions,
                    mentions_all,
                    ..Draft::new(self.chat, user, MessageKind::Text, "a text")
                };
                let json = store.send(draft).await.expect("sent").json;
                let sent: model::Message = serde_json::from_str(&json).expect("a message");
                self.marks[who].0 = sent.id;
                let mentions = mentions.into_iter().filter(|one| *one != user).collect();
                let (id, hidden_by) = (sent.id, Vec::new());
                self.texts.push(Text {
                    id,
                    sender: user,
                    mentions,
                    mentions_all,
                    deleted: false,
                    hidden_by,
                });
                format!("{who} sends{}", if mentions_all { " to all" } else { "" })
            }
            38..48 => {
                let at = chosen(dice);
                let change = MessageEdit {
                    body: Some("another text".into()),
                    mentions: dice.bool().then(|| self.some_members(dice)),
                    mentions_all: dice.bool().then(|| dice.bool()),
                    ..MessageEdit::default()
                };
                let text = &mut self.texts[at];
                match store.edit(own, text.id, &change).await {
                    Ok(_) => {
                        if let Some(mentions) = change.mentions {
                            let others = mentions.into_iter().filter(|one| *one != user);
                            text.mentions = others.collect();
                        }
                        text.mentions_all = change.mentions_all.unwrap_or(text.mentions_all);
                    }
                    Err(Error::NoMessage | Error::RoleTooLow) => {}
                    Err(error) => panic!("{error}"),
                }
                format!("{who} edits {at}: to all {:?}", change.mentions_all)
            }
            48..57 => {
                let (at, owner) = (chosen(dice), self.own(0));
                let text = &mut self.texts[at];
                let done = store.delete_for_everyone(owner, text.id).await;
                done.expect("an owner may");
                text.deleted = true;
                format!("{at} is deleted for everyone")
            }
            57..72 => {
                let at = chosen(dice);
                let text = &mut self.texts[at];
                store.hide_message(own, text.id).await.expect("hidden");
                text.hidden_by.push(user);
                format!("{who} deletes {at} for themselves")
            }
            72..84 => {
                // A little further than before; between two messages, too.
                let who = 1 + dice.usize(..2);
                let own = self.own(who);
                let at = self.next_unread(who, dice);
                let read = Tick(self.texts[at].id.0 + dice.i64(..2));
                store.mark(own, read, Tick::NEVER).await.expect("marked");
                self.marks[who].0 = self.marks[who].0.max(read);
                format!("{who} reads up to {at}")
            }
            84..88 => {
                let change = PreferenceChange {
                    marked_unread: Some(dice.bool()),
                    ..PreferenceChange::default()
                };
                store
                    .change_preferences(own, &change)
                    .await
                    .expect("marked");
                format!("{who} marks it as unread, or not")
            }
            88..90 => {
                let at = self.next_unread(who, dice);
                let id = self.texts[at].id;
                store
                    .clear_history(own, Tick(id.0 + 1))
                    .await
                    .expect("cleared");
                let marks = &mut self.marks[who];
                *marks = (marks.0.max(id), marks.1.max(id));
                format!("{who} clears up to {at}")
            }
            90..92 => {
                // Nothing of before is unread for who comes back.
                let who = 1 + dice.usize(..2);
                let (own, user) = (self.own(who), self.members[who]);
                store.remove_member(own, user).await.expect("left");
                let joined = store.add_member(self.own(0), user).await;
                joined.expect("an owner may");
                self.marks[who].0 = self.texts[texts - 1].id;
                format!("{who} leaves and comes back")
            }
            92..93 => {
                let name = format!("Friends {}", dice.u16(..));
                let named = store.change_chat(self.own(0), Some(&name), None, None);
                named.await.expect("an owner may");
                "it has another name".to_owned()
            }
            93..97 => {
                let flusher = stack.start_flusher().await;
                stack.saved(self.chat).await;
                flusher.stop().await;
                "all is saved".to_owned()
            }
            _ => {
                stack.leave(self.chat).await;
                "it leaves Redis".to_owned()
            }
        }
    }
}

on_both!(what_is_unread_is_what_a_recount_finds);
async fn what_is_unread_is_what_a_recount_finds(sql: Sql) {
    let seed = seed();
    let mut dice = Rng::with_seed(seed);
    let options = Options {
        hot_messages: 5,
        ..Options::default()
    };
    // More than two messages are many.
    let options = options.altered(|verb, source| match verb {
        Verb::MarkRead => source.replace("count > 16", "count > 2"),
        _ => source,
    });
    let stack = Stack::with(sql, options).await;
    let mut members = Vec::new();
    for name in ["ann", "bob", "cleo"] {
        members.push(stack.person(name).await);
    }
    let chat = ChatId::new();
    let (store, owner) = (&stack.store, members[0]);
    let created = store.create_group(chat, owner, "Friends", &members[1..]);
    created.await.expect("created");
    let mut group = Group {
        chat,
        members,
        marks: vec![(Tick::NEVER, Tick::NEVER); 3],
        texts: Vec::new(),
    };
    let mut acts = Vec::new();
    for _ in 0..250 {
        acts.push(group.act(&stack, &mut dice).await);
        for at in 0..group.members.len() {
            let view = store.view(group.own(at)).await.expect("a member sees it");
            assert_eq!(
                (view.unread_count, view.unread_mentions),
                group.recount(at),
                "{at}, after {acts:?}; CARRIER_E2E_SEED={seed}"
            );
        }
    }
}

/// A group of two, and ten texts in it with a notice among them, of which SQL has the older five
/// alone.
struct Old {
    stack: Stack,
    own: Membership,
    his: Membership,
    ids: Vec<Tick>,
}

impl Old {
    async fn start(sql: Sql) -> Self {
        let options = Options {
            hot_messages: 5,
            ..Options::default()
        };
        let stack = Stack::with(sql, options).await;
        let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
        let chat = ChatId::new();
        let created = stack.store.create_group(chat, ann, "Friends", &[bob]).await;
        created.expect("created");
        let mut ids = Vec::new();
        for at in 0..10 {
            let sent = say(&stack.store, chat, ann, &at.to_string(), None).await;
            ids.push(sent.expect("sent"));
        }
        let old = Self {
            stack,
            own: Membership { chat, user: ann },
            his: Membership { chat, user: bob },
            ids,
        };
        old.save().await;
        old
    }

    async fn save(&self) {
        let chat = self.own.chat;
        let flusher = self.stack.start_flusher().await;
        self.stack.saved(chat).await;
        let list = format!("chat:{{c{}}}:{chat}:messages", chat.partition());
        let is_short = async || self.stack.redis.cli(&["LLEN", &list]).await.trim() == "5";
        eventually(SOON, "the others left", is_short).await;
        flusher.stop().await;
    }

    async fn delete(&self, at: usize) {
        let done = self.stack.store.delete_for_everyone(self.own, self.ids[at]);
        done.await.expect("deleted");
    }

    /// Asks for a mark, with what SQL counted.
    async fn mark(&self, at: usize, saved: &SavedTexts) -> MarkOutcome {
        let marked = self
            .stack
            .hot
            .mark_read(self.his, self.ids[at], Tick::NEVER, saved);
        marked.await.expect("Redis answers").expect("a member may")
    }

    async fn ask(&self, at: usize) -> SavedTexts {
        match self.mark(at, &SavedTexts::default()).await {
            MarkOutcome::Count(texts) => texts,
            other => panic!("{other:?}"),
        }
    }

    async fn count(&self, at: usize, texts: &SavedTexts) -> SavedTexts {
        let (chat, after) = (self.own.chat, self.ids[at]);
        let count = self
            .stack
            .cold
            .count_texts(chat, after, texts.below, &texts.left_out);
        SavedTexts {
            count: count.await.expect("SQL answers"),
            ..texts.clone()
        }
    }

    /// Goes on until the mark is set, and returns what is unread.
    async fn finish(&self, at: usize, mut saved: SavedTexts) -> i64 {
        loop {
            match self.mark(at, &saved).await {
                MarkOutcome::Done(marked) => return marked.unread,
                MarkOutcome::Count(texts) => saved = self.count(at, &texts).await,
                MarkOutcome::Same => panic!("it has moved"),
            }
        }
    }
}

on_both!(a_deletion_that_is_saved_after_sql_has_counted_is_not_unread);
async fn a_deletion_that_is_saved_after_sql_has_counted_is_not_unread(sql: Sql) {
    let old = Old::start(sql).await;
    let counted = old.count(1, &old.ask(1).await).await;
    old.delete(3).await;
    old.save().await;
    assert_eq!(old.finish(1, counted).await, 7, "of eight, one was deleted");
}

on_both!(a_deletion_between_the_question_and_the_count_is_taken_off_once);
async fn a_deletion_between_the_question_and_the_count_is_taken_off_once(sql: Sql) {
    let old = Old::start(sql).await;
    let asked = old.ask(1).await;
    old.delete(3).await;
    let counted = old.count(1, &asked).await;
    assert_eq!(old.finish(1, counted).await, 7, "of eight, one was deleted");
}

on_both!(a_deletion_that_sql_has_and_redis_still_holds_is_taken_off_once);
async fn a_deletion_that_sql_has_and_redis_still_holds_is_taken_off_once(sql: Sql) {
    let old = Old::start(sql).await;
    old.delete(3).await;
    let asked = old.ask(1).await;
    // A flusher that sleeps between commit and settle.
    let commit = format!(
        "UPDATE messages SET deleted = TRUE WHERE id = {}",
        old.ids[3]
    );
    let commit = old.stack.db.execute_unprepared(&commit).await;
    assert_eq!(commit.expect("written").rows_affected(), 1);
    let counted = old.count(1, &asked).await;
    assert_eq!(old.finish(1, counted).await, 7, "of eight, one was deleted");
}

/// Returns options with which each call goes through a few members only when a text was deleted,
/// and no caller goes on; for flushers only if `flushers` is true.
fn in_small_pieces(flushers: bool) -> Options {
    Options::default().altered(move |verb, source| match verb {
        Verb::Replace => source
            .replace("'COUNT', 64", "'COUNT', 1")
            .replace("keys.pending and '1' or '0'", "'0'"),
        Verb::Append | Verb::ChangeMember | Verb::MarkRead => {
            source.replace("'COUNT', 64", "'COUNT', 1")
        }
        Verb::SnapshotChat if flushers => source.replace("'COUNT', 64", "'COUNT', 1"),
        _ => source,
    })
}

/// Makes a group of these, the first of whom owns it, and of 300 more.
async fn crowd(stack: &Stack, people: &[UserId]) -> ChatId {
    let chat = ChatId::new();
    let (owner, others) = (people[0], &people[1..]);
    let created = stack.store.create_group(chat, owner, "Crowd", others).await;
    created.expect("created");
    let more = "
        local record = redis.call('HGET', KEYS[1], ARGV[1])
        for at = 1, 300 do
            local name = string.format('00000000-0000-7000-8000-%012d', at)
            redis.call('HSET', KEYS[1], name, record)
        end";
    let members = format!("{}:members", key(chat));
    let like = people[1].to_string();
    stack.redis.cli(&["EVAL", more, "1", &members, &like]).await;
    chat
}

fn key(chat: ChatId) -> String {
    format!("chat:{{c{}}}:{chat}", chat.partition())
}

on_both!(a_deletion_that_is_half_done_is_finished_by_whoever_comes);
async fn a_deletion_that_is_half_done_is_finished_by_whoever_comes(sql: Sql) {
    let stack = Stack::with(sql, in_small_pieces(false)).await;
    let mut people = Vec::new();
    for name in ["ann", "bob", "cleo", "dan", "eve"] {
        people.push(stack.person(name).await);
    }
    let (chat, store) = (crowd(&stack, &people).await, &stack.store);
    let (ann, key) = (people[0], key(chat));
    let members = format!("{key}:members");
    let own = |user: UserId| Membership { chat, user };
    let mut ids = Vec::new();
    for at in 0..3 {
        let sent = say(store, chat, ann, &at.to_string(), None).await;
        ids.push(sent.expect("sent"));
    }
    let is_pending = async || stack.redis.cli(&["HEXISTS", &key, "uncounting"]).await == "1";

    let done = store.delete_for_everyone(own(ann), ids[1]).await;
    done.expect("deleted");
    assert!(is_pending().await, "most members are not gone through");
    let draft = Draft {
        mentions: &people[1..2],
        ..Draft::new(chat, ann, MessageKind::Text, "Bob")
    };
    store.send(draft).await.expect("sent");
    let role = store.change_role(own(ann), people[2], Role::Admin).await;
    role.expect("changed");
    for (user, read, delivered) in [
        (people[3], Tick::NEVER, ids[2]),
        (people[4], ids[0], Tick::NEVER),
    ] {
        let marked = store.mark(own(user), read, delivered).await;
        marked.expect("marked");
    }
    assert!(is_pending().await, "most members are not gone through");
    let done = store.delete_for_everyone(own(ann), ids[2]).await;
    done.expect("deleted");
    assert!(is_pending().await, "now of the other one");
    // Near the end for another process of Redis, whose hashes have another order.
    let elsewhere = "
        local place = redis.call('HGET', KEYS[1], 'uncounting')
        local cursor, last = '0'
        repeat
            last = cursor
            cursor = redis.call('HSCAN', KEYS[2], cursor, 'COUNT', 1)[1]
        until cursor == '0'
        place = string.match(place, '^%d+ %d+ ') .. last .. ' another'
        redis.call('HSET', KEYS[1], 'uncounting', place)";
    let cli = ["EVAL", elsewhere, "2", &key, &members];
    stack.redis.cli(&cli).await;
    stack.leave(chat).await;

    let saved = stack.cold.chat(chat).await.expect("SQL answers");
    let saved = saved.expect("it is there");
    assert_eq!(saved.members.len(), 305);
    for (user, member) in saved.members {
        let unread = match people.iter().position(|one| *one == user) {
            Some(0) => 0,
            Some(4) => 1,
            _ => 2,
        };
        assert_eq!(
            saved.chat.texts - member.counted,
            unread,
            "{user}: {member:?}"
        );
    }
    let seen = store.view(own(people[1])).await.expect("seen");
    assert_eq!((seen.unread_count, seen.unread_mentions), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_member_that_is_taken_up_takes_a_deletion_off_once() {
    let stack = Stack::with(Sql::Sqlite, in_small_pieces(false).stoppable()).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let store = &stack.store;
    let made = async |_| {
        let chat = crowd(&stack, &[ann, bob]).await;
        let first = say(store, chat, ann, "one", None).await.expect("sent");
        say(store, chat, ann, "two", None).await.expect("sent");
        (chat, first)
    };
    stack
        .at_each_step(Verb::ChangeMember, made, async |(chat, first)| {
            let own = |user| Membership { chat, user };
            let promote = async || store.change_role(own(ann), bob, Role::Admin).await;
            let _ = promote().await;
            let deleted = store.delete_for_everyone(own(ann), first).await;
            deleted.expect("deleted");
            insist(promote).await;
            let is_pending = async || {
                stack
                    .redis
                    .cli(&["HEXISTS", &key(chat), "uncounting"])
                    .await
                    == "1"
            };
            let mut name = "Crowd".to_owned();
            while is_pending().await {
                name.push('!');
                let named = store.change_chat(own(ann), Some(&name), None, None).await;
                named.expect("renamed");
            }
            let seen = store.view(own(bob)).await.expect("seen");
            assert_eq!(seen.unread_count, 1);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_is_half_done_is_gone_on_with_at_once_and_not_said_to_be_saved() {
    let stack = Stack::with(Sql::Sqlite, in_small_pieces(true)).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let chat = crowd(&stack, &[ann, bob]).await;
    let (own, hour) = (Membership { chat, user: ann }, SOON * 120);
    let text = say(&stack.store, chat, ann, "one", None)
        .await
        .expect("sent");
    let deleted = stack.store.delete_for_everyone(own, text).await;
    deleted.expect("deleted");
    let rev = stack.redis.cli(&["HGET", &key(chat), "clock"]).await;
    let rev = Tick(rev.parse().expect("a tick"));
    let mark = CommitMark {
        writer: "e2e",
        commit: 1,
        saved: 0,
    };
    let mut pieces = 0;
    loop {
        let leased = stack
            .hot
            .lease_due(Kind::Chat, chat.partition(), 9, hour)
            .await
            .expect("Redis answers");
        assert!(pieces == 0 || leased == [chat.to_string()], "it is due");
        let snapshot = stack
            .hot
            .snapshot_chat(chat, 999, 1 << 20, Tick::LAST, hour, mark);
        let snapshot = snapshot.await.expect("Redis answers").expect("resident");
        let rows = snapshot.rows.into_iter().map(|row| (row.entry, row.rev));
        let rows: Vec<_> = rows.collect();
        let settled = stack.hot.settle_chat(chat, &rows, hour, mark, false).await;
        let view = stack.store.view(own).await.expect("seen");
        if settled.expect("Redis answers") == SettleOutcome::Warm {
            assert!(snapshot.saved >= rev && view.saved >= rev);
            break;
        }
        assert!(snapshot.saved < rev && view.saved < rev);
        pieces += 1;
    }
    assert!(pieces > 1, "{pieces}");
}

on_both!(no_mark_counts_what_was_deleted);
async fn no_mark_counts_what_was_deleted(sql: Sql) {
    let options = Options {
        hot_messages: 5,
        ..Options::default()
    };
    let options = options.altered(|verb, source| match verb {
        Verb::MarkRead => source.replace("count > 16", "count > 2"),
        _ => source,
    });
    let stack = Stack::with(sql, options).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, store) = (ChatId::new(), &stack.store);
    let created = store.create_group(chat, ann, "Friends", &[bob]).await;
    created.expect("created");
    let (own, his) = (
        Membership { chat, user: ann },
        Membership { chat, user: bob },
    );
    let mut ids = Vec::new();
    for at in 0..10 {
        if at == 5 {
            let named = store.change_chat(own, Some("Crew"), None, None).await;
            named.expect("renamed");
        }
        let sent = say(store, chat, ann, &at.to_string(), None).await;
        ids.push(sent.expect("sent"));
    }
    let delete = async |at: usize| {
        let done = store.delete_for_everyone(own, ids[at]).await;
        done.expect("deleted");
    };
    let read = async |at: usize| {
        store.mark(his, ids[at], Tick::NEVER).await.expect("marked");
        store.view(his).await.expect("seen").unread_count
    };
    delete(7).await;
    assert_eq!(read(1).await, 7, "in the list");
    let flusher = stack.start_flusher().await;
    stack.saved(chat).await;
    let list = format!("chat:{{c{}}}:{chat}:messages", chat.partition());
    let is_short = async || stack.redis.cli(&["LLEN", &list]).await.trim() == "5";
    eventually(SOON, "the others left", is_short).await;
    flusher.stop().await;
    delete(3).await;
    assert_eq!(read(2).await, 5, "older than the list, and not saved");
    stack.leave(chat).await;
    assert_eq!(read(4).await, 4, "loaded again");
}
