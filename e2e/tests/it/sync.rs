//! Sync: a member who was away gets every change, hot and cold, of any age.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use e2e::{Client, Sql, Stack, on_both, say};
use model::{ServerEvent, Tick};
use reqwest::Method;
use serde_json::{Value, json};
use store::{Membership, MessageEdit, SyncCursor};

/// A client that knows only what sync tells.
struct Mirror {
    cursor: String,
    me: Value,
    people: BTreeMap<String, Value>,
    chats: BTreeMap<String, Value>,
    messages: BTreeMap<(String, i64), Value>,
    members: BTreeMap<(String, String), Value>,
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

/// Takes out how far a chat is saved, which is of the moment.
fn lasting(mut chat: Value) -> Value {
    chat.as_object_mut().expect("a chat").remove("saved");
    chat
}

impl Mirror {
    /// Knows nothing, and takes the present cursor less the age of the universe.
    async fn new() -> Self {
        let (people, chats, messages, members) = Default::default();
        Self {
            cursor: URL_SAFE_NO_PAD.encode("0"),
            me: Value::Null,
            people,
            chats,
            messages,
            members,
        }
    }

    /// Catches up; how many answers it took.
    async fn catch_up(&mut self, who: &Client) -> usize {
        // Nothing is under way, so it need not be told again what happened in the minute before.
        let now = URL_SAFE_NO_PAD
            .decode(text(&who.get("/v1/sync").await.expect(200)["cursor"]))
            .expect("a cursor");
        let now: i64 = String::from_utf8(now)
            .expect("text")
            .parse()
            .expect("a tick");
        let now = URL_SAFE_NO_PAD.encode((now + 60_000_000).to_string());
        for rounds in 1.. {
            let told = who
                .get(&format!("/v1/sync?since={}", self.cursor))
                .await
                .expect(200);
            for event in told["changes"].as_array().expect("changes") {
                self.apply(event);
            }
            for (chat, clock) in told["clocks"].as_object().expect("clocks") {
                assert!(
                    self.chats[chat]["clock"].as_i64() >= clock.as_i64(),
                    "what is told to its end is told with it"
                );
            }
            self.cursor = text(&told["cursor"]);
            if told["more"] == false {
                self.cursor = now;
                return rounds;
            }
        }
        unreachable!("it ends")
    }

    fn apply(&mut self, event: &Value) {
        let chat = event["chat_id"].as_str().unwrap_or_default().to_owned();
        match event["type"].as_str().expect("a type") {
            "message.created" | "message.updated" => {
                let key = (chat, event["message"]["id"].as_i64().expect("an id"));
                let known = self
                    .messages
                    .get(&key)
                    .map_or(0, |known| known["rev"].as_i64().expect("a rev"));
                if event["message"]["rev"].as_i64().expect("a rev") >= known {
                    self.messages.insert(key, event["message"].clone());
                }
            }
            "message.removed" => {
                let ids: Vec<i64> = event["message_ids"]
                    .as_array()
                    .expect("ids")
                    .iter()
                    .map(|id| id.as_i64().expect("an id"))
                    .collect();
                let up_to = event["up_to"].as_i64().unwrap_or(0);
                self.messages
                    .retain(|(of, id), _| *of != chat || *id > up_to && !ids.contains(id));
            }
            "chat.created" | "chat.updated" => {
                drop(self.chats.insert(chat, lasting(event["chat"].clone())))
            }
            "chat.removed" => {
                self.chats.remove(&chat);
                self.messages.retain(|(of, _), _| *of != chat);
                self.members.retain(|(of, _), _| *of != chat);
            }
            "member.updated" => {
                let key = (chat, text(&event["user_id"]));
                match event.get("member") {
                    Some(member) => drop(self.members.insert(key, member.clone())),
                    None => drop(self.members.remove(&key)),
                }
            }
            "me.updated" => self.me = event["account"].clone(),
            "user.updated" => {
                let user = &event["user"];
                for chat in self
                    .chats
                    .values_mut()
                    .filter(|chat| chat["peer"]["id"] == user["id"])
                {
                    chat["peer"] = user.clone();
                }
                self.people.insert(text(&user["id"]), user.clone());
            }
            other => panic!("what is {other}?"),
        }
    }

