//! Tokens of a product's own identity provider: they stand where a session's token does.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::{
    Api, Client, Fault, IdentityProvider, Listener, Options, Process, Proxy, Reply, SigningKey,
    Sql, Stack, Wire, eventually, on_both, twin,
};
use futures_util::future::join_all;
use model::Scope;
use serde_json::{Value, json};
use store::ProviderToken;

const SOON: Duration = Duration::from_secs(60);

/// A server that believes a provider, and the key that this signs with.
struct Product {
    stack: Stack,
    provider: IdentityProvider,
    key: SigningKey,
    api: Api,
}

impl Product {
    async fn new(sql: Sql) -> Self {
        Self::with(Stack::start(sql).await, |_| ()).await
    }

    async fn with(stack: Stack, change: impl Fn(&mut api::Config)) -> Self {
        let key = SigningKey::new("one", "ES256");
        let provider = IdentityProvider::start(&[&key]).await;
        let mut config = provider.config();
        config.jwt_leeway = Duration::from_secs(1);
        change(&mut config);
        let api = stack.start_api_with(config, &stack.redis.url()).await;
        Self {
            stack,
            provider,
            key,
            api,
        }
    }

    /// Starts another API with the same settings.
    async fn another_api(&self) -> Api {
        let mut config = self.provider.config();
        config.jwt_leeway = Duration::from_secs(1);
        let redis = self.stack.redis.url();
        self.stack.start_api_with(config, &redis).await
    }

    /// Returns the client of a user with a new token.
    fn client(&self, subject: &str) -> Client {
        self.client_with(self.key.sign(&self.fresh(subject)))
    }

    fn client_with(&self, token: String) -> Client {
        let mut client = self.api.client();
        client.token = Some(token);
        client
    }

    /// Returns claims that no other token has.
    fn fresh(&self, subject: &str) -> Value {
        let mut claims = self.provider.claims(subject);
        claims["jti"] = json!(model::UserId::new());
        claims
    }

    /// Returns the backend of the product.
    async fn backend(&self) -> Client {
        let made = self.stack.store.create_key("backend", &Scope::ALL).await;
        self.client_with(made.expect("a key").reveal().to_owned())
    }

    /// Waits until a new token of a user opens a session, and returns its client: the clock of the
    /// provider is not believed to the second.
    async fn comes_back(&self, subject: &str) -> Client {
        let client = std::cell::RefCell::new(None);
        eventually(SOON, "a newer token is accepted", async || {
            let newer = self.client(subject);
            let is_in = newer.get("/v1/users/me").await.status == 200;
            *client.borrow_mut() = Some(newer);
            is_in
        })
        .await;
        client.into_inner().expect("it was tried")
    }
}

async fn me(client: &Client) -> Value {
    client.get("/v1/users/me").await.expect(200)
}

async fn is_refused(client: &Client) {
    let refused = client.get("/v1/users/me").await;
    refused.expect_problem(401, "unauthorized");
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_secs()
}

async fn all_is_saved(stack: &Stack) {
    let is_saved = async || stack.redis.keys("*:dirty").await.is_empty();
    eventually(SOON, "all is saved", is_saved).await;
}

