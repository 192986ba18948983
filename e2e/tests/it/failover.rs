//! A primary that is demoted and lives on, as in every orderly failover: nobody stays with it.

use std::time::Duration;

use e2e::{Listener, Options, Proxy, Server, Sql, Stack, Wire, eventually};
use hot::Verb;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_stays_with_a_redis_that_is_no_longer_the_primary() {
    let options = Options {
        // The watch on the disk is a connection that never writes.
        redis: vec![("appendfsync", "everysec")],
        ..Options::default()
    };
    let stack = Stack::with(Sql::Sqlite, options.on_one_redis()).await;
    let (old, address) = (&stack.redis.nodes[0], stack.redis.address());
    let proxy = Proxy::before(address).await;
    let flusher = stack
        .start_flusher_with(stack.options.flusher(), &proxy.url())
        .await;
    let api = stack
        .start_api_with(api::Config::default().unlimited(), &proxy.url())
        .await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let mut listener = Listener::connect(&bob, Wire::Sse, "").await;
    listener.expect("hello").await;
    assert!(proxy.open_to(address) > 5, "the API and the flusher");

    let new = stack.redis.start_replica(Server::Redis).await;
    assert_eq!(new.cli(&["REPLICAOF", "NO", "ONE"]).await, "OK");
    proxy.redirect(new.address());
    let (host, port) = (new.address().ip().to_string(), new.port().to_string());
    assert_eq!(old.cli(&["REPLICAOF", &host, &port]).await, "OK");
    eventually(PATIENCE, "all have left the old primary", async || {
        proxy.open_to(address) == 0
    })
    .await;
    assert!(proxy.open_to(new.address()) > 5);
    // Were it promoted again, nobody would use it before it is compared with SQL.
    let append = stack.sha(Verb::Append);
    let known = old.cli(&["SCRIPT", "EXISTS", &append]).await;
    assert_eq!(known, "0", "it knows the scripts");

    // The connection of a client is the same, and what happens comes at once, when what was missed
    // on the way is looked up: a change that was looked up has no `prev`.
    let mut at_once = false;
    for _ in 0..5 {
        let sent = ann.send(&chat, "from the new primary").await.expect(201);
        let came = listener
            .until("message.created", |event| {
                event["message"]["id"] == sent["id"]
            })
            .await;
        at_once |= came.last().is_some_and(|event| event["prev"].is_i64());
    }
    assert!(at_once, "nothing comes but by looking it up");
    eventually(PATIENCE, "the flusher hears of expiries", async || {
        new.cli(&["PUBSUB", "NUMPAT"]).await == "1"
    })
    .await;
    api.stop().await;
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_leave_a_node_of_a_cluster_that_became_a_replica() {
    let options = Options {
        cluster: Some(3),
        ..Options::default()
    };
    let stack = Stack::with(Sql::Sqlite, options).await;
    let flusher = stack.start_flusher().await;
    let (old, new) = (&stack.redis.nodes[0], &stack.redis.nodes[3]);
    let subscribers = async || {
        let clients = old.cli(&["CLIENT", "LIST", "TYPE", "pubsub"]).await;
        clients.lines().filter(|line| !line.is_empty()).count()
    };
    assert!(subscribers().await > 0, "the flusher hears of expiries");
    eventually(PATIENCE, "a replica takes over", async || {
        new.cli(&["CLUSTER", "FAILOVER"]).await;
        new.cli(&["ROLE"]).await.starts_with("master")
    })
    .await;
    eventually(PATIENCE, "the subscribers have left", async || {
        subscribers().await == 0
    })
    .await;
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_does_not_hear_itself_listens_elsewhere() {
    let stack = Stack::with(Sql::Sqlite, Options::default().on_one_redis()).await;
    let (old, address) = (&stack.redis.nodes[0], stack.redis.address());
    let proxy = Proxy::before(address).await;
    let config = api::Config::default().unlimited();
    let api = stack.start_api_with(config, &proxy.url()).await;
    // Both take themselves for the primary, as when a network falls in two.
    let new = stack.redis.start_replica(Server::Redis).await;
    assert_eq!(new.cli(&["REPLICAOF", "NO", "ONE"]).await, "OK");
    proxy.redirect(new.address());
    old.cli(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    eventually(PATIENCE, "the subscriber has left, too", async || {
        proxy.open_to(address) == 0
    })
    .await;
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_ends_with_who_had_it() {
    let stack = Stack::with(Sql::Sqlite, Options::default().on_one_redis()).await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let options = hot::Options::new(proxy.url());
    let hot = hot::Hot::connect(options).await.expect("Redis answers");
    let other = hot.clone();
    drop(hot);
    other.ping().await.expect("it has another owner");
    assert_eq!(proxy.open_to(stack.redis.address()), 1);
    drop(other);
    eventually(PATIENCE, "nobody has it any more", async || {
        proxy.open_to(stack.redis.address()) == 0
    })
    .await;
}
