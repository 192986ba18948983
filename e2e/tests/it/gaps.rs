//! No event is missed, after any absence, whatever breaks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use e2e::{
    Client, Fault, Listener, Options, Proxy, Replica, Sql, Stack, Wire, eventually, on_both,
    process,
};
use fastrand::Rng;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{sync::RwLock, time::Instant};

const SECOND: Duration = Duration::from_secs(1);
/// Over both databases, 240.
const CUTS: usize = 120;
/// Of which so many are "a week" long: no chat is left in Redis.
const WEEKS: usize = 6;

fn id_of(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

/// Returns the seed of a test's dice, and prints it: `CARRIER_E2E_SEED` throws the same again.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("CARRIER_E2E_SEED").ok();
    let given = given.map(|seed| seed.parse().expect("CARRIER_E2E_SEED is a number"));
    let seed = given.unwrap_or_else(|| fastrand::u64(..1 << 32));
    println!("run again with CARRIER_E2E_SEED={seed}");
    seed
}

/// Does something in a chat, of all that a member can do there.
async fn act(who: &Client, others: &[&Client], chat: &str, turn: usize, dice: &mut Rng) {
    let path = format!("/v1/chats/{chat}");
    let (die, at) = (dice.usize(..12), dice.usize(..20));
    let recent = async || {
        let page = who.page(chat, "limit=20").await;
        let items = page.json["items"].as_array().cloned().unwrap_or_default();
        items.get(at % items.len().max(1)).cloned()
    };
    match die {
        0 => {
            if let Some(message) = recent()
                .await
                .filter(|one| one["sender_id"] == who.id.as_str())
            {
                who.patch(
                    &format!("{path}/messages/{}", message["id"]),
                    json!({ "body": format!("edited {turn}") }),
                )
                .await;
            }
        }
        1 => {
            if let Some(message) = recent().await {
                who.delete(&format!("{path}/messages/{}?for=everyone", message["id"]))
                    .await;
            }
        }
        2 => {
            if let Some(message) = recent().await {
                let method = if dice.bool() {
                    Method::PUT
                } else {
                    Method::DELETE
                };
                who.request(
                    method,
                    &format!("{path}/messages/{}/reactions/👍", message["id"]),
                    None,
                )
                .await;
            }
        }
        3 | 4 => {
            if let Some(message) = recent().await {
                who.read(chat, message["id"].as_i64().expect("an id")).await;
            }
        }
        5 => drop(
            who.patch(&path, json!({ "name": format!("Name {turn}") }))
                .await,
        ),
        6 => drop(
            who.add_member(chat, &others[dice.usize(..others.len())].id)
                .await,
        ),
        7 => drop(
            who.remove_member(chat, &others[dice.usize(..others.len())].id)
                .await,
        ),
        _ => drop(who.send(chat, &format!("text {turn}")).await),
    }
}

/// Returns the paths at which two values differ.
fn differences(path: &str, one: &Value, other: &Value) -> Vec<String> {
    let keys = |value: &Value| {
        value
            .as_object()
            .map(|fields| fields.keys().cloned().collect::<Vec<_>>())
            .unwrap_or_default()
    };
    match (one, other) {
        (Value::Object(_), Value::Object(_)) => {
            let all: std::collections::BTreeSet<_> =
                keys(one).into_iter().chain(keys(other)).collect();
            all.iter()
                .flat_map(|key| differences(&format!("{path}/{key}"), &one[key], &other[key]))
                .collect()
        }
        (Value::Array(ones), Value::Array(others)) if ones.len() == others.len() => ones
            .iter()
            .zip(others)
            .enumerate()
            .flat_map(|(at, (one, other))| differences(&format!("{path}/{at}"), one, other))
            .collect(),
        _ if one == other => Vec::new(),
        _ => vec![format!("{path}: {one} instead of {other}")],
    }
}

