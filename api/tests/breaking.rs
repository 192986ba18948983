//! Compares the OpenAPI document with that of the last release: what would break a client that was
//! written for the older one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// Each break in a sentence; none when `new` serves all who were served by `old`.
fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Comparison {
        old,
        new,
        breaks: Vec::new(),
        seen: BTreeSet::new(),
    };
    for (path, operations) in object(&old["paths"]) {
        for (method, operation) in object(operations) {
            let name = format!("{} {path}", method.to_uppercase());
            match new["paths"][path].get(method) {
                Some(now) => found.operation(&name, operation, now),
                None => found.say(format!("{name} is gone")),
            }
        }
    }
    found.breaks
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    breaks: Vec<String>,
    /// Pairs of schemas that are compared already, or being compared: schemas may contain
    /// themselves.
    seen: BTreeSet<String>,
}

/// The writer of the value that a schema describes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum By {
    Client,
    Server,
}

impl Comparison<'_> {
    fn say(&mut self, text: String) {
        self.breaks.push(text);
    }

    fn operation(&mut self, name: &str, old: &Value, new: &Value) {
        if old["operationId"] != new["operationId"] {
            self.say(format!(
                "{name}: its operationId was {}, and is {}",
                old["operationId"], new["operationId"]
            ));
        }
        let same =
            |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
        for parameter in list(&old["parameters"]) {
            let what = format!("{name}, parameter {}", parameter["name"]);
            match list(&new["parameters"])
                .iter()
                .find(|now| same(parameter, now))
            {
                Some(now) => {
                    if now["required"] == true && parameter["required"] != true {
                        self.say(format!("{what} is required now"));
                    }
                    self.schema(&what, &parameter["schema"], &now["schema"], By::Client);
                }
                None => self.say(format!("{what} is gone")),
            }
        }
        for parameter in list(&new["parameters"]) {
            if parameter["required"] == true
                && !list(&old["parameters"])
                    .iter()
                    .any(|was| same(was, parameter))
            {
                self.say(format!(
                    "{name} needs a new parameter {}",
                    parameter["name"]
                ));
            }
        }
        if old.get("requestBody").is_none() && new["requestBody"]["required"] == true {
            self.say(format!("{name} needs a body now"));
        }
        self.contents(name, &old["requestBody"], &new["requestBody"], By::Client);
        for (status, response) in
            object(&old["responses"]).filter(|(status, _)| status.starts_with('2'))
        {
            match new["responses"].get(status) {
                Some(now) => self.contents(&format!("{name}, {status}"), response, now, By::Server),
                None => self.say(format!("{name} no longer answers {status}")),
            }
        }
    }

    fn contents(&mut self, name: &str, old: &Value, new: &Value, by: By) {
        for (kind, content) in object(&old["content"]) {
            match new["content"].get(kind) {
                Some(now) => self.schema(name, &content["schema"], &now["schema"], by),
                None => self.say(format!("{name}: {kind} is gone")),
            }
        }
    }

    fn schema(&mut self, name: &str, old: &Value, new: &Value, by: By) {
        if !self.seen.insert(format!("{by:?} {old} {new}")) {
            return;
        }
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
        for word in ["type", "format"] {
            if old.get(word) != new.get(word) {
                self.say(format!(
                    "{name}: its {word} was {}, and is {}",
                    old[word], new[word]
                ));
            }
        }
        // A client may send what it always could, and must understand what it is sent.
        let (values, others) = if by == By::Client {
            (&old["enum"], &new["enum"])
        } else {
            (&new["enum"], &old["enum"])
        };
        for value in list(values).iter().filter(|_| others.is_array()) {
            if !list(others).contains(value) {
                let verb = if by == By::Client {
                    "is no longer taken"
                } else {
                    "is a new answer"
                };
                self.say(format!("{name}: {value} {verb}"));
            }
        }
        if by == By::Client && old.get("enum").is_none() && new.get("enum").is_some() {
            self.say(format!("{name} takes only some values now"));
        }
        self.schema_of_object(name, old, new, by);
        if old.get("items").is_some() {
            self.schema(name, &old["items"], &new["items"], by);
        }
        for word in ["allOf", "anyOf", "oneOf"] {
            for (at, one) in list(&old[word]).iter().enumerate() {
                match list(&new[word]).get(at) {
                    Some(now) => self.schema(name, one, now, by),
                    None => self.say(format!("{name}: an alternative is gone")),
                }
            }
        }
    }

    fn schema_of_object(&mut self, name: &str, old: &Value, new: &Value, by: By) {
        for (property, schema) in object(&old["properties"]) {
            let what = format!("{name}, {property}");
            match new["properties"].get(property) {
                Some(now) => self.schema(&what, schema, now, by),
                None => self.say(format!("{what} is gone")),
            }
        }
        let (needed, before) = (list(&new["required"]), list(&old["required"]));
        match by {
            By::Client => {
                for property in needed.iter().filter(|property| !before.contains(property)) {
                    self.say(format!("{name}, {property} is required now"));
                }
            }
            By::Server => {
                for property in before.iter().filter(|property| !needed.contains(property)) {
                    self.say(format!("{name}, {property} may be absent now"));
                }
            }
        }
    }
}

