//! Unique names, and chats that are unique by construction: renamed, swapped, created twice; while
//! old work sleeps.

use std::{sync::Arc, time::Duration};

use e2e::{
    Api, Client, Fault, Ledger, Options, PASSWORD, Proxy, Rule, Sql, Stack, audit, audit_sql,
    eventually, on_both, say,
};
use entity::user;
use futures_util::future::{join, join_all};
use hot::Verb;
use model::{ChatId, Name, NameKind, UserId};
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::json;
use store::{Error, Membership, Store, UserChange};
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

/// Returns the id of the user who logs in by this name, or `None` on a 401.
async fn who(api: &Api, login: &str) -> Option<String> {
    let answer = api
        .client()
        .post(
            "/v1/auth/login",
            json!({ "login": login, "password": PASSWORD }),
        )
        .await;
    if answer.status == 401 {
        return None;
    }
    let answer = answer.expect(200);
    let mut client = api.client();
    client.token = answer["token"].as_str().map(str::to_owned);
    client.logout().await;
    answer["user"]["id"].as_str().map(str::to_owned)
}

async fn rename(client: &mut Client, username: &str) {
    let me = client
        .change_names(json!({ "username": username }))
        .await
        .expect(200);
    assert_eq!(
        (&me["id"], &me["username"]),
        (&json!(client.id), &json!(username))
    );
}

/// Waits until nothing of any user is unsaved, with a flusher that is there only for it.
async fn save(stack: &Stack) {
    let flusher = stack.start_flusher().await;
    saved(stack).await;
    flusher.stop().await;
}

async fn saved(stack: &Stack) {
    eventually(30 * SECOND, "all users are saved", async || {
        stack.redis.keys("user:*:dirty").await.is_empty()
    })
    .await;
}

/// Waits until these users have left Redis.
async fn gone(stack: &Stack, users: &[&Client]) {
    for user in users {
        user.logout().await;
    }
    // A login that is still to be warmed up would bring them back.
    stack.redis.cli(&["DEL", "hydrate"]).await;
    let flusher = stack.start_flusher().await;
    for user in users {
        let left = async || {
            stack
                .redis
                .keys(&format!("user:*{}*", user.id))
                .await
                .is_empty()
        };
        eventually(30 * SECOND, "a user has left Redis", left).await;
    }
    flusher.stop().await;
}

/// Returns the username of a user as SQL has it.
async fn in_sql(stack: &Stack, user: UserId) -> String {
    user::Entity::find_by_id(user.0)
        .one(&stack.db)
        .await
        .expect("SQL answers")
        .expect("a user who is saved")
        .username
}

on_both!(two_people_swap_usernames_within_one_flush);
async fn two_people_swap_usernames_within_one_flush(sql: Sql) {
    swap(sql, false).await;
}

on_both!(two_people_swap_usernames_from_flush_to_flush);
async fn two_people_swap_usernames_from_flush_to_flush(sql: Sql) {
    swap(sql, true).await;
}

async fn swap(sql: Sql, saved_between: bool) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob) = (api.register("ann").await, api.register("bob").await);
    save(&stack).await;
    for (is_ann, name) in [(true, "Between"), (false, "Ann"), (true, "bob")] {
        let person = if is_ann { &mut ann } else { &mut bob };
        rename(person, name).await;
        assert_eq!(
            who(&api, name).await.as_ref(),
            Some(&person.id),
            "a new name holds at once"
        );
        if saved_between {
            save(&stack).await;
            assert_eq!(
                who(&api, name).await.as_ref(),
                Some(&person.id),
                "and once it is saved"
            );
        }
    }
    swapped(&api, &ann, &bob).await;
    save(&stack).await;
    assert!(
        stack.redis.keys("claim:*").await.is_empty(),
        "what is saved needs no claim"
    );
    swapped(&api, &ann, &bob).await;
    for (person, name) in [(&ann, "bob"), (&bob, "Ann")] {
        assert_eq!(
            person.get("/v1/users/me").await.expect(200)["username"],
            name,
            "a session goes on"
        );
        assert_eq!(
            in_sql(&stack, UserId(person.id.parse().expect("an id"))).await,
            name
        );
    }
    gone(&stack, &[&ann, &bob]).await;
    swapped(&api, &ann, &bob).await;
    api.stop().await;
}