on_both!(a_client_that_is_cut_again_and_again_ends_as_one_that_never_left);
async fn a_client_that_is_cut_again_and_again_ends_as_one_that_never_left(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            flush_after: Duration::from_millis(100),
            ..Options::default()
        },
    )
    .await;
    let apis = [stack.start_api().await, stack.start_api().await];
    let (ann, bob) = (apis[0].register("ann").await, apis[0].register("bob").await);
    let (carl, dora) = (
        apis[0].register("carl").await,
        apis[0].register("dora").await,
    );
    let begin = bob.get("/v1/sync").await.expect(200)["cursor"]
        .as_str()
        .expect("a cursor")
        .to_owned();
    let direct = id_of(&ann.create_direct("bob").await.expect(201));
    let group = id_of(
        &ann.create_group("Friends", &["bob", "carl"])
            .await
            .expect(201),
    );
    let chats = [direct.clone(), group.clone()];
    let flusher = stack.start_flusher().await;

    let (stop, acts) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    // Each actor shares it while it acts; a week holds it alone.
    let calm = Arc::new(RwLock::new(()));
    let mut actors = Vec::new();
    let seed = seed();
    for (at, who) in [&ann, &bob].into_iter().enumerate() {
        let mut dice = Rng::with_seed(seed + 1 + at as u64);
        let who = who.at(&apis[at].url);
        let (carl, dora, chats) = (carl.clone(), dora.clone(), chats.clone());
        let (stop, acts, calm) = (Arc::clone(&stop), Arc::clone(&acts), Arc::clone(&calm));
        actors.push(tokio::spawn(async move {
            while !stop.load(SeqCst) {
                let _acts = calm.read().await;
                act(
                    &who,
                    &[&carl, &dora],
                    &chats[dice.usize(..2)],
                    acts.fetch_add(1, SeqCst),
                    &mut dice,
                )
                .await;
            }
        }));
    }

    // One never leaves; the other is cut at random moments, and comes back on another wire to
    // another API.
    let mut stays = Replica {
        cursor: Some(begin.clone()),
        ..Replica::default()
    };
    let mut leaves = stays.clone();
    let mut stayer = Listener::socket(&bob.at(&apis[0].url), &format!("since={begin}"), &[]).await;
    let last = [
        format!("the last of {direct}"),
        format!("the last of {group}"),
    ];
    let is_last = |event: &Value| {
        last.iter()
            .any(|text| event["message"]["body"] == text.as_str())
    };
    let staying = async {
        let mut lasts = 0;
        while lasts < 2 {
            let event = stayer.next().await.expect("it never leaves");
            lasts += usize::from(is_last(&event));
            stays.take(&event);
        }
        (stays, stayer)
    };
    let leaving = async {
        let mut dice = Rng::with_seed(seed);
        for cut in 0..CUTS {
            if cut % (CUTS / WEEKS) == CUTS / WEEKS / 2 {
                let _calm = calm.write().await;
                for chat in &chats {
                    let id = chat.parse().expect("an id");
                    // Who never leaves may still be looking something up, which keeps it warm.
                    eventually(30 * SECOND, "the chat has left Redis", async || {
                        stack.expire(id).await;
                        stack.redis.keys(&format!("chat:*{chat}*")).await.is_empty()
                    })
                    .await;
                }
            }
            let at = bob.at(&apis[dice.usize(..2)].url);
            let wire = if cut % 2 == 0 {
                Wire::Socket
            } else {
                Wire::Sse
            };
            let query = format!("since={}", leaves.cursor.as_ref().expect("a cursor"));
            let mut listener = Listener::connect(&at, wire, &query).await;
            let end = Instant::now() + Duration::from_millis(dice.u64(..80));
            while let Ok(Some(event)) = tokio::time::timeout_at(end, listener.next()).await {
                leaves.take(&event);
                if event["resumed"] == false {
                    leaves.catch_up(&at).await;
                }
            }
        }
        stop.store(true, SeqCst);
        for actor in actors {
            actor.await.expect("nobody panics");
        }
        let query = format!("since={}", leaves.cursor.as_ref().expect("a cursor"));
        let mut listener = Listener::socket(&bob, &query, &[]).await;
        for (chat, text) in chats.iter().zip(&last) {
            ann.send(chat, text).await.expect(201);
        }
        let mut lasts = 0;
        while lasts < 2 {
            let event = listener.next().await.expect("it is not cut any more");
            lasts += usize::from(is_last(&event));
            leaves.take(&event);
            if event["resumed"] == false {
                leaves.catch_up(&bob).await;
            }
        }
        (leaves, listener)
    };
    let (stays, leaves) = tokio::join!(staying, leaving);
    println!("{} acts, {CUTS} cuts", acts.load(SeqCst));
    let truth = Replica::ask(&bob).await;
    for (who, (mut replica, mut listener)) in [("who never left", stays), ("who was cut", leaves)] {
        // What was missing is looked up a second later.
        let deadline = Instant::now() + 60 * SECOND;
        while replica.state() != truth.state() {
            match tokio::time::timeout_at(deadline, listener.next()).await {
                Ok(event) => replica.take(&event.expect("it is not cut")),
                Err(_) => panic!(
                    "{who} does not know what there is:\n{}",
                    differences("", &replica.state(), &truth.state()).join("\n")
                ),
            }
        }
    }
    flusher.stop().await;
    for api in apis {
        api.stop().await;
    }
}

