//! Reactions and mentions: hot, saved and cold.

use e2e::{Client, Fault, Ledger, Options, Proxy, Sql, Stack, eventually, on_both, say};
use hot::Verb;
use model::{ChatId, Reactors, StoredMessage, Tick, UserId};
use serde_json::{Value, json};
use store::Membership;

struct Group {
    ann: Client,
    bob: Client,
    carl: Client,
    chat: String,
}

impl Group {
    async fn new(api: &e2e::Api) -> Self {
        let (ann, bob, carl) = (
            api.register("ann").await,
            api.register("bob").await,
            api.register("carl").await,
        );
        let chat = ann
            .create_group("Friends", &["bob", "carl"])
            .await
            .expect(201)["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        Self {
            ann,
            bob,
            carl,
            chat,
        }
    }

    async fn leave_and_return(&mut self, stack: &Stack) {
        let people = &mut [
            ("ann", &mut self.ann),
            ("bob", &mut self.bob),
            ("carl", &mut self.carl),
        ];
        stack.all_leave_and_return(people, &[&self.chat]).await;
    }

    fn path(&self, message: i64, rest: &str) -> String {
        format!("/v1/chats/{}/messages/{message}{rest}", self.chat)
    }

    async fn react(&self, who: &Client, message: i64, emoji: &str) {
        who.put(
            &self.path(message, &format!("/reactions/{emoji}")),
            Value::Null,
        )
        .await
        .expect(204);
    }

    async fn mention(&self, body: &str, whom: &[&Client]) -> i64 {
        let ids: Vec<_> = whom.iter().map(|client| client.id.as_str()).collect();
        let path = format!("/v1/chats/{}/messages", self.chat);
        self.ann
            .post(&path, json!({ "body": body, "mentions": ids }))
            .await
            .expect(201)["id"]
            .as_i64()
            .expect("an id")
    }

    async fn mentions_of(&self, who: &Client) -> i64 {
        who.chat(&self.chat).await.expect(200)["unread_mentions"]
            .as_i64()
            .expect("a number")
    }
}

