//! Rate limits: a caller may do a thing exactly so often, however many APIs there are, and
//! whichever others do it too.

use std::time::{Duration, Instant};

use api::{Config, Limit};
use e2e::{Answer, Api, Client, PASSWORD, Process, Sql, Stack, eventually, process};
use futures_util::future::join_all;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

fn limit(text: &str) -> Limit {
    text.parse().expect("a limit")
}

/// No limits but what `set` sets.
fn only(set: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default().unlimited();
    set(&mut config);
    config
}

fn sends(text: &str) -> Config {
    only(|config| config.limit_send = limit(text))
}

async fn start(stack: &Stack, config: Config) -> Api {
    stack.start_api_with(config, &stack.redis.url()).await
}

async fn direct(ann: &Client) -> String {
    ann.create_direct("bob").await.expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

async fn login(client: &Client, login: &str, password: &str) -> Answer {
    client
        .post(
            "/v1/auth/login",
            json!({ "login": login, "password": password }),
        )
        .await
}

async fn register(client: &Client, name: &str) -> Answer {
    let body =
        json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
    client.post("/v1/auth/register", body).await
}

/// Returns the two numbers that `RateLimit` says of a limit: how many are left, and seconds.
fn left(answer: &Answer, what: &str) -> (i64, i64) {
    let all = answer.header("ratelimit");
    let (_, said) = all
        .split_once(&format!("\"{what}\";r="))
        .unwrap_or_else(|| panic!("nothing of {what:?} in {all:?}"));
    let said = said.split(',').next().expect("an entry");
    let (left, seconds) = said.split_once(";t=").expect("an entry has a time");
    (
        left.parse().expect("a number"),
        seconds.parse().expect("a number"),
    )
}

#[track_caller]
fn refused(answer: Answer, what: &str) -> i64 {
    let (none, seconds) = left(&answer, what);
    assert_eq!(
        (none, answer.header("retry-after")),
        (0, &*seconds.to_string())
    );
    let problem = answer.expect_problem(429, "rate_limited");
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains(what)),
        "{problem}"
    );
    assert!(seconds > 0);
    seconds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_may_send_so_often_and_not_once_more() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, sends("5/1h")).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = direct(&ann).await;
    for at in 1..=5 {
        let answer = ann.send(&chat, "hello").await;
        assert_eq!(answer.header("ratelimit-policy"), r#""send";q=5;w=3600"#);
        let (left, seconds) = left(&answer, "send");
        assert_eq!(left, 5 - at);
        assert!(
            (1..=720).contains(&seconds),
            "one more every twelve minutes: {seconds}"
        );
        assert_eq!(answer.header("retry-after"), "");
        answer.expect(201);
    }
    for _ in 0..3 {
        assert!(refused(ann.send(&chat, "too much").await, "send") <= 720);
    }
    // Other users are not limited, nor are other operations.
    bob.send(&chat, "hello").await.expect(201);
    let page = ann.page(&chat, "").await;
    assert_eq!(
        (page.header("ratelimit"), page.header("ratelimit-policy")),
        ("", "")
    );
    assert_eq!(
        page.expect(200)["items"].as_array().expect("items").len(),
        6
    );
    // A limit is of the account, not of its session.
    let mut elsewhere = api.client();
    elsewhere.login("ann").await;
    refused(elsewhere.send(&chat, "too much").await, "send");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_again_or_refused_for_another_reason_counts_too() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, sends("3/1h")).await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = direct(&ann).await;
    let send = async || ann.try_send(&chat, "hello", "k").await.expect("an answer");
    send().await.expect(201);
    let again = send().await;
    assert_eq!((again.status, left(&again, "send").0), (200, 1));
    let empty = ann.send(&chat, "").await;
    assert_eq!((empty.status, left(&empty, "send").0), (422, 0));
    refused(send().await, "send");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_holds_over_two_apis_however_many_ask_at_once() {
    let stack = Stack::start(Sql::Sqlite).await;
    let apis = [
        start(&stack, sends("7/1h")).await,
        start(&stack, sends("7/1h")).await,
    ];
    let (ann, _bob) = (apis[0].register("ann").await, apis[1].register("bob").await);
    let chat = direct(&ann).await;
    let windows = [ann.at(&apis[0].url), ann.at(&apis[1].url)];
    let answers = join_all((0..30).map(|at| windows[at % 2].send(&chat, "hello"))).await;
    let count = |status| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!((count(201), count(429)), (7, 23));
    assert_eq!(ann.history(&chat, 50, true).await.len(), 7);
    for api in apis {
        api.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_time_it_told_one_more_is_allowed_and_not_before() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, sends("1/3s")).await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = direct(&ann).await;
    let first = Instant::now();
    ann.send(&chat, "one").await.expect(201);
    let told = refused(ann.send(&chat, "two").await, "send");
    assert!((1..=3).contains(&told), "{told}");
    let asked = Instant::now();
    let allowed = async || ann.send(&chat, "two").await.status == 201;
    eventually(
        told as u32 * SECOND + 5 * SECOND,
        "a second one is allowed",
        allowed,
    )
    .await;
    assert!(
        first.elapsed() > 3 * SECOND - SECOND / 20,
        "it was allowed too early: after {:?}",
        first.elapsed()
    );
    assert!(
        asked.elapsed() < told as u32 * SECOND + SECOND,
        "it was allowed too late: after {:?}",
        asked.elapsed()
    );
    refused(ann.send(&chat, "three").await, "send");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_may_try_to_log_in_so_often_even_with_the_right_password() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, only(|config| config.limit_login = limit("3/1h"))).await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let nobody = api.client();
    for (at, name) in ["ann", "ANN", " Ann "].into_iter().enumerate() {
        let answer = login(&nobody, name, "not her password").await;
        assert_eq!(left(&answer, "login").0, 2 - at as i64);
        assert_eq!(left(&answer, "login-address").0, 29 - at as i64);
        assert_eq!(
            answer.header("ratelimit-policy"),
            r#""login-address";q=30;w=3600, "login";q=3;w=3600"#
        );
        answer.expect_problem(401, "wrong_login");
    }
    refused(login(&nobody, "ann", PASSWORD).await, "login");
    // It tells nothing of who there is.
    for _ in 0..3 {
        login(&nobody, "nobody", PASSWORD)
            .await
            .expect_problem(401, "wrong_login");
    }
    refused(login(&nobody, "nobody", PASSWORD).await, "login");
    // Others log in, and who is in stays in.
    login(&nobody, "bob", PASSWORD).await.expect(200);
    ann.get("/v1/users/me").await.expect(200);
    login(&nobody, &"x".repeat(255), PASSWORD)
        .await
        .expect_problem(422, "invalid");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_may_try_to_log_in_ten_times_as_often() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, only(|config| config.limit_login = limit("1/1h"))).await;
    let nobody = api.client();
    for at in 0..10 {
        login(&nobody, &format!("name{at}"), PASSWORD)
            .await
            .expect_problem(401, "wrong_login");
    }
    let names = stack.redis.keys("limit:*:login:*").await.len();
    refused(login(&nobody, "another", PASSWORD).await, "login-address");
    assert_eq!(
        stack.redis.keys("limit:*:login:*").await.len(),
        names,
        "whom an address may not try leaves no mark"
    );
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_the_one_that_a_trusted_proxy_tells() {
    let stack = Stack::start(Sql::Sqlite).await;
    let one = |config: &mut Config| config.limit_register = limit("1/1h");
    let trusts = |config: &mut Config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a range")]
    };
    let trusting = start(
        &stack,
        only(|config| {
            one(config);
            trusts(config);
        }),
    )
    .await;
    let from = |said: &str| trusting.client().with_header("x-forwarded-for", said);
    register(&from("198.51.100.1"), "ann").await.expect(201);
    refused(register(&from("198.51.100.1"), "bob").await, "register");
    refused(
        register(&from("203.0.113.9, 198.51.100.1, 127.0.0.2"), "bob").await,
        "register",
    );
    register(&from("198.51.100.2"), "bob").await.expect(201);
    register(&from("2001:db8::1"), "carl").await.expect(201);
    refused(register(&from("2001:db8::ffff"), "dora").await, "register");
    let weak = json!({ "username": "dora", "email": "dora@example.org", "password": "password" });
    let answer = from("198.51.100.5").post("/v1/auth/register", weak).await;
    assert_eq!((answer.status, left(&answer, "register").0), (422, 0));

    // Who trusts nobody takes no word for it.
    let wary = start(&stack, only(one)).await;
    let from = |said: &str| wary.client().with_header("x-forwarded-for", said);
    register(&from("198.51.100.3"), "dora").await.expect(201);
    refused(register(&from("198.51.100.4"), "eve").await, "register");
    assert_eq!(
        stack.redis.keys("limit:*198.51.100.3*").await,
        Vec::<String>::new()
    );
    for api in [trusting, wary] {
        api.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_off_is_neither_counted_nor_told() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = direct(&ann).await;
    for _ in 0..20 {
        let answers = [
            ann.send(&chat, "hello").await,
            login(&ann, "ann", PASSWORD).await,
        ];
        for answer in answers {
            assert_eq!(
                (
                    answer.header("ratelimit"),
                    answer.header("ratelimit-policy")
                ),
                ("", "")
            );
            assert!((200..300).contains(&answer.status), "{}", answer.text);
        }
    }
    assert_eq!(stack.redis.keys("limit:*").await, Vec::<String>::new());
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_not_good_is_told_so_and_counts_for_nobody() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, sends("2/1h")).await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = direct(&ann).await;
    let (mut over, mut void, mut liar) = (api.client(), api.client(), api.client());
    over.login("ann").await;
    over.logout().await;
    void.login("ann").await;
    // As a session that was opened with an older password, and that nobody has ended yet.
    let session = stack.redis.keys("session:*").await;
    for key in &session {
        let hash = void
            .token
            .as_deref()
            .expect("a token")
            .parse::<model::Token>()
            .expect("a token")
            .hash();
        if key.ends_with(&hash) {
            stack.redis.cli(&["HSET", key, "password_rev", "1"]).await;
        }
    }
    liar.token = Some("00".repeat(33));
    for client in [&over, &void, &liar, &api.client()] {
        for _ in 0..3 {
            let answer = client.send(&chat, "hello").await;
            assert_eq!(answer.header("ratelimit"), "");
            answer.expect_problem(401, "unauthorized");
        }
    }
    assert_eq!(stack.redis.keys("limit:*").await, Vec::<String>::new());
    ann.send(&chat, "hello").await.expect(201);
    ann.send(&chat, "hello").await.expect(201);
    refused(ann.send(&chat, "hello").await, "send");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_must_be_loaded_first_is_counted_once() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, sends("5/1h")).await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = direct(&ann).await;
    let flusher = stack.start_flusher().await;
    let saved = async || stack.redis.keys("user:*:dirty").await.is_empty();
    eventually(30 * SECOND, "all are saved", saved).await;
    flusher.stop().await;
    for key in stack
        .redis
        .keys(&format!("user:*{}*", ann.id))
        .await
        .iter()
        .filter(|key| !key.ends_with(":sessions"))
    {
        stack.redis.cli(&["DEL", key]).await;
    }
    let answer = ann.send(&chat, "hello").await;
    assert_eq!(left(&answer, "send").0, 4);
    answer.expect(201);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mark_of_a_limit_is_on_no_disk() {
    let stack = Stack::with(Sql::Sqlite, e2e::Options::default().on_one_redis()).await;
    let api = start(&stack, sends("100/1h")).await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = direct(&ann).await;
    for _ in 0..10 {
        ann.send(&chat, "a word for the disk").await.expect(201);
    }

    let key = format!(
        "limit:{{u{}}}:send:{}",
        model::UserId(ann.id.parse().expect("an id")).partition(),
        ann.id
    );
    assert_eq!(stack.redis.keys("limit:*").await, [key.as_str()]);
    let ttl: i64 = stack
        .redis
        .cli(&["PTTL", &key])
        .await
        .parse()
        .expect("a number");
    assert!(
        (1..=3_600_000).contains(&ttl),
        "a mark goes by itself: {ttl}"
    );
    let folder = stack.redis.cli(&["CONFIG", "GET", "dir"]).await;
    let folder = format!("{}/appendonlydir", folder.lines().nth(1).expect("a folder"));
    let files = std::fs::read_dir(folder)
        .expect("an AOF")
        .map(|file| std::fs::read(file.expect("a file").path()).expect("its bytes"));
    let written = String::from_utf8_lossy(&files.collect::<Vec<_>>().concat()).into_owned();
    assert!(written.contains("a word for the disk"));
    assert!(!written.contains("limit:"));
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_takes_no_writes_makes_no_guess_free_and_keeps_nobody_from_reading() {
    let stack = Stack::with(Sql::Sqlite, e2e::Options::default().on_one_redis()).await;
    let config = only(|config| {
        config.limit_send = limit("2/1h");
        config.limit_login = limit("2/1h");
    });
    let api = start(&stack, config).await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = direct(&ann).await;
    let nobody = api.client();
    let mut liar = api.client();
    liar.token = Some("00".repeat(33));

    // It refuses whatever might write; who asks is still known.
    stack
        .redis
        .cli(&["CONFIG", "SET", "min-replicas-to-write", "1"])
        .await;
    login(&nobody, "ann", "a guess")
        .await
        .expect_problem(503, "store_unavailable");
    liar.send(&chat, "hello")
        .await
        .expect_problem(401, "unauthorized");
    ann.send(&chat, "hello")
        .await
        .expect_problem(503, "store_unavailable");
    stack
        .redis
        .cli(&["CONFIG", "SET", "min-replicas-to-write", "0"])
        .await;

    // It is full: it still counts.
    stack
        .redis
        .cli(&["CONFIG", "SET", "maxmemory", "1mb"])
        .await;
    for _ in 0..2 {
        login(&nobody, "ann", "a guess")
            .await
            .expect_problem(401, "wrong_login");
        ann.send(&chat, "hello")
            .await
            .expect_problem(503, "store_full");
    }
    refused(login(&nobody, "ann", PASSWORD).await, "login");
    refused(ann.send(&chat, "hello").await, "send");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limiter_that_is_broken_keeps_nobody_out() {
    let stack = Stack::start(Sql::Sqlite).await;
    let config = only(|config| {
        config.limit_send = limit("2/1h");
        config.limit_login = limit("2/1h");
    });
    let api = start(&stack, config).await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = direct(&ann).await;
    ann.send(&chat, "hello").await.expect(201);
    login(&api.client(), "ann", PASSWORD).await.expect(200);
    for key in stack.redis.keys("limit:*").await {
        stack.redis.cli(&["DEL", &key]).await;
        stack.redis.cli(&["LPUSH", &key, "no mark of ours"]).await;
    }
    for _ in 0..3 {
        ann.send(&chat, "hello").await.expect(201);
        login(&api.client(), "ann", PASSWORD).await.expect(200);
    }
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_origins_may_read_the_headers() {
    let stack = Stack::start(Sql::Sqlite).await;
    let origin = "https://chat.example.org";
    let config = Config {
        allowed_origins: vec![origin.to_owned()],
        ..sends("2/1h")
    };
    let api = start(&stack, config).await;
    let (ann, _bob) = (api.register("ann").await, api.register("bob").await);
    let chat = direct(&ann).await;
    let answer = ann.with_header("origin", origin).send(&chat, "hello").await;
    let exposed = answer
        .header("access-control-expose-headers")
        .to_ascii_lowercase();
    for name in ["ratelimit", "ratelimit-policy", "retry-after"] {
        assert!(
            exposed.split(',').any(|one| one.trim() == name),
            "{name} is not among {exposed:?}"
        );
    }
    assert_eq!(left(&answer, "send").0, 1);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_settings_of_the_real_program() {
    let stack = Stack::start(Sql::Sqlite).await;
    let with = |name: &str, value: &str| {
        let mut env = stack.env();
        env.retain(|(other, _)| other != name);
        env.push((name.to_owned(), value.to_owned()));
        env
    };
    let api = process("api", &with("CARRIER_LIMIT_SEND", "1/1h")).await;
    let (ann, _bob) = (
        Client::register(api.url(), "ann").await,
        Client::register(api.url(), "bob").await,
    );
    let chat = direct(&ann).await;
    ann.send(&chat, "hello").await.expect(201);
    refused(ann.send(&chat, "hello").await, "send");
    let document: Value = ann.get("/openapi.json").await.expect(200);
    let send = &document["paths"]["/chats/{chat_id}/messages"]["post"];
    assert!(send["responses"]["429"].is_object(), "{send}");
    assert_eq!(
        send["security"],
        json!([{ "bearer": [] }, { "cookie": [] }])
    );
    assert_eq!(api.stop().await, 0);

    for (name, value, why) in [
        (
            "CARRIER_LIMIT_SEND",
            "lots",
            "give a count and a time, as in 600/1m, or off",
        ),
        (
            "CARRIER_TRUSTED_PROXIES",
            "10.0.0.1,proxy",
            "give an address, or a range as in 10.0.0.0/8",
        ),
    ] {
        let wrong = Process::new("api", &with(name, value));
        wrong.start();
        assert_ne!(wrong.wait().await, 0);
        assert!(wrong.log().contains(why), "{}", wrong.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_and_searches_have_limits_of_their_own() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(
        &stack,
        only(|config| (config.limit_upload, config.limit_search) = (limit("2/1h"), limit("1/1h"))),
    )
    .await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = direct(&ann).await;
    let upload = async |who: &Client| {
        let path = format!("/v1/chats/{chat}/attachments?name=x");
        who.raw(
            reqwest::Method::POST,
            &path,
            Some(("text/plain", b"x".to_vec())),
            &[],
        )
        .await
        .0
    };
    let picture = async || {
        ann.raw(
            reqwest::Method::PUT,
            "/v1/users/me/avatar",
            Some(("image/png", b"x".to_vec())),
            &[],
        )
        .await
        .0
    };
    upload(&ann).await.expect(201);
    picture()
        .await
        .expect_problem(415, "unsupported_media_type"); // it counts all the same
    refused(upload(&ann).await, "upload");
    refused(picture().await, "upload");
    upload(&bob).await.expect(201);
    assert_eq!(left(&ann.get("/v1/search?q=x").await, "search").0, 0);
    refused(ann.get("/v1/search?q=x").await, "search");
    bob.get("/v1/search?q=x").await.expect(200);
    ann.send(&chat, "I may send").await.expect(201);
    api.stop().await;
}
