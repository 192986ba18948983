//! A store that goes back in time, to a snapshot, a backup or a replica that lagged: nobody is
//! shown the past, and nothing that either store has is lost.

use std::time::Duration;

use e2e::{
    Client, Fault, Options, PASSWORD, Process, Proxy, Server, Sql, Stack, back_up, eventually,
    on_both, process, restore,
};
use hot::{CommitMark, Hot, Kind, Scripts, SettleOutcome, Verb, partition_index};
use model::{ChatId, Tick, UserId};
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Value, json};
use store::{HotError, Standing};

const PATIENCE: Duration = Duration::from_secs(60);

fn quick() -> Options {
    let quick = Duration::from_millis(20);
    Options {
        flush_after: quick,
        sweep: quick,
        ..Options::default()
    }
}

async fn all_is_saved(stack: &Stack) {
    eventually(PATIENCE, "all is saved", async || {
        stack.redis.keys("*:dirty").await.is_empty()
    })
    .await;
}

/// Returns the status with which the API answers who asks for their own account.
async fn status(client: &Client) -> u16 {
    client.get("/v1/users/me").await.status
}

async fn change_password(client: &Client, new: &str) {
    let change = json!({ "current_password": PASSWORD, "new_password": new });
    client
        .put("/v1/users/me/password", change)
        .await
        .expect(200);
}

async fn try_login(base: &str, login: &str, password: &str) -> u16 {
    let login = json!({ "login": login, "password": password });
    Client::new(base).post("/v1/auth/login", login).await.status
}

fn bodies(history: &[Value]) -> Vec<(i64, &str)> {
    history
        .iter()
        .filter(|message| message["kind"] == "text")
        .map(|message| {
            let body = message["body"].as_str().expect("a body");
            (message["seq"].as_i64().expect("a seq"), body)
        })
        .collect()
}

