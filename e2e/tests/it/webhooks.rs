//! Webhooks: receivers are told what is saved, at least once, and in order for each chat, whatever
//! stops.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    process::{Output, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use e2e::{
    Api, Client, Fault, Options, Proxy, Sql, Stack, eventually, free_port, on_both, process, say,
};
use futures_util::future::{BoxFuture, join_all};
use hot::Verb;
use model::{ChatId, Scope, Tick, UserId, WebhookEvent, WebhookId, WebhookRecord};
use poem::{
    EndpointExt, Request, Response, Server, endpoint::make, http::StatusCode, listener::TcpAcceptor,
};
use ring::hmac;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use store::{Auditor, NewWebhook};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
    task::JoinHandle,
};
use webhook::Reach;

const SOON: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// A request as it came to the receiver.
#[derive(Clone, Debug)]
struct Told {
    id: String,
    timestamp: String,
    signatures: String,
    body: String,
    json: Value,
    /// True when the receiver took it.
    taken: bool,
}

impl Told {
    fn kind(&self) -> &str {
        self.json["type"].as_str().expect("a type")
    }

    fn chat(&self) -> &str {
        self.json["data"]["chat_id"].as_str().expect("a chat")
    }

    fn message(&self) -> Tick {
        Tick(self.json["data"]["message"]["id"].as_i64().expect("an id"))
    }

    fn text(&self) -> &str {
        self.json["data"]["message"]["body"]
            .as_str()
            .expect("a body")
    }

    /// True when one of the signatures is of this secret.
    fn is_signed_with(&self, secret: &str) -> bool {
        let key = BASE64_STANDARD
            .decode(secret.trim_start_matches("whsec_"))
            .expect("base64");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let signed = format!("{}.{}.{}", self.id, self.timestamp, self.body);
        let mut all = self.signatures.split(' ');
        all.any(|one| {
            let bytes = BASE64_STANDARD.decode(one.strip_prefix("v1,").expect("a version"));
            hmac::verify(&key, signed.as_bytes(), &bytes.expect("base64")).is_ok()
        })
    }
}

type Answer = dyn Fn(Value) -> BoxFuture<'static, u16> + Send + Sync;

