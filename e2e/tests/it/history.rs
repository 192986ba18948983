//! A history is the same wherever it lies, and however it is paged.

use std::time::Duration;

use e2e::{Client, Ledger, Options, Sql, Stack, audit, audit_sql, on_both};
use model::{ChatId, Tick, UserId};
use serde_json::{Value, json};

/// Enough for two pages of 50 to be cold only.
const TEXTS: usize = 130;

on_both!(a_history_outlives_everybodys_logout_byte_for_byte);
async fn a_history_outlives_everybodys_logout_byte_for_byte(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob, mut carl) = (
        api.register("ann").await,
        api.register("bob").await,
        api.register("carl").await,
    );
    let direct = id(ann.create_direct("bob").await.expect(201));
    let group = id(ann.create_group("Friends", &["bob"]).await.expect(201));
    ann.add_member(&group, &carl.id).await.expect(201);

    let mut ledgers = Vec::new();
    for chat in [&direct, &group] {
        let mut ledger = Ledger::new(parse(chat), UserId(bob.id.parse().expect("an id")));
        for at in 0..TEXTS {
            // Bob answers at times, the last time after text 109, and has read what came before.
            let sender = if at % 20 == 10 { &bob } else { &ann };
            let body = format!("{at}: \"quoted\", \\ and \u{1F600}\n\u{0} in {chat}");
            let sent = sender.send(chat, &body).await.expect(201);
            ledger
                .sent
                .push((Tick(sent["id"].as_i64().expect("an id")), body));
        }
        ledgers.push(ledger);
    }
    bob.read(&direct, ledgers[0].sent[119].0.0)
        .await
        .expect(204);

    // All of it hot; then most of it cold; then loaded again.
    every_page_is_what_it_should_be(&bob, &direct, TEXTS).await;
    audit(&stack, &ledgers).await;
    let flusher = stack.start_flusher().await;
    for ledger in &ledgers {
        stack.saved(ledger.chat).await;
    }
    every_page_is_what_it_should_be(&bob, &direct, TEXTS).await;
    every_page_is_what_it_should_be(&ann, &group, TEXTS + 1).await;
    audit(&stack, &ledgers).await;
    // One more to chats that are saved and warm: they are due again long before their tokens end.
    for ledger in &mut ledgers {
        let sent = ann
            .send(&ledger.chat.to_string(), "one more")
            .await
            .expect(201);
        ledger
            .sent
            .push((Tick(sent["id"].as_i64().expect("an id")), "one more".into()));
        stack.saved(ledger.chat).await;
    }

    // A mark far below what is hot: what comes after it is counted in SQL and in Redis.
    carl.read(&group, ledgers[1].sent[19].0.0).await.expect(204);
    carl.read(&group, ledgers[1].sent[9].0.0).await.expect(204); // only ever forward
    stack.saved(ledgers[1].chat).await;

    let (ann_saw, bob_saw) = (everything(&ann).await, everything(&bob).await);
    let carl_saw = everything(&carl).await;
    assert_eq!(carl_saw[0].json["unread_count"], TEXTS + 1 - 20);
    let unread = |saw: &[Saw], chat: &str| {
        saw.iter()
            .find(|saw| saw.id == chat)
            .expect("it is listed")
            .json["unread_count"]
            .clone()
    };
    assert_eq!(
        (unread(&bob_saw, &direct), unread(&ann_saw, &direct)),
        (11.into(), 0.into())
    );
    assert_eq!(
        (unread(&bob_saw, &group), unread(&ann_saw, &group)),
        (20.into(), 0.into())
    );
    assert_eq!(bob_saw[0].id, group, "the newest activity comes first");

    for person in [&ann, &bob, &carl] {
        person.logout().await;
        person
            .get("/v1/chats")
            .await
            .expect_problem(401, "unauthorized");
    }
    audit_sql(&stack, &ledgers).await;
    ann.login("ann").await;
    bob.login("bob@example.org").await;
    carl.login("CARL").await;
    assert_eq!(everything(&ann).await, ann_saw);
    assert_eq!(everything(&bob).await, bob_saw);
    assert_eq!(everything(&carl).await, carl_saw);
    every_page_is_what_it_should_be(&bob, &group, TEXTS + 2).await;
    audit(&stack, &ledgers).await;
    flusher.stop().await;
    api.stop().await;
}

on_both!(a_history_outlives_the_expiry_of_its_chats_token);
async fn a_history_outlives_the_expiry_of_its_chats_token(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            chat_ttl: Duration::from_secs(2),
            ..Options::default()
        },
    )
    .await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let direct = id(ann.create_direct("bob").await.expect(201));
    let mut ledger = Ledger::new(parse(&direct), UserId(bob.id.parse().expect("an id")));
    for at in 0..TEXTS {
        let body = format!("text {at}");
        ledger.sent.push((
            Tick(
                ann.send(&direct, &body).await.expect(201)["id"]
                    .as_i64()
                    .expect("an id"),
            ),
            body,
        ));
    }
    let flusher = stack.start_flusher().await;
    let before = everything(&bob).await;
    let ledgers = [ledger];
    audit_sql(&stack, &ledgers).await; // nobody logged out: it left by itself
    assert_eq!(everything(&bob).await, before);
    audit(&stack, &ledgers).await;
    flusher.stop().await;
    api.stop().await;
}