on_both!(a_redis_of_the_past_shows_nothing_of_it);
async fn a_redis_of_the_past_shows_nothing_of_it(sql: Sql) {
    let stack = Stack::with(sql, quick().on_one_redis()).await;
    let (api, flusher) = (stack.start_api().await, stack.start_flusher().await);
    let (ann, mut bob, carl) = (
        api.register("ann").await,
        api.register("bob").await,
        api.register("carl").await,
    );
    let group = ann
        .create_group("Friends", &["bob", "carl"])
        .await
        .expect(201);
    let chat = group["id"].as_str().expect("an id");
    let first = ann.send(chat, "delete me").await.expect(201);
    all_is_saved(&stack).await;
    let past = stack.redis.past();

    for at in 0..5 {
        ann.send(chat, &format!("text {at}")).await.expect(201);
    }
    let message = format!("/v1/chats/{chat}/messages/{}?for=everyone", first["id"]);
    assert!(ann.delete(&message).await.status < 300);
    assert!(ann.remove_member(chat, &carl.id).await.status < 300);
    let stolen = bob.clone();
    bob.logout().await;
    bob.login("bob").await;
    change_password(&ann, "another long password").await;
    all_is_saved(&stack).await;
    let newest = bob.history(chat, 100, true).await;
    flusher.stop().await;
    stack.redis.go_back(&past).await;

    // Nobody is served before a flusher has been there, whoever asks, and however often.
    for client in [&stolen, &carl, &bob, &ann] {
        client
            .page(chat, "")
            .await
            .expect_problem(503, "store_behind");
    }
    assert_eq!(try_login(&api.url, "bob", PASSWORD).await, 503);
    api.client().get("/readyz").await.expect(503);
    let flusher = stack.start_flusher().await;
    eventually(PATIENCE, "the stores are in step", async || {
        let status = status(&stolen).await;
        assert_ne!(status, 200, "a session that was closed is back");
        status == 401
    })
    .await;
    // Sessions of the past have ended, and those of later ones are forgotten.
    for client in [&carl, &bob, &ann] {
        assert_eq!(status(client).await, 401);
    }
    assert_eq!(try_login(&api.url, "ann", PASSWORD).await, 401);
    assert_eq!(
        try_login(&api.url, "ann", "another long password").await,
        200
    );
    let mut carl = carl;
    carl.login("carl").await;
    carl.page(chat, "").await.expect_problem(404, "not_found");
    bob.login("bob").await;
    let mut expected = newest.clone();
    assert_eq!(bob.history(chat, 100, true).await, expected);
    let next = bob.send(chat, "after it").await.expect(201);
    let last = expected.last().expect("a message")["seq"].as_i64();
    assert_eq!(next["seq"].as_i64(), last.map(|seq| seq + 1));
    all_is_saved(&stack).await;
    expected.push(
        bob.history(chat, 100, true)
            .await
            .pop()
            .expect("the new one"),
    );
    assert_eq!(bob.history(chat, 100, false).await, expected);
    assert_eq!(expected.last().expect("a message")["id"], next["id"]);
    assert!(
        bodies(&expected)
            .iter()
            .all(|(_, body)| *body != "delete me")
    );
    flusher.stop().await;
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_redis_of_the_past_alone_has_is_saved() {
    let stack = Stack::with(Sql::Sqlite, quick().on_one_redis()).await;
    let api = stack.start_api().await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let (mut chats, mut sent) = (Vec::new(), Vec::new());
    for name in ["unsaved", "saved"] {
        let group = ann.create_group(name, &["bob"]).await.expect(201);
        chats.push(group["id"].as_str().expect("an id").to_owned());
    }
    let away = api.register("away").await;
    let flusher = stack.start_flusher().await;
    all_is_saved(&stack).await;
    flusher.stop().await;
    // One who is not at work has left, and has a session still.
    let id: model::UserId = model::UserId(away.id.parse().expect("an id"));
    let partition = id.partition();
    let row = format!("user:{{u{partition}}}:{id}");
    stack
        .redis
        .cli(&["DEL", &row, &format!("{row}:chats")])
        .await;
    let due = format!("due:{{u{partition}}}");
    assert_eq!(stack.redis.cli(&["ZREM", &due, &away.id]).await, "1");
    for at in 0..3 {
        sent.push(ann.send(&chats[0], &format!("text {at}")).await.expect(201)["id"].clone());
    }
    let past = stack.redis.past();
    // Only the other chat is saved before Redis goes back.
    ann.send(&chats[1], "later").await.expect(201);
    let id: model::ChatId = chats[0].parse().expect("an id");
    let due = format!("due:{{c{}}}", id.partition());
    stack
        .redis
        .cli(&["ZADD", &due, "9999999999999", &chats[0]])
        .await;
    let flusher = stack.start_flusher().await;
    let other: model::ChatId = chats[1].parse().expect("an id");
    stack.saved(other).await;
    flusher.stop().await;
    stack.redis.go_back(&past).await;
    eventually(PATIENCE, "it is seen", async || status(&ann).await == 503).await;

    let flusher = stack.start_flusher().await;
    eventually(PATIENCE, "they are in step", async || {
        status(&ann).await == 401
    })
    .await;
    assert_eq!(status(&away).await, 401);
    assert!(stack.redis.keys("chat:*").await.is_empty());
    assert!(stack.redis.keys("user:*").await.is_empty());
    let mut bob = bob;
    bob.login("bob").await;
    let ids = |history: Vec<Value>| -> Vec<Value> {
        let texts = history
            .into_iter()
            .filter(|message| message["kind"] == "text");
        texts.map(|message| message["id"].clone()).collect()
    };
    assert_eq!(ids(bob.history(&chats[0], 50, true).await), sent);
    assert_eq!(ids(bob.history(&chats[1], 50, true).await).len(), 1);
    flusher.stop().await;
    api.stop().await;
}

on_both!(an_sql_that_was_restored_is_refused_until_all_that_redis_has_is_saved_again);
async fn an_sql_that_was_restored_is_refused_until_all_that_redis_has_is_saved_again(sql: Sql) {
    let stack = Stack::with(sql, quick().on_one_redis()).await;
    let (api, flusher) = (stack.start_api().await, stack.start_flusher().await);
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let direct = ann.create_direct("bob").await.expect(201);
    let chat = direct["id"].as_str().expect("an id").to_owned();
    for at in 0..3 {
        ann.send(&chat, &format!("before {at}")).await.expect(201);
    }
    let group = ann.create_group("Friends", &["bob"]).await.expect(201);
    let group = group["id"].as_str().expect("an id").to_owned();
    all_is_saved(&stack).await;
    back_up(&stack.db).await.expect("a backup");
    // Once that is saved, Redis does not know that Bob was a member.
    assert!(ann.remove_member(&group, &bob.id).await.status < 300);
    for at in 0..20 {
        ann.send(&chat, &format!("after {at}")).await.expect(201);
    }
    let carl = api.register("carl").await;
    let block = format!("/v1/users/me/blocks/{}", carl.id);
    assert!(ann.put(&block, Value::Null).await.status < 300);
    all_is_saved(&stack).await;
    let newest = ann.history(&chat, 100, true).await;
    restore(&stack.db).await.expect("restored");

    // While the roles run, the next commit shows it.
    ann.send(&chat, "the last").await.expect(201);
    eventually(PATIENCE, "nobody is served", async || {
        ann.get("/v1/users/me").await.json["code"] == "store_behind"
    })
    .await;
    // None starts; and the doctor knows.
    let roles = ["api", "flusher"].map(|role| Process::new(role, &stack.env()));
    for role in &roles {
        role.start();
    }
    let doctor = Process::new("doctor", &stack.env());
    doctor.start();
    assert_ne!(doctor.wait().await, 0);
    let wrong = "WRONG in step: SQL is older than Redis";
    assert!(doctor.log().contains(wrong), "{}", doctor.log());
    for role in &roles {
        assert_ne!(role.wait().await, 0);
        let mend = "carrier doctor --sql-was-restored";
        assert!(role.log().contains(mend), "{}", role.log());
    }

    let doctor = Process::new("doctor --sql-was-restored", &stack.env());
    doctor.start();
    assert_eq!(doctor.wait().await, 0, "{}", doctor.log());
    eventually(PATIENCE, "they are served", async || {
        status(&ann).await == 200
    })
    .await;
    all_is_saved(&stack).await;
    let messages = entity::message::Entity::find().all(&stack.db).await;
    let messages = messages.expect("SQL answers").into_iter();
    let messages = messages.filter(|message| message.chat_id.to_string() == chat);
    assert_eq!(messages.count(), newest.len() + 1);
    let users = entity::user::Entity::find().all(&stack.db).await;
    assert_eq!(users.expect("SQL answers").len(), 3);
    let private = entity::private_row::Entity::find().all(&stack.db).await;
    assert_eq!(private.expect("SQL answers").len(), 1);
    let history = ann.history(&chat, 100, true).await;
    assert_eq!(history[..newest.len()], newest);
    assert!(doctor.log().contains("ended now: 1"), "{}", doctor.log());
    stack.expire(group.parse().expect("an id")).await;
    eventually(PATIENCE, "the group has left Redis", async || {
        stack.redis.keys(&format!("chat:*{group}")).await.is_empty()
    })
    .await;
    bob.page(&group, "").await.expect_problem(404, "not_found");
    let members = entity::member::Entity::find().all(&stack.db).await;
    let members = members.expect("SQL answers");
    let has_left = |member: &&entity::member::Model| member.left_at != 0;
    assert_eq!(members.iter().filter(has_left).count(), 1, "{members:?}");
    flusher.stop().await;
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_clean_does_not_leave_for_an_sql_that_was_restored() {
    let stack = Stack::with(Sql::Sqlite, quick()).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let flusher = stack.start_flusher().await;
    all_is_saved(&stack).await;
    back_up(&stack.db).await.expect("a backup");
    let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    all_is_saved(&stack).await;
    restore(&stack.db).await.expect("restored");
    stack.expire(chat).await;
    eventually(PATIENCE, "it is seen", async || {
        matches!(stack.store.standing(), Standing::SqlWentBack { .. })
    })
    .await;
    assert!(!stack.redis.keys(&format!("chat:*{chat}")).await.is_empty());
    flusher.abort().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settle_notes_what_sql_has_and_needs_a_redis_that_began_it() {
    let stack = Stack::with(Sql::Sqlite, quick()).await;
    let (ann, bob) = (stack.person("ann").await, stack.person("bob").await);
    let (chat, _) = stack.store.open_direct(ann, bob).await.expect("opened");
    let mark = |commit, saved| CommitMark {
        writer: "w",
        commit,
        saved,
    };
    let snapshot = async |mark| {
        let lease = Duration::from_secs(1);
        let snapshot = stack
            .hot
            .snapshot_chat(chat, 9, 999, Tick::LAST, lease, mark);
        snapshot.await.map(|found| found.expect("resident").rows)
    };
    let marks = async || {
        let marks = stack.hot.commit_marks().await.expect("Redis answers");
        let marks = &marks[partition_index((Kind::Chat, chat.partition()))];
        (
            marks.began.get("w").copied(),
            marks.settled.get("w").copied(),
        )
    };
    let rows = snapshot(mark(3, 0)).await.expect("a snapshot");
    assert_eq!(marks().await, (Some(3), None));
    let committed: Vec<_> = rows.into_iter().map(|row| (row.entry, row.rev)).collect();
    let settle = async |mark| {
        let soon = Duration::ZERO;
        stack
            .hot
            .settle_chat(chat, &committed, soon, mark, false)
            .await
    };
    // It has begun no fourth commit, so it is not the Redis whose rows are in SQL with it.
    assert!(matches!(settle(mark(4, 4)).await, Err(HotError::Forgot)));
    assert!(matches!(snapshot(mark(5, 4)).await, Err(HotError::Forgot)));
    assert_eq!(marks().await, (Some(3), None));
    let warm = settle(mark(3, 2)).await.expect("settled");
    assert_eq!(
        (warm, marks().await),
        (SettleOutcome::Warm, (Some(3), Some(2)))
    );
}

on_both!(a_flusher_goes_on_under_the_name_of_one_that_is_gone);
async fn a_flusher_goes_on_under_the_name_of_one_that_is_gone(sql: Sql) {
    let stack = Stack::with(sql, quick()).await;
    let writers = async || {
        let rows = entity::commit::Entity::find().all(&stack.db).await;
        rows.expect("SQL answers")
    };
    let mut number = 0;
    for name in ["ann", "bob", "carl"] {
        stack.person(name).await;
        let flusher = stack.start_flusher().await;
        all_is_saved(&stack).await;
        flusher.stop().await;
        let rows = writers().await;
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert!(rows[0].number > 0, "it counts");
        // A number that the one before may have begun is not used again.
        assert!(
            rows[0].number > number + 1000 || number == 0,
            "{rows:?} after {number}"
        );
        number = rows[0].number;
    }
    // Of two at once, each has a name of its own.
    let both = (stack.start_flusher().await, stack.start_flusher().await);
    assert_eq!(writers().await.len(), 2);
    // One whose name was taken over commits nothing under it, and takes another.
    let renamed = "UPDATE commits SET owner = 'another'";
    let renamed = stack.db.execute_unprepared(renamed).await;
    renamed.expect("SQL does it");
    let chat = stack
        .store
        .open_direct(stack.person("dan").await, stack.person("eve").await);
    let (chat, _) = chat.await.expect("opened");
    stack.saved(chat).await;
    all_is_saved(&stack).await;
    let rows = writers().await;
    assert!(rows.iter().any(|row| row.owner != "another"), "{rows:?}");
    both.0.stop().await;
    both.1.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_knows_of_no_mark_that_the_disk_of_redis_does_not_have() {
    let everysec = Options {
        redis: vec![("appendfsync", "everysec")],
        ..quick()
    };
    let stack = Stack::with(Sql::Sqlite, everysec.on_one_redis()).await;
    let marks = async || {
        let rows = entity::commit::Entity::find().all(&stack.db).await;
        let rows = rows.expect("SQL answers");
        let marks = rows
            .iter()
            .flat_map(|row| entity::commit::read_marks(&row.marks));
        (
            rows.iter().map(|row| row.number).sum::<i64>(),
            marks.max().unwrap_or(0),
        )
    };
    stack.person("ann").await;
    let flusher = stack.start_flusher().await;
    let first = eventually(PATIENCE, "a commit is counted", async || {
        Some(marks().await).filter(|(number, _)| *number > 0)
    })
    .await;
    assert_eq!(first.1, 0, "Redis may still forget that it was begun");
    // In time it is on disk, and SQL learns of it although nothing else is saved.
    eventually(PATIENCE, "SQL knows of the mark", async || {
        marks().await.1 > 0
    })
    .await;
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_a_cluster_that_went_back_alone_is_brought_up_to_date_alone() {
    let options = Options {
        cluster: Some(3),
        ..quick()
    };
    let stack = Stack::with(Sql::Sqlite, options).await;
    let (api, flusher) = (stack.start_api().await, stack.start_flusher().await);
    let mut people = Vec::new();
    for at in 0..12 {
        people.push(api.register(&format!("user{at}")).await);
    }
    all_is_saved(&stack).await;
    let past = stack.redis.past();
    for person in &people {
        let profile = json!({ "display_name": "Later" });
        assert!(person.patch("/v1/users/me", profile).await.status < 300);
    }
    all_is_saved(&stack).await;

    // The first primary, with its replica: they have no other.
    for at in [0, 3] {
        stack.redis.nodes[at].kill9();
        past[at].restore();
    }
    stack.redis.restart().await;
    let statuses = eventually(PATIENCE, "all are answered", async || {
        let mut statuses = Vec::new();
        for person in &people {
            let answer = person.get("/v1/users/me").await;
            if answer.status == 200 {
                assert_eq!(answer.json["display_name"], "Later");
            }
            statuses.push(answer.status);
        }
        let seen = statuses.contains(&401) && !statuses.contains(&503);
        Some(statuses).filter(|_| seen)
    })
    .await;
    assert!(statuses.contains(&200), "{statuses:?}");
    flusher.stop().await;
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_without_a_file_is_refused_unless_the_loss_is_accepted() {
    let options = Options {
        redis: vec![("appendonly", "no")],
        server: Server::Redis,
        ..quick()
    };
    let stack = Stack::with(Sql::Sqlite, options.on_one_redis()).await;
    let refused = Process::new("api", &stack.env());
    refused.start();
    assert_ne!(refused.wait().await, 0);
    for mend in ["CONFIG SET appendonly yes", "CARRIER_ACCEPT=loss"] {
        assert!(refused.log().contains(mend), "{}", refused.log());
    }
    let mut env = stack.env();
    env.push(("CARRIER_ACCEPT".to_owned(), "loss".to_owned()));
    let flusher = process("flusher", &env).await;
    assert_eq!(flusher.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_is_sent_whole_runs_only_in_the_redis_that_was_compared() {
    let stack = Stack::with(Sql::Sqlite, quick().on_one_redis()).await;
    // Nobody else loads scripts of these names.
    let options = hot::Options {
        scripts: Scripts::altered(|_, source| source + "-- of this test\n"),
        ..stack.hot.options().clone()
    };
    let hot = Hot::connect(options).await.expect("Redis answers");
    hot.put_up_fence();
    // It reads, so that a replica does not refuse it.
    let read = async |proven: &str| {
        let answer = async {
            hot.question().await;
            hot.answer(hot.questions(), Some(proven.to_owned()));
        };
        let read = hot.roster(ChatId::new());
        tokio::join!(read, answer).0
    };
    let beyond = async |proven: &str| hot.beyond_fence(proven).roster(ChatId::new()).await;
    let identity = async || hot.identity().await.expect("Redis answers");
    let old = identity().await;
    assert!(read(&old).await.is_ok());
    assert!(beyond(&old).await.is_ok());
    let other = old.replace("run_id:", "run_id:0");
    let is_refused = async |proven: &str| {
        assert!(matches!(read(proven).await, Err(HotError::Unproven)));
        assert!(matches!(beyond(proven).await, Err(HotError::Unproven)));
    };
    is_refused(&other).await;
    let replica_of = async |host: &str, port: &str| {
        let answer = stack.redis.cli(&["REPLICAOF", host, port]).await;
        assert_eq!(answer, "OK");
    };
    replica_of("127.0.0.1", "1").await;
    is_refused(&old).await;
    replica_of("NO", "ONE").await;
    is_refused(&old).await;
    assert!(read(&identity().await).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_met_anew_is_compared_although_it_knows_the_scripts() {
    let stack = Stack::with(Sql::Sqlite, quick().on_one_redis()).await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let options = hot::Options {
        url: proxy.url(),
        ..stack.hot.options().clone()
    };
    let hot = Hot::connect(options).await.expect("Redis answers");
    hot.put_up_fence();
    let read = || hot.roster(ChatId::new());
    assert!(read().await.is_ok(), "it was compared at the start");

    // It may have been a replica while nobody was connected to it.
    proxy.cut();
    eventually(PATIENCE, "the connection is new", async || {
        matches!(read().await, Err(HotError::Unproven))
    })
    .await;
    stack.load_scripts().await;
    assert!(matches!(read().await, Err(HotError::Unproven)));
    let answer = async || {
        let identity = hot.identity().await.expect("Redis answers");
        hot.answer(hot.questions(), Some(identity));
    };
    answer().await;
    assert!(read().await.is_ok());

    // It may be promoted again, and not with all that it had.
    let replica_of = async |host: &str, port: &str| {
        let answer = stack.redis.cli(&["REPLICAOF", host, port]).await;
        assert_eq!(answer, "OK");
    };
    replica_of("127.0.0.1", "1").await;
    let user = UserId::new();
    let written = hot.heartbeat(user, UserId::new(), PATIENCE).await;
    assert!(written.is_err(), "a replica takes no writes");
    replica_of("NO", "ONE").await;
    stack.load_scripts().await;
    assert!(matches!(read().await, Err(HotError::Unproven)));
}

/// A group of Ann's, and whether Carl is among its members.
async fn has_carl(ann: &Client, chat: &str, carl: &str) -> bool {
    let members = ann.get(&format!("/v1/chats/{chat}/members")).await;
    let members = members.expect(200);
    let members = members["items"].as_array().expect("members");
    members.iter().any(|member| member["user_id"] == carl)
}

on_both!(what_redis_lost_between_two_steps_is_done_again);
async fn what_redis_lost_between_two_steps_is_done_again(sql: Sql) {
    // Nothing is saved meanwhile, or Redis would be older than SQL.
    let options = Options {
        flush_after: PATIENCE,
        ..Options::default()
    };
    let stack = Stack::with(sql, options.on_one_redis()).await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let flusher = stack.start_flusher().await;
    let api = process("api", &stack.env_through(&proxy.url())).await;
    let ann = Client::register(api.url(), "ann").await;
    let carl = Client::register(api.url(), "carl").await;
    let group = ann.create_group("Friends", &[]).await.expect(201);
    let chat = group["id"].as_str().expect("an id");
    // Redis goes back to before the first step, or to before the second.
    for (who, comes, keeps) in [
        (&ann, true, false),
        (&ann, false, false),
        (&ann, true, true),
        (&ann, false, true),
        (&ann, true, false),
        (&carl, false, true),
    ] {
        // The member's own list is the second step.
        let before = stack.redis.past();
        let second = proxy.rule(stack.sha(Verb::Enlist), Fault::Stall);
        let change = async {
            match comes {
                true => who.add_member(chat, &carl.id).await,
                false => who.remove_member(chat, &carl.id).await,
            }
        };
        let power_cut = async {
            second.wait_fired(1).await;
            let past = match keeps {
                true => stack.redis.past(),
                false => before,
            };
            stack.redis.go_back(&past).await;
            second.release();
        };
        let (answer, ()) = tokio::join!(change, power_cut);
        assert!(answer.status < 300, "{}: {}", answer.status, answer.json);
        assert_eq!(has_carl(&ann, chat, &carl.id).await, comes);
        let listed = carl.get("/v1/chats").await.expect(200);
        assert_eq!(
            listed["items"].as_array().map(Vec::len),
            Some(usize::from(comes))
        );
    }
    api.stop().await;
    flusher.stop().await;
}

on_both!(a_name_whose_claim_redis_lost_is_claimed_again);
async fn a_name_whose_claim_redis_lost_is_claimed_again(sql: Sql) {
    let options = Options {
        flush_after: PATIENCE,
        ..Options::default()
    };
    let stack = Stack::with(sql, options.on_one_redis()).await;
    let proxy = Proxy::before(stack.redis.address()).await;
    let flusher = stack.start_flusher().await;
    let api = process("api", &stack.env_through(&proxy.url())).await;
    // The address is claimed after the username.
    let claim = proxy.rule_for("\r\nNX\r\n", Fault::Stall, 1, 1);
    let change = proxy.rule(stack.sha(Verb::ChangeUser), Fault::Stall);
    let register = async |username: &str| {
        let account = json!({
            "username": username, "email": "ann@example.org", "display_name": "Ann",
            "password": PASSWORD,
        });
        Client::new(api.url())
            .post("/v1/auth/register", account)
            .await
    };
    let power_cut = async {
        claim.wait_fired(1).await;
        let past = stack.redis.past();
        claim.release();
        change.wait_fired(1).await;
        stack.redis.go_back(&past).await;
        change.release();
    };
    let (answer, ()) = tokio::join!(register("ann"), power_cut);
    answer.expect(201);
    let taken = register("bob").await;
    assert_eq!(taken.status, 409, "{}", taken.json);
    api.stop().await;
    flusher.stop().await;
}
