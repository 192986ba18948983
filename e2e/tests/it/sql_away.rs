//! SQL does not answer: who is at work goes on with what Redis has, is told that it is not all, and
//! misses nothing once SQL is back.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use e2e::{
    Client, Listener, MariaDb, Options, PASSWORD, Proxy, Sql, Stack, Wire, eventually, free_port,
};
use hot::Verb;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

fn id_of(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

/// Makes the last use of a user's session some minutes ago, and has a flusher look at the user.
/// Returns when the session ends, and its key.
async fn was_away(stack: &Stack, user: &Client, minutes: i64) -> (i64, String) {
    let sessions = format!("user:*{}:sessions", user.id);
    let sessions = stack.redis.keys(&sessions).await.pop();
    let sessions = sessions.expect("a list of sessions");
    let cli = async |args: &[&str]| stack.redis.cli(args).await;
    let found = cli(&["ZRANGE", &sessions, "0", "-1", "WITHSCORES"]).await;
    let found: Vec<&str> = found.lines().collect();
    let [hash, ends] = found[..] else {
        panic!("one session: {found:?}")
    };
    let ends = ends.parse::<i64>().expect("ms") - minutes * 60 * 1000;
    cli(&["ZADD", &sessions, &ends.to_string(), hash]).await;
    let slot = slot_of(stack, user).await;
    let session = format!("session:{slot}:{hash}");
    let seen = ends * 1000 - stack.options.session_ttl.as_micros() as i64;
    cli(&["HSET", &session, "seen", &seen.to_string()]).await;
    cli(&["ZADD", &format!("due:{slot}"), "1", &user.id]).await;
    // No API knows it any more by then.
    cli(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    (ends, session)
}

/// Returns the hash tag of a user's keys.
async fn slot_of(stack: &Stack, user: &Client) -> String {
    let sessions = stack
        .redis
        .keys(&format!("user:*{}:sessions", user.id))
        .await;
    let slot = sessions[0].split(':').nth(1).expect("a hash tag");
    slot.to_owned()
}

async fn keys(stack: &Stack, user: &Client) -> Vec<String> {
    let keys = stack.redis.keys(&format!("user:*{}*", user.id)).await;
    let kind = |key: &String| key.rsplit(':').next().unwrap_or_default().to_owned();
    keys.iter().map(kind).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_at_work_goes_on_and_misses_nothing_once_sql_is_back() {
    let server = MariaDb::shared().await;
    let proxy = Proxy::before(server.address()).await;
    let url = server.fresh_database().await;
    let through = url.replace(&server.address().to_string(), &proxy.address().to_string());
    let options = Options::default().counting(&[Verb::SnapshotUser]);
    let stack = Stack::on_database(through, options).await;
    let config = api::Config {
        // A client that answers no ping for two and a half of them is gone.
        heartbeat: Duration::from_secs(4),
        ..api::Config::default().unlimited()
    };
    let api = stack.start_api_with(config, &stack.redis.url()).await;
    let (ann, bob, carl) = (
        api.register("ann").await,
        api.register("bob").await,
        api.register("carl").await,
    );
    // Long before what this API has sent to all.
    let earlier = stack.store.now().await.expect("Redis answers");
    let earlier = earlier.earlier(Duration::from_secs(600)).to_string();
    let since = &URL_SAFE_NO_PAD.encode(earlier);
    let warm = id_of(&ann.create_direct("bob").await.expect(201));
    let cold = id_of(&ann.create_group("Cold", &["bob"]).await.expect(201));
    let old = ann
        .send(&cold, "saved, and gone from Redis")
        .await
        .expect(201);
    stack.leave(cold.parse().expect("an id")).await;
    let flusher = stack.start_flusher().await;

    proxy.redirect(([127, 0, 0, 1], free_port()).into());
    proxy.cut();
    // Who is away would have to be read from SQL.
    let looks = stack.looks(&carl.id).await;
    was_away(&stack, &carl, 120).await;
    eventually(
        PATIENCE,
        "the flusher looked at Carl, and again",
        async || stack.looks(&carl.id).await > looks + 1,
    )
    .await;
    assert!(keys(&stack, &carl).await.len() > 1, "he stays");

    let sent = ann.send(&warm, "while SQL is away").await.expect(201);
    let synced = bob
        .get(&format!("/v1/sync?since={since}"))
        .await
        .expect(200);
    assert_eq!(
        (&synced["partial"], &synced["more"], &synced["cursor"]),
        (&json!(true), &json!(false), &json!(since)),
        "{synced}"
    );
    let is_of = |event: &Value, message: &Value| {
        event["type"] == "message.created" && event["message"]["id"] == message["id"]
    };
    let changes = synced["changes"].as_array().expect("changes");
    assert!(changes.iter().any(|event| is_of(event, &sent)), "{synced}");
    assert!(!changes.iter().any(|event| is_of(event, &old)));
    assert!(synced["clocks"].as_object().expect("clocks").is_empty());

    let mut listeners = Vec::new();
    for wire in [Wire::Socket, Wire::Sse] {
        let mut listener = Listener::connect(&bob, wire, &format!("since={since}")).await;
        let hello = listener.expect("hello").await;
        assert_eq!(
            (&hello["resumed"], &hello["partial"]),
            (&json!(true), &json!(true)),
            "{hello}"
        );
        listener
            .until("message.created", |event| is_of(event, &sent))
            .await;
        // The first comes after the changes, the second in its time.
        for _ in 0..2 {
            let beat = listener.expect("heartbeat").await;
            assert_eq!(
                (&beat["cursor"], &beat["partial"]),
                (&json!(since), &json!(true)),
                "no cursor is past a change that was not sent"
            );
        }
        listeners.push(listener);
    }
    for login in ["bob", "BOB@example.org"] {
        let login = json!({ "login": login, "password": PASSWORD });
        bob.post("/v1/auth/login", login).await.expect(200);
    }
    let next = ann.send(&warm, "and live").await.expect(201);
    for listener in &mut listeners {
        listener
            .until("message.created", |event| is_of(event, &next))
            .await;
    }

    proxy.redirect(server.address());
    for listener in &mut listeners {
        listener
            .until("message.created", |event| is_of(event, &old))
            .await;
        listener
            .until("heartbeat", |beat| {
                beat["partial"] == false && beat["cursor"] != since.as_str()
            })
            .await;
    }
    let synced = bob
        .get(&format!("/v1/sync?since={since}"))
        .await
        .expect(200);
    assert_eq!(synced["partial"], false);
    assert_ne!(synced["cursor"], since.as_str());
    flusher.stop().await;
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_only_registers_leaves_redis_within_minutes() {
    let stack = Stack::with(Sql::Sqlite, Options::default()).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    was_away(&stack, &ann, 3).await;
    let (ends, session) = was_away(&stack, &bob, 3).await;
    let opened = ends * 1000 - stack.options.session_ttl.as_micros() as i64;
    stack
        .redis
        .cli(&["HSET", &session, "created", &opened.to_string()])
        .await;

    let flusher = stack.start_flusher().await;
    eventually(PATIENCE, "Bob has left", async || {
        keys(&stack, &bob).await == ["sessions"]
    })
    .await;
    let due = format!("due:{}", slot_of(&stack, &ann).await);
    eventually(PATIENCE, "Ann is looked at", async || {
        stack.redis.cli(&["ZSCORE", &due, &ann.id]).await.len() > 1
    })
    .await;
    assert!(
        keys(&stack, &ann).await.len() > 1,
        "who used a session since they opened it stays"
    );
    assert_eq!(
        bob.get("/v1/users/me").await.status,
        200,
        "and a session goes on"
    );
    flusher.stop().await;
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_at_work_leaves_redis_and_their_session_goes_on() {
    let options = Options::default().counting(&[Verb::SnapshotUser]);
    let stack = Stack::with(Sql::Sqlite, options).await;
    let api = stack.start_api().await;
    let ann = api.register("ann").await;
    let chat = id_of(&ann.create_group("Alone", &[]).await.expect(201));
    let flusher = stack.start_flusher().await;
    stack.saved(chat.parse().expect("an id")).await;
    eventually(PATIENCE, "Ann is saved", async || {
        stack.looks(&ann.id).await > 0 && !keys(&stack, &ann).await.contains(&"dirty".to_owned())
    })
    .await;
    assert!(keys(&stack, &ann).await.len() > 1, "who is at work stays");

    let only_sessions = async || keys(&stack, &ann).await == ["sessions"];
    let (ends, _) = was_away(&stack, &ann, 120).await;
    eventually(PATIENCE, "Ann has left", only_sessions).await;
    let list = stack
        .redis
        .keys("user:*:sessions")
        .await
        .pop()
        .expect("a list");
    let expires = async || {
        let time = stack.redis.cli(&["PEXPIRETIME", &list]).await;
        time.parse::<i64>().expect("ms")
    };
    assert_eq!(
        expires().await,
        ends,
        "the list lives as long as the session"
    );

    let chats = ann.chats().await;
    assert_eq!(chats[0]["id"], chat.as_str(), "she is back");
    eventually(
        PATIENCE,
        "the list lives longer with the session",
        async || expires().await > ends,
    )
    .await;
    let sessions = ann.get("/v1/auth/sessions").await.expect(200);
    assert_eq!(sessions["items"].as_array().map(Vec::len), Some(1));

    was_away(&stack, &ann, 120).await;
    eventually(PATIENCE, "Ann has left again", only_sessions).await;
    ann.logout().await;
    ann.get("/v1/chats")
        .await
        .expect_problem(401, "unauthorized");
    eventually(PATIENCE, "nothing of Ann is left", async || {
        keys(&stack, &ann).await.is_empty()
    })
    .await;
    flusher.stop().await;
    api.stop().await;
}
