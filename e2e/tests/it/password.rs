//! A new password: it holds at once, and ends every session but the one that set it.

use e2e::{Fault, Options, PASSWORD, Proxy, Sql, Stack, eventually, on_both};
use serde_json::json;
use std::time::Duration;

on_both!(a_new_password_ends_every_other_session);
async fn a_new_password_ends_every_other_session(sql: Sql) {
    let stack = Stack::start(sql).await;
    let api = stack.start_api().await;
    let ann = api.register("ann").await;
    let mut elsewhere = api.client();
    elsewhere.login("ann").await;
    let path = "/v1/users/me/password";
    let new = "another long password";
    let put = async |current: &str, new: &str| ann.put(path, json!({ "current_password": current, "new_password": new })).await;
    let wrong = put("not my password", new).await.expect_problem(422, "invalid");
    assert_eq!((&wrong["errors"][0]["field"], &wrong["errors"][0]["code"]), (&"current_password".into(), &"wrong".into()));
    let weak = put(PASSWORD, "password1").await.expect_problem(422, "invalid");
    assert_eq!(weak["errors"][0]["field"], "new_password");
    elsewhere.get("/v1/users/me").await.expect(200);

    put(PASSWORD, new).await.expect(204);
    ann.get("/v1/users/me").await.expect(200);
    elsewhere.get("/v1/users/me").await.expect_problem(401, "unauthorized");
    assert_eq!(ann.get("/v1/auth/sessions").await.expect(200)["items"].as_array().expect("items").len(), 1);
    let login = async |password: &str| api.client().post("/v1/auth/login", json!({ "login": "ann", "password": password })).await;
    login(PASSWORD).await.expect_problem(401, "wrong_login");
    login(new).await.expect(200);

    // The same once it is only in SQL.
    let flusher = stack.start_flusher().await;
    stack.store.revoke_others(ann.id.parse().map(model::UserId).expect("an id"), "").await.expect("no session is left");
    let away = async || stack.redis.keys(&format!("user:*{}*", ann.id)).await.is_empty();
    eventually(Duration::from_secs(10), "she has left Redis", away).await;
    login(PASSWORD).await.expect_problem(401, "wrong_login");
    login(new).await.expect(200);
    flusher.stop().await;
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_sleeps_while_the_password_is_changed_is_refused() {
    let stack = Stack::with(Sql::Sqlite, Options { command_timeout: Duration::from_secs(60), ..Options::default() }.on_one_redis()).await;
    stack.person("ann").await;
    let token = stack.store.login("ann", PASSWORD, "e2e").await.expect("she is in").token;
    let session = stack.store.authenticate(&token).await.expect("she is in");
    let proxy = Proxy::before(stack.redis.address()).await;
    let sleeper = stack.open_store(&proxy.url()).await;
    let open = proxy.rule_for(stack.sha(hot::Verb::OpenSession), Fault::Stall, 0, 1);
    let sleeping = tokio::spawn(async move { sleeper.login("ann", PASSWORD, "of whoever knew the old one").await });
    open.wait_fired(1).await;
    stack.store.change_password(&session, PASSWORD, "another long password").await.expect("changed");
    open.release();
    let late = tokio::time::timeout(Duration::from_secs(30), sleeping).await.expect("in time").expect("no panic");
    assert!(matches!(late, Err(store::Error::WrongPassword)), "{late:?}");
}
