//! A SQL that does not answer, or holds locks: whoever waits for it goes on in time, and stops when
//! told to. Packets are lost without a word, as by a firewall that forgets a flow.

use std::time::Duration;

use e2e::{
    COMMIT, Fault, Ledger, Options, Process, Sql, Stack, audit, audit_sql, eventually, on_both,
};
use entity::{attachment, message};
use futures_util::future::join_all;
use hot::Verb;
use model::{Attachment, ChatId, StoredMessage, Tick};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use store::Membership;
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);
/// The packet by which MySQL is asked whether it is there.
const PING: &[u8] = b"\x01\0\0\0\x0e";
const HOUR: Duration = Duration::from_secs(3600);

/// A saved group of this owner.
async fn saved_group(stack: &Stack, name: &str) -> Ledger {
    let (owner, chat) = (stack.person(name).await, ChatId::new());
    stack
        .store
        .create_group(chat, owner, "Friends", &[])
        .await
        .expect("created");
    let mut ledger = Ledger::new(chat, owner);
    ledger.talk(stack, 2).await;
    let flusher = stack.start_flusher().await;
    let saved = async || stack.redis.keys("*:dirty").await.is_empty();
    eventually(60 * SECOND, "all is saved", saved).await;
    flusher.stop().await;
    ledger
}

fn lease(lease: Duration, stack: &Stack) -> flusher::Config {
    flusher::Config {
        lease,
        ..stack.options.flusher()
    }
}

