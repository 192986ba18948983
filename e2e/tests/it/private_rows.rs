//! The private rows of a user: how they keep a chat, the messages they deleted for themselves, the
//! users they block. Hot, saved and cold.

use e2e::{Client, Fault, Listener, Proxy, Sql, Stack, Wire, on_both};
use serde_json::{Value, json};
use store::PreferenceChange;

struct Two {
    ann: Client,
    bob: Client,
    chat: String,
}

impl Two {
    async fn new(api: &e2e::Api) -> Self {
        let (ann, bob) = (api.register("ann").await, api.register("bob").await);
        let chat = ann.create_direct("bob").await.expect(201)["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        Self { ann, bob, chat }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/chats/{}{rest}", self.chat)
    }

    async fn leave_and_return(&mut self, stack: &Stack) {
        stack
            .all_leave_and_return(
                &mut [("ann", &mut self.ann), ("bob", &mut self.bob)],
                &[&self.chat],
            )
            .await;
    }

    async fn say(&self, who: &Client, body: &str) -> i64 {
        who.send(&self.chat, body).await.expect(201)["id"]
            .as_i64()
            .expect("an id")
    }

    async fn change_preferences(&self, change: Value) -> Value {
        self.ann
            .patch(&self.path("/preferences"), change)
            .await
            .expect(200)
    }
}

async fn bodies(who: &Client, chat: &str) -> Vec<String> {
    let backwards = who.history(chat, 3, false).await;
    assert_eq!(
        backwards,
        who.history(chat, 3, true).await,
        "the same from both ends"
    );
    backwards
        .iter()
        .map(|message| message["body"].as_str().expect("a body").to_owned())
        .collect()
}

