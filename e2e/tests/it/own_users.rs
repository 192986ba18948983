//! Users of another product: its backend makes them with a key, opens sessions for them and acts in
//! their names.

use std::{process::Output, time::Duration};

use e2e::{Api, Client, Listener, Process, Sql, Stack, Wire, eventually, on_both};
use futures_util::future::join_all;
use model::{ApiKey, Scope};
use reqwest::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

/// A server with an API, and its backend.
struct Product {
    stack: Stack,
    api: Api,
    key: ApiKey,
}

impl Product {
    async fn new(sql: Sql) -> Self {
        let stack = Stack::start(sql).await;
        let api = stack.start_api().await;
        let made = stack.store.create_key("backend", &Scope::ALL).await;
        let key = made.expect("a key");
        Self { stack, api, key }
    }

    /// Returns the backend, which asks for itself.
    fn backend(&self) -> Client {
        with_key(&self.api, self.key.reveal())
    }

    /// Returns the backend in the name of a user.
    fn acting_for(&self, user: &str) -> Client {
        let mut client = self.api.client().with_header("carrier-user", user);
        client.token = Some(self.key.reveal().to_owned());
        client
    }

    /// Makes a user.
    async fn user(&self, id: &str) -> Value {
        let path = format!("/v1/admin/users/{id}");
        self.backend().put(&path, json!({})).await.expect(201)
    }

    /// Opens a session for a user.
    async fn session(&self, id: &str) -> Client {
        let path = format!("/v1/admin/users/{id}/tokens");
        let opened = self.backend().post(&path, json!({})).await.expect(201);
        let mut client = self.api.client();
        client.token = opened["token"].as_str().map(str::to_owned);
        client.id = opened["user"]["id"].as_str().expect("an id").to_owned();
        client
    }
}

fn with_key(api: &Api, key: &str) -> Client {
    let mut client = api.client();
    client.token = Some(key.to_owned());
    client
}

/// Waits until a user and all that is theirs is in SQL alone.
async fn leaves(product: &Product, user: &str) {
    let flusher = product.stack.start_flusher().await;
    let gone = async || {
        let left = product.stack.redis.keys(&format!("user:*{user}")).await;
        left.is_empty()
    };
    eventually(SOON, "the user has left Redis", gone).await;
    flusher.stop().await;
}

on_both!(a_product_makes_its_users_without_addresses_or_passwords);
async fn a_product_makes_its_users_without_addresses_or_passwords(sql: Sql) {
    let product = Product::new(sql).await;
    let backend = product.backend();
    let path = "/v1/admin/users/auth0%7C42";
    let made = backend.put(path, json!({ "display_name": "Ann" })).await;
    let made = made.expect(201);
    assert_eq!(
        (&made["external_id"], &made["display_name"]),
        (&json!("auth0|42"), &json!("Ann"))
    );
    assert!(made["email"].is_null() && made["disabled_at"].is_null());
    // The same again changes nothing; another profile changes what it says.
    let again = backend.put(path, json!({ "display_name": "Ann" })).await;
    assert_eq!(again.expect(200), made);
    let change = json!({ "bio": "here", "email": "ann@example.org", "username": "ann" });
    let changed = backend.put(path, change).await.expect(200);
    assert_eq!(
        (&changed["id"], &changed["display_name"], &changed["bio"]),
        (&made["id"], &json!("Ann"), &json!("here"))
    );
    assert_eq!(
        (&changed["email"], &changed["username"]),
        (&json!("ann@example.org"), &json!("ann"))
    );
    let cleared = backend.put(path, json!({ "email": "" })).await.expect(200);
    assert!(cleared["email"].is_null());
    // Ids are told by case, and names are those of one user.
    let other = product.user("AUTH0%7C42").await;
    assert_ne!(other["id"], made["id"]);
    backend
        .put("/v1/admin/users/AUTH0%7C42", json!({ "username": "ANN" }))
        .await
        .expect_problem(409, "username_taken");
    // Nobody logs in to an account without a password.
    for password in ["", "password", "tugboat-salad-7"] {
        let login = json!({ "login": "ann", "password": password });
        let refused = product.api.client().post("/v1/auth/login", login).await;
        refused.expect_problem(401, "wrong_login");
    }
    // All of it is the same when it comes from SQL.
    let id = made["id"].as_str().expect("an id");
    leaves(&product, id).await;
    let shown = backend.get(path).await.expect(200);
    assert_eq!(shown, cleared);
    let again = backend.put(path, json!({ "bio": "there" })).await;
    assert_eq!(again.expect(200)["id"], made["id"]);
    let missing = backend.get("/v1/admin/users/nobody").await;
    missing.expect_problem(404, "not_found");
}

