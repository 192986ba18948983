//! A chat is nobody's business but its members', on every route there is.

use std::cmp::Reverse;

use e2e::{Api, Client, Sql, Stack, on_both};
use reqwest::Method;
use serde_json::{Value, json};

/// What is attached to a message of each chat.
const FILE: &[u8] = b"a secret file";

fn sha256(bytes: &[u8]) -> String {
    files::FileHash::of(bytes).to_string()
}

fn picture() -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = image::RgbImage::from_pixel(9, 9, image::Rgb([1, 2, 3]));
    picture.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).expect("a picture");
    bytes
}

/// A request to a route of a chat, made of the OpenAPI document.
struct Call {
    method: Method,
    path: String,
    body: Option<Value>,
    /// What is uploaded, if anything.
    file: Option<Vec<u8>>,
}

/// Every operation below `/chats/{...}` of the document that the API itself serves, with every field that its body may have; what deletes comes last.
async fn calls(api: &Api, chat: &str, user: &str, message: i64) -> Vec<Call> {
    let document = api.client().get("/openapi.json").await.expect(200);
    let server = document["servers"][0]["url"].as_str().expect("a server").to_owned();
    let mut calls = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths").iter().filter(|(path, _)| path.contains("/chats/{")) {
        for (method, operation) in operations.as_object().expect("operations") {
            let mut path = format!("{server}{path}");
            for parameter in operation["parameters"].as_array().expect("parameters").iter().filter(|one| one["required"] == true) {
                let name = parameter["name"].as_str().expect("a name");
                if parameter["in"] == "query" {
                    let value = example(&document, &parameter["schema"], message);
                    path = format!("{path}?{name}={}", value.to_string().trim_matches('"'));
                    continue;
                }
                let value = match name {
                    "chat_id" => chat,
                    "user_id" => user,
                    "message_id" => &message.to_string(),
                    "emoji" => "👍",
                    "hash" => &sha256(FILE),
                    other => panic!("what is the path parameter {other:?} of {path}? tell this test"),
                };
                path = path.replace(&format!("{{{name}}}"), value);
            }
            let schema = &operation["requestBody"]["content"]["application/json; charset=utf-8"]["schema"];
            let uploads = !operation["requestBody"]["content"]["application/octet-stream"].is_null();
            let body = operation.get("requestBody").filter(|_| !uploads).map(|_| example(&document, schema, message));
            let file = uploads.then(picture);
            let method = method.to_uppercase().parse().expect("a method");
            calls.push(Call { method, path, body, file });
        }
    }
    assert!(calls.len() >= 7, "there are more routes than these {}", calls.len());
    calls.sort_by_key(|call| (call.method == Method::DELETE, Reverse(call.path.len()))); // the chat itself last of all
    calls
}

/// The least that fits a schema; a number is the id of this message, of several words it is the last: roles fall from owner to member.
fn example(document: &Value, schema: &Value, message: i64) -> Value {
    if let Some(pointer) = schema["$ref"].as_str() {
        let schema = document.pointer(pointer.trim_start_matches('#')).expect("the document has what it refers to");
        return example(document, schema, message);
    }
    if let Some(one) = schema["allOf"].as_array().or(schema["anyOf"].as_array()).or(schema["oneOf"].as_array()) {
        return example(document, &one[0], message);
    }
    match (schema["type"].as_str(), schema["enum"].as_array()) {
        (_, Some(values)) => values.last().expect("a value").clone(),
        (Some("object"), _) => {
            let fields = schema["properties"].as_object().expect("an object has properties");
            fields.iter().map(|(name, field)| (name.clone(), example(document, field, message))).collect()
        }
        (Some("string"), _) if schema["format"] == "date-time" => "2031-01-02T03:04:05Z".into(),
        (Some("string"), _) => "x".into(),
        (Some("integer"), _) => message.into(),
        (Some("boolean"), _) => true.into(),
        (Some("array"), _) => json!([]),
        other => panic!("what fits {other:?}? tell this test: {schema}"),
    }
}

