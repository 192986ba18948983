//! What was written is found at once and for ever, by whoever may read it and by nobody else.

use std::time::Duration;

use e2e::{Client, Sql, Stack, eventually, on_both};
use serde_json::{Value, json};

async fn hits(who: &Client, query: &str) -> Vec<Value> {
    let (mut all, mut place) = (Vec::new(), String::new());
    loop {
        let page = who.get(&format!("/v1/search?limit=3&{query}{place}")).await.expect(200);
        all.extend(page["items"].as_array().expect("items").clone());
        match page["next"].as_str() {
            Some(next) => place = format!("&cursor={next}"),
            None => return all,
        }
    }
}

async fn found(who: &Client, query: &str) -> Vec<String> {
    hits(who, query).await.iter().map(|hit| hit["message"]["body"].as_str().expect("a body").to_owned()).collect()
}

fn id(of: &Value) -> i64 {
    of["id"].as_i64().expect("an id")
}

on_both!(what_was_written_is_found_at_once_and_for_ever);
async fn what_was_written_is_found_at_once_and_for_ever(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob, eve) = (api.register("ann").await, api.register("bob").await, api.register("eve").await);
    let direct = ann.create_direct("bob").await.expect(201)["id"].as_str().expect("an id").to_owned();
    let group = ann.create_group("Friends", &["bob"]).await.expect(201)["id"].as_str().expect("an id").to_owned();
    let texts = [
        "The quick brown fox",
        "Ein Fuchs im Café, größer als gedacht",
        "他说你好吗",
        "foxes and the hounds",
        "I am at ok",
        "100% of 3.14",
        "a_b-c d'accord",
    ];
    for text in texts {
        ann.send(&direct, text).await.expect(201);
    }
    let late = bob.post(&format!("/v1/chats/{group}/messages"), json!({ "subject": "About foxes", "body": "later" })).await.expect(201);
    for at in 0..60 {
        ann.send(&group, &format!("filler {at}")).await.expect(201);
    }
    let filler: Vec<String> = (0..60).rev().map(|at| format!("filler {at}")).collect();
    for round in 0..3 {
        for (query, expected) in [
            ("q=fox", vec!["later", texts[3], texts[0]]),
            ("q=FOX%20the", vec![texts[3], texts[0]]),
            ("q=the", vec![texts[3], texts[0]]),
            ("q=cafe", vec![texts[1]]),
            ("q=GRÖSS", vec![]), // ß is no ss
            ("q=grö", vec![texts[1]]),
            ("q=你好", vec![texts[2]]),
            ("q=说", vec![texts[2]]),
            ("q=说好", vec![]),
            ("q=ok", vec![texts[4]]),
            ("q=a%20c", vec![texts[6], texts[1]]),
            ("q=3.14", vec![texts[5]]),
            ("q=rown", vec![]),
            ("q=nothing", vec![]),
            ("q=%22fox%22%20-quick%20*", vec![texts[0]]),
        ] {
            assert_eq!(found(&bob, query).await, expected, "{query}, round {round}");
            assert_eq!(found(&eve, query).await, [""; 0], "{query} by a stranger");
        }
        assert_eq!(found(&ann, "q=filler").await, filler, "over many pages, round {round}");
        assert_eq!(found(&ann, &format!("q=fox&chat_id={group}")).await, ["later"]);
        assert_eq!(found(&ann, &format!("q=fox&from={}", ann.id)).await, [texts[3], texts[0]]);
        assert_eq!(found(&ann, &format!("q=fox&before={}", id(&late))).await, [texts[3], texts[0]]);
        assert_eq!(found(&ann, &format!("q=fox&after={}", id(&late) - 1)).await, ["later"]);
        let hit = &hits(&bob, "q=quick").await[0];
        let segments = json!([{ "text": "The ", "hit": false }, { "text": "quick", "hit": true }, { "text": " brown fox", "hit": false }]);
        assert_eq!(hit["segments"], segments);
        stack.all_leave_and_return(&mut [("ann", &mut ann), ("bob", &mut bob)], &[&direct, &group]).await;
    }
    eve.get(&format!("/v1/search?q=fox&chat_id={direct}")).await.expect_problem(404, "not_found");
    for query in ["", "q=", "q=%20!%20", "q=fox&chat_id=x", "q=fox&after=0", "q=fox&limit=0", "q=fox&cursor=x"] {
        bob.get(&format!("/v1/search?{query}")).await.expect_problem(400, "malformed");
    }
    bob.get(&format!("/v1/search?q={}", "x".repeat(201))).await.expect_problem(400, "malformed");
    assert_eq!(found(&bob, &format!("q={}", "x".repeat(200))).await, [""; 0]);
    api.stop().await;
}

