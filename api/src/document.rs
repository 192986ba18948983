//! The OpenAPI document, made of the operations.

use poem_openapi::{LicenseObject, OpenApiService};
use serde_json::{Value, json};

use crate::{
    attachment, avatar, block, boxes, chat, directory, export, live, member, message, reaction, receipt, search, session, sync, user,
};

/// One for each noun of the API.
pub(crate) type Apis = (
    session::SessionApi,
    user::UserApi,
    directory::DirectoryApi,
    block::BlockApi,
    chat::ChatApi,
    member::MemberApi,
    message::MessageApi,
    receipt::ReceiptApi,
    boxes::BoxApi,
    reaction::ReactionApi,
    attachment::AttachmentApi,
    avatar::AvatarApi,
    search::SearchApi,
    export::ExportApi,
    sync::SyncApi,
    live::Apis,
);

pub(crate) fn service() -> OpenApiService<Apis, ()> {
    let apis: Apis = (
        session::SessionApi,
        user::UserApi,
        directory::DirectoryApi,
        block::BlockApi,
        chat::ChatApi,
        member::MemberApi,
        message::MessageApi,
        receipt::ReceiptApi,
        boxes::BoxApi,
        reaction::ReactionApi,
        attachment::AttachmentApi,
        avatar::AvatarApi,
        search::SearchApi,
        export::ExportApi,
        sync::SyncApi,
        live::APIS,
    );
    OpenApiService::new(apis, "Carrier", env!("CARGO_PKG_VERSION"))
        .description(
            "A self-hosted messaging backend that answers from memory and loses nothing.\n\nRegister or log in, then send the token as \
             `Authorization: Bearer`. Every error is `application/problem+json` with a stable `code`. What is limited tells in \
             `RateLimit` how much is left.",
        )
        .license(LicenseObject::new("MIT OR Apache-2.0").url("https://spdx.org/licenses/MIT.html"))
        .server("/v1")
}

/// By the name of a schema; `$Name` stands for the example of another.
const EXAMPLES: &str = include_str!("examples.json");

fn filled_in(examples: &Value, example: &Value) -> Value {
    match example {
        Value::String(text) => match text.strip_prefix('$') {
            Some(name) => filled_in(examples, &examples[name]),
            None => example.clone(),
        },
        Value::Array(items) => items.iter().map(|item| filled_in(examples, item)).collect(),
        Value::Object(fields) => fields.iter().map(|(name, field)| (name.clone(), filled_in(examples, field))).collect(),
        other => other.clone(),
    }
}

/// The document, as it is committed in `openapi.json`.
pub fn openapi() -> String {
    // serde_json keeps no order of its own, so the text is the same at every run.
    let mut document: Value = serde_json::from_str(&service().spec()).expect("the document is JSON");
    for operations in document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut()) {
        for operation in operations.as_object_mut().into_iter().flat_map(|operations| operations.values_mut()) {
            // What needs no session says so; absent, it could have been forgotten.
            if operation.get("security").is_none() {
                operation["security"] = json!([]);
            }
        }
    }
    // What is said on a WebSocket is in no operation.
    let frames = OpenApiService::new(live::Frames, "", "").spec();
    let frames: Value = serde_json::from_str(&frames).expect("the document is JSON");
    if let (Some(all), Some(more)) = (document["components"]["schemas"].as_object_mut(), frames["components"]["schemas"].as_object()) {
        all.extend(more.clone());
    }
    let examples: Value = serde_json::from_str(EXAMPLES).expect("the examples are JSON");
    for (name, schema) in document["components"]["schemas"].as_object_mut().into_iter().flatten() {
        if let Some(example) = examples.get(name) {
            schema["example"] = filled_in(&examples, example);
        }
    }
    let mut text = serde_json::to_string_pretty(&document).expect("JSON can be printed");
    text.push('\n');
    text
}

/// Swagger UI, with all that it needs, over the same document.
pub(crate) fn docs() -> String {
    let service = service();
    // A token that was given stays over a reload, and what can be tried is ready to be.
    let options = "filter: true,\n        persistAuthorization: true,\n        tryItOutEnabled: true,";
    let head = "<title>Carrier API</title>\n    <link rel=\"icon\" href=\"data:,\">";
    let page = service.swagger_ui_html().replace(&service.spec(), &openapi().replace('<', "\\u003c"));
    format!("<!doctype html>{}", page.replacen("filter: false,", options, 1).replacen("<title>Swagger UI</title>", head, 1))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    /// `make openapi` writes it anew; a change of the contract shows in the diff.
    #[test]
    fn the_committed_document_is_the_one_we_serve() {
        let committed = include_str!("../openapi.json");
        assert!(committed == super::openapi(), "api/openapi.json is out of date; run `make openapi`");
    }

    #[test]
    fn the_docs_show_the_same_document() {
        let page = super::docs();
        let spec =
            page.split_once("let spec = ").and_then(|(_, rest)| rest.split_once(";\n    let oauth2RedirectUrl")).expect("it is in there").0;
        assert_eq!(serde_json::from_str::<Value>(spec).expect("JSON"), serde_json::from_str::<Value>(&super::openapi()).expect("JSON"));
        assert!(page.contains("tryItOutEnabled: true") && page.contains("<title>Carrier API</title>"));
    }

    fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
        schema["$ref"].as_str().map_or(schema, |pointer| document.pointer(pointer.trim_start_matches('#')).expect("it is there"))
    }

    /// Whether an example has what its schema needs, and nothing that it does not know.
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
                    assert!(fields.contains_key(field.as_str().expect("a name")), "the example of {name} lacks {field}");
                }
            }
            Value::Array(items) => items.iter().for_each(|item| check(document, name, &schema["items"], item)),
            _ => {}
        }
        let kind = match example {
            Value::Object(_) => "object",
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            _ => "integer",
        };
        assert!(schema["type"].is_null() || schema["type"] == kind, "the example of {name} is of the type {kind}");
    }

    #[test]
    fn every_body_and_every_answer_has_an_example_that_fits() {
        let document: Value = serde_json::from_str(&super::openapi()).expect("the document is JSON");
        let mut missing = Vec::new();
        for (path, operations) in document["paths"].as_object().expect("paths") {
            for (method, operation) in operations.as_object().expect("operations") {
                let responses = operation["responses"].as_object().expect("responses").values();
                for body in responses.chain([&operation["requestBody"]]) {
                    for (kind, content) in body["content"].as_object().into_iter().flatten().filter(|(kind, _)| kind.contains("json;")) {
                        let schema = &content["schema"];
                        let name = schema["$ref"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
                        let example = match name {
                            "SentMessage" => continue, // a Message, and one word more
                            _ => &resolve(&document, schema)["example"],
                        };
                        match example {
                            Value::Null => missing.push(format!("{name} ({kind} of {method} {path})")),
                            example => check(&document, name, schema, example),
                        }
                    }
                }
            }
        }
        assert!(missing.is_empty(), "examples.json has none of {missing:#?}");
    }
}
