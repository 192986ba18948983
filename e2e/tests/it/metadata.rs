//! Metadata of a product's own on messages and on users, and types of its own on messages.

use e2e::{Api, Client, Listener, Options, PASSWORD, Sql, Stack, eventually, on_both, say};
use futures_util::future::join_all;
use model::{ChatId, Scope, UserId};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

/// A chat of two, and what one of them said in it with metadata.
struct Talk {
    stack: Stack,
    api: Api,
    ann: Client,
    bob: Client,
    chat: String,
    /// A cursor of sync from before anything was said.
    began: String,
}

impl Talk {
    async fn new(sql: Sql) -> Self {
        let options = Options {
            hot_messages: 10,
            ..Options::default()
        };
        let stack = Stack::with(sql, options.on_one_redis()).await;
        let api = stack.start_api().await;
        let (ann, bob) = (api.register("ann").await, api.register("bob").await);
        let chat = ann.create_group("Friends", &["bob"]).await.expect(201);
        let chat = chat["id"].as_str().expect("an id").to_owned();
        let began = bob.get("/v1/sync").await.expect(200)["cursor"].clone();
        let began = began.as_str().expect("a cursor").to_owned();
        Self {
            stack,
            api,
            ann,
            bob,
            chat,
            began,
        }
    }

    fn chat(&self) -> ChatId {
        self.chat.parse().expect("an id")
    }

    async fn sends(&self, message: Value) -> e2e::Answer {
        let path = format!("/v1/chats/{}/messages", self.chat);
        self.ann.post(&path, message).await
    }

    async fn edits(&self, id: &Value, change: Value) -> e2e::Answer {
        let path = format!("/v1/chats/{}/messages/{id}", self.chat);
        self.ann.patch(&path, change).await
    }

    /// Lets the chat leave Redis, and come back without its older messages.
    async fn leaves(&self) {
        self.stack.leave(self.chat()).await;
        self.bob.page(&self.chat, "limit=5").await.expect(200);
    }

    async fn saves(&self) {
        let flusher = self.stack.start_flusher().await;
        self.stack.saved(self.chat()).await;
        flusher.stop().await;
    }

    /// Asserts that each way to read a message gives the same.
    async fn is_everywhere(&self, message: &Value, when: &str) {
        let id = message["id"].as_i64().expect("an id");
        let path = format!("/v1/chats/{}/messages/{id}", self.chat);
        let same = |read: &Value| {
            for field in ["type", "metadata", "edited_at", "rev", "body", "mentions"] {
                assert_eq!(read[field], message[field], "{when}: {field} of {read}");
            }
        };
        same(&self.bob.get(&path).await.expect(200));
        for forwards in [false, true] {
            let all = self.bob.history(&self.chat, 7, forwards).await;
            same(all.iter().find(|one| one["id"] == id).expect("it is there"));
        }
        let around = format!("around={id}&limit=3");
        let page = self.bob.page(&self.chat, &around).await.expect(200);
        let items = page["items"].as_array().expect("a page").clone();
        same(
            items
                .iter()
                .find(|one| one["id"] == id)
                .expect("it is there"),
        );
        let found = self.bob.get("/v1/search?q=pineapple").await;
        let found = found.expect(200);
        let hits = found["items"].as_array().expect("hits").clone();
        let hit = hits.iter().find(|hit| hit["message"]["id"] == id);
        same(&hit.unwrap_or_else(|| panic!("{when}: {found}"))["message"]);
        let path = format!("/v1/users/me/export?chat_id={}", self.chat);
        let export = self.bob.get(&path).await;
        assert_eq!(export.status, 200, "{}", export.text);
        let lines = export
            .text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("a line of an export is JSON"));
        let of_it = lines.filter(|line| line["message"]["id"] == id);
        let exported: Vec<Value> = of_it.collect();
        same(&exported.first().expect("it is exported")["message"]);
        self.is_synced(message, when).await;
    }

    /// Asserts that whoever was away learns of a message as it is.
    async fn is_synced(&self, message: &Value, when: &str) {
        let mut since = format!("/v1/sync?since={}", self.began);
        loop {
            let round = self.bob.get(&since).await.expect(200);
            let changes = round["changes"].as_array().expect("changes").clone();
            let is_it = |change: &&Value| change["message"]["id"] == message["id"];
            if let Some(change) = changes.iter().find(is_it) {
                let read = &change["message"];
                assert_eq!(read["metadata"], message["metadata"], "{when}");
                assert_eq!(read["type"], message["type"], "{when}");
                return;
            }
            assert_eq!(round["more"], true, "{when}: {round}");
            let cursor = round["cursor"].as_str().expect("a cursor");
            since = format!("/v1/sync?since={cursor}");
        }
    }

    async fn unread_mentions(&self) -> Value {
        self.bob.chat(&self.chat).await.expect(200)["unread_mentions"].clone()
    }
}

