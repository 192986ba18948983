//! Messages that were sent are changed and deleted: hot, cold, and on the seam between.

use std::time::Duration;

use e2e::{Client, Fault, Ledger, Options, Proxy, Sql, Stack, audit_sql, eventually, on_both, say};
use hot::Verb;
use model::{ChatId, Message, Role, ServerEvent, Terms, Tick, UserId};
use serde_json::{Value, json};
use store::{Error, Membership, MessageEdit, SearchQuery, Store, SyncCursor};

const SECOND: Duration = Duration::from_secs(1);

/// A group in which its owner has said so many things.
struct Group {
    chat: ChatId,
    owner: UserId,
    other: UserId,
    sent: Vec<Tick>,
}

impl Group {
    async fn new(stack: &Stack, texts: usize) -> Self {
        let (owner, other) = (stack.person("ann").await, stack.person("bob").await);
        let chat = ChatId::new();
        stack
            .store
            .create_group(chat, owner, "Friends", &[other])
            .await
            .expect("created");
        let mut ledger = Ledger::new(chat, owner);
        ledger.talk(stack, texts).await;
        Self {
            chat,
            owner,
            other,
            sent: ledger.sent.into_iter().map(|(id, _)| id).collect(),
        }
    }

    fn own(&self) -> Membership {
        Membership {
            chat: self.chat,
            user: self.owner,
        }
    }

    fn others(&self) -> Membership {
        Membership {
            chat: self.chat,
            user: self.other,
        }
    }

    /// Returns the messages as a member pages through them, and asserts that reading each alone,
    /// and `sync` after an absence, give the same.
    async fn read(&self, stack: &Stack) -> Vec<Message> {
        let all = e2e::history(&stack.store, self.chat, self.other, false).await;
        assert_eq!(
            all,
            e2e::history(&stack.store, self.chat, self.other, true).await,
            "the same from both ends"
        );
        let all: Vec<Message> = all
            .iter()
            .map(|json| serde_json::from_str(json).expect("a message is JSON"))
            .collect();
        for message in [&all[0], &all[all.len() / 2], &all[all.len() - 1]] {
            assert_eq!(
                stack
                    .store
                    .message(self.others(), message.id)
                    .await
                    .expect("it is there"),
                *message
            );
        }
        let begin = SyncCursor {
            since: Tick(1),
            resume: None,
        };
        let told = stack
            .store
            .sync(self.other, begin, Some(self.chat))
            .await
            .expect("a member is told")
            .changes
            .into_iter();
        let of_message = |event| {
            if let ServerEvent::MessageCreated(event) = event {
                Some(event.message)
            } else {
                None
            }
        };
        let mut told: Vec<Message> = told.filter_map(of_message).collect();
        told.sort_by_key(|message| message.id);
        assert_eq!(told, all, "a member who was away gets the same");
        all
    }

    async fn unread(&self, stack: &Stack) -> i64 {
        stack
            .store
            .view(self.others())
            .await
            .expect("he sees it")
            .unread_count
    }

    async fn leave(&self, stack: &Stack) {
        stack.leave(self.chat).await;
    }

    async fn save(&self, stack: &Stack) {
        let flusher = stack.start_flusher().await;
        stack.saved(self.chat).await;
        flusher.stop().await;
    }
}

fn body(text: &str) -> MessageEdit {
    MessageEdit {
        body: Some(text.to_owned()),
        ..MessageEdit::default()
    }
}

async fn edit(store: &Store, own: Membership, id: Tick, text: &str) -> Message {
    let json = store.edit(own, id, &body(text)).await.expect("edited");
    serde_json::from_str(&json).expect("a message is JSON")
}