/// Asserts that Ann and Bob have swapped their names, in any spelling.
async fn swapped(api: &Api, ann: &Client, bob: &Client) {
    for (login, person) in [
        ("ann", bob),
        ("ANN", bob),
        ("bob", ann),
        ("Bob", ann),
        ("ann@example.org", ann),
        ("Bob@Example.org", bob),
    ] {
        assert_eq!(who(api, login).await.as_ref(), Some(&person.id), "{login}");
    }
    assert_eq!(who(api, "between").await, None);
}

on_both!(a_name_is_anothers_until_they_give_it_up);
async fn a_name_is_anothers_until_they_give_it_up(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob) = (api.register("Ann").await, api.register("bob").await);
    let ann_id = ann.id.clone();
    let taken = async |bob: &mut Client| {
        for name in ["ann", "ANN"] {
            bob.change_names(json!({ "username": name }))
                .await
                .expect_problem(409, "username_taken");
            let other =
                json!({ "username": name, "email": "other@example.org", "password": PASSWORD });
            api.client()
                .post("/v1/auth/register", other)
                .await
                .expect_problem(409, "username_taken");
        }
        bob.change_names(json!({ "email": "ANN@example.org" }))
            .await
            .expect_problem(409, "email_taken");
        assert_eq!(who(&api, "ann").await.as_ref(), Some(&ann_id));
    };
    taken(&mut bob).await; // by a claim
    save(&stack).await;
    taken(&mut bob).await; // by SQL
    ann.change_names(json!({ "username": "aNN", "bio": "once" }))
        .await
        .expect(200);
    assert_eq!(
        ann.patch("/v1/users/me", json!({ "bio": null }))
            .await
            .expect(200)
            .get("bio")
            .and_then(|bio| bio.as_str())
            .unwrap_or_default(),
        ""
    );
    ann.patch("/v1/users/me", json!({ "username": null }))
        .await
        .expect_problem(422, "invalid");
    taken(&mut bob).await; // another case is the same name
    save(&stack).await;

    // Given up, it is free at once: SQL still has it, Ann's own row does not.
    rename(&mut ann, "anna").await;
    assert_eq!(who(&api, "ann").await, None);
    rename(&mut bob, "ann").await;
    assert_eq!(who(&api, "ann").await.as_ref(), Some(&bob.id));
    ann.change_names(json!({ "username": "ann" }))
        .await
        .expect_problem(409, "username_taken");
    save(&stack).await;
    gone(&stack, &[&ann, &bob]).await;
    assert_eq!(who(&api, "ann").await.as_ref(), Some(&bob.id));
    assert_eq!(who(&api, "anna").await.as_ref(), Some(&ann.id));
    assert_eq!(who(&api, "bob").await, None);
    api.stop().await;
}

on_both!(of_many_who_want_a_name_at_once_one_gets_it);
async fn of_many_who_want_a_name_at_once_one_gets_it(sql: Sql) {
    let stack = Stack::start(sql).await;
    let people = join_all(["ann", "bob", "carl", "dora"].map(|name| stack.person(name))).await;
    let flusher = stack.start_flusher().await; // it saves and releases while they race
    for round in 0..8 {
        let name = format!("name{round}");
        let stores = join_all(
            people
                .iter()
                .map(|_| async { stack.open_store(&stack.redis.url()).await }),
        )
        .await;
        let outcomes = join_all(
            people
                .iter()
                .zip(&stores)
                .map(|(person, store)| take(store, *person, &name)),
        )
        .await;
        let winners: Vec<_> = people
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| outcome.is_ok())
            .map(|(person, _)| *person)
            .collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        assert!(
            outcomes
                .iter()
                .all(|outcome| matches!(outcome, Ok(()) | Err(Error::Taken(NameKind::Username)))),
            "{outcomes:?}"
        );
        assert_eq!(find(&stack, &name).await, Some(winners[0]));
        saved(&stack).await;
        assert_eq!(find(&stack, &name).await, Some(winners[0]));
        assert_eq!(in_sql(&stack, winners[0]).await, name);
    }
    flusher.stop().await;
}