async fn listed(who: &Client, query: &str) -> Vec<String> {
    let page = who.get(&format!("/v1/chats?{query}")).await.expect(200);
    page["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|chat| chat["id"].as_str().expect("an id").to_owned())
        .collect()
}

on_both!(preferences_are_mine_alone_and_stay);
async fn preferences_are_mine_alone_and_stay(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let mut two = Two::new(&api).await;
    two.say(&two.bob, "one").await;
    let none = json!({ "archived": false, "pinned": false, "marked_unread": false });
    assert_eq!(
        two.ann.chat(&two.chat).await.expect(200)["preferences"],
        none
    );
    let all = json!({
        "archived": true, "pinned": true, "marked_unread": true,
        "muted_until": "2031-01-02T03:04:05.678Z",
    });
    assert_eq!(two.change_preferences(all.clone()).await, all);
    for _ in 0..2 {
        assert_eq!(
            two.ann.chat(&two.chat).await.expect(200)["preferences"],
            all
        );
        assert_eq!(
            two.bob.chat(&two.chat).await.expect(200)["preferences"],
            none
        );
        two.leave_and_return(&stack).await;
    }
    // A merge patch, of what is cold.
    let mut some = two
        .change_preferences(json!({ "muted_until": null, "archived": false }))
        .await;
    assert_eq!(
        some,
        json!({ "archived": false, "pinned": true, "marked_unread": true })
    );
    two.leave_and_return(&stack).await;
    assert_eq!(
        two.ann.chat(&two.chat).await.expect(200)["preferences"],
        some
    );
    let last = two.say(&two.bob, "two").await;
    two.ann.read(&two.chat, last).await.expect(204);
    some["marked_unread"] = false.into();
    assert_eq!(
        two.ann.chat(&two.chat).await.expect(200)["preferences"],
        some,
        "who reads on has read"
    );

    let refused = two
        .ann
        .patch(
            &two.path("/preferences"),
            json!({ "muted_until": "1969-12-31T23:59:59Z" }),
        )
        .await
        .expect_problem(422, "invalid");
    assert_eq!(refused["errors"][0]["field"], "muted_until");
    two.ann
        .patch(
            &two.path("/preferences"),
            json!({ "muted_until": "tomorrow" }),
        )
        .await
        .expect_problem(400, "malformed");
    two.ann
        .patch(&two.path("/preferences"), json!({ "color": 1 }))
        .await
        .expect_problem(400, "malformed");
    let eve = api.register("eve").await;
    eve.patch(&two.path("/preferences"), json!({ "pinned": true }))
        .await
        .expect_problem(404, "not_found");
    api.stop().await;
}

on_both!(pinned_chats_come_first_and_lists_are_filtered);
async fn pinned_chats_come_first_and_lists_are_filtered(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, bob) = (api.register("ann").await, api.register("bob").await);
    let mut chats = Vec::new();
    for name in ["0", "1", "2", "3", "4"] {
        let chat = bob.create_group(name, &["ann"]).await.expect(201)["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        bob.send(&chat, name).await.expect(201);
        chats.push(chat);
    }
    let path = |at: usize| format!("/v1/chats/{}/preferences", chats[at]);
    ann.patch(&path(1), json!({ "pinned": true }))
        .await
        .expect(200);
    ann.patch(&path(0), json!({ "archived": true }))
        .await
        .expect(200);
    for at in [2, 4] {
        let last = ann.chat(&chats[at]).await.expect(200)["last_message"]["id"]
            .as_i64()
            .expect("an id");
        ann.read(&chats[at], last).await.expect(204);
    }
    ann.patch(&path(4), json!({ "marked_unread": true }))
        .await
        .expect(200);
    let pick = |of: &[usize]| of.iter().map(|at| chats[*at].clone()).collect::<Vec<_>>();
    for _ in 0..2 {
        assert_eq!(listed(&ann, "").await, pick(&[1, 4, 3, 2, 0]));
        assert_eq!(listed(&ann, "archived=true").await, pick(&[0]));
        assert_eq!(listed(&ann, "archived=false").await, pick(&[1, 4, 3, 2]));
        assert_eq!(listed(&ann, "unread=true").await, pick(&[1, 4, 3, 0]));
        assert_eq!(
            listed(&ann, "unread=false&archived=false").await,
            pick(&[2])
        );
        let all: Vec<_> = ann
            .chats()
            .await
            .iter()
            .map(|chat| chat["id"].as_str().expect("an id").to_owned())
            .collect();
        assert_eq!(all, pick(&[1, 4, 3, 2, 0]));
        let (mut paged, mut query) = (Vec::new(), "limit=1&unread=true".to_owned());
        loop {
            let page = ann.get(&format!("/v1/chats?{query}")).await.expect(200);
            paged.extend(
                page["items"]
                    .as_array()
                    .expect("items")
                    .iter()
                    .map(|chat| chat["id"].as_str().expect("an id").to_owned()),
            );
            let Some(next) = page["next"].as_str() else {
                break;
            };
            query = format!("limit=1&unread=true&cursor={next}");
        }
        assert_eq!(paged, pick(&[1, 4, 3, 0]));
        stack
            .all_leave_and_return(
                &mut [("ann", &mut ann)],
                &chats.iter().map(String::as_str).collect::<Vec<_>>(),
            )
            .await;
    }
    for query in ["limit=0", "limit=101", "cursor=x", "unread=maybe"] {
        ann.get(&format!("/v1/chats?{query}"))
            .await
            .expect_problem(400, "malformed");
    }
    api.stop().await;
}

#[tokio::test]
async fn a_walk_over_the_chats_keeps_its_order_and_leaves_out_what_is_put_away() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let ann = api.register("ann").await;
    let mut chats = Vec::new();
    for name in ["one", "two", "three", "four", "five", "six"] {
        let chat = ann.create_group(name, &[]).await.expect(201);
        chats.push(chat["id"].as_str().expect("an id").to_owned());
        ann.send(&chats[chats.len() - 1], name).await.expect(201);
    }
    let all = "archived=false&limit=2";
    let page = ann.get(&format!("/v1/chats?{all}")).await.expect(200);
    let next = page["next"].as_str().expect("a second page").to_owned();
    let second = format!("{all}&cursor={next}");
    let expected = [chats[3].clone(), chats[2].clone()];
    assert_eq!(listed(&ann, &second).await, expected);

    // It would be on a page that was read already: the walk has it where it was.
    ann.send(&chats[2], "something new").await.expect(201);
    let body = json!({ "archived": true });
    ann.patch(&format!("/v1/chats/{}/preferences", chats[3]), body)
        .await
        .expect(200);
    assert_eq!(
        listed(&ann, &second).await,
        [chats[2].clone(), chats[1].clone()]
    );
    // Another walk has the order of the moment, and so has a place that is of no walk.
    let first = [chats[2].clone(), chats[5].clone()];
    assert_eq!(listed(&ann, all).await, first);
    let expected = [chats[1].clone(), chats[0].clone()];
    assert_eq!(listed(&ann, &second).await, expected);
    api.stop().await;
}

