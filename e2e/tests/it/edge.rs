//! No client can stop the API, nor make it compute or remember without bounds.

use std::{io::Read, time::Duration};

use api::{Config, Limit};
use e2e::{
    Answer, Api, Client, Listener, PASSWORD, Process, Sql, Stack, Wire, eventually, process,
};
use futures_util::{StreamExt, future::join_all, stream};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::tungstenite::http::Request;

const PATIENCE: Duration = Duration::from_secs(30);

fn address(url: &str) -> &str {
    url.strip_prefix("http://").expect("a URL")
}

async fn login(client: &Client, login: &str, password: &str) -> Answer {
    let body = json!({ "login": login, "password": password });
    client.post("/v1/auth/login", body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_logins_at_once_do_not_grow_the_api() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = process("api", &stack.env()).await;
    Client::register(api.url(), "ann").await;
    let anonymous = Client::new(api.url());
    let logins = (0..256).map(|at| {
        let password = if at % 2 == 0 {
            PASSWORD
        } else {
            "a wrong password"
        };
        login(&anonymous, "ann", password)
    });
    let mut logins = stream::iter(logins).buffer_unordered(64);
    while let Some(answer) = logins.next().await {
        assert!([200, 401].contains(&answer.status), "{answer:?}");
    }
    let (most, now) = api.memory();
    assert!(most < 150, "it had {most} MiB and has {now} MiB");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_free_descriptor_the_api_says_so_and_goes_on_when_it_has_one() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = Process::with_files("api", &stack.env(), 128);
    api.restart().await;
    let url = api.url();
    let mut all = Vec::new();
    let said = || api.log().matches("cannot accept connections").count();
    eventually(PATIENCE, "it has no descriptor left", async || {
        let more = timeout(PATIENCE, TcpStream::connect(address(&url))).await;
        all.push(more.expect("the kernel answers").expect("connected"));
        said() > 0
    })
    .await;
    assert_eq!(said(), 1, "it does not fill the log");
    drop(all);
    let answers = async || {
        let answer = timeout(PATIENCE, Client::new(&url).get("/healthz")).await;
        answer.is_ok_and(|answer| answer.status == 200)
    };
    eventually(PATIENCE, "it answers again", answers).await;
    assert_eq!(api.stop().await, 0);
}

/// Starts an API that trusts this machine's word on addresses, so that one client can be many.
async fn trusting(stack: &Stack, set: impl FnOnce(&mut Config)) -> Api {
    let mut config = Config::default().unlimited();
    config.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a range")];
    set(&mut config);
    stack.start_api_with(config, &stack.redis.url()).await
}

fn from(api: &Api, said: &str) -> Client {
    api.client().with_header("x-forwarded-for", said)
}

fn rare(text: &str) -> Limit {
    text.parse().expect("a limit")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_from_elsewhere_do_not_lock_out_where_somebody_has_logged_in_before() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = trusting(&stack, |config| config.limit_login = rare("4/1h")).await;
    let home = from(&api, "198.51.100.1");
    let account = json!({ "username": "ann", "email": "ann@example.org", "password": PASSWORD });
    let registered = home.post("/v1/auth/register", account).await;
    let cookies = registered.headers.get_all("set-cookie");
    let device = cookies
        .iter()
        .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
        .find(|cookie| cookie.starts_with("carrier_device="))
        .expect("the browser is to be known again")
        .to_owned();
    for at in 0..4 {
        let guess = login(&from(&api, &format!("203.0.113.{at}")), "ANN", "a guess").await;
        guess.expect_problem(401, "wrong_login");
    }
    let refused = async |client: &Client, name: &str| {
        let answer = login(client, name, PASSWORD).await;
        answer.expect_problem(429, "rate_limited");
    };
    refused(&from(&api, "203.0.113.9"), "ann").await;
    // Her address is known, also by her other name; and so is her browser, wherever it is.
    login(&home, "ann", PASSWORD).await.expect(200);
    let mut away = from(&api, "192.0.2.1");
    let with_device = async |client: &Client| {
        let body = json!({ "login": "ann", "password": PASSWORD }).to_string();
        let (body, cookie) = (body.into_bytes(), [("cookie", device.as_str())]);
        let body = Some(("application/json", body));
        let sent = client.raw(Method::POST, "/v1/auth/login", body, &cookie);
        sent.await.0.expect(200)
    };
    with_device(&away).await;
    // What is known of her is known of nobody else, and gives no more guesses than there are.
    for _ in 0..3 {
        login(&home, "ann", "a guess")
            .await
            .expect_problem(401, "wrong_login");
    }
    refused(&home, "ann").await;
    // An erased account leaves nothing of where it was.
    let opened = with_device(&away).await;
    away.token = opened["token"].as_str().map(str::to_owned);
    let erase = json!({ "password": PASSWORD });
    away.post("/v1/users/me/erase", erase).await.expect(204);
    assert_eq!(stack.redis.keys("origins:*").await, Vec::<String>::new());
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guess_by_a_session_counts_as_a_login() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = trusting(&stack, |config| config.limit_login = rare("4/1h")).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let path = "/v1/users/me/password";
    let change = json!({ "current_password": "a guess", "new_password": "another long one" });
    let erase = json!({ "password": "a guess" });
    let rename = json!({ "username": "anna", "current_password": "a guess" });
    ann.put(path, change.clone())
        .await
        .expect_problem(422, "invalid");
    ann.patch("/v1/users/me", rename.clone())
        .await
        .expect_problem(422, "invalid");
    ann.post("/v1/users/me/erase", erase.clone())
        .await
        .expect_problem(422, "invalid");
    let left = ann.put(path, change.clone()).await;
    assert!(
        left.header("ratelimit").contains(r#""login";r=0"#),
        "{left:?}"
    );
    ann.put(path, change.clone())
        .await
        .expect_problem(429, "rate_limited");
    ann.post("/v1/users/me/erase", erase)
        .await
        .expect_problem(429, "rate_limited");
    ann.patch("/v1/users/me", rename)
        .await
        .expect_problem(429, "rate_limited");
    // What needs no password is not limited.
    let bio = json!({ "bio": "I am Ann" });
    ann.patch("/v1/users/me", bio).await.expect(200);
    // Nobody else is kept out, nor is she herself from logging in.
    bob.put(path, change).await.expect_problem(422, "invalid");
    login(&api.client(), "ann", PASSWORD).await.expect(200);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_is_a_connection_of_its_address() {
    let stack = Stack::start(Sql::Sqlite).await;
    let mut config = Config::default().unlimited();
    config.max_connections = 2;
    let api = stack.start_api_with(config, &stack.redis.url()).await;
    let ann = api.register("ann").await;
    let mut socket = Listener::connect(&ann, Wire::Socket, "").await;
    socket.expect("hello").await;
    let refused = async || {
        let mut third = TcpStream::connect(address(&api.url))
            .await
            .expect("connected");
        third.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").await.ok();
        let mut answer = Vec::new();
        timeout(PATIENCE, third.read_to_end(&mut answer))
            .await
            .expect("it ends")
            .ok();
        answer.is_empty()
    };
    assert!(refused().await);
    drop(socket);
    eventually(PATIENCE, "its place is free", async || !refused().await).await;
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_bodies_from_eight_addresses_keep_nobody_from_logging_in() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = trusting(&stack, |_| ()).await;
    api.register("ann").await;
    // Each says that 256 KiB come, and sends one byte. The API asks for it once it waits.
    let halves = (0..512).map(async |at| {
        let head = format!(
            "POST /v1/auth/login HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.{}\r\n\
             content-type: application/json\r\ncontent-length: 262144\r\n\
             expect: 100-continue\r\n\r\n",
            at % 8
        );
        let mut half = TcpStream::connect(address(&api.url))
            .await
            .expect("connected");
        half.write_all(head.as_bytes()).await.expect("written");
        let mut answer = [0; 12];
        half.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 100");
        half.write_all(b"{").await.expect("written");
        half
    });
    let halves: Vec<TcpStream> = stream::iter(halves).buffer_unordered(64).collect().await;
    login(&from(&api, "203.0.113.9"), "ann", PASSWORD)
        .await
        .expect(200);
    drop(halves);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_their_answers_gets_no_more_of_them() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = trusting(&stack, |_| ()).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_direct("bob").await.expect(201);
    let chat = chat["id"].as_str().expect("an id");
    for _ in 0..20 {
        let long = "\u{1f30d}".repeat(10_000);
        ann.send(chat, &long).await.expect(201);
    }
    let page = format!("/v1/chats/{chat}/messages?limit=20");
    let size = ann.get(&page).await.text.len();
    let file = Some(("application/octet-stream", vec![7; 12 << 20]));
    let path = format!("/v1/chats/{chat}/attachments?name=x");
    let (stored, _) = ann.raw(Method::POST, &path, file, &[]).await;
    let stored = stored.expect(201);
    ann.post(
        &format!("/v1/chats/{chat}/messages"),
        json!({ "attachments": [&stored] }),
    )
    .await
    .expect(201);

    // A hundred requests on one connection that takes the heads of their answers alone.
    let stream = TcpStream::connect(address(&api.url))
        .await
        .expect("connected");
    let mut builder = h2::client::Builder::new();
    let handshake = builder.initial_window_size(0).handshake(stream).await;
    let (client, connection): (h2::client::SendRequest<&[u8]>, _) =
        handshake.expect("a connection");
    let connection = tokio::spawn(connection);
    let token = ann.token.as_deref().expect("a token");
    let asks = (0..100).map(async |_| {
        let ask = Request::get(format!("{}{page}", api.url))
            .header("authorization", format!("Bearer {token}"))
            .body(())
            .expect("a request");
        let mut client = client.clone().ready().await.expect("open");
        let (answer, _) = client.send_request(ask, true).expect("sent");
        answer.await.expect("an answer")
    });
    let answers = join_all(asks).await;
    let with = |status| {
        let answers = answers.iter();
        answers.filter(|answer| answer.status() == status).count()
    };
    let (given, refused) = (with(200), with(429));
    assert_eq!(given + refused, 100);
    assert!(
        given > 0 && given * size <= 8 << 20,
        "{given} answers of {size} bytes"
    );
    ann.get(&page).await.expect_problem(429, "rate_limited");
    // Others get theirs, and so does she once these are gone. A stream of any length counts little.
    bob.get(&page).await.expect(200);
    let hash = stored["hash"].as_str().expect("a hash");
    let path = format!("/v1/chats/{chat}/attachments/{hash}");
    let (file, bytes) = bob.raw(Method::GET, &path, None, &[]).await;
    assert_eq!((file.status, bytes.len()), (200, 12 << 20));
    connection.abort();
    let again = async || ann.get(&page).await.status == 200;
    eventually(PATIENCE, "her answers are gone", again).await;
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_read_the_answers_to_their_pings_is_not_read_either() {
    let stack = Stack::start(Sql::Sqlite).await;
    let mut config = Config::default().unlimited();
    config.heartbeat = Duration::from_millis(200);
    let api = stack.start_api_with(config, &stack.redis.url()).await;
    let ann = api.register("ann").await;
    let token = ann.token.clone().expect("a token");
    let mut socket = TcpStream::connect(address(&api.url))
        .await
        .expect("connected");
    let upgrade = format!(
        "GET /v1/socket HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    socket.write_all(upgrade.as_bytes()).await.expect("written");
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 101");
    // Pings of 125 bytes under a mask of zeros.
    let ping = [&[0x89, 0x80 | 125, 0, 0, 0, 0][..], &[b'x'; 125]].concat();
    let pings = ping.repeat(8192);
    let mut written = 0;
    while let Ok(Ok(())) = timeout(Duration::from_secs(5), socket.write_all(&pings)).await {
        written += pings.len();
        assert!(written < 64 << 20, "it takes pings without end");
    }
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_nearly_full_takes_no_files() {
    let stack = Stack::start(Sql::Sqlite).await;
    let mut config = Config::default().unlimited();
    config.min_free_disk = u64::MAX;
    let api = stack.start_api_with(config, &stack.redis.url()).await;
    let ann = api.register("ann").await;
    let chat: Value = ann.create_group("Friends", &[]).await.expect(201);
    let chat = chat["id"].as_str().expect("an id");
    let attachments = format!("/v1/chats/{chat}/attachments?name=x");
    for (method, path) in [
        (Method::POST, attachments.as_str()),
        (Method::PUT, "/v1/users/me/avatar"),
    ] {
        let file = Some(("application/octet-stream", b"hello".to_vec()));
        let (answer, _) = ann.raw(method, path, file, &[]).await;
        answer.expect_problem(503, "files_unavailable");
    }
    ann.send(chat, "words are taken").await.expect(201);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_uploads_so_many_bytes_in_a_day() {
    let stack = Stack::start(Sql::Sqlite).await;
    let mut config = Config::default().unlimited();
    config.max_upload_a_day = 1 << 20;
    let api = stack.start_api_with(config, &stack.redis.url()).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat: Value = ann.create_group("Friends", &["bob"]).await.expect(201);
    let path = format!(
        "/v1/chats/{}/attachments?name=x",
        chat["id"].as_str().expect("an id")
    );
    let upload = async |who: &Client, size: usize| {
        let file = Some(("application/octet-stream", vec![b'x'; size]));
        who.raw(Method::POST, &path, file, &[]).await.0
    };
    for _ in 0..3 {
        upload(&ann, 300 << 10).await.expect(201);
    }
    let refused = upload(&ann, 300 << 10).await;
    assert!(!refused.header("retry-after").is_empty());
    refused.expect_problem(429, "rate_limited");
    upload(&bob, 300 << 10).await.expect(201);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_has_at_most_ten_words() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let ann = api.register("ann").await;
    let search = async |words: &str| ann.get(&format!("/v1/search?q={words}")).await;
    search("a+b+c+d+e+f+g+h+i+j+j").await.expect(200);
    let refused = search("a+b+c+d+e+f+g+h+i+j+k").await;
    refused.expect_problem(400, "malformed");
    search(&"%E4%BD%A0%E5%A5%BD".repeat(50)).await.expect(200);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_in_json_is_compressed_for_who_takes_it() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = stack.start_api().await;
    let (ann, _) = (api.register("ann").await, api.register("bob").await);
    let chat = ann.create_group("Friends", &["bob"]).await.expect(201);
    let chat = chat["id"].as_str().expect("an id");
    for at in 0..40 {
        ann.send(chat, &format!("{at}: {}", "word ".repeat(200)))
            .await
            .expect(201);
    }
    let get = async |path: &str, accepts: &str| {
        let accepts = [("accept-encoding", accepts)];
        ann.raw(Method::GET, path, None, &accepts).await
    };
    let page = |limit| format!("/v1/chats/{chat}/messages?limit={limit}");
    // One that is compressed where it is made, one that is not, and one that is kept compressed.
    for path in [page(3), page(50), "/openapi.json".to_owned()] {
        let (plain, whole) = get(&path, "br, gzip;q=0").await;
        assert_eq!(plain.header("content-encoding"), "", "{path}");
        assert_eq!(plain.header("vary"), "accept-encoding", "{path}");
        let (short, packed) = get(&path, "br, gzip").await;
        assert_eq!(short.header("content-encoding"), "gzip", "{path}");
        assert_eq!(short.header("vary"), "accept-encoding", "{path}");
        assert!(
            packed.len() * 3 < whole.len(),
            "{path}: {} bytes",
            packed.len()
        );
        let mut unpacked = Vec::new();
        let mut reader = flate2::read::GzDecoder::new(&packed[..]);
        reader.read_to_end(&mut unpacked).expect("gzip");
        assert!(unpacked == whole, "{path} is another when it is compressed");
    }
    let (small, _) = get("/v1/users/me", "gzip").await;
    assert_eq!(small.header("content-encoding"), "");
    let (export, _) = get("/v1/users/me/export", "gzip").await;
    assert_eq!(export.header("content-encoding"), "");
    let mut events = Listener::connect(&ann, Wire::Sse, "").await;
    events.expect("hello").await;
    api.stop().await;
}
