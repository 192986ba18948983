//! Messages that mention all: for whom they are a mention, who may send them, and what they cost.

use e2e::{Api, Client, Listener, Sql, Stack, on_both, say};
use model::{ChatId, Draft, MessageKind, Tick, UserId};
use serde_json::{Value, json};
use store::Membership;

/// A group of Ann, who owns it, Bob and Cleo.
struct Crew {
    ann: Client,
    bob: Client,
    cleo: Client,
    chat: String,
}

impl Crew {
    async fn new(api: &Api) -> Self {
        let ann = api.register("ann").await;
        let (bob, cleo) = (api.register("bob").await, api.register("cleo").await);
        let group = ann.create_group("Crew", &["bob", "cleo"]).await.expect(201);
        let chat = group["id"].as_str().expect("an id").to_owned();
        Self {
            ann,
            bob,
            cleo,
            chat,
        }
    }

    fn path(&self) -> String {
        format!("/v1/chats/{}/messages", self.chat)
    }

    fn path_of(&self, id: i64) -> String {
        format!("{}/{id}", self.path())
    }

    /// Sends a message, and returns its id.
    async fn say(&self, message: Value) -> i64 {
        let sent = self.ann.post(&self.path(), message).await.expect(201);
        sent["id"].as_i64().expect("an id")
    }

    async fn edit(&self, id: i64, change: Value) -> Value {
        self.ann.patch(&self.path_of(id), change).await.expect(200)
    }

    async fn mentions_of(&self, who: &Client) -> i64 {
        let view = who.chat(&self.chat).await.expect(200);
        view["unread_mentions"].as_i64().expect("a number")
    }

    /// Counts the unread mentions of Ann, of Bob and of Cleo.
    async fn mentions(&self) -> [i64; 3] {
        let [ann, bob, cleo] = [&self.ann, &self.bob, &self.cleo].map(|one| self.mentions_of(one));
        [ann.await, bob.await, cleo.await]
    }

    async fn leave_and_return(&mut self, stack: &Stack) {
        let people = &mut [
            ("ann", &mut self.ann),
            ("bob", &mut self.bob),
            ("cleo", &mut self.cleo),
        ];
        stack.all_leave_and_return(people, &[&self.chat]).await;
    }
}

fn to_all(body: &str) -> Value {
    json!({ "body": body, "mentions_all": true })
}

