//! The due set is the truth; the expiry event is only a hint.

use std::time::Duration;

use e2e::{Ledger, Options, Sql, Stack, audit, audit_sql, eventually, on_both, say};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

/// A direct chat in which this many texts were sent.
async fn chat(stack: &Stack, texts: usize) -> Ledger {
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    let mut ledger = Ledger::new(chat, ann);
    ledger.talk(stack, texts).await;
    ledger
}

on_both!(an_expiry_event_alone_saves_a_chat_at_once);
async fn an_expiry_event_alone_saves_a_chat_at_once(sql: Sql) {
    // Nothing but the event can do it: the next look is in an hour, and so is the time at which the
    // chat is due.
    let options = Options {
        chat_ttl: SECOND,
        flush_after: HOUR,
        sweep: HOUR,
        ..Options::default()
    };
    let stack = Stack::with(sql, options).await;
    let flusher = stack.start_flusher().await;
    let ledgers = [chat(&stack, 60).await];
    audit_sql(&stack, &ledgers).await;
    audit(&stack, &ledgers).await;
    flusher.stop().await;
}

on_both!(a_flusher_that_never_rests_hears_of_an_expiry);
async fn a_flusher_that_never_rests_hears_of_an_expiry(sql: Sql) {
    // Every look takes longer than the time to the next; and the chat, once saved, is due in an
    // hour.
    let stack = Stack::with(
        sql,
        Options {
            sweep: Duration::from_millis(1),
            ..Options::default()
        },
    )
    .await;
    let flusher = stack.start_flusher().await;
    let ledgers = [chat(&stack, 60).await];
    stack.saved(ledgers[0].chat).await;
    stack.expire(ledgers[0].chat).await;
    audit_sql(&stack, &ledgers).await;
    flusher.stop().await;
}

on_both!(a_chat_is_saved_and_leaves_although_no_expiry_event_ever_comes);
async fn a_chat_is_saved_and_leaves_although_no_expiry_event_ever_comes(sql: Sql) {
    let options = Options {
        chat_ttl: SECOND,
        redis: vec![("notify-keyspace-events", "")],
        ..Options::default()
    };
    let stack = Stack::with(sql, options).await;
    let flusher = stack.start_flusher().await;
    let ledgers = [chat(&stack, 60).await];
    audit_sql(&stack, &ledgers).await;
    audit(&stack, &ledgers).await;
    flusher.stop().await;
}

on_both!(the_sweep_comes_back_for_a_chat_that_was_warm_when_it_was_saved);
async fn the_sweep_comes_back_for_a_chat_that_was_warm_when_it_was_saved(sql: Sql) {
    // Saved long before its token ends, so what evicts it is only that it is due again at that end.
    let options = Options {
        chat_ttl: 3 * SECOND,
        redis: vec![("notify-keyspace-events", "")],
        ..Options::default()
    };
    let stack = Stack::with(sql, options).await;
    let flusher = stack.start_flusher().await;
    let ledgers = [chat(&stack, 10).await];
    stack.saved(ledgers[0].chat).await;
    let token = format!("chat:*{}:token", ledgers[0].chat);
    assert_eq!(
        stack.redis.keys(&token).await.len(),
        1,
        "the chat is saved while it is warm"
    );
    audit_sql(&stack, &ledgers).await;
    flusher.stop().await;
}

on_both!(a_chat_whose_token_ends_while_no_flusher_runs_is_saved_by_the_next_one);
async fn a_chat_whose_token_ends_while_no_flusher_runs_is_saved_by_the_next_one(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            chat_ttl: SECOND,
            ..Options::default()
        },
    )
    .await;
    let ledgers = [chat(&stack, 60).await];
    eventually(30 * SECOND, "the token has expired", async || {
        stack.redis.keys("chat:*:token").await.is_empty()
    })
    .await;
    assert!(
        stack
            .cold
            .chat(ledgers[0].chat)
            .await
            .expect("SQL answers")
            .is_none(),
        "nobody can have saved it yet"
    );
    let flusher = stack.start_flusher().await;
    audit_sql(&stack, &ledgers).await;
    audit(&stack, &ledgers).await;
    flusher.stop().await;
}

on_both!(a_chat_of_more_rows_than_one_snapshot_takes_leaves_only_when_all_are_saved);
async fn a_chat_of_more_rows_than_one_snapshot_takes_leaves_only_when_all_are_saved(sql: Sql) {
    let stack = Stack::start(sql).await;
    let ledgers = [chat(&stack, 1_300).await];
    stack.expire(ledgers[0].chat).await;
    let flusher = stack.start_flusher().await;
    audit_sql(&stack, &ledgers).await;
    audit(&stack, &ledgers).await;
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_keeps_its_chat_warm() {
    let stack = Stack::start(Sql::Sqlite).await;
    let ledger = chat(&stack, 1).await;
    let token = format!(
        "chat:{{c{}}}:{}:token",
        ledger.chat.partition(),
        ledger.chat
    );
    // Less than half of its life is left, so it is written.
    assert_eq!(stack.redis.cli(&["PEXPIRE", &token, "60000"]).await, "1");
    say(&stack.store, ledger.chat, ledger.reader, "still here", None)
        .await
        .expect("sent");
    let left: u128 = stack
        .redis
        .cli(&["PTTL", &token])
        .await
        .parse()
        .expect("a number");
    assert!(left > (HOUR / 2).as_millis(), "{left} ms are left");
}