on_both!(what_was_changed_or_taken_back_is_found_as_it_is_now);
async fn what_was_changed_or_taken_back_is_found_as_it_is_now(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob) = (api.register("ann").await, api.register("bob").await);
    let group = ann.create_group("Friends", &["bob"]).await.expect(201)["id"].as_str().expect("an id").to_owned();
    let path = |id: i64, rest: &str| format!("/v1/chats/{group}/messages/{id}{rest}");
    let mut ids = Vec::new();
    for text in ["apple one", "apple two", "apple three", "apple four"] {
        ids.push(id(&ann.send(&group, text).await.expect(201)));
    }
    for at in 0..60 {
        ann.send(&group, &at.to_string()).await.expect(201); // so that they are older than what stays hot
    }
    stack.all_leave_and_return(&mut [("ann", &mut ann), ("bob", &mut bob)], &[&group]).await;
    // Each of what SQL has as it was.
    ann.patch(&path(ids[0], ""), json!({ "body": "pear one" })).await.expect(200);
    ann.delete(&path(ids[1], "?for=everyone")).await.expect(204);
    bob.delete(&path(ids[2], "?for=me")).await.expect(204);
    bob.put(&path(ids[3], "/reactions/👍"), Value::Null).await.expect(204);
    for _ in 0..2 {
        assert_eq!(found(&ann, "q=apple").await, ["apple four", "apple three"]);
        assert_eq!(found(&bob, "q=apple").await, ["apple four"]);
        assert_eq!(found(&bob, "q=pear").await, ["pear one"]);
        let hit = &hits(&bob, "q=four").await[0];
        assert_eq!((&hit["my_reactions"], &hit["message"]["reactions"][0]["count"]), (&json!(["👍"]), &1.into()));
        stack.all_leave_and_return(&mut [("ann", &mut ann), ("bob", &mut bob)], &[&group]).await;
    }
    ann.patch(&path(ids[0], ""), json!({ "body": "apple again" })).await.expect(200);
    assert_eq!(found(&bob, "q=apple").await, ["apple four", "apple again"]);
    ann.remove_member(&group, &bob.id).await.expect(204);
    assert_eq!(found(&bob, "q=apple").await, [""; 0], "who is no longer in finds nothing");
    let flusher = stack.start_flusher().await;
    ann.delete(&format!("/v1/chats/{group}")).await.expect(204);
    assert_eq!(found(&ann, "q=apple").await, [""; 0]);
    stack.evicted(group.parse().expect("an id")).await;
    assert_eq!(found(&ann, "q=apple").await, [""; 0]);
    if sql == Sql::Sqlite {
        let rows = "SELECT COUNT(*) FROM message_rows";
        let left = async || {
            use sea_orm::{ConnectionTrait, Statement};
            let row = stack.db.query_one_raw(Statement::from_string(sea_orm::DbBackend::Sqlite, rows)).await.expect("SQL answers");
            row.expect("a row").try_get_by_index::<i64>(0).expect("a number") == 0
        };
        eventually(Duration::from_secs(10), "the index has nothing of it", left).await;
    }
    flusher.stop().await;
    api.stop().await;
}