async fn take(store: &Store, me: UserId, username: &str) -> store::Result<()> {
    store
        .change_user(
            me,
            UserChange {
                username: Some(username.into()),
                ..UserChange::default()
            },
        )
        .await
        .map(drop)
}

async fn find(stack: &Stack, username: &str) -> Option<UserId> {
    stack
        .store
        .find(&Name::new(NameKind::Username, username))
        .await
        .expect("both answer")
        .map(|user| user.id)
}

on_both!(a_flush_that_sleeps_before_its_commit_leaves_a_name_to_its_new_owner);
async fn a_flush_that_sleeps_before_its_commit_leaves_a_name_to_its_new_owner(sql: Sql) {
    passed_on(sql, false, |stack, proxy| {
        proxy.rule_for(stack.sha(Verb::SnapshotUser), Fault::StallReply, 0, 1)
    })
    .await;
}

on_both!(a_flush_that_sleeps_until_a_name_is_saved_for_its_new_owner_leaves_it_to_them);
async fn a_flush_that_sleeps_until_a_name_is_saved_for_its_new_owner_leaves_it_to_them(sql: Sql) {
    passed_on(sql, true, |stack, proxy| {
        proxy.rule_for(stack.sha(Verb::SnapshotUser), Fault::StallReply, 0, 1)
    })
    .await;
}

on_both!(a_flush_that_sleeps_after_its_commit_leaves_a_name_to_its_new_owner);
async fn a_flush_that_sleeps_after_its_commit_leaves_a_name_to_its_new_owner(sql: Sql) {
    passed_on(sql, false, |_, proxy| {
        proxy.rule_for("claim:{n", Fault::Stall, 0, 1)
    })
    .await;
}

on_both!(a_flush_that_sleeps_before_releasing_a_claim_leaves_the_name_to_its_new_owner);
async fn a_flush_that_sleeps_before_releasing_a_claim_leaves_the_name_to_its_new_owner(sql: Sql) {
    passed_on(sql, false, |stack, proxy| {
        proxy.rule_for(stack.sha(Verb::Swap), Fault::Stall, 0, 1)
    })
    .await;
}

on_both!(a_flush_that_sleeps_before_it_settles_leaves_a_name_to_its_new_owner);
async fn a_flush_that_sleeps_before_it_settles_leaves_a_name_to_its_new_owner(sql: Sql) {
    passed_on(sql, false, |stack, proxy| {
        proxy.rule_for(stack.sha(Verb::SettleUser), Fault::Stall, 0, 1)
    })
    .await;
}

/// Ann's name is saved by one flusher and given up, and Bob takes it (and is `saved` too), all
/// while another flusher is in the midst of saving it for Ann.
async fn passed_on(sql: Sql, saved: bool, stall: impl FnOnce(&Stack, &Proxy) -> Arc<Rule>) {
    let options = Options {
        lease: Duration::from_millis(300),
        command_timeout: 60 * SECOND,
        ..Options::default()
    };
    let stack = Stack::with(sql, options.on_one_redis()).await;
    let (bob, carl) = (stack.person("bob").await, stack.person("carl").await);
    save(&stack).await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let sleep = stall(&stack, &proxy);
    let ann = stack.person("ann").await;
    let sleeper = stack
        .start_flusher_with(stack.options.flusher(), &proxy.url())
        .await;
    sleep.wait_fired(1).await;

    save(&stack).await; // by another, once the sleeper's lease is over
    assert!(stack.redis.keys("claim:*").await.is_empty());
    take(&stack.store, ann, "anna").await.expect("free");
    take(&stack.store, bob, "ann")
        .await
        .expect("Ann has given it up");
    let claim = stack.redis.keys("claim:*:username:ann").await.remove(0);
    if saved {
        save(&stack).await;
    }

    // The sleeper ends what it was at, and begins nothing new.
    join(sleeper.stop(), async { sleep.release() }).await;
    let held = stack.redis.cli(&["GET", &claim]).await;
    assert!(
        saved || held.starts_with(&bob.to_string()),
        "Bob's row is not saved yet, so the claim is his: {held:?}"
    );
    let owned = async || {
        assert_eq!(find(&stack, "ann").await, Some(bob));
        assert_eq!(find(&stack, "anna").await, Some(ann));
        assert_eq!(find(&stack, "bob").await, None);
        for name in ["Ann", "anna"] {
            assert!(
                matches!(
                    take(&stack.store, carl, name).await,
                    Err(Error::Taken(NameKind::Username))
                ),
                "{name}"
            );
        }
    };
    owned().await;
    save(&stack).await;
    assert!(stack.redis.keys("claim:*").await.is_empty());
    owned().await;
    for (user, name) in [(ann, "anna"), (bob, "ann"), (carl, "carl")] {
        assert_eq!(in_sql(&stack, user).await, name);
    }
}

