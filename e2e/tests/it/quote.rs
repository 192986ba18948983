//! What an answer quotes: the message that it answers as it is now, and never a copy of it.

use e2e::{Client, Listener, Options, Sql, Stack, eventually, on_both};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};

const SOON: std::time::Duration = std::time::Duration::from_secs(30);
const SECRET: &str = "my PIN is 4711, please delete";

/// Returns the preview that a reader finds in each place that shows the last answer of a chat.
async fn quotes(
    reader: &Client,
    chat: &str,
    began: &str,
    answer: &Value,
) -> Vec<(&'static str, Value)> {
    let of = |message: &Value| message["reply_to"]["preview"].clone();
    let is_it = |message: &&Value| message["id"] == answer["id"];
    let among = |list: &Value| {
        list.as_array()
            .and_then(|all| all.iter().find(is_it).map(of))
    };
    let found = |list: &Value| among(list).expect("the answer is there");
    let id = &answer["id"];
    let newest = reader.page(chat, "limit=100").await.expect(200);
    let alone = reader.page(chat, &format!("around={id}&limit=1")).await;
    let one = reader.get(&format!("/v1/chats/{chat}/messages/{id}")).await;
    let sync = reader.get(&format!("/v1/sync?since={began}")).await;
    let sync = sync.expect(200);
    let told = sync["changes"].as_array().expect("changes").iter();
    let told: Value = told.map(|change| change["message"].clone()).collect();
    let search = reader.get("/v1/search?q=answering").await.expect(200);
    let hits = search["items"].as_array().expect("hits").iter();
    let hits: Value = hits.map(|hit| hit["message"].clone()).collect();
    let export = reader
        .get(&format!("/v1/users/me/export?chat_id={chat}"))
        .await;
    let lines = export.text.lines().map(serde_json::from_str::<Value>);
    let lines: Value = lines
        .map(|line| line.expect("a line is JSON")["message"].clone())
        .collect();
    let last = &reader.chat(chat).await.expect(200)["last_message"];
    let viewed = if is_it(&last) {
        of(last)
    } else {
        found(&newest["items"])
    };
    vec![
        ("page", found(&newest["items"])),
        ("page of it alone", found(&alone.expect(200)["items"])),
        ("message", of(&one.expect(200))),
        ("view", viewed),
        ("sync", found(&told)),
        ("search", found(&hits)),
        ("export", found(&lines)),
    ]
}

async fn all_quote(reader: &Client, (chat, began): (&str, &str), answer: &Value, text: &str) {
    for (place, preview) in quotes(reader, chat, began, answer).await {
        assert_eq!(preview, text, "{place}");
    }
}

/// Returns a cursor of now.
async fn began(reader: &Client) -> String {
    let cursor = &reader.get("/v1/sync").await.expect(200)["cursor"];
    cursor.as_str().expect("a cursor").to_owned()
}

/// Returns the keys of Redis in which a text is.
async fn keys_with(stack: &Stack, text: &str) -> String {
    let script = "local found = {} \
        local read = { list = { 'LRANGE', 0, -1 }, hash = { 'HGETALL' }, string = { 'GET' }, \
                       zset = { 'ZRANGE', 0, -1 } } \
        for _, key in ipairs(redis.call('KEYS', '*')) do \
            local verb, from, to = unpack(read[redis.call('TYPE', key).ok]) \
            local held = from and redis.call(verb, key, from, to) or redis.call(verb, key) \
            local whole = type(held) == 'table' and table.concat(held, ' ') or held \
            if string.find(whole, ARGV[1], 1, true) then found[#found + 1] = key end \
        end \
        return table.concat(found, ' ')";
    let found = stack.redis.cli(&["EVAL", script, "0", text]).await;
    found.trim().to_owned()
}

async fn sql_has(stack: &Stack, text: &str) -> bool {
    let like = format!("'%{text}%'");
    let ask = format!("SELECT id FROM messages WHERE body LIKE {like} OR extras LIKE {like}");
    let ask = Statement::from_string(stack.cold.backend(), ask);
    !stack
        .db
        .query_all_raw(ask)
        .await
        .expect("SQL answers")
        .is_empty()
}