on_both!(a_message_is_reacted_to_hot_and_cold);
async fn a_message_is_reacted_to_hot_and_cold(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let mut group = Group::new(&api).await;
    let id = group.ann.send(&group.chat, "hello").await.expect(201)["id"]
        .as_i64()
        .expect("an id");
    for at in 0..60 {
        group
            .ann
            .send(&group.chat, &at.to_string())
            .await
            .expect(201); // so that it is older than what stays hot
    }
    let before = group.bob.chat(&group.chat).await.expect(200);
    group.react(&group.bob, id, "👍").await;
    group.react(&group.bob, id, "👍").await; // again is no error
    group.react(&group.carl, id, "👍").await;
    group.react(&group.carl, id, "❤").await;
    let expected = json!([
        { "emoji": "👍", "count": 2, "user_ids": [group.bob.id, group.carl.id] },
        { "emoji": "❤️", "count": 1, "user_ids": [group.carl.id] },
    ]);
    let first_page = format!("around={id}&limit=2");
    for _ in 0..3 {
        let message = group.ann.get(&group.path(id, "")).await.expect(200);
        assert_eq!(message["reactions"], expected);
        assert!(message.get("edited_at").is_none(), "{message}");
        for (who, mine) in [
            (&group.ann, json!(null)),
            (&group.bob, json!(["👍"])),
            (&group.carl, json!(["👍", "❤️"])),
        ] {
            let page = who.page(&group.chat, &first_page).await.expect(200);
            assert_eq!(page["items"][0], message);
            assert_eq!(page["my_reactions"][id.to_string()], mine);
        }
        let view = group.bob.chat(&group.chat).await.expect(200);
        assert_eq!(
            view["unread_count"], before["unread_count"],
            "a reaction is not unread"
        );
        let all = group
            .ann
            .get(&group.path(id, "/reactions"))
            .await
            .expect(200);
        assert_eq!(
            all["items"][2],
            json!({ "emoji": "❤️", "user_id": group.carl.id })
        );
        group.leave_and_return(&stack).await;
    }
    // Of what is cold.
    group
        .carl
        .delete(&group.path(id, "/reactions/❤️"))
        .await
        .expect(204);
    group
        .carl
        .delete(&group.path(id, "/reactions/❤️"))
        .await
        .expect(204);
    group.react(&group.ann, id, "👍").await;
    let edited = group
        .ann
        .patch(&group.path(id, ""), json!({ "body": "hello again" }))
        .await
        .expect(200);
    let reactions = json!([{
        "emoji": "👍", "count": 3, "user_ids": [group.bob.id, group.carl.id, group.ann.id],
    }]);
    assert_eq!(edited["reactions"], reactions, "an edit keeps them");
    group.react(&group.bob, id, "🎉").await;
    group
        .bob
        .delete(&group.path(id, "/reactions/🎉"))
        .await
        .expect(204);
    for _ in 0..2 {
        let message = group.bob.get(&group.path(id, "")).await.expect(200);
        assert_eq!(
            (&message["reactions"], &message["edited_at"]),
            (&reactions, &edited["edited_at"])
        );
        group.leave_and_return(&stack).await;
    }

    let page = group
        .ann
        .get(&group.path(id, "/reactions?limit=2&emoji=👍"))
        .await
        .expect(200);
    let next = page["next"].as_str().expect("more follow");
    let rest = group
        .ann
        .get(&group.path(id, &format!("/reactions?limit=2&emoji=👍&cursor={next}")))
        .await
        .expect(200);
    assert_eq!(
        (
            page["items"].as_array().map(Vec::len),
            rest["items"].as_array().map(Vec::len),
            rest.get("next")
        ),
        (Some(2), Some(1), None)
    );
    group
        .ann
        .put(&group.path(id, "/reactions/yes"), Value::Null)
        .await
        .expect_problem(422, "invalid");
    group
        .ann
        .put(&group.path(5, "/reactions/👍"), Value::Null)
        .await
        .expect_problem(404, "not_found");
    let eve = api.register("eve").await;
    eve.put(&group.path(id, "/reactions/👍"), Value::Null)
        .await
        .expect_problem(404, "not_found");

    let kinds: Vec<_> = emojis().collect();
    for emoji in &kinds[..19] {
        group.react(&group.bob, id, emoji).await;
    }
    group
        .bob
        .put(
            &group.path(id, &format!("/reactions/{}", kinds[19])),
            Value::Null,
        )
        .await
        .expect_problem(409, "too_many_reactions");
    group.react(&group.carl, id, kinds[0]).await;
    group
        .ann
        .delete(&group.path(id, "?for=everyone"))
        .await
        .expect(204);
    group
        .bob
        .put(&group.path(id, "/reactions/👍"), Value::Null)
        .await
        .expect_problem(404, "not_found");
    assert!(
        group
            .bob
            .get(&group.path(id, ""))
            .await
            .expect(200)
            .get("reactions")
            .is_none()
    );
    api.stop().await;
}

fn emojis() -> impl Iterator<Item = &'static str> {
    "🐶 🐱 🐭 🐹 🐰 🦊 🐻 🐼 🐨 🐯 🦁 🐮 🐷 🐸 🐵 🐔 🐧 🐦 🐤 🦆".split(' ')
}

on_both!(many_react_at_once_and_none_is_lost);
async fn many_react_at_once_and_none_is_lost(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let ann = api.register("ann").await;
    let names: Vec<String> = (0..30).map(|at| format!("fan{at}")).collect();
    let fans = futures_util::future::join_all(names.iter().map(|name| api.register(name))).await;
    let chat = ann
        .create_group(
            "Fans",
            &names.iter().map(String::as_str).collect::<Vec<_>>(),
        )
        .await
        .expect(201);
    let chat = chat["id"].as_str().expect("an id");
    let id = ann.send(chat, "hello").await.expect(201)["id"]
        .as_i64()
        .expect("an id");
    let path = format!("/v1/chats/{chat}/messages/{id}");
    futures_util::future::join_all(fans.iter().map(async |fan| {
        fan.put(&format!("{path}/reactions/👍"), Value::Null)
            .await
            .expect(204)
    }))
    .await;
    let message = ann.get(&path).await.expect(200);
    assert_eq!(message["reactions"][0]["count"], 30);
    assert_eq!(
        message["reactions"][0]["user_ids"].as_array().map(Vec::len),
        Some(20),
        "the message names the first 20"
    );
    let all = ann
        .get(&format!("{path}/reactions?limit=100"))
        .await
        .expect(200);
    assert_eq!(all["items"].as_array().map(Vec::len), Some(30));
    assert_eq!(
        fans[29].page(chat, "").await.expect(200)["my_reactions"][id.to_string()],
        json!(["👍"])
    );
    api.stop().await;
}

