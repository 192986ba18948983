//! An account is taken along, and erased with all that was its person's: hot, cold, and after a
//! crash in the middle.

use std::time::Duration;

use e2e::{Client, Options, PASSWORD, Sql, Stack, eventually, on_both, say};
use entity::{private_row, user};
use hot::Verb;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use store::{Error, Membership};

const SECOND: Duration = Duration::from_secs(1);

fn id_of(chat: &Value) -> String {
    chat["id"].as_str().expect("an id").to_owned()
}

/// The lines of an export, each with its type.
async fn export(who: &Client, query: &str) -> Vec<Value> {
    let answer = who.get(&format!("/v1/users/me/export?{query}")).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/x-ndjson"),
        "{}",
        answer.text
    );
    answer
        .text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect()
}

fn bodies(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .filter(|line| line["type"] == "message")
        .map(|line| line["message"]["body"].as_str().expect("a body"))
        .collect()
}

async fn erase(who: &Client) {
    who.post("/v1/users/me/erase", json!({ "password": "not mine" }))
        .await
        .expect_problem(422, "invalid");
    who.get("/v1/users/me").await.expect(200);
    let erased = who
        .post("/v1/users/me/erase", json!({ "password": PASSWORD }))
        .await;
    assert!(erased.header("set-cookie").contains("Max-Age=0"));
    erased.expect(204);
}

on_both!(what_is_mine_is_taken_along_to_the_last_line);
async fn what_is_mine_is_taken_along_to_the_last_line(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, bob, eve) = (
        api.register("ann").await,
        api.register("bob").await,
        api.register("eve").await,
    );
    let group = id_of(&ann.create_group("Friends", &["bob"]).await.expect(201));
    let direct = id_of(&ann.create_direct("bob").await.expect(201));
    let mut ids = Vec::new();
    for at in 0..120 {
        let who = if at % 3 == 0 { &ann } else { &bob };
        ids.push(
            who.send(&group, &at.to_string()).await.expect(201)["id"]
                .as_i64()
                .expect("an id"),
        );
    }
    ann.send(&direct, "hello").await.expect(201);
    ann.put(&format!("/v1/users/me/blocks/{}", eve.id), Value::Null)
        .await
        .expect(204);
    let mut mine: Vec<String> = vec!["hello".into()];
    mine.extend((0..120).filter(|at| at % 3 == 0).map(|at| at.to_string()));
    for _ in 0..2 {
        let lines = export(&ann, "").await;
        assert_eq!(
            (&lines[0]["type"], &lines[0]["account"]["email"]),
            (&"account".into(), &"ann@example.org".into())
        );
        assert_eq!(
            (&lines[1]["type"], &lines[1]["user"]["username"]),
            (&"block".into(), &"eve".into())
        );
        assert_eq!(
            lines.iter().filter(|line| line["type"] == "chat").count(),
            2
        );
        assert_eq!(bodies(&lines), mine, "what I wrote, and nothing else");
        assert_eq!(
            lines.last(),
            Some(&json!({ "type": "end", "messages": 41 }))
        );

        let lines = export(
            &ann,
            &format!("chat_id={group}&after={}&before={}", ids[9], ids[110]),
        )
        .await;
        assert_eq!(
            bodies(&lines),
            (10..110).map(|at| at.to_string()).collect::<Vec<_>>(),
            "all that I see of one chat"
        );
        assert_eq!(
            (
                &lines[0]["type"],
                &lines.last().expect("a line")["messages"]
            ),
            (&"chat".into(), &100.into())
        );
        stack
            .all_leave_and_return(&mut [("ann", &mut ann)], &[&group, &direct])
            .await;
    }
    eve.get(&format!("/v1/users/me/export?chat_id={group}"))
        .await
        .expect_problem(404, "not_found");
    ann.get("/v1/users/me/export?after=0")
        .await
        .expect_problem(400, "malformed");
    api.client()
        .get("/v1/users/me/export")
        .await
        .expect_problem(401, "unauthorized");
    api.stop().await;
}

