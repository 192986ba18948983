//! A write is acknowledged as safe as CARRIER_ACK asks for, or says that it is not.

use std::time::Duration;

use e2e::{Options, Process, Redis, Server, Sql, Stack, eventually, say};
use model::Durability;
use serde_json::json;
use store::AckLevel;

/// Redis answers for its disk by itself only with `always`.
async fn stack(ack: AckLevel, server: Server, fsync: &'static str) -> Stack {
    let options = Options {
        ack,
        server,
        redis: vec![("appendfsync", fsync)],
        ..Options::default()
    };
    Stack::with(Sql::Sqlite, options.on_one_redis()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_that_waits_for_the_disk_says_so() {
    let stack = stack(AckLevel::Fsync, Server::Valkey, "everysec").await;
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(
        ann.send(&chat, "one").await.expect(201)["durability"],
        "fsync"
    );
    let ready = ann.get("/readyz").await.expect(200);
    assert_eq!(ready["durability"], "fsync");

    // A disk that is never written to: the message is there, and the answer tells that it may go.
    stack
        .redis
        .cli(&["CONFIG", "SET", "appendfsync", "no"])
        .await;
    assert_eq!(
        ann.send(&chat, "two").await.expect(201)["durability"],
        "memory"
    );
    let page = ann
        .get(&format!("/v1/chats/{chat}/messages"))
        .await
        .expect(200);
    assert_eq!(page["items"].as_array().expect("items").len(), 2);
    // What has no place to tell it in is refused, although it is done: to be done again.
    let me = ann.patch("/v1/users/me", json!({ "bio": "new" })).await;
    assert_eq!(me.expect(503)["code"], "not_durable");
    assert_eq!(ann.get("/v1/users/me").await.expect(200)["bio"], "new");

    stack
        .redis
        .cli(&["CONFIG", "SET", "appendfsync", "everysec"])
        .await;
    assert_eq!(
        ann.send(&chat, "three").await.expect(201)["durability"],
        "fsync"
    );
    ann.patch("/v1/users/me", json!({ "bio": "newer" }))
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_that_a_slow_disk_does_not_have_says_so() {
    let valkey = Redis::start_on_slow_disk(Server::Valkey, &[("appendfsync", "everysec")]).await;
    let stack = Stack::on_redis(
        valkey,
        Options {
            ack: AckLevel::Fsync,
            ..Options::default()
        }
        .on_one_redis(),
    )
    .await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    let send = async |body| {
        let began = stack.store.begin_write();
        say(&stack.store, chat, ann, body, None)
            .await
            .expect("sent");
        stack.store.acknowledge(began, chat).await
    };
    let disk = stack.redis.nodes[0].disk.as_ref().expect("it has one");
    assert_eq!(send("one").await, Durability::Fsync);
    disk.hold();
    assert_eq!(send("two").await, Durability::Memory);
    disk.release();
    eventually(Duration::from_secs(30), "the disk has all", async || {
        send("three").await == Durability::Fsync
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_that_waits_for_a_replica_says_so() {
    let stack = stack(AckLevel::Replica, Server::Redis, "everysec").await;
    let api = stack.start_api().await;
    let replica = stack.redis.start_replica(Server::Redis).await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(
        ann.send(&chat, "one").await.expect(201)["durability"],
        "replica"
    );
    assert!(
        replica.keys("chat:*:messages").await.len() == 1,
        "the replica has the chat"
    );

    replica.kill9();
    assert_eq!(
        ann.send(&chat, "two").await.expect(201)["durability"],
        "memory"
    );
    assert_eq!(
        ann.patch("/v1/users/me", json!({ "bio": "new" }))
            .await
            .expect(503)["code"],
        "not_durable"
    );
    replica.restart().await;
    replica.follow(&stack.redis.nodes[0]).await;
    let again = async || ann.send(&chat, "three").await.expect(201)["durability"] == "replica";
    eventually(
        Duration::from_secs(30),
        "a replica that is back is waited for",
        again,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_follows_the_settings_that_redis_has_now() {
    let stack = stack(AckLevel::Memory, Server::Redis, "always").await;
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let told = async |durability: &str| {
        let sent = ann.send(&chat, "hello").await.expect(201);
        let ready = ann.get("/readyz").await.expect(200);
        sent["durability"] == durability && ready["durability"] == durability
    };
    assert!(told("fsync").await);
    for (setting, value, durability) in [
        ("appendfsync", "everysec", "memory"),
        ("appendfsync", "always", "fsync"),
        ("appendonly", "no", "memory"),
        ("appendonly", "yes", "fsync"),
    ] {
        stack.redis.cli(&["CONFIG", "SET", setting, value]).await;
        let what = format!("{setting} {value} is {durability}");
        eventually(Duration::from_secs(30), &what, async || {
            told(durability).await
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_to_a_redis_that_is_no_more_is_not_called_durable() {
    let stack = stack(AckLevel::Fsync, Server::Valkey, "everysec").await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    let began = stack.store.begin_write();
    say(&stack.store, chat, ann, "one", None)
        .await
        .expect("sent");
    assert_eq!(
        stack.store.acknowledge(began, chat).await,
        Durability::Fsync
    );

    let began = stack.store.begin_write();
    say(&stack.store, chat, ann, "two", None)
        .await
        .expect("sent");
    // It may have forgotten, as a machine without power does. Whatever is written to it now is soon
    // on its disk, and "two" is not behind that.
    stack.redis.kill9();
    stack.redis.restart().await;
    let answers = async || stack.hot.ping().await.is_ok();
    eventually(Duration::from_secs(30), "Redis is back", answers).await;
    assert_eq!(
        stack.store.acknowledge(began, chat).await,
        Durability::Memory
    );

    let safe = async || {
        let began = stack.store.begin_write();
        say(&stack.store, chat, ann, "three", None).await.is_ok()
            && stack.store.acknowledge(began, chat).await == Durability::Fsync
    };
    eventually(
        Duration::from_secs(30),
        "what is written to the new one is safe",
        safe,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_away_waits_for_the_disk_whatever_is_asked_for() {
    let stack = stack(AckLevel::Memory, Server::Valkey, "everysec").await;
    let api = stack.start_api().await;
    let ann = api.register("ann").await;
    let began = std::time::Instant::now();
    let fsyncs = async || {
        let info = stack.redis.cli(&["INFO", "commandstats"]).await;
        let waits = info
            .lines()
            .find_map(|line| line.strip_prefix("cmdstat_waitaof:calls="))
            .and_then(|rest| rest.split(',').next());
        waits.map_or(0, |calls| calls.parse::<u64>().expect("a number"))
    };
    let before = fsyncs().await;
    ann.post(
        "/v1/chats",
        json!({ "kind": "group", "name": "Friends", "members": [] }),
    )
    .await
    .expect(201);
    assert_eq!(
        fsyncs().await,
        before,
        "an ordinary write waits for nothing"
    );
    ann.logout().await;
    assert_eq!(
        fsyncs().await,
        before + 1,
        "a logout waits; after {:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_cannot_give_what_is_asked_for_does_not_start() {
    let stack = Stack::with(
        Sql::Sqlite,
        Options {
            redis: vec![("appendonly", "no")],
            ..Options::default()
        },
    )
    .await;
    let mut env = stack.env();
    env.push(("CARRIER_ACK".into(), "fsync".into()));
    env.push(("CARRIER_ACCEPT".into(), "loss".into()));
    let api = Process::new("api", &env);
    api.start();
    assert_ne!(api.wait().await, 0);
    let log = api.log();
    assert!(
        log.contains(
            "CARRIER_ACK asks for more than this Redis can do; it needs an append only file"
        ),
        "{log}"
    );
}