on_both!(an_id_is_that_of_one_user_however_many_make_them_at_once);
async fn an_id_is_that_of_one_user_however_many_make_them_at_once(sql: Sql) {
    let product = Product::new(sql).await;
    let backend = product.backend();
    let all = (0..20).map(|_| backend.put("/v1/admin/users/42", json!({})));
    let answers = join_all(all).await;
    let ids: Vec<Value> = answers
        .into_iter()
        .map(|answer| {
            assert!([200, 201].contains(&answer.status), "{answer:?}");
            answer.json["id"].clone()
        })
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let list = json!({ "items": [
        { "external_id": "42", "profile": { "display_name": "Deep" } },
        { "external_id": "43", "profile": { "username": "x" } },
        { "external_id": "4 4" },
        { "external_id": "45" },
    ] });
    let done = backend.post("/v1/admin/users", list).await.expect(200);
    let items = done["items"].as_array().expect("items");
    assert_eq!(items[0]["user"]["id"], ids[0]);
    assert_eq!(items[0]["user"]["display_name"], "Deep");
    let field = |at: usize| &items[at]["problem"]["errors"][0]["field"];
    assert_eq!(
        (field(1), field(2)),
        (&json!("username"), &json!("external_id"))
    );
    assert_eq!(items[3]["user"]["external_id"], "45");
    backend
        .get("/v1/admin/users/43")
        .await
        .expect_problem(404, "not_found");
    let item = |id: usize| json!({ "external_id": id.to_string() });
    for wrong in [
        json!([]),
        json!([item(1), item(1)]),
        (0..101).map(item).collect(),
    ] {
        let refused = backend
            .post("/v1/admin/users", json!({ "items": wrong }))
            .await;
        refused.expect_problem(422, "invalid");
    }
}

on_both!(a_session_that_a_backend_opens_ends_when_it_says);
async fn a_session_that_a_backend_opens_ends_when_it_says(sql: Sql) {
    let product = Product::new(sql).await;
    let backend = product.backend();
    product.user("ann").await;
    product.user("bob").await;
    let (ann, bob) = (product.session("ann").await, product.session("bob").await);
    let chat = ann.create_direct(&bob.id).await.expect(201);
    let chat = chat["id"].as_str().expect("an id");
    ann.send(chat, "hello").await.expect(201);
    let page = bob.page(chat, "").await.expect(200);
    assert_eq!(page["items"][0]["body"], "hello");

    for wrong in [0, 59, 2_592_001] {
        let body = json!({ "expires_in": wrong });
        let refused = backend.post("/v1/admin/users/ann/tokens", body).await;
        let problem = refused.expect_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "expires_in");
    }
    // However it is used, it ends after its time.
    let body = json!({ "expires_in": 60, "device": "phone" });
    let path = "/v1/admin/users/ann/tokens";
    let short = backend.post(path, body).await.expect(201);
    let mut short_lived = ann.clone();
    short_lived.token = short["token"].as_str().map(str::to_owned);
    let sessions = short_lived.get("/v1/auth/sessions").await.expect(200);
    let own = sessions["items"].as_array().expect("items").iter();
    let own = own.filter(|session| session["current"] == true);
    let own: Vec<_> = own.collect();
    assert_eq!(own[0]["device"], "phone");
    assert_eq!(own[0]["expires_at"], short["expires_at"]);
    let token: model::Token = short["token"]
        .as_str()
        .expect("a token")
        .parse()
        .expect("one");
    let key = format!("session:{{u{}}}:{}", token.partition(), token.hash());
    let redis = &product.stack.redis;
    let user = short_lived.id.parse().expect("an id");
    let ends: i64 = redis
        .cli(&["PEXPIRETIME", &key])
        .await
        .trim()
        .parse()
        .expect("ms");
    let hot = &product.stack.hot;
    hot.touch_session(user, &token.hash())
        .await
        .expect("touched");
    let after = redis.cli(&["PEXPIRETIME", &key]).await;
    assert_eq!(after.trim().parse(), Ok(ends));
    redis.cli(&["PEXPIREAT", &key, "1"]).await;
    // That one does not know the session from before.
    let elsewhere = product.stack.start_api().await;
    let there = short_lived.at(elsewhere.url.clone());
    let refused = there.get("/v1/users/me").await;
    refused.expect_problem(401, "unauthorized");
}