on_both!(members_are_notified_at_the_flush_of_a_message_whose_api_died);
async fn members_are_notified_at_the_flush_of_a_message_whose_api_died(sql: Sql) {
    let stack = Stack::with(sql, Options::default().on_one_redis()).await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let api = stack.start_api().await;
    let victim = process("api", &stack.env_through(&proxy.url())).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = id_of(&ann.create_direct("bob").await.expect(201));
    ann.send(&chat, "before").await.expect(201);
    let mut bobs = Listener::socket(&bob, "", &[]).await;
    bobs.expect("hello").await;

    let at_victim = ann.at(victim.url());
    at_victim.get("/v1/users/me").await.expect(200);
    let publish = proxy.rule(
        format!(
            "inbox:{{u{}}}:{}",
            bob.id.parse::<model::UserId>().expect("an id").partition(),
            bob.id
        ),
        Fault::Stall,
    );
    let text = at_victim.send(&chat, "nobody was told").await.expect(201);
    let mark = ann.send(&chat, "after").await;
    publish.wait_fired(1).await;
    victim.kill9();
    let came = bobs
        .until("message.created", |event| {
            event["message"]["body"] == "after"
        })
        .await;
    assert!(
        came.iter()
            .all(|event| event["message"]["id"] != text["id"]),
        "it is not told yet"
    );
    mark.expect(201);
    // What follows tells that something is missing; it is looked up a second later.
    let came = bobs
        .until("message.created", |event| {
            event["message"]["id"] == text["id"]
        })
        .await;
    assert!(
        !came.iter().any(|event| event["type"] == "chat.saved"),
        "no flusher runs"
    );

    // And if nothing follows, the flusher tells.
    let victim = process("api", &stack.env_through(&proxy.url())).await;
    let at_victim = ann.at(victim.url());
    at_victim.get("/v1/users/me").await.expect(200);
    publish.release();
    let publish = proxy.rule(format!("}}:{}", bob.id), Fault::Stall);
    let text = at_victim.send(&chat, "nor of this").await.expect(201);
    publish.wait_fired(1).await;
    victim.kill9();
    let flusher = stack.start_flusher().await;
    bobs.until("message.created", |event| {
        event["message"]["id"] == text["id"]
    })
    .await;
    flusher.stop().await;
    api.stop().await;
}