on_both!(a_message_to_all_is_a_mention_for_each_who_has_not_read_it);
async fn a_message_to_all_is_a_mention_for_each_who_has_not_read_it(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let mut crew = Crew::new(&api).await;
    let first = crew.say(to_all("@all come")).await;
    let mut names_bob = to_all("@bob, @all");
    names_bob["mentions"] = json!([crew.bob.id]);
    let second = crew.say(names_bob).await;
    crew.say(json!({ "body": "@all, which is a text alone" }))
        .await;
    crew.say(json!({ "body": r#"not one: "mentions_all":true"# }))
        .await;
    for _ in 0..2 {
        assert_eq!(crew.mentions().await, [0, 2, 2], "each once, and not mine");
        let message = crew.bob.get(&crew.path_of(first)).await.expect(200);
        assert_eq!(message["mentions_all"], true);
        crew.leave_and_return(&stack).await;
    }
    let hidden = format!("{}?for=me", crew.path_of(first));
    crew.bob.delete(&hidden).await.expect(204);
    assert_eq!(crew.mentions().await, [0, 1, 2]);

    // Who comes later, and who comes back, has read all of before.
    let dan = api.register("dan").await;
    crew.ann.add_member(&crew.chat, &dan.id).await.expect(201);
    let cleo = crew.cleo.id.clone();
    let left = crew.cleo.remove_member(&crew.chat, &cleo).await;
    left.expect(204);
    crew.ann.add_member(&crew.chat, &cleo).await.expect(201);
    assert_eq!(crew.mentions().await, [0, 1, 0]);
    assert_eq!(crew.mentions_of(&dan).await, 0);

    // It follows the edits, of what is cold too.
    crew.leave_and_return(&stack).await;
    let edited = crew.edit(second, json!({ "mentions_all": false })).await;
    assert_eq!(edited["mentions_all"], Value::Null);
    assert_eq!(crew.mentions().await, [0, 1, 0], "by name still");
    crew.edit(second, json!({ "mentions": [] })).await;
    assert_eq!(crew.mentions().await, [0, 0, 0]);
    for _ in 0..2 {
        let edited = crew.edit(second, json!({ "mentions_all": true })).await;
        assert_eq!(edited["mentions_all"], true);
        assert_eq!(crew.mentions().await, [0, 1, 0]);
    }
    crew.leave_and_return(&stack).await;
    assert_eq!(crew.mentions().await, [0, 1, 0], "saved");
    crew.edit(second, json!({ "subject": "x" })).await;
    assert_eq!(crew.mentions().await, [0, 1, 0]);
    crew.bob.read(&crew.chat, second).await.expect(204);
    for all in [false, true] {
        crew.edit(second, json!({ "mentions_all": all })).await;
        assert_eq!(crew.mentions().await, [0, 0, 0], "whoever has read it");
    }

    // A client that says nothing of it: as the body says.
    let third = crew.say(json!({ "body": "come" })).await;
    let edited = crew.edit(third, json!({ "body": "Come, @All!" })).await;
    assert_eq!(edited["mentions_all"], true);
    assert_eq!(crew.mentions().await, [0, 1, 1]);
    let edited = crew.edit(third, json!({ "body": "come" })).await;
    assert_eq!(edited["mentions_all"], Value::Null);
    assert_eq!(crew.mentions().await, [0, 0, 0]);
    let null = json!({ "mentions_all": null });
    let refused = crew.ann.patch(&crew.path_of(third), null).await;
    refused.expect_problem(422, "invalid");

    // A mention goes with its text.
    let fourth = crew.say(to_all("go")).await;
    assert_eq!(crew.mentions().await, [0, 1, 1]);
    let gone = format!("{}?for=everyone", crew.path_of(fourth));
    crew.ann.delete(&gone).await.expect(204);
    assert_eq!(crew.mentions().await, [0, 0, 0]);
    let message = crew.bob.get(&crew.path_of(fourth)).await.expect(200);
    assert_eq!(message["mentions_all"], Value::Null);

    for at in 0..52 {
        crew.say(to_all(&at.to_string())).await;
    }
    for _ in 0..2 {
        assert_eq!(crew.mentions().await, [0, 50, 50], "50 are 50 or more");
        crew.leave_and_return(&stack).await;
    }
    let sent = crew.cleo.send(&crew.chat, "I have seen it").await;
    sent.expect(201);
    assert_eq!(crew.mentions().await, [0, 50, 0]);
    api.stop().await;
}

fn key(chat: &str) -> String {
    let id: ChatId = chat.parse().expect("an id");
    format!("chat:{{c{}}}:{chat}", id.partition())
}

/// Makes members of so many people who do nothing, each as this one.
async fn fill(stack: &Stack, chat: &str, like: &str, count: usize) {
    let more = "
        local record = redis.call('HGET', KEYS[1], ARGV[1])
        for at = 1, tonumber(ARGV[2]) do
            local name = string.format('00000000-0000-7000-8000-%012d', at)
            redis.call('HSET', KEYS[1], name, record)
        end";
    let members = format!("{}:members", key(chat));
    let count = count.to_string();
    let eval = ["EVAL", more, "1", &members, like, &count];
    stack.redis.cli(&eval).await;
}

const NOT_ALLOWED: &str = "mentions_all_not_allowed";

#[tokio::test(flavor = "multi_thread")]
async fn in_a_large_group_only_who_manages_it_mentions_all() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let crew = Crew::new(&api).await;
    let (dan, path) = (api.register("dan").await, crew.path());
    let admin = json!({ "role": "admin" });
    let member = format!("/v1/chats/{}/members/{}", crew.chat, crew.bob.id);
    crew.ann.patch(&member, admin).await.expect(200);
    fill(&stack, &crew.chat, &crew.cleo.id, 29).await;

    // 32 are not too many for anybody.
    let mut message = to_all("@all, one");
    message["client_id"] = json!("k");
    let sent = crew.cleo.post(&path, message.clone()).await.expect(201);
    crew.ann.add_member(&crew.chat, &dan.id).await.expect(201);
    let again = crew.cleo.post(&path, message).await.expect(200);
    assert_eq!(again["id"], sent["id"], "it was sent when she might");
    let size = crew.ann.chat(&crew.chat).await.expect(200)["member_count"].clone();
    assert_eq!(size, 33);

    let before = crew.ann.history(&crew.chat, 50, false).await.len();
    let refused = crew.cleo.post(&path, to_all("two")).await;
    let problem = refused.expect_problem(403, NOT_ALLOWED);
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("more than 32 members"), "{detail}");
    let mut socket = Listener::socket(&crew.cleo, "", &[]).await;
    let send = json!({ "type": "send", "chat_id": crew.chat, "message": to_all("two") });
    let error = socket.ask(send).await;
    assert_eq!(error["problem"]["status"], 403, "{error}");
    assert_eq!(error["problem"]["code"], NOT_ALLOWED, "{error}");
    let plain = crew.cleo.send(&crew.chat, "two").await.expect(201);
    let edit = crew.path_of(plain["id"].as_i64().expect("an id"));
    let comes = json!({ "mentions_all": true });
    let refused = crew.cleo.patch(&edit, comes).await;
    refused.expect_problem(403, NOT_ALLOWED);
    let edited = crew.cleo.patch(&edit, json!({ "body": "@all" })).await;
    assert_eq!(edited.expect(200)["mentions_all"], Value::Null, "a text");
    let after = crew.ann.history(&crew.chat, 50, false).await.len();
    assert_eq!(after, before + 1);
    assert_eq!(crew.mentions().await, [1, 1, 0]);

    // What was allowed stays as it is.
    let first = crew.path_of(sent["id"].as_i64().expect("an id"));
    for change in [
        json!({ "body": "@all, 1" }),
        json!({ "mentions_all": true }),
    ] {
        let edited = crew.cleo.patch(&first, change).await.expect(200);
        assert_eq!(edited["mentions_all"], true);
    }

    for who in [&crew.ann, &crew.bob] {
        who.post(&path, to_all("three")).await.expect(201);
    }
    let is_three = |event: &Value| event["message"]["body"] == "three";
    let told = socket.until("message.created", is_three).await;
    let told = told.last().expect("it came");
    assert_eq!(told["message"]["mentions_all"], true, "{told}");
    let left = crew.ann.remove_member(&crew.chat, &dan.id).await;
    left.expect(204);
    crew.cleo.post(&path, to_all("four")).await.expect(201);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_direct_chat_there_is_nobody_else_to_mention() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let direct = ann.create_direct("bob").await.expect(201)["id"].clone();
    let direct = direct.as_str().expect("an id");
    let path = format!("/v1/chats/{direct}/messages");
    let refused = ann.post(&path, to_all("@all")).await;
    let problem = refused.expect_problem(403, NOT_ALLOWED);
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.starts_with("In a direct chat"), "{detail}");
    let sent = ann.send(direct, "all").await.expect(201);
    let edit = format!("{path}/{}", sent["id"]);
    let refused = ann.patch(&edit, json!({ "mentions_all": true })).await;
    refused.expect_problem(403, NOT_ALLOWED);
    let edited = ann
        .patch(&edit, json!({ "body": "@all" }))
        .await
        .expect(200);
    assert_eq!(edited["mentions_all"], Value::Null);
    let seen = bob.chat(direct).await.expect(200);
    assert_eq!(
        (&seen["unread_count"], &seen["unread_mentions"]),
        (&json!(1), &json!(0))
    );
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_all_writes_nothing_for_a_member() {
    let stack = Stack::start(Sql::Sqlite).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, store) = (ChatId::new(), &stack.store);
    let created = store.create_group(chat, ann, "Crowd", &[bob]).await;
    created.expect("created");
    fill(&stack, &chat.to_string(), &bob.to_string(), 900).await;
    let id = say_to_all(&stack, chat, ann).await.to_string();
    let dirty = format!("{}:dirty", key(&chat.to_string()));
    let marks = stack.redis.cli(&["ZRANGEBYSCORE", &dirty, &id, &id]).await;
    let mut marks: Vec<_> = marks.split_whitespace().collect();
    marks.sort_unstable();
    let (message, sender) = (format!("message:{id}"), format!("member:{ann}"));
    assert_eq!(marks, ["chat", &sender, &message]);
    let seen = store.view(Membership { chat, user: bob }).await;
    assert_eq!(seen.expect("seen").unread_mentions, 1);
}