/// Metadata with all that a script might take for a field of the message itself.
fn misleading(bob: &Client) -> Value {
    json!({
        "color": "red", "n": 0.300_000_000_000_000_04, "id": 7, "seq": 1, "rev": 1,
        "kind": "system", "deleted": true, "mentions": [bob.id], "mentions_all": true,
        "reply_to": { "id": 1, "sender_id": bob.id }, "edited_at": "x", "message": "\n\u{1e}",
        "attachments": [{ "hash": "ab" }], "reactions": [{ "emoji": "👍", "count": 1 }],
        "deep": [{ "deleted": true, "metadata": { "reactions": [] } }], "sender_id": bob.id,
    })
}

on_both!(metadata_is_the_same_in_every_temperature_and_is_taken_for_nothing_else);
async fn metadata_is_the_same_in_every_temperature_and_is_taken_for_nothing_else(sql: Sql) {
    let talk = Talk::new(sql).await;
    let mut bobs = Listener::socket(&talk.bob, "", &[]).await;
    bobs.expect("hello").await;
    let metadata = misleading(&talk.bob);
    let send = json!({ "body": "pineapple", "type": "myapp.card", "metadata": metadata });
    let sent = talk.sends(send).await.expect(201);
    assert_eq!(
        (&sent["type"], &sent["metadata"]),
        (&json!("myapp.card"), &metadata)
    );
    let told = bobs.expect("message.created").await;
    assert_eq!(told["message"]["metadata"], metadata);
    assert_eq!(told["message"]["type"], "myapp.card");
    talk.is_everywhere(&sent, "at once").await;
    assert_eq!(talk.unread_mentions().await, 0, "nobody is mentioned");
    let view = talk.bob.chat(&talk.chat).await.expect(200);
    assert_eq!(view["unread_count"], 1, "it counts, and is not deleted");

    // A reaction changes the record without parsing it.
    let path = format!("/v1/chats/{}/messages/{}", talk.chat, sent["id"]);
    let react = format!("{path}/reactions/👍");
    talk.bob.put(&react, json!(null)).await.expect(204);
    let reacted = bobs.expect("reaction").await["message"].clone();
    assert_eq!(reacted["metadata"], metadata);
    assert_eq!(reacted["reactions"][0]["count"], 1, "{reacted}");
    talk.is_everywhere(&reacted, "with a reaction").await;
    talk.saves().await;
    talk.is_everywhere(&reacted, "saved").await;
    talk.leaves().await;
    talk.is_everywhere(&reacted, "loaded again").await;
    talk.bob.delete(&react).await.expect(204);
    let plain = bobs
        .until("reaction", |event| event["added"] == false)
        .await;
    let plain = plain.last().expect("an event")["message"].clone();
    assert_eq!(
        (&plain["metadata"], plain.get("reactions")),
        (&metadata, None)
    );

    // It grows old, and is then in SQL alone.
    let ann: UserId = talk.ann.id.parse().expect("an id");
    for at in 0..25 {
        let text = format!("text {at}");
        let said = say(&talk.stack.store, talk.chat(), ann, &text, None);
        said.await.expect("said");
    }
    talk.saves().await;
    talk.leaves().await;
    talk.is_everywhere(&plain, "in SQL alone").await;
    let patch = json!({ "metadata": { "color": "blue", "deep": null } });
    let changed = talk.edits(&sent["id"], patch).await.expect(200);
    let mut expected = metadata.clone();
    expected["color"] = json!("blue");
    expected.as_object_mut().expect("an object").remove("deep");
    assert_eq!(changed["metadata"], expected);
    assert_eq!(changed["type"], "myapp.card");
    talk.is_everywhere(&changed, "changed on the seam").await;
    talk.saves().await;
    talk.leaves().await;
    talk.is_everywhere(&changed, "saved once more").await;
    assert_eq!(talk.unread_mentions().await, 0, "nobody was ever mentioned");
    talk.api.stop().await;
}

