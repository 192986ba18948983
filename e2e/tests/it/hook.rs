//! The operator's hook: a receiver judges each text before it is stored.

use std::{
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant, SystemTime},
};

use api::{Config, HookFails};
use base64::{Engine, prelude::BASE64_STANDARD};
use e2e::{
    Api, Client, Listener, Options, Process, Sql, Stack, eventually, free_port, on_both, process,
};
use futures_util::future::{BoxFuture, join_all};
use poem::{
    EndpointExt, Request, Response, Server, endpoint::make, http::StatusCode, listener::TcpAcceptor,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::Command,
    sync::Barrier,
    task::JoinHandle,
};
use uuid::{NoContext, Timestamp, Uuid};

const SECRET: &str = "whsec_c2VjcmV0IGJ5dGVzIG9mIGEgdGVzdCwgMzIgb2YgdGg=";
/// The longest that a hook may be given: no machine is so slow.
const LONG: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(60);

/// A question as it came to the receiver.
#[derive(Clone, Debug)]
struct Asked {
    id: String,
    timestamp: String,
    signature: String,
    content_type: String,
    body: String,
    json: Value,
}

type Judge = dyn Fn(Value) -> BoxFuture<'static, Response> + Send + Sync;

/// A receiver of an operator's.
struct Receiver {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    judge: Arc<Mutex<Arc<Judge>>>,
    task: JoinHandle<()>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!(
            "http://{}/judge",
            listener.local_addr().expect("an address")
        );
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let allow: Arc<Judge> = Arc::new(|_| Box::pin(async { status(204) }));
        let judge = Arc::new(Mutex::new(allow));
        let (seen, judges) = (Arc::clone(&asked), Arc::clone(&judge));
        let receive = make(move |mut request: Request| {
            let (seen, judges) = (Arc::clone(&seen), Arc::clone(&judges));
            async move {
                let body = request.take_body().into_string().await.expect("a text");
                let json: Value = serde_json::from_str(&body).unwrap_or_default();
                let header = |name| request.header(name).unwrap_or_default().to_owned();
                seen.lock().expect("sound").push(Asked {
                    id: header("webhook-id"),
                    timestamp: header("webhook-timestamp"),
                    signature: header("webhook-signature"),
                    content_type: header("content-type"),
                    body,
                    json: json.clone(),
                });
                let judge = Arc::clone(&judges.lock().expect("sound"));
                Ok::<_, poem::Error>(judge(json).await)
            }
        });
        let acceptor = TcpAcceptor::from_tokio(listener).expect("a listener");
        let task = tokio::spawn(async move {
            let served = Server::new_with_acceptor(acceptor).run(receive.boxed());
            served.await.expect("it serves");
        });
        Self {
            url,
            asked,
            judge,
            task,
        }
    }

    /// Answers from now on as this says of each question.
    fn judge(&self, judge: impl Fn(Value) -> BoxFuture<'static, Response> + Send + Sync + 'static) {
        *self.judge.lock().expect("sound") = Arc::new(judge);
    }

    /// Answers from now on with this verdict.
    fn says(&self, verdict: Value) {
        self.judge(move |_| {
            let text = verdict.to_string();
            Box::pin(async move { Response::builder().body(text) })
        });
    }

    /// Returns the questions that came since this was asked last.
    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().expect("sound"))
    }

    /// Returns settings without limits, and with this hook.
    fn config(&self, fails: HookFails, timeout: Duration) -> Config {
        hooked(&self.url, fails, timeout)
    }

    /// Starts an API with this hook.
    async fn api(&self, stack: &Stack, fails: HookFails) -> Api {
        let config = self.config(fails, LONG);
        stack.start_api_with(config, &stack.redis.url()).await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn hooked(url: &str, fails: HookFails, timeout: Duration) -> Config {
    Config {
        hook_url: Some(url.to_owned()),
        hook_secret: Some(SECRET.to_owned().into()),
        hook_timeout: timeout,
        hook_fails: fails,
        ..Config::default().unlimited()
    }
}

fn status(code: u16) -> Response {
    StatusCode::from_u16(code).expect("a status").into()
}

fn id_of(answer: &Value) -> String {
    answer["id"].as_str().expect("an id").to_owned()
}

async fn group(ann: &Client) -> String {
    id_of(&ann.create_group("Friends", &["bob"]).await.expect(201))
}

async fn post(who: &Client, chat: &str, message: Value) -> e2e::Answer {
    who.post(&format!("/v1/chats/{chat}/messages"), message)
        .await
}

/// Returns the bodies of the texts of a chat, oldest first.
async fn texts(who: &Client, chat: &str) -> Vec<String> {
    let page = who.page(chat, "limit=200").await.expect(200);
    let items = page["items"].as_array().expect("items").iter();
    let texts = items.filter(|item| item["kind"] == "text");
    texts
        .map(|item| item["body"].as_str().expect("a body").to_owned())
        .collect()
}

/// Returns the signature of the specification, made of SHA-256 alone (RFC 2104).
fn signature(secret: &str, asked: &Asked) -> String {
    let secret = secret.trim_start_matches("whsec_");
    let mut key = BASE64_STANDARD.decode(secret).expect("base64");
    key.resize(64, 0);
    let padded = |pad: u8| key.iter().map(|byte| byte ^ pad).collect::<Vec<_>>();
    let signed = format!("{}.{}.{}", asked.id, asked.timestamp, asked.body);
    let inner = Sha256::digest([&padded(0x36), signed.as_bytes()].concat());
    let outer = Sha256::digest([&padded(0x5c)[..], &inner].concat());
    format!("v1,{}", BASE64_STANDARD.encode(outer))
}

on_both!(a_text_is_stored_as_the_hook_says);
async fn a_text_is_stored_as_the_hook_says(sql: Sql) {
    let (stack, receiver) = (Stack::start(sql).await, Receiver::start().await);
    let api = receiver.api(&stack, HookFails::Closed).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = group(&ann).await;
    let mut bobs = Listener::socket(&bob, "", &[]).await;
    bobs.expect("hello").await;
    ann.send(&chat, "as it is").await.expect(201);
    receiver.says(json!({ "action": "allow" }));
    ann.send(&chat, "allowed").await.expect(201);
    receiver.says(json!({ "action": "change", "body": "made \u{1f30d} mild" }));
    let sent = ann.send(&chat, "harsh").await.expect(201);
    assert_eq!(sent["body"], "made \u{1f30d} mild");
    let told = bobs.until("message.created", |event| {
        event["message"]["id"] == sent["id"]
    });
    let told = told.await.pop().expect("it came");
    assert_eq!(told["message"]["body"], sent["body"]);

    receiver.says(json!({ "action": "refuse", "reason": " No\r\ninsults,\u{202e} please. " }));
    let refused = ann.send(&chat, "insult").await;
    let problem = refused.expect_problem(403, "message_refused");
    assert_eq!(problem["detail"], "No insults, please.");
    receiver.says(json!({ "action": "refuse", "reason": "é".repeat(5000) }));
    let refused = ann.send(&chat, "insult").await;
    let problem = refused.expect_problem(403, "message_refused");
    assert_eq!(
        problem["detail"].as_str().map(|text| text.chars().count()),
        Some(300)
    );
    receiver.says(json!({ "action": "refuse" }));
    let mut anns = Listener::socket(&ann, "", &[]).await;
    let message = json!({ "body": "by a socket" });
    let send = json!({ "type": "send", "chat_id": chat, "message": message });
    assert_eq!(anns.ask(send).await["problem"]["code"], "message_refused");
    let stored = ["as it is", "allowed", "made \u{1f30d} mild"];
    assert_eq!(texts(&bob, &chat).await, stored);

    // What nobody may send is judged by nobody.
    receiver.asked();
    ann.send(&chat, "").await.expect_problem(422, "invalid");
    let carl = api.register("carl").await;
    let stranger = carl.send(&chat, "hello").await;
    stranger.expect_problem(404, "not_found");
    assert!(receiver.asked().is_empty());
    let flusher = stack.start_flusher().await;
    stack.saved(chat.parse().expect("an id")).await;
    stack.leave(chat.parse().expect("an id")).await;
    flusher.stop().await;
    assert_eq!(texts(&bob, &chat).await, stored, "as SQL has them");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_tells_all_of_the_text_and_is_signed() {
    let (stack, receiver) = (Stack::start(Sql::Sqlite).await, Receiver::start().await);
    let api = receiver.api(&stack, HookFails::Closed).await;
    let made = stack
        .store
        .put_external("auth0|42", &store::ExternalProfile::default())
        .await;
    let (mary, _) = made.expect("made");
    let key = stack.store.create_key("backend", &model::Scope::ALL).await;
    let mut backend = api.client().with_header("carrier-user", "auth0|42");
    backend.token = Some(key.expect("a key").reveal().to_owned());
    let ann = api.register("ann").await;
    let direct = json!({ "kind": "direct", "members": ["ann"] });
    let chat = id_of(&backend.post("/v1/chats", direct).await.expect(201));
    let first = ann.send(&chat, "first").await.expect(201);
    let upload = format!("/v1/chats/{chat}/attachments?name=a.txt");
    let file = Some(("text/plain", b"a file".to_vec()));
    let uploaded = backend.raw(reqwest::Method::POST, &upload, file, &[]).await;
    let attachment = uploaded.0.expect(201);
    let asked = receiver.asked().pop().expect("it was asked");
    assert_eq!(
        asked.json,
        json!({
            "event": "message.before_create",
            "chat": { "id": chat, "kind": "direct" },
            "sender": { "id": ann.id, "username": "ann", "external_id": null },
            "message": {
                "id": null, "body": "first", "subject": null, "reply_to": null,
                "client_id": null, "mentions": [], "mentions_all": false, "attachments": [],
            },
        })
    );
    let message = json!({
        "body": "look \"é\"\n", "subject": "a line", "client_id": "k-1", "reply_to": first["id"],
        "mentions": [ann.id], "attachments": [{ "hash": attachment["hash"] }],
        "type": "myapp.card", "metadata": { "title": "hi", "size": 1 },
    });
    let sent = post(&backend, &chat, message).await.expect(201);
    let asked = receiver.asked().pop().expect("it was asked");
    let mut expected = json!({
        "event": "message.before_create",
        "chat": { "id": chat, "kind": "direct" },
        "sender": { "id": mary.id, "username": mary.username, "external_id": "auth0|42" },
        "message": {
            "id": null, "body": "look \"é\"\n", "subject": "a line", "client_id": "k-1",
            "reply_to": first["id"], "mentions": [ann.id], "mentions_all": false,
            "attachments": sent["attachments"],
            "type": "myapp.card", "metadata": { "title": "hi", "size": 1 },
        },
    });
    assert_eq!(asked.json, expected);
    assert_eq!(
        asked.json["message"]["attachments"][0]["content_type"],
        "text/plain; charset=utf-8"
    );
    assert_eq!(asked.content_type, "application/json");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.expect("after 1970").as_secs();
    let seconds: u64 = asked.timestamp.parse().expect("seconds");
    assert!(seconds.abs_diff(now) < 60, "{seconds} at {now}");
    assert_eq!(asked.signature, signature(SECRET, &asked));

    let path = format!("/v1/chats/{chat}/messages/{}", sent["id"]);
    backend
        .patch(&path, json!({ "subject": null }))
        .await
        .expect(200);
    let again = receiver.asked().pop().expect("it was asked");
    expected["event"] = json!("message.before_update");
    expected["message"]["id"] = sent["id"].clone();
    expected["message"]["subject"] = Value::Null;
    assert_eq!(again.json, expected);
    assert_eq!(again.signature, signature(SECRET, &again));
    let change = json!({ "metadata": { "title": "ho", "size": null } });
    backend.patch(&path, change).await.expect(200);
    let merged = receiver.asked().pop().expect("it was asked");
    expected["message"]["metadata"] = json!({ "title": "ho" });
    assert_eq!(merged.json, expected, "as it would be stored");
    assert!(again.id != asked.id && again.id.starts_with("msg_"));
    api.stop().await;
}

on_both!(an_edit_of_a_text_is_judged_too);
async fn an_edit_of_a_text_is_judged_too(sql: Sql) {
    let (stack, receiver) = (Stack::start(sql).await, Receiver::start().await);
    let api = receiver.api(&stack, HookFails::Closed).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = group(&ann).await;
    let sent = ann.send(&chat, "mild").await.expect(201);
    let path = format!("/v1/chats/{chat}/messages/{}", sent["id"]);
    let body = async || ann.get(&path).await.expect(200)["body"].clone();
    receiver.says(json!({ "action": "refuse", "reason": "No." }));
    let refused = ann.patch(&path, json!({ "body": "harsh" })).await;
    refused.expect_problem(403, "message_refused");
    let refused = ann.patch(&path, json!({ "subject": "harsh" })).await;
    refused.expect_problem(403, "message_refused");
    let refused = ann
        .patch(&path, json!({ "metadata": { "title": "harsh" } }))
        .await;
    refused.expect_problem(403, "message_refused");
    assert_eq!(body().await, "mild");
    assert!(ann.get(&path).await.expect(200).get("metadata").is_none());
    receiver.says(json!({ "action": "change", "body": "polite" }));
    let edited = ann
        .patch(&path, json!({ "body": "harsh" }))
        .await
        .expect(200);
    assert_eq!(
        (&edited["body"], body().await),
        (&json!("polite"), json!("polite"))
    );
    let edited = ann
        .patch(&path, json!({ "subject": "a line" }))
        .await
        .expect(200);
    assert_eq!(
        (&edited["body"], &edited["subject"]),
        (&json!("polite"), &json!("a line"))
    );
    receiver.judge(|_| Box::pin(async { status(204) }));
    ann.patch(&path, json!({ "body": "allowed" }))
        .await
        .expect(200);
    assert_eq!(body().await, "allowed");
    receiver.judge(|_| Box::pin(async { status(500) }));
    let refused = ann.patch(&path, json!({ "body": "lost" })).await;
    refused.expect_problem(503, "hook_unavailable");
    assert_eq!(body().await, "allowed");

    // What changes no text, or nobody may do, is judged by nobody.
    receiver.asked();
    let mentions = ann.patch(&path, json!({ "mentions": [bob.id] })).await;
    mentions.expect(200);
    let others = bob.patch(&path, json!({ "body": "not mine" })).await;
    others.expect_problem(403, "role_too_low");
    assert!(receiver.asked().is_empty());
    // A message that is hidden for its author is not there for them.
    let hidden = ann.send(&chat, "hidden").await;
    hidden.expect_problem(503, "hook_unavailable");
    receiver.judge(|_| Box::pin(async { status(204) }));
    let hidden = ann.send(&chat, "hidden").await.expect(201);
    let hidden = format!("/v1/chats/{chat}/messages/{}", hidden["id"]);
    ann.delete(&format!("{hidden}?for=me")).await.expect(204);
    receiver.says(json!({ "action": "refuse" }));
    receiver.asked();
    let unjudged = ann.patch(&hidden, json!({ "body": "harsh" })).await;
    unjudged.expect_problem(404, "not_found");
    ann.delete(&format!("{path}?for=everyone"))
        .await
        .expect(204);
    let gone = ann.patch(&path, json!({ "body": "late" })).await;
    gone.expect_problem(404, "not_found");
    assert!(receiver.asked().is_empty());
    api.stop().await;
}

/// Returns answers that are no verdict, each with what is wrong.
fn no_verdicts(elsewhere: &str) -> Vec<(&'static str, Arc<Judge>)> {
    let says = |text: &str| -> Arc<Judge> {
        let text = text.to_owned();
        Arc::new(move |_| {
            let text = text.clone();
            Box::pin(async move { Response::builder().body(text) })
        })
    };
    let sends = |code: u16| -> Arc<Judge> {
        Arc::new(move |_| {
            let allow = json!({ "action": "allow" }).to_string();
            let code = StatusCode::from_u16(code).expect("a status");
            Box::pin(async move { Response::builder().status(code).body(allow) })
        })
    };
    let elsewhere = elsewhere.to_owned();
    let redirect: Arc<Judge> = Arc::new(move |_| {
        let found = Response::builder().status(StatusCode::TEMPORARY_REDIRECT);
        let found = found.header("location", &elsewhere).finish();
        Box::pin(async { found })
    });
    let long = |bytes: usize| json!({ "action": "allow", "why": "x".repeat(bytes) }).to_string();
    let body = |text: &str| json!({ "action": "change", "body": text }).to_string();
    vec![
        ("nothing", says("")),
        ("no JSON", says("allow")),
        ("no object", says("[\"allow\"]")),
        ("no action", says("{}")),
        ("an unknown action", says(r#"{"action":"dance"}"#)),
        ("an action of another type", says(r#"{"action":true}"#)),
        ("a change to nothing", says(r#"{"action":"change"}"#)),
        (
            "a body of another type",
            says(r#"{"action":"change","body":7}"#),
        ),
        ("an empty body", says(&body(""))),
        ("a body that shows nothing", says(&body("\u{200b}"))),
        ("a long body", says(&body(&"x".repeat(10_001)))),
        ("a huge answer", says(&long(128 * 1024))),
        ("201", sends(201)),
        ("404", sends(404)),
        ("500", sends(500)),
        ("a redirect", redirect),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_verdict_counts_as_the_operator_says() {
    let (stack, receiver) = (Stack::start(Sql::Sqlite).await, Receiver::start().await);
    let elsewhere = Receiver::start().await;
    let open = receiver.api(&stack, HookFails::Open).await;
    let closed = receiver.api(&stack, HookFails::Closed).await;
    let (ann, _bob) = (open.register("ann").await, open.register("bob").await);
    let chat = group(&ann).await;
    let mut stored = Vec::new();
    for (what, judge) in no_verdicts(&elsewhere.url) {
        *receiver.judge.lock().expect("sound") = judge;
        let refused = ann.at(&closed.url).send(&chat, what).await;
        assert_eq!(
            refused.header("retry-after"),
            "2",
            "{what}: {}",
            refused.text
        );
        refused.expect_problem(503, "hook_unavailable");
        ann.send(&chat, what).await.expect(201);
        stored.push(what.to_owned());
        assert_eq!(receiver.asked().len(), 2, "{what}");
    }
    assert!(elsewhere.asked().is_empty(), "nobody is sent elsewhere");
    assert_eq!(texts(&ann, &chat).await, stored);
    // The longest body that a message may have fits into an answer, however it is escaped.
    let longest = "\u{1f30d}".repeat(10_000);
    let escaped: String = longest
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect();
    receiver.judge(move |_| {
        let answer = format!(r#"{{"action":"change","body":"{escaped}"}}"#);
        Box::pin(async move { Response::builder().body(answer) })
    });
    let sent = ann.at(&closed.url).send(&chat, "short").await.expect(201);
    assert_eq!(sent["body"], longest);
    for api in [open, closed] {
        api.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_is_slow_or_down_counts_as_the_operator_says() {
    let (stack, receiver) = (Stack::start(Sql::Sqlite).await, Receiver::start().await);
    let (quick, began) = (Duration::from_millis(200), Instant::now());
    let down = format!("http://127.0.0.1:{}/", free_port());
    receiver.judge(|_| Box::pin(std::future::pending()));
    for url in [&receiver.url, &down] {
        for fails in [HookFails::Open, HookFails::Closed] {
            let config = hooked(url, fails, quick);
            let api = stack.start_api_with(config, &stack.redis.url()).await;
            let name = format!("p{}", Uuid::now_v7().simple());
            let ann = api.register(&name[..20]).await;
            let chat = id_of(&ann.create_group("Alone", &[]).await.expect(201));
            let answer = ann.send(&chat, "hello").await;
            match fails {
                HookFails::Open => drop(answer.expect(201)),
                HookFails::Closed => drop(answer.expect_problem(503, "hook_unavailable")),
            }
            let many = usize::from(fails == HookFails::Open);
            assert_eq!(texts(&ann, &chat).await.len(), many);
            api.stop().await;
        }
    }
    assert!(began.elapsed() < 4 * LONG, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hook_that_hangs_is_asked_so_much_at_once_and_no_more() {
    let (stack, receiver) = (Stack::start(Sql::Sqlite).await, Receiver::start().await);
    let api = receiver.api(&stack, HookFails::Open).await;
    let people = [api.register("ann").await, api.register("bob").await];
    let chat = group(&people[0]).await;
    let (here, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (Arc::clone(&here), Arc::clone(&most));
    receiver.judge(move |_| {
        let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
        Box::pin(async move {
            peak.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            // So that all come who may.
            tokio::time::sleep(Duration::from_millis(1500)).await;
            now.fetch_sub(1, SeqCst);
            status(204)
        })
    });
    let sends = (0..300).map(|at| people[at % 2].send(&chat, "hello"));
    for answer in join_all(sends).await {
        answer.expect(201);
    }
    let peak = most.load(SeqCst);
    assert!((2..=256).contains(&peak), "{peak} at once");
    api.stop().await;
}

/// Makes a key of two hours ago, of which Redis may have forgotten whether it was used.
fn old_key() -> String {
    let (seconds, _) = Uuid::now_v7().get_timestamp().expect("a time").to_unix();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds - 7200, 0)).to_string()
}

on_both!(a_text_that_is_there_is_not_judged_again);
async fn a_text_that_is_there_is_not_judged_again(sql: Sql) {
    let options = Options {
        hot_messages: 2,
        ..Options::default()
    };
    let (stack, receiver) = (Stack::with(sql, options).await, Receiver::start().await);
    let api = receiver.api(&stack, HookFails::Closed).await;
    let (mut ann, mut bob) = (api.register("ann").await, api.register("bob").await);
    let chat = group(&ann).await;
    let keys = ["key-1".to_owned(), Uuid::now_v7().to_string(), old_key()];
    receiver.says(json!({ "action": "change", "body": "changed" }));
    let message = |key: &str| json!({ "body": "as written", "client_id": key });
    let mut first = Vec::new();
    for key in &keys {
        let sent = post(&ann, &chat, message(key)).await.expect(201);
        assert_eq!(sent["body"], "changed");
        first.push(sent["id"].clone());
    }
    receiver.says(json!({ "action": "refuse", "reason": "Never again." }));
    receiver.asked();
    let is_replayed = async |ann: &Client| {
        for (key, id) in keys.iter().zip(&first) {
            let again = post(ann, &chat, message(key)).await;
            assert_eq!(
                again.header("idempotency-replayed"),
                "true",
                "{}",
                again.text
            );
            let again = again.expect(200);
            assert_eq!((&again["id"], &again["body"]), (id, &json!("changed")));
        }
    };
    is_replayed(&ann).await;
    // By a socket too.
    let mut socket = Listener::socket(&ann, "", &[]).await;
    let send = json!({ "type": "send", "chat_id": chat, "message": message(&keys[0]) });
    assert_eq!(socket.ask(send).await["message"]["id"], first[0]);
    drop(socket);
    assert!(receiver.asked().is_empty(), "nothing was judged again");
    // Where only SQL has them, in a chat that is warm, and in one that is not.
    receiver.judge(|_| Box::pin(async { status(204) }));
    for _ in 0..4 {
        bob.send(&chat, "later").await.expect(201);
    }
    receiver.asked();
    let flusher = stack.start_flusher().await;
    let key = format!("chat:{{c{}}}:{chat}:messages", partition(&chat));
    let trimmed = async || stack.redis.cli(&["LLEN", &key]).await == "2";
    eventually(SOON, "the first texts have left the list", trimmed).await;
    flusher.stop().await;
    is_replayed(&ann).await;
    let mut people = [("ann", &mut ann), ("bob", &mut bob)];
    stack.all_leave_and_return(&mut people, &[&chat]).await;
    is_replayed(&ann).await;
    assert!(receiver.asked().is_empty(), "nothing was judged again");
    // A key that nobody used is judged, however old.
    receiver.says(json!({ "action": "refuse" }));
    let refused = post(&ann, &chat, message(&old_key())).await;
    refused.expect_problem(403, "message_refused");
    api.stop().await;
}

on_both!(a_text_whose_key_is_forgotten_is_not_judged_again);
async fn a_text_whose_key_is_forgotten_is_not_judged_again(sql: Sql) {
    let (stack, receiver) = (Stack::start(sql).await, Receiver::start().await);
    let api = receiver.api(&stack, HookFails::Closed).await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = group(&ann).await;
    let message = json!({ "body": "as written", "client_id": old_key() });
    receiver.says(json!({ "action": "change", "body": "changed" }));
    let first = post(&ann, &chat, message.clone()).await.expect(201);
    let flusher = stack.start_flusher().await;
    stack.saved(chat.parse().expect("an id")).await;
    flusher.stop().await;
    let key = format!("chat:{{c{}}}:{chat}:recent", partition(&chat));
    assert_eq!(stack.redis.cli(&["DEL", &key]).await, "1");
    receiver.says(json!({ "action": "refuse" }));
    receiver.asked();
    let again = post(&ann, &chat, message).await.expect(200);
    assert_eq!(
        (&again["id"], &again["body"]),
        (&first["id"], &json!("changed"))
    );
    assert!(receiver.asked().is_empty(), "it was not judged again");
    api.stop().await;
}

fn partition(chat: &str) -> model::Partition {
    chat.parse::<model::ChatId>().expect("an id").partition()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_tries_at_once_are_one_text_whatever_the_verdicts() {
    let (stack, receiver) = (Stack::start(Sql::Sqlite).await, Receiver::start().await);
    let api = receiver.api(&stack, HookFails::Closed).await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = group(&ann).await;
    for refuses in [false, true] {
        // Both are asked about before either is answered, and the second waits for the first.
        let (both, turn) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
        let stored = Arc::new(tokio::sync::Notify::new());
        let is_stored = Arc::clone(&stored);
        receiver.judge(move |_| {
            let (both, stored) = (Arc::clone(&both), Arc::clone(&stored));
            let at = turn.fetch_add(1, SeqCst);
            Box::pin(async move {
                both.wait().await;
                let verdict = match (at, refuses) {
                    (0, _) => json!({ "action": "change", "body": "first" }),
                    (_, true) => json!({ "action": "refuse" }),
                    (_, false) => json!({ "action": "change", "body": "second" }),
                };
                if at > 0 {
                    stored.notified().await;
                }
                Response::builder().body(verdict.to_string())
            })
        });
        let message = json!({ "body": "once", "client_id": format!("key-{refuses}") });
        let tries: Vec<_> = (0..2)
            .map(|_| {
                let (ann, chat, message) = (ann.clone(), chat.clone(), message.clone());
                let is_stored = Arc::clone(&is_stored);
                tokio::spawn(async move {
                    let answer = post(&ann, &chat, message).await;
                    is_stored.notify_one();
                    answer
                })
            })
            .collect();
        let mut statuses = Vec::new();
        for answer in join_all(tries).await {
            let answer = answer.expect("it ends");
            statuses.push(answer.status);
            assert_eq!(answer.json["body"], "first", "{}", answer.text);
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201]);
    }
    assert_eq!(texts(&ann, &chat).await, ["first", "first"]);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_is_set_wrongly_keeps_an_api_from_starting() {
    let stack = Stack::start(Sql::Sqlite).await;
    for (url, secret, timeout, names) in [
        ("tugboat", SECRET, "1s", "CARRIER_HOOK_URL"),
        ("ftp://127.0.0.1/", SECRET, "1s", "CARRIER_HOOK_URL"),
        (
            "http://ann:tugboat@127.0.0.1/",
            SECRET,
            "1s",
            "CARRIER_HOOK_URL",
        ),
        ("http://127.0.0.1/", "", "1s", "CARRIER_HOOK_SECRET"),
        ("http://127.0.0.1/", "tugboat", "1s", "CARRIER_HOOK_SECRET"),
        ("http://127.0.0.1/", SECRET, "0s", "CARRIER_HOOK_TIMEOUT"),
        ("http://127.0.0.1/", SECRET, "1m", "CARRIER_HOOK_TIMEOUT"),
    ] {
        let mut env = stack.env();
        for (name, value) in [("URL", url), ("SECRET", secret), ("TIMEOUT", timeout)] {
            env.push((format!("CARRIER_HOOK_{name}"), value.to_owned()));
        }
        let process = Process::new("api", &env);
        process.start();
        assert_ne!(process.wait().await, 0);
        let log = process.log();
        let line = log.lines().find(|line| line.contains(names));
        assert!(line.is_some(), "it does not name {names}: {log}");
        assert_eq!(log.trim().lines().count(), 1, "{log}");
        assert!(!log.contains("tugboat") && !log.contains(SECRET), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_of_a_hook_that_fails_and_nothing_of_a_text_or_the_secret() {
    let (stack, receiver) = (Stack::start(Sql::Sqlite).await, Receiver::start().await);
    receiver.says(json!({ "action": "sing", "body": "the verdict on marmalade" }));
    let mut env = stack.env();
    for (name, value) in [
        (
            "CARRIER_HOOK_URL",
            receiver.url.replace("judge", "judge?token=tugboat"),
        ),
        ("CARRIER_HOOK_SECRET", SECRET.to_owned()),
        ("CARRIER_HOOK_TIMEOUT", "10s".to_owned()),
        (
            "RUST_LOG",
            "info,api=debug,reqwest=trace,hyper_util=trace".to_owned(),
        ),
    ] {
        env.push((name.to_owned(), value));
    }
    let api = process("api", &env).await;
    let ann = Client::register(api.url(), "ann").await;
    let chat = id_of(&ann.create_group("Alone", &[]).await.expect(201));
    for _ in 0..3 {
        ann.send(&chat, "a word of marmalade").await.expect(201);
    }
    let log = api.log();
    let told = log.matches("the hook does not answer as it should").count();
    assert_eq!(told, 1, "once in a while: {log}");
    let secret = SECRET.trim_start_matches("whsec_");
    for hidden in ["marmalade", secret, "tugboat"] {
        assert!(!log.contains(hidden), "{hidden}: {log}");
    }
    api.stop().await;
}

/// The receiver that the README shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_judges() {
    let stack = Stack::start(Sql::Sqlite).await;
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let script = root
        .parent()
        .expect("the workspace")
        .join("examples/hook/receiver.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .env("CARRIER_HOOK_SECRET", SECRET)
        .env("PORT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node is installed: run scripts/setup --tests");
    let mut said = BufReader::new(node.stdout.take().expect("it is piped")).lines();
    let line = said.next_line().await.expect("it says where it listens");
    let line = line.expect("it goes on");
    let port = line.strip_prefix("judging at ").expect("a port");
    let url = format!("http://127.0.0.1:{port}/");
    let config = hooked(&url, HookFails::Closed, LONG);
    let api = stack.start_api_with(config, &stack.redis.url()).await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = group(&ann).await;
    ann.send(&chat, "hello").await.expect(201);
    let sent = ann
        .send(&chat, "it is 4242 4242 4242 4242")
        .await
        .expect(201);
    assert_eq!(sent["body"], "it is [card number]");
    let refused = ann.send(&chat, "BUY NOW").await;
    let problem = refused.expect_problem(403, "message_refused");
    assert_eq!(problem["detail"], "No advertising, please.");
    // Nobody else may ask it, nor the same again later.
    let other = format!("whsec_{}", BASE64_STANDARD.encode([7; 32]));
    let config = Config {
        hook_secret: Some(other.into()),
        ..hooked(&url, HookFails::Closed, LONG)
    };
    let stranger = stack.start_api_with(config, &stack.redis.url()).await;
    let refused = ann.at(&stranger.url).send(&chat, "hello").await;
    refused.expect_problem(503, "hook_unavailable");
    files::install_tls();
    let bare = reqwest::Client::new().post(&url).body("{}").send().await;
    assert_eq!(bare.expect("it answers").status(), 401);
    for api in [api, stranger] {
        api.stop().await;
    }
    node.kill().await.expect("it ends");
}