on_both!(an_answer_quotes_what_is_there_now_and_keeps_no_copy);
async fn an_answer_quotes_what_is_there_now_and_keeps_no_copy(sql: Sql) {
    let options = Options {
        hot_messages: 10,
        ..Options::default()
    };
    let stack = Stack::with(sql, options.on_one_redis()).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let id = chat.parse().expect("an id");
    let began = began(&ann).await;
    let place = (chat.as_str(), began.as_str());
    let first = ann.send(&chat, SECRET).await.expect(201);
    let path = format!("/v1/chats/{chat}/messages/{}", first["id"]);
    let mut events = Listener::socket(&ann, "", &[]).await;
    events.expect("hello").await;
    let send = json!({ "body": "answering", "reply_to": first["id"], "client_id": "k" });
    let messages = format!("/v1/chats/{chat}/messages");
    let answer = bob.post(&messages, send.clone()).await.expect(201);
    assert_eq!(answer["reply_to"]["preview"], SECRET);
    let told = events.expect("message.created").await;
    assert_eq!(told["message"]["reply_to"]["preview"], SECRET);
    all_quote(&ann, place, &answer, SECRET).await;
    assert_eq!(
        keys_with(&stack, SECRET).await.split(' ').count(),
        1,
        "its own list"
    );

    // Between the two come so many that only the answer is hot.
    let flusher = stack.start_flusher().await;
    for at in 0..12 {
        ann.send(&chat, &format!("between {at}")).await.expect(201);
    }
    let send = json!({ "body": "answering again", "reply_to": first["id"] });
    let answer = bob.post(&messages, send).await.expect(201);
    stack.saved(id).await;
    e2e::eventually(SOON, "the first is cold", async || {
        keys_with(&stack, SECRET).await.is_empty()
    })
    .await;
    all_quote(&bob, place, &answer, SECRET).await;

    // Changed, it is hot and not saved, and is quoted so; then it is saved.
    let text = "my PIN is not for you";
    flusher.stop().await;
    ann.patch(&path, json!({ "body": text })).await.expect(200);
    all_quote(&bob, place, &answer, text).await;
    let reacted = format!(
        "/v1/chats/{chat}/messages/{}/reactions/%F0%9F%91%8D",
        answer["id"]
    );
    ann.put(&reacted, Value::Null).await.expect(204);
    let told = events.expect("reaction").await;
    assert_eq!(told["message"]["reply_to"]["preview"], text);
    let flusher = stack.start_flusher().await;
    stack.saved(id).await;
    all_quote(&bob, place, &answer, text).await;

    // Now the answer is cold too, and what it quotes changes and is not saved.
    for at in 0..12 {
        ann.send(&chat, &format!("after {at}")).await.expect(201);
    }
    stack.saved(id).await;
    let is_cold = async || keys_with(&stack, "answering again").await.is_empty();
    eventually(SOON, "the answer is cold", is_cold).await;
    flusher.stop().await;
    let again = "and once more";
    ann.patch(&path, json!({ "body": again })).await.expect(200);
    all_quote(&bob, place, &answer, again).await;

    ann.delete(&format!("{path}?for=everyone"))
        .await
        .expect(204);
    all_quote(&bob, place, &answer, "").await;
    let flusher = stack.start_flusher().await;
    stack.saved(id).await;
    all_quote(&bob, place, &answer, "").await;
    for text in [SECRET, text] {
        assert_eq!(keys_with(&stack, text).await, "", "no key has it");
        assert!(!sql_has(&stack, text).await, "no row has it");
    }
    flusher.stop().await;
    api.stop().await;
    if stack.cold.backend() == DbBackend::Sqlite {
        let checkpoint =
            Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(TRUNCATE)");
        stack.db.query_all_raw(checkpoint).await.expect("done");
        let file = stack.sql_url.trim_start_matches("sqlite://");
        let file = file.split('?').next().expect("a path");
        let bytes = std::fs::read(file).expect("the database");
        for text in [SECRET, text] {
            let has = bytes
                .windows(text.len())
                .any(|some| some == text.as_bytes());
            assert!(!has, "what is deleted is overwritten");
        }
    }
}

on_both!(what_an_older_record_keeps_is_not_shown);
async fn what_an_older_record_keeps_is_not_shown(sql: Sql) {
    let stack = Stack::with(sql, Options::default().on_one_redis()).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let began = began(&ann).await;
    let place = (chat.as_str(), began.as_str());
    let first = ann.send(&chat, SECRET).await.expect(201);
    let send = json!({ "body": "answering", "reply_to": first["id"] });
    let messages = format!("/v1/chats/{chat}/messages");
    let answer = bob.post(&messages, send).await.expect(201);
    // As the first release wrote it: with the text, and without the seq.
    let list = stack.redis.keys("chat:*:messages").await.remove(0);
    let record = stack.redis.cli(&["LINDEX", &list, "-1"]).await;
    let mut old = record.trim_end().to_owned();
    model::quote(&mut old, |_| SECRET.to_owned());
    stack.redis.cli(&["LSET", &list, "-1", &old]).await;
    all_quote(&ann, place, &answer, SECRET).await;
    ann.delete(&format!(
        "/v1/chats/{chat}/messages/{}?for=everyone",
        first["id"]
    ))
    .await
    .expect(204);
    all_quote(&ann, place, &answer, "").await;
    let flusher = stack.start_flusher().await;
    stack.leave(chat.parse().expect("an id")).await;
    all_quote(&ann, place, &answer, "").await;
    assert!(!sql_has(&stack, SECRET).await, "SQL never had it");
    flusher.stop().await;
    api.stop().await;
}