/// A receiver of a product's.
struct Receiver {
    port: u16,
    told: Arc<Mutex<Vec<Told>>>,
    answer: Arc<Mutex<Arc<Answer>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Receiver {
    async fn start() -> Self {
        let well: Arc<Answer> = Arc::new(|_| Box::pin(async { 204 }));
        let receiver = Self {
            port: free_port(),
            told: Arc::default(),
            answer: Arc::new(Mutex::new(well)),
            task: Mutex::default(),
        };
        receiver.up().await;
        receiver
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hooks", self.port)
    }

    /// Starts it, again if it was stopped.
    async fn up(&self) {
        let at = ("127.0.0.1", self.port);
        let listener = TcpListener::bind(at).await.expect("the port is free");
        let (told, answers) = (Arc::clone(&self.told), Arc::clone(&self.answer));
        let receive = make(move |mut request: Request| {
            let (told, answers) = (Arc::clone(&told), Arc::clone(&answers));
            async move {
                let body = request.take_body().into_string().await.expect("a text");
                let json: Value = serde_json::from_str(&body).expect("it is JSON");
                let header = |name| request.header(name).unwrap_or_default().to_owned();
                let mut one = Told {
                    id: header("webhook-id"),
                    timestamp: header("webhook-timestamp"),
                    signatures: header("webhook-signature"),
                    body,
                    json: json.clone(),
                    taken: false,
                };
                let answer = Arc::clone(&answers.lock().expect("sound"));
                let status = answer(json).await;
                one.taken = (200..300).contains(&status);
                told.lock().expect("sound").push(one);
                let status = StatusCode::from_u16(status).expect("a status");
                Ok::<_, poem::Error>(Response::from(status))
            }
        });
        let acceptor = TcpAcceptor::from_tokio(listener).expect("a listener");
        let task = tokio::spawn(async move {
            let served = Server::new_with_acceptor(acceptor).run(receive.boxed());
            served.await.expect("it serves");
        });
        *self.task.lock().expect("sound") = Some(task);
    }

    /// Stops it: connections are refused from now on.
    async fn down(&self) {
        let task = self.task.lock().expect("sound").take();
        let task = task.expect("it was up");
        task.abort();
        let _ = task.await;
    }

    /// Answers from now on as this says of each request.
    fn answers(&self, answer: impl Fn(Value) -> BoxFuture<'static, u16> + Send + Sync + 'static) {
        *self.answer.lock().expect("sound") = Arc::new(answer);
    }

    fn says(&self, status: u16) {
        self.answers(move |_| Box::pin(async move { status }));
    }

    /// Returns all that it took, in the order in which it came.
    fn taken(&self) -> Vec<Told> {
        let told = self.told.lock().expect("sound");
        told.iter().filter(|one| one.taken).cloned().collect()
    }

    /// Returns all that came.
    fn came(&self) -> Vec<Told> {
        self.told.lock().expect("sound").clone()
    }

    /// Waits until it has taken something, and returns that.
    async fn takes(&self, what: &str, is_it: impl Fn(&Told) -> bool) -> Told {
        eventually(SOON, what, async || self.taken().iter().any(&is_it)).await;
        let mut taken = self.taken().into_iter();
        taken.find(|one| is_it(one)).expect("it was there")
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().expect("sound").take() {
            task.abort();
        }
    }
}

/// Settings of a flusher that tells receivers on this machine, and is quick.
fn flusher(stack: &Stack) -> flusher::Config {
    flusher::Config {
        webhook_private: true,
        webhook_timeout: SECOND,
        ..stack.options.flusher()
    }
}

async fn start_flusher(stack: &Stack) -> e2e::Flusher {
    let config = flusher(stack);
    stack.start_flusher_with(config, &stack.redis.url()).await
}

fn env(stack: &Stack) -> Vec<(String, String)> {
    let mut env = stack.env();
    for (name, value) in [
        ("CARRIER_WEBHOOK_PRIVATE", "true"),
        ("CARRIER_WEBHOOK_TIMEOUT", "1s"),
    ] {
        env.push((name.to_owned(), value.to_owned()));
    }
    env
}

async fn quick(sql: Sql) -> Stack {
    let options = Options {
        lease: SECOND,
        ..Options::default()
    };
    Stack::with(sql, options).await
}

async fn subscribe(
    stack: &Stack,
    receiver: &Receiver,
    events: &[WebhookEvent],
    chats: Option<Vec<ChatId>>,
) -> (WebhookId, WebhookRecord) {
    let new = NewWebhook {
        url: receiver.url(),
        events: events.to_vec(),
        chats,
        reach: Reach::Private,
    };
    let made = stack.store.create_webhook(new).await;
    made.expect("a webhook")
}

/// Makes two people and a chat of theirs; returns the chat and the one who writes.
async fn chat(stack: &Stack, name: &str) -> (ChatId, UserId) {
    let ann = stack.person(&format!("{name}_a")).await;
    let bob = stack.person(&format!("{name}_b")).await;
    let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    (chat, ann)
}

async fn texts(stack: &Stack, chat: ChatId, who: UserId, from: usize, to: usize) -> Vec<Tick> {
    let mut ids = Vec::new();
    for at in from..to {
        let sent = say(&stack.store, chat, who, &format!("text {at}"), None).await;
        ids.push(sent.expect("sent"));
    }
    ids
}

/// Returns the messages of each chat in the order in which a receiver took them first.
fn first_taken(told: &[Told]) -> BTreeMap<String, Vec<Tick>> {
    let mut seen = BTreeSet::new();
    let mut of_chats = BTreeMap::<String, Vec<Tick>>::new();
    for one in told {
        if one.json["data"]["message"]["kind"] == "text"
            && seen.insert((one.chat().to_owned(), one.message()))
        {
            let of_chat = of_chats.entry(one.chat().to_owned()).or_default();
            of_chat.push(one.message());
        }
    }
    of_chats
}

/// Asserts that nothing is wrong with a chat, its cursors among it.
async fn verified(stack: &Stack, chat: ChatId) {
    let auditor = Auditor::new(stack.hot.clone(), stack.cold.clone());
    let findings = auditor.chat(chat).await.expect("both stores answer");
    assert_eq!(findings.faults, Vec::<String>::new());
}

on_both!(each_message_is_told_in_order_although_flushers_and_the_receiver_are_killed);
async fn each_message_is_told_in_order_although_flushers_and_the_receiver_are_killed(sql: Sql) {
    const CHATS: usize = 10;
    const TEXTS: usize = 120;
    let stack = quick(sql).await;
    let receiver = Receiver::start().await;
    let env = env(&stack);
    let flushers = [
        process("flusher", &env).await,
        process("flusher", &env).await,
    ];
    let all = WebhookEvent::ALL;
    let (_, record) = subscribe(&stack, &receiver, &all, None).await;
    let mut chats = Vec::new();
    for at in 0..CHATS {
        chats.push(chat(&stack, &format!("chat{at}")).await);
    }
    let took = |many: usize| {
        let receiver = &receiver;
        async move {
            let what = format!("{many} are taken");
            eventually(SOON, &what, async || receiver.taken().len() >= many).await;
        }
    };
    // Whatever stops comes back, while people write.
    let faults = async {
        took(50).await;
        receiver.down().await;
        flushers[0].kill9();
        flushers[0].restart().await;
        receiver.up().await;
        took(150).await;
        receiver.says(503);
        let before = receiver.came().len();
        let asked = async || receiver.came().len() > before;
        eventually(SOON, "one is refused", asked).await;
        flushers[1].kill9();
        receiver.answers(|event| {
            let is_slow = event["data"]["message"]["body"] == "text 60";
            Box::pin(async move {
                if is_slow {
                    tokio::time::sleep(Duration::from_millis(700)).await;
                }
                204
            })
        });
        flushers[1].restart().await;
        took(400).await;
        for flusher in &flushers {
            flusher.kill9();
        }
        receiver.down().await;
        for flusher in &flushers {
            flusher.restart().await;
        }
        receiver.up().await;
    };
    let writing = join_all(chats.iter().map(|(chat, ann)| {
        let stack = &stack;
        async move { (chat.to_string(), texts(stack, *chat, *ann, 0, TEXTS).await) }
    }));
    let (sent, ()) = tokio::join!(writing, faults);
    let sent: BTreeMap<String, Vec<Tick>> = sent.into_iter().collect();
    let done = async || {
        let taken = first_taken(&receiver.taken());
        let counts = taken.values().map(Vec::len);
        counts.sum::<usize>() >= CHATS * TEXTS
    };
    eventually(2 * SOON, "all are taken", done).await;
    let taken = receiver.taken();
    assert_eq!(first_taken(&taken), sent, "each, in the order of its chat");
    assert!(taken.iter().all(|one| one.is_signed_with(&record.secret)));
    // A repetition has the id of the first.
    let mut states = HashMap::new();
    for one in &taken {
        let rev = one.json["data"]["clock"].as_i64();
        let state = (one.chat().to_owned(), one.message(), rev);
        assert_eq!(states.entry(state).or_insert(one.id.clone()), &one.id);
    }
    for (chat, _) in &chats {
        stack.saved(*chat).await;
        verified(&stack, *chat).await;
    }
    for flusher in &flushers {
        assert_eq!(flusher.stop().await, 0);
    }
}

on_both!(changes_and_deletions_are_told_as_they_are_asked_for);
async fn changes_and_deletions_are_told_as_they_are_asked_for(sql: Sql) {
    let stack = quick(sql).await;
    let (all, new) = (Receiver::start().await, Receiver::start().await);
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let group = ann.create_group("Friends", &["bob"]).await.expect(201);
    let chat = group["id"].as_str().expect("an id").to_owned();
    let other = ann.create_group("Others", &["bob"]).await.expect(201);
    let of = Some(vec![chat.parse().expect("an id")]);
    subscribe(&stack, &all, &WebhookEvent::ALL, of.clone()).await;
    subscribe(&stack, &new, &[WebhookEvent::MessageCreated], of).await;
    let flusher = start_flusher(&stack).await;
    let sent = ann.send(&chat, "hello").await.expect(201);
    let told = all.takes("it is told", |one| one.text() == "hello").await;
    assert_eq!(told.kind(), "message.created");
    assert_eq!(told.json["data"]["chat_id"], json!(chat));
    // It is the same JSON as everywhere.
    let page = ann.page(&chat, "limit=1").await.expect(200);
    assert_eq!(told.json["data"]["message"], page["items"][0]);
    assert_eq!(told.json["data"]["clock"], page["items"][0]["rev"]);
    let path = format!("/v1/chats/{chat}/messages/{}", sent["id"]);
    let edited = ann.patch(&path, json!({ "body": "good day" })).await;
    edited.expect(200);
    let told = all
        .takes("it is told", |one| one.text() == "good day")
        .await;
    assert_eq!(told.kind(), "message.updated");
    let everywhere = format!("{path}?for=everyone");
    ann.delete(&everywhere).await.expect(204);
    let is_deleted = |one: &Told| one.kind() == "message.deleted";
    let told = all.takes("it is told", is_deleted).await;
    assert_eq!(json!(told.message()), sent["id"]);
    assert_eq!(told.json["data"]["message"]["deleted"], true);
    // Another chat is told to nobody, and the other receiver has new messages alone.
    let elsewhere = other["id"].as_str().expect("an id");
    ann.send(elsewhere, "elsewhere").await.expect(201);
    ann.send(&chat, "last").await.expect(201);
    for receiver in [&all, &new] {
        receiver
            .takes("the last one", |one| one.text() == "last")
            .await;
        assert!(receiver.taken().iter().all(|one| one.chat() == chat));
    }
    let kinds: BTreeSet<_> = new
        .taken()
        .iter()
        .map(|one| one.kind().to_owned())
        .collect();
    assert_eq!(kinds, BTreeSet::from(["message.created".to_owned()]));
    flusher.stop().await;
    api.stop().await;
}

on_both!(what_is_saved_late_is_told_although_the_cursor_is_past_it);
async fn what_is_saved_late_is_told_although_the_cursor_is_past_it(sql: Sql) {
    let stack = quick(sql).await;
    let receiver = Receiver::start().await;
    let only_new = [WebhookEvent::MessageCreated];
    subscribe(&stack, &receiver, &only_new, None).await;
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let group = ann.create_group("Friends", &["bob"]).await.expect(201);
    let chat = group["id"].as_str().expect("an id").to_owned();
    let flusher = start_flusher(&stack).await;
    ann.send(&chat, "first").await.expect(201);
    receiver
        .takes("it is told", |one| one.text() == "first")
        .await;
    stack.saved(chat.parse().expect("an id")).await;
    flusher.stop().await;
    // One that is edited before it is saved, while others are saved that are newer than it was.
    let late = ann.send(&chat, "late").await.expect(201);
    let path = format!("/v1/chats/{chat}/messages/{}", late["id"]);
    let edited = ann.patch(&path, json!({ "body": "late, edited" })).await;
    let rev = edited.expect(200)["rev"].as_i64().expect("a rev");
    let past = |position: i64| format!("UPDATE webhook_cursors SET position = {position}");
    let database = stack.db.get_database_backend();
    let statement = Statement::from_string(database, past(rev - 1));
    stack
        .db
        .execute_raw(statement)
        .await
        .expect("it is past it");
    let flusher = start_flusher(&stack).await;
    let told = receiver
        .takes("it is told", |one| one.text() == "late, edited")
        .await;
    assert_eq!(told.kind(), "message.created");
    // The same, of one that is as it was sent.
    stack.saved(chat.parse().expect("an id")).await;
    flusher.stop().await;
    let late = ann.send(&chat, "later").await.expect(201);
    let id = late["id"].as_i64().expect("an id");
    let statement = Statement::from_string(database, past(id + 1_000_000));
    stack
        .db
        .execute_raw(statement)
        .await
        .expect("it is past it");
    let flusher = start_flusher(&stack).await;
    receiver
        .takes("it is told", |one| one.text() == "later")
        .await;
    flusher.stop().await;
    api.stop().await;
}

on_both!(what_is_saved_late_while_others_are_told_is_not_passed_over);
async fn what_is_saved_late_while_others_are_told_is_not_passed_over(sql: Sql) {
    let stack = quick(sql).await;
    let receiver = Receiver::start().await;
    subscribe(&stack, &receiver, &WebhookEvent::ALL, None).await;
    let flusher = start_flusher(&stack).await;
    let (of_chat, ann) = chat(&stack, "friends").await;
    let first = texts(&stack, of_chat, ann, 0, 1).await[0];
    receiver
        .takes("it is told", |one| one.message() == first)
        .await;
    stack.saved(of_chat).await;
    // While the second is told, the first is noted as one that was saved just now.
    let (db, database) = (stack.db.clone(), stack.db.get_database_backend());
    receiver.answers(move |event| {
        let is_second = event["data"]["message"]["body"] == "text 1";
        let (db, text) = (
            db.clone(),
            format!("UPDATE webhook_cursors SET low = {first}"),
        );
        Box::pin(async move {
            if is_second {
                let note = Statement::from_string(database, text);
                db.execute_raw(note).await.expect("it is noted");
            }
            204
        })
    });
    texts(&stack, of_chat, ann, 1, 2).await;
    let of_first = || {
        let taken = receiver.taken().into_iter();
        let of_first = taken.filter(|one| one.message() == first);
        of_first.map(|one| one.id).collect::<Vec<_>>()
    };
    let again = async || of_first().len() > 1;
    eventually(SOON, "the first is told once more", again).await;
    receiver.says(204);
    let ids: BTreeSet<_> = of_first().into_iter().collect();
    assert_eq!(ids.len(), 1, "under the same id");
    flusher.stop().await;
}

/// A flusher that cannot look at the webhooks saves nothing that a new one is to be told of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_saved_by_webhooks_that_a_flusher_knew_too_long_ago() {
    let options = Options {
        lease: SECOND,
        ..Options::default()
    };
    let stack = Stack::with(Sql::Sqlite, options.on_one_redis()).await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let flusher = stack
        .start_flusher_with(flusher(&stack), &proxy.url())
        .await;
    let (of_chat, ann) = chat(&stack, "friends").await;
    texts(&stack, of_chat, ann, 0, 1).await;
    stack.saved(of_chat).await;
    let look = proxy.rule(stack.sha(Verb::PrivateRows), Fault::Stall);
    look.wait_fired(1).await;
    let receiver = Receiver::start().await;
    subscribe(&stack, &receiver, &WebhookEvent::ALL, None).await;
    let sent = texts(&stack, of_chat, ann, 1, 2).await;
    // As long as it would take by far to save it.
    let saved = tokio::time::timeout(2 * SECOND, stack.saved(of_chat)).await;
    assert!(saved.is_err(), "it was saved, and nobody was told");
    look.release();
    receiver
        .takes("it is told", |one| one.message() == sent[0])
        .await;
    flusher.stop().await;
}