on_both!(an_erased_account_leaves_only_its_messages);
async fn an_erased_account_leaves_only_its_messages(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (mut ann, mut bob, mut carl) = (
        api.register("ann").await,
        api.register("bob").await,
        api.register("carl").await,
    );
    ann.patch(
        "/v1/users/me",
        json!({ "display_name": "Annabel Secret", "bio": "very private" }),
    )
    .await
    .expect(200);
    let group = id_of(
        &ann.create_group("Friends", &["bob", "carl"])
            .await
            .expect(201),
    );
    ann.patch(
        &format!("/v1/chats/{group}/members/{}", carl.id),
        json!({ "role": "admin" }),
    )
    .await
    .expect(200);
    let alone = id_of(&ann.create_group("Alone", &[]).await.expect(201));
    let direct = id_of(&ann.create_direct("bob").await.expect(201));
    ann.send(&group, "to all").await.expect(201);
    ann.send(&alone, "to myself").await.expect(201);
    ann.send(&direct, "to bob").await.expect(201);
    ann.patch(
        &format!("/v1/chats/{group}/preferences"),
        json!({ "pinned": true }),
    )
    .await
    .expect(200);
    ann.put(&format!("/v1/users/me/blocks/{}", carl.id), Value::Null)
        .await
        .expect(204);
    let people = &mut [("ann", &mut ann), ("bob", &mut bob), ("carl", &mut carl)];
    stack
        .all_leave_and_return(people, &[&group, &alone, &direct])
        .await;
    let mut elsewhere = api.client();
    elsewhere.login("ann").await;
    erase(&ann).await;

    let gone = async |bob: &Client, carl: &Client| {
        for session in [&ann, &elsewhere] {
            session
                .get("/v1/users/me")
                .await
                .expect_problem(401, "unauthorized");
        }
        let login = api
            .client()
            .post(
                "/v1/auth/login",
                json!({ "login": "ann", "password": PASSWORD }),
            )
            .await;
        login.expect_problem(401, "wrong_login");
        bob.get(&format!("/v1/users/{}", ann.id))
            .await
            .expect_problem(404, "not_found");
        for query in ["query=ann", "query=", &format!("ids={}", ann.id)] {
            let found = bob.get(&format!("/v1/users?{query}")).await.expect(200);
            assert!(!found.to_string().contains(&ann.id), "{query}: {found}");
        }
        let members = bob.members(&group).await.expect(200);
        assert!(!members.to_string().contains(&ann.id));
        let owner = members["items"]
            .as_array()
            .expect("items")
            .iter()
            .find(|member| member["role"] == "owner")
            .expect("an owner");
        assert_eq!(
            owner["user_id"],
            carl.id.as_str(),
            "the oldest admin inherits"
        );
        let said = bob.history(&group, 50, true).await;
        assert_eq!(
            (&said[1]["body"], &said[1]["sender_id"]),
            (&"to all".into(), &ann.id.as_str().into()),
            "{said:?}"
        );
        let view = bob.chat(&direct).await.expect(200);
        assert_eq!(
            (view.get("peer"), &view["last_message"]["body"]),
            (None, &"to bob".into())
        );
        bob.send(&direct, "are you there?")
            .await
            .expect_problem(403, "not_accepted");
        bob.create_group("x", &[&ann.id])
            .await
            .expect_problem(422, "invalid");
    };
    gone(&bob, &carl).await;
    stack
        .all_leave_and_return(
            &mut [("bob", &mut bob), ("carl", &mut carl)],
            &[&group, &direct],
        )
        .await;
    let away = async || stack.redis.keys(&format!("*{}*", ann.id)).await.is_empty();
    let flusher = stack.start_flusher().await;
    eventually(60 * SECOND, "no key of hers is in Redis", away).await;
    flusher.stop().await;
    gone(&bob, &carl).await;

    let id: model::UserId = ann.id.parse().expect("an id");
    let row = user::Entity::find_by_id(id.0)
        .one(&stack.db)
        .await
        .expect("SQL answers")
        .expect("that she was");
    assert!(
        row.erased > 0
            && [
                row.username,
                row.email,
                row.display_name,
                row.bio,
                row.password,
                row.avatar
            ]
            .concat()
            .is_empty()
    );
    let kept = private_row::Entity::find()
        .filter(private_row::Column::UserId.eq(id.0))
        .filter(private_row::Column::Value.ne(""));
    assert_eq!(kept.count(&stack.db).await.expect("SQL answers"), 0);
    let alone = stack
        .cold
        .chat(alone.parse().expect("an id"))
        .await
        .expect("SQL answers")
        .expect("a row");
    assert!(alone.chat.deleted.happened());
    // Her names are free.
    let second = api.register("ann").await;
    assert_ne!(second.id, ann.id);
    let found = bob.get("/v1/users?query=ann").await.expect(200);
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1));
    api.stop().await;
}