    /// Asserts that it is as a member sees it who never left.
    async fn is_as_seen_by(&self, who: &Client, when: &str) {
        assert_eq!(self.me, who.get("/v1/users/me").await.expect(200), "{when}");
        let chats: BTreeMap<_, _> = who
            .chats()
            .await
            .into_iter()
            .map(|chat| (text(&chat["id"]), lasting(chat)))
            .collect();
        assert_eq!(self.chats, chats, "{when}");
        for (id, user) in &self.people {
            let mut profile = who.get(&format!("/v1/users/{id}")).await.expect(200);
            // Who is online is of the moment: it is no change that a later sync could tell of.
            for of_the_moment in ["online", "last_seen_at"] {
                profile
                    .as_object_mut()
                    .expect("a profile")
                    .remove(of_the_moment);
            }
            assert_eq!(*user, profile, "{when}");
        }
        let (mut messages, mut members) = (BTreeMap::new(), BTreeMap::new());
        for chat in chats.keys() {
            for message in who.history(chat, 200, true).await {
                messages.insert(
                    (chat.clone(), message["id"].as_i64().expect("an id")),
                    message,
                );
            }
            for member in who.members(chat).await.expect(200)["items"]
                .as_array()
                .expect("items")
            {
                members.insert((chat.clone(), text(&member["user_id"])), member.clone());
            }
        }
        assert_eq!(self.messages, messages, "{when}");
        assert_eq!(self.members, members, "{when}");
    }
}

on_both!(a_member_who_was_away_gets_every_kind_of_change);
async fn a_member_who_was_away_gets_every_kind_of_change(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob, carl) = (
        api.register("ann").await,
        api.register("bob").await,
        api.register("carl").await,
    );
    let group = text(&ann.create_group("Friends", &["bob"]).await.expect(201)["id"]);
    let direct = text(&ann.create_direct("bob").await.expect(201)["id"]);
    let (path, theirs) = (format!("/v1/chats/{group}"), format!("/v1/chats/{direct}"));
    let mut ids = Vec::new();
    for at in 0..80 {
        ids.push(
            ann.send(&group, &at.to_string()).await.expect(201)["id"]
                .as_i64()
                .expect("an id"),
        );
        bob.send(&direct, &at.to_string()).await.expect(201);
    }
    let mut mirror = Mirror::new().await;
    mirror.catch_up(&bob).await;
    mirror.is_as_seen_by(&bob, "at first").await;
    let none = bob.get("/v1/sync").await.expect(200);
    assert_eq!(
        (&none["changes"], &none["more"]),
        (&json!([]), &json!(false))
    );

    let change = |who: &Client, method: Method, path: String, body: Value| {
        let who = who.clone();
        async move {
            let body = (!body.is_null()).then_some(body);
            let answer = who.request(method.clone(), &path, body.as_ref()).await;
            assert!(
                (200..300).contains(&answer.status),
                "{method} {path}: {}",
                answer.text
            );
        }
    };
    for round in 0..3_usize {
        let cold = round == 1;
        if cold {
            stack
                .all_leave_and_return(
                    &mut [("ann", &mut ann), ("bob", &mut bob)],
                    &[&group, &direct],
                )
                .await;
        }
        let old = |at: usize| format!("{path}/messages/{}", ids[round * 20 + at]);
        let changes: Vec<(&str, &Client, Method, String, Value)> = vec![
            (
                "an old message is edited",
                &ann,
                Method::PATCH,
                old(0),
                json!({ "body": "edited" }),
            ),
            (
                "one is deleted",
                &ann,
                Method::DELETE,
                format!("{}?for=everyone", old(1)),
                Value::Null,
            ),
            (
                "one is reacted to",
                &ann,
                Method::PUT,
                format!("{}/reactions/👍", old(2)),
                Value::Null,
            ),
            (
                "one is deleted for me",
                &bob,
                Method::DELETE,
                format!("{}?for=me", old(3)),
                Value::Null,
            ),
            (
                "a chat is cleared",
                &bob,
                Method::DELETE,
                format!("{theirs}/messages?before={}", ids[round * 20 + 5]),
                Value::Null,
            ),
            (
                "a message is sent",
                &ann,
                Method::POST,
                format!("{path}/messages"),
                json!({ "body": "new", "mentions": [bob.id] }),
            ),
            (
                "a member reads on",
                &ann,
                Method::PUT,
                format!("{theirs}/receipts"),
                json!({ "read": ids[round * 20] }),
            ),
            (
                "I read on",
                &bob,
                Method::PUT,
                format!("{path}/receipts"),
                json!({ "read": ids[round * 20] }),
            ),
            (
                "a group is renamed",
                &ann,
                Method::PATCH,
                path.clone(),
                json!({ "name": format!("Friends {round}") }),
            ),
            (
                "a member is added",
                &ann,
                Method::PUT,
                format!("{path}/members/{}", carl.id),
                Value::Null,
            ),
            (
                "a role changes",
                &ann,
                Method::PATCH,
                format!("{path}/members/{}", carl.id),
                json!({ "role": "admin" }),
            ),
            (
                "a member leaves",
                &carl,
                Method::DELETE,
                format!("{path}/members/{}", carl.id),
                Value::Null,
            ),
            (
                "a preference changes",
                &bob,
                Method::PATCH,
                format!("{path}/preferences"),
                json!({ "archived": round % 2 == 0 }),
            ),
            (
                "I am renamed",
                &bob,
                Method::PATCH,
                "/v1/users/me".into(),
                json!({ "display_name": format!("Bob {round}") }),
            ),
            (
                "another member is renamed",
                &ann,
                Method::PATCH,
                "/v1/users/me".into(),
                json!({ "display_name": format!("Ann {round}") }),
            ),
            (
                "a chat is new",
                &ann,
                Method::POST,
                "/v1/chats".into(),
                json!({ "kind": "group", "name": "New", "members": ["bob"] }),
            ),
        ];
        for (what, who, method, path, body) in changes {
            change(who, method, path, body).await;
            if !cold {
                mirror.catch_up(&bob).await;
                mirror
                    .is_as_seen_by(&bob, &format!("{what}, round {round}"))
                    .await;
            }
        }
        if cold {
            // All of it at once, and none of it is in Redis any more.
            let all: Vec<String> = bob
                .chats()
                .await
                .iter()
                .map(|chat| text(&chat["id"]))
                .collect();
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            stack
                .all_leave_and_return(&mut [("ann", &mut ann), ("bob", &mut bob)], &all)
                .await;
            mirror.catch_up(&bob).await;
            mirror.is_as_seen_by(&bob, "from SQL").await;
        }
    }
    let eve = api.register("eve").await;
    eve.patch("/v1/users/me", json!({ "bio": "a stranger" }))
        .await
        .expect(200);
    ann.remove_member(&group, &bob.id).await.expect(204);
    mirror.catch_up(&bob).await;
    let people: Vec<&str> = mirror.people.keys().map(String::as_str).collect();
    assert!(
        people.contains(&&*ann.id) && !people.contains(&&*eve.id) && !people.contains(&&*bob.id),
        "{people:?}"
    );
    mirror.is_as_seen_by(&bob, "removed").await;
    assert!(!mirror.chats.contains_key(&group));

