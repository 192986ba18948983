//! The order of a user's chats: a list and a sync that look at few chats tell what they would tell
//! if they looked at all, and cost no more when there are more.

use std::collections::BTreeSet;

use e2e::{Options, Sql, Stack, eventually, on_both, say};
use futures_util::future::join_all;
use hot::{OrderLook, Verb};
use model::{ChatId, Tick, UserId};
use serde_json::{Value, to_value};
use store::{Auditor, ChatFilter, Membership, PreferenceChange, Store, SyncCursor};

const SOON: std::time::Duration = std::time::Duration::from_secs(60);
/// The score above which there are only marks.
const MARKS: i64 = 4_000_000_000_000_000;
/// The number of random acts.
const ACTS: usize = 240;

/// Options under which members are marked for 200 ms, chats come to rest after 100, and marks can
/// be taken away after 500: so all happens often.
fn quick() -> Options {
    Options::default().altered(|_, source| {
        let source = source.replace("MARKED_FOR = 900000000", "MARKED_FOR = 200000");
        let source = source.replace("QUIET = 60000000", "QUIET = 100000");
        let source = source.replace("MARGIN = 120000000", "MARGIN = 500000");
        source.replace("+ 30000000 < micros()", "+ 300000 < micros()")
    })
}

/// Options under which no chat has so few members that a change marks them itself, on one Redis.
fn apart() -> Options {
    let options = Options::default().on_one_redis();
    options.altered(|_, source| source.replace("local SMALL = 32", "local SMALL = 0"))
}

/// Opens a store that relies on no order, and so looks at all chats.
async fn looks_at_all(stack: &Stack) -> Store {
    let set = async |value: &str| {
        let set = ["HSET", "carrier", "ordered_from", value];
        stack.redis.cli(&set).await
    };
    set("9000000000000000").await;
    let store = stack.open_store(&stack.redis.url()).await;
    set("0").await;
    store
}

fn key(user: UserId, what: &str) -> String {
    format!("user:{{u{}}}:{user}:{what}", user.partition())
}

/// Returns the score that a chat has in the order of a user.
async fn score(stack: &Stack, user: UserId, chat: ChatId) -> i64 {
    let score = ["ZSCORE", &key(user, "order"), &chat.to_string()];
    let score = stack.redis.cli(&score).await;
    score.parse().expect("a score")
}

/// Returns the number of chats that are marked in the order of a user.
async fn marked(stack: &Stack, user: UserId) -> usize {
    let count = ["ZCOUNT", &key(user, "order"), &MARKS.to_string(), "+inf"];
    let count = stack.redis.cli(&count).await;
    count.parse().expect("a number")
}

/// Takes out how far chats are saved, which is of the moment.
fn lasting(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("saved");
            fields.values_mut().for_each(lasting);
        }
        Value::Array(values) => values.iter_mut().for_each(lasting),
        _ => {}
    }
}

fn said(json: serde_json::Result<Value>) -> String {
    let mut value = json.expect("JSON");
    lasting(&mut value);
    value.to_string()
}

fn since(tick: Tick) -> SyncCursor {
    SyncCursor {
        since: tick,
        resume: None,
    }
}

async fn told(store: &Store, user: UserId, at: Tick, only: Option<ChatId>) -> BTreeSet<String> {
    let (mut found, mut cursor) = (BTreeSet::new(), since(at));
    loop {
        let page = store.sync(user, cursor, only).await.expect("told");
        assert!(!page.partial);
        found.extend(page.changes.iter().map(to_value).map(said));
        cursor = page.cursor;
        if !page.more {
            return found;
        }
    }
}

async fn listed(store: &Store, user: UserId, archived: Option<bool>, limit: usize) -> Vec<String> {
    let filter = ChatFilter {
        archived,
        unread: None,
    };
    let (views, _) = store.list(user, filter, None, limit).await.expect("listed");
    views.iter().map(to_value).map(said).collect()
}

/// What a user is told: by lists, and by syncs since these ticks.
async fn told_to(store: &Store, user: UserId, ticks: &[Tick]) -> Vec<String> {
    let mut found = Vec::new();
    for archived in [None, Some(false)] {
        for limit in [3, 50] {
            let listed = listed(store, user, archived, limit).await;
            found.extend(listed.iter().map(|view| format!("listed {view}")));
        }
    }
    for at in ticks {
        let told = told(store, user, *at, None).await;
        found.extend(told.iter().map(|event| format!("since {at}: {event}")));
    }
    found
}