/// Edits the second and deletes the third message, and reads them in every temperature from then
/// on.
async fn in_every_temperature(stack: &Stack, group: &Group) {
    let before = group.unread(stack).await;
    let edited = edit(
        &stack.store,
        group.own(),
        group.sent[1],
        "as it should have been",
    )
    .await;
    assert!(edited.edited_at.is_some() && edited.rev > group.sent[1] && edited.seq == 2);
    stack
        .store
        .delete_for_everyone(group.own(), group.sent[2])
        .await
        .expect("deleted");
    stack
        .store
        .delete_for_everyone(group.own(), group.sent[2])
        .await
        .expect("again is no error");

    let check = async |when: &str| {
        let all = group.read(stack).await;
        assert_eq!(all.len(), group.sent.len(), "{when}");
        assert_eq!(all[1], edited, "{when}");
        assert_eq!(
            (all[2].body.as_str(), all[2].deleted, all[2].id, all[2].seq),
            ("", Some(true), group.sent[2], 3),
            "{when}"
        );
        assert_eq!(group.unread(stack).await, before - 1, "{when}");
    };
    check("at once").await;
    group.save(stack).await;
    check("saved").await;
    group.leave(stack).await;
    let row = stack
        .cold
        .message(group.chat, group.sent[2])
        .await
        .expect("SQL answers")
        .expect("its place is left")
        .message;
    assert_eq!(
        (row.body.as_str(), row.subject),
        ("", None),
        "no store has what was said"
    );
    check("loaded again").await;
    // Both are older than what was loaded, or not: the next change finds them.
    let again = edit(&stack.store, group.own(), group.sent[1], "and once more").await;
    assert_eq!(group.read(stack).await[1], again);
    assert!(
        matches!(
            stack
                .store
                .edit(group.own(), group.sent[2], &body("back"))
                .await,
            Err(Error::NoMessage)
        ),
        "it is gone"
    );
    group.leave(stack).await;
    assert_eq!(group.read(stack).await[1], again);
}

on_both!(mentions_follow_an_edit);
async fn mentions_follow_an_edit(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let mut ann = api.register("ann").await;
    let (mut bob, mut xen) = (api.register("bob").await, api.register("xen").await);
    let eve = api.register("eve").await;
    let group = ann
        .create_group("Friends", &["bob", "xen"])
        .await
        .expect(201)["id"]
        .clone();
    let direct = ann.create_direct("bob").await.expect(201)["id"].clone();
    let count = async |who: &Client, chat: &str| {
        let seen = who.chat(chat).await.expect(200);
        let count = |of: &str| seen[of].as_i64().expect("a number");
        (count("unread_count"), count("unread_mentions"))
    };
    for chat in [&group, &direct].map(|id| id.as_str().expect("an id")) {
        for is_hot in [true, false] {
            let before = count(&bob, chat).await;
            let unread = |texts: i64, mentions: i64| (before.0 + texts, before.1 + mentions);
            let names_bob = json!({ "body": "@bob come", "mentions": [bob.id, bob.id, bob.id] });
            let sent = ann
                .post(&format!("/v1/chats/{chat}/messages"), names_bob)
                .await
                .expect(201);
            assert_eq!(sent["mentions"], json!([bob.id]), "each once");
            assert_eq!(count(&bob, chat).await, unread(1, 1));
            let path = format!("/v1/chats/{chat}/messages/{}", sent["id"]);
            if !is_hot {
                let all = &mut [("ann", &mut ann), ("bob", &mut bob), ("xen", &mut xen)];
                stack.all_leave_and_return(all, &[chat]).await;
            }
            let edit = async |change: Value| {
                let edited = ann.patch(&path, change).await.expect(200);
                edited["mentions"].clone()
            };
            // The names in the body.
            assert_eq!(edit(json!({ "body": "come" })).await, Value::Null);
            assert_eq!(count(&bob, chat).await, unread(1, 0));
            assert_eq!(
                edit(json!({ "body": "Come, @Bob." })).await,
                json!([bob.id])
            );
            assert_eq!(count(&bob, chat).await, unread(1, 1));
            let others = json!({ "body": "@bob and @eve, ann@xen @nobody" });
            assert_eq!(edit(others).await, json!([bob.id]), "no member, no name");
            // What the client says.
            let none = json!({ "mentions": [] });
            assert_eq!(edit(none.clone()).await, Value::Null);
            assert_eq!(count(&bob, chat).await, unread(1, 0));
            let named = json!({ "mentions": [bob.id, ann.id, bob.id] });
            for _ in 0..2 {
                assert_eq!(edit(named.clone()).await, json!([bob.id, ann.id]));
                assert_eq!(count(&bob, chat).await, unread(1, 1), "once, however often");
            }
            stack.leave(chat.parse().expect("an id")).await;
            assert_eq!(count(&bob, chat).await, unread(1, 1), "saved");
            assert_eq!(
                edit(json!({ "subject": "x" })).await,
                json!([bob.id, ann.id])
            );
            let strange = json!({ "mentions": [bob.id, eve.id] });
            ann.patch(&path, strange)
                .await
                .expect_problem(422, "invalid");
            let many = json!({ "mentions": vec![&bob.id; 51] });
            ann.patch(&path, many).await.expect_problem(422, "invalid");
            ann.patch(&path, json!({ "mentions": null }))
                .await
                .expect_problem(422, "invalid");
            assert_eq!(count(&bob, chat).await, unread(1, 1));
            // Whoever has read it is not told once more.
            let id = sent["id"].as_i64().expect("an id");
            bob.read(chat, id).await;
            assert_eq!(count(&bob, chat).await, (0, 0));
            edit(none).await;
            edit(named).await;
            assert_eq!(count(&bob, chat).await, (0, 0));
            // A mention goes with its text.
            let sent = ann.send(chat, "come").await.expect(201);
            let path = format!("/v1/chats/{chat}/messages/{}", sent["id"]);
            let named = json!({ "mentions": [bob.id] });
            ann.patch(&path, named).await.expect(200);
            assert_eq!(count(&bob, chat).await, (1, 1));
            let gone = format!("{path}?for=everyone");
            ann.delete(&gone).await.expect(204);
            assert_eq!(count(&bob, chat).await, (0, 0));
        }
    }
    api.stop().await;
}

