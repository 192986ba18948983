//! The harness itself does what it says.

use std::time::Duration;

use e2e::{Client, Fault, Ledger, Proxy, Sql, Stack, audit, audit_sql, on_both, process, say};
use hot::Verb;

on_both!(what_is_sent_is_read_saved_and_leaves_redis);
async fn what_is_sent_is_read_saved_and_leaves_redis(sql: Sql) {
    let stack = Stack::start(sql).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, new) = stack.store.open_direct(ann, bob).await.expect("opened");
    assert!(new);
    let mut ledger = Ledger::new(chat, bob);
    for at in 0..60 {
        let body = format!("message {at}");
        ledger.sent.push((
            say(&stack.store, chat, ann, &body, None)
                .await
                .expect("sent"),
            body,
        ));
    }
    let ledgers = [ledger];
    audit(&stack, &ledgers).await;
    let flusher = stack.start_flusher().await;
    stack.saved(chat).await;
    audit(&stack, &ledgers).await;
    stack.expire(chat).await;
    audit_sql(&stack, &ledgers).await;
    audit(&stack, &ledgers).await;
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_comes_back_with_what_it_had() {
    let stack = Stack::start(Sql::Sqlite).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    let id = say(&stack.store, chat, ann, "before", None)
        .await
        .expect("sent");
    stack.redis.kill9();
    stack.redis.restart().await;
    audit(
        &stack,
        &[Ledger {
            chat,
            reader: bob,
            sent: vec![(id, "before".into())],
        }],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_cuts_after_the_command_ran_and_stalls_before_it() {
    let stack = Stack::with(Sql::Sqlite, e2e::Options::default().on_one_redis()).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    let proxy = Proxy::before(stack.redis.address()).await;
    let store = stack.open_store(&proxy.url()).await;

    let cut = proxy.rule_for(stack.sha(Verb::Append), Fault::Cut, 0, 1);
    let first = say(&store, chat, ann, "cut", Some("k1"))
        .await
        .expect("sent again");
    assert_eq!(cut.fired(), 1);
    audit(
        &stack,
        &[Ledger {
            chat,
            reader: bob,
            sent: vec![(first, "cut".into())],
        }],
    )
    .await;

    let stall = proxy.rule_for(stack.sha(Verb::Append), Fault::Stall, 0, 1);
    let sending = tokio::spawn(async move { say(&store, chat, ann, "stalled", Some("k2")).await });
    stall.wait_fired(1).await;
    audit(
        &stack,
        &[Ledger {
            chat,
            reader: bob,
            sent: vec![(first, "cut".into())],
        }],
    )
    .await;
    stall.release();
    let second = tokio::time::timeout(Duration::from_secs(30), sending)
        .await
        .expect("in time")
        .expect("no panic")
        .expect("sent");
    audit(
        &stack,
        &[Ledger {
            chat,
            reader: bob,
            sent: vec![(first, "cut".into()), (second, "stalled".into())],
        }],
    )
    .await;
}

on_both!(the_real_program_serves_is_killed_and_goes_on);
async fn the_real_program_serves_is_killed_and_goes_on(sql: Sql) {
    let stack = Stack::start(sql).await;
    let (api, flusher) = (
        process("api", &stack.env()).await,
        process("flusher", &stack.env()).await,
    );
    let (ann, bob) = (
        Client::register(api.url(), "ann").await,
        Client::register(api.url(), "bob").await,
    );
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let sent = ann.send(&chat, "before").await.expect(201);
    api.kill9();
    flusher.kill9();
    assert!(
        ann.try_send(&chat, "lost", "k").await.is_err(),
        "nobody listens any more"
    );
    api.restart().await;
    flusher.restart().await;
    assert_eq!(
        bob.at(api.url()).history(&chat, 50, true).await[0]["id"],
        sent["id"]
    );
    let ledger = Ledger {
        chat: chat.parse().expect("an id"),
        reader: model::UserId(bob.id.parse().expect("an id")),
        sent: vec![(
            model::Tick(sent["id"].as_i64().expect("an id")),
            "before".into(),
        )],
    };
    stack.expire(ledger.chat).await;
    audit_sql(&stack, &[ledger]).await;
    assert_eq!((api.stop().await, flusher.stop().await), (0, 0));
}
