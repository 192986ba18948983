//! The budget of cost: what an account has the stores do, over all operations, commands and APIs.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use api::{Config, Limit};
use e2e::{Api, Client, Ledger, Listener, PASSWORD, Sql, Stack, Wire, eventually};
use futures_util::future::{join_all, select_all};
use hot::Rate;
use model::UserId;
use reqwest::{Method, StatusCode};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use store::SessionState;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn limit(text: &str) -> Limit {
    text.parse().expect("a limit")
}

async fn start(stack: &Stack, set: impl FnOnce(&mut Config)) -> Api {
    let mut config = Config::default().unlimited();
    set(&mut config);
    stack.start_api_with(config, &stack.redis.url()).await
}

fn id_of(answer: &Value) -> String {
    answer["id"].as_str().expect("an id").to_owned()
}

/// Sends until that is refused, and returns how often it was not.
async fn sends_until_refused(who: &Client, chat: &str, body: &str) -> usize {
    for sent in 0..2000 {
        let answer = who.send(chat, body).await;
        if answer.status == 429 {
            let wait = answer.header("retry-after").to_owned();
            let problem = answer.expect_problem(429, "rate_limited");
            let detail = problem["detail"].as_str().unwrap_or_default();
            assert!(detail.contains("\"cost\""), "{problem}");
            assert!(
                wait.parse::<u32>().is_ok_and(|seconds| seconds > 0),
                "{wait}"
            );
            return sent;
        }
        answer.expect(201);
    }
    panic!("it was never refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_account_costs_is_bounded_over_all_it_does() {
    let stack = Stack::start(Sql::Sqlite).await;
    let cost = |config: &mut Config| config.limit_cost = limit("400/10h");
    let (one, two) = (start(&stack, cost).await, start(&stack, cost).await);
    let (ann, bob, carl) = (
        one.register("ann").await,
        one.register("bob").await,
        one.register("carl").await,
    );
    let anns = id_of(&ann.create_direct("bob").await.expect(201));
    let carls = id_of(&carl.create_direct("bob").await.expect(201));
    let mut socket = Listener::socket(&ann, "", &[]).await;
    socket.expect("hello").await;

    // By bytes: a long message costs more than a short one.
    let short = sends_until_refused(&ann, &anns, "x").await;
    let long = sends_until_refused(&carl, &carls, &"\u{1f30d}".repeat(10_000)).await;
    assert!(long * 3 < short, "{long} long ones, {short} short ones");

    // Whatever it is: reads, commands, and sooner or later at any other API.
    ann.page(&anns, "")
        .await
        .expect_problem(429, "rate_limited");
    let export = ann.get("/v1/users/me/export").await;
    export.expect_problem(429, "rate_limited");
    let typing = json!({ "type": "typing", "chat_id": anns });
    assert_eq!(socket.ask(typing).await["problem"]["code"], "rate_limited");
    // It is the account's: another session of hers has nothing left either.
    let mut elsewhere = one.client();
    elsewhere.login("ann").await;
    for session in [ann.at(&two.url), elsewhere] {
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(session.chat(&anns).await.status);
        }
        assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    }
    // Others are not refused, and neither is what takes no session.
    bob.page(&anns, "").await.expect(200);
    one.client().get("/v1/meta").await.expect(200);
    for api in [one, two] {
        api.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_and_the_opening_of_sockets_cost_too() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, |config| config.limit_cost = limit("200/10h")).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = id_of(&ann.create_direct("bob").await.expect(201));
    let mut socket = Listener::socket(&ann, "", &[]).await;
    socket.expect("hello").await;
    let send = json!({ "type": "send", "chat_id": chat, "message": { "body": "x" } });
    let is_refused = async |_| socket.ask(send.clone()).await["type"] == "error";
    assert!(comes_true(is_refused).await, "commands are free");
    let is_refused = async |_| {
        let mut socket = Listener::socket(&bob, "", &[]).await;
        socket.next().await.is_none() && socket.closed == Some(4429)
    };
    assert!(comes_true(is_refused).await, "sockets are free");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opening_of_streams_costs_whoever_has_a_token_or_a_ticket() {
    const TICKETS: usize = 30;
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, |config| config.limit_cost = limit("100/10h")).await;
    let (ann, bob, carl) = (
        api.register("ann").await,
        api.register("bob").await,
        api.register("carl").await,
    );
    let nobody = api.client();
    let is_refused = async |_| opens_stream(&ann, "").await == 429;
    assert!(comes_true(is_refused).await, "streams are free");
    // A ticket is made at a cost; what it opens costs too.
    for (who, wire) in [(bob, Wire::Sse), (carl, Wire::Socket)] {
        let mut tickets = Vec::new();
        for _ in 0..TICKETS {
            let made = who.post("/v1/events/tickets", json!(null)).await;
            let ticket = made.expect(201)["ticket"].clone();
            tickets.push(format!("ticket={}", ticket.as_str().expect("a ticket")));
        }
        let is_refused = async |at: usize| match (wire, tickets.get(at)) {
            (_, None) => false,
            (Wire::Sse, Some(ticket)) => opens_stream(&nobody, ticket).await == 429,
            (Wire::Socket, Some(ticket)) => {
                let mut socket = Listener::socket(&nobody, ticket, &[]).await;
                socket.next().await.is_none() && socket.closed == Some(4429)
            }
        };
        assert!(comes_true(is_refused).await, "{wire:?} by ticket is free");
    }
    api.stop().await;
}

