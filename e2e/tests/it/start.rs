//! What would lose messages does not start, and says why.

use e2e::{Process, Sql, Stack};
use hot::Hot;
use store::{Ack, Error, Store};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_of_another_database_or_of_another_version_is_refused() {
    let (stack, other) = (Stack::start(Sql::Sqlite).await, Stack::start(Sql::Sqlite).await);
    let open = async |cold: &cold::Cold| {
        let hot = Hot::connect(stack.options.hot(&stack.redis.url())).await.expect("Redis answers");
        Store::open(hot, cold.clone(), Ack::Memory).await.err()
    };
    let refused = open(&other.store.cold).await;
    assert!(matches!(&refused, Some(Error::Strangers { redis, sql }) if redis != sql), "{refused:?}");
    assert!(open(&stack.store.cold).await.is_none(), "it belongs to whom it did");
    stack.redis.cli(&["HSET", "carrier", "format", "0"]).await;
    let refused = open(&stack.store.cold).await;
    assert!(matches!(&refused, Some(Error::Format(format)) if format == "0"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_evicts_or_never_writes_to_its_disk_is_refused() {
    let stack = Stack::start(Sql::Sqlite).await;
    let table = [("maxmemory-policy", "allkeys-lru", "noeviction"), ("appendfsync", "no", "everysec")];
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