on_both!(who_is_disabled_is_out_at_once_and_comes_back_with_all_they_had);
async fn who_is_disabled_is_out_at_once_and_comes_back_with_all_they_had(sql: Sql) {
    let product = Product::new(sql).await;
    let (backend, path) = (product.backend(), "/v1/admin/users/ann");
    product.user("ann").await;
    product.user("bob").await;
    let (ann, bob) = (product.session("ann").await, product.session("bob").await);
    let chat = ann.create_direct(&bob.id).await.expect(201);
    let chat = chat["id"].as_str().expect("an id").to_owned();
    ann.send(&chat, "hello").await.expect(201);
    let mut listener = Listener::connect(&ann, Wire::Socket, "").await;
    let switch = format!("{path}/disabled");
    for _ in 0..2 {
        let off = backend.put(&switch, json!(null)).await.expect(200);
        assert!(off["disabled_at"].is_string());
    }
    listener.expect("session.revoked").await;
    assert!(listener.next().await.is_none(), "the connection is closed");
    let refused = ann.get("/v1/users/me").await;
    refused.expect_problem(401, "unauthorized");
    let token = backend.post(&format!("{path}/tokens"), json!({})).await;
    token.expect_problem(403, "account_disabled");
    let acting = product.acting_for("ann").get("/v1/chats").await;
    acting.expect_problem(403, "account_disabled");
    leaves(&product, &ann.id).await;
    let token = backend.post(&format!("{path}/tokens"), json!({})).await;
    token.expect_problem(403, "account_disabled");
    let on = backend.delete(&switch).await.expect(200);
    assert!(on["disabled_at"].is_null());
    let again = product.session("ann").await;
    let page = again.page(&chat, "").await.expect(200);
    assert_eq!(page["items"][0]["body"], "hello");

    backend.delete(path).await.expect(204);
    let refused = again.get("/v1/users/me").await;
    refused.expect_problem(401, "unauthorized");
    backend.get(path).await.expect_problem(404, "not_found");
    // The id is free, and means another user from now on.
    let other = product.user("ann").await;
    assert_ne!(other["id"], json!(ann.id));
    product.session("ann").await;
}

