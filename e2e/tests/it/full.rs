//! Redis is full: writes are refused with a clear word, nothing is lost, and the flusher makes room.

use std::time::Duration;

use e2e::{Ledger, Options, Sql, Stack, audit, audit_sql, eventually, on_both};
use model::{Tick, UserId};

const SECOND: Duration = Duration::from_secs(1);
/// Of a message's body.
const LONG: usize = 8_000;

on_both!(a_full_redis_refuses_sends_until_the_flusher_has_made_room);
async fn a_full_redis_refuses_sends_until_the_flusher_has_made_room(sql: Sql) {
    let stack = Stack::with(sql, Options { hot_messages: 5, ..Options::default() }).await;
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"].as_str().expect("an id").to_owned();
    let mut ledger = Ledger::new(chat.parse().expect("an id"), UserId(ann.id.parse().expect("an id")));
    let text = |at: usize| format!("{at} {}", "x".repeat(LONG));
    let mut push = |id: &serde_json::Value, body| ledger.sent.push((Tick(id.as_i64().expect("an id")), body));

    let info = stack.redis.cli(&["INFO", "memory"]).await;
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).and_then(|used| used.trim().parse::<usize>().ok());
    let limit = used.expect("Redis counts its memory") + 2 * 1024 * 1024;
    stack.redis.cli(&["CONFIG", "SET", "maxmemory", &limit.to_string()]).await;
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
    assert!(!refused.header("retry-after").is_empty(), "it says when to come back");
    refused.expect_problem(503, "store_full");
    ann.page(&chat, "").await.expect(200); // what is there can still be read

    let flusher = stack.start_flusher().await;
    let room = async || Some(ann.send(&chat, "there is room again").await).filter(|answer| answer.status == 201);
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
    let chat = ann.create_direct("bob").await.expect(201)["id"].as_str().expect("an id").to_owned();
    let message = ann.send(&chat, "hello").await.expect(201);
    // Not a byte more, whatever is freed.
    stack.redis.cli(&["CONFIG", "SET", "maxmemory", "1mb"]).await;
    ann.send(&chat, "too much").await.expect_problem(503, "store_full");
    ann.read(&chat, 1).await.expect_problem(503, "store_full");
    ann.logout().await;
    ann.get("/v1/users/me").await.expect_problem(401, "unauthorized");

    let flusher = stack.start_flusher().await;
    let id = chat.parse().expect("an id");
    stack.expire(id).await;
    let sent = vec![(Tick(message["id"].as_i64().expect("an id")), "hello".to_owned())];
    audit_sql(&stack, &[Ledger { chat: id, reader: UserId(ann.id.parse().expect("an id")), sent }]).await;
    flusher.stop().await;
    api.stop().await;
}