on_both!(a_token_logs_in_its_user_who_is_made_once);
async fn a_token_logs_in_its_user_who_is_made_once(sql: Sql) {
    let product = Product::new(sql).await;
    let mut claims = product.fresh("auth0|42");
    claims["name"] = json!("  Ann ");
    let token = product.key.sign(&claims);
    let elsewhere = product.another_api().await;
    // One token and twenty requests; and twenty tokens of one user who is new.
    let one = product.client_with(token);
    let same = (0..20).map(|at| match at % 2 {
        0 => one.clone(),
        _ => one.at(elsewhere.url.clone()),
    });
    let ids = join_all(same.map(|client| async move { me(&client).await["id"].clone() })).await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let others = (0..20).map(|_| product.client("new"));
    let news = join_all(others.map(|client| async move { me(&client).await["id"].clone() })).await;
    assert!(news.iter().all(|id| *id == news[0]), "{news:?}");

    let ann = me(&one).await;
    assert_eq!(
        (&ann["external_id"], &ann["display_name"]),
        (&json!("auth0|42"), &json!("Ann"))
    );
    // It is the user whom the backend makes under this id.
    let backend = product.backend().await;
    let path = "/v1/admin/users/auth0%7C42";
    assert_eq!(backend.get(path).await.expect(200)["id"], ann["id"]);
    let changed = backend.put(path, json!({ "display_name": "Anna" })).await;
    assert_eq!(changed.expect(200)["id"], ann["id"]);
    let again = product.client_with(product.key.sign(&claims_of(&product, "auth0|42", "Ann")));
    assert_eq!(me(&again).await["display_name"], "Anna", "she is not new");
    let made = backend
        .put("/v1/admin/users/7", json!({}))
        .await
        .expect(201);
    let mut number = product.fresh("7");
    number["sub"] = json!(7);
    let seven = product.client_with(product.key.sign(&number));
    assert_eq!(me(&seven).await["id"], made["id"]);

    // Sessions are listed as all others are, and end with their tokens.
    let listed = one.get("/v1/auth/sessions").await.expect(200);
    let items = listed["items"].as_array().expect("items");
    assert_eq!(items.len(), 2, "{items:?}");
    let own = items.iter().find(|item| item["current"] == true);
    let own = own.expect("its own");
    assert_eq!(own["device"], product.provider.issuer[7..]);
    let ends = model::Tick(claims["exp"].as_i64().expect("seconds") * 1_000_000 + 1_000_000);
    let shown = own["expires_at"].as_str().expect("a time");
    // What is left of its life begins when Redis hears of it.
    let (second, some) = (Duration::from_secs(1), Duration::from_secs(10));
    let (least, most) = (ends.earlier(second).rfc3339(), ends.later(some).rfc3339());
    assert!(*least < *shown && *shown < *most, "{shown}");

    // It opens connections, itself and by a ticket.
    for wire in [Wire::Socket, Wire::Sse] {
        Listener::connect(&one, wire, "")
            .await
            .expect("hello")
            .await;
    }
    let first = product.client("first");
    Listener::connect(&first, Wire::Socket, "")
        .await
        .expect("hello")
        .await;
    let ticket = one.post("/v1/events/tickets", json!({})).await.expect(201);
    let query = format!("ticket={}", ticket["ticket"].as_str().expect("a ticket"));
    let anonymous = product.api.client();
    Listener::connect(&anonymous, Wire::Socket, &query)
        .await
        .expect("hello")
        .await;
    let meta = one.get("/v1/meta").await.expect(200);
    assert_eq!(meta["session"], true);
}

fn claims_of(product: &Product, subject: &str, name: &str) -> Value {
    let mut claims = product.fresh(subject);
    claims["name"] = json!(name);
    claims
}

/// What is known in Redis needs no provider and no key, and each of the three algorithms will do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_known_without_the_provider() {
    let product = Product::new(Sql::Sqlite).await;
    let keys = ["RS256", "ES256", "EdDSA"].map(|kind| SigningKey::new(kind, kind));
    product.provider.rotate(&keys.each_ref());
    let fresh = product.another_api().await;
    let mut clients = Vec::new();
    for key in &keys {
        let client = product.client_with(key.sign(&product.fresh(&key.kid)));
        let client = client.at(fresh.url.clone());
        assert_eq!(me(&client).await["external_id"], key.kid);
        clients.push(client);
    }
    let asked = product.provider.asked();
    product.provider.reply(Reply::Down);
    let without_keys = product.another_api().await;
    for client in &clients {
        for _ in 0..3 {
            me(client).await;
            me(&client.at(without_keys.url.clone())).await;
        }
    }
    let unknown = product.client_with(keys[0].sign(&product.fresh("late")));
    let refused = unknown.at(without_keys.url.clone());
    let refused = refused.get("/v1/users/me").await;
    refused.expect_problem(503, "provider_unavailable");
    assert!(
        product.provider.asked() <= asked + 2,
        "only the new API asks"
    );

    // A token that is known costs as much as one of our own.
    product.provider.rotate(&keys.each_ref());
    let own = product.api.register("own").await;
    let mut costs = [0, 0];
    for (client, cost) in [&clients[0].at(&product.api.url), &own]
        .into_iter()
        .zip(&mut costs)
    {
        me(client).await;
        let scripts = product.stack.scripts_run().await;
        for _ in 0..50 {
            me(client).await;
        }
        *cost = product.stack.scripts_run().await - scripts;
    }
    assert!(costs[0] < costs[1] + 25, "{costs:?} scripts");
}

