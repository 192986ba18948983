//! Requests that fit the OpenAPI document, and requests that do not, get an answer that the
//! document knows. A fuzzer made for such documents tries them.

use std::{path::PathBuf, process::Stdio, time::Duration};

use e2e::{Client, PASSWORD, Sql, Stack, on_both};
use serde_json::json;
use tokio::process::Command;

/// `make fuzz` sets how many cases are made up for each operation.
const EXAMPLES: &str = "CARRIER_FUZZ_EXAMPLES";

/// Operations that would end the fuzzer's session, or take away the chat that it works on; another
/// user tries them last.
const FATAL: [&str; 7] = [
    "logout",
    "eraseMe",
    "revokeSession",
    "revokeOtherSessions",
    "changePassword",
    "deleteChat",
    "removeMember",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}

/// Operations whose answers have no end, or are no HTTP.
const ENDLESS: [&str; 2] = ["streamEvents", "openSocket"];

/// Runs the fuzzer as this user; on `only` these operations, or all but these.
async fn fuzz(who: &Client, chat: &str, message: i64, only: bool) {
    let program = root().join(".venv/bin/schemathesis");
    assert!(
        program.exists(),
        "{} is missing: run scripts/setup --tests",
        program.display()
    );
    let invites = format!("/v1/chats/{chat}/invites");
    let invite = who.post(&invites, json!({})).await.expect(201);
    let token = invite["token"].as_str().expect("a token");
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("schemathesis.toml");
    // So that it gets further than to 404.
    let known = format!(
        "[parameters]\n\
         \"path.chat_id\" = \"{chat}\"\n\
         \"path.message_id\" = {message}\n\
         \"path.invite_token\" = \"{token}\"\n\
         \"path.user_id\" = \"{}\"\n\
         \"path.emoji\" = \"👍\"\n",
        who.id
    );
    std::fs::write(&config, known).expect("written");
    let mut command = Command::new(program);
    command
        .arg("--config-file")
        .arg(&config)
        .arg("run")
        .arg(format!("{}/openapi.json", who.base));
    command.args([
        "--url",
        &format!("{}/v1", who.base),
        "-H",
        &format!(
            "Authorization: Bearer {}",
            who.token.as_deref().expect("a session")
        ),
    ]);
    for operation in FATAL {
        command.args([
            if only {
                "--include-operation-id"
            } else {
                "--exclude-operation-id"
            },
            operation,
        ]);
    }
    if !only {
        for operation in ENDLESS {
            command.args(["--exclude-operation-id", operation]);
        }
    }
    let examples = std::env::var(EXAMPLES).unwrap_or_else(|_| "5".into());
    // One worker: with more, Python's own parser gives up now and then.
    command.args([
        "--workers",
        "1",
        "--seed",
        "1",
        "--phases",
        "coverage,fuzzing",
        "--max-examples",
        &examples,
    ]);
    let checks = [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    ];
    command.args(["-c", &checks.join(",")]);
    command
        .current_dir(folder.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let patience = Duration::from_secs(3600);
    let output = tokio::time::timeout(patience, command.output())
        .await
        .expect("it ends")
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let tail: Vec<&str> = said.lines().rev().take(150).collect();
    assert!(
        output.status.success(),
        "{}",
        tail.into_iter()
            .rev()
            .map(|line| &line[..line.len().min(500)])
            .collect::<Vec<_>>()
            .join("\n")
    );
    let summary = said
        .lines()
        .find(|line| line.contains(" generated, ") && line.contains(" passed"))
        .expect("it says how many it tried");
    println!("{}", summary.trim());
    assert!(!summary.trim_start().starts_with("0 "), "{summary}");
}

on_both!(no_request_gets_an_answer_that_the_document_does_not_know);
async fn no_request_gets_an_answer_that_the_document_does_not_know(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let flusher = stack.start_flusher().await;
    let mut people = Vec::new();
    for name in ["ann", "bob"] {
        people.push(api.register(name).await);
    }
    // By id: the fuzzer may give them other names.
    let ids = [people[0].id.as_str(), people[1].id.as_str()];
    for (who, only) in people.iter().zip([false, true]) {
        let chat = who.create_group("Friends", &ids).await.expect(201)["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let sent = who
            .post(
                &format!("/v1/chats/{chat}/messages"),
                json!({ "body": "hello" }),
            )
            .await
            .expect(201);
        fuzz(who, &chat, sent["id"].as_i64().expect("an id"), only).await;
    }
    // It is as good as new.
    let mut late = api.register("late").await;
    late.logout().await;
    late.post(
        "/v1/auth/login",
        json!({ "login": "late", "password": PASSWORD }),
    )
    .await
    .expect(200);
    late.login("late").await;
    flusher.stop().await;
    api.stop().await;
}
