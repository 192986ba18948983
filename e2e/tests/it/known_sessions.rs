//! An API knows the sessions that it has seen, and asks Redis for them no more: until they end,
//! wherever that is, or until it may not hear of it.

use std::time::Duration;

use e2e::{Api, Client, PASSWORD, Sql, Stack, eventually};
use hot::UserChange;
use model::{Token, UserId};
use serde_json::json;
use tokio::time::Instant;

/// Far less than the time for which a session is known whose end is not heard.
const SOON: Duration = Duration::from_secs(10);

/// Uses a session until no script is run for it any more.
async fn becomes_known(stack: &Stack, client: &Client) {
    eventually(SOON, "the session is known", async || {
        let before = stack.scripts_run().await;
        client.get("/v1/users/me").await.expect(200);
        stack.scripts_run().await == before
    })
    .await;
}

async fn is_refused(client: &Client, why: &str) {
    // What of an erased account is shown depends on the session alone.
    let refused = async || client.get("/v1/auth/sessions").await.status == 401;
    eventually(SOON, why, refused).await;
}

async fn another(api: &Api, login: &str) -> Client {
    let mut client = api.client();
    client.login(login).await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_at_one_api_is_refused_there_at_once_and_soon_at_another() {
    let stack = Stack::start(Sql::Sqlite).await;
    let (here, there) = (stack.start_api().await, stack.start_api().await);
    let mut ann = here.register("ann").await;
    let known = async |client: &Client| {
        let elsewhere = client.at(&there.url);
        becomes_known(&stack, client).await;
        becomes_known(&stack, &elsewhere).await;
        elsewhere
    };
    let refused_here = async |client: &Client| {
        let here = client.get("/v1/users/me").await;
        here.expect_problem(401, "unauthorized");
    };

    let phone = another(&here, "ann").await;
    let elsewhere = known(&phone).await;
    phone.logout().await;
    refused_here(&phone).await;
    is_refused(&elsewhere, "it was logged out").await;

    let phone = another(&here, "ann").await;
    let elsewhere = known(&phone).await;
    let sessions = ann.get("/v1/auth/sessions").await.expect(200);
    let sessions = sessions["items"].as_array().expect("some");
    let other = sessions.iter().find(|one| one["current"] != true);
    let id = other.expect("the phone")["id"].as_str().expect("an id");
    let ended = ann.delete(&format!("/v1/auth/sessions/{id}")).await;
    ended.expect(204);
    refused_here(&phone).await;
    is_refused(&elsewhere, "it was ended").await;

    // Whoever changes a password, or erases an account, may die before they end the sessions.
    let phone = another(&here, "ann").await;
    let elsewhere = known(&phone).await;
    let user = UserId(ann.id.parse().expect("an id"));
    let change = UserChange {
        ends_sessions: true,
        ..UserChange::default()
    };
    let changed = stack.hot.change_user(user, &change, None).await;
    let changed = changed.expect("Redis answers").expect("resident");
    assert!(matches!(changed, hot::UserChanged::Done(_)), "{changed:?}");
    is_refused(&elsewhere, "the password was changed by one who died").await;
    let bob = here.register("bob").await;
    let elsewhere = known(&bob).await;
    let erased = stack.hot.erase_user(UserId(bob.id.parse().expect("an id")));
    erased.await.expect("Redis answers").expect("resident");
    is_refused(&elsewhere, "it was erased by one who died").await;

    ann.login("ann").await;
    let phone = another(&here, "ann").await;
    let elsewhere = [known(&phone).await, known(&ann).await];
    let changed = ann.change_password(PASSWORD, "another-tugboat-8").await;
    changed.expect(200);
    refused_here(&phone).await;
    for client in &elsewhere {
        is_refused(client, "the password was changed").await;
    }

    let elsewhere = known(&ann).await;
    let account = stack.store.user(user).await.expect("read").expect("ann");
    for at in 0..hot::MAX_SESSIONS {
        let token = Token::new(user, [at as u8; 32]);
        let rev = account.password_rev;
        let opened = stack.hot.open_session(user, &token, "e2e", rev, None);
        let opened = opened.await.expect("Redis answers").expect("resident");
        assert!(opened.is_some());
    }
    is_refused(&elsewhere, "a hundred others were opened").await;

    let carl = here.register("carl").await;
    let elsewhere = known(&carl).await;
    let body = json!({ "password": PASSWORD });
    carl.post("/v1/users/me/erase", body).await.expect(204);
    refused_here(&carl).await;
    is_refused(&elsewhere, "its account was erased").await;
    there.stop().await;
    here.stop().await;
}

/// Nobody listens for this store, so it hears of nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_forgets_the_sessions_that_it_ends_without_being_told() {
    let stack = Stack::start(Sql::Sqlite).await;
    let store = &stack.store;
    store.hear_all();
    let is_known = |token: &Token| {
        store.prove_hearing(Instant::now());
        store.admit_known(&token.hash(), None).is_some()
    };
    let known = async |token: &Token| {
        let (partition, hash) = (token.partition(), token.hash());
        let admitted = store.admit(partition, &hash, None, None).await;
        assert!(is_known(token));
        admitted.expect("she is in").session
    };
    let email = "ann@example.org";
    let ann = store.register("ann", email, "Ann", PASSWORD, "e2e", "e2e");
    let ann = ann.await.expect("registered");
    let login = async |password| {
        let entered = store.login("ann", password, "e2e", "e2e").await;
        entered.expect("she is in").token
    };

    let phone = login(PASSWORD).await;
    known(&phone).await;
    let user = ann.user.id;
    store.logout(user, &phone.hash()).await.expect("logged out");
    assert!(!is_known(&phone), "it was logged out");

    known(&ann.token).await;
    for at in 1..hot::MAX_SESSIONS {
        let token = Token::new(user, [at as u8; 32]);
        let opened = stack
            .hot
            .open_session(user, &token, "e2e", ann.user.password_rev, None);
        let opened = opened.await.expect("Redis answers").expect("resident");
        assert_eq!(opened.expect("her password").ended, Vec::<String>::new());
    }
    assert!(is_known(&ann.token));
    let phone = login(PASSWORD).await;
    assert!(!is_known(&ann.token), "it was the oldest of too many");

    let session = known(&phone).await;
    let new = "another-tugboat-8";
    let changed = store.change_credentials(&session, PASSWORD, Some(new), Default::default());
    let entered = changed.await.expect("changed");
    assert!(!is_known(&phone), "the password was changed");

    let session = known(&entered.token).await;
    store.erase(&session, new).await.expect("erased");
    assert!(!is_known(&entered.token), "the account was erased");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_of_a_limit_is_used_up_although_redis_is_asked() {
    let stack = Stack::start(Sql::Sqlite).await;
    let store = &stack.store;
    store.hear_all();
    let email = "ann@example.org";
    let ann = store.register("ann", email, "Ann", PASSWORD, "e2e", "e2e");
    let token = ann.await.expect("registered").token;
    let rate = store::Rate {
        most: 60,
        period: Duration::from_secs(36_000),
    };
    for left in (50..60).rev() {
        let limit = Some(("search", rate));
        let (partition, hash) = (token.partition(), token.hash());
        let admitted = store.admit(partition, &hash, limit, None).await;
        let verdict = admitted.expect("she is in").verdict;
        assert_eq!(verdict.map(|verdict| verdict.left), Some(left));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_asked_for_again_when_its_end_may_not_have_been_heard() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let ann = api.register("ann").await;
    becomes_known(&stack, &ann).await;
    let user = UserId(ann.id.parse().expect("an id"));
    let token: Token = ann.token.as_deref().expect("one").parse().expect("a token");
    let session = format!("session:{{u{}}}:{}", user.partition(), token.hash());
    stack.redis.cli(&["DEL", &session]).await;
    ann.get("/v1/users/me").await.expect(200); // that it ended was not published
    let allow = async |what| stack.redis.cli(&["ACL", "SETUSER", "default", what]).await;
    allow("-ssubscribe").await;
    stack.redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    is_refused(&ann, "it is asked for").await;
    allow("+ssubscribe").await;
    let ann = another(&api, "ann").await;
    becomes_known(&stack, &ann).await;
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_a_session_that_is_known_is_one_script() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack
        .start_api_with(api::Config::default(), &stack.redis.url())
        .await;
    let ann = api.register("ann").await;
    let chat = ann.create_group("Alone", &[]).await.expect(201);
    let chat = chat["id"].as_str().expect("an id");
    becomes_known(&stack, &ann).await;
    let before = stack.scripts_run().await;
    for at in 0..100 {
        let sent = ann.send(chat, &format!("text {at}")).await;
        let header = sent.header("ratelimit");
        let left = header.split_once("\"send\";r=").expect("the limit").1;
        let left: usize = left.split(';').next().expect("one").parse().expect("it");
        assert!((599 - at..600).contains(&left), "{at}: {left}");
        sent.expect(201);
    }
    let all = stack.scripts_run().await - before;
    assert!((100..125).contains(&all), "{all} scripts for 100 messages");
    api.stop().await;
}