on_both!(what_happens_during_a_handshake_is_sent_after_it);
async fn what_happens_during_a_handshake_is_sent_after_it(sql: Sql) {
    let stack = Stack::with(sql, Options::default().on_one_redis()).await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let (api, other) = (
        stack
            .start_api_with(api::Config::default().unlimited(), &proxy.url())
            .await,
        stack.start_api().await,
    );
    let (ann, bob) = (other.register("ann").await, other.register("bob").await);
    let begin = bob.get("/v1/sync").await.expect(200)["cursor"]
        .as_str()
        .expect("a cursor")
        .to_owned();
    let chat = id_of(&ann.create_direct("bob").await.expect(201));
    ann.send(&chat, "before").await.expect(201);
    for wire in [Wire::Socket, Wire::Sse] {
        let at = bob.at(&api.url);
        at.get("/v1/users/me").await.expect(200);
        let subscribe = proxy.rule_for(format!("}}:{}", bob.id), Fault::Stall, 0, 1);
        let query = format!("since={begin}");
        let opening = tokio::spawn(async move {
            let mut listener = Listener::connect(&at, wire, &query).await;
            listener.expect("hello").await;
            listener
        });
        subscribe.wait_fired(1).await;
        let sent = ann.send(&chat, "meanwhile").await.expect(201);
        subscribe.release();
        let mut listener = opening.await.expect("it opens");
        listener
            .until("message.created", |event| {
                event["message"]["id"] == sent["id"]
            })
            .await;
        drop(listener);
        // Or the next one would find the inbox open.
        eventually(30 * SECOND, "he is gone", async || {
            ann.get(&format!("/v1/presence?user_ids={}", bob.id))
                .await
                .expect(200)["items"][0]["online"]
                == false
        })
        .await;
    }
    api.stop().await;
    other.stop().await;
}

on_both!(events_that_redis_lost_are_looked_up);
async fn events_that_redis_lost_are_looked_up(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = id_of(&ann.create_direct("bob").await.expect(201));
    let mut bobs = Listener::socket(&bob, "", &[]).await;
    bobs.expect("hello").await;
    for round in 0..5 {
        // No flusher runs, and nothing follows the last of them: only that the connection was lost
        // tells that they were.
        stack.redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        let sent: Vec<Value> = {
            let mut sent = Vec::new();
            for at in 0..3 {
                sent.push(
                    ann.send(&chat, &format!("{round} {at}")).await.expect(201)["id"].clone(),
                );
            }
            sent
        };
        ann.patch("/v1/users/me", json!({ "bio": format!("{round}") }))
            .await
            .expect(200);
        let mut missing: Vec<&Value> = sent.iter().collect();
        while !missing.is_empty() {
            let event = bobs.next().await.expect("it goes on");
            missing.retain(|id| event["message"]["id"] != **id);
        }
    }
    api.stop().await;
}

on_both!(who_was_away_for_too_much_is_told_to_page);
async fn who_was_away_for_too_much_is_told_to_page(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let begin = bob.get("/v1/sync").await.expect(200)["cursor"]
        .as_str()
        .expect("a cursor")
        .to_owned();
    let chat = id_of(&ann.create_direct("bob").await.expect(201));
    for turn in 0..60 {
        futures_util::future::join_all(
            (0..20).map(|at| ann.send(&chat, if at == 0 { "x" } else { "y" })),
        )
        .await;
        if turn == 40 {
            let mut few = Listener::socket(&bob, &format!("since={begin}"), &[]).await;
            assert_eq!(
                few.expect("hello").await["resumed"],
                true,
                "820 are not too many"
            );
        }
    }
    for wire in [Wire::Socket, Wire::Sse] {
        let mut replica = Replica {
            cursor: Some(begin.clone()),
            ..Replica::default()
        };
        let mut listener = Listener::connect(&bob, wire, &format!("since={begin}")).await;
        let hello = listener.expect("hello").await;
        assert_eq!(
            (&hello["resumed"], &hello["cursor"]),
            (&json!(false), &json!(begin)),
            "{hello}"
        );
        replica.catch_up(&bob).await;
        let sent = ann.send(&chat, "live").await.expect(201);
        for event in listener
            .until("message.created", |event| {
                event["message"]["id"] == sent["id"]
            })
            .await
        {
            replica.take(&event);
        }
        assert_eq!(replica.state(), Replica::ask(&bob).await.state());
    }
    api.stop().await;
}

