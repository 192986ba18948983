//! A chat is nobody's business but its members', on every route there is.

use e2e::{Sql, Stack, on_both};
use reqwest::Method;
use serde_json::{Value, json};

use crate::calls::{Call, FILE, Place, call, calls, picture, sha256};

/// Returns the calls that act on a chat.
async fn chat_calls(api: &e2e::Api, place: &Place<'_>) -> Vec<Call> {
    let mut calls = calls(api, place).await;
    calls.retain(|call| call.path.starts_with("/v1/chats/"));
    assert!(
        calls.len() >= 20,
        "there are more routes than these {}",
        calls.len()
    );
    calls
}

on_both!(nobody_but_members_gets_anything_from_any_route_of_a_chat);
async fn nobody_but_members_gets_anything_from_any_route_of_a_chat(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (ann, bob, carl) = (
        api.register("ann").await,
        api.register("bob").await,
        api.register("carl").await,
    );
    let (eve, dora) = (api.register("eve").await, api.register("dora").await);
    let group = ann
        .create_group("Friends", &["bob", "carl", "dora"])
        .await
        .expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let direct = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let said = async |chat: &String| {
        let path = format!("/v1/chats/{chat}");
        ann.raw(
            Method::POST,
            &format!("{path}/attachments?name=x"),
            Some(("text/plain", FILE.to_vec())),
            &[],
        )
        .await
        .0
        .expect(201);
        let secret = json!({ "body": "a secret", "attachments": [{ "hash": sha256(FILE) }] });
        ann.post(&format!("{path}/messages"), secret)
            .await
            .expect(201)["id"]
            .as_i64()
            .expect("an id")
    };
    let (in_group, in_direct) = (said(&group).await, said(&direct).await);
    ann.raw(
        Method::PUT,
        &format!("/v1/chats/{group}/avatar"),
        Some(("image/png", picture())),
        &[],
    )
    .await
    .0
    .expect(200);
    dora.remove_member(&group, &dora.id).await.expect(204);
    let nobody = api.client();
    let mut liar = api.client();
    liar.token = Some("00".repeat(33));
    let flusher = stack.start_flusher().await;

    // Hot, and then only in SQL.
    for cold in [false, true] {
        for (chat, said) in [(&group, in_group), (&direct, in_direct)] {
            if cold {
                stack.expire(chat.parse().expect("an id")).await;
                stack.evicted(chat.parse().expect("an id")).await;
            }
            let absent = uuid::Uuid::now_v7().to_string();
            for ((there, not_there), own) in chat_calls(
                &api,
                &Place {
                    chat,
                    user: &bob.id,
                    message: said,
                },
            )
            .await
            .iter()
            .zip(
                chat_calls(
                    &api,
                    &Place {
                        chat: &absent,
                        user: &bob.id,
                        message: said,
                    },
                )
                .await,
            )
            .zip(
                chat_calls(
                    &api,
                    &Place {
                        chat,
                        user: &eve.id,
                        message: said,
                    },
                )
                .await,
            ) {
                let what = format!("{} {}", there.method, there.path);
                println!("{what}");
                for stranger in [&nobody, &liar] {
                    call(stranger, there)
                        .await
                        .expect_problem(401, "unauthorized");
                }
                let refused = call(&eve, there).await;
                assert_eq!(
                    refused.status, 404,
                    "{what} by an outsider: {}",
                    refused.text
                );
                assert!(!refused.text.contains("secret"));
                // Not even whether there is such a chat.
                let unknown = call(&eve, &not_there)
                    .await
                    .expect_problem(404, "not_found");
                assert_eq!(
                    refused.expect_problem(404, "not_found")["detail"],
                    unknown["detail"],
                    "{what}"
                );
                call(&eve, &own).await.expect_problem(404, "not_found");
                if chat == &group {
                    call(&dora, there).await.expect_problem(404, "not_found");
                } else {
                    call(&carl, there).await.expect_problem(404, "not_found");
                }
            }
        }
    }
    for other in [&eve, &carl] {
        assert!(!other.get("/v1/chats").await.text.contains(&direct));
    }
    assert!(!dora.get("/v1/chats").await.text.contains("secret"));
    // Nothing that they tried was done.
    let history = ann.history(&group, 50, true).await;
    assert_eq!(history.len(), 2, "{history:?}");
    assert_eq!(
        ann.members(&group).await.expect(200)["items"]
            .as_array()
            .expect("items")
            .len(),
        3
    );

    // The same requests are good ones: a user who may make them is granted them.
    for there in chat_calls(
        &api,
        &Place {
            chat: &group,
            user: &bob.id,
            message: in_group,
        },
    )
    .await
    {
        let answer = call(&ann, &there).await;
        assert!(
            (200..300).contains(&answer.status),
            "{} {} by the owner: {}",
            there.method,
            there.path,
            answer.text
        );
    }
    flusher.stop().await;
    api.stop().await;
}

on_both!(nobody_can_send_as_another);
async fn nobody_can_send_as_another(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("/v1/chats/{chat}/messages");
    for field in [
        "sender_id",
        "sender",
        "user_id",
        "id",
        "seq",
        "rev",
        "kind",
        "chat_id",
        "system",
        "created_at",
    ] {
        let body = json!({ "body": "not mine", field: bob.id });
        ann.post(&path, body).await.expect_problem(400, "malformed");
    }
    let chats =
        json!({ "kind": "group", "name": "Friends", "members": ["bob"], "creator": bob.id });
    ann.post("/v1/chats", chats)
        .await
        .expect_problem(400, "malformed");
    assert_eq!(ann.history(&chat, 50, true).await, Vec::<Value>::new());
    // Nor under another's idempotency key: a key is its sender's own.
    let first = ann
        .post(&path, json!({ "body": "mine", "client_id": "k" }))
        .await
        .expect(201);
    let second = bob
        .post(&path, json!({ "body": "his", "client_id": "k" }))
        .await
        .expect(201);
    assert_eq!(
        (first["sender_id"].as_str(), second["sender_id"].as_str()),
        (Some(&*ann.id), Some(&*bob.id))
    );
    let senders: Vec<_> = bob
        .history(&chat, 50, true)
        .await
        .into_iter()
        .map(|message| message["sender_id"].clone())
        .collect();
    assert_eq!(senders, [ann.id.clone(), bob.id.clone()]);
    api.stop().await;
}