on_both!(what_i_delete_for_myself_is_gone_for_me_alone);
async fn what_i_delete_for_myself_is_gone_for_me_alone(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let mut two = Two::new(&api).await;
    let mut ids = Vec::new();
    for at in 0..8 {
        ids.push(
            two.say(
                if at % 2 == 0 { &two.bob } else { &two.ann },
                &at.to_string(),
            )
            .await,
        );
    }
    two.say(&two.bob, "8").await;
    two.say(&two.bob, "9").await;
    let hide = async |two: &Two, id: i64| {
        two.ann
            .delete(&two.path(&format!("/messages/{id}?for=me")))
            .await
            .expect(204)
    };
    hide(&two, ids[2]).await;
    hide(&two, ids[2]).await; // again is no error
    let newest = two.ann.page(&two.chat, "limit=1").await.expect(200)["items"][0]["id"]
        .as_i64()
        .expect("an id");
    hide(&two, newest).await; // unread as yet
    let (mut mine, all): (Vec<_>, Vec<_>) = (
        vec!["0", "1", "3", "4", "5", "6", "7", "8"],
        (0..10).map(|at| at.to_string()).collect(),
    );
    for _ in 0..2 {
        assert_eq!(bodies(&two.ann, &two.chat).await, mine);
        assert_eq!(bodies(&two.bob, &two.chat).await, all);
        let view = two.ann.chat(&two.chat).await.expect(200);
        assert_eq!(
            (&view["unread_count"], &view["last_message"]["body"]),
            (&1.into(), &"8".into())
        );
        assert_eq!(
            two.bob.chat(&two.chat).await.expect(200)["last_message"]["body"],
            "9"
        );
        two.ann
            .get(&two.path(&format!("/messages/{}", ids[2])))
            .await
            .expect_problem(404, "not_found");
        two.bob
            .get(&two.path(&format!("/messages/{}", ids[2])))
            .await
            .expect(200);
        two.leave_and_return(&stack).await;
    }
    hide(&two, ids[4]).await; // of a chat, and by a user, that are cold
    mine.retain(|body| *body != "4");
    two.leave_and_return(&stack).await;
    assert_eq!(bodies(&two.ann, &two.chat).await, mine);

    // All before one of them.
    two.ann
        .delete(&two.path(&format!("/messages?before={}", ids[6])))
        .await
        .expect(204);
    for _ in 0..2 {
        assert_eq!(bodies(&two.ann, &two.chat).await, ["6", "7", "8"]);
        assert_eq!(bodies(&two.bob, &two.chat).await, all);
        let around = two
            .ann
            .page(&two.chat, &format!("around={}&limit=4", ids[6]))
            .await
            .expect(200);
        assert_eq!(
            (&around["items"][0]["body"], around.get("prev")),
            (&"6".into(), None)
        );
        two.leave_and_return(&stack).await;
    }
    two.ann
        .delete(&two.path(&format!("/messages?before={}", newest + 60_000_000)))
        .await
        .expect(204);
    let view = two.ann.chat(&two.chat).await.expect(200);
    assert_eq!(
        (&view["unread_count"], view.get("last_message")),
        (&0.into(), None)
    );
    two.say(&two.bob, "later").await;
    assert_eq!(
        bodies(&two.ann, &two.chat).await,
        ["later"],
        "what is written later is there"
    );
    assert_eq!(two.ann.chat(&two.chat).await.expect(200)["unread_count"], 1);
    two.ann
        .delete(&two.path("/messages/5?for=me"))
        .await
        .expect_problem(404, "not_found");
    two.ann
        .delete(&two.path("/messages"))
        .await
        .expect_problem(400, "malformed");
    two.ann
        .delete(&two.path("/messages?before=0"))
        .await
        .expect_problem(400, "malformed");
    api.stop().await;
}

