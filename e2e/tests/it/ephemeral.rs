//! News to members that nobody stores, over REST: typing, and events of a product's own.

use std::time::Instant;

use api::Config;
use e2e::{Api, Client, Listener, Sql, Stack, Wire, on_both};
use model::Scope;
use serde_json::{Value, json};

fn id_of(answer: &Value) -> String {
    answer["id"].as_str().expect("an id").to_owned()
}

async fn friends(ann: &Client, others: &[&str]) -> String {
    id_of(&ann.create_group("Friends", others).await.expect(201))
}

async fn types(who: &Client, chat: &str, body: Value) -> e2e::Answer {
    who.post(&format!("/v1/chats/{chat}/typing"), body).await
}

async fn tells(who: &Client, chat: &str, event_type: &str, data: Value) -> e2e::Answer {
    let event = json!({ "type": event_type, "data": data });
    who.post(&format!("/v1/chats/{chat}/events"), event).await
}

/// Returns the codes of the fields that a problem complains about.
fn broken(problem: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = problem["errors"].as_array().expect("errors");
    let each = errors
        .iter()
        .map(|error| (text(&error["field"]), text(&error["code"])));
    each.collect()
}

/// Returns a key of the API that acts for a user of that id.
async fn acting_for(stack: &Stack, api: &Api, user: &str, scopes: &[Scope]) -> Client {
    let key = stack.store.create_key("backend", scopes).await;
    let mut client = api.client().with_header("carrier-user", user);
    client.token = Some(key.expect("a key").reveal().to_owned());
    client
}

