//! The OpenAPI document, generated from the operations.

use model::{FieldErrorCode, ProblemCode};
use poem_openapi::{LicenseObject, OpenApiService};
use serde_json::{Value, json};

use crate::{document::frames::Frames, live, operations};

/// The operations: those that are over at once, and those of the live connections.
pub(crate) type Apis = (operations::Apis, operations::AdminApi, live::Apis);

/// Returns the service that routes to the operations and describes them.
pub(crate) fn service() -> OpenApiService<Apis, ()> {
    let apis = (operations::APIS, operations::ADMIN, live::APIS);
    OpenApiService::new(apis, "Carrier", env!("CARGO_PKG_VERSION"))
        .description(
            "A self-hosted messaging backend that answers from memory and loses nothing.\n\n\
             Register or log in, then send the token as `Authorization: Bearer`. Every error is \
             `application/problem+json` with a stable `code`. The answers of operations with a \
             rate limit say in `RateLimit` how much of it is left.",
        )
        .license(LicenseObject::new("MIT OR Apache-2.0").url("https://spdx.org/licenses/MIT.html"))
        .server("/v1")
}

/// Examples by the name of a schema; `$Name` stands for the example of another.
const EXAMPLES: &str = include_str!("examples.json");

/// Returns an example with all `$Name`s replaced.
fn filled_in(examples: &Value, example: &Value) -> Value {
    match example {
        Value::String(text) => match text.strip_prefix('$') {
            Some(name) => filled_in(examples, &examples[name]),
            None => example.clone(),
        },
        Value::Array(items) => items.iter().map(|item| filled_in(examples, item)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), filled_in(examples, field)))
            .collect(),
        other => other.clone(),
    }
}

/// Returns the OpenAPI document of the API, as it is committed in `openapi.json`.
pub fn openapi() -> String {
    // serde_json keeps no order of its own, so the text is the same at every run.
    let mut document: Value =
        serde_json::from_str(&service().spec()).expect("the document is JSON");
    for operations in document["paths"]
        .as_object_mut()
        .into_iter()
        .flat_map(|paths| paths.values_mut())
    {
        for operation in operations
            .as_object_mut()
            .into_iter()
            .flat_map(|operations| operations.values_mut())
        {
            // An operation without a session says so; an absent list could have been forgotten.
            if operation.get("security").is_none() {
                operation["security"] = json!([]);
            }
        }
    }
    // The frames of a WebSocket are in no operation.
    let frames = OpenApiService::new(Frames, "", "").spec();
    let frames: Value = serde_json::from_str(&frames).expect("the document is JSON");
    if let (Some(all), Some(more)) = (
        document["components"]["schemas"].as_object_mut(),
        frames["components"]["schemas"].as_object(),
    ) {
        all.extend(more.clone());
    }
    describe_codes(&mut document["components"]["schemas"]);
    let examples: Value = serde_json::from_str(EXAMPLES).expect("the examples are JSON");
    for (name, schema) in document["components"]["schemas"]
        .as_object_mut()
        .into_iter()
        .flatten()
    {
        if let Some(example) = examples.get(name) {
            schema["example"] = filled_in(&examples, example);
        }
    }
    let mut text = serde_json::to_string_pretty(&document).expect("JSON can be printed");
    text.push('\n');
    text
}

/// Adds to the schemas of codes what each code means: OpenAPI has no place for a description of a
/// value of an enum.
fn describe_codes(schemas: &mut Value) {
    let mut add = |name: &str, codes: Vec<String>| {
        let schema = &mut schemas[name]["description"];
        let before = schema.as_str().unwrap_or_default();
        *schema = json!(format!("{before}\n\n{}", codes.join("\n")));
    };
    let problems = ProblemCode::ALL
        .iter()
        .map(|code| format!("- `{code}` ({}): {}", code.status(), code.title()));
    add("ProblemCode", problems.collect());
    let fields = FieldErrorCode::ALL
        .iter()
        .map(|code| format!("- `{code}`: {}", code.title()));
    add("FieldErrorCode", fields.collect());
}

