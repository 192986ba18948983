//! Redis is full: writes are refused with a clear word, nothing is lost, and the flusher makes
//! room.

use std::time::Duration;

use e2e::{Client, Ledger, Options, Sql, Stack, audit, audit_sql, eventually, on_both};
use model::{Tick, UserId};

const SECOND: Duration = Duration::from_secs(1);
/// Of a message's body.
const LONG: usize = 8_000;

on_both!(a_full_redis_refuses_sends_until_the_flusher_has_made_room);
async fn a_full_redis_refuses_sends_until_the_flusher_has_made_room(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            hot_messages: 5,
            ..Options::default()
        },
    )
    .await;
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let mut ledger = Ledger::new(
        chat.parse().expect("an id"),
        UserId(ann.id.parse().expect("an id")),
    );
    let text = |at: usize| format!("{at} {}", "x".repeat(LONG));
    let mut push =
        |id: &serde_json::Value, body| ledger.sent.push((Tick(id.as_i64().expect("an id")), body));

    let info = stack.redis.cli(&["INFO", "memory"]).await;
    let used = info
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"))
        .and_then(|used| used.trim().parse::<usize>().ok());
    let limit = used.expect("Redis counts its memory") + 2 * 1024 * 1024;
    stack
        .redis
        .cli(&["CONFIG", "SET", "maxmemory", &limit.to_string()])
        .await;
    let mut refused = None;
    for at in 0..2_000 {
        let answer = ann.send(&chat, &text(at)).await;
        if answer.status != 201 {
            refused = Some(answer);
            break;
        }
        push(&answer.json["id"], text(at));
    }
    let refused = refused.expect("Redis is full at some time");
    assert!(
        !refused.header("retry-after").is_empty(),
        "it says when to come back"
    );
    refused.expect_problem(503, "store_full");
    ann.page(&chat, "").await.expect(200); // what is there can still be read

    let flusher = stack.start_flusher().await;
    let room = async || {
        Some(ann.send(&chat, "there is room again").await).filter(|answer| answer.status == 201)
    };
    let answer = eventually(30 * SECOND, "there is room again", room).await;
    push(&answer.json["id"], "there is room again".to_owned());
    let ledgers = [ledger];
    audit(&stack, &ledgers).await;
    stack.expire(ledgers[0].chat).await;
    audit_sql(&stack, &ledgers).await;
    flusher.stop().await;
    api.stop().await;
}

on_both!(a_full_redis_still_lets_people_out_and_chats_leave);
async fn a_full_redis_still_lets_people_out_and_chats_leave(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let message = ann.send(&chat, "hello").await.expect(201);
    // Not a byte more, whatever is freed.
    stack
        .redis
        .cli(&["CONFIG", "SET", "maxmemory", "1mb"])
        .await;
    ann.send(&chat, "too much")
        .await
        .expect_problem(503, "store_full");
    ann.read(&chat, 1).await.expect_problem(503, "store_full");
    ann.logout().await;
    ann.get("/v1/users/me")
        .await
        .expect_problem(401, "unauthorized");

    let flusher = stack.start_flusher().await;
    let id = chat.parse().expect("an id");
    stack.expire(id).await;
    let sent = vec![(
        Tick(message["id"].as_i64().expect("an id")),
        "hello".to_owned(),
    )];
    audit_sql(
        &stack,
        &[Ledger {
            chat: id,
            reader: UserId(ann.id.parse().expect("an id")),
            sent,
        }],
    )
    .await;
    let gone = async || {
        stack
            .redis
            .keys(&format!("user:*{}*", ann.id))
            .await
            .is_empty()
    };
    eventually(
        30 * SECOND,
        "those who have left are saved, and have left Redis",
        gone,
    )
    .await;
    flusher.stop().await;
    api.stop().await;
}

/// Returns the number of bytes that Redis uses.
async fn used(stack: &Stack) -> u64 {
    stack
        .hot
        .memory()
        .await
        .expect("Redis counts its memory")
        .used
}

async fn is_refused(client: &Client, chat: &str) -> bool {
    let answer = client.send(chat, "is there room?").await;
    if answer.status == 503 {
        assert_eq!(answer.json["code"], "store_full");
        assert!(
            !answer.header("retry-after").is_empty(),
            "it says when to come back"
        );
    }
    answer.status == 503
}