on_both!(typing_over_rest_is_told_as_that_of_a_socket_and_ends_by_itself);
async fn typing_over_rest_is_told_as_that_of_a_socket_and_ends_by_itself(sql: Sql) {
    let stack = Stack::start(sql).await;
    let (one, two) = (stack.start_api().await, stack.start_api().await);
    let (ann, bob) = (one.register("ann").await, one.register("bob").await);
    let chat = id_of(&ann.create_direct("bob").await.expect(201));
    let mut bobs = Listener::events(&bob.at(&two.url), "", None).await;
    bobs.expect("hello").await;
    let told = async |bobs: &mut Listener| {
        let event = bobs.expect("typing").await;
        assert_eq!(
            (&event["chat_id"], &event["user_id"]),
            (&json!(chat), &json!(ann.id))
        );
        event["expires_ms"].as_i64().expect("a number")
    };
    types(&ann, &chat, json!({})).await.expect(204);
    assert_eq!(told(&mut bobs).await, 6000);
    types(&ann, &chat, json!({ "typing": false }))
        .await
        .expect(204);
    assert_eq!(told(&mut bobs).await, 0);
    // Without another word.
    types(&ann, &chat, json!({ "typing": true }))
        .await
        .expect(204);
    assert_eq!(told(&mut bobs).await, 6000);
    assert_eq!(told(&mut bobs).await, 0);
    // Nobody else may, however often, and nothing else is taken.
    let carl = one.register("carl").await;
    for at in 0..20 {
        let body = json!({ "typing": at % 3 > 0 });
        let refused = types(&carl, &chat, body).await;
        refused.expect_problem(404, "not_found");
    }
    for wrong in [json!({ "typing": 1 }), json!({ "type": true }), json!(true)] {
        types(&ann, &chat, wrong)
            .await
            .expect_problem(400, "malformed");
    }
    // The typing of a blocked member is not sent; the next event is another.
    bob.put(&format!("/v1/users/me/blocks/{}", ann.id), json!(null))
        .await
        .expect(204);
    types(&ann, &chat, json!({})).await.expect(204);
    bob.send(&chat, "still there").await.expect(201);
    let came = bobs.until("message.created", |_| true).await;
    let typing = came.iter().find(|event| event["type"] == "typing");
    assert!(typing.is_none(), "{came:?}");
    for api in [one, two] {
        api.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typing_over_rest_in_turns_is_no_flood() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chats = [friends(&ann, &["bob"]).await, friends(&ann, &["bob"]).await];
    let mut bobs = Listener::socket(&bob, "", &[]).await;
    bobs.expect("hello").await;
    let began = Instant::now();
    for at in 0..60_usize {
        let body = json!({ "typing": at.is_multiple_of(2) });
        types(&ann, &chats[at / 2 % 2], body).await.expect(204);
    }
    // Six at once, and one more each second.
    let most = 6 + 1 + began.elapsed().as_secs() as usize;
    ann.send(&chats[0], "enough").await.expect(201);
    let came = bobs.until("message.created", |_| true).await;
    let typing = came.iter().filter(|event| event["type"] == "typing");
    let typing = typing.count();
    assert!((1..=most).contains(&typing), "{typing} of {most}");
    api.stop().await;
}

on_both!(an_event_of_a_product_comes_to_the_others_who_are_there_and_once);
async fn an_event_of_a_product_comes_to_the_others_who_are_there_and_once(sql: Sql) {
    let stack = Stack::start(sql).await;
    let (one, two) = (stack.start_api().await, stack.start_api().await);
    let (ann, bob) = (one.register("ann").await, one.register("bob").await);
    let chat = friends(&ann, &["bob"]).await;
    let cursor = bob.get("/v1/sync").await.expect(200)["cursor"].clone();
    let mut anns = Listener::socket(&ann, "", &[]).await;
    anns.expect("hello").await;
    let data = json!({ "line": 7, "of": [1.5, null, { "path": "é\u{1f30d}" }] });
    for wire in [Wire::Socket, Wire::Sse] {
        let mut bobs = Listener::connect(&bob.at(&two.url), wire, "").await;
        bobs.expect("hello").await;
        tells(&ann, &chat, "myapp.cursor-2.moved", data.clone())
            .await
            .expect(204);
        let event = bobs.expect("chat.event").await;
        let at = event["at"].as_str().expect("a time");
        assert!(at.starts_with("20") && at.ends_with('Z'), "{at}");
        assert_eq!(
            event,
            json!({
                "type": "chat.event", "chat_id": chat, "sender_id": ann.id, "at": at,
                "event_type": "myapp.cursor-2.moved", "data": data,
            })
        );
    }
    // It is not for its sender, and nobody finds it later.
    bob.send(&chat, "done").await.expect(201);
    let came = anns.until("message.created", |_| true).await;
    assert!(
        came.iter().all(|event| event["type"] != "chat.event"),
        "{came:?}"
    );
    let since = format!("since={}", cursor.as_str().expect("a cursor"));
    let mut late = Listener::socket(&bob, &since, &[]).await;
    let came = late.until("message.created", |_| true).await;
    assert!(
        came.iter().all(|event| event["type"] != "chat.event"),
        "{came:?}"
    );
    let history = bob.history(&chat, 50, false).await;
    assert_eq!(
        history.iter().filter(|one| one["kind"] == "text").count(),
        1
    );
    for api in [one, two] {
        api.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_of_a_product_has_a_name_of_its_own_and_little_in_it() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = friends(&ann, &["bob"]).await;
    let path = format!("/v1/chats/{chat}/events");
    for good in [
        "a.b",
        "shop.order_1.paid-2",
        &format!("a.{}", "b".repeat(62)),
    ] {
        tells(&ann, &chat, good, json!({})).await.expect(204);
    }
    let rule = |field: &str, code: &str| vec![(field.to_owned(), code.to_owned())];
    let twice = |code: &str| [rule("type", "length"), rule("type", code)].concat();
    for (wrong, errors) in [
        ("cursor", rule("type", "characters")),
        ("my app.x", rule("type", "characters")),
        ("My.x", rule("type", "characters")),
        ("é.x", rule("type", "characters")),
        (".ab", rule("type", "characters")),
        ("ab.", rule("type", "characters")),
        ("a..b", rule("type", "characters")),
        ("a.1b", rule("type", "characters")),
        ("", twice("characters")),
        (&format!("a.{}", "b".repeat(63)), rule("type", "length")),
        ("message.created", rule("type", "reserved")),
        ("chat.event", rule("type", "reserved")),
        ("carrier.anything", rule("type", "reserved")),
    ] {
        let refused = tells(&ann, &chat, wrong, json!({})).await;
        let problem = refused.expect_problem(422, "invalid");
        assert_eq!(broken(&problem), errors, "{wrong}: {problem}");
    }
    // {"x":"…"} has eight bytes besides.
    let sized = |bytes: usize| json!({ "x": "y".repeat(bytes - 8) });
    tells(&ann, &chat, "a.b", sized(4096)).await.expect(204);
    let refused = tells(&ann, &chat, "a.b", sized(4097)).await;
    assert_eq!(
        broken(&refused.expect_problem(422, "invalid")),
        rule("data", "length")
    );
    let deep = |levels: usize| {
        let inner = (1..levels).fold(json!(1), |inner, at| match at % 2 {
            0 => json!([inner]),
            _ => json!({ "x": inner }),
        });
        json!({ "x": inner })
    };
    tells(&ann, &chat, "a.b", deep(16)).await.expect(204);
    let refused = tells(&ann, &chat, "a.b", deep(17)).await;
    assert_eq!(
        broken(&refused.expect_problem(422, "invalid")),
        rule("data", "range")
    );
    let deepest = tells(&ann, &chat, "a.b", deep(100)).await;
    assert_eq!(
        broken(&deepest.expect_problem(422, "invalid")),
        rule("data", "range")
    );
    for wrong in [
        json!({ "type": "a.b" }),
        json!({ "type": "a.b", "data": [] }),
        json!({ "type": "a.b", "data": null }),
        json!({ "type": [], "data": {} }),
        json!({ "type": "a.b", "data": {}, "to": "bob" }),
    ] {
        let refused = ann.post(&path, wrong.clone()).await;
        refused.expect_problem(400, "malformed");
    }
    let limits = ann.get("/v1/meta").await.expect(200);
    assert_eq!(limits["limits"]["event_data"], 4096);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_blocked_or_not_in_the_chat_sends_no_event() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let carl = api.register("carl").await;
    let chat = id_of(&ann.create_direct("bob").await.expect(201));
    let refused = tells(&carl, &chat, "a.b", json!({})).await;
    refused.expect_problem(404, "not_found");
    let mut bobs = Listener::socket(&bob, "", &[]).await;
    bobs.expect("hello").await;
    let block = format!("/v1/users/me/blocks/{}", ann.id);
    bob.put(&block, json!(null)).await.expect(204);
    tells(&ann, &chat, "a.b", json!({ "of": "blocked" }))
        .await
        .expect(204);
    bob.delete(&block).await.expect(204);
    tells(&ann, &chat, "a.b", json!({ "of": "a friend" }))
        .await
        .expect(204);
    assert_eq!(bobs.expect("chat.event").await["data"]["of"], "a friend");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_sends_so_many_events_and_a_key_as_many_as_a_key_may() {
    let stack = Stack::start(Sql::Sqlite).await;
    let config = Config {
        limit_events: "3/1h".parse().expect("a limit"),
        ..Config::default().unlimited()
    };
    let api = stack.start_api_with(config, &stack.redis.url()).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = friends(&ann, &["bob"]).await;
    for _ in 0..3 {
        tells(&ann, &chat, "a.b", json!({})).await.expect(204);
    }
    let refused = tells(&ann, &chat, "a.b", json!({})).await;
    assert!(refused.header("ratelimit").contains("\"events\";r=0"));
    refused.expect_problem(429, "rate_limited");
    tells(&bob, &chat, "a.b", json!({})).await.expect(204);
    // A backend tells members in the name of another, with the scope for messages.
    let backend = acting_for(&stack, &api, "7", &[Scope::Users, Scope::Chats]).await;
    let made = backend
        .put("/v1/admin/users/7", json!({}))
        .await
        .expect(201);
    let id = made["id"].as_str().expect("an id");
    let member = format!("/v1/chats/{chat}/members/{id}");
    ann.put(&member, json!(null)).await.expect(201);
    let refused = tells(&backend, &chat, "a.b", json!({})).await;
    refused.expect_problem(403, "scope_missing");
    let refused = types(&backend, &chat, json!({})).await;
    refused.expect_problem(403, "scope_missing");
    let backend = acting_for(&stack, &api, "7", &[Scope::Messages]).await;
    let mut bobs = Listener::socket(&bob, "", &[]).await;
    bobs.expect("hello").await;
    for _ in 0..4 {
        tells(&backend, &chat, "a.b", json!({})).await.expect(204);
        assert_eq!(bobs.expect("chat.event").await["sender_id"], made["id"]);
    }
    types(&backend, &chat, json!({})).await.expect(204);
    assert_eq!(bobs.expect("typing").await["user_id"], made["id"]);
    api.stop().await;
}