    for query in [
        format!("since={}&chat_id={group}", mirror.cursor),
        format!("chat_id={group}"),
    ] {
        bob.get(&format!("/v1/sync?{query}"))
            .await
            .expect_problem(404, "not_found");
    }
    bob.get("/v1/sync?since=x")
        .await
        .expect_problem(400, "malformed");
    api.client()
        .get("/v1/sync")
        .await
        .expect_problem(401, "unauthorized");
    api.stop().await;
}

on_both!(a_long_absence_is_told_in_many_answers);
async fn a_long_absence_is_told_in_many_answers(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob) = (api.register("ann").await, api.register("bob").await);
    let mut chats = Vec::new();
    for name in ["one", "two", "three"] {
        chats.push(text(
            &ann.create_group(name, &["bob"]).await.expect(201)["id"],
        ));
    }
    for at in 0..1300 {
        ann.send(
            &chats[usize::from(at % 50 == 0) + usize::from(at % 200 == 0)],
            &at.to_string(),
        )
        .await
        .expect(201);
    }
    let first = ann.history(&chats[0], 50, true).await[0]["id"]
        .as_i64()
        .expect("an id");
    let all: Vec<&str> = chats.iter().map(String::as_str).collect();
    stack
        .all_leave_and_return(&mut [("ann", &mut ann), ("bob", &mut bob)], &all)
        .await;
    // One is told last although it is the oldest.
    ann.patch(
        &format!("/v1/chats/{}/messages/{first}", chats[0]),
        json!({ "body": "edited" }),
    )
    .await
    .expect(200);
    let mut mirror = Mirror::new().await;
    let rounds = mirror.catch_up(&bob).await;
    assert!((3..=5).contains(&rounds), "{rounds}");
    mirror.is_as_seen_by(&bob, "all of it").await;
    let told = bob
        .get(&format!(
            "/v1/sync?since={}&chat_id={}",
            Mirror::new().await.cursor,
            chats[2]
        ))
        .await
        .expect(200);
    assert!(
        told["changes"]
            .as_array()
            .expect("changes")
            .iter()
            .all(|event| event["chat_id"] == chats[2].as_str())
    );
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_in_a_chat_that_has_left_is_told_of() {
    let stack = Stack::start(Sql::Sqlite).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (store, own) = (&stack.store, |chat, user| Membership { chat, user });
    let (chat, _) = store.open_direct(ann, bob).await.expect("opened");
    let id = say(store, chat, ann, "one", None).await.expect("sent");
    let told_since = async |since| {
        stack.leave(chat).await;
        let cursor = SyncCursor {
            since,
            resume: None,
        };
        let page = store.sync(ann, cursor, Some(chat)).await;
        page.expect("changes").changes
    };
    // The one changes the row of the chat alone, the other that of a member.
    let since = stack.hot.now().await.expect("Redis answers");
    let edit = MessageEdit {
        body: Some("two".into()),
        ..MessageEdit::default()
    };
    store.edit(own(chat, ann), id, &edit).await.expect("edited");
    let is_it = |change: &ServerEvent| match change {
        ServerEvent::MessageUpdated(event) => event.message.id == id,
        _ => false,
    };
    let told = told_since(since).await;
    assert!(told.iter().any(is_it), "{told:?}");
    let since = stack.hot.now().await.expect("Redis answers");
    let read = store.mark(own(chat, bob), id, Tick::NEVER).await;
    read.expect("marked");
    let is_it = |change: &ServerEvent| match change {
        ServerEvent::MemberUpdated(event) => event.user_id == bob,
        _ => false,
    };
    let told = told_since(since).await;
    assert!(told.iter().any(is_it), "{told:?}");
}
