//! `carrier verify` finds nothing where nothing is wrong, and what is wrong.

use e2e::{Client, Options, Process, Sql, Stack, on_both};
use model::ChatId;
use sea_orm::ConnectionTrait;
use serde_json::Value;

/// Exit code and report of a run.
async fn verify(stack: &Stack, more: &str) -> (u32, Value) {
    let run = Process::new(&format!("verify --json{more}"), &stack.env());
    run.start();
    let code = run.wait().await;
    let log = run.log();
    let json = log
        .find('{')
        .map(|at| &log[at..])
        .unwrap_or_else(|| panic!("no report: {log}"));
    (
        code,
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {log}")),
    )
}

/// Returns the faults that were found of a chat or a user.
fn faults(report: &Value, id: &str) -> String {
    let of = report["faults"]
        .as_array()
        .expect("faults")
        .iter()
        .find(|found| found["id"] == id);
    of.map_or_else(String::new, |found| found["faults"].to_string())
}

async fn chat(ann: &Client, texts: usize) -> String {
    let chat = ann.create_group("Group", &["bob"]).await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for at in 0..texts {
        ann.send(&chat, &format!("text {at}")).await.expect(201);
    }
    chat
}

fn key(chat: &str) -> String {
    let id: ChatId = chat.parse().expect("an id");
    format!("chat:{{c{}}}:{chat}", id.partition())
}