on_both!(a_direct_chat_is_hidden_until_its_next_message);
async fn a_direct_chat_is_hidden_until_its_next_message(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let mut two = Two::new(&api).await;
    two.say(&two.bob, "one").await;
    let cursor = two.ann.get("/v1/sync").await.expect(200)["cursor"]
        .as_str()
        .expect("a cursor")
        .to_owned();
    let mut elsewhere = Listener::connect(&two.ann, Wire::Socket, "").await;
    elsewhere.expect("hello").await;
    two.ann.delete(&two.path("")).await.expect(204);
    elsewhere
        .until("chat.removed", |event| {
            event["chat_id"] == two.chat.as_str()
        })
        .await;
    drop(elsewhere);
    for _ in 0..2 {
        let changes = two
            .ann
            .get(&format!("/v1/sync?since={cursor}"))
            .await
            .expect(200)["changes"]
            .clone();
        let kinds: Vec<_> = changes
            .as_array()
            .expect("changes")
            .iter()
            .filter_map(|change| change["type"].as_str())
            .collect();
        assert!(
            kinds.contains(&"chat.removed") && !kinds.contains(&"chat.created"),
            "{changes}"
        );
        assert_eq!(listed(&two.ann, "").await, [""; 0]);
        assert_eq!(listed(&two.bob, "").await, [two.chat.clone()]);
        two.leave_and_return(&stack).await;
    }
    two.say(&two.bob, "two").await;
    assert_eq!(listed(&two.ann, "").await, [two.chat.clone()]);
    two.leave_and_return(&stack).await;
    two.ann.delete(&two.path("")).await.expect(204); // what is cold
    assert_eq!(listed(&two.ann, "").await, [""; 0]);
    api.stop().await;
}

on_both!(whom_i_block_cannot_write_to_me);
async fn whom_i_block_cannot_write_to_me(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let mut two = Two::new(&api).await;
    let (carl, mut dora) = (api.register("carl").await, api.register("dora").await);
    let said = two.say(&two.bob, "before").await;
    let block =
        |who: &Client, whom: &Client| (who.clone(), format!("/v1/users/me/blocks/{}", whom.id));
    let (ann, path) = block(&two.ann, &two.bob);
    for _ in 0..2 {
        ann.put(&path, Value::Null).await.expect(204); // again is no error
    }
    for _ in 0..2 {
        two.bob
            .send(&two.chat, "let me in")
            .await
            .expect_problem(403, "not_accepted");
        two.bob
            .patch(
                &two.path(&format!("/messages/{said}")),
                json!({ "body": "let me in" }),
            )
            .await
            .expect_problem(403, "not_accepted");
        assert_eq!(
            bodies(&two.bob, &two.chat).await,
            ["before"],
            "what there is may be read"
        );
        assert_eq!(
            two.bob.create_direct("ann").await.expect(200)["id"],
            two.chat.as_str()
        );
        let list = two.ann.get("/v1/users/me/blocks").await.expect(200);
        assert_eq!(
            (&list["items"][0]["username"], &list["items"][1]),
            (&"bob".into(), &Value::Null)
        );
        two.leave_and_return(&stack).await;
    }
    two.say(&two.ann, "I may").await;
    // A group is no direct chat.
    let group = two.ann.create_group("both", &["bob"]).await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    two.bob.send(&group, "here").await.expect(201);
    // A blocked user opens no chat; the one who blocks may, and is blocked no less for it.
    let (carl, path) = block(&carl, &dora);
    carl.put(&path, Value::Null).await.expect(204);
    dora.create_direct("carl")
        .await
        .expect_problem(403, "not_accepted");
    stack
        .all_leave_and_return(&mut [("dora", &mut dora)], &[])
        .await;
    dora.create_direct("carl")
        .await
        .expect_problem(403, "not_accepted");
    let theirs = carl.create_direct("dora").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    dora.send(&theirs, "hello")
        .await
        .expect_problem(403, "not_accepted");
    carl.send(&theirs, "hello").await.expect(201);

    two.leave_and_return(&stack).await;
    let (ann, path) = block(&two.ann, &two.bob);
    for _ in 0..2 {
        ann.delete(&path).await.expect(204); // of what is cold; again is no error
    }
    for _ in 0..2 {
        two.say(&two.bob, "back").await;
        assert_eq!(
            two.ann.get("/v1/users/me/blocks").await.expect(200)["items"],
            json!([])
        );
        two.leave_and_return(&stack).await;
    }
    let ann = &two.ann;
    ann.put(&format!("/v1/users/me/blocks/{}", ann.id), Value::Null)
        .await
        .expect_problem(422, "invalid");
    ann.put(
        &format!("/v1/users/me/blocks/{}", model::UserId::new()),
        Value::Null,
    )
    .await
    .expect_problem(404, "not_found");
    api.stop().await;
}

