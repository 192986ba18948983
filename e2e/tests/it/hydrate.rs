//! Loading from SQL: many at once, too late, twice; and what happens to a user meanwhile.

use std::{collections::BTreeSet, time::Duration};

use cold::Cold;
use e2e::{
    Fault, Ledger, Options, PASSWORD, Proxy, Sql, Stack, audit, audit_sql, eventually, on_both,
};
use futures_util::future::join_all;
use hot::{ChatRows, HydrationStart, LoadOutcome, Verb};
use model::{Chat, ChatId, ChatKind, Member, Role, ServerEvent, Tick, UserId};
use store::{Error, Membership, Store, SyncCursor};

const SECOND: Duration = Duration::from_secs(1);

/// Ann and Bob's chat, saved and no longer in Redis.
async fn cold_chat(stack: &Stack) -> Ledger {
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    let mut ledger = Ledger::new(chat, ann);
    ledger.talk(stack, 70).await;
    stack.leave(chat).await;
    ledger
}

async fn in_list(stack: &Stack, chat: ChatId) -> String {
    stack
        .redis
        .cli(&[
            "LLEN",
            &format!("chat:{{c{}}}:{chat}:messages", chat.partition()),
        ])
        .await
}

/// A chat as a hydrator reads it from SQL.
async fn read(cold: &Cold, chat: ChatId) -> ChatRows {
    let found = cold
        .chat(chat)
        .await
        .expect("SQL answers")
        .expect("it is saved");
    let messages = cold
        .messages_before(chat, Tick(i64::MAX), 50)
        .await
        .expect("SQL answers");
    ChatRows {
        chat: found.chat,
        members: found.members,
        gone: found.gone,
        messages,
        sent: Vec::new(),
        new: false,
    }
}

on_both!(a_chat_that_many_hydrate_at_once_is_read_once_and_loaded_once);
async fn a_chat_that_many_hydrate_at_once_is_read_once_and_loaded_once(sql: Sql) {
    let counted = Options::default().altered(|verb, source| match verb {
        Verb::Begin => source.replace(
            "return then_sql({ 'BEGUN'",
            "redis.call('INCR', 'e2e:begun:' .. KEYS[1])\nreturn then_sql({ 'BEGUN'",
        ),
        _ => source,
    });
    let stack = Stack::with(sql, counted).await;
    let mut ledgers = [cold_chat(&stack).await];
    let chat = ledgers[0].chat;
    let begun = stack.redis.keys(&format!("e2e:begun:chat:*{chat}")).await;
    stack.redis.cli(&["DEL", &begun[0]]).await;

    let stores =
        join_all((0..4).map(|_| async { stack.open_store(&stack.redis.url()).await })).await;
    let all = stores
        .iter()
        .cycle()
        .take(20)
        .map(|store| store.hydrate_chat(chat));
    assert!(
        join_all(all)
            .await
            .into_iter()
            .all(|found| found.expect("loaded"))
    );
    assert_eq!(
        stack.redis.cli(&["GET", &begun[0]]).await,
        "1",
        "one of them reads SQL, the others wait"
    );
    assert_eq!(in_list(&stack, chat).await, "50");
    audit(&stack, &ledgers).await;

    ledgers[0].talk(&stack, 5).await;
    for store in &stores {
        assert!(store.hydrate_chat(chat).await.expect("it is there"));
    }
    assert_eq!(
        in_list(&stack, chat).await,
        "55",
        "what is resident is not loaded again"
    );
    audit(&stack, &ledgers).await;
    stack.leave(chat).await;
    audit_sql(&stack, &ledgers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_who_wait_for_one_chat_ask_redis_as_one_and_seldom() {
    let options = Options {
        hydrate_lease: SECOND,
        ..Options::default()
    };
    let stack = Stack::with(Sql::Sqlite, options.counting(&[Verb::Begin])).await;
    let chat = cold_chat(&stack).await.chat;
    // Another process is at it, and dies.
    let begun = stack.hot.begin_chat(chat, "another").await.expect("begun");
    assert!(matches!(begun, HydrationStart::Started(_)));
    let before = stack.looks(chat).await;
    let all = join_all((0..200).map(|_| stack.store.hydrate_chat(chat))).await;
    assert!(all.into_iter().all(|found| found.expect("loaded")));
    let looks = stack.looks(chat).await - before;
    assert!(looks < 50, "they looked {looks} times in a second");
}

on_both!(a_hydrator_that_sleeps_until_its_chat_has_come_and_gone_loads_nothing_old);
async fn a_hydrator_that_sleeps_until_its_chat_has_come_and_gone_loads_nothing_old(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            hydrate_lease: SECOND,
            command_timeout: 60 * SECOND,
            ..Options::default()
        }
        .on_one_redis(),
    )
    .await;
    let mut ledgers = [cold_chat(&stack).await];
    let chat = ledgers[0].chat;
    let proxy = Proxy::before(stack.redis.address()).await;
    let sleeper = stack.open_store(&proxy.url()).await;
    let load = proxy.rule_for(stack.sha(Verb::LoadChat), Fault::Stall, 0, 1);
    let sleeping = tokio::spawn(async move { sleeper.hydrate_chat(chat).await });
    load.wait_fired(1).await;

    ledgers[0].talk(&stack, 10).await; // loaded by another, once the sleeper's time is up
    stack.leave(chat).await;
    load.release();
    assert!(
        tokio::time::timeout(30 * SECOND, sleeping)
            .await
            .expect("in time")
            .expect("no panic")
            .expect("loaded")
    );
    audit(&stack, &ledgers).await;
    ledgers[0].talk(&stack, 10).await;
    audit(&stack, &ledgers).await;
    stack.leave(chat).await;
    audit_sql(&stack, &ledgers).await;
}