on_both!(who_reads_too_slowly_is_cut_off_and_nobody_else_feels_it);
async fn who_reads_too_slowly_is_cut_off_and_nobody_else_feels_it(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let begin = bob.get("/v1/sync").await.expect(200)["cursor"]
        .as_str()
        .expect("a cursor")
        .to_owned();
    let chat = id_of(&ann.create_direct("bob").await.expect(201));
    for wire in [Wire::Socket, Wire::Sse] {
        let mut slow = Listener::connect(&bob, wire, "").await;
        let mut quick = Listener::connect(&bob, wire, "").await;
        slow.expect("hello").await;
        quick.expect("hello").await;
        // What the kernels keep for a connection is ten megabytes at the most.
        let body = "x".repeat(10_000);
        let mut sent = Vec::new();
        for _ in 0..110 {
            let some =
                futures_util::future::join_all((0..20).map(|_| ann.send(&chat, &body))).await;
            let some: Vec<Value> = some
                .into_iter()
                .map(|answer| answer.expect(201)["id"].clone())
                .collect();
            for _ in 0..some.len() {
                quick.expect("message.created").await;
            }
            sent.extend(some);
        }
        let mut came = 0;
        while let Some(event) = slow.next().await {
            came += usize::from(event["type"] == "message.created");
        }
        assert!(came < sent.len(), "all {came} came");
        if wire == Wire::Socket {
            assert_eq!(slow.closed, Some(4408));
        }
    }
    // It has missed nothing: it resumes.
    let mut resumed = Listener::socket(&bob, &format!("since={begin}"), &[]).await;
    assert_eq!(resumed.expect("hello").await["resumed"], false);
    api.stop().await;
}

on_both!(who_is_connected_to_an_api_that_stops_goes_on_at_another);
async fn who_is_connected_to_an_api_that_stops_goes_on_at_another(sql: Sql) {
    let stack = Stack::start(sql).await;
    let (stays, stops) = (stack.start_api().await, process("api", &stack.env()).await);
    let (ann, bob) = (stays.register("ann").await, stays.register("bob").await);
    let chat = id_of(&ann.create_direct("bob").await.expect(201));
    let begin = bob.get("/v1/sync").await.expect(200)["cursor"]
        .as_str()
        .expect("a cursor")
        .to_owned();
    let at_stops = bob.at(stops.url());
    let mut listeners = Vec::new();
    for wire in [Wire::Socket, Wire::Sse] {
        let mut listener = Listener::connect(&at_stops, wire, &format!("since={begin}")).await;
        listener.expect("hello").await;
        listeners.push((wire, listener));
    }
    let leaving = async {
        for (wire, mut listener) in listeners {
            let after = listener.expect("reconnect").await["after_ms"]
                .as_i64()
                .expect("a time");
            assert!((0..5_000).contains(&after), "{after}");
            assert_eq!(listener.next().await, None);
            assert_eq!(listener.closed, (wire == Wire::Socket).then_some(4503));
        }
    };
    assert_eq!(tokio::join!(stops.stop(), leaving).0, 0);
    let sent = ann.send(&chat, "meanwhile").await.expect(201);
    let mut resumed = Listener::socket(&bob, &format!("since={begin}"), &[]).await;
    resumed
        .until("message.created", |event| {
            event["message"]["id"] == sent["id"]
        })
        .await;
    stays.stop().await;
}

on_both!(who_was_served_by_an_api_that_died_is_not_online_for_long);
async fn who_was_served_by_an_api_that_died_is_not_online_for_long(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let mut env = stack.env();
    env.push(("CARRIER_HEARTBEAT".into(), "1s".into()));
    let victim = process("api", &env).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    ann.create_direct("bob").await.expect(201);
    let mut anns = Listener::socket(&ann, "", &[]).await;
    anns.say(json!({ "type": "watch", "user_ids": [bob.id] }))
        .await;
    anns.until("presence", |event| event["online"] == false)
        .await;
    let mut bobs = Listener::socket(&bob.at(victim.url()), "", &[]).await;
    anns.until("presence", |event| event["online"] == true)
        .await;
    // He stays online for as long as it beats.
    for _ in 0..4 {
        bobs.expect("heartbeat").await;
    }
    let online = async || {
        ann.get(&format!("/v1/presence?user_ids={}", bob.id))
            .await
            .expect(200)["items"][0]["online"]
            == true
    };
    assert!(online().await);
    victim.kill9();
    anns.until("presence", |event| event["online"] == false)
        .await;
    eventually(60 * SECOND, "he is not online", async || !online().await).await;
    api.stop().await;
}