/// A user's whole view of a chat, as it came over the wire.
#[derive(Debug, PartialEq)]
struct Saw {
    id: String,
    json: Value,
    texts: Vec<String>,
}

async fn everything(person: &Client) -> Vec<Saw> {
    let mut all = Vec::new();
    let list = person.get("/v1/chats").await;
    assert_eq!(list.status, 200, "{}", list.text);
    for mut json in person.chats().await {
        let id = json["id"].as_str().expect("an id").to_owned();
        json.as_object_mut().expect("a chat").remove("saved");
        let mut texts = vec![lasting(&list.text)];
        for path in [
            "",
            "/members",
            "/messages",
            "/messages?limit=200",
            "/messages?after=1&limit=7",
        ] {
            let answer = person.get(&format!("/v1/chats/{id}{path}")).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            texts.push(lasting(&answer.text));
        }
        all.push(Saw { id, json, texts });
    }
    all
}

/// Takes out how far a chat is saved, which is of the moment.
fn lasting(text: &str) -> String {
    let mut parts = text.split("\"saved\":");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        all + part.trim_start_matches(|letter: char| letter.is_ascii_digit())
    })
}

/// Every page from every place is the slice of the whole history that it should be, and `prev` and
/// `next` tell what is beside it.
async fn every_page_is_what_it_should_be(person: &Client, chat: &str, length: usize) {
    let all = person.history(chat, 200, true).await;
    assert_eq!(all.len(), length);
    for limit in [1, 7, 50] {
        assert_eq!(
            person.history(chat, limit, true).await,
            all,
            "forwards by {limit}"
        );
        assert_eq!(
            person.history(chat, limit, false).await,
            all,
            "backwards by {limit}"
        );
    }
    let id_at = |at: usize| all[at]["id"].as_i64().expect("an id");
    for at in (0..length)
        .step_by(13)
        .chain([length - 51, length - 50, length - 49, length - 1])
    {
        for limit in [1, 50, 200] {
            let before = person
                .page(chat, &format!("before={}&limit={limit}", id_at(at)))
                .await
                .expect(200);
            is_slice(&before, &all, at.saturating_sub(limit), at);
            let after = person
                .page(chat, &format!("after={}&limit={limit}", id_at(at)))
                .await
                .expect(200);
            is_slice(&after, &all, at + 1, length.min(at + 1 + limit));
            let around = person
                .page(chat, &format!("around={}&limit={limit}", id_at(at)))
                .await
                .expect(200);
            is_slice(
                &around,
                &all,
                at.saturating_sub(limit / 2),
                length.min(at + limit - limit / 2),
            );
        }
    }
    is_slice(
        &person.page(chat, "").await.expect(200),
        &all,
        length - 50,
        length,
    );
    person
        .page(chat, "around=5&before=7")
        .await
        .expect_problem(400, "malformed");
}

on_both!(receipts_of_many_chats_are_told_at_once);
async fn receipts_of_many_chats_are_told_at_once(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (ann, bob, eve) = (
        api.register("ann").await,
        api.register("bob").await,
        api.register("eve").await,
    );
    let (direct, group) = (
        id(ann.create_direct("bob").await.expect(201)),
        id(ann.create_group("Friends", &["bob"]).await.expect(201)),
    );
    let mut items = Vec::new();
    for chat in [&direct, &group] {
        let message = ann.send(chat, "hello").await.expect(201);
        items.push(json!({ "chat_id": chat, "read": message["id"] }));
        assert_eq!(bob.chat(chat).await.expect(200)["unread_count"], 1);
    }
    let receipts = json!({ "items": items });
    bob.put("/v1/receipts", receipts.clone()).await.expect(204);
    for (chat, item) in [&direct, &group].into_iter().zip(&items) {
        assert_eq!(bob.chat(chat).await.expect(200)["unread_count"], 0);
        let all = ann
            .get(&format!("/v1/chats/{chat}/receipts"))
            .await
            .expect(200);
        let bobs = all["items"]
            .as_array()
            .expect("items")
            .iter()
            .find(|one| one["user_id"] == bob.id.as_str())
            .expect("bob")
            .clone();
        assert_eq!(
            (&bobs["read"], &bobs["delivered"]),
            (&item["read"], &item["read"]),
            "read implies delivered"
        );
    }
    eve.put("/v1/receipts", receipts)
        .await
        .expect_problem(404, "not_found");
    bob.put("/v1/receipts", json!({ "items": [] }))
        .await
        .expect_problem(422, "invalid");
    bob.put("/v1/receipts", json!({ "items": [{ "chat_id": direct }] }))
        .await
        .expect_problem(422, "invalid");
    api.stop().await;
}

fn is_slice(page: &Value, all: &[Value], from: usize, to: usize) {
    assert_eq!(
        page["items"].as_array().expect("items"),
        &all[from..to],
        "{from}..{to}"
    );
    if from < to {
        assert_eq!(
            page.get("prev"),
            (from > 0).then(|| &all[from]["id"]),
            "{from}..{to}"
        );
        assert_eq!(
            page.get("next"),
            (to < all.len()).then(|| &all[to - 1]["id"]),
            "{from}..{to}"
        );
    }
}

fn id(chat: Value) -> String {
    chat["id"].as_str().expect("an id").to_owned()
}

fn parse(chat: &str) -> ChatId {
    chat.parse().expect("an id")
}