async fn call(client: &Client, call: &Call) -> e2e::Answer {
    match &call.file {
        Some(file) => client.raw(call.method.clone(), &call.path, Some(("image/png", file.clone())), &[]).await.0,
        None => client.request(call.method.clone(), &call.path, call.body.as_ref()).await,
    }
}

on_both!(nobody_but_members_gets_anything_from_any_route_of_a_chat);
async fn nobody_but_members_gets_anything_from_any_route_of_a_chat(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (ann, bob, carl) = (api.register("ann").await, api.register("bob").await, api.register("carl").await);
    let (eve, dora) = (api.register("eve").await, api.register("dora").await);
    let group = ann.create_group("Friends", &["bob", "carl", "dora"]).await.expect(201)["id"].as_str().expect("an id").to_owned();
    let direct = ann.create_direct("bob").await.expect(201)["id"].as_str().expect("an id").to_owned();
    let said = async |chat: &String| {
        let path = format!("/v1/chats/{chat}");
        ann.raw(Method::POST, &format!("{path}/attachments?name=x"), Some(("text/plain", FILE.to_vec())), &[]).await.0.expect(201);
        let secret = json!({ "body": "a secret", "attachments": [{ "hash": sha256(FILE) }] });
        ann.post(&format!("{path}/messages"), secret).await.expect(201)["id"].as_i64().expect("an id")
    };
    let (in_group, in_direct) = (said(&group).await, said(&direct).await);
    ann.raw(Method::PUT, &format!("/v1/chats/{group}/avatar"), Some(("image/png", picture())), &[]).await.0.expect(200);
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
            for ((there, not_there), own) in calls(&api, chat, &bob.id, said)
                .await
                .iter()
                .zip(calls(&api, &absent, &bob.id, said).await)
                .zip(calls(&api, chat, &eve.id, said).await)
            {
                let what = format!("{} {}", there.method, there.path);
                println!("{what}");
                for stranger in [&nobody, &liar] {
                    call(stranger, there).await.expect_problem(401, "unauthorized");
                }
                let refused = call(&eve, there).await;
                assert_eq!(refused.status, 404, "{what} by an outsider: {}", refused.text);
                assert!(!refused.text.contains("secret"));
                // Not even whether there is such a chat.
                let unknown = call(&eve, &not_there).await.expect_problem(404, "not_found");
                assert_eq!(refused.expect_problem(404, "not_found")["detail"], unknown["detail"], "{what}");
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
    assert_eq!(ann.members(&group).await.expect(200)["items"].as_array().expect("items").len(), 3);

    // The same requests are good ones: whoever may make them is granted them.
    for there in calls(&api, &group, &bob.id, in_group).await {
        let answer = call(&ann, &there).await;
        assert!((200..300).contains(&answer.status), "{} {} by the owner: {}", there.method, there.path, answer.text);
    }
    flusher.stop().await;
    api.stop().await;
}

on_both!(nobody_can_send_as_another);
async fn nobody_can_send_as_another(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/chats/{chat}/messages");
    for field in ["sender_id", "sender", "user_id", "id", "seq", "rev", "kind", "chat_id", "system", "created_at"] {
        let body = json!({ "body": "not mine", field: bob.id });
        ann.post(&path, body).await.expect_problem(400, "malformed");
    }
    let chats = json!({ "kind": "group", "name": "Friends", "members": ["bob"], "creator": bob.id });
    ann.post("/v1/chats", chats).await.expect_problem(400, "malformed");
    assert_eq!(ann.history(&chat, 50, true).await, Vec::<Value>::new());
    // Nor under another's idempotency key: a key is its sender's own.
    let first = ann.post(&path, json!({ "body": "mine", "client_id": "k" })).await.expect(201);
    let second = bob.post(&path, json!({ "body": "his", "client_id": "k" })).await.expect(201);
    assert_eq!((first["sender_id"].as_str(), second["sender_id"].as_str()), (Some(&*ann.id), Some(&*bob.id)));
    let senders: Vec<_> = bob.history(&chat, 50, true).await.into_iter().map(|message| message["sender_id"].clone()).collect();
    assert_eq!(senders, [ann.id.clone(), bob.id.clone()]);
    api.stop().await;
}