on_both!(what_comes_after_a_webhook_was_made_is_told_by_flushers_that_were_at_work);
async fn what_comes_after_a_webhook_was_made_is_told_by_flushers_that_were_at_work(sql: Sql) {
    let stack = quick(sql).await;
    let (first, second) = (start_flusher(&stack).await, start_flusher(&stack).await);
    let (of_chat, ann) = chat(&stack, "friends").await;
    texts(&stack, of_chat, ann, 0, 5).await;
    stack.saved(of_chat).await;
    for round in 0..3 {
        let receiver = Receiver::start().await;
        let (id, record) = subscribe(&stack, &receiver, &WebhookEvent::ALL, None).await;
        let sent = texts(&stack, of_chat, ann, round * 10, round * 10 + 5).await;
        let what = format!("the last of round {round}");
        let last = sent[4];
        receiver.takes(&what, |one| one.message() == last).await;
        let told = first_taken(&receiver.taken());
        assert_eq!(told[&of_chat.to_string()], sent, "and none from before");
        assert!(sent[0] > record.from);
        // Once it is no more, nothing is told or left.
        assert!(stack.store.delete_webhook(id).await.expect("deleted"));
        let none_left = async || {
            let left = stack.cold.webhook_cursors(of_chat).await;
            left.expect("SQL answers").is_empty()
        };
        eventually(SOON, "its cursors are gone", none_left).await;
        let before = receiver.came().len();
        texts(&stack, of_chat, ann, 90, 91).await;
        stack.saved(of_chat).await;
        assert_eq!(receiver.came().len(), before);
        verified(&stack, of_chat).await;
    }
    for flusher in [first, second] {
        flusher.stop().await;
    }
}