async fn is_saved(stack: &Stack, chat: ChatId) -> bool {
    let dirty = stack.redis.keys(&format!("chat:*{chat}:dirty")).await;
    dirty.is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flusher_whose_commit_is_lost_on_its_way_goes_on() {
    let stack = Stack::with(Sql::MariaDb, Options::default()).await;
    let mut ledger = saved_group(&stack, "ann").await;
    ledger.talk(&stack, 3).await;
    let (proxy, behind) = stack.sql_proxy().await;
    let lost = proxy.rule_for(COMMIT, Fault::Swallow, 0, 1);
    let flusher = stack
        .start_flusher_between(lease(3 * SECOND, &stack), &stack.redis.url(), &behind)
        .await;
    lost.wait_fired(1).await;
    // Until the server ends the connection of which it hears nothing, the rows are locked.
    stack.saved(ledger.chat).await;
    stack.expire(ledger.chat).await;
    audit_sql(&stack, &[ledger]).await;
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_stops_although_sql_does_not_answer_at_its_start() {
    let stack = Stack::with(Sql::MariaDb, Options::default()).await;
    let data = tempfile::tempdir().expect("a folder");
    for role in ["", "api", "flusher"] {
        let (proxy, behind) = stack.sql_proxy().await;
        let lost = proxy.rule("SET ", Fault::Swallow);
        let mut env = stack.env();
        env.retain(|(name, _)| name != "CARRIER_DATABASE_URL");
        env.push(("CARRIER_DATABASE_URL".to_owned(), behind));
        let folder = data.path().display().to_string();
        env.push(("CARRIER_DATA_DIR".to_owned(), folder));
        let process = Process::new(role, &env);
        process.start();
        lost.wait_fired(1).await;
        // When its patience with SQL had ended, it would fail instead.
        let code = process.stop().await;
        assert_eq!(code, 0, "carrier {role} said: {}", process.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flusher_stops_although_its_commit_is_never_answered() {
    let stack = Stack::with(Sql::MariaDb, Options::default()).await;
    let mut ledger = saved_group(&stack, "ann").await;
    ledger.talk(&stack, 3).await;
    let (proxy, behind) = stack.sql_proxy().await;
    let lost = proxy.rule(COMMIT, Fault::Swallow);
    let flusher = stack
        .start_flusher_between(lease(HOUR, &stack), &stack.redis.url(), &behind)
        .await;
    lost.wait_fired(1).await;
    flusher.stop().await;
    audit(&stack, &[ledger]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_chats_only_the_one_that_is_locked_waits() {
    let options = Options {
        lease: 3 * SECOND,
        ..Options::default()
    };
    let stack = Stack::with(Sql::MariaDb, options).await;
    let mut ledgers = [
        saved_group(&stack, "ann").await,
        saved_group(&stack, "bob").await,
        saved_group(&stack, "carl").await,
    ];
    let [locked, ..] = &mut ledgers;
    locked.talk(&stack, 1).await;
    let locked = locked.chat;
    let (proxy, behind) = stack.sql_proxy().await;
    let lost = proxy.rule_for(COMMIT, Fault::Swallow, 0, 1);
    // Its machine is gone in the middle of a transaction, which the server keeps for an hour.
    let gone = stack
        .start_flusher_between(lease(HOUR, &stack), &stack.redis.url(), &behind)
        .await;
    lost.wait_fired(1).await;
    gone.abort().await;

    for ledger in &mut ledgers {
        ledger.talk(&stack, 1).await;
    }
    for ledger in &ledgers {
        let due = stack.hot.flush_soon(ledger.chat).await;
        due.expect("Redis answers");
    }
    // It takes all three together, and has no second chance.
    let config = flusher::Config {
        sweep: HOUR,
        ..stack.options.flusher()
    };
    let flusher = stack.start_flusher_with(config, &stack.redis.url()).await;
    for ledger in &ledgers[1..] {
        stack.saved(ledger.chat).await;
    }
    assert!(!is_saved(&stack, locked).await, "nobody can have saved it");
    flusher.stop().await;
    proxy.cut();
    let flusher = stack.start_flusher().await;
    stack.saved(locked).await;
    for ledger in &ledgers {
        stack.expire(ledger.chat).await;
    }
    audit_sql(&stack, &ledgers).await;
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_whose_packets_are_lost_use_up_no_connection() {
    let stack = Stack::with(Sql::MariaDb, Options::default()).await;
    let Ledger { reader: ann, .. } = saved_group(&stack, "ann").await;
    let (proxy, behind) = stack.sql_proxy().await;
    let cold = cold::Cold::connect_within(&behind, 2, 10 * SECOND)
        .await
        .expect("SQL answers");
    let lost = proxy.rule_for("FROM `users`", Fault::Swallow, 0, 2);
    let reads = timeout(30 * SECOND, join_all([cold.user(ann), cold.user(ann)])).await;
    let reads = reads.expect("a read has an end");
    assert!(reads.iter().all(Result::is_err) && lost.fired() == 2);
    let pings = proxy.rule(PING, Fault::Delay(Duration::ZERO));
    let found = cold.user(ann).await.expect("another connection is opened");
    assert!(found.is_some());
    // Idle connections that are lost are found out before they are used: one is idle once the ping
    // is answered with which it is put back.
    for round in 1..=3 {
        pings.wait_fired(round).await;
        stack.db.ping().await.expect("SQL answers here meanwhile");
        proxy.swallow();
        let found = cold.user(ann).await.expect("another connection is opened");
        assert!(found.is_some());
    }
}

/// Writes copies of a message, as of before it, that only SQL has; each has the same file.
async fn write_old(stack: &Stack, like: &StoredMessage, count: i64) {
    let file = Attachment {
        hash: "ab".repeat(32),
        name: "a picture".into(),
        size: 1,
        content_type: "image/png".into(),
        width: None,
        height: None,
    };
    let copies: Vec<_> = (1..=count)
        .map(|before| {
            let mut old = like.clone();
            old.message.id = Tick(like.message.id.0 - 1_000_000_000 - before);
            old.message.attachments = Some(vec![file.clone()]);
            old
        })
        .collect();
    for some in copies.chunks(1000) {
        let rows = some.iter().map(|old| message::to_row(old).expect("words"));
        let written = message::Entity::insert_many(rows).exec_without_returning(&stack.db);
        written.await.expect("written");
        let files = some.iter().flat_map(attachment::to_rows);
        let written = attachment::Entity::insert_many(files).exec_without_returning(&stack.db);
        written.await.expect("written");
    }
}

on_both!(a_large_group_is_swept_in_pieces_between_which_others_are_saved);
async fn a_large_group_is_swept_in_pieces_between_which_others_are_saved(sql: Sql) {
    let options = Options::default().counting(&[Verb::SnapshotChat]);
    let stack = Stack::with(sql, options).await;
    let Ledger { chat, reader, .. } = saved_group(&stack, "ann").await;
    let newest = stack.cold.messages_before(chat, Tick(i64::MAX), 1).await;
    write_old(&stack, &newest.expect("SQL answers")[0], 9000).await;
    let before = stack.looks(chat).await;
    let own = Membership { chat, user: reader };
    stack.store.delete_chat(own).await.expect("deleted");
    let flusher = stack.start_flusher().await;
    stack.evicted(chat).await;
    flusher.stop().await;
    // One pass sweeps 4,000 rows at the most.
    let passes = stack.looks(chat).await - before;
    assert!(passes >= 4, "{passes} passes");
    let messages = message::Entity::find().filter(message::Column::ChatId.eq(chat.0));
    assert_eq!(messages.count(&stack.db).await.expect("SQL answers"), 0);
    let files = attachment::Entity::find().filter(attachment::Column::ChatId.eq(chat.0));
    assert_eq!(files.count(&stack.db).await.expect("SQL answers"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_while_redis_rewrites_its_file_again_and_again_is_saved() {
    let options = Options {
        redis: vec![("appendfsync", "everysec")],
        ..Options::default()
    };
    let stack = Stack::with(Sql::Sqlite, options.on_one_redis()).await;
    let (owner, chat) = (stack.person("ann").await, ChatId::new());
    let created = stack.store.create_group(chat, owner, "Friends", &[]).await;
    created.expect("created");
    Ledger::new(chat, owner).talk(&stack, 3).await;
    let flusher = stack.start_flusher().await;
    let saved = async || {
        stack.redis.cli(&["BGREWRITEAOF"]).await;
        is_saved(&stack, chat).await
    };
    eventually(60 * SECOND, "the group is saved", saved).await;
    flusher.stop().await;
}