on_both!(a_message_that_is_hot_is_changed);
async fn a_message_that_is_hot_is_changed(sql: Sql) {
    let stack = Stack::start(sql).await;
    let group = Group::new(&stack, 20).await;
    in_every_temperature(&stack, &group).await;
}

on_both!(a_message_of_a_chat_that_is_cold_is_changed);
async fn a_message_of_a_chat_that_is_cold_is_changed(sql: Sql) {
    let stack = Stack::start(sql).await;
    let group = Group::new(&stack, 70).await;
    group.leave(&stack).await;
    in_every_temperature(&stack, &group).await;
}

on_both!(a_message_older_than_what_is_hot_is_changed);
async fn a_message_older_than_what_is_hot_is_changed(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            hot_messages: 10,
            ..Options::default()
        },
    )
    .await;
    let group = Group::new(&stack, 70).await;
    group.save(&stack).await;
    in_every_temperature(&stack, &group).await;
}

on_both!(who_has_read_a_message_that_is_deleted_has_read_as_much_as_before);
async fn who_has_read_a_message_that_is_deleted_has_read_as_much_as_before(sql: Sql) {
    let stack = Stack::start(sql).await;
    let group = Group::new(&stack, 10).await;
    stack
        .store
        .mark(group.others(), group.sent[4], Tick::NEVER)
        .await
        .expect("marked");
    for (at, unread) in [(2, 5), (7, 4), (9, 3)] {
        stack
            .store
            .delete_for_everyone(group.own(), group.sent[at])
            .await
            .expect("deleted");
        assert_eq!(group.unread(&stack).await, unread);
    }
    stack
        .store
        .mark(group.others(), group.sent[6], Tick::NEVER)
        .await
        .expect("marked");
    assert_eq!(group.unread(&stack).await, 1);
    group.leave(&stack).await;
    assert_eq!(group.unread(&stack).await, 1);
    stack
        .store
        .mark(group.others(), group.sent[9], Tick::NEVER)
        .await
        .expect("marked");
    assert_eq!(group.unread(&stack).await, 0);
    say(&stack.store, group.chat, group.owner, "new", None)
        .await
        .expect("sent");
    assert_eq!(group.unread(&stack).await, 1);
}