/// Returns a record that ends with a time, with the time put back by a minute and more.
fn aged(record: &str, minute: i64) -> String {
    let (what, since) = record.rsplit_once(' ').expect("a time at its end");
    format!(
        "{what} {}",
        since.parse::<i64>().expect("a time") - minute - minute / 10
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_is_taken_over_when_it_is_old_and_nobody_stands_by_it() {
    let stack = Stack::with(
        Sql::Sqlite,
        Options {
            command_timeout: 60 * SECOND,
            ..Options::default()
        }
        .on_one_redis(),
    )
    .await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let proxy = Proxy::before(stack.redis.address()).await;
    let sleeper = stack.open_store(&proxy.url()).await;
    let change = proxy.rule_for(stack.sha(Verb::ChangeUser), Fault::Stall, 0, 1);
    let sleeping = tokio::spawn(async move { take(&sleeper, ann, "zoe").await });
    change.wait_fired(1).await;

    let claim = stack.redis.keys("claim:*:username:zoe").await.remove(0);
    let age_claim = async || {
        stack
            .redis
            .cli(&[
                "SET",
                &claim,
                &aged(&stack.redis.cli(&["GET", &claim]).await, 60_000_000),
            ])
            .await
    };
    let is_taken =
        |outcome: store::Result<()>| matches!(outcome, Err(Error::Taken(NameKind::Username)));
    age_claim().await;
    assert!(
        is_taken(take(&stack.store, bob, "zoe").await),
        "Ann has wanted it for a moment, whatever her API's clock says"
    );
    let row = format!("user:{{u{}}}:{ann}", ann.partition());
    let want = stack.redis.cli(&["HGET", &row, "want_username"]).await;
    stack
        .redis
        .cli(&["HSET", &row, "want_username", &aged(&want, 60_000)])
        .await;
    take(&stack.store, bob, "zoe")
        .await
        .expect("Ann has wanted it for too long");
    change.release();
    assert!(
        is_taken(
            timeout(30 * SECOND, sleeping)
                .await
                .expect("in time")
                .expect("no panic")
        ),
        "it is Bob's by now"
    );
    assert_eq!(
        (find(&stack, "zoe").await, find(&stack, "ann").await),
        (Some(bob), Some(ann))
    );

    age_claim().await;
    assert!(
        is_taken(take(&stack.store, ann, "zoe").await),
        "Bob uses it, although SQL does not know yet"
    );
    assert_eq!(find(&stack, "zoe").await, Some(bob));
}

/// Says so much, and lets the chat be saved and leave.
async fn talk_and_leave(stack: &Stack, ledger: &mut Ledger, texts: usize) {
    for _ in 0..texts {
        let body = format!("text {}", ledger.sent.len());
        ledger.sent.push((
            say(&stack.store, ledger.chat, ledger.reader, &body, None)
                .await
                .expect("sent"),
            body,
        ));
    }
    stack.leave(ledger.chat).await;
}

on_both!(a_creation_that_is_repeated_after_its_chat_has_left_finds_it_as_it_is);
async fn a_creation_that_is_repeated_after_its_chat_has_left_finds_it_as_it_is(sql: Sql) {
    let stack = Stack::start(sql).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let group = ChatId::new();
    assert!(
        stack
            .store
            .create_group(group, ann, "Friends", &[bob])
            .await
            .expect("created")
    );
    let (direct, new) = stack.store.open_direct(ann, bob).await.expect("opened");
    assert!(new);
    let mut ledgers = [Ledger::new(group, ann), Ledger::new(direct, bob)];
    for ledger in &mut ledgers {
        talk_and_leave(&stack, ledger, 60).await;
    }
    for _ in 0..2 {
        assert!(
            !stack
                .store
                .create_group(group, ann, "Another name", &[bob])
                .await
                .expect("found")
        );
        assert_eq!(
            stack.store.open_direct(bob, ann).await.expect("found"),
            (direct, false)
        );
    }
    audit(&stack, &ledgers).await;
    assert_eq!(
        stack
            .store
            .view(Membership {
                chat: group,
                user: bob
            })
            .await
            .expect("a chat")
            .name
            .as_deref(),
        Some("Friends")
    );
    listed_once(&stack, &[ann, bob], &[group, direct]).await;
    for ledger in &mut ledgers {
        talk_and_leave(&stack, ledger, 5).await;
    }
    audit_sql(&stack, &ledgers).await;
}

on_both!(a_creation_that_sleeps_until_its_chat_has_come_and_gone_overwrites_nothing);
async fn a_creation_that_sleeps_until_its_chat_has_come_and_gone_overwrites_nothing(sql: Sql) {
    let stack = Stack::with(
        sql,
        Options {
            hydrate_lease: SECOND,
            command_timeout: 60 * SECOND,
            ..Options::default()
        }
        .on_one_redis(),
    )
    .await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let proxy = Proxy::before(stack.redis.address()).await;
    let store = stack.open_store(&proxy.url()).await;
    let load = proxy.rule_for(stack.sha(Verb::LoadChat), Fault::Stall, 0, 1);
    let sleeping = tokio::spawn(async move { store.open_direct(bob, ann).await });
    load.wait_fired(1).await;

    let (chat, new) = stack
        .store
        .open_direct(ann, bob)
        .await
        .expect("opened, once the sleeper's time is up");
    assert!(new);
    let mut ledgers = [Ledger::new(chat, bob)];
    talk_and_leave(&stack, &mut ledgers[0], 60).await;
    load.release();
    let late = timeout(30 * SECOND, sleeping)
        .await
        .expect("in time")
        .expect("no panic")
        .expect("found");
    assert_eq!(late, (chat, false));
    audit(&stack, &ledgers).await;
    listed_once(&stack, &[ann, bob], &[chat]).await;
    talk_and_leave(&stack, &mut ledgers[0], 5).await;
    audit_sql(&stack, &ledgers).await;
}

on_both!(a_direct_chat_that_both_open_at_once_is_one_chat);
async fn a_direct_chat_that_both_open_at_once_is_one_chat(sql: Sql) {
    let stack = Stack::start(sql).await;
    let ann = stack.person("ann").await;
    let stores = [
        stack.open_store(&stack.redis.url()).await,
        stack.open_store(&stack.redis.url()).await,
    ];
    let flusher = stack.start_flusher().await;
    let (mut chats, mut ledgers) = (Vec::new(), Vec::new());
    for at in 0..5 {
        let peer = stack.person(&format!("peer{at}")).await;
        let opening = (0..8).map(|turn| {
            let (me, other) = if turn % 2 == 0 {
                (ann, peer)
            } else {
                (peer, ann)
            };
            let store = &stores[turn % 2];
            async move {
                let (chat, new) = store.open_direct(me, other).await.expect("opened");
                let body = format!("text {turn}");
                (
                    chat,
                    new,
                    (say(store, chat, me, &body, None).await.expect("sent"), body),
                )
            }
        });
        let opened = join_all(opening).await;
        let chat = opened[0].0;
        assert!(
            opened.iter().all(|(other, ..)| *other == chat),
            "it is one chat"
        );
        assert_eq!(
            opened.iter().filter(|(_, new, _)| *new).count(),
            1,
            "and made once"
        );
        chats.push(chat);
        ledgers.push(Ledger {
            chat,
            reader: peer,
            sent: opened.into_iter().map(|(.., sent)| sent).collect(),
        });
        listed_once(&stack, &[ann], &chats).await;
        listed_once(&stack, &[peer], &[chat]).await;
    }
    audit(&stack, &ledgers).await;
    for chat in chats {
        stack.expire(chat).await;
    }
    audit_sql(&stack, &ledgers).await;
    flusher.stop().await;
}

/// Each of these people has these chats in their list, once, and no other.
async fn listed_once(stack: &Stack, people: &[UserId], chats: &[ChatId]) {
    for person in people {
        let (views, _) = stack
            .store
            .list(*person, store::ChatFilter::default(), None, 100)
            .await
            .expect("a list");
        let (mut listed, mut all): (Vec<_>, _) =
            (views.iter().map(|view| view.id).collect(), chats.to_vec());
        listed.sort();
        all.sort();
        assert_eq!(listed, all);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_a_name_up_may_have_it_back_at_once() {
    let stack = Stack::start(Sql::Sqlite).await;
    let ann = stack.person("ann").await;
    for name in ["anna", "ann", "anna"] {
        let taken = take(&stack.store, ann, name).await;
        taken.expect("nobody else has it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_take_over_an_old_claim_one_gets_it() {
    let patient = Options {
        command_timeout: 60 * SECOND,
        ..Options::default()
    };
    let stack = Stack::with(Sql::Sqlite, patient.on_one_redis()).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let cleo = stack.person("cleo").await;
    for name in ["zoe", "anna"] {
        let taken = take(&stack.store, ann, name).await;
        taken.expect("nobody else has it");
    }
    // As if Ann's API had died before it wrote down that she has it.
    let row = format!("user:{{u{}}}:{ann}", ann.partition());
    stack.redis.cli(&["HDEL", &row, "claims"]).await;
    let claim = stack.redis.keys("claim:*:username:zoe").await.remove(0);
    let old = aged(&stack.redis.cli(&["GET", &claim]).await, 60_000_000);
    stack.redis.cli(&["SET", &claim, &old]).await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let sleeper = stack.open_store(&proxy.url()).await;
    let swap = proxy.rule_for(stack.sha(Verb::Swap), Fault::Stall, 0, 1);
    let sleeping = tokio::spawn(async move { take(&sleeper, bob, "zoe").await });
    swap.wait_fired(1).await;
    let taken = take(&stack.store, cleo, "zoe").await;
    taken.expect("Ann does not stand by her claim");
    swap.release();
    let late = timeout(30 * SECOND, sleeping).await.expect("in time");
    let late = late.expect("no panic");
    assert!(matches!(late, Err(Error::Taken(_))), "{late:?}");
    assert_eq!(find(&stack, "zoe").await, Some(cleo));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_was_not_given_is_free() {
    let stack = Stack::start(Sql::Sqlite).await;
    stack.person("ann").await;
    save(&stack).await;
    let claims = async || stack.redis.keys("claim:*").await;
    let released = async || claims().await.is_empty();
    eventually(30 * SECOND, "SQL has all names", released).await;
    let register = async |name: &str, email: &str| {
        let made = stack
            .store
            .register(name, email, name, PASSWORD, "e2e", "e2e");
        made.await.map(drop)
    };
    let email = register("zoe", "ann@example.org").await;
    let username = register("ann", "zoe@example.org").await;
    for (outcome, kind) in [(email, NameKind::Email), (username, NameKind::Username)] {
        assert!(
            matches!(outcome, Err(Error::Taken(of)) if of == kind),
            "{kind:?}"
        );
    }
    let run = async |sql: &str| stack.db.execute_unprepared(sql).await.expect("done");
    run("ALTER TABLE users RENAME TO away").await;
    let unknown = register("zoe", "zoe@example.org").await;
    assert!(matches!(unknown, Err(Error::Cold(_))), "{unknown:?}");
    run("ALTER TABLE away RENAME TO users").await;
    assert_eq!(claims().await, Vec::<String>::new());
    let made = register("zoe", "zoe@example.org").await;
    made.expect("both names are free");
}