on_both!(unread_mentions_are_counted_exactly);
async fn unread_mentions_are_counted_exactly(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let mut group = Group::new(&api).await;
    let mut ids = Vec::new();
    for at in 0..4 {
        ids.push(
            group
                .mention(&at.to_string(), &[&group.bob, &group.ann])
                .await,
        );
        group
            .ann
            .send(&group.chat, r#"not one: ,"mentions":["#)
            .await
            .expect(201);
    }
    for _ in 0..2 {
        assert_eq!(
            (
                group.mentions_of(&group.bob).await,
                group.mentions_of(&group.carl).await
            ),
            (4, 0)
        );
        assert_eq!(
            group.mentions_of(&group.ann).await,
            0,
            "one's own do not count"
        );
        group.leave_and_return(&stack).await;
    }
    group.bob.read(&group.chat, ids[0]).await.expect(204);
    assert_eq!(group.mentions_of(&group.bob).await, 3);
    group.leave_and_return(&stack).await;
    group
        .ann
        .delete(&group.path(ids[2], "?for=everyone"))
        .await
        .expect(204); // of what is cold
    assert_eq!(group.mentions_of(&group.bob).await, 2);
    group
        .bob
        .delete(&group.path(ids[1], "?for=me"))
        .await
        .expect(204);
    for _ in 0..2 {
        assert_eq!(group.mentions_of(&group.bob).await, 1);
        group.leave_and_return(&stack).await;
    }
    group.bob.read(&group.chat, ids[3]).await.expect(204);
    assert_eq!(group.mentions_of(&group.bob).await, 0);
    for at in 0..52 {
        group
            .mention(&at.to_string(), &[&group.bob, &group.carl])
            .await;
    }
    assert_eq!(
        (
            group.mentions_of(&group.bob).await,
            group.mentions_of(&group.carl).await
        ),
        (50, 50)
    );
    group
        .carl
        .send(&group.chat, "I have seen it")
        .await
        .expect(201);
    for _ in 0..2 {
        assert_eq!(
            (
                group.mentions_of(&group.bob).await,
                group.mentions_of(&group.carl).await
            ),
            (50, 0)
        );
        group.leave_and_return(&stack).await;
    }
    api.stop().await;
}

/// Who reacts to a message that only SQL has brings it back as SQL had it: a reaction that came and
/// was saved meanwhile must be noticed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reacts_to_what_left_redis_meanwhile_takes_no_reaction_back() {
    let options = Options {
        hot_messages: 5,
        ..Options::default()
    };
    let stack = Stack::with(Sql::Sqlite, options.on_one_redis()).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let chat = ChatId::new();
    let created = stack.store.create_group(chat, ann, "Friends", &[bob]).await;
    created.expect("created");
    let id = say(&stack.store, chat, ann, "first", None)
        .await
        .expect("sent");
    Ledger::new(chat, ann).talk(&stack, 12).await; // past what stays hot
    let save = async || {
        let flusher = stack.start_flusher().await;
        stack.saved(chat).await;
        let key = format!("chat:{{c{}}}:{chat}:changed", chat.partition());
        eventually(
            std::time::Duration::from_secs(30),
            "it left Redis",
            async || stack.redis.keys(&key).await.is_empty(),
        )
        .await;
        flusher.stop().await;
    };
    save().await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let store = stack.open_store(&proxy.url()).await;
    let second = proxy.rule_for(stack.sha(Verb::React), Fault::Stall, 1, 1);
    let his = Membership { chat, user: bob };
    let sleeping = tokio::spawn(async move { store.react(his, id, "👍", true).await });
    second.wait_fired(1).await;
    let own = Membership { chat, user: ann };
    stack
        .store
        .react(own, id, "👍", true)
        .await
        .expect("reacted");
    save().await;
    second.release();
    sleeping.await.expect("no panic").expect("reacted");
    let message = stack.store.message(own, id).await.expect("it is there");
    assert_eq!(message.reactions.expect("reactions")[0].count, 2);
}