on_both!(a_key_does_what_its_scopes_say_in_the_name_of_a_user);
async fn a_key_does_what_its_scopes_say_in_the_name_of_a_user(sql: Sql) {
    let product = Product::new(sql).await;
    product.user("ann").await;
    let bob = product.user("bob").await;
    let bob = bob["id"].as_str().expect("an id");
    let ann = product.acting_for("ann");
    let chat = ann.create_direct("external:bob").await.expect(201);
    assert_eq!(chat["peer"]["id"], bob);
    let unknown = ann.create_direct("external:carl").await;
    unknown.expect_problem(422, "invalid");
    let chat = chat["id"].as_str().expect("an id");
    let sent = ann.send(chat, "from the backend").await.expect(201);
    let me = ann.get("/v1/users/me").await.expect(200);
    assert_eq!(sent["sender_id"], me["id"]);
    let page = product.acting_for("bob").page(chat, "").await.expect(200);
    assert_eq!(page["items"][0]["body"], "from the backend");

    let store = &product.stack.store;
    let narrow = store.create_key("reader", &[Scope::Chats]).await;
    let narrow = narrow.expect("a key");
    let mut client = ann.clone();
    client.token = Some(narrow.reveal().to_owned());
    client.get("/v1/chats").await.expect(200);
    for refused in [
        client.page(chat, "").await,
        client.send(chat, "no").await,
        client.get("/v1/users/me").await,
        client.get("/v1/admin/users/ann").await,
    ] {
        let problem = refused.expect_problem(403, "scope_missing");
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(
            detail.contains("reader") && detail.contains("`chats`"),
            "{detail}"
        );
    }
    // What changes how somebody logs in is for their own session.
    for path in [
        "/v1/users/me/erase",
        "/v1/auth/logout",
        "/v1/events/tickets",
    ] {
        let body = json!({ "password": "x" });
        let refused = ann.post(path, body).await;
        refused.expect_problem(403, "scope_missing");
    }
    // Whoever is meant has to be said, and to be there.
    let whom = |user: &str| {
        let mut client = product.api.client().with_header("carrier-user", user);
        client.token = Some(product.key.reveal().to_owned());
        client
    };
    let nobody = product.backend().get("/v1/chats").await;
    nobody.expect_problem(400, "malformed");
    let spaced = whom("a b").get("/v1/chats").await;
    spaced.expect_problem(400, "malformed");
    let stranger = whom("stranger").get("/v1/chats").await;
    stranger.expect_problem(404, "not_found");
    // The users of the server itself have no external id, so no key acts for them.
    let eve = product.api.register("eve").await;
    let acting = whom(&eve.id).get("/v1/chats").await;
    acting.expect_problem(404, "not_found");

    // A key is no session, and a session no key.
    let users = eve.get("/v1/admin/users/ann").await;
    users.expect_problem(401, "unauthorized");
    let other = ApiKey::new([7; 32]);
    let text = product.key.reveal();
    let forged = format!("{}{}", &text[..35], &other.reveal()[35..]);
    for wrong in [other.reveal(), &forged, "ck_", "ck_zz", &text[..98]] {
        let refused = with_key(&product.api, wrong)
            .get("/v1/admin/users/ann")
            .await;
        refused.expect_problem(401, "unauthorized");
    }
    assert!(store.revoke_key(product.key.id).await.expect("revoked"));
    assert!(!store.revoke_key(product.key.id).await.expect("revoked"));
    let refused = product.backend().get("/v1/admin/users/ann").await;
    refused.expect_problem(401, "unauthorized");
    let refused = ann.get("/v1/chats").await;
    refused.expect_problem(401, "unauthorized");
    let left: Vec<_> = store.keys().await.expect("keys").into_iter().collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].0, narrow.id);
}

on_both!(keys_are_rows_as_all_others_and_come_back_from_sql);
async fn keys_are_rows_as_all_others_and_come_back_from_sql(sql: Sql) {
    let product = Product::new(sql).await;
    product.user("ann").await;
    let store = &product.stack.store;
    let gone = store.create_key("gone", &[Scope::Users]).await;
    let gone = gone.expect("a key");
    store.revoke_key(gone.id).await.expect("revoked");
    leaves(&product, &model::UserId::SERVER.to_string()).await;
    product
        .backend()
        .get("/v1/admin/users/ann")
        .await
        .expect(200);
    let refused = with_key(&product.api, gone.reveal())
        .get("/v1/admin/users/ann")
        .await;
    refused.expect_problem(401, "unauthorized");
    let keys = store.keys().await.expect("keys");
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].0, product.key.id);
    assert_eq!(keys[0].1.name, "backend");
    // Neither store has the key itself.
    let secret = &product.key.reveal()[35..];
    let row = product
        .stack
        .redis
        .cli(&["HGETALL", &mine(model::UserId::SERVER)])
        .await;
    assert!(
        row.contains(&product.key.hash()) && !row.contains(secret),
        "{row}"
    );
    // The account of the server is nobody.
    let eve = product.api.register("eve").await;
    let path = format!("/v1/users/{}", model::UserId::SERVER);
    eve.get(&path).await.expect_problem(404, "not_found");
    let found = eve.get("/v1/users?query=").await;
    assert!(!found.text.contains(&model::UserId::SERVER.to_string()));
    let opened = eve.create_direct(&model::UserId::SERVER.to_string()).await;
    opened.expect_problem(422, "invalid");
}

