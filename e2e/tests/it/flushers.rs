//! Any number of flushers share the work, and none is needed for a write to be safe.

use std::time::{Duration, Instant};

use e2e::{Fault, Ledger, Options, Proxy, Sql, Stack, audit, audit_sql, eventually, on_both, say};
use futures_util::future::join_all;
use hot::Verb;
use model::{ChatId, Tick, UserId};
use store::Membership;

const CHATS: usize = 60;
const TEXTS: usize = 12;

/// Counts in Redis how often a chat is looked at. Without expiry events: each flusher that hears
/// of one makes the chat due again.
fn counting() -> Options {
    let options = Options {
        chat_ttl: Duration::from_secs(1),
        redis: vec![("notify-keyspace-events", "")],
        ..Options::default()
    };
    // One that is left for the next script is not looked at.
    let look = "raise_mark(commits, 'began:'";
    options.altered(move |verb, source| match verb {
        Verb::SnapshotChat => {
            let count = "redis.call('INCR', 'e2e:looks:' .. chat)\n";
            source.replace(look, &format!("{count}{look}"))
        }
        _ => source,
    })
}

/// Makes many groups of three people, with the same going on in each at the same time.
async fn busy(stack: &Stack) -> Vec<Ledger> {
    let people = [
        stack.person("ann").await,
        stack.person("bob").await,
        stack.person("carl").await,
    ];
    let chats = (0..CHATS).map(|_| ChatId::new());
    join_all(chats.map(|chat| talk(stack, chat, people))).await
}

async fn talk(stack: &Stack, chat: ChatId, people: [UserId; 3]) -> Ledger {
    assert!(
        stack
            .store
            .create_group(chat, people[0], "Friends", &people[1..])
            .await
            .expect("created")
    );
    let mut ledger = Ledger::new(chat, people[2]);
    for at in 0..TEXTS {
        let body = format!("text {at}");
        ledger.sent.push((
            say(&stack.store, chat, people[at % 3], &body, None)
                .await
                .expect("sent"),
            body,
        ));
    }
    ledger
}

on_both!(what_expired_while_no_flusher_ran_is_saved_by_the_first_that_does);
async fn what_expired_while_no_flusher_ran_is_saved_by_the_first_that_does(sql: Sql) {
    backlog(sql, 1).await;
}

on_both!(two_flushers_share_a_backlog_and_look_at_no_chat_twice);
async fn two_flushers_share_a_backlog_and_look_at_no_chat_twice(sql: Sql) {
    backlog(sql, 2).await;
}

on_both!(four_flushers_share_a_backlog_and_look_at_no_chat_twice);
async fn four_flushers_share_a_backlog_and_look_at_no_chat_twice(sql: Sql) {
    backlog(sql, 4).await;
}

async fn backlog(sql: Sql, flushers: usize) {
    let stack = Stack::with(sql, counting()).await;
    let ledgers = busy(&stack).await;
    eventually(
        Duration::from_secs(30),
        "every token has expired",
        async || stack.redis.keys("chat:*:token").await.is_empty(),
    )
    .await;
    for ledger in &ledgers {
        assert!(
            stack
                .cold
                .chat(ledger.chat)
                .await
                .expect("SQL answers")
                .is_none(),
            "nobody can have saved it yet"
        );
    }
    let running = join_all((0..flushers).map(|_| stack.start_flusher())).await;
    audit_sql(&stack, &ledgers).await;
    // Each chat was whole and no longer warm when it was claimed: one look, one commit, and it
    // leaves.
    let looks = stack.redis.keys("e2e:looks:*").await;
    assert_eq!(looks.len(), CHATS);
    for chat in &looks {
        assert_eq!(stack.redis.cli(&["GET", chat]).await, "1", "{chat}");
    }
    audit(&stack, &ledgers).await;
    join_all(running.into_iter().map(e2e::Flusher::stop)).await;
}

on_both!(four_flushers_save_every_row_once_while_everybody_writes);
async fn four_flushers_save_every_row_once_while_everybody_writes(sql: Sql) {
    // Saved almost as it is written, over and over; and it leaves between two texts, again and
    // again.
    let options = Options {
        chat_ttl: Duration::from_millis(60),
        flush_after: Duration::from_millis(5),
        ..Options::default()
    };
    let stack = Stack::with(
        sql,
        Options {
            sweep: Duration::from_millis(5),
            hot_messages: 3,
            ..options
        },
    )
    .await;
    let running = join_all((0..4).map(|_| stack.start_flusher())).await;
    let ledgers = busy(&stack).await;
    audit(&stack, &ledgers).await;
    audit_sql(&stack, &ledgers).await;
    join_all(running.into_iter().map(e2e::Flusher::stop)).await;
}

