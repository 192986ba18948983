//! Pinned messages: who pins them, who sees them, wherever they are.

use std::time::Duration;

use e2e::{
    Api, Client, Fault, Ledger, Listener, Options, Proxy, Sql, Stack, eventually, on_both, say,
};
use hot::Verb;
use model::{ChatId, ServerEvent, Tick};
use serde_json::{Value, json};
use store::{Error, Membership};

use crate::stops::{group, insist, stack};

/// A group of Ann, who owns it, Bob, who is an admin, and Cleo.
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
        let role = format!("/v1/chats/{chat}/members/{}", bob.id);
        let promoted = ann.patch(&role, json!({ "role": "admin" })).await;
        promoted.expect(200);
        Self {
            ann,
            bob,
            cleo,
            chat,
        }
    }

    fn path(&self) -> String {
        format!("/v1/chats/{}/pins", self.chat)
    }

    async fn say(&self, body: &str) -> i64 {
        let sent = self.ann.send(&self.chat, body).await.expect(201);
        sent["id"].as_i64().expect("an id")
    }

    async fn pin(&self, who: &Client, id: i64) -> e2e::Answer {
        who.put(&format!("{}/{id}", self.path()), Value::Null).await
    }

    async fn unpin(&self, who: &Client, id: i64) -> e2e::Answer {
        who.delete(&format!("{}/{id}", self.path())).await
    }

    /// Returns the pins that one sees, and asserts that the chat names the same.
    async fn pins(&self, who: &Client) -> Vec<i64> {
        let listed = who.get(&self.path()).await.expect(200);
        assert!(listed.get("next").is_none(), "{listed}");
        let view = who.chat(&self.chat).await.expect(200);
        let ids = ids(&listed["items"]);
        assert_eq!(json!(ids), view["pinned_ids"]);
        ids
    }

    /// Counts the system messages about pins.
    async fn told(&self) -> usize {
        let all = self.cleo.history(&self.chat, 100, true).await;
        let is_told = |message: &&Value| message["system"]["event"] == "message_pinned";
        all.iter().filter(is_told).count()
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

fn ids(items: &Value) -> Vec<i64> {
    let items = items.as_array().expect("items").iter();
    items
        .map(|item| item["id"].as_i64().expect("an id"))
        .collect()
}

on_both!(messages_are_pinned_hot_cold_and_on_the_seam);
async fn messages_are_pinned_hot_cold_and_on_the_seam(sql: Sql) {
    let options = Options {
        hot_messages: 5,
        ..Options::default()
    };
    let stack = Stack::with(sql, options).await;
    let api = stack.start_api().await;
    let mut crew = Crew::new(&api).await;
    let (first, second) = (crew.say("first").await, crew.say("second").await);
    crew.pin(&crew.ann, first).await.expect(204);
    for _ in 0..2 {
        crew.pin(&crew.bob, second).await.expect(204);
    }
    crew.pin(&crew.ann, first).await.expect(204); // it stays where it is
    assert_eq!(crew.pins(&crew.cleo).await, [second, first]);
    assert_eq!(crew.told().await, 2);
    let history = crew.cleo.history(&crew.chat, 50, true).await;
    let told = &history.last().expect("messages")["system"];
    let expected =
        json!({ "event": "message_pinned", "actor_id": crew.bob.id, "message_id": second });
    assert_eq!(told, &expected);

    // Whoever may not: they learn so even of what is pinned already.
    for id in [first, second] {
        let refused = crew.pin(&crew.cleo, id).await;
        refused.expect_problem(403, "role_too_low");
        let refused = crew.unpin(&crew.cleo, id).await;
        refused.expect_problem(403, "role_too_low");
    }
    let system = history.last().expect("messages")["id"].as_i64();
    let system = system.expect("an id");
    for strange in [1, 7, i64::MAX, -1] {
        let refused = crew.pin(&crew.ann, strange).await;
        refused.expect_problem(404, "not_found");
        crew.unpin(&crew.ann, strange).await.expect(204);
    }
    let refused = crew.pin(&crew.ann, system).await;
    refused.expect_problem(403, "role_too_low");

    crew.leave_and_return(&stack).await;
    for at in 0..8 {
        crew.say(&format!("later {at}")).await;
    }
    let newest = crew.say("newest").await;
    crew.pin(&crew.ann, newest).await.expect(204);
    let chat: ChatId = crew.chat.parse().expect("an id");
    let flusher = stack.start_flusher().await;
    stack.saved(chat).await;
    let list = format!("chat:{{c{}}}:{chat}:messages", chat.partition());
    eventually(
        Duration::from_secs(30),
        "older ones have left",
        async || stack.redis.cli(&["LLEN", &list]).await.trim() == "5",
    )
    .await;
    flusher.stop().await;
    // The newest is in Redis, the others are in SQL alone.
    assert_eq!(crew.pins(&crew.cleo).await, [newest, second, first]);
    let refused = crew.pin(&crew.ann, system).await;
    refused.expect_problem(403, "role_too_low");
    let thumb = format!("/v1/chats/{chat}/messages/{first}/reactions/👍");
    crew.cleo.put(&thumb, Value::Null).await.expect(204);
    for _ in 0..2 {
        let listed = crew.cleo.get(&crew.path()).await.expect(200);
        assert_eq!(listed["items"][2]["body"], "first");
        assert_eq!(listed["items"][2]["reactions"][0]["count"], 1);
        assert_eq!(listed["my_reactions"], json!({ first.to_string(): ["👍"] }));
        crew.leave_and_return(&stack).await;
    }

    // A chat that is cold: what is there is unpinned, and pinned again, at the front.
    crew.unpin(&crew.bob, first).await.expect(204);
    assert_eq!(crew.pins(&crew.ann).await, [newest, second]);
    crew.leave_and_return(&stack).await;
    assert_eq!(crew.pins(&crew.ann).await, [newest, second]);
    crew.pin(&crew.bob, first).await.expect(204);
    assert_eq!(crew.pins(&crew.ann).await, [first, newest, second]);
    crew.leave_and_return(&stack).await;
    assert_eq!(crew.pins(&crew.ann).await, [first, newest, second]);
    assert_eq!(crew.told().await, 4);

    // What a member has deleted for themselves is not theirs to see or to pin.
    let message = |id: i64| format!("/v1/chats/{chat}/messages/{id}");
    let hide = format!("{}?for=me", message(newest));
    crew.bob.delete(&hide).await.expect(204);
    assert_eq!(crew.pins(&crew.bob).await, [first, second]);
    assert_eq!(crew.pins(&crew.cleo).await, [first, newest, second]);
    crew.unpin(&crew.bob, newest).await.expect(204);
    let refused = crew.pin(&crew.bob, newest).await;
    refused.expect_problem(404, "not_found");
    let clear = format!("/v1/chats/{chat}/messages?before={newest}");
    crew.bob.delete(&clear).await.expect(204);
    assert_eq!(crew.pins(&crew.bob).await, [0i64; 0]);
    assert_eq!(crew.pins(&crew.cleo).await, [first, second]);

    // What is deleted for everyone is pinned no more, of what is cold, too.
    let gone = format!("{}?for=everyone", message(second));
    crew.ann.delete(&gone).await.expect(204);
    for _ in 0..2 {
        assert_eq!(crew.pins(&crew.cleo).await, [first]);
        let refused = crew.pin(&crew.ann, second).await;
        refused.expect_problem(404, "not_found");
        crew.leave_and_return(&stack).await;
    }
    let path = format!("/v1/chats/{chat}");
    crew.ann.delete(&path).await.expect(204);
    let refused = crew.cleo.get(&crew.path()).await;
    refused.expect_problem(404, "not_found");
    api.stop().await;
}

on_both!(a_chat_has_so_many_pins_and_long_ones_come_in_pages);
async fn a_chat_has_so_many_pins_and_long_ones_come_in_pages(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let mut crew = Crew::new(&api).await;
    let mut sent = Vec::new();
    for at in 0..60 {
        // 60 KB of JSON each.
        let body = format!("{at:04}{}", "\u{1}".repeat(9_996));
        sent.push(crew.say(&body).await);
    }
    // Of sixty at once, fifty are.
    let pins = sent.iter().map(|id| crew.pin(&crew.ann, *id));
    let answers = futures_util::future::join_all(pins).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    let of = |status: u16| statuses.iter().filter(|one| **one == status).count();
    assert_eq!((of(204), of(409)), (50, 10), "{statuses:?}");
    let refused = answers.into_iter().find(|answer| answer.status == 409);
    let refused = refused.expect("one of them");
    refused.expect_problem(409, "too_many_pins");
    for _ in 0..2 {
        let view = crew.cleo.chat(&crew.chat).await.expect(200);
        let pinned = view["pinned_ids"].as_array().expect("ids").clone();
        assert_eq!(pinned.len(), 50);
        let (mut found, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = crew.cleo.get(&format!("{}{after}", crew.path())).await;
            assert!(page.text.len() < 700_000, "{} bytes", page.text.len());
            let page = page.expect(200);
            found.extend(ids(&page["items"]));
            pages += 1;
            let Some(next) = page["next"].as_i64() else {
                break;
            };
            after = format!("?after={next}");
        }
        assert_eq!(json!(found), json!(pinned));
        assert!(pages > 4, "{pages}");
        crew.leave_and_return(&stack).await;
    }
    for bad in ["0", "-1", "x"] {
        let refused = crew.cleo.get(&format!("{}?after={bad}", crew.path())).await;
        refused.expect_problem(400, "malformed");
    }
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_of_a_direct_chat_pin_and_the_other_sees_it_at_once() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201)["id"].clone();
    let chat = chat.as_str().expect("an id");
    let id = ann.send(chat, "hello").await.expect(201)["id"].clone();
    let path = format!("/v1/chats/{chat}/pins/{id}");
    let mut socket = Listener::socket(&ann, "", &[]).await;
    bob.put(&path, Value::Null).await.expect(204);
    let is_pinned = |event: &Value| event["chat"]["pinned_ids"] == json!([id]);
    let seen = socket.until("chat.updated", is_pinned).await;
    let told = |event: &&Value| event["message"]["system"]["event"] == "message_pinned";
    for event in seen.iter().filter(told) {
        serde_json::from_value::<ServerEvent>(event.clone()).expect("an event of the document");
    }
    ann.delete(&path).await.expect(204);
    let is_free = |event: &Value| event["chat"]["pinned_ids"] == json!([]);
    socket.until("chat.updated", is_free).await;
    bob.put(&path, Value::Null).await.expect(204);

    // Who is blocked tells the other nothing by a pin.
    let block = format!("/v1/users/me/blocks/{}", bob.id);
    ann.put(&block, Value::Null).await.expect(204);
    bob.delete(&path).await.expect(204);
    let refused = bob.put(&path, Value::Null).await;
    refused.expect_problem(403, "not_accepted");
    ann.put(&path, Value::Null).await.expect(204);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_deleted_at_the_same_time_stays_pinned() {
    let stack = Stack::start(Sql::Sqlite).await;
    let ann = stack.person("ann").await;
    let chat = ChatId::new();
    let created = stack.store.create_group(chat, ann, "Friends", &[]).await;
    created.expect("created");
    let own = Membership { chat, user: ann };
    for _ in 0..50 {
        let id = say(&stack.store, chat, ann, "text", None).await;
        let id = id.expect("sent");
        let (pinned, deleted) = futures_util::future::join(
            stack.store.pin(own, id, true),
            stack.store.delete_for_everyone(own, id),
        )
        .await;
        deleted.expect("deleted");
        assert!(
            matches!(pinned, Ok(()) | Err(Error::NoMessage)),
            "{pinned:?}"
        );
    }
    let view = stack.store.view(own).await.expect("she sees it");
    assert_eq!(view.pinned_ids, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_deleted_and_left_redis_meanwhile_is_not_pinned() {
    let options = Options {
        hot_messages: 5,
        ..Options::default()
    };
    let stack = Stack::with(Sql::Sqlite, options.on_one_redis()).await;
    let ann = stack.person("ann").await;
    let chat = ChatId::new();
    let created = stack.store.create_group(chat, ann, "Friends", &[]).await;
    created.expect("created");
    let id = say(&stack.store, chat, ann, "first", None).await;
    let id = id.expect("sent");
    Ledger::new(chat, ann).talk(&stack, 12).await; // past what stays hot
    let save = async || {
        let flusher = stack.start_flusher().await;
        stack.saved(chat).await;
        let key = format!("chat:{{c{}}}:{chat}:changed", chat.partition());
        eventually(Duration::from_secs(30), "it left Redis", async || {
            stack.redis.keys(&key).await.is_empty()
        })
        .await;
        flusher.stop().await;
    };
    save().await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let store = stack.open_store(&proxy.url()).await;
    let second = proxy.rule_for(stack.sha(Verb::PinMessage), Fault::Stall, 1, 1);
    let own = Membership { chat, user: ann };
    let sleeping = tokio::spawn(async move { store.pin(own, id, true).await });
    second.wait_fired(1).await;
    let deleted = stack.store.delete_for_everyone(own, id).await;
    deleted.expect("deleted");
    save().await;
    second.release();
    let pinned = sleeping.await.expect("no panic");
    assert!(matches!(pinned, Err(Error::NoMessage)), "{pinned:?}");
    let view = stack.store.view(own).await.expect("she sees it");
    assert_eq!(view.pinned_ids, []);
}

on_both!(a_pin_is_written_whole_and_told_once);
async fn a_pin_is_written_whole_and_told_once(sql: Sql) {
    let stack = stack(sql).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let flusher = stack.start_flusher().await;
    let (mut pinned, mut unpinned, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
    let made = async |_| group(&stack, ann, &[bob]).await;
    let own = |ledger: &Ledger| Membership {
        chat: ledger.chat,
        user: ann,
    };
    let first = |ledger: &Ledger| ledger.sent[0].0;
    let pin = async |ledger: &Ledger, on: bool| {
        insist(async || stack.store.pin(own(ledger), first(ledger), on).await).await;
    };
    let acts = async |ledger: Ledger| {
        pin(&ledger, true).await;
        pinned.push(ledger);
    };
    stack.at_each_step(Verb::PinMessage, made, acts).await;
    let pinned_before = async |_| {
        let ledger = group(&stack, ann, &[bob]).await;
        pin(&ledger, true).await;
        stack.saved(ledger.chat).await; // or what comes next is saved with what was before
        ledger
    };
    let acts = async |ledger: Ledger| {
        pin(&ledger, false).await;
        unpinned.push(ledger);
    };
    stack
        .at_each_step(Verb::PinMessage, pinned_before, acts)
        .await;
    let acts = async |ledger: Ledger| {
        let (own, id) = (own(&ledger), first(&ledger));
        insist(async || stack.store.delete_for_everyone(own, id).await).await;
        // Where it was stopped late, what follows is done by the next that changes the chat.
        let said = say(&stack.store, ledger.chat, ann, "on", None).await;
        said.expect("sent");
        deleted.push(ledger);
    };
    stack.at_each_step(Verb::Replace, pinned_before, acts).await;

    for (ledgers, has_pin) in [(&pinned, true), (&unpinned, false), (&deleted, false)] {
        for ledger in ledgers {
            let expected = if has_pin { vec![first(ledger)] } else { vec![] };
            let seen = async || {
                let view = stack.store.view(own(ledger)).await;
                let page = stack.store.pins(own(ledger), Tick::NEVER).await;
                let page = page.expect("she sees them");
                assert_eq!(page.items.len(), expected.len());
                view.expect("she sees it").pinned_ids
            };
            assert_eq!(seen().await, expected);
            if has_pin {
                let all = e2e::history(&stack.store, ledger.chat, ann, true).await;
                let told = all.iter().filter(|json| json.contains("message_pinned"));
                assert_eq!(told.count(), 1);
            }
            let left = stack.hot.expire_early(ledger.chat).await;
            left.expect("Redis answers");
            stack.evicted(ledger.chat).await;
            let cold = stack.cold.chat(ledger.chat).await.expect("SQL answers");
            let cold: Vec<Tick> = cold.expect("a chat").chat.pins.iter().collect();
            assert_eq!(cold, expected);
            assert_eq!(seen().await, expected);
        }
    }
    flusher.stop().await;
}