/// Looks up the schema that a schema refers to, also beneath a description of its own, as
/// `{"allOf": [{"$ref": ..}, {"description": ..}]}` has it.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let described = match list(&schema["allOf"]) {
        [one, other] if keys(other).eq(["description"]) => one,
        _ => schema,
    };
    match described["$ref"].as_str() {
        Some(pointer) => document
            .pointer(pointer.trim_start_matches('#'))
            .unwrap_or(&Value::Null),
        None => schema,
    }
}

fn keys(value: &Value) -> impl Iterator<Item = &str> {
    object(value).map(|(key, _)| key.as_str())
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn released() -> Value {
    serde_json::from_str(include_str!("../openapi.released.json")).expect("the document is JSON")
}

/// A release writes `openapi.released.json` anew; until the first one, a break may be wanted,
/// and is written there too.
#[test]
fn nothing_breaks_a_client_of_the_last_release() {
    let now: Value = serde_json::from_str(&api::openapi()).expect("the document is JSON");
    let found = breaks(&released(), &now);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn after(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let (old, mut new) = (released(), released());
    change(&mut new);
    breaks(&old, &new)
}

#[test]
fn each_kind_of_break_is_told() {
    let schemas = |new: &mut Value, name: &str| new["components"]["schemas"][name].take();
    let alter = |name: &'static str, change: fn(&mut Value)| {
        after(move |new| {
            let mut schema = schemas(new, name);
            change(&mut schema);
            new["components"]["schemas"][name] = schema;
        })
    };
    let told = |breaks: Vec<String>, text: &str| {
        assert!(
            breaks.iter().any(|one| one.contains(text)),
            "{text}: {breaks:?}"
        )
    };
    told(
        after(|new| {
            drop(
                new["paths"]
                    .as_object_mut()
                    .expect("paths")
                    .remove("/search"),
            )
        }),
        "GET /search is gone",
    );
    told(
        after(|new| new["paths"]["/search"]["get"]["operationId"] = json!("x")),
        "operationId was",
    );
    told(
        after(|new| new["paths"]["/search"]["get"]["parameters"][1]["required"] = json!(true)),
        "is required now",
    );
    told(
        after(|new| {
            drop(
                new["paths"]["/search"]["get"]["parameters"]
                    .as_array_mut()
                    .expect("a list")
                    .remove(1),
            )
        }),
        "\"chat_id\" is gone",
    );
    told(
        after(|new| {
            drop(
                new["paths"]["/search"]["get"]["responses"]
                    .as_object_mut()
                    .expect("all")
                    .remove("200"),
            )
        }),
        "no longer answers 200",
    );
    told(
        alter("Message", |schema| {
            drop(
                schema["properties"]
                    .as_object_mut()
                    .expect("all")
                    .remove("seq"),
            )
        }),
        "seq is gone",
    );
    told(
        alter("Message", |schema| {
            schema["properties"]["seq"] = json!({ "type": "string" })
        }),
        "seq: its type was",
    );
    told(
        alter("Message", |schema| schema["required"] = json!([])),
        "may be absent now",
    );
    told(
        alter("NewMessage", |schema| {
            schema["required"] = json!(["subject"])
        }),
        "\"subject\" is required now",
    );
    told(
        alter("Role", |schema| {
            drop(schema["enum"].as_array_mut().expect("values").remove(0))
        }),
        "is no longer taken",
    );
    told(
        alter("Role", |schema| {
            schema["enum"]
                .as_array_mut()
                .expect("values")
                .push(json!("king"))
        }),
        "\"king\" is a new answer",
    );
}

#[test]
fn what_is_only_added_breaks_nothing() {
    let none: [String; 0] = [];
    assert_eq!(after(|_| ()), none);
    assert_eq!(
        after(|new| new["paths"]["/new"] = json!({ "get": { "operationId": "new" } })),
        none
    );
    assert_eq!(
        after(
            |new| new["components"]["schemas"]["Message"]["properties"]["new"] =
                json!({ "type": "string" })
        ),
        none
    );
    assert_eq!(
        after(
            |new| new["components"]["schemas"]["NewMessage"]["properties"]["new"] =
                json!({ "type": "string" })
        ),
        none
    );
    let optional =
        json!({ "name": "new", "in": "query", "required": false, "schema": { "type": "string" } });
    let add = |new: &mut Value| {
        new["paths"]["/search"]["get"]["parameters"]
            .as_array_mut()
            .expect("a list")
            .push(optional.clone())
    };
    assert_eq!(after(add), none);
}
