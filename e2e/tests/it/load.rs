//! Under load: what is sent while its chat leaves Redis and comes back, and while SQL is away.

use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::{Duration, Instant},
};

use e2e::{
    Api, Client, Ledger, MariaDb, Options, Sql, Stack, audit, audit_sql, eventually, on_both, say,
};
use futures_util::future::join_all;
use hot::Verb;
use model::{ChatId, Tick, UserId};
use sea_orm::ConnectionTrait;
use store::Store;
use tokio::{sync::watch, time::timeout};

const SECOND: Duration = Duration::from_secs(1);
const BACKLOG: usize = 2_000;
const WRITERS: usize = 4;
const ROUNDS: usize = 12;
const BURST: usize = 12;
/// Longer than anybody waits for SQLite's lock.
const OUTAGE: Duration = Duration::from_secs(11);

/// A chat is hardly warm at all, and counts how often it leaves and comes back.
fn restless() -> Options {
    let brief = Duration::from_millis(30);
    let options = Options {
        chat_ttl: brief,
        flush_after: Duration::from_millis(5),
        sweep: Duration::from_millis(5),
        ..Options::default()
    };
    options.altered(|verb, source| {
        let (answer, counter) = match verb {
            Verb::SettleChat => ("return { 'EVICTED' }", "e2e:evicted"),
            Verb::LoadChat => ("return { 'OK' }", "e2e:loaded"),
            _ => return source,
        };
        assert!(source.contains(answer));
        source.replace(
            answer,
            &format!("redis.call('INCR', '{counter}:' .. KEYS[1])\n{answer}"),
        )
    })
}

/// Returns how often it happened to the only chat. A counter is where its script may write, in the
/// slot of its keys.
async fn count(stack: &Stack, counter: &str) -> usize {
    let Some(key) = stack.redis.keys(&format!("{counter}:*")).await.pop() else {
        return 0;
    };
    stack
        .redis
        .cli(&["GET", &key])
        .await
        .parse()
        .expect("a number")
}

on_both!(what_is_sent_while_a_long_backlog_is_saved_evicted_and_loaded_again_is_there_once);
async fn what_is_sent_while_a_long_backlog_is_saved_evicted_and_loaded_again_is_there_once(
    sql: Sql,
) {
    let stack = Stack::with(sql, restless()).await;
    let people = join_all(["ann", "bob", "carl", "dora"].map(|name| stack.person(name))).await;
    let chat = ChatId::new();
    assert!(
        stack
            .store
            .create_group(chat, people[0], "Friends", &people[1..])
            .await
            .expect("created")
    );
    let mut ledger = Ledger::new(chat, people[0]);
    let backlog = (0..BACKLOG).map(async |at| {
        let body = format!("backlog {at}");
        (
            say(&stack.store, chat, people[at % WRITERS], &body, None)
                .await
                .expect("sent"),
            body,
        )
    });
    ledger.sent = join_all(backlog).await;
    assert_eq!(
        count(&stack, "e2e:evicted").await,
        0,
        "nobody can have saved it yet"
    );

    let flushers = [stack.start_flusher().await, stack.start_flusher().await];
    let evicted = watch::Sender::new(0);
    let writers = people
        .iter()
        .enumerate()
        .map(|(turn, person)| write(&stack, chat, *person, turn, evicted.subscribe()));
    let watching = async {
        loop {
            evicted.send_replace(count(&stack, "e2e:evicted").await);
        }
    };
    let written = tokio::select! {
        written = join_all(writers) => written,
        () = watching => unreachable!("it watches for ever"),
    };
    for sent in written {
        assert!(
            sent.is_sorted_by(|one, next| one.0 < next.0),
            "what one person says is in the order in which they say it"
        );
        ledger.sent.extend(sent);
    }
    let (evicted, loaded) = (
        count(&stack, "e2e:evicted").await,
        count(&stack, "e2e:loaded").await,
    );
    assert!(
        evicted >= ROUNDS / 2 && loaded >= ROUNDS / 2,
        "the chat left {evicted} times and was loaded {loaded} times"
    );

    assert_eq!(ledger.sent.len(), BACKLOG + WRITERS * ROUNDS * BURST);
    let ledgers = [ledger];
    audit(&stack, &ledgers).await;
    audit_sql(&stack, &ledgers).await;
    for flusher in flushers {
        flusher.stop().await;
    }
}

/// Writes as soon as what was last written is in SQL, so between a commit and what follows it; and,
/// in turn, as soon as the chat has left.
async fn write(
    stack: &Stack,
    chat: ChatId,
    me: UserId,
    turn: usize,
    mut evicted: watch::Receiver<usize>,
) -> Vec<(Tick, String)> {
    let store: Store = stack.open_store(&stack.redis.url()).await;
    let mut sent = Vec::new();
    for round in 0..ROUNDS {
        let seen = *evicted.borrow();
        let mut last = Tick::NEVER;
        for at in 0..BURST {
            let body = format!("round {round}, {at} of {me}");
            last = say(&store, chat, me, &body, None).await.expect("sent");
            sent.push((last, body));
        }
        if (round + turn).is_multiple_of(2) {
            let saved = async || {
                stack
                    .cold
                    .message(chat, last)
                    .await
                    .expect("SQL answers")
                    .is_some()
            };
            eventually(30 * SECOND, "what was written is in SQL", saved).await;
        } else {
            timeout(30 * SECOND, evicted.wait_for(|count| *count > seen))
                .await
                .expect("the chat leaves")
                .expect("a counter");
        }
    }
    sent
}