/// Returns the key of a user's private rows.
fn mine(user: model::UserId) -> String {
    format!("user:{{u{}}}:{user}:mine", user.partition())
}

/// Runs `carrier admin` on the stores of a stack.
async fn admin(stack: &Stack, words: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(e2e::program());
    command
        .arg("admin")
        .args(words)
        .envs(stack.env())
        .kill_on_drop(true);
    command.output().await.expect("it runs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_makes_lists_and_revokes_keys() {
    let stack = Stack::start(Sql::Sqlite).await;
    let text = |output: &Output| String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let words = [
        "key",
        "create",
        "--name",
        "shop",
        "--scope",
        "users,messages",
    ];
    let made = admin(&stack, &words).await;
    assert!(made.status.success(), "{made:?}");
    let key: ApiKey = text(&made).parse().expect("a key and nothing else");
    let api = Process::new("api", &stack.env());
    api.start();
    api.wait_ready().await;
    let mut client = Client::new(api.url());
    client.token = Some(key.reveal().to_owned());
    client
        .put("/v1/admin/users/42", json!({}))
        .await
        .expect(201);
    let listed = text(&admin(&stack, &["key", "list"]).await);
    let id = key.id.to_string();
    for part in [id.as_str(), "users,messages", "shop"] {
        assert!(listed.contains(part), "{part} is not in {listed}");
    }
    assert!(!listed.contains(&key.hash()) && !listed.contains(&key.reveal()[35..]));
    let revoked = admin(&stack, &["key", "revoke", &id]).await;
    assert!(revoked.status.success(), "{revoked:?}");
    let refused = client.put("/v1/admin/users/42", json!({})).await;
    refused.expect_problem(401, "unauthorized");
    for (words, says) in [
        (&["key", "revoke", &id][..], "key list"),
        (
            &["key", "create", "--name", "x", "--scope", "all"],
            "`users`, `chats`, `messages` or `webhooks`",
        ),
        (
            &["key", "create", "--name", " ", "--scope", "users"],
            "1 to 64 characters",
        ),
    ] {
        let refused = admin(&stack, words).await;
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && error.contains(says),
            "{words:?}: {error}"
        );
    }
    api.stop().await;
}

/// Neither store has the account whose rows are keys, and whoever presents some is not known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_up_keys_do_not_have_sql_asked_each_time() {
    let stack = Stack::start(Sql::Sqlite).await;
    let made_up = ApiKey::new([7; 32]);
    let mut asked = 0;
    for _ in 0..50 {
        let begun = stack.scripts_run().await;
        assert!(
            stack
                .store
                .find_key(&made_up)
                .await
                .expect("asked")
                .is_none()
        );
        asked += usize::from(stack.scripts_run().await > begun);
    }
    assert!(asked < 25, "{asked} of 50");
    let made = stack.store.create_key("first", &Scope::ALL).await;
    let made = made.expect("a key");
    let is_known = async || stack.store.find_key(&made).await.expect("asked").is_some();
    eventually(SOON, "the first key is known", is_known).await;
}

/// As a product would that begins to use Carrier: each request has as many users as it may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_users_are_made_by_ten_requests() {
    let product = Product::new(Sql::Sqlite).await;
    let backend = product.backend();
    let of = |at: usize| json!({ "external_id": format!("user-{at}") });
    for page in 0..10 {
        let items: Vec<_> = (page * 100..(page + 1) * 100).map(of).collect();
        let body = json!({ "items": items });
        let done = backend
            .request(Method::POST, "/v1/admin/users", Some(&body))
            .await;
        let done = done.expect(200);
        let items = done["items"].as_array().expect("items");
        assert!(items.iter().all(|item| item["user"].is_object()), "{done}");
    }
    backend.get("/v1/admin/users/user-999").await.expect(200);
}