on_both!(a_receiver_that_takes_nothing_is_parked_and_told_all_once_it_is_tried_again);
async fn a_receiver_that_takes_nothing_is_parked_and_told_all_once_it_is_tried_again(sql: Sql) {
    let stack = quick(sql).await;
    let receiver = Receiver::start().await;
    receiver.says(500);
    let (id, _) = subscribe(&stack, &receiver, &WebhookEvent::ALL, None).await;
    let config = flusher::Config {
        webhook_retry_for: Duration::from_millis(2500),
        ..flusher(&stack)
    };
    let flusher = stack
        .start_flusher_with(config.clone(), &stack.redis.url())
        .await;
    let (of_chat, ann) = chat(&stack, "friends").await;
    let mut sent = texts(&stack, of_chat, ann, 0, 10).await;
    let parked = async || {
        let parked = stack.store.parked_chats(id, ChatId::LOWEST, 10).await;
        parked.expect("SQL answers")
    };
    eventually(SOON, "it is parked", async || parked().await.len() == 1).await;
    let listed = parked().await;
    assert_eq!(listed[0].chat, of_chat);
    assert!(listed[0].told < sent[0] && listed[0].failures >= 2);
    assert!(
        listed[0].failure.contains("status 500"),
        "{}",
        listed[0].failure
    );
    // It is tried no more, also when there is more to tell, or the flusher is another.
    flusher.stop().await;
    let flusher = stack.start_flusher_with(config, &stack.redis.url()).await;
    let before = receiver.came().len();
    sent.extend(texts(&stack, of_chat, ann, 10, 15).await);
    stack.saved(of_chat).await;
    assert_eq!(parked().await.len(), 1);
    assert_eq!(receiver.came().len(), before);
    assert!(receiver.taken().is_empty());
    verified(&stack, of_chat).await;
    // An operator has it tried again: nothing is missing.
    receiver.says(204);
    let words = ["webhook", "retry", &id.to_string()];
    assert!(admin(&stack, &words).await.status.success());
    let last = sent[14];
    receiver
        .takes("the last one", |one| one.message() == last)
        .await;
    assert_eq!(first_taken(&receiver.taken())[&of_chat.to_string()], sent);
    assert!(parked().await.is_empty());
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_slow_or_away_holds_up_no_other() {
    let stack = quick(Sql::Sqlite).await;
    let (slow, well) = (Receiver::start().await, Receiver::start().await);
    let away = Receiver::start().await;
    away.down().await;
    slow.answers(|_| {
        Box::pin(async {
            std::future::pending::<()>().await;
            204
        })
    });
    for receiver in [&slow, &away, &well] {
        subscribe(&stack, receiver, &WebhookEvent::ALL, None).await;
    }
    let mut chats = Vec::new();
    for at in 0..12 {
        chats.push(chat(&stack, &format!("chat{at}")).await);
    }
    let config = flusher::Config {
        webhook_timeout: Duration::from_secs(10),
        ..flusher(&stack)
    };
    let flusher = stack.start_flusher_with(config, &stack.redis.url()).await;
    let began = Instant::now();
    for (chat, ann) in &chats {
        texts(&stack, *chat, *ann, 0, 3).await;
    }
    let many = async || {
        well.taken()
            .iter()
            .filter(|one| one.text() == "text 2")
            .count()
            == 12
    };
    eventually(SOON, "the others are told", many).await;
    assert!(began.elapsed() < Duration::from_secs(30));
    assert!(slow.taken().is_empty() && away.taken().is_empty());
    let began = Instant::now();
    flusher.stop().await;
    assert!(
        began.elapsed() < Duration::from_secs(9),
        "nobody waits for it"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_address_is_told_nothing_where_it_is_not_allowed() {
    let stack = quick(Sql::Sqlite).await;
    let receiver = Receiver::start().await;
    let (id, _) = subscribe(&stack, &receiver, &WebhookEvent::ALL, None).await;
    let config = flusher::Config {
        webhook_private: false,
        webhook_retry_for: Duration::ZERO,
        ..flusher(&stack)
    };
    let flusher = stack.start_flusher_with(config, &stack.redis.url()).await;
    // The same by a name that is looked up.
    let named = NewWebhook {
        url: format!("https://localhost:{}/", receiver.port),
        events: WebhookEvent::ALL.to_vec(),
        chats: None,
        reach: Reach::Private,
    };
    let made = stack.store.create_webhook(named).await;
    let (named, _) = made.expect("a webhook");
    let (of_chat, ann) = chat(&stack, "friends").await;
    texts(&stack, of_chat, ann, 0, 1).await;
    for (id, says) in [
        (id, "CARRIER_WEBHOOK_PRIVATE"),
        (named, "name is that of a"),
    ] {
        let parked = async || {
            let parked = stack.store.parked_chats(id, ChatId::LOWEST, 10).await;
            parked.expect("SQL answers").pop()
        };
        eventually(SOON, "it is parked", async || parked().await.is_some()).await;
        let parked = parked().await.expect("it is parked");
        assert!(parked.failure.contains(says), "{parked:?}");
    }
    assert!(receiver.came().is_empty());
    flusher.stop().await;
}

on_both!(a_chat_that_is_deleted_leaves_no_cursor);
async fn a_chat_that_is_deleted_leaves_no_cursor(sql: Sql) {
    let stack = quick(sql).await;
    let receiver = Receiver::start().await;
    subscribe(&stack, &receiver, &WebhookEvent::ALL, None).await;
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let group = ann.create_group("Friends", &["bob"]).await.expect(201);
    let chat: ChatId = group["id"].as_str().expect("an id").parse().expect("an id");
    let flusher = start_flusher(&stack).await;
    ann.send(&chat.to_string(), "hello").await.expect(201);
    receiver
        .takes("it is told", |one| one.text() == "hello")
        .await;
    assert_eq!(
        stack.cold.webhook_cursors(chat).await.expect("SQL").len(),
        1
    );
    ann.delete(&format!("/v1/chats/{chat}")).await.expect(204);
    let gone = async || {
        let left = stack.cold.webhook_cursors(chat).await;
        left.expect("SQL answers").is_empty()
    };
    eventually(SOON, "its cursors are gone", gone).await;
    verified(&stack, chat).await;
    flusher.stop().await;
    api.stop().await;
}

/// Returns an API that allows private addresses, and its backend with a key for these.
async fn product(stack: &Stack, scopes: &[Scope]) -> (Api, Client) {
    let config = api::Config {
        webhook_private: true,
        ..api::Config::default().unlimited()
    };
    let api = stack.start_api_with(config, &stack.redis.url()).await;
    let backend = with_key(stack, &api, scopes).await;
    (api, backend)
}

async fn with_key(stack: &Stack, api: &Api, scopes: &[Scope]) -> Client {
    let key = stack.store.create_key("backend", scopes).await;
    let mut client = api.client();
    client.token = Some(key.expect("a key").reveal().to_owned());
    client
}

on_both!(a_backend_makes_shows_rotates_and_deletes_webhooks);
async fn a_backend_makes_shows_rotates_and_deletes_webhooks(sql: Sql) {
    let stack = quick(sql).await;
    let receiver = Receiver::start().await;
    let (api, backend) = product(&stack, &[Scope::Webhooks]).await;
    let flusher = start_flusher(&stack).await;
    let (of_chat, ann) = chat(&stack, "friends").await;
    let new = json!({ "url": receiver.url(), "events": ["message.created"] });
    let made = backend.post("/v1/admin/webhooks", new).await.expect(201);
    let first = made["secret"].as_str().expect("a secret").to_owned();
    // What is sent once it is made is told.
    texts(&stack, of_chat, ann, 0, 1).await;
    let told = receiver
        .takes("it is told", |one| one.text() == "text 0")
        .await;
    assert!(told.is_signed_with(&first) && !told.signatures.contains(' '));
    // The secret is shown nowhere else.
    let path = format!("/v1/admin/webhooks/{}", made["id"].as_str().expect("an id"));
    let shown = backend.get(&path).await;
    assert!(!shown.text.contains("whsec_"), "{}", shown.text);
    let listed = backend.get("/v1/admin/webhooks").await.expect(200);
    assert_eq!(listed["items"], json!([shown.expect(200)]));
    // Both secrets are good while one rotates, and the one before for no longer than asked for.
    let rotate = format!("{path}/secret");
    let rotated = backend.post(&rotate, json!({})).await.expect(200);
    let second = rotated["secret"].as_str().expect("a secret").to_owned();
    assert!(second != first && rotated["old_secret_until"].is_string());
    let is_known = |one: &Told| one.signatures.contains(' ');
    let told = told_with(&stack, &receiver, (of_chat, ann), is_known).await;
    assert!(told.is_signed_with(&first) && told.is_signed_with(&second));
    let body = json!({ "keep_for": 0 });
    let rotated = backend.post(&rotate, body).await.expect(200);
    let third = rotated["secret"].as_str().expect("a secret").to_owned();
    assert!(rotated["old_secret_until"].is_null());
    let is_third = |one: &Told| one.is_signed_with(&third);
    let told = told_with(&stack, &receiver, (of_chat, ann), is_third).await;
    assert!(!told.is_signed_with(&second) && !told.is_signed_with(&first));
    let parked = backend.get(&format!("{path}/parked")).await.expect(200);
    assert_eq!(parked, json!({ "items": [] }));
    let retry = format!("{path}/retry");
    backend.post(&retry, json!(null)).await.expect(200);
    backend.delete(&path).await.expect(204);
    for refused in [
        backend.get(&path).await,
        backend.delete(&path).await,
        backend.post(&rotate, json!({})).await,
        backend.post(&retry, json!(null)).await,
        backend.get(&format!("{path}/parked")).await,
    ] {
        refused.expect_problem(404, "not_found");
    }
    flusher.stop().await;
    api.stop().await;
}

/// Sends texts until one is told like this: a flusher learns of a change within a moment.
async fn told_with(
    stack: &Stack,
    receiver: &Receiver,
    (chat, who): (ChatId, UserId),
    is_it: impl Fn(&Told) -> bool,
) -> Told {
    eventually(SOON, "it is told with the new secret", async || {
        texts(stack, chat, who, 7, 8).await;
        receiver.taken().iter().any(&is_it)
    })
    .await;
    receiver.takes("it is there", is_it).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_webhook_is_said_with_what_would_be_right() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await; // it allows no private address
    let backend = with_key(&stack, &api, &[Scope::Webhooks]).await;
    let make = async |url: &str, events: Value| {
        let new = json!({ "url": url, "events": events });
        backend.post("/v1/admin/webhooks", new).await
    };
    let good = json!(["message.created"]);
    for (url, right) in [
        ("https://127.0.0.1/", "address of the Internet"),
        ("https://[::ffff:10.0.0.1]/", "address of the Internet"),
        ("https://169.254.169.254/", "CARRIER_WEBHOOK_PRIVATE"),
        ("http://example.org/", "https://"),
        ("https://ann:tugboat@example.org/", "must not have"),
        ("example.org", "https://example.org/hooks"),
    ] {
        let refused = make(url, good.clone()).await;
        let problem = refused.expect_problem(422, "webhook_address");
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.contains(right), "{detail}");
    }
    for events in [json!([]), json!(["message.read"])] {
        let refused = make("https://example.org/", events).await;
        let problem = refused.expect_problem(422, "webhook_events");
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.contains("`message.updated`"), "{detail}");
    }
    let chats: Vec<_> = (0..101).map(|_| ChatId::new().to_string()).collect();
    for chats in [json!([]), json!(chats)] {
        let new = json!({ "url": "https://example.org/", "events": good, "chats": chats });
        let refused = backend.post("/v1/admin/webhooks", new).await;
        refused.expect_problem(422, "invalid");
    }
    // A key for other things, a session, nobody.
    let other = with_key(&stack, &api, &[Scope::Users, Scope::Messages]).await;
    let refused = other.get("/v1/admin/webhooks").await;
    let problem = refused.expect_problem(403, "scope_missing");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("--scope webhooks"), "{detail}");
    let ann = api.register("ann").await;
    for client in [ann, api.client()] {
        let refused = client.get("/v1/admin/webhooks").await;
        refused.expect_problem(401, "unauthorized");
    }
    let refused = backend.get("/v1/admin/users/42").await;
    refused.expect_problem(403, "scope_missing");
    // As many of all chats as there may be.
    let all = (0..10).map(|_| make("https://example.org/", good.clone()));
    let all: Vec<_> = all.collect();
    for made in join_all(all).await {
        made.expect(201);
    }
    let refused = make("https://example.org/", good).await;
    refused.expect_problem(409, "too_many_webhooks");
    api.stop().await;
}