on_both!(only_the_hydrator_whose_turn_it_is_loads_and_only_once);
async fn only_the_hydrator_whose_turn_it_is_loads_and_only_once(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            hydrate_lease: 300 * Duration::from_millis(1),
            ..Options::default()
        },
    )
    .await;
    let mut ledgers = [cold_chat(&stack).await];
    let chat = ledgers[0].chat;
    let old = read(&stack.cold, chat).await;
    let hot = &stack.hot;

    assert!(matches!(
        hot.begin_chat(chat, "first").await.expect("Redis answers"),
        HydrationStart::Started(_)
    ));
    assert_eq!(
        hot.begin_chat(chat, "second").await.expect("Redis answers"),
        HydrationStart::Taken
    );
    let second = async || {
        matches!(
            hot.begin_chat(chat, "second").await.expect("Redis answers"),
            HydrationStart::Started(_)
        )
    };
    eventually(60 * SECOND, "the first one's time is up", second).await;
    assert_eq!(
        hot.load_chat("first", &old).await.expect("Redis answers"),
        LoadOutcome::Fenced
    );
    assert!(
        stack.redis.keys(&format!("chat:*{chat}")).await.is_empty(),
        "nothing of it is written"
    );
    // The first one begins again, and ends what the second began no more than its own late load
    // did.
    hot.abandon_chat(chat, "first")
        .await
        .expect("Redis answers");
    assert_eq!(
        hot.load_chat("second", &old).await.expect("Redis answers"),
        LoadOutcome::Done
    );

    ledgers[0].talk(&stack, 3).await;
    for nonce in ["first", "second"] {
        assert_eq!(
            hot.load_chat(nonce, &old).await.expect("Redis answers"),
            LoadOutcome::Resident
        );
        assert_eq!(
            hot.begin_chat(chat, nonce).await.expect("Redis answers"),
            HydrationStart::Resident
        );
    }
    assert_eq!(in_list(&stack, chat).await, "53");
    audit(&stack, &ledgers).await;
    stack.leave(chat).await;
    audit_sql(&stack, &ledgers).await;
}