on_both!(what_has_ended_does_not_begin_again);
async fn what_has_ended_does_not_begin_again(sql: Sql) {
    let quick = Duration::from_millis(20);
    let options = Options {
        flush_after: quick,
        sweep: quick,
        ..Options::default()
    };
    let stack = Stack::with(sql, options.on_one_redis()).await;
    let product = Product::with(stack, |_| ()).await;
    let flusher = product.stack.start_flusher().await;
    let elsewhere = product.another_api().await;
    let (phone, laptop, tablet) = (
        product.client("ann"),
        product.client("ann"),
        product.client("ann"),
    );
    let watch = product.client("ann");
    for client in [&phone, &laptop, &tablet, &watch] {
        me(client).await;
    }
    all_is_saved(&product.stack).await;
    let past = product.stack.redis.past();
    // One logs out, one is ended by another, and one by "all others".
    let mut listener = Listener::connect(&phone, Wire::Socket, "").await;
    let leaving = phone.clone();
    leaving.post("/v1/auth/logout", json!({})).await.expect(204);
    listener.expect("session.revoked").await;
    assert!(listener.next().await.is_none());
    assert_eq!(listener.closed, Some(4401));
    let sessions = laptop.get("/v1/auth/sessions").await.expect(200);
    let last = sessions["items"].as_array().expect("items").last().cloned();
    let last = last.expect("that of the watch")["id"].clone();
    let path = format!("/v1/auth/sessions/{}", last.as_str().expect("an id"));
    laptop.delete(&path).await.expect(204);
    laptop.delete("/v1/auth/sessions").await.expect(204);
    let ended = [&phone, &watch, &tablet];
    let all_are_out = async || {
        for client in ended {
            let twin = product.client_with(twin(client.token.as_ref().expect("a token")));
            for client in [client, &twin] {
                is_refused(client).await;
                is_refused(&client.at(elsewhere.url.clone())).await;
                assert!(Listener::try_socket(client, "", &[]).await.is_ok());
            }
        }
    };
    all_are_out().await;
    me(&laptop).await;
    // The other form of a token that goes on is the same session.
    let other = product.client_with(twin(laptop.token.as_ref().expect("a token")));
    let sessions = other.get("/v1/auth/sessions").await.expect(200);
    assert_eq!(sessions["items"].as_array().map(Vec::len), Some(1));

    // Redis is lost: SQL knows what is over, and what is not opens its session again.
    all_is_saved(&product.stack).await;
    flusher.stop().await;
    product.stack.redis.go_back(&past).await;
    let flusher = product.stack.start_flusher().await;
    eventually(SOON, "the stores are in step", async || {
        phone.get("/v1/users/me").await.status != 503
    })
    .await;
    all_are_out().await;
    me(&laptop).await;
    flusher.stop().await;
}

