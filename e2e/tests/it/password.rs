//! A new password: it holds at once, and ends every session but the one that set it.

use e2e::{Fault, Options, PASSWORD, Proxy, Sql, Stack, eventually, on_both};
use serde_json::json;
use std::time::Duration;

use crate::calls::sha256;

on_both!(a_new_password_ends_every_other_session);
async fn a_new_password_ends_every_other_session(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let mut ann = api.register("ann").await;
    let mut elsewhere = api.client();
    elsewhere.login("ann").await;
    let new = "another long password";
    let wrong = ann
        .change_password("not my password", new)
        .await
        .expect_problem(422, "invalid");
    assert_eq!(
        (&wrong["errors"][0]["field"], &wrong["errors"][0]["code"]),
        (&"current_password".into(), &"wrong".into())
    );
    let weak = ann
        .change_password(PASSWORD, "password1")
        .await
        .expect_problem(422, "invalid");
    assert_eq!(weak["errors"][0]["field"], "new_password");
    elsewhere.get("/v1/users/me").await.expect(200);

    let before = ann.clone();
    ann.change_password(PASSWORD, new).await.expect(200);
    before
        .get("/v1/users/me")
        .await
        .expect_problem(401, "unauthorized");
    ann.get("/v1/users/me").await.expect(200);
    elsewhere
        .get("/v1/users/me")
        .await
        .expect_problem(401, "unauthorized");
    assert_eq!(
        ann.get("/v1/auth/sessions").await.expect(200)["items"]
            .as_array()
            .expect("items")
            .len(),
        1
    );
    let login = async |password: &str| {
        api.client()
            .post(
                "/v1/auth/login",
                json!({ "login": "ann", "password": password }),
            )
            .await
    };
    login(PASSWORD).await.expect_problem(401, "wrong_login");
    login(new).await.expect(200);

    // The same once it is only in SQL.
    let flusher = stack.start_flusher().await;
    stack
        .store
        .revoke_others(ann.id.parse().map(model::UserId).expect("an id"), "")
        .await
        .expect("no session is left");
    let away = async || {
        stack
            .redis
            .keys(&format!("user:*{}*", ann.id))
            .await
            .is_empty()
    };
    eventually(Duration::from_secs(60), "she has left Redis", away).await;
    login(PASSWORD).await.expect_problem(401, "wrong_login");
    login(new).await.expect(200);
    flusher.stop().await;
    api.stop().await;
}

on_both!(a_password_is_one_on_every_keyboard);
async fn a_password_is_one_on_every_keyboard(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let (composed, decomposed) = (
        "Z\u{fc}rcher \u{c4}pfel",
        "Zu\u{308}rcher\u{a0}A\u{308}pfel",
    );
    let login = async |name: &str, password: &str| {
        let body = json!({ "login": name, "password": password });
        api.client().post("/v1/auth/login", body).await
    };
    for (name, set, others) in [("ann", composed, decomposed), ("bob", decomposed, composed)] {
        let body = json!({
            "username": name, "email": format!("{name}@example.org"), "password": set,
        });
        api.client()
            .post("/v1/auth/register", body)
            .await
            .expect(201);
        for typed in [set, others] {
            login(name, typed).await.expect(200);
        }
        let without = "Zurcher Apfel";
        login(name, without)
            .await
            .expect_problem(401, "wrong_login");
        // Also where it is asked for once more.
        let token = login(name, set).await.expect(200)["token"].clone();
        let token = format!("Bearer {}", token.as_str().expect("a token"));
        let client = api.client().with_header("authorization", &token);
        let change = json!({ "current_password": others, "new_password": "a new Stra\u{df}e 7" });
        client
            .put("/v1/users/me/password", change)
            .await
            .expect(200);
        login(name, set).await.expect_problem(401, "wrong_login");
    }
    let four = "e\u{301}".repeat(4);
    for (bad, code) in [("tab\tand\u{1b}more", "characters"), (&four, "length")] {
        let body = json!({ "username": "eve", "email": "eve@example.org", "password": bad });
        let refused = api.client().post("/v1/auth/register", body).await;
        let refused = refused.expect_problem(422, "invalid");
        assert_eq!(refused["errors"][0]["code"], code, "{bad:?}");
    }
    api.stop().await;
}

on_both!(an_account_whose_password_was_hashed_as_it_was_typed_still_opens);
async fn an_account_whose_password_was_hashed_as_it_was_typed_still_opens(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let ann = api.register("ann").await;
    let decomposed = "Zu\u{308}rcher A\u{308}pfel";
    let change = hot::UserChange {
        password: Some(sha256(decomposed.as_bytes())),
        ..hot::UserChange::default()
    };
    let id = ann.id.parse().map(model::UserId).expect("an id");
    stack.store.change_user(id, change).await.expect("changed");
    let login = async |password: &str| {
        let body = json!({ "login": "ann", "password": password });
        api.client().post("/v1/auth/login", body).await
    };
    login("Zurcher Apfel")
        .await
        .expect_problem(401, "wrong_login");
    login(decomposed).await.expect(200);
    // It has been hashed in its form by now.
    login("Z\u{fc}rcher \u{c4}pfel").await.expect(200);
    login(decomposed).await.expect(200);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_sleeps_while_the_password_is_changed_is_refused() {
    let stack = Stack::with(
        Sql::Sqlite,
        Options {
            command_timeout: Duration::from_secs(60),
            ..Options::default()
        }
        .on_one_redis(),
    )
    .await;
    stack.person("ann").await;
    let token = stack
        .store
        .login("ann", PASSWORD, "e2e", "e2e")
        .await
        .expect("she is in")
        .token;
    let session = stack.store.authenticate(&token).await.expect("she is in");
    let proxy = Proxy::before(stack.redis.address()).await;
    let sleeper = stack.open_store(&proxy.url()).await;
    let open = proxy.rule_for(stack.sha(hot::Verb::OpenSession), Fault::Stall, 0, 1);
    let sleeping = tokio::spawn(async move {
        sleeper
            .login("ann", PASSWORD, "with the old password", "e2e")
            .await
    });
    open.wait_fired(1).await;
    stack
        .store
        .change_credentials(
            &session,
            PASSWORD,
            Some("another long password"),
            Default::default(),
        )
        .await
        .expect("changed");
    open.release();
    let late = tokio::time::timeout(Duration::from_secs(30), sleeping)
        .await
        .expect("in time")
        .expect("no panic");
    assert!(
        matches!(late, Err(store::Error::WrongLogin { .. })),
        "{late:?}"
    );
}