on_both!(only_who_may_changes_a_message);
async fn only_who_may_changes_a_message(sql: Sql) {
    let stack = Stack::start(sql).await;
    let group = Group::new(&stack, 3).await;
    let (mine, store) = (group.sent[0], &stack.store);
    let stranger = Membership {
        chat: group.chat,
        user: stack.person("carl").await,
    };
    let his = say(store, group.chat, group.other, "of bob", None)
        .await
        .expect("sent");
    assert!(matches!(
        store.edit(group.others(), mine, &body("x")).await,
        Err(Error::RoleTooLow)
    ));
    assert!(
        matches!(
            store.edit(group.own(), his, &body("x")).await,
            Err(Error::RoleTooLow)
        ),
        "not even the owner"
    );
    assert!(matches!(
        store.delete_for_everyone(group.others(), mine).await,
        Err(Error::RoleTooLow)
    ));
    assert!(matches!(
        store.edit(stranger, mine, &body("x")).await,
        Err(Error::NoChat)
    ));
    assert!(matches!(
        store.delete_for_everyone(stranger, mine).await,
        Err(Error::NoChat)
    ));
    assert!(matches!(
        store.message(stranger, mine).await,
        Err(Error::NoChat)
    ));
    assert!(matches!(
        store.message(group.own(), Tick(5)).await,
        Err(Error::NoMessage)
    ));
    store
        .delete_for_everyone(group.own(), his)
        .await
        .expect("the owner may");

    let (direct, _) = store
        .open_direct(group.owner, group.other)
        .await
        .expect("opened");
    let in_direct = say(store, direct, group.owner, "hello", None)
        .await
        .expect("sent");
    let peer = Membership {
        chat: direct,
        user: group.other,
    };
    assert!(
        matches!(
            store.delete_for_everyone(peer, in_direct).await,
            Err(Error::RoleTooLow)
        ),
        "nobody is above another in a direct chat"
    );
}

/// An editor sleeps between reading a message and writing it anew, while `meanwhile` happens.
async fn sleeper(
    stack: &Stack,
    group: &Group,
    meanwhile: impl AsyncFnOnce(),
) -> store::Result<String> {
    let proxy = Proxy::before(stack.redis.address()).await;
    let store = stack.open_store(&proxy.url()).await;
    let replace = proxy.rule_for(stack.sha(Verb::Replace), Fault::Stall, 0, 1);
    let (own, id) = (group.own(), group.sent[1]);
    let sleeping = tokio::spawn(async move { store.edit(own, id, &body("of the sleeper")).await });
    replace.wait_fired(1).await;
    meanwhile().await;
    replace.release();
    tokio::time::timeout(30 * SECOND, sleeping)
        .await
        .expect("it wakes")
        .expect("no panic")
}

fn patient() -> Options {
    Options {
        command_timeout: 60 * SECOND,
        hot_messages: 10,
        ..Options::default()
    }
}

on_both!(an_editor_that_sleeps_does_not_bring_back_what_was_deleted);
async fn an_editor_that_sleeps_does_not_bring_back_what_was_deleted(sql: Sql) {
    for (texts, saved) in [(5, false), (30, true)] {
        let stack = Stack::with(sql, patient().on_one_redis()).await;
        let group = Group::new(&stack, texts).await;
        if saved {
            group.save(&stack).await; // so that the message is only in SQL when it is read
        }
        let outcome = sleeper(&stack, &group, async || {
            stack
                .store
                .delete_for_everyone(group.own(), group.sent[1])
                .await
                .expect("deleted");
            if saved {
                group.save(&stack).await; // and is there again when the sleeper wakes
                assert!(stack.redis.keys("chat:*:changed").await.is_empty());
            }
        });
        assert!(
            matches!(outcome.await, Err(Error::NoMessage)),
            "saved: {saved}"
        );
        assert_eq!(group.read(&stack).await[1].deleted, Some(true));
        group.leave(&stack).await;
        assert_eq!(group.read(&stack).await[1].body, "");
    }
}

on_both!(an_editor_that_sleeps_while_the_chat_leaves_and_comes_back_writes_over_nothing);
async fn an_editor_that_sleeps_while_the_chat_leaves_and_comes_back_writes_over_nothing(sql: Sql) {
    for came_back in [false, true] {
        let stack = Stack::with(sql, patient().on_one_redis()).await;
        let group = Group::new(&stack, 30).await;
        group.save(&stack).await;
        if came_back {
            group.leave(&stack).await; // so that it is as it was loaded when the message is read
        }
        let subject = MessageEdit {
            subject: Some(Some("a subject".into())),
            ..MessageEdit::default()
        };
        let outcome = sleeper(&stack, &group, async || {
            stack
                .store
                .edit(group.own(), group.sent[1], &subject)
                .await
                .expect("edited");
            group.leave(&stack).await;
            assert!(stack.store.hydrate_chat(group.chat).await.expect("loaded"));
        });
        outcome.await.expect("edited");
        let message = &group.read(&stack).await[1];
        let both = ("of the sleeper", Some("a subject"));
        assert_eq!(
            (message.body.as_str(), message.subject.as_deref()),
            both,
            "both changes are there; came back: {came_back}"
        );
    }
}

