//! Settings that would lose messages keep a process from starting, and it says why.

use std::time::Duration;

use e2e::{Keeper, Options, Process, Sql, Stack, eventually, process};
use hot::Hot;
use store::{AckLevel, Error, Store};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_of_another_database_or_of_another_version_is_refused() {
    let (stack, other) = (
        Stack::start(Sql::Sqlite).await,
        Stack::start(Sql::Sqlite).await,
    );
    let open = async |cold: &cold::Cold| {
        let hot = Hot::connect(stack.options.hot(&stack.redis.url()))
            .await
            .expect("Redis answers");
        Store::open(hot, cold.clone(), AckLevel::Memory).await.err()
    };
    let refused = open(&other.cold).await;
    assert!(
        matches!(&refused, Some(Error::Mismatched { redis, sql }) if redis != sql),
        "{refused:?}"
    );
    assert!(
        open(&stack.cold).await.is_none(),
        "it belongs to whom it did"
    );
    stack.redis.cli(&["HSET", "carrier", "format", "0"]).await;
    let refused = open(&stack.cold).await;
    assert!(
        matches!(&refused, Some(Error::Format(format)) if format == "0"),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_evicts_or_never_writes_to_its_disk_is_refused() {
    let stack = Stack::start(Sql::Sqlite).await;
    let table = [
        ("maxmemory-policy", "allkeys-lru", "noeviction"),
        ("appendfsync", "no", "everysec"),
    ];
    for (setting, bad, good) in table {
        stack.redis.cli(&["CONFIG", "SET", setting, bad]).await;
        for role in ["api", "flusher"] {
            let process = Process::new(role, &stack.env());
            process.start();
            assert_ne!(process.wait().await, 0);
            let (log, mend) = (process.log(), format!("CONFIG SET {setting} {good}"));
            assert!(log.contains(&mend), "{role} does not say {mend:?}: {log}");
        }
        stack.redis.cli(&["CONFIG", "SET", setting, good]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hides_its_settings_is_refused_unless_that_is_accepted() {
    let stack = Stack::with(Sql::Sqlite, Options::default().on_one_redis()).await;
    let refusal = async |env: &[(String, String)]| {
        let process = Process::new("api", env);
        process.start();
        assert_ne!(process.wait().await, 0, "{}", process.log());
        process.log()
    };
    let allow = async |rule: &str| {
        let set = ["ACL", "SETUSER", "default", rule];
        assert_eq!(stack.redis.cli(&set).await, "OK");
    };
    let accepting: Vec<_> = [("CARRIER_ACCEPT".to_owned(), "unknown".to_owned())]
        .into_iter()
        .chain(stack.env())
        .collect();

    // As on a managed Redis. What INFO tells is not unknown.
    let evicts = ["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"];
    stack.redis.cli(&evicts).await;
    allow("-config").await;
    let log = refusal(&accepting).await;
    assert!(
        log.contains("maxmemory-policy of Redis is allkeys-lru"),
        "{log}"
    );
    allow("+config").await;
    let keeps = ["CONFIG", "SET", "maxmemory-policy", "noeviction"];
    stack.redis.cli(&keeps).await;
    allow("-config").await;
    let log = refusal(&stack.env()).await;
    for words in ["appendfsync of Redis is not told", "CARRIER_ACCEPT=unknown"] {
        assert!(log.contains(words), "it does not say {words:?}: {log}");
    }
    let api = process("api", &accepting).await;
    assert_eq!(api.stop().await, 0);

    allow("-info").await;
    let log = refusal(&accepting).await;
    assert!(log.contains("INFO, which Carrier needs"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_of_carriers_own_has_a_limit_of_memory() {
    let folder = Keeper::folder("own");
    let _keeper = Keeper::new("own", folder.clone(), &[], &[]);
    let data = ("CARRIER_DATA_DIR".to_owned(), folder.display().to_string());
    let carrier = Process::new("", &[data]);
    carrier.start();
    let ready = async || carrier.log().contains("Carrier is ready");
    eventually(Duration::from_secs(60), "carrier is ready", ready).await;
    let socket = folder.join("redis/redis.sock");
    let hot = Hot::connect(hot::Options::new(format!(
        "redis+unix://{}",
        socket.display()
    )))
    .await
    .expect("Redis answers");
    let memory = hot.memory().await.expect("Redis tells its memory");
    assert!(
        memory.bounded && memory.limit < memory.machine,
        "{memory:?}"
    );
    assert_eq!(carrier.stop().await, 0);
}
