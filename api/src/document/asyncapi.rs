//! The AsyncAPI document: the frames of SSE and of the WebSocket. It is made of the schemas of the
//! OpenAPI document, so the two cannot differ.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::document::openapi::openapi;

/// Returns the document, as AsyncAPI 3.0.
pub(crate) fn asyncapi() -> String {
    let openapi: Value = serde_json::from_str(&openapi()).expect("the document is JSON");
    let all = &openapi["components"]["schemas"];
    let (events, commands) = (messages(all, "ServerEvent"), messages(all, "ClientCommand"));
    let mut schemas = Map::new();
    for message in events.values().chain(commands.values()) {
        copy_references(all, &message["payload"], &mut schemas);
    }
    let refer = |to: &str, names: &Map<String, Value>| -> Map<String, Value> {
        names
            .keys()
            .map(|name| (name.clone(), json!({ "$ref": format!("#/{to}/{name}") })))
            .collect()
    };
    let within = |channel: &str, names: &Map<String, Value>| -> Vec<Value> {
        refer(&format!("channels/{channel}/messages"), names)
            .into_iter()
            .map(|(_, reference)| reference)
            .collect()
    };
    let both: Map<String, Value> = events.clone().into_iter().chain(commands.clone()).collect();
    let document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Carrier, live",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The events that Carrier sends as they happen, over a WebSocket or \
                            SSE, and the commands that it takes on the WebSocket. Take rows by \
                            their `rev`, remember the cursor of the last heartbeat, and connect \
                            with `since`: nothing is missed after any absence.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "channels": {
            "socket": {
                "address": "/v1/socket",
                "title": "WebSocket",
                "description": "Text frames, one JSON object each.",
                "messages": refer("components/messages", &both),
                "bindings": { "ws": { "method": "GET" } },
            },
            "stream": {
                "address": "/v1/events",
                "title": "SSE",
                "description": "An event stream, one JSON object an event.",
                "messages": refer("components/messages", &events),
            },
        },
        "operations": {
            "tellOnSocket": {
                "action": "send",
                "summary": "Carrier sends events as they happen.",
                "channel": { "$ref": "#/channels/socket" },
                "messages": within("socket", &events),
            },
            "takeCommand": {
                "action": "receive",
                "summary": "Carrier carries out commands, and answers with `ack` or `error`.",
                "channel": { "$ref": "#/channels/socket" },
                "messages": within("socket", &commands),
            },
            "tellOnStream": {
                "action": "send",
                "summary": "Carrier sends events as they happen.",
                "channel": { "$ref": "#/channels/stream" },
                "messages": within("stream", &events),
            },
        },
        "components": { "messages": both, "schemas": schemas },
    });
    serde_json::to_string_pretty(&document).expect("JSON can be printed")
}

/// Returns a message for each case of a union, by the name of its schema.
fn messages(all: &Value, union: &str) -> Map<String, Value> {
    let cases = all[union]["anyOf"].as_array().expect("a union has cases");
    let message = |case: &Value| {
        let case = name_of(case).expect("each case has a name");
        let parts = all[case]["allOf"]
            .as_array()
            .expect("its discriminator and its fields");
        let kind = &parts[0]["properties"]["type"]["enum"][0];
        let summary = name_of(&parts[1])
            .map(|name| all[name]["description"].clone())
            .unwrap_or_default();
        let payload = json!({ "$ref": format!("#/components/schemas/{case}") });
        (
            case.to_owned(),
            json!({ "name": kind, "title": kind, "summary": summary, "payload": payload }),
        )
    };
    cases.iter().map(message).collect()
}

/// Copies all schemas that a schema refers to.
fn copy_references(all: &Value, schema: &Value, copied: &mut Map<String, Value>) {
    let mut todo: BTreeSet<String> = references(schema);
    while let Some(name) = todo.pop_first() {
        if !copied.contains_key(&name) {
            todo.extend(references(&all[&name]));
            copied.insert(name.clone(), all[&name].clone());
        }
    }
}

/// Returns the names of the schemas that a schema refers to.
fn references(schema: &Value) -> BTreeSet<String> {
    match schema {
        Value::Object(fields) => fields
            .values()
            .flat_map(references)
            .chain(name_of(schema).map(str::to_owned))
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => BTreeSet::new(),
    }
}

/// Returns the name of the schema that a reference points to.
fn name_of(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_is_in_it_and_so_is_all_that_it_refers_to() {
        let document: Value = serde_json::from_str(&asyncapi()).expect("JSON");
        let names: Vec<_> = document["components"]["messages"]
            .as_object()
            .expect("messages")
            .values()
            .map(|one| one["name"].clone())
            .collect();
        for name in [
            "hello",
            "message.created",
            "chat.saved",
            "ack",
            "send",
            "watch",
        ] {
            assert!(names.contains(&name.into()), "{name} is in {names:?}");
        }
        for name in references(&document["components"]["schemas"]) {
            assert!(
                !document["components"]["schemas"][&name].is_null(),
                "{name} is missing"
            );
        }
    }
}