/// Frames that need no session, or are no commands, are paid for by nobody: so they are slow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_frames_that_no_account_pays_for_is_slowed() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, |_| ()).await;
    let ann = api.register("ann").await;
    let large = json!({ "type": "ping", "x": vec![1; 100_000] });
    let nonsense = json!({ "type": "nothing", "x": "y".repeat(200_000) });
    for frame in [large, nonsense] {
        let mut socket = Listener::socket(&ann, "", &[]).await;
        socket.expect("hello").await;
        let began = tokio::time::Instant::now();
        // The first two are within what may come at once, each of the others takes seconds.
        for _ in 0..4 {
            assert_eq!(socket.ask(frame.clone()).await["type"], "error");
        }
        assert!(
            began.elapsed() > Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
    }
    // What an account pays for is as quick as ever.
    let chat = id_of(&ann.create_group("Hers", &[]).await.expect(201));
    let mut socket = Listener::socket(&ann, "", &[]).await;
    socket.expect("hello").await;
    let body = "\u{1f30d}".repeat(10_000);
    let send = json!({ "type": "send", "chat_id": chat, "message": { "body": body } });
    let all = async {
        for _ in 0..200 {
            assert_eq!(socket.ask(send.clone()).await["type"], "ack");
        }
    };
    // At the pace of the others it would take a minute and a half.
    let in_time = tokio::time::timeout(Duration::from_secs(60), all).await;
    assert!(in_time.is_ok(), "sends are slowed, too");
    api.stop().await;
}

/// Opens a stream of events, and returns the status.
async fn opens_stream(who: &Client, query: &str) -> StatusCode {
    let path = format!("/v1/events?{query}");
    who.open(Method::GET, &path).await.status()
}

/// Repeats something that costs more than a unit, until it is refused.
async fn comes_true(mut is_refused: impl AsyncFnMut(usize) -> bool) -> bool {
    for at in 0..250 {
        if is_refused(at).await {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_in_sql_costs_more() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, |config| config.limit_cost = limit("400/10h")).await;
    let (mut ann, mut bob) = (api.register("ann").await, api.register("bob").await);
    let owner = api.register("carl").await;
    let chat = id_of(&owner.create_group("All", &["ann", "bob"]).await.expect(201));
    let mut ids = Vec::new();
    for _ in 0..60 {
        ids.push(owner.send(&chat, "x").await.expect(201)["id"].clone());
    }
    let people: &mut [_] = &mut [("ann", &mut ann), ("bob", &mut bob)];
    stack.all_leave_and_return(people, &[&chat]).await;
    let pages = async |who: &Client, before: &Value| {
        let mut count = 0;
        while who
            .page(&chat, &format!("limit=2&before={before}"))
            .await
            .status
            == 200
        {
            count += 1;
        }
        count
    };
    let (hot, cold) = (pages(&ann, &ids[58]).await, pages(&bob, &ids[5]).await);
    assert!(cold * 2 < hot, "{cold} pages of SQL, {hot} of Redis");
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_compressed_costs_more() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, |config| config.limit_cost = limit("1000/10h")).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let owner = api.register("carl").await;
    let chat = id_of(&owner.create_group("All", &["ann", "bob"]).await.expect(201));
    for _ in 0..8 {
        owner.send(&chat, &"Hi! ".repeat(2000)).await.expect(201);
    }
    let page = format!("/v1/chats/{chat}/messages?limit=8");
    let pages = async |who: &Client, accepts| {
        let accepts = [("accept-encoding", accepts)];
        let mut count = 0;
        while who.raw(Method::GET, &page, None, &accepts).await.0.status == 200 {
            count += 1;
        }
        count
    };
    let (plain, short) = (pages(&ann, "identity").await, pages(&bob, "gzip").await);
    assert!(
        short * 2 < plain,
        "{short} compressed pages, {plain} plain ones"
    );
    api.stop().await;
}