on_both!(a_patch_of_metadata_is_merged_and_does_not_mark_a_message_as_edited);
async fn a_patch_of_metadata_is_merged_and_does_not_mark_a_message_as_edited(sql: Sql) {
    let talk = Talk::new(sql).await;
    let mut bobs = Listener::socket(&talk.bob, "", &[]).await;
    bobs.expect("hello").await;
    let sent = talk.sends(json!({ "body": "pineapple" })).await.expect(201);
    let id = &sent["id"];
    assert!(
        sent.get("metadata").is_none() && sent.get("type").is_none(),
        "{sent}"
    );
    let merged = async |patch: Value| {
        let changed = talk
            .edits(id, json!({ "metadata": patch }))
            .await
            .expect(200);
        changed.get("metadata").cloned().unwrap_or_default()
    };
    assert_eq!(
        merged(json!({ "a": 1, "b": { "c": 2 } })).await,
        json!({ "a": 1, "b": { "c": 2 } })
    );
    let told = bobs.expect("message.updated").await["message"].clone();
    assert_eq!(told["metadata"], json!({ "a": 1, "b": { "c": 2 } }));
    assert!(told.get("edited_at").is_none(), "{told}");
    assert!(told["rev"].as_i64() > sent["rev"].as_i64());
    assert_eq!(
        merged(json!({ "a": null, "b": { "d": [null] }, "e": null })).await,
        json!({ "b": { "c": 2, "d": [null] } })
    );
    // An edit of the text keeps it, and marks the message; a later patch keeps the mark.
    let edited = talk
        .edits(id, json!({ "body": "a pineapple" }))
        .await
        .expect(200);
    assert_eq!(edited["metadata"], json!({ "b": { "c": 2, "d": [null] } }));
    let at = edited["edited_at"].clone();
    assert!(at.is_string());
    let both = json!({ "body": "the pineapple", "metadata": { "b": 1 } });
    let both = talk.edits(id, both).await.expect(200);
    assert_eq!(both["metadata"], json!({ "b": 1 }));
    let at_both = both["edited_at"].clone();
    assert!(at_both.as_str() >= at.as_str());
    let after = talk
        .edits(id, json!({ "metadata": { "x": 1 } }))
        .await
        .expect(200);
    assert_eq!(after["edited_at"], at_both);
    talk.is_everywhere(&after, "after all").await;
    // Two at once: each is merged into what the other has made.
    let patches = (0..8).map(|at| {
        let patch = json!({ "metadata": { format!("k{at}"): at } });
        async { talk.edits(id, patch).await.expect(200) }
    });
    join_all(patches).await;
    let all = merged(json!({ "b": null, "x": null })).await;
    assert_eq!(
        all,
        Value::Object((0..8).map(|at| (format!("k{at}"), json!(at))).collect())
    );
    assert_eq!(
        merged(Value::Null).await,
        Value::Null,
        "null takes all of it"
    );
    assert_eq!(merged(json!({ "gone": 1 })).await, json!({ "gone": 1 }));
    // Nobody else changes it, and nothing is left of it when the message is deleted.
    let path = format!("/v1/chats/{}/messages/{id}", talk.chat);
    let refused = talk
        .bob
        .patch(&path, json!({ "metadata": { "a": 1 } }))
        .await;
    refused.expect_problem(403, "role_too_low");
    talk.saves().await;
    talk.ann
        .delete(&format!("{path}?for=everyone"))
        .await
        .expect(204);
    let tombstone = talk.bob.get(&path).await.expect(200);
    assert_eq!(
        (&tombstone["deleted"], tombstone.get("metadata")),
        (&json!(true), None)
    );
    let refused = talk.edits(id, json!({ "metadata": { "a": 1 } })).await;
    refused.expect_problem(404, "not_found");
    talk.saves().await;
    let ask = "SELECT id FROM messages WHERE extras LIKE '%gone%'";
    let ask = Statement::from_string(talk.stack.cold.backend(), ask);
    let rows = talk.stack.db.query_all_raw(ask).await.expect("SQL answers");
    assert!(rows.is_empty(), "no row has it");
    talk.api.stop().await;
}