/// A member who asks for a message before it is there finds it only in SQL although it is still in
/// Redis: a row that leaves must be noticed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_editor_who_knew_of_a_message_before_it_was_there_writes_over_nothing() {
    let stack = Stack::with(Sql::Sqlite, patient().on_one_redis()).await;
    let group = Group::new(&stack, 5).await;
    // A clock that is ahead goes on by ones.
    let (row, clock) = (
        format!("chat:{{c{}}}:{}", group.chat.partition(), group.chat),
        Tick::now().0 + 30_000_000,
    );
    stack
        .redis
        .cli(&["HSET", &row, "clock", &clock.to_string()])
        .await;
    let (own, id) = (group.own(), Tick(clock + 1));
    let proxy = Proxy::before(stack.redis.address()).await;
    let store = stack.open_store(&proxy.url()).await;
    let read = proxy.rule_for(stack.sha(Verb::Message), Fault::StallReply, 0, 1);
    let replace = proxy.rule_for(stack.sha(Verb::Replace), Fault::Stall, 0, 1);
    let sleeping = tokio::spawn(async move { store.edit(own, id, &body("of the sleeper")).await });
    read.wait_fired(1).await;
    assert_eq!(
        say(&stack.store, group.chat, group.owner, "guessed", None)
            .await
            .expect("sent"),
        id
    );
    group.save(&stack).await;
    read.release();
    replace.wait_fired(1).await;
    let subject = MessageEdit {
        subject: Some(Some("a subject".into())),
        ..MessageEdit::default()
    };
    stack.store.edit(own, id, &subject).await.expect("edited");
    Ledger::new(group.chat, group.owner).talk(&stack, 12).await; // past what stays hot
    group.save(&stack).await;
    replace.release();
    sleeping.await.expect("no panic").expect("edited");
    let message = stack.store.message(own, id).await.expect("it is there");
    assert_eq!(
        (message.body.as_str(), message.subject.as_deref()),
        ("of the sleeper", Some("a subject")),
        "both changes are there"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_editor_that_sleeps_until_they_are_removed_changes_nothing() {
    let stack = Stack::with(Sql::Sqlite, patient().on_one_redis()).await;
    let group = Group::new(&stack, 5).await;
    let outcome = sleeper(&stack, &group, async || {
        stack
            .store
            .change_role(group.own(), group.other, Role::Owner)
            .await
            .expect("handed over");
        stack
            .store
            .remove_member(group.others(), group.owner)
            .await
            .expect("removed");
    });
    assert!(matches!(outcome.await, Err(Error::NoChat)));
    assert_eq!(group.read(&stack).await[1].body, "text 1");
}

/// After a power cut, on a host whose clock is behind, ticks come again: another may have changed
/// the message, and made it the very rev that was read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_editor_that_sleeps_through_a_power_cut_writes_over_nothing() {
    let stack = Stack::with(Sql::Sqlite, patient().on_one_redis()).await;
    let group = Group::new(&stack, 5).await;
    let outcome = sleeper(&stack, &group, async || {
        let list = stack
            .redis
            .keys("chat:*:messages")
            .await
            .pop()
            .expect("a list");
        let other = async |at: &str| {
            let record = stack.redis.cli(&["LINDEX", &list, at]).await;
            let id = format!(r#"{{"id":{},"#, group.sent[1]);
            record.starts_with(&id).then(|| {
                record.replacen(
                    r#""kind":"text","#,
                    r#""kind":"text","subject":"of another history","#,
                    1,
                )
            })
        };
        for at in ["0", "1", "2", "3", "4", "5"] {
            if let Some(record) = other(at).await {
                assert!(record.contains("of another history"));
                assert_eq!(stack.redis.cli(&["LSET", &list, at, &record]).await, "OK");
                return;
            }
        }
        panic!("the message is in the list");
    });
    outcome.await.expect("edited");
    let message = &group.read(&stack).await[1];
    let both = ("of the sleeper", Some("of another history"));
    assert_eq!(
        (message.body.as_str(), message.subject.as_deref()),
        both,
        "both changes are there"
    );
}

on_both!(a_late_flush_takes_no_edit_back);
async fn a_late_flush_takes_no_edit_back(sql: Sql) {
    for old in [false, true] {
        let stack = Stack::with(
            sql,
            Options {
                lease: SECOND / 2,
                ..patient()
            }
            .on_one_redis(),
        )
        .await;
        let group = Group::new(&stack, 30).await;
        if old {
            // So that the message is older than the list, and kept only until it is saved.
            group.save(&stack).await;
            edit(&stack.store, group.own(), group.sent[1], "what is settled").await;
        }
        let proxy = Proxy::before(stack.redis.address()).await;
        let settle = proxy.rule_for(stack.sha(Verb::SettleChat), Fault::Stall, 0, 1);
        let sleeper = stack
            .start_flusher_with(stack.options.flusher(), &proxy.url())
            .await;
        settle.wait_fired(1).await;
        let edited = edit(
            &stack.store,
            group.own(),
            group.sent[1],
            "newer than what is settled",
        )
        .await;
        settle.release();
        eventually(
            60 * SECOND,
            "the message is saved as it is now",
            async || {
                stack
                    .cold
                    .message(group.chat, edited.id)
                    .await
                    .expect("SQL answers")
                    .map(|row| row.message)
                    .as_ref()
                    == Some(&edited)
            },
        )
        .await;
        assert_eq!(group.read(&stack).await[1], edited);
        stack.expire(group.chat).await;
        audit_sql(&stack, &[Ledger::new(group.chat, group.owner)]).await;
        assert_eq!(group.read(&stack).await[1], edited);
        sleeper.stop().await;
    }
}

/// The messages that a member is shown by what asks Redis with this script.
async fn seen_by(store: &Store, verb: Verb, own: Membership, id: Tick) -> Vec<Tick> {
    let (never, chat) = (Tick::NEVER, Some(own.chat));
    match verb {
        Verb::Message => store
            .message(own, id)
            .await
            .iter()
            .map(|message| message.id)
            .collect(),
        Verb::Unsaved => {
            let search = SearchQuery {
                terms: Terms::of(verb.name()).expect("a word"),
                chat,
                from: None,
                after: never,
                before: never,
            };
            store
                .search(own.user, &search, None, 5)
                .await
                .expect("a member finds")
                .hits
                .iter()
                .map(|hit| hit.message.id)
                .collect()
        }
        Verb::Page => {
            let page = store
                .page(own, never, Tick(id.0 - 1), 1)
                .await
                .expect("a member reads")
                .items;
            page.iter()
                .map(|json| {
                    serde_json::from_str::<Message>(json)
                        .expect("a message is JSON")
                        .id
                })
                .collect()
        }
        _ => {
            let begin = SyncCursor {
                since: Tick(1),
                resume: None,
            };
            let told = store
                .sync(own.user, begin, chat)
                .await
                .expect("a member is told")
                .changes;
            told.iter()
                .filter_map(|event| {
                    if let ServerEvent::MessageCreated(event) = event {
                        Some(event.message.id)
                    } else {
                        None
                    }
                })
                .collect()
        }
    }
}

/// Redis is asked first, SQL then: a message that leaves the one for the other in between is
/// in what SQL says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_leaves_redis_while_a_member_looks_is_seen() {
    let stack = Stack::with(Sql::Sqlite, patient().on_one_redis()).await;
    let group = Group::new(&stack, 0).await;
    let proxy = Proxy::before(stack.redis.address()).await;
    for verb in [Verb::Message, Verb::Unsaved, Verb::Page, Verb::Changes] {
        let id = say(&stack.store, group.chat, group.owner, verb.name(), None)
            .await
            .expect("sent");
        Ledger::new(group.chat, group.owner).talk(&stack, 12).await;
        let store = stack.open_store(&proxy.url()).await;
        let ask = proxy.rule_for(stack.sha(verb), Fault::Stall, 0, 1);
        let own = group.others();
        let looking = tokio::spawn(async move { seen_by(&store, verb, own, id).await });
        ask.wait_fired(1).await;
        group.save(&stack).await; // the newest ten stay
        ask.release();
        let seen = tokio::time::timeout(30 * SECOND, looking)
            .await
            .expect("in time")
            .expect("no panic");
        assert!(seen.contains(&id), "{}: {seen:?}", verb.name());
    }
}