/// Adds so many members to a group, each as one that it has, whom some API serves.
async fn enlarge(stack: &Stack, group: &str, like: &str, by: usize) {
    let members = stack.redis.keys(&format!("chat:*{group}:members")).await;
    let record = stack.redis.cli(&["HGET", &members[0], like]).await;
    let mut many = vec!["HSET".to_owned(), members[0].clone()];
    let api = UserId::new();
    for _ in 0..by {
        let user = UserId::new();
        let served = stack.hot.heartbeat(user, api, Duration::from_secs(3600));
        served.await.expect("Redis answers");
        many.extend([user.to_string(), record.clone()]);
    }
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    stack.redis.cli(&many).await;
    let chat = members[0].trim_end_matches(":members");
    stack.redis.cli(&["HINCRBY", chat, "roster", "1"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_in_a_large_group_costs_more_by_its_members() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, |config| config.limit_cost = limit("1500/10h")).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let group = id_of(&ann.create_group("All", &["bob"]).await.expect(201));
    let small = id_of(&bob.create_group("Few", &["ann"]).await.expect(201));
    enlarge(&stack, &group, &bob.id, 500).await;
    let in_group = sends_until_refused(&ann, &group, "x").await;
    let in_small = sends_until_refused(&bob, &small, "x").await;
    assert!(
        in_group * 5 < in_small,
        "{in_group} in a large group, {in_small} in a small one"
    );
    api.stop().await;
}

/// What is done after the answer costs as well: who reads on is seen to by the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_from_a_read_mark_costs_too() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, |config| config.limit_cost = limit("600/10h")).await;
    let (owner, ann, bob) = (
        api.register("owner").await,
        api.register("ann").await,
        api.register("bob").await,
    );
    let large = id_of(&owner.create_group("All", &["ann"]).await.expect(201));
    let small = id_of(&owner.create_group("Few", &["bob"]).await.expect(201));
    enlarge(&stack, &large, &ann.id, hot::NOTIFY_UP_TO - 3).await;
    let mut marked = Vec::new();
    for (who, chat) in [(&ann, &large), (&bob, &small)] {
        let (chat_id, owner) = (
            chat.parse().expect("an id"),
            owner.id.parse().expect("an id"),
        );
        let mut ledger = Ledger::new(chat_id, owner);
        ledger.talk(&stack, 250).await;
        let mut count = 0;
        while who.read(chat, ledger.sent[count].0.0).await.status != 429 {
            count += 1;
        }
        marked.push(count);
    }
    assert!(
        marked[0] * 5 < marked[1] * 4,
        "marks in a large and in a small group: {marked:?}"
    );
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_owed_is_charged_whole_and_paid_off_at_an_even_pace() {
    let stack = Stack::start(Sql::Sqlite).await;
    stack.person("ann").await;
    let login = stack
        .store
        .login("ann", PASSWORD, "e2e", "e2e")
        .await
        .expect("she is in");
    let rate = Rate {
        most: 100,
        period: Duration::from_secs(100_000),
    };
    let owes = async |owed| -> SessionState {
        let token = &login.token;
        let admitted = stack
            .store
            .admit(
                token.partition(),
                &token.hash(),
                Some(("send", rate)),
                Some((rate, owed)),
            )
            .await;
        admitted.expect("she is known")
    };
    let left = |state: &SessionState| {
        state
            .budget
            .map(|verdict| (verdict.is_allowed(), verdict.left))
    };
    assert_eq!(left(&owes(0).await), Some((true, 100)));
    let known = owes(30).await;
    assert_eq!(left(&known), Some((true, 70)));
    assert_eq!(known.verdict.map(|verdict| verdict.left), Some(98));
    let known = owes(90).await;
    assert_eq!(
        left(&known),
        Some((false, 0)),
        "charged although it is too much"
    );
    assert!(known.verdict.is_none(), "what is refused is not counted");
    let seconds = known.budget.map(|verdict| verdict.seconds);
    assert!(
        seconds.is_some_and(|seconds| (20_900..=21_001).contains(&seconds)),
        "{seconds:?}"
    );
    // A debt has a bound, and is paid off by then.
    let seconds = owes(1_000_000).await.budget.map(|verdict| verdict.seconds);
    assert!(
        seconds.is_some_and(|seconds| (100_900..=101_001).contains(&seconds)),
        "{seconds:?}"
    );
    let marks = stack.redis.keys("limit:*:cost:*").await;
    let life = stack.redis.cli(&["TTL", &marks[0]]).await;
    assert!(
        life.parse::<u64>().is_ok_and(|life| life > 199_000),
        "{life}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_chats_is_counted() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, |config| config.limit_chats = limit("2/1h")).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    ann.create_group("One", &[]).await.expect(201);
    ann.create_direct("bob").await.expect(201);
    let refused = ann.create_group("Three", &[]).await;
    assert!(refused.header("ratelimit").contains("\"chats\";r=0"));
    refused.expect_problem(429, "rate_limited");
    bob.create_group("His", &[]).await.expect(201);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_has_one_export_at_a_time() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, |_| ()).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    let chat = id_of(&ann.create_direct("bob").await.expect(201));
    let body = "\u{1f30d}".repeat(10_000);
    for _ in 0..100 {
        ann.send(&chat, &body).await.expect(201); // more than the buffers of a connection hold
    }
    // The head is read, the rest is not.
    let slow = ann.open(Method::GET, "/v1/users/me/export").await;
    ann.get("/v1/users/me/export")
        .await
        .expect_problem(429, "rate_limited");
    bob.get("/v1/users/me/export").await.expect(200);
    drop(slow);
    let free = async || ann.get("/v1/users/me/export").await.status == 200;
    eventually(Duration::from_secs(30), "the export has ended", free).await;
    api.stop().await;
}

/// The searches or syncs of an account that run or wait at the same time.
const AT_ONCE: usize = 2 + 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_searches_and_syncs_of_an_account_some_wait_and_others_are_refused() {
    let stack = Stack::start(Sql::MariaDb).await;
    let api = start(&stack, |_| ()).await;
    let (ann, bob) = (api.register("ann").await, api.register("bob").await);
    ann.create_direct("bob").await.expect(201);
    let cursor = ann.get("/v1/sync").await.expect(200)["cursor"].clone();
    let cursor = cursor.as_str().expect("a cursor");
    let sync = format!("/v1/sync?since={cursor}");
    let stream = format!("/v1/events?since={cursor}");
    // Nothing ends that reads SQL, until this connection lets go.
    let db = cold::connect(&stack.sql_url, 1).await.expect("SQL answers");
    let lock = "LOCK TABLES users WRITE, chats WRITE, members WRITE, messages WRITE";
    db.execute_unprepared(lock).await.expect("locked");
    let refused = AtomicUsize::new(0);
    let count = async |who: &Client, path: &str| {
        if who.open(Method::GET, path).await.status() == 429 {
            refused.fetch_add(1, Ordering::Relaxed);
        }
    };
    for path in ["/v1/search?q=word", &sync, &stream] {
        refused.store(0, Ordering::Relaxed);
        let all = join_all((0..AT_ONCE + 6).map(|_| count(&ann, path)));
        let rest_is_refused = async || {
            let is_over = async || refused.load(Ordering::Relaxed) == 6;
            eventually(Duration::from_secs(60), "the rest is refused", is_over).await;
            db.execute_unprepared("UNLOCK TABLES")
                .await
                .expect("unlocked");
        };
        tokio::join!(all, rest_is_refused(), count(&bob, path));
        assert_eq!(
            refused.load(Ordering::Relaxed),
            6,
            "{path}: those that waited, and his"
        );
        db.execute_unprepared(lock).await.expect("locked");
    }
    drop(db);
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_has_so_many_uploads_at_a_time() {
    let stack = Stack::start(Sql::Sqlite).await;
    let api = start(&stack, |_| ()).await;
    let ann = api.register("ann").await;
    let chat = id_of(&ann.create_group("Hers", &[]).await.expect(201));
    let path = format!("/v1/chats/{chat}/attachments?name=x");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: text/plain\r\ncontent-length: 9\r\n\r\n",
        ann.token.as_deref().expect("a token")
    );
    // Four run and 32 wait, since none of their bodies comes.
    let uploads = (0..37).map(async |_| {
        let address = api.url.strip_prefix("http://").expect("a URL");
        let mut upload = TcpStream::connect(address).await.expect("connected");
        upload.write_all(head.as_bytes()).await.expect("written");
        upload
    });
    let mut uploads = join_all(uploads).await;
    let mut answers = vec![[0; 12]; uploads.len()];
    let first = uploads
        .iter_mut()
        .zip(&mut answers)
        .map(|(upload, answer)| {
            Box::pin(async move { upload.read_exact(answer).await.map(|_| *answer) })
        });
    let (answer, ..) = select_all(first).await;
    assert_eq!(answer.expect("an answer"), *b"HTTP/1.1 429");
    drop(uploads);
    let upload = async || {
        let file = Some(("text/plain", b"x".to_vec()));
        ann.raw(Method::POST, &path, file, &[]).await.0.status == 201
    };
    eventually(Duration::from_secs(60), "there is room again", upload).await;
    api.stop().await;
}
