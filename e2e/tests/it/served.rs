//! The members of a large group are notified by the APIs that serve some of them: one message for
//! each of these, however many members there are.

use std::time::Duration;

use e2e::{Api, Client, Listener, Options, Sql, Stack, Wire, eventually};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(10);
/// More than Redis notifies itself.
const MEMBERS: usize = 20;

/// A group of Ann's, and two APIs. Nobody saves anything, which would notify once more.
struct Large {
    stack: Stack,
    here: Api,
    there: Api,
    ann: Client,
    members: Vec<Client>,
    chat: String,
}

impl Large {
    /// Starts; one API goes by the name of "here" in Redis.
    async fn start() -> Self {
        let stack = Stack::with(Sql::Sqlite, Options::default().on_one_redis()).await;
        let may = [
            "ACL", "SETUSER", "here", "on", ">secret", "~*", "&*", "+@all",
        ];
        stack.redis.cli(&may).await;
        let url = stack.redis.url().replacen("://", "://here:secret@", 1);
        let unlimited = || api::Config::default().unlimited();
        let here = stack.start_api_with(unlimited(), &url).await;
        let there = stack.start_api_with(unlimited(), &stack.redis.url()).await;
        let ann = here.register("ann").await;
        let mut members = Vec::new();
        for at in 0..MEMBERS {
            members.push(there.register(&format!("member{at}")).await);
        }
        let names: Vec<_> = (0..MEMBERS).map(|at| format!("member{at}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let group = ann.create_group("Large", &names).await.expect(201);
        Self {
            stack,
            here,
            there,
            ann,
            members,
            chat: group["id"].as_str().expect("an id").to_owned(),
        }
    }

    /// Returns how often something was published in all.
    async fn published(&self) -> usize {
        let stats = self.stack.redis.cli(&["INFO", "commandstats"]).await;
        let calls = stats
            .lines()
            .find_map(|line| line.strip_prefix("cmdstat_spublish:calls="));
        let calls = calls.and_then(|rest| rest.split(',').next());
        calls.map_or(0, |calls| calls.parse().expect("a number"))
    }

    /// Sends until it is known which APIs serve the members.
    async fn becomes_known(&self, listener: &mut Listener) {
        let first = tokio::sync::Mutex::new(listener);
        eventually(SOON, "it is known who serves them", async || {
            let before = self.published().await;
            self.is_heard(&mut [*first.lock().await], "who is there?")
                .await;
            // A watermark and a heartbeat may be among these.
            self.published().await - before < MEMBERS / 2
        })
        .await;
    }

    /// Sends a message, and waits until all of these have it.
    async fn is_heard(&self, listeners: &mut [&mut Listener], body: &str) -> Value {
        let sent = self.ann.send(&self.chat, body).await.expect(201);
        for listener in listeners {
            let is_it = |event: &Value| event["message"]["id"] == sent["id"];
            listener.until("message.created", is_it).await;
        }
        sent
    }

    async fn listens(&self, member: usize, at: &Api) -> Listener {
        let client = self.members[member].at(&at.url);
        let mut listener = Listener::connect(&client, Wire::Socket, "").await;
        listener.expect("hello").await;
        listener
    }

    async fn stop(self) {
        self.here.stop().await;
        self.there.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_group_is_published_once_for_each_api_that_serves_somebody() {
    let large = Large::start().await;
    let mut ones = large.listens(0, &large.here).await;
    let mut twos = large.listens(0, &large.there).await;
    let mut other = large.listens(1, &large.there).await;
    large.becomes_known(&mut ones).await;
    // On a busy machine a proof that it hears may come late, and each member is notified then.
    let mut tries = Vec::new();
    let mut sent = Value::Null;
    while !tries.iter().any(|published| (40..60).contains(published)) {
        assert!(tries.len() < 10, "{tries:?} for 20 messages each");
        let before = large.published().await;
        for at in 0..20 {
            let all = &mut [&mut ones, &mut twos, &mut other];
            sent = large.is_heard(all, &format!("text {at}")).await;
        }
        tries.push(large.published().await - before);
    }

    // Everybody else is told how far somebody has read, who is told how many are unread; once.
    let reads = large.members[0].at(&large.here.url);
    let id = sent["id"].as_i64().expect("an id");
    reads.read(&large.chat, id).await.expect(204);
    let mut came = Vec::new();
    for listener in [&mut ones, &mut twos, &mut other] {
        came.push(listener.until("receipt.updated", |_| true).await);
    }
    let sent = large.ann.send(&large.chat, "the last").await.expect(201);
    let is_last = |event: &Value| event["message"]["id"] == sent["id"];
    let all = [&mut ones, &mut twos, &mut other].into_iter().zip(came);
    for ((listener, mut came), unread) in all.zip([json!(0), json!(0), Value::Null]) {
        came.extend(listener.until("message.created", is_last).await);
        came.retain(|event| event["type"] == "receipt.updated");
        let told: Vec<_> = came.iter().map(|event| &event["unread_count"]).collect();
        assert_eq!(told, [&unread]);
    }
    drop((ones, twos, other));
    large.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_is_notified_by_the_api_that_serves_them() {
    let large = Large::start().await;
    let mut first = large.listens(0, &large.here).await;
    large.becomes_known(&mut first).await;
    for member in 1..6 {
        let at = [&large.there, &large.here][member % 2];
        let mut late = large.listens(member, at).await;
        large
            .is_heard(&mut [&mut first, &mut late], "welcome")
            .await;
    }
    drop(first);
    large.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_served_is_noted_again_when_redis_has_lost_it() {
    let large = Large::start().await;
    let mut first = large.listens(0, &large.here).await;
    let mut second = large.listens(1, &large.there).await;
    large.becomes_known(&mut first).await;
    let redis = &large.stack.redis;
    for presence in redis.keys("presence:*").await {
        redis.cli(&["DEL", &presence]).await;
    }
    redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    eventually(SOON, "both are noted", async || {
        redis.keys("presence:*").await.len() == 2
    })
    .await;
    large.becomes_known(&mut first).await;
    large.is_heard(&mut [&mut first, &mut second], "back").await;
    drop((first, second));
    large.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_notified_while_it_may_not_be_heard_who_comes() {
    let large = Large::start().await;
    let mut first = large.listens(0, &large.there).await;
    large.becomes_known(&mut first).await;
    let redis = &large.stack.redis;
    let allow = async |what| redis.cli(&["ACL", "SETUSER", "here", what]).await;
    allow("-ssubscribe").await;
    let deafen = ["CLIENT", "KILL", "TYPE", "pubsub", "USER", "here"];
    redis.cli(&deafen).await;
    for member in 1..4 {
        let mut late = large.listens(member, &large.there).await;
        large
            .is_heard(&mut [&mut first, &mut late], "welcome")
            .await;
    }
    allow("+ssubscribe").await;
    large.becomes_known(&mut first).await;
    drop(first);
    large.stop().await;
}
