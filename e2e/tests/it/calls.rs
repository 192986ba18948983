//! A request to each operation of the API, made of its OpenAPI document.

use std::cmp::Reverse;

use e2e::{Api, Client};
use reqwest::Method;
use serde_json::{Value, json};

/// The file that is attached to a message of each chat.
pub(crate) const FILE: &[u8] = b"a secret file";

pub(crate) fn sha256(bytes: &[u8]) -> String {
    files::FileHash::of(bytes).to_string()
}

pub(crate) fn picture() -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = image::RgbImage::from_pixel(9, 9, image::Rgb([1, 2, 3]));
    picture
        .write_to(
            &mut std::io::Cursor::new(&mut bytes),
            image::ImageFormat::Png,
        )
        .expect("a picture");
    bytes
}

/// A request to a route of a chat, made of the OpenAPI document.
pub(crate) struct Call {
    /// The operationId.
    pub(crate) operation: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    /// The bytes to upload, if any.
    pub(crate) file: Option<Vec<u8>>,
}

/// The values of a path's parameters.
pub(crate) struct Place<'a> {
    pub(crate) chat: &'a str,
    pub(crate) user: &'a str,
    pub(crate) message: i64,
}

/// Every operation of the document that the API itself serves, with every field that its body may
/// have, on this chat, user and message; what deletes comes last.
pub(crate) async fn calls(api: &Api, place: &Place<'_>) -> Vec<Call> {
    let document = api.client().get("/openapi.json").await.expect(200);
    let server = document["servers"][0]["url"]
        .as_str()
        .expect("a server")
        .to_owned();
    let message = place.message;
    let mut calls = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let mut path = format!("{server}{path}");
            for parameter in operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|one| one["required"] == true)
            {
                let name = parameter["name"].as_str().expect("a name");
                if parameter["in"] == "query" {
                    let value = example(&document, &parameter["schema"], message);
                    path = format!("{path}?{name}={}", value.to_string().trim_matches('"'));
                    continue;
                }
                let value = match name {
                    "chat_id" => place.chat,
                    "user_id" => place.user,
                    "message_id" | "invite_id" => &message.to_string(),
                    "invite_token" => &"0".repeat(64),
                    "session_id" | "webhook_id" => &uuid::Uuid::now_v7().to_string(),
                    "emoji" => "👍",
                    "external_id" => "auth0|42",
                    "hash" => &sha256(FILE),
                    other => {
                        panic!("what is the path parameter {other:?} of {path}? tell this test")
                    }
                };
                path = path.replace(&format!("{{{name}}}"), value);
            }
            let content = &operation["requestBody"]["content"];
            let uploads = !content["application/octet-stream"].is_null();
            let schema = &content["application/json; charset=utf-8"]["schema"];
            let body = operation
                .get("requestBody")
                .filter(|_| !uploads)
                .map(|_| example(&document, schema, message));
            // Types of a product's own have a form of their own.
            let body = body.map(|mut body| {
                if ["sendEvent", "sendMessage"]
                    .contains(&operation["operationId"].as_str().expect("an operationId"))
                {
                    body["type"] = json!("app.hello");
                }
                body
            });
            // Numbers that are no ids.
            let body = match operation["operationId"].as_str() {
                Some("createInvite") => Some(json!({ "expires_in": 60, "max_uses": 1 })),
                _ => body,
            };
            let (file, method) = (
                uploads.then(picture),
                method.to_uppercase().parse().expect("a method"),
            );
            let operation = operation["operationId"]
                .as_str()
                .expect("an operationId")
                .to_owned();
            calls.push(Call {
                operation,
                method,
                path,
                body,
                file,
            });
        }
    }
    // A chat itself is the last of all.
    calls.sort_by_key(|call| (call.method == Method::DELETE, Reverse(call.path.len())));
    calls
}

/// The least that fits a schema; a number is the id of this message, of several words it is the
/// last: roles fall from owner to member.
fn example(document: &Value, schema: &Value, message: i64) -> Value {
    if let Some(pointer) = schema["$ref"].as_str() {
        let schema = document
            .pointer(pointer.trim_start_matches('#'))
            .expect("the document has what it refers to");
        return example(document, schema, message);
    }
    if let Some(one) = schema["allOf"]
        .as_array()
        .or(schema["anyOf"].as_array())
        .or(schema["oneOf"].as_array())
    {
        return example(document, &one[0], message);
    }
    match (schema["type"].as_str(), schema["enum"].as_array()) {
        (_, Some(values)) => values.last().expect("a value").clone(),
        (Some("object"), _) if schema["properties"].is_null() => json!({}),
        (Some("object"), _) => {
            let fields = schema["properties"]
                .as_object()
                .expect("an object has properties");
            fields
                .iter()
                .map(|(name, field)| (name.clone(), example(document, field, message)))
                .collect()
        }
        (Some("string"), _) if schema["format"] == "date-time" => "2031-01-02T03:04:05Z".into(),
        (Some("string"), _) => "x".into(),
        (Some("integer"), _) => message.into(),
        (Some("boolean"), _) => true.into(),
        (Some("array"), _) => json!([]),
        other => panic!("what fits {other:?}? tell this test: {schema}"),
    }
}

pub(crate) async fn call(client: &Client, call: &Call) -> e2e::Answer {
    if call.operation == "streamEvents" {
        return client.head_of(call.method.clone(), &call.path).await;
    }
    match &call.file {
        Some(file) => {
            client
                .raw(
                    call.method.clone(),
                    &call.path,
                    Some(("image/png", file.clone())),
                    &[],
                )
                .await
                .0
        }
        None => {
            client
                .request(call.method.clone(), &call.path, call.body.as_ref())
                .await
        }
    }
}