on_both!(a_user_whose_registration_sleeps_for_longer_than_its_lease_is_registered);
async fn a_user_whose_registration_sleeps_for_longer_than_its_lease_is_registered(sql: Sql) {
    let options = Options {
        hydrate_lease: SECOND / 10,
        command_timeout: 60 * SECOND,
        ..Options::default()
    };
    let stack = Stack::with(sql, options.on_one_redis()).await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let sleeper = stack.open_store(&proxy.url()).await;
    let load = proxy.rule_for(stack.sha(Verb::LoadUser), Fault::Stall, 0, 1);
    let sleeping = tokio::spawn(async move {
        sleeper
            .register("ann", "ann@example.org", "Ann", PASSWORD, "e2e", "e2e")
            .await
    });
    load.wait_fired(1).await;
    let over = async || stack.redis.keys("*:hydrating").await.is_empty();
    eventually(30 * SECOND, "its lease is over", over).await;
    load.release();
    let entered = tokio::time::timeout(30 * SECOND, sleeping)
        .await
        .expect("in time")
        .expect("no panic")
        .expect("registered");
    assert_eq!(
        stack
            .store
            .login("ann", PASSWORD, "e2e", "e2e")
            .await
            .expect("logged in")
            .user
            .id,
        entered.user.id
    );
}

/// Ann, who is here, and Bob, who is saved and no longer in Redis.
async fn ann_and_cold_bob(stack: &Stack) -> (UserId, UserId) {
    let ann = stack.person("ann").await;
    let bob = stack
        .store
        .register("bob", "bob@example.org", "bob", PASSWORD, "e2e", "e2e")
        .await
        .expect("registered");
    stack
        .store
        .logout(bob.user.id, &bob.token.hash())
        .await
        .expect("logged out");
    let flusher = stack.start_flusher().await;
    let gone = async || {
        stack
            .redis
            .keys(&format!("user:*{}*", bob.user.id))
            .await
            .is_empty()
    };
    eventually(30 * SECOND, "Bob has left Redis", gone).await;
    flusher.stop().await;
    (ann, bob.user.id)
}

async fn is_listed_once(store: &Store, user: UserId, chat: ChatId) {
    let (listed, _) = store
        .list(user, store::ChatFilter::default(), None, 100)
        .await
        .expect("a list");
    assert_eq!(
        listed.iter().map(|view| view.id).collect::<Vec<_>>(),
        [chat]
    );
}

on_both!(a_chat_that_is_opened_while_its_peer_is_being_hydrated_is_in_their_list);
async fn a_chat_that_is_opened_while_its_peer_is_being_hydrated_is_in_their_list(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            command_timeout: 60 * SECOND,
            ..Options::default()
        }
        .on_one_redis(),
    )
    .await;
    let (ann, bob) = ann_and_cold_bob(&stack).await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let sleeper = stack.open_store(&proxy.url()).await;
    let load = proxy.rule_for(stack.sha(Verb::LoadUser), Fault::Stall, 0, 1);
    let sleeping = tokio::spawn(async move { sleeper.hydrate_user(bob).await });
    load.wait_fired(1).await;

    let (chat, new) = stack.store.open_direct(ann, bob).await.expect("opened");
    assert!(new);
    load.release();
    assert!(
        tokio::time::timeout(30 * SECOND, sleeping)
            .await
            .expect("in time")
            .expect("no panic")
            .expect("loaded")
    );
    is_listed_once(&stack.store, bob, chat).await;
    is_listed_once(&stack.store, ann, chat).await;
}