/// Runs `carrier admin` on the stores of a stack.
async fn admin(stack: &Stack, words: &[&str]) -> Output {
    let mut command = Command::new(e2e::program());
    command
        .arg("admin")
        .args(words)
        .envs(env(stack))
        .kill_on_drop(true);
    command.output().await.expect("it runs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_makes_lists_rotates_and_revokes_webhooks_on_the_command_line() {
    let stack = Stack::start(Sql::Sqlite).await;
    let said = async |words: &[&str]| {
        let output = admin(&stack, words).await;
        let text = String::from_utf8(output.stdout).expect("a text");
        let error = String::from_utf8(output.stderr).expect("a text");
        (output.status.success(), text, error)
    };
    let chat = ChatId::new().to_string();
    let create = |url| {
        [
            "webhook",
            "create",
            "--url",
            url,
            "--event",
            "message.created,message.deleted",
            "--chat",
            &chat,
        ]
    };
    let (is_made, made, error) = said(&create("http://127.0.0.1:9000/")).await;
    assert!(is_made, "{error}");
    let (id, secret) = made.trim().split_once("  ").expect("an id and a secret");
    assert!(secret.starts_with("whsec_"), "{made}");
    let (_, listed, _) = said(&["webhook", "list"]).await;
    assert!(listed.starts_with(id) && listed.contains("message.created,message.deleted"));
    assert!(
        listed.contains("1 chats") && !listed.contains("whsec_"),
        "{listed}"
    );
    let (_, rotated, _) = said(&["webhook", "rotate", id]).await;
    assert!(rotated.starts_with("whsec_") && rotated.trim() != secret);
    let (is_well, parked, _) = said(&["webhook", "parked", id]).await;
    assert!(is_well && parked.is_empty(), "{parked}");
    assert!(said(&["webhook", "revoke", id]).await.0);
    let (is_there, _, error) = said(&["webhook", "revoke", id]).await;
    assert!(
        !is_there && error.contains("carrier admin webhook list"),
        "{error}"
    );
    for (url, right) in [
        ("ftp://example.org/", "https://example.org/hooks"),
        ("http://a:b@127.0.0.1/", "must not have a user"),
    ] {
        let (is_made, _, error) = said(&create(url)).await;
        assert!(!is_made && error.contains(right), "{error}");
    }
}

/// Starts an example with Node.js, and returns it with the port that it says.
async fn example(script: &str, env: &[(&str, &str)]) -> (Child, String) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = root.parent().expect("the workspace");
    let mut node = Command::new("node")
        .arg(root.join("examples").join(script))
        .env("PORT", "0")
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node is installed: run scripts/setup --tests");
    let mut said = BufReader::new(node.stdout.take().expect("it is piped")).lines();
    let line = said.next_line().await.expect("it says where it listens");
    let line = line.expect("it goes on");
    let (_, port) = line.rsplit_once(' ').expect("a port");
    // What it says later is not held up.
    tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
    (node, port.to_owned())
}