on_both!(who_is_disabled_or_erased_is_out_with_every_token);
async fn who_is_disabled_or_erased_is_out_with_every_token(sql: Sql) {
    // The clock of the provider may be ahead.
    let leeway = 3;
    let patient = |config: &mut api::Config| config.jwt_leeway = Duration::from_secs(leeway);
    let product = Product::with(Stack::start(sql).await, patient).await;
    let flusher = product.stack.start_flusher().await;
    let backend = product.backend().await;
    let ahead = || {
        let mut claims = product.fresh("ann");
        claims["iat"] = json!(now() + leeway);
        product.client_with(product.key.sign(&claims))
    };
    let (ann, unused) = (ahead(), ahead());
    let id = me(&ann).await["id"].clone();
    let (path, switch) = ("/v1/admin/users/ann", "/v1/admin/users/ann/disabled");
    let mut listener = Listener::connect(&ann, Wire::Socket, "").await;
    backend.put(switch, json!(null)).await.expect(200);
    listener.expect("session.revoked").await;
    assert!(listener.next().await.is_none());
    for client in [&ann, &unused, &product.client("ann")] {
        let refused = client.get("/v1/users/me").await;
        refused.expect_problem(403, "account_disabled");
    }
    backend.delete(switch).await.expect(200);
    is_refused(&ann).await;
    is_refused(&unused).await;
    let back = product.comes_back("ann").await;
    assert_eq!(me(&back).await["id"], id);

    // An erased user is not made again by the tokens that they had.
    let unused = ahead();
    backend.delete(path).await.expect(204);
    for client in [&back, &unused] {
        is_refused(client).await;
        is_refused(client).await;
    }
    backend.get(path).await.expect_problem(404, "not_found");
    // Nor does the next of this id get them.
    let next = backend.put(path, json!({})).await.expect(201);
    assert_ne!(next["id"], id);
    for client in [&back, &unused] {
        is_refused(client).await;
    }
    let other = product.comes_back("ann").await;
    assert_eq!(me(&other).await["id"], next["id"]);
    flusher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_ends_while_its_session_is_opened_opens_none() {
    let patient = Options {
        command_timeout: Duration::from_secs(60),
        ..Options::default()
    };
    let stack = Stack::with(Sql::Sqlite, patient.on_one_redis()).await;
    let made = stack.store.put_external("ann", &Default::default()).await;
    let (ann, _) = made.expect("made");
    let proxy = Proxy::before(stack.redis.address()).await;
    let sleeper = stack.open_store(&proxy.url()).await;
    let hash = "0123456789abcdef".repeat(4);
    let issued = model::Tick::now();
    let token = ProviderToken {
        hash: &hash,
        subject: "ann",
        display_name: None,
        device: "e2e",
        issued,
        expires: issued.later(Duration::from_secs(600)),
    };
    let open = proxy.rule_for(stack.sha(hot::Verb::OpenSession), Fault::Stall, 0, 1);
    let late = sleeper.open_token_session(token);
    let meanwhile = async {
        open.wait_fired(1).await;
        let store = &stack.store;
        store.open_token_session(token).await.expect("opened");
        store.logout(ann.id, &hash).await.expect("logged out");
        open.release();
    };
    let (late, ()) = tokio::join!(late, meanwhile);
    assert!(matches!(late, Err(store::Error::TokenEnded)), "{late:?}");
    let sessions = stack.store.sessions(ann.id, "").await.expect("a list");
    assert!(sessions.is_empty(), "{sessions:?}");
}

/// Tokens that say something wrong, or say it in a wrong way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_not_as_it_should_be_is_refused() {
    let audience = "carrier";
    let change = |config: &mut api::Config| config.jwt_audience = Some(audience.into());
    let product = Product::with(Stack::start(Sql::Sqlite).await, change).await;
    let (key, rsa, stranger) = (
        &product.key,
        SigningKey::new("two", "RS256"),
        SigningKey::new("one", "ES256"),
    );
    product.provider.rotate(&[key, &rsa]);
    let good = || {
        let mut claims = product.fresh("ann");
        claims["aud"] = json!(["other", audience]);
        claims
    };
    let both = product.client_with(rsa.sign(&good()));
    eventually(SOON, "both keys are known", async || {
        both.get("/v1/users/me").await.status == 200
    })
    .await;
    let with = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        key.sign(&claims)
    };
    let without = |name: &str| {
        let mut claims = good();
        claims.as_object_mut().expect("claims").remove(name);
        key.sign(&claims)
    };
    let header = |change: Value| {
        let mut header = json!({ "alg": "ES256", "kid": "one" });
        let change = change.as_object().expect("fields").clone();
        header.as_object_mut().expect("fields").extend(change);
        key.sign_as(&header, &good())
    };
    let token = key.sign(&good());
    let (message, signature) = token.rsplit_once('.').expect("a token");
    let (head, claims) = message.split_once('.').expect("a token");
    let other = key.sign(&product.fresh("bob"));
    let claims_of_other = other.split('.').nth(1).expect("claims");
    let hmac = |secret: &str| {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = part(json!({ "alg": "HS256", "kid": "two" }));
        let message = format!("{head}.{}", part(good()));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, message.as_bytes()));
        format!("{message}.{tag}")
    };
    let (now, day) = (now(), 24 * 3600);
    let refused = [
        // The algorithm
        ("none", header(json!({ "alg": "none" }))),
        ("None", header(json!({ "alg": "None" }))),
        ("no algorithm", header(json!({ "alg": null }))),
        (
            "HMAC with the public key",
            hmac(&rsa.jwk()["n"].to_string()),
        ),
        ("HMAC with the PEM", hmac(&key.pem())),
        ("HS256", header(json!({ "alg": "HS256" }))),
        ("RS384", header(json!({ "alg": "RS384" }))),
        ("PS256", header(json!({ "alg": "PS256" }))),
        (
            "the key of another algorithm",
            header(json!({ "alg": "RS256" })),
        ),
        (
            "the other key of another algorithm",
            header(json!({ "kid": "two" })),
        ),
        // The header
        ("crit", header(json!({ "crit": ["exp"] }))),
        ("jku", header(json!({ "jku": product.provider.url }))),
        ("jwk", header(json!({ "jwk": stranger.jwk() }))),
        ("x5u", header(json!({ "x5u": product.provider.url }))),
        ("another purpose", header(json!({ "typ": "logout+jwt" }))),
        ("a kid that is no text", header(json!({ "kid": 1 }))),
        // The signature
        ("no signature", format!("{message}.")),
        (
            "the signature of another",
            format!("{head}.{claims_of_other}.{signature}"),
        ),
        ("a cut signature", token[..token.len() - 4].to_owned()),
        ("zeros", format!("{message}.{}", "A".repeat(86))),
        ("a key of the same name", stranger.sign(&good())),
        ("its own key in the header", {
            let header = json!({ "alg": "ES256", "kid": "one", "jwk": stranger.jwk() });
            stranger.sign_as(&header, &good())
        }),
        (
            "another header",
            format!("eyJhbGciOiJFUzI1NiJ9.{claims}.{signature}"),
        ),
        // The claims
        ("no exp", without("exp")),
        ("no iat", without("iat")),
        ("no iss", without("iss")),
        ("no aud", without("aud")),
        ("no sub", without("sub")),
        (
            "another issuer",
            with("iss", json!("https://id.example.org")),
        ),
        (
            "an issuer in a list",
            with("iss", json!([product.provider.issuer])),
        ),
        ("another audience", with("aud", json!("other"))),
        (
            "an audience in an audience",
            with("aud", json!([[audience]])),
        ),
        ("exp is a text", with("exp", json!((now + 60).to_string()))),
        ("exp is true", with("exp", json!(true))),
        ("exp is endless", with("exp", json!(1e300))),
        (
            "it lives for longer than a day",
            with("exp", json!(now + day + 10)),
        ),
        (
            "it is issued after it expires",
            with("iat", json!(now + 3700)),
        ),
        ("it is from a time to come", with("iat", json!(now + 30))),
        ("nbf is a text", with("nbf", json!("0"))),
        ("it begins later", with("nbf", json!(now + 30))),
        ("sub is no external id", with("sub", json!("a b"))),
        ("sub is empty", with("sub", json!(""))),
        ("sub is a list", with("sub", json!(["ann"]))),
        ("sub is too long", with("sub", json!("a".repeat(129)))),
        ("sub is negative", with("sub", json!(-7))),
    ];
    for (what, token) in refused {
        let client = product.client_with(token.clone());
        let problem = client
            .get("/v1/users/me")
            .await
            .expect_problem(401, "unauthorized");
        let said = problem.to_string();
        assert!(
            !said.contains(&token[..token.len().min(60)]),
            "{what}: {said}"
        );
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.contains("token"), "{what}: {detail}");
    }
    // What has not the shape of a token is none.
    let shapeless = [
        String::new(),
        message.to_owned(),
        format!("{token}.x"),
        format!("{token}="),
        format!(".{claims}.{signature}"),
        format!("eyJ{}.{claims}.{signature}", "A".repeat(9000)),
    ];
    for token in shapeless {
        let refused = product.client_with(token).get("/v1/users/me").await;
        refused.expect_problem(401, "unauthorized");
    }
    let expired = product.client_with(with("exp", json!(now - 30)));
    let mut claims = good();
    (claims["iat"], claims["exp"]) = (json!(now - 90), json!(now - 30));
    let expired_long = product.client_with(key.sign(&claims));
    for client in [expired, expired_long] {
        let refused = client.get("/v1/users/me").await;
        refused.expect_problem(401, "token_expired");
    }
    // A cookie is no place for it, and nothing of all that has made a user.
    let cookie = product
        .api
        .client()
        .with_header("cookie", &format!("carrier_session={token}"));
    let refused = cookie.get("/v1/users/me").await;
    refused.expect_problem(401, "unauthorized");
    let backend = product.backend().await;
    let missing = backend.get("/v1/admin/users/bob").await;
    missing.expect_problem(404, "not_found");
    me(&product.client_with(token)).await;
    // Without a provider nothing is a token of one.
    let plain = product.stack.start_api().await;
    let stranger = product.client_with(key.sign(&good())).at(plain.url.clone());
    is_refused(&stranger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_fetched_when_one_is_not_known_and_kept_while_the_provider_is_away() {
    let product = Product::new(Sql::Sqlite).await;
    let provider = &product.provider;
    me(&product.client("ann")).await;
    assert_eq!(provider.asked(), 1);
    // The provider signs with a new key, and takes the old one back.
    let (old, new) = (&product.key, SigningKey::new("new", "EdDSA"));
    provider.rotate(&[&new]);
    let signed = |key: &SigningKey| product.client_with(key.sign(&product.fresh("ann")));
    let is_in = async |key: &SigningKey| signed(key).get("/v1/users/me").await.status == 200;
    eventually(SOON, "the new key is known", async || is_in(&new).await).await;
    assert_eq!(provider.asked(), 2, "one fetch is enough");
    let refused = signed(old).get("/v1/users/me").await;
    assert!([401, 503].contains(&refused.status), "{refused:?}");
    eventually(SOON, "the old key is gone", async || {
        signed(old).get("/v1/users/me").await.status == 401
    })
    .await;
    // However many keys are made up, they are asked for once in a while.
    let asked = provider.asked();
    let made_up = (0..50).map(|at| SigningKey::new(&at.to_string(), "EdDSA"));
    let clients: Vec<_> = made_up.map(|key| signed(&key)).collect();
    let begun = tokio::time::Instant::now();
    for client in &clients {
        let refused = client.get("/v1/users/me").await;
        assert!([401, 503].contains(&refused.status), "{refused:?}");
    }
    let fetches = provider.asked() - asked;
    let allowed = 1 + begun.elapsed().as_secs() as usize / 5;
    assert!(
        fetches <= allowed,
        "{fetches} fetches, and {allowed} were allowed"
    );
}

/// Whatever the provider answers but keys, those that are known stay good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_stay_good_while_the_provider_answers_with_none() {
    let stack = Stack::start(Sql::Sqlite).await;
    let (known, newest) = (
        SigningKey::new("known", "EdDSA"),
        SigningKey::new("newest", "EdDSA"),
    );
    let elsewhere = IdentityProvider::start(&[&newest]).await;
    let table = [
        Reply::Down,
        Reply::Text(500, json!({ "keys": [newest.jwk()] }).to_string()),
        Reply::Text(200, "<html>".into()),
        Reply::Text(200, json!({ "keys": [] }).to_string()),
        Reply::Text(200, json!({ "keys": "none" }).to_string()),
        Reply::Keys(vec![newest.jwk(); 65]),
        Reply::Elsewhere(elsewhere.url.clone()),
        Reply::Endless,
        Reply::Silent,
    ];
    let all = table.into_iter().map(async |reply| {
        let provider = IdentityProvider::start(&[&known]).await;
        let redis = stack.redis.url();
        let api = stack.start_api_with(provider.config(), &redis).await;
        let status = async |key: &SigningKey| {
            let mut client = api.client();
            let mut claims = provider.claims("ann");
            claims["jti"] = json!(model::UserId::new());
            client.token = Some(key.sign(&claims));
            client.get("/v1/users/me").await.status
        };
        eventually(SOON, "the keys are known", async || {
            status(&known).await == 200
        })
        .await;
        provider.reply(reply.clone());
        let asked = provider.asked();
        eventually(SOON, "the keys were asked for", async || {
            assert_eq!(status(&newest).await, 503, "{reply:?}");
            provider.asked() > asked
        })
        .await;
        assert_eq!(status(&known).await, 200, "{reply:?}");
        assert!(provider.sent() < 16 << 20, "nobody reads without an end");
        provider.rotate(&[&newest]);
        eventually(SOON, "the provider is back", async || {
            status(&newest).await == 200
        })
        .await;
    });
    join_all(all).await;
    assert_eq!(elsewhere.asked(), 0, "nobody follows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_may_show_so_many_wrong_tokens() {
    let limit = |config: &mut api::Config| {
        config.limit_login = "1/1m".parse().expect("a limit");
    };
    let product = Product::with(Stack::start(Sql::Sqlite).await, limit).await;
    let known = product.client("ann");
    me(&known).await;
    // Good ones do not count, nor do those that have expired.
    for at in 0..15 {
        me(&product.client(&format!("user-{at}"))).await;
        let mut old = product.fresh("ann");
        (old["iat"], old["exp"]) = (json!(now() - 90), json!(now() - 30));
        let old = product.client_with(product.key.sign(&old));
        let refused = old.get("/v1/users/me").await;
        refused.expect_problem(401, "token_expired");
    }
    let stranger = SigningKey::new("one", "ES256");
    let wrong = || product.client_with(stranger.sign(&product.fresh("ann")));
    for _ in 0..10 {
        is_refused(&wrong()).await;
    }
    let refused = wrong().get("/v1/users/me").await;
    let seconds: u32 = refused.header("retry-after").parse().expect("seconds");
    refused.expect_problem(429, "rate_limited");
    assert!((1..=6).contains(&seconds), "{seconds}");
    // Nothing is verified for this address, and sessions go on.
    let good = product.client("late").get("/v1/users/me").await;
    good.expect_problem(429, "rate_limited");
    me(&known).await;
    let comes = async || product.client("late").get("/v1/users/me").await.status == 200;
    eventually(SOON, "some time is over", comes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_and_its_connections_end_with_the_token() {
    // A heartbeat is long after.
    let rare = |config: &mut api::Config| config.heartbeat = Duration::from_secs(600);
    let product = Product::with(Stack::start(Sql::Sqlite).await, rare).await;
    let mut claims = product.fresh("ann");
    claims["exp"] = json!(now() + 2);
    let ann = product.client_with(product.key.sign(&claims));
    let mut listeners = Vec::new();
    for wire in [Wire::Socket, Wire::Sse] {
        listeners.push(Listener::connect(&ann, wire, "").await);
    }
    me(&ann).await;
    for mut listener in listeners {
        while listener.next().await.is_some() {}
        assert!([None, Some(4401)].contains(&listener.closed));
    }
    let refused = ann.get("/v1/users/me").await;
    refused.expect_problem(401, "token_expired");
    let socket = Listener::try_socket(&ann, "", &[]).await;
    let mut socket = socket.expect("it says so after the upgrade");
    while socket.next().await.is_some() {}
    assert_eq!(socket.closed, Some(4401));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_has_the_key_and_clocks_may_differ_by_the_leeway() {
    let stack = Stack::start(Sql::Sqlite).await;
    let folder = e2e::Keeper::folder("keys");
    let _keeper = e2e::Keeper::new("keys", folder.clone(), &[], &[]);
    let (one, other) = (
        SigningKey::new("one", "ES256"),
        SigningKey::new("two", "EdDSA"),
    );
    let (pem, jwks) = (folder.join("key.pem"), folder.join("keys.json"));
    std::fs::write(&pem, one.pem()).expect("written");
    let set = json!({ "keys": [one.jwk(), other.jwk()] });
    std::fs::write(&jwks, set.to_string()).expect("written");
    let api = async |file: &std::path::Path, leeway| {
        let config = api::Config {
            jwt_key_file: Some(file.to_owned()),
            jwt_issuer: Some("shop".into()),
            jwt_subject: "user_id".into(),
            jwt_display_name: "nick".into(),
            jwt_leeway: Duration::from_secs(leeway),
            ..api::Config::default().unlimited()
        };
        stack.start_api_with(config, &stack.redis.url()).await
    };
    let claims = |issued: i64, life: i64| {
        let issued = now() as i64 + issued;
        json!({
            "iss": "shop", "sub": "x", "user_id": 42, "nick": "Ann", "iat": issued,
            "exp": issued + life, "jti": model::UserId::new(),
        })
    };
    let status = async |api: &Api, key: &SigningKey, claims: Value| {
        let mut client = api.client();
        client.token = Some(key.sign(&claims));
        client.get("/v1/users/me").await
    };
    let (strict, patient) = (api(&pem, 0).await, api(&jwks, 60).await);
    let ann = status(&strict, &one, claims(-5, 3600)).await.expect(200);
    assert_eq!(
        (&ann["external_id"], &ann["display_name"]),
        (&json!("42"), &json!("Ann"))
    );
    status(&patient, &other, claims(0, 3600)).await.expect(200);
    let unknown = status(&strict, &other, claims(-5, 3600)).await;
    unknown.expect_problem(401, "unauthorized");
    for (issued, life, code) in [(-90, 60, "token_expired"), (30, 3600, "unauthorized")] {
        let refused = status(&strict, &one, claims(issued, life)).await;
        refused.expect_problem(401, code);
        status(&patient, &one, claims(issued, life))
            .await
            .expect(200);
    }
    for (issued, life, code) in [(-150, 60, "token_expired"), (90, 3600, "unauthorized")] {
        let refused = status(&patient, &one, claims(issued, life)).await;
        refused.expect_problem(401, code);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_does_not_start_with_settings_that_do_not_fit() {
    let stack = Stack::start(Sql::Sqlite).await;
    let folder = e2e::Keeper::folder("keys");
    let _keeper = e2e::Keeper::new("keys", folder.clone(), &[], &[]);
    let private = folder.join("private.pem");
    std::fs::write(&private, "-----BEGIN PRIVATE KEY-----\n").expect("written");
    let private = private.to_str().expect("a path");
    let url = ("CARRIER_JWKS_URL", "https://id.example.org/jwks");
    let issuer = ("CARRIER_JWT_ISSUER", "https://id.example.org");
    let plain = ("CARRIER_JWKS_URL", "http://id.example.org/jwks");
    let file = ("CARRIER_JWT_KEY_FILE", private);
    let table = [
        (vec![url], "CARRIER_JWT_ISSUER is not set"),
        (
            vec![issuer],
            "neither CARRIER_JWKS_URL nor CARRIER_JWT_KEY_FILE",
        ),
        (vec![url, file, issuer], "are both set"),
        (vec![plain, issuer], "must begin with https://"),
        (vec![file, issuer], "private key"),
        (
            vec![("CARRIER_JWT_KEY_FILE", "/no/such"), issuer],
            "No such file",
        ),
        (
            vec![url, issuer, ("CARRIER_JWT_LEEWAY", "6m")],
            "CARRIER_JWT_LEEWAY",
        ),
    ];
    for (settings, says) in table {
        let own = settings.into_iter();
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let env: Vec<_> = stack.env().into_iter().chain(own).collect();
        let process = Process::new("api", &env);
        process.start();
        assert_ne!(process.wait().await, 0);
        let log = process.log();
        assert!(log.contains(says), "{says}: {log}");
        assert_eq!(log.trim().lines().count(), 1, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_may_have_no_users_but_those_of_its_product() {
    let stack = Stack::start(Sql::Sqlite).await;
    let own = stack.person("own").await;
    let external = |config: &mut api::Config| config.registration = api::Registration::External;
    let product = Product::with(stack, external).await;
    let anonymous = product.api.client();
    let meta = anonymous.get("/v1/meta").await.expect(200);
    assert_eq!(meta["registration"], "external");
    let register = json!({
        "username": "eve", "email": "eve@example.org", "password": e2e::PASSWORD,
    });
    let refused = anonymous.post("/v1/auth/register", register).await;
    let problem = refused.expect_problem(403, "registration_closed");
    assert!(
        problem["detail"]
            .as_str()
            .expect("a detail")
            .contains("product")
    );
    for name in ["own", "nobody"] {
        let login = json!({ "login": name, "password": e2e::PASSWORD });
        let refused = anonymous.post("/v1/auth/login", login).await;
        refused.expect_problem(403, "passwords_off");
    }
    let ann = product.client("ann");
    assert_ne!(me(&ann).await["id"], json!(own));
    let backend = product.backend().await;
    let opened = backend.post("/v1/admin/users/ann/tokens", json!({})).await;
    let token = opened.expect(201)["token"].as_str().map(str::to_owned);
    me(&product.client_with(token.expect("a token"))).await;
}
