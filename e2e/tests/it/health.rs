//! What is wrong is told: by probes, and by `carrier doctor`.

use std::time::Duration;

use e2e::{Client, MariaDb, Options, Process, Sql, Stack, eventually, process};
use serde_json::Value;

const SECOND: Duration = Duration::from_secs(1);

/// Runs `carrier doctor`, and returns its exit code and what it says.
async fn doctor(stack: &Stack, more: &[(&str, &str)]) -> (u32, String) {
    let more = more
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let env: Vec<_> = stack.env().into_iter().chain(more).collect();
    let doctor = Process::new("doctor", &env);
    doctor.start();
    (doctor.wait().await, doctor.log())
}

async fn expect_wrong(stack: &Stack, names: &[&str]) {
    let (code, said) = doctor(stack, &[]).await;
    let wrong: Vec<_> = said
        .lines()
        .filter_map(|line| line.trim().strip_prefix("WRONG ")?.split(':').next())
        .collect();
    assert_eq!(wrong, names, "{said}");
    assert_eq!(code, u32::from(!names.is_empty()), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_finds_what_is_wrong_with_redis() {
    let stack = Stack::with(Sql::Sqlite, Options::default().on_one_redis()).await;
    expect_wrong(&stack, &[]).await;
    let set = async |name, value| stack.redis.cli(&["CONFIG", "SET", name, value]).await;
    set("maxmemory", "0").await;
    set("maxmemory-policy", "allkeys-lru").await;
    set("appendonly", "no").await;
    set("notify-keyspace-events", "").await;
    let names = [
        "maxmemory-policy",
        "appendonly",
        "notify-keyspace-events",
        "maxmemory",
    ];
    expect_wrong(&stack, &names).await;

    set("maxmemory", "1gb").await;
    set("maxmemory-policy", "noeviction").await;
    set("appendonly", "yes").await;
    let hides = ["ACL", "SETUSER", "default", "-config"];
    stack.redis.cli(&hides).await;
    expect_wrong(&stack, &["appendfsync", "notify-keyspace-events"]).await;
    let (code, said) = doctor(&stack, &[("CARRIER_ACCEPT", "unknown")]).await;
    assert_eq!(code, 0, "{said}");
}

/// A server that is a node of Galera alone has `wsrep_on`, so this asks for all other settings.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_finds_what_is_wrong_with_mariadb() {
    let server = MariaDb::start().await;
    let url = server.fresh_database().await;
    let database = url.rsplit('/').next().expect("a database").to_owned();
    let stack = Stack::on_database(url, Options::default().on_one_redis()).await;
    expect_wrong(&stack, &[]).await;
    for (name, bad, good) in [
        ("read_only", "1", "0"),
        ("innodb_flush_log_at_trx_commit", "2", "1"),
    ] {
        server.run(&format!("SET GLOBAL {name}={bad}")).await;
        expect_wrong(&stack, &[name]).await;
        server.run(&format!("SET GLOBAL {name}={good}")).await;
    }
    let convert = |collation: &str| {
        format!(
            "ALTER TABLE {database}.messages CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}"
        )
    };
    server.run(&convert("utf8mb4_general_ci")).await;
    expect_wrong(&stack, &["collation"]).await;
    server.run(&convert("utf8mb4_bin")).await;
    expect_wrong(&stack, &[]).await;
}

/// Returns the status and the body of a probe.
async fn probe(url: &str) -> (u16, Value) {
    let answer = Client::new(url).get("/readyz").await;
    (answer.status, answer.json)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saving_that_has_stopped_is_told() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    ann.send(&chat, "hello").await.expect(201);
    let told = async || {
        let (code, ready) = probe(&api.url).await;
        assert_eq!((code, &ready["status"]), (200, &"ok".into()), "{ready}");
        ready["saving"]["unsaved_rows"].as_u64() > Some(2)
    };
    eventually(30 * SECOND, "unsaved rows are told", told).await;

    // As if it had been sent long ago.
    let key = stack.redis.keys(&format!("chat:*{chat}:dirty")).await.pop();
    let key = key.expect("it is not saved");
    stack
        .redis
        .cli(&["ZADD", &key, "1000", "message:1000"])
        .await;
    let late = async || {
        let (code, ready) = probe(&api.url).await;
        assert_eq!(code, 200, "it can still take messages");
        ready["status"] == "degraded" && ready["saving"]["lag_seconds"].as_u64() > Some(60)
    };
    eventually(30 * SECOND, "the API tells that saving has stopped", late).await;
    expect_wrong(&stack, &["saving"]).await;

    let listen = (
        "CARRIER_FLUSHER_LISTEN".to_owned(),
        "127.0.0.1:0".to_owned(),
    );
    let env: Vec<_> = stack.env().into_iter().chain([listen]).collect();
    let flusher = process("flusher", &env).await;
    let log = flusher.log();
    let url = log
        .split_once("probes on ")
        .and_then(|(_, rest)| rest.lines().next())
        .expect("the address of the probes");
    let saved = async || {
        let (code, ready) = probe(url).await;
        let saving = &ready["saving"];
        code == 200 && ready["status"] == "ok" && saving["unsaved_rows"] == 0
    };
    eventually(30 * SECOND, "the flusher tells that all is saved", saved).await;
    expect_wrong(&stack, &[]).await;

    stack.redis.kill9();
    let gone = async || probe(url).await.0 == 503;
    eventually(30 * SECOND, "the flusher tells that Redis is gone", gone).await;
    let alive = Client::new(url).get("/healthz").await;
    assert_eq!(alive.status, 200, "a restart would not help it");
}