on_both!(every_fault_is_found_and_nothing_else);
async fn every_fault_is_found_and_nothing_else(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            hot_messages: 5,
            ..Options::default()
        },
    )
    .await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let flusher = stack.start_flusher().await;
    // Some are saved, some of them have left, and some are not saved.
    let saved = [
        chat(&ann, 30).await,
        chat(&ann, 30).await,
        chat(&ann, 30).await,
        chat(&ann, 30).await,
        chat(&ann, 30).await,
    ];
    let gone = [chat(&ann, 30).await, chat(&ann, 30).await];
    for chat in saved.iter().chain(&gone) {
        let history = ann.page(chat, "").await.expect(200);
        ann.delete(&format!(
            "/v1/chats/{chat}/messages/{}?for=everyone",
            history["items"][9]["id"]
        ))
        .await
        .expect(204);
        stack.saved(chat.parse().expect("an id")).await;
    }
    for chat in &gone {
        stack.expire(chat.parse().expect("an id")).await;
        stack.evicted(chat.parse().expect("an id")).await;
    }
    flusher.stop().await;
    let unsaved = [
        chat(&ann, 10).await,
        chat(&ann, 10).await,
        chat(&ann, 10).await,
    ];
    let aof = async || {
        let info = stack.redis.cli(&["INFO", "persistence"]).await;
        info.lines()
            .find(|line| line.starts_with("aof_current_size"))
            .expect("it has an AOF")
            .to_owned()
    };
    let before = aof().await;
    let (code, report) = verify(&stack, "").await;
    assert_eq!(
        (code, &report["well"]),
        (0, &Value::Bool(true)),
        "{report:#}"
    );
    assert_eq!(report["looked_at"]["chat"]["looked_at"], 10);
    assert_eq!(report["looked_at"]["user"]["looked_at"], 2);
    assert_eq!(aof().await, before, "it only reads");
    let (code, report) = verify(&stack, &format!(" --chat {}", gone[0])).await;
    assert_eq!(
        (code, &report["looked_at"]["chat"]["looked_at"]),
        (0, &Value::from(1)),
        "{report:#}"
    );

    let cli = async |args: &[&str]| assert!(!stack.redis.cli(args).await.is_empty());
    let run = async |statement: String| {
        stack
            .db
            .execute_unprepared(&statement)
            .await
            .expect("SQL runs it")
            .rows_affected()
    };
    let hex = |id: &str| format!("X'{}'", id.replace('-', ""));
    let mut expected = Vec::new();
    let mut plant = |id: &str, fault: &'static str| expected.push((id.to_owned(), fault));

    // A chat that no flusher will look at.
    let due = format!(
        "due:{{c{}}}",
        saved[0].parse::<ChatId>().expect("an id").partition()
    );
    cli(&["ZREM", &due, &saved[0]]).await;
    plant(&saved[0], "not in the due set");
    // A text that nobody knows to be unsaved.
    let entry = stack
        .redis
        .cli(&["ZRANGE", &format!("{}:dirty", key(&unsaved[0])), "0", "0"])
        .await;
    let entries = stack
        .redis
        .cli(&["ZRANGE", &format!("{}:dirty", key(&unsaved[0])), "0", "-1"])
        .await;
    let message = entries
        .lines()
        .find(|entry| entry.starts_with("message:"))
        .unwrap_or(&entry);
    cli(&["ZREM", &format!("{}:dirty", key(&unsaved[0])), message]).await;
    plant(&unsaved[0], "is not called unsaved");
    // A message that SQL has at a later rev.
    let newest = run(format!(
        "UPDATE messages SET rev = rev + 3000000000000000 WHERE chat_id = {} AND seq = 29",
        hex(&saved[1])
    ));
    assert_eq!(newest.await, 1);
    plant(&saved[1], "is newer in SQL");
    // A hole, where only SQL knows.
    assert_eq!(
        run(format!(
            "DELETE FROM messages WHERE chat_id = {} AND seq = 7",
            hex(&saved[2])
        ))
        .await,
        1
    );
    plant(&saved[2], "there is a gap");
    assert_eq!(
        run(format!(
            "DELETE FROM messages WHERE chat_id = {} AND seq = 30",
            hex(&gone[0])
        ))
        .await,
        1
    );
    plant(&gone[0], "the chat counts");
    // One twice.
    assert_eq!(
        run(format!(
            "UPDATE messages SET seq = 8 WHERE chat_id = {} AND seq = 9",
            hex(&gone[1])
        ))
        .await,
        1
    );
    plant(&gone[1], "there is a gap, or one twice");
    // Out of order.
    let list = format!("{}:messages", key(&unsaved[1]));
    let (first, second) = (
        stack.redis.cli(&["LINDEX", &list, "2"]).await,
        stack.redis.cli(&["LINDEX", &list, "3"]).await,
    );
    cli(&["LSET", &list, "2", &second]).await;
    cli(&["LSET", &list, "3", &first]).await;
    plant(&unsaved[1], "ids do not rise");
    // A membership that SQL has not.
    assert_eq!(
        run(format!(
            "DELETE FROM members WHERE chat_id = {} AND user_id = {}",
            hex(&saved[3]),
            hex(&bob.id)
        ))
        .await,
        1
    );
    plant(&saved[3], "member");
    // A list without a chat, and one with a chat that is not theirs.
    let user = |client: &Client| {
        format!(
            "user:{{u{}}}:{}:chats",
            model::UserId(client.id.parse().expect("an id")).partition(),
            client.id
        )
    };
    cli(&["HDEL", &user(&bob), &saved[4]]).await;
    plant(&saved[4], "does not have it in their list");
    let strange = ChatId::new().to_string();
    cli(&["HSET", &user(&ann), &strange, "5 0"]).await;
    plant(&ann.id, "is not in it");
    // An order that does not know of a chat's last change.
    cli(&[
        "ZADD",
        &user(&bob).replace(":chats", ":order"),
        "5",
        &unsaved[2],
    ])
    .await;
    plant(&bob.id, "after its place in their order");
    // A name that is two people's.
    let statement =
        "UPDATE users SET username = 'ann', username_folded = 'ann' WHERE username_folded = 'bob'"
            .to_owned();
    assert_eq!(run(statement).await, 1);
    let bobs = format!(
        "user:{{u{}}}:{}",
        model::UserId(bob.id.parse().expect("an id")).partition(),
        bob.id
    );
    cli(&["HSET", &bobs, "username", "ann"]).await;
    plant("all", "the username \\\"ann\\\" is that of");

    let (code, report) = verify(&stack, "").await;
    assert_eq!(code, 1);
    for (id, fault) in &expected {
        assert!(
            faults(&report, id).contains(fault),
            "{id} should be told of for {fault:?}: {report:#}"
        );
    }
    assert_eq!(
        report["faults"].as_array().expect("faults").len(),
        expected.len(),
        "{report:#}"
    );
    api.stop().await;
}

on_both!(a_system_that_is_busy_is_well);
async fn a_system_that_is_busy_is_well(sql: Sql) {
    let options = Options {
        chat_ttl: std::time::Duration::from_millis(200),
        hot_messages: 3,
        ..Options::default()
    };
    let stack = Stack::with(sql, options).await;
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let flusher = stack.start_flusher().await;
    let done = tokio_util::sync::CancellationToken::new();
    let written = std::cell::Cell::new(0);
    let write = async || {
        while !done.is_cancelled() {
            let chat = chat(&ann, 5).await;
            ann.patch(
                &format!("/v1/chats/{chat}"),
                serde_json::json!({ "name": format!("Group {}", written.get()) }),
            )
            .await
            .expect(200);
            written.set(written.get() + 1);
        }
    };
    let look = async || {
        let mut outcomes = Vec::new();
        while outcomes.len() < 3 || written.get() < 5 {
            outcomes.push(verify(&stack, "").await);
        }
        done.cancel();
        outcomes
    };
    let ((), outcomes) = tokio::join!(write(), look());
    for (code, report) in outcomes {
        assert_eq!(
            (code, &report["well"]),
            (0, &Value::Bool(true)),
            "{report:#}"
        );
    }
    flusher.stop().await;
    api.stop().await;
}