on_both!(over_http_a_message_is_answered_changed_and_deleted);
async fn over_http_a_message_is_answered_changed_and_deleted(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (ann, bob, eve) = (
        api.register("ann").await,
        api.register("bob").await,
        api.register("eve").await,
    );
    let chat = ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let first = ann.send(&chat, "What is the time?").await.expect(201);
    let path = |message: &serde_json::Value| format!("/v1/chats/{chat}/messages/{}", message["id"]);
    let messages = format!("/v1/chats/{chat}/messages");

    let answer = bob
        .post(
            &messages,
            serde_json::json!({ "body": "Late", "reply_to": first["id"], "mentions": [ann.id] }),
        )
        .await
        .expect(201);
    assert_eq!(
        answer["reply_to"],
        serde_json::json!({
            "id": first["id"], "sender_id": ann.id, "preview": "What is the time?"
        })
    );
    assert_eq!(answer["mentions"], serde_json::json!([ann.id]));
    let bad = bob
        .post(&messages, serde_json::json!({ "body": "x", "reply_to": 7 }))
        .await
        .expect_problem(422, "invalid");
    assert_eq!(bad["errors"][0]["field"], "reply_to");
    let bad = bob
        .post(
            &messages,
            serde_json::json!({ "body": "x", "mentions": [eve.id] }),
        )
        .await
        .expect_problem(422, "invalid");
    assert_eq!(bad["errors"][0]["field"], "mentions");

    let changed = ann
        .patch(
            &path(&first),
            serde_json::json!({ "body": "What time is it?", "subject": "Time" }),
        )
        .await
        .expect(200);
    assert_eq!(
        (&changed["body"], &changed["subject"], &changed["seq"]),
        (&"What time is it?".into(), &"Time".into(), &first["seq"])
    );
    assert!(
        changed["edited_at"]
            .as_str()
            .is_some_and(|at| at.ends_with('Z'))
    );
    assert_eq!(bob.get(&path(&first)).await.expect(200), changed);
    let changed = ann
        .patch(&path(&first), serde_json::json!({ "subject": null }))
        .await
        .expect(200);
    assert!(changed.get("subject").is_none());
    ann.patch(&path(&first), serde_json::json!({ "body": null }))
        .await
        .expect_problem(422, "invalid");
    ann.patch(&path(&first), serde_json::json!({}))
        .await
        .expect_problem(422, "invalid");
    ann.patch(&path(&first), serde_json::json!({ "body": "" }))
        .await
        .expect_problem(422, "invalid");
    bob.patch(&path(&first), serde_json::json!({ "body": "mine" }))
        .await
        .expect_problem(403, "role_too_low");

    bob.delete(&format!("{}?for=everyone", path(&first)))
        .await
        .expect_problem(403, "role_too_low");
    ann.delete(&path(&first))
        .await
        .expect_problem(400, "malformed");
    eve.delete(&format!("{}?for=everyone", path(&first)))
        .await
        .expect_problem(404, "not_found");
    for _ in 0..2 {
        ann.delete(&format!("{}?for=everyone", path(&first)))
            .await
            .expect(204);
    }
    let gone = bob.get(&path(&first)).await.expect(200);
    assert_eq!(
        (&gone["deleted"], &gone["body"], &gone["seq"]),
        (&true.into(), &"".into(), &first["seq"])
    );
    ann.patch(&path(&first), serde_json::json!({ "body": "back" }))
        .await
        .expect_problem(404, "not_found");
    bob.post(
        &messages,
        serde_json::json!({ "body": "x", "reply_to": first["id"] }),
    )
    .await
    .expect_problem(422, "invalid");
    api.stop().await;
}