on_both!(what_the_first_release_wrote_of_many_is_read_and_goes_on);
async fn what_the_first_release_wrote_of_many_is_read_and_goes_on(sql: Sql) {
    let stack = Stack::with(sql, Options::default().on_one_redis()).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let chat = ChatId::new();
    let created = stack.store.create_group(chat, ann, "Friends", &[bob]).await;
    created.expect("created");
    let id = say(&stack.store, chat, ann, "popular", None)
        .await
        .expect("sent");
    // All who reacted, bob among the last, are on a second line of the record.
    let list = format!("chat:{{c{}}}:{chat}:messages", chat.partition());
    let record = stack.redis.cli(&["LINDEX", &list, "-1"]).await;
    let mut users: Vec<UserId> = (0..29).map(|_| UserId::new()).collect();
    users.push(bob);
    let reactors = |emoji: &str, users: &[UserId]| Reactors {
        emoji: emoji.into(),
        users: users.to_vec(),
    };
    let all = vec![reactors("👍", &users), reactors("🎉", &users[..3])];
    let message = StoredMessage::read(record.trim_end()).expect("a record");
    let stored = StoredMessage::new(message.message, all.clone());
    let old = serde_json::to_string(&all).expect("words and ids");
    let old = format!("{}\n{old}", stored.message.json());
    stack.redis.cli(&["LSET", &list, "-1", &old]).await;

    let (own, his) = (
        Membership { chat, user: ann },
        Membership { chat, user: bob },
    );
    let counts = async || {
        let all = stack.store.reactors(own, id).await.expect("asked");
        all.iter().map(|one| one.users.len()).collect::<Vec<_>>()
    };
    let mine = async || {
        let page = stack.store.page(his, Tick::NEVER, Tick::NEVER, 5).await;
        page.expect("read").my_reactions
    };
    assert_eq!(counts().await, [30, 3]);
    assert_eq!(mine().await, [(id, vec!["👍".to_owned()])]);
    stack.store.react(his, id, "👍", true).await.expect("again");
    assert_eq!(counts().await, [30, 3], "he is one of them");
    stack
        .store
        .react(own, id, "👍", true)
        .await
        .expect("reacted");
    assert_eq!(counts().await, [31, 3]);
    stack.leave(chat).await;
    assert_eq!(counts().await, [31, 3], "loaded again");
    assert_eq!(mine().await, [(id, vec!["👍".to_owned()])]);
    stack
        .store
        .react(his, id, "👍", false)
        .await
        .expect("taken back");
    assert_eq!(counts().await, [30, 3]);
    assert_eq!(mine().await, []);
    let edit = store::MessageEdit {
        body: Some("still popular".into()),
        ..store::MessageEdit::default()
    };
    stack.store.edit(own, id, &edit).await.expect("edited");
    assert_eq!(counts().await, [30, 3], "an edit keeps them");
    // Older than what is hot, it keeps them too.
    Ledger::new(chat, ann).talk(&stack, 60).await;
    stack.leave(chat).await;
    stack
        .store
        .react(his, id, "👍", true)
        .await
        .expect("reacted");
    assert_eq!(counts().await, [31, 3]);
    assert_eq!(
        stack
            .store
            .message(own, id)
            .await
            .expect("read")
            .reactions
            .expect("two")[0]
            .count,
        31
    );
    stack.leave(chat).await;
    assert_eq!(counts().await, [31, 3]);
}