on_both!(a_chat_whose_creator_died_while_its_peer_was_being_hydrated_is_in_their_list);
async fn a_chat_whose_creator_died_while_its_peer_was_being_hydrated_is_in_their_list(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            hydrate_lease: 60 * SECOND,
            command_timeout: 60 * SECOND,
            ..Options::default()
        }
        .on_one_redis(),
    )
    .await;
    let (ann, bob) = ann_and_cold_bob(&stack).await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let sleeper = stack.open_store(&proxy.url()).await;
    let load = proxy.rule_for(stack.sha(Verb::LoadUser), Fault::Stall, 0, 1);
    let sleeping = tokio::spawn(async move { sleeper.hydrate_user(bob).await });
    load.wait_fired(1).await; // it has read Bob's list, in which the chat is not

    // All that a creator did who died before anybody was told of the chat.
    let (chat, hot) = (ChatId::direct(ann, bob), &stack.hot);
    let HydrationStart::Started(tick) = hot
        .begin_chat(chat, "creator")
        .await
        .expect("Redis answers")
    else {
        panic!("nobody else creates it")
    };
    let rows = ChatRows {
        chat: Chat {
            id: chat,
            kind: ChatKind::Direct,
            name: String::new(),
            description: String::new(),
            avatar: String::new(),
            blocks: model::Blocks::default(),
            deleted: Tick::NEVER,
            mentions_all: model::MentionsOfAll::default(),
            pins: model::Pins::default(),
            invites: model::Invites::default(),
            creator: ann,
            created: tick,
            last: tick,
            seq: 0,
            texts: 0,
            rev: tick,
        },
        members: [ann, bob]
            .map(|user| (user, Member::joining(Role::Member, tick, 0)))
            .into(),
        gone: Tick::NEVER,
        messages: Vec::new(),
        sent: Vec::new(),
        new: true,
    };
    assert_eq!(
        hot.load_chat("creator", &rows)
            .await
            .expect("Redis answers"),
        LoadOutcome::Done
    );

    let flusher = stack.start_flusher().await;
    stack.saved(chat).await;
    load.release();
    assert!(
        tokio::time::timeout(30 * SECOND, sleeping)
            .await
            .expect("in time")
            .expect("no panic")
            .expect("loaded")
    );
    is_listed_once(&stack.store, bob, chat).await;
    is_listed_once(&stack.store, ann, chat).await;
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_is_only_looked_up_leaves_again() {
    let stack = Stack::with(
        Sql::Sqlite,
        Options {
            chat_ttl: SECOND,
            ..Options::default()
        },
    )
    .await;
    let (_, bob) = ann_and_cold_bob(&stack).await;
    assert!(stack.store.user(bob).await.expect("both answer").is_some());
    let keys = async || stack.redis.keys(&format!("user:*{bob}*")).await;
    assert!(!keys().await.is_empty(), "he is back");
    let flusher = stack.start_flusher().await;
    eventually(30 * SECOND, "Bob has left Redis", async || {
        keys().await.is_empty()
    })
    .await;
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_whom_others_name_or_whose_password_they_guess_stays_in_sql() {
    let stack = Stack::start(Sql::Sqlite).await;
    let (_, bob) = ann_and_cold_bob(&stack).await;
    let store = &stack.store;
    for text in ["bob", &bob.to_string()] {
        let found = store.find_any(text).await.expect("both answer");
        assert_eq!(found.expect("Bob").id, bob);
    }
    let guessed = store.login("bob", "a guess", "e2e", "e2e").await;
    assert!(
        matches!(guessed, Err(Error::WrongLogin { account }) if account == Some(bob)),
        "{guessed:?}"
    );
    let keys = stack.redis.keys(&format!("user:*{bob}*")).await;
    assert!(keys.is_empty(), "nobody loads him: {keys:?}");
    let right = store.login("bob", PASSWORD, "e2e", "e2e").await;
    assert_eq!(right.expect("logged in").user.id, bob);
}

on_both!(people_who_are_asked_whether_they_accept_a_group_stay_in_sql);
async fn people_who_are_asked_whether_they_accept_a_group_stay_in_sql(sql: Sql) {
    let stack = Stack::with(sql, Options::default()).await;
    let (store, mut people) = (&stack.store, Vec::new());
    for name in ["ann", "bob", "carl"] {
        let email = format!("{name}@example.org");
        let registered = store.register(name, &email, name, PASSWORD, "e2e", "e2e");
        people.push(registered.await.expect("registered"));
    }
    let [ann, bob, carl] = [0, 1, 2].map(|at: usize| people[at].user.id);
    store.block(carl, ann, true).await.expect("blocked");
    for person in &people[1..] {
        let logged_out = store.logout(person.user.id, &person.token.hash()).await;
        logged_out.expect("logged out");
    }
    let in_redis = async || {
        let mut keys = stack.redis.keys(&format!("user:*{bob}*")).await;
        keys.extend(stack.redis.keys(&format!("user:*{carl}*")).await);
        keys
    };
    let flusher = stack.start_flusher().await;
    let gone = async || in_redis().await.is_empty();
    eventually(30 * SECOND, "both have left Redis", gone).await;
    flusher.stop().await;

    let texts = [carl.to_string(), "bob".into(), UserId::new().to_string()];
    let found = store.find_all(&texts).await;
    let found = found.expect("both answer").into_iter();
    let found: Vec<_> = found.map(|user| user.map(|user| user.id)).collect();
    assert_eq!(found, [Some(carl), Some(bob), None]);
    let refused = store
        .create_group(ChatId::new(), ann, "Us", &[bob, carl])
        .await;
    assert!(matches!(refused, Err(Error::NotAccepted)), "{refused:?}");
    assert_eq!(in_redis().await, Vec::<String>::new(), "nobody loads them");
    let made = store.create_group(ChatId::new(), ann, "Us", &[bob]).await;
    assert!(made.expect("created"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notifying_a_user_who_is_cold_leaves_nothing_in_redis() {
    let stack = Stack::start(Sql::Sqlite).await;
    let (ann, bob) = ann_and_cold_bob(&stack).await;
    let listed = hot::ListedChat {
        chat: ChatId::new(),
        rev: Tick::now(),
        left: Tick::NEVER,
    };
    assert!(
        stack
            .hot
            .enlist(ann, listed, Default::default())
            .await
            .is_ok()
    );
    assert!(
        !stack
            .redis
            .keys(&format!("user:*{ann}:chats"))
            .await
            .is_empty(),
        "Ann is there, and was told"
    );
    assert!(
        stack
            .hot
            .enlist(bob, listed, Default::default())
            .await
            .is_ok()
    );
    // Whatever were there would never leave: nobody is due who is not resident.
    assert_eq!(
        stack.redis.keys(&format!("user:*{bob}*")).await,
        Vec::<String>::new()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_is_saved_can_still_end_their_sessions() {
    let stack = Stack::start(Sql::Sqlite).await;
    let ann = stack.person("ann").await;
    let here = stack
        .store
        .login("ann", PASSWORD, "here", "e2e")
        .await
        .expect("she is in")
        .token;
    let there = stack
        .store
        .login("ann", PASSWORD, "there", "e2e")
        .await
        .expect("she is in")
        .token;
    let flusher = stack.start_flusher().await;
    eventually(30 * SECOND, "she is saved", async || {
        stack.redis.keys("user:*:dirty").await.is_empty()
    })
    .await;
    flusher.stop().await; // it ends what it was at first
    assert_eq!(
        stack
            .store
            .sessions(ann, &here.hash())
            .await
            .expect("Redis answers")
            .len(),
        3
    );
    stack
        .store
        .revoke_others(ann, &here.hash())
        .await
        .expect("revoked");
    assert!(matches!(
        stack.store.authenticate(&there).await,
        Err(Error::NoSession)
    ));
    stack.store.authenticate(&here).await.expect("she is in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_left_a_group_is_not_loaded_with_it_and_still_told_of() {
    let stack = Stack::start(Sql::Sqlite).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (cleo, chat, store) = (stack.person("cleo").await, ChatId::new(), &stack.store);
    let created = store.create_group(chat, ann, "Friends", &[bob, cleo]).await;
    created.expect("created");
    let own = Membership { chat, user: ann };
    store.remove_member(own, bob).await.expect("removed");
    let between = stack.hot.now().await.expect("Redis answers");
    store.remove_member(own, cleo).await.expect("removed");
    stack.leave(chat).await;
    assert!(store.hydrate_chat(chat).await.expect("loaded"));
    let members = format!("chat:{{c{}}}:{chat}:members", chat.partition());
    assert_eq!(stack.redis.cli(&["HLEN", &members]).await, "1");
    let told_since = async |since| {
        let cursor = SyncCursor {
            since,
            resume: None,
        };
        let page = store.sync(ann, cursor, Some(chat)).await.expect("changes");
        let gone = page.changes.into_iter().filter_map(|change| match change {
            ServerEvent::MemberUpdated(event) if event.member.is_none() => Some(event.user_id),
            _ => None,
        });
        gone.collect::<BTreeSet<_>>()
    };
    assert_eq!(told_since(Tick(1)).await, BTreeSet::from([bob, cleo]));
    assert_eq!(told_since(between).await, BTreeSet::from([cleo]));
}