/// Asserts that a user is told what a store tells them that looks at all chats. A flusher may be at
/// work, and take away settings that are none; so what is told twice is compared.
async fn is_as_in_all(few: &Store, all: &Store, user: UserId, ticks: &[Tick], what: &str) {
    loop {
        let before = Box::pin(told_to(few, user, ticks)).await;
        let expected = Box::pin(told_to(all, user, ticks)).await;
        if before == expected {
            return;
        }
        let after = Box::pin(told_to(few, user, ticks)).await;
        let missing = expected.iter().filter(|one| !after.contains(one));
        let wrong = after.iter().filter(|one| !expected.contains(one));
        let (missing, wrong): (Vec<_>, Vec<_>) = (missing.collect(), wrong.collect());
        assert_ne!(before, after, "after {what}: {missing:#?} {wrong:#?}");
    }
}

/// People with chats, who act.
struct Scene<'a> {
    stack: &'a Stack,
    ann: UserId,
    bob: UserId,
    groups: Vec<ChatId>,
    direct: ChatId,
}

impl<'a> Scene<'a> {
    async fn new(stack: &'a Stack) -> Self {
        let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
        let (direct, _) = stack.store.open_direct(ann, bob).await.expect("opened");
        let mut scene = Self {
            stack,
            ann,
            bob,
            groups: Vec::new(),
            direct,
        };
        for _ in 0..10 {
            scene.found().await;
        }
        scene
    }

    async fn found(&mut self) {
        let chat = ChatId::new();
        let others = [self.ann];
        let created = self
            .stack
            .store
            .create_group(chat, self.bob, "Crew", &others);
        created.await.expect("created");
        self.groups.push(chat);
    }

    fn of(&self, user: UserId, chat: ChatId) -> Membership {
        Membership { chat, user }
    }

    async fn prefer(&self, chat: ChatId, change: PreferenceChange) {
        // She may be none of the members.
        let changed = self
            .stack
            .store
            .change_preferences(self.of(self.ann, chat), &change);
        changed.await.ok();
    }

    /// Has a user leave Redis once all is saved, and in the lists.
    async fn ann_leaves(&self) {
        eventually(SOON, "all is saved", async || {
            self.stack.redis.keys("*:dirty").await.is_empty()
        })
        .await;
        let order = key(self.ann, "order");
        let user = order.trim_end_matches(":order");
        for what in ["", ":chats", ":mine", ":order", ":pinned"] {
            self.stack
                .redis
                .cli(&["DEL", &format!("{user}{what}")])
                .await;
        }
    }

    async fn act(&mut self, random: &mut fastrand::Rng) -> String {
        let store = &self.stack.store;
        let (ann, bob) = (self.ann, self.bob);
        let at = random.usize(..self.groups.len() + 1);
        let chat = self.groups.get(at).copied().unwrap_or(self.direct);
        let what = random.usize(..20);
        match what {
            0..6 => drop(say(store, chat, bob, "hello", None).await.expect("sent")),
            6 => drop(say(store, chat, ann, "hello, too", None).await),
            7 => {
                let read = store.mark(self.of(bob, chat), Tick::LAST, Tick::NEVER);
                read.await.expect("read");
            }
            8 => drop(
                store
                    .mark(self.of(ann, chat), Tick::LAST, Tick::NEVER)
                    .await,
            ),
            9 | 10 => {
                let id = say(store, chat, bob, "like it?", None).await.expect("sent");
                let liked = store.react(self.of(bob, chat), id, "👍", true);
                liked.await.expect("reacted");
            }
            11 | 12 => {
                let pinned = Some(random.bool());
                let change = PreferenceChange {
                    pinned,
                    ..PreferenceChange::default()
                };
                self.prefer(chat, change).await;
            }
            13 => {
                let archived = Some(random.bool());
                let change = PreferenceChange {
                    archived,
                    ..PreferenceChange::default()
                };
                self.prefer(chat, change).await;
            }
            14 if chat != self.direct => {
                drop(store.remove_member(self.of(bob, chat), ann).await);
            }
            15 | 16 if chat != self.direct => {
                drop(store.add_member(self.of(bob, chat), ann).await);
            }
            17 => {
                eventually(SOON, "the chat has left", async || {
                    self.stack.expire(chat).await;
                    let keys = format!("chat:*{chat}*");
                    self.stack.redis.keys(&keys).await.is_empty()
                })
                .await;
            }
            18 => self.ann_leaves().await,
            _ if self.groups.len() < 20 => self.found().await,
            _ => {}
        }
        format!("act {what} in {chat}")
    }
}