/// Returns Swagger UI over the same document, as one page that loads nothing else.
pub(crate) fn docs() -> String {
    let service = service();
    // A token stays over a reload, and every operation is ready to be tried.
    let options =
        "filter: true,\n        persistAuthorization: true,\n        tryItOutEnabled: true,";
    let head = "<title>Carrier API</title>\n    <link rel=\"icon\" href=\"data:,\">";
    let page = service
        .swagger_ui_html()
        .replace(&service.spec(), &openapi().replace('<', "\\u003c"));
    format!(
        "<!doctype html>{}",
        page.replacen("filter: false,", options, 1)
            .replacen("<title>Swagger UI</title>", head, 1)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use crate::{request::upload::Upload, response::durable::WaitFor};

    /// `make openapi` writes the document anew; a change of the contract shows in the diff.
    #[test]
    fn the_committed_document_is_the_one_we_serve() {
        let committed = include_str!("../../openapi.json");
        assert!(
            committed == super::openapi(),
            "api/openapi.json is out of date; run `make openapi`"
        );
    }

    #[test]
    fn the_docs_show_the_same_document() {
        let page = super::docs();
        let spec = page
            .split_once("let spec = ")
            .and_then(|(_, rest)| rest.split_once(";\n    let oauth2RedirectUrl"))
            .expect("it is in there")
            .0;
        assert_eq!(
            serde_json::from_str::<Value>(spec).expect("JSON"),
            serde_json::from_str::<Value>(&super::openapi()).expect("JSON")
        );
        assert!(
            page.contains("tryItOutEnabled: true") && page.contains("<title>Carrier API</title>")
        );
    }

    fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
        schema["$ref"].as_str().map_or(schema, |pointer| {
            document
                .pointer(pointer.trim_start_matches('#'))
                .expect("it is there")
        })
    }

    /// Checks that an example has the fields its schema requires, and none that it does not know.
    fn check(document: &Value, name: &str, schema: &Value, example: &Value) {
        let schema = resolve(document, schema);
        match example {
            Value::Object(fields) if schema["properties"].is_object() => {
                for (field, value) in fields {
                    let known = &schema["properties"][field];
                    assert!(!known.is_null(), "{name} has no {field}");
                    check(document, &format!("{name}, {field}"), known, value);
                }
                for field in schema["required"].as_array().into_iter().flatten() {
                    assert!(
                        fields.contains_key(field.as_str().expect("a name")),
                        "the example of {name} lacks {field}"
                    );
                }
            }
            Value::Array(items) => items
                .iter()
                .for_each(|item| check(document, name, &schema["items"], item)),
            _ => {}
        }
        let kind = match example {
            Value::Object(_) => "object",
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            _ => "integer",
        };
        assert!(
            schema["type"].is_null() || schema["type"] == kind,
            "the example of {name} is of the type {kind}"
        );
    }

    #[test]
    fn every_body_and_every_answer_has_an_example_that_fits() {
        let document: Value =
            serde_json::from_str(&super::openapi()).expect("the document is JSON");
        let mut missing = Vec::new();
        for (path, operations) in document["paths"].as_object().expect("paths") {
            for (method, operation) in operations.as_object().expect("operations") {
                let responses = operation["responses"]
                    .as_object()
                    .expect("responses")
                    .values();
                for body in responses.chain([&operation["requestBody"]]) {
                    for (kind, content) in body["content"]
                        .as_object()
                        .into_iter()
                        .flatten()
                        .filter(|(kind, _)| kind.contains("json;"))
                    {
                        let schema = &content["schema"];
                        let name = schema["$ref"]
                            .as_str()
                            .unwrap_or_default()
                            .rsplit('/')
                            .next()
                            .unwrap_or_default();
                        let example = match name {
                            "SentMessage" => continue, // a Message with one field more
                            _ => &resolve(&document, schema)["example"],
                        };
                        match example {
                            Value::Null => {
                                missing.push(format!("{name} ({kind} of {method} {path})"))
                            }
                            example => check(&document, name, schema, example),
                        }
                    }
                }
            }
        }
        assert!(missing.is_empty(), "examples.json lacks {missing:#?}");
    }

    /// Operations that write and have no mark on their answer, with the reason.
    const UNMARKED: [(&str, &str); 3] = [
        ("sendEvent", "Nothing is stored."),
        (
            "sendMessage",
            "The operation waits by itself, and its answer says how durable the message is.",
        ),
        ("setTyping", "Nothing is stored."),
    ];

    /// Returns each operation that writes, with the mark that its answers have.
    fn marks() -> BTreeMap<String, Option<WaitFor>> {
        let document: Value =
            serde_json::from_str(&super::openapi()).expect("the document is JSON");
        let mut marks = BTreeMap::new();
        for operations in document["paths"].as_object().expect("paths").values() {
            for (method, operation) in operations.as_object().expect("operations") {
                if method == "get" {
                    continue;
                }
                let id = operation["operationId"].as_str().expect("an id").to_owned();
                let answers: Vec<_> = operation["responses"]
                    .as_object()
                    .expect("responses")
                    .iter()
                    .filter(|(status, _)| status.starts_with('2'))
                    .map(|(_, answer)| answer["description"].as_str().expect("a description"))
                    .collect();
                assert!(!answers.is_empty(), "{id} has no answer");
                let mark = [WaitFor::Acknowledgement, WaitFor::Permanence]
                    .into_iter()
                    .find(|mark| answers.iter().all(|text| text.ends_with(mark.promise())));
                marks.insert(id, mark);
            }
        }
        marks
    }

    #[test]
    fn every_operation_that_writes_has_a_mark_of_what_it_waits_for() {
        let unmarked: Vec<_> = marks()
            .into_iter()
            .filter(|(_, mark)| mark.is_none())
            .map(|(id, _)| id)
            .collect();
        assert_eq!(
            unmarked,
            UNMARKED.map(|(id, _)| id),
            "wrap the answer in `Acknowledged` or `Permanent`"
        );
    }

    #[test]
    fn what_is_taken_away_stays_away() {
        let permanent: Vec<_> = marks()
            .into_iter()
            .filter(|(_, mark)| *mark == Some(WaitFor::Permanence))
            .map(|(id, _)| id)
            .collect();
        assert_eq!(
            permanent,
            [
                "blockUser",
                "changePassword",
                "clearChat",
                "deleteChat",
                "deleteMessage",
                "deleteWebhook",
                "disableExternalUser",
                "enableExternalUser",
                "eraseExternalUser",
                "eraseMe",
                "logout",
                "removeChatAvatar",
                "removeMember",
                "removeMyAvatar",
                "removeReaction",
                "revokeInvite",
                "revokeOtherSessions",
                "revokeSession",
                "rotateWebhookSecret",
                "unblockUser",
                "unpinMessage",
                "updateMe",
            ]
        );
    }

    /// `middleware::body_limit` bounds every body but these.
    #[test]
    fn only_files_are_bodies_without_a_bound() {
        let document: Value =
            serde_json::from_str(&super::openapi()).expect("the document is JSON");
        let mut uploads = Vec::new();
        for operations in document["paths"].as_object().expect("paths").values() {
            for operation in operations.as_object().expect("operations").values() {
                for kind in operation["requestBody"]["content"]
                    .as_object()
                    .into_iter()
                    .flat_map(|content| content.keys())
                {
                    match kind.as_str() {
                        Upload::CONTENT_TYPE => uploads.push(&operation["operationId"]),
                        other => assert!(other.starts_with("application/json"), "{other}"),
                    }
                }
            }
        }
        assert_eq!(
            uploads,
            ["uploadAttachment", "setChatAvatar", "setMyAvatar"]
        );
    }
}