on_both!(a_repetition_is_judged_by_its_metadata_and_type_too);
async fn a_repetition_is_judged_by_its_metadata_and_type_too(sql: Sql) {
    let talk = Talk::new(sql).await;
    let message = |metadata: Value| {
        let mut message = json!({ "body": "hi", "client_id": "k", "type": "myapp.card" });
        message["metadata"] = metadata;
        message
    };
    let first = talk
        .sends(message(json!({ "n": 0.1, "m": null })))
        .await
        .expect(201);
    assert_eq!(first["metadata"], json!({ "n": 0.1 }), "a null is nothing");
    let judge = async |when: &str| {
        let again = talk.sends(message(json!({ "n": 0.1 }))).await;
        assert_eq!(again.header("idempotency-replayed"), "true", "{when}");
        assert_eq!(again.expect(200)["id"], first["id"], "{when}");
        for other in [json!({ "n": 0.2 }), json!({})] {
            let refused = talk.sends(message(other)).await;
            refused.expect_problem(409, "client_id_reused");
        }
        let mut other = message(json!({ "n": 0.1 }));
        other["type"] = json!("myapp.poll");
        let refused = talk.sends(other).await;
        refused.expect_problem(409, "client_id_reused");
    };
    judge("hot").await;
    talk.leaves().await;
    judge("loaded again").await;
    // Once the metadata has changed, nobody knows what it was at first.
    let patch = json!({ "metadata": { "n": 7 } });
    talk.edits(&first["id"], patch).await.expect(200);
    let again = talk.sends(message(json!({ "n": 0.1 }))).await.expect(200);
    assert_eq!(
        (&again["id"], &again["metadata"]),
        (&first["id"], &json!({ "n": 7 }))
    );
    talk.api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_has_bounds_and_a_problem_that_says_what_would_be_right() {
    let talk = Talk::new(Sql::Sqlite).await;
    let sized = |bytes: usize| json!({ "x": "y".repeat(bytes - 8) });
    let deep = |levels: usize| {
        let inner = (1..levels).fold(json!(1), |inner, at| match at % 2 {
            0 => json!([inner]),
            _ => json!({ "x": inner }),
        });
        json!({ "x": inner })
    };
    let sent = talk
        .sends(json!({ "body": "hi", "metadata": sized(4096) }))
        .await
        .expect(201);
    talk.sends(json!({ "body": "hi", "metadata": deep(16) }))
        .await
        .expect(201);
    let mut anns = Listener::socket(&talk.ann, "", &[]).await;
    anns.expect("hello").await;
    let path = format!("/v1/chats/{}/messages/{}", talk.chat, sent["id"]);
    for (wrong, detail) in [
        (
            sized(4097),
            "metadata: must have at most 4096 bytes as JSON, has 4097",
        ),
        (
            deep(17),
            "metadata: must have at most 16 objects and arrays in each other",
        ),
        (
            json!([1]),
            "metadata: must be a JSON object, as in {\"color\": \"red\"}",
        ),
        (
            json!("red"),
            "metadata: must be a JSON object, as in {\"color\": \"red\"}",
        ),
        (
            json!(7),
            "metadata: must be a JSON object, as in {\"color\": \"red\"}",
        ),
    ] {
        let message = json!({ "body": "hi", "metadata": wrong });
        let refused = talk.sends(message.clone()).await;
        assert_eq!(
            refused.expect_problem(422, "invalid_metadata")["detail"],
            detail
        );
        let command = json!({ "type": "send", "chat_id": talk.chat, "message": message });
        let answer = anns.ask(command).await;
        assert_eq!(answer["problem"]["code"], "invalid_metadata", "{answer}");
        let change = json!({ "metadata": wrong });
        let refused = talk.ann.patch(&path, change.clone()).await;
        assert_eq!(
            refused.expect_problem(422, "invalid_metadata")["detail"],
            detail
        );
        let refused = talk.ann.patch("/v1/users/me", change).await;
        assert_eq!(
            refused.expect_problem(422, "invalid_metadata")["detail"],
            detail
        );
    }
    // Each patch is small, and what they make together is not.
    let refused = talk
        .ann
        .patch(&path, json!({ "metadata": { "more": 1 } }))
        .await;
    let problem = refused.expect_problem(422, "invalid_metadata");
    let detail = "metadata: must have at most 4096 bytes as JSON, has 4105";
    assert_eq!(problem["detail"], detail);
    let read = talk.bob.get(&path).await.expect(200);
    assert_eq!(read["metadata"], sized(4096), "nothing of it was made");
    talk.ann
        .patch("/v1/users/me", json!({ "metadata": sized(4096) }))
        .await
        .expect(200);
    let refused = talk
        .ann
        .patch("/v1/users/me", json!({ "metadata": { "more": 1 } }))
        .await;
    refused.expect_problem(422, "invalid_metadata");
    // Types have the rule of those of events.
    for (wrong, code) in [
        ("card", "characters"),
        ("My.card", "characters"),
        ("message.card", "reserved"),
        ("carrier.card", "reserved"),
    ] {
        let refused = talk.sends(json!({ "body": "hi", "type": wrong })).await;
        let problem = refused.expect_problem(422, "invalid");
        assert_eq!(
            (
                &problem["errors"][0]["field"],
                &problem["errors"][0]["code"]
            ),
            (&json!("type"), &json!(code)),
            "{wrong}"
        );
    }
    let message = json!({ "body": "over a socket", "type": "a.b", "metadata": { "a": 1 } });
    let command = json!({ "type": "send", "chat_id": talk.chat, "message": message });
    let answer = anns.ask(command).await;
    let sent = &answer["message"];
    assert_eq!(
        (&sent["type"], &sent["metadata"]),
        (&json!("a.b"), &json!({ "a": 1 }))
    );
    let limits = talk.ann.get("/v1/meta").await.expect(200);
    assert_eq!(limits["limits"]["metadata"], 4096);
    talk.api.stop().await;
}

on_both!(the_preview_of_an_answer_is_there_beside_much_metadata);
async fn the_preview_of_an_answer_is_there_beside_much_metadata(sql: Sql) {
    let talk = Talk::new(sql).await;
    let metadata = json!({ "x": "y".repeat(4000) });
    let upload = format!("/v1/chats/{}/attachments?name=plan.txt", talk.chat);
    let file = Some(("text/plain", b"a file".to_vec()));
    let uploaded = talk
        .ann
        .raw(reqwest::Method::POST, &upload, file, &[])
        .await;
    let hash = &uploaded.0.expect(201)["hash"];
    for (first, preview) in [
        (json!({ "body": "pineapple" }), "pineapple"),
        (
            json!({ "attachments": [{ "hash": hash, "name": "plan.txt" }] }),
            "plan.txt",
        ),
    ] {
        let mut first = first;
        first["metadata"] = metadata.clone();
        let first = talk.sends(first).await.expect(201);
        let answer = json!({ "body": "so", "reply_to": first["id"] });
        let answer = talk.sends(answer).await.expect(201);
        for when in ["hot", "loaded again"] {
            let after = format!("after={}", first["id"]);
            let page = talk.bob.page(&talk.chat, &after).await.expect(200);
            let read = &page["items"][0];
            assert_eq!(read["id"], answer["id"]);
            assert_eq!(read["reply_to"]["preview"], preview, "{when}");
            talk.leaves().await;
        }
    }
    talk.api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patch_is_bounded_itself() {
    let talk = Talk::new(Sql::Sqlite).await;
    let sent = talk.sends(json!({ "body": "hi" })).await.expect(201);
    let nulls: serde_json::Map<String, Value> = (0..1000)
        .map(|at| (format!("k{at}"), Value::Null))
        .collect();
    let refused = talk.edits(&sent["id"], json!({ "metadata": nulls })).await;
    refused.expect_problem(422, "invalid_metadata");
    let refused = talk
        .ann
        .patch("/v1/users/me", json!({ "metadata": nulls }))
        .await;
    refused.expect_problem(422, "invalid_metadata");
    talk.api.stop().await;
}

on_both!(metadata_of_a_user_is_merged_seen_by_others_and_erased_with_the_account);
async fn metadata_of_a_user_is_merged_seen_by_others_and_erased_with_the_account(sql: Sql) {
    let mut talk = Talk::new(sql).await;
    let me = talk.ann.get("/v1/users/me").await.expect(200);
    assert!(me.get("metadata").is_none(), "{me}");
    let mut bobs = Listener::socket(&talk.bob, "", &[]).await;
    bobs.expect("hello").await;
    let mut anns = Listener::events(&talk.ann, "", None).await;
    anns.expect("hello").await;
    let changes = async |ann: &Client, patch: Value| {
        let changed = ann
            .patch("/v1/users/me", json!({ "metadata": patch }))
            .await;
        let changed = changed.expect(200);
        changed.get("metadata").cloned().unwrap_or_default()
    };
    let team = json!({ "team": "blue", "seat": { "row": 3, "n": 0.1 }, "deleted": true });
    assert_eq!(changes(&talk.ann, team.clone()).await, team);
    let profile = format!("/v1/users/{}", talk.ann.id);
    let told = bobs.expect("user.updated").await;
    assert_eq!(told["user"]["metadata"], team);
    assert_eq!(anns.expect("me.updated").await["account"]["metadata"], team);
    assert_eq!(talk.bob.get(&profile).await.expect(200)["metadata"], team);
    // Eight at once: each is merged into what the others have made.
    let patches = (0..8).map(|at| changes(&talk.ann, json!({ format!("k{at}"): at })));
    join_all(patches).await;
    let mut gone: Value = Value::Object((0..8).map(|at| (format!("k{at}"), Value::Null)).collect());
    let has = talk.bob.get(&profile).await.expect(200)["metadata"].clone();
    for at in 0..8 {
        assert_eq!(has[format!("k{at}")], at, "{has}");
    }
    gone["deleted"] = Value::Null;
    gone["seat"] = json!({ "row": null });
    let left = json!({ "team": "blue", "seat": { "n": 0.1 } });
    assert_eq!(changes(&talk.ann, gone).await, left);
    // Another change leaves it alone; it is the same in SQL and when they are back.
    talk.ann
        .patch("/v1/users/me", json!({ "bio": "here" }))
        .await
        .expect(200);
    let chat = talk.chat.clone();
    talk.stack
        .all_leave_and_return(
            &mut [("ann", &mut talk.ann), ("bob", &mut talk.bob)],
            &[&chat],
        )
        .await;
    assert_eq!(talk.bob.get(&profile).await.expect(200)["metadata"], left);
    assert_eq!(
        talk.ann.get("/v1/users/me").await.expect(200)["metadata"],
        left
    );
    let found = talk.bob.get("/v1/users?query=ann").await.expect(200);
    assert_eq!(found["items"][0]["metadata"], left, "{found}");
    let row = talk
        .stack
        .cold
        .user(talk.ann.id.parse().expect("an id"))
        .await;
    let row = row.expect("SQL answers").expect("a row");
    assert_eq!(json!(row.metadata), left);
    // Nothing is left of it once the account is erased.
    let erase = json!({ "password": PASSWORD });
    talk.ann.post("/v1/users/me/erase", erase).await.expect(204);
    let key = format!("user:*{}", talk.ann.id);
    let flusher = talk.stack.start_flusher().await;
    let is_gone = async || {
        let row = talk
            .stack
            .cold
            .user(talk.ann.id.parse().expect("an id"))
            .await;
        let row = row.expect("SQL answers").expect("a row");
        row.erased.happened() && row.metadata.is_none()
    };
    let soon = std::time::Duration::from_secs(60);
    eventually(soon, "the metadata has left SQL", is_gone).await;
    flusher.stop().await;
    for key in talk.stack.redis.keys(&key).await {
        let held = talk.stack.redis.cli(&["HGET", &key, "metadata"]).await;
        assert_eq!(held.trim(), "", "{key}");
    }
    talk.api.stop().await;
}

on_both!(a_backend_puts_metadata_on_its_users);
async fn a_backend_puts_metadata_on_its_users(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let key = stack
        .store
        .create_key("backend", &Scope::ALL)
        .await
        .expect("a key");
    let mut backend = api.client();
    backend.token = Some(key.reveal().to_owned());
    let path = "/v1/admin/users/42";
    let put = async |metadata: Value| backend.put(path, json!({ "metadata": metadata })).await;
    let made = put(json!({ "plan": "free", "none": null }))
        .await
        .expect(201);
    assert_eq!(made["metadata"], json!({ "plan": "free" }));
    let rev = async || {
        let id = made["id"].as_str().expect("an id").parse().expect("an id");
        let user = stack.store.user(id).await.expect("Redis answers");
        user.expect("a user").rev
    };
    let before = rev().await;
    assert_eq!(
        put(json!({ "plan": "free" })).await.expect(200)["metadata"],
        made["metadata"]
    );
    assert_eq!(rev().await, before, "the same again changes nothing");
    let changed = put(json!({ "seats": 3 })).await.expect(200);
    assert_eq!(changed["metadata"], json!({ "plan": "free", "seats": 3 }));
    let named = backend
        .put(path, json!({ "display_name": "Ann" }))
        .await
        .expect(200);
    assert_eq!(
        named["metadata"], changed["metadata"],
        "what is not said stays"
    );
    put(json!([])).await.expect_problem(422, "invalid_metadata");
    put(json!({ "x": "y".repeat(5000) }))
        .await
        .expect_problem(422, "invalid_metadata");
    let list = json!({ "items": [
        { "external_id": "42", "profile": { "metadata": null } },
        { "external_id": "43", "profile": { "metadata": "red" } },
    ] });
    let outcomes = backend.post("/v1/admin/users", list).await.expect(200);
    let user = &outcomes["items"][0]["user"];
    assert!(
        user.is_object() && user.get("metadata").is_none(),
        "{outcomes}"
    );
    assert_eq!(outcomes["items"][1]["problem"]["code"], "invalid_metadata");
    backend
        .get("/v1/admin/users/43")
        .await
        .expect_problem(404, "not_found");
    api.stop().await;
}