async fn lists_and_syncs_after_random_acts(sql: Sql, options: Options) {
    let stack = Stack::with(sql, options).await;
    let all = looks_at_all(&stack).await;
    let flusher = stack.start_flusher().await;
    let mut scene = Scene::new(&stack).await;
    let mut random = fastrand::Rng::with_seed(7);
    let now = async || stack.hot.now().await.expect("Redis answers");
    let mut ticks = vec![now().await];
    let mut most = 0;
    for act in 0..ACTS {
        let what = Box::pin(scene.act(&mut random)).await;
        ticks.push(now().await);
        let recent = &ticks[ticks.len().saturating_sub(12)..];
        let some = [recent[0], *random.choice(recent).expect("some")];
        let what = format!("{what}, number {act}");
        is_as_in_all(&stack.store, &all, scene.ann, &some, &what).await;
        most = most.max(marked(&stack, scene.ann).await);
    }
    assert!(most > 3, "never more than {most} chats were marked");
    eventually(SOON, "no chat is marked any more", async || {
        is_as_in_all(&stack.store, &all, scene.ann, &[now().await], "all").await;
        marked(&stack, scene.ann).await == 0
    })
    .await;
    let recent = &ticks[ticks.len() - 12..];
    is_as_in_all(&stack.store, &all, scene.ann, recent, "all").await;
    for chat in &scene.groups {
        let only = Some(*chat);
        let one = told(&stack.store, scene.ann, recent[0], only).await;
        assert_eq!(one, told(&all, scene.ann, recent[0], only).await);
    }
    let auditor = Auditor::new(stack.hot.clone(), stack.cold.clone());
    for user in [scene.ann, scene.bob] {
        let findings = auditor.user(user).await.expect("compared");
        assert_eq!(findings.faults, [""; 0]);
    }
    flusher.stop().await;
}