on_both!(before_redis_is_full_sends_are_refused_and_nothing_else);
async fn before_redis_is_full_sends_are_refused_and_nothing_else(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (ann, mut bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let message = ann.send(&chat, "hello").await.expect(201);
    stack
        .redis
        .cli(&["SETRANGE", "so that a tenth is something", "60000000", "x"])
        .await;
    let limit = used(&stack).await * 100 / 93;
    stack
        .redis
        .cli(&["CONFIG", "SET", "maxmemory", &limit.to_string()])
        .await;
    eventually(30 * SECOND, "sends are refused", async || {
        is_refused(&ann, &chat).await
    })
    .await;
    assert_eq!(
        stack.redis.cli(&["SET", "is there room?", "yes"]).await,
        "OK",
        "Redis itself refuses nothing yet"
    );

    assert_eq!(
        ann.create_group("More", &["bob"]).await.expect(503)["code"],
        "store_full"
    );
    bob.logout().await;
    bob.login("bob").await;
    bob.page(&chat, "").await.expect(200);
    bob.read(&chat, message["id"].as_i64().expect("an id"))
        .await
        .expect(204);
    assert_eq!(bob.get("/readyz").await.expect(200)["full"], true);

    stack.redis.cli(&["CONFIG", "SET", "maxmemory", "0"]).await;
    eventually(30 * SECOND, "sends go on", async || {
        !is_refused(&ann, &chat).await
    })
    .await;
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_would_evict_gets_no_more() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for (policy, refused) in [("allkeys-lru", true), ("noeviction", false)] {
        let set = ["CONFIG", "SET", "maxmemory-policy", policy];
        stack.redis.cli(&set).await;
        let what = format!("sends under {policy} are refused: {refused}");
        eventually(30 * SECOND, &what, async || {
            is_refused(&ann, &chat).await == refused
        })
        .await;
        let ready = ann.get("/readyz").await.expect(200);
        assert_eq!(ready["full"], refused);
        let problems = ready["problems"].as_array().expect("a list");
        let named = problems.iter().any(|name| name == "maxmemory-policy");
        assert_eq!(named, refused, "{ready}");
    }
    api.stop().await;
}

on_both!(chats_that_are_warm_and_saved_make_room_for_others);
async fn chats_that_are_warm_and_saved_make_room_for_others(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            lease: 2 * SECOND,
            ..Options::default()
        },
    )
    .await; // chats stay warm for an hour
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let limit = used(&stack).await + 3 * 1024 * 1024;
    stack
        .redis
        .cli(&["CONFIG", "SET", "maxmemory", &limit.to_string()])
        .await;
    let flusher = stack.start_flusher().await;
    // Five times as much as there is room for, in chats that are never trimmed.
    let mut ledgers = Vec::new();
    for group in 0..40 {
        let made = async || {
            Some(ann.create_group(&format!("Group {group}"), &["bob"]).await)
                .filter(|answer| answer.status == 201)
        };
        let made = eventually(60 * SECOND, "there is room for a chat", made).await;
        let chat = made.json["id"].as_str().expect("an id").to_owned();
        let mut ledger = Ledger::new(
            chat.parse().expect("an id"),
            UserId(ann.id.parse().expect("an id")),
        );
        for at in 0..40 {
            let body = format!("{at} {}", "x".repeat(LONG));
            let sent =
                async || Some(ann.send(&chat, &body).await).filter(|answer| answer.status == 201);
            let sent = eventually(60 * SECOND, "there is room for a message", sent).await;
            ledger
                .sent
                .push((Tick(sent.json["id"].as_i64().expect("an id")), body));
        }
        ledgers.push(ledger);
    }
    stack.redis.cli(&["CONFIG", "SET", "maxmemory", "0"]).await;
    audit(&stack, &ledgers).await;
    flusher.stop().await;
    api.stop().await;
}

on_both!(only_so_much_is_not_in_sql);
async fn only_so_much_is_not_in_sql(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack
        .start_api_with(
            api::Config {
                max_unsaved: 50,
                ..api::Config::default().unlimited()
            },
            &stack.redis.url(),
        )
        .await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let mut sent = 0;
    let full = async || {
        let refused = is_refused(&ann, &chat).await;
        sent += i32::from(!refused);
        refused
    };
    eventually(30 * SECOND, "too much is not in SQL", full).await;
    assert!(sent > 40, "{sent} were sent before");
    let flusher = stack.start_flusher().await;
    eventually(30 * SECOND, "it is saved, and there is room", async || {
        !is_refused(&ann, &chat).await
    })
    .await;
    flusher.stop().await;
    api.stop().await;
}