async fn say_to_all(stack: &Stack, chat: ChatId, user: UserId) -> Tick {
    let draft = Draft {
        mentions_all: true,
        ..Draft::new(chat, user, MessageKind::Text, "@all")
    };
    let sent = stack.store.send(draft).await.expect("sent");
    let sent: model::Message = serde_json::from_str(&sent.json).expect("a message");
    sent.id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_a_process_loaded_which_knows_nothing_of_it_goes_on() {
    let stack = Stack::start(Sql::Sqlite).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, store) = (ChatId::new(), &stack.store);
    let created = store.create_group(chat, ann, "Crew", &[bob]).await;
    created.expect("created");
    say(store, chat, ann, "hello", None).await.expect("sent");
    let (row, his) = (key(&chat.to_string()), Membership { chat, user: bob });
    for _ in 0..2 {
        assert_eq!(store.view(his).await.expect("seen").unread_mentions, 0);
        let removed = stack.redis.cli(&["HDEL", &row, "mentions_all"]).await;
        assert_eq!(removed, "1");
        assert_eq!(store.view(his).await.expect("seen").unread_mentions, 0);
        stack.leave(chat).await;
    }
    assert_eq!(store.view(his).await.expect("seen").unread_mentions, 0);
    stack.redis.cli(&["HDEL", &row, "mentions_all"]).await;
    say_to_all(&stack, chat, ann).await;
    for _ in 0..2 {
        assert_eq!(store.view(his).await.expect("seen").unread_mentions, 1);
        stack.leave(chat).await;
    }
}