on_both!(lists_and_syncs_are_those_of_one_who_looks_at_all_chats);
async fn lists_and_syncs_are_those_of_one_who_looks_at_all_chats(sql: Sql) {
    Box::pin(lists_and_syncs_after_random_acts(sql, quick())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster_lists_and_syncs_are_those_of_one_who_looks_at_all_chats() {
    let options = Options {
        cluster: Some(3),
        ..quick()
    };
    Box::pin(lists_and_syncs_after_random_acts(Sql::Sqlite, options)).await;
}

/// Returns how many commands Redis has run of those that reads are made of, in scripts too.
async fn reads(stack: &Stack) -> usize {
    let stats = stack.redis.cli(&["INFO", "commandstats"]).await;
    let calls = |line: &str| -> Option<usize> {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let counted = [
            "evalsha", "hget", "hmget", "hgetall", "hscan", "zrange", "zscore",
        ];
        counted.contains(&name).then_some(())?;
        rest.split(',').next()?.parse().ok()
    };
    stats.lines().filter_map(calls).sum()
}

on_both!(neither_a_list_nor_a_sync_grows_with_the_number_of_chats);
async fn neither_a_list_nor_a_sync_grows_with_the_number_of_chats(sql: Sql) {
    const FEW: usize = 30;
    const MANY: usize = 700;
    let stack = Stack::with(sql, quick().on_one_redis()).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let mut chats = Vec::new();
    let mut counts = Vec::new();
    for many in [FEW, MANY] {
        while chats.len() < many {
            let chat = ChatId::new();
            let others = [ann];
            let created = stack.store.create_group(chat, bob, "Crew", &others);
            created.await.expect("created");
            chats.push(chat);
        }
        let limit = 10;
        eventually(SOON, "no chat is marked any more", async || {
            listed(&stack.store, ann, None, limit).await;
            marked(&stack, ann).await == 0
        })
        .await;
        stack.store.flush_notifications().await;
        let now = stack.hot.now().await.expect("Redis answers");
        let before = reads(&stack).await;
        assert_eq!(listed(&stack.store, ann, None, limit).await.len(), limit);
        let between = reads(&stack).await;
        assert!(told(&stack.store, ann, now, None).await.is_empty());
        let after = reads(&stack).await;
        counts.push((between - before, after - between));
    }
    assert_eq!(counts[0], counts[1], "of a list and of a sync");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_of_redis_relies_on_no_mark() {
    let stack = Stack::with(Sql::Sqlite, quick().on_one_redis()).await;
    let scene = Scene::new(&stack).await;
    let (store, ann, chat) = (&stack.store, scene.ann, scene.groups[4]);
    let order = key(ann, "order");
    eventually(SOON, "no chat is marked any more", async || {
        listed(store, ann, None, 20).await;
        marked(&stack, ann).await == 0
    })
    .await;
    let before = score(&stack, ann, chat).await;
    let now = stack.hot.now().await.expect("Redis answers");
    say(store, chat, scene.bob, "hello", None)
        .await
        .expect("sent");
    assert!(score(&stack, ann, chat).await >= MARKS, "she is marked");
    // As if Redis had not had the mark on its disk yet.
    let forget = ["ZADD", &order, &before.to_string(), &chat.to_string()];
    stack.redis.cli(&forget).await;
    let found = told(store, ann, now, None).await;
    assert!(found.is_empty(), "{found:?}: all chats were asked");
    stack.redis.kill9();
    stack.redis.restart().await;
    stack.load_scripts().await;
    let found = told(store, ann, now, None).await;
    assert!(
        !found.is_empty(),
        "the order of another process was relied upon"
    );
    assert!(marked(&stack, ann).await > 0);
    let views = listed(store, ann, None, 20).await;
    assert!(views[0].contains(&chat.to_string()), "{views:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_not_there_is_made() {
    let stack = Stack::with(Sql::Sqlite, quick().on_one_redis()).await;
    let scene = Scene::new(&stack).await;
    let (store, ann) = (&stack.store, scene.ann);
    let all = looks_at_all(&stack).await;
    let pins = PreferenceChange {
        pinned: Some(true),
        ..PreferenceChange::default()
    };
    scene.prefer(scene.groups[2], pins).await;
    // As an earlier release has it, which put a chat into the list and not into the order.
    let user = key(ann, "order").replace(":order", "");
    stack.redis.cli(&["HDEL", &user, "ordered"]).await;
    for what in ["order", "pinned"] {
        stack.redis.cli(&["DEL", &key(ann, what)]).await;
    }
    is_as_in_all(store, &all, ann, &[Tick::NEVER], "an upgrade").await;
    assert_eq!(marked(&stack, ann).await, scene.groups.len() + 1);
    let pinned = stack.redis.cli(&["SMEMBERS", &key(ann, "pinned")]).await;
    assert_eq!(pinned.trim(), scene.groups[2].to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_changes_only_after_its_members_were_marked() {
    let options = apart().stoppable();
    let stack = Stack::with(Sql::Sqlite, options).await;
    let scene = Scene::new(&stack).await;
    let (store, ann, bob) = (&stack.store, scene.ann, scene.bob);
    let row = |chat: ChatId| format!("chat:{{c{}}}:{chat}", chat.partition());
    let clock = async |chat: ChatId| stack.redis.cli(&["HGET", &row(chat), "clock"]).await;
    for (at, verb) in [Verb::MarkInOrder, Verb::NoteMarked]
        .into_iter()
        .enumerate()
    {
        let chat = scene.groups[at];
        let mut step = 0;
        loop {
            step += 1;
            stack.redis.cli(&["HDEL", &row(chat), "marked"]).await;
            let before = clock(chat).await;
            stack.stop_at(verb, step).await;
            let sent = say(store, chat, bob, "hello", None).await;
            if sent.is_ok() {
                break;
            }
            assert_eq!(clock(chat).await, before, "step {step}");
            let noted = stack.redis.cli(&["HGET", &row(chat), "marked"]).await;
            assert_eq!(noted, "", "step {step}");
        }
        assert!(step > 1, "{} was never stopped", verb.name());
        stack
            .redis
            .cli(&["DEL", &format!("e2e:stop:{}", verb.name())])
            .await;
        let noted = stack.redis.cli(&["HGET", &row(chat), "marked"]).await;
        let noted: i64 = noted.parse().expect("a tick");
        for user in [ann, bob] {
            assert!(score(&stack, user, chat).await >= MARKS + noted);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_marks_few_members_itself_before_it_is_done() {
    let options = Options::default().on_one_redis().stoppable();
    let options = options.counting(&[Verb::MarkInOrder]);
    let stack = Stack::with(Sql::Sqlite, options).await;
    let scene = Scene::new(&stack).await;
    let (store, ann, bob) = (&stack.store, scene.ann, scene.bob);
    let chat = scene.groups[0];
    let row = format!("chat:{{c{}}}:{chat}", chat.partition());
    let before = times_marked(&stack, ann).await;
    let mut step = 0;
    loop {
        step += 1;
        stack.redis.cli(&["HDEL", &row, "marked"]).await;
        for user in [ann, bob] {
            let unmark = ["ZADD", &key(user, "order"), "5", &chat.to_string()];
            stack.redis.cli(&unmark).await;
        }
        let clock = stack.redis.cli(&["HGET", &row, "clock"]).await;
        stack.stop_at(Verb::Append, step).await;
        let sent = say(store, chat, bob, "hello", None).await;
        let noted = stack.redis.cli(&["HGET", &row, "marked"]).await;
        let is_changed = stack.redis.cli(&["HGET", &row, "clock"]).await != clock;
        assert!(!is_changed || !noted.is_empty(), "step {step}");
        for user in [ann, bob].iter().filter(|_| !noted.is_empty()) {
            let noted: i64 = noted.parse().expect("a tick");
            assert!(
                score(&stack, *user, chat).await >= MARKS + noted,
                "step {step}"
            );
        }
        if sent.is_ok() {
            break;
        }
    }
    assert!(step > 3, "it was never stopped");
    assert_eq!(times_marked(&stack, ann).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_that_is_quiet_comes_to_rest_where_all_orders_are() {
    let no_margin = |options: Options| {
        options.altered(|_, source| {
            let source = source.replace("MARGIN = 120000000", "MARGIN = 0");
            source.replace("QUIET = 60000000", "QUIET = 0")
        })
    };
    let cluster = Options {
        cluster: Some(3),
        ..Options::default()
    };
    for (options, comes) in [(Options::default().on_one_redis(), true), (cluster, false)] {
        let stack = Stack::with(Sql::Sqlite, no_margin(options)).await;
        let scene = Scene::new(&stack).await;
        let (store, ann, bob) = (&stack.store, scene.ann, scene.bob);
        let chat = scene.groups[0];
        let row = format!("chat:{{c{}}}:{chat}", chat.partition());
        say(store, chat, bob, "hello", None).await.expect("sent");
        listed(store, ann, None, 20).await;
        let marked = stack.redis.cli(&["HGET", &row, "marked"]).await;
        assert_eq!(marked.is_empty(), comes);
        assert_eq!(score(&stack, ann, chat).await < MARKS, comes);
        let now = stack.hot.now().await.expect("Redis answers");
        say(store, chat, bob, "hello again", None)
            .await
            .expect("sent");
        assert!(score(&stack, ann, chat).await >= MARKS);
        assert!(!told(store, ann, now, None).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_change_a_chat_at_once_one_marks() {
    let options = apart().counting(&[Verb::MarkInOrder]);
    let stack = Stack::with(Sql::Sqlite, options).await;
    let scene = Scene::new(&stack).await;
    let chat = scene.groups[0];
    let before = times_marked(&stack, scene.ann).await;
    let sends = (0..40).map(|_| say(&stack.store, chat, scene.bob, "hello", None));
    for sent in join_all(sends).await {
        sent.expect("sent");
    }
    assert_eq!(times_marked(&stack, scene.ann).await - before, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_members_are_others_by_now_are_marked_anew() {
    // The roster is another after it was read, once.
    let options = apart().altered(|verb, source| match verb {
        Verb::MarkInOrder => source.replace(
            "redis.call('ZADD', order, 'GT'",
            "if redis.call('GETDEL', 'e2e:join') then
                   local time = redis.call('TIME')
                   local roster = text(time[1] * 1000000 + time[2])
                   redis.call('HSET', redis.call('GET', 'e2e:chat'), 'roster', roster)
                 end
                 redis.call('ZADD', order, 'GT'",
        ),
        _ => source,
    });
    let stack = Stack::with(Sql::Sqlite, options).await;
    let scene = Scene::new(&stack).await;
    let chat = scene.groups[0];
    let row = format!("chat:{{c{}}}:{chat}", chat.partition());
    stack.redis.cli(&["SET", "e2e:chat", &row]).await;
    stack.redis.cli(&["SET", "e2e:join", "1"]).await;
    let first = Tick::now();
    say(&stack.store, chat, scene.bob, "hello", None)
        .await
        .expect("sent");
    assert_eq!(stack.redis.cli(&["EXISTS", "e2e:join"]).await, "0");
    let roster = stack.redis.cli(&["HGET", &row, "roster"]).await;
    let marked = stack.redis.cli(&["HGET", &row, "marked"]).await;
    let tick = |text: &str| text.parse::<i64>().expect("a tick");
    assert!(tick(&roster) > first.0);
    assert!(
        tick(&marked) > tick(&roster),
        "of members who were read before"
    );
}

/// A chat that somebody is marked for stays marked while it may change, however old the mark is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_that_may_still_change_stays_marked() {
    let stack = Stack::with(Sql::Sqlite, no_margin()).await;
    let scene = Scene::new(&stack).await;
    let (store, ann, bob) = (&stack.store, scene.ann, scene.bob);
    let chat = scene.groups[0];
    say(store, chat, bob, "hello", None).await.expect("sent");
    listed(store, ann, None, 20).await;
    assert!(score(&stack, ann, chat).await >= MARKS);
    let rest = scene.groups[1];
    assert!(
        score(&stack, ann, rest).await < MARKS,
        "nobody can change it"
    );
    let now = stack.hot.now().await.expect("Redis answers");
    say(store, chat, bob, "hello again", None)
        .await
        .expect("sent");
    assert!(!told(store, ann, now, None).await.is_empty());
    // It is changed again: marked first.
    say(store, rest, bob, "hello", None).await.expect("sent");
    assert!(score(&stack, ann, rest).await >= MARKS);
}

/// Returns the number of times that a chat was marked in the order of a user, as counted.
async fn times_marked(stack: &Stack, user: UserId) -> usize {
    stack.looks(format!("{user}:chats")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_marks_for_too_long_marks_anew() {
    let options = apart()
        .counting(&[Verb::MarkInOrder])
        .altered(|verb, source| match verb {
            Verb::NoteMarked => source.replace(
                "+ 30000000 < micros()",
                "+ 30000000 < micros() + (redis.call('GETDEL', 'e2e:late') or 0)",
            ),
            _ => source,
        });
    let stack = Stack::with(Sql::Sqlite, options).await;
    let scene = Scene::new(&stack).await;
    let before = times_marked(&stack, scene.ann).await;
    stack.redis.cli(&["SET", "e2e:late", "31000000"]).await;
    say(&stack.store, scene.groups[0], scene.bob, "hello", None)
        .await
        .expect("sent");
    assert_eq!(times_marked(&stack, scene.ann).await - before, 2);
}

/// Options under which marks can be taken away at once.
fn no_margin() -> Options {
    let options = Options::default().on_one_redis();
    options.altered(|_, source| source.replace("MARGIN = 120000000", "MARGIN = 0"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_of_after_the_look_stays_and_a_later_change_is_not_forgotten() {
    let stack = Stack::with(Sql::Sqlite, no_margin()).await;
    let scene = Scene::new(&stack).await;
    let (store, ann, bob) = (&stack.store, scene.ann, scene.bob);
    let look = async || match stack.hot.top_chats(ann, 9, Tick::NEVER).await {
        Ok(Ok(OrderLook::Top(top))) => top.reading,
        other => panic!("{other:?}"),
    };
    let unmark = async |reading, chat| {
        let asked = [(chat, Tick(5))];
        let unmarked = stack.hot.unmark(ann, reading, &asked);
        unmarked.await.expect("Redis answers");
    };
    let (chat, kept) = (scene.groups[0], scene.groups[1]);
    let reading = look().await;
    say(store, chat, bob, "hello", None).await.expect("sent");
    unmark(reading, chat).await;
    assert!(
        score(&stack, ann, chat).await >= MARKS,
        "it was marked since"
    );

    // The list and the settings have later ticks than the chat that was asked.
    unmark(look().await, chat).await;
    let joined = score(&stack, ann, chat).await;
    assert!(joined > 5 && joined < MARKS, "{joined}");
    let pins = PreferenceChange {
        pinned: Some(true),
        ..PreferenceChange::default()
    };
    scene.prefer(kept, pins).await;
    let row = ["HGET", &key(ann, "mine"), &format!("chat:{kept}")];
    let row = stack.redis.cli(&row).await;
    let (rev, _) = row.split_once(' ').expect("a rev");
    unmark(look().await, kept).await;
    assert_eq!(score(&stack, ann, kept).await.to_string(), rev);
    // Settings of later raise the score.
    let archives = PreferenceChange {
        archived: Some(true),
        ..PreferenceChange::default()
    };
    scene.prefer(kept, archives).await;
    let raised = score(&stack, ann, kept).await;
    assert!(raised > rev.parse().expect("a tick") && raised < MARKS);
    // What is no mark is not changed by one who was slower.
    let other = scene.groups[2];
    let now = stack.hot.now().await.expect("Redis answers");
    let unmarked = stack.hot.unmark(ann, look().await, &[(other, now)]).await;
    unmarked.expect("Redis answers");
    unmark(look().await, other).await;
    assert_eq!(score(&stack, ann, other).await, now.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pinned_chat_comes_first_however_old_it_is() {
    let stack = Stack::with(Sql::Sqlite, no_margin()).await;
    let mut scene = Scene::new(&stack).await;
    for _ in 0..20 {
        scene.found().await;
    }
    let (store, ann, oldest) = (&stack.store, scene.ann, scene.groups[0]);
    let pins = |pinned| PreferenceChange {
        pinned: Some(pinned),
        ..PreferenceChange::default()
    };
    scene.prefer(oldest, pins(true)).await;
    // Its settings are older than all that follows.
    for chat in &scene.groups[1..] {
        say(store, *chat, scene.bob, "hello", None)
            .await
            .expect("sent");
        let row = format!("chat:{{c{}}}:{chat}", chat.partition());
        stack.redis.cli(&["HDEL", &row, "marked"]).await;
    }
    listed(store, ann, None, 3).await;
    assert_eq!(marked(&stack, ann).await, 0, "or all of them are looked at");
    let is_first = async || {
        let views = listed(store, ann, None, 3).await;
        views[0].contains(&oldest.to_string())
    };
    assert!(is_first().await);
    scene.prefer(oldest, pins(false)).await;
    assert!(!is_first().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_flusher_completes_is_marked_before() {
    let stack = Stack::with(Sql::Sqlite, no_margin().stoppable()).await;
    let scene = Scene::new(&stack).await;
    let (store, ann, bob) = (&stack.store, scene.ann, scene.bob);
    let chat = scene.groups[0];
    let row = format!("chat:{{c{}}}:{chat}", chat.partition());
    say(store, chat, bob, "hello", None).await.expect("sent");
    let list = format!("{row}:messages");
    // A message is in the list, and its chat does not count it yet.
    let mut step = 0;
    let (length, clock) = (["LLEN", &list], ["HGET", &row, "clock"]);
    loop {
        step += 1;
        let before = (
            stack.redis.cli(&length).await,
            stack.redis.cli(&clock).await,
        );
        stack.stop_at(Verb::Append, step).await;
        assert!(
            say(store, chat, bob, "again", None).await.is_err(),
            "{step}"
        );
        let after = (
            stack.redis.cli(&length).await,
            stack.redis.cli(&clock).await,
        );
        if before.0 != after.0 && before.1 == after.1 {
            break;
        }
    }
    // Long after that: nobody could write.
    stack.redis.cli(&["HDEL", &row, "marked"]).await;
    listed(store, ann, None, 20).await;
    let before = score(&stack, ann, chat).await;
    assert!(before < MARKS);
    let flusher = stack.start_flusher().await;
    stack.saved(chat).await;
    flusher.stop().await;
    assert!(
        score(&stack, ann, chat).await >= MARKS,
        "it was completed unmarked"
    );
    let found = told(store, ann, Tick(before), None).await;
    assert!(!found.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memberships_that_a_backup_has_end_after_the_others_were_marked() {
    let stack = Stack::with(Sql::Sqlite, no_margin()).await;
    let scene = Scene::new(&stack).await;
    let (store, ann, chat) = (&stack.store, scene.ann, scene.groups[0]);
    listed(store, ann, None, 20).await;
    assert!(score(&stack, ann, chat).await < MARKS);
    let member = stack.hot.members(chat).await.expect("Redis answers")[&ann].clone();
    let saved = [(UserId::new(), member)];
    let ended = stack.hot.end_members(chat, &saved);
    assert_eq!(ended.await.expect("ended"), 1);
    assert!(score(&stack, ann, chat).await >= MARKS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_page_has_what_moved_to_the_first_meanwhile() {
    let stack = Stack::with(Sql::Sqlite, no_margin()).await;
    let mut scene = Scene::new(&stack).await;
    for _ in 0..10 {
        scene.found().await;
    }
    let (store, ann) = (&stack.store, scene.ann);
    let all = ChatFilter::default();
    listed(store, ann, None, 3).await;
    assert_eq!(
        marked(&stack, ann).await,
        0,
        "or all of them are on the page"
    );
    let (first, next) = store.list(ann, all, None, 3).await.expect("listed");
    let (moves, stays) = (scene.groups[2], scene.groups[3]);
    say(store, moves, scene.bob, "hello", None)
        .await
        .expect("sent");
    let (second, end) = store.list(ann, all, next, 30).await.expect("listed");
    assert_eq!(end, None);
    let ids: Vec<ChatId> = first.iter().chain(&second).map(|view| view.id).collect();
    let unique: BTreeSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), unique.len()), (21, 21), "each once");
    assert_eq!(ids[3], moves);
    assert!(ids.contains(&stays));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_too_old_is_made_anew() {
    let stack = Stack::with(Sql::Sqlite, no_margin()).await;
    let scene = Scene::new(&stack).await;
    let ann = scene.ann;
    listed(&stack.store, ann, None, 20).await;
    assert_eq!(marked(&stack, ann).await, 0);
    // Processes of an earlier release have been at work since.
    let now = stack.hot.now().await.expect("Redis answers");
    let from = ["HSET", "carrier", "ordered_from", &now.to_string()];
    stack.redis.cli(&from).await;
    let chat = scene.groups[0];
    let forgets = ["ZREM", &key(ann, "order"), &chat.to_string()];
    stack.redis.cli(&forgets).await;
    let store = stack.open_store(&stack.redis.url()).await;
    let found = told(&store, ann, Tick::NEVER, None).await;
    assert!(found.iter().any(|event| event.contains(&chat.to_string())));
    assert!(score(&stack, ann, chat).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_a_newer_message_comes_before_what_was_only_read_since() {
    let stack = Stack::with(Sql::Sqlite, no_margin()).await;
    let mut scene = Scene::new(&stack).await;
    for _ in 0..30 {
        scene.found().await;
    }
    let (store, ann) = (&stack.store, scene.ann);
    let mut sent = Vec::new();
    for chat in &scene.groups {
        let id = say(store, *chat, scene.bob, "hello", None).await;
        sent.push((*chat, id.expect("sent")));
    }
    // More of them than the first look at the order returns.
    for (chat, id) in &sent[..25] {
        let read = store.mark(scene.of(ann, *chat), *id, Tick::NEVER);
        read.await.expect("read");
    }
    for chat in &scene.groups {
        let row = format!("chat:{{c{}}}:{chat}", chat.partition());
        stack.redis.cli(&["HDEL", &row, "marked"]).await;
    }
    listed(store, ann, None, 3).await;
    assert_eq!(marked(&stack, ann).await, 0, "or all of them are looked at");
    let views = listed(store, ann, None, 3).await;
    for (view, (chat, _)) in views.iter().zip(sent.iter().rev()) {
        assert!(view.contains(&chat.to_string()), "{view}");
    }
}