on_both!(a_flusher_that_sleeps_between_snapshot_and_commit_takes_no_row_back);
async fn a_flusher_that_sleeps_between_snapshot_and_commit_takes_no_row_back(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            lease: Duration::from_millis(300),
            ..Options::default()
        }
        .on_one_redis(),
    )
    .await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    let mut ledger = Ledger::new(chat, bob);
    ledger.sent.push((
        say(&stack.store, chat, ann, "one", None)
            .await
            .expect("sent"),
        "one".into(),
    ));

    let proxy = Proxy::before(stack.redis.address()).await;
    let asleep = proxy.rule_for(stack.sha(Verb::SnapshotChat), Fault::StallReply, 0, 1);
    let sleeper = stack
        .start_flusher_with(stack.options.flusher(), &proxy.url())
        .await;
    asleep.wait_fired(1).await;
    // It holds a snapshot of before. Every row it has changes, and another flusher, after the
    // lease, saves that.
    let two = say(&stack.store, chat, ann, "two", None)
        .await
        .expect("sent");
    ledger.sent.push((two, "two".into()));
    stack
        .store
        .mark(Membership { chat, user: bob }, two, two)
        .await
        .expect("marked");
    let flusher = stack.start_flusher().await;
    stack.saved(chat).await;
    let newest = rows(&stack, chat).await;
    asleep.release();
    sleeper.stop().await; // it ends what it was at first
    assert_eq!(rows(&stack, chat).await, newest);

    stack.expire(chat).await;
    let ledgers = [ledger];
    audit_sql(&stack, &ledgers).await;
    assert_eq!(rows(&stack, chat).await, newest);
    assert_eq!(
        stack
            .store
            .view(Membership { chat, user: bob })
            .await
            .expect("a member looks")
            .unread_count,
        0
    );
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flusher_that_sleeps_until_a_group_is_deleted_brings_none_of_it_back() {
    let patient = Options {
        lease: Duration::from_millis(300),
        command_timeout: Duration::from_secs(60),
        ..Options::default()
    };
    let stack = Stack::with(Sql::Sqlite, patient.on_one_redis()).await;
    let (ann, chat) = (stack.person("ann").await, ChatId::new());
    stack
        .store
        .create_group(chat, ann, "Friends", &[])
        .await
        .expect("created");
    Ledger::new(chat, ann).talk(&stack, 3).await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let asleep = proxy.rule_for(stack.sha(Verb::SnapshotChat), Fault::StallReply, 0, 1);
    let sleeper = stack
        .start_flusher_with(stack.options.flusher(), &proxy.url())
        .await;
    asleep.wait_fired(1).await;

    stack
        .store
        .delete_chat(Membership { chat, user: ann })
        .await
        .expect("deleted");
    let flusher = stack.start_flusher().await;
    stack.evicted(chat).await;
    flusher.stop().await;
    asleep.release();
    sleeper.stop().await; // it ends what it was at first
    assert!(rows(&stack, chat).await.0.deleted.happened());
    assert_eq!(
        stack
            .cold
            .messages_before(chat, Tick(i64::MAX), 5)
            .await
            .expect("SQL answers"),
        []
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flusher_that_sleeps_in_the_first_commit_of_a_group_brings_none_of_it_back() {
    let stack = Stack::with(Sql::MariaDb, Options::default()).await;
    let (ann, chat) = (stack.person("ann").await, ChatId::new());
    stack
        .store
        .create_group(chat, ann, "Friends", &[])
        .await
        .expect("created");
    Ledger::new(chat, ann).talk(&stack, 3).await;
    // Between its look for deleted chats and its first row.
    let (proxy, behind) = stack.sql_proxy().await;
    let asleep = proxy.rule_for("INSERT INTO `chats`", Fault::Stall, 0, 1);
    let sleeper = stack
        .start_flusher_between(stack.options.flusher(), &stack.redis.url(), &behind)
        .await;
    asleep.wait_fired(1).await;

    stack
        .store
        .delete_chat(Membership { chat, user: ann })
        .await
        .expect("deleted");
    let flusher = stack.start_flusher().await;
    // It takes over before the lease of the one that sleeps has ended.
    stack.hot.flush_soon(chat).await.expect("Redis answers");
    stack.evicted(chat).await;
    flusher.stop().await;
    asleep.release();
    sleeper.stop().await; // it ends what it was at first
    let written = stack.cold.messages_before(chat, Tick(i64::MAX), 5).await;
    assert_eq!(written.expect("SQL answers"), []);
    assert!(rows(&stack, chat).await.0.deleted.happened());
}

/// The chat's row and its members', as SQL has them.
async fn rows(stack: &Stack, chat: ChatId) -> (model::Chat, Vec<(UserId, model::Member)>) {
    let mut found = stack
        .cold
        .chat(chat)
        .await
        .expect("SQL answers")
        .expect("it is saved");
    found.members.sort_by_key(|(user, _)| *user);
    (found.chat, found.members)
}

on_both!(a_flusher_that_sleeps_takes_nobodys_profile_back);
async fn a_flusher_that_sleeps_takes_nobodys_profile_back(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            lease: Duration::from_millis(300),
            ..Options::default()
        }
        .on_one_redis(),
    )
    .await;
    let ann = stack.person("ann").await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let asleep = proxy.rule_for(stack.sha(Verb::SnapshotUser), Fault::StallReply, 0, 1);
    let sleeper = stack
        .start_flusher_with(stack.options.flusher(), &proxy.url())
        .await;
    asleep.wait_fired(1).await;
    let change = hot::UserChange {
        bio: Some("new".into()),
        ..Default::default()
    };
    let changed = stack.store.change_user(ann, change).await.expect("changed");
    let flusher = stack.start_flusher().await;
    let saved = async || {
        stack
            .cold
            .user(ann)
            .await
            .expect("SQL answers")
            .is_some_and(|user| user == changed)
    };
    eventually(Duration::from_secs(30), "the new profile is saved", saved).await;
    asleep.release();
    sleeper.stop().await;
    assert_eq!(
        stack.cold.user(ann).await.expect("SQL answers"),
        Some(changed)
    );
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flusher_that_can_do_nothing_tries_more_and_more_rarely() {
    let options = Options::default().on_one_redis().altered(|verb, source| {
        match (verb, source.split_once('\n')) {
            (Verb::LeaseDue, Some((flags, _))) => {
                format!("{flags}\nredis.call('INCR', 'e2e:tries')\nerror('refused by the test')")
            }
            _ => source,
        }
    });
    let stack = Stack::with(Sql::Sqlite, options).await;
    stack.person("ann").await;
    let began = Instant::now();
    let flusher = stack.start_flusher().await;
    let tries = async || {
        stack
            .redis
            .cli(&["GET", "e2e:tries"])
            .await
            .parse::<usize>()
            .unwrap_or_default()
    };
    eventually(
        Duration::from_secs(60),
        "it has tried five times",
        async || tries().await >= 5,
    )
    .await;
    let least = Duration::from_millis(200 + 400 + 800 + 1600);
    assert!(
        began.elapsed() >= least,
        "{} tries within {:?}",
        tries().await,
        began.elapsed()
    );
    flusher.stop().await;
}

on_both!(chats_that_expire_together_are_looked_at_together);
async fn chats_that_expire_together_are_looked_at_together(sql: Sql) {
    // Only the events tell of it; and one look at all due sets is some 500 commands.
    let hour = Duration::from_secs(3600);
    let stack = Stack::with(
        sql,
        Options {
            sweep: hour,
            flush_after: hour,
            chat_ttl: hour,
            ..Options::default()
        },
    )
    .await;
    let ann = stack.person("ann").await;
    let chats: Vec<ChatId> = (0..300).map(|_| ChatId::new()).collect();
    for chat in &chats {
        stack
            .store
            .create_group(*chat, ann, "Friends", &[])
            .await
            .expect("created");
    }
    let flusher = stack.start_flusher().await;
    let commands = async || {
        let info = stack.redis.cli(&["INFO", "stats"]).await;
        let count = info
            .lines()
            .find_map(|line| line.strip_prefix("total_commands_processed:"))
            .expect("Redis counts");
        count.trim().parse::<usize>().expect("a count")
    };
    let before = commands().await;
    let all = "for _, key in ipairs(redis.call('KEYS', 'chat:*:token')) do
                 redis.call('PEXPIRE', key, 100)
               end";
    stack.redis.cli(&["EVAL", all, "0"]).await;
    let left = async || stack.redis.keys("chat:*:members").await.is_empty();
    eventually(Duration::from_secs(60), "all have left", left).await;
    let each = (commands().await - before) / chats.len();
    assert!(each < 300, "{each} commands for each chat");
    flusher.stop().await;
}