/// People who never stop writing to one another, over HTTP.
struct Talk {
    clients: Vec<Client>,
    chat: String,
    acknowledged: AtomicUsize,
    done: watch::Sender<bool>,
}

impl Talk {
    async fn start(api: &Api) -> Self {
        let clients = join_all(["ann", "bob"].map(|name| api.register(name))).await;
        let chat = clients[0].create_direct("bob").await.expect(201)["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        Self {
            clients,
            chat,
            acknowledged: AtomicUsize::new(0),
            done: watch::Sender::new(false),
        }
    }

    /// Returns all they sent; panics when a send was not acknowledged.
    async fn go_on(&self) -> Ledger {
        let id = |text: &str| text.parse().expect("an id");
        let mut ledger = Ledger::new(
            self.chat.parse().expect("an id"),
            UserId(id(&self.clients[1].id)),
        );
        for sent in join_all(self.clients.iter().map(|client| self.talk(client))).await {
            ledger.sent.extend(sent);
        }
        ledger
    }

    async fn talk(&self, client: &Client) -> Vec<(Tick, String)> {
        let mut sent = Vec::new();
        while !*self.done.borrow() {
            let body = format!("text {} of {}", sent.len(), client.id);
            let message = client.send(&self.chat, &body).await.expect(201);
            sent.push((Tick(message["id"].as_i64().expect("an id")), body));
            self.acknowledged.fetch_add(1, SeqCst);
        }
        sent
    }

    /// Waits until as many more are acknowledged.
    async fn wait_for(&self, more: usize) {
        let end = self.acknowledged.load(SeqCst) + more;
        eventually(30 * SECOND, "sends are acknowledged", async || {
            self.acknowledged.load(SeqCst) >= end
        })
        .await;
    }

    async fn stop(&self) {
        self.wait_for(20).await;
        self.done.send_replace(true);
    }
}

/// Has them write before, while and after SQL is away; `degraded` is what readiness says meanwhile.
async fn sql_is_away(
    stack: &Stack,
    leave: impl AsyncFnOnce(),
    come_back: impl AsyncFnOnce(),
    degraded: bool,
) {
    let api = stack.start_api().await;
    let flusher = stack.start_flusher().await;
    let talk = Talk::start(&api).await;
    let readiness = async || api.client().get("/readyz").await;
    let outage = async {
        talk.wait_for(20).await;
        // Saving is in full swing, and nothing but the chat is left to save.
        eventually(60 * SECOND, "the people are saved", async || {
            stack.redis.keys("user:*:dirty").await.is_empty()
        })
        .await;
        let chat = talk.chat.parse().expect("an id");
        eventually(60 * SECOND, "the chat is saved", async || {
            stack.cold.chat(chat).await.expect("SQL answers").is_some()
        })
        .await;
        leave().await;
        let since = Instant::now();
        if degraded {
            eventually(60 * SECOND, "readiness says so", async || {
                readiness().await.json["status"] == "degraded"
            })
            .await;
        }
        let before = talk.acknowledged.load(SeqCst);
        eventually(2 * OUTAGE, "SQL has been away for long", async || {
            since.elapsed() >= OUTAGE
        })
        .await;
        assert!(
            talk.acknowledged.load(SeqCst) > before + 50,
            "sends go on without SQL"
        );
        let now = readiness().await;
        assert_eq!(
            (now.status, &now.json["status"]),
            (200, &(if degraded { "degraded" } else { "ok" }).into()),
            "{}",
            now.text
        );
        assert!(
            !stack
                .redis
                .keys(&format!("chat:*{}:dirty", talk.chat))
                .await
                .is_empty(),
            "what was sent meanwhile is unsaved"
        );
        come_back().await;
        eventually(60 * SECOND, "all is ready again", async || {
            readiness().await.json["status"] == "ok"
        })
        .await;
        talk.stop().await;
    };
    let (ledger, ()) = tokio::join!(talk.go_on(), outage);
    let ledgers = [ledger];
    stack.saved(ledgers[0].chat).await;
    audit(stack, &ledgers).await;
    stack.expire(ledgers[0].chat).await;
    audit_sql(stack, &ledgers).await;
    flusher.stop().await;
    api.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_go_on_while_mariadb_is_killed_and_started_again() {
    let server = MariaDb::start().await;
    let stack = Stack::on_database(server.fresh_database().await, Options::default()).await;
    Box::pin(sql_is_away(
        &stack,
        async || server.kill9(),
        async || server.restart().await,
        true,
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_go_on_while_mariadb_hangs() {
    let server = MariaDb::start().await;
    let stack = Stack::on_database(server.fresh_database().await, Options::default()).await;
    Box::pin(sql_is_away(
        &stack,
        async || server.freeze(),
        async || server.thaw(),
        true,
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_go_on_while_another_holds_the_lock_of_sqlite() {
    let stack = Stack::start(Sql::Sqlite).await;
    let other = cold::connect(&stack.sql_url, 1)
        .await
        .expect("SQLite opens");
    let run = async |statement: &str| {
        assert!(
            other.execute_unprepared(statement).await.is_ok(),
            "SQLite obeys"
        )
    };
    Box::pin(sql_is_away(
        &stack,
        async || run("BEGIN EXCLUSIVE").await,
        async || run("COMMIT").await,
        false,
    ))
    .await;
}