on_both!(an_erasure_that_was_stopped_anywhere_is_finished_by_the_flusher);
async fn an_erasure_that_was_stopped_anywhere_is_finished_by_the_flusher(sql: Sql) {
    let quick = Options {
        flush_after: SECOND / 50,
        sweep: SECOND / 50,
        lease: SECOND / 4,
        ..Options::default()
    };
    let stack = Stack::with(sql, quick.stoppable()).await;
    let bob = stack.person("bob").await;
    let mut erased = Vec::new();
    for verb in [Verb::EraseUser, Verb::ChangeMember, Verb::Block] {
        let name = |step: usize| format!("{}{step}", verb.name().replace('_', ""));
        stack
            .at_each_step(
                verb,
                async |step| {
                    let entered = stack
                        .store
                        .login("bob", PASSWORD, "", "e2e")
                        .await
                        .expect("he is in");
                    let person = stack.person(&name(step)).await;
                    let group = model::ChatId::new();
                    stack
                        .store
                        .create_group(group, person, "Friends", &[bob])
                        .await
                        .expect("created");
                    let (direct, _) = stack.store.open_direct(person, bob).await.expect("opened");
                    say(&stack.store, group, person, "one", None)
                        .await
                        .expect("sent");
                    stack
                        .store
                        .change_preferences(
                            Membership {
                                chat: group,
                                user: person,
                            },
                            &store::PreferenceChange {
                                pinned: Some(true),
                                ..Default::default()
                            },
                        )
                        .await
                        .expect("pinned");
                    drop(entered);
                    let session = stack
                        .store
                        .login(&name(step), PASSWORD, "", "e2e")
                        .await
                        .expect("in");
                    (
                        person,
                        group,
                        direct,
                        stack.store.authenticate(&session.token).await.expect("in"),
                    )
                },
                async |(person, group, direct, session)| {
                    // Stopped or not; once it has begun, it is finished.
                    let outcome = stack.store.erase(&session, PASSWORD).await;
                    if stack
                        .store
                        .user(person)
                        .await
                        .expect("Redis answers")
                        .is_none()
                    {
                        erased.push((person, group, direct));
                    } else {
                        outcome.expect_err("not begun");
                    }
                },
            )
            .await;
    }
    assert!(erased.len() > 20, "{}", erased.len());
    let flusher = stack.start_flusher().await;
    for (person, group, direct) in erased {
        let own = Membership {
            chat: group,
            user: bob,
        };
        let inherits =
            async || stack.store.view(own).await.expect("he sees it").my.role == model::Role::Owner;
        eventually(60 * SECOND, "he inherits the group", inherits).await;
        let left = async || {
            stack
                .store
                .members(own)
                .await
                .expect("he sees them")
                .iter()
                .all(|member| member.user_id != person)
        };
        eventually(60 * SECOND, "the erased user has left", left).await;
        let refused = async || {
            matches!(
                say(&stack.store, direct, bob, "hello?", None).await,
                Err(Error::NotAccepted)
            )
        };
        eventually(60 * SECOND, "a text to an erased user is refused", refused).await;
        let gone = async || {
            stack
                .redis
                .keys(&format!("user:*{person}*"))
                .await
                .is_empty()
        };
        eventually(60 * SECOND, "they have left Redis", gone).await;
        let rows = stack.cold.private_rows(person).await.expect("SQL answers");
        assert!(rows.iter().all(|row| row.value.is_empty()), "{rows:?}");
        assert!(
            stack
                .cold
                .user(person)
                .await
                .expect("SQL answers")
                .expect("that they were")
                .erased
                .happened()
        );
    }
    flusher.stop().await;
}