on_both!(a_block_that_was_not_propagated_is_propagated_by_the_flusher);
async fn a_block_that_was_not_propagated_is_propagated_by_the_flusher(sql: Sql) {
    let stack = Stack::with(sql, e2e::Options::default().stoppable()).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    stack.stop_at(hot::Verb::Block, 1).await;
    stack
        .store
        .block(ann, bob, true)
        .await
        .expect_err("stopped before the chat was told");
    e2e::say(&stack.store, chat, bob, "he does not know yet", None)
        .await
        .expect("sent");
    let flusher = stack.start_flusher().await;
    let refused = async || {
        matches!(
            e2e::say(&stack.store, chat, bob, "hello?", None).await,
            Err(store::Error::NotAccepted)
        )
    };
    e2e::eventually(
        std::time::Duration::from_secs(60),
        "the chat knows of the block",
        refused,
    )
    .await;
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_that_is_propagated_after_its_end_blocks_nobody() {
    let options = e2e::Options {
        command_timeout: std::time::Duration::from_secs(60),
        ..e2e::Options::default()
    };
    let stack = Stack::with(Sql::Sqlite, options.on_one_redis()).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    let proxy = Proxy::before(stack.redis.address()).await;
    let sleeper = stack.open_store(&proxy.url()).await;
    let tell = proxy.rule_for(stack.sha(hot::Verb::Block), Fault::Stall, 0, 1);
    let sleeping = tokio::spawn(async move { sleeper.block(ann, bob, true).await });
    tell.wait_fired(1).await;
    stack
        .store
        .block(ann, bob, false)
        .await
        .expect("he may again");
    tell.release();
    sleeping.await.expect("no panic").expect("told");
    e2e::say(&stack.store, chat, bob, "thank you", None)
        .await
        .expect("sent");
}

/// After a power cut, on a host whose clock is behind, ticks come again: another change may have
/// made the very rev that was read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sleeps_through_a_power_cut_writes_over_no_other_preference() {
    let options = e2e::Options {
        command_timeout: std::time::Duration::from_secs(60),
        ..e2e::Options::default()
    };
    let stack = Stack::with(Sql::Sqlite, options.on_one_redis()).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    let own = store::Membership { chat, user: ann };
    let (key, field) = (
        format!("user:{{u{}}}:{ann}:mine", ann.partition()),
        model::PrivateKey::Chat(chat).to_string(),
    );
    let row = async || stack.redis.cli(&["HGET", &key, &field]).await;
    let pinned = PreferenceChange {
        pinned: Some(true),
        ..PreferenceChange::default()
    };
    stack
        .store
        .change_preferences(own, &pinned)
        .await
        .expect("pinned");
    let read = row().await;
    let marked = PreferenceChange {
        marked_unread: Some(true),
        ..PreferenceChange::default()
    };
    stack
        .store
        .change_preferences(own, &marked)
        .await
        .expect("marked");
    let (rev, other) = (read.split(' ').next().expect("a rev"), row().await);
    let other = format!("{rev} {}", other.split_once(' ').expect("a value").1);

    stack.redis.cli(&["HSET", &key, &field, &read]).await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let sleeper = stack.open_store(&proxy.url()).await;
    let write = proxy.rule_for(stack.sha(hot::Verb::ChangePrivateRow), Fault::Stall, 0, 1);
    let sleeping = tokio::spawn(async move {
        sleeper
            .change_preferences(
                own,
                &PreferenceChange {
                    archived: Some(true),
                    ..PreferenceChange::default()
                },
            )
            .await
    });
    write.wait_fired(1).await;
    stack.redis.cli(&["HSET", &key, &field, &other]).await;
    write.release();
    let kept = sleeping.await.expect("no panic").expect("changed");
    assert!(
        kept.pinned && kept.archived && kept.marked_unread,
        "both changes are there: {kept:?}"
    );
}