/// The receiver that the README shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_takes_what_is_signed_and_refuses_all_else() {
    let stack = quick(Sql::Sqlite).await;
    // The secret is known once there is a webhook, whose address does not change.
    let port = free_port().to_string();
    let url = format!("http://127.0.0.1:{port}/");
    let new = NewWebhook {
        url: url.clone(),
        events: WebhookEvent::ALL.to_vec(),
        chats: None,
        reach: Reach::Private,
    };
    let made = stack.store.create_webhook(new).await;
    let (id, record) = made.expect("a webhook");
    let secret = [
        ("CARRIER_WEBHOOK_SECRET", record.secret.as_str()),
        ("PORT", &port),
    ];
    let (mut node, _) = example("webhook/receiver.mjs", &secret).await;
    let flusher = start_flusher(&stack).await;
    let (of_chat, ann) = chat(&stack, "friends").await;
    let sent = texts(&stack, of_chat, ann, 0, 3).await;
    let took_all = async || {
        let cursors = stack.cold.webhook_cursors(of_chat).await;
        let cursors = cursors.expect("SQL answers");
        cursors.iter().any(|row| row.position >= sent[2].0)
    };
    eventually(SOON, "it takes them", took_all).await;
    let bare = reqwest::Client::new().post(&url).body("{}").send().await;
    assert_eq!(bare.expect("it answers").status(), 401);
    // With another secret it takes nothing.
    let rotated = stack.store.rotate_webhook(id, Duration::ZERO).await;
    rotated.expect("Redis answers").expect("it is there");
    let refused = async || {
        texts(&stack, of_chat, ann, 3, 4).await;
        let cursors = stack.cold.webhook_cursors(of_chat).await;
        let cursors = cursors.expect("SQL answers");
        cursors.iter().any(|row| row.failure.contains("status 401"))
    };
    eventually(SOON, "it refuses", refused).await;
    flusher.stop().await;
    node.kill().await.expect("it ends");
}

/// The backend that the README shows: it makes a user, and gets them a token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_of_a_backend_gives_its_users_tokens() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let key = stack.store.create_key("backend", &[Scope::Users]).await;
    let key = key.expect("a key");
    let settings = [
        ("CARRIER_URL", api.url.as_str()),
        ("CARRIER_KEY", key.reveal()),
    ];
    let (mut node, port) = example("tokens/server.mjs", &settings).await;
    let url = format!("http://127.0.0.1:{port}/chat-token");
    let client = reqwest::Client::new();
    let ask = |cookie: &'static str| {
        let request = client.post(&url).header("cookie", cookie);
        async { request.send().await.expect("it answers") }
    };
    assert_eq!(ask("session=nobodys").await.status(), 401);
    let answer = ask("session=anns").await;
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.expect("it is JSON");
    let mut ann = api.client();
    ann.token = answer["token"].as_str().map(str::to_owned);
    let me = ann.get("/v1/users/me").await.expect(200);
    assert_eq!(
        (&me["external_id"], &me["display_name"]),
        (&json!("42"), &json!("Ann"))
    );
    node.kill().await.expect("it ends");
    api.stop().await;
}
